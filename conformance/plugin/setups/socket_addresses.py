"""Addresses of sockets as text and byte by byte, of any family and length, for bind(2) and connect(2).

In text they are ``127.0.0.1:80``; ``[::1]:80``, with a scope id ``[fe80::1%2]:80``; ``@name`` for an abstract
UNIX name; ``netlink:1234/1``, a port id and groups; ``packet:1/2048``, interface and protocol; ``unspec``
for a family alone, and ``-`` for none.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import ALL, names
from libsocket import UNSPEC, Address, Inet, Inet6, Netlink, Packet, Socket, Unix

CHOSEN: Final = 32_768
"""The lowest port that a kernel chooses by itself, unless a sysctl says otherwise."""
STORAGE: Final = 128
"""The size of struct sockaddr_storage."""
NONE: Final = "-"
"""In text: no address."""
HOME: Final[Mapping[str, str]] = {
    **dict.fromkeys(("tcp", "mptcp", "udp"), "127.0.0.1:4321"),
    **dict.fromkeys(("tcp6", "mptcp6", "udp6"), "[::1]:4321"),
    "raw": "127.0.0.1:253",
    "raw6": "[::1]:253",
    **dict.fromkeys(("unix", "unix-seqpacket", "unix-datagram"), "@home"),
    "netlink": "netlink:5000000/0",
    "packet": "packet:1/2048",
}
"""An address that a socket of each kind can have, and where another can be connected to it."""

_NEW: Final = {
    NONE,
    "0.0.0.0:0",
    "[::]:0",
    f"0.0.0.0:{HOME['raw'].rpartition(':')[2]}",
    f"[::]:{HOME['raw6'].rpartition(':')[2]}",
    "netlink:0/0",
    "packet:0/0",
}
"""What a new socket says of its address, or of its peer's."""
_FAMILY: Final = 2
_PIDS: Final = 2**22
"""No process has a higher number; netlink ports are chosen from those of processes."""
_libc = ctypes.CDLL(None, use_errno=True)


def address_of(text: str) -> Address:
    """Raises: ValueError for what is no address."""
    kind, _, rest = text.partition(":")
    if text == "unspec":
        return UNSPEC
    if text.startswith("@"):
        return Unix("\0" + text[1:])
    if kind in {"netlink", "packet"}:
        first, second = map(int, rest.split("/"))
        return Netlink(first, second) if kind == "netlink" else Packet(first, second)
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        address, _, scope = host[1:-1].partition("%")
        return Inet6(address, int(port), 0, int(scope or 0))
    return Inet(host, int(port))


def octets_of(text: str, family: int | None = None, length: int | None = None) -> bytes:
    """An address as the kernel is given it: with another family in front, cut, or with zeros behind."""
    octets: bytes = address_of(text).raw
    if family is not None:
        octets = family.to_bytes(_FAMILY, sys.byteorder) + octets[_FAMILY:]
    return octets if length is None else octets[:length].ljust(length, b"\0")


def bind_to(sock: Socket, address: bytes) -> None:
    """bind(2) to these bytes."""
    _call("bind", sock.fileno(), address)


def connect_to(sock: Socket, address: bytes) -> None:
    """connect(2) to these bytes; it is not called again after a signal."""
    _call("connect", sock.fileno(), address)


def connect_with_length(sock: Socket, address: str, length: int) -> None:
    """connect(2) to an address in text with an addrlen of its own, no more than it has. Raises: OSError."""
    if _libc.connect(sock.fileno(), octets_of(address), length) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def call_with(call: str, fd: int, address: str) -> None:
    """``bind`` or ``connect`` with a mere number of a descriptor."""
    _call(call, fd, octets_of(address))


def returned(call: str, sock: Socket, address: str | None) -> list[int]:
    """What ``bind`` or ``connect`` returns, and the errno or 0; without an address, for one not in memory."""
    octets = octets_of(HOME["packet"] if address is None else address)
    ctypes.set_errno(0)
    where = ctypes.c_void_p(1) if address is None else octets
    return [_libc[call](sock.fileno(), where, len(octets)), ctypes.get_errno()]


def _call(call: str, fd: int, address: bytes) -> None:
    if _libc[call](fd, address, len(address)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def octets_told(call: str, sock: Socket, size: int) -> bytes:
    """The bytes that getsockname(2) or getpeername(2) gives, where ones were before."""
    memory, length = ctypes.create_string_buffer(b"\xff" * size, size), ctypes.c_int(size)
    assert getattr(_libc, call)(sock.fileno(), memory, ctypes.byref(length)) == 0, f"{call} gives nothing"
    return memory.raw[: length.value]


def own(sock: Socket) -> str:
    """What getsockname(2) says, a port that the kernel chose as ``chosen``."""
    return _text(sock.local_address())


def peer(sock: Socket) -> str:
    """What getpeername(2) says; ``-`` where it fails since there is no peer."""
    try:
        return _text(sock.peer_address())
    except OSError as error:
        if error.errno not in {errno.ENOTCONN, errno.EOPNOTSUPP}:
            raise
        return NONE


def told(sock: Socket) -> list[str]:
    """``bound``, ``listens`` and ``peer`` if the socket says so, and the events that poll(2) reports."""
    words = {
        "bound": own(sock) not in _NEW,
        "listens": bool(sock.acceptconn),
        "peer": peer(sock) not in _NEW,
    }
    return [*(word for word, so in words.items() if so), *names(polled(sock, ALL))]


def as_own(kind: str, address: str) -> str:
    """How a socket of a kind tells an address that it was bound to: the port of a raw one is its protocol."""
    protocol = HOME[kind].rpartition(":")[2]
    return re.sub(r"\d+$", protocol, address) if kind.startswith("raw") else address


@contextmanager
def at_home(kind: str, address: str = "") -> Iterator[None]:
    """A socket that others of its kind can be connected to, there or at another address."""
    with SOCKETS[kind]() as sock:
        if sock.type in {socket.SOCK_STREAM, socket.SOCK_SEQPACKET} or sock.family == socket.AF_UNIX:
            sock.bind(address_of(address or HOME[kind]))
        if sock.type in {socket.SOCK_STREAM, socket.SOCK_SEQPACKET}:
            sock.listen()
        yield


def _text(address: Address | None) -> str:
    match address:
        case Inet(host, port):
            return f"{host}:{_number(port)}"
        case Inet6(host, port, _, scope):
            return f"[{host}{f'%{scope}' if scope else ''}]:{_number(port)}"
        case Netlink(pid, groups):
            return f"netlink:{'chosen' if 0 < pid <= _PIDS or pid >= 2**31 else pid}/{groups}"
        case Packet():
            return f"packet:{address.ifindex}/{address.protocol}"
    name = str(address or "")
    if re.fullmatch(r"\0[0-9a-f]{5}", name):
        return "@chosen"
    return name.replace("\0", "@", 1) or NONE


def _number(port: int) -> str:
    return "chosen" if port >= CHOSEN else str(port)
