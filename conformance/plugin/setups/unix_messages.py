"""Messages on UNIX sockets: as many as fit, and all that have come."""

from __future__ import annotations

import socket
from contextlib import suppress
from itertools import count

from conformance.plugin.timing import SOON
from libsocket import Socket


def send_until_full(sock: Socket, size: int = 4, address: bytes | None = None) -> list[int]:
    """Send numbered messages of a size, to an address or the peer, until the next would wait."""
    sent: list[int] = []
    with suppress(BlockingIOError):
        for number in count():
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
        while True:
            received.append(int(sock.recv(4, socket.MSG_DONTWAIT)))
    return received


def impatient(*sockets: Socket) -> None:
    """Let a receive on each of them end where nothing comes."""
    for sock in sockets:
        sock.rcvtimeo = SOON
