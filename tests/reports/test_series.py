from __future__ import annotations

import pytest

from reports.catalogue import Catalogue
from reports.matrix import Matrix
from reports.model import Answer, Claim, Run, Verdict
from reports.ranges import Range
from reports.series import folded
from tests.reports import sample

WORDS = {"h": Verdict.HOLDS, "d": Verdict.DIFFERS, "b": Verdict.BLOCKED}


def said(kernels: str) -> str:
    """``5.10 h, 6.1 d``: what is said of a claim of which kernels say this."""
    runs = [run(*one.split()) for one in kernels.split(", ")]
    (row,) = Matrix.of(runs, Catalogue.of([Claim("a.7/b/c", "", range=Range("5.0"))])).rows
    return folded(row.cells)


def run(release: str, word: str) -> Run:
    if word == "-":
        return sample.on(sample.run(sample.header()), release=release)
    elsewhere = "gVisor" if release == "4.4" else "Linux"
    return sample.on(sample.single(Answer("a.7/b/c", WORDS[word])), release=release, implementation=elsewhere)


@pytest.mark.parametrize(
    ("kernels", "text"),
    [
        ("6.1.5 h", "holds on 6.1"),
        ("5.10 h, 6.1 h, 7.2 h", "holds on 5.10 to 7.2"),
        ("5.10 h, 6.1 h, 6.12 d, 7.2 d", "holds on 5.10 to 6.1, differs from 6.12 on"),
        ("5.10 d, 6.1 h, 6.12 d", "differs on 5.10, holds on 6.1, differs from 6.12 on"),
        ("7.2 d, 5.10 h", "holds on 5.10, differs from 7.2 on"),
        ("6.9 h, 6.10 d", "holds on 6.9, differs from 6.10 on"),
        ("5.10 h, 6.1 -, 7.2 h", "holds on 5.10 to 7.2"),
        ("6.1.5 b, 6.1.9 d", "differs on 6.1"),
        ("6.1.5 h, 6.1.9 d", "holds or differs on 6.1"),
        ("5.10 b, 6.1 h", "blocked on 5.10, holds from 6.1 on"),
        ("4.19 h, 5.10 h", "unclaimed on 4.19, holds from 5.10 on"),
        ("6.1 h, 4.4 d", "holds on 6.1, differs on gVisor"),
    ],
)
def test_series_that_say_the_same_are_folded(kernels: str, text: str) -> None:
    assert said(kernels) == text


def test_where_no_kernel_was_asked_nothing_is_said() -> None:
    assert folded(()) == ""
