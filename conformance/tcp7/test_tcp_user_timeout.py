"""TCP_USER_TIMEOUT: how long sent data may stay unacknowledged."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import UNANSWERED
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import UNACKED_ENDS, fill_buffer, slow_reader, unanswered_sender
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.setups.segments import next_segment, segments, waiting_segments
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

LEAST_TIMEOUT = 0.2
"""Seconds: the least retransmission timeout of TCP."""
ESTABLISHED, CLOSE, CLOSE_WAIT, LISTEN = 1, 7, 8, 10


@claim(
    "tcp.7/TCP_USER_TIMEOUT/unacknowledged",
    sentence=(
        "tcp.7/TCP_USER_TIMEOUT/milliseconds",
        "tcp.7/TCP_USER_TIMEOUT/decreasing",
        "tcp.7/ETIMEDOUT/unacknowledged",
        "tcp.7/Error-handling/reported",
        "tcp.h/TCP_USER_TIMEOUT/loss",
        "socket.2/stream/dead",
    ),
    section="Socket options",
    says="A TCP connection over IPv4 whose sent data has not been acknowledged for TCP_USER_TIMEOUT "
    "milliseconds is closed, and not sooner: its receive fails with ETIMEDOUT.",
    since="2.6.37",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("seconds", [1, 2])
def test_a_connection_ends_unacknowledged(peers, observe, seconds):
    with unanswered_sender(peers) as sock:
        sock.rcvtimeo = SOON
        sock.tcp_user_timeout = seconds * 1000
        with timed() as took:
            sock.send(b"x")
            with refused(errno.ETIMEDOUT):
                sock.recv(1)

        assert observe("lasted", took.lasted(seconds)) is True


@claim(
    "tcp.7/TCP_USER_TIMEOUT/zero-window",
    sentence="tcp.7/TCP_USER_TIMEOUT/milliseconds",
    section="Socket options",
    says="A TCP connection over IPv4 whose buffered data cannot be sent for TCP_USER_TIMEOUT milliseconds, "
    "since its peer does not read and has closed its window, is closed: a receive fails with ETIMEDOUT.",
    since="2.6.37",
)
def test_a_connection_ends_before_a_closed_window(ns, observe):
    with slow_reader() as (sender, _):
        sender.rcvtimeo = SOON
        sender.tcp_user_timeout = 1000
        with timed() as took:
            fill_buffer(sender)
            with refused(errno.ETIMEDOUT):
                sender.recv(1)

        assert observe("lasted", took.lasted(1)) is True


@claim(
    "tcp.7/TCP_USER_TIMEOUT/zero-is-default",
    sentence=("tcp.7/TCP_USER_TIMEOUT/zero", "tcp.7/TCP_USER_TIMEOUT/increasing"),
    section="Socket options",
    says="With a TCP_USER_TIMEOUT of 0, or of 10 seconds, a TCP connection over IPv4 whose data is not "
    "acknowledged lives longer than it does with half a second.",
    since="2.6.37",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("milliseconds", [0, 10_000])
def test_a_connection_lives_on(peers, observe, milliseconds):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        peers.left.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
        sock.tcp_user_timeout = 500
        before = sock.tcp_user_timeout
        sock.tcp_user_timeout = milliseconds
        sock.send(b"x")
        with timed() as took:
            copies = [next_segment(arriving).data.decode() for _ in range(4)]

        lives = [before, copies, took.lasted(1), sock.error]
        assert observe("before_copies_and_a_second_later", lives) == [500, ["x"] * 4, True, 0]


@claim(
    "tcp.7/TCP_USER_TIMEOUT/any-state",
    sentence="tcp.7/TCP_USER_TIMEOUT/any-state",
    section="Socket options",
    says="TCP_USER_TIMEOUT can be set on TCP sockets, over IPv4 and IPv6, that are connected, are shut down "
    "by their peer, are new, and listen.",
    since="2.6.37",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_it_can_be_set_in_any_state(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.tcp(family) as new, Socket.tcp(family) as listener:
        right.tcp_user_timeout = 1
        states = [right.tcp_info.state]
        right.shutdown(socket.SHUT_WR)
        await_end(left)
        listener.listen()
        left.tcp_user_timeout, new.tcp_user_timeout, listener.tcp_user_timeout = 2, 3, 4
        states += [sock.tcp_info.state for sock in (left, new, listener)]

        timeouts = [sock.tcp_user_timeout for sock in (right, left, new, listener)]
        assert [observe("states", states), observe("timeouts", timeouts)] == [
            [ESTABLISHED, CLOSE_WAIT, CLOSE, LISTEN],
            [1, 2, 3, 4],
        ]


@claim(
    "tcp.7/TCP_USER_TIMEOUT/not-while-connecting",
    sentence="tcp.7/TCP_USER_TIMEOUT/synchronized",
    section="Socket options",
    says="A connect of a TCP socket over IPv4 to which nobody answers ends as its SYNs have it (TCP_SYNCNT), "
    "not after TCP_USER_TIMEOUT.",
    since="2.6.37",
    needs=UNANSWERED,
    expect=differs(
        "since then connecting ends after that time too",
        since="5.4",
        commit="a41e8a88b06e",
        observed={"lasted": False},
    ),
    survives={"no-op: setsockopt(*TCP_SYNCNT*": "it only ends a connect that nothing else ends"},
)
def test_it_does_not_end_connecting(peers, observe):
    peers.right.namespace.add_route(f"{peers.left.address}/32", type="blackhole")
    with peers.left.entered(), Socket.tcp() as sock:
        sock.tcp_syncnt = 1
        sock.tcp_user_timeout = 500
        with timed() as took, refused(errno.ETIMEDOUT):
            sock.connect((peers.right.address, 9))

        assert observe("lasted", took.lasted(3)) is True


@claim(
    "tcp.7/TCP_USER_TIMEOUT/overrides-keepalive",
    sentence="tcp.7/TCP_USER_TIMEOUT/overrides-keepalive",
    section="Socket options",
    says="A TCP connection over IPv4 whose keepalive probes are in vain ends when TCP_USER_TIMEOUT has it, "
    "be it before or after TCP_KEEPCNT probes.",
    since="2.6.37",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("count", "milliseconds", "sent"), [(5, 1500, 1), (1, 2500, 2)])
def test_it_decides_when_keepalive_ends(peers, observe, count, milliseconds, sent):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        sock.rcvtimeo = SOON
        sock.tcp_keepidle = sock.tcp_keepintvl = 1
        sock.tcp_keepcnt = count
        sock.tcp_user_timeout = milliseconds
        sock.keepalive = True
        with refused(errno.ETIMEDOUT):
            sock.recv(1)

        probes = [one for one in waiting_segments(arriving) if not one.reset]
        assert observe("probes_and_count", [len(probes), sock.tcp_keepcnt]) == [sent, count]


@claim(
    "tcp.7/TCP_USER_TIMEOUT/retransmissions",
    sentence=(
        "tcp.7/TCP_USER_TIMEOUT/no-effect-on-sending",
        "tcp.7/Error-handling/resends",
        "tcp.7/DESCRIPTION/in-order",
    ),
    section="Socket options",
    says="With a TCP_USER_TIMEOUT of a second a TCP connection over IPv4 sends again what is not "
    "acknowledged as without: not before its retransmission timeout, of 200 milliseconds at least, and then "
    "not before twice that has passed too.",
    since="2.6.37",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
def test_it_does_not_change_retransmissions(peers, observe):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        peers.left.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
        sock.tcp_user_timeout = 1000
        with timed() as twice:
            with timed() as once:
                sock.send(b"x")
                copies = [next_segment(arriving), next_segment(arriving)]
            copies.append(next_segment(arriving))

        late = [once.lasted(LEAST_TIMEOUT), twice.lasted(3 * LEAST_TIMEOUT)]
        assert [
            observe("copies_and_late", [*(copy.data.decode() for copy in copies), *late]),
            observe("timeout", sock.tcp_user_timeout),
        ] == [["x", "x", "x", True, True], 1000]


@claim(
    "tcp.7/TCP_USER_TIMEOUT/probes",
    sentence="tcp.7/TCP_USER_TIMEOUT/no-effect-on-sending",
    section="Socket options",
    says="With a TCP_USER_TIMEOUT of half a second the first keepalive probe of a TCP connection over IPv4 "
    "is sent as without: after TCP_KEEPIDLE seconds and not before.",
    since="2.6.37",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
def test_it_does_not_change_probes(peers, observe):
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with timed() as took:
            sock.tcp_user_timeout = 500
            sock.tcp_keepidle = 2
            sock.keepalive = True
            next_segment(arriving)

        assert observe("late_and_timeout", [took.lasted(2), sock.tcp_user_timeout]) == [True, 500]
