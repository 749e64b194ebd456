"""What ``diff`` prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from reports.difference import DifferenceFile
from reports.model import Answer, Verdict
from tests.reports import sample
from tests.reports.conftest import Said

HEAD = "before  Linux 6.1.0, x86_64 (uml:6.1)\nafter   Linux 6.1.0, x86_64 (uml:6.1)\n"


def test_a_run_is_as_it_is(said: Said, old: Path) -> None:
    status, out, err = said("diff", old, old)

    assert (status, err) == (0, "")
    assert out.endswith("7 claims: no change\n")


def test_a_difference_reads_as_a_whole(said: Said, old: Path, new: Path) -> None:
    status, out, err = said("diff", old, new)

    assert (status, err) == (1, "")
    assert (
        out
        == """\
before  Linux 5.10.0, x86_64 (uml:6.1)
after   Linux 6.18.44-amd64, x86_64 (uml:6.1)
  socket.7/SO_MARK/needs-capability
    Without it a mark is refused.
      5.10.0        BLOCKED
      6.18.44-amd6  HOLDS  errno = EPERM
  socket.7/SO_MARK/net-raw-suffices
    CAP_NET_RAW alone suffices.
      5.10.0        UNCLAIMED  errno = EPERM
      6.18.44-amd6  HOLDS  elapsed = 0.25
      because       documented since 5.17
  tcp.7/TCP_NODELAY/default-off
    Nagle's algorithm is on for a new socket.
      5.10.0        DIFFERS  nodelay = true
      6.18.44-amd6  missing
  socket.7/SO_RCVBUF/doubled
    Setting the receive buffer stores twice the size asked for.
      5.10.0        HOLDS  read_back = 8192
      6.18.44-amd6  HOLDS  read_back = 16384
