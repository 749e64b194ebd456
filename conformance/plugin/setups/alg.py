"""Sockets of AF_ALG, by which a program has the kernel compute: no connection is made by them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.accepting import accepted
from libsocket import Other, Socket

AF_ALG: Final = 38
SOL_ALG: Final = 279
ALG_SET_KEY: Final = 1
ALG_SET_IV: Final = 2
ALG_SET_OP: Final = 3
ALG_SET_AEAD_ASSOCLEN: Final = 4
ALG_SET_AEAD_AUTHSIZE: Final = 5
ALG_SET_KEY_BY_KEY_SERIAL: Final = 7
"""Socket options, and control messages."""
ALG_OP_DECRYPT: Final = 0
ALG_OP_ENCRYPT: Final = 1
_NUMBER: Final = struct.Struct("@I")
_SERIAL: Final = struct.Struct("@i")

Item = tuple[int, int, bytes]


def alg_address(kind: str = "hash", name: str = "sha256", *, feat: int = 0, mask: int = 0) -> Other:
    """A struct sockaddr_alg, which says what is to be computed."""
    flags = _NUMBER.pack(feat) + _NUMBER.pack(mask)
    return Other(AF_ALG, kind.encode().ljust(14, b"\0") + flags + name.encode().ljust(64, b"\0"))


def alg_socket() -> Socket:
    """A socket of AF_ALG that is bound to nothing."""
    return Socket(AF_ALG, socket.SOCK_SEQPACKET)


@contextmanager
def hash_socket() -> Iterator[Socket]:
    """A socket that is bound to an algorithm for hashes."""
    with alg_socket() as sock:
        sock.bind(alg_address())
        yield sock


@contextmanager
def algorithm_socket(
    kind: str, name: str, *, key: bytes | None = None, authsize: int | None = None
) -> Iterator[Socket]:
    """A socket that is bound to an algorithm, with a key and a size of its tags if they are given."""
    with alg_socket() as sock:
        sock.bind(alg_address(kind, name))
        if key is not None:
            set_key(sock, key)
        if authsize is not None:
            set_authsize(sock, authsize)
        yield sock


@contextmanager
def operation(
    kind: str, name: str, *, key: bytes | None = None, authsize: int | None = None
) -> Iterator[Socket]:
    """What accept(2) of such a socket returns, by which the kernel computes."""
    with (
        algorithm_socket(kind, name, key=key, authsize=authsize) as sock,
        accepted(sock) as made,
    ):
        yield made


def set_key(sock: Socket, key: bytes) -> None:
    """ALG_SET_KEY. Raises: OSError."""
    sock.setsockopt(SOL_ALG, ALG_SET_KEY, key)


def set_key_by_serial(sock: Socket, serial: int) -> None:
    """ALG_SET_KEY_BY_KEY_SERIAL. Raises: OSError."""
    sock.setsockopt(SOL_ALG, ALG_SET_KEY_BY_KEY_SERIAL, _SERIAL.pack(serial))


def set_authsize(sock: Socket, size: int) -> None:
    """ALG_SET_AEAD_AUTHSIZE, which is the length of a value that there is not. Raises: OSError."""
    sock.setsockopt(SOL_ALG, ALG_SET_AEAD_AUTHSIZE, None, size)


def with_op(number: int = ALG_OP_ENCRYPT) -> Item:
    """A control message that says what is to be done."""
    return SOL_ALG, ALG_SET_OP, _NUMBER.pack(number)


def with_iv(iv: bytes) -> Item:
    """A control message with the IV."""
    return SOL_ALG, ALG_SET_IV, _NUMBER.pack(len(iv)) + iv


def with_assoclen(size: int) -> Item:
    """A control message that says how much of the data is only authenticated."""
    return SOL_ALG, ALG_SET_AEAD_ASSOCLEN, _NUMBER.pack(size)


def given(sock: Socket, data: bytes, *control: Item, more: bool = False) -> int:
    """Send data with control messages, with MSG_MORE if there is more to come. Raises: OSError."""
    return sock.sendmsg([data], control, socket.MSG_MORE if more else 0)


def result(sock: Socket, size: int) -> bytes:
    """What the kernel has computed, at most so many bytes. It does not wait. Raises: OSError."""
    return sock.recv(size, socket.MSG_DONTWAIT)
