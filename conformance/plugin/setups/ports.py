"""Several sockets at one port, bound one after the other, by interface and by what they share."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import IPV6_FREEBIND, Option, Socket

_CROWD: Final = 11


def bound_in_turn(make: Callable[[], Socket], *steps: str, host: str = "0.0.0.0") -> list[str]:
    """What each bind gives, ``bound`` or an errno's name, of sockets that try one port in turn.

    A step is an interface, or ``any``, and what is shared: ``lo``, ``any addr``, ``lo addr port``. By
    ``close 0`` the first socket is closed, by ``move 0 lo`` bound to another interface.
    """
    found: list[str] = []
    port = 0
    with ExitStack() as stack:
        sockets: list[Socket] = []
        for step in steps:
            first, *rest = step.split()
            if first == "close":
                sockets[int(rest[0])].close()
            elif first == "move":
                sockets[int(rest[0])].bindtodevice = rest[1]
                found += [] if sockets[int(rest[0])].bindtodevice == rest[1] else ["not moved"]
            else:
                sock = stack.enter_context(make())
                sockets.append(sock)
                found.append(_bound(sock, first, rest, (host, port)))
                port = port or sock.getsockname()[1]
    return found


@contextmanager
def crowd(
    family: int, *options: Option[Any], any_too: bool = False, count: int = _CROWD
) -> Iterator[list[Socket]]:
    """Eleven UDP sockets, or so many, at one port and each at its own address; the first at any if so.

    Beyond ten a kernel looks for who has a port by its address.
    """
    with ExitStack() as stack:
        port = 0
        found: list[Socket] = []
        for host in range(1, count + 1):
            sock = stack.enter_context(free_to_bind(family, *options))
            sock.bind((anywhere(family) if any_too and not found else address_of(family, host), port))
            port = port or sock.getsockname()[1]
            found.append(sock)
        assert {sock.getsockname()[1] for sock in found} == {port}, "not all have the port"
        yield found


def free_to_bind(family: int, *options: Option[Any]) -> Socket:
    """A UDP socket with options on that may be bound to addresses that this host does not have."""
    sock = Socket.udp(family)
    needed = [] if family == socket.AF_INET else [IPV6_FREEBIND]  # all of 127.0.0.0/8 is this host's
    for option in (*needed, *options):
        sock.set(option, True)
    return sock


def anywhere(family: int) -> str:
    """The wildcard address."""
    return "0.0.0.0" if family == socket.AF_INET else "::"


def address_of(family: int, host: int) -> str:
    """An address for each number."""
    return f"127.0.0.{host}" if family == socket.AF_INET else f"fd00::{host:x}"


def others_at_other_ports(stack: ExitStack, port: int, slots: int) -> int:
    """Bind UDP sockets at two addresses, to each port of a range of ``slots`` but the one in its slot.

    How many they are.
    """
    ports = [one for one in range(30_000, 30_000 + slots) if (one - port) % slots]
    for host in (201, 202):
        for one in ports:
            stack.enter_context(Socket.udp()).bind((address_of(socket.AF_INET, host), one))
    return 2 * len(ports)


def bound_at_last(address: tuple[str, int]) -> tuple[str, int]:
    """The address of a TCP socket that is bound as soon as it can be. A kernel that never lets it differs."""
    with Socket.tcp() as sock:
        bind_at_last(sock, address)
        host, port = sock.getsockname()
        return host, port


def bind_at_last(sock: Socket, address: tuple[str, int]) -> None:
    """Bind a socket as soon as it can be. A kernel that never lets it differs."""
    assert wait_until(lambda: answer(lambda: sock.bind(address)) == "done"), (
        f"not free within {SOON:g} seconds"
    )


def _bound(sock: Socket, device: str, shared: Sequence[str], address: tuple[str, int]) -> str:
    if device != "any":
        sock.bindtodevice = device
    if "addr" in shared:
        sock.reuseaddr = True
    if "port" in shared:
        sock.reuseport = True
    if (sock.bindtodevice or "any", sock.reuseaddr, sock.reuseport) != (
        device,
        "addr" in shared,
        "port" in shared,
    ):
        return "options not set"
    try:
        sock.bind(address)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return (
        "bound" if sock.getsockname()[1] in ({address[1]} if address[1] else range(1, 65_536)) else "unbound"
    )
