"""Capabilities that a thread gives up or takes again, and what comes of calls without them."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.netlink import framed, netlink_socket, parsed
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Child, as_user
from netns.capability import bits
from netns.netlink import receive
from netns.syscalls import capget, capset

EPOLLWAKEUP: Final = 1 << 29
NETLINK_AUDIT: Final = 9
AUDIT_GET: Final = 1000
"""The type of a message that asks how auditing stands."""
AUDIT_USER: Final = 1005
"""The type of a record that a program writes."""
AUDIT_NLGRP_READLOG: Final = 1
_PIDFD_GETFD: Final = 438
"""The number of pidfd_getfd(2) on every machine."""

_libc = ctypes.CDLL(None, use_errno=True)


def permitted() -> frozenset[Capability]:
    """What this thread may have among its effective capabilities."""
    held = capget()[1]
    return frozenset(capability for capability in Capability if held >> capability & 1)


def has_every_capability() -> bool:
    """Whether all capabilities that the kernel knows are effective."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_bytes())  # another user may find no codec
    return capget()[0] == (1 << last + 1) - 1


def regain(*capabilities: Capability) -> None:
    """Make permitted capabilities effective. Raises: OSError with EPERM where one is not permitted."""
    effective, allowed, inheritable = capget()
    capset(effective | bits(capabilities), allowed, inheritable)


def give_up(*capabilities: Capability) -> None:
    """Drop capabilities for good, from the effective and the permitted set."""
    effective, allowed, inheritable = (held & ~bits(capabilities) for held in capget())
    capset(effective, allowed, inheritable)


def set_file_user(uid: int) -> None:
    """setfsuid(2), which tells no error."""
    _libc.setfsuid(uid)


def outcomes(*acts: Callable[[], object]) -> list[object]:
    """What comes of each of several acts, one after the other: what it returns, ``done``, or the errno."""
    return [_outcome(act) for act in acts]


def _outcome(act: Callable[[], object]) -> object:
    try:
        found = act()
    except OSError as error:
        return errno_name(error.errno)
    return "done" if found is None else found


def make_raw() -> None:
    """Make a raw socket over IPv4, and close it."""
    Socket.raw(253).close()


def events_in_epoll(events: int, sock: Socket) -> int:
    """The events that an epoll instance waits for on a socket which was added with these, as /proc tells."""
    with select.epoll() as epoll:
        epoll.register(sock, events)
        lines = Path(f"/proc/thread-self/fdinfo/{epoll.fileno()}").read_text(encoding="ascii").splitlines()
    (row,) = (line.split() for line in lines if line.startswith("tfd:"))
    return int(row[row.index("events:") + 1], 16)


def audit_told() -> int:
    """The type of what answers a question how auditing stands. Raises: OSError as an error says it."""
    with netlink_socket(NETLINK_AUDIT) as sock:
        sock.send(framed(AUDIT_GET))
        (first, *_) = receive(sock)
    if first.type == AUDIT_GET:
        return first.type
    code = -parsed(first).error
    raise OSError(code, os.strerror(code))


@contextmanager
def kernel_sysctl_set(name: str, value: str) -> Iterator[None]:
    """Set a sysctl of the whole kernel for the block. Only for a kernel that runs nothing else."""
    path = Path("/proc/sys", name)
    before = path.read_bytes()
    path.write_text(value, encoding="ascii")
    try:
        yield
    finally:
        path.write_bytes(before)


def addresses_in_proc(name: str) -> list[int]:
    """The addresses in the kernel's memory that /proc/net/unix has of sockets of a name."""
    rows = Path("/proc/thread-self/net/unix").read_text(encoding="ascii").splitlines()
    return [int(row.partition(":")[0], 16) for row in rows if row.endswith(f" {name}")]


def descriptor_of_another(process: int, fd: int) -> int:
    """pidfd_getfd(2): a descriptor of what another process has open. Raises: OSError."""
    pidfd = os.pidfd_open(process)
    try:
        answer = int(_libc.syscall(_PIDFD_GETFD, pidfd, fd, 0))
        code = ctypes.get_errno()
    finally:
        os.close(pidfd)
    if answer < 0:
        raise OSError(code, os.strerror(code))
    return answer


def signals_from(user: int, capabilities: list[Capability], *, to: int) -> list[str]:
    """The signals, but the last, that wait for a process of the user ``to`` after another user has acted.

    That makes the process the owner of a socket, to which it sends then, and sends it SIGUSR1 at last.
    """
    left, right = Socket.pair()
    began, begin = os.pipe()

    def receive() -> list[str]:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO, signal.SIGUSR1})
        os.setresuid(to, to, to)
        os.write(begin, b"x")
        signal.sigtimedwait({signal.SIGUSR1}, SOON)
        return sorted(signal.Signals(number).name for number in signal.sigpending())

    def act() -> None:
        fcntl.fcntl(right, fcntl.F_SETOWN, child.pid)
        fcntl.fcntl(right, fcntl.F_SETFL, fcntl.fcntl(right, fcntl.F_GETFL) | os.O_ASYNC)
        left.send(b"x")
        os.kill(child.pid, signal.SIGUSR1)

    try:
        with left, right, Child(receive) as child:
            os.read(began, 1)
            as_user(user, act, capabilities)
            return child.value()
    finally:
        os.close(began)
        os.close(begin)
