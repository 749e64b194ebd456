"""What sock_diag is asked about UNIX sockets, one or a filtered list, and the fixed part of its answer."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.netlink import (
    DUMP,
    MULTI,
    NETLINK_SOCK_DIAG,
    NLMSG_DONE,
    REQUEST,
    asked,
    dumped,
    framed,
    netlink_socket,
    types,
)
from conformance.plugin.setups.proc_net import unix_rows
from conformance.plugin.setups.unix_diag import (
    ANY_COOKIE,
    CLOSE,
    ESTABLISHED,
    LISTEN,
    SHOW_MEMINFO,
    SHOW_NAME,
    SOCK_DIAG_BY_FAMILY,
    answers,
    exact,
    inode_of,
    listed,
    request,
    told,
    told_of,
    unix_sockets,
    which,
)
from libsocket import UNSPEC, Socket
from netns import Capability, Namespace, in_child, without

KINDS = pytest.mark.parametrize(
    "kind",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "dgram", "seqpacket"],
)
CONNECTIONS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)
NOBODY_ELSE = 61_008
"""A user that nothing here has."""


class Scene(NamedTuple):
    """A socket in each of the states that a UNIX socket can have, two in that of a connection."""

    listener: Socket
    left: Socket
    right: Socket
    idle: Socket


EACH = [LISTEN, ESTABLISHED, ESTABLISHED, CLOSE]
"""The states of a scene's sockets."""


@contextmanager
def each_state(kind: int = socket.SOCK_STREAM) -> Iterator[Scene]:
    """One that listens, a connected pair, and one that is neither."""
    left, right = Socket.pair(kind)
    with listening_unix(kind) as listener, left, right, Socket.unix(kind) as idle:
        yield Scene(listener, left, right, idle)


@claim(
    "sock_diag.7/NETLINK_SOCK_DIAG/socket",
    sentence=("sock_diag.7/SYNOPSIS/socket", "sock_diag.7/DESCRIPTION/families", "sock_diag.7/NAME/what"),
    section="SYNOPSIS",
    says="A netlink socket of the type SOCK_RAW or SOCK_DGRAM and the protocol NETLINK_SOCK_DIAG is told of "
    "a UNIX stream socket.",
)
@pytest.mark.parametrize("type_", [socket.SOCK_RAW, socket.SOCK_DGRAM], ids=["raw", "dgram"])
def test_a_netlink_socket_asks(ns, observe, type_):
    with Socket.unix() as sock, netlink_socket(NETLINK_SOCK_DIAG, type=type_) as diag:
        (answer,) = asked(diag, request(inode=inode_of(sock)))

        assert observe("another_inode", told(answer).inode - inode_of(sock)) == 0


@claim(
    "sock_diag.7/request/type",
    sentence=("sock_diag.7/request/type", "sock_diag.7/response/header"),
    section="Request",
    says="A request has the type SOCK_DIAG_BY_FAMILY (20) in its struct nlmsghdr, and so has the answer "
    "about a UNIX socket; a request of the type 22 is refused.",
)
def test_a_request_has_a_type(ns, observe):
    with Socket.unix() as sock:
        body = request(inode=inode_of(sock))[16:]
        (answer,) = answers(framed(SOCK_DIAG_BY_FAMILY, REQUEST, body))
        with refused():
            answers(framed(SOCK_DIAG_BY_FAMILY + 2, REQUEST, body))

        assert observe("type_and_inode", [answer.type, told(answer).inode - inode_of(sock)]) == [20, 0]


@claim(
    "defacto/sock_diag/unknown-type",
    says="A request to sock_diag of a type that it does not know, 22, is refused with EINVAL.",
    since="3.3",
    commit="5d3cae8bc39d",
)
def test_an_unknown_type_is_refused(ns, observe):
    with Socket.unix() as sock:
        body = request(inode=inode_of(sock))[16:]
        with refused(errno.EINVAL):
            answers(framed(SOCK_DIAG_BY_FAMILY + 2, REQUEST, body))

        assert observe("answers", len(answers(framed(SOCK_DIAG_BY_FAMILY, REQUEST, body)))) == 1


