"""Mutants of the kernel: what the patches say of themselves, who is asked, and what becomes of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reports.catalogue import Catalogue
from reports.coverage.model import Coverage, File, Line
from reports.coverage.store import write
from reports.errors import FileError
from reports.model import Answer, Claim, Test, Verdict
from tools.mutants import __main__ as program
from tools.mutants.children import Children, Interrupted
from tools.mutants.kernels import Base, NotAsked, Workshop
from tools.mutants.patches import KINDS, Mutant, read_mutant, read_mutants
from tools.mutants.reach import Reach, read_reached
from tools.mutants.results import End, Result, Results
from tools.mutants.table import read_explained, table
from tools.mutants.trial import Trial, grouped, try_mutants

PATCHES = Path(__file__).parents[2] / "conformance" / "mutants"
PATCH = """\
Subject: {subject}
Kind: {kind}

--- a/{file}
+++ b/{file}
@@ -10,4 +10,4 @@ int sk_setsockopt(struct sock *sk)
 \tcase SO_RCVBUF:
-\t\tone();
+\t\tother();
 \t\tbreak;
 \tdefault:
"""
CATALOGUE = Catalogue.of(
    [
        Claim("socket.7/SO_RCVBUF/doubled", "SO_RCVBUF is doubled."),
        Claim("unix.7/close/resets", "A close of a UNIX stream resets.", tests=(Test("t.py", 1, "unix()"),)),
        Claim("tcp.7/TCP_NODELAY/value", "TCP_NODELAY is what was set."),
    ]
)
DOUBLED, RESETS, NODELAY = (claim.id for claim in CATALOGUE.claims)


def patch(
    folder: Path,
    name: str = "sock-one",
    *,
    subject: str = "SO_RCVBUF is not doubled",
    kind: str = "value",
    file: str = "net/core/sock.c",
) -> Mutant:
    path = folder / f"{name}.patch"
    path.write_text(PATCH.format(subject=subject, kind=kind, file=file))
    return read_mutant(path)


def answer(claim: str, verdict: Verdict = Verdict.HOLDS, **observations: int) -> Answer:
    return Answer(claim, verdict, dict(observations))


class FakeWorkshop(Workshop):
    """Kernels that answer what a test says: the base, and the mutants one answer after another."""

    def __init__(self, folder: Path, *mutants: Mapping[str, Answer], why: str = "") -> None:
        super().__init__(folder, Children(folder), "7.2", (), {})
        self.why, self.mutants = why, list(mutants)
        self.asked: list[list[str]] = []
        self.removed: list[str] = []

    def build_base(self) -> str:
        return "7.2.13"

    def build(self, name: str, patches: Sequence[Path]) -> str:  # noqa: ARG002
        return self.why

    def remove(self, name: str) -> None:
        self.removed.append(name)

    def ask_base(
        self,
        number: int,  # noqa: ARG002
        claims: Sequence[str],
        records: Path,  # noqa: ARG002
    ) -> dict[str, Answer]:
        return {claim: answer(claim) for claim in claims}

    def ask(self, name: str, claims: Sequence[str], enough: int) -> dict[str, Answer]:  # noqa: ARG002
        self.asked.append(list(claims))
        given = self.mutants.pop(0) if self.mutants else {claim: answer(claim) for claim in claims}
        return {claim: given[claim] for claim in claims if claim in given}


def tried(workshop: FakeWorkshop, mutant: Mutant, *rings: list[str]) -> Result:
    (result,) = try_mutants([Trial(mutant, list(rings))], workshop, Base(workshop, "7.2.13", "suite"))
    return result


def test_the_patches_are_what_they_say() -> None:
    mutants = read_mutants(PATCHES)

    assert len(mutants) >= 150
    assert sum(one.kind == "revert" for one in mutants) >= 30
    assert {one.kind for one in mutants} == KINDS.keys()
    assert len({one.digest for one in mutants}) == len(mutants)
    assert {file.split("/")[0] for one in mutants for file in one.files} == {"net"}
    assert all(len(one.hunks) == 1 for one in mutants if one.kind != "revert" and "rounded" not in one.name)


def test_each_subject_is_said_once_in_a_family() -> None:
    said = [(one.files, one.subject) for one in read_mutants(PATCHES)]

    assert [one for one in said if said.count(one) > 1] == []


def test_what_is_explained_is_a_mutant() -> None:
    names = {one.name for one in read_mutants(PATCHES)}

    assert read_explained(PATCHES / "explained.toml").keys() <= names


def test_a_mutant_knows_the_lines_that_it_changes(tmp_path: Path) -> None:
    assert patch(tmp_path).places == {("net/core/sock.c", 11)}


def test_where_lines_are_only_added_it_is_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "sock-more.patch"
    path.write_text(
        PATCH.format(subject="It is.", kind="value", file="net/core/sock.c").replace("-\t\tone();\n", "")
    )

    assert read_mutant(path).places == {("net/core/sock.c", 10)}


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("sock-one", "Kind: value", "Kind: odd", "the kind 'odd' is none of"),
        ("sock-one", "Subject: ", "Topic: ", "a patch begins with Subject"),
        ("sock-one", "Kind: value\n", "", "no line 'Kind: ...'"),
        ("sock-one", "Kind: value", "Kind: revert", "a revert names the Commit"),
        ("sock-one", "-\t\tone();\n+\t\tother();\n", "", "the patch changes nothing"),
        ("Sock_One", "one", "one", "a mutant's name is words"),
    ],
)
def test_a_patch_that_does_not_say_what_it_is(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    path = tmp_path / f"{name}.patch"
    path.write_text(PATCH.format(subject="It is.", kind="value", file="net/core/sock.c").replace(old, new))

    with pytest.raises(FileError, match=said):
        read_mutant(path)


def test_claims_that_name_what_is_changed_come_first(tmp_path: Path) -> None:
    rings = Reach(CATALOGUE, None).rings(patch(tmp_path), "all")

    assert rings[0][0] == DOUBLED
    assert sorted(claim for ring in rings for claim in ring) == sorted([DOUBLED, RESETS, NODELAY])


def test_claims_that_run_a_changed_line_are_asked_first_where_that_is_known(tmp_path: Path) -> None:
    reached, line = tmp_path / "reached.sqlite", Line(11, 1, claims=0b1)
    file = File("net/core/sock.c", "", lines=[line, Line(12, 0)])
    write(Coverage("built:tiny 7.2.0", [NODELAY, RESETS, DOUBLED], [file]), reached)

    rings = Reach(CATALOGUE, read_reached(reached)).rings(patch(tmp_path), "all")

    assert rings == [[NODELAY], [DOUBLED, RESETS]], "a count may have missed others"


def test_claims_that_are_newer_than_what_was_counted_come_last(tmp_path: Path) -> None:
    reached, line = tmp_path / "reached.sqlite", Line(11, 1, claims=0b1)
    write(Coverage("built:tiny 7.2.0", [NODELAY], [File("net/core/sock.c", "", lines=[line])]), reached)
    reach, mutant = Reach(CATALOGUE, read_reached(reached)), patch(tmp_path)

    assert reach.rings(mutant, "all") == [[NODELAY], [DOUBLED, RESETS]]
    assert reach.runs(mutant) == frozenset({NODELAY, DOUBLED, RESETS})


def test_without_counters_it_is_not_known(tmp_path: Path) -> None:
    assert read_reached(tmp_path / "reached.sqlite") is None


def test_a_mutant_is_killed_by_claims_that_answer_otherwise_twice(tmp_path: Path) -> None:
    other = {DOUBLED: answer(DOUBLED, Verdict.DIFFERS), RESETS: answer(RESETS, size=3)}
    workshop = FakeWorkshop(tmp_path, other, other)

    result = tried(workshop, patch(tmp_path), [DOUBLED, RESETS, NODELAY])

    assert (result.end, result.killers) == (End.KILLED, (DOUBLED, RESETS))
    assert workshop.asked == [[DOUBLED, RESETS, NODELAY], [DOUBLED, RESETS]]
    assert workshop.removed == ["sock-one"]


def test_a_claim_that_failed_once_kills_nothing(tmp_path: Path) -> None:
    workshop = FakeWorkshop(tmp_path, {DOUBLED: answer(DOUBLED, Verdict.BROKEN)})

    result = tried(workshop, patch(tmp_path), [DOUBLED], [RESETS])

    assert (result.end, result.tried) == (End.SURVIVED, (DOUBLED, RESETS))


def test_claims_that_are_not_needed_are_not_asked(tmp_path: Path) -> None:
    other = {DOUBLED: answer(DOUBLED, Verdict.DIFFERS)}
    workshop = FakeWorkshop(tmp_path, other, other)

    assert tried(workshop, patch(tmp_path), [DOUBLED], [RESETS]).tried == (DOUBLED,)


def test_a_kernel_that_does_not_start_is_killed(tmp_path: Path) -> None:
    assert tried(FakeWorkshop(tmp_path, {}, {}), patch(tmp_path), [DOUBLED]).end is End.DIED


def test_a_kernel_that_starts_the_second_time_is_asked(tmp_path: Path) -> None:
    assert tried(FakeWorkshop(tmp_path, {}), patch(tmp_path), [DOUBLED]).end is End.SURVIVED


def test_a_patch_that_does_not_build_is_told(tmp_path: Path) -> None:
    result = tried(FakeWorkshop(tmp_path, why="error: no such thing"), patch(tmp_path), [DOUBLED])

    assert (result.end, result.said) == (End.UNTRIED, "error: no such thing")


def two(folder: Path, *common: str) -> list[Trial]:
    """Two mutants, a claim for each, and claims that run the lines of both."""
    return [
        Trial(
            patch(folder, name, subject=f"{claim} is not so"),
            [[claim, *common]],
            frozenset({claim, *common}),
        )
        for name, claim in (("sock-one", DOUBLED), ("sock-two", NODELAY))
    ]


def test_mutants_that_share_few_claims_share_a_kernel(tmp_path: Path) -> None:
    one, other = two(tmp_path)
    alike = Trial(one.mutant, [[DOUBLED]], frozenset({DOUBLED, NODELAY}))
    unknown = Trial(one.mutant, [[RESETS]])

    assert grouped([one, other], 8) == [[one, other]]
    assert grouped([one, other], 1) == [[one], [other]]
    assert grouped([unknown, one, alike], 8) == [[one], [alike], [unknown]]


def test_a_claim_kills_the_mutant_whose_lines_it_runs(tmp_path: Path) -> None:
    other = {DOUBLED: answer(DOUBLED), NODELAY: answer(NODELAY, Verdict.DIFFERS)}
    workshop = FakeWorkshop(tmp_path, other, other)

    results = list(try_mutants(two(tmp_path), workshop, Base(workshop, "7.2.13", "suite")))

    assert [(one.mutant, one.end, one.killers) for one in results] == [
        ("sock-two", End.KILLED, (NODELAY,)),
        ("sock-one", End.SURVIVED, ()),
    ]
    assert workshop.asked == [[DOUBLED, NODELAY], [NODELAY]]
    assert workshop.removed == ["sock-one+1"]


def test_a_claim_that_runs_the_lines_of_both_is_asked_of_each_alone(tmp_path: Path) -> None:
    calm = {DOUBLED: answer(DOUBLED), NODELAY: answer(NODELAY)}
    other = {RESETS: answer(RESETS, Verdict.DIFFERS)}
    workshop = FakeWorkshop(tmp_path, calm, other, other)

    results = list(try_mutants(two(tmp_path, RESETS), workshop, Base(workshop, "7.2.13", "suite")))

    assert [(one.mutant, one.end, one.tried) for one in results] == [
        ("sock-one", End.KILLED, (DOUBLED, RESETS)),
        ("sock-two", End.SURVIVED, (NODELAY, RESETS)),
    ]
    assert workshop.asked[1:] == [[RESETS], [RESETS], [RESETS]]


def test_where_mutants_cannot_be_together_each_is_tried_alone(tmp_path: Path) -> None:
    workshop = FakeWorkshop(tmp_path, {}, {})

    results = list(try_mutants(two(tmp_path), workshop, Base(workshop, "7.2.13", "suite")))

    assert [one.end for one in results] == [End.SURVIVED, End.SURVIVED]
    assert workshop.removed == ["sock-one+1", "sock-one", "sock-two"]


def test_a_kernel_that_cannot_be_asked_is_told_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(*_: object) -> dict[str, Answer]:
        raise NotAsked("exit status 3")

    workshop = FakeWorkshop(tmp_path)
    monkeypatch.setattr(workshop, "ask", ask)

    result = tried(workshop, patch(tmp_path), [DOUBLED])

    assert (result.end, result.said, workshop.removed) == (End.UNTRIED, "exit status 3", ["sock-one"])


def test_results_are_kept_and_a_cut_line_is_not(tmp_path: Path) -> None:
    path = tmp_path / "mutants.jsonl"
    first = Result("sock-one", "1", End.KILLED, (DOUBLED,), (DOUBLED,))
    with (results := Results(path)).growing():
        results.add(first)
    with path.open("a") as file:
        file.write('{"mutant":"sock-t')
    second = Result("sock-two", "2", End.SURVIVED, (), (DOUBLED,))
    with (results := Results(path)).growing():
        results.add(second)

    known = Results(path)
    assert (known.of("sock-one", "1"), known.of("sock-two", "2")) == (first, second)
    assert known.of("sock-one", "another patch") is None


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "mutants.jsonl"

    with (
        Results(path).growing(),
        pytest.raises(FileError, match="another run of the mutants is under way"),
        Results(path).growing(),
    ):
        pass


def test_the_table_says_who_kills_and_who_does_not(tmp_path: Path) -> None:
    mutants = [patch(tmp_path, name) for name in ("sock-one", "sock-two", "sock-three", "sock-four")]
    results = [
        Result("sock-one", "", End.KILLED, (DOUBLED,), (DOUBLED, RESETS)),
        Result("sock-two", "", End.SURVIVED, (), (RESETS,)),
        Result("sock-three", "", End.SURVIVED, (), (RESETS,)),
        Result("sock-four", "", End.UNTRIED, said="error: x"),
    ]

    lines = "\n".join(table(mutants, results, {"sock-three": "equivalent: y", "sock-gone": "z"}))

    assert f"killed by {DOUBLED}" in lines
    assert "survived 1 claims (equivalent: y)" in lines
    assert "  sock-two: SO_RCVBUF is not doubled" in lines
    assert "  sock-four\n      error: x" in lines
    assert f"(1 of 2)\n  {RESETS} (3)" in lines
    assert "4 of 4 mutants tried; 1 of 3 that could be asked are killed, 33.3%" in lines
    assert "explained.toml names sock-gone, which is no mutant" in lines


def test_an_explanation_says_why(tmp_path: Path) -> None:
    path = tmp_path / "explained.toml"
    path.write_text("[sock-one]\nbecause = 'x'\n")

    with pytest.raises(FileError, match=r"\[sock-one\] has no 'why'"):
        read_explained(path)


def run(folder: Path, *more: str) -> int:
    (folder / "catalogue.json").write_text(CATALOGUE.encode())
    places = [
        "--mutants",
        str(folder),
        "--results",
        str(folder / "results.jsonl"),
        "--reached",
        str(folder / "reached"),
    ]
    return program.main([*places, "--catalogue", str(folder / "catalogue.json"), *more])


def test_a_run_goes_on_where_the_last_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {DOUBLED: answer(DOUBLED, Verdict.DIFFERS)}
    workshop = FakeWorkshop(tmp_path, other, other)
    monkeypatch.setattr(program, "Workshop", lambda *_: workshop)
    handler = signal.getsignal(signal.SIGTERM)
    patch(tmp_path, "sock-one")

    first = run(tmp_path)
    patch(tmp_path, "sock-two")
    second = run(tmp_path, "-j", "1")
    signal.signal(signal.SIGTERM, handler)

    said = capsys.readouterr()
    assert (first, second) == (0, 1)
    assert "1 of 2 mutants to try" in said.err
    assert "sock-two: survived 3 claims" in said.err
    monkeypatch.setattr(
        sys.modules[__name__], "CATALOGUE", Catalogue.of([*CATALOGUE.claims, Claim("doc.7/new/one", "")])
    )
    run(tmp_path)
    signal.signal(signal.SIGTERM, handler)
    assert "1 of 2 mutants to try" in capsys.readouterr().err, "there is a new claim"
    results = tmp_path / "results.jsonl"
    results.write_text(results.read_text().replace(', "doc.7/new/one"', "").replace(',"doc.7/new/one"', ""))
    (tmp_path / "explained.toml").write_text('[sock-two]\nwhy = "equivalent: it is the same"\n')
    assert run(tmp_path) == 0
    signal.signal(signal.SIGTERM, handler)
    assert "0 of 2 mutants to try" in capsys.readouterr().err, "what is explained is not asked again"


def test_samples_are_all_mutants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        patch(tmp_path, f"sock-{number}")

    for part in ("1/2", "2/2"):
        run(tmp_path, "--report", "--sample", part)

    said = capsys.readouterr().out
    assert "0 of 3 mutants tried" in said
    assert "0 of 2 mutants tried" in said


def test_a_name_that_is_no_mutant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patch(tmp_path, "sock-one")

    assert run(tmp_path, "--report", "--only", "sock-onee") == 2
    assert "did you mean sock-one?" in capsys.readouterr().err


def test_what_runs_ends_with_an_interruption(tmp_path: Path) -> None:
    children = Children(tmp_path)
    ended: list[type[BaseException]] = []

    def wait() -> None:
        try:
            children.run(
                "one", [sys.executable, "-c", "import time; print('on', flush=True); time.sleep(60)"]
            )
        except Interrupted as error:
            ended.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    log = tmp_path / "build/mutants/logs/one.log"
    while not (log.exists() and log.read_text()):
        time.sleep(0.01)
    children.stop()
    thread.join(10)

    assert ended == [Interrupted]
    with pytest.raises(Interrupted):
        children.run("two", ["true"])


def test_a_patch_applies_as_the_builder_applies_it(tmp_path: Path) -> None:
    """What stands before the patch is no matter to git."""
    file = tmp_path / "tree/net/core/sock.c"
    file.parent.mkdir(parents=True)
    file.write_text("\n" * 9 + "\tcase SO_RCVBUF:\n\t\tone();\n\t\tbreak;\n\tdefault:\n")
    path = patch(tmp_path).path

    subprocess.run(["git", "apply", str(path)], cwd=tmp_path / "tree", check=True)

    assert "other();" in file.read_text()
