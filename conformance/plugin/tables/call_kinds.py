"""The kinds of rows about calls: what is made of which numbers, what a call tells or does in a state."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, Protocol, TypeVar

from msgspec import field

from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import (
    ANYWHERE,
    CALLS,
    NOWHERE,
    mark_of,
    name_to,
    option_got,
    option_set,
    shut_down,
    told,
)
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import ALL, EVENTS, STATES, in_state, names
from conformance.plugin.setups.unix_names import own_name, peer_name
from conformance.plugin.tables.row import Capabilities, Case, ClaimRow, Errno, RowError, Words
from libsocket import Shutdown, Socket
from netns import without

T = TypeVar("T")
Asked = tuple[str | int, str | int, str | int]
"""Domain, type and protocol: ``["INET", "STREAM", "TCP"]``; a number is itself."""
NameCall = Literal["getsockname", "getpeername"]

_TYPE: Final = 0xF
"""The bits of a type that are no flags."""
_ONE: Final = (1).to_bytes(4, sys.byteorder)
_HOWS: Final = {"RD": Shutdown.READ, "WR": Shutdown.WRITE, "RDWR": Shutdown.BOTH}


class Observe(Protocol):
    """The fixture ``observe``."""

    def __call__(self, name: str, value: T, /) -> T: ...


def numbers(asked: Asked) -> tuple[int, int, int]:
    """Domain, type and protocol as numbers. Raises: RowError."""
    domain, type_, protocol = (
        _number(one, prefix) for one, prefix in zip(asked, ("AF_", "SOCK_", "IPPROTO_"), strict=True)
    )
    return domain, type_, protocol


def _number(one: str | int, prefix: str) -> int:
    if isinstance(one, int):
        return one
    try:
        return int(getattr(socket, prefix + one))
    except AttributeError as error:
        raise RowError(f"there is no {prefix}{one}") from error


class _OfCalls(ClaimRow, frozen=True, kw_only=True):
    """A row about what socket(2) or socketpair(2) makes of each domain, type and protocol ``asked``."""

    asked: tuple[Asked, ...]
    call: Literal["socket", "socketpair"] = "socket"

    def __post_init__(self) -> None:
        for one in self.asked:
            numbers(one)  # what is not there is said at once

    def cases(self) -> Iterator[Case]:
        """A test for each."""
        yield from (Case("-".join(map(str, one)), given=numbers(one)) for one in self.asked)


class Made(_OfCalls, frozen=True, kw_only=True):
    """It is made; ``protocol`` is what SO_PROTOCOL reads then, and ``type`` SO_TYPE, if another."""

    protocol: int | None = None
    type: str | None = None


def test_a_socket_is_made(observe: Observe, row: Made, case: Case) -> None:
    domain, type_, protocol = case.given
    expected = [
        domain,
        type_ if row.type is None else _number(row.type, "SOCK_"),
        protocol if row.protocol is None else row.protocol,
    ]

    assert observe("domain_type_protocol", CALLS[row.call](domain, type_, protocol)) == expected


class NotMade(_OfCalls, frozen=True, kw_only=True):
    """It is refused with ``errno``, where ``beside`` is made, by the same call.

    With ``without`` it is made with these capabilities, and refused without them.
    """

    errno: Errno
    beside: Asked
    without: Capabilities = Capabilities()


def test_a_socket_is_not_made(observe: Observe, row: NotMade, case: Case) -> None:
    domain, type_, _ = numbers(row.beside)
    made = CALLS[row.call](*numbers(row.beside))
    with without(*row.without), refused(row.errno.number):
        CALLS[row.call](*case.given)

    assert observe("beside", made[:2]) == [domain, type_ & _TYPE]


class _OfKinds(ClaimRow, frozen=True, kw_only=True):
    """A row that is said of several kinds of sockets."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


