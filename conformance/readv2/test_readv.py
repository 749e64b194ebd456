"""readv(2) and writev(2), preadv(2) and pwritev(2) on sockets."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.vectors import read_pieces, write_pieces, write_sizes
from conformance.plugin.timing import SOON

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)
ONE_END_READS = {"no-op: connect*": "an end that only receives needs no peer"}
LIMIT = 1024


@claim(
    "readv.2/readv/in-order",
    sentence=(
        "readv.2/readv/scatter",
        "readv.2/buffers/order",
        "readv.2/buffers/not-all",
        "readv.2/RETURN-VALUE/fewer",
    ),
    section="DESCRIPTION",
    says="readv(2) from a TCP, UDP or UNIX socket fills its buffers in order, each before the next: of "
    "five bytes two, two and one, and the fourth stays empty.",
    survives=ONE_END_READS,
)
@KINDS
def test_buffers_are_filled_in_order(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        buffers = [bytearray(2), bytearray(2), bytearray(2), bytearray(2)]
        read = os.readv(sock.fileno(), buffers)

        assert observe("read", [read, b"|".join(buffers).decode()]) == [5, "he|ll|o\0|\0\0"]


@claim(
    "readv.2/writev/in-order",
    sentence=("readv.2/writev/gather", "readv.2/buffers/order"),
    section="DESCRIPTION",
    says="writev(2) to a TCP, UDP or UNIX socket writes its buffers in order; of a datagram or seqpacket "
    "socket they are one message.",
)
@KINDS
def test_buffers_are_written_in_order(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        written = os.writev(sock.fileno(), [b"he", b"", b"ll", b"o"])

        assert observe("written_and_received", [written, peer.recv(100).decode()]) == [5, "hello"]


@claim(
    "readv.2/EINVAL/count-of-writev",
    sentence=("readv.2/EINVAL/count", "readv.2/NOTES/limit"),
    section="ERRORS",
    says="writev(2) to a TCP, UDP or UNIX stream socket takes 1024 buffers, and fails with EINVAL for 1025 "
    "and for -1.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_as_many_buffers_as_are_written(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EINVAL):
            write_pieces(sock, LIMIT + 1)
        with refused(errno.EINVAL, "errno_of_negative"):
            write_pieces(sock, -1)
        written = write_pieces(sock, LIMIT)

        assert observe("written_and_received", [written, len(peer.recv(2000))]) == [LIMIT, LIMIT]


@claim(
    "readv.2/EINVAL/count-of-readv",
    sentence=("readv.2/EINVAL/count", "readv.2/NOTES/limit"),
    section="ERRORS",
    says="readv(2) from a TCP, UDP or UNIX stream socket takes 1024 buffers, and fails with EINVAL for "
    "1025 and for -1.",
    survives=ONE_END_READS,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_as_many_buffers_as_are_read(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(bytes(LIMIT))
        with refused(errno.EINVAL):
            read_pieces(sock, LIMIT + 1)
        with refused(errno.EINVAL, "errno_of_negative"):
            read_pieces(sock, -1)

        assert observe("read", read_pieces(sock, LIMIT)) == LIMIT


@claim(
    "readv.2/EINVAL/overflow",
    sentence="readv.2/EINVAL/overflow",
    section="ERRORS",
    says="writev(2) to a TCP, UDP or UNIX stream or datagram socket fails with EINVAL where the size of a "
    "buffer is one more than an ssize_t holds, 2 to the 63rd.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_more_than_there_can_be(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EINVAL):
            write_sizes(sock, 1 << 63)
        written = write_sizes(sock, 1, 0)

        assert observe("written_and_received", [written, len(peer.recv(100))]) == [1, 1]


@claim(
    "readv.2/EINVAL/overflow-of-sum",
    sentence="readv.2/EINVAL/overflow",
    section="ERRORS",
    says="writev(2) to a TCP, UDP or UNIX stream or datagram socket fails with EINVAL where the sizes of two "
    "buffers, 2 to the 62nd each, are together one more than an ssize_t holds.",
    expect=differs(
        "the sum is cut to the most that is transferred at once and cannot overflow: it fails with EFAULT, "
        "since so much is no memory of a process",
        since="2.6.37",
        commit="435f49a518c7",
        observed={"errno": "EFAULT"},
    ),
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_more_than_there_can_be_together(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EINVAL):
            write_sizes(sock, 1 << 62, 1 << 62)
        written = write_sizes(sock, 1, 0)

        assert observe("written_and_received", [written, len(peer.recv(100))]) == [1, 1]


@claim(
    "readv.2/preadv/seek",
    sentence=("readv.2/preadv/seekable", "readv.2/ERRORS/lseek"),
    section="preadv() and pwritev()",
    says="preadv(2) and pwritev(2) on a TCP, UDP or UNIX socket fail with ESPIPE at any offset but 0: it "
    "cannot seek; readv(2) and writev(2) succeed.",
)
@KINDS
def test_a_socket_cannot_seek(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = peer.rcvtimeo = SOON
        with refused(errno.ESPIPE):
            os.preadv(sock.fileno(), [bytearray(5)], 1)
        with refused(errno.ESPIPE, "errno_of_write"):
            os.pwritev(sock.fileno(), [b"lost"], 1)
        written = os.writev(sock.fileno(), [b"hello"])

        assert observe("written_and_received", [written, peer.recv(100).decode()]) == [5, "hello"]


@claim(
    "readv.2/preadv2/offset-minus-1",
    sentence="readv.2/preadv2/minus-1",
    section="preadv2() and pwritev2()",
    says="preadv2(2) and pwritev2(2) with the offset -1 read from a TCP, UDP or UNIX socket and write to "
    "it, as readv(2) and writev(2) do.",
)
@KINDS
def test_the_offset_minus_1(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = peer.rcvtimeo = SOON
        written = os.pwritev(sock.fileno(), [b"hello"], -1)
        peer.send(b"world")
        room = bytearray(5)
        read = os.preadv(sock.fileno(), [room], -1)

        found = [written, peer.recv(100).decode(), read, room.decode()]
        assert observe("written_and_read", found) == [5, "hello", 5, "world"]


@claim(
    "readv.2/RWF_NOWAIT/eagain",
    sentence="readv.2/RWF_NOWAIT/instantly",
    section="preadv2() and pwritev2()",
    says="preadv2(2) with RWF_NOWAIT from a TCP, UDP or UNIX stream or datagram socket that blocks fails "
    "with EAGAIN where nothing has come.",
    since="4.14",
    expect=differs(
        "sockets do not have it until a commit of 6.5: it fails with EOPNOTSUPP",
        since="4.14",
        until="6.5",
        commit="fe34db062b80",
        observed={"errno": "EOPNOTSUPP"},
    ),
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_it_does_not_wait(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        room = bytearray(5)
        with refused(errno.EAGAIN):
            os.preadv(sock.fileno(), [room], -1, os.RWF_NOWAIT)
        peer.send(b"hello")
        read = os.preadv(sock.fileno(), [room], -1)

        assert observe("read", [read, room.decode()]) == [5, "hello"]
