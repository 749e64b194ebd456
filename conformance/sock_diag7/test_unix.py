"""What sock_diag tells of a UNIX socket where it is asked for: an attribute for each UDIAG_SHOW_*."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import REQUESTS, asked
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.unix_diag import (
    ALL_BUT_UID,
    ASKER_MAY_STAY,
    FWD_ALLOC,
    ICONS,
    LISTEN,
    MEMINFO,
    NAME,
    OPTMEM,
    PEER,
    RCVBUF,
    RMEM_ALLOC,
    RQLEN,
    SHOW_ICONS,
    SHOW_MEMINFO,
    SHOW_NAME,
    SHOW_PEER,
    SHOW_RQLEN,
    SHOW_UID,
    SHOW_VFS,
    SHUTDOWN,
    SNDBUF,
    UID,
    VFS,
    WMEM_ALLOC,
    WMEM_QUEUED,
    inode_of,
    kernel_device,
    listed,
    memory_of,
    pending_connections,
    told_of,
)
from conformance.plugin.setups.unix_names import unix_address
from libsocket import Filter, Shutdown, Socket
from netns import in_child

KINDS = pytest.mark.parametrize(
    "kind",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "dgram", "seqpacket"],
)
CONNECTIONS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)
SOMAXCONN = "net.core.somaxconn"
NOBODY_ELSE, GIVEN_TO = 61_005, 61_006
"""Users that nothing here has."""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are."""
    monkeypatch.chdir(tmp_path)


@claim(
    "sock_diag.7/udiag_show/each-an-attribute",
    sentence=(
        "sock_diag.7/unix_diag_req/udiag-show",
        "sock_diag.7/unix_diag_req/udiag-show-attributes",
        "sock_diag.7/DESCRIPTION/additional",
        "sock_diag.7/UDIAG_SHOW_NAME/attribute",
        "sock_diag.7/UDIAG_SHOW_VFS/attribute",
        "sock_diag.7/UDIAG_SHOW_ICONS/attribute",
        "sock_diag.7/UDIAG_SHOW_RQLEN/attribute",
        "sock_diag.7/UDIAG_SHOW_MEMINFO/attribute",
        "sock_diag.7/UNIX_DIAG_SHUTDOWN/unasked",
    ),
    section="UNIX domain sockets",
    says="Of a UNIX stream or seqpacket socket that listens at a pathname each flag of udiag_show is "
    "answered by its attribute: UDIAG_SHOW_NAME by UNIX_DIAG_NAME (0), UDIAG_SHOW_VFS by UNIX_DIAG_VFS (1), "
    "UDIAG_SHOW_ICONS by UNIX_DIAG_ICONS (3), UDIAG_SHOW_RQLEN by UNIX_DIAG_RQLEN (4), UDIAG_SHOW_MEMINFO "
    "by UNIX_DIAG_MEMINFO (5), and besides, with no flag too, there is UNIX_DIAG_SHUTDOWN (6) and nothing "
    "else.",
)
@CONNECTIONS
@pytest.mark.parametrize(
    ("show", "kinds"),
    [
        (0, []),
        (SHOW_NAME, [NAME]),
        (SHOW_VFS, [VFS]),
        (SHOW_ICONS, [ICONS]),
        (SHOW_RQLEN, [RQLEN]),
        (SHOW_MEMINFO, [MEMINFO]),
        (SHOW_NAME | SHOW_MEMINFO, [NAME, MEMINFO]),
    ],
    ids=["none", "name", "vfs", "icons", "rqlen", "meminfo", "two"],
)
def test_each_flag_has_its_attribute(ns, observe, *, kind, show, kinds):
    with Socket.unix(kind) as sock:
        sock.bind("name")
        sock.listen()
        told = told_of(sock, show)

        found = [told.state, sorted(told.attributes)]
        assert observe("state_and_attributes", found) == [LISTEN, [*kinds, SHUTDOWN]]


