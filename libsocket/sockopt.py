"""getsockopt(2) and setsockopt(2) for one option, as a function of a socket.

The compiled ones (``_sockopt.pyx``) cost less than the bare call, because Python parses nothing; the plain
ones below do the same.
"""

from __future__ import annotations

import operator
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from libsocket.codecs import FLAG, INT, SIZE, UNSIGNED, Codec, natural
from libsocket.compiled import COMPILED

if TYPE_CHECKING or COMPILED:
    from libsocket._sockopt import reader as compiled_reader
    from libsocket._sockopt import writer as compiled_writer

family_of: Final[Any] = socket.SocketType.family.__get__
"""The family of a socket as a number, below Python's property."""
Read = Callable[[socket.socket], Any]
Write = Callable[[socket.socket, Any], None]


Failed = Callable[[socket.socket, OSError], Any]
"""What an error of the kernel is handed to; what it returns, if it does, is what the call returns."""
EncodeFailed = Callable[[socket.socket, Any, Exception], None]
"""The same for a value that could not be encoded."""

BYTES: Final = "s"
FORMS: Final[dict[Codec[Any], str]] = {INT: "i", SIZE: "n", FLAG: "?", UNSIGNED: "I"}
"""Codecs of one word, as the struct module would call them; ``n`` is an int that is not negative."""
FROM_INT: Final[dict[Codec[Any], Callable[[int], Any]]] = {
    FLAG: bool,
    UNSIGNED: lambda word: word & 0xFFFF_FFFF,
}
"""What becomes of the C int that Python reads."""
TO_INT: Final[dict[Codec[Any], Callable[[Any], int]]] = {
    INT: operator.index,
    FLAG: operator.index,
    SIZE: natural,
}
"""What Python itself may turn into a C int."""


def reader(level: int, number: int, codec: Codec[Any], failed: Failed) -> Read:
    """The call that reads an option from a socket."""
    if COMPILED:
        form = FORMS.get(codec, BYTES)
        return compiled_reader(failed, level, number, form, codec.size, codec.decode)
    read = _read_word if codec in FORMS else _read_bytes
    return read(level, number, codec, failed)


def writer(level: int, number: int, codec: Codec[Any], failed: Failed, encode_failed: EncodeFailed) -> Write:
    """The call that gives an option of a socket a value."""
    if COMPILED:
        form = FORMS.get(codec, BYTES)
        return compiled_writer(failed, level, number, form, codec.size, codec.encode, encode_failed)
    return _write(level, number, codec, failed, encode_failed)


def _read_word(level: int, number: int, codec: Codec[Any], failed: Failed) -> Read:
    convert = FROM_INT.get(codec, int)
    read_bytes = _read_bytes(level, number, codec, failed)

    def call(sock: socket.socket) -> Any:
        if family_of(sock) == socket.AF_VSOCK:  # where Python's int has 64 bits
            return read_bytes(sock)
        try:
            return convert(sock.getsockopt(level, number))
        except OSError as error:
            return failed(sock, error)

    return call


def _read_bytes(level: int, number: int, codec: Codec[Any], failed: Failed) -> Read:
    size, decode = codec.size, codec.decode

    def call(sock: socket.socket) -> Any:
        try:
            return decode(sock.getsockopt(level, number, size))
        except OSError as error:
            return failed(sock, error)

    return call


def _write(level: int, number: int, codec: Codec[Any], failed: Failed, encode_failed: EncodeFailed) -> Write:
    encode: Callable[[Any], Any] = TO_INT.get(codec, codec.encode)

    def call(sock: socket.socket, value: Any) -> None:
        way = codec.encode if family_of(sock) == socket.AF_VSOCK else encode
        try:
            sock.setsockopt(level, number, way(value))
        except OSError as error:
            failed(sock, error)
        except Exception as reason:
            encode_failed(sock, value, reason)

    return call
