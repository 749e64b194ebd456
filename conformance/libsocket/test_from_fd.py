"""A Socket made from an established descriptor."""

from __future__ import annotations

import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "libsocket/from_fd/same-connection",
    sentence="libsocket/create/from-fd",
    section="impl Socket",
    says="A socket made from the descriptor of a connected TCP or UNIX stream socket sends and receives on "
    "that connection.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_speaks_for_the_same_connection(ns, observe, pair):
    left, right = pair()
    with left, right, Socket.from_fd(os.dup(left.fileno())) as again:
        right.rcvtimeo = again.rcvtimeo = SOON
        again.send(b"question")
        right.send(b"answer")

        assert observe("heard", [right.recv(9).decode(), again.recv(9).decode()]) == ["question", "answer"]


@claim(
    "libsocket/from_fd/same-options",
    sentence="libsocket/create/from-fd",
    section="impl Socket",
    says="SO_KEEPALIVE, set on a socket made from the descriptor of a TCP socket, is set for that descriptor "
    "too.",
)
def test_has_the_same_options(ns, observe):
    with Socket.tcp() as sock, Socket.from_fd(os.dup(sock.fileno())) as again:
        before = sock.keepalive
        again.keepalive = True

        assert observe("keepalive_before_and_after", [before, sock.keepalive]) == [False, True]
