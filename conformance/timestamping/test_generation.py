"""SO_TIMESTAMPING: which timestamps are made, and which are reported.

All times are compared with the clock that stamps, CLOCK_REALTIME, read before and after.
"""

from __future__ import annotations

import errno
import socket
import time
from itertools import combinations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.error_queue import ids, reports, transmitted, types
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_error, await_readable
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.timestamps import stamping
from libsocket import (
    ExtendedError,
    MessageFlag,
    Socket,
    Timespec,
    Timestamping,
    TimestampingFlag,
    Timestamps,
    TransmitTimestamp,
)

NONE = Timespec(0, 0)
REQUESTS = (
    TimestampingFlag.RX_SOFTWARE,
    TimestampingFlag.RX_HARDWARE,
    TimestampingFlag.TX_SOFTWARE,
    TimestampingFlag.TX_HARDWARE,
    TimestampingFlag.TX_SCHED,
    TimestampingFlag.TX_ACK,
)
COMBINATIONS = [sum(some) for count in range(len(REQUESTS), -1, -1) for some in combinations(REQUESTS, count)]


def flags_after(sock: Socket, flags: int) -> int:
    """What flags a socket has once it was given these."""
    sock.timestamping = Timestamping(TimestampingFlag(flags))
    return sock.timestamping.flags


@claim(
    "timestamping/SO_TIMESTAMPING/other-bits",
    sentence="timestamping/SO_TIMESTAMPING/other-bits",
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
    sentence="timestamping/generation/any-combination",
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
    sentence="timestamping/generation/later-packets",
    section="1.3.1 Timestamp Generation",
    says="Of the datagrams that a UDP socket sends, those have a transmit timestamp that are sent while "
    "TX_SOFTWARE is on.",
    since="3.17",
)
def test_the_flag_counts_for_what_is_sent_after_it(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.send(b"before")
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE)
        sender.send(b"with")
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send(b"after")
        arrived = [receiver.recv(10).decode() for _ in range(3)]
        stamped = [one.payload[-4:].decode() for one in transmitted(sender)]

        assert [observe("stamped", stamped), arrived] == [["with"], ["before", "with", "after"]]


@claim(
    "timestamping/generation/rx-software",
    sentence=(
        "timestamping/generation/rx-software",
        "timestamping/receive/with-data",
        "timestamping/receive/no-error",
        "timestamping/receive/fields",
        "timestamping/records/most-in-first",
    ),
    section="1.3.1 Timestamp Generation",
    says="With RX_SOFTWARE and SOFTWARE a UDP datagram comes with the time at which it arrived, in ts[0] "
    "of the only control message, and the other two are zero.",
    since="2.6.30",
)
def test_a_datagram_comes_with_its_arrival(ns, observe):
    sender, receiver = udp_pair()
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
        "timestamping/types/one-to-one",
        "timestamping/types/snd",
    ),
    section="1.3.1 Timestamp Generation",
    says="A datagram on a UDP socket with TX_SCHED and TX_SOFTWARE has two timestamps during the send, in "
    "this order: SCM_TSTAMP_SCHED and SCM_TSTAMP_SND, the latter in ts[0].",
    since="3.17",
)
def test_a_datagram_is_stamped_before_the_scheduler_and_by_the_driver(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(
            TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SCHED | TimestampingFlag.TX_SOFTWARE
        )
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
    "timestamping/generation/tx-ack-of-all",
    sentence=("timestamping/generation/tx-ack", "timestamping/bytestream/whole-buffer"),
    section="1.3.1 Timestamp Generation",
    says="A TCP socket with TX_ACK has a timestamp of the type SCM_TSTAMP_ACK for a send once its last "
    "byte is acknowledged, one for the whole of it however many packets that were.",
    since="3.17",
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_send_is_stamped_when_it_is_acknowledged(ns, observe, size):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.TX_ACK)
        before = time.time_ns()
        sender.sendall(bytes(size))
        receiver.read_exact(size)
        await_error(sender)
        acknowledged = time.time_ns()
        stamps = transmitted(sender)
        between = [before <= one.times.software.nanoseconds <= acknowledged for one in stamps]

        assert [observe("types", [one.type for one in stamps]), between] == [[2], [True]]


