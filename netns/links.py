"""What ``ip`` and ``tc`` do inside a namespace: links, addresses, routes, rules, queueing."""

from __future__ import annotations

import errno
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network
from typing import Any

from netns.errors import LinkRefused
from netns.rtnetlink import FAMILIES, Rtnetlink, change_link, new_address, new_route, new_veth

_IFF_UP = 0x1
_veth_index = itertools.count(1001)


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface."""

    index: int
    name: str
    kind: str | None
    mtu: int
    """Bytes."""
    up: bool
    """It was set up."""
    carrier: bool
    """Its wire is connected: for a veth, both ends are up."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a routing table."""

    destination: str
    """``10.0.1.0/24``, or ``default``."""
    gateway: str | None
    device: str | None
    type: str
    table: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the policy that chooses a routing table."""

    priority: int
    fwmark: int | None
    source: str | None
    table: int


class Links:
    """The verbs of a Namespace; any thread may use them, wherever it is.

    All need CAP_NET_ADMIN in the user namespace that owns this one, and raise LinkRefused with the errno that
    the kernel answered over netlink (rtnetlink(7)).
    """

    def __init__(self) -> None:
        self._open = threading.local()

    def entered(self) -> AbstractContextManager[None]:
        """A block with the calling thread inside."""
        raise NotImplementedError

    def fileno(self) -> int:
        """The descriptor of the namespace."""
        raise NotImplementedError

    @contextmanager
    def iproute(self) -> Iterator[Any]:
        """A block with this thread inside and one pyroute2 ``IPRoute`` open, shared by what uses pyroute2.

        Rules, queueing and all that lists otherwise open one each, which takes most of their time.
        """
        from pyroute2.iproute import linux
        from pyroute2.netlink.exceptions import NetlinkError

        netlink: Any = linux.IPRoute  # its methods are made at run time and have no types
        with self.entered():
            if outer := getattr(self._open, "ipr", None):
                yield outer
                return
            try:
                with netlink() as self._open.ipr:
                    yield self._open.ipr
            except NetlinkError as error:
                raise LinkRefused(error.code, error.args[1]) from error
            except struct.error as error:
                raise LinkRefused(errno.EBADMSG, "the kernel's answer is no netlink message") from error
            finally:
                self._open.ipr = None

    @contextmanager
    def rtnetlink(self) -> Iterator[Rtnetlink]:
        """A block with this thread inside and a bare netlink socket open."""
        with self.entered(), Rtnetlink() as netlink:
            yield netlink

    def add_veth(self, name: str, peer: str, peer_namespace: Links | None = None) -> None:
        """Make a pair of connected interfaces, ``peer`` in another namespace or this one; both are down."""
        # With equal numbers on both sides the kernel sees no pair, and may take a second over its carrier.
        index = next(_veth_index)
        elsewhere = None if peer_namespace is None else peer_namespace.fileno()
        with self.rtnetlink() as netlink:
            try:
                netlink.request(new_veth(name, index, peer, elsewhere))
            except LinkRefused as error:
                if error.errno != errno.EEXIST:
                    raise
                # The name may be taken; and gVisor takes a link with a number for one that is there.
                netlink.request(new_veth(name, 0, peer, elsewhere))

    def set_link(self, device: str, *, up: bool | None = None, mtu: int | None = None) -> None:
        """Set an interface up or down, and the size in bytes of the largest packet it carries."""
        with self.rtnetlink() as netlink:
            netlink.request(change_link(interface_index(device), up=up, mtu=mtu))

    def add_address(self, device: str, address: str) -> None:
        """Give an interface an address, ``10.0.0.1/24`` or ``fd00::1/64``, usable at once.

        An IPv6 address is not probed for duplicates first.
        """
        with self.rtnetlink() as netlink:
            netlink.request(new_address(interface_index(device), ip_interface(address)))

    def add_route(
        self,
        destination: str,
        *,
        via: str | None = None,
        dev: str | None = None,
        type: str = "unicast",
        table: int | None = None,
        mtu: int | None = None,
        rto_min: float | None = None,
    ) -> None:
        """Add a route to a network such as ``10.0.2.0/24``; ``0.0.0.0/0`` and ``::/0`` are the defaults.

        ``type`` is a word of ip-route(8): unicast, local, blackhole, unreachable, prohibit, throw.
        ``mtu``, in bytes, is what the route carries without a closer look at the path. ``rto_min``, in
        seconds, is how long TCP waits at least before it sends again.
        """
        with self.rtnetlink() as netlink:
            index = None if dev is None else interface_index(dev)
            request = new_route(
                ip_network(destination),
                gateway=via,
                index=index,
                type=type,
                table=table,
                mtu=mtu,
                rto_min=rto_min,
            )
            netlink.request(request)

    def add_rule(
        self, *, table: int, fwmark: int | None = None, source: str | None = None, version: int = 4
    ) -> None:
        """Choose a routing table for packets with a mark (SO_MARK), from a network, or both.

        ``version`` is 4 or 6.
        """
        wanted: dict[str, Any] = {"fwmark": fwmark, "src": source}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        with self.iproute() as ipr:
            ipr.rule("add", table=table, family=FAMILIES[version], **wanted)

    def add_qdisc(
        self, device: str, kind: str, *, handle: str, parent: str = "root", **settings: Any
    ) -> None:
        """Put a queueing discipline of tc(8) on an interface, at its root or below the class ``parent``.

        ``add_qdisc("veth0", "tbf", handle="1:", rate="1mbit", burst=2048, limit=100_000)`` slows the
        interface down; ``add_qdisc("veth0", "pfifo_fast", handle="2:", parent="1:1")`` orders by SO_PRIORITY
        what waits there. Sizes are bytes. LinkRefused with ENOENT: the kernel has not got that kind.
        """
        with self.iproute() as ipr:
            ipr.tc(
                "add",
                index=interface_index(device),
                kind=kind,
                handle=handle,
                parent=_parent(parent),
                **settings,
            )

    def links(self) -> list[Link]:
        """All interfaces, in the order in which they were made."""
        with self.iproute() as ipr:
            return sorted((_link(message) for message in ipr.get_links()), key=lambda link: link.index)

    def addresses(self, device: str) -> list[str]:
        """The addresses of an interface with their prefix: ``127.0.0.1/8``."""
        with self.iproute() as ipr:
            rows = list(ipr.get_addr(index=interface_index(device)))
        return [f"{row.get('address')}/{row['prefixlen']}" for row in rows]

    def routes(self, *, table: int = 254, version: int = 4) -> list[Route]:
        """The routes of a table (254 is main, 255 local) for IPv4 or IPv6."""
        with self.iproute() as ipr:
            rows = list(ipr.get_routes(table=table, family=FAMILIES[version]))
            return [_route(row) for row in rows]

    def rules(self, *, version: int = 4) -> list[Rule]:
        """The policy rules, first to last."""
        with self.iproute() as ipr:
            return [_rule(row) for row in ipr.get_rules(family=FAMILIES[version])]

    def wait_for_carrier(self, device: str, *, timeout: float = 20.0) -> None:
        """Wait until a veth interface is up and has carrier: what is sent before that is lost.

        Carrier comes after the call that set the second end up, sometimes by a second. Loopback has
        none to wait for. Raises TimeoutError after ``timeout`` seconds.
        """
        with self.rtnetlink() as netlink:
            if not netlink.wait_for_carrier(interface_index(device), timeout):
                raise TimeoutError(f"{device} has no carrier after {timeout} seconds")


def interface_index(device: str) -> int:
    """The number of an interface where this thread is."""
    try:
        return socket.if_nametoindex(device)
    except OSError as error:
        socket.socket().close()  # Python keeps no errno; without a descriptor for a socket this fails too
        raise LinkRefused(errno.ENODEV, f"no interface {device} in this network namespace") from error


def _parent(parent: str) -> str | int:
    return 0xFFFF_FFFF if parent == "root" else parent


def _link(message: Any) -> Link:
    kind = message.get(("linkinfo", "kind"))
    up, carrier = bool(message["flags"] & _IFF_UP), bool(message.get("carrier"))
    return Link(message["index"], message.get("ifname"), kind, message.get("mtu"), up, carrier)


def _route(message: Any) -> Route:
    from pyroute2.netlink.rtnl import rt_type

    device = message.get("oif")
    return Route(
        destination=f"{message.get('dst')}/{message['dst_len']}" if message["dst_len"] else "default",
        gateway=message.get("gateway"),
        device=socket.if_indextoname(device) if device else None,
        type=str(rt_type[message["type"]]),
        table=message.get("table"),
    )


def _rule(message: Any) -> Rule:
    source = message.get("src")
    return Rule(
        priority=message.get("priority") or 0,
        fwmark=message.get("fwmark"),
        source=f"{source}/{message['src_len']}" if source else None,
        table=message.get("table"),
    )
