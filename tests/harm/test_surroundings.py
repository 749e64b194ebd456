"""Wherever a run is started: the same verdicts, or BLOCKED with the need, or one sentence and its status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reports.model import Verdict
from tests.harm import selection
from tests.harm.selection import Ended
from tests.harm.surroundings import Surrounding

_OF_PROGRAMMERS = ("INTERNALERROR", "Traceback", "_pytest.outcomes")


def test_a_run_goes_as_elsewhere_or_says_why_not(
    tmp_path: Path, undisturbed: Ended, surrounding: Surrounding, workers: str
) -> None:
    _require(surrounding)
    record = tmp_path / "run.jsonl"
    recorded = ("--run-record", str(record)) if surrounding.recorded else ()

    ended = selection.run(record, "-n", workers, *recorded, *surrounding.arguments, before=surrounding.before)

    assert (ended.code, surrounding.sentence in ended.said) == (surrounding.status, True), ended.said
    assert [word for word in _OF_PROGRAMMERS if word in ended.said] == []
    if record.exists():
        assert _other(ended, undisturbed, surrounding) == {}
        assert ended.run.footer


def _other(ended: Ended, undisturbed: Ended, surrounding: Surrounding) -> dict[str, object]:
    """The verdicts that nothing explains."""
    return {
        claim: ended.verdicts.get(claim)
        for claim, verdict in undisturbed.verdicts.items()
        if ended.verdicts.get(claim)
        not in {verdict, *((Verdict.BLOCKED, need) for need in surrounding.needs)}
    }


def _require(surrounding: Surrounding) -> None:
    made = subprocess.run(
        [*surrounding.before, sys.executable, "-c", ""], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot be made here: {made.stderr.strip()}")
