"""Urgent data."""

from __future__ import annotations

import socket

from libsocket import Socket


def send_with_urgent_byte(sender: Socket) -> None:
    """Send ``abXcd`` and nothing more; the X is urgent."""
    sender.send(b"ab")
    sender.send(b"X", socket.MSG_OOB)
    sender.send(b"cd")
    sender.shutdown(socket.SHUT_WR)
