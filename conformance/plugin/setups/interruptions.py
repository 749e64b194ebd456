"""Calls that a signal interrupts.

Python repeats an interrupted call by itself (PEP 475), so these are made below it.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from libsocket import Socket

ENOUGH = 10
"""Signals, a hundredth of a second apart, before the call gets what it waits for."""

_libc = ctypes.CDLL(None, use_errno=True)


def recv_once(sock: Socket) -> str:
    """recv(2) of one byte, not repeated."""
    room = ctypes.create_string_buffer(1)
    if _libc.recv(sock.fileno(), room, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "recv")
    return room.raw.decode()


def send_once(sock: Socket) -> None:
    """send(2) of one byte, not repeated."""
    if _libc.send(sock.fileno(), b"x", 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "send")


@contextmanager
def _handled(restart: bool) -> Iterator[None]:
    """SIGUSR1 has a handler that does nothing; with SA_RESTART it lets calls be taken up again."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.siginterrupt(signal.SIGUSR1, not restart)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def interrupting(then: Callable[[], object] | None = None, *, restart: bool = True) -> Iterator[None]:
    """Signals keep hitting this thread, with SA_RESTART or not; ``then`` is called after some of them."""
    over = threading.Event()
    main = threading.get_ident()

    def strike() -> None:
        hits = 0
        while not over.wait(0.01):
            signal.pthread_kill(main, signal.SIGUSR1)
            hits += 1
            if hits == ENOUGH and then:
                then()

    thread = threading.Thread(target=strike, daemon=True)
    with _handled(restart):
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
