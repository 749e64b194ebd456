"""The sysctls of connections that a listener has not accepted yet, or that are not made yet."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    MADE,
    WITH_SCALE,
    MadePeer,
    answered,
    made_peer,
    made_peers,
)
from conformance.plugin.setups.readiness import await_readable, readable_by_select
from conformance.plugin.setups.segments import ACK, SYN, WINDOW_SCALE, segments, waiting_segments
from conformance.plugin.timing import SOON
from libsocket import Socket

BACKLOG, COOKIES, OVERFLOW, SYNACKS = (
    f"net.ipv4.tcp_{name}"
    for name in ("max_syn_backlog", "syncookies", "abort_on_overflow", "synack_retries")
)

UNCLOSED = {"no-op: close(*": "the connection before need only be accepted, and who looks on changes nothing"}


def overflow(peers: list[MadePeer], listener: Socket) -> list[object]:
    """Complete two handshakes with a listener that now has room for one.

    How many ends of them arrived, and how the second's is answered.
    """
    first, second = peers
    first.ask(listener)
    second.ask(listener)
    listener.listen(0)
    with segments() as arriving:
        first.send()
        await_readable(listener)
        second.send()
        answer = ["reset" if one.reset else "other" for one in second.replies()]
        return [sum(one.flags == ACK for one in waiting_segments(arriving)), answer]


@claim(
    "tcp.7/tcp_abort_on_overflow/resets",
    sentence=(
        "tcp.7/tcp_abort_on_overflow/enabled",
        "tcp.7/tcp_abort_on_overflow/recovers",
        "ip-sysctl/tcp_abort_on_overflow/enabled",
    ),
    section="/proc interfaces",
    says="The end of a handshake over IPv4 for which a listener has no room is answered with a reset where "
    "tcp_abort_on_overflow is 1, and not at all where it is 0.",
    since="2.4",
    needs=MADE,
    survives=UNCLOSED,
)
@pytest.mark.parametrize(("value", "answer"), [(0, []), (1, ["reset"])])
def test_an_overflow_is_answered(peers, observe, value, answer):
    peers.right.namespace.sysctl[OVERFLOW] = value
    with made_peers(peers, 2) as both, peers.right.entered(), listening(peers.right.address) as sock:
        seen = overflow(both, sock)
        sock.accept()[0].close()

        assert observe("ends_answer_and_more", [*seen, readable_by_select(sock)]) == [2, answer, False]


@claim(
    "tcp.7/tcp_abort_on_overflow/recovers",
    sentence=(
        "tcp.7/tcp_abort_on_overflow/recovers",
        "tcp.7/tcp_abort_on_overflow/default",
        "ip-sysctl/tcp_abort_on_overflow/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace a connection over IPv4 for which a listener had no room is not reset, "
    "and is accepted with its data once the one before it is.",
    since="2.4",
    needs=MADE,
    survives=UNCLOSED,
)
def test_a_connection_recovers(peers, observe):
    with made_peers(peers, 2) as both, peers.right.entered(), listening(peers.right.address) as sock:
        seen = overflow(both, sock)
        sock.accept()[0].close()
        at_once = readable_by_select(sock)
        both[1].tell(b"later")
        await_readable(sock)
        with sock.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            received = accepted.read_exact(5).decode()

            assert observe("ends_answer_readable_and_received", [*seen, at_once, received]) == [
                2,
                [],
                False,
                "later",
            ]


@claim(
    "tcp.7/tcp_max_syn_backlog/queued",
    sentence=(
        "tcp.7/tcp_max_syn_backlog/most",
        "tcp.7/tcp_max_syn_backlog/dropped",
        "ip-sysctl/tcp_max_syn_backlog/most",
        "listen.2/backlog/tcp_max_syn_backlog",
    ),
    section="/proc interfaces",
    says="With a tcp_max_syn_backlog of 4 or 5 and a tcp_syncookies of 0 a listener over IPv4 answers so "
    "many SYNs that are not followed up, and no more.",
    since="2.2",
    needs=[*MADE, sysctl(COOKIES)],
)
@pytest.mark.parametrize("most", [4, 5])
def test_so_many_syns_are_answered(peers, observe, most):
    peers.right.namespace.sysctl.update({COOKIES: 0, BACKLOG: most})
    with made_peers(peers, most + 3) as many, peers.right.entered(), listening(peers.right.address) as sock:
        assert observe("answered", answered(many, sock)) == [True] * most + [False] * 3


@claim(
    "tcp.7/tcp_max_syn_backlog/all-of-it",
    sentence="tcp.7/tcp_max_syn_backlog/most",
    section="/proc interfaces",
    says="With a tcp_max_syn_backlog of 8 and a tcp_syncookies of 0 a listener over IPv4 answers 8 SYNs "
    "that are not followed up.",
    since="2.2",
    needs=[*MADE, sysctl(COOKIES)],
    expect=differs(
        "the last quarter, but one, is kept for hosts that were connected before (older than the history "
        "in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"answered": [*[True] * 7, *[False] * 3]},
    ),
)
def test_all_of_the_queue_is_used(peers, observe):
    peers.right.namespace.sysctl.update({COOKIES: 0, BACKLOG: 8})
    with made_peers(peers, 10) as many, peers.right.entered(), listening(peers.right.address) as sock:
        assert observe("answered", answered(many, sock)) == [True] * 8 + [False] * 2


@claim(
    "tcp.7/tcp_max_syn_backlog/with-cookies",
    sentence=("tcp.7/tcp_max_syn_backlog/dropped", "listen.2/backlog/syncookies"),
    section="/proc interfaces",
    says="With a tcp_max_syn_backlog of 4 and a tcp_syncookies of 1 a listener over IPv4 whose backlog is "
    "16 drops the fifth SYN that is not followed up.",
    since="2.2",
    needs=[*MADE, sysctl(COOKIES)],
    expect=differs(
        "it does not count where tcp_syncookies is on: all are answered",
        since="4.4",
        commit="ef547f2ac16b",
        observed={"answered": [True] * 8},
    ),
)
def test_the_queue_is_as_short_with_cookies(peers, observe):
    peers.right.namespace.sysctl.update({COOKIES: 1, BACKLOG: 4})
    with (
        made_peers(peers, 8) as many,
        peers.right.entered(),
        listening(peers.right.address, backlog=16) as sock,
    ):
        assert observe("answered", answered(many, sock)) == [True] * 4 + [False] * 4


@claim(
    "tcp.7/tcp_syncookies/overflow",
    sentence=(
        "tcp.7/tcp_syncookies/zero",
        "tcp.7/tcp_syncookies/one",
        "ip-sysctl/tcp_syncookies/overflow",
        "listen.2/backlog/syncookies",
    ),
    section="/proc interfaces",
    says="A listener over IPv4 answers more SYNs than its backlog of 2 has room for where tcp_syncookies is "
    "1, and drops them where it is 0.",
    since="2.2",
    needs=[*MADE, sysctl(COOKIES)],
    survives={"no-op: listen(2)*": "the backlog that a listener has is no larger"},
)
@pytest.mark.parametrize(("value", "every"), [(0, False), (1, True)])
def test_an_overflow_is_answered_with_cookies(peers, observe, value, every):
    peers.right.namespace.sysctl[COOKIES] = value
    with (
        made_peers(peers, 6) as many,
        peers.right.entered(),
        listening(peers.right.address, backlog=2) as sock,
    ):
        first, second, _, *more = answered(many, sock)

        assert observe("answered", [first, second, more]) == [True, True, [every] * 3]


@claim(
    "tcp.7/tcp_syncookies/default",
    sentence=(
        "tcp.7/tcp_syncookies/default",
        "tcp.7/tcp_syncookies/one",
        "tcp.7/tcp_syncookies/configured",
        "ip-sysctl/tcp_syncookies/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace a listener over IPv4 whose backlog of 2 is full still answers a SYN, "
    "and accepts the connection that is made with that answer.",
    since="2.2",
    needs=[*MADE, sysctl(COOKIES)],
    survives={**ACKNOWLEDGED_LATER, **UNCLOSED},
)
def test_cookies_at_first(peers, observe):
    with (
        made_peers(peers, 3) as many,
        peers.right.entered(),
        listening(peers.right.address, backlog=2) as sock,
    ):
        filled = answered(many[:2], sock)
        many[2].connect(sock)
        many[2].tell(b"data")
        await_readable(sock)
        with sock.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            received = accepted.read_exact(4).decode()

            assert observe("filled_and_received", [filled, received]) == [[True, True], "data"]


@claim(
    "tcp.7/tcp_syncookies/always",
    sentence=(
        "tcp.7/tcp_syncookies/two",
        "ip-sysctl/tcp_syncookies/unconditionally",
        "ip-sysctl/tcp_syncookies/no-extensions",
    ),
    section="/proc interfaces",
    says="Where tcp_syncookies is 2 a listener over IPv4 answers with a cookie, which has no room for the "
    "window scaling that a client without timestamps offers, though its queue is empty; where it is 1 the "
    "answer has it.",
    since="3.12",
    needs=[*MADE, sysctl(COOKIES)],
)
@pytest.mark.parametrize(("value", "scaled"), [(1, True), (2, False)])
def test_cookies_are_always_sent(peers, observe, value, scaled):
    peers.right.namespace.sysctl[COOKIES] = value
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as sock:
        answer = peer.ask(sock, WITH_SCALE)

        seen = [answer.flags, WINDOW_SCALE in answer.options]
        assert observe("flags_and_scaled", seen) == [SYN | ACK, scaled]


@claim(
    "tcp.7/tcp_synack_retries/sent-again",
    sentence=("tcp.7/tcp_synack_retries/retransmits", "ip-sysctl/tcp_synack_retries/times"),
    section="/proc interfaces",
    says="A listener over IPv4 sends a SYN-ACK that is not acknowledged again tcp_synack_retries times, 0 "
    "or 1, and no more: not when the next would be due, after 1 second or 2 more.",
    since="2.2",
    needs=MADE,
)
@pytest.mark.parametrize("times", [0, 1])
def test_a_synack_is_sent_again(peers, observe, times):
    peers.right.namespace.sysctl[SYNACKS] = times
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as sock:
        first = peer.ask(sock)
        again = [one.sequence == first.sequence for one in peer.during(2 * times + 1.2)]

        assert observe("flags_and_again", [first.flags, again]) == [SYN | ACK, [True] * times]
