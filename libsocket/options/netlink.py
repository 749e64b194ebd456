"""Options of netlink sockets: level SOL_NETLINK."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, IDS, INT
from libsocket.option import Access, Option

SOL_NETLINK: Final = Level.SOL_NETLINK

NETLINK_ADD_MEMBERSHIP: Final = Option(
    "NETLINK_ADD_MEMBERSHIP",
    SOL_NETLINK,
    1,
    INT,
    since="2.6.14",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    doc="""Join a multicast group by number. Some need CAP_NET_ADMIN (EPERM); unknown ones: EINVAL.""",
)
NETLINK_DROP_MEMBERSHIP: Final = Option(
    "NETLINK_DROP_MEMBERSHIP",
    SOL_NETLINK,
    2,
    INT,
    since="2.6.14",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    doc="""Leave a multicast group by number.""",
)
NETLINK_PKTINFO: Final = Option(
    "NETLINK_PKTINFO",
    SOL_NETLINK,
    3,
    FLAG,
    since="2.6.14",
    doc="""Receive with each message the group that it came through.""",
)
NETLINK_BROADCAST_ERROR: Final = Option(
    "NETLINK_BROADCAST_ERROR",
    SOL_NETLINK,
    4,
    FLAG,
    since="2.6.30",
    doc="""Report a failure to deliver to this socket to whoever multicasts.""",
)
NETLINK_NO_ENOBUFS: Final = Option(
    "NETLINK_NO_ENOBUFS",
    SOL_NETLINK,
    5,
    FLAG,
    since="2.6.30",
    doc="""Lose messages silently rather than fail with ENOBUFS.""",
)
NETLINK_LISTEN_ALL_NSID: Final = Option(
    "NETLINK_LISTEN_ALL_NSID",
    SOL_NETLINK,
    8,
    FLAG,
    since="4.2",
    capability="CAP_NET_BROADCAST",
    doc="""Receive from every network namespace that has an id in the socket's own.
Older kernels, 6.1 among them, let it be set only.""",
)
NETLINK_LIST_MEMBERSHIPS: Final = Option(
    "NETLINK_LIST_MEMBERSHIPS",
    SOL_NETLINK,
    9,
    IDS,
    since="4.2",
    access=Access.GET,
    doc="""The groups that were joined, as a bitmap of 32-bit words: group n is bit n - 1.""",
)
NETLINK_CAP_ACK: Final = Option(
    "NETLINK_CAP_ACK",
    SOL_NETLINK,
    10,
    FLAG,
    since="4.3",
    doc="""Acknowledge without the payload of the request.""",
)
NETLINK_EXT_ACK: Final = Option(
    "NETLINK_EXT_ACK",
    SOL_NETLINK,
    11,
    FLAG,
    since="4.12",
    doc="""Let errors carry a message and the attribute at fault.""",
)
NETLINK_GET_STRICT_CHK: Final = Option(
    "NETLINK_GET_STRICT_CHK",
    SOL_NETLINK,
    12,
    FLAG,
    since="4.20",
    source="include/uapi/linux/netlink.h",
    doc="""Let requests for dumps be read strictly: filters in them count, unknown parts are refused.""",
)
