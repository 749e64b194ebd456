"""The OPT_* flags of SO_TIMESTAMPING that say what comes with a timestamp."""

from __future__ import annotations

import socket
from sys import byteorder

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.error_queue import STAMPED, transmitted, types
from conformance.plugin.setups.pairs import INTERNET_PAIRS, TCP_PAIRS, UDP_PAIRS, udp_across, udp_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.timestamps import stamping
from libsocket import (
    In6Pktinfo,
    InPktinfo,
    MessageFlag,
    Socket,
    Timestamping,
    TimestampingFlag,
    TimestampingStats,
    Timestamps,
)
from netns import Capability, without

RECEIVED = TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE
BUSY, RWND_LIMITED, SNDBUF_LIMITED = 1, 2, 3  # TCP_NLA_*
_ATTRIBUTE_HEADER = 4

UDP = pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
TCP = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
UDP_AND_TCP = pytest.mark.parametrize("pair", INTERNET_PAIRS.values(), ids=INTERNET_PAIRS)


def attributes(octets: bytes) -> dict[int, bytes]:
    """Netlink attributes by type. What they do not fill differs."""
    found = {}
    while octets:
        size, kind = (int.from_bytes(octets[at : at + 2], byteorder) for at in (0, 2))
        assert _ATTRIBUTE_HEADER <= size <= len(octets), f"an attribute of {size} bytes in {len(octets)}"
        found[kind] = octets[_ATTRIBUTE_HEADER:size]
        octets = octets[(size + 3) & ~3 :]
    return found


def interfaces_told(sender: Socket) -> list[int]:
    """The interfaces by which the next datagram left, as its report tells."""
    sender.send(b"by which?")
    return [one.ifindex for one in control_messages(sender, InPktinfo, flags=MessageFlag.ERRQUEUE)]


def room_taken(sender: Socket) -> int:
    """Bytes of the receive buffer that the report of a datagram takes, which is then read."""
    sender.send(bytes(5000))
    taken = sender.meminfo.rmem_alloc
    sender.recv_error()
    return taken


@claim(
    "timestamping/OPT_CMSG/ipv4",
    sentence=("timestamping/OPT_CMSG/ipv4", "timestamping/OPT_CMSG/pktinfo"),
    section="1.3.3 Timestamp Options",
    says="The report of a UDP datagram over IPv4 tells the interface it left by with OPT_CMSG and "
    "IP_PKTINFO, and not with one of them.",
    since="3.19",
    needs=[VETH],
)
def test_a_report_tells_the_interface(peers, observe):
    with udp_across(peers) as (sender, receiver), peers.left.entered():
        left_by = socket.if_nametoindex(peers.left.device)
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.send(b"resolve the neighbour")
        receiver.recv(30)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_CMSG)
        told = [interfaces_told(sender)]
        sender.ip_pktinfo = True
        told.append(interfaces_told(sender))
        sender.timestamping = Timestamping(STAMPED)
        told.append(interfaces_told(sender))
        named = [[one == left_by for one in some] for some in told]

        assert observe("named", named) == [[], [True], []]


@claim(
    "timestamping/OPT_CMSG/ipv6-always",
    sentence="timestamping/OPT_CMSG/already",
    section="1.3.3 Timestamp Options",
    says="The report of a UDP datagram over IPv6 tells the interface it left by, without OPT_CMSG, where the "
    "socket has IPV6_RECVPKTINFO.",
    since="3.19",
    needs=[IPV6],
)
def test_a_report_over_ipv6_tells_the_interface(ns, observe):
    sender, receiver = udp_pair("::1")
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        without = len(control_messages(sender, In6Pktinfo, flags=MessageFlag.ERRQUEUE))
        sender.ipv6_recvpktinfo = True
        sender.send(b"x")
        told = [one.ifindex for one in control_messages(sender, In6Pktinfo, flags=MessageFlag.ERRQUEUE)]

        assert observe("without_and_with", [without, told]) == [0, [socket.if_nametoindex("lo")]]


