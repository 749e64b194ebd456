"""SO_TIMESTAMPING: which timestamps are made, and which are reported.

All times are compared with the clock that stamps, CLOCK_REALTIME, read before and after.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH, link, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.error_queue import (
    STAMPED,
    ids,
    next_timestamp,
    reports,
    transmitted,
    types,
)
from conformance.plugin.setups.made_peer import MADE, WITH_SACK, made_peer, sacked
from conformance.plugin.setups.pairs import (
    INTERNET_PAIRS,
    TCP_PAIRS,
    UDP_PAIRS,
    UNACKED_ENDS,
    received_until,
    udp_across,
    unacked_sender,
)
from conformance.plugin.setups.readiness import await_error, await_readable
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.timestamps import now, stamping
from conformance.plugin.timing import SOON
from libsocket import (
    SO_TIMESTAMP,
    SO_TIMESTAMPING,
    SO_TIMESTAMPING_NEW,
    SO_TIMESTAMPNS,
    ExtendedError,
    IpMreqn,
    Socket,
    Timespec,
    Timestamp,
    Timestamping,
    TimestampingFlag,
    TimestampNs,
    Timestamps,
    TransmitTimestamp,
)
from netns import Host

NONE = Timespec(0, 0)
GROUP = "239.1.2.3"
REQUESTS = (
    TimestampingFlag.RX_SOFTWARE,
    TimestampingFlag.RX_HARDWARE,
    TimestampingFlag.TX_SOFTWARE,
    TimestampingFlag.TX_HARDWARE,
    TimestampingFlag.TX_SCHED,
    TimestampingFlag.TX_ACK,
)
COMBINATIONS = [sum(some) for count in range(len(REQUESTS), -1, -1) for some in combinations(REQUESTS, count)]
ACKNOWLEDGED = TimestampingFlag.SOFTWARE | TimestampingFlag.TX_ACK
SCHEDULED = TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SCHED

UDP = pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
TCP = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
UDP_AND_TCP = pytest.mark.parametrize("pair", INTERNET_PAIRS.values(), ids=INTERNET_PAIRS)


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


def flags_after(sock: Socket, flags: int) -> int:
    """What flags a socket has once it was given these."""
    sock.timestamping = Timestamping(TimestampingFlag(flags))
    return sock.timestamping.flags


@claim(
    "timestamping/SO_TIMESTAMP/multicast-loop",
    sentence="timestamping/SO_TIMESTAMP/multicast-loop",
    section="1 Control Interfaces",
    says="With IP_MULTICAST_LOOP a UDP sender that has joined the IPv4 group it sends to receives its own "
    "datagram with a time from SO_TIMESTAMP or SO_TIMESTAMPNS that is not before the send; without it the "
    "sender receives nothing.",
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

        assert [observe("received", received), [before <= at <= after for at in times]] == [
            ["looped", "not looped", "looped"],
            [True],
        ]


@claim(
    "timestamping/SO_TIMESTAMPING/streams",
    sentence="timestamping/SO_TIMESTAMPING/both-ways",
    section="1 Control Interfaces",
    says="Data on a TCP connection over IPv4 or IPv6 is stamped where it is sent and where it is received.",
    since="3.17",
    needs=[IPV6],
)
@TCP
def test_a_stream_is_stamped_at_both_ends(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, stamping():
        sender.timestamping = Timestamping(STAMPED)
        receiver.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE)
        before = time.time_ns()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = time.time_ns()
        stamps = [one.times for one in transmitted(sender)] + control_messages(receiver, Timestamps)
        times = [before, *(one.software.nanoseconds for one in stamps), arrived]

        assert [observe("stamps", len(stamps)), times == sorted(times)] == [2, True]


@claim(
    "timestamping/SO_TIMESTAMPING/other-bits",
    sentence=("timestamping/SO_TIMESTAMPING/bitmap", "timestamping/SO_TIMESTAMPING/other-bits"),
    section="1.3 SO_TIMESTAMPING",
    says="Setting a bit of SO_TIMESTAMPING on a TCP or UDP socket that is no flag fails with EINVAL, "
    "alone or beside one that is, and what was set stays.",
    since="2.6.30",
)
@pytest.mark.parametrize("beside", [0, TimestampingFlag.TX_SOFTWARE], ids=["alone", "beside"])
@pytest.mark.parametrize("bit", [29, 30])
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_bit_that_is_no_flag_is_refused(ns, observe, kind, bit, beside):
    with SOCKETS[kind]() as sock:
        sock.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        with refused(errno.EINVAL):
            sock.timestamping = Timestamping(TimestampingFlag(1 << bit | beside))

        assert observe("kept", sock.timestamping.flags) == TimestampingFlag.SOFTWARE


@claim(
    "timestamping/generation/any-combination",
    sentence=("timestamping/SO_TIMESTAMPING/bitmap", "timestamping/generation/any-combination"),
    section="1.3.1 Timestamp Generation",
    says="SO_TIMESTAMPING of a TCP or UDP socket takes RX_SOFTWARE, RX_HARDWARE, TX_SOFTWARE, TX_HARDWARE, "
    "TX_SCHED and TX_ACK in every combination, and reads back as set.",
    since="3.17",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_requests_are_combined_at_will(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        taken = [flags_after(sock, flags) for flags in COMBINATIONS]

        assert observe("flags", taken) == COMBINATIONS


@claim(
    "timestamping/generation/later-packets",
    sentence=("timestamping/generation/later-packets", "timestamping/generation/sampling"),
    section="1.3.1 Timestamp Generation",
    says="Of the sends on a UDP or TCP socket those have a transmit timestamp that are made while "
    "TX_SOFTWARE is on.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_the_flag_counts_for_what_is_sent_after_it(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.send(b"before")
        arrived = [receiver.recv(10).decode()]
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"with")
        arrived.append(receiver.recv(10).decode())
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send(b"after")
        arrived.append(receiver.recv(10).decode())
        stamped = [one.payload[-4:].decode() for one in transmitted(sender)]

        assert [observe("stamped", stamped), arrived] == [["with"], ["before", "with", "after"]]


@claim(
    "timestamping/generation/not-those-in-the-stack",
    sentence="timestamping/generation/later-packets",
    section="1.3.1 Timestamp Generation",
    says="A datagram that is written in two parts on a UDP socket with UDP_CORK has a transmit timestamp if "
    "TX_SOFTWARE was on at the first, and not if only at the second.",
    since="3.17",
    needs=[IPV6],
)
@UDP
def test_the_flag_counts_for_what_is_begun_after_it(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.udp_cork = True
        sender.send(b"set ")
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"between")
        sender.udp_cork = False
        seen = [receiver.recv(20).decode(), *types(sender)]
        sender.udp_cork = True
        sender.send(b"cleared ")
        cleared = flags_after(sender, TimestampingFlag.SOFTWARE)
        sender.send(b"between")
        sender.udp_cork = False
        seen += [receiver.recv(20).decode(), *types(sender)]

        assert [observe("seen", seen), cleared] == [
            ["set between", "cleared between", "SND"],
            TimestampingFlag.SOFTWARE,
        ]


@claim(
    "timestamping/generation/rx-software",
    sentence=(
        "timestamping/SO_TIMESTAMPING/both-ways",
        "timestamping/generation/rx-software",
        "timestamping/records/fields",
        "timestamping/receive/with-data",
        "timestamping/receive/fields",
        "errqueue.h/SCM_TIMESTAMPING/passed",
    ),
    section="1.3.1 Timestamp Generation",
    says="With RX_SOFTWARE and SOFTWARE a UDP datagram over IPv4 or IPv6 comes with the time at which it "
    "arrived, in ts[0] of the only control message, and the other two are zero.",
    since="2.6.30",
    needs=[IPV6],
)
@UDP
def test_a_datagram_comes_with_its_arrival(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, stamping():
        receiver.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE)
        before = time.time_ns()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = time.time_ns()
        [stamps] = receiver.recv_message(10).control
        assert isinstance(stamps, Timestamps), f"{stamps!r} is no timestamp"
        between = before <= stamps.software.nanoseconds <= arrived

        assert observe("between_and_others", [between, stamps.legacy, stamps.hardware]) == [True, NONE, NONE]


@claim(
    "timestamping/generation/tx-sched-and-software",
    sentence=(
        "timestamping/generation/tx-software",
        "timestamping/generation/tx-sched",
        "timestamping/records/fields",
        "timestamping/types/one-to-one",
        "timestamping/types/snd",
        "errqueue.h/SCM_TSTAMP/type",
        "errqueue.h/SCM_TSTAMP/SND",
        "errqueue.h/SCM_TSTAMP/SCHED",
    ),
    section="1.3.1 Timestamp Generation",
    says="What a UDP or TCP socket with TX_SCHED and TX_SOFTWARE sends by loopback has two timestamps during "
    "the send, in this order: SCM_TSTAMP_SCHED and SCM_TSTAMP_SND, each in ts[0].",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_a_packet_is_stamped_before_the_scheduler_and_by_the_driver(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(SCHEDULED | TimestampingFlag.TX_SOFTWARE)
        before = time.time_ns()
        sender.send(b"when?")
        after = time.time_ns()
        stamps = transmitted(sender)
        times = [before, *(one.times.software.nanoseconds for one in stamps), after]
        others = [[one.times.legacy, one.times.hardware] == [NONE, NONE] for one in stamps]

        assert [observe("types", [one.type for one in stamps]), times == sorted(times), others] == [
            [1, 0],
            True,
            [True, True],
        ]


@claim(
    "timestamping/generation/each-alone",
    sentence=("timestamping/generation/tx-software", "timestamping/generation/tx-sched"),
    section="1.3.1 Timestamp Generation",
    says="What a UDP or TCP socket sends with one of TX_SCHED and TX_SOFTWARE has that timestamp only.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
@pytest.mark.parametrize(
    ("flag", "kind"),
    [(TimestampingFlag.TX_SCHED, "SCHED"), (TimestampingFlag.TX_SOFTWARE, "SND")],
    ids=["SCHED", "SND"],
)
def test_a_flag_asks_for_its_timestamp(ns, observe, pair, flag, kind):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | flag)
        sender.send(b"when?")
        receiver.recv(5)

        assert observe("types", types(sender)) == [kind]


@claim(
    "timestamping/generation/tx-sched-of-what-waits",
    sentence=("timestamping/generation/tx-software", "timestamping/generation/tx-sched-latency"),
    section="1.3.1 Timestamp Generation",
    says="A UDP datagram that a packet scheduler holds back (tbf) has its timestamp of TX_SCHED, and not "
    "that of TX_SOFTWARE, which one has that was let through.",
    since="3.17",
    needs=[VETH, qdisc("tbf")],
)
def test_a_datagram_that_waits_has_not_left(peers, observe):
    with udp_across(peers) as (sender, receiver):
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.timestamping = Timestamping(SCHEDULED | TimestampingFlag.TX_SOFTWARE)
        sender.send(b"let through")
        receiver.recv(20)
        seen = [types(sender)]
        peers.left.namespace.add_qdisc(peers.left.device, "tbf", rate="10kbit", burst=2000, limit=100_000)
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send_messages([bytes(1400)] * 60)
        sender.timestamping = Timestamping(SCHEDULED | TimestampingFlag.TX_SOFTWARE)
        sender.send(b"held back")
        seen.append(types(sender))

        assert observe("types", seen) == [["SCHED", "SND"], ["SCHED"]]


@claim(
    "timestamping/generation/tx-sched-at-each-layer",
    sentence="timestamping/generation/tx-sched-at-each-layer",
    section="1.3.1 Timestamp Generation",
    says="A UDP datagram that goes out by a macvlan on a veth gets a timestamp of TX_SCHED at each of the "
    "two, where one that goes out by the veth gets one.",
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
        sender.timestamping = Timestamping(SCHEDULED | TimestampingFlag.OPT_ID)
        port = receiver.getsockname()[1]
        sender.sendto(b"by the veth", (peers.right.address, port))
        received = [receiver.recv(20).decode()]
        sender.sendto(b"by the macvlan", ("10.0.3.2", port))
        received.append(receiver.recv(20).decode())

        assert [observe("ids", ids(sender)), received] == [[0, 1, 1], ["by the veth", "by the macvlan"]]


@claim(
    "timestamping/generation/tx-ack-of-all",
    sentence=(
        "timestamping/generation/tx-ack",
        "timestamping/types/one-to-one",
        "errqueue.h/SCM_TSTAMP/type",
        "errqueue.h/SCM_TSTAMP/ACK",
    ),
    section="1.3.1 Timestamp Generation",
    says="A TCP socket with TX_ACK has a timestamp of the type SCM_TSTAMP_ACK for a send once its last "
    "byte is acknowledged, one for the whole of it however many packets that were.",
    since="3.17",
    needs=[IPV6],
)
@TCP
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_send_is_stamped_when_it_is_acknowledged(ns, observe, pair, size):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(ACKNOWLEDGED)
        before = time.time_ns()
        sender.sendall(bytes(size))
        receiver.read_exact(size)
        await_error(sender)
        acknowledged = time.time_ns()
        stamps = transmitted(sender)
        between = [before <= one.times.software.nanoseconds <= acknowledged for one in stamps]

        assert [observe("types", [one.type for one in stamps]), between] == [[2], [True]]


@claim(
    "timestamping/generation/tx-ack-not-before",
    sentence="timestamping/generation/tx-ack",
    section="1.3.1 Timestamp Generation",
    says="What a TCP socket sends with TX_ACK to a peer that acknowledges nothing has no timestamp of it.",
    since="3.17",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
def test_nothing_is_stamped_that_is_not_acknowledged(peers, observe):
    with unacked_sender(peers) as sender:
        sender.timestamping = Timestamping(ACKNOWLEDGED | TimestampingFlag.TX_SCHED)
        sender.send(b"when?")

        assert observe("types", types(sender)) == ["SCHED"]


@claim(
    "timestamping/generation/tx-ack-cumulative",
    sentence=("timestamping/generation/tx-ack-cumulative", "timestamping/generation/tx-ack-not-by-sack"),
    section="1.3.1 Timestamp Generation",
    says="Of two sends on a TCP socket the second has no timestamp of TX_ACK when a SACK acknowledges it "
    "alone, and both have one when one acknowledgement takes them together.",
    since="3.17",
    needs=MADE,
)
def test_a_sack_is_no_acknowledgement(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as sock:
        peer.answer(sock, WITH_SACK)
        sock.tcp_nodelay = True
        sock.timestamping = Timestamping(ACKNOWLEDGED | TimestampingFlag.OPT_ID)
        sock.send(b"123")
        sock.send(b"45")
        begin = peer.take(peer.next()).sequence
        peer.next()
        peer.send(acknowledged=begin, options=sacked((begin + 3, begin + 5)))
        peer.replies()
        by_sack = [sock.tcp_info.sacked, ids(sock)]
        peer.send(acknowledged=begin + 5)
        by_both = [next_timestamp(sock).id, next_timestamp(sock).id]

        assert [observe("by_sack", by_sack), observe("by_both", by_both)] == [[1, []], [2, 4]]


@claim(
    "timestamping/generation/no-tx-ack-on-udp",
    sentence="timestamping/generation/tx-ack-tcp-only",
    section="1.3.1 Timestamp Generation",
    says="A UDP socket takes TX_ACK, and no timestamp comes of it, as one does of TX_SOFTWARE.",
    since="3.17",
    needs=[IPV6],
)
@UDP
def test_nothing_acknowledges_a_datagram(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED | TimestampingFlag.TX_ACK)
        sender.send(b"x")
        receiver.recv(1)

        assert observe("types", types(sender)) == ["SND"]


@claim(
    "timestamping/reporting/at-once",
    sentence=(
        "timestamping/reporting/at-once",
        "timestamping/reporting/software",
        "net_tstamp.h/SO_TIMESTAMPING/kinds",
    ),
    section="1.3.2 Timestamp Reporting",
    says="SOFTWARE is looked at when a report is read: of what a UDP or TCP socket has stamped the report "
    "has its time that is read while the flag is on, and none that is read while it is off.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_reporting_takes_effect_at_once(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE | TimestampingFlag.TX_SCHED)
        sender.send(b"twice")
        receiver.recv(5)
        read = [sender.recv_error()]
        sender.timestamping = Timestamping(STAMPED)
        read.append(sender.recv_error())
        sender.send(b"once")
        receiver.recv(4)
        sender.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE)
        seen = [type(one).__name__ for one in [*read, *reports(sender)]]

        assert observe("reports", seen) == [
            ExtendedError.__name__,
            TransmitTimestamp.__name__,
            ExtendedError.__name__,
        ]


@claim(
    "timestamping/reporting/sys-hardware",
    sentence="timestamping/reporting/sys-hardware",
    section="1.3.2 Timestamp Reporting",
    says="SYS_HARDWARE can be set on a UDP socket and has no effect: a datagram stamped with TX_SOFTWARE is "
    "reported without a time where SOFTWARE is off, and with that of the software alone where it is on.",
    since="3.17",
    needs=[IPV6],
)
@UDP
def test_a_deprecated_flag_has_no_effect(ns, observe, pair):
    flags = TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SYS_HARDWARE
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(flags)
        sender.send(b"x")
        without = [type(one).__name__ for one in reports(sender)]
        sender.timestamping = Timestamping(flags | TimestampingFlag.SOFTWARE)
        sender.send(b"x")
        others = [[one.times.legacy, one.times.hardware] for one in transmitted(sender)]

        assert [
            observe("flags", sender.timestamping.flags),
            observe("without", without),
            observe("with", others),
        ] == [flags | TimestampingFlag.SOFTWARE, ["ExtendedError"], [[NONE, NONE]]]


@claim(
    "timestamping/reporting/generated-only",
    sentence=("timestamping/reporting/generated-only", "net_tstamp.h/SO_TIMESTAMPING/kinds"),
    section="1.3.2 Timestamp Reporting",
    says="With SOFTWARE alone nothing that a UDP or TCP socket sends is reported.",
    since="3.17",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_nothing_is_reported_that_is_not_made(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send(b"x")
        receiver.recv(1)
        without = [sender.timestamping.flags.name, types(sender)]
        sender.timestamping = Timestamping(STAMPED)
        sender.send(b"x")
        receiver.recv(1)

        assert observe("without_and_with", [*without, types(sender)]) == ["SOFTWARE", [], ["SND"]]


@claim(
    "timestamping/control-message/overrides",
    sentence=("timestamping/control-message/one-write", "timestamping/control-message/overrides"),
    section="1.3.4 Enabling timestamps via control messages",
    says="TX_* flags in a control message SO_TIMESTAMPING of one send on a UDP or TCP socket take the place "
    "of the socket's own for it alone.",
    since="4.7",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_a_message_has_flags_of_its_own(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        sender.send_message(b"sched", TimestampingFlag.TX_SCHED)
        arrived = [receiver.recv(10).decode()]
        sender.send_message(b"none", TimestampingFlag(0))
        arrived.append(receiver.recv(10).decode())
        seen = types(sender)
        sender.send(b"own")
        arrived.append(receiver.recv(10).decode())

        assert [observe("types", [seen, types(sender)]), arrived] == [
            [["SCHED"], ["SND"]],
            ["sched", "none", "own"],
        ]


@claim(
    "defacto/SO_TIMESTAMPING_NEW/control-message",
    says="TX_* flags in a control message SO_TIMESTAMPING_NEW of one send on a UDP or TCP socket take the "
    "place of the socket's own for it alone, as in one of SO_TIMESTAMPING.",
    since="6.7",
    backports=("5.4.267", "5.10.208", "5.15.147", "6.1.72", "6.6.11"),
    commit="382a32018b74",
    needs=[IPV6],
)
@UDP_AND_TCP
@pytest.mark.parametrize("option", [SO_TIMESTAMPING, SO_TIMESTAMPING_NEW], ids=["OLD", "NEW"])
def test_a_new_message_has_flags_of_its_own(ns, observe, pair, option):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(STAMPED)
        flags = int(TimestampingFlag.TX_SCHED).to_bytes(4, sys.byteorder)
        sender.sendmsg([b"x"], [(socket.SOL_SOCKET, option.number, flags)])
        receiver.recv(1)
        seen = types(sender)
        sender.send(b"x")
        receiver.recv(1)

        assert observe("types_of_both", [seen, types(sender)]) == [["SCHED"], ["SND"]]


@claim(
    "timestamping/control-message/acknowledgement",
    sentence=(
        "timestamping/control-message/one-write",
        "timestamping/generation/tx-by-control-message",
        "net_tstamp.h/SO_TIMESTAMPING/both-ways",
    ),
    section="1.3.4 Enabling timestamps via control messages",
    says="A send on a TCP socket that has none of TX_SCHED, TX_SOFTWARE and TX_ACK can ask for all three in "
    "a control message.",
    since="4.7",
    needs=[IPV6],
)
@TCP
def test_a_send_asks_for_its_acknowledgement(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send_message(
            b"x", TimestampingFlag.TX_SCHED | TimestampingFlag.TX_SOFTWARE | TimestampingFlag.TX_ACK
        )
        seen = [next_timestamp(sender).type for _ in range(3)]

        assert observe("types", seen) == [1, 0, 2]


@claim(
    "timestamping/control-message/reported",
    sentence="timestamping/control-message/reporting",
    section="1.3.4 Enabling timestamps via control messages",
    says="What one send asks for by a control message is reported with its time where the UDP or TCP socket "
    "has SOFTWARE, and without a time where it has not.",
    since="4.7",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_reporting_is_the_socket_s(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.send_message(b"x", TimestampingFlag.TX_SOFTWARE)
        receiver.recv(1)
        without = [type(one).__name__ for one in reports(sender)]
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send_message(b"x", TimestampingFlag.TX_SOFTWARE)
        receiver.recv(1)

        assert observe("without_and_with", [without, types(sender)]) == [["ExtendedError"], ["SND"]]


@claim(
    "timestamping/control-message/tx-only",
    sentence="timestamping/control-message/tx-only",
    section="1.3.4 Enabling timestamps via control messages",
    says="A UDP or TCP socket refuses other flags than TX_* in a control message, and sends nothing.",
    since="4.7",
    needs=[IPV6],
)
@UDP_AND_TCP
@pytest.mark.parametrize(
    "flag",
    [TimestampingFlag.RX_SOFTWARE, TimestampingFlag.SOFTWARE, TimestampingFlag.OPT_ID],
    ids=["RX_SOFTWARE", "SOFTWARE", "OPT_ID"],
)
def test_a_message_may_ask_for_transmit_timestamps_only(ns, observe, pair, flag):
    sender, receiver = pair()
    with sender, receiver:
        with refused():
            sender.send_message(b"refused", flag | TimestampingFlag.TX_SOFTWARE)
        sender.send_message(b"taken", TimestampingFlag.TX_SOFTWARE)

        assert observe("received", receiver.recv(10).decode()) == "taken"
