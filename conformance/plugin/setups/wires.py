"""Hosts with a second wire between them, addresses that come and go, and by which wire a packet came."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface
from typing import Any, Final

from conformance.plugin.setups.segments import SYN, segment
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Host, Namespace, Peers

FAR: Final = "10.9.9.9"
"""An address that the right host has on no wire of its own."""
_SECOND: Final = "veth3"
_ETH_P_IP: Final = 0x0800


def second_wire(hosts: Peers, *, up: bool = True) -> Peers:
    """The same two hosts by another wire, 10.0.3.0/24, which takes packets for any address of theirs."""
    sides = []
    hosts.left.namespace.add_veth(_SECOND, _SECOND, hosts.right.namespace)
    for number, host in enumerate((hosts.left, hosts.right), 1):
        namespace, address = host.namespace, f"10.0.3.{number}"
        namespace.add_address(_SECOND, f"{address}/24")
        namespace.sysctl.update(
            {f"net.ipv4.conf.{name}.rp_filter": 0 for name in ("all", host.device, _SECOND)}
        )
        if up:
            namespace.set_link(_SECOND, up=True)
        sides.append(Host(namespace, _SECOND, address, None))
    if up:
        hosts.left.namespace.wait_for_carrier(_SECOND)
        hosts.right.namespace.wait_for_carrier(_SECOND)
    return Peers(*sides)


def remove_address(host: Host, address: str) -> None:
    """Take an address, ``10.0.0.1/24``, from the wire of a host."""
    interface = ip_interface(address)
    with host.namespace.iproute() as netlink:
        index = _index(netlink, host.device)
        netlink.addr("delete", index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen)


def replace_route(destination: str, host: Host, *, via: str | None = None, **fields: Any) -> None:
    """Make a route of a host by its wire, in place of the one that there may be."""
    given = {**fields, **({"gateway": via} if via else {})}
    with host.namespace.iproute() as netlink:
        netlink.route("replace", dst=destination, oif=_index(netlink, host.device), **given)


def beyond(hosts: Peers) -> Peers:
    """A second wire, and an address on the right of neither: a route of the left leads there by the first."""
    other = second_wire(hosts)
    hosts.right.namespace.add_address("lo", f"{FAR}/32")
    replace_route(f"{FAR}/32", hosts.left, via=hosts.right.address)
    return other


def add_rule(namespace: Namespace, **fields: Any) -> None:
    """Choose a routing table for some packets, by the words of pyroute2."""
    with namespace.iproute() as netlink:
        netlink.rule("add", **fields)


def _index(netlink: Any, device: str) -> int:
    found: int = netlink.link_lookup(ifname=device)[0]
    return found


@dataclass(frozen=True)
class Came:
    """An IPv4 packet that came to a host, and the wire by which it came."""

    device: str
    packet: bytes

    @property
    def source(self) -> str:
        return socket.inet_ntoa(self.packet[12:16])

    @property
    def ttl(self) -> int:
        return self.packet[8]


@contextmanager
def coming(host: Host) -> Iterator[Socket]:
    """What sees every IPv4 packet that comes to a host, for :func:`came` and :func:`syn_came`."""
    with host.entered():
        sock = Socket.packet(socket.SOCK_DGRAM, _ETH_P_IP)
    with sock:
        sock.rcvtimeo = SOON
        yield sock


def came(seen: Socket, end: bytes) -> Came:
    """The next packet that ends with these bytes."""
    while True:
        packet, address = seen.recvfrom(70_000)
        if packet.endswith(end):
            return Came(address[0], packet)


def syn_came(seen: Socket) -> Came:
    """The next SYN."""
    while True:
        packet, address = seen.recvfrom(70_000)
        if packet[9] == socket.IPPROTO_TCP and segment(packet).flags == SYN:
            return Came(address[0], packet)
