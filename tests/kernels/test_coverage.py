"""From counters to which claims reach a line, on a tree of one file, which is compiled and run here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

from kernels.backend import Image
from kernels.coverage import coverage
from kernels.errors import BadCounters, NotCounting
from kernels.flow import functions, numbers, read_notes
from kernels.progress import Progress
from reports.coverage.gcov import decode
from reports.coverage.model import Coverage
from reports.coverage.store import reaching, read, write

SOURCE = """\
#include <stdlib.h>
__attribute__((noinline)) int set(int optname, int val)
{
	switch (optname) {
	case 1:
		if (val < 0)
			return -22;
		return val;
	case 2:
		return val * 3;
	}
	return -92;
}
int main(int count, char **words)
{
	return set(atoi(words[1]), atoi(words[2])) == 1000;
}
"""
QUIET = Progress(quiet=True)

pytestmark = pytest.mark.skipif(shutil.which("gcov") is None, reason="there is no gcov")


class Tree:
    """A kernel of one file."""

    def __init__(self, folder: Path) -> None:
        self.objects, self.counters = folder / "tree" / "objects", folder / "counters"
        self.image = Image("built:tiny", "7.2.0", "7.2.0", folder / "linux", folder, origin="tiny, gcov")
        source = folder / "tree" / "net" / "core" / "sock.c"
        for place in (source.parent, self.objects / "net" / "core", folder / "notes" / "net" / "core"):
            place.mkdir(parents=True)
        source.write_text(SOURCE)
        for command in (
            ["gcc", "-O0", "--coverage", "-c", "../net/core/sock.c", "-o", "net/core/sock.o"],
            ["gcc", "--coverage", "net/core/sock.o", "-o", "linux"],
        ):
            subprocess.run(command, cwd=self.objects, check=True)
        for file in (source, self.objects / "net/core/sock.gcno"):
            shutil.copy(file, folder / "notes" / "net" / "core")

    def run(self, claim: str, *tests: str) -> None:
        """Keep what a claim's tests reach, as a run does: each is the arguments of the program."""
        counted = self.objects / "net/core/sock.gcda"
        kept = self.counters / f"{claim}.zip"
        kept.parent.mkdir(parents=True, exist_ok=True)
        with ZipFile(kept, "w") as file:
            for number, words in enumerate(tests, 1):
                counted.unlink(missing_ok=True)
                subprocess.run([self.objects / "linux", *words.split()], check=True)
                file.write(counted, f"{number}/net/core/sock.gcda")

    def read(self) -> Coverage:
        return coverage(self.image, self.counters, QUIET)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def number(text: str) -> int:
    return SOURCE.splitlines().index(text) + 1


def test_a_line_is_reached_by_the_claims_whose_tests_ran_it(tree: Tree, tmp_path: Path) -> None:
    tree.run("socket.7/SO_ONE/value", "1 5", "1 5")
    tree.run("socket.7/SO_ONE/negative", "1 -1")
    database = tmp_path / "build" / "reached.sqlite"

    write(tree.read(), database)

    assert reaching(database, "net/core/sock.c", number("\t\tif (val < 0)")) == [
        "socket.7/SO_ONE/negative",
        "socket.7/SO_ONE/value",
    ]
    assert reaching(database, "net/core/sock.c", number("\t\t\treturn -22;")) == ["socket.7/SO_ONE/negative"]
    assert reaching(database, "net/core/sock.c", number("\t\treturn val * 3;")) == []
    assert reaching(database, "net/core/sock.c", 1) is None


def test_counts_are_those_of_all_tests(tree: Tree, tmp_path: Path) -> None:
    tree.run("socket.7/SO_ONE/value", "1 5", "1 5")
    tree.run("socket.7/SO_ONE/negative", "1 -1")
    database = tmp_path / "reached.sqlite"
    write(tree.read(), database)

    (file,) = read(database).files

    lines = {line.number: line for line in file.lines}
    assert lines[number("\t\tif (val < 0)")].count == 3
    assert sorted(lines[number("\t\tif (val < 0)")].branches) == [1, 2]
    assert {one.name: one.count for one in file.functions} == {"set": 3, "main": 3}
    assert file.text == SOURCE


def test_a_file_that_nothing_reaches_has_its_lines_all_the_same(tree: Tree) -> None:
    kept = tree.counters / "socket.7/SO_ONE/value.zip"
    kept.parent.mkdir(parents=True)
    ZipFile(kept, "w").close()

    (file,) = tree.read().files

    assert file.lines
    assert not any(line.count or line.claims for line in file.lines)


def test_a_file_without_functions_counts_nothing(tree: Tree) -> None:
    tree.run("socket.7/SO_ONE/value", "1 5")
    for name in ("empty.gcno", "empty.c"):
        (tree.image.folder / "notes/net/core" / name).write_bytes(b"")

    assert [file.path for file in tree.read().files] == ["net/core/sock.c"]


def test_the_counters_of_another_kernel_are_refused(tree: Tree, tmp_path: Path) -> None:
    tree.run("socket.7/SO_ONE/value", "1 5")
    other = Tree(tmp_path / "other")
    other.run("socket.7/SO_ONE/value", "1 5")
    notes = tmp_path / "notes/net/core/sock.gcno"
    data = bytearray(notes.read_bytes())
    data[8:12] = b"\1\2\3\4"  # the stamp
    notes.write_bytes(data)

    with pytest.raises(BadCounters, match="mismatch"):
        tree.read()


def test_a_kernel_without_notes_does_not_count(tree: Tree) -> None:
    shutil.rmtree(tree.image.folder / "notes")

    with pytest.raises(NotCounting, match="built:tiny does not count"):
        tree.read()


def test_a_folder_without_counters_is_refused(tree: Tree) -> None:
    with pytest.raises(BadCounters, match="no claim's file"):
        tree.read()


def test_a_broken_zip_is_named(tree: Tree) -> None:
    kept = tree.counters / "socket.7/SO_ONE/value.zip"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"nothing")

    with pytest.raises(BadCounters, match=r"value\.zip"):
        tree.read()


@pytest.mark.parametrize("words", ["1 5", "1 -1", "2 7", "9 0"])
def test_the_lines_that_ran_are_those_of_gcov(tree: Tree, words: str) -> None:
    subprocess.run([tree.objects / "linux", *words.split()], check=True)
    place = tree.objects / "net" / "core" / "sock"
    flows = read_notes(place.with_suffix(".gcno").read_bytes(), "net/core/sock.c")

    ran: set[int] = set()
    for ident, _, counted in functions(place.with_suffix(".gcda").read_bytes()):
        flow = flows[ident]
        ran.update(*(flow.lines[block] for block in flow.ran(numbers(counted))))

    said = subprocess.run(
        ["gcov", "--json-format", "--stdout", "net/core/sock.gcda"],
        cwd=tree.objects,
        capture_output=True,
        check=True,
    ).stdout
    assert ran == {line.number for line in decode(said, "net/core/sock.c").lines if line.count}
