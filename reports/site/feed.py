"""What changed between kernels, for feed readers (RFC 4287)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from reports.model import Run
from reports.printable import printable
from reports.site import address
from reports.site.facts import Fact, Turn, kernel_name, label

ENTRIES: Final = 100
_TAG: Final = "tag:libsocket,2026:"
_FIRST: Final = datetime(2026, 1, 1, tzinfo=UTC)
_BUILT: Final = re.compile(
    r"([A-Z][a-z]{2}) +(\d+) (\d\d):(\d\d):(\d\d) \S+ (\d{4})|\((\d{4})-(\d\d)-(\d\d)\)"
)
_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def atom(turns: Sequence[tuple[Fact, Turn]], url: str = "") -> str:
    """The feed. An entry is as old as the kernel that shows it; its link is absolute by the site's URL."""
    entries = turns[:ENTRIES]
    newest = max((built(turn.after.run) for _, turn in entries), default=_FIRST)
    return "\n".join(_lines(entries, newest, f"{url.rstrip('/')}/" if url else "")) + "\n"


def _lines(turns: Sequence[tuple[Fact, Turn]], newest: datetime, base: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield '<feed xmlns="http://www.w3.org/2005/Atom">'
    yield f"<id>{_TAG}changes</id><title>How Linux sockets changed</title>"
    yield f"<updated>{newest.isoformat()}</updated>"
    yield "<author><name>libsocket conformance</name></author>"
    if base:
        yield f'<link rel="self" href={quoteattr(f"{base}feed.atom")}/><link href={quoteattr(base)}/>'
    for fact, turn in turns:
        before, after = turn.before, turn.after
        what = f"{after.word} on {kernel_name(after.run)}, {before.word} on {kernel_name(before.run)}"
        name = quote(f"{_TAG}{fact.claim.id}@{_change(turn)}", safe=":/,@")
        yield f"<entry><id>{name}</id><updated>{built(after.run).isoformat()}</updated>"
        yield f"<title>{escape(printable(fact.claim.says))}</title>"
        yield f"<link href={quoteattr(base + address.claim(fact.claim.id))}/>"
        why = f". {turn.why.why}" if turn.why else ""
        yield f"<summary>{escape(printable(what + why))}</summary></entry>"
    yield "</feed>"


def _change(turn: Turn) -> str:
    """What to call a change, so that it stays one when its kernels are asked in newer releases."""
    before, after = label(turn.before.run), label(turn.after.run)
    return f"{before}-{after}" if before != after else kernel_name(turn.after.run)


def built(run: Run) -> datetime:
    """When a kernel was built, as ``uname -v`` says; the same for all that do not."""
    found = _BUILT.search(run.header.version)
    if found is None:
        return _FIRST
    month, day, hour, minute, second, year, *date = found.groups()
    if year is not None:
        date = [year, str(_MONTHS.index(month) + 1 if month in _MONTHS else 0), day]
    try:
        day_built = datetime.strptime("-".join(date), "%Y-%m-%d").replace(tzinfo=UTC)
        return day_built.replace(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
    except ValueError:
        return _FIRST
