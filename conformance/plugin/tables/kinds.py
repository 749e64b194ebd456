"""The kinds of rows: what each holds, and the test that tries one case of it.

What a case should answer is in the row, or in a sysctl that the row names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Final, Literal, Protocol, TypeVar

from msgspec import field

from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import CALLS, By, Timeout, interrupted
from conformance.plugin.setups.interfaces import OF_ADDRESSES, set_of, shown
from conformance.plugin.setups.interfaces import REQUESTS as INTERFACE_REQUESTS
from conformance.plugin.setups.ioctls import REQUESTS, asked
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.mptcp import IPPROTO_MPTCP
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import ALL, EVENTS, STATES, edge, in_state, names, reported, signal_of
from conformance.plugin.tables import memory_kinds as memory
from conformance.plugin.tables import message_kinds as messages
from conformance.plugin.tables.address_kinds import ADDRESS_KINDS
from conformance.plugin.tables.allocation_kinds import ALLOCATION_KINDS
from conformance.plugin.tables.call_kinds import CALL_KINDS
from conformance.plugin.tables.caller_kinds import CALLER_KINDS
from conformance.plugin.tables.connection_kinds import CONNECTION_KINDS
from conformance.plugin.tables.row import (
    Capabilities,
    Case,
    ClaimRow,
    Errno,
    Row,
    RowError,
    Sysctl,
    Value,
    Words,
    option_of,
    value_of,
)
from conformance.plugin.tables.rtnetlink_kinds import RTNETLINK_KINDS
from libsocket import INT, SO_MARK, Socket, raw
from netns import (
    Capability,
    Namespace,
    effective,
    in_user_namespace,
    in_user_namespace_alone,
    initial_sysctl,
    only,
    without,
)

T = TypeVar("T")

_LISTENING: Final[dict[str, Callable[[], AbstractContextManager[Socket]]]] = {
    "tcp": listening,
    "tcp6": partial(listening, "::1"),
    "mptcp": partial(listening, protocol=IPPROTO_MPTCP),
    "mptcp6": partial(listening, "::1", protocol=IPPROTO_MPTCP),
    "unix": listening_unix,
}


class Observe(Protocol):
    """The fixture ``observe``."""

    def __call__(self, name: str, value: T, /) -> T: ...


class _OfSockets(Row, frozen=True, kw_only=True):
    """A row that is said of several kinds of sockets."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    shown_by: str = field(name="shown-by", default="")
    """The option that shows what was set, where that is another: SO_RCVBUF what SO_RCVBUFFORCE sets."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")
        if self.shown_by:
            option_of(self.shown_by)  # what is not there is said at once

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)

    def shown(self, sock: Socket) -> Any:
        return sock.get(option_of(self.shown_by) if self.shown_by else self.option)


class _OfValues(_OfSockets, frozen=True, kw_only=True):
    """A row that is said of several values, too."""

    values: tuple[Value, ...]

    def cases(self) -> Iterator[Case]:
        """A test for each value on each kind of socket."""
        return _given(self.sockets, self.values)


def _given(sockets: Sequence[str], values: Sequence[Value]) -> Iterator[Case]:
    return (Case(f"{kind}-{value}", kind, value) for kind in sockets for value in values)


class Default(_OfSockets, frozen=True, kw_only=True):
    """A new socket's option reads as ``value``."""

    value: Value | Sysctl
    sysctls: Mapping[str, str] = {}
    """What those of the socket's own network namespace are set to before."""


def test_a_new_socket_has_the_default(ns: Namespace, observe: Observe, row: Default, case: Case) -> None:
    ns.sysctl.update(row.sysctls)
    with case.made() as sock:
        assert observe("default", row.shown(sock)) == value_of(row.value)


class _Changing(_OfSockets, frozen=True, kw_only=True):
    """A row in which the option is something else first: its ``default``, or what it is set to ``before``.

    Of several the first that is another counts; each is stored as ``factor`` times itself.
    """

    default: Value | None = None
    before: tuple[Value, ...] = ()
    factor: int = 1

    def begun(self, sock: Socket, stored: Value) -> Value:
        """Set what is to be set before that, if anything is; what it is then. Raises: RowError."""
        if self.default is not None and self.default != stored:
            return self.default
        for before in self.before:
            if before * self.factor != stored:
                sock.set(self.option, before)
                return before * self.factor
        raise RowError(f"neither default nor before is another than {stored}")