5 claims: 3 with another verdict, 1 with other values; 2 only before
"""
    )


def test_the_declared_reason_and_commit_are_named_once(said: Said, folder: Path) -> None:
    for name, size in (("a", 2304), ("b", 4096)):
        answer = Answer(sample.FLOOR.id, Verdict.DIFFERS, {"minimum": size, "kept": 1})
        sample.write(folder / name, sample.single(answer))

    status, out, _ = said("diff", "a", "b")

    assert status == 1
    assert out == (
        f"{HEAD}  socket.7/SO_RCVBUF/minimum-256\n    The smallest (doubled) receive buffer is 256 bytes.\n"
        "      before        DIFFERS  minimum = 2304\n      after         DIFFERS  minimum = 4096\n"
        "      because       the floor is a small skb's true size (since 3.12, commit\n"
        "                    eea86af6b1e1)\n"
        "1 claim: 0 with another verdict, 1 with other values\n"
    )


def test_measured_times_are_no_change(said: Said, folder: Path) -> None:
    for name, time in (("a", 0.25), ("b", 0.5)):
        sample.write(folder / name, sample.single(Answer("a.7/b/c", Verdict.HOLDS, {"elapsed": time})))

    assert said("diff", "a", "b") == (0, f"{HEAD}1 claim: no change\n", "")


def test_claims_that_one_run_was_asked_are_no_change(said: Said, folder: Path) -> None:
    answers = [Answer(f"a.7/b/{name}", Verdict.HOLDS) for name in "cde"]
    sample.write(folder / "a", sample.run(sample.header(), *answers[:2]))
    sample.write(folder / "b", sample.run(sample.header(), *answers[1:]))

    assert said("diff", "a", "b") == (0, f"{HEAD}1 claim: no change; 1 only before; 1 only after\n", "")


def test_folders_are_compared_kernel_by_kernel(said: Said, folder: Path) -> None:
    other = sample.on(sample.OLD, kernel="uml:5.15")
    for name, runs in (
        ("a", (sample.OLD, other)),
        ("b", (sample.on(sample.OLD, kernel="uml:7"), sample.OLD)),
    ):
        for place, run in enumerate(runs):
            sample.write(folder / name / f"{place}.jsonl", run)

    status, out, _ = said("diff", "a", "b")

    assert status == 0
    assert out == (
        "before  Linux 5.10.0, x86_64 (uml:6.1)\nafter   Linux 5.10.0, x86_64 (uml:6.1)\n"
        "7 claims: no change\n"
        "Only before: Linux 5.10.0, x86_64 (uml:5.15)\nOnly after: Linux 5.10.0, x86_64 (uml:7)\n"
    )


def test_a_file_is_compared_with_the_run_of_its_kernel_in_a_folder(
    said: Said, folder: Path, new: Path
) -> None:
    sample.write(folder / "runs" / "0.jsonl", sample.on(sample.NEW, kernel="uml:5.15"))
    sample.write(folder / "runs" / "1.jsonl", sample.OLD)

    status, out, _ = said("diff", "runs", new)

    assert (status, out.count("before  "), "Only" in out) == (1, 1, False)


def test_scripts_get_json(said: Said, old: Path, new: Path) -> None:
    status, out, _ = said("diff", old, new, "--json")

    (run,) = json.loads(out)["runs"]
    assert (status, run["compared"], run["only_before"]) == (1, 5, [sample.CORK.id, sample.STALE.id])
    assert [change["claim"] for change in run["changes"]] == [
        *(sample.MARK.id, sample.RAW.id, sample.NODELAY.id, sample.DOUBLED.id)
    ]
    assert run["changes"][-1] == {
        "claim": sample.DOUBLED.id,
        "says": sample.DOUBLED.says,
        "before": {"verdict": "HOLDS", "observations": {"read_back": 8192}},
        "after": {"verdict": "HOLDS", "observations": {"read_back": 16384}},
        "observations": ["read_back"],
        "declared": [],
    }
    assert msgspec.json.decode(out, type=DifferenceFile).schema == 2


def test_json_of_no_change(said: Said, old: Path) -> None:
    status, out, _ = said("diff", old, old, "--json")

    assert (status, json.loads(out)["runs"][0]["changes"]) == (0, [])


def test_nothing_in_common_is_not_the_same(said: Said, folder: Path, old: Path) -> None:
    sample.write(folder / "other", sample.single())

    status, out, err = said("diff", old, "other")

    assert (status, out) == (65, "")
    assert err == (
        "reports: Linux 5.10.0, x86_64 (uml:6.1) and Linux 6.1.0, x86_64 (uml:6.1) were asked no claim in "
        "common\n"
    )


def test_folders_without_a_kernel_in_common_are_refused(said: Said, folder: Path) -> None:
    sample.write(folder / "a" / "1.jsonl", sample.OLD)
    sample.write(folder / "b" / "1.jsonl", sample.on(sample.OLD, kernel="uml:7"))

    assert said("diff", "a", "b") == (65, "", "reports: a and b hold no runs of one kernel\n")


def test_a_folder_with_two_runs_of_one_kernel_is_refused(said: Said, folder: Path, old: Path) -> None:
    for name in ("1", "2"):
        sample.write(folder / "a" / f"{name}.jsonl", sample.OLD)

    assert said("diff", "a", old) == (
        65,
        "",
        "reports: a/1.jsonl and a/2.jsonl are runs of one kernel, Linux 5.10.0, x86_64 (uml:6.1)\n",
    )


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_hostile_text_cannot_steer_the_terminal(said: Said, folder: Path, form: list[str]) -> None:
    for name, value in (("a", sample.HOSTILE), ("b", "")):
        answer = Answer("a.7/b/c", Verdict.HOLDS, {sample.HOSTILE: value})
        sample.write(folder / name, sample.single(answer))
    (folder / "build" / "catalogue.json").write_text(
        sample.listing(sample.HOSTILE.encode("ascii", "ignore").decode(), "a.7/b/c").encode()
    )

    status, out, _ = said("diff", "a", "b", *form)

    assert (status, out.replace("\n", "").isprintable()) == (1, True)
