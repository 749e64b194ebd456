"""Both ends of a connection say how large a segment may be."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, made_peers
from libsocket import Linger, Socket


@claim(
    "ip-sysctl/tcp_min_snd_mss/announced",
    sentence="ip-sysctl/tcp_min_snd_mss/announced",
    section="TCP variables",
    says="The SYN of a TCP socket over IPv4, and the SYN-ACK of a listener, announce segments of 1460 bytes "
    "on a link whose MTU is 1500.",
    needs=MADE,
    survives={
        "no-op: setsockopt(*SO_LINGER*": "it only ends a connection without a FIN",
        "no-op: sendto(*, 44, 0*": "the SYN of a socket was seen though nobody answers it",
    },
)
def test_a_segment_size_is_announced(peers, observe):
    with (
        made_peers(peers, 2) as (server, client),
        peers.right.entered(),
        listening(peers.right.address) as listener,
        Socket.tcp() as sock,
    ):
        sock.linger = Linger(True, 0)
        sizes = [server.answer(sock).mss, client.ask(listener).mss]

        assert observe("sizes", sizes) == [1460, 1460]
