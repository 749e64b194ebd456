"""readv(2) and writev(2), preadv(2) and pwritev(2) on sockets."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import await_asleep, drain, fill
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.vectors import read_pieces, write_pieces, write_sizes
from conformance.plugin.timing import LONG, SOON, timed
from netns import Child

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)
ONE_END_READS = {"no-op: connect*": "an end that only receives needs no peer"}
LIMIT = 1024
NO_FLAG = 1 << 30
"""A flag that there is not."""


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
    sentence=("readv.2/writev/gather", "readv.2/buffers/order", "readv.2/buffers/atomic"),
    section="DESCRIPTION",
    says="writev(2) to a TCP, UDP or UNIX socket writes its buffers in order; of a datagram or seqpacket "
    "socket they are one message.",
    survives={"no-op: connect(*": "the end that receives need not have a peer"},
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
    survives=ONE_END_READS,
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


@claim(
    "readv.2/EAGAIN/full",
    sentence=("readv.2/writev/as-write", "readv.2/ERRORS/read-and-write"),
    section="DESCRIPTION",
    says="writev(2) to a non-blocking TCP, or UNIX stream or seqpacket socket writes, and fails with EAGAIN "
    "where its buffer is full, as write(2) does.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_it_would_block_as_write_does(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.nonblocking = True
        written = os.writev(sock.fileno(), [b"x"])
        fill(sock)
        with refused(errno.EAGAIN):
            os.writev(sock.fileno(), [b"x"])
        with refused(errno.EAGAIN, "errno_of_write"):
            os.write(sock.fileno(), b"x")

        assert observe("written_and_received", [written, len(peer.recv(1))]) == [1, 1]


@claim(
    "readv.2/buffers/atomic-unix-stream",
    sentence="readv.2/buffers/atomic",
    section="DESCRIPTION",
    says="What writev(2) writes to a UNIX stream socket, two megabytes in two buffers, is one block, in "
    "which nothing is that another process sends on the socket meanwhile, also where it waits for room.",
    expect=differs(
        "while it waits for room what another process sends comes in between; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"asleep_written_whole": [True, 2_000_000, False]},
    ),
)
def test_a_block_is_whole(ns, observe):
    with connected("unix") as (sock, peer):
        peer.rcvtimeo = SOON
        sock.sndbuf = 50_000
        with Child(lambda: os.writev(sock.fileno(), [bytes(1_000_000)] * 2)) as child:
            await_readable(peer)
            asleep = await_asleep(child.pid)
            sock.sndbuf = 100_000  # room, of which one who waits for a quarter is not told
            sock.send(b"!", socket.MSG_DONTWAIT)
            received = drain(peer, 2_000_001)
            found = [asleep, child.value(), b"!" in {received[:1], received[-1:]}]

        assert observe("asleep_written_whole", found) == [True, 2_000_000, True]


@claim(
    "readv.2/preadv2/flags-of-one-call",
    sentence="readv.2/preadv2/flags",
    section="preadv2() and pwritev2()",
    says="The flags of preadv2(2) are for one call: with RWF_NOWAIT it fails with EAGAIN of a TCP, UDP, or "
    "UNIX stream or datagram socket that blocks, without waiting as long as SO_RCVTIMEO says, and "
    "without flags it waits so long after that.",
    since="4.14",
    expect=differs(
        "sockets do not have it until a commit of 6.5: it fails with EOPNOTSUPP",
        since="4.14",
        until="6.5",
        commit="fe34db062b80",
        observed={"errno": "EOPNOTSUPP"},
    ),
    survives={"no-op: connect*": "where nothing comes no peer is needed"},
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_flags_are_for_one_call(ns, observe, kind):
    with connected(kind) as (sock, _):
        sock.rcvtimeo = LONG
        with refused(errno.EAGAIN):
            os.preadv(sock.fileno(), [bytearray(5)], -1, os.RWF_NOWAIT)
        sock.rcvtimeo = 0.03
        with timed() as took, refused(errno.EAGAIN, "errno_without"):
            os.preadv(sock.fileno(), [bytearray(5)], -1, 0)

        assert observe("waited", took.lasted(0.03)) is True


@claim(
    "readv.2/RETURN-VALUE/bytes",
    sentence="readv.2/RETURN-VALUE/bytes",
    section="RETURN VALUE",
    says="writev(2), and pwritev2(2) with the offset -1, to a TCP, UDP or UNIX socket return the number of "
    "bytes that they have written, 5 of two buffers, and readv(2), and preadv2(2) with that offset, the "
    "number that they have read, 5 into two buffers of 4.",
    survives=ONE_END_READS,
)
@KINDS
@pytest.mark.parametrize(
    ("write", "read"),
    [
        (os.writev, os.readv),
        (
            lambda file, pieces: os.pwritev(file, pieces, -1),
            lambda file, buffers: os.preadv(file, buffers, -1),
        ),
    ],
    ids=["writev-and-readv", "pwritev2-and-preadv2"],
)
def test_the_number_of_bytes(ns, observe, kind, write, read):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        buffers = [bytearray(4), bytearray(4)]
        found = [write(sock.fileno(), [b"he", b"llo"]), read(peer.fileno(), buffers)]

        assert observe("written_and_read", [*found, b"".join(buffers).decode()]) == [5, 5, "hello\0\0\0"]


@claim(
    "readv.2/RETURN-VALUE/part-written",
    sentence="readv.2/RETURN-VALUE/fewer",
    section="RETURN VALUE",
    says="writev(2) of ten megabytes in two buffers to a UNIX stream socket that does not block writes what "
    "there is room for, and returns how much that is, which the peer receives.",
)
def test_a_part_is_written(ns, observe):
    with connected("unix") as (sock, peer):
        sock.nonblocking = True
        peer.rcvtimeo = SOON
        written = os.writev(sock.fileno(), [b"first", bytes(10_000_000)])
        sock.close()
        received = peer.read_to_end()

        found = [5 < written < 10_000_005, len(received) - written, received[:5].decode()]
        assert observe("part_difference_first", found) == [True, 0, "first"]


@claim(
    "readv.2/EOPNOTSUPP/unknown-flag",
    sentence="readv.2/EOPNOTSUPP/unknown-flag",
    section="ERRORS",
    says="preadv2(2) from a TCP, UDP or UNIX socket, and pwritev2(2) to one, with a flag that there is not, "
    "0x40000000, fail with EOPNOTSUPP; without it they read and write.",
    survives=ONE_END_READS,
)
@KINDS
def test_a_flag_that_there_is_not(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EOPNOTSUPP, "errno_write"):
            os.pwritev(sock.fileno(), [b"lost"], -1, NO_FLAG)
        written = os.pwritev(sock.fileno(), [b"hello"], -1, 0)
        room = bytearray(9)
        with refused(errno.EOPNOTSUPP, "errno_read"):
            os.preadv(peer.fileno(), [room], -1, NO_FLAG)
        read = os.preadv(peer.fileno(), [room], -1, 0)

        assert observe("written_and_read", [written, read, room[:read].decode()]) == [5, 5, "hello"]
