"""Capabilities: which of them operations on sockets and networks take, and when a thread has them."""

from __future__ import annotations

import errno
import os
import socket
from functools import partial
from pathlib import Path

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, NOBODY, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.capabilities import (
    give_up,
    make_raw,
    outcomes,
    permitted,
    regain,
    set_file_user,
)
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.threads import in_thread
from conformance.plugin.setups.unix_names import listen_where_one_can, umask
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, as_user, effective, in_child, only, without

USER = 61031
"""One that nothing here has."""
TYPES = pytest.mark.parametrize(
    "type_",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "datagram", "seqpacket"],
)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are, where others find what is there."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)


@claim(
    "capabilities.7/DESCRIPTION/independent",
    sentence=("capabilities.7/DESCRIPTION/independent", "capabilities.7/sets/effective"),
    section="DESCRIPTION",
    says="A capability is enabled and disabled by itself: with every other one a raw socket over IPv4 "
    "cannot be made (EPERM), with CAP_NET_RAW alone it can.",
    needs=[Capability.NET_RAW, Capability.NET_ADMIN],
)
def test_capabilities_are_independent(ns, observe):
    with without(Capability.NET_RAW), refused(errno.EPERM):
        make_raw()
    with only(Capability.NET_RAW):
        held = [str(one) for one in effective()]
        made = outcomes(make_raw)

    assert observe("held_and_made", [held, made]) == [["CAP_NET_RAW"], ["done"]]


@claim(
    "capabilities.7/DESCRIPTION/per-thread",
    sentence="capabilities.7/DESCRIPTION/per-thread",
    section="DESCRIPTION",
    says="Capabilities are those of a thread: while one has given up CAP_NET_RAW and cannot make a raw "
    "socket over IPv4 (EPERM), another of its process can.",
    needs=[Capability.NET_RAW],
)
def test_a_thread_has_its_own(ns, observe):
    seen: list[object] = []

    def without_it() -> None:
        give_up(Capability.NET_RAW)
        seen.extend(outcomes(make_raw))

    with in_thread(without_it) as done:
        done.wait(SOON)

    assert observe("thread_and_this", [*seen, *outcomes(make_raw)]) == ["EPERM", "done"]


@claim(
    "capabilities.7/implementation/effective-set",
    sentence=(
        "capabilities.7/implementation/effective-set",
        "capabilities.7/sets/effective",
        "capabilities.7/sets/permitted",
    ),
    section="Past and current implementation",
    says="A thread that has CAP_NET_RAW in its permitted set and not in its effective one cannot make a raw "
    "socket over IPv4 (EPERM), and can once it is in both.",
    needs=[Capability.NET_RAW],
)
def test_the_effective_set_counts(ns, observe):
    with without(Capability.NET_RAW):
        allowed = Capability.NET_RAW in permitted()
        seen = outcomes(make_raw, partial(regain, Capability.NET_RAW), make_raw)

    assert observe("permitted_and_outcomes", [allowed, seen]) == [True, ["EPERM", "done", "done"]]


@claim(
    "capabilities.7/sets/permitted",
    sentence="capabilities.7/sets/permitted",
    section="Thread capability sets",
    says="A thread that has dropped CAP_NET_RAW from its permitted set cannot have it again (EPERM), and "
    "cannot make a raw socket over IPv4 any more.",
    needs=[Capability.NET_RAW],
)
def test_what_is_not_permitted_does_not_come_back(ns, observe):
    seen = in_child(
        lambda: outcomes(
            make_raw,
            partial(give_up, Capability.NET_RAW),
            make_raw,
            partial(regain, Capability.NET_RAW),
            make_raw,
        )
    )

    assert observe("outcomes", seen) == ["done", "done", "EPERM", "EPERM", "EPERM"]


@claim(
    "capabilities.7/sets/fork",
    sentence="capabilities.7/sets/fork",
    section="Thread capability sets",
    says="A child process has the capabilities that its parent had: it makes a raw socket over IPv4 with "
    "CAP_NET_RAW, and not where that had given it up (EPERM).",
    needs=[Capability.NET_RAW],
)
def test_a_child_has_those_of_its_parent(ns, observe):
    with_it = in_child(lambda: outcomes(make_raw))
    with without(Capability.NET_RAW):
        without_it = in_child(lambda: outcomes(make_raw))

    assert observe("with_and_without", [with_it, without_it]) == [["done"], ["EPERM"]]


@claim(
    "capabilities.7/user-ids/all-nonzero",
    sentence="capabilities.7/user-ids/all-nonzero",
    section="Effect of user ID changes on capabilities",
    says="A process whose real, effective and saved user ids all become nonzero has CAP_NET_RAW in its "
    "permitted set no more: it cannot make a raw socket over IPv4, nor have the capability again (EPERM).",
    needs=[ANOTHER_USER, Capability.NET_RAW],
)
def test_another_user_has_lost_them(ns, observe):
    seen = in_child(
        lambda: outcomes(
            make_raw, partial(os.setresuid, USER, USER, USER), make_raw, partial(regain, Capability.NET_RAW)
        )
    )

    assert observe("outcomes", seen) == ["done", "done", "EPERM", "EPERM"]


