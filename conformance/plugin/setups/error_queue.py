"""What a socket's error queue holds."""

from __future__ import annotations

from libsocket import Report, Socket, TimestampType, TransmitTimestamp


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
