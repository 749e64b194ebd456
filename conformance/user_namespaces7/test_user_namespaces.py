"""User namespaces: whose capabilities count for a network namespace, and what users are called there."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, USER_NAMESPACE, initially, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.capabilities import has_every_capability, make_raw, outcomes
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.descriptors import in_flight, own_user
from conformance.plugin.setups.namespaces import (
    leave_network,
    leave_network_and_users,
    made_by_another,
    owner_of_network,
    user_namespace,
    users_of,
)
from conformance.plugin.setups.netlink import ACK, REQUEST, drained, netlink_socket, parsed, set_mtu
from conformance.plugin.setups.unix_names import ENDS_WITH_ITS_PROCESS, umask
from conformance.plugin.timing import SOON
from libsocket import Socket, Ucred
from netns import Capability, as_user, effective, in_child, in_user_namespace, in_user_namespace_alone, only

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
OWNER, OTHER = 61051, 61052
"""Users that nothing here has."""


@pytest.fixture
def _folder(tmp_path, monkeypatch):
    """A directory of the test's own, in which relative pathnames are, where others find what is there."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)


def set_mark(sock: Socket) -> int:
    """Set the mark of a socket, which takes CAP_NET_ADMIN or CAP_NET_RAW; what it is then."""
    sock.mark = 7
    return sock.mark


def mark_new() -> int:
    """Set the mark of a new UDP socket; what it is then."""
    with Socket.udp() as sock:
        return set_mark(sock)


def bind_to_service() -> int:
    """Bind a TCP socket to a port that takes CAP_NET_BIND_SERVICE; the port that it has then."""
    with Socket.tcp() as sock:
        sock.bind(("127.0.0.1", 1023))
        port: int = sock.getsockname()[1]
        return port


def change_interface() -> int:
    """Change the MTU of loopback, which takes CAP_NET_ADMIN; what NETLINK_ROUTE answers, 0 or an error."""
    with netlink_socket() as sock:
        sock.send(set_mtu(1400, REQUEST | ACK))
        (answer,) = drained(sock)
        return parsed(answer).error


def all_and_outcome(act: Callable[[], object]) -> list[object]:
    """Whether this process has all capabilities, and what comes of an act."""
    return [has_every_capability(), *outcomes(act)]


OPERATIONS = pytest.mark.parametrize(
    ("act", "refusal", "success"),
    [
        (make_raw, "EPERM", "done"),
        (mark_new, "EPERM", 7),
        (bind_to_service, "EACCES", 1023),
        (change_interface, -errno.EPERM, 0),
    ],
    ids=["raw-socket", "mark", "port", "interface"],
)


@claim(
    "user_namespaces.7/DESCRIPTION/inside-and-outside",
    sentence=(
        "user_namespaces.7/DESCRIPTION/isolated",
        "user_namespaces.7/DESCRIPTION/inside-and-outside",
        "user_namespaces.7/Capabilities/complete",
        "user_namespaces.7/Interaction/unprivileged",
        "user_namespaces.7/Interaction/owned",
        "capabilities.7/CAP_SYS_ADMIN/new-user-namespaces",
    ),
    section="DESCRIPTION",
    says="A user without any capability makes a user namespace, and has all capabilities and the user id 0 "
    "in it: in a network namespace that it makes there it makes a raw socket over IPv4, sets the mark of a "
    "UDP socket, binds a TCP socket to port 1023 and changes an interface, each of which it is refused in "
    "the one that it comes from.",
    needs=[ANOTHER_USER, USER_NAMESPACE],
)
@OPERATIONS
def test_who_is_root_inside_is_nobody_outside(ns, observe, act, refusal, success):
    before = as_user(OWNER, lambda: outcomes(act))
    outside = as_user(OWNER, lambda: in_user_namespace_alone(partial(all_and_outcome, act)))
    inside = as_user(OWNER, lambda: in_user_namespace(lambda: [os.getuid(), *outcomes(act)]))

    assert observe("before_outside_inside", [before, outside, inside]) == [
        [refusal],
        [True, refusal],
        [0, success],
    ]


