"""What ``ip`` and ``tc`` do inside a namespace: links, addresses, routes, rules, queueing."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv6Interface, ip_interface, ip_network
from typing import Any

from netns.errors import LinkRefused
from netns.qdisc import new_qdisc
from netns.rtnetlink import (
    Rtnetlink,
    change_link,
    family_of,
    new_address,
    new_link,
    new_macvlan,
    new_route,
    new_rule,
    new_vrf,
)

_IFF_UP = 0x1

_CONFIG = {
    "bridge": "BRIDGE",
    "dummy": "DUMMY",
    "macvlan": "MACVLAN",
    "veth": "VETH",
    "vrf": "NET_VRF",
}
"""By kind of link, what builds it into a kernel, or as a module of that kind's name."""


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
    master: str | None
    """The bridge or VRF that it is enslaved to."""


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
    the kernel answered over netlink (rtnetlink(7)), or ValueError for what cannot be asked for: a word or an
    address that is none, a number that does not fit.
    """

    def entered(self) -> AbstractContextManager[None]:
        """A block with the calling thread inside."""
        raise NotImplementedError

    def fileno(self) -> int:
        """The descriptor of the namespace."""
        raise NotImplementedError

    @contextmanager
    def iproute(self) -> Iterator[Any]:
        """A block with this thread inside and pyroute2's ``IPRoute`` open, for what has no verb here."""
        from pyroute2.iproute import linux
        from pyroute2.netlink.exceptions import NetlinkError

        netlink: Any = linux.IPRoute  # its methods are made at run time and have no types
        with self.entered():
            try:
                with netlink() as ipr:
                    yield ipr
            except NetlinkError as error:
                raise LinkRefused(error.code, error.args[1]) from error
            except struct.error as error:
                raise LinkRefused(errno.EBADMSG, "the kernel's answer is no netlink message") from error

    @contextmanager
    def rtnetlink(self) -> Iterator[Rtnetlink]:
        """A block with this thread inside and a bare netlink socket open."""
        with self.entered(), Rtnetlink() as netlink:
            yield netlink

    def add_veth(self, name: str, peer: str, peer_namespace: Links | None = None) -> None:
        """Make a pair of connected interfaces, ``peer`` in another namespace or this one; both are down."""
        elsewhere = None if peer_namespace is None else peer_namespace.fileno()
        with self.rtnetlink() as netlink, _built("veth"):
            netlink.add_veth(name, peer, elsewhere)

    def add_dummy(self, name: str) -> None:
        """Make an interface that drops what is sent by it; it is down."""
        self._add_link("dummy", new_link(name, "dummy"))

    def add_bridge(self, name: str) -> None:
        """Make a bridge, which forwards between the interfaces whose master it is; it is down."""
        self._add_link("bridge", new_link(name, "bridge"))

    def add_vrf(self, name: str, *, table: int) -> None:
        """Make a VRF, whose routing table is that of the interfaces whose master it is; it is down.

        Sockets that are bound to it use that table too. The first VRF adds the rule that looks it up.
        """
        self._add_link("vrf", new_vrf(name, table))

    def add_macvlan(self, name: str, device: str, *, mode: str = "bridge") -> None:
        """Make an interface on top of another, with a hardware address of its own; it is down.

        ``mode`` is a word of ip-link(8): bridge, private, vepa, passthru.
        """
        with self.rtnetlink() as netlink, _built("macvlan"):
            netlink.request(new_macvlan(name, netlink.index(device), mode))

    def _add_link(self, kind: str, request: bytes) -> None:
        with self.rtnetlink() as netlink, _built(kind):
            netlink.request(request)

    def set_link(
        self, device: str, *, up: bool | None = None, mtu: int | None = None, master: str | None = None
    ) -> None:
        """Set an interface up or down, the size in bytes of the largest packet it carries, and its master.

        The master is a bridge or a VRF; an empty name frees the interface from the one it has.
        """
        with self.rtnetlink() as netlink:
            index = netlink.index(device)
            number = None if master is None else netlink.index(master) if master else 0
            netlink.request(change_link(index, up=up, mtu=mtu, master=number))

    def add_address(self, device: str, address: str) -> None:
        """Give an interface an address, ``10.0.0.1/24`` or ``fd00::1/64``, usable at once.

        An IPv6 address is not probed for duplicates first. The kernel takes its packets a moment later, which
        is waited for on an interface that is up.
        """
        interface = ip_interface(address)
        with self.rtnetlink() as netlink:
            index = netlink.index(device)
            netlink.request(new_address(index, interface))
            if isinstance(interface, IPv6Interface) and netlink.carrier(index):
                netlink.wait_for_address(interface.ip, index)

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
        initcwnd: int | None = None,
    ) -> None:
        """Add a route to a network such as ``10.0.2.0/24``; ``0.0.0.0/0`` and ``::/0`` are the defaults.

        ``type`` is a word of ip-route(8): unicast, local, blackhole, unreachable, prohibit, throw.
        ``mtu``, in bytes, is what the route carries without a closer look at the path. ``rto_min``, in
        seconds, is how long TCP waits at least before it sends again. ``initcwnd``, in segments, is the
        congestion window a connection of TCP begins with.
        """
        with self.rtnetlink() as netlink:
            index = None if dev is None else netlink.index(dev)
            request = new_route(
                ip_network(destination),
                gateway=via,
                index=index,
                type=type,
                table=table,
                mtu=mtu,
                rto_min=rto_min,
                initcwnd=initcwnd,
            )
            netlink.request(request)

    def add_rule(
        self, *, table: int, fwmark: int | None = None, source: str | None = None, version: int = 4
    ) -> None:
        """Choose a routing table for packets with a mark (SO_MARK), from a network, or both.

        ``version`` is 4 or 6.
        """
        network = None if source is None else ip_network(source)
        with self.rtnetlink() as netlink:
            netlink.request(new_rule(family_of(version), table=table, fwmark=fwmark, source=network))

    def add_qdisc(
        self, device: str, kind: str, *, handle: str | None = None, parent: str = "root", **settings: Any
    ) -> None:
        """Put a queueing discipline of tc(8) on an interface, at its root or below the class ``parent``.

        ``add_qdisc("veth0", "tbf", handle="1:", rate="1mbit", burst=2048, limit=100_000)`` slows the
        interface down; ``add_qdisc("veth0", "pfifo_fast", parent="1:1")`` orders by SO_PRIORITY
        what waits there. Sizes are bytes. Without a ``handle`` the kernel chooses one. The settings are those
        of pyroute2's ``tc``; ValueError for a kind of which it knows none, such as fq. Those of etf are
        ``clockid``, ``delta`` in nanoseconds and ``deadline_mode``, as in tc-etf(8).
        """
        with self.rtnetlink() as netlink, _built_qdisc(kind, parent):
            index = netlink.index(device)
            netlink.request(new_qdisc(index, kind, handle=handle, parent=parent, settings=settings))

    def add_netem(
        self, device: str, *, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0, **settings: Any
    ) -> None:
        """Delay, lose, duplicate or reorder what an interface sends, as tc-netem(8) does, at its root.

        ``delay`` and ``jitter`` are seconds, ``loss`` percent of the packets. The other settings are those of
        pyroute2's ``netem``: ``limit`` packets, ``duplicate`` percent.
        """
        settings |= {"delay": round(delay * 1_000_000), "jitter": round(jitter * 1_000_000), "loss": loss}
        self.add_qdisc(device, "netem", **settings)

    def links(self) -> list[Link]:
        """All interfaces, in the order in which they were made."""
        from pyroute2.netlink.rtnl import RTM_GETLINK
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

        with self.rtnetlink() as netlink:
            rows = netlink.dump(ifinfmsg, RTM_GETLINK)
        names = {row["index"]: row.get("ifname") for row in rows}
        return sorted((_link(row, names) for row in rows), key=lambda link: link.index)

    def addresses(self, device: str) -> list[str]:
        """The addresses of an interface with their prefix: ``127.0.0.1/8``."""
        with self.rtnetlink() as netlink:
            return netlink.addresses(netlink.index(device))

    def routes(self, *, table: int = 254, version: int = 4) -> list[Route]:
        """The routes of a table (254 is main, 255 local) for IPv4 or IPv6."""
        from pyroute2.netlink.rtnl import RTM_GETROUTE
        from pyroute2.netlink.rtnl.rtmsg import rtmsg

        with self.rtnetlink() as netlink:
            rows = netlink.dump(rtmsg, RTM_GETROUTE, family_of(version))
            return [_route(row) for row in rows if row.get("table") == table]

    def rules(self, *, version: int = 4) -> list[Rule]:
        """The policy rules, first to last."""
        from pyroute2.netlink.rtnl import RTM_GETRULE
        from pyroute2.netlink.rtnl.fibmsg import fibmsg

        with self.rtnetlink() as netlink:
            return [_rule(row) for row in netlink.dump(fibmsg, RTM_GETRULE, family_of(version))]

    def wait_for_carrier(self, device: str, *, timeout: float = 20.0) -> None:
        """Wait until a veth interface is up and has carrier: what is sent before that is lost.

        Carrier comes after the call that set the second end up, sometimes by a second. Loopback has
        none to wait for. Raises TimeoutError after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        with self.rtnetlink() as netlink, Rtnetlink() as events:
            with suppress(PermissionError):  # gVisor sends no events; a link is as it will be once it is made
                events.watch_links()
            index = netlink.index(device)
            while not netlink.operational(index):
                if not events.wait_for_event(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"{device} has no carrier after {timeout} seconds")


@contextmanager
def _built(kind: str) -> Iterator[None]:
    """A block that makes a link of a kind, which not every kernel has."""
    try:
        yield
    except LinkRefused as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        raise _missing(error, f"links of kind {kind}", kind, _CONFIG[kind]) from error


@contextmanager
def _built_qdisc(kind: str, parent: str) -> Iterator[None]:
    """A block that makes a queueing discipline of a kind, which not every kernel has."""
    try:
        yield
    except LinkRefused as error:
        if error.errno != errno.ENOENT or parent != "root":  # the parent too may be what is not there
            raise
        raise _missing(error, f"qdisc {kind}", f"sch_{kind}", f"NET_SCH_{kind.upper()}") from error


def _missing(error: LinkRefused, what: str, module: str, config: str) -> LinkRefused:
    way_out = f"load its module {module}, or run on a kernel with CONFIG_{config}"
    return LinkRefused(error.errno, f"this kernel has no {what}; {way_out} ({error.strerror})")


def _link(message: Any, names: Mapping[int, str]) -> Link:
    return Link(
        index=message["index"],
        name=message.get("ifname"),
        kind=message.get(("linkinfo", "kind")),
        mtu=message.get("mtu"),
        up=bool(message["flags"] & _IFF_UP),
        carrier=bool(message.get("carrier")),
        master=names.get(message.get("master")),
    )


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
