"""``git bisect run`` in a real tree, whose commits choose which of two kernels is built."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernels import backend
from kernels.archive import Archive
from kernels.cache import Cache
from tests.conformance import suites

SCRIPT = suites.ROOT / "kernels" / "bisect.sh"
BUILD = 'ln -s "$(cat kernel)" linux'
MARK = "socket.7/SO_MARK/*"
"""On 6.1 CAP_NET_RAW sets a mark and on 5.10 it does not: on each kernel one of these claims is wrong."""


def kernel(name: str) -> str:
    return str(backend.kernel(name).obtain(Archive(Cache.of_user())).program)


@pytest.fixture(scope="module")
def old() -> str:
    return kernel("uml:5.10")


@pytest.fixture(scope="module")
def new() -> str:
    return kernel("uml:6.1")


def git(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    identity = {
        f"GIT_{who}_{what}": "nobody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return subprocess.run(
        ["git", *arguments],
        cwd=tree,
        env=suites.environment() | identity | {"PYTHON": sys.executable, "BUILD": BUILD} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def bisected(
    tree: Path, kernels: Sequence[str], *claims: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Bisect commits that build a kernel each, from good to bad. What git said, and the commits."""
    tree.mkdir()
    git(tree, "init", "--quiet")
    (tree / ".gitignore").write_text("linux\nbuilt\n")
    for number, program in enumerate(kernels):
        (tree / "kernel").write_text(f"{program}\n")
        (tree / "number").write_text(str(number))
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", f"commit {number}")
    commits = git(tree, "rev-list", "--reverse", "HEAD").stdout.split()
    git(tree, "bisect", "start", commits[-1], commits[0])
    return git(tree, "bisect", "run", str(SCRIPT), *claims, **environment), commits


def test_the_commit_that_changed_an_answer_is_named(tmp_path: Path, old: str, new: str) -> None:
    """The commit in the middle builds nothing, and is skipped."""
    ran, commits = bisected(tmp_path / "tree", [old, new, "/nonexistent", new], MARK)

    assert f"{commits[1]} is the first bad commit" in ran.stdout, ran.stdout + ran.stderr
    assert "git bisect skip " + commits[2] in git(tmp_path / "tree", "bisect", "log").stdout


def test_ends_that_answer_alike_name_no_commit(tmp_path: Path, new: str) -> None:
    """Whatever is declared to differ: one of these claims does, on every kernel."""
    ran, _ = bisected(tmp_path / "tree", [new, new, new], "socket.7/SO_RCVBUF/minimum-256")

    assert "nothing that these claims tell has changed" in ran.stderr
    assert "is the first bad commit" not in ran.stdout


@pytest.mark.parametrize(
    ("claims", "said"),
    [((), "which claims?"), ((MARK, "socket.7/SO_MARC/*"), "did you mean socket.7/SO_MARK/*")],
)
def test_wrong_usage_aborts_before_anything_is_built(
    tmp_path: Path, claims: tuple[str, ...], said: str
) -> None:
    tree = tmp_path / "tree"
    ran, _ = bisected(tree, ["a", "b", "c"], *claims, BUILD="touch built")

    assert (said in ran.stderr, "exit code 128" in ran.stdout + ran.stderr) == (True, True), ran
    assert not (tree / "built").exists()


def test_without_a_bisection_it_is_not_begun(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    ran = subprocess.run([SCRIPT, MARK], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (ran.returncode, "git bisect start" in ran.stderr) == (128, True)


def test_a_good_end_that_cannot_be_booted_aborts_where_git_was(tmp_path: Path, new: str) -> None:
    ran, commits = bisected(tmp_path / "tree", ["/bin/true", new, new], MARK)

    assert "an end of the bisection, cannot be built or booted" in ran.stderr
    assert git(tmp_path / "tree", "rev-parse", "HEAD").stdout.strip() == commits[1]
