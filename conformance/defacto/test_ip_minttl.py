"""IP_MINTTL: what arrives from too far away. No page describes it."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, made_peer
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.segments import ACK, PSH, SYN
from conformance.plugin.setups.udp import udp_flow
from conformance.plugin.timing import SOON
from libsocket import Ttl

TTL = 64
"""Of all that a made peer sends."""


def destination_port(packet: bytes) -> int:
    """The port that a TCP packet without IP options goes to."""
    return int.from_bytes(packet[22:24], "big")


@claim(
    "defacto/IP_MINTTL/segments",
    says="A TCP connection over IPv4 ignores a segment whose time to live is less than its IP_MINTTL: it is "
    "neither acknowledged nor received. One with as much is.",
    since="2.6.34",
    commit="d218d11133d8",
    needs=MADE,
)
def test_segments_from_afar_are_ignored(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        peer.connect(listener)
        with listener.accept()[0] as sock, packets() as seen:
            sock.rcvtimeo = seen.rcvtimeo = SOON
            sock.ip_minttl = TTL + 1
            peer.send(ACK | PSH, b"far")
            answers = [len(peer.replies())]
            sock.ip_minttl = TTL
            peer.tell(b"near")
            answers.append(len(peer.replies()))
            arrived, received = seen.recv(100)[-3:].decode(), sock.recv(20).decode()
            peer.reset()

            assert [observe("answers", answers), observe("arrived_and_received", [arrived, received])] == [
                [0, 1],
                ["far", "near"],
            ]


@claim(
    "defacto/IP_MINTTL/requests",
    says="A TCP listener over IPv4 does not answer a request for a connection whose time to live is less "
    "than its IP_MINTTL, and one with as much it answers.",
    since="2.6.34",
    commit="d218d11133d8",
    needs=MADE,
)
def test_requests_from_afar_are_ignored(peers, observe):
    with (
        made_peer(peers) as peer,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        packets() as seen,
    ):
        seen.rcvtimeo = SOON
        port = listener.getsockname()[1]
        listener.ip_minttl = TTL + 1
        peer.send(SYN, to=port)
        arrived = destination_port(seen.recv(100)) == port
        answers = [[one.flags for one in peer.replies()]]
        listener.ip_minttl = TTL
        peer.send(SYN, to=port)
        answers.append(list({one.flags for one in peer.replies()}))  # after a second it comes again

        assert [observe("arrived", arrived), observe("answers", answers)] == [True, [[], [SYN | ACK]]]


@claim(
    "defacto/IP_MINTTL/not-of-datagrams",
    says="A UDP socket over IPv4 receives datagrams whose time to live is less than its IP_MINTTL.",
    since="2.6.34",
    commit="d218d11133d8",
)
def test_datagrams_from_afar_are_received(ns, observe):
    with udp_flow() as (sender, receiver):
        receiver.ip_recvttl = True
        receiver.ip_minttl = 255
        sender.ip_ttl = 1
        sender.send(b"far")
        (ttl,) = control_messages(receiver, Ttl)

        assert observe("least_and_received", [receiver.ip_minttl, int(ttl)]) == [255, 1]