class Stored(_Changing, frozen=True, kw_only=True):
    """What is set reads back as something: ``values`` are pairs of both."""

    values: tuple[tuple[Value, Value | Sysctl], ...]
    sysctls: Mapping[str, str] = {}
    """What those of the socket's own network namespace are set to before."""

    def cases(self) -> Iterator[Case]:
        for kind in self.sockets:
            yield from (Case(f"{kind}-{given}", kind, given, stored) for given, stored in self.values)


def test_what_is_set_is_stored(ns: Namespace, observe: Observe, row: Stored, case: Case) -> None:
    ns.sysctl.update(row.sysctls)
    stored = value_of(case.stored)
    with case.made() as sock:
        before = row.begun(sock, stored)
        seen = [row.shown(sock)]
        sock.set(row.option, case.given)
        seen.append(row.shown(sock))

        assert observe("before_and_stored", seen) == [before, stored]


class Maximum(_OfSockets, frozen=True, kw_only=True):
    """What is beyond the largest value, a ``sysctl`` of the initial network namespace, is cut to it.

    Tried with one less than that, with it, and with one more; ``factor`` is what one is stored as.
    """

    sysctl: str
    factor: int = 1

    def cases(self) -> Iterator[Case]:
        for kind in self.sockets:
            yield from (
                Case(f"{kind}-{more:+}", kind, more, self.factor * min(more, 0)) for more in (-1, 0, 1)
            )

    @property
    def largest(self) -> int:
        return int(initial_sysctl(self.sysctl))


def test_what_is_beyond_the_maximum_is_cut_to_it(observe: Observe, row: Maximum, case: Case) -> None:
    with case.made() as sock:
        sock.set(row.option, row.largest + case.given)

        assert observe("largest", row.shown(sock)) == row.factor * row.largest + case.stored


class ReadOnly(_OfValues, frozen=True, kw_only=True):
    """It reads as ``value``, and setting it to any of ``values`` is refused, with ``errno`` if named."""

    value: Value
    errno: Errno = Errno()


def test_it_cannot_be_set(observe: Observe, row: ReadOnly, case: Case) -> None:
    with case.made() as sock:
        with refused(row.errno.number):
            sock.set(row.option, case.given)

        assert observe("value", row.shown(sock)) == row.value


class _Beside(_OfValues, frozen=True, kw_only=True):
    """A row beside which there is a socket of another kind, on which each of ``values`` is stored."""

    beside: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beside not in SOCKETS:
            raise RowError(f"there is no {self.beside}; sockets are {', '.join(SOCKETS)}")

    def stored_beside(self, case: Case) -> Any:
        with SOCKETS[self.beside]() as sock:
            sock.set(self.option, case.given)
            return self.shown(sock)


class Unsupported(_Beside, frozen=True, kw_only=True):
    """It can neither be set to any of ``values`` nor read, with ``errno`` if named.

    ``errno-of-read`` is what reading fails with where that is another.
    """

    errno: Errno = Errno()
    errno_of_read: Errno | None = field(name="errno-of-read", default=None)


def test_it_is_not_there(observe: Observe, row: Unsupported, case: Case) -> None:
    with case.made() as sock:
        with refused(row.errno.number):
            sock.set(row.option, case.given)
        with refused((row.errno_of_read or row.errno).number, "errno_of_read"):
            sock.get(row.option)

    assert observe("beside", row.stored_beside(case)) == case.given


class Ignored(_Beside, frozen=True, kw_only=True):
    """To set it to any of ``values`` is no error and changes nothing: it reads as ``value`` then."""

    value: Value


def test_setting_it_does_nothing(observe: Observe, row: Ignored, case: Case) -> None:
    with case.made() as sock:
        sock.set(row.option, case.given)

        assert observe("here_and_beside", [row.shown(sock), row.stored_beside(case)]) == [
            row.value,
            case.given,
        ]


