"""The kinds of rows about listen(2) and accept(2)."""

from __future__ import annotations

import errno
import fcntl
import select
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, Literal, Protocol, TypeVar

from msgspec import field

from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.accepting import (
    FILE_FLAGS,
    accepted4,
    file_flags,
    listened,
)
from conformance.plugin.setups.interruptions import interrupting
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING, STATES, in_state
from conformance.plugin.setups.threads import given_up
from conformance.plugin.setups.unix_names import accepted_with_name, own_name
from conformance.plugin.tables.row import Case, ClaimRow, Errno, RowError
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Namespace

T = TypeVar("T")


class Observe(Protocol):
    """The fixture ``observe``."""

    def __call__(self, name: str, value: T, /) -> T: ...


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
    """A row that is said of sockets in each of some states."""

    states: tuple[str, ...]
    """As ``setups/states.py`` has them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := sorted(set(self.states) - STATES.keys()):
            raise RowError(f"there is no state {unknown[0]}; states are {', '.join(STATES)}")

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket and state."""
        for kind in self.sockets:
            yield from (Case(f"{kind}-{state}", kind, state) for state in self.states)


class Listens(_InStates, frozen=True, kw_only=True):
    """A socket in one of the states listens by listen(2), and accepts who connects to it.

    It did not before, or it did where it is ``again``.
    """

    again: bool = False


def test_it_listens_in_a_state(observe: Observe, row: Listens, case: Case) -> None:
    with in_state(case.socket, case.given) as sock:
        sock.rcvtimeo = SOON
        states = [sock.acceptconn]
        sock.listen()
        states.append(sock.acceptconn)
        with pending_connection(sock) as client, sock.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"hello")

            assert observe("accepting_and_received", [*states, server.recv(9).decode()]) == [
                row.again,
                True,
                "hello",
            ]


class _Beside(_InStates, frozen=True, kw_only=True):
    """A row in which a socket of another kind does what is refused: ``beside``, or of the same kind."""

    beside: str = ""
    errno: Errno = Errno()

    def other(self, case: Case) -> str:
        return self.beside or case.socket


class ListenRefused(_Beside, frozen=True, kw_only=True):
    """listen(2) of a socket in one of the states is refused, with ``errno`` if named; it does not listen."""


def test_it_does_not_listen_in_a_state(observe: Observe, row: ListenRefused, case: Case) -> None:
    with in_state(case.socket, case.given) as sock, in_state(row.other(case), "bound") as other:
        with refused(row.errno.number):
            sock.listen()
        other.listen()

        assert observe("accepting_and_beside", [sock.acceptconn, other.acceptconn]) == [False, True]


class AcceptRefused(_Beside, frozen=True, kw_only=True):
    """accept(2) of a socket in one of the states is refused, with ``errno`` if named."""


def test_it_does_not_accept_in_a_state(observe: Observe, row: AcceptRefused, case: Case) -> None:
    with (
        in_state(case.socket, case.given) as sock,
        in_state(row.other(case), "listening-connection-waiting") as other,
    ):
        sock.rcvtimeo = SOON
        with refused(row.errno.number):
            accepted4(sock, 0).close()

        assert observe("beside", _accepts(other)) == "accepted"


def _accepts(listener: Socket) -> str:
    with accepted4(listener, 0):
        return "accepted"


