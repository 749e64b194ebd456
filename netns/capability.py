"""Linux capabilities of the calling thread, dropped and restored.

Capabilities belong to a thread (capabilities(7), "Thread capability sets"), so most refusals can be seen
without a second process.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from netns.errors import setting_up
from netns.syscalls import abort, capget, capset


class Capability(enum.IntEnum):
    """Every capability, by the kernel's number (capabilities(7), include/uapi/linux/capability.h)."""

    CHOWN = 0
    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    FOWNER = 3
    FSETID = 4
    KILL = 5
    SETGID = 6
    SETUID = 7
    SETPCAP = 8
    LINUX_IMMUTABLE = 9
    NET_BIND_SERVICE = 10
    NET_BROADCAST = 11
    NET_ADMIN = 12
    NET_RAW = 13
    IPC_LOCK = 14
    IPC_OWNER = 15
    SYS_MODULE = 16
    SYS_RAWIO = 17
    SYS_CHROOT = 18
    SYS_PTRACE = 19
    SYS_PACCT = 20
    SYS_ADMIN = 21
    SYS_BOOT = 22
    SYS_NICE = 23
    SYS_RESOURCE = 24
    SYS_TIME = 25
    SYS_TTY_CONFIG = 26
    MKNOD = 27
    LEASE = 28
    AUDIT_WRITE = 29
    AUDIT_CONTROL = 30
    SETFCAP = 31
    MAC_OVERRIDE = 32
    MAC_ADMIN = 33
    SYSLOG = 34
    WAKE_ALARM = 35
    BLOCK_SUSPEND = 36
    AUDIT_READ = 37
    PERFMON = 38
    """Since Linux 5.8."""
    BPF = 39
    """Since Linux 5.8."""
    CHECKPOINT_RESTORE = 40
    """Since Linux 5.9."""

    def __str__(self) -> str:
        return f"CAP_{self.name}"


def bits(capabilities: Iterable[Capability]) -> int:
    return sum(1 << capability for capability in set(capabilities))


def effective() -> frozenset[Capability]:
    """What this thread may do now. In another user namespace this says nothing of the initial one."""
    with setting_up("capabilities of this thread"):
        held = capget()[0]
    return frozenset(capability for capability in Capability if held >> capability & 1)


@contextmanager
def _keeping(mask: int) -> Iterator[None]:
    # Only the effective set shrinks: what stays permitted can be taken back at the end.
    with setting_up("capabilities of this thread"):
        held, permitted, inheritable = capget()
        capset(held & mask, permitted, inheritable)
    try:
        yield
    finally:
        try:
            capset(held, permitted, inheritable)
        except OSError as error:
            abort(f"the capabilities of this thread could not be restored ({error})")


def without(*capabilities: Capability) -> AbstractContextManager[None]:
    """A block in which this thread lacks these capabilities; one that it never had is not an error.

    Raises NetnsError where a sandbox forbids to drop any.
    """
    return _keeping(~bits(capabilities))


def only(*capabilities: Capability) -> AbstractContextManager[None]:
    """A block in which this thread has no capability but these; none is gained."""
    return _keeping(bits(capabilities))
