"""rtnetlink(7): the requests that change links, addresses, routes and rules, and a socket to send them by.

To make one takes some ten microseconds, and many times that by the classes of pyroute2, which read what the
kernel lists.
"""

from __future__ import annotations

import errno
import itertools
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network, ip_address
from typing import Any, Self, TypeVar

from netns.errors import LinkRefused
from netns.netlink import (
    NETLINK_EXT_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    SOL_NETLINK,
    NetlinkError,
    Reply,
    Request,
    attribute,
    attributes,
    batch,
    message,
    packed,
    receive,
    request,
)

_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_GETADDR = 16, 18, 20, 22
_RTM_NEWROUTE, _RTM_GETROUTE, _RTM_NEWRULE = 24, 26, 32
_NEW = NLM_F_CREATE | NLM_F_EXCL
_RTMGRP_LINK = 1

_IFF_UP, _IFF_LOWER_UP = 0x1, 0x1_0000
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_OPERSTATE = 3, 4, 5, 10, 16
_IFLA_LINKINFO, _IFLA_NET_NS_FD, _IFLA_EXT_MASK = 18, 28, 29
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_VETH_INFO_PEER, _IFLA_VRF_TABLE, _IFLA_MACVLAN_MODE = 1, 1, 1
_RTEXT_FILTER_SKIP_STATS = 0x8
_IF_OPER_UP = 6
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_METRICS, _RTA_TABLE = 1, 4, 5, 8, 15
_RTAX_LOCK, _RTAX_MTU, _RTAX_INITCWND, _RTAX_RTO_MIN = 1, 2, 11, 13
_RT_TABLE_MAIN, _RT_TABLE_COMPAT = 254, 252
_RTPROT_STATIC = 4
_RT_SCOPE_HOST = 254
_FRA_SRC, _FRA_FWMARK, _FRA_TABLE = 2, 10, 15
_FR_ACT_TO_TBL = 1

_LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, device type, index, flags, which flags to change."""
_ADDRESS = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, two prefix lengths, tos, table, protocol, scope, type, flags."""
_RULE = struct.Struct("=BBBBBxxBI")
"""struct fib_rule_hdr: family, two prefix lengths, tos, table, action, flags."""

_U32 = struct.Struct("=I")

_FAMILIES = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}
"""By version."""
_ROUTE_TYPES = {"unicast": 1, "local": 2, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9}
_MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}

_TAKEN_UP, _MOMENT = 2.0, 0.0005
"""Seconds: how long it is asked whether an address is taken up, and how often."""

_link_index = itertools.count(1001)

_W = TypeVar("_W", int, str)


def family_of(version: int) -> int:
    """The family of a version of IP; ValueError for another than 4 and 6."""
    return _number_of(_FAMILIES, version)


def _number_of(numbers: Mapping[_W, int], word: _W) -> int:
    try:
        return numbers[word]
    except KeyError:
        raise ValueError(f"{word!r} is none of {', '.join(map(str, numbers))}") from None


def new_link(name: str, kind: str, *, data: bytes = b"", index: int = 0, lower: int | None = None) -> bytes:
    """An interface of a kind, with attributes of the kind's own, on top of another."""
    info = _text(_IFLA_INFO_KIND, kind) + (attribute(_IFLA_INFO_DATA, data) if data else b"")
    on = b"" if lower is None else _number(_IFLA_LINK, lower)
    header = _LINK.pack(0, 0, index, 0, 0)
    return message(
        _RTM_NEWLINK, _NEW, header + _text(_IFLA_IFNAME, name) + on + attribute(_IFLA_LINKINFO, info)
    )


def new_veth(
    name: str, peer: str, peer_namespace: int | None, *, index: int = 0, peer_index: int = 0
) -> bytes:
    """A veth pair: one end here, its peer here or where a descriptor leads. The kernel chooses what is 0."""
    end = _LINK.pack(0, 0, peer_index, 0, 0) + _text(_IFLA_IFNAME, peer)
    if peer_namespace is not None:
        end += _number(_IFLA_NET_NS_FD, peer_namespace)
    return new_link(name, "veth", data=attribute(_VETH_INFO_PEER, end), index=index)


def new_vrf(name: str, table: int) -> bytes:
    """A VRF: what is enslaved to it uses this routing table."""
    return new_link(name, "vrf", data=_number(_IFLA_VRF_TABLE, table))


def new_macvlan(name: str, lower: int, mode: str) -> bytes:
    """An interface with a hardware address of its own on another one."""
    data = _number(_IFLA_MACVLAN_MODE, _number_of(_MACVLAN_MODES, mode))
    return new_link(name, "macvlan", data=data, lower=lower)


