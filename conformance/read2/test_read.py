"""read(2) on sockets."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MEMORY_FOR_2G
from conformance.plugin.refusal import refused
from conformance.plugin.setups.limits import MOST, read_at_once
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.vectors import read_into_nowhere
from conformance.plugin.timing import SOON
from libsocket import Shutdown

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)
ONE_END_READS = {"no-op: connect*": "an end that only receives needs no peer"}


@claim(
    "read.2/RETURN-VALUE/available",
    sentence=("read.2/read/up-to", "read.2/RETURN-VALUE/bytes", "read.2/RETURN-VALUE/fewer"),
    section="RETURN VALUE",
    says="read(2) of 100 bytes from a TCP, UDP or UNIX socket gives the five that are there.",
    survives=ONE_END_READS,
)
@KINDS
def test_what_is_available(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")

        assert observe("read", os.read(sock.fileno(), 100).decode()) == "hello"


@claim(
    "read.2/RETURN-VALUE/end-of-file",
    sentence="read.2/RETURN-VALUE/zero",
    section="RETURN VALUE",
    says="read(2) from a TCP or UNIX stream or seqpacket socket returns 0 once the peer has shut down "
    "sending and all was read.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_the_end_of_file(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        peer.shutdown(Shutdown.WRITE)

        read = [os.read(sock.fileno(), 100).decode() for _ in range(2)]
        assert observe("read", read) == ["hello", ""]


@claim(
    "read.2/count/zero",
    sentence="read.2/count/zero",
    section="DESCRIPTION",
    says="read(2) of 0 bytes from a TCP, UDP or UNIX socket returns 0 and takes nothing: what has come is "
    "read after it.",
    survives=ONE_END_READS,
)
@KINDS
def test_nothing_is_asked_for(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)

        read = [os.read(sock.fileno(), size).decode() for size in (0, 100)]
        assert observe("read", read) == ["", "hello"]


@claim(
    "read.2/EAGAIN/socket",
    sentence="read.2/EAGAIN/socket",
    section="ERRORS",
    says="read(2) from a TCP, UDP or UNIX socket that does not block fails with EAGAIN where nothing has "
    "come, and gives what has.",
    survives=ONE_END_READS,
)
@KINDS
def test_it_would_block(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.nonblocking = True
        with refused(errno.EAGAIN):
            os.read(sock.fileno(), 100)
        peer.send(b"hello")
        await_readable(sock)

        assert observe("read", os.read(sock.fileno(), 100).decode()) == "hello"


@claim(
    "read.2/EBADF/closed",
    sentence="read.2/EBADF/invalid",
    section="ERRORS",
    says="read(2) from a descriptor of a TCP socket that was closed fails with EBADF, where its duplicate "
    "reads what has come.",
)
def test_a_closed_descriptor(ns, observe):
    with connected("tcp") as (sock, peer):
        sock.rcvtimeo = SOON
        number = os.dup(sock.fileno())
        os.close(number)
        peer.send(b"hello")
        with refused(errno.EBADF):
            os.read(number, 100)

        assert observe("read", os.read(sock.fileno(), 100).decode()) == "hello"


@claim(
    "read.2/EFAULT/address",
    sentence="read.2/EFAULT/address",
    section="ERRORS",
    says="read(2) from a TCP or UNIX stream socket into what is no memory of the process fails with "
    "EFAULT; what has come is read after it.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
def test_into_nowhere(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        await_readable(sock)
        with refused(errno.EFAULT):
            read_into_nowhere(sock)

        assert observe("read", os.read(sock.fileno(), 100).decode()) == "hello"


@claim(
    "defacto/read/datagram-lost",
    says="Of a datagram that is longer than a read(2) asks for, from a UDP, UNIX datagram or UNIX "
    "seqpacket socket, the rest is lost: the next read gives the next one.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END_READS,
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram", "unix-seqpacket"])
def test_the_rest_is_lost(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        peer.send(b"world")

        read = [os.read(sock.fileno(), 3).decode() for _ in range(2)]
        assert observe("read", read) == ["hel", "wor"]


@claim(
    "read.2/EINVAL/unix-without-connection",
    sentence="read.2/EINVAL/unsuitable",
    section="ERRORS",
    says="read(2) from a UNIX stream socket that is new or listens, which is unsuitable for reading, fails "
    "with EINVAL; from one that is connected it reads.",
    survives={"no-op: listen*": "one that is bound and does not listen is refused, too"},
)
@pytest.mark.parametrize("state", ["new", "listening"])
def test_a_unix_socket_that_is_unsuitable(ns, observe, state):
    with in_state("unix", state) as unsuitable, in_state("unix", "data") as sock:
        with refused(errno.EINVAL):
            os.read(unsuitable.fileno(), 4)

        assert observe("read", len(os.read(sock.fileno(), 4))) == 4


@claim(
    "read.2/EINVAL/tcp-listening",
    sentence="read.2/EINVAL/unsuitable",
    section="ERRORS",
    says="read(2) from a TCP socket, over IPv4 and IPv6, that listens, which is unsuitable for reading, "
    "fails with EINVAL; from one that is connected it reads.",
    expect=differs(
        "it fails with ENOTCONN; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOTCONN"},
    ),
    survives={"no-op: listen*": "one that is bound and does not listen is refused, too"},
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_tcp_socket_that_is_unsuitable(ns, observe, kind):
    with in_state(kind, "listening") as unsuitable, in_state(kind, "data") as sock:
        with refused(errno.EINVAL):
            os.read(unsuitable.fileno(), 4)

        assert observe("read", len(os.read(sock.fileno(), 4))) == 4


@claim(
    "read.2/NOTES/most-bytes",
    sentence="read.2/NOTES/limit",
    section="NOTES",
    says="read(2) of 0x7ffff001 bytes from a UNIX stream socket whose SO_RCVLOWAT is the largest int waits "
    "for 0x7ffff000 bytes and returns those; the last byte stays.",
    needs=[MEMORY_FOR_2G],
)
def test_no_more_is_read_at_once(ns, observe):
    with connected("unix") as (sock, peer):
        read = read_at_once(sock, peer, MOST + 1)

        assert observe("read_and_left", read) == (MOST, 1)
