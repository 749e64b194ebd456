"""A file of rows, ``conformance/<page>/<topic>.toml``, which pytest collects as if it were one of tests."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType, ModuleType

import msgspec
import pytest

from conformance.plugin.tables.kinds import KINDS
from conformance.plugin.tables.row import ClaimRow, RowError, resolved
from reports.errors import FileError
from reports.reading import contents


class Table(pytest.Module):
    """A table as the module that it stands for: a function for each kind of row, a test for each case."""

    def _getobj(self) -> ModuleType:
        module = ModuleType(self.path.stem)
        by_test: defaultdict[Callable[..., None], list[ClaimRow]] = defaultdict(list)
        try:
            for kind, rows in read(self.path).items():
                by_test[KINDS[kind][1]] += rows
            for test, rows in by_test.items():
                setattr(module, test.__name__, tried(test, rows))
        except (ValueError, RowError) as error:
            raise self.CollectError(str(FileError(str(error), self.path))) from error
        except FileError as error:
            raise self.CollectError(str(error)) from error
        return module


def read(path: Path) -> dict[str, list[ClaimRow]]:
    """The rows of each kind. Raises: FileError, and ValueError or RowError for what is not understood."""
    try:
        tables = tomllib.loads(contents(path, "the table").decode())
    except RecursionError as error:
        raise RowError("values nested too deep") from error
    if unknown := sorted(tables.keys() - KINDS.keys()):
        raise RowError(f"there is no kind of rows {unknown[0]}; kinds are {', '.join(KINDS)}")
    for kind, rows in tables.items():
        if not (isinstance(rows, list) and all(isinstance(fields, dict) for fields in rows)):
            raise RowError(f"rows of this kind are written [[{kind}]]")
    return {kind: [_row(KINDS[kind][0], fields) for fields in rows] for kind, rows in tables.items()}


def _row(kind: type[ClaimRow], fields: dict[str, object]) -> ClaimRow:
    try:
        return msgspec.convert(fields, kind, dec_hook=resolved)
    except (ValueError, RowError) as error:
        raise RowError(f"{fields.get('id', 'a row without an id')}: {error}") from error


def tried(function: Callable[..., None], rows: Sequence[ClaimRow]) -> Callable[..., None]:
    """A test function of these rows; a kind's function itself serves all tables."""
    assert isinstance(function, FunctionType)
    mine = FunctionType(function.__code__, function.__globals__)
    cases = [
        pytest.param(row, case, marks=mark, id="-".join(filter(None, (row.id, case.name))))
        for row in rows
        for mark in [row.claim()]
        for case in row.cases()
    ]
    pytest.mark.usefixtures("ns")(mine)
    return pytest.mark.parametrize(("row", "case"), cases)(mine)


def text_of(path: Path, claim: str) -> tuple[int, str]:
    """The line on which a row of a file begins, from 1, and its text."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(r"^\[\[[\w-]+\]\]\n(?:(?!\[\[).*\n)*", text, re.MULTILINE):
        if f'id = "{claim}"' in found[0]:
            return text.count("\n", 0, found.start()) + 1, found[0].rstrip() + "\n"
    raise RowError(f"{path}: there is no row {claim}")
