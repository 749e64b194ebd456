"""TCP segments as a host receives them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from libsocket import Socket

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80
AE: Final = 0x100

MSS: Final = 2
WINDOW_SCALE: Final = 3
SACK_PERMITTED: Final = 4
SACK: Final = 5
TIMESTAMPS: Final = 8
FAST_OPEN: Final = 34
ACCURATE_ECN: Final = (172, 174)
"""In either order of its counters."""

_FLAGS = 0x1FF
_LAST, _PADDING = 0, 1
_ETHERTYPES = {4: 0x0800, 6: 0x86DD}
_IPV6_HEADER = 40


@dataclass(frozen=True)
class Segment:
    """A TCP segment: its header, its options by kind, and what it carries."""

    source: int
    """The port that it comes from."""
    destination: int
    """The port that it goes to."""
    sequence: int
    acknowledged: int
    flags: int
    window: int
    """As it is in the header, not scaled."""
    urgent: int
    options: Mapping[int, bytes]
    data: bytes

    @property
    def reset(self) -> bool:
        return bool(self.flags & RST)

    @property
    def mss(self) -> int:
        """The segment size that it announces."""
        return int.from_bytes(self.options[MSS], "big")


def segments(version: int = 4) -> Socket:
    """A packet socket that receives every IP packet of a version that arrives, for :func:`next_segment`."""
    return Socket.packet(socket.SOCK_DGRAM, _ETHERTYPES[version])


def next_segment(arriving: Socket) -> Segment:
    """The next TCP segment that arrives; other packets are passed over."""
    while True:
        if found := _of_tcp(arriving.recv(70_000)):
            return found


def waiting_segments(arriving: Socket) -> list[Segment]:
    """The TCP segments that have arrived by now."""
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(_of_tcp(arriving.recv(70_000, socket.MSG_DONTWAIT)))
    return [one for one in found if one]


def segment(packet: bytes) -> Segment:
    """What an IP packet carries, which begins with its IP header."""
    if packet[0] >> 4 == 4:
        begin, end = 4 * (packet[0] & 0x0F), int.from_bytes(packet[2:4], "big")
    else:
        begin, end = _IPV6_HEADER, _IPV6_HEADER + int.from_bytes(packet[4:6], "big")
    header = packet[begin:end]
    size = 4 * (header[12] >> 4)
    return Segment(
        source=int.from_bytes(header[:2], "big"),
        destination=int.from_bytes(header[2:4], "big"),
        sequence=int.from_bytes(header[4:8], "big"),
        acknowledged=int.from_bytes(header[8:12], "big"),
        flags=int.from_bytes(header[12:14], "big") & _FLAGS,
        window=int.from_bytes(header[14:16], "big"),
        urgent=int.from_bytes(header[18:20], "big"),
        options=_options(header[20:size]),
        data=header[size:],
    )


def checksum_is_right(packet: bytes) -> bool:
    """Whether the TCP segment in an IPv4 packet, which has no options, has the checksum that is due."""
    octets = packet[20:]
    pseudo = packet[12:20] + struct.pack("!HH", socket.IPPROTO_TCP, len(octets))
    return internet_checksum(pseudo + octets) == 0


def internet_checksum(data: bytes) -> int:
    """That of RFC 1071; it is 0 for data that has its checksum in it."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _of_tcp(packet: bytes) -> Segment | None:
    protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
    return segment(packet) if protocol == socket.IPPROTO_TCP else None


def _options(octets: bytes) -> dict[int, bytes]:
    """TCP options by kind, without kind and length."""
    found = {}
    while octets and octets[0] != _LAST:
        length = 1 if octets[0] == _PADDING else octets[1]
        if octets[0] != _PADDING:
            found[octets[0]] = octets[2:length]
        octets = octets[length:]
    return found
