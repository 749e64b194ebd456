"""getsockopt(2) and setsockopt(2) for one option, as a function of a socket.

The compiled ones (``_calls.c``) cost less than the bare call, because Python parses nothing; the plain
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
    from libsocket import _calls
if TYPE_CHECKING:
    from libsocket.option import Option

Read = Callable[[socket.socket], Any]
Write = Callable[[socket.socket, Any], None]

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


def reader(option: Option[Any]) -> Read:
    """The call that reads an option from a socket."""
    codec = option.codec
    if codec.question is not None:
        return option.read_by_question
    if not COMPILED:
        return _word_reader(option) if codec in FORMS else _bytes_reader(option)
    form = FORMS.get(codec, BYTES)
    return _calls.reader(option, option.level, option.number, form, codec.size, codec.decode)


def writer(option: Option[Any]) -> Write:
    """The call that gives an option of a socket a value."""
    codec = option.codec
    if not COMPILED:
        return _writer(option)
    form = FORMS.get(codec, BYTES)
    return _calls.writer(option, option.level, option.number, form, codec.size, codec.encode)


def _word_reader(option: Option[Any]) -> Read:
    level, number = int(option.level), option.number
    convert = FROM_INT.get(option.codec, int)

    def call(sock: socket.socket) -> Any:
        try:
            return convert(sock.getsockopt(level, number))
        except OSError as refusal:
            return option.refuse_get(sock, refusal)

    return call


def _bytes_reader(option: Option[Any]) -> Read:
    level, number, codec = int(option.level), option.number, option.codec

    def call(sock: socket.socket) -> Any:
        try:
            return codec.decode(sock.getsockopt(level, number, codec.size))
        except OSError as refusal:
            return option.refuse_get(sock, refusal)

    return call


def _writer(option: Option[Any]) -> Write:
    level, number = int(option.level), option.number
    encode: Callable[[Any], Any] = TO_INT.get(option.codec, option.codec.encode)

    def call(sock: socket.socket, value: Any) -> None:
        try:
            sock.setsockopt(level, number, encode(value))
        except OSError as refusal:
            option.refuse_set(sock, refusal)
        except Exception as reason:
            option.misfit(sock, value, reason)

    return call
