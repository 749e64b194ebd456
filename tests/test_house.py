"""Who may import whom: no arrow runs up, and none in a circle. Claims speak through the library."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "libsocket": set(),
    "netns": {"pyroute2"},
    "reports": {"jinja2", "markupsafe", "msgspec", "rich"},
    "kernels": {"reports", "debian", "filelock", "platformdirs", "rich"},
    "conformance": {
        *("libsocket", "netns", "reports", "kernels"),
        *("pytest", "hypothesis", "msgspec", "rich"),
    },
    "tools": {"libsocket", "reports", "jinja2", "markdown_it", "markupsafe"},
    "conftest.py": {"conformance", "netns", "reports", "pytest"},
}
IMPORTS_NO_INIT_OF_ITS_OWN = ("libsocket", "netns", "tools")
"""Packages whose modules import what they need from where it is defined."""
HAS_NO_CIRCLE = ("libsocket", "netns", "reports", "kernels", "conformance", "tools")
"""Packages whose modules can be put in an order, also by imports inside functions or for type checkers."""

CLAIMS = sorted((ROOT / "conformance").glob("*/test_*.py"))


def imports(place: Path) -> Iterator[tuple[Path, str]]:
    for file in [place] if place.is_file() else place.rglob("*.py"):
        for name in imported(file):
            yield file, name.split(".")[0]


def imported(file: Path) -> Iterator[str]:
    """What a file imports, wherever it does: modules, and names as if they were modules of a package."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package: str, suffix: str = ".py") -> dict[str, Path]:
    """The modules of a package by name; a package's own is that of its ``__init__.py``."""
    files = {file.relative_to(ROOT).with_suffix(""): file for file in (ROOT / package).rglob(f"*{suffix}")}
    return {".".join(path.parts).removesuffix(".__init__"): file for path, file in files.items()}


def graph(package: str) -> dict[str, set[str]]:
    """Which modules of a package each module imports; compiled ones, which have stubs, import none."""
    found = modules(package)
    known = found.keys() | modules(package, ".pyi").keys()
    return {
        module: {_module(name, known) for name in imported(file)} & known for module, file in found.items()
    }


def _module(name: str, known: Set[str]) -> str:
    return name if name in known else name.rpartition(".")[0]


def circle(package: str) -> list[str]:
    try:
        TopologicalSorter(graph(package)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def from_own_init(package: str) -> set[tuple[str, str]]:
    """What modules import by way of a package that they are in, as ``from package import module`` does."""
    return {
        (module, name)
        for module, file in modules(package).items()
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _packages(node)
        if module.startswith(f"{name}.")
    }


def _packages(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may_know(room: str) -> None:
    known = MAY_IMPORT[room] | {room} | sys.stdlib_module_names

    strangers = {(str(file), name) for file, name in imports(ROOT / room) if name not in known}

    assert strangers == set()


@pytest.mark.parametrize("file", CLAIMS, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_claim_speaks_through_the_library(file: Path) -> None:
    named = {name for node in ast.walk(ast.parse(file.read_text())) for name in _packages(node)}

    beneath = {name for name in named if name in {"ctypes", "struct"} or name.startswith("libsocket.")}

    assert beneath == set()


@pytest.mark.parametrize("package", IMPORTS_NO_INIT_OF_ITS_OWN)
def test_no_module_imports_a_package_that_it_is_in(package: str) -> None:
    assert from_own_init(package) == set()


@pytest.mark.parametrize("package", HAS_NO_CIRCLE)
def test_no_module_imports_itself_in_a_circle(package: str) -> None:
    assert circle(package) == []