@claim(
    "capabilities.7/user-ids/effective-nonzero",
    sentence=("capabilities.7/user-ids/effective-nonzero", "capabilities.7/sets/permitted"),
    section="Effect of user ID changes on capabilities",
    says="A process whose effective user id alone becomes nonzero cannot make a raw socket over IPv4 "
    "(EPERM), and can once it has taken CAP_NET_RAW from its permitted set.",
    needs=[ANOTHER_USER, Capability.NET_RAW],
)
def test_another_effective_user_has_them_still_permitted(ns, observe):
    seen = in_child(
        lambda: outcomes(
            make_raw, partial(os.seteuid, USER), make_raw, partial(regain, Capability.NET_RAW), make_raw
        )
    )

    assert observe("outcomes", seen) == ["done", "done", "EPERM", "done", "done"]


@claim(
    "capabilities.7/user-ids/effective-zero",
    sentence="capabilities.7/user-ids/effective-zero",
    section="Effect of user ID changes on capabilities",
    says="A process whose effective user id becomes 0 again makes a raw socket over IPv4, which it could "
    "not as another (EPERM).",
    needs=[ANOTHER_USER, Capability.NET_RAW],
)
def test_user_0_has_them_again(ns, observe):
    seen = in_child(lambda: outcomes(partial(os.seteuid, USER), make_raw, partial(os.seteuid, 0), make_raw))

    assert observe("outcomes", seen) == ["done", "EPERM", "done", "done"]


def connect_to(type_: int, path: str) -> None:
    """Connect a UNIX socket to a pathname, and close it."""
    with Socket.unix(type_) as sock:
        sock.connect(path)
        sock.getpeername()  # it has one


def named(type_: int, path: str, mode: int) -> Socket:
    """A UNIX socket that is bound to a pathname, and whose file has a mode."""
    sock = Socket.unix(type_)
    with umask(0o777 & ~mode):
        sock.bind(path)
    return sock


def listening(type_: int, path: str, mode: int) -> Socket:
    """The same, which listens if it can."""
    sock = named(type_, path, mode)
    listen_where_one_can(sock)
    return sock


@claim(
    "capabilities.7/user-ids/filesystem",
    sentence="capabilities.7/user-ids/filesystem",
    section="Effect of user ID changes on capabilities",
    says="A process whose filesystem user id becomes nonzero connects to a UNIX stream, datagram or "
    "seqpacket socket of mode 0 no more (EACCES), for which it takes CAP_DAC_OVERRIDE, and makes raw "
    "sockets over IPv4 as before; with filesystem user id 0 it connects again.",
    needs=[ANOTHER_USER, Capability.DAC_OVERRIDE, Capability.NET_RAW],
)
@TYPES
def test_another_user_of_files_lacks_those_of_files(ns, observe, type_):
    connect = partial(connect_to, type_, "path")
    with listening(type_, "path", 0):
        seen = in_child(
            lambda: outcomes(
                connect, partial(set_file_user, USER), connect, make_raw, partial(set_file_user, 0), connect
            )
        )

    assert observe("outcomes", seen) == ["done", "done", "EACCES", "done", "done", "done"]


@claim(
    "capabilities.7/CAP_DAC_OVERRIDE/connect",
    sentence="capabilities.7/CAP_DAC_OVERRIDE/files",
    section="Capabilities list",
    says="With CAP_DAC_OVERRIDE alone a user connects to a UNIX stream, datagram or seqpacket socket of "
    "another user that has mode 0, without it it is refused with EACCES.",
    needs=[ANOTHER_USER, Capability.DAC_OVERRIDE],
)
@TYPES
def test_permissions_of_a_socket_are_overridden(ns, observe, type_):
    connect = partial(connect_to, type_, "path")
    with listening(type_, "path", 0):
        without_it = as_user(NOBODY, lambda: outcomes(connect))
        with_it = as_user(NOBODY, lambda: outcomes(connect), [Capability.DAC_OVERRIDE])

    assert observe("without_and_with", [without_it, with_it]) == [["EACCES"], ["done"]]


@claim(
    "capabilities.7/CAP_DAC_OVERRIDE/bind",
    sentence="capabilities.7/CAP_DAC_OVERRIDE/files",
    section="Capabilities list",
    says="With CAP_DAC_OVERRIDE alone a user binds a UNIX stream, datagram or seqpacket socket to a "
    "pathname in a directory of another that only the owner may write, without it it is refused with "
    "EACCES.",
    needs=[ANOTHER_USER, Capability.DAC_OVERRIDE],
)
@TYPES
def test_permissions_of_a_directory_are_overridden(ns, observe, type_):
    with Socket.unix(type_) as sock:
        without_it = as_user(NOBODY, lambda: outcomes(partial(sock.bind, "path")))
        with_it = as_user(NOBODY, lambda: outcomes(partial(sock.bind, "path")), [Capability.DAC_OVERRIDE])

        assert observe("without_and_with", [without_it, with_it, Path("path").is_socket()]) == [
            ["EACCES"],
            ["done"],
            True,
        ]


