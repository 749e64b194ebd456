"""What the values of control messages are made of."""

from __future__ import annotations


class Number(int):
    """A number with the name of what it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"


class Octets(bytes):
    """Bytes with the name of what they are."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"

    __str__ = __repr__
