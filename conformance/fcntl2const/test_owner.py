"""Status flags of sockets and the owner of their signals, by fcntl(2)."""

from __future__ import annotations

import errno
import os
import signal
import threading
from fcntl import F_GETFL, F_SETFL, F_SETOWN, fcntl, ioctl

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import FIOSETOWN, word
from conformance.plugin.setups.owners import (
    F_GETSIG,
    F_OWNER_PGRP,
    F_OWNER_PID,
    F_OWNER_TID,
    F_SETSIG,
    changed_flags,
    dead_process,
    getown,
    owner_ex,
    process_group,
    set_owner_ex,
)
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import connected
from conformance.plugin.setups.threads import given_up
from libsocket import Socket
from netns import Capability

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "udp", "unix", "unix-seqpacket", "unix-datagram", "raw", "netlink", "packet"]
)
EVERY = "a TCP, UDP, raw, UNIX, netlink or packet socket"
RAW = [Capability.NET_RAW]
ONE_END_WRITES = {"no-op: connect*": "an end that only receives needs no peer"}
BLOCKS = {"no-op: ioctl(FIONBIO*": "a new descriptor of a socket that blocks is one that blocks"}


@claim(
    "F_GETFL.2const/F_GETFL/new",
    sentence=("F_GETFL.2const/F_GETFL/returns", "F_GETFL.2const/F_GETFL/argument"),
    section="DESCRIPTION",
    says=f"F_GETFL of {EVERY} that is new gives O_RDWR and no status flag, with any argument.",
    needs=RAW,
)
@KINDS
@pytest.mark.parametrize("argument", [0, -1, os.O_NONBLOCK])
def test_a_new_socket_has_no_flag(ns, observe, kind, argument):
    with SOCKETS[kind]() as sock:
        assert observe("flags", fcntl(sock, F_GETFL, argument)) == os.O_RDWR


@claim(
    "F_GETFL.2const/F_SETFL/changes",
    sentence=(
        "F_GETFL.2const/description/flags",
        "F_GETFL.2const/F_SETFL/sets",
        "F_GETFL.2const/F_SETFL/changeable",
        "F_GETFL.2const/RETURN-VALUE/F_SETFL",
    ),
    section="DESCRIPTION",
    says=f"F_SETFL of {EVERY} returns 0, and sets O_APPEND, O_ASYNC, O_NOATIME and O_NONBLOCK, and clears "
    f"them again.",
    needs=RAW,
)
@KINDS
@pytest.mark.parametrize("flag", [os.O_APPEND, os.O_ASYNC, os.O_NOATIME, os.O_NONBLOCK])
def test_a_flag_is_set_and_cleared(ns, observe, kind, flag):
    with SOCKETS[kind]() as sock:
        found = [fcntl(sock, F_SETFL, os.O_RDWR | flag), fcntl(sock, F_GETFL)]
        found += [fcntl(sock, F_SETFL, os.O_RDWR), fcntl(sock, F_GETFL)]

        assert observe("returned_and_flags", found) == [0, os.O_RDWR | flag, 0, os.O_RDWR]


@claim(
    "F_GETFL.2const/F_SETFL/no-other",
    sentence="F_GETFL.2const/F_SETFL/changeable",
    section="DESCRIPTION",
    says=f"Of {EVERY} F_SETFL with each bit of 32 beside O_NONBLOCK or O_APPEND changes the flags by "
    f"O_APPEND, O_ASYNC, O_NOATIME and O_NONBLOCK; it takes all but O_DIRECT, and sets no other.",
    needs=RAW,
)
@KINDS
def test_no_other_flag_is_changed(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        assert observe("changed", changed_flags(sock)) == [
            "(O_DIRECT: EINVAL)",
            "O_APPEND",
            "O_ASYNC",
            "O_NOATIME",
            "O_NONBLOCK",
        ]


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
    sentence=("F_GETFL.2const/BUGS/sync", "F_GETFL.2const/F_SETFL/sync"),
    section="BUGS",
    says=f"F_SETFL of {EVERY} with O_SYNC, or O_DSYNC, and O_NONBLOCK succeeds, and sets O_NONBLOCK alone.",
    needs=RAW,
)
@KINDS
@pytest.mark.parametrize("flag", [os.O_SYNC, os.O_DSYNC])
def test_o_sync_is_ignored(ns, observe, kind, flag):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETFL, flag | os.O_NONBLOCK)

        assert observe("flags", fcntl(sock, F_GETFL)) == os.O_RDWR | os.O_NONBLOCK


