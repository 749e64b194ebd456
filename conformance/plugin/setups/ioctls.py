"""Numbers that ioctls give."""

from __future__ import annotations

import sys
from fcntl import ioctl

from libsocket import Socket


def asked(sock: Socket, request: int) -> int:
    """The int that an ioctl gives."""
    return int.from_bytes(ioctl(sock, request, bytes(4)), sys.byteorder)
