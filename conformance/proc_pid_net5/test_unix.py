"""/proc/net/unix, column by column."""

from __future__ import annotations

import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.proc_net_unix import every_unix_line, unix_headings, unix_line
from conformance.plugin.setups.unix_diag import inode_of, unix_sockets
from conformance.plugin.setups.unix_names import unix_address
from libsocket import Fd, Socket

KINDS = pytest.mark.parametrize(
    "kind",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "dgram", "seqpacket"],
)
NOT_ASKED = {"*": "/proc tells of the socket, which is not called"}
CONNECTIONS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "proc_pid_net.5/unix/listed",
    sentence=("proc_pid_net.5/unix/lists", "proc_pid_net.5/unix/inode"),
    section="/proc/net/unix",
    says="/proc/net/unix has one line for each UNIX stream, datagram or seqpacket socket, bound or not, by "
    "its inode number, and none once it is closed.",
    survives=NOT_ASKED,
)
@KINDS
def test_each_socket_has_a_line(ns, observe, kind):
    with Socket.unix(kind) as bound, Socket.unix(kind) as unnamed:
        bound.bind("\0name")
        names = {str(inode_of(bound)): "bound", str(inode_of(unnamed)): "unnamed"}
        both = sorted(names.get(line.inode, "?") + line.path for line in every_unix_line())
        bound.close()
        rest = [names.get(line.inode, "?") for line in every_unix_line()]

        assert observe("lines", [both, rest]) == [["bound@name", "unnamed"], ["unnamed"]]


@claim(
    "proc_pid_net.5/unix/format",
    sentence="proc_pid_net.5/unix/format",
    section="/proc/net/unix",
    says="/proc/net/unix begins with the headings Num, RefCount, Protocol, Flags, Type, St, Inode and Path.",
    survives={"*": "no socket is asked"},
)
def test_the_columns_have_headings(ns, observe):
    assert observe("headings", unix_headings()) == [
        "Num",
        "RefCount",
        "Protocol",
        "Flags",
        "Type",
        "St",
        "Inode",
        "Path",
    ]


@claim(
    "proc_pid_net.5/unix/num",
    sentence="proc_pid_net.5/unix/num",
    section="/proc/net/unix",
    says="Num of a UNIX stream, datagram or seqpacket socket is the number of a slot, of at most three "
    "digits: the kernel's table has no more than 512.",
    expect=differs(
        "it has the 16 digits of an address of the kernel, which are no number of a slot",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"digits": 16},
    ),
    survives=NOT_ASKED,
)
@KINDS
def test_the_number_is_that_of_a_slot(ns, observe, kind):
    with Socket.unix(kind) as sock:
        assert observe("digits", len(unix_line(sock).num)) <= 3


@claim(
    "proc_pid_net.5/unix/refcount",
    sentence="proc_pid_net.5/unix/refcount",
    section="/proc/net/unix",
    says="RefCount of a UNIX stream, datagram or seqpacket socket is the number of its users: one more with "
    "another descriptor.",
    expect=differs(
        "it is the number of the kernel's own references: 2 for a socket without a peer, whoever has it",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"counts": [2, 2]},
    ),
    survives=NOT_ASKED,
)
@KINDS
def test_the_users_are_counted(ns, observe, kind):
    with Socket.unix(kind) as sock:
        one = int(unix_line(sock).ref_count, 16)
        with Fd(os.dup(sock.fileno())):
            two = int(unix_line(sock).ref_count, 16)

        counts = observe("counts", [one, two])
        assert counts[1] - counts[0] == 1


