"""How often TCP answers segments that cannot be right: tcp_invalid_ratelimit, tcp_challenge_ack_limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    MADE,
    OFFERED,
    MadePeer,
    made_peer,
    made_peers,
    replies_to,
    with_timestamp,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import ACK
from conformance.plugin.timing import TICK, timed
from netns import Peers

RATE, CHALLENGES = "net.ipv4.tcp_invalid_ratelimit", "net.ipv4.tcp_challenge_ack_limit"
FAR = 1_000_000
"""Bytes by which a number is out of every window here."""
CLOCK, EARLIER = 1_000_000, 1000
"""What the peer's timestamps say, and what is too old after that."""
MINUTE = 60_000
"""In milliseconds."""


def out_of_window(peer: MadePeer) -> None:
    """Send a sequence number that is beyond the window."""
    peer.send(sequence=peer.sequence + FAR)


def before_window(peer: MadePeer) -> None:
    """Send a sequence number that came long ago."""
    peer.send(sequence=peer.sequence - FAR)


def acknowledge_long_ago(peer: MadePeer) -> None:
    """Acknowledge what was never sent, so long before what was that it is out of the window."""
    peer.send(acknowledged=peer.expected - FAR)


def go_back_in_time(peer: MadePeer) -> None:
    """Send a timestamp that is too old, and a sequence number that is in the window."""
    peer.send(sequence=peer.sequence + 1, options=with_timestamp(EARLIER))


FEWER = {
    "no-op: sendto(*": "where answers are limited one segment fewer changes nothing; where not, each counts, "
    "but for the one that ends the handshake, which any later one does too"
}

INVALID = pytest.mark.parametrize(
    "invalid", [out_of_window, before_window, acknowledge_long_ago, go_back_in_time]
)


@contextmanager
def connected(hosts: Peers) -> Iterator[MadePeer]:
    """A peer of a connection with timestamps that is accepted."""
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        peer.ask(listener, {**OFFERED, **with_timestamp(CLOCK)})
        peer.send(options=with_timestamp(CLOCK))
        await_readable(listener)
        with listener.accept()[0]:
            yield peer
            peer.reset()


def acknowledgements(peer: MadePeer) -> int:
    """How many answers came that only acknowledge."""
    return sum(one.flags == ACK and not one.data for one in peer.replies())


def answered(hosts: Peers, invalid: Callable[[MadePeer], None], times: int) -> int:
    """How many of some segments that cannot be right are answered, as they come one right after another."""
    with connected(hosts) as peer:
        for _ in range(times):
            invalid(peer)
        return acknowledgements(peer)


def seconds_between_answers(peer: MadePeer) -> float:
    """How long segments that cannot be right come until a second is answered."""
    with timed() as took:
        answers = 0
        while answers < 2:
            out_of_window(peer)
            answers += acknowledgements(peer)
    return took.seconds


@claim(
    "ip-sysctl/tcp_invalid_ratelimit/limits",
    sentence=(
        "ip-sysctl/tcp_invalid_ratelimit/out-of-window",
        "ip-sysctl/tcp_invalid_ratelimit/acknowledgement",
        "ip-sysctl/tcp_invalid_ratelimit/paws",
        "ip-sysctl/tcp_invalid_ratelimit/zero",
    ),
    section="TCP variables",
    says="With a tcp_invalid_ratelimit of 60000 a TCP connection over IPv4 answers one of three segments "
    "without data that come one right after another, and whose sequence number is beyond or before the "
    "window, whose acknowledgement is before it or whose timestamp is too old; with 0 it answers each.",
    since="4.0",
    needs=MADE,
    survives=FEWER,
)
@INVALID
@pytest.mark.parametrize(("limit", "answers"), [(MINUTE, 1), (0, 3)])
def test_answers_are_limited(peers, observe, invalid, limit, answers):
    peers.right.namespace.sysctl[RATE] = limit

    assert observe("answers", answered(peers, invalid, 3)) == answers


@claim(
    "ip-sysctl/tcp_invalid_ratelimit/data",
    sentence="ip-sysctl/tcp_invalid_ratelimit/out-of-window",
    section="TCP variables",
    says="With a tcp_invalid_ratelimit of 60000 a TCP connection over IPv4 answers one of three segments "
    "with data that come one right after another, and whose sequence number is out of the window.",
    since="4.0",
    needs=MADE,
    survives=FEWER,
    expect=differs(
        "it answers each: data is unlikely to be of a loop, and is not limited",
        since="4.0",
        commit="032ee4236954",
        observed={"answers": 3},
    ),
)
def test_answers_to_data_are_limited(peers, observe):
    peers.right.namespace.sysctl[RATE] = MINUTE

    def invalid(peer: MadePeer) -> None:
        peer.send(data=b"x", sequence=peer.sequence + FAR)

    assert observe("answers", answered(peers, invalid, 3)) == 1


