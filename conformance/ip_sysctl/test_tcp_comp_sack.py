"""Selective acknowledgements that wait to become one: tcp_comp_sack_nr, _delay_ns, _rtt_percent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    MADE,
    SEGMENT,
    WITH_SACK,
    MadePeer,
    echoed,
    made_peer,
    with_timestamp,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import timed
from netns import NetnsError, Peers

NUMBER, DELAY, PERCENT = (f"net.ipv4.tcp_comp_sack_{name}" for name in ("nr", "delay_ns", "rtt_percent"))
AWAY = 0.5
"""Seconds that a round trip takes."""
AT_ONCE = 3
"""Duplicate acknowledgements that never wait, RFC 5681."""
LONG, MILLISECONDS = 10_000_000_000, 1_000_000
"""Nanoseconds: longer than a test, and those of a millisecond."""
NEVER = {DELAY: LONG, PERCENT: 1000}
"""Settings by which acknowledgements wait for longer than a test."""
FEWER = {
    "no-op: setsockopt(*TCP_QUICKACK*": "a connection may be so anyway",
    "no-op: sendto(*": "what waits is as much with one segment fewer, where the number does not count",
}


@contextmanager
def before_gap(hosts: Peers) -> Iterator[tuple[MadePeer, dict[int, bytes]]]:
    """A peer that is far away, as its timestamp tells the other end, to which it has to be sent on."""
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        answer = peer.ask(listener, {**WITH_SACK, **with_timestamp(1)})
        long_ago = with_timestamp(2, echoed(answer))
        peer.during(AWAY)
        peer.send(options=long_ago)
        await_readable(listener)
        with listener.accept()[0] as sock:
            peer.tell(bytes(SEGMENT), options=long_ago)
            peer.next()
            sock.read_exact(SEGMENT)
            peer.replies()
            sock.tcp_quickack = False
            yield peer, long_ago
            peer.reset()


def acknowledged(hosts: Peers, number: int) -> int:
    """How many of so many segments are acknowledged at once that come after a gap."""
    with before_gap(hosts) as (peer, options):
        for one in range(1, number + 1):
            peer.send(data=b"x", sequence=peer.sequence + one, options=options)
        return len(peer.replies())


def waits(hosts: Peers, seconds: float) -> bool:
    """Whether the acknowledgement of a segment after those comes no sooner than after so many seconds."""
    with before_gap(hosts) as (peer, options):
        for one in range(1, AT_ONCE + 1):
            peer.send(data=b"x", sequence=peer.sequence + one, options=options)
        peer.replies()
        with timed() as took:
            peer.send(data=b"x", sequence=peer.sequence + AT_ONCE + 1, options=options)
            peer.next()
        return took.lasted(seconds)


@claim(
    "ip-sysctl/tcp_comp_sack_nr/most",
    sentence=("ip-sysctl/tcp_comp_sack_nr/most", "ip-sysctl/tcp_comp_sack_nr/default"),
    section="TCP variables",
    says="A TCP connection over IPv4, whose peer is so far away that acknowledgements wait for long, "
    "acknowledges the first 3 of some segments that come after a gap at once, and then one only after as "
    "many as tcp_comp_sack_nr says, 44 in a new network namespace, or 1 or 5.",
    since="6.19",
    needs=[*MADE, sysctl(NUMBER), sysctl(PERCENT)],
    survives=FEWER,
)
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize(
    ("settings", "most"), [({}, 44), ({NUMBER: 1}, 1), ({NUMBER: 5}, 5)], ids=["at-first", "1", "5"]
)
def test_so_many_become_one(peers, observe, settings, most, more):
    peers.right.namespace.sysctl.update({**NEVER, **settings})

    assert observe("more", acknowledged(peers, AT_ONCE + most + more) - AT_ONCE) == more


@claim(
    "ip-sysctl/tcp_comp_sack_nr/zero",
    sentence="ip-sysctl/tcp_comp_sack_nr/zero",
    section="TCP variables",
    says="With a tcp_comp_sack_nr of 0 a TCP connection over IPv4 acknowledges each of 20 segments that come "
    "after a gap, and with one of 44 fewer.",
    since="4.18",
    needs=[*MADE, sysctl(NUMBER)],
    survives=FEWER,
)
@pytest.mark.parametrize(("most", "each"), [(0, True), (44, False)])
def test_none_waits(peers, observe, most, each):
    peers.right.namespace.sysctl.update({NUMBER: most, DELAY: LONG})

    assert observe("each", acknowledged(peers, 20) == 20) is each


@claim(
    "ip-sysctl/tcp_comp_sack_rtt_percent/percent",
    sentence=(
        "ip-sysctl/tcp_comp_sack_rtt_percent/percent",
        "ip-sysctl/tcp_comp_sack_rtt_percent/default",
    ),
    section="TCP variables",
    says="An acknowledgement of a TCP connection over IPv4 that may wait for ten seconds waits for as many "
    "per cent of a round trip of half a second as tcp_comp_sack_rtt_percent says, 33 in a new network "
    "namespace, or 66 or 100, and not for shorter.",
    since="6.19",
    needs=[*MADE, sysctl(PERCENT)],
    survives=FEWER,
)
@pytest.mark.parametrize(("settings", "percent"), [({}, 33), ({PERCENT: 66}, 66), ({PERCENT: 100}, 100)])
def test_they_wait_for_a_part_of_a_round_trip(peers, observe, settings, percent):
    peers.right.namespace.sysctl.update({DELAY: LONG, **settings})
    number = observe("percent", peers.right.namespace.sysctl[PERCENT])

    assert [number, observe("late", waits(peers, AWAY * percent / 100))] == [str(percent), True]


@claim(
    "ip-sysctl/tcp_comp_sack_rtt_percent/values",
    sentence="ip-sysctl/tcp_comp_sack_rtt_percent/values",
    section="TCP variables",
    says="A tcp_comp_sack_rtt_percent of 0 or 1001 is refused; with one of 1 or 1000 an acknowledgement of "
    "a TCP connection over IPv4 that may wait for 200 milliseconds comes, which is that late with 1000.",
    since="6.19",
    needs=[*MADE, sysctl(PERCENT)],
    survives=FEWER,
)
@pytest.mark.parametrize(("bound", "beyond", "seconds"), [(1, 0, 0.005), (1000, 1001, 0.2)])
def test_the_part_has_bounds(peers, observe, bound, beyond, seconds):
    peers.right.namespace.sysctl.update({DELAY: 200 * MILLISECONDS, PERCENT: bound})
    with pytest.raises(NetnsError):
        peers.right.namespace.sysctl[PERCENT] = beyond

    assert observe("late", waits(peers, seconds)) is True


@claim(
    "ip-sysctl/tcp_comp_sack_delay_ns/most",
    sentence="ip-sysctl/tcp_comp_sack_delay_ns/most",
    section="TCP variables",
    says="An acknowledgement of a TCP connection over IPv4, which would wait for ten round trips of half a "
    "second (tcp_comp_sack_rtt_percent), waits for as many nanoseconds as tcp_comp_sack_delay_ns says, 200 "
    "or 400 milliseconds.",
    since="6.19",
    needs=[*MADE, sysctl(DELAY), sysctl(PERCENT)],
    survives=FEWER,
)
@pytest.mark.parametrize("milliseconds", [200, 400])
def test_they_wait_for_no_longer(peers, observe, milliseconds):
    peers.right.namespace.sysctl.update({DELAY: milliseconds * MILLISECONDS, PERCENT: 1000})

    assert observe("late", waits(peers, milliseconds / 1000)) is True


@claim(
    "ip-sysctl/tcp_comp_sack_delay_ns/default",
    sentence="ip-sysctl/tcp_comp_sack_delay_ns/default",
    section="TCP variables",
    says="In a new network namespace tcp_comp_sack_delay_ns is 1000000, and an acknowledgement of a TCP "
    "connection over IPv4 comes that would else wait for ten round trips of half a second "
    "(tcp_comp_sack_rtt_percent).",
    since="6.19",
    needs=[*MADE, sysctl(DELAY), sysctl(PERCENT)],
    survives=FEWER,
)
def test_they_wait_for_a_millisecond_at_first(peers, observe):
    peers.right.namespace.sysctl[PERCENT] = 1000
    delay = observe("delay", peers.right.namespace.sysctl[DELAY])

    assert [delay, observe("comes", waits(peers, 0))] == ["1000000", True]
