"""Overlay files: what is refused, and what a claim gets of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.plugin.expectations import FOLDER, has_overlay, overlays
from kernels.backend import backends
from reports.catalogue import Catalogue
from reports.model import Expectation, Run

GOOD = """
implementation = "gVisor"
[differs."page.7/topic/slug"]
why = "it is not"
source = "pkg/tcpip"
observed = '{"errno":null}'
"""


def write(folder: Path, text: str) -> Path:
    (folder / "gvisor.toml").write_text(text)
    return folder


def test_a_difference_is_an_expectation_of_its_implementation(tmp_path: Path) -> None:
    (overlay,) = overlays(write(tmp_path, GOOD))

    assert overlay == {
        "page.7/topic/slug": Expectation(
            "it is not", observed={"errno": None}, implementation="gVisor", source="pkg/tcpip"
        )
    }


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('why = "it is not"', 'why = ""'),
        ('why = "it is not"', ""),
        ('why = "it is not"', 'because = "it is not"'),
        ('source = "pkg/tcpip"', 'source = ""'),
        ("page.7/topic/slug", "page.7"),
        ('{"errno":null}', '{"errno"'),
        ('{"errno":null}', '{"errno":{}}'),
        ('{"errno":null}', "[]"),
        ('implementation = "gVisor"', ""),
        ("[differs", "differs"),
    ],
)
def test_a_file_that_says_less_or_more_is_refused_by_name(tmp_path: Path, good: str, bad: str) -> None:
    folder = write(tmp_path, GOOD.replace(good, bad))

    with pytest.raises(ValueError, match=r"gvisor\.toml: "):
        overlays(folder)


def test_a_file_is_named_as_the_kernels_that_it_is_of() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} <= backends().keys()
    assert list(map(has_overlay, ("gvisor", "gvisor:./runsc", "uml:6.1", "6.1"))) == [
        True,
        True,
        False,
        False,
    ]


def test_every_difference_is_of_a_claim(reference: tuple[list[Run], Catalogue]) -> None:
    _, catalogue = reference

    assert {name for overlay in overlays(FOLDER) for name in overlay} - catalogue.by_id.keys() == set()
