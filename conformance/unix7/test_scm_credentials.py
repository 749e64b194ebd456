"""SCM_CREDENTIALS: who sent a message, and who may say that it was another."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.processes import another_process
from conformance.plugin.setups.raw_control import words
from conformance.plugin.timing import SOON
from libsocket import Socket, Ucred
from netns import Capability, in_child, only

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
REAL, EFFECTIVE, SAVED, OTHER = 61001, 61002, 61003, 61004
"""Ids that nothing here has."""
NO_PROCESS = 2**30
"""Beyond the largest process id that there can be."""


def of_this_process(*, uid: int | None = None, gid: int | None = None, pid: int | None = None) -> Ucred:
    """What this process may say of itself, or with another user, group or process."""
    return Ucred(
        os.getpid() if pid is None else pid,
        os.getuid() if uid is None else uid,
        os.getgid() if gid is None else gid,
    )


def credentials(sock: Socket) -> list[list[int]]:
    """User and group that come with the next message."""
    return [[one.uid, one.gid] for one in control_messages(sock, Ucred)]


@claim(
    "unix.7/SCM_CREDENTIALS/specified",
    sentence=(
        "unix.7/DESCRIPTION/ancillary",
        "unix.7/SO_PASSCRED/default",
        "unix.7/SCM_CREDENTIALS/passes",
        "unix.7/SCM_CREDENTIALS/checked",
        "unix.7/SCM_CREDENTIALS/privileged",
        "unix.7/ancillary/calls",
        "cmsg.3/DESCRIPTION/what",
    ),
    section="Ancillary messages",
    says="A UNIX stream, datagram or seqpacket socket with SO_PASSCRED receives the credentials that a "
    "privileged sender specified by SCM_CREDENTIALS, though they are those of another.",
    needs=[ANOTHER_USER, initially(Capability.SYS_ADMIN)],
)
@KINDS
def test_what_the_sender_specified_is_received(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, another_process() as other:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send_message(b"x", Ucred(other, OTHER, REAL))
        (received,) = control_messages(right, Ucred)

        assert observe("other_user_group", [received.pid == other, *received[1:]]) == [True, OTHER, REAL]


def send_as(sock: Socket, *messages: Ucred) -> int:
    """Send as a process that has several user and group ids; its pid."""
    os.setresgid(REAL, EFFECTIVE, SAVED)
    os.setresuid(REAL, EFFECTIVE, SAVED)
    sock.send_message(b"x", *messages)
    return os.getpid()


@claim(
    "unix.7/SCM_CREDENTIALS/default",
    sentence="unix.7/SO_PASSCRED/default",
    section="Socket options",
    says="A UNIX stream, datagram or seqpacket socket with SO_PASSCRED receives the process id, the real "
    "user id and the real group id of a sender that specified none, not the effective ones.",
    needs=[ANOTHER_USER],
)
@KINDS
def test_the_default_is_the_real_ids(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        sender = in_child(lambda: send_as(left))
        (received,) = control_messages(right, Ucred)

        assert observe("sender_user_group", [received.pid == sender, *received[1:]]) == [True, REAL, REAL]


@claim(
    "unix.7/SCM_CREDENTIALS/one-of-its-own",
    sentence=("unix.7/SCM_CREDENTIALS/uid", "unix.7/SCM_CREDENTIALS/gid"),
    section="Ancillary messages",
    says="A process without capabilities may specify its real, effective or saved user id and group id by "
    "SCM_CREDENTIALS over a UNIX stream, datagram or seqpacket socket.",
    needs=[ANOTHER_USER],
)
@KINDS
@pytest.mark.parametrize(("uid", "gid"), [(REAL, SAVED), (EFFECTIVE, REAL), (SAVED, EFFECTIVE)])
def test_any_id_of_its_own_may_be_specified(ns, observe, kind, uid, gid):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        in_child(lambda: send_as(left, of_this_process(uid=uid, gid=gid)))

        assert observe("user_and_group", credentials(right)) == [[uid, gid]]


@claim(
    "unix.7/SCM_CREDENTIALS/not-its-own-user",
    sentence=(
        "unix.7/SCM_CREDENTIALS/uid",
        "unix.7/SCM_CREDENTIALS/checked",
        "unix.7/EPERM/credentials",
        "capabilities.7/CAP_SETUID/forge",
    ),
    section="Ancillary messages",
    says="Without CAP_SETUID a user id that is not the sender's own cannot be specified by SCM_CREDENTIALS "
    "over a UNIX stream, datagram or seqpacket socket; with it alone it can.",
    needs=[ANOTHER_USER, Capability.SETUID],
)
@KINDS
def test_another_user_takes_cap_setuid(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        with only(Capability.SYS_ADMIN, Capability.SETGID), refused(errno.EPERM):
            left.send_message(b"x", of_this_process(uid=OTHER))
        with only(Capability.SETUID):
            left.send_message(b"x", of_this_process(uid=OTHER))

        assert observe("user_and_group", credentials(right)) == [[OTHER, os.getgid()]]


@claim(
    "unix.7/SCM_CREDENTIALS/not-its-own-group",
    sentence=(
        "unix.7/SCM_CREDENTIALS/gid",
        "unix.7/SCM_CREDENTIALS/checked",
        "unix.7/EPERM/credentials",
        "capabilities.7/CAP_SETGID/forge",
    ),
    section="Ancillary messages",
    says="Without CAP_SETGID a group id that is not the sender's own cannot be specified by SCM_CREDENTIALS "
    "over a UNIX stream, datagram or seqpacket socket; with it alone it can.",
    needs=[ANOTHER_USER, Capability.SETGID],
)
@KINDS
def test_another_group_takes_cap_setgid(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        with only(Capability.SYS_ADMIN, Capability.SETUID), refused(errno.EPERM):
            left.send_message(b"x", of_this_process(gid=OTHER))
        with only(Capability.SETGID):
            left.send_message(b"x", of_this_process(gid=OTHER))

        assert observe("user_and_group", credentials(right)) == [[os.getuid(), OTHER]]


@claim(
    "unix.7/SCM_CREDENTIALS/not-its-own-process",
    sentence=(
        "unix.7/SCM_CREDENTIALS/pid",
        "unix.7/SCM_CREDENTIALS/sys-admin",
        "unix.7/SCM_CREDENTIALS/checked",
        "unix.7/EPERM/credentials",
        "capabilities.7/CAP_SYS_ADMIN/forge",
    ),
    section="Ancillary messages",
    says="Without CAP_SYS_ADMIN the id of another process cannot be specified by SCM_CREDENTIALS over a "
    "UNIX stream, datagram or seqpacket socket; with it alone it can.",
    needs=[initially(Capability.SYS_ADMIN)],
)
@KINDS
def test_another_process_takes_cap_sys_admin(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, another_process() as other:
        right.rcvtimeo = SOON
        right.passcred = True
        with only(Capability.SETUID, Capability.SETGID), refused(errno.EPERM):
            left.send_message(b"x", of_this_process(pid=other))
        with only(Capability.SYS_ADMIN):
            left.send_message(b"x", of_this_process(pid=other))

        assert observe("is_the_other", [one.pid == other for one in control_messages(right, Ucred)]) == [True]


@claim(
    "unix.7/SCM_CREDENTIALS/no-such-process",
    sentence=("unix.7/SCM_CREDENTIALS/sys-admin", "unix.7/ESRCH/pid"),
    section="Ancillary messages",
    says="The id of a process that does not exist cannot be specified by SCM_CREDENTIALS over a UNIX "
    "stream, datagram or seqpacket socket, not even with CAP_SYS_ADMIN, as that of another process can.",
    needs=[initially(Capability.SYS_ADMIN)],
)
@KINDS
@pytest.mark.parametrize("pid", [NO_PROCESS, 0, -1])
def test_the_process_must_exist(ns, observe, kind, pid):
    left, right = Socket.pair(kind)
    with left, right, another_process() as other:
        right.rcvtimeo = SOON
        right.passcred = True
        with refused(errno.ESRCH):
            left.send_message(b"x", of_this_process(pid=pid))
        left.send_message(b"x", of_this_process(pid=other))

        assert observe("is_the_other", [one.pid == other for one in control_messages(right, Ucred)]) == [True]


@claim(
    "unix.7/SCM_CREDENTIALS/passcred",
    sentence="unix.7/SCM_CREDENTIALS/passcred",
    section="Ancillary messages",
    says="Credentials that were specified by SCM_CREDENTIALS are received over a UNIX stream, datagram or "
    "seqpacket socket only with SO_PASSCRED.",
)
@KINDS
def test_it_takes_the_option_to_receive_them(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send_message(b"x", of_this_process())
        without = control_headers(right)
        right.passcred = True
        left.send_message(b"x", of_this_process())

        assert observe("headers", [without, control_headers(right)]) == [[], [[socket.SOL_SOCKET, 2, 12]]]


@claim(
    "unix.7/SCM_CREDENTIALS/ucred",
    sentence="unix.7/SCM_CREDENTIALS/struct",
    section="Ancillary messages",
    says="What is received as SCM_CREDENTIALS over a UNIX stream socket is three ints: process, user, group.",
    needs=[ANOTHER_USER],
)
def test_it_is_a_struct_ucred(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = True
        left.send_message(b"x", of_this_process(uid=OTHER, gid=REAL))
        ((level, number, data),) = right.recvmsg(9, 100)[1]
        pid, *others = words(data)
        seen = [level, number, pid == os.getpid(), *others]

        assert observe("level_type_and_words", seen) == [socket.SOL_SOCKET, 2, True, OTHER, REAL]
