"""Status flags of sockets and the owner of their signals, by fcntl(2)."""

from __future__ import annotations

import errno
import os
import signal
import threading
from fcntl import F_GETFL, F_GETOWN, F_SETFL, F_SETOWN, fcntl, ioctl

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import FIOSETOWN, owner, word
from conformance.plugin.setups.owners import (
    F_GETSIG,
    F_OWNER_PGRP,
    F_OWNER_PID,
    F_OWNER_TID,
    F_SETSIG,
    dead_process,
    owner_ex,
    set_owner_ex,
)
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket
from netns import Capability

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "udp", "unix", "unix-seqpacket", "unix-datagram", "raw", "netlink", "packet"]
)
EVERY = "a TCP, UDP, raw, UNIX, netlink or packet socket"
RAW = [Capability.NET_RAW]
SYNC = os.O_SYNC
KEPT = {"*": "the answer is a number that the call before has stored"}


@claim(
    "F_GETFL.2const/F_GETFL/new",
    sentence="F_GETFL.2const/F_GETFL/returns",
    section="DESCRIPTION",
    says=f"F_GETFL of {EVERY} that is new gives O_RDWR and no status flag.",
    needs=RAW,
)
@KINDS
def test_a_new_socket_has_no_flag(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        assert observe("flags", fcntl(sock, F_GETFL)) == os.O_RDWR


@claim(
    "F_GETFL.2const/F_SETFL/changes",
    sentence="F_GETFL.2const/F_SETFL/changeable",
    section="DESCRIPTION",
    says=f"F_SETFL of {EVERY} sets O_APPEND, O_ASYNC, O_NOATIME and O_NONBLOCK, and clears them again.",
    needs=RAW,
)
@KINDS
@pytest.mark.parametrize("flag", [os.O_APPEND, os.O_ASYNC, os.O_NOATIME, os.O_NONBLOCK])
def test_a_flag_is_set_and_cleared(ns, observe, kind, flag):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETFL, os.O_RDWR | flag)
        flags = [fcntl(sock, F_GETFL)]
        fcntl(sock, F_SETFL, os.O_RDWR)
        flags.append(fcntl(sock, F_GETFL))

        assert observe("flags", flags) == [os.O_RDWR | flag, os.O_RDWR]


