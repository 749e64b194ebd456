"""ICMP messages about segments that did not reach their end."""

from __future__ import annotations

import socket
import struct

from conformance.plugin.setups.segments import internet_checksum
from libsocket import Socket

PROTOCOL_UNREACHABLE, PORT_UNREACHABLE = 2, 3


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