class Outside(_OfValues, frozen=True, kw_only=True):
    """Setting it to any of ``values`` is refused, with ``errno`` if named, and ``kept`` stays."""

    kept: Value
    errno: Errno = Errno()


def test_what_is_outside_its_bounds_is_refused(observe: Observe, row: Outside, case: Case) -> None:
    with case.made() as sock:
        sock.set(row.option, row.kept)
        with refused(row.errno.number):
            sock.set(row.option, case.given)

        assert observe("kept", row.shown(sock)) == row.kept


class Privileged(_OfValues, frozen=True, kw_only=True):
    """Setting it to any of ``values`` takes a capability: refused ``without`` these, and ``kept`` stays.

    What is set is stored as ``factor`` times itself.
    """

    without: Capabilities
    kept: Value
    factor: int = 1
    errno: Errno = Errno()


def test_without_the_capability_it_is_refused(observe: Observe, row: Privileged, case: Case) -> None:
    with case.made() as sock:
        sock.set(row.option, case.given)
        allowed = row.shown(sock)
        sock.set(row.option, row.kept)
        with without(*row.without), refused(row.errno.number):
            sock.set(row.option, case.given)

        assert observe("allowed_and_kept", [allowed, row.shown(sock)]) == [
            row.factor * case.given,
            row.factor * row.kept,
        ]


class Suffices(_Changing, frozen=True, kw_only=True):
    """With these capabilities ``only``, or none, it can be set to ``values``."""

    values: tuple[Value, ...]
    only: Capabilities

    def cases(self) -> Iterator[Case]:
        return _given(self.sockets, self.values)


def test_the_capability_suffices(observe: Observe, row: Suffices, case: Case) -> None:
    stored = row.factor * case.given
    with case.made() as sock:
        before = row.begun(sock, stored)
        seen = [row.shown(sock)]
        with only(*row.only):
            held = sorted(map(str, effective()))
            sock.set(row.option, case.given)
        seen.append(row.shown(sock))

        assert [observe("capabilities", held), observe("before_and_stored", seen)] == [
            sorted(map(str, row.only)),
            [before, stored],
        ]


class InitialPrivilege(_OfSockets, frozen=True, kw_only=True):
    """What root of a fresh user namespace may do does not suffice to set it to ``value``, as root here does.

    It does for another option, SO_MARK. What is set is stored as ``factor`` times itself.
    """

    value: Value
    factor: int = 1
    errno: Errno = Errno()


def test_root_of_another_user_namespace_is_refused(
    observe: Observe, row: InitialPrivilege, case: Case
) -> None:
    with case.made() as sock:
        sock.set(row.option, row.value)
        here = row.shown(sock)
    mark = in_user_namespace(lambda: case.after(SO_MARK, 7))
    with refused(row.errno.number):
        in_user_namespace(lambda: case.set(row.option, row.value))

    assert observe("mark_there_and_set_here", [mark, here]) == [7, row.factor * row.value]


class OwnPrivilege(_OfSockets, frozen=True, kw_only=True):
    """Root of a fresh user namespace sets it to ``value`` in a network namespace that this owns.

    In the one that it comes from it is refused, though it has all capabilities in its own user namespace.
    """

    value: Value
    errno: Errno = Errno()


def test_root_of_another_user_namespace_sets_it_in_its_own(
    observe: Observe, row: OwnPrivilege, case: Case
) -> None:
    own = in_user_namespace(lambda: case.after(row.option, row.value))
    with refused(row.errno.number):
        in_user_namespace_alone(lambda: case.set(row.option, row.value))
    here = case.after(row.option, row.value)

    assert observe("own_and_here", [own, here]) == [row.value, row.value]


class _Accepted(Row, frozen=True, kw_only=True):
    """A row about what a listener is set to: a ``value``, which reads back as ``stored`` if not as itself.

    It must be another than a new listener has. Where ``value`` is not, ``otherwise`` has one that is.
    """

    transport: Literal["tcp", "tcp6", "mptcp", "mptcp6", "unix"]
    value: Value
    otherwise: tuple[Value, ...] = ()
    stored: Value | None = None

    def cases(self) -> Iterator[Case]:
        yield Case(given=(self.value, *self.otherwise))

    def given(self, values: Sequence[Value], default: Value) -> Value:
        """Which of them a listener is set to that has the ``default``. Raises: RowError."""
        for value in values:
            if self.of_listener(value) != default:
                return value
        raise RowError(f"a new listener has {default} already")

    def of_listener(self, given: Value) -> Value:
        return given if self.stored is None else self.stored


