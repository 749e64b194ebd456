"""Runs as a report of KCIDB: what its own package takes, where it is installed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from reports.kcidb import kcidb
from reports.model import Answer, Run, Verdict
from tests.reports import sample
from tests.reports.conftest import Said
from tests.reports.values import runs as any_runs


def report(runs: Sequence[Run], *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kcidb(runs, sample.CATALOGUE, *arguments))
    return found


@pytest.fixture(scope="module")
def schema() -> Any:
    return pytest.importorskip("kcidb_io", reason="kcidb-io is not installed").schema


def test_kcidb_takes_it(schema: Any) -> None:
    whole = report(sample.EVERY)

    assert schema.V5_0.is_valid_exactly(whole)
    assert schema.LATEST.is_valid(whole)
    assert schema.LATEST.is_compatible(report([sample.OLD], "ours", "theirs:build"))


@given(run=any_runs())
def test_kcidb_takes_any_run(schema: Any, run: Run) -> None:
    assert schema.V5_0.is_valid_exactly(report([run]))


def test_every_kind_of_answer_has_its_status() -> None:
    assert {test["misc"]["claim"]: test["status"] for test in report([sample.OLD])["tests"]} == {
        sample.DOUBLED.id: "PASS",
        sample.FLOOR.id: "PASS",
        sample.MARK.id: "SKIP",
        sample.RAW.id: "DONE",
        sample.NODELAY.id: "FAIL",
        sample.CORK.id: "ERROR",
        sample.STALE.id: "FAIL",
    }


def test_what_was_never_answered_is_missing() -> None:
    assert [test["status"] for test in report([sample.NEW])["tests"]][-1] == "MISS"


def test_a_test_tells_what_was_observed_and_why() -> None:
    test = report([sample.OLD])["tests"][1]

    assert (test["path"], test["comment"]) == ("libsocket.socket_7.SO_RCVBUF.minimum-256", sample.FLOOR.says)
    assert test["log_excerpt"] == "256 expected, 2304 seen"
    assert test["misc"] == {
        "claim": sample.FLOOR.id,
        "verdict": "DIFFERS",
        "reason": "the floor is a small skb's true size",
        "observations": {"minimum": 2304},
        "suite": "0.1.0",
        "suite_digest": "eea3f9f2bc671eeb",
    }


def test_tests_are_of_the_build_and_the_build_of_the_checkout() -> None:
    found = report(sample.EVERY)

    builds = [build["id"] for build in found["builds"]]
    assert len({test["id"] for test in found["tests"]}) == 12
    assert {test["build_id"] for test in found["tests"]} == {*builds}
    assert [build["checkout_id"] for build in found["builds"]] == [one["id"] for one in found["checkouts"]]
    assert [one["comment"] for one in found["checkouts"]] == ["Linux 5.10.0", "Linux 6.18.44-amd64"]


def test_the_same_answers_have_the_same_ids() -> None:
    answers = [
        Answer(one.claim, one.verdict, one.observations, one.need, one.also, one.detail)
        for one in sample.OLD_ANSWERS
    ]
    slower = sample.run(sample.OLD.header, *reversed(answers))
    otherwise = sample.run(sample.OLD.header, *answers[1:])

    ids = [{test["id"] for test in report([run])["tests"]} for run in (sample.OLD, slower, otherwise)]

    assert ids[0] == ids[1]
    assert ids[0] & ids[2] == set()


def test_a_build_that_is_named_is_not_made_up() -> None:
    found = report([sample.OLD], "ours", "theirs:build")

    assert found.keys() == {"version", "tests"}
    assert {(test["origin"], test["build_id"]) for test in found["tests"]} == {("ours", "theirs:build")}


def test_origin_and_build_are_arguments(said: Said, folder: Path, old: Path) -> None:
    status, out, _ = said("kcidb", old, "--origin", "ours", "--build", "theirs:b", "-o", "report.json")

    assert (status, out) == (0, "")
    assert json.loads((folder / "report.json").read_text()) == report([sample.OLD], "ours", "theirs:b")


def test_a_build_is_of_one_run(said: Said, old: Path, new: Path) -> None:
    status, out, err = said("kcidb", old, new, "--build", "theirs:b")

    assert (status, out) == (2, "")
    assert "--build names the build of one run, and several are to be drawn" in err


def test_text_is_escaped() -> None:
    answer = Answer("page.7/topic/slug", Verdict.DIFFERS, {sample.HOSTILE: sample.HOSTILE}, detail="\0\x9b")

    text = kcidb([sample.single(answer)], sample.EMPTY)

    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert "\\u0000" not in text
