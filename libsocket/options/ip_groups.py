"""Multicast groups of IPv4 sockets: level IPPROTO_IP."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT
from libsocket.layouts.inet import (
    GROUP_FILTER,
    GROUP_REQ,
    GROUP_SOURCE_REQ,
    MREQ_SOURCE,
    MREQN,
    MSFILTER,
    MULTICAST_IF,
)
from libsocket.option import Access, Option

IPPROTO_IP: Final = Level.IPPROTO_IP

IP_MULTICAST_IF: Final = Option(
    "IP_MULTICAST_IF",
    IPPROTO_IP,
    32,
    MULTICAST_IF,
    since="1.2",
    doc="""The interface that multicast packets leave by; what reads back is its address only.""",
)
IP_MULTICAST_TTL: Final = Option(
    "IP_MULTICAST_TTL",
    IPPROTO_IP,
    33,
    INT,
    since="1.2",
    doc="""Time to live of outgoing multicast packets, 1 to 255 (0: this host), 1 at first; -1 is 1.""",
)
IP_MULTICAST_LOOP: Final = Option(
    "IP_MULTICAST_LOOP",
    IPPROTO_IP,
    34,
    FLAG,
    since="1.2",
    doc="""Whether what is sent to a group comes back to this host; true at first.""",
)
IP_ADD_MEMBERSHIP: Final = Option(
    "IP_ADD_MEMBERSHIP",
    IPPROTO_IP,
    35,
    MREQN,
    since="1.2",
    access=Access.SET,
    doc="""Join a group on an interface; EADDRINUSE if it is joined, ENOBUFS past
net.ipv4.igmp_max_memberships.""",
)
IP_DROP_MEMBERSHIP: Final = Option(
    "IP_DROP_MEMBERSHIP",
    IPPROTO_IP,
    36,
    MREQN,
    since="1.2",
    access=Access.SET,
    doc="""Leave a group; EADDRNOTAVAIL if it was not joined.""",
)
IP_UNBLOCK_SOURCE: Final = Option(
    "IP_UNBLOCK_SOURCE",
    IPPROTO_IP,
    37,
    MREQ_SOURCE,
    since="2.4.22",
    access=Access.SET,
    doc="""Hear a blocked sender to a group again; EADDRNOTAVAIL if it was not blocked.""",
)
IP_BLOCK_SOURCE: Final = Option(
    "IP_BLOCK_SOURCE",
    IPPROTO_IP,
    38,
    MREQ_SOURCE,
    since="2.4.22",
    access=Access.SET,
    doc="""No longer hear one sender to a group that was joined.""",
)
IP_ADD_SOURCE_MEMBERSHIP: Final = Option(
    "IP_ADD_SOURCE_MEMBERSHIP",
    IPPROTO_IP,
    39,
    MREQ_SOURCE,
    since="2.4.22",
    access=Access.SET,
    doc="""Join a group for one sender only; again for further ones.""",
)
IP_DROP_SOURCE_MEMBERSHIP: Final = Option(
    "IP_DROP_SOURCE_MEMBERSHIP",
    IPPROTO_IP,
    40,
    MREQ_SOURCE,
    since="2.4.22",
    access=Access.SET,
    doc="""Leave a group for one sender.""",
)
IP_MSFILTER: Final = Option(
    "IP_MSFILTER",
    IPPROTO_IP,
    41,
    MSFILTER,
    since="2.4.22",
    doc="""Which senders to a group that was joined are heard. Asked with the group and an address of
the interface; EADDRNOTAVAIL if it was not joined.""",
)
IP_MCAST_JOIN_GROUP: Final = Option(
    "MCAST_JOIN_GROUP",
    IPPROTO_IP,
    42,
    GROUP_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Join a group, an IPv4 one, on an interface.""",
)
IP_MCAST_LEAVE_GROUP: Final = Option(
    "MCAST_LEAVE_GROUP",
    IPPROTO_IP,
    45,
    GROUP_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Leave a group; EADDRNOTAVAIL if it was not joined.""",
)
IP_MCAST_BLOCK_SOURCE: Final = Option(
    "MCAST_BLOCK_SOURCE",
    IPPROTO_IP,
    43,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""No longer hear one sender to a group that was joined.""",
)
IP_MCAST_UNBLOCK_SOURCE: Final = Option(
    "MCAST_UNBLOCK_SOURCE",
    IPPROTO_IP,
    44,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Hear a blocked sender to a group again.""",
)
IP_MCAST_JOIN_SOURCE_GROUP: Final = Option(
    "MCAST_JOIN_SOURCE_GROUP",
    IPPROTO_IP,
    46,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Join a group for one sender only; again for further ones.""",
)
IP_MCAST_LEAVE_SOURCE_GROUP: Final = Option(
    "MCAST_LEAVE_SOURCE_GROUP",
    IPPROTO_IP,
    47,
    GROUP_SOURCE_REQ,
    since="2.4.22",
    access=Access.SET,
    source="RFC 3678, section 5.1",
    doc="""Leave a group for one sender.""",
)
IP_MCAST_MSFILTER: Final = Option(
    "MCAST_MSFILTER",
    IPPROTO_IP,
    48,
    GROUP_FILTER,
    since="2.4.22",
    source="RFC 3678, section 5.2",
    doc="""Which senders to a group that was joined are heard. Asked with the group and the interface;
EADDRNOTAVAIL if it was not joined.""",
)
IP_MULTICAST_ALL: Final = Option(
    "IP_MULTICAST_ALL",
    IPPROTO_IP,
    49,
    FLAG,
    since="2.6.31",
    doc="""Whether packets to every group that anyone on this host joined arrive; false: to those this
socket joined. True at first.""",
)
