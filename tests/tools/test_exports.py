"""What repeats declarations is what the tool writes."""

from __future__ import annotations

from pathlib import Path

import pytest

import libsocket
from tools.exports import OPTIONS, PACKAGE, VALUES, defined, files


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_kept_file_is_current(path: Path) -> None:
    assert path.read_text() == files()[path], "write it anew: python -m tools.exports"


@pytest.mark.parametrize(("folder", "modules"), [("options", OPTIONS), ("values", VALUES)])
def test_every_module_of_a_folder_is_exported(folder: str, modules: tuple[str, ...]) -> None:
    found = (file.relative_to(PACKAGE.parent).with_suffix("") for file in (PACKAGE / folder).rglob("*.py"))

    assert {".".join(file.parts) for file in found if file.name != "__init__"} == set(modules)


def test_public_is_what_a_module_lists_or_else_what_it_defines() -> None:
    assert (defined("libsocket.bpf"), defined("libsocket.snapshot")) == (
        ["Filter", "Instruction"],
        ["Change", "diff"],
    )


def test_every_exported_name_is_there() -> None:
    assert [name for name in libsocket.__all__ if not hasattr(libsocket, name)] == []