@claim(
    "capabilities.7/CAP_DAC_READ_SEARCH/search",
    sentence="capabilities.7/CAP_DAC_READ_SEARCH/read-and-search",
    section="Capabilities list",
    says="With CAP_DAC_READ_SEARCH alone a user connects to a UNIX stream, datagram or seqpacket socket "
    "that all may write in a directory of another that nobody may search, without it it is refused with "
    "EACCES; to one that nobody may write it is with it too.",
    needs=[ANOTHER_USER, Capability.DAC_READ_SEARCH],
)
@TYPES
def test_a_directory_is_searched(ns, observe, type_):
    Path("directory").mkdir()
    writable = partial(connect_to, type_, "directory/all")
    closed = partial(connect_to, type_, "directory/none")
    with listening(type_, "directory/all", 0o222), named(type_, "directory/none", 0o555):
        Path("directory").chmod(0)
        without_it = as_user(NOBODY, lambda: outcomes(writable, closed))
        with_it = as_user(NOBODY, lambda: outcomes(writable, closed), [Capability.DAC_READ_SEARCH])

    assert observe("without_and_with", [without_it, with_it]) == [["EACCES", "EACCES"], ["done", "EACCES"]]


@claim(
    "capabilities.7/CAP_CHOWN/socket",
    sentence="capabilities.7/CAP_CHOWN/files",
    section="Capabilities list",
    says="fchown(2) of a TCP, UDP or UNIX stream socket to another user takes CAP_CHOWN: EPERM with every "
    "other capability, with it alone the socket is that user's.",
    needs=[ANOTHER_USER, Capability.CHOWN],
    survives={"*": "fchown is no call of sockets"},
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_a_socket_is_given_away(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with without(Capability.CHOWN), refused(errno.EPERM):
            os.fchown(sock.fileno(), USER, -1)
        before = os.fstat(sock.fileno()).st_uid
        with only(Capability.CHOWN):
            os.fchown(sock.fileno(), USER, -1)

        assert observe("users", [before, os.fstat(sock.fileno()).st_uid]) == [os.getuid(), USER]


@claim(
    "capabilities.7/CAP_FOWNER/mode",
    sentence="capabilities.7/CAP_FOWNER/owner",
    section="Capabilities list",
    says="Changing the mode of the file of a UNIX stream, datagram or seqpacket socket of another user "
    "takes CAP_FOWNER: EPERM without it, with it alone another can connect.",
    needs=[ANOTHER_USER, Capability.FOWNER],
)
@TYPES
def test_the_mode_of_anothers_socket_is_changed(ns, observe, type_):
    connect, change = partial(connect_to, type_, "path"), partial(os.chmod, "path", 0o222)
    with listening(type_, "path", 0):
        without_it = as_user(NOBODY, lambda: outcomes(change, connect))
        with_it = as_user(NOBODY, lambda: outcomes(change, connect), [Capability.FOWNER])

    assert observe("without_and_with", [without_it, with_it]) == [["EPERM", "EACCES"], ["done", "done"]]


@claim(
    "capabilities.7/CAP_FOWNER/sticky",
    sentence="capabilities.7/CAP_FOWNER/sticky",
    section="Capabilities list",
    says="Deleting the file of a UNIX stream, datagram or seqpacket socket of another user from a directory "
    "with the sticky bit takes CAP_FOWNER: EPERM without it.",
    needs=[ANOTHER_USER, Capability.FOWNER],
    survives={"*": "the file is deleted whatever the socket does"},
)
@TYPES
def test_anothers_socket_is_deleted(ns, observe, type_):
    Path().chmod(0o1777)
    with named(type_, "path", 0o777):
        without_it = as_user(NOBODY, lambda: outcomes(partial(os.unlink, "path")))
        there = Path("path").is_socket()
        with_it = as_user(NOBODY, lambda: outcomes(partial(os.unlink, "path")), [Capability.FOWNER])

    assert observe("without_there_with_there", [without_it, there, with_it, Path("path").exists()]) == [
        ["EPERM"],
        True,
        ["done"],
        False,
    ]


@claim(
    "capabilities.7/CAP_MKNOD/not-for-sockets",
    sentence="capabilities.7/CAP_MKNOD/special-files",
    section="Capabilities list",
    says="It takes CAP_MKNOD to make a device by mknod(2), one of character 1, 3, EPERM with every other "
    "capability, and none to make a socket: that refuses connections (ECONNREFUSED).",
    needs=[initially(Capability.MKNOD)],
)
def test_a_file_of_a_socket_is_made(ns, observe):
    with without(Capability.MKNOD):
        device = outcomes(partial(os.mknod, "device", 0o20666, os.makedev(1, 3)))
    with only():
        made = outcomes(partial(os.mknod, "path", 0o140777), partial(connect_to, socket.SOCK_STREAM, "path"))
    with_it = outcomes(partial(os.mknod, "device", 0o20666, os.makedev(1, 3)))
    files = [Path("path").is_socket(), Path("device").is_char_device()]

    assert observe("outcomes_and_files", [device, made, with_it, files]) == [
        ["EPERM"],
        ["done", "ECONNREFUSED"],
        ["done"],
        [True, True],
    ]
