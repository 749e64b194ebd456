"""Hosts on a wire: two namespaces and a veth pair, with or without a router between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from netns.namespace import Namespace


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
        left, right = (stack.enter_context(_machine()) for _ in range(2))
        yield Peers(*_wire(left, right, net=1))


@contextmanager
def routed() -> Iterator[Routed]:
    """Two hosts that reach each other through a router which forwards IPv4 and IPv6; else as peers()."""
    with ExitStack() as stack:
        left, router, right = (stack.enter_context(_machine()) for _ in range(3))
        near, near_side = _wire(left, router, net=1)
        far_side, far = _wire(router, right, net=2)
        _forward(router)
        _reach_through(near, near_side)
        _reach_through(far, far_side)
        yield Routed(near, far, near_side, far_side)


@contextmanager
def _machine() -> Iterator[Namespace]:
    namespace = Namespace()
    try:
        if "net.ipv6.conf" in namespace.sysctl:
            # Addresses are usable at once, whatever the host's defaults are.
            namespace.sysctl["net.ipv6.conf.default.accept_dad"] = 0
            namespace.sysctl["net.ipv6.conf.default.disable_ipv6"] = 0
        yield namespace
    finally:
        namespace.close()


def _wire(left: Namespace, right: Namespace, *, net: int) -> tuple[Host, Host]:
    """Join two namespaces; the interface is named after the wire: veth1, veth2."""
    device = f"veth{net}"
    with left.routing(), right.routing():
        left.add_veth(device, device, right)
        ends = _connect(left, net, 1), _connect(right, net, 2)
        left.wait_for_carrier(device)
        right.wait_for_carrier(device)
    return ends


def _connect(namespace: Namespace, net: int, number: int) -> Host:
    device, six = f"veth{net}", "net.ipv6.conf" in namespace.sysctl
    host = Host(namespace, device, f"10.0.{net}.{number}", f"fd00:{net}::{number}" if six else None)
    namespace.set_link(device, up=True)
    namespace.add_address(device, f"{host.address}/24")
    if host.address6:
        namespace.add_address(device, f"{host.address6}/64")
    return host


def _forward(router: Namespace) -> None:
    router.sysctl["net.ipv4.ip_forward"] = 1
    if "net.ipv6.conf" in router.sysctl:
        router.sysctl["net.ipv6.conf.all.forwarding"] = 1


def _reach_through(host: Host, router: Host) -> None:
    with host.namespace.routing():
        host.namespace.add_route("0.0.0.0/0", via=router.address)
        if router.address6:
            host.namespace.add_route("::/0", via=router.address6)
