"""Calls made below Python's wrappers, which would not pass on every argument, and what they give."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.readiness import arrival, await_end, await_readable, polled
from conformance.plugin.setups.states import ALL, EVENTS, connected, in_state, names
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import INT, SO_DOMAIN, SO_PROTOCOL, SO_TYPE, Shutdown, Socket

_libc = ctypes.CDLL(None, use_errno=True)
_ROOM: Final = 128
"""The size of struct sockaddr_storage."""

NOWHERE: Final = 1
"""An address where no process has memory."""
ANYWHERE: Final = -1
"""Stands for the address of memory with room for any name."""
UNSET: Final = (-7, -8)
"""What the array of a socketpair(2) holds before."""


def made(domain: int, type_: int, protocol: int) -> list[int]:
    """Make a socket; its domain, type and protocol as SO_DOMAIN, SO_TYPE and SO_PROTOCOL tell them."""
    with Socket.from_fd(_checked(_libc.socket(domain, type_, protocol))) as sock:
        return _of(sock)


def pair_made(domain: int, type_: int, protocol: int) -> list[int]:
    """Make a pair of sockets; their domain, type and protocol, one after the other if they differ."""
    numbers = (ctypes.c_int * 2)(*UNSET)
    _checked(_libc.socketpair(domain, type_, protocol, numbers))
    with Socket.from_fd(numbers[0]) as first, Socket.from_fd(numbers[1]) as second:
        ours, theirs = _of(first), _of(second)
        return ours if ours == theirs else [*ours, *theirs]


CALLS: Final[dict[str, Callable[[int, int, int], list[int]]]] = {"socket": made, "socketpair": pair_made}


def _of(sock: Socket) -> list[int]:
    return [sock.get(option.through(INT)) for option in (SO_DOMAIN, SO_TYPE, SO_PROTOCOL)]


def numbers_left(domain: int, type_: int, protocol: int) -> list[int]:
    """What a socketpair(2) that fails leaves in its array, which held :data:`UNSET`."""
    numbers = (ctypes.c_int * 2)(*UNSET)
    assert _libc.socketpair(domain, type_, protocol, numbers) < 0, "a pair was made"
    return list(numbers)


def flags_of_pair(type_: int) -> list[list[bool]]:
    """Whether each socket of a UNIX pair has O_NONBLOCK, and its descriptor FD_CLOEXEC."""
    numbers = (ctypes.c_int * 2)(*UNSET)
    _checked(_libc.socketpair(socket.AF_UNIX, type_, 0, numbers))
    with Socket.from_fd(numbers[0]), Socket.from_fd(numbers[1]):
        return [flags_of(fd) for fd in numbers]


def flags_of_new(domain: int, type_: int) -> list[bool]:
    """The same of a new socket."""
    with Socket.from_fd(_checked(_libc.socket(domain, type_, 0))) as sock:
        return flags_of(sock.fileno())


def flags_of(fd: int) -> list[bool]:
    """Whether a descriptor's description has O_NONBLOCK, and it itself FD_CLOEXEC."""
    return [
        bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK),
        bool(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC),
    ]


def pair_to(address: int | None) -> None:
    """A socketpair(2) of UNIX stream sockets into memory at an address."""
    _checked(_libc.socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0, ctypes.c_void_p(address)))


def duplicate(fd: int) -> int:
    """dup(2), where Python's sets close-on-exec."""
    return _checked(_libc.dup(fd))


def duplicate_to(old: int, new: int) -> int:
    """dup2(2)"""
    return _checked(_libc.dup2(old, new))


def duplicate_with_flags(old: int, new: int, flags: int) -> int:
    """dup3(2)"""
    return _checked(_libc.dup3(old, new, flags))


@contextmanager
def descriptor_of(kind: str) -> Iterator[int]:
    """A descriptor of what is no socket: a ``pipe``, an ``epoll`` instance, a ``device``, a ``namespace``."""
    fd = _OTHERS[kind]()
    try:
        yield fd
    finally:
        os.close(fd)


def _pipe() -> int:
    reader, writer = os.pipe()
    os.close(writer)
    return reader


def _epoll() -> int:
    with select.epoll() as epoll:
        return os.dup(epoll.fileno())


_OTHERS: Final[dict[str, Callable[[], int]]] = {
    "pipe": _pipe,
    "epoll": _epoll,
    "device": lambda: os.open("/dev/null", os.O_RDWR),
    "namespace": lambda: os.open("/proc/thread-self/ns/net", os.O_RDONLY),
}
NO_SOCKETS: Final = tuple(_OTHERS)
"""The kinds of :func:`descriptor_of`."""


def at_mark(fd: int) -> int:
    """sockatmark(3)"""
    return _checked(_libc.sockatmark(fd))