@claim(
    "sock_diag.7/request/dump",
    sentence=("sock_diag.7/request/dump", "sock_diag.7/DESCRIPTION/one-or-list"),
    section="Request",
    says="With NLM_F_DUMP all UNIX stream, datagram or seqpacket sockets of the network namespace are told "
    "of, without it the one whose inode number is asked for.",
)
@KINDS
def test_a_flag_asks_for_a_list(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Socket.unix(kind) as third:
        every = which(listed(), left=left, right=right, third=third)
        one = which([told_of(left)], left=left, right=right, third=third)

        assert observe("list_and_one", [every, one]) == [["left", "right", "third"], ["left"]]


@claim(
    "defacto/sock_diag/unix-multi",
    says="Each message of a list of UNIX sockets has NLM_F_MULTI, and an NLMSG_DONE ends it; the answer "
    "about one socket has no flag, and no other message follows it.",
    since="3.3",
    commit="45a96b9be6ec",
)
def test_a_list_is_of_many_messages(ns, observe):
    left, right = Socket.pair()
    with left, right, netlink_socket(NETLINK_SOCK_DIAG) as diag:
        many = dumped(diag, request(REQUEST | DUMP))
        one = asked(diag, request(inode=inode_of(left)))
        with refused(errno.EAGAIN):
            diag.recv(1, socket.MSG_DONTWAIT)

        assert observe("types_and_flags", [types(many), [row.flags for row in many[:-1] + one]]) == [
            [SOCK_DIAG_BY_FAMILY, SOCK_DIAG_BY_FAMILY, NLMSG_DONE],
            [MULTI, MULTI, 0],
        ]


@claim(
    "sock_diag.7/DESCRIPTION/named-only",
    sentence="sock_diag.7/DESCRIPTION/named-only",
    section="DESCRIPTION",
    says="Of two UNIX stream, datagram or seqpacket sockets, one of which is bound to a name, a list has "
    "that one alone.",
    expect=differs(
        "sockets without a name are told of, too",
        since="3.3",
        commit="45a96b9be6ec",
        observed={"told_of": ["bound", "unnamed"]},
    ),
)
@KINDS
def test_sockets_with_a_name_are_told_of(ns, observe, kind):
    with Socket.unix(kind) as bound, Socket.unix(kind) as unnamed:
        bound.bind("\0name")
        name = told_of(bound, SHOW_NAME).name

        told = observe("told_of", which(listed(), bound=bound, unnamed=unnamed))
        assert [observe("name", name), told] == ["\0name", ["bound"]]


@claim(
    "sock_diag.7/DESCRIPTION/same-as-proc",
    sentence="sock_diag.7/DESCRIPTION/same-as-proc",
    section="DESCRIPTION",
    says="A list has the UNIX stream, datagram or seqpacket sockets that /proc/net/unix has, by their inode "
    "numbers: bound ones, connected ones and others.",
)
@KINDS
def test_the_list_is_that_of_proc(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Socket.unix(kind) as bound, Socket.unix(kind) as unnamed:
        bound.bind("\0name")
        named = {"left": left, "right": right, "bound": bound, "unnamed": unnamed}
        names = {inode_of(sock): name for name, sock in named.items()}
        by_proc = sorted(names.get(row.inode, "?") + row.path for row in unix_rows())

        found = [by_proc, which(listed(), **named)]
        assert observe("by_proc_and_diag", found) == [
            ["bound@name", "left", "right", "unnamed"],
            ["bound", "left", "right", "unnamed"],
        ]


@claim(
    "sock_diag.7/DESCRIPTION/same-as-proc-pending",
    sentence="sock_diag.7/DESCRIPTION/same-as-proc",
    section="DESCRIPTION",
    says="A list has as many UNIX stream or seqpacket sockets as /proc/net/unix while a connection waits to "
    "be accepted.",
    expect=differs(
        "the connection's own end has a line in /proc/net/unix, without an inode number, and is in no list",
        since="3.3",
        commit="45a96b9be6ec",
        observed={"by_proc_and_diag": [3, 2]},
    ),
)
@CONNECTIONS
def test_the_list_is_that_of_proc_while_a_connection_waits(ns, observe, kind):
    with listening_unix(kind) as listener, pending_connection(listener):
        counts = observe("by_proc_and_diag", [len(unix_rows()), len(listed())])

        assert counts[0] == counts[1]


@claim(
    "sock_diag.7/unix_diag_req/udiag-states",
    sentence=(
        "sock_diag.7/unix_diag_req/udiag-states",
        "sock_diag.7/unix_diag_req/udiag-states-only",
        "sock_diag.7/unix_diag_req/udiag-states-values",
        "sock_diag.7/DESCRIPTION/filters",
    ),
    section="UNIX domain sockets",
    says="A list of UNIX stream or seqpacket sockets has only those whose state is in udiag_states: with 1 "
    "<< TCP_ESTABLISHED those that are connected, with 1 << TCP_LISTEN those that listen, with both bits "
    "both, with none nothing.",
)
@CONNECTIONS
@pytest.mark.parametrize(
    ("states", "names"),
    [
        (1 << ESTABLISHED, ["left", "right"]),
        (1 << LISTEN, ["listener"]),
        (1 << ESTABLISHED | 1 << LISTEN, ["left", "listener", "right"]),
        (0, []),
    ],
    ids=["established", "listen", "both", "none"],
)
def test_a_mask_of_states_filters(ns, observe, *, kind, states, names):
    with each_state(kind) as scene:
        every = [told_of(sock).state for sock in scene]

        found = [every, which(listed(states=states), **scene._asdict())]
        assert observe("states_and_told_of", found) == [EACH, names]


@claim(
    "defacto/sock_diag/unix-close",
    says="With 1 << TCP_CLOSE in udiag_states alone a list has the UNIX stream or seqpacket sockets that "
    "neither listen nor are connected.",
    since="3.3",
    commit="45a96b9be6ec",
)
@CONNECTIONS
def test_sockets_that_do_nothing_are_closed(ns, observe, kind):
    with each_state(kind) as scene:
        assert observe("told_of", which(listed(states=1 << CLOSE), **scene._asdict())) == ["idle"]


@claim(
    "sock_diag.7/unix_diag_req/udiag-states-ignored",
    sentence="sock_diag.7/unix_diag_req/udiag-states-ignored",
    section="UNIX domain sockets",
    says="udiag_states is ignored where one UNIX stream or seqpacket socket is asked for: of one that is "
    "connected, listens or does neither it is told with no state in the mask, with which a list has none.",
)
@CONNECTIONS
def test_states_do_not_matter_for_one(ns, observe, kind):
    with each_state(kind) as scene:
        found = [told_of(sock, states=0).state for sock in scene]

        assert observe("states_and_list", [found, len(listed(states=0))]) == [EACH, 0]


@claim(
    "sock_diag.7/unix_diag_req/udiag-ino",
    sentence="sock_diag.7/unix_diag_req/udiag-ino",
    section="UNIX domain sockets",
    says="A UNIX stream, datagram or seqpacket socket is told of by the inode number in udiag_ino, and no "
    "longer once it is closed.",
)
@KINDS
def test_an_inode_number_asks_for_one(ns, observe, kind):
    with Socket.unix(kind) as sock, Socket.unix(kind) as other:
        inode = inode_of(sock)
        found = [told_of(sock), told_of(other)]
        sock.close()
        with refused():
            exact(inode)

        assert observe("other_inodes", [found[0].inode - inode, found[1].inode - inode_of(other)]) == [0, 0]


@claim(
    "defacto/sock_diag/unix-no-such-inode",
    says="Asked for the inode number of a UNIX socket that is closed, sock_diag answers ENOENT, for 0 "
    "EINVAL.",
    since="3.3",
    commit="5d3cae8bc39d",
)
def test_an_inode_number_of_nothing_is_refused(ns, observe):
    with Socket.unix() as sock:
        inode = inode_of(sock)
        before = exact(inode).inode - inode
    with refused(errno.ENOENT, "errno_closed"):
        exact(inode)
    with refused(errno.EINVAL, "errno_zero"):
        exact(0)

    assert observe("another_inode_before", before) == 0


@claim(
    "sock_diag.7/unix_diag_req/udiag-ino-ignored",
    sentence=(
        "sock_diag.7/unix_diag_req/udiag-ino-ignored",
        "sock_diag.7/unix_diag_req/udiag-cookie-ignored",
        "sock_diag.7/DESCRIPTION/states-only",
    ),
    section="UNIX domain sockets",
    says="A list of UNIX sockets is filtered by nothing but their state: the inode number of one of them, "
    "or a cookie that none of them has, changes nothing.",
)
def test_a_list_knows_no_inode_number(ns, observe):
    with Socket.unix() as one, Socket.unix() as two:
        (inode, cookie) = (inode_of(one), told_of(one).cookie)
        wrong = (cookie[0], cookie[1] + 1)
        found = [listed(), listed(inode=inode), listed(inode=inode, cookie=wrong)]
        with refused():
            exact(inode, cookie=wrong)

        assert observe("told_of", [which(every, one=one, two=two) for every in found]) == [["one", "two"]] * 3


@claim(
    "sock_diag.7/unix_diag_req/udiag-cookie",
    sentence=(
        "sock_diag.7/unix_diag_req/udiag-cookie",
        "sock_diag.7/unix_diag_req/udiag-cookie-ignored",
        "sock_diag.7/unix_diag_msg/udiag-cookie",
    ),
    section="UNIX domain sockets",
    says="Asked for by its inode number and the cookie of an earlier answer, a UNIX stream, datagram or "
    "seqpacket socket is told of, and with the cookie of another it is refused; with -1 in both parts the "
    "cookie is ignored, with -1 in one of them it is not.",
)
@KINDS
def test_a_cookie_names_one_socket(ns, observe, kind):
    with Socket.unix(kind) as sock, Socket.unix(kind) as other:
        own, others = told_of(sock).cookie, told_of(other).cookie
        found = [told_of(sock, cookie=own), told_of(sock, cookie=ANY_COOKIE)]
        with refused(name="errno_of_another"):
            told_of(sock, cookie=others)
        with refused(name="errno_one_part"):
            told_of(sock, cookie=(own[0], ANY_COOKIE[1]))
        with refused(name="errno_other_part"):
            told_of(sock, cookie=(ANY_COOKIE[0], own[1]))

        same = [one.inode - inode_of(sock) for one in found] + [one.cookie == own for one in found]
        assert observe("other_inodes_and_same_cookie", same) == [0, 0, True, True]


@claim(
    "defacto/sock_diag/unix-stale-cookie",
    says="A UNIX socket that is asked for with another's cookie is refused with ESTALE.",
    since="3.3",
    commit="5d3cae8bc39d",
)
def test_another_cookie_is_stale(ns, observe):
    with Socket.unix() as sock, Socket.unix() as other:
        own, others = told_of(sock).cookie, told_of(other).cookie
        with refused(errno.ESTALE):
            told_of(sock, cookie=others)

        assert observe("another_inode", told_of(sock, cookie=own).inode - inode_of(sock)) == 0


@claim(
    "defacto/sock_diag/unix-cookie-is-so-cookie",
    says="The two parts of udiag_cookie are the lower and the upper 32 bits of SO_COOKIE, of a UNIX stream, "
    "datagram or seqpacket socket.",
    since="4.12",
    commit="5daab9db7b65",
)
@KINDS
def test_the_cookie_is_an_option(ns, observe, kind):
    with Socket.unix(kind) as sock:
        low, high = told_of(sock).cookie

        assert observe("another_cookie", (high << 32 | low) - sock.cookie) == 0


@claim(
    "sock_diag.7/unix_diag_req/struct",
    sentence=(
        "sock_diag.7/unix_diag_req/struct",
        "sock_diag.7/request/header",
        "sock_diag.7/unix_diag_req/sdiag-family",
        "sock_diag.7/request/sdiag-family",
    ),
    section="UNIX domain sockets",
    says="A request about UNIX sockets is a struct unix_diag_req of 24 bytes that begins with AF_UNIX: with "
    "23 bytes it is refused, for one socket and for a list.",
)
@pytest.mark.parametrize("flags", [REQUEST, REQUEST | DUMP], ids=["one", "list"])
def test_a_request_has_a_size(ns, observe, flags):
    with Socket.unix() as sock:
        (answer, *_) = answers(request(flags, inode=inode_of(sock), length=24))
        with refused():
            answers(request(flags, inode=inode_of(sock), length=23))

        assert observe("another_inode", told(answer).inode - inode_of(sock)) == 0


@claim(
    "defacto/sock_diag/unix-short-request",
    says="A request about UNIX sockets of fewer than 24 bytes is refused with EINVAL, whether it has 23 "
    "bytes, the two that all families share, or one.",
    since="3.3",
    commit="5d3cae8bc39d",
)
@pytest.mark.parametrize("length", [1, 2, 23])
@pytest.mark.parametrize("flags", [REQUEST, REQUEST | DUMP], ids=["one", "list"])
def test_a_short_request_is_refused(ns, observe, flags, length):
    with Socket.unix() as sock:
        with refused(errno.EINVAL):
            answers(request(flags, inode=inode_of(sock), length=length))

        (answer, *_) = answers(request(flags, inode=inode_of(sock)))
        assert observe("another_inode", told(answer).inode - inode_of(sock)) == 0


@claim(
    "defacto/sock_diag/unknown-family",
    says="A request to sock_diag about an address family that Linux does not have, 255, is refused with "
    "EINVAL, about AF_UNSPEC with ENOENT.",
    since="3.9",
    commit="6e601a53566d",
)
@pytest.mark.parametrize(("family", "number"), [(255, errno.EINVAL), (0, errno.ENOENT)])
def test_an_unknown_family_is_refused(ns, observe, family, number):
    with Socket.unix() as sock:
        with refused(number):
            answers(request(inode=inode_of(sock), family=family))

        assert observe("answers", len(answers(request(inode=inode_of(sock))))) == 1


@claim(
    "defacto/sock_diag/unix-zeros-not-asked",
    says="sdiag_protocol and pad of a request about UNIX sockets are ignored: with any number there a "
    "socket is told of.",
    since="3.3",
    commit="5d3cae8bc39d",
)
@pytest.mark.parametrize("flags", [REQUEST, REQUEST | DUMP], ids=["one", "list"])
def test_zeros_are_not_asked_for(ns, observe, flags):
    with Socket.unix() as sock:
        (answer, *_) = answers(request(flags, inode=inode_of(sock), protocol=17, pad=0xFFFF))

        assert observe("another_inode", told(answer).inode - inode_of(sock)) == 0


@claim(
    "sock_diag.7/unix_diag_msg/struct",
    sentence=(
        "sock_diag.7/unix_diag_msg/struct",
        "sock_diag.7/unix_diag_msg/udiag-family",
        "sock_diag.7/unix_diag_msg/pad",
        "sock_diag.7/unix_diag_msg/udiag-ino",
    ),
    section="UNIX domain sockets",
    says="The answer about a UNIX stream, datagram or seqpacket socket, alone and in a list, begins with a "
    "struct unix_diag_msg of 16 bytes: AF_UNIX, its type, its state, a zero, its inode number and its "
    "cookie.",
)
@KINDS
def test_an_answer_begins_with_a_structure(ns, observe, kind):
    with Socket.unix(kind) as sock:
        alone = told_of(sock)
        (of_list,) = listed()
        found = [[one.family, one.pad, one.inode - inode_of(sock)] for one in (alone, of_list)]

        assert observe("family_pad_and_other_inode", found) == [[int(socket.AF_UNIX), 0, 0]] * 2


@claim(
    "sock_diag.7/unix_diag_msg/udiag-type",
    sentence="sock_diag.7/unix_diag_msg/udiag-type",
    section="UNIX domain sockets",
    says="udiag_type of a UNIX stream socket is SOCK_STREAM, of a seqpacket socket SOCK_SEQPACKET.",
)
@CONNECTIONS
def test_the_type_is_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        assert observe("type", told_of(sock).type) == kind


@claim(
    "sock_diag.7/unix_diag_msg/udiag-type-datagram",
    sentence="sock_diag.7/unix_diag_msg/udiag-type",
    section="UNIX domain sockets",
    says="udiag_type of a UNIX datagram socket is SOCK_PACKET (10).",
    expect=differs(
        "it is SOCK_DGRAM (2): no UNIX socket is of SOCK_PACKET",
        since="3.3",
        commit="5d3cae8bc39d",
        observed={"type": 2},
    ),
)
def test_the_type_of_a_datagram_socket_is_told(ns, observe):
    with Socket.unix(socket.SOCK_DGRAM) as sock:
        assert observe("type", told_of(sock).type) == 10


@claim(
    "sock_diag.7/unix_diag_msg/udiag-state",
    sentence="sock_diag.7/unix_diag_msg/udiag-state",
    section="UNIX domain sockets",
    says="udiag_state of a UNIX stream or seqpacket socket that listens is TCP_LISTEN, of one that is "
    "connected TCP_ESTABLISHED.",
)
@CONNECTIONS
def test_the_state_is_told(ns, observe, kind):
    with each_state(kind) as scene:
        states = [told_of(sock).state for sock in (scene.listener, scene.left, scene.right)]

        assert observe("states", states) == [LISTEN, ESTABLISHED, ESTABLISHED]


@claim(
    "sock_diag.7/unix_diag_msg/udiag-state-idle",
    sentence="sock_diag.7/unix_diag_msg/udiag-state",
    section="UNIX domain sockets",
    says="udiag_state of a UNIX stream, datagram or seqpacket socket that neither listens nor is connected "
    "is TCP_LISTEN or TCP_ESTABLISHED.",
    expect=differs("it is TCP_CLOSE (7)", since="3.3", commit="5d3cae8bc39d", observed={"state": 7}),
)
@KINDS
def test_the_state_of_an_idle_socket_is_told(ns, observe, kind):
    with Socket.unix(kind) as sock:
        assert observe("state", told_of(sock).state) in {LISTEN, ESTABLISHED}


@claim(
    "defacto/sock_diag/unix-datagram-state",
    says="udiag_state of a UNIX datagram socket is TCP_CLOSE at first, and TCP_ESTABLISHED once it is "
    "connected or another is connected to it.",
    since="5.15",
    commit="83301b5367a9",
)
def test_the_state_of_a_datagram_socket_is_told(ns, observe):
    with Socket.unix(socket.SOCK_DGRAM) as sock, Socket.unix(socket.SOCK_DGRAM) as peer:
        peer.bind("")
        before = [told_of(sock).state, told_of(peer).state]
        sock.connect(peer.getsockname())

        assert observe("states", [before, [told_of(sock).state, told_of(peer).state]]) == [
            [CLOSE, CLOSE],
            [ESTABLISHED, ESTABLISHED],
        ]


@claim(
    "defacto/sock_diag/unix-datagram-state-left",
    says="A UNIX datagram socket that another was connected to has the udiag_state TCP_ESTABLISHED still "
    "when that is closed, and TCP_CLOSE when that is connected to AF_UNSPEC, though a third is connected "
    "to it.",
    since="5.15",
    commit="83301b5367a9",
    survives={"no-op: close() = 0": "that it changes nothing is what it says"},
)
def test_the_state_of_a_socket_that_is_left_is_told(ns, observe):
    with datagram_sockets(4) as (peer, closed, left, third):
        peer.bind("")
        closed.connect(peer.getsockname())
        closed.close()
        states = [told_of(peer).state]
        left.connect(peer.getsockname())
        third.connect(peer.getsockname())
        left.connect(UNSPEC)
        states += [told_of(sock).state for sock in (peer, left, third)]

        third.send(b"hello")
        found = [states, peer.recv(9, socket.MSG_DONTWAIT).decode()]
        assert observe("states_and_received", found) == [[ESTABLISHED, CLOSE, CLOSE, ESTABLISHED], "hello"]


@contextmanager
def datagram_sockets(count: int) -> Iterator[list[Socket]]:
    """So many UNIX datagram sockets."""
    with ExitStack() as stack:
        yield [stack.enter_context(Socket.unix(socket.SOCK_DGRAM)) for _ in range(count)]


@claim(
    "defacto/sock_diag/unix-without-privilege",
    says="UNIX sockets are told of without any capability, one and a list, those of another user too.",
    since="3.3",
    commit="45a96b9be6ec",
    needs=[ANOTHER_USER],
)
def test_no_privilege_is_asked_for(ns, observe):
    def named() -> list[list[str]]:
        with Socket.unix() as ours:
            os.seteuid(NOBODY_ELSE)
            with Socket.unix() as own, without(*Capability):
                every = listed()
                return [which([told_of(ours)], ours=ours), which(every, ours=ours, own=own)]

    assert observe("one_and_list", in_child(named)) == [["ours"], ["ours", "own"]]


@claim(
    "defacto/sock_diag/unix-other-namespace",
    says="A UNIX socket of another network namespace is in no list, and asked for by its inode number it is "
    "refused with ENOENT.",
    since="6.0",
    commit="cf2f225e2653",
)
def test_another_namespace_is_not_told_of(ns, observe):
    with Namespace() as other, ns.entered(), Socket.unix() as sock:
        with other.entered(), Socket.unix() as theirs:
            there = which(listed(), sock=sock, theirs=theirs)
            with refused(errno.ENOENT):
                told_of(sock)

        assert observe("there_and_here", [there, which(listed(), sock=sock)]) == [["theirs"], ["sock"]]


@claim(
    "defacto/sock_diag/unix-long-list",
    says="A list of 500 UNIX sockets with UDIAG_SHOW_MEMINFO, which takes several messages, has each of them "
    "once.",
    since="3.3",
    commit="45a96b9be6ec",
)
def test_a_long_list_has_each_once(ns, observe):
    with unix_sockets(500) as sockets:
        rows = listed(SHOW_MEMINFO)  # long ones, so that messages end within a bucket too
        inodes = sorted(one.inode for one in rows)

        assert observe("others_and_count", [inodes == sorted(map(inode_of, sockets)), len(inodes)]) == [
            True,
            500,
        ]