@claim(
    "sock_diag.7/UDIAG_SHOW_PEER/attribute",
    sentence="sock_diag.7/UDIAG_SHOW_PEER/attribute",
    section="UNIX domain sockets",
    says="UDIAG_SHOW_PEER is answered by UNIX_DIAG_PEER (2) for a UNIX stream, datagram or seqpacket socket "
    "that is connected, and it is not there without that flag.",
)
@KINDS
def test_the_peer_is_asked_for(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        found = [sorted(told_of(left, show).attributes) for show in (SHOW_PEER, ALL_BUT_UID & ~SHOW_PEER)]

        assert observe("with_and_without", found) == [[PEER, SHUTDOWN], [RQLEN, MEMINFO, SHUTDOWN]]


@claim(
    "sock_diag.7/UDIAG_SHOW_NAME/pathname",
    sentence="sock_diag.7/UDIAG_SHOW_NAME/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_NAME has the pathname that a UNIX stream, datagram or seqpacket socket was bound to, as "
    "it was given, of 1 to 107 bytes.",
)
@KINDS
@pytest.mark.parametrize("path", ["p", "./dot", "n" * 107], ids=["one", "dot", "longest"])
def test_the_name_is_the_pathname(ns, observe, *, kind, path):
    with Socket.unix(kind) as sock:
        sock.bind(path)

        assert observe("name", told_of(sock, SHOW_NAME).name.partition("\0")[0]) == path


@claim(
    "sock_diag.7/UDIAG_SHOW_NAME/most",
    sentence="sock_diag.7/UDIAG_SHOW_NAME/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_NAME of a UNIX stream, datagram or seqpacket socket that is bound to a pathname of 107 "
    "or 108 bytes has at most UNIX_PATH_MAX (108) bytes.",
    expect=differs(
        "a null byte follows the pathname, which makes 109 of 108",
        since="3.3",
        commit="5d3cae8bc39d",
        observed={"size[107]": 108, "size[108]": 109},
    ),
)
@KINDS
def test_the_name_has_an_end(ns, observe, kind):
    with Socket.unix(kind) as shorter, Socket.unix(kind) as longest:
        shorter.bind(unix_address(b"s" * 107))
        longest.bind(unix_address(b"l" * 108))
        observe("size[107]", len(told_of(shorter, SHOW_NAME).name))

        assert observe("size[108]", len(told_of(longest, SHOW_NAME).name)) <= 108


@claim(
    "defacto/sock_diag/unix-name",
    says="UNIX_DIAG_NAME of a UNIX stream, datagram or seqpacket socket has each byte of its name: a null "
    "byte after a pathname, a null byte before an abstract name and none after it; without a name it is not "
    "there.",
    since="3.3",
    commit="5d3cae8bc39d",
)
@KINDS
def test_the_name_is_told_byte_by_byte(ns, observe, kind):
    with Socket.unix(kind) as path, Socket.unix(kind) as abstract, Socket.unix(kind) as unnamed:
        path.bind("path")
        abstract.bind("\0ab\0c")
        found = [told_of(sock, SHOW_NAME) for sock in (path, abstract, unnamed)]

        names = [[one.name, NAME in one.attributes] for one in found]
        assert observe("names", names) == [["path\0", True], ["\0ab\0c", True], ["", False]]


@claim(
    "defacto/sock_diag/unix-accepted-name",
    says="UNIX_DIAG_NAME and UNIX_DIAG_VFS of an accepted UNIX stream or seqpacket socket are those of the "
    "listener, and the socket that connected without a name has neither.",
    since="3.3",
    commit="5d3cae8bc39d",
)
@CONNECTIONS
def test_an_accepted_socket_has_the_name(ns, observe, kind):
    with Socket.unix(kind) as listener, Socket.unix(kind) as client:
        listener.bind("name")
        listener.listen()
        client.connect("name")
        with listener.accept()[0] as accepted:
            of_listener, of_accepted, of_client = (
                told_of(sock, SHOW_NAME | SHOW_VFS) for sock in (listener, accepted, client)
            )

        same = of_listener.words(VFS) == of_accepted.words(VFS)
        found = [of_accepted.name, same, sorted(of_client.attributes)]
        assert observe("accepted_and_client", found) == ["name\0", True, [SHUTDOWN]]


@claim(
    "sock_diag.7/UDIAG_SHOW_VFS/order",
    sentence="sock_diag.7/UDIAG_SHOW_VFS/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_VFS of a UNIX stream, datagram or seqpacket socket that is bound to a pathname is a "
    "struct of 8 bytes, first the number of the device and then that of the inode.",
    expect=differs(
        "the inode is first, and the device after it",
        since="3.3",
        commit="5f7b0569460b",
        observed={"fields": ["inode", "device"]},
    ),
)
@KINDS
def test_the_file_is_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        sock.bind("name")
        status = os.stat("name")
        told, device, inode = told_of(sock, SHOW_VFS), kernel_device(status), lower_half(status.st_ino)
        orders = [["device", "inode"], ["inode", "device"]]
        found = [[device, inode], [inode, device]].index(told.words(VFS))

        assert observe("fields", orders[found]) == ["device", "inode"]


def lower_half(number: int) -> int:
    """Its lower 32 bits."""
    return number & 0xFFFF_FFFF


@claim(
    "sock_diag.7/udiag_vfs_dev/device",
    sentence="sock_diag.7/UDIAG_SHOW_VFS/udiag-vfs-dev",
    section="UNIX domain sockets",
    says="udiag_vfs_dev of a UNIX stream, datagram or seqpacket socket that is bound to a pathname is the "
    "number of the device that its file system is on: the major number in the upper 12 bits, the minor one "
    "in the lower 20.",
)
@KINDS
def test_the_device_is_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        sock.bind("name")
        found = kernel_device(os.stat("name")) in told_of(sock, SHOW_VFS).words(VFS)

        assert observe("told", found) is True


@claim(
    "sock_diag.7/udiag_vfs_ino/inode",
    sentence="sock_diag.7/UDIAG_SHOW_VFS/udiag-vfs-ino",
    section="UNIX domain sockets",
    says="udiag_vfs_ino of a UNIX stream, datagram or seqpacket socket that is bound to a pathname is the "
    "inode number of its file, its lower 32 bits.",
)
@KINDS
def test_the_inode_is_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        sock.bind("name")
        found = lower_half(os.stat("name").st_ino) in told_of(sock, SHOW_VFS).words(VFS)

        assert observe("told", found) is True


@claim(
    "defacto/sock_diag/unix-vfs-pathname-only",
    says="UNIX_DIAG_VFS is there for a UNIX stream, datagram or seqpacket socket that is bound to a "
    "pathname, its file being removed too, and not for one with an abstract name or none.",
    since="3.3",
    commit="5f7b0569460b",
)
@KINDS
def test_a_file_is_that_of_a_pathname(ns, observe, kind):
    with Socket.unix(kind) as path, Socket.unix(kind) as abstract, Socket.unix(kind) as unnamed:
        path.bind("path")
        abstract.bind("\0name")
        before = told_of(path, SHOW_VFS).words(VFS)
        os.unlink("path")
        after = told_of(path, SHOW_VFS).words(VFS)
        told = [told_of(sock, SHOW_VFS | SHOW_NAME) for sock in (abstract, unnamed)]

        others = [[one.name, one.words(VFS)] for one in told]
        found = [len(before), before == after, others]
        assert observe("size_same_others", found) == [2, True, [["\0name", []], ["", []]]]


@claim(
    "sock_diag.7/UDIAG_SHOW_PEER/inode",
    sentence="sock_diag.7/UDIAG_SHOW_PEER/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_PEER of a connected UNIX stream, datagram or seqpacket socket is the inode number of "
    "its peer.",
)
@KINDS
def test_the_peer_is_told(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        found = [told_of(sock, SHOW_PEER).words(PEER) for sock in (left, right)]

        names = {inode_of(left): "left", inode_of(right): "right"}
        peers = [[names.get(word, "?") for word in words] for words in found]
        assert observe("peers", peers) == [["right"], ["left"]]


@claim(
    "sock_diag.7/UDIAG_SHOW_PEER/connected-only",
    sentence="sock_diag.7/UDIAG_SHOW_PEER/connected-only",
    section="UNIX domain sockets",
    says="UNIX_DIAG_PEER is there for a UNIX stream or seqpacket socket that is connected, and not for one "
    "that listens or does neither.",
)
@CONNECTIONS
def test_only_what_is_connected_has_a_peer(ns, observe, kind):
    with listening_unix(kind) as listener, Socket.unix(kind) as idle, pending_connection(listener) as client:
        found = [PEER in told_of(sock, SHOW_PEER).attributes for sock in (listener, idle, client)]

        assert observe("listener_idle_client", found) == [False, False, True]


@claim(
    "defacto/sock_diag/unix-peer-one-way",
    says="UNIX_DIAG_PEER of a UNIX datagram socket is there once it is connected, and not for the socket "
    "that it is connected to.",
    since="3.3",
    commit="5d3cae8bc39d",
)
def test_a_datagram_socket_has_the_peer_it_chose(ns, observe):
    with Socket.unix(socket.SOCK_DGRAM) as sock, Socket.unix(socket.SOCK_DGRAM) as peer:
        peer.bind("")
        before = told_of(sock, SHOW_PEER).words(PEER)
        sock.connect(peer.getsockname())
        after, of_peer = told_of(sock, SHOW_PEER).words(PEER), told_of(peer, SHOW_PEER).words(PEER)

        others = [word - inode_of(peer) for word in after]
        assert observe("before_after_peer", [before, others, of_peer]) == [[], [0], []]


@claim(
    "defacto/sock_diag/unix-peer-without-inode",
    says="UNIX_DIAG_PEER of a UNIX stream or seqpacket socket is 0 while nobody has accepted its "
    "connection, and where its peer is closed; then the state is TCP_ESTABLISHED as before.",
    since="3.3",
    commit="5d3cae8bc39d",
    survives=ASKER_MAY_STAY,
)
@CONNECTIONS
def test_a_peer_without_an_inode_is_0(ns, observe, kind):
    with listening_unix(kind) as listener, pending_connection(listener) as client:
        pending = told_of(client, SHOW_PEER)
        accepted, _ = listener.accept()
        there = told_of(client, SHOW_PEER).words(PEER)[0] - inode_of(accepted)
        accepted.close()
        closed = told_of(client, SHOW_PEER)

        found = [pending.words(PEER), there, closed.words(PEER), pending.state, closed.state]
        assert observe("pending_there_closed_states", found) == [[0], 0, [0], 1, 1]


@claim(
    "sock_diag.7/UDIAG_SHOW_ICONS/inodes",
    sentence=(
        "sock_diag.7/UDIAG_SHOW_ICONS/payload",
        "sock_diag.7/UDIAG_SHOW_RQLEN/udiag-rqueue-listening",
        "sock_diag.7/UDIAG_SHOW_RQLEN/udiag-rqueue-icons",
    ),
    section="UNIX domain sockets",
    says="UNIX_DIAG_ICONS of a UNIX stream or seqpacket socket that listens has the inode numbers of the "
    "sockets that have connected and are not accepted, in their order, and udiag_rqueue how many they are.",
    survives=ASKER_MAY_STAY,
)
@CONNECTIONS
def test_connections_that_wait_are_told(ns, observe, kind):
    with listening_unix(kind) as listener, pending_connection(listener) as one:
        with pending_connection(listener) as two:
            names = {inode_of(one): "one", inode_of(two): "two"}
            both = told_of(listener, SHOW_ICONS | SHOW_RQLEN)
            with listener.accept()[0]:
                second = told_of(listener, SHOW_ICONS | SHOW_RQLEN)

        found = [
            [[names.get(word, "?") for word in told.words(ICONS)], told.words(RQLEN)[0]]
            for told in (both, second)
        ]
        assert observe("waiting", found) == [[["one", "two"], 2], [["two"], 1]]


@claim(
    "sock_diag.7/UDIAG_SHOW_ICONS/listening-only",
    sentence="sock_diag.7/UDIAG_SHOW_ICONS/listening-only",
    section="UNIX domain sockets",
    says="UNIX_DIAG_ICONS is there for a UNIX stream or seqpacket socket that listens, empty where nobody "
    "has connected, and not for one that is bound, connected or neither.",
)
@CONNECTIONS
def test_only_what_listens_has_connections(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, listening_unix(kind) as listener, Socket.unix(kind) as bound, Socket.unix(kind) as idle:
        bound.bind("")
        found = [told_of(sock, SHOW_ICONS | SHOW_NAME) for sock in (listener, bound, left, idle)]

        sizes = [len(one.attributes[ICONS]) if ICONS in one.attributes else None for one in found]
        assert observe("names_and_sizes", [[len(one.name) for one in found], sizes]) == [
            [6, 6, 0, 0],
            [0, None, None, None],
        ]


@claim(
    "defacto/sock_diag/unix-many-icons",
    says="Asked for one UNIX stream or seqpacket socket that listens, sock_diag tells of 200 connections "
    "that wait, whose inode numbers take more than the 256 bytes that it first makes room for, and of "
    "2,200, which take more than two pages of 4,096 bytes, it tells nothing: EMSGSIZE.",
    since="3.3",
    commit="5d3cae8bc39d",
    needs=[sysctl(SOMAXCONN)],
)
@CONNECTIONS
def test_many_connections_are_told(ns, observe, kind):
    ns.sysctl[SOMAXCONN] = 4096
    with listening_unix(kind, backlog=4096) as listener:
        pending_connections(listener, 200)
        found = told_of(listener, SHOW_ICONS).words(ICONS)
        pending_connections(listener, 2000)
        with refused(errno.EMSGSIZE):
            told_of(listener, SHOW_ICONS)
        counted = told_of(listener, SHOW_RQLEN).words(RQLEN)[0]

        assert observe("told_and_counted", [len(found), counted]) == [200, 2200]


@claim(
    "defacto/sock_diag/unix-icon-closed",
    says="A UNIX stream or seqpacket socket that has connected and is closed before it is accepted has the "
    "inode number 0 in UNIX_DIAG_ICONS.",
    since="3.3",
    commit="2aac7a2cb0d9",
)
@CONNECTIONS
def test_who_has_gone_is_0(ns, observe, kind):
    with listening_unix(kind) as listener, pending_connection(listener) as client:
        before = [word - inode_of(client) for word in told_of(listener, SHOW_ICONS).words(ICONS)]
        client.close()

        found = [before, told_of(listener, SHOW_ICONS).words(ICONS)]
        assert observe("another_before_and_after", found) == [[0], [0]]


@claim(
    "sock_diag.7/UDIAG_SHOW_RQLEN/struct",
    sentence="sock_diag.7/UDIAG_SHOW_RQLEN/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_RQLEN of a UNIX stream, datagram or seqpacket socket is a struct of two numbers of 32 "
    "bits, first what waits to be received there and then what it has sent.",
)
@KINDS
def test_the_queues_are_a_structure(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        left.send(b"hello")
        sender, receiver = (told_of(sock, SHOW_RQLEN).words(RQLEN) for sock in (left, right))

        found = [[number > 0 for number in one] for one in (sender, receiver)]
        assert observe("sender_and_receiver", found) == [[False, True], [True, False]]


@claim(
    "sock_diag.7/udiag_rqueue/established",
    sentence="sock_diag.7/UDIAG_SHOW_RQLEN/udiag-rqueue-established",
    section="UNIX domain sockets",
    says="udiag_rqueue of a connected UNIX stream or seqpacket socket is the number of bytes that wait to "
    "be received, of all messages.",
    survives=ASKER_MAY_STAY,
)
@CONNECTIONS
def test_what_has_come_is_counted(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        counts = [told_of(right, SHOW_RQLEN).words(RQLEN)[0]]
        left.send(b"hello")
        left.send(b"you")
        counts += told_of(right, SHOW_RQLEN).words(RQLEN)[:1]
        right.recv(5)
        counts += told_of(right, SHOW_RQLEN).words(RQLEN)[:1]

        assert observe("new_sent_received", counts) == [0, 8, 3]


@claim(
    "sock_diag.7/udiag_rqueue/established-datagrams",
    sentence="sock_diag.7/UDIAG_SHOW_RQLEN/udiag-rqueue-established",
    section="UNIX domain sockets",
    says="udiag_rqueue of a connected UNIX datagram socket is the number of bytes that wait to be received, "
    "of all messages.",
    expect=differs(
        "it is that of the next message alone",
        since="3.3",
        commit="c9da99e6475f",
        observed={"new_sent_received": [0, 5, 3]},
    ),
    survives=ASKER_MAY_STAY,
)
def test_what_has_come_as_datagrams_is_counted(ns, observe):
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        counts = [told_of(right, SHOW_RQLEN).words(RQLEN)[0]]
        left.send(b"hello")
        left.send(b"you")
        counts += told_of(right, SHOW_RQLEN).words(RQLEN)[:1]
        right.recv(5)
        counts += told_of(right, SHOW_RQLEN).words(RQLEN)[:1]

        assert observe("new_sent_received", counts) == [0, 8, 3]


@claim(
    "sock_diag.7/udiag_wqueue/backlog",
    sentence="sock_diag.7/UDIAG_SHOW_RQLEN/udiag-wqueue-listening",
    section="UNIX domain sockets",
    says="udiag_wqueue of a UNIX stream or seqpacket socket that listens is the number that was last given "
    "to listen(2), up to net.core.somaxconn.",
    needs=[sysctl(SOMAXCONN)],
    survives=ASKER_MAY_STAY,
)
@CONNECTIONS
def test_the_backlog_is_told(ns, observe, kind):
    ns.sysctl[SOMAXCONN] = 7
    with listening_unix(kind, backlog=3) as listener:
        backlogs = [told_of(listener, SHOW_RQLEN).words(RQLEN)[1]]
        listener.listen(0)
        backlogs += told_of(listener, SHOW_RQLEN).words(RQLEN)[1:]
        listener.listen(7)
        backlogs += told_of(listener, SHOW_RQLEN).words(RQLEN)[1:]

        assert observe("backlogs", backlogs) == [3, 0, 7]


@claim(
    "sock_diag.7/udiag_wqueue/backlog-beyond",
    sentence="sock_diag.7/UDIAG_SHOW_RQLEN/udiag-wqueue-listening",
    section="UNIX domain sockets",
    says="udiag_wqueue of a UNIX stream or seqpacket socket that listens is the number that was given to "
    "listen(2), where that is net.core.somaxconn and one more.",
    needs=[sysctl(SOMAXCONN)],
    expect=differs(
        "it is net.core.somaxconn, to which listen(2) cuts the number",
        since="3.3",
        commit="c9da99e6475f",
        observed={"backlog": 7},
    ),
)
@CONNECTIONS
def test_the_backlog_beyond_the_limit_is_told(ns, observe, kind):
    ns.sysctl[SOMAXCONN] = 7
    with listening_unix(kind, backlog=8) as listener:
        assert observe("backlog", told_of(listener, SHOW_RQLEN).words(RQLEN)[1]) == 8


@claim(
    "sock_diag.7/udiag_wqueue/established",
    sentence="sock_diag.7/UDIAG_SHOW_RQLEN/udiag-wqueue-established",
    section="UNIX domain sockets",
    says="udiag_wqueue of a connected UNIX stream, datagram or seqpacket socket that has sent nothing is "
    "not 0: there is memory for sending.",
    expect=differs(
        "it is the memory of what was sent and is not received: at first 0",
        since="3.3",
        commit="c9da99e6475f",
        observed={"new": 0},
    ),
)
@KINDS
def test_the_memory_to_send_is_told(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        assert observe("new", told_of(left, SHOW_RQLEN).words(RQLEN)[1]) > 0


@claim(
    "defacto/sock_diag/unix-wqueue-is-siocoutq",
    says="udiag_wqueue of a connected UNIX stream, datagram or seqpacket socket is what SIOCOUTQ gives: "
    "more than was sent while it waits to be received, and 0 then.",
    since="3.3",
    commit="c9da99e6475f",
    survives=ASKER_MAY_STAY,
)
@KINDS
def test_the_memory_of_what_was_sent_is_told(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        left.send(b"hello")
        sent, by_ioctl = told_of(left, SHOW_RQLEN).words(RQLEN)[1], asked(left, REQUESTS["SIOCOUTQ"])
        right.recv(5)
        received = told_of(left, SHOW_RQLEN).words(RQLEN)[1]

        assert observe("more_other_received", [sent > 5, sent - by_ioctl, received]) == [True, 0, 0]


@claim(
    "sock_diag.7/UNIX_DIAG_SHUTDOWN/bits",
    sentence="sock_diag.7/UNIX_DIAG_SHUTDOWN/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_SHUTDOWN of a connected UNIX stream or seqpacket socket is a byte, 0 at first, with the "
    "bit 1 once it was shut down for receiving and 2 for sending; that of its peer has then the other bit.",
    survives=ASKER_MAY_STAY,
)
@CONNECTIONS
@pytest.mark.parametrize(
    ("how", "bits"),
    [(Shutdown.READ, [1, 2]), (Shutdown.WRITE, [2, 1]), (Shutdown.BOTH, [3, 3])],
    ids=["receiving", "sending", "both"],
)
def test_a_shutdown_is_told(ns, observe, *, kind, how, bits):
    left, right = Socket.pair(kind)
    with left, right:
        before = [told_of(left).shutdown, told_of(right).shutdown]
        left.shutdown(how)

        found = [before, [told_of(left).shutdown, told_of(right).shutdown]]
        assert observe("before_and_after", found) == [[0, 0], bits]


@claim(
    "sock_diag.7/UNIX_DIAG_SHUTDOWN/bits-datagrams",
    sentence="sock_diag.7/UNIX_DIAG_SHUTDOWN/payload",
    section="UNIX domain sockets",
    says="UNIX_DIAG_SHUTDOWN of a connected UNIX datagram socket has the bit 1 once it was shut down for "
    "receiving and 2 for sending; that of its peer stays 0.",
    survives=ASKER_MAY_STAY,
)
@pytest.mark.parametrize(
    ("how", "bits"),
    [(Shutdown.READ, 1), (Shutdown.WRITE, 2), (Shutdown.BOTH, 3)],
    ids=["receiving", "sending", "both"],
)
def test_a_shutdown_of_a_datagram_socket_is_told(ns, observe, how, bits):
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        before = told_of(left).shutdown
        left.shutdown(how)

        found = [before, told_of(left).shutdown, told_of(right).shutdown]
        assert observe("before_after_peer", found) == [0, bits, 0]


@claim(
    "defacto/sock_diag/unix-uid",
    says="In a list UDIAG_SHOW_UID is answered by UNIX_DIAG_UID (7), the user who made a UNIX stream, "
    "datagram or seqpacket socket, and once fchown(2) has given it to another that one.",
    since="5.3",
    commit="cae9910e7344",
    needs=[ANOTHER_USER],
)
@KINDS
def test_the_user_is_told(ns, observe, kind):
    def users() -> list[list[int]]:
        with Socket.unix(kind) as ours:
            os.seteuid(NOBODY_ELSE)
            with Socket.unix(kind) as theirs:
                os.seteuid(0)
                made_by = [user_of(sock) for sock in (ours, theirs)]
                os.fchown(ours.fileno(), GIVEN_TO, -1)
                return [*made_by, user_of(ours)]

    assert observe("users", in_child(users)) == [[0], [NOBODY_ELSE], [GIVEN_TO]]


def user_of(sock: Socket) -> list[int]:
    """UNIX_DIAG_UID of a socket, in a list."""
    (found,) = (one for one in listed(SHOW_UID) if one.inode == inode_of(sock))
    return found.words(UID)


@claim(
    "sock_diag.7/UNIX_DIAG_MEMINFO/array",
    sentence=(
        "sock_diag.7/UDIAG_SHOW_MEMINFO/payload",
        "sock_diag.7/memory/array",
        "sock_diag.7/VERSIONS/memory",
    ),
    section="Socket memory information",
    says="UNIX_DIAG_MEMINFO of a UNIX stream, datagram or seqpacket socket is an array of 32-bit numbers, "
    "of eight at least, in a list as in the answer about one.",
    since="3.6",
)
@KINDS
def test_the_memory_is_an_array(ns, observe, kind):
    with Socket.unix(kind) as sock:
        one, (of_list,) = told_of(sock, SHOW_MEMINFO), listed(SHOW_MEMINFO)
        sizes = [len(told.attributes[MEMINFO]) for told in (one, of_list)]

        assert observe("rest_and_eight", [[size % 4, size >= 32] for size in sizes]) == [[0, True]] * 2


@claim(
    "sock_diag.7/SK_MEMINFO_RCVBUF/unix",
    sentence=("sock_diag.7/memory/sk-meminfo-rcvbuf", "sock_diag.7/memory/sk-meminfo-sndbuf"),
    section="Socket memory information",
    says="SK_MEMINFO_RCVBUF and SK_MEMINFO_SNDBUF of a UNIX stream, datagram or seqpacket socket are what "
    "SO_RCVBUF and SO_SNDBUF read, before and after they are set.",
    survives=ASKER_MAY_STAY,
)
@KINDS
def test_the_buffers_are_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        before = [memory_of(sock)[RCVBUF] - sock.rcvbuf, memory_of(sock)[SNDBUF] - sock.sndbuf]
        sock.rcvbuf, sock.sndbuf = 9_000, 11_000
        after = [memory_of(sock)[RCVBUF], memory_of(sock)[SNDBUF]]

        assert observe("others_and_set", [before, after]) == [[0, 0], [18_000, 22_000]]


@claim(
    "sock_diag.7/SK_MEMINFO_WMEM_ALLOC/unix",
    sentence="sock_diag.7/memory/sk-meminfo-wmem-alloc",
    section="Socket memory information",
    says="SK_MEMINFO_WMEM_ALLOC of a UNIX stream, datagram or seqpacket socket is 0 at first, at least as "
    "much as was sent while that waits to be received, and 0 again when it was.",
    survives=ASKER_MAY_STAY,
)
@KINDS
def test_the_memory_of_the_send_queue_is_told(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        new = memory_of(left)[WMEM_ALLOC]
        left.send(b"hello")
        sent = memory_of(left)[WMEM_ALLOC]
        right.recv(5)

        found = [new, sent >= 5, memory_of(left)[WMEM_ALLOC]]
        assert observe("new_sent_received", found) == [0, True, 0]


@claim(
    "sock_diag.7/SK_MEMINFO_RMEM_ALLOC/unix",
    sentence="sock_diag.7/memory/sk-meminfo-rmem-alloc",
    section="Socket memory information",
    says="SK_MEMINFO_RMEM_ALLOC of a UNIX stream, datagram or seqpacket socket is not 0 while data waits to "
    "be received.",
    expect=differs(
        "it is 0: what waits is counted as memory of the sender",
        since="3.6",
        commit="1da177e4c3f4",
        observed={"waiting": [5, 0]},
    ),
)
@KINDS
def test_the_memory_of_the_receive_queue_is_told(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        left.send(b"hello")
        waiting = observe(
            "waiting", [told_of(right, SHOW_RQLEN).words(RQLEN)[0], memory_of(right)[RMEM_ALLOC]]
        )

        assert waiting[1] > 0


@claim(
    "sock_diag.7/SK_MEMINFO_FWD_ALLOC/unix",
    sentence=("sock_diag.7/memory/sk-meminfo-fwd-alloc", "sock_diag.7/memory/sk-meminfo-wmem-queued"),
    section="Socket memory information",
    says="SK_MEMINFO_FWD_ALLOC and SK_MEMINFO_WMEM_QUEUED, which are TCP's, are 0 for a UNIX stream, "
    "datagram or seqpacket socket that has sent what waits to be received, and for its peer.",
)
@KINDS
def test_what_is_of_tcp_is_0(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        left.send(b"hello")
        numbers = [[memory_of(sock)[at] for at in (FWD_ALLOC, WMEM_QUEUED)] for sock in (left, right)]

        found = [memory_of(left)[WMEM_ALLOC] > 0, numbers]
        assert observe("sent_and_numbers", found) == [True, [[0, 0], [0, 0]]]


@claim(
    "sock_diag.7/SK_MEMINFO_OPTMEM/unix",
    sentence="sock_diag.7/memory/sk-meminfo-optmem",
    section="Socket memory information",
    says="SK_MEMINFO_OPTMEM of a UNIX stream, datagram or seqpacket socket is 0 at first, more with a "
    "filter, and 0 again when the filter is detached.",
    survives=ASKER_MAY_STAY,
)
@KINDS
def test_the_memory_of_a_filter_is_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        new = memory_of(sock)[OPTMEM]
        sock.attach_filter = Filter.accept_all()
        filtered = memory_of(sock)[OPTMEM]
        sock.detach_filter = 0

        assert observe("new_filtered_detached", [new, filtered > 0, memory_of(sock)[OPTMEM]]) == [0, True, 0]
