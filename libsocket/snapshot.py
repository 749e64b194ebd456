"""What changed between two snapshots of a socket's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Change(NamedTuple):
    """An option's value in both snapshots; None where it could not be read."""

    before: Any
    after: Any


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """The options that differ, by C name; what one snapshot lacks differs too.

    ``diff(first.options(), second.options())`` compares two sockets just as well.
    """
    names = [*before, *(name for name in after if name not in before)]
    changes = {name: Change(before.get(name), after.get(name)) for name in names}
    return {name: change for name, change in changes.items() if change.before != change.after}