@claim(
    "user_namespaces.7/Capabilities/none-in-the-parent",
    sentence=(
        "user_namespaces.7/Capabilities/none-in-the-parent",
        "user_namespaces.7/Interaction/capabilities-in-the-owner",
        "user_namespaces.7/Interaction/recorded",
        "user_namespaces.7/Interaction/checked",
    ),
    section="Capabilities",
    says="Root who makes a user namespace by unshare(2) may no more, in the network namespace where it was "
    "and is, what it could: make a raw socket over IPv4, set the mark of a UDP socket, bind a TCP socket to "
    "port 1023, change an interface.",
    needs=[USER_NAMESPACE, Capability.NET_ADMIN, Capability.NET_RAW, Capability.NET_BIND_SERVICE],
)
@OPERATIONS
def test_root_has_none_in_the_parent(ns, observe, act, refusal, success):
    before = in_child(lambda: outcomes(act))
    after = in_user_namespace_alone(partial(all_and_outcome, act))

    assert observe("before_and_after", [before, after]) == [[success], [True, refusal]]


@claim(
    "user_namespaces.7/nesting/joined",
    sentence=(
        "user_namespaces.7/nesting/joined",
        "user_namespaces.7/Capabilities/complete",
        "user_namespaces.7/Capabilities/none-in-the-parent",
        "user_namespaces.7/Capabilities/member",
    ),
    section="Nested namespaces, namespace membership",
    says="A process with CAP_SYS_ADMIN alone joins a user namespace by setns(2), and has all capabilities "
    "in it and none where it was: it makes no raw socket over IPv4 in its network namespace, and does in "
    "one that the user namespace owns.",
    needs=[USER_NAMESPACE, Capability.SYS_ADMIN],
)
def test_who_joins_has_all_capabilities(ns, observe):
    with user_namespace() as other, only(Capability.SYS_ADMIN):
        before, *after = in_child(
            lambda: [
                outcomes(make_raw),
                outcomes(other.join_user),
                has_every_capability(),
                outcomes(make_raw, other.join_network, make_raw),
            ]
        )

    assert observe("before_and_after", [before, *after]) == [
        ["EPERM"],
        ["done"],
        True,
        ["EPERM", "done", "done"],
    ]


@claim(
    "user_namespaces.7/nesting/join-takes-the-capability",
    sentence="user_namespaces.7/nesting/joined",
    section="Nested namespaces, namespace membership",
    says="A process whose user is not the owner joins no user namespace by setns(2) without CAP_SYS_ADMIN: "
    "EPERM with every other capability.",
    needs=[USER_NAMESPACE, ANOTHER_USER, Capability.SYS_ADMIN],
    survives={"*": "no socket has a part in it"},
)
def test_joining_takes_a_capability(ns, observe):
    with user_namespace() as other:
        every = [one for one in effective() if one != Capability.SYS_ADMIN]
        without_it = as_user(OTHER, lambda: outcomes(other.join_user), every)
        with_it = as_user(OTHER, lambda: outcomes(other.join_user), [Capability.SYS_ADMIN])

    assert observe("without_and_with", [without_it, with_it]) == [["EPERM"], ["done"]]


def deeper(function: Callable[[], object]) -> object:
    """Run a function as root of a user namespace in a user namespace."""
    return in_user_namespace(lambda: in_user_namespace(function))


LEVELS = pytest.mark.parametrize("inside", [in_user_namespace, deeper], ids=["child", "grandchild"])


@claim(
    "user_namespaces.7/Capabilities/descendants",
    sentence="user_namespaces.7/Capabilities/descendants",
    section="Capabilities",
    says="A process with CAP_NET_ADMIN alone, and not of the owner's user, has it in child user namespaces "
    "and in their children: it sets the mark of a UDP socket in a network namespace that one of them owns, "
    "which it is refused without.",
    needs=[USER_NAMESPACE, ANOTHER_USER, Capability.NET_ADMIN],
    survives=ENDS_WITH_ITS_PROCESS,
)
@LEVELS
def test_a_capability_counts_in_descendants(ns, observe, inside):
    with made_by_another(Socket.udp, inside) as sock:
        without_it = as_user(OTHER, lambda: outcomes(partial(set_mark, sock)))
        with_it = as_user(OTHER, lambda: outcomes(partial(set_mark, sock)), [Capability.NET_ADMIN])

        assert observe("without_with_mark", [without_it, with_it, sock.mark]) == [["EPERM"], [7], 7]


