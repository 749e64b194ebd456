"""How timestamps are reported: control messages, and the error queue."""

from __future__ import annotations

import errno
import select
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.setups.readiness import await_error, polled
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.setups.transmit_timestamps import (
    IDENTIFIED,
    SCHEDULED,
    ask,
    attributes,
    identifiers,
    transmit_timestamp,
)
from conformance.plugin.timing import SOON
from libsocket import (
    IP_RECVERR,
    IPV6_RECVERR,
    SO_TIMESTAMPING,
    SO_TIMESTAMPING_NEW,
    SOL_SOCKET,
    In6Pktinfo,
    InPktinfo,
    Origin,
    Socket,
    Timestamping,
    TimestampingFlag,
    Timestamps,
)
from netns import Capability, only

OPT_CMSG, OPT_TSONLY = TimestampingFlag.OPT_CMSG, TimestampingFlag.OPT_TSONLY
OPT_STATS = TimestampingFlag.OPT_STATS
RX = TimestampingFlag.RX_SOFTWARE | TimestampingFlag.SOFTWARE
TIMESTAMPS_SIZE = 3 * 16
RECVERR = {socket.AF_INET: IP_RECVERR, socket.AF_INET6: IPV6_RECVERR}
BUSY, RWND_LIMITED, SNDBUF_LIMITED = 1, 2, 3

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
PAIRS = pytest.mark.parametrize(
    "pair",
    [partial(pair, one) for pair in (udp_pair, Socket.tcp_pair) for one in (socket.AF_INET, socket.AF_INET6)],
    ids=["udp", "udp6", "tcp", "tcp6"],
)


def device_of(sender: Socket) -> list[str]:
    """The names of interfaces that come with the transmit timestamp of the next send."""
    sender.send(b"by which?")
    await_error(sender)
    found = control_messages(sender, InPktinfo, flags=socket.MSG_ERRQUEUE)
    return [socket.if_indextoname(one.ifindex) for one in found]


def names(sock: Socket) -> list[str]:
    """The kinds of the control messages that come with the next message."""
    return [type(one).__name__ for one in sock.recv_message(99).control]


def taken_by_timestamp(sender: Socket) -> int:
    """Bytes of the receive buffer that the transmit timestamp of a datagram takes, which is then received."""
    sender.send(bytes(5000))
    await_error(sender)
    taken = sender.meminfo.rmem_alloc
    sender.recv_error()
    return taken


@claim(
    "timestamping/OPT_CMSG/with-transmit-timestamps",
    sentence=("timestamping/OPT_CMSG/supports", "timestamping/OPT_CMSG/device"),
    section="1.3.3 Timestamp Options",
    says="With OPT_CMSG and IP_PKTINFO the transmit timestamp of a UDP datagram over IPv4 comes with an "
    "IP_PKTINFO that names the interface it went out by; without OPT_CMSG, or without IP_PKTINFO, with none.",
    since="3.19",
    needs=[VETH],
)
def test_the_device_comes_with_a_timestamp(peers, observe):
    with udp_across(peers) as (sender, receiver), peers.left.entered():
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.send(b"resolve the neighbour")
        receiver.recv(99)
        ask(sender, SCHEDULED | OPT_CMSG)
        found = [device_of(sender)]
        sender.ip_pktinfo = True
        ask(sender, SCHEDULED)
        found.append(device_of(sender))
        ask(sender, SCHEDULED | OPT_CMSG)
        found.append(device_of(sender))

        assert observe("devices", found) == [[], [], [peers.left.device]]


@claim(
    "timestamping/OPT_CMSG/always-on-ipv6",
    sentence="timestamping/OPT_CMSG/already",
    section="1.3.3 Timestamp Options",
    says="Without OPT_CMSG the transmit timestamp of a UDP datagram over IPv6 comes with an IPV6_PKTINFO, "
    "where IPV6_RECVPKTINFO asks for it.",
    since="3.19",
)
def test_ipv6_needs_no_flag(ns, observe):
    sender, receiver = udp_pair(socket.AF_INET6)
    with sender, receiver:
        ask(sender, SCHEDULED)
        sender.send(b"without")
        await_error(sender)
        without = control_messages(sender, In6Pktinfo, flags=socket.MSG_ERRQUEUE)
        sender.ipv6_recvpktinfo = True
        sender.send(b"with")
        await_error(sender)
        addresses = [one.addr for one in control_messages(sender, In6Pktinfo, flags=socket.MSG_ERRQUEUE)]

        assert observe("without_and_with", [len(without), addresses]) == [0, ["::1"]]


