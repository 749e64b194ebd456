"""Options of netlink sockets, of which the page says less than there is."""

from __future__ import annotations

from libsocket import (
    NETLINK_BROADCAST_ERROR,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_NO_ENOBUFS,
    NETLINK_PKTINFO,
)

FLAGS = {
    "PKTINFO": NETLINK_PKTINFO,
    "BROADCAST_ERROR": NETLINK_BROADCAST_ERROR,
    "NO_ENOBUFS": NETLINK_NO_ENOBUFS,
    "CAP_ACK": NETLINK_CAP_ACK,
    "EXT_ACK": NETLINK_EXT_ACK,
}
