"""SO_SNDLOWAT: a constant on Linux."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "socket.7/SO_SNDLOWAT/single-byte-is-passed-on",
    sentence=("libsocket/sndlowat/minimum", "socket.7/SO_RCVLOWAT/minimum"),
    section="Socket options",
    says="One byte sent on a TCP or UNIX stream socket, as many as the mark, is enough to be passed to the "
    "protocol.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_single_byte_is_passed_to_the_protocol(ns, observe, pair):
    writer, reader = pair()
    with writer, reader:
        reader.rcvtimeo = SOON  # a byte that is kept back is an answer
        writer.send(b"x")

        assert observe("received", reader.recv(10).decode()) == "x"