@claim(
    "timestamping/bytestream/collapsed",
    sentence="timestamping/bytestream/collapsed",
    section="1.4 Bytestream Timestamps",
    says="Of two sends on a TCP socket that TCP_CORK puts into one packet only the last has a timestamp.",
    since="3.17",
    survives={"no-op: setsockopt(SOL_TCP, TCP_CORK, ?0?*": "what is held is sent a moment later in any case"},
)
def test_a_packet_has_one_timestamp(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(
            TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE | TimestampingFlag.OPT_ID
        )
        sender.tcp_cork = True
        sender.send(b"12345")
        sender.send(b"678")
        sender.tcp_cork = False
        receiver.read_exact(8)

        assert observe("ids", ids(sender)) == [7]


@claim(
    "timestamping/bytestream/msg-eor",
    sentence="timestamping/bytestream/msg-eor",
    section="1.4 Bytestream Timestamps",
    says="Of two sends on a TCP socket that TCP_CORK holds both have a timestamp if the first has MSG_EOR.",
    since="4.7",
    survives={"no-op: setsockopt(SOL_TCP, TCP_CORK*": "without it each send is stamped anyway"},
)
def test_a_record_is_stamped_by_itself(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(
            TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE | TimestampingFlag.OPT_ID
        )
        sender.tcp_cork = True
        sender.send(b"12345", MessageFlag.EOR)
        sender.send(b"678")
        sender.tcp_cork = False
        receiver.read_exact(8)

        assert observe("ids", ids(sender)) == [4, 7]


@claim(
    "timestamping/generation/no-tx-ack-on-udp",
    sentence="timestamping/generation/tx-ack-tcp-only",
    section="1.3.1 Timestamp Generation",
    says="A UDP socket takes TX_ACK, and no timestamp comes of it, as one does of TX_SOFTWARE.",
    since="3.17",
)
def test_nothing_acknowledges_a_datagram(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(
            TimestampingFlag.SOFTWARE | TimestampingFlag.TX_ACK | TimestampingFlag.TX_SOFTWARE
        )
        sender.send(b"x")
        receiver.recv(1)

        assert observe("types", types(sender)) == ["SND"]


@claim(
    "timestamping/reporting/at-once",
    sentence=("timestamping/reporting/control-message", "timestamping/reporting/software"),
    section="1.3.2 Timestamp Reporting",
    says="SOFTWARE is looked at when a report is read: of two datagrams stamped by a UDP socket without "
    "it, the report that is read before it is set has no times, the one that is read after it has.",
    since="2.6.30",
)
def test_reporting_takes_effect_at_once(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE)
        sender.send(b"first")
        sender.send(b"second")
        without = sender.recv_error()
        sender.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE)
        seen = [type(one).__name__ for one in [without, *reports(sender)]]

        assert observe("reports", seen) == [ExtendedError.__name__, TransmitTimestamp.__name__]


@claim(
    "timestamping/reporting/sys-hardware",
    sentence="timestamping/reporting/sys-hardware",
    section="1.3.2 Timestamp Reporting",
    says="SYS_HARDWARE can be set on a UDP socket and has no effect: a datagram stamped with TX_SOFTWARE is "
    "reported without a time where SOFTWARE is off, and with that of the software alone where it is on.",
    since="3.17",
)
def test_a_deprecated_flag_has_no_effect(ns, observe):
    flags = TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SYS_HARDWARE
    sender, receiver = udp_pair()
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
    sentence="timestamping/reporting/generated-only",
    section="1.3.2 Timestamp Reporting",
    says="With SOFTWARE alone nothing that a UDP or TCP socket sends is reported.",
    since="3.17",
)
@pytest.mark.parametrize("pair", [udp_pair, Socket.tcp_pair], ids=["udp", "tcp"])
def test_nothing_is_reported_that_is_not_made(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE)
        sender.send(b"x")
        receiver.recv(1)
        without = [sender.timestamping.flags.name, types(sender)]
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE)
        sender.send(b"x")
        receiver.recv(1)

        assert observe("without_and_with", [*without, types(sender)]) == ["SOFTWARE", [], ["SND"]]


@claim(
    "timestamping/SO_TIMESTAMPING/streams",
    sentence=("timestamping/interfaces/streams", "timestamping/interfaces/both-ways"),
    section="1 Control Interfaces",
    says="Data on a TCP connection over IPv4 or IPv6 is stamped where it is sent and where it is received.",
    since="3.17",
    needs=[IPV6],
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["4", "6"])
def test_a_stream_is_stamped_at_both_ends(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver, stamping():
        sender.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE)
        receiver.timestamping = Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE)
        before = time.time_ns()
        sender.send(b"when?")
        await_readable(receiver)
        arrived = time.time_ns()
        stamps = [one.times for one in transmitted(sender)] + control_messages(receiver, Timestamps)
        times = [before, *(one.software.nanoseconds for one in stamps), arrived]

        assert [observe("stamps", len(stamps)), times == sorted(times)] == [2, True]
