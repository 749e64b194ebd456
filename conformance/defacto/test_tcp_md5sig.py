"""TCP_MD5SIG: segments that are signed with a key (RFC 2385)."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ADDRESS, MADE, OFFERED, made_peer
from conformance.plugin.setups.segments import ACK, SYN, segments, waiting_segments
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpMd5sig

SIGNATURE, SIZE = 19, 16
"""The kind of TCP's option, and its bytes."""


@claim(
    "defacto/TCP_MD5SIG/signs",
    says="The SYN that a TCP socket over IPv4 sends to an address for which it has a TCP_MD5SIG key is "
    "signed, with 16 bytes, and that of a socket without is not.",
    since="2.6.20",
    commit="cfb6eeb4c860",
    needs=MADE,
)
def test_segments_are_signed(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), Socket.tcp() as plain, Socket.tcp() as signing:
        signing.tcp_md5sig = TcpMd5sig(ADDRESS, b"secret")
        plain.setblocking(False)
        signing.setblocking(False)
        plain.connect_ex((ADDRESS, peer.port))
        first = peer.next()
        signing.connect_ex((ADDRESS, peer.port))
        second = next(one for one in iter(peer.next, None) if one.source != first.source)

        sizes = [len(one.options.get(SIGNATURE, b"")) for one in (first, second)]
        assert observe("sizes", sizes) == [0, SIZE]


@claim(
    "defacto/TCP_MD5SIG/drops",
    says="A TCP listener over IPv4 that has a TCP_MD5SIG key for an address drops a SYN from there that is "
    "not signed, or signed otherwise, and answers one once the key is taken away.",
    since="2.6.20",
    commit="cfb6eeb4c860",
    needs=MADE,
)
def test_unsigned_segments_are_dropped(peers, observe):
    with (
        made_peer(peers) as peer,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        segments() as arriving,
    ):
        listener.tcp_md5sig = TcpMd5sig(ADDRESS, b"secret")
        port = listener.getsockname()[1]
        peer.send(SYN, to=port, options=OFFERED)
        answered = [len(peer.replies())]
        peer.send(SYN, to=port, options={**OFFERED, SIGNATURE: bytes(SIZE)})
        answered.append(len(peer.replies()))
        came = [len(one.options.get(SIGNATURE, b"")) for one in waiting_segments(arriving) if one.options]
        listener.tcp_md5sig = TcpMd5sig(ADDRESS)
        answer = peer.ask(listener)

        seen = [observe("came", came), observe("answered", answered), observe("flags", answer.flags)]
        assert seen == [[0, SIZE], [0, 0], SYN | ACK]


@claim(
    "defacto/TCP_MD5SIG/connects",
    sentence=("tcp.h/TCP_MD5SIG/RFC-2385"),
    says="Two TCP sockets over IPv4 with the same TCP_MD5SIG key for each other's address connect, and what "
    "one sends the other receives.",
    since="2.6.20",
    commit="cfb6eeb4c860",
)
def test_both_ends_have_the_key(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        listener.tcp_md5sig = client.tcp_md5sig = TcpMd5sig("127.0.0.1", b"secret")
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"signed")

            assert observe("received", server.read_exact(6).decode()) == "signed"


@claim(
    "defacto/TCP_MD5SIG/unknown",
    says="Taking away a TCP_MD5SIG key of an address for which a TCP socket over IPv4 has none is refused "
    "with ENOENT, and one that it has is taken away once.",
    since="2.6.20",
    commit="cfb6eeb4c860",
)
def test_an_unknown_key_is_not_taken_away(ns, observe):
    with Socket.tcp() as sock:
        with refused(errno.ENOENT):
            sock.tcp_md5sig = TcpMd5sig("127.0.0.1")
        sock.tcp_md5sig = TcpMd5sig("127.0.0.1", b"secret")
        sock.tcp_md5sig = TcpMd5sig("127.0.0.1")
        with refused(errno.ENOENT, "errno_again"):
            sock.tcp_md5sig = TcpMd5sig("127.0.0.1")
