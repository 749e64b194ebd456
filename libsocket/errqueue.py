"""What a socket's error queue holds. Source: recv(2), MSG_ERRQUEUE; ip(7), IP_RECVERR."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from libsocket.control.values import ExtendedError, Origin, TimestampingStats, Timestamps
from libsocket.message import Message

__all__ = ["Report", "TimestampType", "TransmitTimestamp", "ZerocopyCompletion", "reported"]

ZEROCOPY_COPIED = 1


@dataclass(frozen=True, slots=True)
class ZerocopyCompletion:
    """Sends with MSG_ZEROCOPY whose memory is the sender's again: numbers ``first`` to ``last``.

    A socket counts such sends from 0, modulo 2**32. ``copied`` says that the kernel copied the data
    after all. Source: ``Documentation/networking/msg_zerocopy.rst``.
    """

    first: int
    last: int
    copied: bool


class TimestampType(enum.IntEnum):
    """What had happened to a packet when it got a transmit timestamp: ``SCM_TSTAMP_*``."""

    SND = 0
    """It was given to the adapter, or left it."""
    SCHED = 1
    """It entered the packet scheduler."""
    ACK = 2
    """The peer acknowledged all of it, on TCP."""
    COMPLETION = 3
    """The adapter is done with it, since Linux 6.14."""


@dataclass(frozen=True, slots=True)
class TransmitTimestamp:
    """When a packet went out. Source: ``Documentation/networking/timestamping.rst``, section 2.1.

    ``id`` says which send, with the flag OPT_ID: its number, the offset of its last byte on TCP, or
    the ``TimestampId`` it went with. ``payload`` is the packet, or empty with OPT_TSONLY; with OPT_STATS
    it is ``stats`` instead, the state of TCP at that time, as netlink attributes.
    """

    type: int
    """A ``TimestampType``, or a plain number that is not one of them."""
    id: int
    times: Timestamps
    payload: bytes = b""
    stats: bytes = b""


Report = ExtendedError | ZerocopyCompletion | TransmitTimestamp


def reported(message: Message) -> Report | None:
    """What a message from the error queue says; None if it has no room for what makes it one."""
    error, times = message.find(ExtendedError), message.find(Timestamps)
    if error is None:
        return None
    if error.origin == Origin.ZEROCOPY:
        return ZerocopyCompletion(error.info, error.data, bool(error.code & ZEROCOPY_COPIED))
    if error.origin == Origin.TIMESTAMPING and times is not None:
        kind = TimestampType(error.info) if error.info <= TimestampType.COMPLETION else error.info
        stats = bytes(message.find(TimestampingStats) or b"")
        return TransmitTimestamp(kind, error.data, times, b"" if stats else message.data, stats)
    return replace(error, payload=message.data, address=message.address)
