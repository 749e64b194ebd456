"""ICMP messages about what did not reach its end."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from conformance.plugin.setups.segments import internet_checksum
from libsocket import Socket

PROTOCOL_UNREACHABLE, PORT_UNREACHABLE = 2, 3

_HEADER = 8
_INTERFACE_CLASS = 2
_INCOMING_WITH_ALL = 0b1111
"""The role of the interface by which a packet came, and its index, address, name and MTU (RFC 5837)."""


@dataclass(frozen=True)
class ExtendedMessage:
    """An error of ICMP or ICMPv6 with an extension (RFC 4884): of the interface by which the packet came."""

    original: bytes
    """The packet, as much of it as there is."""
    index: int
    address: str
    name: str
    mtu: int


def extended_message(message: bytes, version: int = 4) -> ExtendedMessage:
    """What an error says that begins with its ICMP header. Raises: ValueError if it has no such extension."""
    length = 4 * message[5] if version == 4 else 8 * message[4]
    end = _HEADER + length
    original, extension = message[_HEADER:end], message[end:]
    kind, role = extension[6:8]
    if not length or (extension[0], kind, role) != (0x20, _INTERFACE_CLASS, _INCOMING_WITH_ALL):
        raise ValueError(f"no extension for an interface: {extension.hex()}")
    size, family = (4, socket.AF_INET) if version == 4 else (16, socket.AF_INET6)
    rest = extension[16 + size :]
    return ExtendedMessage(
        original,
        index=int.from_bytes(extension[8:12], "big"),
        address=socket.inet_ntop(family, extension[16 : 16 + size]),
        name=rest[1 : rest[0]].rstrip(b"\0").decode(),
        mtu=int.from_bytes(rest[rest[0] : rest[0] + 4], "big"),
    )


def report_unreachable(code: int, sock: Socket, sequence: int) -> None:
    """Tell a connected TCP socket over IPv4 in this namespace that what it sent is not deliverable.

    The sequence number must be one that it has sent and that is not acknowledged, or the next.
    """
    (host, port), (other, other_port) = sock.getsockname(), sock.getpeername()
    addresses = socket.inet_aton(host) + socket.inet_aton(other)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses
    about = header + struct.pack("!HHI", port, other_port, sequence)
    checksum = internet_checksum(struct.pack("!BBHI", 3, code, 0, 0) + about)
    with Socket.raw(socket.IPPROTO_ICMP) as raw:
        raw.sendto(struct.pack("!BBHI", 3, code, checksum, 0) + about, (host, 0))
