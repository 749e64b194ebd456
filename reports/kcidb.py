"""Runs as a report of KCIDB, the database of kernel tests: a checkout, a build, and a test for each claim.

The format is version 5 of KCIDB's I/O schema, which the package kcidb-io validates.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from reports.catalogue import Catalogue
from reports.matrix import Matrix, Row
from reports.model import Header, Run, Verdict
from reports.outcome import Outcome, outcome, reason
from reports.plain_json import plain_json
from reports.printable import printable
from reports.store import reference
from reports.wording import system

ORIGIN: Final = "libsocket"
"""Who submits the report, where nobody is named."""
ORIGINS: Final = re.compile(r"[a-z0-9_]+")
"""What KCIDB takes for the name of an origin."""
OBJECT: Final = re.compile(rf"{ORIGINS.pattern}:[^\0]*")
"""What it takes for the id of a build."""

_VERSION: Final = {"major": 5, "minor": 0}
_LONGEST: Final = 16384
"""Characters of an excerpt."""
_STATUS: Final = {
    Outcome.PASSED: "PASS",
    Outcome.FAILED: "FAIL",
    Outcome.ERROR: "ERROR",
    Outcome.SKIPPED: "SKIP",
}

Object = dict[str, Any]


def kcidb(runs: Sequence[Run], catalogue: Catalogue, origin: str = ORIGIN, build: str | None = None) -> str:
    """The report. The same runs give the same ids, so what is submitted twice is there once.

    Tests are of a build that was submitted before, if one is named, else of one that is made up of what the
    run knows of its kernel.
    """
    report: Object = {"version": _VERSION}
    if build is None:
        builds = {_build_id(origin, run.header): run.header for run in runs}
        checkouts = {_checkout_id(origin, head): head for head in builds.values()}
        report["checkouts"] = [_checkout(origin, *one) for one in checkouts.items()]
        report["builds"] = [_build(origin, *one) for one in builds.items()]
    report["tests"] = [
        test
        for run in runs
        for test in _tests(origin, build or _build_id(origin, run.header), run, catalogue)
    ]
    return plain_json(report)


def _checkout(origin: str, name: str, head: Header) -> Object:
    return {
        "id": name,
        "origin": origin,
        "comment": _text(head.implementation + " " + (head.implementation_release or head.release)),
        "valid": True,
        "misc": {"implementation": head.implementation, "release": head.release},
    }


def _build(origin: str, name: str, head: Header) -> Object:
    return {
        "checkout_id": _checkout_id(origin, head),
        "id": name,
        "origin": origin,
        "architecture": re.sub(r"[^a-z0-9_]", "_", head.machine.lower()),
        "comment": _text(head.version),
        "status": "PASS",
        "misc": {"config_digest": head.config_digest},
    }


def _tests(origin: str, build: str, run: Run, catalogue: Catalogue) -> Iterator[Object]:
    name = f"{origin}:{_digest(reference(run))}"
    for row in Matrix.of([run], catalogue).rows:
        yield {
            "build_id": build,
            "id": f"{name}:{_text(row.claim.id)}",
            "origin": origin,
            "environment": {"comment": _text(system(run))},
            **_result(run, row),
        }


def _result(run: Run, row: Row) -> Object:
    (cell,) = row.cells
    answer, claim = cell.answer, row.claim
    result = {
        "path": _path(claim.id),
        "comment": _text(claim.says),
        "status": _status(cell.verdict, outcome(cell)),
        "duration": answer.duration if answer else None,
        "log_excerpt": _text(answer.detail)[:_LONGEST] if answer and answer.detail else None,
        "misc": {
            "claim": claim.id,
            "verdict": cell.word,
            "reason": reason(cell),
            "observations": cell.observations,
            "suite": run.header.suite,
            "suite_digest": run.header.suite_digest,
        },
    }
    return {name: value for name, value in result.items() if value is not None}


def _status(verdict: Verdict | None, found: Outcome) -> str:
    """Where the document says nothing a test passes no judgement: it is done."""
    match verdict:
        case None:
            return "MISS"
        case Verdict.UNCLAIMED:
            return "DONE"
    return _STATUS[found]


def _checkout_id(origin: str, head: Header) -> str:
    return f"{origin}:{_digest(head.implementation, head.release, head.version)}"


def _build_id(origin: str, head: Header) -> str:
    kernel = (head.kernel, head.implementation, head.release, head.version, head.machine, head.config_digest)
    return f"{origin}:{_digest(*kernel)}"


def _digest(*parts: str | None) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _path(claim: str) -> str:
    """A claim's place in the tree of tests, where a dot is what parts are parted by."""
    parts = (re.sub(r"[^a-zA-Z0-9_-]", "_", part) for part in claim.split("/"))
    return ".".join([ORIGIN, *parts])


def _text(text: str) -> str:
    """Without what the schema refuses: the character 0."""
    return printable(text)
