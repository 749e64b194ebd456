"""splice(2), tee(2) and vmsplice(2) with sockets."""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, ROUTE_TIMERS, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import fill
from conformance.plugin.setups.files import TEXT, pipe
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_sender
from conformance.plugin.setups.readiness import await_end, await_readable
from conformance.plugin.setups.selects import Numbered
from conformance.plugin.setups.splices import (
    SPLICE_F_MORE,
    SPLICE_F_MOVE,
    SPLICE_F_NONBLOCK,
    splice,
    tee,
    vmsplice,
)
from conformance.plugin.setups.states import connected, in_state, reported
from conformance.plugin.timing import LONG, SOON, timed
from libsocket import Fd, Shutdown, Socket
from netns import Capability

CLOSED = 1000
"""A descriptor that nobody has in a test."""
OTHERS = {
    "file": lambda: os.memfd_create("file"),
    "eventfd": lambda: os.eventfd(0),
    "null": lambda: os.open("/dev/null", os.O_RDWR),
}
"""What opens a file of each kind that is neither a socket nor a pipe."""
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "unix", "unix-seqpacket", "unix-datagram", "udp", "raw", "packet"]
)


@claim(
    "splice.2/splice/to-socket",
    sentence=("splice.2/splice/moves", "splice.2/RETURN-VALUE/bytes"),
    section="DESCRIPTION",
    says="splice(2) moves what is in a pipe to a connected TCP, UDP, raw, UNIX stream, seqpacket or "
    "datagram, or a packet socket, whose peer receives it.",
    needs=[Capability.NET_RAW],
    survives={
        "no-op: bind({sa_family=AF_PACKET*": "an end that does not receive needs no interface to",
        "no-op: connect(*": "an end that only receives needs no peer",
    },
)
@KINDS
def test_a_pipe_is_spliced_to_a_socket(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe(TEXT) as (reader, _):
        sock.rcvtimeo = SOON
        moved = splice(reader, peer, 100)

        assert observe("moved_and_end", [moved, sock.recv(100)[-20:] == TEXT]) == [20, True]


@claim(
    "splice.2/splice/from-socket",
    sentence=("splice.2/splice/moves", "splice.2/splice/up-to"),
    section="DESCRIPTION",
    says="splice(2) moves up to as many bytes as it is told, four of five, from a TCP or UNIX stream "
    "socket to a pipe; the rest stays in the socket.",
)
@STREAMS
def test_a_socket_is_spliced_to_a_pipe(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (reader, writer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        moved = splice(sock, writer, 4)

        left = [os.read(reader.fileno(), 9).decode(), sock.recv(9).decode()]
        assert observe("moved_and_left", [moved, left]) == [4, ["hell", "o"]]


@claim(
    "splice.2/RETURN-VALUE/end-of-input",
    sentence="splice.2/RETURN-VALUE/zero",
    section="RETURN VALUE",
    says="splice(2) from a TCP or UNIX stream socket returns 0 once the peer has shut down sending and all "
    "it sent was moved, and not before.",
)
@STREAMS
def test_the_end_of_a_stream(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (_, writer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        peer.shutdown(Shutdown.WRITE)
        await_end(sock)

        assert observe("moved", [splice(sock, writer, 9), splice(sock, writer, 9)]) == [5, 0]


@claim(
    "splice.2/EINVAL/no-pipe",
    sentence=("splice.2/splice/one-pipe", "splice.2/EINVAL/neither"),
    section="ERRORS",
    says="splice(2) from a TCP, UDP or UNIX socket to another socket fails with EINVAL, since none is a "
    "pipe; what waits to be received stays.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-seqpacket", "unix-datagram"])
def test_no_pipe(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EINVAL):
            splice(sock, peer, 5)

        assert observe("received", sock.recv(9).decode()) == "hello"


@claim(
    "splice.2/EINVAL/offset",
    sentence="splice.2/EINVAL/nonseekable",
    section="ERRORS",
    says="splice(2) with an offset into a TCP, UDP or UNIX stream socket, or out of it, fails with EINVAL; "
    "without one it moves.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_an_offset_in_a_socket(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe(b"hello") as (reader, writer):
        sock.rcvtimeo = SOON
        with refused(errno.EINVAL):
            splice(reader, peer, 5, offset_out=0)
        with refused(errno.EINVAL, "errno_from"):
            splice(sock, writer, 5, offset_in=0)
        moved = splice(reader, peer, 5)

        assert observe("moved_and_received", [moved, sock.recv(9).decode()]) == [5, "hello"]


@claim(
    "splice.2/EAGAIN/socket-nonblocking",
    sentence="splice.2/EAGAIN/nonblocking",
    section="ERRORS",
    says="splice(2) from a TCP or UNIX stream socket that does not block fails with EAGAIN while nothing "
    "has come, and moves what has.",
)
@STREAMS
def test_nothing_to_be_moved(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (_, writer):
        sock.nonblocking = True
        with refused(errno.EAGAIN):
            splice(sock, writer, 5)
        peer.send(b"hello")
        await_readable(sock)

        assert observe("moved", splice(sock, writer, 5)) == 5


@claim(
    "splice.2/EAGAIN/full-socket",
    sentence="splice.2/EAGAIN/nonblocking",
    section="ERRORS",
    says="splice(2) from a pipe to a TCP socket, over IPv4 and IPv6, that does not block and whose buffer "
    "is full fails with EAGAIN; what is in the pipe stays.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_no_room_in_the_socket(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe(bytes(50_000)) as (reader, _):
        sock.nonblocking = True
        fill(sock)
        with refused(errno.EAGAIN):
            splice(reader, sock, 50_000)

        assert observe("left", [len(peer.recv(1)), len(os.read(reader.fileno(), 50_000))]) == [1, 50_000]


@claim(
    "splice.2/EAGAIN/flag",
    sentence="splice.2/EAGAIN/nonblocking",
    section="ERRORS",
    says="SPLICE_F_NONBLOCK makes splice(2) from a TCP or UNIX stream socket that blocks fail with EAGAIN "
    "while nothing has come.",
)
@STREAMS
def test_the_flag_on_a_socket_that_is_read(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (_, writer):
        sock.rcvtimeo = SOON
        with refused(errno.EAGAIN):
            splice(sock, writer, 5, SPLICE_F_NONBLOCK)
        peer.send(b"hello")
        await_readable(sock)

        assert observe("moved", splice(sock, writer, 5, SPLICE_F_NONBLOCK)) == 5


@claim(
    "splice.2/SPLICE_F_NONBLOCK/full-socket",
    sentence="splice.2/SPLICE_F_NONBLOCK/may-block",
    section="DESCRIPTION",
    says="SPLICE_F_NONBLOCK does not keep splice(2) from a pipe to a TCP socket, over IPv4 and IPv6, that "
    "blocks and whose buffer is full from waiting, as long as SO_SNDTIMEO says; with O_NONBLOCK it fails "
    "with EAGAIN, too, however long that is.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_the_flag_on_a_socket_that_is_written(ns, observe, kind):
    with connected(kind) as (sock, _), pipe(bytes(50_000)) as (reader, _):
        fill(sock)
        sock.sndtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            splice(reader, sock, 50_000, SPLICE_F_NONBLOCK)
        sock.sndtimeo = LONG
        sock.nonblocking = True
        with refused(errno.EAGAIN, "errno_nonblocking"):
            splice(reader, sock, 50_000, SPLICE_F_NONBLOCK)

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "tee.2/EINVAL/socket",
    sentence=("tee.2/tee/duplicates", "tee.2/EINVAL/no-pipe"),
    section="ERRORS",
    says="tee(2) from a TCP or UNIX stream socket to a pipe, or from a pipe to one, fails with EINVAL; "
    "from a pipe to another it duplicates.",
)
@STREAMS
def test_tee_takes_no_socket(ns, observe, kind):
    with (
        connected(kind) as (sock, peer),
        pipe(b"hello") as (reader, _),
        pipe() as (other_reader, other_writer),
    ):
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EINVAL):
            tee(sock, other_writer, 5)
        with refused(errno.EINVAL, "errno_to"):
            tee(reader, sock, 5)
        copied = tee(reader, other_writer, 5)

        found = [copied, os.read(reader.fileno(), 9).decode(), os.read(other_reader.fileno(), 9).decode()]
        assert observe("copied", [*found, sock.recv(9).decode()]) == [5, "hello", "hello", "hello"]


@claim(
    "vmsplice.2/EBADF/socket",
    sentence=("vmsplice.2/vmsplice/pipe", "vmsplice.2/EBADF/no-pipe"),
    section="ERRORS",
    says="vmsplice(2) to a TCP, UDP or UNIX stream socket fails with EBADF; to a pipe it succeeds.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_vmsplice_takes_no_socket(ns, observe, kind):
    with connected(kind) as (sock, _), pipe() as (reader, writer):
        with refused(errno.EBADF):
            vmsplice(sock, b"hello")
        moved = vmsplice(writer, b"hello")

        assert observe("moved", [moved, os.read(reader.fileno(), 9).decode()]) == [5, "hello"]


@claim(
    "splice.2/EINVAL/no-pipe-at-all",
    sentence=("splice.2/splice/one-pipe", "splice.2/EINVAL/neither"),
    section="ERRORS",
    says="splice(2) from a TCP or UNIX stream socket to a regular file, an eventfd or /dev/null, or from "
    "one of these to it, fails with EINVAL: none is a pipe; to a pipe it moves.",
)
@STREAMS
@pytest.mark.parametrize("other", OTHERS)
def test_no_pipe_at_all(ns, observe, kind, other):
    with connected(kind) as (sock, peer), Fd(OTHERS[other]()) as file, pipe() as (reader, writer):
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EINVAL, "errno_from"):
            splice(sock, file, 5)
        with refused(errno.EINVAL, "errno_to"):
            splice(file, sock, 5)

        found = [splice(sock, writer, 5), os.read(reader.fileno(), 9).decode()]
        assert observe("to_pipe", found) == [5, "hello"]


@claim(
    "splice.2/EBADF/descriptors",
    sentence="splice.2/EBADF/modes",
    section="ERRORS",
    says="splice(2) between a TCP or UNIX stream socket and a descriptor of O_PATH, one that is not open, "
    "or the end of a pipe for the other direction fails with EBADF; with the right end it moves.",
)
@STREAMS
def test_descriptors_that_do_not_do(ns, observe, kind):
    with (
        connected(kind) as (sock, peer),
        Fd(os.open("/", os.O_PATH)) as path,
        pipe() as (reader, writer),
    ):
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EBADF, "errno_to_path"):
            splice(sock, path, 5)
        with refused(errno.EBADF, "errno_from_path"):
            splice(path, sock, 5)
        with refused(errno.EBADF, "errno_to_closed"):
            splice(sock, Numbered(CLOSED), 5)
        with refused(errno.EBADF, "errno_to_reader"):
            splice(sock, reader, 5)
        with refused(errno.EBADF, "errno_from_writer"):
            splice(writer, sock, 5)

        found = [splice(sock, writer, 5), os.read(reader.fileno(), 9).decode()]
        assert observe("to_pipe", found) == [5, "hello"]


@claim(
    "defacto/splice/unconnected",
    says="splice(2) from a pipe to a UDP socket without a peer, over IPv4 and IPv6, fails with "
    "EDESTADDRREQ, and to a UNIX stream, seqpacket or datagram socket without one with ENOTCONN; once "
    "connected it sends.",
    since="2.6.17",
    commit="5274f052e7b3",
    survives={"no-op: connect(*": "of the two ends that are connected one alone needs a peer"},
)
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("udp", errno.EDESTADDRREQ),
        ("udp6", errno.EDESTADDRREQ),
        ("unix", errno.ENOTCONN),
        ("unix-seqpacket", errno.ENOTCONN),
        ("unix-datagram", errno.ENOTCONN),
    ],
)
def test_there_is_no_peer(ns, observe, kind, number):
    with in_state(kind, "new") as alone, connected(kind) as (sock, peer), pipe(b"hello") as (reader, writer):
        sock.rcvtimeo = SOON
        with refused(number):
            splice(reader, alone, 5)
        os.write(writer.fileno(), b"hello")
        moved = splice(reader, peer, 5)

        assert observe("moved_and_received", [moved, sock.recv(9).decode()]) == [5, "hello"]


@claim(
    "defacto/splice/no-longer-readable",
    says="Once splice(2) has taken from a TCP, over IPv4 and IPv6, or UNIX stream socket all that waits "
    "there, poll(2), epoll(7) and select(2) do not report it readable any more.",
    since="4.2",
    commit="2b514574f7e8",
)
@STREAMS
def test_what_is_taken_is_not_readable(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (_, writer):
        peer.send(b"hello")
        await_readable(sock)
        before = reported(sock)
        moved = splice(sock, writer, 5)

        assert observe("before_moved_after", [before, moved, reported(sock)]) == [
            [["IN", "OUT"], ["IN", "OUT"], ["read", "write"]],
            5,
            [["OUT"], ["OUT"], ["write"]],
        ]


@claim(
    "defacto/splice/no-longer-writable",
    says="Once splice(2) from a pipe has filled the send buffer of a TCP, over IPv4 and IPv6, or UNIX "
    "stream socket, poll(2), epoll(7) and select(2) do not report it writable any more, and its peer "
    "readable.",
    since="2.6.17",
    commit="5274f052e7b3",
)
@STREAMS
def test_what_is_filled_is_not_writable(ns, observe, kind):
    with connected(kind) as (sock, peer):
        before = reported(sock)
        splice_until_full(sock)
        await_readable(peer)

        assert observe("before_and_after", [before, reported(sock), reported(peer)[2]]) == [
            [["OUT"], ["OUT"], ["write"]],
            [[], [], []],
            ["read", "write"],
        ]


@claim(
    "splice.2/SPLICE_F_MOVE/no-effect",
    sentence="splice.2/SPLICE_F_MOVE/no-op",
    section="DESCRIPTION",
    says="With SPLICE_F_MOVE splice(2) from a TCP or UNIX stream socket to a pipe, and from the pipe to the "
    "socket, moves the same as without.",
)
@STREAMS
@pytest.mark.parametrize("flags", [0, SPLICE_F_MOVE], ids=["without", "with"])
def test_to_move_has_no_effect(ns, observe, kind, flags):
    with connected(kind) as (sock, peer), pipe() as (reader, writer):
        sock.rcvtimeo = peer.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        found = [splice(sock, writer, 9, flags), splice(reader, sock, 9, flags)]

        assert observe("moved_and_received", [*found, peer.recv(9).decode()]) == [5, 5, "hello"]


@claim(
    "splice.2/SPLICE_F_MORE/udp",
    sentence="splice.2/SPLICE_F_MORE/socket",
    section="DESCRIPTION",
    says="SPLICE_F_MORE says to a UDP socket, over IPv4 and IPv6, that more will come: what one splice(2) "
    "with it and one without move there is one datagram, where each is one without it.",
    survives={"no-op: connect*": "an end that only receives needs no peer"},
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
def test_more_will_come_of_a_datagram(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe(b"helloworld") as (reader, _):
        sock.rcvtimeo = SOON
        moved = [splice(reader, peer, size, flags) for size, flags in ((2, 0), (3, SPLICE_F_MORE), (5, 0))]

        received = [sock.recv(99).decode(), sock.recv(99).decode()]
        assert observe("moved_and_received", [moved, received]) == [[2, 3, 5], ["he", "lloworld"]]


@claim(
    "splice.2/SPLICE_F_MORE/tcp",
    sentence="splice.2/SPLICE_F_MORE/socket",
    section="DESCRIPTION",
    says="What splice(2) moves with SPLICE_F_MORE to a TCP socket, over IPv4 and IPv6, and does not fill a "
    "segment is not sent at once, though nothing is unacknowledged, as with MSG_MORE; what one without it "
    "moves is sent with it.",
    needs=[VETH, ROUTE_TIMERS, IPV6],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])
def test_more_will_come_of_a_segment(peers, observe, version):
    with unacked_sender(peers, version) as sender, pipe(b"headtail") as (reader, _):
        splice(reader, sender, 4, SPLICE_F_MORE)
        held = sender.tcp_info.notsent_bytes
        splice(reader, sender, 4)

        assert observe("unsent", [held, sender.tcp_info.notsent_bytes]) == [4, 0]


def splice_until_full(sock: Socket) -> None:
    """Splice zero bytes to a socket until it has no room, nor gets any in a moment."""
    sock.nonblocking = True
    with pipe() as (reader, writer):
        while writable_soon(sock):
            with suppress(BlockingIOError):
                while True:
                    os.write(writer.fileno(), bytes(4096))
                    splice(reader, sock, 4096)


def writable_soon(sock: Socket) -> bool:
    """Whether a socket has room within a moment."""
    return bool(select.select([], [sock], [], 0.02)[1])