class _InStates(_OfKinds, frozen=True, kw_only=True):
    """A row that is said of sockets in each of some ``states``."""

    states: tuple[Words, ...]
    """As ``setups/states.py`` has them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := sorted(set(self.states) - STATES.keys()):
            raise RowError(f"there is no state {unknown[0]}; states are {', '.join(STATES)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket in each state."""
        yield from (Case(f"{kind}-{state}", kind, state) for kind in self.sockets for state in self.states)


class Named(_InStates, frozen=True, kw_only=True):
    """What getsockname(2) tells (``own``), or getpeername(2) (``peer``), or both.

    As ``setups/calls.py`` has it in words, or an errno.
    """

    own: Words | None = None
    peer: Words | None = None
    reports: Mapping[str, tuple[str, ...]] = {}
    """What poll(2) reports in a state, by its name: ``IN``, ``RDHUP``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.own is None and self.peer is None:
            raise RowError("it has neither own nor peer")

    def is_reported(self, sock: Socket, state: str) -> bool:
        """Whether poll(2) reports what it does in that state, if the row says it."""
        return state not in self.reports or tuple(names(polled(sock, ALL))) == self.reports[state]


def test_a_socket_has_names(observe: Observe, row: Named, case: Case) -> None:
    asked = {"getsockname": row.own, "getpeername": row.peer}
    expected = {call: name for call, name in asked.items() if name is not None}
    with in_state(case.socket, case.given) as sock:
        reported = row.is_reported(sock, case.given)
        seen = [told(call, sock) for call in expected]

        assert [reported, observe("names", seen)] == [True, list(expected.values())]


class NameRoom(_OfKinds, frozen=True, kw_only=True):
    """The ``length`` of a name is told whole, and as much of it written as there is room for, ``rooms``."""

    call: NameCall
    state: Words
    length: int
    rooms: tuple[int, ...]
    otherwise: Mapping[str, Words] = {}
    """Which sockets are in which state instead."""

    def cases(self) -> Iterator[Case]:
        yield from (Case(f"{kind}-{room}", kind, room) for kind in self.sockets for room in self.rooms)


def test_a_name_is_cut(observe: Observe, row: NameRoom, case: Case) -> None:
    tell = {"getsockname": own_name, "getpeername": peer_name}[row.call]
    with in_state(case.socket, row.otherwise.get(case.socket, row.state)) as sock:
        whole, cut = tell(sock).memory, tell(sock, case.given)
        written = min(case.given, row.length)
        left = cut.memory[written:] + cut.beyond

        assert [
            observe("length", cut.length),
            cut.memory[:written] == whole[:written],
            observe("untouched", left.count(0xFF)),
        ] == [row.length, True, len(left)]


class NameMemory(_OfKinds, frozen=True, kw_only=True):
    """``call`` fails with ``errno`` for each of ``rooms`` and whatever memory is ``missing``.

    With memory, and room for any address, it tells the family.
    """

    call: NameCall
    state: Words
    errno: Errno
    rooms: tuple[int, ...] = (128,)
    """What addrlen holds."""
    missing: tuple[Literal["nothing", "address", "length"], ...]
    """Each is tried: memory for the address at NULL and at 1, for the length at 1."""
    otherwise: Mapping[str, Words] = {}
    """Which sockets are in which state instead."""

    def cases(self) -> Iterator[Case]:
        for kind in self.sockets:
            for room in self.rooms:
                for one in self.missing:
                    yield from (
                        Case(f"{kind}-{room}-{name}", kind, (room, *addresses))
                        for name, addresses in _MEMORY[one].items()
                    )


_MEMORY: Final[dict[str, dict[str, tuple[int | None, bool]]]] = {
    "nothing": {"memory": (ANYWHERE, True)},
    "address": {"null": (None, True), "nowhere": (NOWHERE, True)},
    "length": {"no-length": (ANYWHERE, False)},
}
"""Where the address is to be written, and whether there is memory for its length."""


def test_a_name_needs_memory(observe: Observe, row: NameMemory, case: Case) -> None:
    room, address, length = case.given
    with in_state(case.socket, row.otherwise.get(case.socket, row.state)) as sock:
        whole = {"getsockname": own_name, "getpeername": peer_name}[row.call](sock)
        with refused(row.errno.number):
            name_to(row.call, sock.fileno(), address, room if length else None)

        assert observe("family_with_memory", whole.family) == sock.family


class Shut(_OfKinds, frozen=True, kw_only=True):
    """shutdown(2) by each of ``hows`` in turn gives ``answers``.

    Then the socket receives and sends without waiting (``own``), and so does its peer (``peer``). Where that
    has sent something, the socket receives again (``then``).
    """

    state: Words
    hows: tuple[Literal["RD", "WR", "RDWR"], ...]
    answers: tuple[Words, ...]
    own: tuple[Words, Words]
    peer: tuple[Words, Words] | None = None
    then: Words | None = None
    reports: tuple[str, ...] | None = None
    """What poll(2) reports of the socket after that, if named: ``IN``, ``RDHUP``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state not in {*STATES, *EVENTS}:
            raise RowError(f"there is no state {self.state}")
        if len(self.answers) != len(self.hows):
            raise RowError("there are not as many answers as hows")