def change_link(
    index: int, *, up: bool | None = None, mtu: int | None = None, master: int | None = None
) -> bytes:
    """An interface set up or down, its MTU, the interface it is enslaved to (0: none), or all of these."""
    flags, change = (_IFF_UP if up else 0), (0 if up is None else _IFF_UP)
    body = _LINK.pack(0, 0, index, flags, change)
    body += b"" if mtu is None else _number(_IFLA_MTU, mtu)
    body += b"" if master is None else _number(_IFLA_MASTER, master)
    return message(_RTM_NEWLINK, 0, body)


def new_address(index: int, interface: IPv4Interface | IPv6Interface) -> bytes:
    """An address; one of IPv6 is not probed for duplicates."""
    flags = _IFA_F_NODAD if interface.version == 6 else 0
    header = _ADDRESS.pack(_FAMILIES[interface.version], interface.network.prefixlen, flags, 0, index)
    local, address = (attribute(kind, interface.packed) for kind in (_IFA_LOCAL, _IFA_ADDRESS))
    return message(_RTM_NEWADDR, _NEW, header + local + address)


def new_route(
    network: IPv4Network | IPv6Network,
    *,
    gateway: str | None = None,
    index: int | None = None,
    type: str = "unicast",
    table: int | None = None,
    mtu: int | None = None,
    rto_min: float | None = None,
    initcwnd: int | None = None,
) -> bytes:
    """A route in a table, the main one by default."""
    table = _RT_TABLE_MAIN if table is None else table
    scope = _RT_SCOPE_HOST if type == "local" else 0
    header = _ROUTE.pack(
        _FAMILIES[network.version],
        network.prefixlen,
        0,
        0,
        _in_header(table),
        _RTPROT_STATIC,
        scope,
        _number_of(_ROUTE_TYPES, type),
        0,
    )
    # gVisor wants the destination of a default route too, and refuses attributes that it does not know: none
    # is sent that says nothing.
    wanted = attribute(_RTA_DST, network.network_address.packed)
    if _in_header(table) != table:
        wanted += _number(_RTA_TABLE, table)
    if gateway is not None:
        wanted += attribute(_RTA_GATEWAY, ip_address(gateway).packed)
    if index is not None:
        wanted += _number(_RTA_OIF, index)
    if metrics := _metrics(mtu, rto_min, initcwnd):
        wanted += attribute(_RTA_METRICS, metrics)
    return message(_RTM_NEWROUTE, _NEW, header + wanted)


def _metrics(mtu: int | None, rto_min: float | None, initcwnd: int | None) -> bytes:
    metrics = b"" if mtu is None else _number(_RTAX_MTU, mtu)
    metrics += b"" if initcwnd is None else _number(_RTAX_INITCWND, initcwnd)
    if rto_min is not None:  # in milliseconds, and TCP looks at it only when it is locked
        metrics += _number(_RTAX_LOCK, 1 << _RTAX_RTO_MIN) + _number(_RTAX_RTO_MIN, round(rto_min * 1000))
    return metrics


def new_rule(
    family: int, *, table: int, fwmark: int | None, source: IPv4Network | IPv6Network | None
) -> bytes:
    """A rule that chooses a routing table."""
    length = 0 if source is None else source.prefixlen
    header = _RULE.pack(family, 0, length, 0, _in_header(table), _FR_ACT_TO_TBL, 0)
    wanted = _number(_FRA_TABLE, table)
    wanted += b"" if fwmark is None else _number(_FRA_FWMARK, fwmark)
    wanted += b"" if source is None else attribute(_FRA_SRC, source.network_address.packed)
    return message(_RTM_NEWRULE, _NEW, header + wanted)


