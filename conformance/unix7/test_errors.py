"""The errors of UNIX sockets, in the order of the page."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path
from socket import AF_INET, AF_UNIX, MSG_NOSIGNAL, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM
from termios import FIONREAD

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.unix_messages import data_nowhere, impatient
from conformance.plugin.setups.unix_names import (
    FAMILY,
    from_nowhere,
    listen_where_one_can,
    own_name,
    peer_name,
)
from libsocket import Other, Socket

TYPES = pytest.mark.parametrize(
    "type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET], ids=["stream", "datagram", "seqpacket"]
)
CONNECTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET], ids=["stream", "seqpacket"])
NAMES = pytest.mark.parametrize(
    ("name", "another"), [("path", "another"), (b"\0name", b"\0another")], ids=["pathname", "abstract"]
)
FILES = pytest.mark.parametrize(
    "make",
    [Path.touch, Path.mkdir, os.mkfifo, lambda path: path.symlink_to(".")],
    ids=["file", "directory", "fifo", "symlink"],
)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "unix.7/EADDRINUSE/in-use",
    sentence="unix.7/EADDRINUSE/in-use",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to the pathname or the abstract name of "
    "another of its type fails with EADDRINUSE.",
)
@NAMES
@TYPES
def test_a_name_is_in_use(ns, observe, type_, name, another):
    with Socket.unix(type_) as first, Socket.unix(type_) as second:
        first.bind(name)
        with refused(errno.EADDRINUSE):
            second.bind(name)
        second.bind(another)

        assert observe("name", str(second.getsockname())) == str(another)


@claim(
    "unix.7/EADDRINUSE/file-exists",
    sentence="unix.7/EADDRINUSE/file-exists",
    section="ERRORS",
    says="Binding a UNIX stream, datagram or seqpacket socket to the pathname of a regular file, a "
    "directory, a FIFO or a symbolic link that is there fails with EADDRINUSE.",
)
@FILES
@TYPES
def test_a_file_is_there(ns, observe, type_, make):
    make(Path("path"))
    with Socket.unix(type_) as sock:
        with refused(errno.EADDRINUSE):
            sock.bind("path")
        sock.bind("another")

        assert observe("name", sock.getsockname()) == "another"


@claim(
    "unix.7/ECONNREFUSED/not-listening",
    sentence="unix.7/ECONNREFUSED/not-listening",
    section="ERRORS",
    says="Connecting a UNIX stream or seqpacket socket to the pathname or the abstract name of one that "
    "does not listen fails with ECONNREFUSED.",
)
@NAMES
@CONNECTED
def test_nobody_listens(ns, observe, type_, name, another):
    with Socket.unix(type_) as other, Socket.unix(type_) as client:
        other.bind(name)
        with refused(errno.ECONNREFUSED):
            client.connect(name)
        other.listen()
        client.connect(name)

        assert observe("peer_once_listening", str(client.getpeername())) == str(name)


@claim(
    "unix.7/ECONNREFUSED/no-such-name",
    sentence="unix.7/ECONNREFUSED/not-listening",
    section="ERRORS",
    says="Connecting a UNIX stream, datagram or seqpacket socket to an abstract name that no socket has "
    "fails with ECONNREFUSED.",
)
@TYPES
def test_nobody_has_the_name(ns, observe, type_):
    with Socket.unix(type_) as other, Socket.unix(type_) as client:
        with refused(errno.ECONNREFUSED):
            client.connect(b"\0name")
        other.bind(b"\0name")
        listen_where_one_can(other)
        client.connect(b"\0name")

        assert observe("peer", str(client.getpeername())) == str(b"\0name")


@claim(
    "unix.7/ECONNREFUSED/no-socket",
    sentence="unix.7/ECONNREFUSED/no-socket",
    section="ERRORS",
    says="Connecting a UNIX stream, datagram or seqpacket socket to the pathname of a regular file, of a "
    "directory, of a FIFO or of a symbolic link to a directory fails with ECONNREFUSED.",
)
@FILES
@TYPES
def test_what_is_there_is_no_socket(ns, observe, type_, make):
    make(Path("path"))
    with Socket.unix(type_) as other, Socket.unix(type_) as client:
        other.bind("socket")
        listen_where_one_can(other)
        with refused(errno.ECONNREFUSED):
            client.connect("path")
        client.connect("socket")

        assert observe("peer", client.getpeername()) == "socket"


@claim(
    "unix.7/ECONNRESET/unread",
    sentence="unix.7/ECONNRESET/closed",
    section="ERRORS",
    says="Receiving on a UNIX stream or seqpacket socket whose peer was closed with data that it had not "
    "read fails with ECONNRESET; with none it had not read there is the end.",
)
@CONNECTED
def test_the_peer_was_closed_with_unread_data(ns, observe, type_):
    left, right = Socket.pair(type_)
    other_left, other_right = Socket.pair(type_)
    with left, right, other_left, other_right:
        impatient(left, right, other_left, other_right)
        left.send(b"unread")
        other_left.send(b"read")
        read = other_right.recv(9).decode()
        right.close()
        other_right.close()
        with refused(errno.ECONNRESET):
            left.recv(9)

        assert observe("read_and_end", [read, other_left.recv(9).decode()]) == ["read", ""]


@claim(
    "unix.7/ECONNRESET/datagram",
    sentence="unix.7/ECONNRESET/closed",
    section="ERRORS",
    says="Sending on a connected UNIX datagram socket whose peer was closed, with a datagram that it had "
    "not read, fails with ECONNRESET.",
    expect=differs(
        "it fails with ECONNREFUSED; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ECONNREFUSED", "unread": 6},
    ),
)
def test_the_peer_of_a_datagram_socket_was_closed(ns, observe):
    left, right = Socket.pair(SOCK_DGRAM)
    with left, right:
        left.send(b"unread")
        unread = observe("unread", asked(right, FIONREAD))
        right.close()
        with refused(errno.ECONNRESET):
            left.send(b"late")

        assert unread == 6


@claim(
    "unix.7/EFAULT/address",
    sentence="unix.7/EFAULT/address",
    section="ERRORS",
    says="bind(2), connect(2), getsockname(2) and getpeername(2) of a UNIX stream, datagram or seqpacket "
    "socket with an address at which the process has no memory fail with EFAULT.",
)
@pytest.mark.parametrize(
    ("unnamed", "connected"),
    [
        ("bind", "bind"),
        ("connect", "connect"),
        ("getsockname", "getsockname"),
        ("getsockname", "getpeername"),
    ],
    ids=["bind", "connect", "getsockname", "getpeername"],
)
@TYPES
def test_there_is_no_memory(ns, observe, type_, unnamed, connected):
    with Socket.unix(type_) as peer, Socket.unix(type_) as sock:
        peer.bind(b"\0peer")
        listen_where_one_can(peer)
        with refused(errno.EFAULT, "errno_before"):
            from_nowhere(unnamed, sock)
        sock.bind(b"\0name")
        sock.connect(b"\0peer")
        with refused(errno.EFAULT):
            from_nowhere(connected, sock)

        names = [own_name(sock).sun_path, peer_name(sock).sun_path]
        assert observe("names", names) == ["\0name", "\0peer"]


@claim(
    "unix.7/EFAULT/data",
    sentence="unix.7/EFAULT/address",
    section="ERRORS",
    says="send(2) and recv(2) on a UNIX stream, datagram or seqpacket socket with data at an address at "
    "which the process has no memory fail with EFAULT, and nothing is sent.",
)
@TYPES
def test_there_is_no_memory_for_data(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        impatient(left, right)
        with refused(errno.EFAULT):
            data_nowhere("send", left)
        left.send(b"hello")
        received = [right.recv(9).decode()]
        right.send(b"back")
        with refused(errno.EFAULT, "errno_of_recv"):
            data_nowhere("recv", left)
        right.send(b"again")
        received += [left.recv(9).decode()[-5:]]

        assert observe("received", received) == ["hello", "again"]


@claim(
    "unix.7/EINVAL/family",
    sentence=("unix.7/EINVAL/family", "unix.7/address/family"),
    section="ERRORS",
    says="bind(2) and connect(2) of a UNIX stream, datagram or seqpacket socket with an address of the "
    "family AF_INET fail with EINVAL.",
)
@TYPES
def test_the_family_must_be_af_unix(ns, observe, type_):
    wrong = Other(AF_INET, b"\0peer")
    with Socket.unix(type_) as peer, Socket.unix(type_) as sock:
        peer.bind(b"\0peer")
        listen_where_one_can(peer)
        with refused(errno.EINVAL):
            sock.bind(wrong)
        with refused(errno.EINVAL, "errno_of_connect"):
            sock.connect(wrong)
        sock.bind(b"\0name")
        sock.connect(b"\0peer")

        names = [own_name(sock).sun_path, peer_name(sock).sun_path]
        assert observe("names", names) == ["\0name", "\0peer"]


@claim(
    "unix.7/EINVAL/family-sendto",
    sentence=("unix.7/EINVAL/family", "unix.7/address/family"),
    section="ERRORS",
    says="Sending on a UNIX datagram socket to an address of the family AF_INET fails with EINVAL.",
)
def test_the_family_must_be_af_unix_for_sendto(ns, observe):
    with Socket.unix(SOCK_DGRAM) as receiver, Socket.unix(SOCK_DGRAM) as sender:
        receiver.bind(b"\0name")
        impatient(receiver)
        with refused(errno.EINVAL):
            sender.sendto(b"refused", Other(AF_INET, b"\0name"))
        sender.sendto(b"hello", b"\0name")

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "unix.7/EINVAL/listen-unbound",
    sentence="unix.7/EINVAL/state",
    section="ERRORS",
    says="Listening on a UNIX stream or seqpacket socket that was not bound fails with EINVAL.",
)
@CONNECTED
def test_a_listener_needs_a_name(ns, observe, type_):
    with Socket.unix(type_) as sock:
        with refused(errno.EINVAL):
            sock.listen()
        before = sock.acceptconn
        sock.bind("")
        sock.listen()

        assert observe("listens", [before, sock.acceptconn]) == [False, True]


@claim(
    "unix.7/EINVAL/accept",
    sentence="unix.7/EINVAL/state",
    section="ERRORS",
    says="accept(2) on a UNIX stream or seqpacket socket that does not listen, bound or connected, fails "
    "with EINVAL.",
)
@CONNECTED
def test_only_a_listener_accepts(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as client:
        impatient(listener, client)
        client.bind("")
        with refused(errno.EINVAL):
            client.accept()[0].close()
        name = own_name(client).length
        client.connect(listener.getsockname())
        with refused(errno.EINVAL, "errno_connected"):
            client.accept()[0].close()
        client.send(b"hello")
        with listener.accept()[0] as server:
            impatient(server)
            seen = [name, server.recv(9).decode()]
            assert observe("length_of_name_and_received", seen) == [FAMILY + 6, "hello"]


@claim(
    "unix.7/EINVAL/connect-listening",
    sentence="unix.7/EINVAL/state",
    section="ERRORS",
    says="Connecting a UNIX stream or seqpacket socket that listens to another that does fails with EINVAL.",
)
@CONNECTED
def test_a_listener_does_not_connect(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as sock, Socket.unix(type_) as client:
        sock.bind("path")
        sock.listen()
        with refused(errno.EINVAL):
            sock.connect(listener.getsockname())
        client.connect("path")

        assert observe("still_listens", [sock.acceptconn, client.getpeername()]) == [True, "path"]


@claim(
    "unix.7/EISCONN/connected-already",
    sentence="unix.7/EISCONN/connected-already",
    section="ERRORS",
    says="Connecting a UNIX stream or seqpacket socket that is connected, to its peer or to another "
    "listener, fails with EISCONN, and it keeps its peer.",
)
@CONNECTED
def test_a_connected_socket_is_not_connected_again(ns, observe, type_):
    with Socket.unix(type_) as first, Socket.unix(type_) as second, Socket.unix(type_) as client:
        first.bind("first")
        second.bind("second")
        first.listen()
        second.listen()
        client.connect("first")
        with refused(errno.EISCONN):
            client.connect("first")
        with refused(errno.EISCONN, "errno_with_another"):
            client.connect("second")

        assert observe("peer", client.getpeername()) == "first"


@claim(
    "unix.7/EISCONN/connected-already-datagram",
    sentence="unix.7/EISCONN/connected-already",
    section="ERRORS",
    says="Connecting a UNIX datagram socket that is connected to another address fails with EISCONN.",
    expect=differs(
        "it has the other peer then; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "peers": ["first", "second"]},
    ),
)
def test_a_datagram_socket_is_not_connected_again(ns, observe):
    with Socket.unix(SOCK_DGRAM) as first, Socket.unix(SOCK_DGRAM) as second, Socket.unix(SOCK_DGRAM) as sock:
        first.bind("first")
        second.bind("second")
        sock.connect("first")
        before = sock.getpeername()
        with refused(errno.EISCONN):
            sock.connect("second")
            observe("peers", [before, sock.getpeername()])


@claim(
    "unix.7/EISCONN/address-stream",
    sentence=("unix.7/EISCONN/address", "send.2/EISCONN/connected", "send.2/sendto/connection-mode-eisconn"),
    section="ERRORS",
    says="Sending with an address on a connected UNIX stream socket, that of its peer or one that nobody "
    "has, fails with EISCONN.",
)
@pytest.mark.parametrize("another", ["first", "nobody"])
def test_a_connected_stream_sends_to_no_address(ns, observe, another):
    with Socket.unix() as first, Socket.unix() as client:
        impatient(first)
        first.bind("first")
        first.listen()
        client.connect("first")
        with refused(errno.EISCONN):
            client.sendto(b"refused", another)
        client.send(b"hello")
        with first.accept()[0] as server:
            impatient(server)
            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "unix.7/EISCONN/address-datagram",
    sentence="unix.7/EISCONN/address",
    section="ERRORS",
    says="Sending with an address on a connected UNIX datagram socket fails with EISCONN.",
    expect=differs(
        "it is sent to that address; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": ["to the peer", "to another"]},
    ),
)
def test_a_connected_datagram_socket_sends_to_no_address(ns, observe):
    with Socket.unix(SOCK_DGRAM) as first, Socket.unix(SOCK_DGRAM) as second, Socket.unix(SOCK_DGRAM) as sock:
        first.bind("first")
        second.bind("second")
        impatient(first, second)
        sock.connect("first")
        sock.send(b"to the peer")
        with refused(errno.EISCONN):
            sock.sendto(b"to another", "second")
            observe("received", [first.recv(20).decode(), second.recv(20).decode()])


@claim(
    "unix.7/EISCONN/address-seqpacket",
    sentence="unix.7/EISCONN/address",
    section="ERRORS",
    says="Sending with an address on a connected UNIX seqpacket socket fails with EISCONN.",
    expect=differs(
        "the address, even one that nobody has, is ignored, and the peer gets it; older than git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": "to nobody"},
    ),
)
def test_a_connected_seqpacket_socket_sends_to_no_address(ns, observe):
    left, right = Socket.pair(SOCK_SEQPACKET)
    with left, right, refused(errno.EISCONN):
        impatient(right)
        left.sendto(b"to nobody", "nobody")
        observe("received", right.recv(20).decode())


@claim(
    "unix.7/ENOENT/pathname",
    sentence="unix.7/ENOENT/pathname",
    section="ERRORS",
    says="Connecting a UNIX stream, datagram or seqpacket socket to a pathname where there is nothing fails "
    "with ENOENT.",
)
@TYPES
def test_there_is_nothing_at_the_pathname(ns, observe, type_):
    with Socket.unix(type_) as other, Socket.unix(type_) as client:
        with refused(errno.ENOENT):
            client.connect("path")
        other.bind("path")
        listen_where_one_can(other)
        client.connect("path")

        assert observe("peer", client.getpeername()) == "path"


@claim(
    "unix.7/ENOTCONN/send",
    sentence="unix.7/ENOTCONN/no-peer",
    section="ERRORS",
    says="Sending without an address on a UNIX stream, datagram or seqpacket socket that is not connected "
    "fails with ENOTCONN, and so does getpeername(2).",
)
@TYPES
def test_a_peer_is_needed(ns, observe, type_):
    left, right = Socket.pair(type_)
    with Socket.unix(type_) as sock, left, right:
        impatient(right)
        with refused(errno.ENOTCONN):
            sock.send(b"refused")
        with refused(errno.ENOTCONN, "errno_of_getpeername"):
            sock.getpeername()
        left.send(b"hello")

        assert observe("received_and_peer", [right.recv(9).decode(), left.getpeername()]) == ["hello", ""]


@claim(
    "unix.7/EOPNOTSUPP/datagram",
    sentence="unix.7/EOPNOTSUPP/stream-operation",
    section="ERRORS",
    says="listen(2) and accept(2) on a UNIX datagram socket fail with EOPNOTSUPP.",
)
def test_a_datagram_socket_neither_listens_nor_accepts(ns, observe):
    with Socket.unix(SOCK_DGRAM) as sock, Socket.unix(SOCK_DGRAM) as sender:
        impatient(sock)
        sock.bind(b"\0name")
        with refused(errno.EOPNOTSUPP):
            sock.listen()
        with refused(errno.EOPNOTSUPP, "errno_of_accept"):
            sock.accept()[0].close()
        sender.sendto(b"hello", b"\0name")

        assert observe("received", sock.recv(9).decode()) == "hello"


@claim(
    "unix.7/EPIPE/stream",
    sentence=("unix.7/EPIPE/closed", "unix.7/EPIPE/signal", "unix.7/EPIPE/nosignal"),
    section="ERRORS",
    says="Sending on a UNIX stream socket whose peer was closed fails with EPIPE and raises SIGPIPE, with "
    "send(2) and sendmsg(2); with MSG_NOSIGNAL it fails so without the signal; before that it sends.",
)
@pytest.mark.parametrize(
    "send",
    [lambda sock, flags: sock.send(b"x", flags), lambda sock, flags: sock.sendmsg([b"x"], [], flags)],
    ids=["send", "sendmsg"],
)
def test_the_peer_of_a_stream_was_closed(ns, observe, send):
    left, right = Socket.pair()
    with left, right, signalled(signal.SIGPIPE) as came:
        impatient(right)
        send(left, 0)
        before = right.recv(9).decode()
        right.close()
        with refused(errno.EPIPE):
            send(left, MSG_NOSIGNAL)
        without = [*came]
        with refused(errno.EPIPE, "errno_with_signal"):
            send(left, 0)

        assert observe("received_and_signals", [before, without, [*came]]) == ["x", [], ["SIGPIPE"]]


@claim(
    "unix.7/EPROTONOSUPPORT/protocol",
    sentence="unix.7/EPROTONOSUPPORT/protocol",
    section="ERRORS",
    says="A UNIX stream, datagram or seqpacket socket can be made with protocol 0 or AF_UNIX, which is 1; "
    "with 2, 6 or 255 it fails with EPROTONOSUPPORT.",
)
@pytest.mark.parametrize("protocol", [2, 6, 255])
@TYPES
def test_there_is_no_other_protocol(ns, observe, type_, protocol):
    with refused(errno.EPROTONOSUPPORT):
        Socket(AF_UNIX, type_, protocol).close()
    with Socket(AF_UNIX, type_, 0) as none, Socket(AF_UNIX, type_, AF_UNIX) as unix:
        assert observe("types", [none.so_type, unix.so_type]) == [type_, type_]


OTHER_TYPES = pytest.mark.parametrize(
    ("type_", "other_type"),
    [
        (SOCK_STREAM, SOCK_DGRAM),
        (SOCK_STREAM, SOCK_SEQPACKET),
        (SOCK_DGRAM, SOCK_STREAM),
        (SOCK_DGRAM, SOCK_SEQPACKET),
        (SOCK_SEQPACKET, SOCK_STREAM),
        (SOCK_SEQPACKET, SOCK_DGRAM),
    ],
    ids=[
        "stream-datagram",
        "stream-seqpacket",
        "datagram-stream",
        "datagram-seqpacket",
        "seqpacket-stream",
        "seqpacket-datagram",
    ],
)


@claim(
    "unix.7/EPROTOTYPE/pathname",
    sentence=("unix.7/EPROTOTYPE/type", "connect.2/EPROTOTYPE/type"),
    section="ERRORS",
    survives={"no-op: listen*": "the type counts first"},
    says="Connecting a UNIX stream, datagram or seqpacket socket to the pathname of one of another type "
    "fails with EPROTOTYPE.",
)
@OTHER_TYPES
def test_the_socket_at_a_pathname_must_be_of_the_type(ns, observe, type_, other_type):
    with Socket.unix(other_type) as other, Socket.unix(type_) as same, Socket.unix(type_) as client:
        other.bind("other")
        same.bind("same")
        listen_where_one_can(other)
        listen_where_one_can(same)
        with refused(errno.EPROTOTYPE):
            client.connect("other")
        client.connect("same")

        assert observe("peer", client.getpeername()) == "same"


@claim(
    "unix.7/EPROTOTYPE/abstract",
    sentence=("unix.7/EPROTOTYPE/type", "connect.2/EPROTOTYPE/type"),
    section="ERRORS",
    survives={"no-op: listen*": "the type counts first"},
    says="Connecting a UNIX stream, datagram or seqpacket socket to the abstract name of one of another "
    "type fails with EPROTOTYPE.",
    expect=differs(
        "it fails with ECONNREFUSED: each type has names of its own; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ECONNREFUSED"},
    ),
)
@OTHER_TYPES
def test_the_socket_at_an_abstract_name_must_be_of_the_type(ns, observe, type_, other_type):
    with Socket.unix(other_type) as other, Socket.unix(type_) as client:
        other.bind(b"\0name")
        listen_where_one_can(other)
        bound = observe("name", own_name(other).sun_path)
        with refused(errno.EPROTOTYPE):
            client.connect(b"\0name")

        assert bound == "\0name"


@claim(
    "unix.7/ESOCKTNOSUPPORT/type",
    sentence=("unix.7/ESOCKTNOSUPPORT/type", "unix.7/DESCRIPTION/types"),
    section="ERRORS",
    says="A UNIX socket of the type 0, 4 (SOCK_RDM), 6 (SOCK_DCCP), 7 or 10 (SOCK_PACKET) cannot be made: "
    "ESOCKTNOSUPPORT.",
)
@pytest.mark.parametrize("type_", [0, 4, 6, 7, 10])
def test_there_is_no_such_type(ns, observe, type_):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_UNIX, type_, 0).close()
    with Socket.unix() as sock:
        assert observe("type", sock.so_type) == SOCK_STREAM


@claim(
    "unix.7/ESOCKTNOSUPPORT/beyond",
    sentence="unix.7/ESOCKTNOSUPPORT/type",
    section="ERRORS",
    says="A UNIX socket of the type 11 or 15, which is none of any family, cannot be made: ESOCKTNOSUPPORT.",
    expect=differs(
        "it fails with EINVAL, as for every family; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
@pytest.mark.parametrize("type_", [11, 15])
def test_there_is_no_such_type_of_any_family(ns, type_):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_UNIX, type_, 0).close()
