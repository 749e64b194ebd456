"""Which packets get a timestamp, and which timestamps are reported."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH, link, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.pairs import UNACKED_ENDS, received_until, udp_across, udp_pair, unacked_sender
from conformance.plugin.setups.readiness import await_error, await_readable, readable_by_select
from conformance.plugin.setups.timestamps import now, stamping
from conformance.plugin.setups.transmit_timestamps import (
    IDENTIFIED,
    SCHEDULED,
    ask,
    kinds,
    kinds_and_identifiers,
    times_reported,
    transmit_timestamp,
)
from conformance.plugin.timing import SOON
from libsocket import (
    SO_TIMESTAMP,
    SO_TIMESTAMPNS,
    IpMreqn,
    Socket,
    Timestamp,
    TimestampingFlag,
    TimestampNs,
    Timestamps,
)
from netns import Host

TX_SCHED, TX_SOFTWARE, TX_ACK = (
    TimestampingFlag.TX_SCHED,
    TimestampingFlag.TX_SOFTWARE,
    TimestampingFlag.TX_ACK,
)
RX_SOFTWARE, SOFTWARE = TimestampingFlag.RX_SOFTWARE, TimestampingFlag.SOFTWARE
SYS_HARDWARE, OPT_RX_FILTER = TimestampingFlag.SYS_HARDWARE, TimestampingFlag.OPT_RX_FILTER
GROUP = "239.1.2.3"
NONE = TimestampingFlag(0)
COMBINATIONS = [
    int(one | two | three | four)
    for one in (TX_SCHED, NONE)
    for two in (TX_SOFTWARE, NONE)
    for three in (TX_ACK, NONE)
    for four in (RX_SOFTWARE, NONE)
]

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
PAIRS = pytest.mark.parametrize(
    "pair",
    [
        udp_pair,
        partial(udp_pair, socket.AF_INET6),
        Socket.tcp_pair,
        partial(Socket.tcp_pair, socket.AF_INET6),
    ],
    ids=["udp", "udp6", "tcp", "tcp6"],
)
UDP_UNCONNECTED = {"no-op: connect*": "a UDP socket need not be connected for its options"}


@contextmanager
def member(host: Host, port: int = 0) -> Iterator[Socket]:
    """A UDP socket of a host that is a member of the group."""
    with host.entered():
        sock = Socket.udp()
    with sock:
        sock.rcvtimeo = SOON
        sock.bind((GROUP, port))
        sock.ip_add_membership = IpMreqn(GROUP, host.address)
        yield sock


def stored(sock: Socket, flags: int) -> int:
    """What SO_TIMESTAMPING reads back as."""
    ask(sock, TimestampingFlag(flags))
    return int(sock.timestamping.flags)


@claim(
    "timestamping/SO_TIMESTAMPING/other-bits",
    sentence=("timestamping/SO_TIMESTAMPING/bitmap", "timestamping/SO_TIMESTAMPING/other-bits"),
    section="1.3 SO_TIMESTAMPING",
    says="Setting a bit of SO_TIMESTAMPING that has no flag, on a UDP or TCP socket, fails with EINVAL and "
    "changes nothing.",
    since="2.6.30",
    survives=UDP_UNCONNECTED,
)
@PAIRS
@pytest.mark.parametrize("bit", [19, 30])
def test_a_bit_must_have_a_flag(ns, observe, pair, bit):
    sock, peer = pair()
    with sock, peer:
        ask(sock, SCHEDULED)
        with refused(errno.EINVAL):
            ask(sock, RX_SOFTWARE | TimestampingFlag(1 << bit))

        assert observe("flags", int(sock.timestamping.flags)) == int(SCHEDULED)


@claim(
    "timestamping/generation/combinations",
    sentence=("timestamping/SO_TIMESTAMPING/bitmap", "timestamping/generation/combinations"),
    section="1.3.1 Timestamp Generation",
    says="A UDP or TCP socket takes every combination of TX_SCHED, TX_SOFTWARE, TX_ACK and RX_SOFTWARE, and "
    "reads it back.",
    since="3.17",
    survives=UDP_UNCONNECTED,
)
@PAIRS
def test_flags_are_combined(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        assert observe("stored", [stored(sock, flags) for flags in COMBINATIONS]) == COMBINATIONS


@claim(
    "timestamping/generation/sampling",
    sentence=("timestamping/generation/sampling", "timestamping/generation/new-packets"),
    section="1.3.1 Timestamp Generation",
    says="Of three sends on a UDP or TCP socket only the second gets a timestamp, where the flag is set "
    "before it and cleared after it.",
    since="3.17",
)
@PAIRS
def test_a_send_is_sampled(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"first")
        ask(sender, SCHEDULED)
        sender.send(b"second")
        ask(sender, SOFTWARE)
        sender.send(b"third")
        received = [receiver.recv(size, socket.MSG_WAITALL).decode() for size in (5, 6, 5)]
        sampled = transmit_timestamp(sender).payload[-6:].decode()

        assert [
            observe("received", received),
            observe("sampled", [sampled, sender.recv_error() is None]),
        ] == [["first", "second", "third"], ["second", True]]


@claim(
    "timestamping/generation/not-those-in-the-stack",
    sentence="timestamping/generation/new-packets",
    section="1.3.1 Timestamp Generation",
    says="A UDP datagram that was written before the flag was set, and is sent after (UDP_CORK), gets no "
    "timestamp, and one that was written before it was cleared gets it.",
    since="3.17",
)
@FAMILIES
def test_flags_are_of_the_time_of_writing(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.udp_cork = True
        sender.send(b"before")
        corked = not readable_by_select(receiver)
        ask(sender, SCHEDULED)
        sender.udp_cork = False
        received = [receiver.recv(9).decode()]
        without = sender.recv_error() is None
        sender.udp_cork = True
        sender.send(b"while")
        cleared = stored(sender, int(SOFTWARE))
        unsent = sender.recv_error() is None
        sender.udp_cork = False
        received.append(receiver.recv(9).decode())

        assert [
            observe("received", received),
            observe("corked_without_and_unsent", [corked, without, unsent]),
            observe("cleared", cleared),
            observe("stamped", transmit_timestamp(sender).payload[-5:].decode()),
        ] == [["before", "while"], [True, True, True], int(SOFTWARE), "while"]


@claim(
    "timestamping/RX_SOFTWARE/entering",
    sentence=(
        "timestamping/SO_TIMESTAMPING/both-ways",
        "timestamping/RX_SOFTWARE/entering",
        "timestamping/receive/with-data",
    ),
    section="1.3.1 Timestamp Generation",
    says="With RX_SOFTWARE and SOFTWARE a UDP datagram over IPv4 or IPv6 comes with the time of its "
    "arrival, not of its reading.",
    since="2.6.30",
)
@FAMILIES
def test_arrival_is_stamped(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver, stamping():
        ask(receiver, RX_SOFTWARE | SOFTWARE)
        before = now()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = now()
        times = [one.software.nanoseconds // 1000 for one in control_messages(receiver, Timestamps)]

        assert observe("between", [before <= at <= arrived for at in times]) == [True]


@claim(
    "timestamping/TX_SCHED/before-leaving",
    sentence=(
        "timestamping/TX_SOFTWARE/leaving",
        "timestamping/TX_SCHED/entering",
        "timestamping/types/one-to-one",
        "timestamping/types/zero",
    ),
    section="1.3.1 Timestamp Generation",
    says="With TX_SCHED and TX_SOFTWARE a send on a UDP or TCP socket, by loopback, gets one timestamp as "
    "it enters the packet scheduler and then one as it leaves the kernel, in this order of time, both after "
    "send was called.",
    since="3.17",
)
@PAIRS
def test_a_packet_is_scheduled_and_leaves(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SCHEDULED | TX_SOFTWARE)
        before = now()
        sender.send(b"when?")
        stamps = [transmit_timestamp(sender), transmit_timestamp(sender)]
        times = [before, *(one.times.software.nanoseconds // 1000 for one in stamps), now()]

        assert [
            observe("types", [int(one.type) for one in stamps]),
            observe("in_order", [earlier <= later for earlier, later in pairwise(times)]),
        ] == [[1, 0], [True, True, True]]


@claim(
    "timestamping/TX_SCHED/each-alone",
    sentence=("timestamping/TX_SOFTWARE/leaving", "timestamping/TX_SCHED/entering"),
    section="1.3.1 Timestamp Generation",
    says="With one of TX_SCHED and TX_SOFTWARE a send on a UDP or TCP socket gets that timestamp only.",
    since="3.17",
)
@PAIRS
@pytest.mark.parametrize(("flag", "kind"), [(TX_SCHED, "SCHED"), (TX_SOFTWARE, "SND")], ids=["SCHED", "SND"])
def test_a_flag_asks_for_its_timestamp(ns, observe, pair, flag, kind):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, flag | SOFTWARE)
        sender.send(b"when?")
        got = kinds(sender, 1)

        assert observe("kinds", [*got, sender.recv_error() is None]) == [kind, True]


@claim(
    "timestamping/TX_SCHED/queued",
    sentence=("timestamping/TX_SCHED/latency", "timestamping/TX_SOFTWARE/leaving"),
    section="1.3.1 Timestamp Generation",
    says="A UDP datagram that a packet scheduler holds back (tbf) has its timestamp of TX_SCHED, and not "
    "that of TX_SOFTWARE, which one has that was let through.",
    since="3.17",
    needs=[VETH, qdisc("tbf")],
)
def test_a_datagram_that_waits_has_not_left(peers, observe):
    with udp_across(peers) as (sender, receiver):
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        ask(sender, SCHEDULED | TX_SOFTWARE)
        sender.send(b"let through")
        let_through = kinds(sender, 2)
        peers.left.namespace.add_qdisc(peers.left.device, "tbf", rate="10kbit", burst=2000, limit=100_000)
        ask(sender, SOFTWARE)
        sender.send_messages([bytes(1400)] * 9)
        ask(sender, SCHEDULED | TX_SOFTWARE)
        sender.send(b"held back")
        held_back = kinds(sender, 1)

        assert observe("kinds", [let_through, held_back, sender.recv_error() is None]) == [
            ["SCHED", "SND"],
            ["SCHED"],
            True,
        ]


@claim(
    "timestamping/TX_SCHED/each-layer",
    sentence="timestamping/TX_SCHED/each-layer",
    section="1.3.1 Timestamp Generation",
    says="A UDP datagram that goes out by a macvlan on a veth, which have a packet scheduler each, gets two "
    "timestamps of TX_SCHED, where one that goes out by the veth gets one.",
    since="3.17",
    needs=[VETH, link("macvlan")],
)
def test_each_layer_stamps(peers, observe):
    left = peers.left.namespace
    left.add_macvlan("made", peers.left.device)
    left.set_link("made", up=True)
    left.add_address("made", "10.0.3.1/24")
    peers.right.namespace.add_address(peers.right.device, "10.0.3.2/24")
    with udp_across(peers) as (sender, receiver):
        ask(sender, IDENTIFIED)
        port = receiver.getsockname()[1]
        sender.sendto(b"by the veth", (peers.right.address, port))
        one = kinds_and_identifiers(sender, 1)
        sender.sendto(b"by the macvlan", ("10.0.3.2", port))

        assert observe("stamps", [*one, *kinds_and_identifiers(sender, 2)]) == [
            ["SCHED", 0],
            ["SCHED", 1],
            ["SCHED", 1],
        ]


@claim(
    "timestamping/TX_ACK/acknowledged",
    sentence=("timestamping/TX_ACK/acknowledged", "timestamping/types/one-to-one"),
    section="1.3.1 Timestamp Generation",
    says="A send on a TCP socket gets the timestamp of TX_ACK once the peer has acknowledged it, and none "
    "while it has not.",
    since="3.17",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
def test_an_acknowledgement_is_stamped(peers, observe):
    with unacked_sender(peers) as unacked, peers.left.entered():
        acked, peer = Socket.tcp_pair()
        with acked, peer:
            ask(acked, SCHEDULED | TX_ACK)
            ask(unacked, SCHEDULED | TX_ACK)
            unacked.send(b"never acknowledged")
            acked.send(b"acknowledged")
            both = [kinds(acked, 2), kinds(unacked, 1)]

            assert observe("acked_and_unacked", [*both, unacked.recv_error() is None]) == [
                ["SCHED", "ACK"],
                ["SCHED"],
                True,
            ]


@claim(
    "timestamping/TX_ACK/cumulative",
    sentence=("timestamping/TX_ACK/acknowledged", "timestamping/TX_ACK/cumulative"),
    section="1.3.1 Timestamp Generation",
    says="Each of several sends on a TCP socket gets its timestamp of TX_ACK, in the order of the stream.",
    since="3.17",
)
@FAMILIES
def test_each_send_is_acknowledged(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, TX_ACK | SOFTWARE | TimestampingFlag.OPT_ID)
        sender.send(b"1")
        sender.send(b"23")
        sender.send(b"456")

        assert observe("stamps", kinds_and_identifiers(sender, 3)) == [["ACK", 0], ["ACK", 2], ["ACK", 5]]


@claim(
    "timestamping/TX_ACK/not-udp",
    sentence="timestamping/TX_ACK/only-tcp",
    section="1.3.1 Timestamp Generation",
    says="A UDP socket takes TX_ACK, and its datagrams get no timestamp of it.",
    since="3.17",
)
@FAMILIES
def test_a_datagram_is_not_acknowledged(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        flags = stored(sender, int(SCHEDULED | TX_ACK))
        sender.send(b"when?")
        got = kinds(sender, 1)

        assert observe("flags_and_kinds", [flags, *got, sender.recv_error() is None]) == [
            int(SCHEDULED | TX_ACK),
            "SCHED",
            True,
        ]


@claim(
    "timestamping/SOFTWARE/reports",
    sentence="timestamping/SOFTWARE/reports",
    section="1.3.2 Timestamp Reporting",
    says="What comes back on the error queue of a UDP or TCP socket has its software timestamp with "
    "SOFTWARE, and none without it.",
    since="3.17",
)
@PAIRS
def test_software_timestamps_are_reported(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, TX_SCHED)
        sender.send(b"without")
        without = times_reported(sender)
        ask(sender, TX_SCHED | SOFTWARE)
        sender.send(b"with")

        assert observe("without_and_with", [without, times_reported(sender)]) == [0, 1]


@claim(
    "timestamping/reporting/at-once",
    sentence="timestamping/reporting/at-once",
    section="1.3.2 Timestamp Reporting",
    says="Setting SOFTWARE on a UDP or TCP socket, and clearing it, counts for timestamps that are there "
    "already and not yet received.",
    since="3.17",
)
@PAIRS
def test_reporting_changes_at_once(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, TX_SCHED)
        sender.send(b"first")
        await_error(sender)
        ask(sender, TX_SCHED | SOFTWARE)
        set_after = times_reported(sender)
        sender.send(b"second")
        await_error(sender)
        ask(sender, TX_SCHED)

        assert observe("set_and_cleared_after", [set_after, times_reported(sender)]) == [1, 0]


@claim(
    "timestamping/reporting/only-requested",
    sentence="timestamping/reporting/only-requested",
    section="1.3.2 Timestamp Reporting",
    says="A send on a UDP or TCP socket with SOFTWARE alone is not reported, and one with TX_SCHED too is.",
    since="3.17",
)
@PAIRS
def test_only_what_was_requested_is_reported(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        flags = stored(sender, int(SOFTWARE))
        sender.send(b"alone")
        received = receiver.recv(5).decode()
        alone = sender.recv_error() is None
        ask(sender, SCHEDULED)
        sender.send(b"requested")

        assert [
            observe("flags_and_received", [flags, received]),
            observe("alone_and_requested", [alone, kinds(sender, 1)]),
        ] == [[int(SOFTWARE), "alone"], [True, ["SCHED"]]]


@claim(
    "timestamping/SYS_HARDWARE/ignored",
    sentence="timestamping/SYS_HARDWARE/ignored",
    section="1.3.2 Timestamp Reporting",
    says="A UDP socket takes SYS_HARDWARE, and what comes back on its error queue has no timestamp for it, "
    "as it has for SOFTWARE.",
    since="3.17",
)
@FAMILIES
def test_it_is_ignored(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        flags = stored(sender, int(TX_SCHED | SYS_HARDWARE))
        sender.send(b"when?")
        ignored = times_reported(sender)
        ask(sender, SCHEDULED)
        sender.send(b"when?")

        assert observe("flags_and_times", [flags, ignored, times_reported(sender)]) == [
            int(TX_SCHED | SYS_HARDWARE),
            0,
            1,
        ]


@claim(
    "timestamping/OPT_RX_FILTER/filters",
    sentence=("timestamping/OPT_RX_FILTER/filters", "timestamping/OPT_RX_FILTER/isolates"),
    section="1.3.3 Timestamp Options",
    says="While another socket has packets stamped, a UDP socket with SOFTWARE and OPT_RX_FILTER receives a "
    "timestamp only with RX_SOFTWARE, and without OPT_RX_FILTER in any case.",
    since="6.12",
)
@FAMILIES
def test_timestamps_for_others_are_filtered(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver, stamping():
        ask(receiver, SOFTWARE)
        sender.send(b"not filtered")
        seen = [len(control_messages(receiver, Timestamps))]
        ask(receiver, SOFTWARE | OPT_RX_FILTER)
        sender.send(b"not requested")
        seen.append(len(control_messages(receiver, Timestamps)))
        ask(receiver, SOFTWARE | OPT_RX_FILTER | RX_SOFTWARE)
        sender.send(b"requested")
        seen.append(len(control_messages(receiver, Timestamps)))

        assert observe("unfiltered_filtered_and_requested", seen) == [1, 0, 1]


@claim(
    "timestamping/OPT_RX_FILTER/spurious-without",
    sentence=(
        "timestamping/SO_TIMESTAMP/all-packets",
        "timestamping/generation/other-reasons",
        "timestamping/OPT_RX_FILTER/early",
        "timestamping/OPT_RX_FILTER/spurious",
    ),
    section="1.3.3 Timestamp Options",
    says="While another socket has packets stamped, a UDP socket with SOFTWARE alone receives timestamps "
    "too.",
    since="2.6.30",
)
@FAMILIES
def test_timestamps_for_others_are_received(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver, stamping():
        sender.send(b"nothing asked")
        before = len(control_messages(receiver, Timestamps))
        ask(receiver, SOFTWARE)
        sender.send(b"reports asked")

        assert observe("before_and_with", [before, len(control_messages(receiver, Timestamps))]) == [0, 1]


@claim(
    "timestamping/control-messages/override",
    sentence=("timestamping/control-messages/per-write", "timestamping/control-messages/override"),
    section="1.3.4. Enabling timestamps via control messages",
    says="The TX flags in a control message SO_TIMESTAMPING take the place of those of a UDP or TCP socket "
    "for the send that brings them, none of them too, and for no other.",
    since="4.7",
)
@PAIRS
def test_a_send_brings_its_flags(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        ask(sender, TX_SOFTWARE | SOFTWARE)
        sender.send_message(b"none", NONE)
        none = [receiver.recv(4).decode(), sender.recv_error() is None]
        sender.send_message(b"scheduled", TX_SCHED)
        own = kinds(sender, 1)
        sender.send(b"as the socket has it")
        of_socket = kinds(sender, 1)

        assert observe("seen", [*none, *own, *of_socket, sender.recv_error() is None]) == [
            "none",
            True,
            "SCHED",
            "SND",
            True,
        ]


@claim(
    "timestamping/control-messages/acknowledgement",
    sentence=("timestamping/control-messages/per-write", "timestamping/TX_ACK/control-message"),
    section="1.3.4. Enabling timestamps via control messages",
    says="A send on a TCP socket can ask for TX_ACK in a control message, beside TX_SCHED and TX_SOFTWARE, "
    "where the socket has none of them.",
    since="4.7",
)
@FAMILIES
def test_a_send_asks_for_its_acknowledgement(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        ask(sender, SOFTWARE)
        sender.send_message(b"when?", TX_SCHED | TX_SOFTWARE | TX_ACK)

        assert observe("kinds", kinds(sender, 3)) == ["SCHED", "SND", "ACK"]


@claim(
    "timestamping/control-messages/only-tx",
    sentence="timestamping/control-messages/only-tx",
    section="1.3.4. Enabling timestamps via control messages",
    says="A UDP or TCP socket does not send with a control message SO_TIMESTAMPING that has other flags "
    "than those of what is sent: RX_SOFTWARE, SOFTWARE or OPT_ID.",
    since="4.7",
    survives=UDP_UNCONNECTED,
)
@PAIRS
@pytest.mark.parametrize("flag", [RX_SOFTWARE, SOFTWARE, TimestampingFlag.OPT_ID], ids=["RX", "SW", "ID"])
def test_a_send_brings_no_other_flag(ns, observe, pair, flag):
    sender, receiver = pair()
    with sender, receiver:
        ask(sender, SOFTWARE)
        with refused():
            sender.send_message(b"refused", TX_SCHED | flag)
        sender.send_message(b"sent", TX_SCHED)

        assert observe("stamped", transmit_timestamp(sender).payload[-4:].decode()) == "sent"


@claim(
    "timestamping/control-messages/reporting",
    sentence="timestamping/control-messages/reporting",
    section="1.3.4. Enabling timestamps via control messages",
    says="What a send on a UDP or TCP socket asks for in a control message is reported with its time only "
    "where the socket has SOFTWARE.",
    since="4.7",
)
@PAIRS
def test_reporting_is_of_the_socket(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.send_message(b"when?", TX_SCHED)
        without = times_reported(sender)
        ask(sender, SOFTWARE)
        sender.send_message(b"when?", TX_SCHED)

        assert observe("without_and_with", [without, times_reported(sender)]) == [0, 1]


@claim(
    "timestamping/SO_TIMESTAMP/multicast-loop",
    sentence="timestamping/SO_TIMESTAMP/multicast-loop",
    section="1. Control Interfaces",
    says="With IP_MULTICAST_LOOP a UDP sender that has joined the group it sends to receives its own "
    "datagram with SO_TIMESTAMP or SO_TIMESTAMPNS, at a time after send was called; without it receives "
    "nothing.",
    since="2.6.22",
    needs=[VETH],
    survives={'no-op: sendto("now?"*': "the setup sends until packets are stamped"},
)
@pytest.mark.parametrize(
    ("option", "kind"), [(SO_TIMESTAMP, Timestamp), (SO_TIMESTAMPNS, TimestampNs)], ids=["usec", "nsec"]
)
def test_what_is_looped_is_stamped(peers, observe, option, kind):
    with (
        peers.left.entered(),
        member(peers.left) as sock,
        member(peers.right, sock.getsockname()[1]) as other,
        stamping(),
    ):
        sock.ip_multicast_if = IpMreqn(address=peers.left.address)
        sock.set(option, True)
        sock.ip_multicast_loop = False
        sock.sendto(b"not looped", sock.getsockname())
        sock.ip_multicast_loop = True
        before = now()
        sock.sendto(b"looped", sock.getsockname())
        received = [sock.recv(99, socket.MSG_PEEK).decode(), *received_until("looped", other)]
        after = now()
        times = [one.nanoseconds // 1000 for one in control_messages(sock, kind)]

        assert [
            observe("received", received),
            observe("between", [before <= at <= after for at in times]),
        ] == [["looped", "not looped", "looped"], [True]]
