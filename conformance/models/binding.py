"""Whether a second socket of the same user can be bound to a port that one holds.

It can where the addresses do not overlap. Where they do, it can if both have SO_REUSEADDR, and the one that
holds the port does not listen on TCP, or if both have SO_REUSEPORT. What the holder was given after it was
bound counts, too; it gives nothing up here, since a TCP socket goes on sharing with an SO_REUSEPORT that it
has switched off. Two addresses overlap if they are the same or one of them is every address: of IPv4, or, by
an IPv6 socket that is not IPV6_V6ONLY, of both. An IPv4 address that is mapped into IPv6 is the IPv4 one.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from libsocket import Socket


@dataclass(frozen=True)
class Place:
    """What a socket is bound to."""

    address: str
    v6only: bool = False

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def ipv4(self) -> str | None:
        """The IPv4 address it is, as such or mapped; None for one of IPv6."""
        if self.family == socket.AF_INET:
            return self.address
        return self.address.removeprefix("::ffff:") if self.address.startswith("::ffff:") else None

    @property
    def every(self) -> frozenset[int]:
        """The versions of IP of which it is every address."""
        if self.address == "::":
            return frozenset({6} if self.v6only else {4, 6})
        return frozenset({4} if self.ipv4 == "0.0.0.0" else ())

    @property
    def versions(self) -> frozenset[int]:
        """The versions of IP of which it has addresses."""
        return self.every or frozenset({6 if self.ipv4 is None else 4})

    def overlaps(self, other: Place) -> bool:
        same = (self.ipv4 or self.address) == (
            other.ipv4 or other.address
        ) and self.versions == other.versions
        return same or bool(self.every & other.versions or other.every & self.versions)


PLACES: Final = (
    Place("0.0.0.0"),
    Place("127.0.0.1"),
    Place("127.0.0.2"),
    Place("::"),
    Place("::", v6only=True),
    Place("::1"),
    Place("::1", v6only=True),
    Place("::ffff:127.0.0.1"),
)


@dataclass(frozen=True)
class Reuse:
    """What a socket may share."""

    address: bool
    port: bool

    @classmethod
    def of(cls, number: int) -> Reuse:
        """The two lowest bits of a number."""
        return cls(bool(number & 1), bool(number & 2))


@dataclass(frozen=True)
class Trial:
    """A second bind: where both are, what they share, and whether the holder listens."""

    holder: Place
    binder: Place
    at_bind: Reuse
    """What the holder shares when it is bound."""
    held: Reuse
    """What it shares when the other is."""
    asked: Reuse
    listens: bool = False

    @classmethod
    def of(cls, places: int, shared: int, *, listens: bool = False) -> Trial:
        """A trial for each number below the square of the number of places, and below 4 ** 3."""
        holder, binder = divmod(places, len(PLACES))
        at_bind, later, asked = shared, shared >> 2, shared >> 4
        reuse = Reuse.of(at_bind), Reuse.of(at_bind | later), Reuse.of(asked)
        return cls(PLACES[holder], PLACES[binder], *reuse, listens)


def expected(trial: Trial) -> str:
    """What the second bind should say: the name of an errno, or ``bound``."""
    held, asked = trial.held, trial.asked
    by_address = held.address and asked.address and not trial.listens
    by_port = held.port and asked.port
    apart = not trial.holder.overlaps(trial.binder)
    return "bound" if apart or by_address or by_port else "EADDRINUSE"


def seen(trial: Trial, make: Callable[[socket.AddressFamily], Socket]) -> str:
    """What a kernel says."""
    with make(trial.holder.family) as holder, make(trial.binder.family) as binder:
        _set(holder, trial.at_bind)
        _bind(holder, trial.holder, 0)
        if trial.listens:
            holder.listen()
        _set(holder, trial.held)
        _set(binder, trial.asked)
        return _bind(binder, trial.binder, holder.getsockname()[1])


def _set(sock: Socket, reuse: Reuse) -> None:
    sock.reuseaddr, sock.reuseport = reuse.address, reuse.port


def _bind(sock: Socket, place: Place, port: int) -> str:
    if place.family == socket.AF_INET6:
        sock.ipv6_v6only = place.v6only
    try:
        sock.bind((place.address, port))
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "bound"
