"""The kernel's own messages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def kernel_log() -> Iterator[int]:
    """The kernel's log from now on, for :func:`logged`; it is read and never written."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        yield log
    finally:
        os.close(log)


def logged_since(log: int) -> str:
    """What the kernel has logged since then."""
    lines = []
    with suppress(BlockingIOError):
        while True:
            with suppress(BrokenPipeError):  # what was not read in time is overwritten: on with the rest
                lines.append(os.read(log, 8192).decode(errors="replace"))
    return "".join(lines)
