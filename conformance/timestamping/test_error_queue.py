"""How SO_TIMESTAMPING's timestamps are received: on the error queue, and with what has arrived."""

from __future__ import annotations

import errno
import select
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.error_queue import STAMPED, transmitted, types
from conformance.plugin.setups.frames import EXPERIMENTAL
from conformance.plugin.setups.packet_sockets import LOOPBACK
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import INTERNET_PAIRS, UDP_PAIRS, udp_across
from conformance.plugin.setups.readiness import await_error, polled
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.timing import LONG, SOON
from libsocket import (
    IP_RECVERR,
    IPV6_RECVERR,
    SO_TIMESTAMPING,
    SO_TIMESTAMPING_NEW,
    SOL_SOCKET,
    ExtendedError,
    MessageFlag,
    Packet,
    Socket,
    Timestamping,
    TimestampingFlag,
    Timestamps,
)
from netns import Capability

RECVERR = {socket.AF_INET: IP_RECVERR, socket.AF_INET6: IPV6_RECVERR}
TIMESTAMPS = 3 * 16
"""The size of three times, of 64 bits each half."""

UDP = pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
UDP_AND_TCP = pytest.mark.parametrize("pair", INTERNET_PAIRS.values(), ids=INTERNET_PAIRS)


@claim(
    "timestamping/records/three-times",
    sentence=("timestamping/records/message", "timestamping/records/new", "timestamping/receive/no-error"),
    section="2.1 SCM_TIMESTAMPING records",
    says="A UDP datagram that comes with the time of its arrival by SO_TIMESTAMPING or SO_TIMESTAMPING_NEW "
    "has one control message, though the socket has IP_RECVERR or IPV6_RECVERR: of the level SOL_SOCKET, the "
    "option's number and, where a time is two numbers of 64 bits, 48 bytes.",
    since="5.1",
    needs=[IPV6],
)
@UDP
@pytest.mark.parametrize("option", [SO_TIMESTAMPING, SO_TIMESTAMPING_NEW], ids=["OLD", "NEW"])
def test_the_record_is_three_times(ns, observe, pair, option):
    sender, receiver = pair()
    with sender, receiver, stamping():
        receiver.set(RECVERR[receiver.family], True)
        receiver.set(option, Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE))
        sender.send(b"x")
        errors = receiver.get(RECVERR[receiver.family])

        assert [observe("errors", errors), observe("headers", control_headers(receiver))] == [
            True,
            [[SOL_SOCKET, option.number, TIMESTAMPS]],
        ]


@claim(
    "timestamping/errqueue/enomsg",
    sentence=(
        "timestamping/errqueue/two-messages",
        "timestamping/errqueue/error",
        "errqueue.h/SCM_TIMESTAMPING/passed",
    ),
    section="2.1.1 Transmit timestamps with MSG_ERRQUEUE",
    says="A transmit timestamp of a UDP or TCP socket comes as two control messages: SCM_TIMESTAMPING at "
    "SOL_SOCKET, and IP_RECVERR at SOL_IP, or IPV6_RECVERR at SOL_IPV6, with ee_errno ENOMSG.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_a_report_is_two_messages(ns, observe, pair):
    sender, receiver = pair()
    recverr = RECVERR[sender.family]
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.TX_SCHED)
        sender.send(b"x")
        receiver.recv(1)
        headers = [header[:2] for header in control_headers(sender, MessageFlag.ERRQUEUE)]
        numbers = [one.errno for one in control_messages(sender, ExtendedError, flags=MessageFlag.ERRQUEUE)]

        assert [observe("headers", headers), numbers] == [
            [[SOL_SOCKET, SO_TIMESTAMPING.number], [recverr.level, recverr.number]],
            [errno.ENOMSG],
        ]


