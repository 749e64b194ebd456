"""Other users and user namespaces: what a process may do that is not the initial root."""

from __future__ import annotations

import codecs
import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from netns.capability import Capability, bits
from netns.child import die_with_parent, in_child
from netns.errors import NetnsError, setting_up
from netns.namespace import leave_host
from netns.syscalls import (
    CLONE_NEWPID,
    CLONE_NEWUSER,
    PR_SET_DUMPABLE,
    PR_SET_KEEPCAPS,
    capset,
    loopback_up,
    prctl,
    unshare,
)

T = TypeVar("T")

_SETGROUPS = Path("/proc/self/setgroups")
"""Whether setgroups(2) is allowed in this user namespace; gVisor has no such file and allows it."""

_SWITCHES = {
    "/proc/sys/user/max_user_namespaces": "0",
    "/proc/sys/kernel/unprivileged_userns_clone": "0",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
}
"""Where a system forbids user namespaces, and the value with which it does."""


class UserNamespacesForbidden(NetnsError):
    """No user namespace can be made here; the message names what forbids it."""


class UserUnmapped(NetnsError):
    """The user is not mapped into this user namespace, so nobody can become that user."""


def as_user(
    uid: int, function: Callable[[], T], capabilities: Iterable[Capability] = (), *, timeout: float = 60.0
) -> T:
    """Run a function in a child as another user: no supplementary groups, group and user both ``uid``.

    In a user namespace that denies setgroups the supplementary groups stay (user_namespaces(7)).
    The child's permitted and effective capabilities are exactly ``capabilities``, whoever the user is.
    That user may be unable to read the interpreter's files: import before what the function needs.
    Raises what the function raises; UserUnmapped; NetnsError with EPERM without CAP_SETUID and CAP_SETGID,
    or for a capability that this thread lacks.
    """
    if not mapped(uid):
        raise UserUnmapped(errno.EINVAL, f"user {uid} is not in /proc/self/uid_map; run as root")
    kept, parent = bits(capabilities), os.getpid()
    codecs.lookup("idna")  # the socket module loads it at the first connection by name

    def as_that_user() -> T:
        with setting_up(f"user {uid}"):
            _become(uid, kept)
            die_with_parent(parent)
        return function()

    return in_child(as_that_user, timeout=timeout)


def in_user_namespace(function: Callable[[], T], *, timeout: float = 60.0) -> T:
    """Run a function in a child, as root of a fresh user namespace and inside its own network namespace.

    There the child has every capability, but none that counts in the initial user namespace. Loopback is up.
    Raises UserNamespacesForbidden where the system forbids it, and what the function raises.
    """

    def as_root_of_its_own() -> T:
        enter_user_namespace()
        with setting_up("loopback"):
            loopback_up()
        return function()

    return in_child(as_root_of_its_own, timeout=timeout)


def in_user_namespace_alone(function: Callable[[], T], *, timeout: float = 60.0) -> T:
    """Run a function in a child with every capability in a fresh user namespace, in the same network one.

    No user is mapped into it. What it can do there it can do to nothing that the network namespace governs.
    Raises UserNamespacesForbidden where the system forbids it, and what the function raises.
    """

    def with_capabilities_of_its_own() -> T:
        try:
            unshare(CLONE_NEWUSER)
        except OSError as error:
            raise _forbidden(error) from error
        return function()

    return in_child(with_capabilities_of_its_own, timeout=timeout)


def in_pid_namespace(function: Callable[[], T], *, timeout: float = 60.0) -> T:
    """Run a function in a child, as process 1 of a fresh PID namespace.

    What it starts ends with it. Raises what the function raises; NetnsError with EPERM without CAP_SYS_ADMIN.
    """

    def as_its_parent() -> T:
        with setting_up("a PID namespace"):
            unshare(CLONE_NEWPID)
        return in_child(function, timeout=timeout)

    return in_child(as_its_parent, timeout=timeout)


def enter_user_namespace() -> None:
    """Move this whole process, for good, into a user namespace in which it is root, and leave_host().

    It must leave, since only in a network namespace of its own has it the right to come back to where it was.

    User and group 0 inside are the caller's own outside; setgroups is denied, as the kernel asks of callers
    without CAP_SETGID (user_namespaces(7), "Defining user and group ID mappings").
    Only possible while the process has a single thread: at its very start.
    Raises UserNamespacesForbidden; when only what follows is refused, the process is of no use any more.
    """
    with setting_up("threads of this process"):
        threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise UserNamespacesForbidden(errno.EINVAL, "this process has several threads; enter at its start")
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare(CLONE_NEWUSER)
        if _SETGROUPS.exists():
            _SETGROUPS.write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        leave_host()
    except OSError as error:
        raise _forbidden(error) from error


def _forbidden(error: OSError) -> UserNamespacesForbidden:
    return UserNamespacesForbidden(error.errno, f"{error.strerror}: {_forbidden_by()}")


def _forbidden_by() -> str:
    for switch, forbids in _SWITCHES.items():
        path = Path(switch)
        if path.exists() and path.read_text().strip() == forbids:
            return f"{switch} is {forbids}; an administrator can change it"
    return "a limit, a security module, a chroot or a sandbox forbids it (user_namespaces(7), unshare(2))"


def mapped(uid: int) -> bool:
    """Whether a user is mapped into this user namespace, as all are into the initial one."""
    rows = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(int(start) <= uid < int(start) + int(count) for start, _, count in rows)


def _become(uid: int, kept: int) -> None:
    prctl(PR_SET_KEEPCAPS, 1)
    if not _SETGROUPS.exists() or _SETGROUPS.read_text().strip() == "allow":
        os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    capset(kept, kept, 0)
    # A process that changed its user does not own its own /proc files until it says that it may be dumped.
    prctl(PR_SET_DUMPABLE, 1)
