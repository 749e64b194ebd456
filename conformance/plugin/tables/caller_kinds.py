"""The kinds of rows about 32-bit callers: the sizes that structures have for them and for others."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol, TypeVar

from conformance.plugin.refusal import refused
from conformance.plugin.setups.callers import caller, control_messages_of
from conformance.plugin.setups.calls import option_got
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.tables.row import Case, ClaimRow, Row, RowError
from conformance.plugin.timing import SOON
from libsocket import INT
from netns import Namespace

T = TypeVar("T")

_ROOM: Final = 64
_CONTROL: Final = 256


class Observe(Protocol):
    """The fixture ``observe``."""

    def __call__(self, name: str, value: T, /) -> T: ...


class _OfWidths(Row, frozen=True, kw_only=True):
    """A structure of numbers of ``width`` bytes each for a 32-bit caller, and ``native`` for others."""

    width: int
    native: int

    def __post_init__(self) -> None:
        if unknown := {self.width, self.native} - {4, 8}:
            raise RowError(f"there are no numbers of {unknown.pop()} bytes")

    @property
    def of(self) -> tuple[int, int]:
        """Level and number of the option."""
        return self.option.level, self.option.number


def _numbers(data: bytes, width: int) -> list[int]:
    """The size of a structure, and its numbers."""
    pieces = (data[at : at + width] for at in range(0, len(data), width))
    return [len(data), *(int.from_bytes(one, sys.byteorder, signed=True) for one in pieces)]


class CallerOption(_OfWidths, frozen=True, kw_only=True):
    """A 32-bit caller sets it to ``numbers``, and reads them; with a byte less it is EINVAL."""

    sockets: tuple[str, ...]
    numbers: tuple[int, ...]

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)

    def packed(self, more: int = 0) -> bytes:
        """The structure of a 32-bit caller, the first number larger by so much."""
        first, *others = self.numbers
        return b"".join(
            one.to_bytes(self.width, sys.byteorder, signed=True) for one in (first + more, *others)
        )


def test_a_32_bit_caller_sets_it(observe: Observe, row: CallerOption, case: Case) -> None:
    with case.made() as sock, caller(sock) as program:
        program.set_option(sock, row.of, row.packed())
        with refused(errno.EINVAL):
            program.set_option(sock, row.of, row.packed(more=1)[:-1])
        there = _numbers(program.get_option(sock, row.of, _ROOM), row.width)
        here = _numbers(option_got(sock.fileno(), row.of, _ROOM), row.native)

        assert observe("there_and_here", [there, here]) == [
            [size * len(row.numbers), *row.numbers] for size in (row.width, row.native)
        ]


class CallerMessage(_OfWidths, frozen=True, kw_only=True):
    """With ``value`` a UDP socket receives a control message of its level and number, ``count`` numbers."""

    value: int
    count: int

    def cases(self) -> Iterator[Case]:
        yield Case()


def test_a_32_bit_caller_receives_it(
    ns: Namespace,  # noqa: ARG001 - loopback is up in it
    observe: Observe,
    row: CallerMessage,
    case: Case,  # noqa: ARG001 - there is but one
) -> None:
    left, right = udp_pair()
    with stamping(), left, right, caller(right) as program:
        right.rcvtimeo = SOON
        right.set(row.option.through(INT), row.value)
        left.send(b"x")
        [(*kind, data)] = right.recvmsg(9, _CONTROL, socket.MSG_PEEK)[1]
        [(*kind_there, data_there)] = control_messages_of(program.receive_message(right))
        here, there = _numbers(data, row.native), _numbers(data_there, row.width)
        seen = [kind_there == kind == [*row.of], there[0], here[0], there[1:] == here[1:]]

        assert observe("kind_sizes_same_numbers", seen) == [
            True,
            row.count * row.width,
            row.count * row.native,
            True,
        ]


CALLER_KINDS: Final[Mapping[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "caller-option": (CallerOption, test_a_32_bit_caller_sets_it),
    "caller-message": (CallerMessage, test_a_32_bit_caller_receives_it),
}
"""The kinds of rows here, by the name of their tables, and the test that tries them."""
