"""What a socket's timeouts read as, whatever they are set to and by whichever option.

A timeout is kept in ticks of the kernel's clock and read back in microseconds, cut. It is as few ticks as are
not shorter than what was asked, a tick counting as whole microseconds, cut. Zero is none, and so is more than
the ticks can count; both read as zero. A negative one waits for nothing and reads as zero, too. Microseconds
that are no part of a second are refused with EDOM, and the timeout stays. The receive timeout and the send
timeout are two; an option and its successor for 64-bit times are one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from conformance.plugin.properties import Step
from libsocket import (
    SO_RCVTIMEO,
    SO_RCVTIMEO_NEW,
    SO_SNDTIMEO,
    SO_SNDTIMEO_NEW,
    TIMEVAL,
    TIMEVAL64,
    Option,
    Socket,
    Timeval,
)

_SECOND: Final = 1_000_000
_FOREVER: Final = 2**63 - 1
"""The ticks that stand for no timeout: LONG_MAX."""

_OPTIONS: Final[dict[str, Option[Timeval]]] = {
    "rcvtimeo": SO_RCVTIMEO.through(TIMEVAL),
    "sndtimeo": SO_SNDTIMEO.through(TIMEVAL),
    "rcvtimeo_new": SO_RCVTIMEO_NEW.through(TIMEVAL64),
    "sndtimeo_new": SO_SNDTIMEO_NEW.through(TIMEVAL64),
}


class Timeouts(NamedTuple):
    """What is read of a socket, and the errno of the setting before that."""

    rcvtimeo: Timeval = Timeval(0, 0)
    sndtimeo: Timeval = Timeval(0, 0)
    errno: int = 0


def asked(name: str, value: int) -> tuple[str, Timeval]:
    """The option of a step, and its value: ``__usec`` are odd microseconds, ``__sec`` whole seconds."""
    option, _, unit = name.partition("__")
    if unit == "usec":
        return option, Timeval(1, value)
    return option, Timeval(value, 0) if unit == "sec" else Timeval(*divmod(value, _SECOND))


def seen(sock: Socket, steps: Sequence[Step]) -> list[tuple[Timeouts, Timeouts]]:
    """What a kernel shows after each step, by the older options and by the newer."""
    return [_after(sock, *asked(name, value)) for name, value in steps]


def _after(sock: Socket, option: str, timeout: Timeval) -> tuple[Timeouts, Timeouts]:
    error = 0
    try:
        sock.set(_OPTIONS[option], timeout)
    except OSError as refusal:
        error = refusal.errno or -1
    older, newer = (
        Timeouts(sock.get(_OPTIONS[f"rcvtimeo{new}"]), sock.get(_OPTIONS[f"sndtimeo{new}"]), error)
        for new in ("", "_new")
    )
    return older, newer


def expected(hz: int, steps: Sequence[Step]) -> Iterator[tuple[Timeouts, Timeouts]]:
    """What it should show after each step, with ``hz`` ticks a second."""
    now = Timeouts()
    for name, value in steps:
        option, timeout = asked(name, value)
        if 0 <= timeout.usec < _SECOND:
            now = now._replace(**{option.removesuffix("_new"): _kept(hz, timeout)}, errno=0)
        else:
            now = now._replace(errno=errno.EDOM)
        yield now, now


def _kept(hz: int, timeout: Timeval) -> Timeval:
    if timeout.sec < 0 or timeout.sec >= _FOREVER // hz - 1:
        return Timeval(0, 0)
    ticks = timeout.sec * hz - (-timeout.usec // (_SECOND // hz))
    return Timeval(ticks // hz, ticks % hz * _SECOND // hz)