@claim(
    "user_namespaces.7/Capabilities/owner",
    sentence=("user_namespaces.7/Capabilities/owner", "user_namespaces.7/Capabilities/owner-of-descendants"),
    section="Capabilities",
    says="A process in the parent whose effective user id is that of who made a user namespace has all "
    "capabilities in it, and in its children, though it has none of its own: it sets the mark of a UDP "
    "socket in a network namespace that one of them owns. Another user is refused.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)
@LEVELS
def test_the_owner_has_all_capabilities(ns, observe, inside):
    with made_by_another(Socket.udp, lambda make: as_user(OWNER, lambda: inside(make))) as sock:
        other = as_user(OTHER, lambda: outcomes(partial(set_mark, sock)))
        owner = as_user(OWNER, lambda: outcomes(partial(set_mark, sock)))

        assert observe("other_owner_mark", [other, owner, sock.mark]) == [["EPERM"], [7], 7]


@claim(
    "user_namespaces.7/Capabilities/owner-in-the-parent",
    sentence="user_namespaces.7/Capabilities/owner",
    section="Capabilities",
    says="A process of the owner's user that is in another child of the parent has no capability in a user "
    "namespace: it is refused to set the mark of a UDP socket in a network namespace that this owns, with "
    "all capabilities in its own.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
    survives=ENDS_WITH_ITS_PROCESS,
)
def test_the_owner_must_be_in_the_parent(ns, observe):
    with made_by_another(Socket.udp, lambda make: as_user(OWNER, lambda: in_user_namespace(make))) as sock:
        mark = partial(set_mark, sock)
        beside = as_user(OWNER, lambda: in_user_namespace_alone(partial(all_and_outcome, mark)))
        parent = as_user(OWNER, lambda: outcomes(mark))

        assert observe("beside_and_parent", [beside, parent, sock.mark]) == [[True, "EPERM"], [7], 7]


@claim(
    "user_namespaces.7/Effect/governed",
    sentence=("user_namespaces.7/Effect/governed", "user_namespaces.7/Interaction/capabilities-in-the-owner"),
    section="Effect of capabilities within a user namespace",
    says="Root of a user namespace sets the mark of its own UDP socket in a network namespace that this "
    "owns, and is refused that of one in another network namespace, which it has from its parent: the "
    "socket's counts, and not the process's.",
    needs=[USER_NAMESPACE],
    survives=ENDS_WITH_ITS_PROCESS,
)
def test_what_another_namespace_governs_is_refused(ns, observe):
    with Socket.udp() as outside:
        refusal, inside = in_user_namespace(lambda: outcomes(partial(set_mark, outside), mark_new))
        set_mark(outside)

        assert observe("outside_and_inside", [refusal, inside, outside.mark]) == ["EPERM", 7, 7]


def set_ttl() -> int:
    """Set the time to live of new sockets in this network namespace; what a new one has then."""
    Path("/proc/sys/net/ipv4/ip_default_ttl").write_bytes(b"77")
    with Socket.udp() as sock:
        return sock.ip_ttl


@claim(
    "user_namespaces.7/Interaction/sysctls",
    sentence=(
        "user_namespaces.7/Effect/governed",
        "user_namespaces.7/Interaction/capabilities-in-the-owner",
        "network_namespaces.7/isolation/proc-sys-net",
    ),
    section="Interaction of user namespaces and other types of namespaces",
    says="A user who is root of a user namespace sets net.ipv4.ip_default_ttl of a network namespace that "
    "this owns, and is refused with EACCES that of the one that it comes from, as it is without the user "
    "namespace.",
    needs=[USER_NAMESPACE, ANOTHER_USER, sysctl("net.ipv4.ip_default_ttl")],
)
def test_sysctls_belong_to_the_network_namespace(ns, observe):
    before = as_user(OWNER, lambda: outcomes(set_ttl))
    outside = as_user(OWNER, lambda: in_user_namespace_alone(partial(all_and_outcome, set_ttl)))
    inside = as_user(OWNER, lambda: in_user_namespace(lambda: outcomes(set_ttl)))
    with Socket.udp() as sock:
        assert observe("before_outside_inside_here", [before, outside, inside, sock.ip_ttl]) == [
            ["EACCES"],
            [True, "EACCES"],
            [77],
            64,
        ]


@claim(
    "user_namespaces.7/Interaction/user-namespace-first",
    sentence="user_namespaces.7/Interaction/user-namespace-first",
    section="Interaction of user namespaces and other types of namespaces",
    says="A user without any capability is refused a new network namespace by unshare(2) with CLONE_NEWNET "
    "alone, EPERM, and has one with CLONE_NEWUSER beside it, in which it makes a raw socket over IPv4.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
)
def test_the_user_namespace_is_made_first(ns, observe):
    seen = as_user(OTHER, lambda: outcomes(leave_network, make_raw, leave_network_and_users, make_raw))

    assert observe("outcomes", seen) == ["EPERM", "EPERM", "done", "done"]


@claim(
    "user_namespaces.7/Interaction/told",
    sentence=("user_namespaces.7/Interaction/told", "user_namespaces.7/Interaction/owned"),
    section="Interaction of user namespaces and other types of namespaces",
    says="NS_GET_USERNS of a network namespace gives the user namespace in which it was made: that of this "
    "process, or a child that has made one.",
    needs=[USER_NAMESPACE],
    survives={"*": "no socket has a part in it"},
)
def test_the_owner_is_told(ns, observe):
    with user_namespace() as other:
        here, there = users_of("self"), os.fstat(other.user).st_ino
        owners = [owner_of_network(ns.fileno()), owner_of_network(other.network)]

        assert observe("owners", [owners == [here, there], here == there]) == [True, False]


def say_who(sock: Socket, *messages: Ucred) -> int:
    """Send something, with credentials if there are any; the user that sends."""
    sock.send_message(b"x", *messages)
    return os.getuid()


def users_received(sock: Socket) -> list[list[int]]:
    """User and group of the credentials that come with the next message, and this process's user."""
    return [[one.uid, one.gid, os.getuid()] for one in control_messages(sock, Ucred, size=1)]


@claim(
    "user_namespaces.7/Miscellaneous/scm-credentials",
    sentence=("user_namespaces.7/Miscellaneous/unix-credentials", "unix.7/SCM_CREDENTIALS/passes"),
    section="Miscellaneous",
    says="User and group that come with SCM_CREDENTIALS over a UNIX stream, datagram or seqpacket socket "
    "are as the receiver's mappings call them: 0 in a user namespace that the sender's user has made, its "
    "own outside.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
)
@KINDS
def test_users_are_called_as_the_receiver_calls_them(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        as_user(OWNER, lambda: [say_who(left), say_who(left)])
        inside = as_user(OWNER, lambda: in_user_namespace(lambda: users_received(right)))

        assert observe("inside_and_outside", [inside, users_received(right)]) == [
            [[0, 0, 0]],
            [[OWNER, OWNER, os.getuid()]],
        ]


@claim(
    "user_namespaces.7/Miscellaneous/scm-credentials-from-inside",
    sentence="user_namespaces.7/Miscellaneous/unix-credentials",
    section="Miscellaneous",
    says="Credentials that root of a user namespace specifies by SCM_CREDENTIALS over a UNIX stream, "
    "datagram or seqpacket socket, user 0 and group 0, are outside those of the user who has made it.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
)
@KINDS
def test_root_inside_is_called_by_its_user_outside(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        sender = as_user(OWNER, lambda: in_user_namespace(lambda: say_who(left, Ucred(os.getpid(), 0, 0))))

        assert observe("sender_and_received", [sender, users_received(right)]) == [
            0,
            [[OWNER, OWNER, os.getuid()]],
        ]


@claim(
    "user_namespaces.7/uid_map/so-peercred",
    sentence="user_namespaces.7/uid_map/returned-ids",
    section="User and group ID mappings: uid_map and gid_map",
    says="SO_PEERCRED of a UNIX stream, datagram or seqpacket socketpair gives user and group as the "
    "reader's user namespace maps them: 0 in one that the user has made who made the pair, its own outside.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
)
@KINDS
def test_a_peer_is_called_as_the_reader_calls_it(ns, observe, kind):
    seen = as_user(OWNER, lambda: peers_inside_and_outside(kind))

    assert observe("inside_and_outside", seen) == [[0, 0], [OWNER, OWNER]]


def peers_inside_and_outside(kind: int) -> list[list[int]]:
    """User and group by SO_PEERCRED, in a new user namespace and here."""
    left, right = Socket.pair(kind)
    with left, right:
        return [in_user_namespace(lambda: list(left.peercred[1:])), list(left.peercred[1:])]


def connected_as_root_inside(user: int, path: str) -> list[object]:
    """What comes of connecting to a UNIX socket as root of a user namespace that a user has made."""
    return as_user(user, lambda: in_user_namespace(lambda: outcomes(partial(connect_to, path))))


def connect_to(path: str) -> str:
    """Connect a UNIX stream socket to a pathname; the name of its peer."""
    with Socket.unix() as sock:
        sock.connect(path)
        name: str = sock.getpeername()
        return name


@claim(
    "user_namespaces.7/files/capabilities",
    sentence="user_namespaces.7/files/capabilities",
    section="Operation of file-related capabilities",
    says="Root of a user namespace, who has CAP_DAC_OVERRIDE in it, connects to a UNIX stream socket of "
    "mode 0 whose user and group are mapped into it, and is refused with EACCES where either of them is "
    "not.",
    needs=[USER_NAMESPACE, ANOTHER_USER],
)
@pytest.mark.parametrize(("user", "group"), [(OTHER, OWNER), (OWNER, OTHER)], ids=["user", "group"])
@pytest.mark.usefixtures("_folder")
def test_files_of_those_that_are_mapped(ns, observe, user, group):
    with Socket.unix() as listener, umask(0o777):
        listener.bind("path")
        listener.listen()
        os.chown("path", user, group)
        unmapped = connected_as_root_inside(OWNER, "path")
        os.chown("path", OWNER, OWNER)
        mapped = connected_as_root_inside(OWNER, "path")

        assert observe("unmapped_and_mapped", [unmapped, mapped]) == [["EACCES"], ["path"]]


@claim(
    "defacto/ETOOMANYREFS/first-user-namespace",
    says="Root of another user namespace, with CAP_SYS_RESOURCE in it, has no more descriptors in flight "
    "over a UNIX stream socket than one beyond RLIMIT_NOFILE: ETOOMANYREFS; with the capability in the "
    "initial one there are more.",
    sentence=("user_namespaces.7/Effect/no-namespace", "capabilities.7/CAP_SYS_RESOURCE/in-flight"),
    since="4.5",
    commit="712f4aad406b",
    needs=[USER_NAMESPACE, ANOTHER_USER, initially(Capability.SYS_RESOURCE)],
)
def test_resources_are_the_initial_user_namespaces(ns, observe):
    with refused(errno.ETOOMANYREFS):
        as_user(own_user(), lambda: in_user_namespace(lambda: in_flight(*[1] * 5, limit=3)))
    fewer = as_user(own_user(), lambda: in_user_namespace(lambda: in_flight(*[1] * 4, limit=3)))
    more = as_user(own_user(), lambda: in_flight(*[1] * 5, limit=3), [Capability.SYS_RESOURCE])

    assert observe("fewer_and_more", [fewer, more]) == [4, 5]