class Inherited(_Accepted, frozen=True, kw_only=True):
    """An accepted connection has what its listener was set to before they connected."""

    def of_accepted(self, given: Value) -> Value:
        return self.of_listener(given)


class NotInherited(_Accepted, frozen=True, kw_only=True):
    """An accepted connection has the ``default``, whatever its listener has."""

    default: Value | Sysctl

    def of_accepted(self, _given: Value) -> Value:
        return value_of(self.default)


def test_an_accepted_connection_begins_with(
    observe: Observe, row: Inherited | NotInherited, case: Case
) -> None:
    with _LISTENING[row.transport]() as listener:
        given = row.given(case.given, listener.get(row.option))
        listener.set(row.option, given)
        with pending_connection(listener), listener.accept()[0] as accepted:
            both = [listener.get(row.option), accepted.get(row.option)]

            assert observe("listener_and_accepted", both) == [row.of_listener(given), row.of_accepted(given)]


class Optlen(_OfValues, frozen=True, kw_only=True):
    """Setting it with fewer bytes than it has, any of ``sizes``, is refused, and ``value`` stays.

    All of them set it to ``then``. Each is stored as ``factor`` times itself.
    """

    values: tuple[int, ...] = field(name="sizes")
    value: Value
    then: Value = 0
    factor: int = 1
    errno: Errno = Errno()


def test_fewer_bytes_are_refused(observe: Observe, row: Optlen, case: Case) -> None:
    octets = row.option.codec.encode(row.then)
    with case.made() as sock:
        sock.set(row.option, row.value)
        with refused(row.errno.number):
            sock.set(row.option.through(raw(case.given)), octets[: case.given])
        kept = row.shown(sock)
        sock.set(row.option.through(raw(len(octets))), octets)

        assert observe("after_fewer_and_all", [kept, row.shown(sock)]) == [
            row.factor * row.value,
            row.factor * row.then,
        ]


class _OfSizes(_Changing, frozen=True, kw_only=True):
    """A row in which ``value`` is set with each of several numbers of bytes, ``sizes``."""

    sizes: tuple[int, ...]
    value: Value

    def cases(self) -> Iterator[Case]:
        return _given(self.sockets, self.sizes)

    def octets(self, size: int) -> bytes:
        raise NotImplementedError


class MoreBytes(_OfSizes, frozen=True, kw_only=True):
    """Set with more bytes than it has, any of ``sizes``, it takes ``value`` from the first of them."""

    def octets(self, size: int) -> bytes:
        octets: bytes = self.option.codec.encode(self.value)
        return octets.ljust(size, b"\xff")


class FirstByte(_OfSizes, frozen=True, kw_only=True):
    """Set with a byte, or with more but no int, any of ``sizes``, it takes ``value`` from the first alone."""

    value: int

    def octets(self, size: int) -> bytes:
        return bytes([self.value]).ljust(size, b"\xff")


def test_the_first_bytes_count(observe: Observe, row: MoreBytes | FirstByte, case: Case) -> None:
    stored = row.factor * row.value
    with case.made() as sock:
        before = row.begun(sock, stored)
        seen = [row.shown(sock)]
        sock.set(row.option.through(raw(case.given)), row.octets(case.given))
        seen.append(row.shown(sock))

        assert observe("before_and_after", seen) == [before, stored]


class Zeroed(_OfSockets, frozen=True, kw_only=True):
    """Set with fewer bytes than it has, any of ``sizes``, it is 0, where it was ``value``."""

    sizes: tuple[int, ...]
    value: Value

    def cases(self) -> Iterator[Case]:
        return _given(self.sockets, self.sizes)


