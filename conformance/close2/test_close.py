"""close(2): a descriptor goes, and with the last one the socket."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from socket import SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket

OUT_OF_THE_WAY = min(200, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1)
"""A descriptor from here on is not handed out to whoever opens something meanwhile."""


def another_descriptor(sock: Socket) -> int:
    return fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)


@claim(
    "close.2/close/descriptor-gone",
    sentence=("close.2/close/descriptor-gone", "libsocket/close/closes"),
    section="DESCRIPTION",
    says="A descriptor of a UDP socket that was closed refers to nothing any more: fstat fails with EBADF.",
)
def test_the_descriptor_is_gone(ns, observe):
    with Socket.udp() as sock:
        fd = another_descriptor(sock)
        with Socket.from_fd(fd) as closed:
            before = closed.so_type
        with refused(errno.EBADF):
            os.fstat(fd)

        types = [before, sock.so_type]
        assert observe("types_before_and_by_another_descriptor", types) == [SOCK_DGRAM, SOCK_DGRAM]


@claim(
    "close.2/EBADF/closed-already",
    sentence="close.2/EBADF/not-open",
    section="ERRORS",
    says="Closing a descriptor of a UDP socket a second time fails with EBADF.",
)
def test_a_descriptor_is_closed_only_once(ns, observe):
    with Socket.udp() as sock:
        fd = another_descriptor(sock)
        os.close(fd)
        with refused(errno.EBADF):
            os.close(fd)

        assert observe("type_by_another_descriptor", sock.so_type) == SOCK_DGRAM


@claim(
    "close.2/close/other-descriptor-stays",
    sentence="close.2/close/last-descriptor",
    section="DESCRIPTION",
    says="Closing one of two descriptors of a TCP or UNIX stream socket leaves its connection as it is.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_another_descriptor_keeps_the_connection(ns, observe, pair):
    left, right = pair()
    with left, right:
        fd = another_descriptor(left)
        os.close(fd)
        with refused(errno.EBADF):
            os.fstat(fd)
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hello"


@claim(
    "close.2/close/last-descriptor-ends",
    sentence="close.2/close/last-descriptor",
    section="DESCRIPTION",
    says="Closing the last descriptor of a connected TCP or UNIX stream socket that has received nothing "
    "ends its connection: the peer reads what was sent, and then the end of the stream.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_the_last_descriptor_ends_the_connection(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = SOON
        again = another_descriptor(left)
        left.close()
        os.write(again, b"last")
        os.close(again)

        assert observe("received", right.read_to_string()) == "last"
