"""The kinds of rows about messages: what is sent and received with flags, and what is refused."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Literal, Protocol, TypeVar

from conformance.plugin.refusal import refused
from conformance.plugin.setups.conversations import (
    addressed,
    await_arrival,
    exchanged,
    framed,
    hear,
    heard,
    joined,
    say,
    what_is_left,
)
from conformance.plugin.setups.message_calls import (
    STORAGE,
    badly,
    flags_of,
    recvfrom,
    recvmsg,
    sendto,
)
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import STATES, in_state
from conformance.plugin.tables.row import Case, ClaimRow, Errno, RowError, Words
from conformance.plugin.timing import SOON

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


class _InState(_OfKinds, frozen=True, kw_only=True):
    """A row about sockets in a state."""

    state: Words
    """As ``setups/states.py`` has them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.state not in STATES:
            raise RowError(f"there is no state {self.state}; states are {', '.join(STATES)}")


class Delivered(_OfKinds, frozen=True, kw_only=True):
    """What receives give of what was sent: sizes and texts, each with the flags of its call.

    Each receive ``got`` a number, what is in its buffer, and the flags in msg_flags; or an errno.
    """

    sent: tuple[tuple[str, ...], ...]
    asked: tuple[tuple[int | str, ...], ...]
    got: tuple[tuple[int | str, ...], ...]


def test_what_is_sent_is_received(observe: Observe, row: Delivered, case: Case) -> None:
    got = exchanged(case.socket, row.sent, row.asked)

    assert observe("got", got) == [list(one) for one in row.got]


class SendRefused(_InState, frozen=True, kw_only=True):
    """A send of a socket in a state is refused; on a connection of that kind it is not."""

    flags: tuple[str, ...] = ()
    errno: Errno = Errno()


def test_a_send_is_refused(observe: Observe, row: SendRefused, case: Case) -> None:
    with in_state(case.socket, row.state) as sock, refused(row.errno.number):
        say(case.socket, sock, "refused", flags_of(row.flags))
    with joined(case.socket) as (sender, receiver):
        say(case.socket, sender, "hello")

        assert observe("received_where_connected", heard(case.socket, receiver)) == "hello"


class ReceiveRefused(_InState, frozen=True, kw_only=True):
    """A receive on a socket in a state is refused; on a connection of that kind it is not."""

    flags: tuple[str, ...] = ()
    errno: Errno = Errno()


def test_a_receive_is_refused(observe: Observe, row: ReceiveRefused, case: Case) -> None:
    with in_state(case.socket, row.state) as sock:
        sock.rcvtimeo = SOON
        with refused(row.errno.number):
            hear(case.socket, sock, 100, flags_of(row.flags))
    with joined(case.socket) as (sender, receiver):
        say(case.socket, sender, "hello")

        assert observe("received_where_connected", heard(case.socket, receiver)) == "hello"


class SendFlagRefused(_OfKinds, frozen=True, kw_only=True):
    """A send with flags on a connection is refused, and nothing is sent; without it is."""

    flags: tuple[str, ...]
    errno: Errno = Errno()


def test_a_flag_of_send_is_refused(observe: Observe, row: SendFlagRefused, case: Case) -> None:
    with joined(case.socket) as (sender, receiver):
        with refused(row.errno.number):
            say(case.socket, sender, "refused", flags_of(row.flags))
        say(case.socket, sender, "hello")

        assert observe("received", heard(case.socket, receiver)) == "hello"


class ReceiveFlagRefused(_OfKinds, frozen=True, kw_only=True):
    """A receive with flags is refused, and what has come stays; without them it is received."""

    flags: tuple[str, ...]
    errno: Errno = Errno()


def test_a_flag_of_receive_is_refused(observe: Observe, row: ReceiveFlagRefused, case: Case) -> None:
    with joined(case.socket) as (sender, receiver):
        say(case.socket, sender, "hello")
        await_arrival(receiver)
        with refused(row.errno.number):
            hear(case.socket, receiver, 100, flags_of(row.flags))

        assert observe("received", heard(case.socket, receiver)) == "hello"


