"""Sockets that share an address."""

from __future__ import annotations

from collections.abc import Callable

from libsocket import Socket


def reusing_socket(reuse: bool = True, *, make: Callable[[], Socket] = Socket.tcp) -> Socket:
    """A socket with SO_REUSEADDR set or not, still to be bound."""
    sock = make()
    if reuse:
        sock.reuseaddr = True
    return sock
