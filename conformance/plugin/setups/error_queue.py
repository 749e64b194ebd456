"""What a socket's error queue holds: errors, and reports of what was sent."""

from __future__ import annotations

from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.readiness import await_error
from libsocket import (
    ExtendedError,
    Inet,
    Origin,
    Report,
    Socket,
    TimestampingFlag,
    TimestampType,
    TransmitTimestamp,
)

STAMPED: Final = TimestampingFlag.SOFTWARE | TimestampingFlag.TX_SOFTWARE
"""With SO_TIMESTAMPING: what is sent gets a timestamp as it leaves, and that is reported."""
IDENTIFIED: Final = STAMPED | TimestampingFlag.OPT_ID
"""The same, with an identifier."""


def next_error(sock: Socket) -> ExtendedError:
    """The next error that is queued, once there is one. What is no error differs."""
    await_error(sock)
    error = sock.recv_error()
    assert isinstance(error, ExtendedError), f"{error!r} is queued"
    return error


def next_timestamp(sock: Socket) -> TransmitTimestamp:
    """The next transmit timestamp, once there is one. What is none differs."""
    await_error(sock)
    report = sock.recv_error()
    assert isinstance(report, TransmitTimestamp), f"{report!r} is queued"
    return report


def told(error: ExtendedError) -> list[object]:
    """Errno, origin and what is told beside: the path MTU."""
    return [errno_name(error.errno), Origin(error.origin).name, error.info]


def icmp(error: ExtendedError) -> list[object]:
    """Errno, origin, and the type and code of the ICMP message."""
    return [errno_name(error.errno), Origin(error.origin).name, error.type, error.code]


def destination(error: ExtendedError) -> str:
    """The host to which the packet was sent that failed."""
    return _host(error.address)


def offender(error: ExtendedError) -> str:
    """The host that told of it."""
    return _host(error.offender)


def _host(address: object) -> str:
    assert isinstance(address, Inet), f"{address!r} is no IPv4 address"
    return address.host


def reports(sock: Socket) -> list[Report]:
    """All that the error queue holds now."""
    return list(iter(sock.recv_error, None))


def transmitted(sock: Socket) -> list[TransmitTimestamp]:
    """The transmit timestamps that the error queue holds now."""
    return [one for one in reports(sock) if isinstance(one, TransmitTimestamp)]


def types(sock: Socket) -> list[str]:
    """What the packets with the transmit timestamps that the error queue holds now had come to."""
    return [TimestampType(one.type).name for one in transmitted(sock)]


def ids(sock: Socket) -> list[int]:
    """The identifiers of the transmit timestamps that the error queue holds now."""
    return [one.id for one in transmitted(sock)]
