"""Where each page of the site is. Addresses are for ever: docstrings and others' pages lead to them."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from typing import Final

_LONGEST: Final = 120
"""Characters of a file's name, of the 255 bytes that file systems allow."""


def claim(name: str) -> str:
    """``claim/socket.7/SO_RCVBUF/doubled.html``"""
    return f"claim/{'/'.join(map(part, name.split('/')))}.html"


def option(constant: str) -> str:
    """``option/SO_RCVBUF.html``"""
    return f"option/{part(constant)}.html"


def document(page: str) -> str:
    """``document/socket.7.html``"""
    return f"document/{part(page)}.html"


def root(address: str) -> str:
    """The way back from a page to the site's folder: ``../../../``."""
    return "../" * address.count("/")


@cache
def part(name: str) -> str:
    """A part of an address: no way out of its folder, and no part of a URL but its path.

    A run file may name claims as it likes.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]|^\.", lambda found: f"~{found[0].encode().hex()}", name)
    return safe if len(safe) <= _LONGEST else f"{safe[:80]}~{sha256(name.encode()).hexdigest()[:16]}"
