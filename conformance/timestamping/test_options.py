"""The OPT_* flags of SO_TIMESTAMPING: how timestamps are reported."""

from __future__ import annotations

import socket
from sys import byteorder

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.error_queue import ids, reports, transmitted, types
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.ipv6 import udp6_pair
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.timestamps import stamping
from libsocket import (
    In6Pktinfo,
    InPktinfo,
    MessageFlag,
    Socket,
    TimestampId,
    Timestamping,
    TimestampingFlag,
    TimestampingStats,
    Timestamps,
)
from netns import Capability, without

STAMPED = TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE
NUMBERED = STAMPED | TimestampingFlag.OPT_ID
SIOCOUTQNSD = 0x894B
EITHER_VERSION = pytest.mark.parametrize("pair", [udp_pair, udp6_pair], ids=["4", "6"])


def attribute_types(octets: bytes) -> list[int]:
    """The types of netlink attributes, one after the other. What they do not fill differs."""
    types = []
    while octets:
        size, kind = (int.from_bytes(octets[at : at + 2], byteorder) for at in (0, 2))
        assert 4 <= size <= len(octets), f"an attribute of {size} bytes in {len(octets)}"
        types.append(kind)
        octets = octets[(size + 3) & ~3 :]
    return types


@claim(
    "timestamping/OPT_ID/counts-stamped-datagrams",
    sentence=("timestamping/OPT_ID/with-each", "timestamping/OPT_ID/zero", "timestamping/OPT_ID/ee-data"),
    section="1.3.3 Timestamp Options",
    says="The datagrams that a UDP socket over IPv4 or IPv6 sends with OPT_ID and TX_SOFTWARE are "
    "numbered from 0, each one more than the one before.",
    since="3.17",
    needs=[IPV6],
)
@EITHER_VERSION
def test_datagrams_are_numbered(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(b"a")
        sender.send(b"longer")
        sender.send(b"c")

        assert observe("ids", ids(sender)) == [0, 1, 2]


@claim(
    "timestamping/OPT_ID/counts-datagrams",
    sentence="timestamping/OPT_ID/datagrams",
    section="1.3.3 Timestamp Options",
    says="Each datagram that a UDP socket over IPv4 or IPv6 sends with OPT_ID is counted, also one for "
    "which no timestamp is asked.",
    since="3.17",
    needs=[IPV6],
    expect=differs(
        "only those with a transmit timestamp are counted",
        since="3.17",
        commit="09c2d251b707",
        observed={"ids": [0, 1]},
    ),
)
@EITHER_VERSION
def test_each_datagram_is_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(b"first")
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_ID)
        sender.send(b"plain")
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(b"last")
        arrived = [receiver.recv(10).decode() for _ in range(3)]

        assert [observe("ids", ids(sender)), arrived] == [[0, 2], ["first", "plain", "last"]]


