"""Options set on a socket of their own, for another process to do."""

from __future__ import annotations

from typing import TypeVar

from libsocket import Option, Socket

T = TypeVar("T")


def set_on_udp(option: Option[T], value: T) -> None:
    """Set an option on a fresh UDP socket."""
    with Socket.udp() as sock:
        sock.set(option, value)


def read_back_on_udp(option: Option[T], value: T) -> T:
    """Set an option on a fresh UDP socket and read it."""
    with Socket.udp() as sock:
        sock.set(option, value)
        return sock.get(option)
