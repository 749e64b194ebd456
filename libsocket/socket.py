"""The Socket: the standard library's own, with options as typed attributes and stream methods."""

from __future__ import annotations

import errno
import os
import socket as std
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from libsocket.addressing import Addressing
from libsocket.attributes import OPTIONS, Attributes
from libsocket.bpf import Filtering
from libsocket.codecs import C_INT_MAX
from libsocket.compiled import COMPILED
from libsocket.errors import NotASocket
from libsocket.messaging import Messaging
from libsocket.option import Access, Option
from libsocket.stream import Buffer, Data, Reader, Writer
from libsocket.values.fd import descriptor

__all__ = ["Borrowed", "Socket"]

T = TypeVar("T")


class Socket(Addressing, Messaging, Filtering, Attributes, Reader, Writer):
    """A Linux socket.

    It is a ``socket.socket``: listen, send, recv, sendmsg, shutdown, close and all else are inherited
    as they are, and bind, connect and sendto take every ``Address`` too. On top of that every socket
    option is a typed attribute named after its C name in lower case without ``SO_`` (only SO_TYPE is
    ``so_type``, for ``type`` is the standard library's), and the stream methods of ``Reader`` and
    ``Writer`` read and write.

    ``Socket(domain, type, protocol)`` makes one, as socket(2) does; closing it, leaving its ``with``
    block or dropping the last reference closes the descriptor.
    """

    __slots__ = ()

    @classmethod
    def tcp(cls, family: int = std.AF_INET) -> Self:
        """A TCP socket. Source: tcp(7)."""
        return cls(family, std.SOCK_STREAM, std.IPPROTO_TCP)

    @classmethod
    def udp(cls, family: int = std.AF_INET) -> Self:
        """A UDP socket. Source: udp(7)."""
        return cls(family, std.SOCK_DGRAM, std.IPPROTO_UDP)

    @classmethod
    def unix(cls, type: int = std.SOCK_STREAM) -> Self:
        """A UNIX domain socket. Source: unix(7)."""
        return cls(std.AF_UNIX, type)

    @classmethod
    def netlink(cls, protocol: int = 0) -> Self:
        """A netlink socket; 0 is NETLINK_ROUTE. Source: netlink(7)."""
        return cls(std.AF_NETLINK, std.SOCK_RAW, protocol)

    @classmethod
    def packet(cls, type: int = std.SOCK_RAW, protocol: int = 0) -> Self:
        """A packet socket. ``protocol`` is an ETH_P number in host order; 0 receives nothing until bind.

        Needs CAP_NET_RAW. Source: packet(7).
        """
        return cls(std.AF_PACKET, type, std.htons(protocol))

    @classmethod
    def raw(cls, protocol: int, family: int = std.AF_INET) -> Self:
        """A raw IP socket for one protocol. Needs CAP_NET_RAW. Source: raw(7)."""
        return cls(family, std.SOCK_RAW, protocol)

    @classmethod
    def pair(cls, type: int = std.SOCK_STREAM) -> tuple[Self, Self]:
        """Two UNIX domain sockets connected to each other. Source: socketpair(2)."""
        left, right = std.socketpair(std.AF_UNIX, type)
        return cls._adopt(left), cls._adopt(right)

    @classmethod
    def tcp_pair(cls, family: int = std.AF_INET) -> tuple[Self, Self]:
        """Two TCP sockets connected to each other over loopback; any other connection is dropped."""
        with cls.tcp(family) as listener, cls.tcp(family) as client:
            listener.bind(("127.0.0.1" if family == std.AF_INET else "::1", 0))
            listener.listen()
            client.connect(listener.getsockname())
            server = listener._accept_from(client.getsockname())
            return cls._adopt(client), cls._adopt(server)

    @classmethod
    def from_fd(cls, fd: int) -> Self:
        """The socket behind a descriptor, which belongs to it from now on and is closed with it.

        Family, type and protocol are read from the kernel. NotASocket for another kind of file
        (the descriptor stays the caller's), OSError with EBADF for none, as for a number that none can have;
        TypeError for what is no int.
        """
        if not 0 <= descriptor(fd) <= C_INT_MAX:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        try:
            return cls(fileno=fd)
        except OSError as refusal:
            if refusal.errno == errno.ENOTSOCK:
                raise NotASocket(errno.ENOTSOCK, f"file descriptor {fd} is not a socket") from refusal
            raise

    @staticmethod
    def borrow(fd: int) -> Borrowed:
        """A Socket over a descriptor that belongs to someone else, and that it never closes.

        Raises as ``from_fd`` does. The owner keeps it open for as long as this is used.
        """
        return Borrowed.from_fd(fd)

    def accept(self) -> tuple[Socket, Any]:
        """The next waiting connection, as a Socket, and the peer's address.

        The new socket is blocking (or has Python's default timeout), whatever this one is, and is
        not inherited by child processes. A subclass gets a plain Socket too, as the standard library's do:
        one that wraps what it accepts, such as ``ssl.SSLSocket``, makes its own of it. Source: accept(2).
        """
        accepted, address = super().accept()
        return Socket._adopt(accepted), address

    def get(self, option: Option[T], /, *, request: T | None = None) -> T:
        """The value of an option; raises as ``Option`` says.

        Some options, such as IP_MSFILTER, are read by a request, a value of their own type that says
        what to read: the filter of which group? TypeError where one is missing, or given in vain.
        """
        if not isinstance(option, Option):
            raise _no_option(option)
        return option.read(self) if request is None else option.read_by_request(self, request)

    def set(self, option: Option[T], value: T, /) -> None:
        """Give an option a value; raises as ``Option`` says."""
        if not isinstance(option, Option):
            raise _no_option(option)
        option.write(self, value)

    if COMPILED and not TYPE_CHECKING:
        from libsocket._sockopt import get, set

    def supported(self, option: Option[Any]) -> bool:
        """Whether this kernel has the option on sockets of this kind; tried on a fresh one.

        OSError where the kernel gives none: packet and raw sockets need CAP_NET_RAW.
        """
        if not isinstance(option, Option):
            raise _no_option(option)
        return option.supported(self)

    def options(self) -> Mapping[str, Any]:
        """Every option that can be read on this socket, by C name; those the kernel refuses are absent.

        Options that reading would change (SO_ERROR) or make a file of (SO_PEERPIDFD), and those that
        take a request, are left out.
        """
        return MappingProxyType({option.name: value for option, value in self._held().items()})

    def __dir__(self) -> Iterable[str]:
        """The methods, the options that can be read now without effect, and those that can only be set.

        Whoever reads all that is listed, as inspect, mock and debuggers do, changes nothing and meets no
        error but the AttributeError of what can only be set. What this socket does not have is missing, what
        it refuses as it is now, and what ``options()`` leaves out. A closed socket has no options;
        ``dir(Socket)`` has all.
        """
        names = {*super().__dir__()} - OPEN_ONLY
        try:
            return names | {option.attribute for option in self._held()} | ONLY_SET | {"nonblocking"}
        except OSError:
            return names

    def _held(self) -> dict[Option[Any], Any]:
        held = {}
        for option in READABLE:
            try:
                held[option] = option.read(self)
            except OSError as refusal:
                if refusal.errno == errno.EBADF:
                    raise
        return held

    @property
    def nonblocking(self) -> bool:
        """O_NONBLOCK as the kernel has it, apart from Python's timeouts. Source: fcntl(2), F_GETFL.

        A socket with a Python timeout is non-blocking in the kernel. Setting it is ``setblocking``,
        so that Python and the kernel agree.
        """
        return not os.get_blocking(self.fileno())

    @nonblocking.setter
    def nonblocking(self, value: bool) -> None:
        self.setblocking(not value)

    def read(self, n: int) -> Data:
        """At most ``n`` bytes, as recv(2) gives them; ``b""`` at the end (or an empty datagram)."""
        return self.recv(n)

    def write(self, data: Buffer) -> int:
        """Send as send(2) does and say how many bytes were taken."""
        return self.send(data)

    @classmethod
    def _adopt(cls, sock: std.socket) -> Self:
        return cls(sock.family, sock.type, sock.proto, sock.detach())

    def _accept_from(self, address: Any) -> Socket:
        while True:
            accepted, peer = self.accept()
            if peer == address:
                return accepted
            accepted.close()