class Rtnetlink:
    """A netlink socket in the network namespace of the thread that opens it; all raise LinkRefused."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, socket.NETLINK_ROUTE)
        with suppress(OSError):  # gVisor does not know why it refuses
            self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)

    def request(self, *requests: Request) -> list[Reply]:
        """Have requests carried out, in order; see batch()."""
        with _refusals():
            return batch(self._socket, requests)

    def dump(self, kind: type[Any], type: int, family: int = 0) -> list[Any]:
        """All that a request of this type lists, as a class of pyroute2 asks for it and reads it."""
        wanted = kind()
        wanted["header"].update(type=type, flags=NLM_F_DUMP)
        wanted["family"] = family
        return self._whole(wanted).decoded(kind)

    def _whole(self, wanted: Request) -> Reply:
        """The answer to a dump, of which nothing has changed meanwhile."""
        with _refusals():
            while (reply := request(self._socket, wanted)).interrupted:
                pass
            return reply

    def addresses(self, index: int) -> list[str]:
        """The addresses of an interface with their prefix: ``127.0.0.1/8``."""
        listed = self._whole(message(_RTM_GETADDR, NLM_F_DUMP, _ADDRESS.pack(0, 0, 0, 0, 0)))
        found = []
        for row in listed.messages:
            _, length, _, _, of = _ADDRESS.unpack_from(row.body)
            if of == index:
                address = dict(attributes(row.body[_ADDRESS.size :]))[_IFA_ADDRESS]
                found.append(f"{ip_address(address)}/{length}")
        return found

    def add_veth(self, name: str, peer: str, peer_namespace: int | None) -> tuple[int, int] | None:
        """Make a veth pair; see new_veth(). The indexes of both ends, or None where the kernel chose them."""
        # With equal indexes on both sides the kernel sees no pair, and may take a second over its carrier.
        peer_index, index = next(_link_index), next(_link_index)
        try:
            self.request(new_veth(name, peer, peer_namespace, index=index, peer_index=peer_index))
        except LinkRefused as error:
            # An index is taken, or a name; and gVisor takes a link with an index for one that is there.
            if error.errno not in {errno.EEXIST, errno.EBUSY}:
                raise
            self.request(new_veth(name, peer, peer_namespace))
            return None
        return index, peer_index

    def index(self, device: str) -> int:
        """The number of an interface. LinkRefused with ENODEV: there is none of that name."""
        wanted = _LINK.pack(0, 0, 0, 0, 0) + _number(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
        wanted += _text(_IFLA_IFNAME, device)
        try:
            (found,) = request(self._socket, message(_RTM_GETLINK, 0, wanted)).messages
        except NetlinkError as error:
            raise LinkRefused(error.errno, f"no interface {device} in this network namespace") from error
        index: int = _LINK.unpack_from(found.body)[2]
        return index

    def watch_links(self) -> None:
        """From now on receive an event for every change of a link in this namespace."""
        self._socket.bind((0, _RTMGRP_LINK))

    def wait_for_event(self, timeout: float | None = None) -> bool:
        """Wait until some link has changed; whether one has within ``timeout`` seconds."""
        happened = bool(select.select([self._socket], [], [], timeout)[0])
        if happened:
            receive(self._socket)
        return happened

    def operational(self, index: int) -> bool:
        """Whether an interface carries packets; since Linux 6.8 the question makes the kernel catch up."""
        (link,) = self.request(message(_RTM_GETLINK, 0, _LINK.pack(0, 0, index, 0, 0)))[0].messages
        flags = _LINK.unpack_from(link.body)[3]
        found = attributes(link.body[_LINK.size :])
        state = next((value for type, value in found if type == _IFLA_OPERSTATE), None)
        # IFF_RUNNING would be too early: it is also set while the operational state is unknown.
        # gVisor gives no operational state, and the carrier alone.
        return bool(flags & _IFF_LOWER_UP) if state is None else state == bytes([_IF_OPER_UP])

    def carrier(self, index: int) -> bool:
        """Whether the device of an interface could carry packets, as that of loopback always can."""
        (link,) = self.request(message(_RTM_GETLINK, 0, _LINK.pack(0, 0, index, 0, 0)))[0].messages
        return bool(_LINK.unpack_from(link.body)[3] & _IFF_LOWER_UP)

    def wait_for_address(self, address: IPv6Address, index: int) -> None:
        """Wait until what is sent to an address of an interface arrives here, or for long in vain."""
        end = time.monotonic() + _TAKEN_UP
        while not self._local(address, index) and time.monotonic() < end:
            time.sleep(_MOMENT)

    def _local(self, address: IPv6Address, index: int) -> bool:
        wanted = _ROUTE.pack(_FAMILIES[6], 128, 0, 0, 0, 0, 0, 0, 0)
        wanted += attribute(_RTA_DST, address.packed) + _number(_RTA_OIF, index)
        try:
            (route,) = request(self._socket, message(_RTM_GETROUTE, 0, wanted)).messages
        except NetlinkError:
            return False
        return bool(_ROUTE.unpack_from(route.body)[7] == _ROUTE_TYPES["local"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LinkRefused(error.errno, error.strerror) from error


def _in_header(table: int) -> int:
    """What the header, which has a byte for it, says of a table whose whole number is an attribute."""
    return table if table in range(256) else _RT_TABLE_COMPAT


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, packed(_U32, value))


def _text(kind: int, value: str) -> bytes:
    if "\0" in value:
        raise ValueError(f"the kernel would read {value!r} up to its NUL only")
    return attribute(kind, os.fsencode(value) + b"\0")
