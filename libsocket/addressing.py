"""Calls that take or give an address, for addresses of every kind.

What the standard library takes goes to its own methods. They know one form for each family, and so neither
AF_UNSPEC, nor an IPv4 address on an IPv6 socket, nor a ``Packet`` by its index, nor the bytes of an
``Other``: those go to the kernel as they are.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from libsocket.addresses import LONGEST, STANDARD, Address, from_raw, nonstandard, to_standard
from libsocket.batch import send_one
from libsocket.compiled import COMPILED
from libsocket.libc import bind, connect, getpeername, getsockname
from libsocket.message import Message
from libsocket.sockopt import family_of

if TYPE_CHECKING or COMPILED:
    from libsocket._addressing import method
if TYPE_CHECKING:
    from _socket import _Address


__all__ = ["Addressing"]

BIND: Final[Callable[..., None]] = socket.socket.bind
CONNECT: Final[Callable[..., None]] = socket.socket.connect
CONNECT_EX: Final[Callable[..., int]] = socket.socket.connect_ex
SENDTO: Final[Callable[..., int]] = socket.socket.sendto
"""The standard library's own."""

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(standard: Callable[..., Any]) -> Callable[[F], F]:
    """A method that costs what the standard library's own does, for addresses as that takes them."""
    return partial(method, STANDARD, socket.SocketType.family, standard) if COMPILED else lambda plain: plain


class Addressing(socket.socket):
    """A socket that takes and gives every ``Address``."""

    __slots__ = ()

    @_compiled(BIND)
    def bind(self, address: _Address, /) -> None:
        """Give the socket a name: an ``Address``, or what the standard library takes. Source: bind(2)."""
        raw = nonstandard(family_of(self), address)
        if raw is None:
            BIND(self, to_standard(address))
        else:
            sys.audit("socket.bind", self, address)
            bind(self, raw)

    @_compiled(CONNECT)
    def connect(self, address: _Address, /) -> None:
        """Connect to an ``Address``, or what the standard library takes.

        ``sock.connect(UNSPEC)`` disconnects: a datagram socket has no peer any more, a TCP connection is
        reset, and a listener stops. TimeoutError when the socket's timeout passes. Source: connect(2).
        """
        raw = nonstandard(family_of(self), address)
        if raw is None:
            CONNECT(self, to_standard(address))
        elif code := _connected(self, address, raw):
            raise OSError(code, os.strerror(code))

    @_compiled(CONNECT_EX)
    def connect_ex(self, address: _Address, /) -> int:
        """What connect(2) answers: 0 or its errno; EAGAIN when the socket's timeout passes."""
        raw = nonstandard(family_of(self), address)
        if raw is None:
            return CONNECT_EX(self, to_standard(address))
        try:
            return _connected(self, address, raw)
        except TimeoutError:
            return errno.EAGAIN

    @overload
    def sendto(self, data: Any, address: _Address, /) -> int: ...
    @overload
    def sendto(self, data: Any, flags: int, address: _Address, /) -> int: ...
    @_compiled(SENDTO)
    def sendto(self, data: Any, /, *rest: Any) -> int:
        """Send data to an ``Address``, or what the standard library takes; say how many bytes were taken.

        ``sendto(data, address)`` or ``sendto(data, flags, address)``. Source: sendto(2) in send(2).
        """
        raw = nonstandard(family_of(self), rest[-1]) if rest else None
        if raw is None:
            return SENDTO(self, data, *rest[:-1], *map(to_standard, rest[-1:]))
        sys.audit("socket.sendto", self, rest[-1])
        return send_one(self, Message(data, address=rest[-1]), *rest[:-1])

    def local_address(self) -> Address | None:
        """The address of this end, or None for a family without one. Source: getsockname(2).

        Unlike what ``getsockname`` gives it is equal to the ``Address`` that was bound: ``Unix`` for an
        abstract name too, and a ``Packet`` by its index.
        """
        return from_raw(getsockname(self, LONGEST))

    def peer_address(self) -> Address | None:
        """The address of the other end, as ``local_address()`` gives its own. Source: getpeername(2).

        OSError with ENOTCONN without a peer.
        """
        return from_raw(getpeername(self, LONGEST))


def _connected(sock: socket.socket, address: Any, raw: bytes) -> int:
    """The errno of connect(2), or 0; waits as long as the socket's timeout says, as Python's own does."""
    sys.audit("socket.connect", sock, address)
    code, timeout = connect(sock, raw), sock.gettimeout()
    if not (code == errno.EINTR and timeout != 0) and not (code == errno.EINPROGRESS and timeout):
        return code
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    if not poll.poll(timeout and timeout * 1000):
        raise TimeoutError("timed out")
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
