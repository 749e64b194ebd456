"""rtnetlink(7) without a library, for what nearly every test asks of a namespace: links, addresses, routes.

A request takes some ten microseconds here and milliseconds by pyroute2, which does everything else.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address
from typing import Self

from netns.errors import LinkRefused

_NLMSG_ERROR = 2
_RTM_NEWLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 18, 20, 24
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_EXCL, _NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
_NEW = _NLM_F_CREATE | _NLM_F_EXCL
_RTMGRP_LINK = 1

_IFF_UP, _IFF_LOWER_UP = 0x1, 0x1_0000
_IFLA_IFNAME, _IFLA_MTU, _IFLA_OPERSTATE, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 4, 16, 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IF_OPER_UP = 6
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_METRICS, _RTA_TABLE = 1, 4, 5, 8, 15
_RTAX_LOCK, _RTAX_MTU, _RTAX_RTO_MIN = 1, 2, 13
_RT_TABLE_MAIN, _RT_TABLE_COMPAT = 254, 252
_RTPROT_STATIC = 4
_RT_SCOPE_HOST = 254

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, port."""
_ATTRIBUTE = struct.Struct("=HH")
"""struct nlattr: length and type."""
_LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, device type, index, flags, which flags to change."""
_ADDRESS = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_ROUTE = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, two prefix lengths, tos, table, protocol, scope, type, flags."""

_ERROR = struct.Struct("=i")
"""The beginning of struct nlmsgerr: a negative errno, or 0."""
_ROOM = 65536

FAMILIES = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}
"""By version."""
_ROUTE_TYPES = {"unicast": 1, "local": 2, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9}

Request = tuple[int, int, bytes]
"""Type, flags, and what follows the header."""


def new_veth(name: str, index: int, peer: str, peer_namespace: int | None) -> Request:
    """A veth pair: one end here with this index, its peer here or where a descriptor leads."""
    end = _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_IFNAME, peer)
    if peer_namespace is not None:
        end += _number(_IFLA_NET_NS_FD, peer_namespace)
    data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, end))
    info = _attribute(_IFLA_LINKINFO, _text(_IFLA_INFO_KIND, "veth") + data)
    return _RTM_NEWLINK, _NEW, _LINK.pack(0, 0, index, 0, 0) + _text(_IFLA_IFNAME, name) + info


def change_link(index: int, *, up: bool | None = None, mtu: int | None = None) -> Request:
    """An interface set up or down, its MTU, or both."""
    flags, change = (_IFF_UP if up else 0), (0 if up is None else _IFF_UP)
    size = b"" if mtu is None else _number(_IFLA_MTU, mtu)
    return _RTM_NEWLINK, 0, _LINK.pack(0, 0, index, flags, change) + size


def new_address(index: int, interface: IPv4Interface | IPv6Interface) -> Request:
    """An address; one of IPv6 is not probed for duplicates."""
    flags = _IFA_F_NODAD if interface.version == 6 else 0
    header = _ADDRESS.pack(FAMILIES[interface.version], interface.network.prefixlen, flags, 0, index)
    local, address = (_attribute(kind, interface.packed) for kind in (_IFA_LOCAL, _IFA_ADDRESS))
    return _RTM_NEWADDR, _NEW, header + local + address


def new_route(
    network: IPv4Network | IPv6Network,
    *,
    gateway: str | None,
    index: int | None,
    type: str,
    table: int | None,
    mtu: int | None,
    rto_min: float | None,
) -> Request:
    """A route in a table, the main one by default."""
    table = _RT_TABLE_MAIN if table is None else table
    scope = _RT_SCOPE_HOST if type == "local" else 0
    header = _ROUTE.pack(
        FAMILIES[network.version],
        network.prefixlen,
        0,
        0,
        table if table < 256 else _RT_TABLE_COMPAT,
        _RTPROT_STATIC,
        scope,
        _ROUTE_TYPES[type],
        0,
    )
    # gVisor wants the destination of a default route too, and refuses attributes that it does not know: none
    # is sent that says nothing.
    attributes = _attribute(_RTA_DST, network.network_address.packed)
    if table >= 256:
        attributes += _number(_RTA_TABLE, table)
    if gateway is not None:
        attributes += _attribute(_RTA_GATEWAY, ip_address(gateway).packed)
    if index is not None:
        attributes += _number(_RTA_OIF, index)
    if metrics := _metrics(mtu, rto_min):
        attributes += _attribute(_RTA_METRICS, metrics)
    return _RTM_NEWROUTE, _NEW, header + attributes


