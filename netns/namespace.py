"""Throwaway network namespaces: made, entered, closed. The kernel removes one when nothing refers to it."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import Self

from netns.errors import NetnsError, setting_up
from netns.links import Links
from netns.names import add_name, remove_name
from netns.syscalls import CLONE_NEWNET, THREAD_NETNS, abort, loopback_up, setns, unshare
from netns.sysctl import Sysctl, export_initial_sysctls

_HINTS = {
    errno.EPERM: "this thread lacks CAP_SYS_ADMIN there, or a sandbox forbids it; "
    "run as root, or call enter_user_namespace() at the start",
    errno.ENOSPC: "the limit in /proc/sys/user/max_net_namespaces is reached; raise it, or close namespaces",
    errno.EINVAL: "this kernel has no network namespaces (CONFIG_NET_NS); run on one that has",
    errno.ENOSYS: "this kernel has no namespaces; run on one that has",
}


_INITIAL_NETNS = "/proc/1/ns/net"


class NamespaceRefused(NetnsError):
    """The kernel let this thread neither make nor enter a network namespace; it is where it was."""


def _refusal(error: OSError) -> NamespaceRefused:
    hint = _HINTS.get(error.errno or 0, "see unshare(2) and setns(2)")
    return NamespaceRefused(error.errno, f"{error.strerror}: {hint}")


@contextmanager
def _restored() -> Iterator[None]:
    """Whatever happens in the block, this thread ends in the namespace it began in, or the process ends."""
    home = _open()
    try:
        _setns(home)  # the way back is tried while this thread is still at home
        try:
            yield
        finally:
            _return(home)
    finally:
        os.close(home)


def _setns(fd: int) -> None:
    try:
        setns(fd, CLONE_NEWNET)
    except OSError as error:
        raise _refusal(error) from error


def _return(home: int) -> None:
    try:
        setns(home, CLONE_NEWNET)
    except OSError as error:
        abort(f"no way back to the network namespace this thread came from ({error})")


def leave_host() -> None:
    """Put this thread, for good, into a new network namespace in which nothing is up, not even loopback.

    For a test runner: a test that forgets its Namespace then meets ENETUNREACH, never the host's
    network, and leaving a Namespace returns there. To be called by the main thread before there are others:
    threads and processes inherit the namespace of their maker. The programs started from here
    find what initial_sysctl() returns in the environment.
    Raises NamespaceRefused.
    """
    export_initial_sysctls()
    _unshare()


def _unshare() -> None:
    try:
        unshare(CLONE_NEWNET)
    except OSError as error:
        raise _refusal(error) from error


@contextmanager
def _entered(fd: int) -> Iterator[None]:
    with _restored():
        _setns(fd)
        yield


def _new() -> int:
    with _restored():
        _unshare()
        with setting_up("loopback"):
            loopback_up()
        return _open()


def _open() -> int:
    """The namespace that this thread is in."""
    with setting_up(f"{THREAD_NETNS}, the network namespace of this thread"):
        return os.open(THREAD_NETNS, os.O_RDONLY | os.O_CLOEXEC)


@contextmanager
def initial_sysctl_set(name: str, value: str | int) -> Iterator[None]:
    """Set a sysctl of the whole kernel, ``net.core.rmem_max``, for the block: in the namespace of process 1.

    Only for a kernel that runs nothing else, as in a guest. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN there.
    Raises KeyError where it is not shown, NetnsError where it cannot be set, NamespaceRefused where the
    namespace cannot be entered.
    """
    sysctl = Sysctl(_initial)
    before = sysctl[name]
    sysctl[name] = value
    try:
        yield
    finally:
        sysctl[name] = before


@contextmanager
def _initial() -> Iterator[None]:
    with (
        setting_up("the initial network namespace"),
        open(_INITIAL_NETNS) as initial,
        _entered(initial.fileno()),
    ):
        yield


class Namespace(Links):
    """A network namespace of its own, with loopback up and nothing else.

    ``with Namespace() as ns:`` puts this thread inside for the block and closes after it. Sockets and
    threads made inside belong to it, and it lives on in the kernel until the last of them is gone.

    It has no name. Where a person asks for one, ``Namespace(unique_name())`` is in /run/netns, where
    ``ip netns`` sees it, until it is closed; should the process be killed, remove_stale_names() removes
    the name. Any other name is removed on closing too, but not by remove_stale_names().

    Needs CAP_SYS_ADMIN in the user namespace of the process (network_namespaces(7), unshare(2)).
    Raises NamespaceRefused, with the kernel's errno, where that is refused.
    """

    _fd = -1
    _name: str | None = None

    def __init__(self, name: str | None = None) -> None:
        self._inside: ExitStack | None = None
        self._fd = _new()
        if name is not None:
            self._add_name(name)

    @property
    def fd(self) -> int:
        """The descriptor that keeps the namespace alive; -1 once closed."""
        return self._fd

    def fileno(self) -> int:
        return self._fd

    @property
    def closed(self) -> bool:
        return self._fd == -1

    @property
    def name(self) -> str | None:
        """The name that goes when the namespace is closed."""
        return self._name

    @property
    def sysctl(self) -> Sysctl:
        """Its sysctls below ``net``, to read and to set."""
        return Sysctl(self.entered)

    def entered(self) -> AbstractContextManager[None]:
        """A block with the calling thread inside: any thread, nested at will. Then it is back where it was.

        Raises ValueError when closed, NamespaceRefused without CAP_SYS_ADMIN.
        """
        if self.closed:
            raise ValueError("this Namespace is closed")
        return _entered(self._fd)

    def keep(self, name: str) -> str:
        """Name it in /run/netns for good, for a person to look at; return the command that enters it.

        The name outlives close() and the process; remove_name(name) or ``ip netns delete`` removes it.
        Raises NameRefused without the rights, or when the name is taken.
        """
        with self.entered():
            add_name(name)
        return f"ip netns exec {shlex.quote(name)} sh"

    def close(self) -> None:
        """Close the descriptor and remove the name; again is fine. A thread that is inside stays inside."""
        fd, self._fd = self._fd, -1
        name, self._name = self._name, None
        if fd != -1:
            os.close(fd)
        if name is not None:
            remove_name(name)

    def _add_name(self, name: str) -> None:
        try:
            self.keep(name)
        except BaseException:
            self.close()
            raise
        self._name = name

    def __enter__(self) -> Self:
        if self._inside is not None:
            raise RuntimeError("this Namespace is in use by a with statement; nest with entered()")
        with ExitStack() as stack:
            stack.callback(self.close)
            stack.enter_context(self.entered())
            self._inside = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inside, self._inside = self._inside, None
        if inside is not None:
            inside.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<Namespace closed>" if self.closed else f"<Namespace net:[{os.fstat(self._fd).st_ino}]>"
