"""Reference runs: the same bytes for the same answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from reports.model import Answer, Run, Verdict
from reports.run_file import read_run
from reports.store import file_stem, reference, stem, store
from tests.reports import sample
from tests.reports.values import runs


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reference(run).splitlines()]


def test_answers_are_sorted_by_claim() -> None:
    claims = [line["claim"] for line in lines(sample.OLD)[1:-1]]

    assert claims == sorted(claim.id for claim in sample.CLAIMS)


def test_observations_are_sorted_by_name() -> None:
    answer = lines(sample.single(Answer("a.7/b/c", Verdict.HOLDS, {"b": 1, "a": 2})))[1]

    assert list(answer["observations"]) == ["a", "b"]


def test_durations_and_fields_that_hold_their_default_are_absent() -> None:
    answer = lines(sample.single(Answer("a.7/b/c", Verdict.HOLDS, duration=0.5)))[1]

    assert answer == {"kind": "answer", "claim": "a.7/b/c", "verdict": "HOLDS"}


def test_claims_that_were_asked_are_absent_where_all_have_their_answer() -> None:
    assert "asked" not in lines(sample.OLD)[0]


def test_interrupted_run_keeps_what_it_was_asked_sorted() -> None:
    header, *answers = lines(sample.NEW)

    assert header["asked"] == sorted(sample.NEW.asked)
    assert [line["kind"] for line in answers] == ["answer"] * 4


@pytest.mark.parametrize(
    ("verdict", "detail"),
    [(Verdict.HOLDS, None), (Verdict.DIFFERS, None), (Verdict.BLOCKED, None), (Verdict.BROKEN, "why")],
)
def test_detail_is_kept_only_where_nothing_is_known(verdict: Verdict, detail: str | None) -> None:
    answer = lines(sample.single(Answer("a.7/b/c", verdict, detail="why")))[1]

    assert answer.get("detail") == detail


def test_what_a_verdict_rests_on_is_kept() -> None:
    whole = Answer("a.7/b/c", Verdict.DIFFERS, {"size": 1}, "CAP_NET_RAW", (Verdict.HOLDS,))

    assert lines(sample.single(whole))[1] == {
        "kind": "answer",
        "claim": "a.7/b/c",
        "verdict": "DIFFERS",
        "observations": {"size": 1},
        "need": "CAP_NET_RAW",
        "also": ["HOLDS"],
    }


def test_order_and_time_of_answers_do_not_show() -> None:
    slower = [
        Answer(one.claim, one.verdict, one.observations, one.need, duration=9) for one in sample.NEW_ANSWERS
    ]

    again = sample.cut(sample.NEW.header, *reversed(slower))

    assert reference(again) == reference(sample.NEW)


@given(run=runs())
def test_storing_what_was_stored_gives_the_same_bytes(
    run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("runs") / "run.jsonl"
    path.write_text(reference(run), encoding="utf-8")

    stored = read_run(path)

    assert reference(stored) == reference(run)
    assert (set(stored.asked), stored.interrupted) == (set(run.asked), run.interrupted)


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        ("uml:6.1", "uml-6.1"),
        ("host", "host-6.1.0"),
        ("uml:/boot/my kernel", "uml-boot-my-kernel-[0-9a-f]{8}"),
        ("../../etc/passwd", "etc-passwd-[0-9a-f]{8}"),
        ("\x1b[31m", "31m-[0-9a-f]{8}"),
    ],
)
def test_file_is_named_after_the_kernel(kernel: str, name: str) -> None:
    assert re.fullmatch(name, stem(sample.on(sample.OLD, kernel=kernel, release="6.1.0-49-amd64")))


def test_a_host_that_is_not_linux_is_named_after_what_it_is() -> None:
    run = sample.on(sample.OLD, kernel="host", implementation="gVisor", release="4.4.0")

    assert stem(run) == "host-gVisor"


def test_runs_are_stored_below_a_folder_that_is_made(tmp_path: Path) -> None:
    files = store([sample.OLD, sample.on(sample.NEW, kernel="host")], tmp_path / "results" / "runs")

    assert files == [tmp_path / "results" / "runs" / f"{name}.jsonl" for name in ("uml-6.1", "host-6.18.44")]
    assert [path.read_text() for path in files] == [
        reference(sample.OLD),
        reference(sample.on(sample.NEW, kernel="host")),
    ]


def test_earlier_reference_run_is_replaced(tmp_path: Path) -> None:
    store([sample.OLD], tmp_path)

    (path,) = store([sample.NEW], tmp_path)

    assert path.read_text() == reference(sample.NEW)


def test_two_runs_of_one_kernel_are_refused_before_any_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"two of the runs would be .*uml-6\.1\.jsonl"):
        store(sample.EVERY, tmp_path / "runs")

    assert not (tmp_path / "runs").exists()


def test_kernels_of_unlike_names_have_unlike_files() -> None:
    names = ["uml:6.1", "uml:/a/b", "uml:/a-b", "uml:a/b", "uml:a-b", "uml:/A/b", f"uml:/{'x' * 300}"]

    stems = {file_stem(name) for name in names}

    assert len(stems) == len(names)
    assert all("/" not in stem and len(stem) < 200 for stem in stems)