@claim(
    "F_GETFL.2const/F_SETFL/o-direct",
    sentence="F_GETFL.2const/F_SETFL/changeable",
    section="DESCRIPTION",
    says=f"F_SETFL of {EVERY} sets O_DIRECT.",
    needs=RAW,
    expect=differs(
        "a socket has no direct I/O: it fails with EINVAL; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
@KINDS
def test_o_direct(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETFL, os.O_NONBLOCK)
        fcntl(sock, F_SETFL, os.O_DIRECT)

        assert observe("flags", fcntl(sock, F_GETFL)) == os.O_RDWR | os.O_DIRECT


@claim(
    "F_GETFL.2const/F_SETFL/ignores-mode",
    sentence="F_GETFL.2const/F_SETFL/ignored",
    section="DESCRIPTION",
    says=f"F_SETFL of {EVERY} ignores the access mode and the creation flags: with O_WRONLY, O_CREAT, "
    f"O_EXCL, O_NOCTTY and O_TRUNC beside O_NONBLOCK it sets O_NONBLOCK alone.",
    needs=RAW,
)
@KINDS
def test_the_mode_is_ignored(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETFL, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOCTTY | os.O_TRUNC | os.O_NONBLOCK)

        assert observe("flags", fcntl(sock, F_GETFL)) == os.O_RDWR | os.O_NONBLOCK


@claim(
    "F_GETFL.2const/F_SETFL/ignores-sync",
    sentence="F_GETFL.2const/BUGS/sync",
    section="BUGS",
    says=f"F_SETFL of {EVERY} with O_SYNC and O_NONBLOCK succeeds, and sets O_NONBLOCK alone.",
    needs=RAW,
)
@KINDS
def test_o_sync_is_ignored(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETFL, SYNC | os.O_NONBLOCK)

        assert observe("flags", fcntl(sock, F_GETFL)) == os.O_RDWR | os.O_NONBLOCK


@claim(
    "F_GETFL.2const/duplicates/share",
    sentence="F_GETFL.2const/duplicates/share",
    section="DESCRIPTION",
    says="A duplicate of the descriptor of a TCP, UDP, UNIX stream or netlink socket has the status flags "
    "that are set by the other, O_NONBLOCK: a receive by it does not wait.",
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram", "netlink"])
def test_a_duplicate_shares_the_flags(ns, observe, kind):
    with SOCKETS[kind]() as sock, sock.dup() as other:
        before = fcntl(other, F_GETFL)
        fcntl(sock, F_SETFL, os.O_NONBLOCK)
        with refused(errno.EAGAIN):
            other.recv(1)

        assert observe("flags", [before, fcntl(other, F_GETFL)]) == [os.O_RDWR, os.O_RDWR | os.O_NONBLOCK]


@claim(
    "F_GETSIG.2const/F_GETOWN/process",
    sentence=(
        "F_GETSIG.2const/F_GETOWN/process",
        "F_GETSIG.2const/F_SETOWN/process",
        "F_GETSIG.2const/F_GETOWN/sign",
    ),
    section="DESCRIPTION",
    says=f"F_GETOWN of {EVERY} gives 0 at first, then the process that F_SETOWN has set, and minus the "
    f"process group that it has set as a negative number.",
    needs=RAW,
    survives=KEPT,
)
@KINDS
def test_the_owner_is_set_and_read(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        found = [owner(sock)]
        fcntl(sock, F_SETOWN, os.getpid())
        found.append(fcntl(sock, F_GETOWN) - os.getpid())
        fcntl(sock, F_SETOWN, -os.getpgrp())
        found.append(owner(sock) + os.getpgrp())

        assert observe("without_and_differences", found) == [0, 0, 0]


@claim(
    "F_GETSIG.2const/F_SETOWN_EX/kinds",
    sentence=(
        "F_GETSIG.2const/F_GETOWN_EX/settings",
        "F_GETSIG.2const/F_GETOWN_EX/fields",
        "F_GETSIG.2const/F_SETOWN_EX/directs",
    ),
    section="DESCRIPTION",
    says=f"F_SETOWN_EX of {EVERY} sets a thread, a process or a process group, and F_GETOWN_EX gives the "
    f"kind of owner and its positive number.",
    needs=RAW,
    survives=KEPT,
)
@KINDS
def test_each_kind_of_owner(ns, observe, kind):
    numbers = [threading.get_native_id(), os.getpid(), os.getpgrp()]
    with SOCKETS[kind]() as sock:
        set_owner_ex(sock, F_OWNER_TID, numbers[0])
        found = [owner_ex(sock)]
        set_owner_ex(sock, F_OWNER_PID, numbers[1])
        found.append(owner_ex(sock))
        set_owner_ex(sock, F_OWNER_PGRP, numbers[2])
        found.append(owner_ex(sock))

        same = found == [(F_OWNER_TID, numbers[0]), (F_OWNER_PID, numbers[1]), (F_OWNER_PGRP, numbers[2])]
        assert observe("same", same) is True


@claim(
    "F_GETSIG.2const/F_GETOWN_EX/of-setown",
    sentence="F_GETSIG.2const/F_SETOWN_EX/group-positive",
    section="DESCRIPTION",
    says="F_GETOWN_EX of a UDP socket whose owner F_SETOWN has set gives F_OWNER_PID for a process and "
    "F_OWNER_PGRP for a group, with a positive number, where F_GETOWN gives a negative one.",
    survives=KEPT,
)
def test_the_owner_of_f_setown(ns, observe):
    with Socket.udp() as sock:
        fcntl(sock, F_SETOWN, os.getpid())
        kinds = [owner_ex(sock)[0]]
        fcntl(sock, F_SETOWN, -os.getpgrp())
        kinds.append(owner_ex(sock)[0])

        signs = [owner_ex(sock)[1] > 0, owner(sock) > 0]
        assert observe("kinds_and_signs", [kinds, signs]) == [[F_OWNER_PID, F_OWNER_PGRP], [True, False]]


@claim(
    "F_GETSIG.2const/F_GETSIG/value",
    sentence=("F_GETSIG.2const/F_GETSIG/returns", "F_GETSIG.2const/F_SETSIG/sets"),
    section="DESCRIPTION",
    says=f"F_GETSIG of {EVERY} gives 0 at first, then what F_SETSIG has set: SIGIO, a real-time signal, 0 "
    f"again.",
    needs=RAW,
)
@KINDS
def test_the_signal_is_set_and_read(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        found = [fcntl(sock, F_GETSIG)]
        fcntl(sock, F_SETSIG, signal.SIGIO)
        found.append(fcntl(sock, F_GETSIG))
        fcntl(sock, F_SETSIG, 40)
        found.append(fcntl(sock, F_GETSIG))
        fcntl(sock, F_SETSIG, 0)
        found.append(fcntl(sock, F_GETSIG))

        assert observe("signals", found) == [0, signal.SIGIO, 40, 0]


@claim(
    "F_GETSIG.2const/EINVAL/signal-number",
    sentence="F_GETSIG.2const/EINVAL/signal-number",
    section="ERRORS",
    says=f"F_SETSIG of {EVERY} fails with EINVAL for 65 and for -1, which are no signals, and sets 64, the "
    f"last one.",
    needs=RAW,
)
@KINDS
@pytest.mark.parametrize("number", [65, -1])
def test_what_is_no_signal(ns, observe, kind, number):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETSIG, 64)
        with refused(errno.EINVAL):
            fcntl(sock, F_SETSIG, number)

        assert observe("signal", fcntl(sock, F_GETSIG)) == 64


@claim(
    "defacto/F_SETOWN/esrch",
    says="F_SETOWN, F_SETOWN_EX and FIOSETOWN of a UDP or UNIX stream socket fail with ESRCH for a process "
    "that does not exist, and the owner stays.",
    since="4.13",
    commit="f73127356f34",
    survives=KEPT,
)
@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_a_process_that_does_not_exist(ns, observe, kind):
    gone = dead_process()
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETOWN, os.getpid())
        with refused(errno.ESRCH):
            fcntl(sock, F_SETOWN, gone)
        with refused(errno.ESRCH, "errno_ex"):
            set_owner_ex(sock, F_OWNER_PID, gone)
        with refused(errno.ESRCH, "errno_ioctl"):
            ioctl(sock, FIOSETOWN, word(gone))

        assert observe("same", owner(sock) == os.getpid()) is True


@claim(
    "defacto/F_SETOWN_EX/einval",
    says="F_SETOWN_EX of a UDP or UNIX stream socket fails with EINVAL for a kind of owner that there is "
    "not, 3 or -1, and the owner stays.",
    since="2.6.32",
    commit="ba0a6c9f6fce",
    survives=KEPT,
)
@pytest.mark.parametrize("number", [3, -1])
@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_a_kind_of_owner_that_there_is_not(ns, observe, kind, number):
    with SOCKETS[kind]() as sock:
        set_owner_ex(sock, F_OWNER_PID, os.getpid())
        with refused(errno.EINVAL):
            set_owner_ex(sock, number, os.getpid())

        assert observe("kind", owner_ex(sock)[0]) == F_OWNER_PID


@claim(
    "defacto/F_SETOWN/zero",
    says="F_SETOWN of a TCP, UDP or UNIX stream socket with 0 takes its owner away.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=KEPT,
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_no_owner_any_more(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETOWN, os.getpid())
        found = [owner(sock) - os.getpid()]
        fcntl(sock, F_SETOWN, 0)

        assert observe("difference_and_after", [*found, owner(sock)]) == [0, 0]
