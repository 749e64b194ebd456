"""The kinds of rows about calls for which the kernel has no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar, Final

from conformance.plugin.setups.allocations import APART, CALLS, errnos_without_memory, on
from conformance.plugin.setups.calls import option_set
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import STATES
from conformance.plugin.tables.message_kinds import Observe
from conformance.plugin.tables.row import Case, ClaimRow, RowError, Words, option_of
from libsocket import Socket


class _Ends(ClaimRow, frozen=True, kw_only=True):
    """With which ``errnos`` a call fails, if at all, whichever of its allocations cannot be had."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    errnos: tuple[str, ...]
    """One at least is seen, and no other; without any it never fails so."""
    EXPLAINED: ClassVar[Mapping[str, str]] = {
        "no-op: *": "what has its memory needs only to succeed; how it fails without the others show"
    }

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


class OutOfMemory(_Ends, frozen=True, kw_only=True):
    """Of a ``call``."""

    call: Words
    """As ``setups/allocations.py`` has them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.call not in CALLS:
            raise RowError(f"there is no call {self.call}; calls are {', '.join(CALLS)}")

    def found(self, kind: str) -> set[str]:
        """How it fails on a socket of a kind."""
        return errnos_without_memory(partial(CALLS[self.call], kind), apart=self.call in APART)


class OptionOutOfMemory(_Ends, frozen=True, kw_only=True):
    """Of setting an option."""

    option: Words
    value: Words
    """Bytes as hexadecimal numbers."""
    state: Words = "new"
    """As ``setups/states.py`` has them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        option_of(self.option)  # what is not there is said at once
        if self.state not in STATES:
            raise RowError(f"there is no state {self.state}; states are {', '.join(STATES)}")

    def found(self, kind: str) -> set[str]:
        """How it fails on a socket of a kind."""
        option, value = option_of(self.option), bytes.fromhex(self.value)

        def set_on(sock: Socket) -> None:
            option_set(sock.fileno(), (option.level, option.number), value)

        return errnos_without_memory(partial(on(self.state, set_on), kind))


def test_a_call_fails_without_memory(
    observe: Observe, row: OutOfMemory | OptionOutOfMemory, case: Case
) -> None:
    found = row.found(case.socket)
    fails = bool(observe("errnos", sorted(found)))
    others = observe("others", sorted(found - {*row.errnos}))

    assert [fails, others] == [bool(row.errnos), []]


ALLOCATION_KINDS: Final[Mapping[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "out-of-memory": (OutOfMemory, test_a_call_fails_without_memory),
    "option-out-of-memory": (OptionOutOfMemory, test_a_call_fails_without_memory),
}
