"""What can go wrong between a kernel's name and a running guest, one class each.

Every message names what was tried and what to do about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

EX_UNAVAILABLE = os.EX_UNAVAILABLE
"""Exit status: a kernel cannot be had or started, or died before its command ended (sysexits.h: 69)."""


class KernelError(Exception):
    """A kernel cannot be had or cannot be started. The command line exits with EX_UNAVAILABLE."""

    details = ""
    """What another program printed of it, if that helps."""


class UnknownKernel(KernelError):
    """The name is not that of a known kernel."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{name!r} is not a known kernel. Known kernels: {', '.join(known)}; "
            "or give a kernel you built as uml:PATH or virtme:PATH."
        )


class NotInArchive(KernelError):
    """The series is known, but the archive no longer (or not yet) holds it."""

    def __init__(self, name: str, suites: Sequence[str]) -> None:
        super().__init__(
            f"there is no complete set of packages for {name!r} in {', '.join(suites)}. Ask the archive "
            "again with 'python -m kernels list --refresh', or give a kernel you built as uml:PATH or "
            "virtme:PATH."
        )


class NotAKernel(KernelError):
    """The file at the given path is not a kernel of the given kind."""

    def __init__(self, path: Path, why: str, wanted: str) -> None:
        super().__init__(f"{path} cannot be started as a kernel because {why}. Give {wanted}.")


class NoArchive(KernelError):
    """Nothing is to be had from the package archive. What is derived of this knows the cause."""

    way_out = ""
    """What can be done about the cause itself."""

    def __init__(self, why: str) -> None:
        name = f"{self.way_out}, or name" if self.way_out else "Name"
        super().__init__(
            f"the package archive is not available: {why}. {name} another mirror with --mirror (or "
            "KERNELS_MIRROR) and its keyring with --keyring (or KERNELS_KEYRING), or give a kernel you built "
            "as uml:PATH."
        )
        self.why = why


class NoSource(NoArchive):
    """The machine's apt has no source that packages could come from."""

    way_out = "Give apt one (sources.list(5))"


class NoSuite(NoArchive):
    """The mirrors are there, but have no such suite."""


class NoKeyring(NoArchive):
    """The file with the keys that an archive is verified with is not there."""

    way_out = "Install it (Debian's is in the package debian-archive-keyring)"

    def __init__(self, keyring: str, mirror: str) -> None:
        super().__init__(f"{mirror} is verified with {keyring}, and that file is missing or cannot be read")


class NotVerified(NoArchive):
    """What the archive sent is not signed, or not by a key that is trusted for it."""

    way_out = "Install the archive's keys (Debian's are in the package debian-archive-keyring)"


class Expired(NoArchive):
    """The index is older than its suite allows, or younger than the clock."""

    way_out = (
        "Set this machine's clock if it is wrong, let apt take what has expired, as archived suites do "
        "('Acquire::Check-Valid-Until \"false\";' in a file of /etc/apt/apt.conf.d)"
    )


class Unreachable(NoArchive):
    """Nothing comes from the mirror: no network, no such host, a refusal."""

    way_out = "Look at this machine's network and at apt's proxy (Acquire::http::Proxy, http_proxy)"


class Inconsistent(NoArchive):
    """What the mirror has is not what its index says."""

    way_out = (
        "It may have changed since its index was fetched: ask again with 'python -m kernels list --refresh'"
    )


class NoApt(KernelError):
    """There is no apt on this machine, and only apt fetches packages with their signatures verified."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"{program} is not installed on this machine, so no package can be fetched and verified. "
            "Install apt and dpkg, or give a kernel you built as uml:PATH or virtme:PATH."
        )


class NoSpace(KernelError):
    """The disk has less free space than a download needs."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        super().__init__(
            f"not enough disk space in {folder}: {needed >> 20} MiB are needed and {free >> 20} MiB are "
            "free. Free some ('python -m kernels clean'), or put the cache elsewhere with XDG_CACHE_HOME."
        )


class CacheUnwritable(KernelError):
    """The cache folder cannot be written."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"the cache folder {folder} cannot be written: {why}. Name another with XDG_CACHE_HOME."
        )


class MissingProgram(KernelError):
    """A program that this backend needs is not on this machine."""

    def __init__(self, program: str, what_for: str, how: str) -> None:
        super().__init__(f"{program} is needed {what_for} and is not installed on this machine. {how}")


class PtraceForbidden(KernelError):
    """The host does not let user-mode Linux trace its own processes."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"this host does not let user-mode Linux trace its own processes (ptrace): {message!r}. Look at "
            "/proc/sys/kernel/yama/ptrace_scope (3 forbids it) and at the container's seccomp profile, "
            "or use a full kernel: virtme:SERIES."
        )


