"""UNIX sockets: whose name comes with what is received, and which names there are."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.files import pipe
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.socket_addresses import bind_to, octets_of
from conformance.plugin.setups.unix_messages import impatient
from conformance.plugin.setups.unix_names import (
    FAMILY,
    SUN_PATH,
    WHOLE,
    accepted_with_name,
    mode_of,
    own_name,
    umask,
    unix_address,
)
from libsocket import Fd, Socket
from netns import as_user

CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
NO_SOCKET_CALL = {"*": "what is tried are calls of files, of which no fault is made"}
TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
NAME = b"\0client"
PAGE = os.sysconf("SC_PAGE_SIZE")
OPENED = (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC)


def opening(path: str, flags: int) -> str:
    """What open(2) gives, ``done`` or an errno's name."""
    return answer(lambda: os.close(os.open(path, flags)))


def owner_of_new(make: Callable[[], Socket]) -> list[int]:
    """The user and group of a new socket."""
    with make() as sock:
        status = os.fstat(sock.fileno())
        return [status.st_uid, status.st_gid]


def times_of(path: Path) -> int:
    """How many different times a file has; 0 without one."""
    status = [path.stat()] if path.exists() else []
    return len({time for one in status for time in (one.st_atime_ns, one.st_mtime_ns, one.st_ctime_ns)})


