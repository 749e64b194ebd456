"""What the sizes of a socket's buffers and its low-water mark read as, whatever they are set to.

A size is stored doubled. ``SO_RCVBUF`` and ``SO_SNDBUF`` are cut to the maximum of their sysctl, to which a
negative size is beyond every other; of the FORCE options a negative size is zero and only what can be
doubled is a limit. Below all of them is the least buffer. A mark of zero is one, a negative mark is the
largest; TCP cuts it to half of a receive buffer that was set, as it is when the mark is set, and leaves it
there when the buffer changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from conformance.plugin.properties import Step
from libsocket import (
    INT,
    SO_RCVBUF,
    SO_RCVBUFFORCE,
    SO_RCVLOWAT,
    SO_SNDBUF,
    SO_SNDBUFFORCE,
    Option,
    Socket,
)
from netns import initial_sysctl

INT_MAX: Final = 2**31 - 1
_OPTIONS: Final[dict[str, Option[int]]] = {
    "rcvbuf": SO_RCVBUF,
    "sndbuf": SO_SNDBUF,
    "rcvbufforce": SO_RCVBUFFORCE,
    "sndbufforce": SO_SNDBUFFORCE,
    "rcvlowat": SO_RCVLOWAT,
}


class Sizes(NamedTuple):
    """What is read of a socket."""

    rcvbuf: int
    sndbuf: int
    rcvlowat: int = 1


def sizes(sock: Socket) -> Sizes:
    return Sizes(sock.rcvbuf, sock.sndbuf, sock.rcvlowat)


def least(sock: Socket) -> Sizes:
    """Make the buffers of a socket as small as they get."""
    sock.rcvbuf = sock.sndbuf = 0
    return sizes(sock)


def seen(sock: Socket, steps: Sequence[Step]) -> list[Sizes]:
    """What a kernel shows after each step."""
    return [_after(sock, name, value) for name, value in steps]


def _after(sock: Socket, name: str, value: int) -> Sizes:
    sock.set(_OPTIONS[name].through(INT), value)
    return sizes(sock)


def expected(smallest: Sizes, steps: Sequence[Step], *, tcp: bool = False) -> Iterator[Sizes]:
    """What it should show after each step, from the smallest buffers on."""
    now = smallest
    for name, value in steps:
        if name == "rcvlowat":
            mark = INT_MAX if value < 0 else value
            now = now._replace(rcvlowat=(min(mark, now.rcvbuf // 2) if tcp else mark) or 1)
        elif name.startswith("rcvbuf"):
            now = now._replace(rcvbuf=max(2 * _taken(name, value, "rmem_max"), smallest.rcvbuf))
        else:
            now = now._replace(sndbuf=max(2 * _taken(name, value, "wmem_max"), smallest.sndbuf))
        yield now


def _taken(name: str, value: int, sysctl: str) -> int:
    """What of a size is doubled."""
    if name.endswith("force"):
        return min(max(value, 0), INT_MAX // 2)
    largest = int(initial_sysctl(f"net.core.{sysctl}"))
    return largest if value < 0 else min(value, largest)