class AddressLength(_OfKinds, frozen=True, kw_only=True):
    """sendto(2) with an address said to be of one length is refused, and of another it reaches its target."""

    refused: int
    taken: int
    errno: Errno = Errno()


def test_the_length_of_an_address_counts(observe: Observe, row: AddressLength, case: Case) -> None:
    with addressed(case.socket) as (sender, receiver, address):
        with refused(row.errno.number):
            sendto(sender, framed(case.socket, b"refused"), address, row.refused)
        sendto(sender, framed(case.socket, b"hello"), address, row.taken)

        assert observe("received", heard(case.socket, receiver)) == "hello"


class SourceAddress(_OfKinds, frozen=True, kw_only=True):
    """What recvfrom(2) and recvmsg(2) say of the source's address, ``length``, whatever the room for it.

    As many of its first bytes as there is room for are there.
    """

    length: int

    def cases(self) -> Iterator[Case]:
        """Room for none of it, for some, for all but a byte, for all, and for any address."""
        rooms = sorted({2, max(self.length - 1, 2), max(self.length, 2), STORAGE})
        for kind in self.sockets:
            yield from (Case(f"{kind}-{room}", kind, room) for room in rooms)


def test_the_source_is_told(observe: Observe, row: SourceAddress, case: Case) -> None:
    with joined(case.socket) as (sender, receiver):
        say(case.socket, sender, "first")
        first = recvfrom(receiver, 100, case.given)
        say(case.socket, sender, "second")
        second = recvmsg(receiver, 100, room=case.given)
        say(case.socket, sender, "third")
        whole = recvfrom(receiver, 100).name
        told = [[one.length, _of(whole, one.name)] for one in (first, second)]

        assert observe("lengths_and_bytes", told) == [[row.length, min(row.length, case.given)]] * 2


def _of(address: bytes, room: bytes) -> int:
    """How many bytes of an address are in the room for it, of which all was 0xFF before; -1: other bytes."""
    size = len(room.rstrip(b"\xff"))
    return size if room[:size] == address[:size] else -1


class BadPointer(_OfKinds, frozen=True, kw_only=True):
    """A call with an argument at which there is no memory is refused with EFAULT.

    Nothing is sent by it; what was to be received is still there, or is ``lost``.
    """

    call: Literal["send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg"]
    argument: Literal["buffer", "address", "length", "message", "vectors", "control"]
    lost: bool = False
    errno: Errno = Errno("EFAULT")


def test_there_is_no_memory(observe: Observe, row: BadPointer, case: Case) -> None:
    with joined(case.socket) as (sender, receiver):
        say(case.socket, sender, "first")
        await_arrival(receiver)
        caller = sender if row.call.startswith("send") else receiver
        with refused(row.errno.number):
            badly(row.call, caller, row.argument)
        say(case.socket, sender, "last")

        expected = ["last"] if row.lost else ["first", "last"]
        assert observe("received", what_is_left(case.socket, receiver)) == expected


class SigPipe(_InState, frozen=True, kw_only=True):
    """A send of a socket in a state is refused, and so often SIGPIPE is raised; never with MSG_NOSIGNAL."""

    signals: int
    errno: Errno = Errno("EPIPE")


def test_a_broken_pipe_is_signalled(observe: Observe, row: SigPipe, case: Case) -> None:
    with signalled(signal.SIGPIPE) as came, in_state(case.socket, row.state) as sock:
        with refused(row.errno.number, "errno_with_nosignal"):
            say(case.socket, sock, "refused", flags_of(["NOSIGNAL"]))
        before = len(came)
        with refused(row.errno.number):
            say(case.socket, sock, "refused")

        assert observe("signals_with_and_without_nosignal", [before, len(came)]) == [0, row.signals]
