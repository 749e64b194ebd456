"""Structures that options of IPv4 and IPv6 sockets carry."""

from __future__ import annotations

import socket
import struct
from typing import Final

from libsocket.codecs import Codec
from libsocket.layouts.structure import AS_IS, BIG32, STORAGE, V4, V6, halves, storage, structure, word
from libsocket.values.inet import (
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    In6FlowlabelReq,
    In6Pktinfo,
    InPktinfo,
    Ip6Mtuinfo,
    IpMreqn,
    IpMreqSource,
    IpMsfilter,
    Ipv6Mreq,
    PortRange,
)

SOURCES: Final = 64
"""How many senders reading a filter has room for."""

MREQN: Final = structure(IpMreqn, "struct ip_mreqn", "@4s4si", V4, V4, AS_IS)


def _multicast_if(data: bytes) -> IpMreqn:
    """Read back as an address alone."""
    return IpMreqn(address=socket.inet_ntoa(data[:4]))


MULTICAST_IF: Final = Codec("IpMreqn", 4, _multicast_if, MREQN.encode, "struct ip_mreqn")
MREQ_SOURCE: Final = structure(IpMreqSource, "struct ip_mreq_source", "=4s4s4s", V4, V4, V4)
MREQ6: Final = structure(Ipv6Mreq, "struct ipv6_mreq", "@16si", V6, AS_IS)
GROUP_REQ: Final = structure(GroupReq, "struct group_req", "@I0P128s", AS_IS, STORAGE, order="ifindex group")
GROUP_SOURCE_REQ: Final = structure(
    GroupSourceReq,
    "struct group_source_req",
    "@I0P128s128s",
    AS_IS,
    STORAGE,
    STORAGE,
    order="ifindex group source",
)
PKTINFO: Final = structure(InPktinfo, "struct in_pktinfo", "@i4s4s", AS_IS, V4, V4)
PKTINFO6: Final = structure(In6Pktinfo, "struct in6_pktinfo", "@16si", V6, AS_IS)
MTUINFO6: Final = structure(Ip6Mtuinfo, "struct ip6_mtuinfo", "=8x16s4xI", V6, AS_IS)
FLOWLABEL: Final = structure(
    In6FlowlabelReq,
    "struct in6_flowlabel_req",
    "=16s4sBBHHH4x",
    V6,
    BIG32,
    *(AS_IS,) * 5,
    request=True,
)
PORT_RANGE: Final = Codec(
    "PortRange",
    4,
    lambda data: PortRange(word(data) & 0xFFFF, word(data) >> 16),
    lambda value: halves(value.low, value.high),
    "unsigned int",
    takes=PortRange,
)


def _filter(value: IpMsfilter, room: int) -> bytes:
    head = (V4.into(value.group), V4.into(value.interface), value.include, room)
    return struct.pack("=4s4sII", *head) + b"".join(map(V4.into, value.sources))


def _decode_filter(data: bytes) -> IpMsfilter:
    group, interface, include, count = struct.unpack_from("=4s4sII", data)
    sources = tuple(socket.inet_ntoa(data[at : at + 4]) for at in range(16, len(data), 4))
    return IpMsfilter(V4.out(group), V4.out(interface), bool(include), sources[:count])


MSFILTER: Final = Codec(
    "IpMsfilter",
    16 + 4 * SOURCES,
    _decode_filter,
    lambda value: _filter(value, len(value.sources)),
    "struct ip_msfilter",
    takes=IpMsfilter,
    request=lambda value: _filter(value, SOURCES),
)
GROUP_FILTER_FORM: Final = struct.Struct("@I0P128sII0P")


def _group_filter(value: GroupFilter, room: int) -> bytes:
    head = (value.ifindex, storage(value.group), value.include, room)
    return GROUP_FILTER_FORM.pack(*head) + b"".join(map(storage, value.sources))


def _decode_group_filter(data: bytes) -> GroupFilter:
    ifindex, group, include, count = GROUP_FILTER_FORM.unpack_from(data)
    starts = range(GROUP_FILTER_FORM.size, len(data), 128)
    sources = tuple(STORAGE.out(data[at : at + 128]) for at in starts[:count])
    return GroupFilter(STORAGE.out(group), ifindex, bool(include), sources)


GROUP_FILTER: Final = Codec(
    "GroupFilter",
    GROUP_FILTER_FORM.size + 128 * SOURCES,
    _decode_group_filter,
    lambda value: _group_filter(value, len(value.sources)),
    "struct group_filter",
    takes=GroupFilter,
    request=lambda value: _group_filter(value, SOURCES),
)
