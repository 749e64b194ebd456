"""bind(2) of UNIX sockets to paths: what is in the way."""

from __future__ import annotations

import errno
import os
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.paths import bind_on_tmpfs, bind_path, chain_of_links
from conformance.plugin.setups.unix_names import WHOLE, unix_address
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative paths are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "bind.2/ELOOP/links",
    sentence="bind.2/ELOOP/links",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to a path by way of 41 symbolic links fails "
    "with ELOOP; 40 are not too many.",
)
@TYPES
def test_too_many_links_are_refused(ns, observe, tmp_path, type_):
    last = chain_of_links(tmp_path, 41).name
    with refused(errno.ELOOP):
        bind_path(type_, f"{last}/s")
    made = bind_path(type_, f"{int(last) - 1}/s")

    assert observe("last_and_made", [last, made]) == ["40", "socket"]


@claim(
    "bind.2/ENOENT/no-directory",
    sentence="bind.2/ENOENT/prefix",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to a path in a directory that does not exist "
    "fails with ENOENT.",
)
@TYPES
def test_a_directory_is_not_made(ns, observe, type_):
    with refused(errno.ENOENT):
        bind_path(type_, "folder/sock")
    os.mkdir("folder")

    assert observe("made", bind_path(type_, "folder/sock")) == "socket"


@claim(
    "bind.2/ENOENT/dangling-link",
    sentence="bind.2/ENOENT/prefix",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to a path below a symbolic link that leads "
    "nowhere fails with ENOENT.",
)
@TYPES
def test_a_link_is_followed(ns, observe, type_):
    os.symlink("folder", "link")
    with refused(errno.ENOENT):
        bind_path(type_, "link/sock")
    os.mkdir("folder")

    assert observe("made", bind_path(type_, "link/sock")) == "socket"


@claim(
    "bind.2/ENOTDIR/file",
    sentence="bind.2/ENOTDIR/prefix",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to a path below what is no directory, a "
    "regular file or a socket, fails with ENOTDIR.",
)
@TYPES
@pytest.mark.parametrize("which", ["file", "sock"])
def test_a_file_is_no_directory(ns, observe, tmp_path, type_, which):
    (tmp_path / "file").touch()
    made = bind_path(type_, "sock")
    with refused(errno.ENOTDIR):
        bind_path(type_, f"{which}/sock")

    assert observe("made", made) == "socket"


@claim(
    "bind.2/EROFS/tmpfs",
    sentence="bind.2/EROFS/file-system",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to a path on a file system that is mounted "
    "read-only fails with EROFS.",
    needs=[Capability.SYS_ADMIN],
)
@TYPES
def test_no_file_is_made_on_a_read_only_file_system(ns, observe, type_):
    with refused(errno.EROFS):
        bind_on_tmpfs(type_, read_only=True)

    assert observe("made", bind_on_tmpfs(type_, read_only=False)) == "socket"


@claim(
    "bind.2/EADDRINUSE/path",
    sentence="bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to a path where there is a directory or a "
    "regular file fails with EADDRINUSE.",
)
@TYPES
@pytest.mark.parametrize("which", ["file", "folder"])
def test_a_path_is_in_use(ns, observe, tmp_path, type_, which):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with refused(errno.EADDRINUSE):
        bind_path(type_, which)

    assert observe("made", bind_path(type_, "sock")) == "socket"


@claim(
    "bind.2/EXAMPLES/unix-stream",
    sentence="bind.2/EXAMPLES/unix",
    section="EXAMPLES",
    says="A UNIX stream socket can be bound to a path with the whole structure, listen with a backlog of 50 "
    "and accept a connection, and its file is removed by unlink(2).",
)
def test_the_example_accepts_a_connection(ns, observe):
    with Socket.unix() as listener, Socket.unix() as client:
        listener.rcvtimeo = SOON
        listener.bind(unix_address(b"somepath".ljust(WHOLE - 2, b"\0")))
        listener.listen(50)
        client.connect("somepath")
        client.send(b"hello")
        with listener.accept()[0] as accepted:
            received = accepted.recv(9).decode()
        there = os.path.exists("somepath")
        os.unlink("somepath")

        assert observe("received_and_file", [received, there, os.path.exists("somepath")]) == [
            "hello",
            True,
            False,
        ]


@claim(
    "bind.2/bind/before-connections-unix",
    sentence="bind.2/bind/before-connections",
    section="DESCRIPTION",
    says="A UNIX stream or seqpacket socket has to be bound before it can listen for connections.",
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
def test_who_has_no_name_does_not_listen(ns, observe, type_):
    with Socket.unix(type_) as listener, Socket.unix(type_) as client:
        with refused():
            listener.listen()
        listener.bind("sock")
        listener.listen()
        client.connect("sock")

        assert observe("peer", client.getpeername()) == "sock"
