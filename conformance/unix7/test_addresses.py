"""Addresses of UNIX sockets: pathnames, abstract names and none, as they are given and returned."""

from __future__ import annotations

import errno
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.unix_names import (
    FAMILY,
    SUN_PATH,
    WHOLE,
    Returned,
    accepted_with_name,
    listen_where_one_can,
    listening_at,
    own_name,
    peer_name,
    sender_name,
    unix_address,
)
from conformance.plugin.timing import SOON
from libsocket import Socket

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


def returned_of_connection(type_: int, name: bytes) -> list[Returned]:
    """A client's name: getsockname gives it to the client, accept, getpeername and recvfrom to the server."""
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        client.bind(unix_address(name))
        client.connect(listener.getsockname())
        server, accepted = accepted_with_name(listener)
        with server:
            server.rcvtimeo = SOON
            client.send(b"x")
            return [accepted, own_name(client), peer_name(server), sender_name(server)]


def returned_of_datagrams(name: bytes) -> list[Returned]:
    """A sender's name, as getsockname gives it to the sender, getpeername and recvfrom to the receiver."""
    with Socket.unix(SOCK_DGRAM) as sender, Socket.unix(SOCK_DGRAM) as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind("")
        sender.bind(unix_address(name))
        sender.connect(receiver.getsockname())
        receiver.connect(unix_address(name))
        sender.send(b"x")
        return [own_name(sender), peer_name(receiver), sender_name(receiver)]


@claim(
    "unix.7/address/family",
    sentence=("unix.7/address/family", "un.h/sockaddr_un/family"),
    section="Address format",
    says="getsockname(2) gives AF_UNIX as sun_family of a UNIX stream, datagram or seqpacket socket, "
    "whether it is bound to a pathname, to an abstract name or not at all.",
)
@TYPES
def test_the_family_is_af_unix(ns, observe, type_):
    with Socket.unix(type_) as path, Socket.unix(type_) as abstract, Socket.unix(type_) as unnamed:
        path.bind("path")
        abstract.bind(b"\0abstract")
        returned = [own_name(one) for one in (path, abstract, unnamed)]

        assert observe("lengths_and_families", [[one.length, one.family] for one in returned]) == [
            [FAMILY + 5, AF_UNIX],
            [FAMILY + 9, AF_UNIX],
            [FAMILY, AF_UNIX],
        ]


@claim(
    "unix.7/address/sun-path-size",
    sentence=("unix.7/address/size", "unix.7/pathname/not-longer", "un.h/sockaddr_un/path-max"),
    section="Address format",
    says="A UNIX stream, datagram or seqpacket socket can be bound to a pathname that takes all 108 bytes "
    "of sun_path; an address with one more is refused with EINVAL.",
)
@TYPES
def test_a_pathname_may_fill_sun_path(ns, observe, type_):
    with Socket.unix(type_) as sock:
        with refused(errno.EINVAL):
            sock.bind(unix_address(b"p" * (SUN_PATH + 1)))
        sock.bind(unix_address(b"p" * SUN_PATH))

        assert observe("file_made", Path("p" * SUN_PATH).is_socket()) is True


@claim(
    "unix.7/address/sun-path-size-connect",
    sentence=("unix.7/address/size", "unix.7/address/taken-by-calls"),
    section="Address format",
    says="A UNIX stream, datagram or seqpacket socket can be connected to a pathname that takes all 108 "
    "bytes of sun_path; an address with one more is refused with EINVAL.",
)
@TYPES
def test_a_pathname_that_fills_sun_path_can_be_connected_to(ns, observe, type_):
    with Socket.unix(type_) as sock, Socket.unix(type_) as client:
        sock.bind(unix_address(b"p" * SUN_PATH))
        listen_where_one_can(sock)
        with refused(errno.EINVAL):
            client.connect(unix_address(b"p" * (SUN_PATH + 1)))
        client.connect(unix_address(b"p" * SUN_PATH))

        assert observe("peer", peer_name(client).sun_path) == "p" * SUN_PATH + "\0"