@claim(
    "timestamping/errqueue/first-fragment",
    sentence="timestamping/errqueue/first-fragment",
    section="2.1.1.3 Fragmentation",
    says="Of a UDP datagram that is sent in three fragments over IPv4 the first is stamped and returned, and "
    "no other.",
    since="2.6.30",
    needs=[VETH, Capability.NET_RAW],
)
def test_the_first_fragment_is_stamped(peers, observe):
    with peers.right.entered():
        arriving = packets()
    with arriving, udp_across(peers) as (sender, receiver):
        arriving.rcvtimeo = SOON
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"first" + bytes(3000) + b"last")
        whole = len(receiver.recv(4000))
        fragments = [len(arriving.recv(2000)) for _ in range(3)]
        stamped = [[b"first" in one.payload, b"last" in one.payload] for one in transmitted(sender)]

        assert [observe("size_and_fragments", [whole, fragments]), observe("stamped", stamped)] == [
            [3009, [1500, 1500, 77]],
            [[True, False]],
        ]


@claim(
    "timestamping/errqueue/cut",
    sentence="timestamping/errqueue/cut",
    section="2.1.1.4 Packet Payload",
    says="A transmit timestamp of a UDP or TCP socket can be read with less room than the packet takes, or "
    "none: the packet is cut to it.",
    since="2.6.30",
    needs=[IPV6],
)
@UDP_AND_TCP
@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_packet_is_cut_to_the_room_there_is(ns, observe, pair, size):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        receiver.recv(1)
        message = sender.recv_message(size, flags=MessageFlag.ERRQUEUE)
        seen = [len(message.data), message.truncated, message.find(Timestamps) is not None]

        assert observe("size_cut_and_stamped", seen) == [size, True, True]


@claim(
    "timestamping/errqueue/cut-frame",
    sentence="timestamping/errqueue/cut",
    section="2.1.1.4 Packet Payload",
    says="A transmit timestamp of a packet socket (SOCK_DGRAM) without OPT_TSONLY that is read with less "
    "room than the frame and its link-layer header take, or none, is cut to it and has MSG_TRUNC; one "
    "that is read with room for all of it has not.",
    since="2.6.36",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("size", [0, 1, 23])
def test_a_frame_is_cut_to_the_room_there_is(ns, observe, size):
    with Socket.packet(socket.SOCK_DGRAM) as sock:
        sock.timestamping = Timestamping(STAMPED)
        for _ in range(2):
            sock.send_message(b"ten octets", address=Packet(LOOPBACK, EXPERIMENTAL, address=bytes(6)))
        await_error(sock)
        cut = sock.recv_message(size, flags=MessageFlag.ERRQUEUE)
        await_error(sock)
        whole = sock.recv_message(24, flags=MessageFlag.ERRQUEUE)
        seen = [len(cut.data), cut.truncated, len(whole.data), whole.truncated]

        assert observe("cut_and_whole", seen) == [size, True, 24, False]


@claim(
    "timestamping/errqueue/never-waits",
    sentence="timestamping/errqueue/never-waits",
    section="2.1.1.5 Blocking Read",
    says="Reading the empty error queue of a blocking UDP or TCP socket does not wait.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_the_error_queue_is_never_waited_for(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.rcvtimeo = LONG
        sender.timestamping = Timestamping(STAMPED)
        with refused():
            sender.recvmsg(1, 100, MessageFlag.ERRQUEUE)
        sender.send(b"x")
        await_error(sender)

        assert observe("types", types(sender)) == ["SND"]


@claim(
    "timestamping/errqueue/pollerr",
    sentence=("timestamping/errqueue/pollerr", "timestamping/errqueue/pollerr-unasked"),
    section="2.1.1.5 Blocking Read",
    says="poll(2) of a UDP or TCP socket, asked for no event or for POLLERR, tells POLLERR while there is "
    "something on the error queue.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
@pytest.mark.parametrize("asked", [0, select.POLLERR], ids=["nothing", "POLLERR"])
def test_poll_tells_of_the_error_queue(ns, observe, pair, asked):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        before = polled(sender, asked)
        sender.send(b"x")
        receiver.recv(1)
        during = polled(sender, asked)
        transmitted(sender)

        assert observe("events", [before, during, polled(sender, asked)]) == [0, select.POLLERR, 0]
