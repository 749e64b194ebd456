"""The kinds of rows about an address that is given to bind(2) or connect(2), and the test that tries each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import Any, Final, Literal, Protocol, TypeVar

from conformance.plugin.refusal import refused
from conformance.plugin.setups.socket_addresses import (
    HOME,
    as_own,
    at_home,
    bind_to,
    connect_to,
    octets_of,
    own,
    peer,
    told,
)
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import STATES, in_state
from conformance.plugin.tables.row import Capabilities, Case, ClaimRow, Errno, RowError, Words
from libsocket import Socket
from netns import Namespace, without

T = TypeVar("T")
Reported = Literal["IN", "PRI", "OUT", "ERR", "HUP", "NVAL", "RDHUP"]


class _Observe(Protocol):
    """The fixture ``observe``."""

    def __call__(self, name: str, value: T, /) -> T: ...


class _Addressed(ClaimRow, frozen=True, kw_only=True):
    """Sockets in a state are given addresses, with each of the families and cut or filled to each length."""

    sockets: tuple[str, ...]
    """``tcp``, ``unix-datagram``, as ``setups/sockets.py`` has them."""
    state: Words = "new"
    """As ``setups/states.py`` has them."""
    before: tuple[Literal["bound", "listens", "peer"] | Reported, ...] = ()
    """What is told of a socket in that state, if named: of its addresses, and by poll(2)."""
    families: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    loopback: tuple[str, ...] = ()
    """Addresses that the loopback interface has besides its own: ``fe80::1/64``."""
    sysctls: Mapping[str, str] = {}
    having: tuple[Literal["SO_BROADCAST", "IPV6_V6ONLY"], ...] = ()
    """Options that are set on the socket."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.sockets) - HOME.keys()):
            raise RowError(f"no address is known for {unknown[0]}; they are for {', '.join(HOME)}")
        if self.state not in STATES:
            raise RowError(f"there is no state {self.state}; states are {', '.join(STATES)}")

    def given(self, kind: str, address: str, expected: Any) -> Iterator[Case]:
        for family, length in product(self.families or (None,), self.lengths or (None,)):
            known = [f"family-{family}"] if family is not None else []
            known += [f"length-{length}"] if length is not None else []
            octets = octets_of(address, family, length)
            yield Case("-".join([kind, address, *known]), kind, octets, expected)

    def in_state(self, sock: Socket, observe: _Observe) -> bool:
        """Whether a socket is in the state, if the row names what is told of it."""
        return not self.before or tuple(observe("before", told(sock))) == self.before

    @contextmanager
    def made(self, ns: Namespace, case: Case) -> Iterator[Socket]:
        ns.sysctl.update(self.sysctls)
        for address in self.loopback:
            ns.add_address("lo", address)
        with in_state(case.socket, self.state) as sock:
            if "SO_BROADCAST" in self.having:
                sock.broadcast = True
            if "IPV6_V6ONLY" in self.having:
                sock.ipv6_v6only = True
            yield sock


class Bound(_Addressed, frozen=True, kw_only=True):
    """A socket can be bound to each of the addresses, and has it then, or the second of two.

    It is ``without`` these capabilities.
    """

    without: Capabilities = Capabilities()

    addresses: tuple[str | tuple[str, str], ...] = ()
    """Without any, the one that the kind of socket is tried with where it does not matter."""

    def cases(self) -> Iterator[Case]:
        for kind in self.sockets:
            for one in self.addresses or (HOME[kind],):
                address, named = (one, as_own(kind, one)) if isinstance(one, str) else one
                yield from self.given(kind, address, named)


def test_a_socket_is_bound(ns: Namespace, observe: _Observe, row: Bound, case: Case) -> None:
    with row.made(ns, case) as sock:
        in_state, before = row.in_state(sock, observe), own(sock)
        with without(*row.without):
            bind_to(sock, case.given)

        assert [in_state, *observe("had_it_and_address", [before == own(sock), own(sock)])] == [
            True,
            False,
            case.stored,
        ]


class _Refused(_Addressed, frozen=True, kw_only=True):
    """The call is refused, with ``errno`` if named, and changes nothing; another socket's is not.

    That is new and given the address that its kind is tried with.
    """

    addresses: tuple[str, ...] = ()
    """Without any, that same address."""
    errno: Errno = Errno()

    def cases(self) -> Iterator[Case]:
        for kind in self.sockets:
            for address in self.addresses or (HOME[kind],):
                yield from self.given(kind, address, as_own(kind, HOME[kind]))


class NotBound(_Refused, frozen=True, kw_only=True):
    """A socket cannot be bound, ``without`` these capabilities."""

    without: Capabilities = Capabilities()


def test_a_socket_is_not_bound(ns: Namespace, observe: _Observe, row: NotBound, case: Case) -> None:
    with row.made(ns, case) as sock, SOCKETS[case.socket]() as control:
        in_state, before = row.in_state(sock, observe), own(sock)
        with without(*row.without), refused(row.errno.number):
            bind_to(sock, case.given)
            observe("changed", own(sock) != before)
        kept = own(sock) == before
        bind_to(control, octets_of(HOME[case.socket]))

        assert [in_state, *observe("kept_and_control", [kept, own(control)])] == [True, True, case.stored]


class Connected(_Addressed, frozen=True, kw_only=True):
    """A socket can be connected to the first of three addresses, and has the others then: own and peer."""

    addresses: tuple[tuple[str, str, str], ...]
    peer: str = ""
    """Its peer before that, if named."""
    at: str = ""
    """Where a peer listens, or receives; without it, at the address that the kind of socket is tried with."""

    def cases(self) -> Iterator[Case]:
        for kind in self.sockets:
            for address, *both in self.addresses:
                yield from self.given(kind, address, both)


def test_a_socket_is_connected(ns: Namespace, observe: _Observe, row: Connected, case: Case) -> None:
    with row.made(ns, case) as sock, at_home(case.socket, row.at):
        in_state, before = row.in_state(sock, observe), peer(sock)
        connect_to(sock, case.given)
        both = [own(sock), peer(sock)]

        assert [in_state, *observe("before_same_own_and_peer", [before, before == both[1], *both])] == [
            True,
            row.peer or before,
            False,
            *case.stored,
        ]


class NotConnected(_Refused, frozen=True, kw_only=True):
    """A socket cannot be connected, which has the ``peer`` before, if named."""

    peer: str = ""


def test_a_socket_is_not_connected(ns: Namespace, observe: _Observe, row: NotConnected, case: Case) -> None:
    with row.made(ns, case) as sock, at_home(case.socket), SOCKETS[case.socket]() as control:
        in_state, before = row.in_state(sock, observe), peer(sock)
        with refused(row.errno.number):
            connect_to(sock, case.given)
            observe("changed", peer(sock) != before)
        kept = peer(sock) == before
        connect_to(control, octets_of(HOME[case.socket]))

        assert [in_state, *observe("peer_kept_and_control", [before, kept, peer(control)])] == [
            True,
            row.peer or before,
            True,
            HOME[case.socket],
        ]


ADDRESS_KINDS: Final[dict[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "bound": (Bound, test_a_socket_is_bound),
    "not-bound": (NotBound, test_a_socket_is_not_bound),
    "connected": (Connected, test_a_socket_is_connected),
    "not-connected": (NotConnected, test_a_socket_is_not_connected),
}
