"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The closest of the known names; one that differs in case only is meant."""
    names: dict[str, list[str]] = {}
    for one in known:
        names.setdefault(one.lower(), []).append(one)
    meant = name.lower()
    near = [meant] if meant in names else difflib.get_close_matches(meant, names, n=3, cutoff=0.5)
    return [one for lower in near for one in names[lower]]
