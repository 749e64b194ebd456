"""Names in /run/netns, which ``ip netns`` lists: made on request only, removed when their owner is gone."""

from __future__ import annotations

import errno
import itertools
import os
import re
from contextlib import suppress
from pathlib import Path

from netns.errors import NetnsError
from netns.syscalls import MS_BIND, MS_REC, MS_SHARED, THREAD_NETNS, mount, umount

RUN = Path("/run/netns")

_OWNED = re.compile(r"lsc-(\d+)-(\d+)-(\d+)-\d+")
_ordinal = itertools.count(1)


class NameRefused(NetnsError):
    """No name could be made in /run/netns. A namespace without a name needs no rights there."""


def unique_name() -> str:
    """A name that identifies its process: ``lsc-<pid namespace>-<pid>-<start>-<n>``.

    remove_stale_names() removes it once the process is gone. The start is in clock ticks since boot
    (proc_pid_stat(5), field 22), so that a pid that is used again is not mistaken for the owner. A
    container may share /run and number its processes anew: it has another pid namespace.
    """
    return f"lsc-{_pid_namespace()}-{os.getpid()}-{_start_time(os.getpid())}-{next(_ordinal)}"


def add_name(name: str) -> None:
    """Name the network namespace this thread is in.

    The first name on a machine makes /run/netns a shared mount, as ``ip netns`` does, and that stays.
    Needs CAP_SYS_ADMIN in the initial user namespace and write access to /run. Raises NameRefused with the
    kernel's errno (EEXIST where the name is taken), ValueError for what cannot be the name of a file.
    """
    if name in {"", ".", ".."} or "/" in name or len(os.fsencode(name)) > 255:
        raise ValueError(f"{name!r} cannot be the name of a file in {RUN}")
    try:
        _share()
        os.close(os.open(RUN / name, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0))
    except FileExistsError as error:
        raise NameRefused(error.errno, f"{RUN / name} exists; choose another name") from error
    except OSError as error:
        raise _refusal(error) from error
    _bind(RUN / name)


def remove_name(name: str) -> None:
    """Remove a name; the namespace goes too unless something else uses it. An absent name is not an error."""
    with suppress(OSError):
        umount(str(RUN / name))
    (RUN / name).unlink(missing_ok=True)


def remove_stale_names() -> list[str]:
    """Remove the names that unique_name() made in processes that are gone, and no others; return them."""
    names = sorted(os.listdir(RUN)) if RUN.is_dir() else []
    stale = [name for name in names if _stale(name)]
    for name in stale:
        remove_name(name)
    return stale


def _stale(name: str) -> bool:
    owner = _OWNED.fullmatch(name)
    if owner is None or int(owner[1]) != _pid_namespace():
        return False
    return _start_time(int(owner[2])) != int(owner[3])


def _pid_namespace() -> int:
    """The inode of the pid namespace, in which a pid means something."""
    return os.stat("/proc/self/ns/pid").st_ino


def _start_time(pid: int) -> int | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(line.rpartition(")")[2].split()[19])


def _share() -> None:
    """Make /run/netns a shared mount, so that a name reaches every mount namespace that has it too."""
    made = not RUN.exists()
    RUN.mkdir(mode=0o755, exist_ok=True)
    try:
        _mount_shared()
    except OSError:
        if made:
            RUN.rmdir()
        raise


def _mount_shared() -> None:
    try:
        mount("", str(RUN), "none", MS_SHARED | MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # anything but: no mount yet
            raise
        mount(str(RUN), str(RUN), "none", MS_BIND | MS_REC)
        mount("", str(RUN), "none", MS_SHARED | MS_REC)


def _bind(path: Path) -> None:
    try:
        mount(THREAD_NETNS, str(path), "none", MS_BIND)
    except OSError as error:
        path.unlink()
        raise _refusal(error) from error


def _refusal(error: OSError) -> NameRefused:
    hint = ": that needs root of the initial user namespace" if isinstance(error, PermissionError) else ""
    return NameRefused(error.errno, f"no name can be made in {RUN} ({error.strerror}){hint}")
