"""Who may import whom: no arrow runs up, and none in a circle."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "libsocket": set(),
    "netns": {"pyroute2"},
    "reports": {"jinja2", "rich"},
    "kernels": {"debian", "filelock", "jinja2", "platformdirs", "rich"},
    "conformance": {"libsocket", "netns", "reports", "kernels", "pytest", "hypothesis", "rich"},
    "tools": {"libsocket", "reports"},
    "conftest.py": {"conformance", "netns", "reports", "pytest", "hypothesis"},
}


def imports(place: Path) -> Iterator[tuple[Path, str]]:
    for file in [place] if place.is_file() else place.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: imports are absolute"
                yield file, (node.module or "").split(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may_know(room: str) -> None:
    known = MAY_IMPORT[room] | {room} | sys.stdlib_module_names

    strangers = {(str(file), name) for file, name in imports(ROOT / room) if name not in known}

    assert strangers == set()
