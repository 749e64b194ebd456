"""Parts of one kernel's run as one."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from reports.model import Answer, Header, Run, Verdict
from reports.run_file import read_run
from reports.store import reference
from tests.reports import sample
from tests.reports.conftest import Said

A, B, C = (Answer(f"a.7/b/{name}", Verdict.HOLDS, duration=0.5) for name in "abc")


def parts(folder: Path, *runs: Run) -> list[Path]:
    return [sample.write(folder / f"{place}.jsonl", run) for place, run in enumerate(runs)]


def of(*answers: Answer, head: Header | None = None) -> Run:
    return sample.run(head or sample.header(), *answers)


def test_parts_become_the_run_that_one_machine_would_have_made(said: Said, folder: Path) -> None:
    parts(folder / "parts", of(B), of(A, C))

    assert said("merge", "parts", "-o", "whole.jsonl") == (0, "", "")

    assert reference(read_run(folder / "whole.jsonl")) == reference(of(A, B, C))


def test_without_a_file_the_run_is_printed(said: Said, folder: Path) -> None:
    files = parts(folder, of(A), of(B))
    said("merge", *files, "-o", "whole.jsonl")

    assert said("merge", *files) == (0, (folder / "whole.jsonl").read_text(), "")


def test_an_interrupted_part_is_completed_by_another(said: Said, folder: Path) -> None:
    cut = Run(replace(sample.header(), asked=(A.claim, B.claim)), {A.claim: A})

    said("merge", *parts(folder, cut, of(B)), "-o", "whole.jsonl")

    run = read_run(folder / "whole.jsonl")
    assert (run.interrupted, run.header.asked, [*run.answers]) == (False, (), [A.claim, B.claim])


def test_what_no_part_answered_is_missing(said: Said, folder: Path) -> None:
    cut = Run(replace(sample.header(), asked=(A.claim, B.claim)), {A.claim: A})

    said("merge", *parts(folder, cut, of(C)), "-o", "whole.jsonl")

    run = read_run(folder / "whole.jsonl")
    assert (run.interrupted, [*run.missing()]) == (True, [B.claim])


def test_a_part_that_lost_what_it_was_asked_keeps_the_run_from_being_whole(said: Said, folder: Path) -> None:
    said("merge", *parts(folder, sample.cut(sample.header(), A), of(B)), "-o", "whole.jsonl")

    assert read_run(folder / "whole.jsonl").interrupted


def test_a_run_had_the_capabilities_that_each_part_had(said: Said, folder: Path) -> None:
    heads = [replace(sample.header(), capabilities=had) for had in (("CAP_A", "CAP_B"), ("CAP_B", "CAP_C"))]

    said("merge", *parts(folder, of(A, head=heads[0]), of(B, head=heads[1])), "-o", "whole.jsonl")

    assert read_run(folder / "whole.jsonl").header.capabilities == ("CAP_B",)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("suite_digest", "the suite digest is 'eea3f9f2bc671eeb' in one and 'other' in the other"),
        ("release", "the release is '6.1.0' in one and '6.1.1' in the other"),
        ("version", "the version is '#1 SMP' in one and 'other' in the other"),
        ("machine", "the machine is 'x86_64' in one and 'other' in the other"),
        ("config_digest", "the config digest is None in one and 'other' in the other"),
        ("kernel", "the kernel is 'uml:6.1' in one and 'other' in the other"),
        ("implementation", "the implementation is 'Linux' in one and 'other' in the other"),
    ],
)
def test_unlike_runs_are_refused(said: Said, folder: Path, field: str, words: str) -> None:
    value = "6.1.1" if field == "release" else "other"
    files = parts(folder, of(A), sample.on(of(B), **{field: value}))

    status, out, err = said("merge", *files, "-o", "whole.jsonl")

    assert (status, out, (folder / "whole.jsonl").exists()) == (65, "", False)
    assert err == f"reports: {files[0]} and {files[1]} are no parts of one run: {words}\n"


@pytest.mark.parametrize(
    ("again", "more"), [([B], ""), ([B, C], ", as 1 other claim"), ([A, B, C], ", as 2 other claims")]
)
def test_claims_that_are_answered_twice_are_refused(
    said: Said, folder: Path, again: list[Answer], more: str
) -> None:
    files = parts(folder, of(A, B, C), of(*again))

    status, out, err = said("merge", *files)

    assert (status, out) == (65, "")
    assert err == (
        f"reports: {again[0].claim} is answered in {files[0]} and in {files[1]}{more}; "
        "leave one of them out\n"
    )


def test_a_part_is_never_overwritten(said: Said, folder: Path) -> None:
    files = parts(folder, of(A), of(B))

    status, _, err = said("merge", *files, "-o", files[0])

    assert (status, read_run(files[0])) == (73, of(A))
    assert "would overwrite it" in err


def test_a_bad_part_is_named(said: Said, folder: Path) -> None:
    (folder / "bad.jsonl").write_text("{}\n")

    status, _, err = said("merge", *parts(folder, of(A)), "bad.jsonl")

    assert (status, err.startswith("reports: bad.jsonl:1: ")) == (65, True)
