"""Coverage of a kernel's source: kept, held against a plan, drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.cli.main import main
from reports.coverage.gcov import decode
from reports.coverage.lcov import lcov
from reports.coverage.model import Line, Share
from reports.coverage.plan import Unreached, read_plan, shares, unused
from reports.coverage.store import read, write
from reports.coverage.switches import Option, options
from reports.coverage.text import text
from reports.errors import FileError
from tests.reports.covered import COVERAGE, FILE, PLAN

TOML = """\
[[goal]]
functions = "net/core/sock.c:sk_[gs]etsockopt"
percent = 80

[[unreached]]
function = "sk_setsockopt"
line = "return -EPERM;"
to_come = "SO_PRIORITY without CAP_NET_ADMIN"

[[unreached]]
function = "sk_setsockopt"
line = "*-ENOMEM*"
reason = "there is no memory"
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "reached.sqlite"
    write(COVERAGE, file)
    return file


def test_what_is_kept_is_what_is_read(database: Path) -> None:
    assert read(database) == COVERAGE


def test_a_plan_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "coverage.toml"
    file.write_text(TOML)

    assert read_plan(file) == PLAN


def test_the_labels_of_a_switch_are_its_options_with_what_they_lead_to() -> None:
    assert options(FILE.texts, 1, 22) == [
        Option(("SO_PRIORITY",), frozenset({4, 5, 6, 7})),
        Option(("SO_TYPE", "SO_PROTOCOL", "SO_ERROR"), frozenset(range(8, 18))),
    ]


def test_a_function_is_held_against_its_goal() -> None:
    (function,) = shares(COVERAGE, PLAN)

    assert function.share == Share(lines=8, reached=6, branches=5, taken=3)
    assert not function.met
    assert [(one.text.strip(), one.why and one.why.to_come) for one in function.missing] == [
        ("return -EPERM;", "SO_PRIORITY without CAP_NET_ADMIN"),
        ("ret = -EINVAL;", None),
    ]


def test_what_a_plan_says_of_no_unreached_line_is_told() -> None:
    assert [one.line for one in unused(COVERAGE, PLAN)] == ["*-ENOMEM*"]


def test_a_person_reads_functions_options_and_lines() -> None:
    said = text(COVERAGE, PLAN, unreached=True, options=True)

    assert "sk_setsockopt     6/8      75%     3/5      60%  net/core/sock.c:1  below 80%" in said
    assert "    SO_PRIORITY  2/3" in said
    assert "       6  return -EPERM;  (to come: SO_PRIORITY without CAP_NET_ADMIN)" in said
    assert "unreached: 0 for a reason, 1 with a claim to come, 1 of which nothing is said" in said


def test_an_lcov_tracefile_has_each_record() -> None:
    records = lcov(COVERAGE).splitlines()

    assert records[:6] == [
        *("TN:", "SF:net/core/sock.c", "FN:1,22,sk_setsockopt", "FNDA:3,sk_setsockopt", "FNF:1", "FNH:1")
    ]
    assert {"DA:5,2", "DA:6,0", "BRDA:3,0,2,0", "BRF:5", "BRH:3", "LF:8", "LH:6"} <= set(records)
    assert records[-1] == "end_of_record"


def test_the_command_names_the_claims_that_reach_a_line(
    database: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status = main(["coverage", str(database), "--reaching", "net/core/sock.c:3"])

    assert (status, capfd.readouterr().out.split()) == (0, list(COVERAGE.claims))


@pytest.mark.parametrize("place", ["net/core/sock.c:2", "net/core/dev.c:1"])
def test_a_line_that_does_not_count_is_an_error(
    database: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["coverage", str(database), "--reaching", place]) == 65
    assert f"{place} is no line that counts" in capfd.readouterr().err


def test_the_command_draws_a_tracefile(database: Path, tmp_path: Path) -> None:
    assert main(["coverage", str(database), "--lcov", "-o", str(tmp_path / "lcov.info")]) == 0
    assert (tmp_path / "lcov.info").read_text() == lcov(COVERAGE)


def test_no_coverage_yet_names_the_way_to_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(tmp_path / "none.sqlite")]) == 65
    assert "make kernel-coverage" in capfd.readouterr().err


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.sqlite").write_bytes(b"x" * 4096)

    with pytest.raises(FileError, match="not the coverage of a kernel"):
        read(tmp_path / "other.sqlite")


@pytest.mark.parametrize(
    "entry", ['reason = "a"\nto_come = "b"', "", 'reason = "a"\nelse = 1'], ids=["both", "neither", "unknown"]
)
def test_a_plan_says_one_thing_of_a_line(tmp_path: Path, entry: str) -> None:
    file = tmp_path / "coverage.toml"
    file.write_text(f'[[unreached]]\nfunction = "f"\nline = "x"\n{entry}\n')

    with pytest.raises(FileError, match="not a plan of coverage"):
        read_plan(file)


def test_a_pattern_is_for_the_text_of_a_line_not_for_its_number() -> None:
    said = Unreached("sk_*", "ret = -ENOMEM;", reason="there is no memory")

    assert said.means("sk_setsockopt", "\t\tret = -ENOMEM;")
    assert not said.means("sk_setsockopt", "\t\tret = -EINVAL;")


def test_gcov_s_lines_of_headers_do_not_count() -> None:
    document = b"""{"data_file": "it.gcda", "files": [
        {"file": "../net/core/sock.c", "functions": [], "lines": [
            {"line_number": 4, "count": 1, "branches": [{"count": 1}, {"count": 0}]},
            {"line_number": 4, "count": 2, "branches": [{"count": 2}]}]},
        {"file": "../include/net/sock.h", "functions": [], "lines": [{"line_number": 9, "count": 7}]}]}"""

    assert decode(document, "net/core/sock.c").lines == [Line(4, 3, (1, 0, 2))]
