"""Files in memory and pipes, as what sockets are sent from or to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from libsocket import Fd

TEXT: Final = bytes(12) + b"\x88\xb5hello!"
"""20 bytes that a packet socket can send, too: an Ethernet header is before the last six."""


@contextmanager
def memory_file(data: bytes = TEXT) -> Iterator[Fd]:
    """A regular file that has no name, at its beginning."""
    with Fd(os.memfd_create("file")) as file:
        os.write(file.fileno(), data)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        yield file


@contextmanager
def pipe(data: bytes = b"") -> Iterator[tuple[Fd, Fd]]:
    """The reading and the writing end of a pipe, with data in it; an empty one is read without waiting."""
    reader, writer = map(Fd, os.pipe())
    with reader, writer:
        os.write(writer.fileno(), data)
        os.set_blocking(reader.fileno(), False)
        yield reader, writer


def place(file: Fd) -> int:
    """The file offset."""
    return os.lseek(file.fileno(), 0, os.SEEK_CUR)
