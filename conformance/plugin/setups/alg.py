"""Sockets of AF_ALG, by which a program has the kernel compute: no connection is made by them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from libsocket import Other, Socket

AF_ALG: Final = 38


def alg_address(kind: str = "hash", name: str = "sha256") -> Other:
    """A struct sockaddr_alg, which says what is to be computed."""
    return Other(AF_ALG, kind.encode().ljust(14, b"\0") + bytes(8) + name.encode().ljust(64, b"\0"))


@contextmanager
def hash_socket() -> Iterator[Socket]:
    """A socket that is bound to an algorithm for hashes."""
    with Socket(AF_ALG, socket.SOCK_SEQPACKET) as sock:
        sock.bind(alg_address())
        yield sock
