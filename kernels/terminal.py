"""A person's terminal, lent to a guest: keys go in, characters come out, and then it is as before."""

from __future__ import annotations

import fcntl
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from kernels.guest import Ending, Guest


@contextmanager
def pair() -> Iterator[tuple[int, int]]:
    """A terminal of the guest's own, as large as ours: our end and the guest's."""
    near, far = os.openpty()
    try:
        fcntl.ioctl(far, termios.TIOCSWINSZ, fcntl.ioctl(sys.stdin, termios.TIOCGWINSZ, bytes(8)))
        yield near, far
    finally:
        os.close(near)
        os.close(far)


def lend(guest: Guest, near: int) -> Ending:
    """Carry every key to the guest and every character back until the guest ends."""
    with _raw(sys.stdin.fileno()):
        while (ending := guest.poll()) is None:
            ready, _, _ = select.select([sys.stdin, near, guest], [], [], 0.5)
            _carry(sys.stdin.fileno(), near, sys.stdin in ready)
            _carry(near, sys.stdout.fileno(), near in ready)
    return ending


def _carry(source: int, target: int, ready: bool) -> None:
    if ready:
        os.write(target, os.read(source, 65_536))


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    former = termios.tcgetattr(terminal)
    try:
        tty.setraw(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, former)