@claim(
    "ip-sysctl/tcp_invalid_ratelimit/milliseconds",
    sentence="ip-sysctl/tcp_invalid_ratelimit/out-of-window",
    section="TCP variables",
    says="A TCP connection over IPv4 to which segments come all the time whose sequence number is out of the "
    "window answers the second time tcp_invalid_ratelimit milliseconds after the first, 200 or 900, and not "
    "before.",
    since="4.0",
    needs=MADE,
    survives=FEWER,
)
@pytest.mark.parametrize("milliseconds", [200, 900])
def test_answers_are_so_far_apart(peers, observe, milliseconds):
    peers.right.namespace.sysctl[RATE] = milliseconds
    with connected(peers) as peer:
        apart = seconds_between_answers(peer)

        assert observe("late", apart >= milliseconds / 1000 - TICK) is True


@claim(
    "ip-sysctl/tcp_invalid_ratelimit/default",
    sentence="ip-sysctl/tcp_invalid_ratelimit/default",
    section="TCP variables",
    says="In a new network namespace tcp_invalid_ratelimit is 500, and a TCP connection over IPv4 to which "
    "segments come all the time whose sequence number is out of the window answers the second time 500 "
    "milliseconds after the first, and not before.",
    since="4.0",
    needs=MADE,
    survives=FEWER,
)
def test_answers_are_half_a_second_apart_at_first(peers, observe):
    limit = observe("limit", peers.right.namespace.sysctl[RATE])
    with connected(peers) as peer:
        assert [limit, observe("late", seconds_between_answers(peer) >= 0.5 - TICK)] == ["500", True]


def challenged(hosts: Peers, connections: int, times: int) -> tuple[list[int], int]:
    """How many challenges to each connection are answered, and how many seconds were begun meanwhile."""
    with (
        made_peers(hosts, connections) as ends,
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
    ):
        for end in ends:
            end.connect(listener)
        with timed() as took:
            for end in ends * times:
                acknowledge_long_ago(end)
            answers = [one.destination for one in replies_to(ends) if one.flags == ACK]
        return [answers.count(end.port) for end in ends], int(took.seconds) + 2


@claim(
    "ip-sysctl/tcp_challenge_ack_limit/most",
    sentence="ip-sysctl/tcp_challenge_ack_limit/most",
    section="TCP variables",
    says="With a tcp_challenge_ack_limit of 1 and a tcp_invalid_ratelimit of 0 one challenge acknowledgement "
    "is sent in each second, though 8 TCP connections over IPv4 are challenged at once.",
    since="6.0",
    needs=[*MADE, sysctl(CHALLENGES)],
    survives=FEWER,
)
def test_a_namespace_sends_so_many(peers, observe):
    peers.right.namespace.sysctl.update({RATE: 0, CHALLENGES: 1})
    answers, seconds = challenged(peers, 8, 1)

    assert [observe("answered", sum(answers) > 0), observe("no_more", sum(answers) <= seconds)] == [
        True,
        True,
    ]


@claim(
    "ip-sysctl/tcp_challenge_ack_limit/none",
    sentence="ip-sysctl/tcp_challenge_ack_limit/most",
    section="TCP variables",
    says="With a tcp_challenge_ack_limit of 0 and a tcp_invalid_ratelimit of 0 a TCP connection over IPv4 "
    "answers none of 10 challenges.",
    since="6.0",
    needs=[*MADE, sysctl(CHALLENGES)],
    expect=differs(
        "it answers each: how many may be sent is drawn at random from all numbers, where the limit is 0",
        since="6.2",
        commit="e8a533cbeb79",
        backports=("6.1.176",),
        observed={"answers": [10]},
    ),
)
def test_none(peers, observe):
    peers.right.namespace.sysctl.update({RATE: 0, CHALLENGES: 0})

    assert observe("answers", challenged(peers, 1, 10)[0]) == [0]


@claim(
    "ip-sysctl/tcp_challenge_ack_limit/sockets",
    sentence=("ip-sysctl/tcp_challenge_ack_limit/sockets", "ip-sysctl/tcp_challenge_ack_limit/default"),
    section="TCP variables",
    says="In a new network namespace, with a tcp_invalid_ratelimit of 60000, each of 8 TCP connections over "
    "IPv4 that are challenged three times at once answers once.",
    since="6.0",
    needs=[*MADE, sysctl(CHALLENGES)],
    survives=FEWER,
)
def test_each_connection_answers_once(peers, observe):
    peers.right.namespace.sysctl[RATE] = MINUTE

    assert observe("answers", challenged(peers, 8, 3)[0]) == [1] * 8


@claim(
    "ip-sysctl/tcp_challenge_ack_limit/default",
    sentence="ip-sysctl/tcp_challenge_ack_limit/default",
    section="TCP variables",
    says="In a new network namespace tcp_challenge_ack_limit is 2147483647, and with a tcp_invalid_ratelimit "
    "of 0 a TCP connection over IPv4 that is challenged 100 times at once answers each time.",
    since="6.0",
    needs=[*MADE, sysctl(CHALLENGES)],
)
def test_there_is_no_limit_at_first(peers, observe):
    peers.right.namespace.sysctl[RATE] = 0
    limit = observe("limit", peers.right.namespace.sysctl[CHALLENGES])

    assert [limit, observe("answers", challenged(peers, 1, 100)[0])] == [str(2**31 - 1), [100]]
