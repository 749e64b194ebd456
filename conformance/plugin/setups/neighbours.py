"""Neighbours of a host, and the requests by which it asks whether they are still there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from conformance.plugin.setups.fast_open import address_of
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.packet_sockets import ETH_P_ALL, hardware_address, packet_socket
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Host, Peers

DELAY, PROBE = "delay", "probe"
"""States of a neighbour that is used and not known to be there: soon to be asked, and asked."""
_STATES: Final = {0x02: "reachable", 0x04: "stale", 0x08: DELAY, 0x10: PROBE, 0x20: "failed"}
"""NUD_* of linux/neighbour.h."""
_DELAY: Final = 60
"""Seconds for which a confirmation counts, and no test lasts; a new neighbour's was twice as long ago."""
_ARP_REQUEST: Final = b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"
"""An ARP packet over Ethernet that asks who has an IPv4 address, from the Ethernet type on."""
_IPV6: Final = b"\x86\xdd"
_NEIGHBOUR_SOLICITATION: Final = 135
"""A type of ICMPv6, RFC 4861."""


@dataclass(frozen=True)
class Neighbour:
    """What a host knows of another on its wire."""

    host: Host
    other: Host
    version: int
    frames: Socket
    """All frames that the host sends and receives."""

    @property
    def state(self) -> str:
        with self.host.namespace.iproute() as netlink:
            entries = netlink.get_neighbours(family=self._family)
            [found] = [one for one in entries if one.get("dst") == self._address]
            return _STATES[found["state"]]

    def become(self, state: str) -> None:
        """Be in a state from now on; that of ``delay`` is over at once."""
        with self.host.namespace.iproute() as netlink:
            [link] = netlink.get_links(ifname=self.host.device)
            netlink.neigh(
                "replace",
                family=self._family,
                dst=self._address,
                lladdr=hardware_address(self.other).hex(":"),
                ifindex=link["index"],
                state=state,
            )

    def be_new(self, state: str) -> None:
        """Be one of which nothing was heard yet, in a state."""
        with self.host.namespace.iproute() as netlink:
            [link] = netlink.get_links(ifname=self.host.device)
            netlink.neigh("delete", family=self._family, dst=self._address, ifindex=link["index"])
        self.become(state)

    def asked(self) -> bool:
        """Whether it was asked, by a frame to it alone, until it was known again whether it is there."""
        wait_until(lambda: self.state not in {DELAY, PROBE})
        found = False
        with suppress(BlockingIOError):
            while not found:
                found = self._asks(self.frames.recv(2000, socket.MSG_DONTWAIT))
        return found

    def _asks(self, frame: bytes) -> bool:
        """Whether it is a request that goes from the host to the other alone."""
        if frame[:12] != self._ends:
            return False
        address = socket.inet_pton(self._family, self._address)
        if self.version == 4:
            return frame[12:22] == _ARP_REQUEST and frame[38:42] == address
        solicits = frame[20:21] == bytes([socket.IPPROTO_ICMPV6]) and frame[54:55] == bytes(
            [_NEIGHBOUR_SOLICITATION]
        )
        return frame[12:14] == _IPV6 and solicits and frame[62:78] == address

    @cached_property
    def _ends(self) -> bytes:
        return hardware_address(self.other) + hardware_address(self.host)

    @property
    def _address(self) -> str:
        return address_of(self.other, self.version)

    @property
    def _family(self) -> int:
        return socket.AF_INET if self.version == 4 else socket.AF_INET6


@contextmanager
def unconfirmed_neighbour(hosts: Peers, kind: str) -> Iterator[tuple[Socket, Neighbour]]:
    """A sender on the left, and its neighbour on the right, from whom nothing has been heard for a while.

    A confirmation counts for a minute, whose end is not awaited: ``delay`` is over when the neighbour has
    become ``stale`` and then ``delay``.
    """
    left, right = hosts.left, hosts.right
    version = 6 if kind.endswith("6") else 4
    _remember(left, version)
    with right.entered():
        receiver = SOCKETS[kind]()
    with left.entered():
        sender = SOCKETS[kind]()
    with receiver, sender, packet_socket(left, protocol=ETH_P_ALL) as frames:
        neighbour = Neighbour(left, right, version, frames)
        receiver.bind((address_of(right, version), 0))
        neighbour.become("stale")
        sender.connect(receiver.getsockname())
        yield sender, neighbour


@contextmanager
def forgotten_neighbour(hosts: Peers, kind: str) -> Iterator[tuple[Socket, Socket, Neighbour]]:
    """A TCP client on the left, the server it is connected to, and its neighbour, of whom nothing was heard.

    As with :func:`unconfirmed_neighbour`.
    """
    left, right = hosts.left, hosts.right
    version = 6 if kind.endswith("6") else 4
    _remember(left, version)
    with right.entered(), listening(address_of(right, version)) as listener:
        with left.entered():
            client = SOCKETS[kind]()
        with client, packet_socket(left, protocol=ETH_P_ALL) as frames:
            client.connect(listener.getsockname())
            with listener.accept()[0] as server:
                server.rcvtimeo = SOON
                neighbour = Neighbour(left, right, version, frames)
                neighbour.be_new("stale")
                yield client, server, neighbour


def _remember(host: Host, version: int) -> None:
    """Let a confirmation that a neighbour is there count for a while."""
    timers = f"net.ipv{version}.neigh.{host.device}"
    host.namespace.sysctl[f"{timers}.delay_first_probe_time"] = _DELAY
    host.namespace.sysctl[f"{timers}.base_reachable_time_ms"] = 1000 * _DELAY
