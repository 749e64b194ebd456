"""readv(2) of sockets where documents are silent: vectors that overlap, of no bytes, or without memory."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.vectors import read_into_nowhere_by_vector, read_vectors_nowhere
from conformance.plugin.timing import SOON

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"])
UNIX = pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
ONE_END = {"no-op: connect*": "an end that only receives needs no peer"}


@claim(
    "defacto/readv/overlapping",
    says="readv(2) from a TCP, UDP or UNIX socket into two vectors that overlap leaves there what the "
    "second got.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_the_last_vector_counts(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"abcdefgh")
        await_readable(sock)
        room = bytearray(6)
        read = os.readv(sock.fileno(), [memoryview(room)[:4], memoryview(room)[2:]])

        assert observe("read_and_room", [read, room.decode()]) == [8, "abefgh"]


@claim(
    "defacto/readv/vectors-nowhere",
    says="readv(2) from a TCP, UDP or UNIX socket with vectors where there is no memory fails with EFAULT, "
    "and what waits stays.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_vectors_need_memory(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EFAULT):
            read_vectors_nowhere(sock)

        assert observe("left", sock.recv(9).decode()) == "hello"


@claim(
    "readv.2/EFAULT/buffer-nowhere",
    sentence="readv.2/ERRORS/read-and-write",
    section="ERRORS",
    says="readv(2) from a TCP, UDP or UNIX socket into a buffer where there is no memory fails with EFAULT; "
    "into one where there is it reads.",
    survives={**ONE_END, "no-op: sendto(*": "a stream has what was sent first, and needs no more"},
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_buffer_needs_memory(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EFAULT):
            read_into_nowhere_by_vector(sock)
        room = bytearray(5)
        os.readv(sock.fileno(), [room])

        assert observe("then", room.decode()) == "hello"


@claim(
    "defacto/readv/buffer-nowhere-message",
    says="readv(2) from a UDP, or UNIX datagram or seqpacket socket into a vector whose buffer is where "
    "there is no memory fails with EFAULT, and the message is lost: the next is received.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram", "unix-seqpacket"])
def test_a_message_is_lost(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"first")
        await_readable(sock)
        with refused(errno.EFAULT):
            read_into_nowhere_by_vector(sock)
        peer.send(b"other")
        room = bytearray(5)
        os.readv(sock.fileno(), [room])

        assert observe("then", room.decode()) == "other"


@claim(
    "defacto/readv/no-bytes",
    says="readv(2) into a vector of no bytes from a TCP, UDP or UNIX socket for which data wait returns 0, "
    "and leaves them.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_nothing_is_read_into_nothing(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)
        read = os.readv(sock.fileno(), [bytearray(0)])

        assert observe("read_and_left", [read, sock.recv(9).decode()]) == [0, "hello"]


@claim(
    "readv.2/EAGAIN/nothing-there",
    sentence=("readv.2/ERRORS/read-and-write", "readv.2/readv/as-read"),
    section="ERRORS",
    says="readv(2) from a non-blocking TCP, UDP or UNIX socket fails with EAGAIN where nothing has come, "
    "and gives what has.",
    survives=ONE_END,
)
@KINDS
def test_there_is_nothing(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.nonblocking = True
        room = bytearray(9)
        before = answer(lambda: os.readv(sock.fileno(), [room]))
        peer.send(b"hello")
        await_readable(sock)

        assert observe("before_and_after", [before, os.readv(sock.fileno(), [room])]) == ["EAGAIN", 5]
