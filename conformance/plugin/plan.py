"""What a run is about to try: its claims and the tests of each, told before the first of them runs.

Under xdist the workers collect and the controller records, so the plan goes from one to the other through
a file that exists in memory only: nothing is left behind, however a run ends.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import pytest

from conformance.plugin.claim import stated
from reports.record import Claim
from reports.runfile import claim_from_json, to_json


@dataclass(frozen=True)
class Plan:
    """The claims of a run in the order of their tests, and which claim each test (by node id) tries."""

    claims: tuple[Claim, ...] = ()
    tests: dict[str, str] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    """Why patterns of ``--claim`` selected nothing, a sentence each."""

    def dumps(self) -> str:
        claims = [to_json(claim) for claim in self.claims]
        return json.dumps({"claims": claims, "tests": self.tests, "unmatched": self.unmatched})

    @classmethod
    def loads(cls, text: str) -> Plan:
        told: dict[str, Any] = json.loads(text)
        claims = tuple(claim_from_json(claim) for claim in told["claims"])
        return cls(claims, told["tests"], tuple(told["unmatched"]))


def plan_of(items: Sequence[pytest.Item], unmatched: Iterable[str] = ()) -> Plan:
    """The plan of a collection; a claim stated twice in two ways is an error of the suite."""
    claims: dict[str, Claim] = {}
    tests: dict[str, str] = {}
    for item in items:
        if told := stated(item):
            if claims.setdefault(told.claim.id, told.claim) != told.claim:
                raise pytest.UsageError(f"{item.nodeid}: claim {told.claim.id} is stated otherwise elsewhere")
            tests[item.nodeid] = told.claim.id
    return Plan(tuple(claims.values()), tests, tuple(unmatched))


def select(items: list[pytest.Item], patterns: Sequence[str]) -> tuple[list[pytest.Item], list[str]]:
    """The items whose claim matches a pattern, and a sentence for each pattern that matches none."""
    ids = {item: told.claim.id for item in items if (told := stated(item))}
    chosen = [item for item in items if any(fnmatchcase(ids.get(item, ""), one) for one in patterns)]
    known = sorted(set(ids.values()))
    return chosen, [_unknown(one, known) for one in patterns if not any(fnmatchcase(id, one) for id in known)]


def _unknown(pattern: str, known: list[str]) -> str:
    near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.5)
    hint = (
        "did you mean " + " or ".join(near) + "?" if near else "'*' matches any part: 'socket.7/SO_RCVBUF/*'"
    )
    return f"--claim {pattern!r} matches none of the {len(known)} claims collected; {hint}"


class Handover:
    """The controller's end: a file in memory that one worker writes and the controller reads."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("plan")
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"

    def read(self) -> Plan:
        size = os.fstat(self._fd).st_size
        return Plan.loads(os.pread(self._fd, size, 0).decode())


def hand_over(plan: Plan, path: str) -> None:
    """The worker's end."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(plan.dumps())