@claim(
    "timestamping/OPT_CMSG/received-always",
    sentence="timestamping/OPT_CMSG/already",
    section="1.3.3 Timestamp Options",
    says="A UDP datagram over IPv4 that comes with the time of its arrival tells the interface too, without "
    "OPT_CMSG, where the receiver has IP_PKTINFO.",
    since="2.6.30",
)
def test_what_is_received_tells_the_interface(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        receiver.timestamping = Timestamping(RECEIVED)
        sender.send(b"x")
        messages = [[type(one).__name__ for one in receiver.recv_message(1).control]]
        receiver.ip_pktinfo = True
        sender.send(b"x")
        messages.append([type(one).__name__ for one in receiver.recv_message(1).control])

        assert observe("messages", messages) == [["Timestamps"], ["Timestamps", "InPktinfo"]]


@claim(
    "timestamping/OPT_TSONLY/empty",
    sentence=("timestamping/OPT_TSONLY/empty", "timestamping/errqueue/looped"),
    section="1.3.3 Timestamp Options",
    says="A transmit timestamp of a UDP or TCP socket comes with the packet that was sent, and with "
    "OPT_TSONLY with no data.",
    since="4.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_the_packet_is_left_out(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"whole")
        receiver.recv(5)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY)
        sender.send(b"alone")
        receiver.recv(5)

        assert observe("data", [one.payload[-5:].decode() for one in transmitted(sender)]) == ["whole", ""]


@claim(
    "timestamping/OPT_TSONLY/transmit-only",
    sentence="timestamping/OPT_TSONLY/transmit-only",
    section="1.3.3 Timestamp Options",
    says="A UDP datagram that is received with OPT_TSONLY comes whole, with the time of its arrival.",
    since="4.0",
    needs=[IPV6],
)
@UDP
def test_what_is_received_is_whole(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, stamping():
        receiver.timestamping = Timestamping(RECEIVED | TimestampingFlag.OPT_TSONLY)
        sender.send(b"whole")
        message = receiver.recv_message(10)
        stored = TimestampingFlag.OPT_TSONLY in receiver.timestamping.flags

        assert [
            observe("stored", stored),
            observe("data", message.data.decode()),
            observe("stamped", message.find(Timestamps) is not None),
        ] == [True, "whole", True]


@claim(
    "timestamping/OPT_TSONLY/memory",
    sentence=("timestamping/OPT_TSONLY/memory", "timestamping/errqueue/budget"),
    section="1.3.3 Timestamp Options",
    says="The report of a UDP datagram takes room in its sender's receive buffer until it is read: more than "
    "the datagram's 5000 bytes, and with OPT_TSONLY less than they.",
    since="4.0",
    needs=[IPV6],
)
@UDP
def test_a_report_takes_room(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        whole = room_taken(sender)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY)
        alone = room_taken(sender)
        left = observe("left", sender.meminfo.rmem_alloc)

        assert [observe("in_order", 0 < alone < 5000 < whole), left] == [True, 0]


@claim(
    "timestamping/OPT_TSONLY/disables-cmsg",
    sentence=("timestamping/OPT_TSONLY/disables-cmsg", "timestamping/OPT_CMSG/not-with-tsonly"),
    section="1.3.3 Timestamp Options",
    says="The report of a UDP datagram over IPv4, of a socket with IP_PKTINFO and OPT_CMSG, does not tell "
    "the interface with OPT_TSONLY, though it comes with its time.",
    since="4.0",
)
def test_nothing_is_told_beside_the_time(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.ip_pktinfo = True
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_CMSG)
        told = len(interfaces_told(sender))
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_CMSG | TimestampingFlag.OPT_TSONLY)
        sender.send(b"x")
        message = sender.recv_message(100, flags=MessageFlag.ERRQUEUE)
        alone = [message.find(one) is not None for one in (Timestamps, InPktinfo)]

        assert [observe("told", told), observe("stamped_and_told", alone)] == [1, [True, False]]


@claim(
    "timestamping/OPT_TSONLY/allow-data",
    sentence="timestamping/OPT_TSONLY/allow-data",
    section="1.3.3 Timestamp Options",
    says="Where net.core.tstamp_allow_data is 0 a UDP socket that was made without CAP_NET_RAW has transmit "
    "timestamps with OPT_TSONLY only.",
    since="4.0",
    needs=[sysctl("net.core.tstamp_allow_data"), IPV6],
)
@UDP
def test_the_time_alone_is_always_allowed(ns, observe, pair):
    with without(Capability.NET_RAW):
        sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"allowed")
        seen = [types(sender)]
        ns.sysctl["net.core.tstamp_allow_data"] = 0
        sender.send(b"forbidden")
        seen.append(types(sender))
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY)
        sender.send(b"alone")
        seen.append(types(sender))
        arrived = [receiver.recv(10).decode() for _ in range(3)]

        assert [observe("types", seen), arrived] == [
            [["SND"], [], ["SND"]],
            ["allowed", "forbidden", "alone"],
        ]


