"""What is raised for a value that cannot be given to the kernel."""

from __future__ import annotations

import reprlib
import struct
from typing import Final

ENCODING_ERRORS: Final = (TypeError, ValueError, OverflowError, AttributeError, struct.error)
"""What a codec raises for a value that it cannot encode: AttributeError where a field is of another class."""
WRONG_CLASS: Final = ("required argument is not", "argument for")
"""How the struct module begins what it says of a field that is no number or no bytes."""
LONGEST: Final = 1000
"""Bits of a number that is shown: Python refuses to write out very long ones."""


class _Brief(reprlib.Repr):
    """A value in so many words, whatever it is and however large."""

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > LONGEST:
            return f"an int of {x.bit_length()} bits"
        return super().repr_int(x, level)

    def repr_bytes(self, x: bytes, _level: int) -> str:
        return repr(x) if len(x) <= self.maxother else f"{x[: self.maxother]!r}... of {len(x)} bytes"

    repr_bytearray = repr_bytes


brief: Final = _Brief().repr


def refused(name: str, value: object, layout: str, reason: Exception) -> Exception:
    """What to raise for a value that a codec refused: OverflowError where the kernel would misread it."""
    misread = isinstance(reason, OverflowError | struct.error) and not str(reason).startswith(WRONG_CLASS)
    if misread:
        why = f"the kernel keeps it in a {layout} and would misread that"
        return OverflowError(f"{name} cannot be {brief(value)}: {why}")
    kind = ValueError if isinstance(reason, ValueError) else TypeError
    return kind(f"{name} cannot be {brief(value)}: {reason}")
