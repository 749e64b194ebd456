"""A run held against the reference run of its kernel."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from reports.record import Claim, Footer, Header, Record, Run, Verdict
from reports.reference import against
from reports.runfile import RunWriter


def run(verdicts: Mapping[str, tuple[Verdict, bool]], kernel: str = "uml:6.1") -> Run:
    claims = tuple(Claim(f"doc.7/topic/{slug}", "It is so.") for slug in verdicts)
    records = {
        f"doc.7/topic/{slug}": Record(f"doc.7/topic/{slug}", verdict, expected)
        for slug, (verdict, expected) in verdicts.items()
    }
    header = Header(kernel, "6.1.176", "#1", "x86_64", None, (), "0.1.0", claims)
    return Run(header, records, None)


def write(run: Run, path: Path) -> Path:
    with RunWriter(path) as writer:
        writer.header(run.header)
        for record in run.records.values():
            writer.record(record)
        writer.footer(Footer({v.value: n for v, n in run.counts().items()}, 0))
    return path


HELD = {"a": (Verdict.HOLDS, True)}


@pytest.mark.parametrize(
    ("before", "after", "fine"),
    [
        ((Verdict.HOLDS, True), (Verdict.HOLDS, True), True),
        ((Verdict.HOLDS, True), (Verdict.DIFFERS, True), True),
        ((Verdict.HOLDS, True), (Verdict.DIFFERS, False), False),
        ((Verdict.HOLDS, True), (Verdict.BLOCKED, True), False),
        ((Verdict.DIFFERS, True), (Verdict.BROKEN, False), False),
        ((Verdict.BLOCKED, True), (Verdict.BLOCKED, True), True),
        ((Verdict.BLOCKED, True), (Verdict.HOLDS, True), True),
        ((Verdict.DIFFERS, False), (Verdict.DIFFERS, False), True),
    ],
)
def test_what_was_answered_must_be_answered(
    before: tuple[Verdict, bool], after: tuple[Verdict, bool], fine: bool
) -> None:
    console = Console(file=io.StringIO(), width=80)

    assert against(run({"a": after}), run({"a": before}), console) is fine


def test_a_claim_that_is_missing_is_lost() -> None:
    reference = run(HELD)
    now = Run(reference.header, {})

    assert not against(now, reference, Console(file=io.StringIO(), width=80))


def test_new_claims_and_fewer_claims_are_fine() -> None:
    console = Console(file=io.StringIO(), width=80)

    assert against(run(HELD), run({"b": (Verdict.HOLDS, True)}), console)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "reports", "against", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_command_finds_the_reference_by_kernel(tmp_path: Path) -> None:
    (tmp_path / "references").mkdir()
    write(run({"a": (Verdict.BLOCKED, True)}, "uml:5.10"), tmp_path / "references" / "1.jsonl")
    write(run(HELD), tmp_path / "references" / "2.jsonl")

    done = command(
        tmp_path / "references", write(run({"a": (Verdict.BLOCKED, True)}), tmp_path / "new.jsonl")
    )

    assert (done.returncode, "HOLDS, now BLOCKED" in done.stdout) == (1, True)


def test_a_kernel_without_a_reference_is_told(tmp_path: Path) -> None:
    done = command(tmp_path, write(run(HELD), tmp_path / "new.jsonl"), "-x")
    (tmp_path / "none").mkdir()
    told = command(tmp_path / "none", tmp_path / "new.jsonl")

    assert (done.returncode, told.returncode) == (2, 2)
    assert "is a run of uml:6.1" in told.stderr
