"""How fast TCP sends, and how much at once: pacing, frames for segmentation, the least round trip."""

from __future__ import annotations

from contextlib import suppress

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.made_peer import SEGMENT
from conformance.plugin.setups.resting import RESTING, RESTING_ENDS, lose, resting_sender
from libsocket import Socket
from netns import NetnsError, Peers

SLOW_START, AVOIDANCE, MIN_SEGMENTS, RTT_LOG, LEAST_TRIP = (
    f"net.ipv4.tcp_{name}"
    for name in (
        "pacing_ss_ratio",
        "pacing_ca_ratio",
        "min_tso_segs",
        "tso_rtt_log",
        "min_rtt_wlen",
    )
)
SLOWLY = 10_000
"""Bytes in a second: a frame has the least number of segments where a connection is no faster."""
A_SECOND = 20
"""2^20 microseconds: the time for tcp_tso_rtt_log that is longer than any round trip here."""
FAR = 0.05
"""Seconds that a peer waits before it answers."""
MUCH_LATER = 0.5


def paced(sock: Socket) -> int:
    """The pacing rate, in per cent of the congestion window in each round trip."""
    info = sock.tcp_info
    return round(100 * info.pacing_rate * info.rtt / (info.snd_cwnd * info.snd_mss * 1_000_000))


