"""Several sockets at one port, bound one after the other, by interface and by what they share."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from conformance.plugin.timing import SOON
from libsocket import Socket


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


def bound_at_last(address: tuple[str, int]) -> tuple[str, int]:
    """The address of a TCP socket that is bound as soon as it can be. A kernel that never lets it differs."""
    end = time.monotonic() + SOON
    while True:
        with Socket.tcp() as sock:
            try:
                sock.bind(address)
            except OSError:
                assert time.monotonic() < end, f"not free within {SOON:g} seconds"
                time.sleep(0.01)
            else:
                host, port = sock.getsockname()
                return host, port


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
