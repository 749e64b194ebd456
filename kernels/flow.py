"""What a function's counters say of its lines: which ran, as gcov(1) finds it, but of thousands of claims.

GCC counts only some of the ways from block to block of a function. How often a block ran is a sum of such
counters, since what goes into a block comes out of it. Which sum it is follows from the object's notes
(``.gcno``), and is worked out once. GCC says how both files look in gcc/gcov-io.h.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_FUNCTION, _BLOCKS, _ARCS, _LINES, _COUNTERS = 0x01000000, 0x01410000, 0x01430000, 0x01450000, 0x01A10000
_HEADER = struct.Struct("<4sIII")
_RECORD = struct.Struct("<Ii")
_NUMBER = struct.Struct("<I")
_ARC = struct.Struct("<II")
_ON_TREE = 1
"""The flag of an arc that has no counter."""
_ENTRY, _EXIT = 0, 1
_OLDEST = "B2"
"""How GCC 12 writes its version: before, lengths were in words, not in bytes."""


class NotUnderstood(Exception):
    """These are no notes or counters of GCC 12 or newer."""


@dataclass
class Flow:
    """The blocks of a function."""

    lines: Sequence[frozenset[int]]
    """The lines of each block, in the file of the object itself."""
    sums: Sequence[Mapping[int, int]]
    """Which counters make up how often each block ran, and how often each of them is added."""

    def ran(self, counters: Sequence[int]) -> Iterator[int]:
        """The blocks that ran."""
        for block, terms in enumerate(self.sums):
            if sum(counters[number] * times for number, times in terms.items()) > 0:
                yield block


@dataclass
class _Graph:
    """A function as its notes have it."""

    blocks: int = 0
    arcs: list[tuple[int, int, bool]] = field(default_factory=list)
    """From, to, and whether it is counted, as it is written."""
    lines: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))


def read_notes(data: bytes, source: str) -> dict[int, Flow]:
    """The functions of an object by their numbers; ``source`` is its file. Raises: NotUnderstood."""
    try:
        at = _begin(data, b"oncg")
        at = _after_text(data, at) + 4
        return {ident: _flow(graph) for ident, graph in _graphs(data, at, source)}
    except struct.error as error:
        raise NotUnderstood("the notes end too early") from error


def functions(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Of a file of counters the number of each function, and where its counters are, and they.

    Raises: NotUnderstood.
    """
    try:
        at, ident = _begin(data, b"adcg"), 0
        while at + _RECORD.size <= len(data):
            tag, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            if tag == _FUNCTION and length:
                (ident,) = _NUMBER.unpack_from(data, at)
            elif tag == _COUNTERS and length > 0:
                yield ident, at, data[at : at + length]
            at += max(length, 0)
    except struct.error as error:
        raise NotUnderstood("the counters end too early") from error


def numbers(counters: bytes) -> tuple[int, ...]:
    """Counters as numbers."""
    return struct.unpack(f"<{len(counters) // 8}q", counters)


def _begin(data: bytes, magic: bytes) -> int:
    kind, version, *_ = _HEADER.unpack_from(data)
    written = struct.pack(">I", version).decode("latin-1")
    if kind != magic or written < _OLDEST:
        raise NotUnderstood(f"this is no {magic[::-1].decode()} of GCC 12 or newer")
    return _HEADER.size


def _after_text(data: bytes, at: int) -> int:
    return at + 4 + int(_NUMBER.unpack_from(data, at)[0])


def _graphs(data: bytes, at: int, source: str) -> Iterator[tuple[int, _Graph]]:
    ident, graph = 0, _Graph()
    while at + _RECORD.size <= len(data):
        tag, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if tag == _FUNCTION:
            if graph.blocks:
                yield ident, graph
            ident, graph = _NUMBER.unpack_from(data, at)[0], _Graph()
        elif tag == _BLOCKS:
            (graph.blocks,) = _NUMBER.unpack_from(data, at)
        elif tag == _ARCS:
            (begin,) = _NUMBER.unpack_from(data, at)
            arcs = _ARC.iter_unpack(data[at + 4 : at + length])
            graph.arcs += [(begin, end, not flags & _ON_TREE) for end, flags in arcs]
        elif tag == _LINES:
            _read_lines(graph, data, at, source)
        at += length
    if graph.blocks:
        yield ident, graph


def _read_lines(graph: _Graph, data: bytes, at: int, source: str) -> None:
    (block,) = _NUMBER.unpack_from(data, at)
    at, own = at + 4, False
    while True:
        (line,) = _NUMBER.unpack_from(data, at)
        at += 4
        if line:
            if own:
                graph.lines[block].add(line)
            continue
        end = _after_text(data, at)
        if end == at + 4:  # no name: the end
            return
        own = data[at + 4 : end].rstrip(b"\0").decode(errors="replace").lstrip("./") == source
        at = end


def _flow(graph: _Graph) -> Flow:
    return Flow([frozenset(graph.lines[block]) for block in range(graph.blocks)], _sums(graph))


def _sums(graph: _Graph) -> list[Mapping[int, int]]:
    """How often each block ran: what goes in comes out, but at the entry and the exit.

    Raises: NotUnderstood.
    """
    order = sorted(range(len(graph.arcs)), key=lambda arc: graph.arcs[arc][0])  # as the counters are
    counted = [arc for arc in order if graph.arcs[arc][2]]
    known: dict[int, Counter[int]] = {arc: Counter({number: 1}) for number, arc in enumerate(counted)}
    sides = [_ends(graph, 1), _ends(graph, 0)]
    ran: dict[int, Counter[int]] = {}
    waiting = set(range(graph.blocks))
    while waiting:
        block = waiting.pop()
        for side, blind in zip(sides, (_ENTRY, _EXIT), strict=True):
            if block != blind and block not in ran and all(arc in known for arc in side[block]):
                ran[block] = _added(known[arc] for arc in side[block])
        if block not in ran:
            continue
        for side, blind in zip(sides, (_ENTRY, _EXIT), strict=True):
            unknown = [arc for arc in side[block] if arc not in known]
            if block != blind and len(unknown) == 1:
                others = _added(known[arc] for arc in side[block] if arc in known)
                others.subtract(ran[block])
                known[unknown[0]] = Counter({number: -times for number, times in others.items() if times})
                waiting.update(graph.arcs[unknown[0]][:2])
    if len(ran) < graph.blocks:
        raise NotUnderstood("the counters of a function do not say how often each of its blocks ran")
    return [ran[block] for block in range(graph.blocks)]


def _ends(graph: _Graph, which: int) -> list[list[int]]:
    """The arcs into each block (1), or out of it (0)."""
    found: list[list[int]] = [[] for _ in range(graph.blocks)]
    for number, arc in enumerate(graph.arcs):
        found[arc[which]].append(number)
    return found


def _added(parts: Iterable[Counter[int]]) -> Counter[int]:
    whole: Counter[int] = Counter()
    for part in parts:
        whole.update(part)
    return whole
