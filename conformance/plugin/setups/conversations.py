"""What passes between two joined sockets of a kind: sent with flags, received with flags."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import ioctl
from functools import partial
from termios import FIONREAD
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups import message_calls as calls
from conformance.plugin.setups.message_calls import Received, flag_names, flags_of
from conformance.plugin.setups.pairs import UDP_PAIRS
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.sockets import SOCKETS, raw_socket
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket
from libsocket.libc import getsockname

_FRAME: Final = bytes(12) + b"\x88\xb5"
"""The header of an Ethernet frame of a type for experiments."""
BEFORE: Final[Mapping[str, int]] = {"raw": 20, "packet": len(_FRAME)}
"""The bytes of a header that are received before the data, by the kind of sockets."""
_SOCKADDR_LL: Final = 20
"""The size of struct sockaddr_ll, of which getsockname(2) gives fewer bytes where an address is short."""
STREAMS: Final = frozenset({"tcp", "tcp6", "mptcp", "mptcp6", "unix"})
"""The kinds in which what is sent has no bounds."""


def framed(kind: str, data: bytes) -> bytes:
    """What is sent so that data arrives: a packet socket sends the header of its frame, too."""
    return _FRAME + data if kind == "packet" else data


@contextmanager
def _one_way(kind: str) -> Iterator[tuple[Socket, Socket]]:
    """A receiver, which has a peer only where there is no other way, and a sender."""
    if kind not in _TO_ANY:
        with connected(kind) as ends:
            yield ends
        return
    sender, receiver = _TO_ANY[kind]()
    with sender, receiver:
        yield receiver, sender


def _raw_sender(family: int = socket.AF_INET) -> tuple[Socket, Socket]:
    sender, receiver = raw_socket(family), raw_socket(family)
    sender.connect(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    return sender, receiver


_TO_ANY: Final[Mapping[str, Callable[[], tuple[Socket, Socket]]]] = {
    **UDP_PAIRS,
    "raw": _raw_sender,
    "raw6": partial(_raw_sender, socket.AF_INET6),
}


@contextmanager
def joined(kind: str) -> Iterator[tuple[Socket, Socket]]:
    """A sender and a receiver of a kind, of which neither waits for ever."""
    with _one_way(kind) as (receiver, sender):
        sender.rcvtimeo = receiver.rcvtimeo = sender.sndtimeo = receiver.sndtimeo = SOON
        yield sender, receiver


def say(kind: str, sender: Socket, text: str, flags: int = 0) -> int:
    """Send a text with flags; how many bytes of it were taken."""
    data = framed(kind, text.encode())
    return calls.send(sender, data, flags) - (len(data) - len(text))


def hear(kind: str, receiver: Socket, size: int, flags: int = 0) -> Received:
    """Receive with room for so many bytes of data; what was returned and is there, without a header."""
    before = BEFORE.get(kind, 0)
    got = calls.recvmsg(receiver, before + size, flags=flags)
    return Received(got.returned - before, got.data[before:], got.flags)


def heard(kind: str, receiver: Socket) -> str:
    """The next text."""
    return hear(kind, receiver, 100).data.decode()


def exchanged(
    kind: str,
    sent: Sequence[Sequence[str]],
    asked: Sequence[Sequence[int | str]],
) -> list[list[object]]:
    """Send texts, each with flags, and receive; what each receive gave: a number, a text, and flags.

    The errno stands for a receive that was refused.
    """
    with joined(kind) as (sender, receiver):
        for text, *flags in sent:
            say(kind, sender, text, flags_of(flags))
        _await_all(kind, receiver, _before_urgent(sent))
        return [_answer(kind, receiver, int(size), [str(one) for one in flags]) for size, *flags in asked]


def _answer(kind: str, receiver: Socket, size: int, flags: Sequence[str]) -> list[object]:
    try:
        got = hear(kind, receiver, size, flags_of(flags))
    except OSError as error:
        return [errno_name(error.errno)]
    return [got.returned, got.data.rstrip(b"\0").decode(), *flag_names(got.flags)]


def _await_all(kind: str, receiver: Socket, number: int) -> None:
    """Wait until a stream has so many bytes to receive, or a datagram is there."""
    if not number and kind in STREAMS:
        return
    await_readable(receiver)
    if kind in {"tcp", "tcp6"}:
        wait_until(lambda: _waiting(receiver) >= number)


def _before_urgent(sent: Sequence[Sequence[str]]) -> int:
    """How many bytes there are before an urgent one, behind which FIONREAD of a TCP socket does not look."""
    ends = [index for index, (_, *flags) in enumerate(sent) if "OOB" in flags]
    counted = sent[: ends[0] + 1] if ends else sent
    return sum(len(text) for text, *_ in counted) - bool(ends)


def _waiting(sock: Socket) -> int:
    return int.from_bytes(ioctl(sock, FIONREAD, bytes(4)), sys.byteorder)


def await_arrival(receiver: Socket) -> None:
    """Wait until something has come."""
    await_readable(receiver)


def what_is_left(kind: str, receiver: Socket) -> list[str]:
    """The texts, up to ``last``, that wait; of a stream the words, whatever its pieces, and other bytes."""
    texts: list[str] = []
    while not texts or not texts[-1].endswith("last"):
        texts.append(heard(kind, receiver))
    return re.findall("(?s)first|last|.", "".join(texts)) if kind in STREAMS else texts


@contextmanager
def addressed(kind: str) -> Iterator[tuple[Socket, Socket, bytes]]:
    """A sender without a peer, a receiver, and the receiver's address in bytes."""
    with in_state(kind, "bound") as receiver, SOCKETS[kind]() as sender:
        receiver.rcvtimeo = SOON
        yield sender, receiver, address_of(receiver)


def address_of(sock: Socket) -> bytes:
    """The bytes of a socket's own address."""
    name = getsockname(sock, calls.STORAGE)
    return name.ljust(_SOCKADDR_LL, b"\0") if sock.family == socket.AF_PACKET else name


def send_without_end(sock: Socket, flags: int = 0) -> None:
    """Send again and again, until a send fails."""
    while True:
        calls.send(sock, bytes(65_536), flags)


def end_with(sock: Socket, data: bytes) -> None:
    """Send the last of a stream, once there is room."""
    calls.send(sock, data)
    sock.shutdown(Shutdown.WRITE)
