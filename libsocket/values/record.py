"""Structures that grow with the kernel: kept as bytes, each field decoded when it is read."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

__all__ = ["Record"]

T = TypeVar("T")


class Field(Generic[T]):
    """One field, at the place where C puts it: after the one before, aligned to its own size.

    ``bits`` makes it a bit field, ``low`` bits above the low end (as a little-endian compiler counts)
    of a number that it shares with the fields before it, unless ``low`` is 0.
    """

    __slots__ = ("bits", "form", "kind", "low", "name", "offset")

    def __init__(self, layout: str, kind: type[T], bits: int = 0, low: int = 0) -> None:
        self.form: struct.Struct = struct.Struct("=" + layout)
        self.kind: type[T] = kind
        self.bits: int = bits
        self.low: int = low
        self.name: str = ""
        self.offset: int = 0

    @property
    def end(self) -> int:
        """How long a structure must be to have this field."""
        return self.offset + self.form.size

    def placed(self, offset: int) -> int:
        """Put it at or after an offset; where the next one may go."""
        if self.low:
            self.offset = offset - self.form.size
            return offset
        self.offset = -(-offset // self.form.size) * self.form.size
        return self.end

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type) -> Self: ...
    @overload
    def __get__(self, record: Record, owner: type) -> T: ...
    def __get__(self, record: Record | None, owner: type) -> Self | T:
        if record is None:
            return self
        if self.end > len(record.data):
            raise AttributeError(self.name)  # which sends Python to Record.__getattr__
        return self.kind(self._of(record.data))  # type: ignore[call-arg]

    def _of(self, data: bytes) -> int:
        number: int = self.form.unpack_from(data, self.offset)[0]
        if not self.bits:
            return number
        high_first = 8 * self.form.size - self.low - self.bits
        return number >> (self.low if sys.byteorder == "little" else high_first) & ((1 << self.bits) - 1)


def number(layout: str) -> Field[int]:
    """A field that is a number, ``layout`` as the struct module names it."""
    return Field(layout, int)


def bits(layout: str, width: int, low: int = 0) -> Field[int]:
    """A bit field that is a number."""
    return Field(layout, int, width, low)


def bit(layout: str, low: int = 0) -> Field[bool]:
    """A bit field of one bit."""
    return Field(layout, bool, 1, low)


class Record:
    """A structure as the kernel gave it, however much of it that was.

    Reading a field that this kernel does not have raises AttributeError; ``as_dict`` gives the others.
    """

    __slots__ = ("data",)

    c_name: ClassVar[str] = ""
    """What it is in C."""
    fields: ClassVar[tuple[Field[Any], ...]] = ()
    """Every field, in order."""

    def __init__(self, data: bytes) -> None:
        self.data: bytes = data

    def __init_subclass__(cls, c_name: str) -> None:
        cls.c_name = c_name
        cls.fields = tuple(field for field in vars(cls).values() if isinstance(field, Field))
        offset = 0
        for field in cls.fields:
            offset = field.placed(offset)

    def as_dict(self) -> dict[str, Any]:
        """The fields that this kernel has, by name."""
        return {field.name: getattr(self, field.name) for field in self.fields if field.end <= len(self.data)}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.data == self.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items())
        return f"{type(self).__name__}({fields})"

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            raise AttributeError(f"this kernel's {self.c_name} has no {name}")