@claim(
    "F_GETFL.2const/duplicates/share",
    sentence="F_GETFL.2const/duplicates/share",
    section="DESCRIPTION",
    says="A duplicate of the descriptor of a TCP, UDP, UNIX stream, UNIX datagram or netlink socket has the "
    "status flags that are set by the other, O_NONBLOCK: a receive by it does not wait.",
    survives={**ONE_END_WRITES, **BLOCKS},
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram", "netlink"])
def test_a_duplicate_shares_the_flags(ns, observe, kind):
    with connected(kind) as (sock, peer), sock.dup() as other:
        before = fcntl(other, F_GETFL)
        fcntl(sock, F_SETFL, os.O_NONBLOCK)
        with given_up(lambda: peer.send(b"x")), refused(errno.EAGAIN):
            other.recv(1)

        assert observe("flags", [before, fcntl(other, F_GETFL)]) == [os.O_RDWR, os.O_RDWR | os.O_NONBLOCK]


@claim(
    "F_GETSIG.2const/F_GETOWN/process",
    sentence=(
        "F_GETSIG.2const/F_GETOWN/process",
        "F_GETSIG.2const/F_SETOWN/process",
        "F_GETSIG.2const/F_SETOWN/sign",
        "F_GETSIG.2const/F_GETOWN/sign",
        "F_GETSIG.2const/F_GETOWN/argument",
        "F_GETSIG.2const/RETURN-VALUE/zero",
    ),
    section="DESCRIPTION",
    says=f"F_GETOWN of {EVERY}, with any argument, gives 0 at first, then the process that F_SETOWN has set, "
    f"and minus the process group that it has set as a negative number; F_SETOWN returns 0.",
    needs=RAW,
)
@KINDS
def test_the_owner_is_set_and_read(ns, observe, kind):
    with process_group() as group, SOCKETS[kind]() as sock:
        found = [getown(sock)]
        returned = [fcntl(sock, F_SETOWN, os.getpid())]
        found += [getown(sock) - os.getpid(), getown(sock, argument=-1) - os.getpid()]
        returned.append(fcntl(sock, F_SETOWN, -group))
        found.append(getown(sock) + group)

        assert observe("without_and_differences", [found, returned]) == [[0, 0, 0, 0], [0, 0]]


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
)
@KINDS
def test_each_kind_of_owner(ns, observe, kind):
    with process_group() as group, SOCKETS[kind]() as sock:
        set_owner_ex(sock, F_OWNER_TID, threading.get_native_id())
        found = [owner_ex(sock)]
        set_owner_ex(sock, F_OWNER_PID, os.getpid())
        found.append(owner_ex(sock))
        set_owner_ex(sock, F_OWNER_PGRP, group)
        found.append(owner_ex(sock))

        assert observe("kinds", [kind for kind, _ in found]) == [F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP]
        assert [number for _, number in found] == [threading.get_native_id(), os.getpid(), group]


@claim(
    "F_GETSIG.2const/F_GETOWN_EX/of-setown",
    sentence="F_GETSIG.2const/F_SETOWN_EX/group-positive",
    section="DESCRIPTION",
    says="F_GETOWN_EX of a UDP socket whose owner F_SETOWN has set gives F_OWNER_PID for a process and "
    "F_OWNER_PGRP for a group, with a positive number, where F_GETOWN gives a negative one.",
)
def test_the_owner_of_f_setown(ns, observe):
    with process_group() as group, Socket.udp() as sock:
        fcntl(sock, F_SETOWN, os.getpid())
        kinds = [owner_ex(sock)[0]]
        fcntl(sock, F_SETOWN, -group)
        kinds.append(owner_ex(sock)[0])

        signs = [owner_ex(sock)[1] > 0, getown(sock) > 0]
        assert observe("kinds_and_signs", [kinds, signs]) == [[F_OWNER_PID, F_OWNER_PGRP], [True, False]]


@claim(
    "F_GETSIG.2const/F_GETSIG/value",
    sentence=(
        "F_GETSIG.2const/F_GETSIG/returns",
        "F_GETSIG.2const/F_GETSIG/argument",
        "F_GETSIG.2const/F_SETSIG/sets",
    ),
    section="DESCRIPTION",
    says=f"F_GETSIG of {EVERY}, with any argument, gives 0 at first, then what F_SETSIG has set: SIGIO, a "
    f"real-time signal, 0 again.",
    needs=RAW,
)
@KINDS
def test_the_signal_is_set_and_read(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        found = [fcntl(sock, F_GETSIG)]
        fcntl(sock, F_SETSIG, signal.SIGIO)
        found.append(fcntl(sock, F_GETSIG))
        fcntl(sock, F_SETSIG, signal.SIGRTMIN)
        found.append(fcntl(sock, F_GETSIG, -1))
        fcntl(sock, F_SETSIG, 0)
        found.append(fcntl(sock, F_GETSIG))

        assert observe("signals", found) == [0, signal.SIGIO, signal.SIGRTMIN, 0]


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

        assert observe("same", getown(sock) == os.getpid()) is True


@claim(
    "defacto/F_SETOWN_EX/einval",
    says="F_SETOWN_EX of a UDP or UNIX stream socket fails with EINVAL for a kind of owner that there is "
    "not, 3 or -1, and the owner stays.",
    since="2.6.32",
    commit="ba0a6c9f6fce",
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
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_no_owner_any_more(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        fcntl(sock, F_SETOWN, os.getpid())
        difference = getown(sock) - os.getpid()
        fcntl(sock, F_SETOWN, 0)

        assert observe("difference_and_after", [difference, getown(sock)]) == [0, 0]