@claim(
    "defacto/src_addr/unix-bound-later",
    says="A UNIX stream or seqpacket client that is bound only once it is connected and accepted is named by "
    "recvfrom(2) of the accepted socket from then on; what it sent before came from no name.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_a_name_that_comes_later_is_told(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            impatient(server)
            client.send(b"x")
            before = server.recvfrom(9)[1]
            client.bind(NAME)
            client.send(b"x")

            assert observe("before_and_after", [str(before or ""), server.recvfrom(9)[1].decode()]) == [
                "",
                NAME.decode(),
            ]


@claim(
    "defacto/src_addr/unix-bound-before-accept",
    says="A UNIX stream or seqpacket client that is bound once it is connected, and before it is accepted, "
    "is named by recvfrom(2) and getpeername(2) of the accepted socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTED
def test_a_name_given_before_accept_is_told(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        impatient(listener)
        client.connect(listener.getsockname())
        client.bind(NAME)
        with listener.accept()[0] as server:
            impatient(server)
            client.send(b"x")

            names = [server.recvfrom(9)[1].decode(), server.getpeername().decode()]
            assert observe("source_and_peer", names) == [NAME.decode(), NAME.decode()]


@claim(
    "defacto/src_addr/unix-stream-joined",
    says="A receive on a UNIX stream that takes bytes which were sent before the sender was bound, and "
    "bytes of after it, gives the name.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_name_is_that_of_the_time_of_the_receive(ns, observe):
    left, right = Socket.pair()
    with left, right:
        impatient(right)
        left.send(b"before")
        left.bind(NAME)
        left.send(b"after")
        data, source = right.recvfrom(100)

        assert observe("data_and_source", [data.decode(), source.decode()]) == ["beforeafter", NAME.decode()]


@claim(
    "accept.2/addrlen/more-than-storage",
    sentence="accept.2/addrlen/value-result",
    section="DESCRIPTION",
    says="accept(2) of a UNIX stream or seqpacket listener with an addrlen of 129, 200 or 2000, more than "
    "any address has, tells the length of the client's name.",
)
@CONNECTED
@pytest.mark.parametrize("room", [129, 200, 2000])
def test_more_room_than_any_address_has(ns, observe, type_, room):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        impatient(listener)
        client.bind(NAME)
        client.connect(listener.getsockname())

        server, name = accepted_with_name(listener, room)
        server.close()

        assert observe("length", name.length) == FAMILY + len(NAME)


@claim(
    "bind.2/EINVAL/unix-above-its-structure",
    sentence=("bind.2/EINVAL/address", "bind.2/bind/addrlen"),
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to an address of 111 or 128 bytes, more than "
    "struct sockaddr_un has, fails with EINVAL; one of 110 is taken.",
)
@TYPES
@pytest.mark.parametrize("length", [WHOLE + 1, 128])
def test_an_address_is_not_longer_than_its_structure(ns, observe, type_, length):
    with Socket.unix(type_) as sock:
        with refused(errno.EINVAL):
            bind_to(sock, octets_of("@name", length=length))
        bind_to(sock, octets_of("@name", length=WHOLE))

        assert observe("length", own_name(sock).length) == WHOLE


@claim(
    "defacto/AF_UNIX/abstract-null-bytes",
    says="108 null bytes are an abstract name: a UNIX stream, datagram or seqpacket socket is bound to it, "
    "and has an address of 110 bytes; another of the type cannot have it, EADDRINUSE, but 107.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_null_bytes_are_a_name(ns, observe, type_):
    with Socket.unix(type_) as sock, Socket.unix(type_) as other:
        sock.bind(unix_address(bytes(SUN_PATH)))
        with refused(errno.EADDRINUSE):
            other.bind(unix_address(bytes(SUN_PATH)))
        other.bind(unix_address(bytes(SUN_PATH - 1)))

        lengths = [own_name(one).length for one in (sock, other)]
        assert observe("lengths", lengths) == [WHOLE, WHOLE - 1]


@claim(
    "defacto/AF_UNIX/fchmod-and-umask",
    says="The file of a UNIX stream, datagram or seqpacket socket has the mode that fchmod(2) gave the "
    "socket before bind(2), less the umask, and its times of access, of change and of modification are "
    "the same.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_the_umask_counts_with_fchmod(ns, observe, tmp_path, type_):
    path = tmp_path / "socket"
    with umask(0o027), Socket.unix(type_) as sock:
        os.fchmod(sock.fileno(), 0o764)
        sock.bind(str(path))

        assert observe("mode_and_times", [mode_of(str(path)), times_of(path)]) == ["0o740", 1]


@claim(
    "defacto/fstatfs/socket",
    says="fstatfs(2) of a UNIX, TCP or netlink socket gives a page as the size of a block, and 255 as the "
    "length of names.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NO_SOCKET_CALL,
)
@pytest.mark.parametrize("make", [Socket.unix, Socket.tcp, Socket.netlink], ids=["unix", "tcp", "netlink"])
def test_a_socket_has_a_file_system(ns, observe, make):
    with make() as sock:
        status = os.fstatvfs(sock.fileno())

        assert observe("block_and_name", [status.f_bsize, status.f_namemax]) == [PAGE, 255]


@claim(
    "defacto/fstat/owner",
    says="fstat(2) of a new UNIX, UDP or netlink socket gives the effective user and group of who made it, "
    "the tests' own and those of another.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[ANOTHER_USER],
    survives=NO_SOCKET_CALL,
)
@pytest.mark.parametrize("make", [Socket.unix, Socket.udp, Socket.netlink], ids=["unix", "udp", "netlink"])
def test_a_new_socket_has_an_owner(ns, observe, make):
    owners = [as_user(NOBODY, lambda: owner_of_new(make)), owner_of_new(make)]

    assert observe("of_another_and_own", owners) == [[NOBODY, NOBODY], [os.geteuid(), os.getegid()]]


@claim(
    "defacto/open/socket-file",
    says="open(2) of the file of a UNIX stream, datagram or seqpacket socket fails with ENXIO, for reading, "
    "writing, or both, and with O_TRUNC; its mode stays, and with O_PATH it is opened.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
@pytest.mark.parametrize("flags", OPENED, ids=["read", "write", "both", "truncate"])
def test_a_socket_file_cannot_be_opened(ns, observe, tmp_path, type_, flags):
    path = str(tmp_path / "socket")
    with umask(0), Socket.unix(type_) as sock:
        sock.bind(path)
        opened = [opening(path, how) for how in (flags, os.O_PATH)]

        assert observe("opened_and_mode", [*opened, mode_of(path)]) == ["ENXIO", "done", "0o777"]


@claim(
    "defacto/open/socket-of-proc",
    says="open(2) of a socket's name in /proc/self/fd fails with ENXIO, of a UNIX, TCP or netlink socket; "
    "that of a pipe is opened.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NO_SOCKET_CALL,
)
@pytest.mark.parametrize("make", [Socket.unix, Socket.tcp, Socket.netlink], ids=["unix", "tcp", "netlink"])
@pytest.mark.parametrize("flags", OPENED[:3], ids=["read", "write", "both"])
def test_a_socket_cannot_be_opened_again(ns, observe, make, flags):
    with make() as sock, pipe() as (reader, writer):
        with refused(errno.ENXIO):
            os.close(os.open(f"/proc/self/fd/{sock.fileno()}", flags))
        with Fd(os.open(f"/proc/self/fd/{writer.fileno()}", os.O_WRONLY)) as again:
            written = os.write(again.fileno(), b"hello")

        assert observe("by_a_pipe", [written, os.read(reader.fileno(), 9).decode()]) == [5, "hello"]
