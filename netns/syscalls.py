"""The bare system calls. The standard library has unshare and setns only from Python 3.12, the rest never."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import struct
from typing import NoReturn

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x4_0000
MS_SHARED = 0x10_0000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8

THREAD_NETNS = "/proc/thread-self/ns/net"
"""The network namespace of the calling thread; /proc/self is the main thread's."""

_CAPABILITY_VERSION_3 = 0x2008_0522
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_LOOPBACK_UP = struct.pack("16sH22x", b"lo", _IFF_UP)

_libc = ctypes.CDLL(None, use_errno=True)


def _refused(call: str) -> NoReturn:
    code = ctypes.get_errno()
    raise OSError(code, f"{call}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    if _libc.unshare(flags) == -1:
        _refused("unshare")


def setns(fd: int, flags: int) -> None:
    if _libc.setns(fd, flags) == -1:
        _refused("setns")


def prctl(option: int, value: int) -> None:
    unused = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), unused, unused, unused) == -1:
        _refused("prctl")


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    filesystem = kind.encode() if kind else None
    if _libc.mount(source.encode(), target.encode(), filesystem, ctypes.c_ulong(flags), None) == -1:
        _refused(f"mount on {target}")


def umount(target: str) -> None:
    """Detach what is mounted there, now or once nothing uses it."""
    if _libc.umount2(target.encode(), MNT_DETACH) == -1:
        _refused(f"umount of {target}")


def capget() -> tuple[int, int, int]:
    """The effective, permitted and inheritable sets of this thread, bit n for capability n."""
    words = (ctypes.c_uint32 * 6)()
    if _libc.capget(_header(), words) == -1:
        _refused("capget")
    low, high = words[:3], words[3:]
    return low[0] | high[0] << 32, low[1] | high[1] << 32, low[2] | high[2] << 32


def capset(effective: int, permitted: int, inheritable: int) -> None:
    sets = (effective, permitted, inheritable)
    low, high = [each & 0xFFFF_FFFF for each in sets], [each >> 32 for each in sets]
    if _libc.capset(_header(), (ctypes.c_uint32 * 6)(*low, *high)) == -1:
        _refused("capset")


def _header() -> ctypes.Array[ctypes.c_uint32]:
    return (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)


def loopback_up() -> None:
    """Set ``lo`` up in the namespace of this thread. Twenty times faster than a netlink library for one link.

    Where the call is refused, loopback may be up all the same: gVisor lacks the call and keeps it up.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            fcntl.ioctl(sock, _SIOCSIFFLAGS, _LOOPBACK_UP)
        except OSError:
            if not _is_up(fcntl.ioctl(sock, _SIOCGIFFLAGS, _LOOPBACK_UP)):
                raise


def _is_up(request: bytes) -> bool:
    flags: int = struct.unpack_from("16xH", request)[0]
    return bool(flags & _IFF_UP)


def abort(why: str) -> NoReturn:
    """End the process now: its namespace or capabilities are not what the code after this expects."""
    os.write(2, f"\nlibsocket-conformance: {why}; aborting.\n".encode())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()
