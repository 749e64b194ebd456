"""SO_TXTIME: messages that carry the time at which to leave."""

from __future__ import annotations

import errno
import time

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.timing import SOON, timed
from libsocket import SO_TXTIME, Socket, SockTxTime, TxTime, TxTimeFlag, raw
from netns import Capability, only, without

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
