"""write(2) on sockets."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MEMORY_FOR_2G
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import drain, fill
from conformance.plugin.setups.limits import MOST, written_at_once
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.vectors import write_from_nowhere
from conformance.plugin.timing import SOON
from libsocket import Shutdown

STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)


@claim(
    "write.2/RETURN-VALUE/bytes",
    sentence=("write.2/write/up-to", "write.2/RETURN-VALUE/bytes"),
    section="RETURN VALUE",
    says="write(2) to a connected TCP, UDP or UNIX socket returns the number of bytes, which the peer "
    "receives.",
)
@KINDS
def test_the_number_of_bytes(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        written = os.write(sock.fileno(), b"hello")

        assert observe("written_and_received", [written, peer.recv(100).decode()]) == [5, "hello"]


@claim(
    "write.2/RETURN-VALUE/partial",
    sentence="write.2/RETURN-VALUE/fewer",
    section="RETURN VALUE",
    says="write(2) of ten megabytes to a UNIX stream socket that does not block writes what there is room "
    "for, which is what the peer receives.",
)
def test_a_part_is_written(ns, observe):
    with connected("unix") as (sock, peer):
        sock.nonblocking = True
        written = os.write(sock.fileno(), bytes(10_000_000))
        sock.close()

        assert observe("a_part_came", [0 < written < 10_000_000, len(peer.read_to_end()) - written]) == [
            True,
            0,
        ]


@claim(
    "write.2/EAGAIN/socket",
    sentence="write.2/EAGAIN/socket",
    section="ERRORS",
    says="write(2) to a TCP or UNIX stream or seqpacket socket that does not block fails with EAGAIN where "
    "its buffer is full, and succeeds before.",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_it_would_block(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.nonblocking = True
        written = os.write(sock.fileno(), b"x")
        fill(sock)
        with refused(errno.EAGAIN):
            os.write(sock.fileno(), b"x")

        assert observe("written_and_received", [written, len(peer.recv(1))]) == [1, 1]


@claim(
    "write.2/EBADF/closed",
    sentence="write.2/EBADF/invalid",
    section="ERRORS",
    says="write(2) to a descriptor of a TCP socket that was closed fails with EBADF, where its duplicate "
    "writes.",
)
def test_a_closed_descriptor(ns, observe):
    with connected("tcp") as (sock, peer):
        peer.rcvtimeo = SOON
        number = os.dup(sock.fileno())
        os.close(number)
        with refused(errno.EBADF):
            os.write(number, b"lost")
        os.write(sock.fileno(), b"hello")

        assert observe("received", peer.recv(100).decode()) == "hello"


@claim(
    "write.2/EDESTADDRREQ/udp",
    sentence="write.2/EDESTADDRREQ/datagram",
    section="ERRORS",
    says="write(2) to a UDP socket, over IPv4 and IPv6, without a peer fails with EDESTADDRREQ.",
)
@pytest.mark.parametrize("kind", ["udp", "udp6"])
def test_a_udp_socket_without_a_peer(ns, observe, kind):
    with SOCKETS[kind]() as alone, connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EDESTADDRREQ):
            os.write(alone.fileno(), b"lost")
        os.write(sock.fileno(), b"hello")

        assert observe("received", peer.recv(100).decode()) == "hello"


@claim(
    "write.2/EDESTADDRREQ/unix",
    sentence="write.2/EDESTADDRREQ/datagram",
    section="ERRORS",
    says="write(2) to a UNIX datagram socket without a peer fails with EDESTADDRREQ.",
    expect=differs(
        "it fails with ENOTCONN; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOTCONN"},
    ),
)
def test_a_unix_datagram_socket_without_a_peer(ns, observe):
    with SOCKETS["unix-datagram"]() as alone, connected("unix-datagram") as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EDESTADDRREQ):
            os.write(alone.fileno(), b"lost")
        os.write(sock.fileno(), b"hello")

        assert observe("received", peer.recv(100).decode()) == "hello"


@claim(
    "write.2/EFAULT/address",
    sentence="write.2/EFAULT/address",
    section="ERRORS",
    says="write(2) to a TCP, UDP or UNIX socket of what is no memory of the process fails with EFAULT, and "
    "nothing is sent.",
)
@KINDS
def test_from_nowhere(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        with refused(errno.EFAULT):
            write_from_nowhere(sock)
        os.write(sock.fileno(), b"hello")

        assert observe("received", peer.recv(100).decode()) == "hello"


@claim(
    "write.2/EPIPE/shut",
    sentence=("write.2/EPIPE/closed", "write.2/EPIPE/sigpipe"),
    section="ERRORS",
    says="write(2) to a UNIX stream socket whose peer has shut down receiving fails with EPIPE and raises "
    "SIGPIPE.",
)
def test_the_reading_end_is_shut(ns, observe):
    with connected("unix") as (sock, peer), signalled(signal.SIGPIPE) as came:
        written = os.write(sock.fileno(), b"hello")
        peer.shutdown(Shutdown.READ)
        with refused(errno.EPIPE):
            os.write(sock.fileno(), b"x")

        assert observe("written_and_signals", [written, list(came)]) == [5, ["SIGPIPE"]]


@claim(
    "write.2/EPIPE/seqpacket",
    sentence="write.2/EPIPE/sigpipe",
    section="ERRORS",
    says="write(2) to a UNIX seqpacket socket whose peer has shut down receiving raises SIGPIPE, too.",
    expect=differs(
        "it fails with EPIPE and raises no signal: of UNIX sockets streams alone do; older than the history "
        "in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"written_and_signals": [5, []]},
    ),
)
def test_the_reading_end_of_messages_is_shut(ns, observe):
    with connected("unix-seqpacket") as (sock, peer), signalled(signal.SIGPIPE) as came:
        written = os.write(sock.fileno(), b"hello")
        peer.shutdown(Shutdown.READ)
        with refused(errno.EPIPE):
            os.write(sock.fileno(), b"x")

        assert observe("written_and_signals", [written, list(came)]) == [5, ["SIGPIPE"]]


@claim(
    "defacto/write/empty-datagram",
    says="write(2) of 0 bytes to a UDP or UNIX datagram socket sends an empty datagram; to a TCP or UNIX "
    "stream socket nothing comes but what is written after it.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("kind", "first"), [("udp", ""), ("unix-datagram", ""), ("tcp", "hello"), ("unix", "hello")]
)
def test_nothing_is_written(ns, observe, kind, first):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        written = [os.write(sock.fileno(), data) for data in (b"", b"hello")]

        assert observe("written_and_first", [written, peer.recv(100).decode()]) == [[0, 5], first]


@claim(
    "write.2/RETURN-VALUE/rest",
    sentence="write.2/RETURN-VALUE/rest",
    section="RETURN VALUE",
    says="Of a write(2) of a megabyte to a UNIX stream socket that does not block, of which a part was "
    "written, another write(2), once its peer has received that part, writes of the rest what there is room "
    "for, and the peer receives it behind the first.",
)
def test_the_rest_is_written(ns, observe):
    data = bytes(range(250)) * 4000
    with connected("unix") as (sock, peer):
        sock.nonblocking = True
        peer.rcvtimeo = SOON
        first = os.write(sock.fileno(), data)
        received = drain(peer, first)
        second = os.write(sock.fileno(), data[first:])
        received += drain(peer, second)

        found = [0 < first < len(data), second > 0, received == data[: first + second]]
        assert observe("part_more_behind", found) == [True, True, True]


@claim(
    "write.2/EINVAL/unix-listening",
    sentence="write.2/EINVAL/unsuitable",
    section="ERRORS",
    says="write(2) to a UNIX stream or seqpacket socket that listens, which is unsuitable for writing, fails "
    "with EINVAL; to one that is connected it writes.",
    expect=differs(
        "it fails with ENOTCONN; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOTCONN"},
    ),
    survives={"no-op: listen*": "one that is bound and does not listen is refused, too"},
)
@pytest.mark.parametrize("kind", ["unix", "unix-seqpacket"])
def test_a_unix_socket_that_is_unsuitable(ns, observe, kind):
    with in_state(kind, "listening") as unsuitable, connected(kind) as (sock, _):
        with refused(errno.EINVAL):
            os.write(unsuitable.fileno(), b"lost")

        assert observe("written", os.write(sock.fileno(), b"data")) == 4


@claim(
    "write.2/EINVAL/tcp-listening",
    sentence="write.2/EINVAL/unsuitable",
    section="ERRORS",
    says="write(2) to a TCP socket, over IPv4 and IPv6, that listens, which is unsuitable for writing, fails "
    "with EINVAL; to one that is connected it writes.",
    expect=differs(
        "it fails with EPIPE; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EPIPE"},
    ),
    survives={"no-op: listen*": "one that is bound and does not listen is refused, too"},
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_a_tcp_socket_that_is_unsuitable(ns, observe, kind):
    with in_state(kind, "listening") as unsuitable, connected(kind) as (sock, _):
        with refused(errno.EINVAL):
            os.write(unsuitable.fileno(), b"lost")

        assert observe("written", os.write(sock.fileno(), b"data")) == 4


@claim(
    "write.2/NOTES/most-bytes",
    sentence="write.2/NOTES/limit",
    section="NOTES",
    says="write(2) of 0x7ffff001 bytes to a UNIX stream socket that blocks, and whose peer receives all that "
    "comes, writes 0x7ffff000 bytes, and the peer receives those.",
    needs=[MEMORY_FOR_2G],
)
def test_no_more_is_written_at_once(ns, observe):
    with connected("unix") as (sock, peer):
        written = written_at_once(sock, peer, MOST + 1)

        assert observe("written_and_received", written) == (MOST, MOST)
