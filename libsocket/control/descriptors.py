"""Descriptors in control messages."""

from __future__ import annotations

from typing import Protocol, Self

from libsocket.values.fd import Fd

__all__ = ["Pidfd", "Rights"]


class HasFileno(Protocol):
    """An open file, a socket, an ``Fd`` …"""

    def fileno(self) -> int: ...


File = int | HasFileno


class Descriptors(tuple[File, ...]):
    """Files that go with a message.

    Received ones are ``Fd``: they belong to this object, and whatever nobody took is closed by
    ``close``, by leaving the message's ``with`` block, or when the last reference goes. What a caller
    put in, to be sent, stays the caller's.
    """

    __slots__ = ()

    def __new__(cls, *files: File) -> Self:
        return super().__new__(cls, files)

    @classmethod
    def owning(cls, *fds: int) -> Self:
        """These numbers, closed by this object unless they are taken."""
        return cls(*map(Fd, fds))

    @property
    def fds(self) -> tuple[int, ...]:
        """The numbers, which stay where they are; -1 for what was closed or taken."""
        return tuple(file if isinstance(file, int) else file.fileno() for file in self)

    def take(self) -> list[int]:
        """The numbers of the received files, the caller's to close from now on; none the second time."""
        owned = (file.detach() for file in self if isinstance(file, Fd))
        return [fd for fd in owned if fd >= 0]

    def close(self) -> None:
        """Close what was received and not taken; again is harmless."""
        for file in self:
            if isinstance(file, Fd):
                file.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self.fds))})"


class Rights(Descriptors):
    """Open files, at most 253 in a message: ``Rights(3, sock, file)``. Source: unix(7), SCM_RIGHTS."""

    __slots__ = ()


class Pidfd(Descriptors):
    """The sender as a pidfd, to poll and to signal. Source: SCM_PIDFD and SO_PASSPIDFD.

    For a sender that is gone, some kernels give a negative errno instead: ``fileno() < 0``.
    """

    __slots__ = ()

    def fileno(self) -> int:
        """The number, so that a poll takes it; -1 once closed or taken."""
        return self.fds[0]
