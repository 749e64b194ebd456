"""getsockopt(2) and setsockopt(2) for one option, written out with every constant in place.

An attribute must cost little more than the bare call. So each option's two functions are compiled
from a line of source, as the standard library does for named tuples, and the codecs that are one
C int let Python's own conversion work; every other codec goes through bytes.
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

BYTES_IN: Final = "decode(sock.getsockopt({level}, {number}, {size}))"
INTO: Final[dict[Codec[Any], str]] = {
    INT: "sock.getsockopt({level}, {number})",
    SIZE: "sock.getsockopt({level}, {number})",
    FLAG: "sock.getsockopt({level}, {number}) != 0",
    UNSIGNED: "sock.getsockopt({level}, {number}) & 0xFFFF_FFFF",
}
"""How what was read becomes a value."""

BYTES_OUT: Final = "encode(value)"
OUT: Final[dict[Codec[Any], str]] = {
    INT: "value",
    SIZE: "value if value >= 0 else encode(value)",
    FLAG: "value",
    UNSIGNED: "value if 0 <= value < 0x8000_0000 else encode(value)",
}
"""How a value becomes what is written."""

READ: Final = """
def call(sock):
    try:
        return {value}
    except OSError as refusal:
        return option.refuse_get(sock, refusal)
"""
WRITE: Final = """
def call(sock, value):
    try:
        sock.setsockopt({level}, {number}, {value})
    except OSError as refusal:
        option.refuse_set(sock, refusal)
    except MISFITS as reason:
        option.misfit(sock, value, reason)
"""


def reader(option: Option[Any]) -> Read:
    """The call that reads an option from a socket."""
    if option.codec.question is not None:
        return option.read_by_question
    return _compiled(READ, INTO.get(option.codec, BYTES_IN), option)


def writer(option: Option[Any]) -> Write:
    """The call that gives an option of a socket a value."""
    return _compiled(WRITE, OUT.get(option.codec, BYTES_OUT), option)


def _compiled(call: str, value: str, option: Option[Any]) -> Callable[..., Any]:
    codec = option.codec
    constants = {"level": int(option.level), "number": option.number, "size": codec.size}
    source = call.format(value=value.format(**constants), **constants)
    names = {"option": option, "decode": codec.decode, "encode": codec.encode, "MISFITS": MISFITS}
    exec(compile(source, f"<{option.name}>", "exec"), names)
    return names["call"]  # type: ignore[return-value]
