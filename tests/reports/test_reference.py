"""A run held against the reference run of its kernel."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from reports.catalogue import Catalogue
from reports.errors import FileError
from reports.model import Answer, Claim, Expectation, Run, Verdict
from reports.ranges import Range
from reports.reference import NoReference, against, reference_of
from tests.reports import sample

PLAIN = Claim("doc.7/topic/plain", "It is so.")
LATER = Claim("doc.7/topic/later", "It is so.", range=Range("7.0"))
DECLARED = Claim(
    "doc.7/topic/declared",
    "It is so.",
    expectations=(Expectation("it is not", observed={"size": 1}),),
)
CATALOGUE = Catalogue.of([PLAIN, LATER, DECLARED])


def run(claim: Claim, verdict: Verdict, **observed: int) -> Run:
    return sample.single(Answer(claim.id, verdict, dict(observed)))


def held(new: Run, reference: Run) -> tuple[bool, str]:
    out = io.StringIO()
    kept = against(new, reference, CATALOGUE, Console(file=out, width=100))
    return kept, out.getvalue()


@pytest.mark.parametrize(
    ("claim", "before", "after", "kept"),
    [
        (PLAIN, Verdict.HOLDS, Verdict.HOLDS, True),
        (PLAIN, Verdict.HOLDS, Verdict.DIFFERS, False),
        (PLAIN, Verdict.HOLDS, Verdict.BLOCKED, False),
        (PLAIN, Verdict.HOLDS, Verdict.BROKEN, False),
        (PLAIN, Verdict.DIFFERS, Verdict.BROKEN, False),
        (PLAIN, Verdict.DIFFERS, Verdict.DIFFERS, True),
        (PLAIN, Verdict.BLOCKED, Verdict.BLOCKED, True),
        (PLAIN, Verdict.BLOCKED, Verdict.HOLDS, True),
        (PLAIN, Verdict.BLOCKED, Verdict.BROKEN, False),
        (PLAIN, Verdict.BROKEN, Verdict.BROKEN, True),
        (LATER, Verdict.HOLDS, Verdict.DIFFERS, True),
        (LATER, Verdict.HOLDS, Verdict.BLOCKED, False),
        (DECLARED, Verdict.BLOCKED, Verdict.HOLDS, False),
        (DECLARED, Verdict.HOLDS, Verdict.HOLDS, True),
    ],
)
def test_what_was_answered_must_be_answered(
    claim: Claim, before: Verdict, after: Verdict, kept: bool
) -> None:
    assert held(run(claim, after), run(claim, before))[0] is kept


@pytest.mark.parametrize(("size", "kept"), [(1, True), (2, False)])
def test_verdict_may_change_to_the_declared_one(size: int, kept: bool) -> None:
    assert held(run(DECLARED, Verdict.DIFFERS, size=size), run(DECLARED, Verdict.HOLDS))[0] is kept


def test_declared_difference_that_became_an_undeclared_one_is_wrong() -> None:
    before, after = (run(DECLARED, Verdict.DIFFERS, size=size) for size in (1, 2))

    assert not held(after, before)[0]


def test_claim_that_is_missing_is_lost() -> None:
    now = sample.cut(sample.header("6.1.0", PLAIN))

    kept, text = held(now, run(PLAIN, Verdict.HOLDS))

    assert (kept, "doc.7/topic/plain: HOLDS, now missing" in text) == (False, True)


def test_other_claims_than_in_the_reference_are_fine() -> None:
    assert held(run(PLAIN, Verdict.HOLDS), run(LATER, Verdict.HOLDS))[0]


def test_new_claim_that_differs_undeclared_is_wrong() -> None:
    assert not held(run(PLAIN, Verdict.DIFFERS), run(LATER, Verdict.HOLDS))[0]


def test_run_that_lost_nothing_is_one_line_more_than_its_kernel() -> None:
    assert held(run(PLAIN, Verdict.HOLDS), run(PLAIN, Verdict.HOLDS))[1] == (
        "Linux 6.1.0, x86_64 (uml:6.1), held against 6.1.0\n  Nothing is lost: 1 claim.\n"
    )


def test_what_changed_is_listed_with_what_was_observed() -> None:
    text = held(run(DECLARED, Verdict.DIFFERS, size=1), run(DECLARED, Verdict.BLOCKED))[1]

    assert "changed as declared\n    doc.7/topic/declared: BLOCKED, now DIFFERS size = 1\n" in text


def test_reference_is_found_by_kernel_whatever_its_file_is_named(tmp_path: Path) -> None:
    wanted = run(PLAIN, Verdict.HOLDS)
    sample.write(tmp_path / "1.jsonl", sample.on(wanted, kernel="uml:5.10"))
    sample.write(tmp_path / "2.jsonl", wanted)

    assert reference_of(run(PLAIN, Verdict.BLOCKED), tmp_path) == wanted


def test_reference_of_a_machines_own_kernel_has_its_release(tmp_path: Path) -> None:
    own = sample.on(run(PLAIN, Verdict.HOLDS), kernel="host", release="6.18.44-local")
    sample.write(tmp_path / "1.jsonl", sample.on(own, release="6.12.1"))
    sample.write(tmp_path / "2.jsonl", own)

    assert reference_of(sample.on(own, release="6.18.44-other"), tmp_path) == own


def test_kernel_without_a_reference_is_named_and_cannot_steer_the_terminal(tmp_path: Path) -> None:
    with pytest.raises(NoReference) as caught:
        reference_of(sample.on(run(PLAIN, Verdict.HOLDS), kernel="uml:\x1b[31m\n"), tmp_path)

    assert (str(caught.value)) == (
        rf"no file in {tmp_path} is a run of Linux 6.1.0, x86_64 (uml:\x1b[31m\n), "
        "or of an earlier series like it"
    )


@pytest.mark.parametrize(
    ("kernel", "release", "found"),
    [
        ("built:changed", "6.1.176", "uml:6.1"),
        ("built:changed", "6.11.0-rc1", "uml:6.1"),
        ("built:changed", "7.4.0", "uml:7.2"),
        ("uml:/home/me/linux", "7.2.9", "uml:7.2"),
        ("virtme:/boot/vmlinuz", "7.2.12", "virtme:6.12"),
        ("host", "6.18.9", "host"),
    ],
)
def test_kernel_without_a_reference_is_held_against_that_of_its_series(
    tmp_path: Path, kernel: str, release: str, found: str
) -> None:
    one = run(PLAIN, Verdict.HOLDS)
    there = {"uml:7.2": "7.2.7", "uml:6.1": "6.1.176", "virtme:6.12": "6.12.118", "host": "6.18.44"}
    for number, (name, base) in enumerate(there.items()):
        sample.write(tmp_path / f"{number}.jsonl", sample.on(one, kernel=name, release=base))

    assert reference_of(sample.on(one, kernel=kernel, release=release), tmp_path).header.kernel == found


@pytest.mark.parametrize(("kernel", "release"), [("built:old", "5.4.1"), ("virtme:x", "7.2.1")])
def test_no_kernel_is_held_against_a_later_one_or_one_of_another_kind(
    tmp_path: Path, kernel: str, release: str
) -> None:
    one = run(PLAIN, Verdict.HOLDS)
    sample.write(tmp_path / "1.jsonl", sample.on(one, kernel="uml:5.10", release="5.10.46"))

    with pytest.raises(NoReference):
        reference_of(sample.on(one, kernel=kernel, release=release), tmp_path)


def test_wrong_file_among_the_references_is_named(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text("{}\n")

    with pytest.raises(FileError, match=r"1\.jsonl:1: "):
        reference_of(run(PLAIN, Verdict.HOLDS), tmp_path)
