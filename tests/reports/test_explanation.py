"""What ``explain`` prints: one screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from rich.console import Console

from reports.catalogue import Catalogue
from reports.explanation import explain
from reports.model import Answer, Claim, Expectation, Run, Test, Value, Verdict
from reports.ranges import Range
from tests.reports import sample
from tests.reports.conftest import Said
from tests.reports.values import stray


def explanation(
    name: str, runs: Sequence[Run] = sample.EVERY, catalogue: Catalogue = sample.CATALOGUE
) -> str:
    out = io.StringIO()
    explain(name, runs, catalogue, Console(file=out, width=80))
    return out.getvalue()


def test_a_claim_reads_as_a_whole() -> None:
    runs = [
        sample.on(sample.single(Answer(sample.FLOOR.id, verdict, {"minimum": size})), release=release)
        for release, verdict, size in (
            ("3.10.1", Verdict.HOLDS, 256),
            ("3.12.1", Verdict.DIFFERS, 2304),
            ("6.1.7", Verdict.DIFFERS, 2304),
        )
    ]

    assert (
        explanation(sample.FLOOR.id, runs)
        == """\
  socket.7/SO_RCVBUF/minimum-256
  The smallest (doubled) receive buffer is 256 bytes.

  page       socket.7, Socket options
  verdict    holds on 3.10, differs from 3.12 on
  instead    the floor is a small skb's true size
  kernels    since 3.12, commit eea86af6b1e1
  observed   6.1.7: minimum = 2304
  observed   3.10.1: minimum = 256
  try        sudo .venv/bin/pytest conformance/ --claim socket.7/SO_RCVBUF/minimum-256
"""
    )


def test_what_a_document_speaks_of_what_is_needed_and_the_test_are_named() -> None:
    tests = tuple(Test("conformance/x7/test_x.py", line, "") for line in (12, 30))
    claim = Claim(
        "x.7/SO_X/y", "It is so.", "x(7)", range=Range("5.17"), commit="abc", needs=("CAP_X",), tests=tests
    )

    text = explanation(claim.id, [], Catalogue.of([claim]))

    assert [line.split(maxsplit=1) for line in text.splitlines()[3:]] == [
        ["page", "x(7)"],
        ["documented", "since 5.17, commit abc"],
        ["verdict", "no run was asked"],
        ["needs", "CAP_X"],
        ["test", "conformance/x7/test_x.py:12 and 1 more"],
        ["try", "sudo .venv/bin/pytest conformance/ --claim x.7/SO_X/y"],
    ]


def test_an_option_has_a_line_for_each_claim_and_what_differs_comes_first() -> None:
    lines = explanation("SO_RCVBUF").splitlines()

    assert lines == [
        "DIFFERS   socket.7/SO_RCVBUF/minimum-256  The smallest (doubled) receive buffer…",
        "HOLDS     socket.7/SO_RCVBUF/doubled  Setting the receive buffer stores twice t…",
    ]


def test_an_option_tells_where_a_verdict_changed() -> None:
    assert "net-raw-suffices  (unclaimed on 5.10, holds from 6.1…" in explanation("so_mark")


def long(count: int) -> Catalogue:
    """One claim with much of everything."""
    word = "sentence " * count
    differences = tuple(
        Expectation(f"{word}{place}", Range(f"6.{place}", f"6.{place + 1}"), "a" * 40) for place in range(9)
    )
    tests = tuple(Test("conformance/page7/test_topic.py", place, "") for place in range(1, 9))
    claim = Claim(f"page.7/topic/{'x' * 60}", word, word, word, (), Range("5.0"), "a" * 40, ("N",) * 99)
    return Catalogue.of([Claim(*claim_fields(claim), differences, tests)])


def claim_fields(
    claim: Claim,
) -> tuple[str, str, str, str, tuple[str, ...], Range, str | None, tuple[str, ...]]:
    return (
        *(claim.id, claim.says, claim.document, claim.section),
        *(claim.sentences, claim.range, claim.commit, claim.needs),
    )


@pytest.mark.parametrize("count", [1, 50, 400])
def test_a_claim_fits_a_screen(count: int) -> None:
    catalogue = long(count)
    (claim,) = catalogue.claims
    observed: dict[str, Value] = {f"name[{place}]": "value" for place in range(count)}
    runs = [
        sample.on(sample.single(Answer(claim.id, verdict, observed)), release=f"6.{place}")
        for place, verdict in enumerate([Verdict.DIFFERS, Verdict.HOLDS] * 4)
    ]

    lines = explanation(claim.id, runs, catalogue).splitlines()

    rows = sum(-(-max(len(line), 1) // 80) for line in lines)
    assert rows < 24
    assert f"--claim {claim.id}" in lines[-1]


def test_runs_and_catalogue_are_looked_for(said: Said, folder: Path) -> None:
    sample.write(folder / "results" / "runs" / "a.jsonl", sample.OLD)

    status, out, err = said("explain", sample.NODELAY.id)

    assert (status, err) == (0, "")
    assert "differs on 5.10\n" in out


def test_runs_can_be_named(said: Said, folder: Path, old: Path, new: Path) -> None:
    sample.write(folder / "results" / "runs" / "a.jsonl", sample.OLD)

    _, out, _ = said("explain", sample.DOUBLED.id, "--runs", new)

    assert "holds on 6.18\n" in out


def test_without_any_run_the_statement_is_there(said: Said) -> None:
    status, out, err = said("explain", sample.DOUBLED.id)

    assert (status, err) == (0, "")
    assert "no run was asked" in out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("SO_RCVBFU", "did you mean SO_RCVBUF"),
        ("socket.7/SO_RCVBUF/double", "did you mean socket.7/SO_RCVBUF/doubled"),
        ("\x1b[31m", "a claim's id or an option's name is needed"),
    ],
)
def test_an_unknown_name_is_wrong_usage(said: Said, name: str, hint: str) -> None:
    status, out, err = said("explain", name)

    assert (status, out) == (2, "")
    assert hint in err
    assert err.replace("\n", "").isprintable()


def test_bad_runs_are_named(said: Said) -> None:
    status, out, err = said("explain", "SO_RCVBUF", "--runs", "none.jsonl")

    assert (status, out) == (65, "")
    assert err == "reports: none.jsonl: the run cannot be read: No such file or directory\n"


@given(stray, stray)
def test_hostile_text_cannot_steer_the_terminal(says: str, name: str) -> None:
    run = sample.single(Answer("page.7/topic/slug", Verdict.HOLDS, {name: says}))
    catalogue = sample.listing(says.encode("utf-8", "replace").decode())

    text = explanation("page.7/topic/slug", [run], catalogue) + explanation("topic", [run], catalogue)

    assert all(char.isprintable() or char == "\n" for char in text)
