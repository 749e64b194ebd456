"""What options of IPv4 and IPv6 sockets hold. Addresses are text, interfaces are their index (0: any)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IpMreqn:
    """A group and the interface, by index or else by one of its addresses: ``struct ip_mreqn``.

    IP_MULTICAST_IF leaves ``group`` alone and reads back the address only. Source: ip(7), IP_ADD_MEMBERSHIP.
    """

    group: str = "0.0.0.0"
    address: str = "0.0.0.0"
    ifindex: int = 0


@dataclass(frozen=True, slots=True)
class IpMreqSource:
    """A group, an address of the interface, and a sender: ``struct ip_mreq_source``."""

    group: str
    interface: str
    source: str


@dataclass(frozen=True, slots=True)
class IpMsfilter:
    """Whose packets to a group are let in (``include``) or kept out: ``struct ip_msfilter``.

    As a request it needs group and interface only; what is read holds at most 64 sources.
    """

    group: str
    interface: str = "0.0.0.0"
    include: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ipv6Mreq:
    """A group and an interface: ``struct ipv6_mreq``. Source: RFC 3493, section 5.2."""

    group: str
    ifindex: int = 0


@dataclass(frozen=True, slots=True)
class GroupReq:
    """A group of either family on an interface: ``struct group_req``. Source: RFC 3678, section 5.1."""

    group: str
    ifindex: int = 0


@dataclass(frozen=True, slots=True)
class GroupSourceReq:
    """A group of either family on an interface, and a sender: ``struct group_source_req``."""

    group: str
    source: str
    ifindex: int = 0


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """Whose packets to a group are let in (``include``) or kept out: ``struct group_filter``.

    As a request it needs group and interface only; what is read holds at most 64 sources.
    """

    group: str
    ifindex: int = 0
    include: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InPktinfo:
    """Where an IPv4 datagram came in or shall leave: ``struct in_pktinfo``. Source: ip(7), IP_PKTINFO."""

    ifindex: int = 0
    spec_dst: str = "0.0.0.0"
    addr: str = "0.0.0.0"


@dataclass(frozen=True, slots=True)
class In6Pktinfo:
    """Where an IPv6 datagram came in or shall leave: ``struct in6_pktinfo``. Source: RFC 3542, 6.1."""

    addr: str = "::"
    ifindex: int = 0


@dataclass(frozen=True, slots=True)
class Ip6Mtuinfo:
    """A destination and the path MTU towards it, in bytes: ``struct ip6_mtuinfo``. Source: RFC 3542, 11.1."""

    addr: str
    mtu: int


@dataclass(frozen=True, slots=True)
class In6FlowlabelReq:
    """A flow label to lease, renew or give back: ``struct in6_flowlabel_req``.

    ``action`` is 0 to get, 1 to give back, 2 to renew; ``share`` is 1 exclusive, 2 process, 3 user, 255
    any; ``expires`` and ``linger`` are in seconds. Label 0 lets the kernel choose.
    Source: ``include/uapi/linux/in6.h``.
    """

    dst: str
    label: int = 0
    action: int = 0
    share: int = 0
    flags: int = 0
    expires: int = 0
    linger: int = 0


class Ipv6Preference(enum.IntFlag):
    """What kind of source address to prefer. Source: RFC 5014 and ``include/uapi/linux/in6.h``."""

    TMP = 0x0001
    PUBLIC = 0x0002
    COA = 0x0004
    CGA = 0x0008
    PUBTMP_DEFAULT = 0x0100
    HOME = 0x0400
    NONCGA = 0x0800


@dataclass(frozen=True, slots=True)
class PortRange:
    """The first and the last port that may be chosen; 0 is the system's own bound."""

    low: int
    high: int