def test_fewer_bytes_are_zero(observe: Observe, row: Zeroed, case: Case) -> None:
    with case.made() as sock:
        sock.set(row.option, row.value)
        seen = [row.shown(sock)]
        sock.set(row.option.through(raw(case.given)), case.given * b"\1")
        seen.append(row.shown(sock))

        assert observe("before_and_after", seen) == [row.value, 0]


class _Read(_OfSockets, frozen=True, kw_only=True):
    """A row in which ``value`` is read into each of several numbers of bytes, ``rooms``.

    It is set before that, unless a ``new`` socket has it already, and stored as ``factor`` times itself.
    """

    rooms: tuple[int, ...]
    value: Value
    new: bool = False
    factor: int = 1

    def cases(self) -> Iterator[Case]:
        return _given(self.sockets, self.rooms)

    def read(self, case: Case) -> tuple[Any, bytes]:
        """What it is, and what it gives where there is so much room."""
        with case.made() as sock:
            if not self.new:
                sock.set(self.option, self.value)
            return self.shown(sock), sock.get(self.option.through(raw(case.given)))


class Room(_Read, frozen=True, kw_only=True):
    """With room for fewer bytes than it has it gives the first ones, and with room for more no more."""


def test_what_there_is_room_for_is_given(observe: Observe, row: Room, case: Case) -> None:
    value = row.factor * row.value
    whole = row.option.codec.encode(value)
    shown, given = row.read(case)

    assert observe("value_size_and_first", [shown, len(given), whole.startswith(given)]) == [
        value,
        min(case.given, len(whole)),
        True,
    ]


class RoomForByte(_Read, frozen=True, kw_only=True):
    """With room for a byte, or for more but no int, it gives one, the number as a byte; with more an int."""

    value: int


def test_a_byte_or_an_int_is_given(observe: Observe, row: RoomForByte, case: Case) -> None:
    shown, given = row.read(case)

    assert observe("value_size_and_number", [shown, len(given), int.from_bytes(given, sys.byteorder)]) == [
        row.value,
        INT.size if case.given >= INT.size else 1,
        row.value,
    ]


class _AtOnePort(Row, frozen=True, kw_only=True):
    """Two sockets at one port, bound to each of the ``pairs`` of addresses one after the other.

    Those named in ``having`` set the option, the first one before it is bound or, with ``set-after-bind``,
    after that; ``listening`` says whether it listens then.
    """

    transport: Literal["tcp", "udp"]
    pairs: tuple[tuple[str, str], ...]
    having: tuple[Literal["first", "second"], ...] = ("first", "second")
    set_after_bind: bool = field(name="set-after-bind", default=False)
    listening: bool = False

    def __post_init__(self) -> None:
        if self.listening and self.transport == "udp":
            raise RowError("a UDP socket does not listen")
        if self.set_after_bind and "first" not in self.having:
            raise RowError("set-after-bind is for a first socket that sets the option")

    def cases(self) -> Iterator[Case]:
        """A test for each pair of addresses."""
        yield from (Case("-".join(pair), given=pair) for pair in self.pairs)

    @contextmanager
    def two(self, hosts: tuple[str, str]) -> Iterator[tuple[Socket, Socket]]:
        """The first socket, bound, and the second, still to be bound."""
        first, second = (SOCKETS[self.transport + "6" * (":" in host)]() for host in hosts)
        with first, second:
            if "first" in self.having and not self.set_after_bind:
                first.set(self.option, 1)
            first.bind((hosts[0], 0))
            if self.listening:
                first.listen()
            if "first" in self.having and self.set_after_bind:
                first.set(self.option, 1)
            if "second" in self.having:
                second.set(self.option, 1)
            yield first, second

    def seen(self, first: Socket, second: Socket) -> list[bool]:
        """Which of them have the option, whether the first listens, and whether they have one port."""
        return [
            first.get(self.option) == 1,
            second.get(self.option) == 1,
            first.acceptconn,
            first.getsockname()[1] == second.getsockname()[1],
        ]

    def expected(self, *, shared: bool) -> list[bool]:
        return ["first" in self.having, "second" in self.having, self.listening, shared]


class SharedPort(_AtOnePort, frozen=True, kw_only=True):
    """The second socket can be bound."""