def _no_option(given: object) -> TypeError:
    return TypeError(f"expected an Option, not {type(given).__name__}")


class Borrowed(Socket):
    """A Socket over a descriptor that stays its owner's: closing or dropping it only lets go.

    What comes out of it, accepted or duplicated, is a Socket of its own.
    """

    __slots__ = ()

    def close(self) -> None:
        """Let go of the descriptor, which stays open."""
        self.detach()

    def __del__(self) -> None:
        self.detach()

    def dup(self) -> Socket:  # type: ignore[override]
        """An owned Socket over a duplicate of the descriptor."""
        return Socket._adopt(super().dup())

    @classmethod
    def _adopt(cls, sock: std.socket) -> Socket:  # type: ignore[override]
        return Socket._adopt(sock)


READABLE: Final = tuple(
    option
    for option in OPTIONS
    if Access.GET in option.access and not option.consumes and not option.takes_request
)
"""What a snapshot holds: reading it changes nothing and takes no request."""
OPEN_ONLY: Final = frozenset({"nonblocking", *(option.attribute for option in OPTIONS)})
"""Attributes that a closed socket does not have."""
ONLY_SET: Final = frozenset(
    option.attribute
    for option in OPTIONS
    if Access.SET in option.access and (Access.GET not in option.access or option.takes_request)
)
"""Attributes that can be set and not read; whether a socket has them only setting them would tell."""
