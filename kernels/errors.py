"""What can go wrong between a kernel's name and a running guest, one class each.

Every message says what was tried and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


class KernelError(Exception):
    """A kernel cannot be had or cannot be started. The command line answers it with exit status 4."""


class UnknownKernel(KernelError):
    """The name is no kernel that is known here."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{name!r} is no known kernel. Known are: {', '.join(known)}; "
            "or give a kernel you built as uml:PATH or virtme:PATH."
        )


class NotInArchive(KernelError):
    """The series is known, but the archive no longer (or not yet) holds it."""

    def __init__(self, name: str, suites: Sequence[str]) -> None:
        super().__init__(
            f"no whole set of packages for {name!r} in {', '.join(suites)}. Ask the archive anew with "
            "'python -m kernels list --refresh', or give a kernel you built as uml:PATH or virtme:PATH."
        )


class NotAKernel(KernelError):
    """The path that was given holds no kernel of the asked kind."""

    def __init__(self, path: Path, why: str, wanted: str) -> None:
        super().__init__(f"{path} is no kernel to start: {why}. Give {wanted}.")


class NoArchive(KernelError):
    """No package archive could be asked."""

    def __init__(self, tried: str, why: str) -> None:
        super().__init__(
            f"no archive could be asked: tried {tried}; {why}. Name one with --mirror (or KERNELS_MIRROR) "
            "and its keyring with --keyring (or KERNELS_KEYRING), or give a kernel you built as uml:PATH."
        )


class NoApt(KernelError):
    """There is no apt on this machine, and only apt fetches packages with their signatures verified."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"{program} is not on this machine, so no package can be fetched and verified. "
            "Install apt and dpkg, or give a kernel you built as uml:PATH or virtme:PATH."
        )


class NoRoom(KernelError):
    """The disk would run full."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        super().__init__(
            f"no room below {folder}: {needed >> 20} MiB are needed and {free >> 20} MiB are free. Make room "
            "('python -m kernels clean'), or put the cache elsewhere with XDG_CACHE_HOME."
        )


class NoCache(KernelError):
    """The folder in which kernels are kept cannot be written."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"kernels cannot be kept in {folder}: {why}. Name a folder of your own with XDG_CACHE_HOME."
        )


class MissingProgram(KernelError):
    """A program that this backend needs is not on this machine."""

    def __init__(self, program: str, what_for: str, how: str) -> None:
        super().__init__(f"{program} is needed {what_for} and is not on this machine. {how}")


class HostRefuses(KernelError):
    """The host is hardened so that user-mode Linux cannot trace its own processes."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"this host refuses user-mode Linux to trace its own processes (ptrace): {said!r}. Look at "
            "/proc/sys/kernel/yama/ptrace_scope (3 forbids it) and at the container's seccomp profile, "
            "or use a full kernel: virtme:SERIES."
        )


class NoNamespaces(KernelError):
    """The kernel was built without network namespaces, so nothing here can run in it."""

    def __init__(self, kernel: str) -> None:
        super().__init__(
            f"{kernel} has no network namespaces. Build it with CONFIG_NET_NS=y "
            "(and CONFIG_VETH, CONFIG_DUMMY, CONFIG_IPV6)."
        )


class Unreadable(KernelError):
    """What the command needs cannot be read by the user who runs the guest."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} cannot be read by the user who runs the guest, and the guest reads with that user's "
            "rights. Use an interpreter and a folder that this user can read."
        )