def test_two_sockets_share_a_port(observe: Observe, row: SharedPort, case: Case) -> None:
    with row.two(case.given) as (first, second):
        second.bind((case.given[1], first.getsockname()[1]))

        assert observe("options_listens_shared", row.seen(first, second)) == row.expected(shared=True)


class KeptPort(_AtOnePort, frozen=True, kw_only=True):
    """The second socket cannot be bound, with ``errno`` if named, but to another port."""

    errno: Errno = Errno()


def test_a_socket_keeps_its_port(observe: Observe, row: KeptPort, case: Case) -> None:
    with row.two(case.given) as (first, second):
        with refused(row.errno.number):
            second.bind((case.given[1], first.getsockname()[1]))
        second.bind((case.given[1], 0))

        assert observe("options_listens_shared", row.seen(first, second)) == row.expected(shared=False)


class SysctlDefault(ClaimRow, frozen=True, kw_only=True):
    """A sysctl is ``value`` in a new network namespace, also after another one's was set to ``elsewhere``."""

    sysctl: Words
    value: str
    elsewhere: str
    survives: Mapping[str, Words] = field(default_factory=lambda: {"*": "no socket is asked"})

    def cases(self) -> Iterator[Case]:
        yield Case()


def test_a_new_namespace_has_the_default(
    ns: Namespace,
    observe: Observe,
    row: SysctlDefault,
    case: Case,  # noqa: ARG001 - there is but one
) -> None:
    ns.sysctl[row.sysctl] = row.elsewhere
    with Namespace() as new:
        both = [ns.sysctl[row.sysctl], new.sysctl[row.sysctl]]

        assert observe("elsewhere_and_new", both) == [row.elsewhere, row.value]


class Reported(ClaimRow, frozen=True, kw_only=True):
    """What poll(2) and epoll(7) alike report of sockets in a state, and in which sets select(2) has them."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    state: Words
    """As ``setups/states.py`` has them."""
    poll: tuple[str, ...]
    """``IN``, ``RDHUP``: events by name, in the order of ``setups/states.py``."""
    select: tuple[Literal["read", "write", "except"], ...]

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise RowError(f"there is no state {self.state}; states are {', '.join(STATES)}")
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


def test_a_socket_in_a_state_is_reported(observe: Observe, row: Reported, case: Case) -> None:
    with in_state(case.socket, row.state) as sock:
        events = list(row.poll)

        assert observe("poll_epoll_select", reported(sock)) == [events, events, list(row.select)]


class _Happening(ClaimRow, frozen=True, kw_only=True):
    """Something happens to connected sockets."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    event: Words
    """As ``setups/states.py`` has them."""

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise RowError(f"there is no event {self.event}; events are {', '.join(EVENTS)}")
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


class Edge(_Happening, frozen=True, kw_only=True):
    """What epoll(7) reports with EPOLLET: ``before``, then nothing, and ``after`` something has happened."""

    before: tuple[str, ...]
    after: tuple[str, ...]


def test_an_event_is_an_edge(observe: Observe, row: Edge, case: Case) -> None:
    found = edge(case.socket, row.event)

    assert observe("before_again_after", found) == [list(row.before), [], list(row.after)]


class Announced(_Happening, frozen=True, kw_only=True):
    """What a signal of F_SETSIG says of it: ``code`` is si_code, ``band`` the bits of si_band."""

    code: str
    band: tuple[str, ...]


def test_an_event_is_announced(observe: Observe, row: Announced, case: Case) -> None:
    found = signal_of(case.socket, row.event)

    assert observe("code_and_band", found) == [row.code, list(row.band)]


