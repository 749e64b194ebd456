"""SO_SNDLOWAT: a constant on Linux."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "socket.7/SO_SNDLOWAT/starts-at-one",
    sentence=("libsocket/sndlowat/one", "socket.7/SO_RCVLOWAT/initially-one"),
    section="Socket options",
    says="The low-water mark for sending of a TCP, UDP or UNIX stream socket is 1 at first.",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_the_mark_is_one(ns, observe, make):
    with make() as sock:
        assert observe("sndlowat", sock.sndlowat) == 1


@claim(
    "socket.7/SO_SNDLOWAT/not-changeable",
    sentence=(
        *("libsocket/rcvlowat/sndlowat", "libsocket/sndlowat/fixed"),
        "socket.7/SO_RCVLOWAT/sndlowat-fixed",
    ),
    section="Socket options",
    says="Setting the low-water mark for sending of a TCP, UDP or UNIX stream socket fails with ENOPROTOOPT, "
    "even to the value it has.",
)
@pytest.mark.parametrize("mark", [1, 5])
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_setting_the_mark_is_refused(ns, observe, make, mark):
    with make() as sock:
        sock.rcvlowat = mark
        with refused(errno.ENOPROTOOPT):
            sock.sndlowat = mark

        assert observe("marks", [sock.rcvlowat, sock.sndlowat]) == [mark, 1]


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
