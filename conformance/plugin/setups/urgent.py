"""Urgent data."""

from __future__ import annotations

import select
import socket
import sys
from fcntl import ioctl
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Socket

SIOCATMARK: Final = 0x8905


def send_with_urgent_byte(sender: Socket) -> None:
    """Send ``abXcd`` and nothing more; the X is urgent."""
    send_pieces(sender, socket.MSG_OOB)


def send_pieces(sender: Socket, flags: int = 0) -> None:
    """Send ``ab``, ``X`` and ``cd`` and nothing more, the X with flags."""
    sender.send(b"ab")
    sender.send(b"X", flags)
    sender.send(b"cd")
    sender.shutdown(socket.SHUT_WR)


def await_urgent(sock: Socket) -> None:
    """Wait until urgent data is announced. A kernel that never announces it differs."""
    assert select.select([], [], [sock], SOON)[2], f"no urgent data announced within {SOON:g} seconds"


def at_mark(sock: Socket) -> bool:
    """Whether the stream is at the urgent mark (SIOCATMARK)."""
    return int.from_bytes(ioctl(sock, SIOCATMARK, bytes(4)), sys.byteorder) == 1