class Waiting(_OfKinds, frozen=True, kw_only=True):
    """As many connections wait at a listener with a backlog as it says, and the next is not let in.

    ``backlogs`` are pairs of a backlog and how many wait.
    """

    backlogs: tuple[tuple[int, int], ...]
    sysctls: Mapping[str, str] = {}
    """What those of the listener's network namespace are set to before."""

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket and backlog."""
        for kind in self.sockets:
            yield from (Case(f"{kind}-{given}", kind, given, waiting) for given, waiting in self.backlogs)


def test_so_many_wait(ns: Namespace, observe: Observe, row: Waiting, case: Case) -> None:
    ns.sysctl.update(row.sysctls)
    with in_state(case.socket, "bound") as listener:
        listened(listener, case.given)

        assert observe("more_than_said", waiting(listener) - case.stored) == 0


def waiting(listener: Socket) -> int:
    """How many connections wait to be accepted when one more waits for room in vain, or is refused."""
    count = 0
    with ExitStack() as clients:
        # A connect that no timeout ends is refused once the listener is gone.
        clients.enter_context(given_up(listener.close))
        while let_in(listener, clients.enter_context(Socket(listener.family, listener.type, listener.proto))):
            count += 1
    return count


def let_in(listener: Socket, client: Socket) -> bool:
    """Whether a client is connected within a moment. No timeout ends a connect of MPTCP in 5.10."""
    client.setblocking(False)
    try:
        client.connect(listener.getsockname())
    except BlockingIOError as error:
        return error.errno == errno.EINPROGRESS and polled(client, select.POLLOUT, 0.2) == select.POLLOUT
    except ConnectionError:
        return False
    return True


class AddressRoom(_OfKinds, frozen=True, kw_only=True):
    """accept(2) with room for so many bytes of an address of ``length`` bytes writes no more of it.

    It returns its whole length. The client is bound, if it is not ``unnamed``.
    """

    rooms: tuple[int, ...]
    length: int
    unnamed: bool = False

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket and room."""
        for kind in self.sockets:
            yield from (Case(f"{kind}-{room}", kind, room) for room in self.rooms)

    @contextmanager
    def connected(self, kind: str) -> Iterator[tuple[Socket, Socket]]:
        """A client, and a listener where it waits."""
        with (
            LISTENING[kind]() as listener,
            in_state(kind, "new" if self.unnamed else "bound") as client,
        ):
            listener.rcvtimeo = SOON
            client.connect(listener.getsockname())
            yield client, listener


def test_so_much_of_the_address_is_written(observe: Observe, row: AddressRoom, case: Case) -> None:
    with row.connected(case.socket) as (client, listener):
        whole = own_name(client)
        server, found = accepted_with_name(listener, case.given)
        server.close()
        fits = min(case.given, row.length)
        rest = found.memory[fits:] + found.beyond

        assert observe("lengths_and_untouched", [whole.length, found.length, rest.count(b"\xff")]) == [
            row.length,
            row.length,
            len(rest),
        ]
        assert observe("written", found.memory[:fits] == whole.memory[:fits]) is True


class AcceptFlags(_OfKinds, frozen=True, kw_only=True):
    """What accept4(2) gives with ``flags`` has the flags ``set`` alone, its listener those of ``listener``.

    They are O_NONBLOCK, O_ASYNC, O_APPEND and FD_CLOEXEC.
    """

    flags: tuple[Literal["SOCK_NONBLOCK", "SOCK_CLOEXEC"], ...] = ()
    set: tuple[str, ...] = ()
    listener: tuple[str, ...] = ()


def test_accepted_with_flags(observe: Observe, row: AcceptFlags, case: Case) -> None:
    with in_state(case.socket, "listening-connection-waiting") as listener:
        flag_file(listener, row.listener)
        with accepted4(listener, sum(getattr(socket, name) for name in row.flags)) as server:
            assert observe("listener_and_accepted", [file_flags(listener), file_flags(server)]) == [
                list(row.listener),
                list(row.set),
            ]


def flag_file(sock: Socket, flags: Sequence[str]) -> None:
    """Set some of O_NONBLOCK, O_ASYNC and O_APPEND, if any, and clear FD_CLOEXEC, which Python sets."""
    fcntl.fcntl(sock, fcntl.F_SETFD, 0)
    if status := sum(bit for name, bit in FILE_FLAGS.items() if name in flags):
        fcntl.fcntl(sock, fcntl.F_SETFL, status)


class UnknownFlags(_OfKinds, frozen=True, kw_only=True):
    """accept4(2) with each bit of 32 but those ``known`` is refused with EINVAL, and takes no connection."""

    known: tuple[Literal["SOCK_NONBLOCK", "SOCK_CLOEXEC"], ...]

    def cases(self) -> Iterator[Case]:
        """A test for each kind of socket and bit."""
        known = {int(getattr(socket, name)) for name in self.known}
        for kind in self.sockets:
            yield from (Case(f"{kind}-{bit}", kind, 1 << bit) for bit in range(32) if 1 << bit not in known)


def test_unknown_flags_are_refused(
    observe: Observe,
    row: UnknownFlags,  # noqa: ARG001 - the case has all
    case: Case,
) -> None:
    with in_state(case.socket, "listening-connection-waiting") as listener:
        with refused(errno.EINVAL):
            accepted4(listener, case.given).close()

        assert observe("then", _accepts(listener)) == "accepted"


