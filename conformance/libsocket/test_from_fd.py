"""A Socket made from an established descriptor."""

from __future__ import annotations

import os

import pytest

from conformance.plugin.claim import claim
from libsocket import Socket


@claim(
    "libsocket/from_fd/same-connection",
    sentence="libsocket/create/from-fd",
    section="impl Socket",
    says="A socket made from an established descriptor speaks for that descriptor's connection.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_speaks_for_the_same_connection(ns, observe, pair):
    left, right = pair()
    with left, right, Socket.from_fd(os.dup(left.fileno())) as again:
        again.send(b"question")
        right.send(b"answer")

        assert observe("heard", [right.recv(9).decode(), again.recv(9).decode()]) == ["question", "answer"]


@claim(
    "libsocket/from_fd/same-options",
    sentence="libsocket/create/from-fd",
    section="impl Socket",
    says="What is set on a socket made from an established descriptor is set for that descriptor too.",
)
def test_has_the_same_options(ns, observe):
    with Socket.tcp() as sock, Socket.from_fd(os.dup(sock.fileno())) as again:
        again.keepalive = True

        assert observe("keepalive", sock.keepalive) is True
