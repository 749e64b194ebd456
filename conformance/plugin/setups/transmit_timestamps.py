"""Timestamps of what is sent, which come back on the sender's error queue."""

from __future__ import annotations

import socket
import sys
from typing import Final

from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.readiness import await_error
from libsocket import (
    Socket,
    Timestamping,
    TimestampingFlag,
    Timestamps,
    TimestampType,
    TransmitTimestamp,
)

_ATTRIBUTE_HEADER = _ALIGNMENT = 4

SCHEDULED: Final = TimestampingFlag.TX_SCHED | TimestampingFlag.SOFTWARE
"""A timestamp of what is sent as it enters the packet scheduler, reported: every interface has it."""
IDENTIFIED: Final = SCHEDULED | TimestampingFlag.OPT_ID
"""The same, with an identifier."""


def ask(sock: Socket, flags: TimestampingFlag) -> None:
    """Set SO_TIMESTAMPING."""
    sock.timestamping = Timestamping(flags)


def transmit_timestamp(sock: Socket) -> TransmitTimestamp:
    """The next one. A kernel that gives none before long differs."""
    await_error(sock)
    report = sock.recv_error()
    assert isinstance(report, TransmitTimestamp), f"{report} is no transmit timestamp"
    return report


def identifiers(sock: Socket, count: int) -> list[int]:
    """Those of the next transmit timestamps."""
    return [transmit_timestamp(sock).id for _ in range(count)]


def kinds(sock: Socket, count: int) -> list[str]:
    """What had happened to packets when they got the next transmit timestamps: ``SCHED``, ``SND``."""
    return [TimestampType(transmit_timestamp(sock).type).name for _ in range(count)]


def kinds_and_identifiers(sock: Socket, count: int) -> list[list[str | int]]:
    """Both of the next transmit timestamps."""
    stamps = [transmit_timestamp(sock) for _ in range(count)]
    return [[TimestampType(one.type).name, one.id] for one in stamps]


def times_reported(sock: Socket) -> int:
    """How many sets of times come with the next message on the error queue: one, or none."""
    await_error(sock)
    return len(control_messages(sock, Timestamps, flags=socket.MSG_ERRQUEUE))


def attributes(octets: bytes) -> dict[int, bytes]:
    """Netlink attributes by type. Raises: ValueError for what is none."""
    found = {}
    while octets:
        size, kind = (int.from_bytes(octets[at : at + 2], sys.byteorder) for at in (0, 2))
        if not _ATTRIBUTE_HEADER <= size <= len(octets):
            raise ValueError(f"an attribute of {size} bytes in {len(octets)}")
        found[kind] = octets[_ATTRIBUTE_HEADER:size]
        octets = octets[-(-size // _ALIGNMENT) * _ALIGNMENT :]
    return found
