"""Who owns a socket's signals, as fcntl(2) sets and reads it, and what signals come to whom."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import in_child

F_SETSIG: Final = 10
F_GETSIG: Final = 11
F_SETOWN_EX: Final = 15
F_GETOWN_EX: Final = 16
F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = 0, 1, 2
_OWNER = struct.Struct("@ii")


def set_owner_ex(sock: Socket, kind: int, number: int) -> None:
    fcntl.fcntl(sock, F_SETOWN_EX, _OWNER.pack(kind, number))


def owner_ex(sock: Socket) -> tuple[int, ...]:
    """The kind of owner and its number."""
    return _OWNER.unpack(fcntl.fcntl(sock, F_GETOWN_EX, bytes(_OWNER.size)))


def set_async(sock: Socket, number: int = 0) -> None:
    """Let a signal tell of events: SIGIO, or another."""
    fcntl.fcntl(sock, F_SETSIG, number)
    fcntl.fcntl(sock, fcntl.F_SETFL, fcntl.fcntl(sock, fcntl.F_GETFL) | os.O_ASYNC)


def dead_process() -> int:
    """The number of a process that is over."""
    return in_child(os.getpid)


def came(number: int, seconds: float = SOON) -> bool:
    """Whether a signal, which this thread blocks, comes to it or its process within some seconds."""
    return signal.sigtimedwait({number}, seconds) is not None
