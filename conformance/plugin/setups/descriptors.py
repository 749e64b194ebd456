"""Descriptors that are sent: pipes that show where they are still open, and room for them."""

from __future__ import annotations

import os
import resource
import select
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Protocol

from libsocket import Fd, Message, Rights, Socket

HEADER: Final = 16
"""The bytes of a struct cmsghdr, on a machine of 64 bits."""
INT: Final = 4
"""The bytes of a descriptor in SCM_RIGHTS."""


class _File(Protocol):
    def fileno(self) -> int: ...


class Pipe:
    """A pipe, whose reading end tells whether its writing end is open anywhere, also in a queue."""

    def __init__(self) -> None:
        self.reader, self.writer = map(Fd, os.pipe())

    def ended(self, seconds: float = 0) -> bool:
        """Whether no process and no queue has the writing end any more, now or within some seconds."""
        poll = select.poll()
        poll.register(self.reader, 0)
        return bool(poll.poll(seconds * 1000))


@contextmanager
def pipes(count: int) -> Iterator[list[Pipe]]:
    """So many pipes; what is left of them is closed at the end."""
    with ExitStack() as ends:
        made = [Pipe() for _ in range(count)]
        for pipe in made:
            ends.enter_context(pipe.reader)
            ends.enter_context(pipe.writer)
        yield made


def writers_sent(sock: Socket, sent: list[Pipe], data: bytes = b"data") -> None:
    """Send the writing ends of some pipes, and close those of this process."""
    sock.send_message(data, Rights(*(pipe.writer for pipe in sent)))
    for pipe in sent:
        pipe.writer.close()


def files_of(message: Message) -> list[Fd]:
    """The descriptors that came with a message, which owns them."""
    return [
        file for one in message.control if isinstance(one, Rights) for file in one if isinstance(file, Fd)
    ]


def counts(message: Message) -> list[int]:
    """How many descriptors each SCM_RIGHTS of a message has."""
    return [len(one) for one in message.control if isinstance(one, Rights)]


def counts_and_data(sock: Socket, size: int = 100, flags: int = 0) -> list[object]:
    """The next data, and how many descriptors each SCM_RIGHTS has that comes with it; all are closed."""
    with sock.recv_message(size, flags=flags) as message:
        return [message.data.decode(), counts(message)]


def control_cut(message: Message) -> int:
    """MSG_CTRUNC, if a receive set it; otherwise 0."""
    return message.flags & socket.MSG_CTRUNC


def room_for(count: int) -> int:
    """The bytes that a control message with so many descriptors has, without the padding after it."""
    return HEADER + count * INT


def limit_files(count: int) -> None:
    """Lower RLIMIT_NOFILE of this process so far that it can open only so many descriptors more."""
    free = [os.dup(0) for _ in range(count + 1)]
    for one in free:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def close_all(numbers: Iterable[int]) -> None:
    """Close descriptors that came as mere numbers."""
    for number in numbers:
        os.close(number)


def same_place(one: _File, other: _File) -> list[int]:
    """Where two descriptors of a file are, after the second was moved to its seventh byte."""
    os.lseek(other.fileno(), 7, os.SEEK_SET)
    return [os.lseek(file.fileno(), 0, os.SEEK_CUR) for file in (one, other)]


def own_user(which: int = 0) -> int:
    """A user of whom nothing is in flight but what this process sends as that user; another for 1."""
    return 57_000 + 4_000 * which + os.getpid() % 4_000


def in_flight(*sizes: int, limit: int, kind: int = socket.SOCK_STREAM) -> int:
    """Send messages of so many descriptors, none received before the last is sent; how many come then.

    Raises: OSError where one is refused.
    """
    left, right = Socket.pair(kind)
    with left, right:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        for size in sizes:
            left.send_message(b"x", Rights(*[0] * size), flags=socket.MSG_DONTWAIT)
        return sum(len(right.recv(1, socket.MSG_DONTWAIT)) for _ in sizes)


def scm_fds(sock: Socket) -> int | None:
    """How many descriptors /proc says that wait in a socket's queue; None where it does not say."""
    lines = Path(f"/proc/thread-self/fdinfo/{sock.fileno()}").read_text(encoding="ascii").splitlines()
    told = dict(line.split(":") for line in lines).get("scm_fds")
    return None if told is None else int(told)
