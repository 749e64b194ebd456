"""Timestamps of what is sent, which come back on the sender's error queue."""

from __future__ import annotations

from typing import Final

from conformance.plugin.setups.readiness import await_error
from libsocket import Socket, Timestamping, TimestampingFlag, TransmitTimestamp

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
    return [getattr(kind, "name", str(kind)) for kind in _kinds(sock, count)]


def _kinds(sock: Socket, count: int) -> list[int]:
    return [transmit_timestamp(sock).type for _ in range(count)]
