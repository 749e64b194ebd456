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
    return f"claim/{'/'.join(map(_safe, name.split('/')))}.html"


def option(constant: str) -> str:
    """``option/SO_RCVBUF.html``"""
    return f"option/{_safe(constant)}.html"


def document(page: str) -> str:
    """``document/socket.7.html``"""
    return f"document/{_safe(page)}.html"


def root(address: str) -> str:
    """The way back from a page to the site's folder: ``../../../``."""
    return "../" * address.count("/")


@cache
def _safe(part: str) -> str:
    """A name for a file that is no way out of its folder and no part of a URL but its path.

    A run file may name claims as it likes.
    """
    name = re.sub(r"[^A-Za-z0-9._-]|^\.", lambda found: f"~{found[0].encode().hex()}", part)
    return name if len(name) <= _LONGEST else f"{name[:80]}~{sha256(part.encode()).hexdigest()[:16]}"
