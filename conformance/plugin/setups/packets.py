"""Packets as a host receives them."""

from __future__ import annotations

import socket
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
