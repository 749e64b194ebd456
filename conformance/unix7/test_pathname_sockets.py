"""Pathname sockets: the file, who may make and use it, and what becomes of it."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from socket import MSG_DONTWAIT, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.unix_names import (
    ENDS_WITH_ITS_PROCESS,
    connect_and_send,
    listen_where_one_can,
    mode_of,
    own_name,
    owner_of,
    umask,
    watched,
)
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, as_user, without

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are, where others find what is there."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)


def bind_and_close(type_: int, path: str) -> None:
    with Socket.unix(type_) as sock:
        sock.bind(path)


def send_to(path: str) -> None:
    with Socket.unix(SOCK_DGRAM) as sock:
        sock.sendto(b"hello", path)


def connect_and_close(type_: int, path: str) -> None:
    with Socket.unix(type_) as sock:
        sock.connect(path)


@claim(
    "unix.7/DESCRIPTION/file-of-type-socket",
    sentence=("unix.7/DESCRIPTION/pathname", "unix.7/NOTES/makes-file"),
    section="DESCRIPTION",
    says="Binding a UNIX stream, datagram or seqpacket socket to a pathname makes a file of the type socket "
    "there.",
)
@TYPES
def test_the_file_is_a_socket(ns, observe, type_):
    with Socket.unix(type_) as sock:
        before = Path("path").exists()
        sock.bind("path")

        assert observe("there_before_and_socket_after", [before, Path("path").is_socket()]) == [False, True]


@claim(
    "unix.7/DESCRIPTION/any-file",
    sentence=("unix.7/DESCRIPTION/pathname", "unix.7/NOTES/makes-file"),
    section="DESCRIPTION",
    says="Each of 1,000 UNIX datagram sockets that are bound one after another to a pathname, a file of its "
    "own, gets what is sent there.",
    survives={"*": "each of the sockets is one of many"},
)
def test_a_socket_is_found_by_any_file(ns, observe):
    assert observe("received", received_at_files(1000)) == 1000


def received_at_files(count: int) -> int:
    """How many of so many sockets get what is sent to the file that each is bound to."""
    received = 0
    with Socket.unix(SOCK_DGRAM) as sender:
        for number in range(count):
            with Socket.unix(SOCK_DGRAM) as sock:
                sock.bind(str(number))
                sender.sendto(b"hello", str(number))
                received += sock.recv(9, MSG_DONTWAIT) == b"hello"
    return received


def files_bound(mode: int, type_: int) -> list[str]:
    """What another user binds to in a directory of a mode that forbids it, and then of one that does not."""
    Path("directory").mkdir()
    Path("directory").chmod(mode)
    with refused(errno.EACCES):
        as_user(NOBODY, partial(bind_and_close, type_, "directory/refused"))
    Path("directory").chmod(0o777)
    as_user(NOBODY, partial(bind_and_close, type_, "directory/made"))
    return sorted(os.listdir("directory"))


@claim(
    "unix.7/permissions/directory-write",
    sentence=("unix.7/permissions/directory", "unix.7/permissions/create"),
    section="Pathname socket ownership and permissions",
    says="Binding a UNIX stream, datagram or seqpacket socket to a pathname fails in a directory that the "
    "process may search and not write, with EACCES, and makes no file.",
    needs=[ANOTHER_USER],
)
@TYPES
def test_the_directory_must_be_writable(ns, observe, type_):
    assert observe("files", files_bound(0o755, type_)) == ["made"]


@claim(
    "unix.7/permissions/directory-search",
    sentence=("unix.7/permissions/directory", "unix.7/permissions/create", "bind.2/EACCES/search"),
    section="Pathname socket ownership and permissions",
    says="Binding a UNIX stream, datagram or seqpacket socket to a pathname fails in a directory that the "
    "process may write and not search, with EACCES, and makes no file.",
    needs=[ANOTHER_USER],
)
@TYPES
def test_the_directory_must_be_searchable(ns, observe, type_):
    assert observe("files", files_bound(0o776, type_)) == ["made"]


@claim(
    "unix.7/permissions/directory-search-connect",
    sentence=("unix.7/permissions/directory", "connect.2/EACCES/unix"),
    section="Pathname socket ownership and permissions",
    says="Connecting to a UNIX stream or seqpacket socket whose own permissions allow everything fails with "
    "EACCES where the process may not search the directory that it is in.",
    needs=[ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)
@CONNECTED
def test_a_listener_is_not_found_in_a_directory_that_cannot_be_searched(ns, observe, type_):
    Path("directory").mkdir()
    with umask(0), Socket.unix(type_) as listener:
        listener.rcvtimeo = SOON
        listener.bind("directory/socket")
        listener.listen()
        Path("directory").chmod(0o776)
        with refused(errno.EACCES):
            as_user(NOBODY, partial(connect_and_send, type_, "directory/socket"))
        Path("directory").chmod(0o771)
        as_user(NOBODY, partial(connect_and_send, type_, "directory/socket"))
        with listener.accept()[0] as server:
            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "unix.7/permissions/directory-search-sendto",
    sentence=("unix.7/permissions/directory", "send.2/EACCES/unix-search"),
    section="Pathname socket ownership and permissions",
    says="Sending to a UNIX datagram socket whose own permissions allow everything fails with EACCES where "
    "the process may not search the directory that it is in.",
    needs=[ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)
def test_a_receiver_is_not_found_in_a_directory_that_cannot_be_searched(ns, observe):
    Path("directory").mkdir()
    with umask(0), Socket.unix(SOCK_DGRAM) as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind("directory/socket")
        Path("directory").chmod(0o776)
        with refused(errno.EACCES):
            as_user(NOBODY, partial(send_to, "directory/socket"))
        Path("directory").chmod(0o771)
        as_user(NOBODY, partial(send_to, "directory/socket"))

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "unix.7/permissions/connect",
    sentence=("unix.7/permissions/connect", "unix.7/permissions/changed", "connect.2/EACCES/unix"),
    section="Pathname socket ownership and permissions",
    says="Connecting to a UNIX stream or seqpacket socket takes write permission on it and no other: with "
    "mode 0555 another user's connect fails with EACCES, with mode 0222 it succeeds.",
    needs=[ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)
@CONNECTED
def test_connecting_takes_write_permission(ns, observe, type_):
    with Socket.unix(type_) as listener:
        listener.rcvtimeo = SOON
        listener.bind("socket")
        listener.listen()
        Path("socket").chmod(0o555)
        with refused(errno.EACCES):
            as_user(NOBODY, partial(connect_and_send, type_, "socket"))
        Path("socket").chmod(0o222)
        as_user(NOBODY, partial(connect_and_send, type_, "socket"))
        with listener.accept()[0] as server:
            assert observe("received", server.recv(9).decode()) == "hello"


SENDING = claim(
    "unix.7/permissions/send",
    sentence=("unix.7/permissions/send", "unix.7/permissions/changed", "send.2/EACCES/unix-write"),
    section="Pathname socket ownership and permissions",
    says="Sending to a UNIX datagram socket with its address, and connecting to it in order to send, takes "
    "write permission on it and no other: with mode 0555 another user is refused with EACCES, with mode 0222 "
    "the datagram arrives.",
    needs=[ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)


@SENDING
@pytest.mark.parametrize("send", [send_to, partial(connect_and_send, SOCK_DGRAM)], ids=["sendto", "connect"])
def test_sending_takes_write_permission(ns, observe, send):
    with Socket.unix(SOCK_DGRAM) as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind("socket")
        Path("socket").chmod(0o555)
        with refused(errno.EACCES):
            as_user(NOBODY, partial(send, "socket"))
        Path("socket").chmod(0o222)
        as_user(NOBODY, partial(send, "socket"))

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "unix.7/permissions/send-connected",
    sentence="unix.7/permissions/send",
    section="Pathname socket ownership and permissions",
    says="Sending on a connected UNIX datagram socket takes write permission on its peer, as sending with "
    "the peer's address does: with the mode 0, set since it was connected, it fails with EACCES.",
    expect=differs(
        "the permission is asked for by connect(2), and not by what is sent then; older than the history in "
        "git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_with_address": "EACCES", "errno": None, "received": "connected"},
    ),
)
def test_who_is_connected_needs_the_permission(ns, observe):
    with (
        Socket.unix(SOCK_DGRAM) as receiver,
        Socket.unix(SOCK_DGRAM) as sender,
        Socket.unix(SOCK_DGRAM) as stranger,
    ):
        receiver.rcvtimeo = SOON
        receiver.bind("socket")
        sender.connect("socket")
        Path("socket").chmod(0)
        with without(Capability.DAC_OVERRIDE):
            with refused(errno.EACCES, "errno_with_address"):
                stranger.sendto(b"with the address", "socket")
            with refused(errno.EACCES):
                sender.send(b"connected")
                observe("received", receiver.recv(20).decode())


@claim(
    "unix.7/permissions/owner",
    sentence="unix.7/permissions/owner",
    section="Pathname socket ownership and permissions",
    says="The file that binding a UNIX stream, datagram or seqpacket socket to a pathname makes belongs to "
    "the user and the group of the process.",
    needs=[ANOTHER_USER],
)
@TYPES
def test_the_file_belongs_to_the_process(ns, observe, type_):
    Path().chmod(0o777)
    bind_and_close(type_, "of-this-process")
    as_user(NOBODY, partial(bind_and_close, type_, "of-another"))

    assert observe("owners", [owner_of("of-this-process"), owner_of("of-another")]) == [
        [os.geteuid(), os.getegid()],
        [NOBODY, NOBODY],
    ]


@claim(
    "unix.7/permissions/setgid-directory",
    sentence="unix.7/permissions/owner",
    section="Pathname socket ownership and permissions",
    says="The file that binding a UNIX stream, datagram or seqpacket socket to a pathname makes in a "
    "directory with the set-group-ID bit has the directory's group, as other files have.",
    needs=[ANOTHER_USER],
)
@TYPES
def test_a_setgid_directory_gives_its_group(ns, observe, type_):
    Path("directory").mkdir()
    os.chown("directory", -1, NOBODY)
    Path("directory").chmod(0o2755)
    bind_and_close(type_, "directory/socket")

    assert observe("owner", owner_of("directory/socket")) == [os.geteuid(), NOBODY]


@claim(
    "unix.7/permissions/umask",
    sentence="unix.7/permissions/umask",
    section="Pathname socket ownership and permissions",
    says="The file that binding a UNIX stream, datagram or seqpacket socket to a pathname makes has the "
    "permissions 0777 without those that are set in the umask, 0, 0022, 0137 or 0777.",
)
@pytest.mark.parametrize("mask", [0, 0o022, 0o137, 0o777], ids=oct)
@TYPES
def test_the_umask_takes_permissions_away(ns, observe, type_, mask):
    with umask(mask):
        bind_and_close(type_, "socket")

    assert observe("mode", mode_of("socket")) == oct(0o777 & ~mask)


@claim(
    "unix.7/permissions/chown",
    sentence="unix.7/permissions/changed",
    section="Pathname socket ownership and permissions",
    says="chown(2) changes owner and group of a UNIX stream, datagram or seqpacket socket's file: with mode "
    "0200 another user can connect to it once it is that user's.",
    needs=[ANOTHER_USER],
)
@TYPES
def test_a_new_owner_may_write(ns, observe, type_):
    with Socket.unix(type_) as sock, umask(0o577):
        sock.bind("socket")
        listen_where_one_can(sock)
        with refused(errno.EACCES):
            as_user(NOBODY, partial(connect_and_close, type_, "socket"))
        os.chown("socket", NOBODY, NOBODY)
        as_user(NOBODY, partial(connect_and_close, type_, "socket"))

        assert observe("owner", owner_of("socket")) == [NOBODY, NOBODY]


@claim(
    "unix.7/NOTES/not-deleted",
    sentence="unix.7/NOTES/makes-file",
    section="NOTES",
    says="The file of a UNIX stream, datagram or seqpacket socket stays once the socket is closed, and its "
    "pathname cannot be bound (EADDRINUSE) until it is deleted.",
)
@TYPES
def test_the_file_stays_until_it_is_deleted(ns, observe, type_):
    bind_and_close(type_, "path")
    stayed = Path("path").is_socket()
    with Socket.unix(type_) as sock:
        with refused(errno.EADDRINUSE):
            sock.bind("path")
        Path("path").unlink()
        sock.bind("path")

        assert observe("stayed_and_name", [stayed, own_name(sock).sun_path]) == [True, "path\0"]


@claim(
    "unix.7/NOTES/unlinked-listener",
    sentence="unix.7/NOTES/unlinked-any-time",
    section="NOTES",
    says="The file of a UNIX stream or seqpacket socket that listens can be deleted: what is connected goes "
    "on, and so does the name that getsockname(2) gives, but a new connect fails with ENOENT.",
)
@CONNECTED
def test_what_is_connected_goes_on_without_the_file(ns, observe, type_):
    with Socket.unix(type_) as listener, Socket.unix(type_) as client, Socket.unix(type_) as late:
        listener.rcvtimeo = SOON
        listener.bind("path")
        listener.listen()
        client.connect("path")
        Path("path").unlink()
        with refused(errno.ENOENT):
            late.connect("path")
        client.send(b"hello")
        with listener.accept()[0] as server:
            assert observe("received_and_name", [server.recv(9).decode(), own_name(server).sun_path]) == [
                "hello",
                "path\0",
            ]


@claim(
    "unix.7/NOTES/unlinked-datagram",
    sentence="unix.7/NOTES/unlinked-any-time",
    section="NOTES",
    says="The file of a UNIX datagram socket can be deleted: who is connected to it goes on sending, but "
    "sending to its pathname fails with ENOENT.",
)
def test_who_is_connected_goes_on_sending_without_the_file(ns, observe):
    with (
        Socket.unix(SOCK_DGRAM) as receiver,
        Socket.unix(SOCK_DGRAM) as sender,
        Socket.unix(SOCK_DGRAM) as stranger,
    ):
        receiver.rcvtimeo = SOON
        receiver.bind("path")
        sender.connect("path")
        Path("path").unlink()
        with refused(errno.ENOENT):
            stranger.sendto(b"stranger", "path")
        sender.send(b"connected")

        assert observe("received", receiver.recv(20).decode()) == "connected"


@claim(
    "unix.7/NOTES/finally-removed",
    sentence="unix.7/NOTES/removed",
    section="NOTES",
    says="The file of a UNIX stream, datagram or seqpacket socket that was deleted while the socket is open "
    "is gone from the file system as soon as that is closed, and not before: then inotify(7) tells of it.",
)
@TYPES
def test_the_file_is_gone_once_the_socket_is_closed(ns, observe, type_):
    with Socket.unix(type_) as sock:
        sock.bind("path")
        with watched("path") as gone:
            Path("path").unlink()
            before = gone()
            sock.close()

            assert observe("gone_while_open_and_then", [before, gone()]) == [False, True]


@claim(
    "unix.7/ECONNREFUSED/stale-file",
    sentence="unix.7/ECONNREFUSED/not-listening",
    section="ERRORS",
    says="Connecting a UNIX stream, datagram or seqpacket socket to the file that a closed socket has left "
    "fails with ECONNREFUSED.",
)
@TYPES
def test_nobody_is_behind_a_file_that_was_left(ns, observe, type_):
    with Socket.unix(type_) as first, Socket.unix(type_) as client, Socket.unix(type_) as second:
        first.bind("path")
        first.close()
        with refused(errno.ECONNREFUSED):
            client.connect("path")
        Path("path").unlink()
        second.bind("path")
        listen_where_one_can(second)
        client.connect("path")

        assert observe("peer_once_there_is_one", client.getpeername()) == "path"
