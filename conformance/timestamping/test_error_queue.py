"""Transmit timestamps on the error queue of SO_TIMESTAMPING's sockets."""

from __future__ import annotations

import errno
import select

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.error_queue import transmitted, types
from conformance.plugin.setups.ipv6 import udp6_pair
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import LONG, SOON
from libsocket import ExtendedError, MessageFlag, Socket, Timestamping, TimestampingFlag, Timestamps
from netns import Capability

STAMPED = TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE

EITHER_VERSION = pytest.mark.parametrize("pair", [udp_pair, udp6_pair], ids=["4", "6"])


def polled(sock: Socket) -> int:
    """What poll(2) tells of it at once, asked for no event."""
    poll = select.poll()
    poll.register(sock, 0)
    return sum(events for _, events in poll.poll(0))


@claim(
    "timestamping/errqueue/enomsg",
    sentence=("timestamping/errqueue/two-messages", "timestamping/errqueue/error"),
    section="2.1.1 Transmit timestamps with MSG_ERRQUEUE",
    says="A transmit timestamp of a UDP socket comes as two control messages: SCM_TIMESTAMPING at "
    "SOL_SOCKET, and IP_RECVERR at SOL_IP, or IPV6_RECVERR at SOL_IPV6, with ee_errno ENOMSG.",
    since="3.17",
    needs=[IPV6],
)
@EITHER_VERSION
def test_a_report_is_two_messages(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        message = sender.recv_message(100, flags=MessageFlag.ERRQUEUE)
        seen = [type(one).__name__ for one in message.control]
        numbers = [one.errno for one in message.control if isinstance(one, ExtendedError)]

        assert [observe("messages", seen), numbers] == [["Timestamps", "ExtendedError"], [errno.ENOMSG]]


@claim(
    "timestamping/errqueue/never-waits",
    sentence="timestamping/errqueue/never-waits",
    section="2.1.1.5 Blocking Read",
    says="Reading the empty error queue of a blocking UDP or TCP socket does not wait.",
    since="3.17",
)
@pytest.mark.parametrize("pair", [udp_pair, Socket.tcp_pair], ids=["udp", "tcp"])
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
    says="poll(2) of a UDP or TCP socket, asked for no event, tells POLLERR while there is something on "
    "the error queue.",
    since="3.17",
)
@pytest.mark.parametrize("pair", [udp_pair, Socket.tcp_pair], ids=["udp", "tcp"])
def test_poll_tells_of_the_error_queue(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        before = polled(sender)
        sender.send(b"x")
        during = polled(sender)
        transmitted(sender)

        assert observe("events", [before, during, polled(sender)]) == [0, select.POLLERR, 0]


@claim(
    "timestamping/errqueue/cut",
    sentence="timestamping/errqueue/cut",
    section="2.1.1.4 Packet Payload",
    says="A transmit timestamp of a UDP socket can be read with less room than the packet takes, or none: "
    "the packet is cut to it.",
    since="2.6.30",
)
@pytest.mark.parametrize("size", [0, 3])
def test_a_packet_is_cut_to_the_room_there_is(ns, observe, size):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        message = sender.recv_message(size, flags=MessageFlag.ERRQUEUE)
        seen = [len(message.data), message.truncated, message.find(Timestamps) is not None]

        assert observe("size_cut_and_stamped", seen) == [size, True, True]


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