@claim(
    "unix.7/address/sun-path-size-sendto",
    sentence=("unix.7/address/size", "unix.7/address/taken-by-calls"),
    section="Address format",
    says="A datagram can be sent to a UNIX socket whose pathname takes all 108 bytes of sun_path; an "
    "address with one more is refused with EINVAL.",
)
def test_a_datagram_can_be_sent_to_a_pathname_that_fills_sun_path(ns, observe):
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(unix_address(b"p" * SUN_PATH))
        with refused(errno.EINVAL):
            sender.sendto(b"beyond", unix_address(b"p" * (SUN_PATH + 1)))
        sender.sendto(b"hello", unix_address(b"p" * SUN_PATH))

        assert observe("received", receiver.recv(9).decode()) == "hello"


RETURNED_PATHNAME = claim(
    "unix.7/pathname/returned-length",
    sentence=(
        "unix.7/address/returned-by-calls",
        "unix.7/pathname/bind",
        "unix.7/pathname/length",
        "unix.7/pathname/terminated",
        "unix.7/pathname/offset",
    ),
    section="Address format",
    says="The address of a UNIX socket that is bound to a pathname is returned with the length of "
    "sun_family, of the pathname and of a null byte, which is in sun_path behind the pathname: by "
    "getsockname(2), getpeername(2) and recvfrom(2) for stream, datagram and seqpacket sockets, and by "
    "accept(2) for stream and seqpacket sockets.",
)


@RETURNED_PATHNAME
@CONNECTED
def test_the_pathname_of_a_client_ends_with_a_null_byte(ns, observe, type_):
    returned = [[one.length, one.sun_path] for one in returned_of_connection(type_, b"path\0")]

    assert observe("returned", returned) == [[FAMILY + 5, "path\0"]] * 4


@RETURNED_PATHNAME
def test_the_pathname_of_a_datagram_socket_ends_with_a_null_byte(ns, observe):
    returned = [[one.length, one.sun_path] for one in returned_of_datagrams(b"path\0")]

    assert observe("returned", returned) == [[FAMILY + 5, "path\0"]] * 3


RETURNED_ABSTRACT = claim(
    "unix.7/abstract/returned-length",
    sentence=("unix.7/address/returned-by-calls", "unix.7/abstract/returned"),
    section="Address format",
    says="The address of a UNIX socket with an abstract name, one byte long or longer, is returned with the "
    "length of sun_family and of the name, with its leading null byte: by getsockname(2), getpeername(2) "
    "and recvfrom(2) for stream, datagram and seqpacket sockets, and by accept(2) for stream and seqpacket "
    "sockets.",
)
ABSTRACT = pytest.mark.parametrize("name", ["\0", "\0n", "\0a name", "\0" + "n" * (SUN_PATH - 1)], ids=len)


@RETURNED_ABSTRACT
@ABSTRACT
@CONNECTED
def test_the_abstract_name_of_a_client_is_returned(ns, observe, type_, name):
    returned = [[one.length, one.sun_path] for one in returned_of_connection(type_, name.encode())]

    assert observe("returned", returned) == [[FAMILY + len(name), name]] * 4


@RETURNED_ABSTRACT
@ABSTRACT
def test_the_abstract_name_of_a_datagram_socket_is_returned(ns, observe, name):
    returned = [[one.length, one.sun_path] for one in returned_of_datagrams(name.encode())]

    assert observe("returned", returned) == [[FAMILY + len(name), name]] * 3


