"""close(2): a descriptor goes, and with the last one the socket."""

from __future__ import annotations

import errno
import fcntl
import os

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket

OUT_OF_THE_WAY = 200
"""A descriptor from here on is not handed out to whoever opens something meanwhile."""


@claim(
    "close.2/close/descriptor-gone",
    sentence="libsocket/close/closes",
    section="DESCRIPTION",
    says="A descriptor that was closed refers to nothing any more: using it fails with EBADF.",
)
def test_the_descriptor_is_gone(ns, observe):
    with Socket.udp() as sock:
        fd = fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
        before = os.path.samestat(os.fstat(fd), os.fstat(sock.fileno()))
        Socket.from_fd(fd).close()
        with refused(errno.EBADF):
            os.fstat(fd)

        assert observe("was_the_socket", before) is True


@claim(
    "close.2/close/other-descriptor-stays",
    section="DESCRIPTION",
    says="Closing one of several descriptors of a socket leaves its connection as it is.",
)
def test_another_descriptor_keeps_the_connection(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, left.dup() as again:
        left.close()
        again.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hello"


@claim(
    "close.2/close/last-descriptor-ends",
    section="DESCRIPTION",
    says="Closing the last descriptor of a socket ends its connection.",
)
def test_the_last_descriptor_ends_the_connection(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, left.dup() as again:
        left.close()
        again.send(b"last")
        again.close()

        assert observe("received", right.read_to_string()) == "last"