@claim(
    "timestamping/OPT_ID/reset",
    sentence=("timestamping/OPT_ID/initialized", "timestamping/OPT_ID/reset", "timestamping/OPT_ID/queued"),
    section="1.3.3 Timestamp Options",
    says="The numbers of a UDP socket go on when OPT_ID is set again, and begin at 0 when it had been off "
    "between; reports that are queued keep theirs.",
    since="3.17",
)
def test_numbers_begin_again_after_it_was_off(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(b"first")
        sender.timestamping = Timestamping(NUMBERED | TimestampingFlag.TX_SCHED)
        sender.send(b"set again, stamped twice")
        sender.timestamping = Timestamping(STAMPED)
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(b"after it was off")
        sender.send(b"after it was off")

        assert observe("ids", ids(sender)) == [0, 1, 1, 0, 1]


@claim(
    "timestamping/OPT_ID/counts-bytes",
    sentence="timestamping/OPT_ID/bytes",
    section="1.3.3 Timestamp Options",
    says="What a TCP socket sends, on which OPT_ID was set before its first byte, has the place of its "
    "last byte in the stream as its number, from 0.",
    since="3.17",
)
def test_bytes_are_numbered_on_tcp(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(bytes(10))
        receiver.read_exact(10)
        sender.send(bytes(3000))
        receiver.read_exact(3000)

        assert observe("ids", ids(sender)) == [9, 3009]


@claim(
    "timestamping/OPT_ID_TCP/from-the-call",
    sentence=(
        "timestamping/OPT_ID_TCP/modifier",
        "timestamping/OPT_ID_TCP/n-1",
    ),
    section="1.3.3 Timestamp Options",
    says="With OPT_ID_TCP beside OPT_ID the next send of N bytes on a TCP socket has the number N-1, though "
    "others were queued (with TCP_CORK) and not yet sent when it was set.",
    since="6.2",
    survives={"no-op: setsockopt(SOL_TCP, TCP_CORK, ?0?*": "what is held is sent a moment later in any case"},
)
@pytest.mark.parametrize("size", [1, 10])
def test_the_first_send_is_numbered_by_its_size(ns, observe, size):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.tcp_cork = True
        sender.send(b"before")
        unsent = asked(sender, SIOCOUTQNSD)
        sender.timestamping = Timestamping(NUMBERED | TimestampingFlag.OPT_ID_TCP)
        sender.tcp_cork = False
        sender.send(bytes(size))
        receiver.read_exact(6 + size)

        assert [observe("unsent", unsent), observe("ids", ids(sender))] == [6, [size - 1]]


@claim(
    "timestamping/OPT_ID_TCP/no-effect-on-datagrams",
    sentence="timestamping/OPT_ID_TCP/datagrams",
    section="1.3.3 Timestamp Options",
    says="OPT_ID_TCP beside OPT_ID changes nothing on a UDP socket: its datagrams are numbered from 0.",
    since="6.2",
)
def test_datagrams_are_numbered_as_without_it(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED | TimestampingFlag.OPT_ID_TCP)
        sender.send(b"longer")
        sender.send(b"longer")

        assert observe("ids", ids(sender)) == [0, 1]


@claim(
    "timestamping/SCM_TS_OPT_ID/overrides",
    sentence="timestamping/OPT_ID/given",
    section="1.3.3 Timestamp Options",
    says="The control message SCM_TS_OPT_ID gives one datagram of a UDP socket with OPT_ID, over IPv4 or "
    "IPv6, its number.",
    since="6.13",
    needs=[IPV6],
)
@pytest.mark.parametrize("number", [0, 77, 2**32 - 1])
@EITHER_VERSION
def test_a_datagram_is_numbered_by_hand(ns, observe, pair, number):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED)
        sender.send(b"counted")
        sender.send_message(b"given", TimestampId(number))

        assert observe("ids", ids(sender)) == [0, number]


@claim(
    "timestamping/SCM_TS_OPT_ID/not-on-tcp",
    sentence="timestamping/OPT_ID/given-not-tcp",
    section="1.3.3 Timestamp Options",
    says="A send on a TCP socket with OPT_ID is refused with SCM_TS_OPT_ID, and passes without.",
    since="6.13",
)
def test_bytes_cannot_be_numbered_by_hand(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(NUMBERED)
        with refused():
            sender.send_message(b"refused", TimestampId(77))
        sender.send(b"taken")

        assert [observe("received", receiver.recv(20).decode()), ids(sender)] == ["taken", [4]]


@claim(
    "timestamping/OPT_CMSG/ipv4",
    sentence=("timestamping/OPT_CMSG/ipv4", "timestamping/OPT_CMSG/pktinfo"),
    section="1.3.3 Timestamp Options",
    says="The report of a UDP datagram over IPv4, of a socket with IP_PKTINFO, tells the interface it "
    "left by with OPT_CMSG, and not without.",
    since="3.19",
)
def test_a_report_tells_the_interface(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.ip_pktinfo = True
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        without = control_messages(sender, InPktinfo, flags=MessageFlag.ERRQUEUE)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_CMSG)
        sender.send(b"x")
        told = [one.ifindex for one in control_messages(sender, InPktinfo, flags=MessageFlag.ERRQUEUE)]

        assert observe("without_and_with", [len(without), told]) == [0, [socket.if_nametoindex("lo")]]


@claim(
    "timestamping/OPT_CMSG/ipv6-always",
    sentence="timestamping/OPT_CMSG/already",
    section="1.3.3 Timestamp Options",
    says="The report of a UDP datagram over IPv6, of a socket with IPV6_RECVPKTINFO, tells the interface "
    "it left by, without OPT_CMSG.",
    since="3.19",
    needs=[IPV6],
)
def test_a_report_over_ipv6_tells_the_interface(ns, observe):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.ipv6_recvpktinfo = True
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        told = [one.ifindex for one in control_messages(sender, In6Pktinfo, flags=MessageFlag.ERRQUEUE)]

        assert observe("interfaces", told) == [socket.if_nametoindex("lo")]


@claim(
    "timestamping/OPT_TSONLY/empty",
    sentence=("timestamping/OPT_TSONLY/empty", "timestamping/errqueue/looped"),
    section="1.3.3 Timestamp Options",
    says="A transmit timestamp of a UDP or TCP socket comes with the packet that was sent, and with "
    "OPT_TSONLY with no data.",
    since="4.0",
)
@pytest.mark.parametrize("pair", [udp_pair, Socket.tcp_pair], ids=["udp", "tcp"])
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
        sender.send(b"x")
        told = control_messages(sender, InPktinfo, flags=MessageFlag.ERRQUEUE)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_CMSG | TimestampingFlag.OPT_TSONLY)
        sender.send(b"x")
        message = sender.recv_message(100, flags=MessageFlag.ERRQUEUE)
        alone = [message.find(Timestamps) is not None, message.find(InPktinfo)]

        assert [observe("told", len(told)), observe("stamped_and_told", alone)] == [1, [True, None]]


@claim(
    "timestamping/OPT_TSONLY/allow-data",
    sentence="timestamping/OPT_TSONLY/allow-data",
    section="1.3.3 Timestamp Options",
    says="Where net.core.tstamp_allow_data is 0 a UDP socket that was made without CAP_NET_RAW has transmit "
    "timestamps with OPT_TSONLY only.",
    since="4.0",
    needs=[sysctl("net.core.tstamp_allow_data")],
)
def test_the_time_alone_is_always_allowed(ns, observe):
    with without(Capability.NET_RAW):
        sender, receiver = udp_pair()
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
    says="OPT_STATS without OPT_TSONLY is refused on a TCP socket, and what was set stays.",
    since="4.10",
)
def test_stats_come_with_times_only(ns, observe):
    together = TimestampingFlag.OPT_STATS | TimestampingFlag.OPT_TSONLY
    with Socket.tcp() as sock:
        sock.timestamping = Timestamping(together)
        both = sock.timestamping.flags
        with refused():
            sock.timestamping = Timestamping(TimestampingFlag.OPT_STATS)

        assert observe("both_and_kept", [both, sock.timestamping.flags]) == [together, together]


