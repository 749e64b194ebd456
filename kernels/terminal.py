"""The user's terminal, attached to a guest: keys go in, characters come out; its modes are restored after."""

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
def pty() -> Iterator[tuple[int, int]]:
    """A pseudoterminal for a guest, as large as the user's terminal: master and slave."""
    master, slave = os.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, fcntl.ioctl(sys.stdin, termios.TIOCGWINSZ, bytes(8)))
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


def attach(guest: Guest, master: int) -> Ending:
    """Copy every key to the guest and every character back until the guest ends."""
    with _raw(sys.stdin.fileno()):
        while (ending := guest.poll()) is None:
            ready, _, _ = select.select([sys.stdin, master, guest], [], [], 0.5)
            _copy(sys.stdin.fileno(), master, sys.stdin in ready)
            _copy(master, sys.stdout.fileno(), master in ready)
    return ending


def _copy(source: int, target: int, ready: bool) -> None:
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