@claim(
    "defacto/proc-net-unix/references",
    says="RefCount of a UNIX stream, datagram or seqpacket socket that nobody is connected to is 2, that of "
    "each of a socketpair 3, and 2 again once the other is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NOT_ASKED,
)
@KINDS
def test_a_peer_is_a_reference(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Socket.unix(kind) as alone:
        counts = [unix_line(sock).ref_count for sock in (alone, left, right)]
        left.close()
        counts += [unix_line(right).ref_count]

        assert observe("alone_both_left", counts) == ["00000002", "00000003", "00000003", "00000002"]


@claim(
    "proc_pid_net.5/unix/protocol",
    sentence="proc_pid_net.5/unix/protocol",
    section="/proc/net/unix",
    says="Protocol of a UNIX stream, datagram or seqpacket socket is 00000000, made with the protocol 0 or "
    "with PF_UNIX (1).",
    survives=NOT_ASKED,
)
@KINDS
@pytest.mark.parametrize("protocol", [0, 1])
def test_the_protocol_is_0(ns, observe, kind, protocol):
    with Socket(socket.AF_UNIX, kind, protocol) as sock:
        assert observe("protocol", unix_line(sock).protocol) == "00000000"


@claim(
    "proc_pid_net.5/unix/flags",
    sentence="proc_pid_net.5/unix/flags",
    section="/proc/net/unix",
    says="Flags tell whether a UNIX stream or seqpacket socket listens: they are 00010000 then, and "
    "00000000 for one that is bound, connected or neither.",
)
@CONNECTIONS
def test_the_flags_are_of_a_listener(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Socket.unix(kind) as sock:
        flags = [unix_line(sock).flags]
        sock.bind("")
        flags += [unix_line(sock).flags]
        sock.listen()
        flags += [unix_line(sock).flags, unix_line(left).flags]

        found = [bool(unix_line(sock).path), flags]
        assert observe("bound_and_flags", found) == [True, ["00000000", "00000000", "00010000", "00000000"]]


@claim(
    "proc_pid_net.5/unix/type",
    sentence="proc_pid_net.5/unix/type",
    section="/proc/net/unix",
    says="Type of a UNIX stream socket is 0001, of a datagram socket 0002 and of a seqpacket socket 0005.",
    survives=NOT_ASKED,
)
@pytest.mark.parametrize(
    ("kind", "written"),
    [(socket.SOCK_STREAM, "0001"), (socket.SOCK_DGRAM, "0002"), (socket.SOCK_SEQPACKET, "0005")],
    ids=["stream", "dgram", "seqpacket"],
)
def test_the_type_is_written(ns, observe, kind, written):
    with Socket.unix(kind) as sock:
        assert observe("type", unix_line(sock).type) == written


@claim(
    "proc_pid_net.5/unix/state",
    sentence="proc_pid_net.5/unix/st",
    section="/proc/net/unix",
    says="St of a UNIX stream or seqpacket socket is 01 before it is connected, also where it listens, and "
    "03 after.",
)
@CONNECTIONS
def test_the_state_is_written(ns, observe, kind):
    with listening_unix(kind) as listener, Socket.unix(kind) as client:
        states = [unix_line(listener).st, unix_line(client).st]
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            states += [unix_line(sock).st for sock in (listener, client, accepted)]

        assert observe("states", states) == ["01", "01", "01", "03", "03"]


@claim(
    "proc_pid_net.5/unix/path",
    sentence="proc_pid_net.5/unix/path",
    section="/proc/net/unix",
    says="Path of a UNIX stream, datagram or seqpacket socket is the pathname that it is bound to, as it "
    "was given, of 1 to 108 bytes, and empty before.",
)
@KINDS
@pytest.mark.parametrize("path", ["p", "./a file", "n" * 108], ids=["one", "with-a-space", "longest"])
def test_the_path_is_written(ns, observe, *, kind, path):
    with Socket.unix(kind) as sock:
        before = unix_line(sock).path
        sock.bind(unix_address(path.encode()))

        assert observe("before_and_after", [before, unix_line(sock).path]) == ["", path]


@claim(
    "proc_pid_net.5/unix/abstract",
    sentence="proc_pid_net.5/unix/abstract",
    section="/proc/net/unix",
    says="Path of a UNIX stream, datagram or seqpacket socket with an abstract name begins with @ in place "
    "of the null byte.",
)
@KINDS
def test_an_abstract_name_is_written(ns, observe, kind):
    with Socket.unix(kind) as sock:
        sock.bind("\0name")

        assert observe("path", unix_line(sock).path) == "@name"


@claim(
    "defacto/proc-net-unix/null-bytes",
    says="Every null byte of the abstract name of a UNIX stream, datagram or seqpacket socket is @ in the "
    "Path of /proc/net/unix, also those within and at its end.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@KINDS
def test_null_bytes_of_a_name_are_written(ns, observe, kind):
    with Socket.unix(kind) as sock:
        sock.bind("\0a\0\0b\0")

        assert observe("path", unix_line(sock).path) == "@a@@b@"


@claim(
    "defacto/proc-net-unix/pending",
    says="While a connection waits to be accepted, its own end has a line in /proc/net/unix with the Inode "
    "0, the St 02, and the Type and Path of the UNIX stream or seqpacket listener; accepted it has an inode "
    "number and the St 03.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTIONS
def test_a_connection_that_waits_has_a_line(ns, observe, kind):
    with Socket.unix(kind) as listener:
        listener.bind("\0name")
        listener.listen()
        with pending_connection(listener):
            waiting = [[line.type, line.st, line.path] for line in every_unix_line() if line.inode == "0"]
            with listener.accept()[0] as accepted:
                after = unix_line(accepted).st, [line.inode for line in every_unix_line()].count("0")

        found = [waiting, *after]
        assert observe("waiting_accepted_left", found) == [[[f"{kind:04X}", "02", "@name"]], "03", 0]


@claim(
    "defacto/proc-net-unix/long",
    says="/proc/net/unix has each of 500 UNIX stream sockets once, though it is read piece by piece.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=NOT_ASKED,
)
def test_a_long_list_has_each_once(ns, observe):
    with unix_sockets(500) as many:
        inodes = sorted(int(line.inode) for line in every_unix_line())
        same = inodes == sorted(map(inode_of, many))

        assert observe("count_and_same", [len(inodes), same]) == [500, True]