@claim(
    "ip-sysctl/tcp_pacing_ss_ratio/percent",
    sentence=("ip-sysctl/tcp_pacing_ss_ratio/percent", "ip-sysctl/tcp_pacing_ss_ratio/default"),
    section="TCP variables",
    says="The pacing rate of a TCP connection over IPv4 in slow start (TCP_INFO) is so many per cent of "
    "congestion window * segment size / round trip as tcp_pacing_ss_ratio says, 200 in a new network "
    "namespace, or 150, whatever tcp_pacing_ca_ratio is.",
    since="4.5",
    needs=[*RESTING, sysctl(SLOW_START)],
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize(("settings", "percent"), [({}, 200), ({SLOW_START: 150}, 150)])
def test_it_is_paced_in_slow_start(peers, observe, settings, percent):
    peers.right.namespace.sysctl.update({AVOIDANCE: 130, **settings})
    with resting_sender(peers, away=FAR) as (sock, _):
        assert observe("percent", paced(sock)) == percent


@claim(
    "ip-sysctl/tcp_pacing_ca_ratio/percent",
    sentence=("ip-sysctl/tcp_pacing_ca_ratio/percent", "ip-sysctl/tcp_pacing_ca_ratio/default"),
    section="TCP variables",
    says="The pacing rate of a TCP connection over IPv4 in congestion avoidance, after a loss, (TCP_INFO) is "
    "so many per cent of congestion window * segment size / round trip as tcp_pacing_ca_ratio says, 120 in "
    "a new network namespace, or 150, whatever tcp_pacing_ss_ratio is.",
    since="4.5",
    needs=[*RESTING, sysctl(AVOIDANCE)],
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize(("settings", "percent"), [({}, 120), ({AVOIDANCE: 150}, 150)])
def test_it_is_paced_in_congestion_avoidance(peers, observe, settings, percent):
    peers.right.namespace.sysctl.update({SLOW_START: 180, **settings})
    with resting_sender(peers, away=FAR) as (sock, peer):
        lose(sock, peer)

        assert observe("percent", paced(sock)) == percent


def first_frame(hosts: Peers, away: float = 0, *, rate: int = SLOWLY, window: int = 65_535) -> int:
    """Segments of the first frame that a connection sends of ten, so many bytes in a second."""
    with resting_sender(hosts, away=away, window=window) as (sock, peer):
        sock.max_pacing_rate = rate
        sock.send(bytes(10 * SEGMENT))
        return len(peer.next().data) // SEGMENT


@claim(
    "ip-sysctl/tcp_min_tso_segs/least",
    sentence=("ip-sysctl/tcp_min_tso_segs/least", "ip-sysctl/tcp_min_tso_segs/default"),
    section="TCP variables",
    says="The first frame of a TCP connection over IPv4 that may only send slowly (SO_MAX_PACING_RATE), with "
    "a tcp_tso_rtt_log of 0 if there is one, has as many segments as tcp_min_tso_segs says: 2 in a new "
    "network namespace, or 1, 3 or 4.",
    since="3.12",
    needs=RESTING,
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize(
    ("settings", "number"), [({}, 2), *(({MIN_SEGMENTS: number}, number) for number in (1, 3, 4))]
)
def test_a_frame_has_a_least_size(peers, observe, settings, number):
    without_distance(peers)
    peers.right.namespace.sysctl.update(settings)

    assert observe("segments", first_frame(peers)) == number


@claim(
    "ip-sysctl/tcp_min_tso_segs/rate",
    sentence="ip-sysctl/tcp_min_tso_segs/rate",
    section="TCP variables",
    says="The first frame of a TCP connection over IPv4, with a tcp_min_tso_segs of 1 and a tcp_tso_rtt_log "
    "of 0 if there is one, has as many segments as it may send in a 1024th of a second by its "
    "SO_MAX_PACING_RATE: 2 of 1000 bytes with 3071999 bytes in a second, and 3 with 3072000, but 2 where the "
    "peer's window is 4000: no more than half of that.",
    since="4.19",
    needs=RESTING,
    survives={
        **RESTING_ENDS,
        "no-op: setsockopt(*SO_MAX_PACING_RATE*": "where the window is small the rate could be larger",
    },
)
@pytest.mark.parametrize(
    ("rate", "window", "number"),
    [(3_071_999, 65_535, 2), (3_072_000, 65_535, 3), (3_072_000, 4 * SEGMENT, 2)],
)
def test_a_frame_depends_on_rate_and_window(peers, observe, rate, window, number):
    without_distance(peers)
    peers.right.namespace.sysctl.update({MIN_SEGMENTS: 1, SLOW_START: 1000})

    assert observe("segments", first_frame(peers, rate=rate, window=window)) == number


def without_distance(hosts: Peers) -> None:
    """Let frames be no larger for a short round trip; older kernels do not know that."""
    with suppress(KeyError):
        hosts.right.namespace.sysctl[RTT_LOG] = 0


@claim(
    "ip-sysctl/tcp_tso_rtt_log/larger",
    sentence=("ip-sysctl/tcp_tso_rtt_log/larger", "ip-sysctl/tcp_tso_rtt_log/zero"),
    section="TCP variables",
    says="The first frame of a TCP connection over IPv4 that may only send slowly (SO_MAX_PACING_RATE) has "
    "more than the 2 segments of tcp_min_tso_segs with a tcp_tso_rtt_log of 20, by which round trips of "
    "less than a second count as short, and no more with one of 0.",
    since="5.18",
    needs=[*RESTING, sysctl(RTT_LOG)],
    survives={
        **RESTING_ENDS,
        "no-op: setsockopt(*SO_MAX_PACING_RATE*": "a frame that is larger for a slow one is larger anyway",
    },
)
@pytest.mark.parametrize(("log", "larger"), [(0, False), (A_SECOND, True)])
def test_a_frame_is_larger_for_a_short_trip(peers, observe, log, larger):
    peers.right.namespace.sysctl[RTT_LOG] = log

    assert observe("larger", first_frame(peers) > 2) is larger


@claim(
    "ip-sysctl/tcp_tso_rtt_log/default",
    sentence="ip-sysctl/tcp_tso_rtt_log/default",
    section="TCP variables",
    says="In a new network namespace tcp_tso_rtt_log is 9, and the first frame of a TCP connection over IPv4 "
    "that may only send slowly (SO_MAX_PACING_RATE), and whose round trip takes 50 milliseconds, has 2 "
    "segments.",
    since="5.18",
    needs=[*RESTING, sysctl(RTT_LOG)],
    survives={
        **RESTING_ENDS,
        "no-op: setsockopt(*SO_MAX_PACING_RATE*": "one whose round trips take long is slow without it",
    },
)
def test_a_trip_is_not_short_at_first(peers, observe):
    log = observe("log", peers.right.namespace.sysctl[RTT_LOG])

    assert [log, observe("segments", first_frame(peers, FAR))] == ["9", 2]


def rises(hosts: Peers, idle: float = 0) -> bool:
    """Whether the least round trip (TCP_INFO) becomes a long one, which follows a short one after a while."""
    with resting_sender(hosts) as (sock, peer):
        short = sock.tcp_info.min_rtt
        peer.during(idle)
        sock.send(b"x")
        peer.take(peer.next())
        peer.during(MUCH_LATER)
        peer.tell(b"y")
        sock.read_exact(1)
        return sock.tcp_info.min_rtt > short


@claim(
    "ip-sysctl/tcp_min_rtt_wlen/window",
    sentence=("ip-sysctl/tcp_min_rtt_wlen/window", "ip-sysctl/tcp_min_rtt_wlen/default"),
    section="TCP variables",
    says="The least round trip of a TCP connection over IPv4 (TCP_INFO) is still a short one in spite of a "
    "longer one half a second later with a tcp_min_rtt_wlen of 300, as it is in a new network namespace.",
    since="4.4",
    needs=[*RESTING, sysctl(LEAST_TRIP)],
    survives=RESTING_ENDS,
)
def test_the_least_trip_counts_for_a_while(peers, observe):
    seconds = observe("seconds", peers.right.namespace.sysctl[LEAST_TRIP])

    assert [seconds, observe("longer", rises(peers))] == ["300", False]


@claim(
    "ip-sysctl/tcp_min_rtt_wlen/seconds",
    sentence="ip-sysctl/tcp_min_rtt_wlen/window",
    section="TCP variables",
    says="With a tcp_min_rtt_wlen of 1 the least round trip of a TCP connection over IPv4 (TCP_INFO) is a "
    "longer one more than a second after the short one, and with one of 300 it is not.",
    since="4.4",
    needs=[*RESTING, sysctl(LEAST_TRIP)],
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize(("seconds", "longer"), [(1, True), (300, False)])
def test_the_least_trip_counts_for_seconds(peers, observe, seconds, longer):
    peers.right.namespace.sysctl[LEAST_TRIP] = seconds

    assert observe("longer", rises(peers, idle=1.1)) is longer


@claim(
    "ip-sysctl/tcp_min_rtt_wlen/values",
    sentence="ip-sysctl/tcp_min_rtt_wlen/values",
    section="TCP variables",
    says="A tcp_min_rtt_wlen of -1 or 86401 is refused. With one of 86400 the least round trip of a TCP "
    "connection over IPv4 (TCP_INFO) is still a short one in spite of a longer one half a second later, and "
    "with 0 it is not.",
    since="5.1",
    needs=[*RESTING, sysctl(LEAST_TRIP)],
    survives=RESTING_ENDS,
)
@pytest.mark.parametrize(("bound", "beyond", "longer"), [(0, -1, True), (86_400, 86_401, False)])
def test_the_window_of_the_least_trip_has_bounds(peers, observe, bound, beyond, longer):
    peers.right.namespace.sysctl[LEAST_TRIP] = bound
    with pytest.raises(NetnsError):
        peers.right.namespace.sysctl[LEAST_TRIP] = beyond

    assert observe("longer", rises(peers)) is longer