def _metrics(mtu: int | None, rto_min: float | None) -> bytes:
    metrics = b"" if mtu is None else _number(_RTAX_MTU, mtu)
    if rto_min is not None:  # in milliseconds, and TCP looks at it only when it is locked
        metrics += _number(_RTAX_LOCK, 1 << _RTAX_RTO_MIN) + _number(_RTAX_RTO_MIN, round(rto_min * 1000))
    return metrics


class Rtnetlink:
    """A netlink socket in the network namespace of the thread that opens it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)

    def request(self, *requests: Request) -> None:
        """Have requests carried out, in order. Raises LinkRefused with the errno of the first refusal."""
        self._send(requests, _NLM_F_ACK)
        for _ in requests:
            for kind, body in self._receive():
                _raise_for(kind, body)

    def watch_links(self) -> None:
        """From now on receive an event for every change of a link in this namespace."""
        self._socket.bind((0, _RTMGRP_LINK))

    def wait_for_event(self) -> None:
        """Wait until some link has changed."""
        self._socket.recv(_ROOM)

    def wait_for_carrier(self, index: int, timeout: float) -> bool:
        """Whether a veth interface is operational, now or within ``timeout`` seconds."""
        with suppress(PermissionError):  # gVisor sends no events; a link is as it will be once it is made
            self.watch_links()
        # Since 6.8 the question itself makes the kernel catch up; on older ones an event follows when it has.
        # IFF_RUNNING would be too early: it is also set while the operational state is unknown.
        self._send([(_RTM_GETLINK, 0, _LINK.pack(0, 0, index, 0, 0))], 0)
        deadline = time.monotonic() + timeout
        while select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if any(_operational(kind, body, index) for kind, body in self._receive()):
                return True
        return False

    def _send(self, requests: Iterable[Request], flags: int) -> None:
        messages = []
        for kind, more, body in requests:
            size = _HEADER.size + len(body)
            messages.append(_HEADER.pack(size, kind, _NLM_F_REQUEST | flags | more, 0, 0) + body)
        self._socket.send(b"".join(messages))

    def _receive(self) -> Iterator[tuple[int, bytes]]:
        """Types and bodies of the messages that come next."""
        data = self._socket.recv(_ROOM)
        at = 0
        while at < len(data):
            size, kind, *_ = _HEADER.unpack_from(data, at)
            yield kind, data[at + _HEADER.size : at + size]
            at += _aligned(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _raise_for(kind: int, body: bytes) -> None:
    code = -_ERROR.unpack_from(body)[0] if kind == _NLMSG_ERROR else 0
    if code:
        raise LinkRefused(code, os.strerror(code))


def _operational(kind: int, body: bytes, index: int) -> bool:
    _raise_for(kind, body)
    if kind != _RTM_NEWLINK:
        return False
    _, _, of, flags, _ = _LINK.unpack_from(body)
    state = dict(_attributes(body[_LINK.size :])).get(_IFLA_OPERSTATE)
    # gVisor gives no operational state, and the carrier alone.
    up = bool(flags & _IFF_LOWER_UP) if state is None else state == bytes([_IF_OPER_UP])
    return of == index and up


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind, data[at + _ATTRIBUTE.size : at + size]
        at += _aligned(size)


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(_aligned(size) - size)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _aligned(size: int) -> int:
    return -(-size // 4) * 4