class NoNamespaces(KernelError):
    """The kernel was built without network namespaces, which every test needs."""

    def __init__(self, kernel: str) -> None:
        super().__init__(
            f"{kernel} has no network namespaces. Build it with CONFIG_NET_NS=y "
            "(and CONFIG_VETH, CONFIG_DUMMY, CONFIG_IPV6)."
        )


class PathNotBootable(KernelError):
    """A path that a guest needs cannot be passed to it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be used in a guest: {why}. Use another folder.")


class FolderUnwritable(KernelError):
    """The folder that a guest and its host share cannot be written."""

    def __init__(self, folder: Path | str, error: OSError) -> None:
        super().__init__(
            f"no guest can be started with the folder {folder}: {error.strerror or error}. Make room there, "
            "or name another (TMPDIR, or --shared)."
        )


class Unreadable(KernelError):
    """The user who runs the guest cannot read a file that the command needs."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} cannot be read by the user who runs the guest, and the guest reads with that user's "
            "rights. Use an interpreter and a folder that this user can read."
        )


class UnknownSource(KernelError):
    """The name is neither a series whose source the archive has nor a file."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{name!r} is nothing to build a kernel from. Give a series ({', '.join(known)}), a tarball, a "
            "folder with a kernel's tree, or TREE@COMMIT of a git repository."
        )


class NotASource(KernelError):
    """What was named holds no source of Linux."""

    def __init__(self, name: Path | str, why: str) -> None:
        super().__init__(
            f"no kernel can be built from {name}: {why}. Give the tree of a Linux that has arch/um, or a "
            "tarball of one."
        )


class BadName(KernelError):
    """A name that a kernel cannot have."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} cannot be the name of a kernel. Take letters, digits and . _ + -, with a letter or a "
            "digit first."
        )


class NotBuilt(KernelError):
    """No kernel of that name was built."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        there = ", ".join(known) or "none"
        super().__init__(
            f"no kernel was built under the name {name!r}; there are: {there}. Build one: "
            f"python -m kernels build SOURCE -o {name or 'NAME'}."
        )


class NotCounting(KernelError):
    """A kernel does not count what of it runs."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} does not count what of it runs. Build one that does: "
            "python -m kernels build SOURCE --gcov -o NAME."
        )


class BadCounters(KernelError):
    """What a run kept of a kernel's counters cannot be read, or is another kernel's."""

    def __init__(self, place: Path, why: str) -> None:
        super().__init__(
            f"{place} holds no counters of this kernel: {why}. Keep them with: "
            "pytest conformance/ --kernel built:NAME --counters DIR, of the kernel that is named here."
        )


class MissingTools(KernelError):
    """Programs that a build needs are not on this machine."""

    def __init__(self, missing: Iterable[str], packages: Iterable[str]) -> None:
        super().__init__(
            f"a kernel cannot be built here without: {', '.join(missing)}. Install them (Debian: apt-get "
            f"install --no-install-recommends {' '.join(packages)})."
        )


class BadPatch(KernelError):
    """A patch cannot be read, or does not apply."""

    def __init__(self, patch: Path, why: str) -> None:
        super().__init__(
            f"the patch {patch} cannot be used: {why}. Patches are applied in the order given, as "
            "'git apply' does in the top of the tree."
        )


class NotConfigurable(KernelError):
    """User-mode Linux of this version cannot have what was asked for."""

    def __init__(self, version: str, option: str, symbol: str) -> None:
        super().__init__(
            f"user-mode Linux {version} cannot be built with --{option}: {symbol} is not to be had there "
            "with this compiler. Leave the option out, or take a newer series."
        )


class BuildFailed(KernelError):
    """A build ended with an error; ``details`` are the lines of its log that say why."""

    def __init__(self, name: str, command: str, log: Path, details: str) -> None:
        super().__init__(
            f"{name} could not be built: '{command}' failed, see above. The whole log is {log}. Mend the "
            "tree or the patch and build again; nothing of this build is kept."
        )
        self.details = details