@claim(
    "timestamping/OPT_CMSG/with-receive-timestamps",
    sentence="timestamping/OPT_CMSG/already",
    section="1.3.3 Timestamp Options",
    says="Without OPT_CMSG a UDP datagram over IPv4 that comes with its receive timestamp comes with "
    "IP_PKTINFO too, where the option asks for it.",
    since="2.6.30",
)
def test_what_is_received_needs_no_flag(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        ask(receiver, RX)
        sender.send(b"without")
        kinds = [names(receiver)]
        receiver.ip_pktinfo = True
        sender.send(b"with")
        kinds.append(names(receiver))

        assert observe("kinds", kinds) == [["Timestamps"], ["Timestamps", "InPktinfo"]]


@claim(
    "timestamping/OPT_TSONLY/empty",
    sentence=("timestamping/OPT_TSONLY/empty", "timestamping/error-queue/original"),
    section="1.3.3 Timestamp Options",
    says="The transmit timestamp of a send on a UDP or TCP socket comes with the packet that was sent, "
    "which ends with what was written, and with OPT_TSONLY with an empty one.",
    since="4.0",
)
@PAIRS
def test_the_packet_is_left_out(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SCHEDULED)
        sender.send(b"packet")
        ends = [transmit_timestamp(sender).payload[-6:].decode()]
        ask(sender, SCHEDULED | OPT_TSONLY)
        sender.send(b"packet")
        ends.append(transmit_timestamp(sender).payload[-6:].decode())

        assert observe("ends", ends) == ["packet", ""]


@claim(
    "timestamping/OPT_TSONLY/transmit-only",
    sentence="timestamping/OPT_TSONLY/transmit-only",
    section="1.3.3 Timestamp Options",
    says="A UDP datagram that is received with OPT_TSONLY comes whole, with its receive timestamp.",
    since="4.0",
)
@FAMILIES
def test_what_is_received_is_whole(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver, stamping():
        ask(receiver, RX | OPT_TSONLY)
        sender.send(b"whole")
        message = receiver.recv_message(99)

        assert [
            observe("data", message.data.decode()),
            observe("stamped", message.find(Timestamps) is not None),
            observe("flag", OPT_TSONLY in receiver.timestamping.flags),
        ] == ["whole", True, True]


@claim(
    "timestamping/OPT_TSONLY/memory",
    sentence=("timestamping/OPT_TSONLY/memory", "timestamping/payload/budget"),
    section="1.3.3 Timestamp Options",
    says="The transmit timestamp of a UDP datagram takes room in the receive buffer until it is received: "
    "more than the datagram's own bytes, and with OPT_TSONLY less than they.",
    since="4.0",
)
@FAMILIES
def test_it_takes_less_memory(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, SCHEDULED)
        taken = [taken_by_timestamp(sender)]
        ask(sender, SCHEDULED | OPT_TSONLY)
        taken.append(taken_by_timestamp(sender))

        assert [
            observe("more_than_data", [one > 5000 for one in taken]),
            observe("anything", [one > 0 for one in taken]),
            observe("left", sender.meminfo.rmem_alloc),
        ] == [[True, False], [True, True], 0]


@claim(
    "timestamping/OPT_TSONLY/disables-cmsg",
    sentence=("timestamping/OPT_TSONLY/disables-cmsg", "timestamping/advice/not-combined"),
    section="1.3.3 Timestamp Options",
    says="With OPT_TSONLY beside OPT_CMSG and IP_PKTINFO the transmit timestamp of a UDP datagram over IPv4 "
    "comes without IP_PKTINFO.",
    since="4.0",
)
def test_it_disables_control_messages(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.ip_pktinfo = True
        ask(sender, SCHEDULED | OPT_CMSG)
        alone = device_of(sender)
        ask(sender, SCHEDULED | OPT_CMSG | OPT_TSONLY)

        assert observe("alone_and_both", [alone, device_of(sender)]) == [["lo"], []]


@claim(
    "timestamping/OPT_TSONLY/without-data-allowed",
    sentence="timestamping/OPT_TSONLY/tstamp-allow-data",
    section="1.3.3 Timestamp Options",
    says="With net.core.tstamp_allow_data 0, where a network namespace has its own, a UDP socket that was "
    "opened without CAP_NET_RAW gets transmit timestamps with OPT_TSONLY, and none without.",
    since="4.0",
    needs=[sysctl("net.core.tstamp_allow_data")],
)
@FAMILIES
def test_it_works_where_data_is_not_allowed(ns, observe, family):
    ns.sysctl["net.core.tstamp_allow_data"] = 0
    with only():
        sender, receiver = udp_pair(family)
    with sender, receiver:
        ask(sender, IDENTIFIED)
        sender.send(b"0")
        without = sender.recv_error() is None
        ask(sender, IDENTIFIED | OPT_TSONLY)
        sender.send(b"1")

        assert observe("without_and_with", [without, identifiers(sender, 1)]) == [True, [1]]


@claim(
    "timestamping/OPT_STATS/control-message",
    sentence=("timestamping/OPT_STATS/with-timestamps", "timestamping/OPT_STATS/attributes"),
    section="1.3.3 Timestamp Options",
    says="With OPT_STATS and OPT_TSONLY a transmit timestamp of a TCP socket comes with a control message "
    "SCM_TIMESTAMPING_OPT_STATS of netlink attributes, among them how long the socket was busy and limited "
    "by the peer's window and by its own buffer; without OPT_STATS with none.",
    since="4.10",
)
@FAMILIES
def test_statistics_come_with_a_timestamp(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, SCHEDULED | OPT_TSONLY)
        sender.send(b"without")
        without = len(transmit_timestamp(sender).stats)
        ask(sender, SCHEDULED | OPT_TSONLY | OPT_STATS)
        sender.send(b"with")
        stats = attributes(transmit_timestamp(sender).stats)
        sizes = [len(stats[kind]) for kind in (BUSY, RWND_LIMITED, SNDBUF_LIMITED)]

        assert [observe("without", without), observe("sizes", sizes)] == [0, [8, 8, 8]]


@claim(
    "timestamping/OPT_STATS/needs-tsonly",
    sentence="timestamping/OPT_STATS/tsonly",
    section="1.3.3 Timestamp Options",
    says="Setting OPT_STATS without OPT_TSONLY on a TCP or UDP socket fails.",
    since="4.10",
    survives={"no-op: connect*": "a UDP socket need not be connected for its options"},
)
@PAIRS
def test_statistics_take_the_empty_packet(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        ask(sock, SCHEDULED)
        with refused():
            ask(sock, SCHEDULED | OPT_STATS)
        before = int(sock.timestamping.flags)
        ask(sock, SCHEDULED | OPT_STATS | OPT_TSONLY)

        assert observe("flags", [before, int(sock.timestamping.flags)]) == [
            int(SCHEDULED),
            int(SCHEDULED | OPT_STATS | OPT_TSONLY),
        ]


@claim(
    "timestamping/SCM_TIMESTAMPING/record",
    sentence=(
        "timestamping/SCM_TIMESTAMPING/message",
        "timestamping/SCM_TIMESTAMPING/new",
        "timestamping/receive/no-error",
        "timestamping/receive/fields",
    ),
    section="2.1 SCM_TIMESTAMPING records",
    says="A UDP datagram that comes with its receive timestamp, by SO_TIMESTAMPING or SO_TIMESTAMPING_NEW, "
    "has one control message, of level SOL_SOCKET and the option's number, with three times, also with "
    "IP_RECVERR or IPV6_RECVERR. The first, by software, is set, the others are zero.",
    since="5.1",
)
@FAMILIES
@pytest.mark.parametrize("option", [SO_TIMESTAMPING, SO_TIMESTAMPING_NEW], ids=["OLD", "NEW"])
def test_the_record_is_of_three_times(ns, observe, family, option):
    sender, receiver = udp_pair(family)
    with sender, receiver, stamping():
        receiver.set(RECVERR[family], True)
        receiver.set(option, Timestamping(RX))
        sender.send(b"of what form?")
        sender.send(b"when?")
        headers = control_headers(receiver)
        [times] = control_messages(receiver, Timestamps)

        assert [
            observe("errors_received", receiver.get(RECVERR[family])),
            observe("headers", headers),
            observe("times_set", [one.nanoseconds > 0 for one in times]),
        ] == [True, [[SOL_SOCKET, option.number, TIMESTAMPS_SIZE]], [True, False, False]]


@claim(
    "timestamping/error-queue/messages",
    sentence=(
        "timestamping/error-queue/loops",
        "timestamping/error-queue/extended-error",
        "timestamping/SCM_TIMESTAMPING/fields",
    ),
    section="2.1.1 Transmit timestamps with MSG_ERRQUEUE",
    says="A transmit timestamp of a UDP or TCP socket is received with MSG_ERRQUEUE, with two control "
    "messages: SCM_TIMESTAMPING, in which the first time is set and the others are zero, and IP_RECVERR or "
    "IPV6_RECVERR with the errno ENOMSG.",
    since="3.17",
)
@PAIRS
def test_a_timestamp_is_two_messages(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SCHEDULED)
        sender.send(b"when?")
        await_error(sender)
        times, error = sender.recv_message(99, flags=socket.MSG_ERRQUEUE).control

        assert [
            observe("times_set", [one.nanoseconds > 0 for one in times]),
            observe("errno_in_it", errno.errorcode[error.errno]),
            observe("origin", int(error.origin)),
        ] == [[True, False, False], "ENOMSG", Origin.TIMESTAMPING]


@claim(
    "timestamping/fragmentation/first",
    sentence="timestamping/fragmentation/first",
    section="2.1.1.3 Fragmentation",
    says="Of a UDP datagram over IPv4 that leaves in fragments only the first is timestamped, once, and "
    "returned.",
    since="3.17",
    needs=[VETH, Capability.NET_RAW],
)
def test_the_first_fragment_is_stamped(peers, observe):
    with peers.right.entered():
        arriving = packets()
    with arriving, udp_across(peers) as (sender, receiver):
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        ask(sender, IDENTIFIED)
        sender.send(b"first".ljust(4000))
        sender.send(b"second")
        received = [len(receiver.recv(9000)), len(receiver.recv(9000))]
        fragments = [len(arriving.recv(9000)) for _ in range(4)]
        stamps = [transmit_timestamp(sender), transmit_timestamp(sender)]

        assert [
            observe("received", received),
            observe("fragments", fragments),
            observe("identifiers", [one.id for one in stamps]),
            observe("begins", [b"first" in one.payload for one in stamps]),
            observe("returned", [len(one.payload) < 1600 for one in stamps]),
            observe("no_other", sender.recv_error() is None),
        ] == [[4000, 6], [1500, 1500, 1068, 34], [0, 1], [True, False], [True, True], True]


@claim(
    "timestamping/payload/truncated",
    sentence="timestamping/payload/truncated",
    section="2.1.1.4 Packet Payload",
    says="The packet that comes with a transmit timestamp of a UDP or TCP socket is cut to the buffer it is "
    "received into, of 20, 1 or 0 bytes, and the timestamp is whole.",
    since="3.17",
)
@PAIRS
@pytest.mark.parametrize("size", [20, 1, 0])
def test_the_packet_is_cut(ns, observe, pair, size):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SCHEDULED)
        sender.send(b"packet")
        await_error(sender)
        report = sender.recv_error(size)
        stamped = report.times.software.nanoseconds > 0

        assert observe("size_and_stamped", [len(report.payload), stamped]) == [size, True]


@claim(
    "timestamping/blocking/never",
    sentence="timestamping/blocking/never",
    section="2.1.1.5 Blocking Read",
    says="Receiving from the empty error queue of a blocking UDP or TCP socket fails with EAGAIN at once.",
    since="3.17",
)
@PAIRS
def test_the_error_queue_never_blocks(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SCHEDULED)
        with refused(errno.EAGAIN):
            sender.recvmsg(99, 99, socket.MSG_ERRQUEUE)
        sender.send(b"when?")
        await_error(sender)

        assert observe("control_messages", len(sender.recvmsg(99, 999, socket.MSG_ERRQUEUE)[1])) == 2


@claim(
    "timestamping/blocking/poll",
    sentence=("timestamping/blocking/poll", "timestamping/blocking/not-asked"),
    section="2.1.1.5 Blocking Read",
    says="poll(2) of a UDP or TCP socket, with no event asked for or with POLLERR, gives POLLERR while "
    "something is on the error queue.",
    since="3.17",
)
@PAIRS
@pytest.mark.parametrize("asked", [0, select.POLLERR])
def test_poll_gives_the_error_queue(ns, observe, pair, asked):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SCHEDULED)
        events = [polled(sender, asked, 0)]
        sender.send(b"when?")
        events.append(polled(sender, asked, SOON))
        sender.recv_error()
        events.append(polled(sender, asked, 0))

        assert observe("events", events) == [0, select.POLLERR, 0]
