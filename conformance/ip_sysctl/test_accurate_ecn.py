"""Sysctls of Accurate ECN: which variant of ECN is asked for and granted, and its option."""

from __future__ import annotations

from functools import partial
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH, sysctl
from conformance.plugin.setups.handshakes import answer, request
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import WITH_SACK, MadePeer, made_peer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import (
    ACCURATE_ECN,
    ACK,
    AE,
    CWR,
    ECE,
    PSH,
    SYN,
    Segment,
    next_segment,
    segments,
)
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Capability, Peers

ECN, OPTION = "net.ipv4.tcp_ecn", "net.ipv4.tcp_ecn_option"
BEACON = "net.ipv4.tcp_ecn_option_beacon"
NEEDS: Final = (Capability.NET_RAW, VETH, sysctl(ECN, "3"))
SINCE: Final = "7.0"
OFFER: Final = AE | CWR | ECE
NOT_CAPABLE: Final = CWR
"""The answer to a SYN that offers Accurate ECN and whose packet is not marked as capable of ECN."""

COUNTERS: Final = {ACCURATE_ECN[1]: bytes([0, 0, 1, 0, 0, 0, 0, 0, 1])}
"""The option with the counters of bytes as they begin."""


def has_option(segment: Segment) -> bool:
    return any(kind in segment.options for kind in ACCURATE_ECN)


def with_option(hosts: Peers) -> list[bool]:
    """Which of three segments with data, that are sent to the right one by one, have an option."""
    with hosts.left.entered():
        sock = Socket.tcp()
    with sock, hosts.right.entered(), segments() as arriving, listening(hosts.right.address) as listener:
        arriving.rcvtimeo = SOON
        sock.connect(listener.getsockname())
        with listener.accept()[0] as server:
            found = []
            for data in (b"one", b"two", b"six"):
                sock.send(data)
                server.recv(3)
                carrying = (one for one in iter(partial(next_segment, arriving), None) if one.data == data)
                found.append(has_option(next(carrying)))
            return found


