"""NETLINK_CRYPTO: what the kernel's crypto API has, and changes of it, which are the whole kernel's."""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    EXCL,
    REQUEST,
    acknowledged,
    asked,
    framed,
    netlink_socket,
    number,
    parsed,
)
from libsocket import Socket
from netns.netlink import attributes

NETLINK_CRYPTO: Final = 21
SPARE, PROBED = "hmac(blake2b-160)", "hmac(blake2b-256)"
"""Hashes that a template makes of others, and that nothing else asks for."""
_NEWALG, _DELALG, _UPDATEALG, _GETALG = range(0x10, 0x14)
_PRIORITY: Final = 1
_ALGORITHM = struct.Struct("=64s64s64sIIII")
"""struct crypto_user_alg: name, name of the driver, module, type, mask, references and flags."""


@dataclass(frozen=True)
class Algorithm:
    """What is said of an algorithm; an error, which is a negative errno, and nothing else where it is not."""

    name: str = ""
    driver: str = ""
    priority: int = 0
    error: int = 0


def crypto_socket() -> Socket:
    """A netlink socket of NETLINK_CRYPTO. Raises: OSError."""
    return netlink_socket(NETLINK_CRYPTO)


def algorithm_of(sock: Socket, name: str) -> Algorithm:
    """What NETLINK_CRYPTO says of an algorithm, by its name."""
    (answer,) = asked(sock, framed(_GETALG, REQUEST, _named(name)))
    if answer.type != _GETALG:
        return Algorithm(error=parsed(answer).error)
    found, driver, *_ = _ALGORITHM.unpack_from(answer.body)
    told = dict(attributes(answer.body[_ALGORITHM.size :]))
    (priority,) = struct.unpack("=I", told[_PRIORITY])
    return Algorithm(_text(found), _text(driver), priority)


def add_algorithm(sock: Socket, name: str) -> int:
    """Have the kernel make an algorithm; the error, or 0."""
    return acknowledged(sock, framed(_NEWALG, REQUEST | ACK | CREATE | EXCL, _named(name))).error


def prefer_algorithm(sock: Socket, name: str, priority: int) -> int:
    """Give an algorithm that there is another priority; the error, or 0."""
    body = _driver(sock, name) + number(_PRIORITY, priority)
    return acknowledged(sock, framed(_UPDATEALG, REQUEST | ACK, body)).error


def remove_algorithm(sock: Socket, name: str) -> int:
    """Remove an algorithm that a template made; the error, or 0."""
    return acknowledged(sock, framed(_DELALG, REQUEST | ACK, _driver(sock, name))).error


def algorithms_in_proc() -> list[Algorithm]:
    """Those that /proc/crypto lists."""
    entries = Path("/proc/crypto").read_text(encoding="ascii").strip().split("\n\n")
    told = [dict(line.split(":", 1) for line in entry.splitlines()) for entry in entries]
    rows = [{key.strip(): value.strip() for key, value in one.items()} for one in told]
    return [Algorithm(one["name"], one["driver"], int(one["priority"])) for one in rows]


def add_and_remove_another() -> None:
    """That algorithms can be made and removed. Raises: OSError."""
    with crypto_socket() as sock:
        errors = [add_algorithm(sock, PROBED), remove_algorithm(sock, PROBED)]
    if any(errors):
        raise OSError(errno.ENOENT, f"no algorithm is made of a template: {errors}")


def _driver(sock: Socket, name: str) -> bytes:
    """An algorithm by the driver that it has, or else a name that no driver has."""
    return _named(driver=algorithm_of(sock, name).driver or name)


def _named(name: str = "", driver: str = "") -> bytes:
    return _ALGORITHM.pack(name.encode(), driver.encode(), b"", 0, 0, 0, 0)


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode()
