"""What include/uapi/linux/un.h says of SIOCUNIXFILE, and what it leaves open."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import file_of
from libsocket import Socket
from netns import Capability, without

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "un.h/SIOCUNIXFILE/opens",
    sentence=("un.h/SIOCUNIXFILE/opens", "un.h/sockaddr_un/pathname"),
    says="SIOCUNIXFILE of a UNIX stream, datagram or seqpacket socket that is bound to a pathname gives a "
    "new descriptor of its file, opened with O_PATH.",
    needs=[Capability.NET_ADMIN],
)
@TYPES
def test_the_file_is_opened(ns, observe, type_):
    with Socket.unix(type_) as sock:
        sock.bind("path")
        with file_of(sock) as fd:
            opened = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_PATH)
            name = Path(f"/proc/self/fd/{fd}").readlink().name

            assert observe("opened_and_name", [opened, fd == sock.fileno(), name]) == [True, False, "path"]


@claim(
    "un.h/SIOCUNIXFILE/accepted",
    sentence="un.h/SIOCUNIXFILE/opens",
    says="SIOCUNIXFILE of an accepted UNIX stream or seqpacket socket gives a descriptor of its listener's "
    "file.",
    needs=[Capability.NET_ADMIN],
)
@CONNECTED
def test_the_file_of_an_accepted_socket_is_the_listeners(ns, observe, type_):
    with Socket.unix(type_) as listener, Socket.unix(type_) as client:
        listener.bind("path")
        listener.listen()
        client.connect("path")
        with listener.accept()[0] as server, file_of(server) as fd:
            assert observe("name", Path(f"/proc/self/fd/{fd}").readlink().name) == "path"


@claim(
    "unix.7/NOTES/removed",
    sentence="unix.7/NOTES/removed",
    section="NOTES",
    says="The file of a UNIX stream, datagram or seqpacket socket that was deleted while the socket is open "
    "is still there, with no name: SIOCUNIXFILE opens it.",
    needs=[Capability.NET_ADMIN],
)
@TYPES
def test_a_deleted_file_stays_while_the_socket_is_open(ns, observe, type_):
    with Socket.unix(type_) as sock:
        sock.bind("path")
        with file_of(sock) as fd:
            before = os.fstat(fd).st_nlink
        Path("path").unlink()
        with file_of(sock) as fd:
            assert observe("links_before_and_after", [before, os.fstat(fd).st_nlink]) == [1, 0]


@claim(
    "defacto/SIOCUNIXFILE/no-file",
    says="SIOCUNIXFILE of a UNIX stream, datagram or seqpacket socket that was not bound, or has an "
    "abstract name, fails with ENOENT.",
    since="4.11",
    commit="ba94f3088b79",
    needs=[Capability.NET_ADMIN],
)
@TYPES
def test_an_abstract_socket_has_no_file(ns, observe, type_):
    with Socket.unix(type_) as unbound, Socket.unix(type_) as abstract, Socket.unix(type_) as path:
        abstract.bind(b"\0name")
        path.bind("path")
        with refused(errno.ENOENT), file_of(abstract):
            pass
        with refused(errno.ENOENT, "errno_unbound"), file_of(unbound):
            pass
        with file_of(path) as fd:
            seen = [Path(f"/proc/self/fd/{fd}").readlink().name, str(abstract.getsockname())]

            assert observe("name_and_abstract", seen) == ["path", str(b"\0name")]


@claim(
    "defacto/SIOCUNIXFILE/privilege",
    says="SIOCUNIXFILE of a UNIX stream, datagram or seqpacket socket takes CAP_NET_ADMIN, and fails with "
    "EPERM without.",
    since="4.11",
    commit="ba94f3088b79",
    needs=[Capability.NET_ADMIN],
)
@TYPES
def test_the_capability_is_needed(ns, observe, type_):
    with Socket.unix(type_) as sock:
        sock.bind("path")
        with without(Capability.NET_ADMIN), refused(errno.EPERM), file_of(sock):
            pass
        with file_of(sock) as fd:
            assert observe("name", Path(f"/proc/self/fd/{fd}").readlink().name) == "path"
