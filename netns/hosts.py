"""Hosts on a wire: two namespaces and a veth pair, with or without a router between them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface

from netns.links import interface_index
from netns.namespace import Namespace
from netns.rtnetlink import change_link, new_address


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
    with ExitStack() as stack:
        left, right = (stack.enter_context(_namespace()) for _ in range(2))
        yield Peers(*_join(left, right, net=1))


@contextmanager
def routed() -> Iterator[Routed]:
    """Two hosts that reach each other through a router which forwards IPv4 and IPv6; else as peers()."""
    with ExitStack() as stack:
        left, router, right = (stack.enter_context(_namespace()) for _ in range(3))
        near, near_side = _join(left, router, net=1)
        far_side, far = _join(router, right, net=2)
        _forward(router)
        _add_default_routes(near, near_side)
        _add_default_routes(far, far_side)
        yield Routed(near, far, near_side, far_side)


_USABLE_AT_ONCE = {"net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.default.disable_ipv6": 0}
"""For IPv6 addresses, whatever the defaults of the host are."""


def _has_ipv6() -> bool:
    return os.path.exists("/proc/sys/net/ipv6/conf")


@contextmanager
def _namespace() -> Iterator[Namespace]:
    with closing(Namespace()) as namespace:
        if _has_ipv6():
            namespace.sysctl.update(_USABLE_AT_ONCE)
        yield namespace


def _join(left: Namespace, right: Namespace, *, net: int) -> tuple[Host, Host]:
    """Join two namespaces; the interface is named after the wire: veth1, veth2."""
    device = f"veth{net}"
    left.add_veth(device, device, right)
    ends = _connect(left, net, 1), _connect(right, net, 2)
    left.wait_for_carrier(device)
    right.wait_for_carrier(device)
    return ends


def _connect(namespace: Namespace, net: int, number: int) -> Host:
    host = Host(
        namespace,
        device=f"veth{net}",
        address=f"10.0.{net}.{number}",
        address6=f"fd00:{net}::{number}" if _has_ipv6() else None,
    )
    addresses = [f"{host.address}/24", *([f"{host.address6}/64"] if host.address6 else [])]
    with namespace.rtnetlink() as netlink:
        index = interface_index(host.device)
        up = change_link(index, up=True)
        netlink.request(up, *(new_address(index, ip_interface(address)) for address in addresses))
    return host


def _forward(router: Namespace) -> None:
    router.sysctl["net.ipv4.ip_forward"] = 1
    if _has_ipv6():
        router.sysctl["net.ipv6.conf.all.forwarding"] = 1


def _add_default_routes(host: Host, router: Host) -> None:
    host.namespace.add_route("0.0.0.0/0", via=router.address, dev=host.device)
    if router.address6:
        host.namespace.add_route("::/0", via=router.address6, dev=host.device)
