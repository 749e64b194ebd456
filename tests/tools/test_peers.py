"""The rows about other suites' tests are counted, and name claims that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import peers

ROWS = """# A suite's socket tests, behaviour by behaviour

| behaviour | theirs | here |
| --- | --- | --- |
| It is so | one, two | `page.7/topic/so`, `page.7/topic/and` |
| It is half so | three | `page.7/topic/so`; **to come**: the other half |
| It is a library's | four | no: a library's |
"""


def test_rows_are_stated_to_come_or_no_behaviour() -> None:
    assert [(row.state, len(row.claims)) for row in peers.behaviours(ROWS)] == [
        ("stated", 2),
        ("to come", 1),
        ("no", 0),
    ]


def test_a_suite_has_a_line_of_numbers(tmp_path: Path) -> None:
    page = tmp_path / "suite.md"
    page.write_text(ROWS)

    assert peers.table([page]).splitlines()[-1] == "| [A suite](peers/suite.md) | 3 | 1 | 1 | 1 | 2 |"


@pytest.mark.parametrize(
    ("known", "status"), [({"page.7/topic/so", "page.7/topic/and"}, 0), ({"page.7/topic/so"}, 1)]
)
def test_a_claim_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: set[str], status: int
) -> None:
    (tmp_path / "docs" / "peers").mkdir(parents=True)
    (tmp_path / "docs" / "peers" / "suite.md").write_text(ROWS)
    page = tmp_path / "docs" / "peers.md"
    page.write_text("<!-- peers -->\n<!-- end of peers -->\n")
    monkeypatch.setattr(peers, "ROOT", tmp_path)
    monkeypatch.setattr(peers, "PAGE", page)
    monkeypatch.setattr(peers, "claims_of", lambda _: known)

    assert peers.main(["--catalogue", "any"]) == status
    assert "(peers/suite.md)" in page.read_text()
