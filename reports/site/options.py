"""What is known of options that no claim says."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup
from msgspec import Struct


class Statement(Struct, frozen=True, omit_defaults=True):
    """Since when Linux supports an option, or a kind of socket has it: as in MDN's browser-compat-data."""

    version_added: str | bool
    """The first mainline kernel, ``≤5.10`` where it is that one or older; false where no kernel has it."""
    version_removed: str = ""
    notes: tuple[str, ...] = ()
    """Text."""


class OptionText(Struct, frozen=True):
    """An option, as its declaration and kernels that were probed have it."""

    constant: str
    names: tuple[str, ...]
    """What claims about it have for a topic."""
    level: str
    body: Markup
    """Its declaration, and which kernels answered to it, drawn."""
    support: Statement
    kinds: Mapping[str, Statement]
    """The support by each kind of socket, as far as it is known."""
