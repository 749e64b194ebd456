"""A descriptor that a read gave us, owned until it is closed or handed on."""

from __future__ import annotations

import os
from operator import index
from typing import Self

__all__ = ["Fd"]


def descriptor(value: int) -> int:
    """A file descriptor's number as it is; TypeError for what is no int, as a bool is none here."""
    if isinstance(value, bool):
        raise TypeError("a file descriptor is an int, not bool")
    return index(value)


class Fd:
    """A file descriptor that belongs to this object: closed by ``close``, its ``with`` block or the end.

    Dropping it closes without a warning, for whoever reads an option need not know that it made a file.
    Nothing in the standard library fits: ``io.FileIO`` would read it, ``socket.socket`` wants a socket.
    """

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd: int = -1
        self._fd = descriptor(fd)

    def fileno(self) -> int:
        """The number, -1 once closed or detached."""
        return self._fd

    def detach(self) -> int:
        """The number, which is the caller's to close from now on."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close it; again is harmless."""
        if self._fd >= 0:
            os.close(self.detach())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Fd {self._fd}>"
