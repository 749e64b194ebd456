"""What a run is about to try: its claims and the tests of each, known before the first of them runs.

Under xdist the workers collect and the controller records, so the plan goes from one to the other through
a file that exists in memory only: nothing is left behind, however a run ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pytest

from conformance.plugin.claim import stated
from conformance.plugin.exit_status import USAGE
from reports.model import Claim


class Plan(msgspec.Struct, frozen=True):
    """The claims of a run in the order of their tests, and which claim each test (by node id) tries."""

    claims: tuple[Claim, ...] = ()
    tests: dict[str, str] = {}
    unmatched: tuple[str, ...] = ()
    """Why patterns of ``--claim`` selected nothing, a sentence each."""

    def require_matched(self) -> None:
        """End the run before it begins if a pattern selects nothing."""
        if self.unmatched:
            pytest.exit("\n".join(self.unmatched), USAGE)


def plan_of(items: Sequence[pytest.Item], unmatched: Iterable[str] = ()) -> Plan:
    """The plan of a collection; a claim stated twice in two ways is an error of the suite."""
    claims: dict[str, Claim] = {}
    tests: dict[str, str] = {}
    for item in items:
        if marked := stated(item):
            claim = marked.claim
            if claims.setdefault(claim.id, claim) != claim:
                raise pytest.UsageError(f"{item.nodeid}: claim {claim.id} is stated otherwise elsewhere")
            tests[item.nodeid] = claim.id
    return Plan(tuple(claims.values()), tests, tuple(unmatched))


def tests_by_claim(items: Sequence[pytest.Item]) -> Mapping[str, list[pytest.Item]]:
    """The collected tests of each claim."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if marked := stated(item):
            tests.setdefault(marked.claim.id, []).append(item)
    return tests


class Handover:
    """The controller's end: a file in memory that one worker writes and the controller reads."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("plan")
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"

    def read(self) -> Plan:
        size = os.fstat(self._fd).st_size
        return msgspec.msgpack.decode(os.pread(self._fd, size, 0), type=Plan)


def hand_over(plan: Plan, path: str) -> None:
    """The worker's end."""
    with open(path, "wb") as file:
        file.write(msgspec.msgpack.encode(plan))
