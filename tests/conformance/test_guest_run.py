"""A kernel's claims in several guests, whose answers become one record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.plugin.guest_run import GuestRun
from conformance.plugin.guest_share import Ground
from kernels.guest import Cause, Ending, Job
from reports.model import SCHEMA, Answer, Footer, Header, Verdict
from reports.run_file import RunWriter, read_run
from tests.conformance import suites

CLAIMS = [f"doc.7/a/{number}" for number in range(450)]
DEADLY = "doc.7/a/130"


class Dying:
    """A guest in this process: it answers one claim at each look, and dies in one of them."""

    def __init__(self, job: Job) -> None:
        words = dict(zip(job.command, job.command[1:], strict=False))
        self.console = self.output = job.home / "nothing"
        self._left = Path(words["--claims-from"]).read_text(encoding="utf-8").split()
        self._writer = RunWriter(words["--run-record"])
        self._writer.write(header(self._left))

    def poll(self) -> Ending | None:
        if self._left and (claim := self._left.pop(0)) != DEADLY:
            self._writer.write(Answer(claim, Verdict.HOLDS))
            return None
        self._writer.close()
        return Ending(Cause.DIED) if self._left else Ending(Cause.EXITED, 0)

    def read(self, _: Path) -> str:
        return ""

    def console_tail(self) -> str:
        return "the end of its console"

    def kill(self) -> None:
        """It has ended."""


class FakeKernel:
    name = "uml:6.1"
    slow = False

    def emulated(self) -> bool:
        return self.slow

    def start(self, _: object, job: Job) -> Dying:
        return Dying(job)


def header(asked: Sequence[str]) -> Header:
    return Header(
        schema=SCHEMA,
        kernel="uml:6.1",
        implementation="Linux",
        release="6.1.0",
        version="#1",
        machine="x86_64",
        suite="1",
        asked=tuple(asked),
    )


@pytest.fixture
def run(tmp_path: Path) -> GuestRun:
    kernel = cast(Any, FakeKernel())
    ground = Ground(kernel, cast(Any, SimpleNamespace(release="6.1.0")), suites.ROOT)
    return GuestRun(ground, lambda some: ["pytest", f"{len(some)}"], tmp_path / "g", tmp_path / "r.jsonl")


def ended(run: GuestRun) -> GuestRun:
    for share in run.shares:
        share.start()
    while not run.ended:
        run.poll()
    run.stop()
    return run


def sizes(run: GuestRun) -> list[int]:
    return [len(share._unanswered) for share in run.shares]


@pytest.mark.parametrize(
    ("claims", "jobs", "later", "expected"),
    [
        (1, 4, 0, [1]),
        (399, 4, 0, [399]),
        (400, 4, 0, [200, 200]),
        (1600, 1, 0, [500, 500, 300, 300]),
        (3200, 4, 0, [400, 350, 306, 268, 234, 205, 200, 200, 200, 200, 200, 200, 237]),
        (3200, 4, 3200, [500, 500, 500, 500, 500, 487, 213]),
    ],
)
def test_guests_have_ever_fewer_claims(
    run: GuestRun, claims: int, jobs: int, later: int, expected: list[int]
) -> None:
    run.ask([f"doc.7/a/{number}" for number in range(claims)], jobs, later)

    assert sizes(run) == expected


def test_a_kernel_that_is_asked_nothing_is_not_at_fault(run: GuestRun) -> None:
    run.ask([], 4)

    assert (ended(run).shares, run.silent) == ([], False)


def test_an_emulated_guest_has_many(run: GuestRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeKernel, "slow", True)
    run.ask([f"doc.7/a/{number}" for number in range(8000)], 4)

    assert sizes(run) == [1000] * 8


def test_the_answers_of_all_guests_are_one_record(run: GuestRun) -> None:
    run.ask(CLAIMS, 2)
    record = read_run(ended(run).record)

    assert record.header == header(CLAIMS)
    assert record.footer == Footer(len(CLAIMS))
    assert sorted(record.answers) == sorted(CLAIMS)
    assert run.complete
    assert not run.silent


def test_a_death_is_the_end_of_one_claim_alone(run: GuestRun) -> None:
    run.ask(CLAIMS, 2)
    record = read_run(ended(run).record)

    (broken,) = [one for one in record.answers.values() if one.verdict is not Verdict.HOLDS]
    assert (broken.claim, broken.verdict) == (DEADLY, Verdict.BROKEN)
    assert f"{Cause.DIED.value}\nthe end of its console" in str(broken.detail)