class Interrupted(_OfKinds, frozen=True, kw_only=True):
    """What becomes of an accept(2) that waits at a listener when a signal comes that has a handler.

    It goes on until a connection comes, or fails with EINTR. ``restart`` is SA_RESTART, ``timeout``
    SO_RCVTIMEO.
    """

    restart: bool
    timeout: bool
    goes_on: bool = field(name="goes-on")

    def prepare(self, listener: Socket) -> None:
        """Give a listener the timeout, or take it away, where it is not so already."""
        seconds = PATIENT if self.timeout else 0.0
        if listener.rcvtimeo != seconds:
            listener.rcvtimeo = seconds


def test_a_signal_comes(observe: Observe, row: Interrupted, case: Case) -> None:
    with in_state(case.socket, "listening") as listener, in_state(case.socket, "new") as client:
        row.prepare(listener)
        address = listener.getsockname()
        with interrupting(lambda: client.connect_ex(address), restart=row.restart):
            ended = ending_of(listener)

        assert observe("ended", ended) == ("accepted" if row.goes_on else "EINTR")


PATIENT: Final = 30.0
"""Seconds: a timeout that a test would see only if no signal came through."""


def ending_of(listener: Socket) -> str:
    """``accepted``, or the errno with which accept(2) fails."""
    try:
        return _accepts(listener)
    except OSError as error:
        return errno_name(error.errno)


class _ListenAtOnePort(ClaimRow, frozen=True, kw_only=True):
    """Two TCP sockets bound to one port at each of the ``pairs`` of addresses, by an option of both, if any.

    The first listens, and then the second is to listen.
    """

    option: Literal["SO_REUSEADDR", "SO_REUSEPORT", "both", "none"]
    pairs: tuple[tuple[str, str], ...]
    transport: Literal["tcp", "mptcp"] = "tcp"

    def cases(self) -> Iterator[Case]:
        """A test for each pair of addresses."""
        yield from (Case("-".join(pair), given=pair) for pair in self.pairs)

    @contextmanager
    def two(self, hosts: tuple[str, str]) -> Iterator[tuple[Socket, Socket]]:
        """Both sockets, bound, of which the first listens."""
        first, second = (SOCKETS[self.transport + "6" * (":" in host)]() for host in hosts)
        with first, second:
            for sock in (first, second):
                if self.option in {"SO_REUSEADDR", "both"}:
                    sock.reuseaddr = True
                if self.option in {"SO_REUSEPORT", "both"}:
                    sock.reuseport = True
            first.bind((hosts[0], 0))
            second.bind((hosts[1], first.getsockname()[1]))
            first.listen()
            yield first, second


class SharedListen(_ListenAtOnePort, frozen=True, kw_only=True):
    """Both listen."""


def test_two_listen_at_one_port(observe: Observe, row: SharedListen, case: Case) -> None:
    with row.two(case.given) as (first, second):
        second.listen()
        same = first.getsockname()[1] == second.getsockname()[1]

        assert observe("listening", [first.acceptconn, second.acceptconn, same]) == [True, True, True]


class KeptListen(_ListenAtOnePort, frozen=True, kw_only=True):
    """The second is refused while the first listens, with ``errno`` if named, and not once it is closed."""

    errno: Errno = Errno()


def test_one_listens_at_a_port(observe: Observe, row: KeptListen, case: Case) -> None:
    with row.two(case.given) as (first, second):
        with refused(row.errno.number):
            second.listen()
        states = [first.acceptconn, second.acceptconn]
        first.close()
        second.listen()

        assert observe("listening", [*states, second.acceptconn]) == [True, False, True]


CONNECTION_KINDS: Final[dict[str, tuple[type[ClaimRow], Callable[..., None]]]] = {
    "listens": (Listens, test_it_listens_in_a_state),
    "listen-refused": (ListenRefused, test_it_does_not_listen_in_a_state),
    "accept-refused": (AcceptRefused, test_it_does_not_accept_in_a_state),
    "waiting": (Waiting, test_so_many_wait),
    "address-room": (AddressRoom, test_so_much_of_the_address_is_written),
    "accept-flags": (AcceptFlags, test_accepted_with_flags),
    "unknown-flags": (UnknownFlags, test_unknown_flags_are_refused),
    "accept-interrupted": (Interrupted, test_a_signal_comes),
    "shared-listen": (SharedListen, test_two_listen_at_one_port),
    "kept-listen": (KeptListen, test_one_listens_at_a_port),
}
"""The rows of each kind, by the name of their tables, and the test that tries them."""
