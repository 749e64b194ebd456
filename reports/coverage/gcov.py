"""What gcov(1) says of the counters of a file, as its JSON (``--json-format``)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from reports.coverage.model import Function, Line


class _Branch(Struct, frozen=True):
    count: int


class _Line(Struct, frozen=True):
    line_number: int
    count: int
    branches: tuple[_Branch, ...] = ()


class _Function(Struct, frozen=True):
    name: str
    start_line: int
    end_line: int
    execution_count: int


class _File(Struct, frozen=True):
    file: str
    lines: tuple[_Line, ...] = ()
    functions: tuple[_Function, ...] = ()


class _Document(Struct, frozen=True):
    data_file: str
    files: tuple[_File, ...] = ()


class Counted(Struct, frozen=True):
    """What was counted of one object: of its source file alone, and not of headers."""

    data_file: str
    functions: list[Function]
    lines: list[Line]


_DECODER = msgspec.json.Decoder(_Document)


def decode(document: bytes, path: str) -> Counted:
    """What a line of gcov's output says of the source file ``path``. Raises: ValueError.

    A line that stands in several places, as that of a function which is inlined, is one line here.
    """
    try:
        said = _DECODER.decode(document)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    functions: list[Function] = []
    counts: dict[int, int] = {}
    branches: dict[int, list[int]] = {}
    for file in said.files:
        if file.file.lstrip("./") != path:
            continue
        functions += [
            Function(one.name, one.start_line, one.end_line, one.execution_count) for one in file.functions
        ]
        for line in file.lines:
            counts[line.line_number] = counts.get(line.line_number, 0) + line.count
            branches.setdefault(line.line_number, []).extend(branch.count for branch in line.branches)
    lines = [Line(number, count, tuple(branches[number])) for number, count in sorted(counts.items())]
    return Counted(said.data_file, functions, lines)
