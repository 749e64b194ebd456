"""Text of a stranger's, made safe to print."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 4096
"""Characters of one text that are laid out in lines, which takes time with the square of its length."""


def printable(text: str) -> str:
    """Text that cannot steer a terminal nor break an encoding: anything else is shown as its escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in text)


def one_line(text: str) -> str:
    """Printable text with its newlines shown as escapes too."""
    return printable(text).replace("\n", "\\n")


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
