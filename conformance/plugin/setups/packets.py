"""Packets as a host receives them."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final

from libsocket import Socket

ETH_P_IP: Final = 0x0800


def packets() -> Socket:
    """A packet socket that receives every IPv4 packet that arrives, from its IP header on."""
    return Socket.packet(socket.SOCK_DGRAM, ETH_P_IP)


def payload(packet: bytes) -> str:
    """What a UDP packet without IP options carries, as text."""
    return packet[28:].decode()


def source_port(packet: bytes) -> int:
    """The port that a TCP or UDP packet comes from: the first that follows the IP header."""
    header = 4 * (packet[0] & 0x0F)
    return int.from_bytes(packet[header : header + 2], "big")


@dataclass(frozen=True)
class IpHeader:
    """What a socket may choose of the header of an IPv4 packet."""

    tos: int
    length: int
    """Of the packet, header and data."""
    whole: bool
    """It has the don't-fragment flag."""
    ttl: int
    protocol: int
    options: bytes


def ip_header(packet: bytes) -> IpHeader:
    """The header with which an IPv4 packet begins."""
    return IpHeader(
        tos=packet[1],
        length=int.from_bytes(packet[2:4], "big"),
        whole=bool(packet[6] & 0x40),
        ttl=packet[8],
        protocol=packet[9],
        options=packet[20 : 4 * (packet[0] & 0x0F)],
    )


def next_header(seen: Socket) -> IpHeader:
    """The header of the next packet that a packet socket receives."""
    return ip_header(seen.recv(70_000))
