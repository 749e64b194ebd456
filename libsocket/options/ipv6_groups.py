"""Multicast groups of IPv6 sockets: level IPPROTO_IPV6."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT
from libsocket.layouts.inet import GROUP_FILTER, GROUP_REQ, GROUP_SOURCE_REQ, MREQ6
from libsocket.option import Access, Option

IPPROTO_IPV6: Final = Level.IPPROTO_IPV6

IPV6_MULTICAST_IF: Final = Option(
    "IPV6_MULTICAST_IF",
    IPPROTO_IPV6,
    17,
    INT,
    since="2.2",
    doc="""The index of the interface that multicast packets leave by; 0 is any. ENODEV if there is
none.""",
)
IPV6_MULTICAST_HOPS: Final = Option(
    "IPV6_MULTICAST_HOPS",
    IPPROTO_IPV6,
    18,
    INT,
    since="2.2",
    doc="""Hop limit of outgoing multicast packets, 0 to 255, 1 at first; -1 is 1.""",
)
IPV6_MULTICAST_LOOP: Final = Option(
    "IPV6_MULTICAST_LOOP",
    IPPROTO_IPV6,
    19,
    FLAG,
    since="2.2",
    doc="""Whether what is sent to a group comes back to this host; true at first.""",
)
IPV6_JOIN_GROUP: Final = Option(
    "IPV6_JOIN_GROUP",
    IPPROTO_IPV6,
    20,
    MREQ6,
    since="2.2",
    access=Access.SET,
    source="RFC 3493, section 5.2",
    doc="""Join a group on an interface; EADDRINUSE if it is joined. The kernel's own name is
IPV6_ADD_MEMBERSHIP.""",
)
IPV6_LEAVE_GROUP: Final = Option(
    "IPV6_LEAVE_GROUP",
    IPPROTO_IPV6,
    21,
    MREQ6,
    since="2.2",
    access=Access.SET,
    source="RFC 3493, section 5.2",
    doc="""Leave a group; EADDRNOTAVAIL if it was not joined. The kernel's own name is
IPV6_DROP_MEMBERSHIP.""",
)
IPV6_JOIN_ANYCAST: Final = Option(
    "IPV6_JOIN_ANYCAST",
    IPPROTO_IPV6,
    27,
    MREQ6,
    since="2.4.21",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    source="include/uapi/linux/in6.h",
    doc="""Take packets to an anycast address on an interface; forwarding hosts only, or with the
capability.""",
)
IPV6_LEAVE_ANYCAST: Final = Option(
    "IPV6_LEAVE_ANYCAST",
    IPPROTO_IPV6,
    28,
    MREQ6,
    since="2.4.21",
    access=Access.SET,
    source="include/uapi/linux/in6.h",
    doc="""No longer take packets to an anycast address.""",
)
IPV6_MULTICAST_ALL: Final = Option(
    "IPV6_MULTICAST_ALL",
    IPPROTO_IPV6,
    29,
    FLAG,
    since="4.20",
    source="include/uapi/linux/in6.h",
    doc="""Whether packets to every group that anyone on this host joined arrive; false: to those this
socket joined. True at first.""",
)
IPV6_MCAST_JOIN_GROUP: Final = Option(
    "MCAST_JOIN_GROUP",
    IPPROTO_IPV6,
    42,
    GROUP_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Join a group, an IPv6 one, on an interface.""",
)
IPV6_MCAST_LEAVE_GROUP: Final = Option(
    "MCAST_LEAVE_GROUP",
    IPPROTO_IPV6,
    45,
    GROUP_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Leave a group; EADDRNOTAVAIL if it was not joined.""",
)
IPV6_MCAST_BLOCK_SOURCE: Final = Option(
    "MCAST_BLOCK_SOURCE",
    IPPROTO_IPV6,
    43,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""No longer hear one sender to a group that was joined.""",
)
IPV6_MCAST_UNBLOCK_SOURCE: Final = Option(
    "MCAST_UNBLOCK_SOURCE",
    IPPROTO_IPV6,
    44,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Hear a blocked sender to a group again.""",
)
IPV6_MCAST_JOIN_SOURCE_GROUP: Final = Option(
    "MCAST_JOIN_SOURCE_GROUP",
    IPPROTO_IPV6,
    46,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Join a group for one sender only; again for further ones.""",
)
IPV6_MCAST_LEAVE_SOURCE_GROUP: Final = Option(
    "MCAST_LEAVE_SOURCE_GROUP",
    IPPROTO_IPV6,
    47,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Leave a group for one sender.""",
)
IPV6_MCAST_MSFILTER: Final = Option(
    "MCAST_MSFILTER",
    IPPROTO_IPV6,
    48,
    GROUP_FILTER,
    since="2.4.22",
    source="RFC 3678, section 5.2",
    doc="""Which senders to a group that was joined are heard. Asked with the group and the interface;
EADDRNOTAVAIL if it was not joined.""",
)