def name_to(call: str, fd: int, address: int | None, room: int | None) -> int:
    """``getsockname`` or ``getpeername`` into memory at an address, :data:`ANYWHERE` perhaps.

    Without ``room`` there is no memory for the length. The length that is told.
    """
    memory, length = ctypes.create_string_buffer(_ROOM), ctypes.c_int(room or 0)
    to = ctypes.byref(memory) if address == ANYWHERE else ctypes.c_void_p(address)
    where = ctypes.c_void_p(NOWHERE) if room is None else ctypes.byref(length)
    _checked(_libc[call](fd, to, where))
    return length.value


def returned(call: str, fd: int) -> int:
    """What ``getsockname`` or ``getpeername`` returns."""
    memory, length = ctypes.create_string_buffer(_ROOM), ctypes.c_int(_ROOM)
    return int(_libc[call](fd, memory, ctypes.byref(length)))


def returned_for_pair(domain: int) -> int:
    """What socketpair(2) returns for stream sockets of a domain; they are closed."""
    numbers = (ctypes.c_int * 2)(*UNSET)
    answer = int(_libc.socketpair(domain, socket.SOCK_STREAM, 0, numbers))
    if answer == 0:
        for fd in numbers:
            os.close(fd)
    return answer


def length_after_refused(call: str, fd: int, room: int) -> int:
    """The length that ``getsockname`` or ``getpeername`` leaves where the address has no memory."""
    length = ctypes.c_int(room)
    assert _libc[call](fd, ctypes.c_void_p(NOWHERE), ctypes.byref(length)) < 0, "it did not fail"
    return length.value


def option_set(
    fd: int, option: tuple[int, int], value: bytes | int | None = bytes(4), size: int | None = None
) -> None:
    """setsockopt(2) of a level and a number: a value, or memory at an address; ``size`` if it has another."""
    length = size if size is not None else len(value) if isinstance(value, bytes) else INT.size
    _checked(_libc.setsockopt(fd, *option, _pointer(value), ctypes.c_int(length)))


def option_got(fd: int, option: tuple[int, int], room: int = INT.size, address: int | None = -1) -> bytes:
    """getsockopt(2): the bytes that it gives where there is so much room, as it tells their number."""
    memory = ctypes.create_string_buffer(max(room, 0) + 16)
    length = ctypes.c_int(room)
    where = ctypes.byref(memory) if address == -1 else ctypes.c_void_p(address)
    _checked(_libc.getsockopt(fd, *option, where, ctypes.byref(length)))
    return memory.raw[: length.value]


def option_got_to(fd: int, option: tuple[int, int], value: bool, length: bool, room: int = INT.size) -> int:
    """getsockopt(2) with memory for the ``value``, for its ``length``, or neither; the length told."""
    memory, told = ctypes.create_string_buffer(room + 16), ctypes.c_int(room)
    nowhere = ctypes.c_void_p(NOWHERE)
    _checked(
        _libc.getsockopt(
            fd,
            *option,
            ctypes.byref(memory) if value else nowhere,
            ctypes.byref(told) if length else nowhere,
        )
    )
    return told.value


def option_got_at(fd: int, option: tuple[int, int], value: int, length: int) -> int:
    """getsockopt(2) with the addresses of the value and of its length; what it returns."""
    return _checked(_libc.getsockopt(fd, *option, ctypes.c_void_p(value), ctypes.c_void_p(length)))


def length_told(fd: int, option: tuple[int, int], room: int) -> list[object]:
    """getsockopt(2) with so much room: what comes of it, and the length that it leaves, refused or not."""
    memory, told = ctypes.create_string_buffer(room + 16), ctypes.c_int(room)
    failed = _libc.getsockopt(fd, *option, memory, ctypes.byref(told)) < 0
    return [errno_name(ctypes.get_errno()) if failed else "done", told.value]


def _pointer(value: bytes | int | None) -> ctypes.c_void_p | ctypes.c_char_p:
    return ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_void_p(value)


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def tell(call: str, fd: int) -> int:
    """``getsockname`` or ``getpeername`` of a descriptor; the length of the address."""
    memory, length = ctypes.create_string_buffer(128), ctypes.c_int(128)
    _checked(_libc[call](fd, memory, ctypes.byref(length)))
    return length.value


def shut(fd: int, how: int) -> None:
    """shutdown(2) of a descriptor."""
    _checked(_libc.shutdown(fd, how))


def answer(act: Callable[[], object]) -> str:
    """What a call does, as text: ``done``, ``9 bytes``, ``sent 4``; an errno's name where it is refused."""
    try:
        given = act()
    except OSError as error:
        return errno_name(error.errno)
    if isinstance(given, bytes):
        return f"{len(given)} bytes"
    return "done" if given is None else f"sent {given}"


