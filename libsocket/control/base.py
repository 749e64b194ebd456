"""What the values of control messages are made of."""

from __future__ import annotations

from typing import Self

from libsocket.codecs import octets


class Number(int):
    """A number with the name of what it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"


class Octets(bytes):
    """Bytes with the name of what they are; TypeError for a number, which is no length here."""

    __slots__ = ()

    def __new__(cls, data: bytes | bytearray | memoryview = b"") -> Self:
        return super().__new__(cls, octets(data))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    __str__ = __repr__