@claim(
    "unix.7/unnamed/stream",
    sentence=("unix.7/unnamed/stream", "unix.7/unnamed/length"),
    section="Address format",
    says="A UNIX stream or seqpacket socket that was not bound has no name before it is connected, nor then, "
    "without SO_PASSCRED: its address has the length of sun_family by getsockname(2), and by accept(2) and "
    "getpeername(2) at the other end.",
)
@CONNECTED
def test_a_socket_that_was_not_bound_has_no_name(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        before = own_name(client)
        client.connect(listener.getsockname())
        server, accepted = accepted_with_name(listener)
        with server:
            returned = [before, own_name(client), accepted, peer_name(server)]

            assert observe("lengths", [one.length for one in returned]) == [FAMILY] * 4


@claim(
    "unix.7/unnamed/accepted",
    sentence="unix.7/unnamed/stream",
    section="Address format",
    says="A UNIX stream or seqpacket socket that accept(2) made, and bind(2) did not bind, has no name, "
    "though its listener is bound to a pathname.",
    expect=differs(
        "it has the pathname of its listener; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"names_of_listener_and_accepted": ["path\0", "path\0"]},
    ),
)
@CONNECTED
def test_an_accepted_socket_has_no_name(ns, observe, type_):
    with listening_at(type_, b"path\0") as listener, Socket.unix(type_) as client:
        client.connect("path")
        with listener.accept()[0] as server:
            names = [own_name(listener).sun_path, own_name(server).sun_path]

            assert observe("names_of_listener_and_accepted", names) == ["path\0", ""]


@claim(
    "unix.7/unnamed/pair",
    sentence=("unix.7/unnamed/pair", "unix.7/unnamed/length"),
    section="Address format",
    says="The two UNIX stream, datagram or seqpacket sockets that socketpair(2) makes have no name: the "
    "addresses of both, and those of their peers, have the length of sun_family.",
)
@TYPES
def test_the_sockets_of_a_pair_have_no_name(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        left.send(b"x")
        lengths = [own_name(left), peer_name(left), own_name(right), peer_name(right)]

        assert [observe("lengths", [one.length for one in lengths]), right.recv(9)] == [[FAMILY] * 4, b"x"]


@claim(
    "unix.7/unnamed/length-recvfrom",
    sentence=("unix.7/unnamed/length", "unix.7/address/returned-by-calls"),
    section="Address format",
    says="The address of a UNIX stream, datagram or seqpacket socket without a name has the length of "
    "sun_family where recvfrom(2) gives it as the sender's.",
    expect=differs(
        "the length is 0, and no byte of the address is written; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"length": 0, "sun_family": 0xFFFF},
    ),
)
@TYPES
def test_the_length_of_no_name_is_that_of_sun_family_with_recvfrom(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"x")
        returned = sender_name(right)

        assert [observe("length", returned.length), observe("sun_family", returned.family)] == [
            FAMILY,
            AF_UNIX,
        ]


ABSTRACT_BY_LENGTH = claim(
    "unix.7/abstract/by-length",
    sentence=("unix.7/abstract/first-byte", "unix.7/abstract/covered", "unix.7/abstract/null-bytes"),
    section="Address format",
    says="The abstract name of a UNIX stream, datagram or seqpacket socket is all the bytes of sun_path "
    "that the length covers, null bytes too: sockets whose names differ only in a null byte at the end, or "
    "in what follows one, are different ones.",
)
DIFFERENT_NAMES = pytest.mark.parametrize(
    ("name", "another"),
    [(b"\0name", b"\0name\0"), (b"\0a\0b", b"\0a\0c"), (b"\0", b"\0\0")],
    ids=["at-end", "within", "nothing-else"],
)


@ABSTRACT_BY_LENGTH
@DIFFERENT_NAMES
@CONNECTED
def test_null_bytes_are_part_of_the_name_of_a_listener(ns, observe, type_, name, another):
    with (
        listening_at(type_, name) as one,
        listening_at(type_, another) as other,
        Socket.unix(type_) as client,
        Socket.unix(type_) as second,
    ):
        client.connect(unix_address(name))
        client.send(b"to the one")
        second.connect(unix_address(another))
        second.send(b"to the other")
        with one.accept()[0] as server, other.accept()[0] as another_server:
            received = [server.recv(20).decode(), another_server.recv(20).decode()]

            assert observe("received", received) == ["to the one", "to the other"]


@ABSTRACT_BY_LENGTH
@DIFFERENT_NAMES
def test_null_bytes_are_part_of_an_abstract_name(ns, observe, name, another):
    with (
        Socket.unix(SOCK_DGRAM) as one,
        Socket.unix(SOCK_DGRAM) as other,
        Socket.unix(SOCK_DGRAM) as sender,
    ):
        one.rcvtimeo = other.rcvtimeo = SOON
        one.bind(unix_address(name))
        other.bind(unix_address(another))
        sender.sendto(b"to the one", unix_address(name))
        sender.sendto(b"to the other", unix_address(another))

        received = [one.recv(20).decode(), other.recv(20).decode()]
        assert observe("received", received) == ["to the one", "to the other"]


@claim(
    "unix.7/abstract/no-file",
    sentence=("unix.7/abstract/no-pathname", "unix.7/DESCRIPTION/abstract"),
    section="Address format",
    says="A UNIX stream, datagram or seqpacket socket that is bound to an abstract name makes no file, and "
    "is not found by the pathname that reads like its name: connecting to that fails with ENOENT.",
)
@TYPES
def test_an_abstract_name_is_no_pathname(ns, observe, type_):
    with Socket.unix(type_) as sock, Socket.unix(type_) as client, Socket.unix(type_) as path:
        sock.bind(b"\0name")
        with refused(errno.ENOENT):
            client.connect("name")
        path.bind("path")

        assert [observe("files", sorted(map(str, Path().iterdir()))), own_name(sock).length] == [
            ["path"],
            FAMILY + 5,
        ]


@claim(
    "unix.7/pathname/whole-structure",
    sentence=("unix.7/pathname/addrlen", "unix.7/pathname/null-terminated"),
    section="Pathname sockets",
    says="A UNIX stream, datagram or seqpacket socket can be bound with addrlen as sizeof(struct "
    "sockaddr_un), its pathname ended by a null byte and followed by any others: the name is what is before "
    "the null byte, and has the same length as if it had been bound with no more.",
)
@TYPES
def test_the_name_ends_at_the_null_byte(ns, observe, type_):
    with Socket.unix(type_) as exact, Socket.unix(type_) as whole:
        exact.bind(unix_address(b"exact\0"))
        whole.bind(unix_address(b"whole\0".ljust(SUN_PATH, b"!")))
        returned = [[one.length, one.sun_path] for one in (own_name(exact), own_name(whole))]

        assert [observe("returned", returned), Path("whole").is_socket()] == [
            [[FAMILY + 6, "exact\0"], [FAMILY + 6, "whole\0"]],
            True,
        ]


@claim(
    "unix.7/pathname/room-too-small",
    sentence=("unix.7/pathname/actual-size", "unix.7/pathname/cut"),
    section="Pathname sockets",
    says="getsockname(2), getpeername(2) and recvfrom(2) with room for 6 bytes of the address of a UNIX "
    "datagram socket with the pathname of 4 bytes return the length of all 7; what there is room for is "
    "written without a null byte, and nothing beyond.",
)
def test_the_length_is_that_of_all_of_the_address(ns, observe):
    with Socket.unix(SOCK_DGRAM) as sender, Socket.unix(SOCK_DGRAM) as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind("")
        sender.bind("path")
        sender.connect(receiver.getsockname())
        receiver.connect("path")
        sender.send(b"x")
        room = FAMILY + 4
        returned = [own_name(sender, room), peer_name(receiver, room), sender_name(receiver, room)]
        cut = [[one.length, one.sun_path, one.beyond[:1].hex()] for one in returned]

        assert observe("cut", cut) == [[FAMILY + 5, "path", "ff"]] * 3


@claim(
    "unix.7/pathname/room-too-small-accept",
    sentence=("unix.7/pathname/actual-size", "unix.7/pathname/cut"),
    section="Pathname sockets",
    says="accept(2) with room for 6 bytes of the address of a UNIX stream or seqpacket client with the "
    "pathname of 4 bytes returns the length of all 7; what there is room for is written without a null "
    "byte, and nothing beyond.",
)
@CONNECTED
def test_the_length_is_that_of_all_of_the_address_of_a_client(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        client.bind("path")
        client.connect(listener.getsockname())
        server, accepted = accepted_with_name(listener, FAMILY + 4)
        with server:
            cut = [accepted.length, accepted.sun_path, accepted.beyond[:1].hex()]

            assert observe("cut", cut) == [FAMILY + 5, "path", "ff"]


@claim(
    "unix.7/BUGS/terminator-appended",
    sentence=("unix.7/BUGS/appended", "unix.7/BUGS/one-longer"),
    section="BUGS",
    says="A UNIX stream, datagram or seqpacket socket that is bound to a pathname of 1, 4 or 107 bytes "
    "without a null byte has an address one byte longer than the one given, with a null byte at the end.",
)
@pytest.mark.parametrize("length", [1, 4, SUN_PATH - 1])
@TYPES
def test_a_null_byte_is_appended(ns, observe, type_, length):
    with Socket.unix(type_) as sock:
        sock.bind(unix_address(b"p" * length))
        returned = own_name(sock)

        assert observe("returned", [returned.length, returned.sun_path]) == [
            FAMILY + length + 1,
            "p" * length + "\0",
        ]


@claim(
    "unix.7/BUGS/beyond-the-structure",
    sentence=("unix.7/BUGS/beyond", "unix.7/BUGS/no-terminator"),
    section="BUGS",
    says="The address of a UNIX stream or seqpacket socket that is bound to a pathname of 108 bytes is "
    "returned, as by accept(2), with a length of 111 bytes, one more than sizeof(struct sockaddr_un): with "
    "room for no more than that there is no null byte in sun_path.",
)
@CONNECTED
def test_a_pathname_of_108_bytes_has_no_null_byte_in_sun_path(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        client.bind(unix_address(b"p" * SUN_PATH))
        client.connect(listener.getsockname())
        server, accepted = accepted_with_name(listener, WHOLE)
        with server:
            returned = [[one.length, one.sun_path] for one in (accepted, own_name(client, WHOLE))]

            assert observe("returned", returned) == [[WHOLE + 1, "p" * SUN_PATH]] * 2


@claim(
    "unix.7/BUGS/valid-bytes",
    sentence="unix.7/BUGS/strnlen",
    section="BUGS",
    says="The bytes before the first null byte of sun_path, and no more of them than the returned length "
    "covers, are the pathname to which a UNIX stream socket was bound, of 1, 107 or 108 bytes, with a null "
    "byte or without.",
)
@pytest.mark.parametrize("path", [b"p", b"p\0", b"p" * 107, b"p" * 107 + b"\0", b"p" * 108], ids=len)
def test_the_pathname_ends_before_the_first_null_byte(ns, observe, path):
    with Socket.unix() as sock:
        sock.bind(unix_address(path))
        valid = own_name(sock).sun_path.partition("\0")[0]

        assert observe("valid_bytes", len(valid)) == len(path.rstrip(b"\0"))


@claim(
    "unix.7/BUGS/a-byte-more",
    sentence="unix.7/BUGS/byte-more",
    section="BUGS",
    says="getsockname(2) of a UNIX stream socket that is bound to a pathname of 108 bytes, with addrlen as "
    "sizeof(struct sockaddr_un), leaves the byte behind that structure as it was.",
)
def test_the_byte_behind_the_structure_stays(ns, observe):
    with Socket.unix() as sock:
        sock.bind(unix_address(b"p" * SUN_PATH))
        short, enough = own_name(sock, WHOLE), own_name(sock)

        assert observe("bytes_behind", [short.beyond[:1].hex(), enough.memory[WHOLE : WHOLE + 1].hex()]) == [
            "ff",
            "00",
        ]
