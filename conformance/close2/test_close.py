"""close(2): a descriptor goes, and with the last one the socket."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import subprocess
from functools import partial
from socket import MSG_DONTWAIT, SOCK_DGRAM, SOCK_SEQPACKET

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer, flags_of, tell
from conformance.plugin.setups.interruptions import interrupting
from conformance.plugin.setups.listeners import listening, listening_unix
from conformance.plugin.setups.pairs import TCP_PAIRS, fill_buffer, slow_reader
from conformance.plugin.setups.readiness import await_hangup, await_readable
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import LONG, SOON
from libsocket import Linger, Socket
from netns import in_child

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
    sentence=("close.2/close/last-descriptor", "socket.2/stream/close"),
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


@claim(
    "close.2/close/record-locks",
    sentence="close.2/close/record-locks",
    section="DESCRIPTION",
    says="A record lock that a process has on a TCP, UDP or UNIX socket is removed when it closes any of its "
    "descriptors of the socket, also another than the one by which it has set the lock.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_record_locks_are_removed(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        fd = another_descriptor(sock)
        fcntl.lockf(sock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = [in_child(lambda: lock(sock))]
        os.close(fd)
        locked.append(in_child(lambda: lock(sock)))

        assert observe("by_another_process", locked) == ["EAGAIN", "done"]


def lock(sock: Socket) -> str:
    return answer(lambda: fcntl.lockf(sock, fcntl.LOCK_EX | fcntl.LOCK_NB))


@claim(
    "close.2/NOTES/close-on-exec",
    sentence="close.2/NOTES/close-on-exec",
    section="NOTES",
    says="A successful execve closes a descriptor of a connected TCP or UNIX stream socket that has "
    "close-on-exec, as its peer sees by the end; one without stays open until the program ends.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
def test_a_program_has_what_is_not_closed_on_exec(ns, observe, pair):
    closed, peer = pair()
    kept, peer_of_kept = pair()
    with closed, peer, kept, peer_of_kept:
        peer.rcvtimeo = peer_of_kept.rcvtimeo = SOON
        os.set_inheritable(kept.fileno(), True)
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False):
            closed.close()
            kept.close()
            received = [
                answer(lambda: peer.recv(9)),
                answer(lambda: peer_of_kept.recv(9, MSG_DONTWAIT)),
            ]

        received.append(answer(lambda: peer_of_kept.recv(9)))
        assert observe("received", received) == ["0 bytes", "EAGAIN", "0 bytes"]


@claim(
    "close.2/errors/released",
    sentence=("close.2/errors/released", "close.2/threads/reused"),
    section="Dealing with error returns from close()",
    says="While close of a TCP socket waits by SO_LINGER for data to be sent its descriptor is free: fstat "
    "of it fails with EBADF, and F_DUPFD gives its number to another socket.",
)
def test_the_number_is_free_while_the_close_waits(ns, observe):
    with slow_reader() as (sender, reader), Socket.udp() as other:
        queued = fill_buffer(sender)
        sender.linger = Linger(True, LONG)
        number = another_descriptor(sender)
        sender.close()
        seen: list[object] = []

        def look_and_read() -> None:
            seen.append(answer(lambda: flags_of(number)))
            with Socket.from_fd(fcntl.fcntl(other, fcntl.F_DUPFD_CLOEXEC, number)) as again:
                seen.append([again.fileno() == number, again.so_type])
            reader.read_exact(queued)

        with delayed(look_and_read) as begun:
            os.close(number)
            seen.append(begun.is_set())

        assert observe("free_and_waited", seen) == ["EBADF", [True, SOCK_DGRAM], True]


STREAMS = pytest.mark.parametrize(
    "pair",
    [*TCP_PAIRS.values(), Socket.pair, partial(Socket.pair, SOCK_SEQPACKET)],
    ids=[*TCP_PAIRS, "unix", "unix-seqpacket"],
)


@claim(
    "close.2/EBADF/no-descriptor",
    sentence=("close.2/EBADF/not-open", "close.2/return/value"),
    section="ERRORS",
    says="close of -1 or of the largest int fails with EBADF, where that of a UDP socket's descriptor "
    "succeeds and leaves none.",
)
@pytest.mark.parametrize("number", [-1, 2**31 - 1], ids=["negative", "largest"])
def test_a_number_must_be_open(ns, observe, number):
    with Socket.udp() as sock:
        fd = another_descriptor(sock)
        length = tell("getsockname", fd)
        os.close(fd)
        with refused(errno.EBADF):
            os.close(number)
        with refused(errno.EBADF, "errno_of_closed"):
            tell("getsockname", fd)

        assert observe("length_when_open", length) == 16


@claim(
    "close.2/close/number-again",
    sentence=("close.2/close/descriptor-gone", "close.2/threads/reused"),
    section="DESCRIPTION",
    says="The number of a TCP socket's descriptor that was closed is given to the next socket, which is "
    "another: a call by that number reaches the new one.",
)
def test_the_number_is_used_again(ns, observe):
    assert observe("same_and_types", in_child(number_used_again)) == [True, 1, SOCK_DGRAM]


def number_used_again() -> list[object]:
    first = Socket.tcp()
    number, before = first.fileno(), first.so_type
    os.close(first.detach())
    second = Socket.udp()
    return [second.fileno() == number, before, Socket.from_fd(number).so_type]


@claim(
    "close.2/threads/receive-goes-on",
    sentence=("close.2/threads/completes", "close.2/threads/after-close"),
    section="Multithreaded processes and close()",
    says="A read that waits on a TCP socket, UNIX stream or seqpacket socket whose only descriptor another "
    "thread closes goes on waiting, and returns what the peer sends after that.",
    needs=[IPV6],
)
@STREAMS
def test_a_waiting_read_completes(ns, observe, pair):
    left, right = pair()
    with right:
        left.rcvtimeo = SOON
        fd = left.detach()

        def close_and_send() -> None:
            os.close(fd)
            right.send(b"late")

        with delayed(close_and_send) as begun:
            received = os.read(fd, 9)
            closed = answer(lambda: flags_of(fd))

            assert [begun.is_set(), closed, observe("received", received.decode())] == [True, "EBADF", "late"]


@claim(
    "close.2/threads/accept-goes-on",
    sentence=("close.2/threads/completes", "close.2/threads/after-close"),
    section="Multithreaded processes and close()",
    says="An accept that waits on a TCP or UNIX stream listener whose only descriptor another thread closes "
    "goes on waiting, and takes the connection that is made after that.",
)
@pytest.mark.parametrize("listening_", [listening, listening_unix], ids=["tcp", "unix"])
def test_a_waiting_accept_completes(ns, observe, listening_):
    with listening_() as listener, Socket(listener.family, listener.type) as client:
        listener.rcvtimeo = SOON
        address = listener.getsockname()

        def close_and_connect() -> None:
            os.close(listener.fileno())
            client.connect(address)
            client.send(b"late")

        with delayed(close_and_connect) as begun, listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            listener.detach()

            assert [begun.is_set(), observe("received", accepted.recv(9).decode())] == [True, "late"]


@claim(
    "close.2/EINTR/lingering",
    sentence=("close.2/EINTR/signal", "close.2/EINTR/closed"),
    section="ERRORS",
    says="A close of a TCP socket that waits by SO_LINGER for data to be acknowledged, and that a signal "
    "with a handler interrupts, fails with EINTR; the descriptor is closed then.",
    expect=differs(
        "it ends its waiting and succeeds (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "errno_of_closed": "EBADF", "interrupted": True},
    ),
)
def test_an_interrupted_close_fails(ns, observe):
    with slow_reader() as (sender, _), interrupting(restart=False), signalled(signal.SIGUSR1) as came:
        fill_buffer(sender)
        sender.linger = Linger(True, LONG)
        fd = sender.detach()
        before = len(came)
        with refused(errno.EINTR):
            os.close(fd)
            with refused(errno.EBADF, "errno_of_closed"):
                flags_of(fd)
            # It waited, or no signal would hit it. Where a kernel closes as it leaves the call the signal is
            # delivered in the next one.
            observe("interrupted", len(came) > before)


@claim(
    "defacto/close/unread-resets",
    says="Closing a TCP socket, over IPv4 or IPv6, that has data it did not read resets the connection: its "
    "peer receives what was sent to it, then ECONNRESET once, and then the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
def test_what_was_not_read_is_answered_by_a_reset(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"sent")
        right.send(b"unread")
        await_readable(left)
        left.close()
        await_hangup(right)
        received = [right.recv(9).decode()]
        with refused(errno.ECONNRESET):
            right.recv(9)
        received.append(right.recv(9).decode())

        assert observe("received", received) == ["sent", ""]


@claim(
    "defacto/close/duplicate-keeps-unread",
    says="Closing one of two descriptors of a TCP or UNIX stream socket that has data it did not read "
    "resets nothing: the other reads them, and sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
def test_a_duplicate_keeps_what_was_not_read(ns, observe, pair):
    left, right = pair()
    with right:
        left.rcvtimeo = right.rcvtimeo = SOON
        right.send(b"unread")
        await_readable(left)
        with Socket.from_fd(another_descriptor(left)) as again:
            number = left.fileno()
            left.close()
            closed = answer(lambda: flags_of(number))
            again.send(b"sent")

            received = [again.recv(9).decode(), right.recv(9).decode()]
            assert [closed, observe("received", received)] == ["EBADF", ["unread", "sent"]]


@claim(
    "defacto/close/sent-arrives",
    says="What a TCP or UNIX stream socket has sent before it was closed, more than its peer had read, "
    "arrives: 100,000 bytes and then the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("pair", [*TCP_PAIRS.values(), Socket.pair], ids=[*TCP_PAIRS, "unix"])
def test_what_was_sent_before_arrives(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.sndtimeo = right.rcvtimeo = SOON
        left.sendall(bytes(100_000))
        left.close()

        assert observe("received", len(right.read_to_end())) == 100_000
