"""Neighbours of a host, and the ARP requests by which it asks whether they are still there."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from conformance.plugin.setups.packet_sockets import hardware_address
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Host, Peers

_ETH_P_ARP: Final = 0x0806
_UNKNOWN: Final = 0x08 | 0x10
"""NUD_DELAY and NUD_PROBE: it is not known whether the neighbour is there."""
_REQUEST: Final = b"\0\x01"
"""The operation of an ARP packet that asks."""
_A_WHILE: Final = 0.2
"""Seconds between the datagram by which the delay begins and the next, which is long before its end."""


@contextmanager
def about_to_be_probed(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A UDP sender on the left whose neighbour will be asked in a second; the requests that come there."""
    left, right = hosts.left, hosts.right
    left.namespace.sysctl[f"net.ipv4.neigh.{left.device}.delay_first_probe_time"] = 1
    with right.entered():
        arriving, receiver = Socket.packet(socket.SOCK_DGRAM, _ETH_P_ARP), Socket.udp()
    with left.entered():
        sender = Socket.udp()
    with arriving, receiver, sender:
        receiver.bind((right.address, 0))
        _make_stale(left, right)
        sender.connect(receiver.getsockname())
        sender.send(b"begins the delay")
        time.sleep(_A_WHILE)
        yield sender, arriving


def asked_until_known(hosts: Peers, arriving: Socket) -> bool:
    """Whether a request has come once it is known again whether the neighbour is there."""
    until = time.monotonic() + SOON
    while _state(hosts.left, hosts.right) & _UNKNOWN and time.monotonic() < until:
        time.sleep(0.01)
    asked = False
    with suppress(BlockingIOError):
        while not asked:
            asked = arriving.recv(100, socket.MSG_DONTWAIT)[6:8] == _REQUEST
    return asked


def _make_stale(host: Host, neighbour: Host) -> None:
    with host.namespace.iproute() as netlink:
        [link] = netlink.get_links(ifname=host.device)
        address = hardware_address(neighbour).hex(":")
        netlink.neigh("replace", dst=neighbour.address, lladdr=address, ifindex=link["index"], state="stale")


def _state(host: Host, neighbour: Host) -> int:
    with host.namespace.iproute() as netlink:
        [found] = [one for one in netlink.get_neighbours() if one.get("dst") == neighbour.address]
        return int(found["state"])
