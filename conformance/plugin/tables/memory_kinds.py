"""Kinds of rows about options whose value or length has no memory, or has some that is not to be written."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Final

from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import NOWHERE, option_got, option_got_at, option_got_to, option_set
from conformance.plugin.setups.places import ending_memory, read_only_memory, room
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import STATES, in_state
from conformance.plugin.tables.message_kinds import Observe
from conformance.plugin.tables.row import Case, Row, RowError, Words, option_of
from libsocket import INT, Socket

_LACKING: Final = ("value", "length", "both")


class _OfMemory(Row, frozen=True, kw_only=True):
    """A row about an option of several kinds of sockets, of so many bytes."""

    sockets: tuple[str, ...]
    size: int = 4
    state: Words = "new"
    """As ``setups/states.py`` has them."""
    before: tuple[tuple[str, str], ...] = ()
    """Options that are set before, and what to: bytes as hexadecimal numbers."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")
        if self.state not in STATES:
            raise RowError(f"there is no state {self.state}; states are {', '.join(STATES)}")
        for name, _ in self.before:
            option_of(name)  # what is not there is said at once

    @property
    def place(self) -> tuple[int, int]:
        """Its level and number."""
        return self.option.level, self.option.number

    @contextmanager
    def made(self, case: Case) -> Iterator[Socket]:
        """A socket in the state, with the options that are set before."""
        with in_state(case.socket, self.state) as sock:
            for name, value in self.before:
                option = option_of(name)
                option_set(sock.fileno(), (option.level, option.number), bytes.fromhex(value))
            yield sock

    def length(self, sock: Socket) -> int:
        """How many bytes the kernel says that it gave."""
        return len(option_got(sock.fileno(), self.place, self.size))


class ReadNowhere(_OfMemory, frozen=True, kw_only=True):
    """Read with no memory for its value, its length or both it fails with EFAULT; else ``size`` come."""

    def cases(self) -> Iterator[Case]:
        """A test for what is lacking, on each kind of socket."""
        yield from (Case(f"{kind}-{one}", kind, one) for kind, one in product(self.sockets, _LACKING))


def test_what_is_read_needs_memory(observe: Observe, row: ReadNowhere, case: Case) -> None:
    with row.made(case) as sock:
        with refused(errno.EFAULT):
            option_got_to(
                sock.fileno(), row.place, case.given == "length", case.given == "value", room=row.size
            )

        assert observe("length", row.length(sock)) == row.size


class ReadOnlyLength(_OfMemory, frozen=True, kw_only=True):
    """Read with a length that is not to be written it fails with EFAULT; else ``size`` bytes come."""

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


def test_the_length_is_written(observe: Observe, row: ReadOnlyLength, case: Case) -> None:
    with (
        row.made(case) as sock,
        room(bytes(row.size)) as value,
        read_only_memory(row.size.to_bytes(INT.size, sys.byteorder)) as length,
    ):
        with refused(errno.EFAULT):
            option_got_at(sock.fileno(), row.place, value, length)

        assert observe("length", row.length(sock)) == row.size


class SetNowhere(_OfMemory, frozen=True, kw_only=True):
    """Set from where there is no memory, ``size`` bytes, it fails with EFAULT and stays; then it is set."""

    then: str
    """The bytes that it can be set to, as hexadecimal numbers."""
    there: int = 0
    """So many of them are in memory, where it ends."""

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)

    @contextmanager
    def lacking(self) -> Iterator[int]:
        """Where not all of them are in memory."""
        if not self.there:
            yield NOWHERE
            return
        with ending_memory(bytes.fromhex(self.then)[: self.there]) as place:
            yield place


def test_what_is_set_needs_memory(observe: Observe, row: SetNowhere, case: Case) -> None:
    with row.made(case) as sock, row.lacking() as place:
        fd = sock.fileno()
        before = option_got(fd, row.place, row.size)
        with refused(errno.EFAULT):
            option_set(fd, row.place, place, row.size)
        stays = option_got(fd, row.place, row.size) == before
        option_set(fd, row.place, bytes.fromhex(row.then), row.size)
        taken = option_got(fd, row.place, row.size).hex(" ", 4)

        assert [observe("stays", stays), observe("set", taken)] == [True, row.then]
