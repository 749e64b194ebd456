"""SO_TXTIME: messages that carry the time at which to leave."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import qdisc
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.error_queue import next_error, reports
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.timing import SOON, timed
from libsocket import SO_TXTIME, Origin, Socket, SockTxTime, TxTime, TxTimeFlag, raw
from netns import Capability, Peers, only, without

SINCE, COMMIT = "4.19", "80b14dee2bea"
BOTH = TxTimeFlag.DEADLINE_MODE | TxTimeFlag.REPORT_ERRORS


@claim(
    "defacto/SO_TXTIME/stored",
    sentence="net_tstamp.h/SO_TXTIME/structure",
    says="SO_TXTIME of a UDP or TCP socket is clock 0 without flags at first, and reads back as it was set.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp], ids=["udp", "tcp"])
@pytest.mark.parametrize("flags", [TxTimeFlag(0), TxTimeFlag.DEADLINE_MODE, TxTimeFlag.REPORT_ERRORS, BOTH])
def test_it_reads_back(ns, observe, make, flags):
    with make() as sock:
        before = sock.txtime
        sock.txtime = SockTxTime(time.CLOCK_MONOTONIC, flags)
        seen = [[one.clockid, int(one.flags)] for one in (before, sock.txtime)]

        assert observe("before_and_after", seen) == [[0, 0], [time.CLOCK_MONOTONIC, int(flags)]]


@claim(
    "defacto/SO_TXTIME/unknown-flags",
    says="SO_TXTIME of a UDP socket with another flag than the two is refused with EINVAL.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("flags", [4, 8])
def test_other_flags_are_refused(ns, observe, flags):
    with Socket.udp() as sock:
        sock.txtime = SockTxTime(time.CLOCK_MONOTONIC, BOTH)
        with refused(errno.EINVAL):
            sock.txtime = SockTxTime(time.CLOCK_MONOTONIC, TxTimeFlag(flags))

        assert observe("kept", int(sock.txtime.flags)) == 3


@claim(
    "defacto/SO_TXTIME/optlen",
    says="Setting SO_TXTIME of a UDP socket with another size than 8 bytes is refused with EINVAL.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("size", [0, 4, 7, 9, 12])
def test_it_has_eight_bytes(ns, observe, size):
    with Socket.udp() as sock:
        sock.txtime = SockTxTime(time.CLOCK_MONOTONIC, BOTH)
        with refused(errno.EINVAL):
            sock.set(SO_TXTIME.through(raw(size)), bytes(size))

        assert observe("kept", [sock.txtime.clockid, int(sock.txtime.flags)]) == [time.CLOCK_MONOTONIC, 3]


@claim(
    "defacto/SO_TXTIME/monotonic-free",
    says="SO_TXTIME of a UDP socket with CLOCK_MONOTONIC takes no capability; CLOCK_REALTIME or CLOCK_TAI "
    "takes CAP_NET_ADMIN: EPERM.",
    since="5.8",
    commit="790709f24972",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize("clock", [time.CLOCK_REALTIME, time.CLOCK_TAI], ids=["realtime", "tai"])
def test_other_clocks_take_a_capability(ns, observe, clock):
    with Socket.udp() as sock, Socket.udp() as other:
        with without(Capability.NET_ADMIN):
            sock.txtime = SockTxTime(time.CLOCK_MONOTONIC, BOTH)
            with refused(errno.EPERM):
                sock.txtime = SockTxTime(clock)
        with only(Capability.NET_ADMIN):
            other.txtime = SockTxTime(clock, BOTH)
        mine, others = sock.txtime, other.txtime
        kept = [[mine.clockid, int(mine.flags)], [others.clockid, int(others.flags)]]

        assert observe("kept_and_allowed", kept) == [[time.CLOCK_MONOTONIC, 3], [clock, 3]]


@claim(
    "defacto/SO_TXTIME/other-clocks",
    says="SO_TXTIME of a UDP socket with another clock than CLOCK_MONOTONIC, CLOCK_REALTIME and CLOCK_TAI is "
    "refused with EINVAL.",
    since="6.11",
    commit="73451e9aaa24",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize(
    "clock", [time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC_RAW, 100], ids=["boottime", "raw", "100"]
)
def test_unknown_clocks_are_refused(ns, observe, clock):
    with Socket.udp() as sock:
        sock.txtime = SockTxTime(time.CLOCK_TAI)
        with refused(errno.EINVAL):
            sock.txtime = SockTxTime(clock)

        assert observe("kept", sock.txtime.clockid) == time.CLOCK_TAI


@claim(
    "defacto/SO_TXTIME/message-needs-option",
    says="A UDP datagram with a control message SCM_TXTIME is refused with EINVAL by a socket without "
    "SO_TXTIME, and sent by one with it.",
    since=SINCE,
    commit=COMMIT,
)
def test_a_time_needs_the_option(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sender.send_message(b"refused", TxTime(time.monotonic_ns()))
        sender.txtime = SockTxTime(time.CLOCK_MONOTONIC)
        sender.send_message(b"sent", TxTime(time.monotonic_ns()))

        assert observe("received", receiver.recv(9).decode()) == "sent"


@claim(
    "defacto/SO_TXTIME/fq-delays",
    says="The queueing discipline fq holds a UDP datagram back until the time of CLOCK_MONOTONIC that it "
    "carries.",
    since="4.20",
    commit="ab408b6dc744",
    needs=[qdisc("fq")],
)
def test_fq_sends_it_when_it_is_time(peers, observe):
    peers.left.namespace.add_qdisc(peers.left.device, "fq", handle="1:")
    with udp_across(peers) as (sender, receiver):
        sender.txtime = SockTxTime(time.CLOCK_MONOTONIC)
        with timed() as took:
            address = peers.right.address, receiver.getsockname()[1]
            sender.send_message(b"later", TxTime(time.monotonic_ns() + 200_000_000), address=address)
            data = receiver.recv(9).decode()

        assert observe("data_and_lasted", [data, took.lasted(0.2)]) == ["later", True]


@claim(
    "defacto/SO_TXTIME/fq-horizon",
    says="The queueing discipline fq drops a UDP datagram over IPv4 whose time of CLOCK_MONOTONIC is more "
    "than ten seconds ahead, without an error of the socket: it is gone from the send buffer, where one that "
    "is nine seconds ahead still is.",
    since="5.8",
    commit="39d010504e6b",
    needs=[qdisc("fq")],
    survives={"no-op: sendmsg(*": "what is dropped may as well not have been sent"},
)
@pytest.mark.parametrize(("ahead", "held"), [(9, True), (11, False), (1000, False)])
def test_fq_drops_what_is_too_far_ahead(peers, observe, ahead, held):
    peers.left.namespace.add_qdisc(peers.left.device, "fq", handle="1:")
    with udp_across(peers) as (sender, receiver), peers.left.entered(), Socket.udp() as other:
        sender.txtime = SockTxTime(time.CLOCK_MONOTONIC)
        address = peers.right.address, receiver.getsockname()[1]
        other.connect(address)
        sender.send_message(b"ahead", TxTime(time.monotonic_ns() + ahead * 10**9), address=address)
        other.send(b"due")
        seen = [receiver.recv(9).decode(), sender.meminfo.wmem_alloc > 0, sender.error]

        assert observe("first_held_error", seen) == ["due", held, 0]


ETF, ETF_COMMIT = "4.19", "25db26a91364"
REPORTS_COMMIT = "4b15c7075352"
SECOND = 1_000_000_000
AHEAD = 2 * SECOND
"""How far ahead what etf sends at once is due: that is the range that it was given."""
ETF_NEEDS = (qdisc("etf"), Capability.NET_ADMIN)


@contextmanager
def by_etf(
    hosts: Peers, *, delta: int = AHEAD, deadline_mode: bool = False
) -> Iterator[tuple[Socket, Socket]]:
    """A sender with SO_TXTIME whose packets leave by etf, and a receiver.

    Each knows the other's hardware address before: etf drops what ARP sends.
    """
    left = hosts.left
    with udp_across(hosts) as (sender, receiver):
        sender.connect((hosts.right.address, receiver.getsockname()[1]))
        sender.send(b"before")
        receiver.recv(9)
        left.namespace.add_qdisc(
            left.device, "etf", handle="1:", clockid=time.CLOCK_TAI, delta=delta, deadline_mode=deadline_mode
        )
        sender.txtime = SockTxTime(time.CLOCK_TAI, BOTH if deadline_mode else TxTimeFlag.REPORT_ERRORS)
        yield sender, receiver


def at(nanoseconds: int) -> TxTime:
    """A time of CLOCK_TAI that many from now on."""
    return TxTime(time.clock_gettime_ns(time.CLOCK_TAI) + nanoseconds)


def rejected(sock: Socket) -> list[object]:
    """Errno, origin and code of the next error that is queued."""
    error = next_error(sock)
    return [errno_name(error.errno), Origin(error.origin).name, error.code]


@claim(
    "defacto/SO_TXTIME/etf-delays",
    says="The queueing discipline etf holds a UDP datagram over IPv4 back until the time of CLOCK_TAI that "
    "it carries, less the range (delta) that etf was given.",
    since=ETF,
    commit=ETF_COMMIT,
    needs=ETF_NEEDS,
)
def test_etf_sends_it_when_it_is_time(peers, observe):
    with by_etf(peers) as (sender, receiver):
        receiver.rcvtimeo = AHEAD / SECOND  # it would come later without the range
        with timed() as took:
            sender.send_message(b"later", at(AHEAD + SECOND // 5))
            data = receiver.recv(9).decode()

        assert observe("data_and_lasted", [data, took.lasted(0.2)]) == ["later", True]


@claim(
    "defacto/SO_TXTIME/etf-sorts",
    says="Of two UDP datagrams over IPv4 that the queueing discipline etf holds back, the one whose time is "
    "first leaves first, though it was sent last.",
    since=ETF,
    commit=ETF_COMMIT,
    needs=ETF_NEEDS,
)
def test_etf_sends_in_the_order_of_times(peers, observe):
    with by_etf(peers) as (sender, receiver):
        start = time.clock_gettime_ns(time.CLOCK_TAI) + AHEAD
        sender.send_message(b"second", TxTime(start + 6 * SECOND // 10))
        sender.send_message(b"first", TxTime(start + SECOND // 10))

        assert observe("order", [receiver.recv(9).decode(), receiver.recv(9).decode()]) == ["first", "second"]


@claim(
    "defacto/SO_TXTIME/etf-deadline",
    says="In its deadline mode the queueing discipline etf sends a UDP datagram over IPv4 of a socket with "
    "DEADLINE_MODE at once, though its time is a minute ahead.",
    since=ETF,
    commit=ETF_COMMIT,
    needs=ETF_NEEDS,
)
def test_etf_sends_before_a_deadline(peers, observe):
    with by_etf(peers, deadline_mode=True) as (sender, receiver):
        sender.send_message(b"at once", at(60 * SECOND))

        assert observe("data", receiver.recv(9).decode()) == "at once"


INVALID = {
    "clock": (SockTxTime(time.CLOCK_MONOTONIC, TxTimeFlag.REPORT_ERRORS), AHEAD),
    "mode": (SockTxTime(time.CLOCK_TAI, BOTH), AHEAD),
    "past": (SockTxTime(time.CLOCK_TAI, TxTimeFlag.REPORT_ERRORS), -SECOND),
}


@claim(
    "defacto/SO_TXTIME/etf-reports",
    says="The queueing discipline etf drops a UDP datagram over IPv4 whose socket's SO_TXTIME has "
    "CLOCK_MONOTONIC, or DEADLINE_MODE where etf has not, or whose time is past; with REPORT_ERRORS the "
    "error queue has EINVAL of it, and without nothing.",
    since=ETF,
    commit=REPORTS_COMMIT,
    needs=ETF_NEEDS,
)
@pytest.mark.parametrize(("invalid", "ahead"), INVALID.values(), ids=INVALID)
def test_etf_drops_what_is_not_valid(peers, observe, invalid, ahead):
    with (
        by_etf(peers) as (sender, receiver),
        peers.left.entered(),
        Socket.udp() as reporting,
        Socket.udp() as silent,
    ):
        address = sender.getpeername()
        reporting.txtime = invalid
        silent.txtime = SockTxTime(invalid.clockid, invalid.flags & ~TxTimeFlag.REPORT_ERRORS)
        reporting.send_message(b"dropped", at(ahead), address=address)
        silent.send_message(b"dropped", at(ahead), address=address)
        sender.send_message(b"due", at(AHEAD))
        first = receiver.recv(9).decode()

        assert [
            observe("first", first),
            observe("reported", rejected(reporting)),
            observe("not", reports(silent)),
        ] == [
            "due",
            ["EINVAL", "TXTIME", 1],
            [],
        ]


@claim(
    "defacto/SO_TXTIME/etf-missed",
    says="The queueing discipline etf with a range of 0 drops a UDP datagram over IPv4 when its time has "
    "come: with REPORT_ERRORS the error queue has ECANCELED of it.",
    since=ETF,
    commit=REPORTS_COMMIT,
    needs=ETF_NEEDS,
)
def test_etf_drops_what_missed_its_time(peers, observe):
    with by_etf(peers, delta=0) as (sender, receiver):
        sender.send_message(b"dropped", at(SECOND // 2))
        reported = rejected(sender)
        receiver.sendto(b"end", sender.getpeername())
        first = receiver.recv(9).decode()

        assert [observe("reported", reported), observe("first", first)] == [["ECANCELED", "TXTIME", 2], "end"]


@claim(
    "defacto/SO_TXTIME/etf-drops-others",
    says="The queueing discipline etf drops a UDP datagram over IPv4 of a socket without SO_TXTIME.",
    since=ETF,
    commit=ETF_COMMIT,
    needs=ETF_NEEDS,
    survives={"no-op: sendto(*dropped*": "what is dropped may as well not have been sent"},
)
def test_etf_drops_what_has_no_time(peers, observe):
    with by_etf(peers) as (sender, receiver), peers.left.entered(), Socket.udp() as other:
        other.sendto(b"dropped", sender.getpeername())
        sender.send_message(b"due", at(AHEAD))

        assert observe("first", receiver.recv(9).decode()) == "due"
