"""ICMP messages about what did not reach its end."""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.segments import internet_checksum
from conformance.plugin.timing import SOON
from libsocket import ExtendedError, Socket

PROTOCOL_UNREACHABLE, PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 2, 3, 4

SENT_AND_CLOSED: Final = {"no-op: close*": "the socket that sent the message is not used again"}
"""For claims about what such a message does."""

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


def extension(value: bytes = b"data", *, size: int | None = None, damage: int = 0) -> bytes:
    """An extension structure of RFC 4884 with one object of a class that nobody has (RFC 3692).

    ``size`` is what the object says that it has, if not its own; ``damage`` is added to the checksum.
    """
    told = struct.pack("!HBB", 4 + len(value) if size is None else size, 255, 0) + value
    version = 2 << 4
    checksum = internet_checksum(struct.pack("!BxH", version, 0) + told)
    return struct.pack("!BxH", version, (checksum + damage) & 0xFFFF) + told


def report_with_extension(sock: Socket, data: bytes, extension: bytes) -> None:
    """Tell a connected UDP socket on loopback that its port is not reachable, by ICMP or ICMPv6.

    ``data`` is what the datagram carried; the packet's length is a multiple of 4 bytes, or 8 over IPv6.
    """
    (host, port), (_, other_port) = sock.getsockname()[:2], sock.getpeername()[:2]
    udp = struct.pack("!HHHH", port, other_port, 8 + len(data), 0) + data
    if sock.family == socket.AF_INET:
        address = socket.inet_aton(host)
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address + address + udp
        message = struct.pack("!BBHxBxx", 3, PORT_UNREACHABLE, 0, len(packet) // 4) + packet + extension
        checksum = struct.pack("!H", internet_checksum(message))
        message, protocol = message[:2] + checksum + message[4:], socket.IPPROTO_ICMP
    else:
        address = socket.inet_pton(socket.AF_INET6, host)
        packet = struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + address + address + udp
        # The kernel fills the checksum of ICMPv6 in.
        message = struct.pack("!BBHBxxx", 1, 4, 0, len(packet) // 8) + packet + extension
        protocol = socket.IPPROTO_ICMPV6
    with Socket.raw(protocol, sock.family) as raw:
        raw.sendto(message, (host, 0))


def report_too_large(sock: Socket, mtu: int) -> None:
    """Tell a connected UDP socket over IPv4, from this host, that a packet of its was larger than an MTU."""
    (host, port), (other, other_port) = sock.getsockname(), sock.getpeername()
    addresses = socket.inet_aton(host) + socket.inet_aton(other)
    header = struct.pack("!BBHHHBBH", 0x45, 0, mtu + 1, 0, 0x4000, 64, socket.IPPROTO_UDP, 0) + addresses
    about = header + struct.pack("!HHHH", port, other_port, mtu + 1 - len(header), 0)
    checksum = internet_checksum(struct.pack("!BBHHH", 3, FRAGMENTATION_NEEDED, 0, 0, mtu) + about)
    with Socket.raw(socket.IPPROTO_ICMP) as raw:
        raw.sendto(struct.pack("!BBHHH", 3, FRAGMENTATION_NEEDED, checksum, 0, mtu) + about, (host, 0))


def extension_told(error: ExtendedError) -> list[int]:
    """Where in an error's payload the extension begins, and the flags: ``struct sock_ee_data_rfc4884``."""
    return list(struct.unpack("=HBx", error.data.to_bytes(4, sys.byteorder)))


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


def report(
    sock: Socket, kind: int, code: int, *, sequence: int = 0, to: tuple[str, int] | None = None, told: int = 0
) -> list[int]:
    """Tell a socket here, by ICMP or ICMPv6 of a type and code, of a packet of 9 bytes behind IP.

    ``to`` is where it was sent, if not to the peer; ``sequence`` its number in TCP; ``told`` the last word.
    Its type and code as they arrived.
    """
    (host, port), (other, other_port) = sock.getsockname()[:2], (to or sock.getpeername())[:2]
    ports = struct.pack("!HH", port, other_port)
    of_tcp = sock.type == socket.SOCK_STREAM
    begin = ports + (struct.pack("!I", sequence) if of_tcp else struct.pack("!HH", 9, 0)) + b"x"
    protocol = socket.IPPROTO_TCP if of_tcp else socket.IPPROTO_UDP
    addresses = socket.inet_pton(sock.family, host) + socket.inet_pton(sock.family, other)
    if sock.family == socket.AF_INET:
        size = 20 + len(begin)
        about = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0, 64, protocol, 0) + addresses + begin
        checksum = internet_checksum(struct.pack("!BBHI", kind, code, 0, told) + about)
        icmp = socket.IPPROTO_ICMP
    else:
        about = struct.pack("!IHBB", 6 << 28, len(begin), protocol, 64) + addresses + begin
        checksum, icmp = 0, socket.IPPROTO_ICMPV6  # which the kernel fills in
    with Socket.raw(icmp, sock.family) as raw:
        raw.rcvtimeo = SOON
        raw.sendto(struct.pack("!BBHI", kind, code, checksum, told) + about, (host, 0))
        arrived = raw.recv(200)[20 if sock.family == socket.AF_INET else 0 :]
    return list(arrived[:2])
