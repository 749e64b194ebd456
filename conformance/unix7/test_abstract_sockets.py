"""Abstract sockets: no permissions, a life as long as the socket's, names that the kernel chooses."""

from __future__ import annotations

import errno
import os
import resource
from functools import partial
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.unix_names import (
    ENDS_WITH_ITS_PROCESS,
    FAMILY,
    connect_and_send,
    listen_where_one_can,
    own_name,
    peer_name,
    umask,
    unix_address,
)
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import as_user, in_child

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are, where others find what is there."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)


UMASK = claim(
    "unix.7/abstract/umask",
    sentence="unix.7/abstract/umask",
    section="Abstract sockets",
    says="The umask has no effect on a UNIX stream, datagram or seqpacket socket that is bound to an "
    "abstract name: with one of 0777 another user reaches it, and is refused at a pathname bound under the "
    "same umask.",
    needs=[ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)


@UMASK
@CONNECTED
def test_another_user_reaches_a_listener_whatever_the_umask(ns, observe, type_):
    with umask(0o777), Socket.unix(type_) as listener, Socket.unix(type_) as path:
        listener.rcvtimeo = SOON
        path.bind(b"path")
        listener.bind(b"\0name")
        listener.listen()
        with refused(errno.EACCES):
            as_user(NOBODY, partial(connect_and_send, type_, b"path"))
        as_user(NOBODY, partial(connect_and_send, type_, b"\0name"))
        with listener.accept()[0] as server:
            assert observe("received", server.recv(9).decode()) == "hello"


@UMASK
def test_another_user_reaches_a_receiver_whatever_the_umask(ns, observe):
    with umask(0o777), Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as path:
        receiver.rcvtimeo = SOON
        path.bind(b"path")
        receiver.bind(b"\0name")
        with refused(errno.EACCES):
            as_user(NOBODY, partial(connect_and_send, SOCK_DGRAM, b"path"))
        as_user(NOBODY, partial(connect_and_send, SOCK_DGRAM, b"\0name"))

        assert observe("received", receiver.recv(9).decode()) == "hello"


FCHMOD = claim(
    "unix.7/abstract/fchmod-fchown",
    sentence=("unix.7/abstract/no-permissions", "unix.7/abstract/fchmod"),
    section="Abstract sockets",
    says="fchown(2) of a UNIX stream, datagram or seqpacket socket with an abstract name to another user, "
    "and fchmod(2) to 0, succeed, and fstat(2) shows owner and mode, but that user reaches the socket, whom "
    "a mode of 0 would keep away from a file.",
    needs=[ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)


def take_permissions(sock: Socket) -> list[int | str]:
    """Give a socket to another user and take all permissions away; owner, group and permissions then."""
    os.fchown(sock.fileno(), NOBODY, NOBODY)
    os.fchmod(sock.fileno(), 0)
    status = os.fstat(sock.fileno())
    return [status.st_uid, status.st_gid, oct(status.st_mode & 0o7777)]


WITHOUT_PERMISSIONS = [NOBODY, NOBODY, "0o0"]


@FCHMOD
@CONNECTED
def test_another_user_reaches_a_listener_without_permissions(ns, observe, type_):
    with Socket.unix(type_) as listener:
        listener.rcvtimeo = SOON
        listener.bind(b"\0name")
        listener.listen()
        status = take_permissions(listener)
        as_user(NOBODY, partial(connect_and_send, type_, b"\0name"))
        with listener.accept()[0] as server:
            received = server.recv(9).decode()

            assert observe("status_and_received", [status, received]) == [WITHOUT_PERMISSIONS, "hello"]


@FCHMOD
def test_another_user_reaches_a_receiver_without_permissions(ns, observe):
    with Socket.unix(SOCK_DGRAM) as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(b"\0name")
        status = take_permissions(receiver)
        as_user(NOBODY, partial(connect_and_send, SOCK_DGRAM, b"\0name"))
        received = receiver.recv(9).decode()

        assert observe("status_and_received", [status, received]) == [WITHOUT_PERMISSIONS, "hello"]


@claim(
    "unix.7/abstract/disappears",
    sentence="unix.7/abstract/disappears",
    section="Abstract sockets",
    survives={"no-op: ioctl(FIONBIO, ?0?) = 0": "it makes a duplicate block, as it does anyway"},
    says="An abstract name stays in use (EADDRINUSE) while one of two descriptors of the UNIX stream, "
    "datagram or seqpacket socket that has it is open, and is free as soon as both are closed.",
)
@TYPES
def test_a_name_is_free_with_the_last_descriptor(ns, observe, type_):
    with Socket.unix(type_) as sock, Socket.unix(type_) as later:
        sock.bind(b"\0name")
        with sock.dup():
            sock.close()
            with refused(errno.EADDRINUSE):
                later.bind(b"\0name")
        later.bind(b"\0name")

        assert observe("name", own_name(later).sun_path) == "\0name"


@claim(
    "unix.7/autobind/bind",
    sentence=("unix.7/autobind/bind", "unix.7/autobind/format"),
    section="Autobind feature",
    says="A UNIX stream, datagram or seqpacket socket that is bound with addrlen as sizeof(sa_family_t) "
    "gets an abstract name of 5 bytes after the null byte, each a digit or one of a to f.",
)
@TYPES
def test_a_name_of_five_digits_is_chosen(ns, observe, type_):
    with Socket.unix(type_) as sock:
        sock.bind(unix_address(b""))
        name = own_name(sock)

        others = sorted(set(name.sun_path[1:]) - set("0123456789abcdef"))
        assert observe("name", [name.length, name.sun_path[:1], others]) == [FAMILY + 6, "\0", []]


@claim(
    "unix.7/autobind/unique",
    sentence=("unix.7/autobind/bind", "unix.7/autobind/limit"),
    section="Autobind feature",
    says="No two of 3,000 UNIX datagram sockets that are bound with addrlen as sizeof(sa_family_t), of 2^20 "
    "names, have the same one.",
    survives={"*": "each of the sockets is one of many"},
)
def test_names_that_are_chosen_differ(ns, observe):
    names = in_child(lambda: names_chosen(3000))

    assert observe("names", len(set(names))) == 3000


def names_chosen(count: int) -> list[bytes]:
    """The names of so many sockets that are there at once."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    sockets = [Socket.unix(SOCK_DGRAM) for _ in range(count)]
    for sock in sockets:
        sock.bind("")
    return [sock.getsockname() for sock in sockets]


PASSCRED_AT_ONCE = differs(
    "the socket has no name until it is connected, or a datagram or seqpacket socket sends; older than the "
    "history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"passcred_and_length": [True, FAMILY]},
)


@claim(
    "unix.7/autobind/passcred",
    sentence=("unix.7/autobind/passcred", "unix.7/SO_PASSCRED/name"),
    section="Autobind feature",
    says="A UNIX stream, datagram or seqpacket socket that was not bound has an abstract name of 5 bytes "
    "after the null byte once SO_PASSCRED is set.",
    expect=PASSCRED_AT_ONCE,
)
@TYPES
def test_passcred_alone_gives_a_name(ns, observe, type_):
    with Socket.unix(type_) as sock:
        sock.passcred = True

        seen = [sock.passcred, own_name(sock).length]
        assert observe("passcred_and_length", seen) == [True, FAMILY + 6]


@claim(
    "unix.7/autobind/passcred-connect",
    sentence=("unix.7/autobind/passcred", "unix.7/autobind/format"),
    section="Autobind feature",
    says="A UNIX stream, datagram or seqpacket socket that was not bound has an abstract name of 5 digits "
    "or letters from a to f once it is connected with SO_PASSCRED set, and none once it is connected "
    "without.",
)
@TYPES
def test_connecting_with_passcred_gives_a_name(ns, observe, type_):
    with Socket.unix(type_) as peer, Socket.unix(type_) as sock, Socket.unix(type_) as without:
        peer.bind(b"\0peer")
        listen_where_one_can(peer)
        sock.passcred = True
        sock.connect(b"\0peer")
        without.connect(b"\0peer")
        name = own_name(sock)

        others = sorted(set(name.sun_path[1:]) - set("0123456789abcdef"))
        seen = [name.length, name.sun_path[:1], others]
        unnamed = [own_name(without).length, peer_name(without).sun_path]
        assert observe("names", [seen, unnamed]) == [[FAMILY + 6, "\0", []], [FAMILY, "\0peer"]]


@claim(
    "unix.7/SO_PASSCRED/unique-name",
    sentence="unix.7/SO_PASSCRED/name",
    section="Socket options",
    says="Two UNIX stream, datagram or seqpacket sockets that were not bound have different abstract names "
    "once they are connected with SO_PASSCRED set.",
)
@TYPES
def test_two_sockets_get_different_names(ns, observe, type_):
    with Socket.unix(type_) as peer, Socket.unix(type_) as one, Socket.unix(type_) as another:
        peer.bind(b"\0peer")
        listen_where_one_can(peer)
        one.passcred = another.passcred = True
        one.connect(b"\0peer")
        another.connect(b"\0peer")
        names = [own_name(one), own_name(another)]

        seen = [[name.length for name in names], names[0] != names[1]]
        assert observe("lengths_and_different", seen) == [[FAMILY + 6, FAMILY + 6], True]


@claim(
    "unix.7/autobind/passcred-send",
    sentence="unix.7/autobind/passcred",
    section="Autobind feature",
    says="A UNIX datagram socket that was neither bound nor connected has an abstract name of 5 bytes after "
    "the null byte once it has sent with SO_PASSCRED set, which its receiver sees, and none without.",
)
def test_sending_with_passcred_gives_a_name(ns, observe):
    with (
        Socket.unix(SOCK_DGRAM) as receiver,
        Socket.unix(SOCK_DGRAM) as sock,
        Socket.unix(SOCK_DGRAM) as without,
    ):
        receiver.rcvtimeo = SOON
        receiver.bind(b"\0receiver")
        sock.passcred = True
        sock.sendto(b"with", b"\0receiver")
        without.sendto(b"without", b"\0receiver")
        addresses = [receiver.recvfrom(9)[1], receiver.recvfrom(9)[1]]

        seen = [addresses[0] == sock.getsockname(), own_name(sock).length, addresses[1]]
        assert observe("name", seen) == [True, FAMILY + 6, None]


def passcred_and_lengths(type_: int) -> list[list[bool | int]]:
    """SO_PASSCRED, and the lengths of their names, of two sockets of a pair that have both sent."""
    left, right = Socket.pair(type_)
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.passcred = True
        left.send(b"with")
        right.recv(9)
        right.send(b"without")
        left.recv(9)
        return [[one.passcred, own_name(one).length] for one in (left, right)]


@claim(
    "unix.7/autobind/passcred-pair",
    sentence="unix.7/autobind/passcred",
    section="Autobind feature",
    says="A UNIX datagram or seqpacket socket that socketpair(2) made has an abstract name of 5 bytes after "
    "the null byte once it has sent with SO_PASSCRED set, and none without.",
)
@pytest.mark.parametrize("type_", [SOCK_DGRAM, SOCK_SEQPACKET], ids=["datagram", "seqpacket"])
def test_sending_in_a_pair_gives_a_name(ns, observe, type_):
    seen = observe("passcred_and_lengths", passcred_and_lengths(type_))

    assert seen == [[True, FAMILY + 6], [False, FAMILY]]


@claim(
    "unix.7/autobind/passcred-stream-pair",
    sentence="unix.7/autobind/passcred",
    section="Autobind feature",
    says="A UNIX stream socket that socketpair(2) made has an abstract name of 5 bytes after the null byte "
    "once it has sent with SO_PASSCRED set, and none without.",
    expect=differs(
        "only connect(2) gives a stream socket a name; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"passcred_and_lengths": [[True, FAMILY], [False, FAMILY]]},
    ),
)
def test_sending_in_a_stream_pair_gives_a_name(ns, observe):
    seen = observe("passcred_and_lengths", passcred_and_lengths(SOCK_STREAM))

    assert seen == [[True, FAMILY + 6], [False, FAMILY]]