class _InStates(ClaimRow, frozen=True, kw_only=True):
    """An ioctl is made of sockets in a state."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    request: Words
    """As ``setups/ioctls.py`` has them."""
    state: Words = "new"
    """As ``setups/states.py`` has them."""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise RowError(f"there is no state {self.state}; states are {', '.join(STATES)}")
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")
        if self.request not in REQUESTS:
            raise RowError(f"there is no {self.request}; ioctls are {', '.join(REQUESTS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


class Answered(_InStates, frozen=True, kw_only=True):
    """An ioctl gives ``value``."""

    value: int
    reports: tuple[str, ...] | None = None
    """What poll(2) reports in that state, if named: ``IN``, ``RDHUP``."""

    def reported_of(self, sock: Socket) -> bool:
        """Whether it is reported so."""
        return self.reports is None or names(polled(sock, ALL)) == list(self.reports)


def test_an_ioctl_gives_a_number(observe: Observe, row: Answered, case: Case) -> None:
    with in_state(case.socket, row.state) as sock:
        as_reported = row.reported_of(sock)
        given = asked(sock, REQUESTS[row.request])

        assert [as_reported, observe("given", given)] == [True, row.value]


class Unanswered(_InStates, frozen=True, kw_only=True):
    """An ioctl fails with ``errno``; another, ``beside``, of a socket of a kind, gives 0."""

    errno: Errno
    beside: tuple[str, str] = ("SIOCGPGRP", "")
    """Its name, and the kind of the socket if that is another; it has no peer."""


def test_an_ioctl_is_refused(observe: Observe, row: Unanswered, case: Case) -> None:
    request, kind = row.beside
    with in_state(case.socket, row.state) as sock, in_state(kind or case.socket, "new") as other:
        with refused(row.errno.number):
            asked(sock, REQUESTS[row.request])

        assert observe("beside", asked(other, REQUESTS[request])) == 0


class _OfInterface(ClaimRow, frozen=True, kw_only=True):
    """An ioctl of netdevice(7) is made with sockets of several kinds."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    request: Words
    """As ``setups/interfaces.py`` has them."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")
        if self.request not in INTERFACE_REQUESTS:
            raise RowError(f"there is no {self.request}; ioctls are {', '.join(INTERFACE_REQUESTS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


class Interface(_OfInterface, frozen=True, kw_only=True):
    """An ioctl shows ``value`` of the loopback interface."""

    value: int | str | tuple[int | str, ...]


def test_an_ioctl_shows_something_of_an_interface(observe: Observe, row: Interface, case: Case) -> None:
    with case.made() as sock:
        given = shown(sock, row.request)
        expected = list(row.value) if isinstance(row.value, tuple) else row.value

        assert observe("shown", given) == expected


class InterfaceSet(_OfInterface, frozen=True, kw_only=True):
    """An ioctl sets ``value`` of an interface of type veth with CAP_NET_ADMIN, and is refused without.

    Then another ioctl shows it by a UDP socket, where it was something else.
    """

    value: int | str
    errno: Errno
    shown_by: Words = field(name="shown-by")
    then: int | str | tuple[int | str, ...]
    """What is shown then."""

    def prepare(self, sock: Socket) -> None:
        """Give the interface an address, where what is shown is of its addresses."""
        if self.shown_by in OF_ADDRESSES:
            set_of(sock, "SIOCSIFADDR", "10.1.2.3", "left")


def test_an_ioctl_sets_something_of_an_interface(
    ns: Namespace, observe: Observe, row: InterfaceSet, case: Case
) -> None:
    ns.add_veth("left", "right")
    with case.made() as sock, Socket.udp() as other:
        row.prepare(other)
        with without(Capability.NET_ADMIN), refused(row.errno.number):
            set_of(sock, row.request, row.value, "left")
        before = shown(other, row.shown_by, "left")
        set_of(sock, row.request, row.value, "left")
        expected = list(row.then) if isinstance(row.then, tuple) else row.then
        after = observe("shown", shown(other, row.shown_by, "left"))

        assert [before != expected, after] == [True, expected]


class Interrupted(ClaimRow, frozen=True, kw_only=True):
    """How a call that waits ends ``by`` a signal: with EINTR, or it goes on.

    By a handler without SA_RESTART it ends with EINTR always: it can be interrupted.
    """

    call: Words
    """As ``setups/blocked.py`` has them."""
    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    by: By
    outcome: Literal["EINTR", "goes on"]
    timeout: Timeout = "none"
    """Which timeout the socket has."""

    def __post_init__(self) -> None:
        if self.call not in CALLS:
            raise RowError(f"there is no call {self.call}; calls are {', '.join(CALLS)}")
        if unknown := sorted(set(self.sockets) - SOCKETS.keys()):
            raise RowError(f"there is no {unknown[0]}; sockets are {', '.join(SOCKETS)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket."""
        yield from (Case(kind, kind) for kind in self.sockets)


