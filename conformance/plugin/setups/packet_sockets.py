"""Packet sockets of hosts on a wire, and the frames of a type for experiments that pass between them."""

from __future__ import annotations

import fcntl
import select
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Packet, Socket
from netns import Host

ANOTHER: Final = 0x88B6
"""The second Ethernet type for local experiments (IEEE 802)."""
ETH_P_ALL: Final = 3
LOOPBACK: Final = 1
"""The index of loopback in every network namespace."""
TO_ALL: Final = b"\xff" * 6
TO_GROUP: Final = bytes([1, 0, 0x5E, 0, 0, 0x77])
SOMEBODY: Final = bytes([2, 0, 0, 0, 0, 0x99])
"""An address that no interface has."""
SENDER: Final = bytes([2, 0, 0, 0, 0, 0x11])
"""Another one, from which frames say that they come."""


def packet_socket(
    host: Host | None = None, type: int = socket.SOCK_RAW, protocol: int = EXPERIMENTAL
) -> Socket:
    """A packet socket on a host, or where this thread is, that gives up what does not come."""
    if host is not None:
        with host.entered():
            return packet_socket(None, type, protocol)
    sock = Socket.packet(type, protocol)
    sock.rcvtimeo = SOON
    return sock


def sending_socket(host: Host, type: int = socket.SOCK_RAW) -> Socket:
    """A packet socket on a host that receives nothing."""
    return packet_socket(host, type, 0)


def frame(data: bytes, *, to: bytes = TO_ALL, source: bytes = SENDER, protocol: int = EXPERIMENTAL) -> bytes:
    """An Ethernet frame."""
    return to + source + protocol.to_bytes(2, "big") + data


def received_until(last: str, sock: Socket) -> list[str]:
    """What the frames that come carry, as text, up to one that is sure to come."""

    def content() -> str:
        return sock.recv(2000)[HEADER:].decode()

    return [*iter(content, last), last]


def hardware_address(host: Host) -> bytes:
    """The link-layer address of a host on its wire."""
    with host.entered(), Socket.packet() as sock:
        sock.bind((host.device, 0))
        address: bytes = sock.getsockname()[4]
        assert address, "the socket is bound to no interface"
        return address


def name_of(sock: Socket) -> Packet:
    """The address that a packet socket is bound to."""
    name = sock.local_address()
    assert isinstance(name, Packet), f"{name!r} is no address of a packet socket"
    return name


def promiscuity(host: Host) -> list[int | None]:
    """How often a host's wire is asked to take every frame, and every multicast one; None if not told."""
    with host.namespace.iproute() as netlink:
        [found] = netlink.get_links(ifname=host.device)
        return [found.get("promiscuity"), found.get("allmulti")]


def hardware_groups(host: Host) -> list[str]:
    """The link-layer groups of the wire of a host, of those that tests join."""
    with host.entered():
        rows = [line.split() for line in Path("/proc/thread-self/net/dev_mcast").read_text().splitlines()]
    return [row[-1] for row in rows if row[1] == host.device and row[-1] == TO_GROUP.hex()]


def network_ioctl(sock: Socket, number: int, device: str, value: bytes) -> None:
    """An ioctl of netdevice(7), which takes a struct ifreq: the name of an interface, and a value."""
    fcntl.ioctl(sock, number, device.encode().ljust(16, b"\0") + value.ljust(24, b"\0"))


def network_number(sock: Socket, number: int, device: str) -> int:
    """The int that an ioctl of netdevice(7) gives of an interface."""
    asked = fcntl.ioctl(sock, number, device.encode().ljust(40, b"\0"))
    return int.from_bytes(asked[16:20], sys.byteorder, signed=True)


def order_of_arrival(sockets: Mapping[str, Socket], send: Callable[[], object]) -> list[str]:
    """Which of some sockets, to which nothing has come yet, something that is sent reaches first.

    epoll(7) lists them in the order in which they became readable.
    """
    names = {sock.fileno(): name for name, sock in sockets.items()}
    with select.epoll() as epoll:
        for number in names:
            epoll.register(number, select.EPOLLIN)
        epoll.poll(0)
        send()
        for sock in sockets.values():
            await_readable(sock)
        return [names[number] for number, _ in epoll.poll(0)]
