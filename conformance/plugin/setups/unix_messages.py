"""Messages on UNIX sockets: as many as fit, all that have come, and data where there is no memory."""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import suppress
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Socket

_NUMBERS: Final = 10_000
"""As many as four digits can tell apart: no more messages are sent to a kernel that would take any number."""

_libc = ctypes.CDLL(None, use_errno=True)


def send_until_full(sock: Socket, size: int = 4, address: bytes | None = None) -> list[int]:
    """Send numbered messages of a size, to an address or the peer, until the next would wait."""
    sent: list[int] = []
    with suppress(BlockingIOError):
        for number in range(_NUMBERS):
            data = str(number).zfill(4).encode().ljust(size, b".")
            if address is None:
                sock.send(data, socket.MSG_DONTWAIT)
            else:
                sock.sendto(data, socket.MSG_DONTWAIT, address)
            sent.append(number)
    return sent


def numbers_received(sock: Socket) -> list[int]:
    """The numbers of all numbered messages that wait to be received."""
    received: list[int] = []
    with suppress(BlockingIOError):
        while len(received) <= _NUMBERS:
            received.append(int(sock.recv(4, socket.MSG_DONTWAIT)))
    return received


def impatient(*sockets: Socket) -> None:
    """Let a receive on each of them end where nothing comes."""
    for sock in sockets:
        sock.rcvtimeo = SOON


def recv_nothing(sock: Socket) -> int:
    """recv(2) into no room, which Python would not call; how many bytes it returns."""
    returned = int(_libc.recv(sock.fileno(), None, ctypes.c_size_t(0), 0))
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned


def data_nowhere(call: str, sock: Socket, flags: int = 0) -> None:
    """``send`` or ``recv`` with 9 bytes where there is no memory."""
    if _libc[call](sock.fileno(), ctypes.c_void_p(1), ctypes.c_size_t(9), flags) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
