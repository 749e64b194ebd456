"""What TCP takes for lost, and when: tcp_early_retrans, tcp_recovery, tcp_max_reordering."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    ADDRESS,
    SEGMENT,
    WITH_SACK,
    MadePeer,
    made_peers,
    sacked,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.resting import RESTING, RESTING_ENDS, resting_sender
from conformance.plugin.setups.segments import next_segment
from conformance.plugin.timing import timed
from libsocket import Linger, Socket
from netns import NetnsError, Peers

EARLY, RECOVERY, REORDERING = (
    f"net.ipv4.tcp_{name}" for name in ("early_retrans", "recovery", "max_reordering")
)
PROBED = {
    **RESTING_ENDS,
    "no-op: sendto(*, 40, 0*": "a probe comes before anything is acknowledged too, and the next does that",
}
WITHOUT_PROBE = 0.5
"""Seconds, many times what a probe takes to come."""
LONGER = 0.2
"""Seconds, longer than the round trips before."""
FAR = 0.4
"""Seconds that a peer takes to answer, of which a quarter is the window for reordered packets."""
WAITS = 0.25, 0.5
"""Seconds after each of two connections has sent before anything is answered: 0.75 in all for the first."""
LATE = 0.06
"""Seconds by which both may be answered too late: the windows differ by more than half as much again."""
ROUNDS = 4
"""How often it is tried to be no later; each takes four seconds."""


def lose_tail(sock: Socket, peer: MadePeer) -> list[int]:
    """Send three segments at once, of which the first alone arrives; the sequence number of each.

    One after another would let a probe come between them on a busy machine.
    """
    sock.send(bytes(3 * SEGMENT))
    frame = peer.next()
    numbers = [(frame.sequence + sent) % 2**32 for sent in range(0, 3 * SEGMENT, SEGMENT)]
    left = 3 * SEGMENT - len(frame.data)
    while left:
        left -= len(peer.next().data)
    peer.expected = numbers[1]
    peer.send()
    return numbers


@claim(
    "ip-sysctl/tcp_early_retrans/probe",
    sentence=(
        "ip-sysctl/tcp_early_retrans/tail",
        "ip-sysctl/tcp_early_retrans/values",
        "ip-sysctl/tcp_early_retrans/default",
    ),
    section="TCP variables",
    says="A TCP connection over IPv4 with selective acknowledgements, of which the last two of three "
    "segments were lost, sends the last again long before its retransmission timeout of 100 seconds, in a "
    "new network namespace, and with a tcp_early_retrans of 3 or 4.",
    since="3.10",
    needs=RESTING,
    survives=PROBED,
)
@pytest.mark.parametrize("value", [None, 3, 4])
def test_a_lost_tail_is_probed(peers, observe, value):
    with resting_sender(peers, WITH_SACK, early_retrans=value) as (sock, peer):
        numbers = lose_tail(sock, peer)

        assert observe("probe", numbers.index(peer.next().sequence)) == 2


@claim(
    "ip-sysctl/tcp_early_retrans/values",
    sentence="ip-sysctl/tcp_early_retrans/values",
    section="TCP variables",
    says="With a tcp_early_retrans of 0 a TCP connection over IPv4 with selective acknowledgements, of which "
    "the last two of three segments were lost, does not send the last again in half a second, and with one "
    "of 4 it does; 5 is refused.",
    since="4.11",
    needs=RESTING,
    survives=PROBED,
)
@pytest.mark.parametrize(("value", "probes"), [(0, 0), (4, 1)])
def test_probing_has_bounds(peers, observe, value, probes):
    with resting_sender(peers, WITH_SACK, early_retrans=value) as (sock, peer):
        with pytest.raises(NetnsError):
            peers.right.namespace.sysctl[EARLY] = 5
        last = lose_tail(sock, peer)[-1]

        copies = [one.sequence == last for one in peer.during(WITHOUT_PROBE)]
        assert observe("probes", copies) == [True] * probes


def found_by_probe(hosts: Peers) -> list[bool]:
    """Whether, once a probe for a lost tail arrived, the segment before it is sent again."""
    with resting_sender(hosts, WITH_SACK, early_retrans=3) as (sock, peer):
        _, lost, last = lose_tail(sock, peer)
        probe = peer.next()
        peer.during(LONGER)  # or else it might be the first copy that arrived
        peer.send(options=sacked((last, last + SEGMENT)))
        return [probe.sequence == last, peer.next().sequence == lost]


@claim(
    "ip-sysctl/tcp_recovery/tail",
    sentence=("ip-sysctl/tcp_recovery/rack", "ip-sysctl/tcp_early_retrans/rack"),
    section="TCP variables",
    says="A TCP connection over IPv4, of which the last two of three segments were lost, sends the second "
    "again once a probe with the third is acknowledged selectively, long before its retransmission timeout "
    "of 100 seconds, with a tcp_recovery of 1.",
    since="4.4",
    needs=RESTING,
    survives=PROBED,
)
def test_what_is_before_a_probe_is_lost(peers, observe):
    peers.right.namespace.sysctl[RECOVERY] = 1

    assert observe("probe_and_lost", found_by_probe(peers)) == [True, True]


@claim(
    "ip-sysctl/tcp_recovery/nothing-else",
    sentence="ip-sysctl/tcp_recovery/rack",
    section="TCP variables",
    says="A TCP connection over IPv4, of which the last two of three segments were lost, sends the second "
    "again once a probe with the third is acknowledged selectively, long before its retransmission timeout "
    "of 100 seconds, with a tcp_recovery of 0.",
    since="6.17",
    needs=RESTING,
    survives=PROBED,
)
def test_there_is_nothing_but_rack(peers, observe):
    peers.right.namespace.sysctl[RECOVERY] = 0

    assert observe("probe_and_lost", found_by_probe(peers)) == [True, True]


def sent_again(hosts: Peers) -> tuple[bool, bool]:
    """Whether the first of five segments is sent again as soon as three others arrived, and whether late."""
    with resting_sender(hosts, WITH_SACK, away=FAR) as (sock, peer):
        sock.send(bytes(5 * SEGMENT))
        first = peer.during(FAR)[0].sequence
        with timed() as took:
            peer.send(options=sacked((first + SEGMENT, first + 4 * SEGMENT)))
            at_once = any(one.sequence == first for one in peer.replies())
            if not at_once:
                assert peer.next().sequence == first, "another is sent again"
        return at_once, took.lasted(FAR / 4)


@claim(
    "ip-sysctl/tcp_recovery/duplicates",
    sentence=("ip-sysctl/tcp_recovery/no-duplicates", "ip-sysctl/tcp_recovery/default"),
    section="TCP variables",
    says="A TCP connection over IPv4 with selective acknowledgements sends the first of five segments again "
    "as soon as three others are acknowledged, with a tcp_recovery of 1, as it is in a new network "
    "namespace.",
    since="4.18",
    needs=RESTING,
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize("settings", [{}, {RECOVERY: 1}], ids=["at-first", "1"])
def test_three_duplicates_mean_a_loss(peers, observe, settings):
    default = observe("default", peers.right.namespace.sysctl[RECOVERY])
    peers.right.namespace.sysctl.update(settings)

    assert [default, observe("at_once", sent_again(peers)[0])] == ["1", True]


@claim(
    "ip-sysctl/tcp_recovery/no-duplicates",
    sentence="ip-sysctl/tcp_recovery/no-duplicates",
    section="TCP variables",
    says="With a tcp_recovery of 5 a TCP connection over IPv4 with selective acknowledgements, whose "
    "round trips take 0.4 seconds, sends the first of five segments again a quarter of that after three "
    "others are acknowledged, and not before.",
    since="4.18",
    needs=RESTING,
    survives=RESTING_ENDS,
)
def test_three_duplicates_do_not_mean_a_loss(peers, observe):
    peers.right.namespace.sysctl[RECOVERY] = 5

    assert observe("late", sent_again(peers)[1]) is True


def send_far(pairs: list[tuple[Socket, MadePeer]]) -> None:
    """Let each of two connections send two segments, and as much time pass as its round trips take."""
    for (sock, end), wait in zip(pairs, WAITS, strict=True):
        sock.send(bytes(2 * SEGMENT))
        end.during(wait)


def overtake(end: MadePeer) -> None:
    """Acknowledge the second of two segments apart."""
    end.send(options=sacked((end.expected + SEGMENT, end.expected + 2 * SEGMENT)))


def connect_far(ends: list[MadePeer], listener: Socket, sockets: ExitStack) -> list[tuple[Socket, MadePeer]]:
    """Two connections, whose first round trips take as long as the later ones."""
    for end, wait in zip(ends, WAITS, strict=True):
        end.ask(listener, WITH_SACK)
        end.during(wait)
    pairs = []
    for end in ends:
        end.send()
        await_readable(listener)
        sock = sockets.enter_context(listener.accept()[0])
        sock.linger = Linger(True, 0)
        pairs.append((sock, end))
    return pairs


def reorder(pairs: list[tuple[Socket, MadePeer]]) -> None:
    """Let two connections know of reordering, and send again in vain what was overtaken."""
    send_far(pairs)
    for _, end in pairs:
        overtake(end)
        end.expected += 2 * SEGMENT
        end.send()
    send_far(pairs)
    for _, end in pairs:
        overtake(end)
    for _, end in pairs:
        next_segment(end.arriving)


def sent_again_in_turn(hosts: Peers, recovery: int) -> list[int]:
    """In which order two connections send again what was overtaken: 0 has the longer round trips.

    Each knows of reordering before, and that it has sent a segment again in vain (RFC 2883): it is told so
    with a tcp_recovery, and the second with one of 1. Where this machine was too slow it is done over.
    """
    hosts.right.namespace.add_route(
        f"{ADDRESS}/32", via=hosts.left.address, dev=hosts.right.device, rto_min=100
    )
    hosts.right.namespace.sysctl[EARLY] = 0
    with (
        made_peers(hosts, 2 * ROUNDS) as ends,
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
    ):
        for at in range(0, len(ends), 2):
            with ExitStack() as sockets:
                pairs = connect_far(ends[at : at + 2], listener, sockets)
                reorder(pairs)
                for (_, end), value in zip(reversed(pairs), (1, recovery), strict=True):
                    hosts.right.namespace.sysctl[RECOVERY] = value
                    twice = sacked((end.expected, end.expected + SEGMENT))
                    end.expected += 2 * SEGMENT
                    end.send(options=twice)
                    end.replies()  # or else the sysctl might be another before it is taken
                with timed() as took:
                    send_far(pairs)
                    for _, end in pairs:
                        overtake(end)
                if took.seconds < sum(WAITS) + LATE:
                    return [next_segment(end.arriving).destination - ends[at].port for _, end in pairs]
    raise TimeoutError("this machine is too slow to give round trips their length")


@claim(
    "ip-sysctl/tcp_recovery/static",
    sentence="ip-sysctl/tcp_recovery/static",
    section="TCP variables",
    says="Of two TCP connections over IPv4 with selective acknowledgements, whose round trips take 0.75 and "
    "0.5 seconds, and which know of reordering and that they have sent a segment again in vain, the first "
    "sends again first what was overtaken if tcp_recovery was 3 when it learnt that, as it waits for a "
    "quarter of its round trip, where the other waits for half, and the second does if tcp_recovery was 1.",
    since="4.18",
    needs=RESTING,
    survives={
        **RESTING_ENDS,
        **ACKNOWLEDGED_LATER,
        "no-op: sendto(*, 52, 0*": "the one that is to be first is so too if it has learnt nothing",
    },
)
@pytest.mark.parametrize(("recovery", "order"), [(3, [0, 1]), (1, [1, 0])])
def test_the_window_does_not_adapt(peers, observe, recovery, order):
    assert observe("order", sent_again_in_turn(peers, recovery)) == order


def reordering(hosts: Peers, number: int) -> int:
    """The reordering of a connection (TCP_INFO) that has as many duplicate acknowledgements as segments."""
    with resting_sender(hosts) as (sock, peer):
        sock.send(bytes(number * SEGMENT))
        peer.replies()
        for _ in range(number):
            peer.send()
        peer.replies()
        return sock.tcp_info.reordering


@claim(
    "ip-sysctl/tcp_max_reordering/most",
    sentence=("ip-sysctl/tcp_max_reordering/most", "ip-sysctl/tcp_reordering/adapts"),
    section="TCP variables",
    says="The reordering of a TCP connection over IPv4 without selective acknowledgements (TCP_INFO) is "
    "10 once ten segments were acknowledged ten times in vain, and no more than tcp_max_reordering: 9 where "
    "that is 9, and 10 where it is 10 or 11.",
    since="4.0",
    needs=RESTING,
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize("most", [9, 10, 11])
def test_reordering_has_a_most(peers, observe, most):
    peers.right.namespace.sysctl[REORDERING] = most

    assert observe("reordering", reordering(peers, 10)) == min(most, 10)


@claim(
    "ip-sysctl/tcp_max_reordering/default",
    sentence=("ip-sysctl/tcp_max_reordering/default", "ip-sysctl/tcp_reordering/adapts"),
    section="TCP variables",
    says="In a new network namespace tcp_max_reordering is 300, and the reordering of a TCP connection over "
    "IPv4 without selective acknowledgements (TCP_INFO) is 10 once ten segments were acknowledged ten times "
    "in vain.",
    since="4.0",
    needs=RESTING,
    survives=RESTING_ENDS,
)
def test_reordering_adapts_at_first(peers, observe):
    most = observe("most", peers.right.namespace.sysctl[REORDERING])

    assert [most, observe("reordering", reordering(peers, 10))] == ["300", 10]