@claim(
    "ip-sysctl/tcp_ecn/accurate-asks",
    sentence="ip-sysctl/tcp_ecn/accurate",
    section="TCP variables",
    says="The SYN of a TCP connection over IPv4 offers Accurate ECN (the flags AE, CWR and ECE) where "
    "tcp_ecn is 3, ECN (CWR and ECE) where it is 4, and neither where it is 5.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize(("value", "flags"), [(3, SYN | OFFER), (4, SYN | CWR | ECE), (5, SYN)])
def test_accurate_ecn_is_asked_for(peers, observe, value, flags):
    peers.left.namespace.sysctl[ECN] = value

    assert observe("flags", request(peers).flags) == flags


@claim(
    "ip-sysctl/tcp_ecn/accurate-grants",
    sentence="ip-sysctl/tcp_ecn/accurate",
    section="TCP variables",
    says="A TCP listener over IPv4 grants Accurate ECN to a client that offers it (of AE, CWR and ECE its "
    "answer to a SYN that is not marked has CWR alone) where tcp_ecn is 3, 4 or 5.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize("value", [3, 4, 5])
def test_accurate_ecn_is_granted(peers, observe, value):
    peers.left.namespace.sysctl[ECN] = 3
    peers.right.namespace.sysctl[ECN] = value

    assert observe("flags", answer(peers).flags & OFFER) == NOT_CAPABLE


@claim(
    "ip-sysctl/tcp_ecn/highest",
    sentence=("ip-sysctl/tcp_ecn/highest", "ip-sysctl/tcp_ecn/both"),
    section="TCP variables",
    says="A TCP listener over IPv4 grants ECN (of AE, CWR and ECE its answer has ECE alone) where it or the "
    "client that asks has an Accurate ECN which the other has not, and nothing where one has no ECN: with a "
    "tcp_ecn of the client of 3, and of its own of 1, 2 and 0; and of 1, 4 and 5, and of its own of 3.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("asking", "granting", "flag"), [(3, 1, ECE), (3, 2, ECE), (3, 0, 0), (1, 3, ECE), (4, 3, ECE), (5, 3, 0)]
)
def test_the_highest_that_both_have_is_granted(peers, observe, asking, granting, flag):
    peers.left.namespace.sysctl[ECN] = asking
    peers.right.namespace.sysctl[ECN] = granting

    assert observe("flags", answer(peers).flags & OFFER) == flag


@claim(
    "ip-sysctl/tcp_ecn_option/answer",
    sentence=("ip-sysctl/tcp_ecn_option/never", "ip-sysctl/tcp_ecn_option/default"),
    section="TCP variables",
    says="A TCP listener over IPv4 that grants Accurate ECN answers with its option in a new network "
    "namespace and with a tcp_ecn_option of 1, 2 or 3, and not with 0.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("settings", "has"),
    [({}, True), ({OPTION: 0}, False), ({OPTION: 1}, True), ({OPTION: 2}, True), ({OPTION: 3}, True)],
    ids=["at-first", "0", "1", "2", "3"],
)
def test_the_answer_has_the_option(peers, observe, settings, has):
    peers.left.namespace.sysctl[ECN] = peers.right.namespace.sysctl[ECN] = 3
    peers.right.namespace.sysctl.update(settings)
    granted = answer(peers)

    assert observe("flags_and_option", [granted.flags & OFFER, has_option(granted)]) == [NOT_CAPABLE, has]


@claim(
    "ip-sysctl/tcp_ecn_option/every-packet",
    sentence=(
        "ip-sysctl/tcp_ecn_option/never",
        "ip-sysctl/tcp_ecn_option/each",
        "ip-sysctl/tcp_ecn_option/default",
    ),
    section="TCP variables",
    says="Each of three segments with data that a client of a TCP connection with Accurate ECN over IPv4 "
    "sends has its option in a new network namespace and with a tcp_ecn_option of 2 or 3, and none with 0.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("settings", "has"),
    [({}, True), ({OPTION: 0}, False), ({OPTION: 2}, True), ({OPTION: 3}, True)],
    ids=["at-first", "0", "2", "3"],
)
def test_each_packet_has_the_option(peers, observe, settings, has):
    peers.left.namespace.sysctl[ECN] = peers.right.namespace.sysctl[ECN] = 3
    peers.left.namespace.sysctl.update(settings)

    assert observe("option", with_option(peers)) == [has, has, has]


@claim(
    "ip-sysctl/tcp_ecn_option/inhibited",
    sentence="ip-sysctl/tcp_ecn_option/inhibited",
    section="TCP variables",
    says="None of three segments with data that a client of a TCP connection with Accurate ECN over IPv4 "
    "sends has its option with a tcp_ecn_option of 2 or 3 where the listener has 0, and so answered without.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize("value", [2, 3])
def test_no_packet_has_an_option_that_the_peer_does_not_send(peers, observe, value):
    peers.left.namespace.sysctl[ECN] = peers.right.namespace.sysctl[ECN] = 3
    peers.left.namespace.sysctl[OPTION] = value
    both = with_option(peers)
    peers.right.namespace.sysctl[OPTION] = 0

    assert observe("option", [both, with_option(peers)]) == [[True] * 3, [False] * 3]


def carrying(data: bytes, peer: MadePeer) -> Segment:
    """The next segment to a made peer that has these data."""
    return next(one for one in iter(peer.next, None) if one.data == data)


@claim(
    "ip-sysctl/tcp_ecn_option/fallback",
    sentence=("ip-sysctl/tcp_ecn_option/each", "ip-sysctl/tcp_ecn_option/always"),
    section="TCP variables",
    says="What a TCP connection with Accurate ECN over IPv4 sends has its option. Once a segment has come "
    "for the third time, and the answer to the second had the option, it has none with a tcp_ecn_option of "
    "2, and with 3 it still has.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize(("value", "has"), [(2, False), (3, True)])
def test_the_option_is_given_up(peers, observe, value, has):
    peers.right.namespace.sysctl.update({ECN: 3, OPTION: value})
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        peer.ask(listener, WITH_SACK, flags=SYN | OFFER)
        peer.send(ACK | NOT_CAPABLE, options=COUNTERS)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.linger = Linger(True, 0)
            sock.rcvtimeo = SOON
            peer.tell(b"data", options=COUNTERS)
            sock.recv(4)
            sock.send(b"before")
            options = [has_option(carrying(b"before", peer))]
            peer.send(ACK | PSH, b"data", sequence=peer.sequence - 4, options=COUNTERS)
            peer.send(ACK | PSH, b"data", sequence=peer.sequence - 4, options=COUNTERS)
            again = [has_option(one) for one in peer.replies()]
            sock.send(b"after")
            options.append(has_option(next(one for one in iter(peer.next, None) if one.data == b"after")))

            assert [observe("of_answer", again[0]), observe("before_and_after", options)] == [
                True,
                [True, has],
            ]


@claim(
    "ip-sysctl/tcp_ecn_option_beacon/default",
    sentence="ip-sysctl/tcp_ecn_option_beacon/default",
    section="TCP variables",
    says="net.ipv4.tcp_ecn_option_beacon of a new network namespace is 3.",
    since="6.18",
    needs=[sysctl(BEACON)],
    survives={"*": "no socket is asked: a file of /proc/sys is read"},
)
def test_the_option_has_a_frequency_at_first(ns, observe):
    assert observe("times", ns.sysctl[BEACON]) == "3"
