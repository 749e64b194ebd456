"""Kinds of rows about options whose value, or its length, is where there is no memory."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from itertools import product
from typing import Final

from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import NOWHERE, option_got, option_got_to, option_set
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.tables.message_kinds import Observe
from conformance.plugin.tables.row import Case, Row, RowError
from libsocket import Socket

_LACKING: Final = ("value", "length", "both")


class _OfMemory(Row, frozen=True, kw_only=True):
    """A row about an option of several kinds of sockets, of so many bytes."""

    sockets: tuple[str, ...]
    size: int = 4

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")

    @property
    def place(self) -> tuple[int, int]:
        """Its level and number."""
        return self.option.level, self.option.number

    def length(self, sock: Socket) -> int:
        """How many bytes the kernel says that it gave."""
        return len(option_got(sock.fileno(), self.place, self.size))


class ReadNowhere(_OfMemory, frozen=True, kw_only=True):
    """Read with no memory for its value, its length or both it fails with EFAULT; else ``size`` come."""

    def cases(self) -> Iterator[Case]:
        """A test for what is lacking, on each kind of socket."""
        yield from (Case(f"{kind}-{one}", kind, one) for kind, one in product(self.sockets, _LACKING))


def test_what_is_read_needs_memory(observe: Observe, row: ReadNowhere, case: Case) -> None:
    with case.made() as sock:
        with refused(errno.EFAULT):
            option_got_to(
                sock.fileno(), row.place, case.given == "length", case.given == "value", room=row.size
            )

        assert observe("length", row.length(sock)) == row.size


class SetNowhere(_OfMemory, frozen=True, kw_only=True):
    """Set from where there is no memory, ``size`` bytes, it fails with EFAULT and stays; then it is set."""

    then: str
    """The bytes that it can be set to, as hexadecimal numbers."""

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


def test_what_is_set_needs_memory(observe: Observe, row: SetNowhere, case: Case) -> None:
    with case.made() as sock:
        fd = sock.fileno()
        before = option_got(fd, row.place, row.size)
        with refused(errno.EFAULT):
            option_set(fd, row.place, NOWHERE, row.size)
        stays = option_got(fd, row.place, row.size) == before
        option_set(fd, row.place, bytes.fromhex(row.then), row.size)
        taken = option_got(fd, row.place, row.size).hex(" ", 4)

        assert [observe("stays", stays), observe("set", taken)] == [True, row.then]
