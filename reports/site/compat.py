"""Which kernels have which options, in the shape of MDN's browser-compat-data."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import msgspec

from reports.printable import printable
from reports.site.facts import Fact
from reports.site.options import Statement
from reports.site.site import Site
from reports.wording import declared

VERSION: Final = "1"
"""Of the file; a field that goes or means something else makes another."""


def compat(site: Site) -> str:
    """The file: a tree by level, option and kind of socket."""
    levels: dict[str, dict[str, Any]] = {}
    for option in site.options:
        own = (fact for fact in site.by_option.get(option.constant, ()) if fact.claim.topic in option.names)
        differences = [_difference(fact) for fact in own if fact.wrong]
        levels.setdefault(option.level, {})[option.constant] = {
            "__compat": _compat(option.support, differences),
            **{kind: {"__compat": _compat(support)} for kind, support in option.kinds.items()},
        }
    return msgspec.json.encode({"__meta": {"version": VERSION}, "sockets": levels}).decode() + "\n"


def _compat(support: Statement, differences: Sequence[str] = ()) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.to_builtins(support).items() if name != "notes"}
    # Notes are HTML there, and a lone one is no list.
    notes = [escape(printable(note), quote=False) for note in (*support.notes, *differences)]
    told = {"notes": notes if len(notes) > 1 else notes[0]} if notes else {}
    return {"support": {"linux": {**fields, **told}}}


def _difference(fact: Fact) -> str:
    """What a document says that is not so on the newest kernel, and what is true instead."""
    says = fact.claim.says or fact.claim.id
    one = fact.newest.declared if fact.newest else None
    return f"Not so: {says} Instead ({declared(one)}): {one.why}." if one else f"Not so: {says}"
