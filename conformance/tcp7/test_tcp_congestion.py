"""TCP_CONGESTION and its sysctls: the congestion control algorithm of a connection."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import OWN_KERNEL, UNANSWERED
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import UNACKED_ENDS, unanswered_sender
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, initial_sysctl_set, only, without

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
ALLOWED = "net.ipv4.tcp_allowed_congestion_control"
CUBIC, RENO = "cubic", "reno"


@claim(
    "tcp.7/TCP_CONGESTION/used",
    sentence=(
        "tcp.7/TCP_CONGESTION/string",
        "tcp.7/TCP_CONGESTION/per-socket",
        "tcp.h/TCP_CONGESTION/algorithm",
    ),
    section="Socket options",
    says="A TCP socket over IPv4 whose TCP_CONGESTION is set to the string reno uses that algorithm: its "
    "slow start threshold becomes half of the 10 segments that were under way when a retransmission timeout "
    "shows that they are lost.",
    since="2.6.13",
    needs=UNANSWERED,
    survives=UNACKED_ENDS,
)
def test_the_algorithm_is_used(peers, observe):
    peers.left.namespace.sysctl["net.ipv4.tcp_early_retrans"] = 0
    with unanswered_sender(peers) as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        sock.tcp_congestion = RENO
        sock.send(bytes(10 * sock.tcp_info.snd_mss))
        first = next_segment(arriving).sequence
        again = next(
            one.sequence for one in iter(lambda: next_segment(arriving), None) if one.sequence <= first
        )

        threshold = sock.tcp_info.snd_ssthresh
        assert [observe("again", again == first), observe("threshold", threshold)] == [True, 5]


@claim(
    "tcp.7/TCP_CONGESTION/per-socket",
    sentence=(
        "tcp.7/TCP_CONGESTION/per-socket",
        "tcp.7/tcp_congestion_control/default",
        "ip-sysctl/tcp_congestion_control/new",
    ),
    section="Socket options",
    says="TCP_CONGESTION changes the algorithm of one TCP socket, over IPv4 and IPv6: others keep what "
    "tcp_congestion_control of their network namespace said when they were made.",
    since="2.6.13",
)
@FAMILIES
def test_it_is_of_one_socket(ns, observe, family):
    default = ns.sysctl["net.ipv4.tcp_congestion_control"]
    with Socket.tcp(family) as before:
        ns.sysctl["net.ipv4.tcp_congestion_control"] = RENO
        with Socket.tcp(family) as after, Socket.tcp(family) as changed:
            changed.tcp_congestion = default
            seen = [sock.tcp_congestion == default for sock in (before, changed, after)]

            assert [observe("default", seen), observe("after", after.tcp_congestion)] == [
                [True, True, default == RENO],
                RENO,
            ]


@claim(
    "tcp.7/TCP_CONGESTION/unknown",
    sentence="tcp.7/TCP_CONGESTION/privileged",
    section="Socket options",
    says="The name of no algorithm is refused, and a TCP socket, over IPv4 and IPv6, keeps the one that it "
    "has.",
    since="2.6.13",
)
@FAMILIES
def test_an_unknown_name_is_refused(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.tcp_congestion = RENO
        with refused():
            sock.tcp_congestion = "no_such_name"

        assert observe("kept", sock.tcp_congestion) == RENO


@claim(
    "tcp.7/TCP_CONGESTION/unprivileged",
    sentence=("tcp.7/TCP_CONGESTION/unprivileged", "tcp.7/tcp_allowed_congestion_control/unprivileged"),
    section="Socket options",
    says="Without CAP_NET_ADMIN a TCP socket, over IPv4 and IPv6, takes an algorithm of "
    "tcp_allowed_congestion_control and no other one of tcp_available_congestion_control.",
    since="2.6.20",
    needs=[OWN_KERNEL],
)
@FAMILIES
def test_only_allowed_ones_can_be_chosen(ns, observe, family):
    with initial_sysctl_set(ALLOWED, RENO), Socket.tcp(family) as sock:
        with without(Capability.NET_ADMIN):
            sock.tcp_congestion = RENO
            with refused():
                sock.tcp_congestion = CUBIC

        assert observe("kept", sock.tcp_congestion) == RENO


@claim(
    "tcp.7/TCP_CONGESTION/privileged",
    sentence="tcp.7/TCP_CONGESTION/privileged",
    section="Socket options",
    says="With CAP_NET_ADMIN alone a TCP socket, over IPv4 and IPv6, takes an algorithm of "
    "tcp_available_congestion_control that is not in tcp_allowed_congestion_control.",
    since="2.6.20",
    needs=[OWN_KERNEL],
)
@FAMILIES
def test_any_can_be_chosen_with_the_capability(ns, observe, family):
    with initial_sysctl_set(ALLOWED, RENO), Socket.tcp(family) as sock:
        sock.tcp_congestion = RENO
        with only(Capability.NET_ADMIN):
            sock.tcp_congestion = CUBIC

        assert observe("chosen", sock.tcp_congestion) == CUBIC


@claim(
    "tcp.7/tcp_available_congestion_control/can-be-chosen",
    sentence=(
        "tcp.7/tcp_available_congestion_control/registered",
        "tcp.7/tcp_available_congestion_control/list",
        "tcp.7/tcp_congestion_control/reno",
        "ip-sysctl/tcp_available_congestion_control/registered",
        "ip-sysctl/tcp_congestion_control/reno",
    ),
    section="/proc interfaces",
    says="What tcp_available_congestion_control lists, with spaces between, has reno in it, and a TCP socket "
    "over IPv4 takes reno and what is listed last.",
    since="2.6.20",
)
def test_the_available_ones_can_be_chosen(ns, observe):
    available = ns.sysctl["net.ipv4.tcp_available_congestion_control"].split()
    with Socket.tcp() as sock:
        sock.tcp_congestion = RENO
        chosen = [sock.tcp_congestion]
        sock.tcp_congestion = available[-1]
        chosen.append(sock.tcp_congestion)

        assert [observe("reno", RENO in available), observe("as_asked", chosen == [RENO, available[-1]])] == [
            True,
            True,
        ]