@claim(
    "timestamping/OPT_STATS/beside-the-time",
    sentence="timestamping/OPT_STATS/message",
    section="1.3.3 Timestamp Options",
    says="With OPT_STATS and OPT_TSONLY a transmit timestamp of TCP comes beside a control message "
    "SCM_TIMESTAMPING_OPT_STATS, which is netlink attributes; without OPT_STATS there is none.",
    since="4.10",
)
def test_stats_come_beside_the_time(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY)
        sender.send(b"x")
        receiver.recv(1)
        without = sender.recv_message(1000, control=1000, flags=MessageFlag.ERRQUEUE)
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_TSONLY | TimestampingFlag.OPT_STATS)
        sender.send(b"x")
        receiver.recv(1)
        given = sender.recv_message(1000, control=1000, flags=MessageFlag.ERRQUEUE)
        stats = given.find(TimestampingStats) or b""
        seen = [without.find(TimestampingStats), len(attribute_types(bytes(stats))) > 0]
        times = [one.find(Timestamps) is not None for one in (without, given)]

        assert [observe("stats", seen), observe("times", times)] == [[None, True], [True, True]]


@claim(
    "timestamping/OPT_RX_FILTER/spurious",
    sentence=(
        "timestamping/OPT_RX_FILTER/filters",
        "timestamping/OPT_RX_FILTER/spurious",
        "timestamping/generation/other-reasons",
    ),
    section="1.3.3 Timestamp Options",
    says="A UDP socket with SOFTWARE and without RX_SOFTWARE has the time of arrival with a datagram "
    "while another socket has timestamps made, and with OPT_RX_FILTER it has not.",
    since="6.12",
)
def test_times_that_others_asked_for_are_filtered(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        receiver.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        spurious = len(control_messages(receiver, Timestamps))
        receiver.timestamping = Timestamping(STAMPED | TimestampingFlag.OPT_RX_FILTER)
        sender.send(b"x")

        assert observe("without_and_with", [spurious, len(control_messages(receiver, Timestamps))]) == [1, 0]


@claim(
    "timestamping/OPT_RX_FILTER/asked-for",
    sentence="timestamping/OPT_RX_FILTER/filters",
    section="1.3.3 Timestamp Options",
    says="With OPT_RX_FILTER and RX_SOFTWARE a UDP datagram comes with the time of its arrival.",
    since="6.12",
)
def test_times_that_it_asked_for_are_not_filtered(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver, stamping():
        receiver.timestamping = Timestamping(
            TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE | TimestampingFlag.OPT_RX_FILTER
        )
        sender.send(b"x")

        assert observe("stamps", len(control_messages(receiver, Timestamps))) == 1


@claim(
    "timestamping/control-message/overrides",
    sentence=("timestamping/control-message/one-write", "timestamping/control-message/overrides"),
    section="1.3.4 Enabling timestamps via control messages",
    says="TX_* flags in a control message SO_TIMESTAMPING of one datagram of a UDP socket take the place "
    "of the socket's own for it alone.",
    since="4.7",
)
def test_a_message_has_flags_of_its_own(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send_message(b"sched", TimestampingFlag.TX_SCHED)
        sender.send_message(b"none", TimestampingFlag(0))
        seen = types(sender)
        sender.send(b"own")
        arrived = [receiver.recv(10).decode() for _ in range(3)]

        assert [observe("types", [seen, types(sender)]), arrived] == [
            [["SCHED"], ["SND"]],
            ["sched", "none", "own"],
        ]


@claim(
    "timestamping/control-message/reported",
    sentence="timestamping/control-message/reporting",
    section="1.3.4 Enabling timestamps via control messages",
    says="What one datagram asks for by a control message is reported with its time where the UDP socket "
    "has SOFTWARE, and without a time where it has not.",
    since="4.7",
)
def test_reporting_is_the_socket_s(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.send_message(b"x", TimestampingFlag.TX_SOFTWARE)
        without = [type(one).__name__ for one in reports(sender)]
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send_message(b"x", TimestampingFlag.TX_SOFTWARE)

        assert observe("without_and_with", [without, types(sender)]) == [["ExtendedError"], ["SND"]]


@claim(
    "timestamping/control-message/tx-only",
    sentence="timestamping/control-message/tx-only",
    section="1.3.4 Enabling timestamps via control messages",
    says="Other flags than TX_* in a control message are refused on a UDP socket, and nothing is sent.",
    since="4.7",
)
@pytest.mark.parametrize(
    "flag",
    [TimestampingFlag.RX_SOFTWARE, TimestampingFlag.SOFTWARE, TimestampingFlag.OPT_ID],
    ids=["RX_SOFTWARE", "SOFTWARE", "OPT_ID"],
)
def test_a_message_may_ask_for_transmit_timestamps_only(ns, observe, flag):
    sender, receiver = udp_pair()
    with sender, receiver:
        with refused():
            sender.send_message(b"refused", flag | TimestampingFlag.TX_SOFTWARE)
        sender.send_message(b"taken", TimestampingFlag.TX_SOFTWARE)

        assert observe("received", receiver.recv(10).decode()) == "taken"
