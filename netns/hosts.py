"""Hosts on a wire: two namespaces and a veth pair, with or without a router between them."""

from __future__ import annotations

import errno
import functools
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_interface, ip_network
from typing import NamedTuple

from netns.namespace import Namespace
from netns.rtnetlink import Rtnetlink, change_link, new_address, new_route
from netns.sysctl import Sysctl


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace with an interface on a wire, up and ready."""

    namespace: Namespace
    device: str
    address: str
    """IPv4, without its prefix: ``10.0.1.1``."""
    address6: str | None
    """IPv6, or None where the kernel has none."""

    def entered(self) -> AbstractContextManager[None]:
        """A block with this thread on this host; see Namespace.entered."""
        return self.namespace.entered()


@dataclass(frozen=True, slots=True)
class Peers:
    """Two hosts on one wire, 10.0.1.0/24 and fd00:1::/64."""

    left: Host
    right: Host


@dataclass(frozen=True, slots=True)
class Routed:
    """Two hosts with a router between them.

    Left of it are 10.0.1.0/24 and fd00:1::/64, right of it 10.0.2.0/24 and fd00:2::/64.
    """

    left: Host
    right: Host
    router: Host
    """Its interface towards ``left``."""
    router_right: Host
    """Its interface towards ``right``; the namespace is the same."""


@contextmanager
def peers() -> Iterator[Peers]:
    """Two hosts that reach each other, each with IPv4 and IPv6, for the length of a block.

    This thread stays where it is; ``with hosts.left.entered():`` puts it on a host. Both namespaces are
    closed at the end. Needs CAP_SYS_ADMIN and CAP_NET_ADMIN; raises NamespaceRefused.
    """
    with ExitStack() as namespaces:
        with ExitStack() as sockets:
            left, right = (_site(namespaces, sockets) for _ in range(2))
            hosts = Peers(*_join(left, right, net=1))
        yield hosts


@contextmanager
def routed() -> Iterator[Routed]:
    """Two hosts that reach each other through a router which forwards IPv4 and IPv6; else as peers()."""
    with ExitStack() as namespaces:
        with ExitStack() as sockets:
            left, router, right = (_site(namespaces, sockets) for _ in range(3))
            near, near_side = _join(left, router, net=1)
            far_side, far = _join(router, right, net=2)
            _forward(router)
            _add_default_routes(left, near, near_side)
            _add_default_routes(right, far, far_side)
            hosts = Routed(near, far, near_side, far_side)
        yield hosts


_USABLE_AT_ONCE = {"net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.default.disable_ipv6": 0}
"""For IPv6 addresses, whatever the defaults of the host are."""


class _Site(NamedTuple):
    """A namespace that becomes a host, and a socket that is open in it meanwhile."""

    namespace: Namespace
    netlink: Rtnetlink
    ipv6: bool
    """The kernel has it."""


def _site(namespaces: ExitStack, sockets: ExitStack) -> _Site:
    namespace = namespaces.enter_context(closing(Namespace()))
    with namespace.entered():
        for name, value in _USABLE_AT_ONCE.items():
            _set_if_there(Sysctl(nullcontext), name, value)
        return _Site(namespace, sockets.enter_context(Rtnetlink()), _has_ipv6())


@functools.cache
def _has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return False
    return True


def _set_if_there(sysctl: Sysctl, name: str, value: int) -> None:
    """gVisor has IPv6, and no sysctls of it."""
    with suppress(KeyError):
        sysctl[name] = value


def _join(left: _Site, right: _Site, *, net: int) -> tuple[Host, Host]:
    """Join two namespaces; the interface is named after the wire: veth1, veth2."""
    device = f"veth{net}"
    chosen = left.netlink.add_veth(device, device, right.namespace.fileno())
    near, far = chosen or (left.netlink.index(device), right.netlink.index(device))
    hosts = _connect(left, near, net, 1), _connect(right, far, net, 2)
    for site, index in (left, near), (right, far):
        if not site.netlink.operational(index):
            site.namespace.wait_for_carrier(device)
    for site, index, host in zip((left, right), (near, far), hosts, strict=True):
        if host.address6:
            site.netlink.wait_for_address(IPv6Address(host.address6), index)
    return hosts


def _connect(site: _Site, index: int, net: int, number: int) -> Host:
    host = Host(
        site.namespace,
        device=f"veth{net}",
        address=f"10.0.{net}.{number}",
        address6=f"fd00:{net}::{number}" if site.ipv6 else None,
    )
    addresses = [f"{host.address}/24", *([f"{host.address6}/64"] if host.address6 else [])]
    up = change_link(index, up=True)
    site.netlink.request(up, *(new_address(index, ip_interface(address)) for address in addresses))
    return host


def _forward(router: _Site) -> None:
    sysctl = router.namespace.sysctl
    sysctl["net.ipv4.ip_forward"] = 1
    _set_if_there(sysctl, "net.ipv6.conf.all.forwarding", 1)


def _add_default_routes(site: _Site, host: Host, router: Host) -> None:
    index = site.netlink.index(host.device)  # gVisor asks for it beside the gateway
    routes = [new_route(ip_network("0.0.0.0/0"), gateway=router.address, index=index)]
    if router.address6:
        routes.append(new_route(ip_network("::/0"), gateway=router.address6, index=index))
    site.netlink.request(*routes)