def mark_of(sock: Socket) -> str:
    """What sockatmark(3) gives, ``0`` or ``1``; an errno's name where it is refused."""
    return answer(lambda: at_mark(sock.fileno())).removeprefix("sent ")


@contextmanager
def with_peer(kind: str, event: str) -> Iterator[tuple[Socket, Socket]]:
    """Connected sockets of a kind, after something has happened to the first of them."""
    with connected(kind) as (sock, peer):
        before, act = EVENTS[event] if event else ((), lambda *_: None)
        for one in (*before, act):
            one(sock, peer)
        yield sock, peer


_STREAMS = frozenset({"tcp", "tcp6", "unix", "unix-seqpacket"})
_ALONE = frozenset({"new", "bound", "listening", "listening-connection-waiting", "refused", "not-let-in"})
_INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})
_IP_HEADER = 20
_TCP_CLOSE = 7


def shut_down(
    kind: str, state: str, hows: Sequence[Shutdown], reports: Sequence[str] | None = None
) -> list[str]:
    """What shutdown(2) gives each time, for a socket in a state.

    Then what it receives and sends without waiting; and what its peer does, where it has one, and what the
    socket receives when that has sent something. Where ``reports`` are given, poll(2) reports those after it.
    """
    if state in _ALONE:
        with in_state(kind, state) as sock:
            answers = _shut(sock, hows)
            _assert_reported(sock, reports)
            return [*answers, _received(sock), _sent(sock)]
    with with_peer(kind, state.removeprefix("connected")) as (sock, peer):
        answers = _shut(sock, hows[:1])
        if kind.startswith("tcp") and state == "peer-shut-wr":
            _await_closed(sock)
        answers += _shut(sock, hows[1:])
        _assert_reported(sock, reports)
        if kind in _STREAMS and set(hows) != {Shutdown.READ}:
            await_end(peer)  # what tells a TCP peer comes later
        own = [_received(sock), _sent(sock)]
        if own[1].startswith("sent"):
            await_readable(peer)
        others = [_received(peer), _sent(peer, sock if sock.family in _INTERNET else None)]
        then = [_received(sock)] if others[1].startswith("sent") else []
        return [*answers, *own, *others, *then]


def _shut(sock: Socket, hows: Sequence[Shutdown]) -> list[str]:
    return [answer(lambda how=how: sock.shutdown(how)) for how in hows]  # type: ignore[misc]


def _assert_reported(sock: Socket, reports: Sequence[str] | None) -> None:
    found = names(polled(sock, ALL))
    assert reports in {None, tuple(found)}, f"poll reports {found}"


def _await_closed(sock: Socket) -> None:
    """Wait until the peer has acknowledged the end of a TCP socket, which ends the connection."""
    assert wait_until(lambda: sock.tcp_info.state == _TCP_CLOSE), f"not closed within {SOON:g} seconds"


def _received(sock: Socket) -> str:
    """Without the header of IP, which a raw socket of version 4 receives as well."""
    header = _IP_HEADER if (sock.family, sock.type) == (socket.AF_INET, socket.SOCK_RAW) else 0
    return answer(lambda: sock.recv(100, socket.MSG_DONTWAIT)[header:])


def _sent(sock: Socket, to: Socket | None = None) -> str:
    """What a send gives; where it is sent to another, something has arrived there then."""

    def send() -> int:
        with arrival(to) if to else nullcontext():
            return sock.send(b"sent", socket.MSG_DONTWAIT)

    return answer(send)


def told(call: str, sock: Socket) -> str:
    """What ``getsockname`` or ``getpeername`` tells, in words: ``127.0.0.1 port``, ``unnamed``, ``abstract``.

    A port, or a number of netlink's, is told from none alone; one that is a raw socket's protocol is
    ``protocol``. An errno's name where it is refused.
    """
    try:
        address = getattr(sock, call)()
        assert getattr(sock, call)() == address, "it tells another address each time"
    except OSError as error:
        return errno_name(error.errno)
    if sock.family in _INTERNET and sock.type == socket.SOCK_RAW and address[1] == sock.proto:
        return f"{address[0]} protocol"
    return _IN_WORDS[sock.family](address)


def _internet(address: tuple[str, int]) -> str:
    return f"{address[0]} {'port' if address[1] else 'no port'}"


_IN_WORDS: Final[dict[int, Callable[..., str]]] = {
    socket.AF_INET: _internet,
    socket.AF_INET6: _internet,
    socket.AF_UNIX: lambda address: "abstract" if address else "unnamed",
    socket.AF_NETLINK: lambda address: f"{'number' if address[0] else 'no number'}, groups {address[1]}",
    socket.AF_PACKET: lambda address: f"{address[0] or 'no device'}, protocol {address[1]:#06x}",
}
