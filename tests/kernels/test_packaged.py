"""Which of an archive's packages a series means, by a cached index."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from kernels.archive import Archive
from kernels.backend import Candidate, backends, kernel
from kernels.cache import Cache
from kernels.errors import NotInArchive
from kernels.package import Package
from kernels.progress import Progress

SUITE = "trixie-backports"
VIRTME = backends()["virtme"]


def split(version: str, *kinds: str) -> list[Package]:
    """A kernel's packages, of which only some kinds are still in the archive."""
    depends = [f"linux-{kind}-{version}+deb13-amd64" for kind in ("binary", "modules")]
    names = [f"linux-{kind}-{version}+deb13-amd64" for kind in kinds]
    return [Package(name, f"{version}-1", SUITE, 10, 0, depends if "image" in name else []) for name in names]


def caching(folder: Path, *packages: Package) -> Archive:
    state = folder / "apt" / SUITE
    state.mkdir(parents=True)
    (state / "index.json").write_text(json.dumps([asdict(one) for one in packages]))
    return Archive(Cache(folder), "file:/nowhere", progress=Progress(quiet=True))


def test_the_newest_of_a_series_is_meant(tmp_path: Path) -> None:
    whole = ("image", "binary", "modules")
    archive = caching(tmp_path, *split("7.3.4", *whole), *split("7.3.12", *whole), *split("7.2.9", *whole))

    assert VIRTME.candidate("7.3", archive) == Candidate("7.3.12-1", 30)


def test_an_image_whose_modules_have_left_the_archive_is_passed_over(tmp_path: Path) -> None:
    archive = caching(
        tmp_path, *split("7.3.4", "image", "binary", "modules"), *split("7.3.12", "image", "binary")
    )

    assert VIRTME.candidate("7.3", archive) == Candidate("7.3.4-1", 30)


def test_a_series_of_which_nothing_whole_is_there_is_not_in_the_archive(tmp_path: Path) -> None:
    archive = caching(tmp_path, *split("7.3.12", "image", "binary"))

    with pytest.raises(NotInArchive, match=r"virtme:7\.3"):
        kernel("7.3").fetch(archive)
