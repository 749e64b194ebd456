"""UDP datagrams as they are on the wire, and as a raw socket can send them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from socket import IPPROTO_UDP, inet_aton
from typing import Final

UDP_HEADER: Final = 8
MORE_FRAGMENTS: Final = 0x2000
"""The flag of a fragment after which others come, beside its offset."""
IPV6_HEADER: Final = 40


@dataclass(frozen=True)
class Datagram:
    """A UDP datagram: its header and what it carries."""

    source: int
    """The port that it comes from."""
    destination: int
    data: bytes
    checksum: int = 0
    """0: there is none."""

    def __bytes__(self) -> bytes:
        fields = self.source, self.destination, UDP_HEADER + len(self.data), self.checksum
        return b"".join(field.to_bytes(2, "big") for field in fields) + self.data


def datagram(packet: bytes) -> Datagram:
    """What an IP packet carries, which begins with its IP header."""
    octets = packet[4 * (packet[0] & 0x0F) if packet[0] >> 4 == 4 else IPV6_HEADER :]
    source, destination, length, checksum = (
        int.from_bytes(octets[at : at + 2], "big") for at in (0, 2, 4, 6)
    )
    return Datagram(source, destination, octets[UDP_HEADER:length], checksum)


def ipv4_packet(
    data: bytes,
    *,
    destination: str,
    source: str = "0.0.0.0",
    protocol: int,
    options: bytes = b"",
    identification: int = 0,
    fragment: int = 0,
) -> bytes:
    """A packet with its header, for IP_HDRINCL: length and checksum are left to the kernel.

    Of a ``fragment`` these are the flag and the offset, in eights of bytes.
    """
    size = (20 + len(options)) // 4
    numbers = identification.to_bytes(2, "big") + fragment.to_bytes(2, "big")
    header = bytes([0x40 | size, 0, 0, 0, *numbers, 64, protocol, 0, 0])
    return header + inet_aton(source) + inet_aton(destination) + options + data


def completed(packet: bytes, *, ttl: int) -> bytes:
    """A packet whose header has its length, its checksum and a time to live, for who sends it as it is."""
    header = bytearray(packet[: 4 * (packet[0] & 0x0F)])
    header[2:4] = len(packet).to_bytes(2, "big")
    header[8] = ttl
    header[10:12] = (0xFFFF - internet_sum(bytes(header))).to_bytes(2, "big")
    return bytes(header) + packet[len(header) :]


def pseudo_header(source: bytes, destination: bytes, length: int, *, protocol: int) -> bytes:
    """What is summed up before a packet of UDP or ICMPv6; the addresses are of IPv4 or IPv6."""
    return source + destination + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")


def internet_sum(octets: bytes) -> int:
    """The sum of 16-bit words by which a packet is verified (RFC 1071): 0xFFFF over one with its checksum."""
    padded = octets + bytes(len(octets) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checked(source: tuple[str, int], destination: tuple[str, int], data: bytes) -> Datagram:
    """A datagram over IPv4 with its checksum."""
    bare = Datagram(source[1], destination[1], data)
    addresses = inet_aton(source[0]), inet_aton(destination[0])
    header = pseudo_header(*addresses, len(bytes(bare)), protocol=IPPROTO_UDP)
    return Datagram(bare.source, bare.destination, data, 0xFFFF - internet_sum(header + bytes(bare)))


def with_wrong_checksum(source: tuple[str, int], destination: tuple[str, int], data: bytes) -> Datagram:
    """A datagram over IPv4 whose checksum has one bit that is not right."""
    right = checked(source, destination, data)
    return replace(right, checksum=right.checksum ^ 1)
