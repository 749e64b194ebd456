"""Ethernet frames as a packet socket sends and receives them."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Filter, Socket
from netns import Host

HEADER: Final = 14
"""Where what a frame carries begins."""
EXPERIMENTAL: Final = 0x88B5
"""An Ethernet type for local experiments (IEEE 802)."""
_ALL, _VLAN = 3, 0x8100
_TO_ALL, _FROM = b"\xff" * 6, b"\x02" * 6


def frames(taken: Filter) -> Socket:
    """A packet socket that receives those frames of all that come or go which a filter takes."""
    sock = Socket.packet(socket.SOCK_RAW, _ALL)
    sock.attach_filter = taken
    waiting_frames(sock)  # what came before the filter, such as a host's own
    sock.rcvtimeo = SOON
    return sock


def ethertype(frame: bytes) -> int:
    return int.from_bytes(frame[12:HEADER], "big")


def waiting_frames(sock: Socket) -> list[bytes]:
    """The frames that have arrived by now."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(sock.recv(70_000, socket.MSG_DONTWAIT))
    return found


def send_frame(host: Host, data: bytes, *, vlan: int | None = None) -> None:
    """Send a frame of the experimental type by the wire of a host, where this thread is."""
    tag = b"" if vlan is None else _VLAN.to_bytes(2, "big") + vlan.to_bytes(2, "big")
    with Socket.packet(socket.SOCK_RAW) as sock:
        sock.sendto(_TO_ALL + _FROM + tag + EXPERIMENTAL.to_bytes(2, "big") + data, (host.device, 0))
