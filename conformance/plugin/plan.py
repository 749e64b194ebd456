"""What a run is about to try: its claims and the tests of each, known before the first of them runs.

Under xdist the workers collect and the controller records, so each worker sends the plan over a channel of
its own, and the controller takes the first that comes: any worker may die.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
import pytest

from conformance.plugin.claim import stated
from conformance.plugin.exit_status import USAGE, Stopped
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
            raise Stopped("\n".join(self.unmatched), USAGE)


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


class Channel(Protocol):
    """One end of an execnet channel, between the controller and a worker."""

    def send(self, item: object) -> None: ...

    def receive(self) -> bytes: ...


def send(plan: Plan, channel: Channel) -> None:
    """The worker's end."""
    channel.send(msgspec.msgpack.encode(plan))


def receive(channel: Channel) -> Plan:
    """The controller's end."""
    return msgspec.msgpack.decode(channel.receive(), type=Plan)