@claim(
    "timestamping/OPT_STATS/needs-tsonly",
    sentence="timestamping/OPT_STATS/needs-tsonly",
    section="1.3.3 Timestamp Options",
    says="OPT_STATS without OPT_TSONLY is refused on a TCP or UDP socket, and what was set stays.",
    since="4.10",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_stats_come_with_times_only(ns, observe, kind):
    together = TimestampingFlag.OPT_STATS | TimestampingFlag.OPT_TSONLY
    with SOCKETS[kind]() as sock:
        sock.timestamping = Timestamping(together)
        both = sock.timestamping.flags
        with refused():
            sock.timestamping = Timestamping(TimestampingFlag.OPT_STATS)

        assert observe("both_and_kept", [both, sock.timestamping.flags]) == [together, together]


@claim(
    "timestamping/OPT_STATS/beside-the-time",
    sentence=(
        "timestamping/OPT_STATS/message",
        "timestamping/OPT_STATS/attributes",
        "tcp.h/SCM_TIMESTAMPING_OPT_STATS/attributes",
    ),
    section="1.3.3 Timestamp Options",
    says="With OPT_STATS and OPT_TSONLY a transmit timestamp of TCP comes beside a control message "
    "SCM_TIMESTAMPING_OPT_STATS of netlink attributes, among them how long the socket was busy and how long "
    "the peer's window and its own buffer limited it; without OPT_STATS there is none.",
    since="4.10",
    needs=[IPV6],
)
@TCP
def test_stats_come_beside_the_time(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY)
        sender.send(b"x")
        receiver.recv(1)
        without = sender.recv_message(1000, control=1000, flags=MessageFlag.ERRQUEUE)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY | TimestampingFlag.OPT_STATS)
        sender.send(b"x")
        receiver.recv(1)
        given = sender.recv_message(1000, control=1000, flags=MessageFlag.ERRQUEUE)
        stats = attributes(bytes(given.find(TimestampingStats) or b""))
        sizes = [len(stats.get(one, b"")) for one in (BUSY, RWND_LIMITED, SNDBUF_LIMITED)]
        beside = [without.find(one) is not None for one in (Timestamps, TimestampingStats)]
        stamped = given.find(Timestamps) is not None

        assert [
            observe("without_stamped_and_stats", beside),
            observe("with_stamped_and_sizes", [stamped, sizes]),
        ] == [[True, False], [True, [8, 8, 8]]]


@claim(
    "timestamping/OPT_RX_FILTER/spurious",
    sentence=(
        "timestamping/SO_TIMESTAMP/all-packets",
        "timestamping/generation/other-reasons",
        "timestamping/OPT_RX_FILTER/early",
        "timestamping/OPT_RX_FILTER/spurious",
    ),
    section="1.3.3 Timestamp Options",
    says="A UDP socket with SOFTWARE and without RX_SOFTWARE has the time of arrival with a datagram while "
    "another socket has timestamps made.",
    since="2.6.30",
    needs=[IPV6],
)
@UDP
def test_times_come_that_others_asked_for(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, stamping():
        sender.send(b"x")
        before = len(control_messages(receiver, Timestamps))
        receiver.timestamping = Timestamping(STAMPED)
        sender.send(b"x")

        assert observe("before_and_with", [before, len(control_messages(receiver, Timestamps))]) == [0, 1]


@claim(
    "timestamping/OPT_RX_FILTER/filters",
    sentence=("timestamping/OPT_RX_FILTER/filters", "timestamping/OPT_RX_FILTER/isolates"),
    section="1.3.3 Timestamp Options",
    says="With SOFTWARE and OPT_RX_FILTER a UDP socket has the time of arrival with a datagram where it has "
    "RX_SOFTWARE too, and not where only another socket has timestamps made.",
    since="6.12",
    needs=[IPV6],
)
@UDP
def test_times_that_others_asked_for_are_filtered(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, stamping():
        receiver.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send(b"x")
        seen = [len(control_messages(receiver, Timestamps))]
        receiver.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_RX_FILTER)
        sender.send(b"x")
        seen.append(len(control_messages(receiver, Timestamps)))
        receiver.timestamping = Timestamping(RECEIVED | TimestampingFlag.OPT_RX_FILTER)
        sender.send(b"x")
        seen.append(len(control_messages(receiver, Timestamps)))

        assert observe("unfiltered_filtered_and_asked_for", seen) == [1, 0, 1]
