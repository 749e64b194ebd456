"""connect(2) beyond what it says: the errno of who is not the peer."""

from __future__ import annotations

import errno
from socket import SOCK_DGRAM

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket


@claim(
    "defacto/connect/unix-datagram-stranger-eperm",
    says="Sending to a UNIX datagram socket that is connected to another fails with EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_another_than_the_peer_gets_eperm(ns, observe):
    with (
        Socket.unix(SOCK_DGRAM) as peer,
        Socket.unix(SOCK_DGRAM) as stranger,
        Socket.unix(SOCK_DGRAM) as sock,
    ):
        peer.bind("")
        sock.bind("")
        sock.connect(peer.getsockname())
        with refused(errno.EPERM):
            stranger.sendto(b"stranger", sock.getsockname())
        peer.sendto(b"peer", sock.getsockname())

        assert observe("received", sock.recv(9).decode()) == "peer"