def test_a_call_is_interrupted(observe: Observe, row: Interrupted, case: Case) -> None:
    found = [interrupted(case.socket, row.call, by, row.timeout) for by in ("handler", row.by)]

    assert observe("handler_and_so", found) == ["EINTR", row.outcome]


KINDS: Final[dict[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "default": (Default, test_a_new_socket_has_the_default),
    "read-nowhere": (memory.ReadNowhere, memory.test_what_is_read_needs_memory),
    "read-only-length": (memory.ReadOnlyLength, memory.test_the_length_is_written),
    "set-nowhere": (memory.SetNowhere, memory.test_what_is_set_needs_memory),
    "stored": (Stored, test_what_is_set_is_stored),
    "maximum": (Maximum, test_what_is_beyond_the_maximum_is_cut_to_it),
    "read-only": (ReadOnly, test_it_cannot_be_set),
    "unsupported": (Unsupported, test_it_is_not_there),
    "ignored": (Ignored, test_setting_it_does_nothing),
    "outside": (Outside, test_what_is_outside_its_bounds_is_refused),
    "privileged": (Privileged, test_without_the_capability_it_is_refused),
    "suffices": (Suffices, test_the_capability_suffices),
    "initial-privilege": (InitialPrivilege, test_root_of_another_user_namespace_is_refused),
    "own-privilege": (OwnPrivilege, test_root_of_another_user_namespace_sets_it_in_its_own),
    "inherited": (Inherited, test_an_accepted_connection_begins_with),
    "not-inherited": (NotInherited, test_an_accepted_connection_begins_with),
    "optlen": (Optlen, test_fewer_bytes_are_refused),
    "more-bytes": (MoreBytes, test_the_first_bytes_count),
    "first-byte": (FirstByte, test_the_first_bytes_count),
    "zeroed": (Zeroed, test_fewer_bytes_are_zero),
    "room": (Room, test_what_there_is_room_for_is_given),
    "room-for-byte": (RoomForByte, test_a_byte_or_an_int_is_given),
    "shared-port": (SharedPort, test_two_sockets_share_a_port),
    "kept-port": (KeptPort, test_a_socket_keeps_its_port),
    "reported": (Reported, test_a_socket_in_a_state_is_reported),
    "edge": (Edge, test_an_event_is_an_edge),
    "announced": (Announced, test_an_event_is_announced),
    "delivered": (messages.Delivered, messages.test_what_is_sent_is_received),
    "send-refused": (messages.SendRefused, messages.test_a_send_is_refused),
    "receive-refused": (messages.ReceiveRefused, messages.test_a_receive_is_refused),
    "send-flag-refused": (messages.SendFlagRefused, messages.test_a_flag_of_send_is_refused),
    "receive-flag-refused": (messages.ReceiveFlagRefused, messages.test_a_flag_of_receive_is_refused),
    "address-length": (messages.AddressLength, messages.test_the_length_of_an_address_counts),
    "source-address": (messages.SourceAddress, messages.test_the_source_is_told),
    "bad-pointer": (messages.BadPointer, messages.test_there_is_no_memory),
    "sigpipe": (messages.SigPipe, messages.test_a_broken_pipe_is_signalled),
    "answered": (Answered, test_an_ioctl_gives_a_number),
    "unanswered": (Unanswered, test_an_ioctl_is_refused),
    "interface": (Interface, test_an_ioctl_shows_something_of_an_interface),
    "interface-set": (InterfaceSet, test_an_ioctl_sets_something_of_an_interface),
    "interrupted": (Interrupted, test_a_call_is_interrupted),
    "sysctl-default": (SysctlDefault, test_a_new_namespace_has_the_default),
    **ALLOCATION_KINDS,
    **CALL_KINDS,
    **CALLER_KINDS,
    **ADDRESS_KINDS,
    **CONNECTION_KINDS,
    **RTNETLINK_KINDS,
}
"""The rows of each kind, by the name of their tables, and the test that tries them."""
