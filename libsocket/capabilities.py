"""Whether the calling thread has a capability where an option asks for it. Source: capabilities(7)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from typing import Final

NUMBERS: Final = {"CAP_NET_BROADCAST": 11, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}
VERSION_3: Final = 0x2008_0522
DATA: Final = struct.Struct("@6I")
"""Effective, permitted, inheritable; then the upper halves of the same."""
INITIAL_USER_NAMESPACE: Final = 0xEFFF_FFFD
"""Its inode in every kernel: PROC_USER_INIT_INO."""
SIOCGSKNS: Final = 0x894C

_libc = ctypes.CDLL(None, use_errno=True)


def lacking(sock: socket.socket, capability: str, *, initially: bool) -> str | None:
    """What the thread would need to have a socket's option set, in words; None where it has it.

    ``initially``: the option asks in the initial user namespace, and not in the one that owns the socket's
    network namespace, where a capability of the thread's own user namespace may count.
    """
    effective = _effective() >> NUMBERS[capability] & 1
    if effective and (_in_initial_user_namespace() or (not initially and _owns_network(sock))):
        return None
    if initially:
        return f"{capability} in the initial user namespace"
    return f"{capability} in the user namespace that owns the socket's network" if effective else capability


def _effective() -> int:
    header, data = (
        ctypes.create_string_buffer(struct.pack("@Ii", VERSION_3, 0)),
        ctypes.create_string_buffer(24),
    )
    _libc.capget(header, data)
    effective: int = DATA.unpack(data.raw)[0]
    return effective


def _in_initial_user_namespace() -> bool:
    try:
        return os.stat("/proc/thread-self/ns/user").st_ino == INITIAL_USER_NAMESPACE
    except FileNotFoundError:  # a kernel without user namespaces
        return True


def _owns_network(sock: socket.socket) -> bool:
    """Whether capabilities count in the socket's network namespace, which is given to none but those."""
    try:
        os.close(fcntl.ioctl(sock, SIOCGSKNS))
    except OSError:
        return False
    return True
