"""Names of UNIX sockets: what no page says of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from socket import AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.unix_names import (
    FAMILY,
    SUN_PATH,
    listen_where_one_can,
    listening_at,
    mode_of,
    own_name,
    peer_name,
    umask,
    unix_address,
)
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Namespace

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "defacto/AF_UNIX/autobind-keeps-a-name",
    says="SO_PASSCRED gives a UNIX stream, datagram or seqpacket socket no other name when it is connected "
    "that was bound to an abstract name before.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_a_name_is_kept(ns, observe, type_):
    with Socket.unix(type_) as peer, Socket.unix(type_) as sock, Socket.unix(type_) as unnamed:
        peer.bind(b"\0peer")
        listen_where_one_can(peer)
        sock.bind(b"\0name")
        sock.passcred = unnamed.passcred = True
        sock.connect(b"\0peer")
        unnamed.connect(b"\0peer")

        named = [sock.passcred, peer_name(sock).sun_path, own_name(sock).sun_path]
        seen = [named, own_name(unnamed).length]
        assert observe("name_and_length_of_chosen", seen) == [[True, "\0peer", "\0name"], FAMILY + 6]


@claim(
    "defacto/AF_UNIX/abstract-per-network-namespace",
    says="An abstract name is known in its network namespace only: connecting a UNIX stream, datagram or "
    "seqpacket socket of another to it fails with ECONNREFUSED, and the same name can be bound there.",
    since="2.6.25",
    commit="097e66c57845",
)
@TYPES
def test_an_abstract_name_is_not_known_elsewhere(ns, observe, type_):
    with Socket.unix(type_) as sock, Socket.unix(type_) as near:
        sock.bind(b"\0name")
        listen_where_one_can(sock)
        with Namespace(), Socket.unix(type_) as elsewhere, Socket.unix(type_) as client:
            with refused(errno.ECONNREFUSED):
                client.connect(b"\0name")
            elsewhere.bind(b"\0name")
            near.connect(b"\0name")

            names = [own_name(elsewhere).sun_path, peer_name(near).sun_path]
            assert observe("name_elsewhere_and_peer_near", names) == ["\0name", "\0name"]


@claim(
    "defacto/AF_UNIX/abstract-by-type",
    says="One abstract name can be that of a UNIX stream, a datagram and a seqpacket socket at the same "
    "time, and who connects or sends reaches the one of the same type.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_each_type_has_names_of_its_own(ns, observe):
    with (
        listening_at(SOCK_STREAM, b"\0name") as stream,
        listening_at(SOCK_SEQPACKET, b"\0name") as seqpacket,
        Socket.unix(SOCK_DGRAM) as datagram,
        Socket.unix(SOCK_STREAM) as to_stream,
        Socket.unix(SOCK_SEQPACKET) as to_seqpacket,
        Socket.unix(SOCK_DGRAM) as to_datagram,
    ):
        datagram.rcvtimeo = SOON
        datagram.bind(b"\0name")
        to_stream.connect(b"\0name")
        to_stream.send(b"to the stream")
        to_seqpacket.connect(b"\0name")
        to_seqpacket.send(b"to the seqpacket")
        to_datagram.sendto(b"to the datagram", b"\0name")
        with stream.accept()[0] as one, seqpacket.accept()[0] as other:
            received = [one.recv(20).decode(), other.recv(20).decode(), datagram.recv(20).decode()]

            assert observe("received", received) == ["to the stream", "to the seqpacket", "to the datagram"]


@claim(
    "defacto/AF_UNIX/abstract-padded",
    says="A UNIX stream, datagram or seqpacket socket that is bound to an abstract name with addrlen as "
    "sizeof(struct sockaddr_un) has the null bytes up to there as part of its name: connecting to the name "
    "without them fails with ECONNREFUSED.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_null_bytes_up_to_the_end_are_part_of_the_name(ns, observe, type_):
    padded = unix_address(b"\0name".ljust(SUN_PATH, b"\0"))
    with Socket.unix(type_) as sock, Socket.unix(type_) as client:
        sock.bind(padded)
        listen_where_one_can(sock)
        with refused(errno.ECONNREFUSED):
            client.connect(b"\0name")
        client.connect(padded)

        assert observe("length_of_peer", peer_name(client).length) == FAMILY + SUN_PATH


@claim(
    "defacto/AF_UNIX/abstract-longest",
    says="The longest abstract name of a UNIX stream, datagram or seqpacket socket is 107 bytes after the "
    "null byte; one more is refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_an_abstract_name_may_fill_sun_path(ns, observe, type_):
    with Socket.unix(type_) as sock:
        with refused(errno.EINVAL):
            sock.bind(unix_address(b"\0" + b"n" * SUN_PATH))
        sock.bind(unix_address(b"\0" + b"n" * (SUN_PATH - 1)))

        assert observe("length", own_name(sock).length) == FAMILY + SUN_PATH


@claim(
    "defacto/AF_UNIX/accepted-name",
    says="An accepted UNIX stream or seqpacket socket has the name to which its listener is bound, a "
    "pathname or an abstract one, and so has the peer that the client sees.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
@pytest.mark.parametrize("name", [b"path\0", b"\0name"], ids=["pathname", "abstract"])
def test_an_accepted_socket_has_the_name_of_its_listener(ns, observe, type_, name):
    with listening_at(type_, name) as listener, Socket.unix(type_) as client:
        client.connect(unix_address(name))
        with listener.accept()[0] as server:
            names = [own_name(server).sun_path, peer_name(client).sun_path]

            assert observe("own_and_peer", names) == [name.decode()] * 2


@claim(
    "defacto/AF_UNIX/path-renamed",
    says="The file of a UNIX stream, datagram or seqpacket socket can be renamed: who connects finds it by "
    "the new name, and getsockname(2) still gives the old one.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_a_renamed_file_is_found(ns, observe, type_):
    with Socket.unix(type_) as sock, Socket.unix(type_) as client:
        sock.bind("old")
        listen_where_one_can(sock)
        Path("old").rename("new")
        with refused(errno.ENOENT):
            client.connect("old")
        client.connect("new")

        names = [own_name(sock).sun_path, peer_name(client).sun_path]
        assert observe("own_and_peer", names) == ["old\0", "old\0"]


@claim(
    "defacto/AF_UNIX/path-linked",
    says="A UNIX stream, datagram or seqpacket socket is found by a symbolic and by a hard link to its file.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
@TYPES
def test_a_link_leads_to_the_socket(ns, observe, type_, link):
    with Socket.unix(type_) as sock, Socket.unix(type_) as client:
        sock.bind("path")
        listen_where_one_can(sock)
        link("path", "link")
        client.connect("link")

        assert observe("peer", peer_name(client).sun_path) == "path\0"


@claim(
    "defacto/AF_UNIX/bind-symlink",
    says="Binding a UNIX stream, datagram or seqpacket socket to a symbolic link that leads nowhere fails "
    "with EADDRINUSE, and makes nothing where it leads.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_a_symbolic_link_is_not_followed_by_bind(ns, observe, type_):
    with Socket.unix(type_) as sock:
        Path("link").symlink_to("target")
        with refused(errno.EADDRINUSE):
            sock.bind("link")
        sock.bind("path")

        assert observe("files", sorted(os.listdir())) == ["link", "path"]


@claim(
    "defacto/AF_UNIX/fchmod-before-bind",
    says="The file of a UNIX stream, datagram or seqpacket socket has no permissions but those that "
    "fchmod(2) gave the socket before it was bound: 0640 with a umask of 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_the_file_has_the_permissions_of_the_socket(ns, observe, type_):
    with umask(0), Socket.unix(type_) as sock, Socket.unix(type_) as other:
        os.fchmod(sock.fileno(), 0o640)
        sock.bind("with")
        other.bind("without")

        assert observe("modes", [mode_of("with"), mode_of("without")]) == ["0o640", "0o777"]


@claim(
    "defacto/AF_UNIX/fchmod-after-bind",
    says="fchmod(2) of a UNIX stream, datagram or seqpacket socket that is bound to a pathname does not "
    "change the permissions of its file.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TYPES
def test_the_file_keeps_its_permissions(ns, observe, type_):
    with umask(0), Socket.unix(type_) as sock:
        sock.bind("path")
        os.fchmod(sock.fileno(), 0o640)

        modes = [oct(os.fstat(sock.fileno()).st_mode & 0o7777), mode_of("path")]
        assert observe("modes_of_socket_and_file", modes) == ["0o640", "0o777"]


TWO_NAMES = pytest.mark.parametrize("name", ["first\0", "\0name"], ids=["pathname", "abstract"])


@claim(
    "defacto/AF_UNIX/bound-once",
    says="A UNIX stream, datagram or seqpacket socket that has a name, a pathname or an abstract one, "
    "cannot be bound to another of either kind (EINVAL), and keeps its name.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("another", [b"path", b"\0another"], ids=["to-pathname", "to-abstract"])
@TWO_NAMES
@TYPES
def test_a_socket_has_one_name(ns, observe, type_, name, another):
    with Socket.unix(type_) as sock:
        sock.bind(unix_address(name.encode()))
        with refused(errno.EINVAL):
            sock.bind(another)

        assert observe("name", own_name(sock).sun_path) == name


@claim(
    "defacto/AF_UNIX/bound-once-no-file",
    says="A UNIX stream, datagram or seqpacket socket that has a name, a pathname or an abstract one, "
    "leaves no file where it is bound to a pathname in vain.",
    since="2.6.12",
    commit="1da177e4c3f4",
    expect=[
        differs(
            "the file is made before the socket is found to have a name, and stays",
            since="4.10",
            until="5.14",
            commit="0fb44559ffd6",
            observed={"files": [True, True]},
        )
    ],
)
@TWO_NAMES
@TYPES
def test_a_refused_bind_leaves_no_file(ns, observe, type_, name):
    with Socket.unix(type_) as sock, Socket.unix(type_) as other:
        sock.bind(unix_address(name.encode()))
        with refused(errno.EINVAL):
            sock.bind("refused")
        other.bind("made")

        files = observe("files", [Path(one).exists() for one in ("refused", "made")])
        assert [observe("name", own_name(sock).sun_path), files] == [name, [False, True]]


@claim(
    "defacto/AF_UNIX/raw-is-datagram",
    says="A UNIX socket that is asked for as SOCK_RAW is a datagram socket: SO_TYPE is SOCK_DGRAM, and its "
    "datagrams reach another.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_raw_socket_is_a_datagram_socket(ns, observe):
    with Socket(AF_UNIX, SOCK_RAW) as raw_socket, Socket.unix(SOCK_DGRAM) as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(b"\0name")
        raw_socket.sendto(b"hello", b"\0name")

        seen = [raw_socket.so_type, receiver.recv(9).decode()]
        assert observe("type_and_received", seen) == [SOCK_DGRAM, "hello"]
