"""getsockopt(2) and setsockopt(2) for one option, with everything that is constant bound.

An attribute must cost little more than the bare call, so the codecs that are one C int have calls of
their own, in which Python's int does the work; every other codec goes through bytes.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from libsocket.codecs import FLAG, INT, SIZE, UNSIGNED, Codec

if TYPE_CHECKING:
    from libsocket.option import Option

Read = Callable[[socket.socket], Any]
Write = Callable[[socket.socket, Any], None]

MISFITS: Final = (TypeError, ValueError, OverflowError, struct.error)
"""What encoding raises; Python's setsockopt raises TypeError for a number that is no C int."""


def reader(option: Option[Any]) -> Read:
    """The call that reads an option from a socket."""
    return _READERS.get(option.codec, _read_bytes)(option)


def writer(option: Option[Any]) -> Write:
    """The call that gives an option of a socket a value."""
    return _WRITERS.get(option.codec, _write_bytes)(option)


def _read_int(option: Option[Any]) -> Read:
    level, number = int(option.level), option.number

    def read(sock: socket.socket) -> int:
        try:
            return sock.getsockopt(level, number)
        except OSError as refusal:
            option.refuse_get(sock, refusal)

    return read


def _read_flag(option: Option[Any]) -> Read:
    level, number = int(option.level), option.number

    def read(sock: socket.socket) -> bool:
        try:
            return sock.getsockopt(level, number) != 0
        except OSError as refusal:
            option.refuse_get(sock, refusal)

    return read


def _read_unsigned(option: Option[Any]) -> Read:
    level, number = int(option.level), option.number

    def read(sock: socket.socket) -> int:
        try:
            return sock.getsockopt(level, number) & 0xFFFF_FFFF
        except OSError as refusal:
            option.refuse_get(sock, refusal)

    return read


def _read_bytes(option: Option[Any]) -> Read:
    level, number = int(option.level), option.number
    size, decode = option.codec.size, option.codec.decode

    def read(sock: socket.socket) -> Any:
        try:
            return decode(sock.getsockopt(level, number, size))
        except OSError as refusal:
            option.refuse_get(sock, refusal)

    return read


def _write_int(option: Option[Any]) -> Write:
    level, number = int(option.level), option.number

    def write(sock: socket.socket, value: int) -> None:
        try:
            sock.setsockopt(level, number, value)
        except OSError as refusal:
            option.refuse_set(sock, refusal)
        except MISFITS as reason:
            option.refuse_value(value, reason)

    return write


def _write_size(option: Option[Any]) -> Write:
    level, number, encode = int(option.level), option.number, option.codec.encode

    def write(sock: socket.socket, value: int) -> None:
        try:
            sock.setsockopt(level, number, value if value >= 0 else encode(value))
        except OSError as refusal:
            option.refuse_set(sock, refusal)
        except MISFITS as reason:
            option.refuse_value(value, reason)

    return write


def _write_unsigned(option: Option[Any]) -> Write:
    level, number, encode = int(option.level), option.number, option.codec.encode

    def write(sock: socket.socket, value: int) -> None:
        try:
            sock.setsockopt(level, number, value if 0 <= value < 0x8000_0000 else encode(value))
        except OSError as refusal:
            option.refuse_set(sock, refusal)
        except MISFITS as reason:
            option.refuse_value(value, reason)

    return write


def _write_bytes(option: Option[Any]) -> Write:
    level, number, encode = int(option.level), option.number, option.codec.encode

    def write(sock: socket.socket, value: Any) -> None:
        try:
            sock.setsockopt(level, number, encode(value))
        except OSError as refusal:
            option.refuse_set(sock, refusal)
        except MISFITS as reason:
            option.refuse_value(value, reason)

    return write


_READERS: Final[dict[Codec[Any], Callable[[Option[Any]], Read]]] = {
    INT: _read_int,
    SIZE: _read_int,
    FLAG: _read_flag,
    UNSIGNED: _read_unsigned,
}
_WRITERS: Final[dict[Codec[Any], Callable[[Option[Any]], Write]]] = {
    INT: _write_int,
    SIZE: _write_size,
    FLAG: _write_int,
    UNSIGNED: _write_unsigned,
}
