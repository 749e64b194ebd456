"""strace's notation of arguments, as values: ``[1]``, ``"a\\x00"``, ``{l_onoff=1, l_linger=0}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
      (?P<comment>\s*/\*.*?\*/\s*)
    | (?P<string>@?"(?:\\.|[^"\\])*")(?P<cut>\.\.\.)?
    | (?P<open>[\[{])
    | (?P<close>[\]}])
    | (?P<to>\s*=>\s*)
    | (?P<comma>,\s*|\s+)
    | (?P<field>\w+=(?!>))
    | (?P<word>[\w?|<+~.-]+(?:\((?:[^()]|\([^()]*\))*\))?)
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9a-f]{2})|([0-7]{1,3})|(.))", re.DOTALL)
_CONTROLS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}


@dataclass(frozen=True)
class Bytes:
    """A string; ``cut`` where strace did not write all of it."""

    data: bytes
    cut: bool = False
    abstract: bool = False
    """Whether an ``@`` stands before it: a UNIX domain address that begins with a null byte."""


@dataclass(frozen=True)
class Changed:
    """What the call changed: ``[128 => 16]``."""

    before: Notation
    after: Notation


Notation = str | Bytes | Changed | list["Notation"] | dict[str, "Notation"]
"""A name or a number as it is written, a string, or what is made of them."""


class Unreadable(ValueError):
    """Text that is not in strace's notation as far as it is known here."""


def parse(text: str) -> Notation:
    """The value that an argument stands for. Raises: Unreadable."""
    reading = _Reading(text)
    try:
        value = reading.value()
    except RecursionError as error:
        raise Unreadable(text) from error
    if reading.rest():
        raise Unreadable(text)
    return value


class _Reading:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def rest(self) -> str:
        self._skip("comment")
        return self._text[self._place :].strip()

    def value(self) -> Notation:
        value = self._one()
        while self._take("to"):
            value = Changed(value, self._one())
        return value

    def _one(self) -> Notation:
        self._skip("comment")
        if found := self._take("open"):
            return self._fields() if found["open"] == "{" else self._items()
        if found := self._take("string"):
            text = found["string"]
            return Bytes(unescaped(text.lstrip("@")[1:-1]), bool(found["cut"]), text.startswith("@"))
        if found := self._take("word"):
            self._skip("comment")
            return found["word"]
        raise Unreadable(self._text)

    def _items(self) -> list[Notation]:
        items: list[Notation] = []
        while not self._take("close"):
            items.append(self.value())
            self._skip("comment", "comma")
        return items

    def _fields(self) -> dict[str, Notation]:
        fields: dict[str, Notation] = {}
        while not self._take("close"):
            if name := self._take("field"):
                fields[name["field"][:-1]] = self.value()
            elif word := self._take("word"):
                fields[word["word"]] = ""
            else:
                raise Unreadable(self._text)
            self._skip("comment", "comma")
        return fields

    def _take(self, kind: str) -> re.Match[str] | None:
        found = _TOKEN.match(self._text, self._place)
        if found is None or found[kind] is None:
            return None
        self._place = found.end()
        return found

    def _skip(self, *kinds: str) -> None:
        while any(self._take(kind) for kind in kinds):
            pass


def unescaped(text: str) -> bytes:
    """The bytes that are written between quotes."""

    def byte(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return bytes([int(found[1], 16)])
        if found[2]:
            return bytes([int(found[2], 8)])
        return _CONTROLS.get(found[3], found[3])

    return _ESCAPE.sub(byte, text.encode())
