"""IPv6: senders and receivers, and packets as a host receives them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.segments import SYN, internet_checksum
from conformance.plugin.timing import SOON
from libsocket import ExtendedError, Inet6, Option, Other, Socket
from netns import Host, Peers, Routed

ETH_P_IPV6: Final = 0x86DD
LOOPBACK: Final = 1
"""The index of the loopback interface."""
OPTIONS: Final = bytes([0, 0, 0x1E, 4]) + b"data"
"""A header of options, by hops or at the destination: one that nobody knows and all pass over, RFC 4727."""
OPTIONS_IN_UDP: Final = bytes([socket.IPPROTO_UDP]) + OPTIONS[1:]
"""The same as a UDP packet has it: what follows the header the kernel fills in."""
_HEADER = 40


@dataclass(frozen=True)
class Ipv6Packet:
    """An IPv6 packet: the fields of its header, and what follows that."""

    traffic_class: int
    flow_label: int
    length: int
    """Of what follows the header, as that says."""
    next_header: int
    hop_limit: int
    source: str
    destination: str
    payload: bytes


def ipv6_packets() -> Socket:
    """A packet socket that receives every IPv6 packet that arrives, for :func:`packet_ending`."""
    return Socket.packet(socket.SOCK_DGRAM, ETH_P_IPV6)


def packet_ending(arriving: Socket, end: bytes) -> Ipv6Packet:
    """The next packet that ends with these bytes; others, such as a host's own, are passed over."""
    arriving.rcvtimeo = SOON
    while True:
        packet = arriving.recv(70_000)
        if packet.endswith(end):
            return ipv6_packet(packet)


def set_and_cleared(option: Option[bytes], octets: bytes) -> list[Ipv6Packet]:
    """What a UDP socket sends: two packets with an option set, and one after it was set with no byte."""
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.set(option, octets)
        sender.send(b"first")
        sender.send(b"second")
        sender.set(option, b"")
        sender.send(b"after")
        return [packet_ending(seen, end) for end in (b"first", b"second", b"after")]


def packet_sizes(arriving: Socket) -> list[int]:
    """The sizes of the packets that the next datagram comes in: one, or its fragments."""
    arriving.rcvtimeo = SOON
    sizes, more = [], True
    while more:
        octets = arriving.recv(70_000)
        packet = ipv6_packet(octets)
        if packet.next_header in {socket.IPPROTO_UDP, socket.IPPROTO_FRAGMENT}:
            sizes.append(len(octets))
            more = packet.next_header == socket.IPPROTO_FRAGMENT and bool(packet.payload[3] & 1)
    return sizes


def ipv6_packet(octets: bytes) -> Ipv6Packet:
    """A packet by its bytes, which begin with the IPv6 header."""
    first = int.from_bytes(octets[:4], "big")
    return Ipv6Packet(
        traffic_class=first >> 20 & 0xFF,
        flow_label=first & 0xFFFFF,
        length=int.from_bytes(octets[4:6], "big"),
        next_header=octets[6],
        hop_limit=octets[7],
        source=socket.inet_ntop(socket.AF_INET6, octets[8:24]),
        destination=socket.inet_ntop(socket.AF_INET6, octets[24:_HEADER]),
        payload=octets[_HEADER:],
    )


def inet6(host: str, port: int, *, family: int = socket.AF_INET6, size: int = 28) -> Other:
    """The first bytes of a struct sockaddr_in6, of another family if need be."""
    return Other(family, Inet6(host, port).raw[2:size])


def tcp6() -> Socket:
    return Socket.tcp(socket.AF_INET6)


def udp6() -> Socket:
    return Socket.udp(socket.AF_INET6)


def raw6(protocol: int = 253) -> Socket:
    """A raw socket, of a protocol that nobody has (RFC 3692) or of another."""
    return Socket.raw(protocol, socket.AF_INET6)


def udp6_pair() -> tuple[Socket, Socket]:
    """Two UDP sockets on loopback: a sender, and a receiver that it is connected to."""
    sender, receiver = udp_pair("::1")
    receiver.rcvtimeo = SOON
    return sender, receiver


@contextmanager
def udp6_across(hosts: Peers | Routed) -> Iterator[tuple[Socket, Socket]]:
    """A UDP sender on the left that is connected to a receiver on the right."""
    with hosts.left.entered():
        sender = udp6()
    with hosts.right.entered():
        receiver = udp6()
    with sender, receiver:
        receiver.bind((address6(hosts.right), 0))
        receiver.rcvtimeo = SOON
        sender.connect(receiver.getsockname())
        yield sender, receiver


def packet_options(kind: int, data: bytes) -> bytes:
    """A control message of IPv6 as IPV6_2292PKTOPTIONS takes it."""
    header = struct.pack("@Nii", struct.calcsize("@Nii") + len(data), socket.IPPROTO_IPV6, kind)
    return header + data


def queued_error(sock: Socket) -> ExtendedError:
    """The next error of a socket's error queue. A kernel that has queued none differs."""
    error = sock.recv_error()
    assert isinstance(error, ExtendedError), "no error is queued"
    return error


def address6(host: Host) -> str:
    """A host's IPv6 address."""
    assert host.address6, "the kernel has no IPv6"
    return host.address6


def index_of(host: Host) -> int:
    """The index of a host's interface."""
    with host.entered():
        return socket.if_nametoindex(host.device)


def syn6(source: str, destination: str, port: int) -> bytes:
    """A packet that asks for a TCP connection to a port, from the port 9 of an address."""
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    header = struct.pack("!HHIIHHHH", 9, port, 1000, 0, 5 << 12 | SYN, 65_535, 0, 0)
    pseudo = addresses + len(header).to_bytes(4, "big") + socket.IPPROTO_TCP.to_bytes(4, "big")
    whole = header[:16] + internet_checksum(pseudo + header).to_bytes(2, "big") + header[18:]
    return struct.pack("!IHBB", 6 << 28, len(whole), socket.IPPROTO_TCP, 64) + addresses + whole