def test_a_socket_is_shut_down(observe: Observe, row: Shut, case: Case) -> None:
    seen = shut_down(case.socket, row.state, [_HOWS[how] for how in row.hows], row.reports)

    then = [] if row.then is None else [row.then]
    assert observe("answers_then_receive_and_send", seen) == [
        *row.answers,
        *row.own,
        *(row.peer or ()),
        *then,
    ]


class UnknownOption(_OfKinds, frozen=True, kw_only=True):
    """Options with ``numbers`` at a ``level``: setting fails with ``errno``, reading with ``errno-of-read``.

    An int option ``beside``, a level and a number, is set to 1 and reads so.
    """

    level: int
    numbers: tuple[int, ...]
    errno: Errno
    errno_of_read: Errno | None = field(name="errno-of-read", default=None)
    beside: tuple[int, int] = (socket.SOL_SOCKET, socket.SO_OOBINLINE)

    def cases(self) -> Iterator[Case]:
        yield from (
            Case(f"{kind}-{number}", kind, number) for kind in self.sockets for number in self.numbers
        )


def test_there_is_no_such_option(observe: Observe, row: UnknownOption, case: Case) -> None:
    with case.made() as sock:
        fd = sock.fileno()
        with refused(row.errno.number):
            option_set(fd, (row.level, case.given))
        with refused((row.errno_of_read or row.errno).number, "errno_of_read"):
            option_got(fd, (row.level, case.given))
        before = option_got(fd, row.beside)
        option_set(fd, row.beside, _ONE)

        values = [int.from_bytes(value, sys.byteorder) for value in (before, option_got(fd, row.beside))]
        assert observe("beside", values) == [0, 1]


class AtMark(_InStates, frozen=True, kw_only=True):
    """What sockatmark(3) says, or the errno with which it fails; of a TCP socket at the mark it is 1."""

    at_mark: Words = field(name="at-mark")


def test_a_socket_is_at_the_mark(observe: Observe, row: AtMark, case: Case) -> None:
    with in_state("tcp", "urgent") as other, in_state(case.socket, case.given) as sock:
        assert observe("at_mark_of_tcp_and_this", [mark_of(other), mark_of(sock)]) == ["1", row.at_mark]


CALL_KINDS: Final[dict[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "made": (Made, test_a_socket_is_made),
    "not-made": (NotMade, test_a_socket_is_not_made),
    "named": (Named, test_a_socket_has_names),
    "name-room": (NameRoom, test_a_name_is_cut),
    "name-memory": (NameMemory, test_a_name_needs_memory),
    "shut": (Shut, test_a_socket_is_shut_down),
    "unknown-option": (UnknownOption, test_there_is_no_such_option),
    "at-mark": (AtMark, test_a_socket_is_at_the_mark),
}
