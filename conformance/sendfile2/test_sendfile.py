"""sendfile(2) to sockets of every kind, and from sockets."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from fcntl import F_GETFL, F_SETFL, fcntl
from socket import MSG_DONTWAIT

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MEMORY_FOR_2G, ROUTE_TIMERS, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import fill
from conformance.plugin.setups.files import TEXT, memory_file, pipe, place
from conformance.plugin.setups.limits import MOST, sent_at_once
from conformance.plugin.setups.pairs import UNACKED_ENDS, unacked_and_unsent, unacked_sender
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.splices import NOWHERE, sendfile, sendfile_at
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.timing import SOON, timed
from libsocket import Fd, Shutdown, Socket
from netns import Capability

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "unix", "unix-seqpacket", "unix-datagram", "udp", "udp6", "raw", "packet"]
)
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
RAW = [Capability.NET_RAW]
CLOSED = 1000
"""A descriptor that nobody has in a test."""


@claim(
    "sendfile.2/sendfile/copies",
    sentence=("sendfile.2/sendfile/copies", "sendfile.2/out_fd/any", "sendfile.2/RETURN-VALUE/bytes"),
    section="DESCRIPTION",
    says="sendfile(2) sends what a file holds through a connected TCP or UDP socket, over IPv4 and IPv6, a "
    "UNIX stream, seqpacket or datagram, a raw or a packet socket, and returns the number of bytes.",
    needs=RAW,
    survives={"no-op: bind({sa_family=AF_PACKET*": "an end that does not receive needs no interface to"},
)
@KINDS
def test_a_file_is_sent(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file() as file:
        peer.rcvtimeo = SOON
        sent = os.sendfile(peer.fileno(), file.fileno(), 0, len(TEXT))
        sock.rcvtimeo = SOON

        assert observe("sent_and_end", [sent, sock.recv(100)[-20:] == TEXT]) == [20, True]


@claim(
    "sendfile.2/offset/given",
    sentence=("sendfile.2/offset/from", "sendfile.2/offset/unmodified"),
    section="DESCRIPTION",
    says="With an offset sendfile(2) to a TCP or UNIX stream socket begins there, sets it to what follows "
    "the last byte that was sent, and leaves the file offset where it is.",
)
@STREAMS
def test_it_begins_at_an_offset(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"0123456789") as file:
        peer.rcvtimeo = SOON
        os.lseek(file.fileno(), 2, os.SEEK_SET)
        sent = sendfile(sock, file, 4, 3)

        found = [sent, place(file), peer.recv(100).decode()]
        assert observe("sent_place_received", found) == [(3, 7), 2, "456"]


@claim(
    "sendfile.2/offset/null",
    sentence="sendfile.2/offset/null",
    section="DESCRIPTION",
    says="Without an offset sendfile(2) to a TCP or UNIX stream socket begins at the file offset, and "
    "moves it by what was sent.",
)
@STREAMS
def test_it_begins_at_the_file_offset(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"0123456789") as file:
        peer.rcvtimeo = SOON
        os.lseek(file.fileno(), 2, os.SEEK_SET)
        sent = os.sendfile(sock.fileno(), file.fileno(), None, 3)

        assert observe("sent_place_received", [sent, place(file), peer.recv(100).decode()]) == [3, 5, "234"]


@claim(
    "sendfile.2/RETURN-VALUE/fewer-at-end",
    sentence="sendfile.2/RETURN-VALUE/fewer",
    section="RETURN VALUE",
    says="sendfile(2) to a TCP or UNIX stream socket sends no more than there is up to the end of the "
    "file, and nothing from its end on, which is no error.",
)
@STREAMS
def test_no_more_than_the_file_has(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"0123456789") as file:
        peer.rcvtimeo = SOON
        sent = [os.sendfile(sock.fileno(), file.fileno(), start, 5) for start in (7, 10, 11)]

        assert observe("sent_and_received", [sent, peer.recv(100).decode()]) == [[3, 0, 0], "789"]


@claim(
    "sendfile.2/in_fd/socket",
    sentence=("sendfile.2/in_fd/mmap", "sendfile.2/EINVAL/mmap"),
    section="DESCRIPTION",
    says="sendfile(2) from a TCP, UDP or UNIX socket to another socket or to a file fails with EINVAL; "
    "what waits to be received stays.",
    survives={"no-op: connect(*": "an end that only sends, or only receives, needs no peer"},
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-seqpacket", "unix-datagram"])
def test_no_socket_is_read_by_it(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file() as file:
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EINVAL, "errno_to_socket"):
            os.sendfile(peer.fileno(), sock.fileno(), None, 5)
        with refused(errno.EINVAL):
            os.sendfile(file.fileno(), sock.fileno(), None, 5)

        assert observe("received", sock.recv(100).decode()) == "hello"


@claim(
    "sendfile.2/in_fd/socket-to-pipe",
    sentence="sendfile.2/in_fd/pipe",
    section="DESCRIPTION",
    says="sendfile(2) from a TCP, UDP or UNIX stream socket to a pipe moves what was received, as "
    "splice(2) does.",
    since="5.12",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_a_socket_is_read_into_a_pipe(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (reader, writer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        moved = os.sendfile(writer.fileno(), sock.fileno(), None, 5)

        assert observe("moved", [moved, os.read(reader.fileno(), 100).decode()]) == [5, "hello"]


@claim(
    "sendfile.2/EAGAIN/full",
    sentence="sendfile.2/EAGAIN/nonblocking",
    section="ERRORS",
    says="sendfile(2) to a TCP socket, over IPv4 and IPv6, that does not block and whose buffer is full "
    "fails with EAGAIN; it succeeds on one that has room.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_full_socket(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(bytes(1_000_000)) as file:
        sock.nonblocking = True
        sent = os.sendfile(sock.fileno(), file.fileno(), 0, 1)
        fill(sock)
        with refused(errno.EAGAIN):
            os.sendfile(sock.fileno(), file.fileno(), 0, 1_000_000)

        assert observe("sent_before", [sent, len(peer.recv(1))]) == [1, 1]


@claim(
    "sendfile.2/EAGAIN/full-unix",
    sentence="sendfile.2/EAGAIN/nonblocking",
    section="ERRORS",
    says="sendfile(2) to a UNIX stream socket that does not block and whose buffer is full fails with "
    "EAGAIN; it succeeds on one that has room.",
    expect=differs(
        "it adds pages to what was sent last, though there is no room, and succeeds, until 57d44a354a43",
        since="4.2",
        until="6.5",
        commit="869e7c62486e",
        observed={"errno": None},
    ),
)
def test_a_full_unix_socket(ns, observe):
    with connected("unix") as (sock, peer), memory_file(bytes(1_000_000)) as file:
        sock.nonblocking = True
        sent = os.sendfile(sock.fileno(), file.fileno(), 0, 1)
        fill(sock)
        with refused(errno.EAGAIN):
            os.sendfile(sock.fileno(), file.fileno(), 0, 1_000_000)

        assert observe("sent_before", [sent, len(peer.recv(1))]) == [1, 1]


@claim(
    "sendfile.2/RETURN-VALUE/partial",
    sentence="sendfile.2/RETURN-VALUE/fewer",
    section="RETURN VALUE",
    says="sendfile(2) to a UNIX stream socket that does not block sends of a file of 10 megabytes what "
    "there is room for, and returns how many bytes those are; the peer receives as many.",
)
def test_a_part_is_sent(ns, observe):
    left, right = Socket.pair()
    with left, right, memory_file(bytes(10_000_000)) as file:
        left.nonblocking = True
        sent = os.sendfile(left.fileno(), file.fileno(), 0, 10_000_000)
        left.close()

        assert observe("a_part_came", [0 < sent < 10_000_000, len(right.read_to_end()) - sent]) == [True, 0]


@claim(
    "sendfile.2/EBADF/modes",
    sentence="sendfile.2/EBADF/modes",
    section="ERRORS",
    says="sendfile(2) to a TCP socket from the writing end of a pipe fails with EBADF: it is not open for "
    "reading.",
)
def test_an_input_that_cannot_be_read(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right, pipe() as (_, writer), memory_file() as file:
        with refused(errno.EBADF):
            os.sendfile(left.fileno(), writer.fileno(), None, 5)
        sent = os.sendfile(left.fileno(), file.fileno(), None, 5)

        assert observe("sent_and_received", [sent, len(right.recv(100))]) == [5, 5]


@claim(
    "sendfile.2/EINVAL/append",
    sentence="sendfile.2/EINVAL/append",
    section="ERRORS",
    says="sendfile(2) to a TCP or UNIX stream socket that has O_APPEND fails with EINVAL; without it it "
    "sends.",
)
@STREAMS
def test_a_socket_that_has_o_append(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"hello") as file:
        peer.rcvtimeo = SOON
        flags = fcntl(sock, F_GETFL)
        fcntl(sock, F_SETFL, flags | os.O_APPEND)
        with refused(errno.EINVAL):
            os.sendfile(sock.fileno(), file.fileno(), 0, 5)
        fcntl(sock, F_SETFL, flags)
        sent = os.sendfile(sock.fileno(), file.fileno(), 0, 5)

        assert observe("sent_and_received", [sent, peer.recv(100).decode()]) == [5, "hello"]


@claim(
    "sendfile.2/ESPIPE/socket",
    sentence="sendfile.2/ESPIPE/not-seekable",
    section="ERRORS",
    says="sendfile(2) from a TCP, UDP or UNIX stream socket with an offset fails with ESPIPE.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_an_offset_in_a_socket(ns, observe, kind):
    with connected(kind) as (sock, peer), pipe() as (_, writer), memory_file(b"hello") as file:
        with refused(errno.ESPIPE):
            os.sendfile(writer.fileno(), sock.fileno(), 0, 5)
        sent = os.sendfile(peer.fileno(), file.fileno(), 0, 5)
        sock.rcvtimeo = SOON

        assert observe("sent_and_received", [sent, sock.recv(100).decode()]) == [5, "hello"]


@claim(
    "defacto/sendfile/epipe",
    says="sendfile(2) to a TCP or UNIX stream socket that is shut down for sending fails with EPIPE and "
    "raises SIGPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
def test_after_shutdown(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"hello") as file, signalled(signal.SIGPIPE) as came:
        peer.rcvtimeo = SOON
        sent = os.sendfile(sock.fileno(), file.fileno(), 0, 5)
        received = peer.recv(100).decode()
        sock.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            os.sendfile(sock.fileno(), file.fileno(), 0, 5)

        assert observe("before_and_signals", [sent, received, list(came)]) == [5, "hello", ["SIGPIPE"]]


@claim(
    "defacto/sendfile/unconnected",
    says="sendfile(2) to a UDP socket without a peer fails with EDESTADDRREQ, and to a UNIX stream, "
    "seqpacket or datagram socket without one with ENOTCONN.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("udp", errno.EDESTADDRREQ),
        ("unix", errno.ENOTCONN),
        ("unix-seqpacket", errno.ENOTCONN),
        ("unix-datagram", errno.ENOTCONN),
    ],
)
def test_a_socket_without_a_peer(ns, observe, kind, number):
    with SOCKETS[kind]() as alone, connected(kind) as (sock, peer), memory_file(b"hello") as file:
        with refused(number):
            os.sendfile(alone.fileno(), file.fileno(), 0, 5)
        sent = os.sendfile(peer.fileno(), file.fileno(), 0, 5)
        sock.rcvtimeo = SOON

        assert observe("sent_and_received", [sent, sock.recv(100).decode()]) == [5, "hello"]


@claim(
    "defacto/sendfile/one-datagram",
    says="What one sendfile(2) takes from a file, 10 bytes, is one datagram of a UDP or UNIX datagram "
    "socket and one message of a UNIX seqpacket socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram", "unix-seqpacket"])
def test_one_message(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file() as file:
        sock.rcvtimeo = SOON
        sent = [os.sendfile(peer.fileno(), file.fileno(), start, 10) for start in (0, 10)]

        assert observe("sent_and_sizes", [sent, [len(sock.recv(100)) for _ in sent]]) == [[10, 10], [10, 10]]


@claim(
    "sendfile.2/EBADF/closed",
    sentence="sendfile.2/EBADF/modes",
    section="ERRORS",
    says="sendfile(2) with a descriptor that is not open, to it or from it, where the other is a TCP "
    "socket, over IPv4 and IPv6, or a UNIX stream socket and a file, fails with EBADF.",
)
@STREAMS
def test_what_is_not_open(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file() as file:
        peer.rcvtimeo = SOON
        with refused(errno.EBADF, "errno_from"):
            os.sendfile(sock.fileno(), CLOSED, 0, 5)
        with refused(errno.EBADF, "errno_to"):
            os.sendfile(CLOSED, file.fileno(), 0, 5)
        sent = os.sendfile(sock.fileno(), file.fileno(), 0, 5)

        assert observe("sent_and_received", [sent, len(peer.recv(100))]) == [5, 5]


@claim(
    "defacto/sendfile/no-connection",
    says="sendfile(2) to a TCP socket, over IPv4 and IPv6, that is new, bound or listens, fails with EPIPE "
    "and raises SIGPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={
        "no-op: close() = 0*": "the listener that made the other connection may stay",
        "no-op: listen(*": "a socket that does not listen has no connection either",
    },
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
@pytest.mark.parametrize("state", ["new", "bound", "listening"])
def test_there_is_no_connection(ns, observe, kind, state):
    with signalled(signal.SIGPIPE) as came, connected(kind) as (other, peer), memory_file() as file:
        peer.rcvtimeo = SOON
        with in_state(kind, state) as sock, refused(errno.EPIPE):
            os.sendfile(sock.fileno(), file.fileno(), 0, 5)
        sent = os.sendfile(other.fileno(), file.fileno(), 0, 5)

        found = [len(came), sent, len(peer.recv(100))]
        assert observe("signals_sent_received", found) == [1, 5, 5]


@claim(
    "sendfile.2/EFAULT/offset",
    sentence="sendfile.2/EFAULT/address",
    section="ERRORS",
    says="sendfile(2) to a TCP socket, over IPv4 and IPv6, or a UNIX stream socket fails with EFAULT where "
    "there is no memory at its offset, and sends nothing.",
)
@STREAMS
def test_an_offset_where_there_is_no_memory(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file(b"hello") as file:
        peer.rcvtimeo = SOON
        with refused(errno.EFAULT):
            sendfile_at(sock, file, NOWHERE, 5)
        sendfile(sock, file, 3, 2)

        assert observe("received", peer.recv(100).decode()) == "lo"


@claim(
    "defacto/sendfile/negative-offset",
    says="sendfile(2) to a TCP socket, over IPv4 and IPv6, or a UNIX stream socket fails with EINVAL where "
    "its offset is negative, and sends nothing.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
@pytest.mark.parametrize("offset", [-1, -5])
def test_a_negative_offset(ns, observe, kind, offset):
    with connected(kind) as (sock, peer), memory_file(b"hello") as file:
        peer.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sendfile(sock, file, offset, 5)
        sendfile(sock, file, 3, 2)

        assert observe("received", peer.recv(100).decode()) == "lo"


@claim(
    "defacto/sendfile/large-offset",
    says="sendfile(2) to a TCP socket, over IPv4 and IPv6, or a UNIX stream socket sends what a file has "
    "behind 2 and 4 gibibytes, and sets the offset to what follows it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@STREAMS
@pytest.mark.parametrize("offset", [2**31 - 2, 2**31, 2**32 - 2, 2**32])
def test_an_offset_beyond_four_gibibytes(ns, observe, kind, offset):
    with connected(kind) as (sock, peer), memory_file(b"") as file:
        peer.rcvtimeo = SOON
        os.pwrite(file.fileno(), b"hello", offset)
        sent = sendfile(sock, file, offset, 5)

        assert observe("sent_and_received", [sent, peer.recv(100).decode()]) == [(5, offset + 5), "hello"]


@claim(
    "defacto/sendfile/sndtimeo",
    says="sendfile(2) to a TCP socket, over IPv4 and IPv6, that has no room fails with EAGAIN once "
    "SO_SNDTIMEO, 50 ms, has passed.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_the_send_timeout_ends_it(ns, observe, kind):
    with connected(kind) as (sock, _), memory_file() as file:
        fill(sock)
        sock.sndtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            os.sendfile(sock.fileno(), file.fileno(), 0, 5)

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "defacto/sendfile/full-datagram",
    says="sendfile(2) to a UNIX datagram socket that does not block and whose peer has no room fails with "
    "EAGAIN; once that has received, it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_datagram_socket_without_room(ns, observe):
    with connected("unix-datagram") as (sock, peer), memory_file() as file:
        sock.nonblocking = True
        peer.rcvtimeo = SOON
        fill(sock)
        with refused(errno.EAGAIN):
            os.sendfile(sock.fileno(), file.fileno(), 0, 5)
        received_all(peer)

        assert observe("sent", os.sendfile(sock.fileno(), file.fileno(), 0, 5)) == 5


def received_all(sock: Socket) -> None:
    """Receive all that waits."""
    with suppress(BlockingIOError):
        while True:
            sock.recv(1_000_000, MSG_DONTWAIT)


@claim(
    "sendfile.2/EBADF/open-for-writing",
    sentence=("sendfile.2/sendfile/modes", "sendfile.2/EBADF/modes"),
    section="DESCRIPTION",
    says="sendfile(2) to a TCP or UNIX stream socket from a regular file that is open for writing alone "
    "fails with EBADF, and so does one to what is open for reading alone from that file; from one that is "
    "open for reading it sends.",
)
@STREAMS
def test_the_modes_of_the_files(ns, observe, kind):
    with connected(kind) as (sock, peer), memory_file() as file:
        peer.rcvtimeo = SOON
        path = f"/proc/self/fd/{file.fileno()}"
        with Fd(os.open(path, os.O_WRONLY)) as written, Fd(os.open(path, os.O_RDONLY)) as read:
            with refused(errno.EBADF):
                os.sendfile(sock.fileno(), written.fileno(), 0, 5)
            with refused(errno.EBADF, "errno_to"):
                os.sendfile(read.fileno(), file.fileno(), 0, 5)
            sent = os.sendfile(sock.fileno(), read.fileno(), 0, len(TEXT))

        assert observe("sent_and_same", [sent, peer.recv(100) == TEXT]) == [20, True]


@claim(
    "sendfile.2/TCP_CORK/one-segment",
    sentence="sendfile.2/NOTES/TCP_CORK",
    section="NOTES",
    says="With TCP_CORK a header of 6 bytes that a TCP socket with TCP_NODELAY sends and a file of 20 that "
    "sendfile(2) sends behind it are one segment; without it they are two.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_a_header_is_in_the_segment_of_the_file(peers, observe):
    with unacked_sender(peers) as sender, memory_file() as file:
        sender.tcp_nodelay = True
        sender.send(b"header")
        os.sendfile(sender.fileno(), file.fileno(), 0, len(TEXT))
        found = [unacked_and_unsent(sender)]
        sender.tcp_cork = True
        sender.send(b"header")
        os.sendfile(sender.fileno(), file.fileno(), 0, len(TEXT))
        found.append(unacked_and_unsent(sender))
        sender.tcp_cork = False

        found.append(unacked_and_unsent(sender))
        assert observe("segments_and_unsent", found) == [[2, 0], [2, 26], [3, 0]]


@claim(
    "sendfile.2/NOTES/most-bytes",
    sentence="sendfile.2/NOTES/limit",
    section="NOTES",
    says="sendfile(2) of 0x7ffff001 bytes of a file that has as many to a UNIX stream socket that blocks, "
    "and whose peer receives all that comes, sends 0x7ffff000 bytes, and the peer receives those.",
    needs=[MEMORY_FOR_2G],
)
def test_no_more_is_sent_at_once(ns, observe):
    with connected("unix") as (sock, peer):
        sent = sent_at_once(sock, peer, MOST + 1)

        assert observe("sent_and_received", sent) == (MOST, MOST)
