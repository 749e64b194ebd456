"""Coverage as an lcov tracefile, which genhtml(1) and the services that draw coverage read (geninfo(1))."""

from __future__ import annotations

from collections.abc import Iterator

from reports.coverage.model import Coverage, File, Share


def lcov(coverage: Coverage) -> str:
    """The tracefile; its files are named by their places in the kernel's tree."""
    return "".join(f"{record}\n" for file in coverage.files for record in _records(file))


def _records(file: File) -> Iterator[str]:
    yield "TN:"
    yield f"SF:{file.path}"
    for function in file.functions:
        yield f"FN:{function.first},{function.last},{function.name}"
    for function in file.functions:
        yield f"FNDA:{function.count},{function.name}"
    yield f"FNF:{len(file.functions)}"
    yield f"FNH:{sum(function.count > 0 for function in file.functions)}"
    for line in file.lines:
        for number, taken in enumerate(line.branches):
            yield f"BRDA:{line.number},0,{number},{taken if line.count else '-'}"
    share = Share.of(file.lines)
    yield f"BRF:{share.branches}"
    yield f"BRH:{share.taken}"
    for line in file.lines:
        yield f"DA:{line.number},{line.count}"
    yield f"LF:{share.lines}"
    yield f"LH:{share.reached}"
    yield "end_of_record"
