"""Groups of multicast: TCP sockets are in none."""

from __future__ import annotations

import errno
from typing import Any

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, tcp6, udp6
from libsocket import (
    IP_ADD_MEMBERSHIP,
    IP_DROP_MEMBERSHIP,
    IPV6_JOIN_GROUP,
    IPV6_LEAVE_GROUP,
    IpMreqn,
    Ipv6Mreq,
    Option,
    Socket,
)


@claim(
    "defacto/IP_ADD_MEMBERSHIP/tcp",
    says="A TCP socket over IPv4 is refused IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP with EPROTO, where a "
    "UDP socket joins a group and leaves it.",
    since="2.6.23",
    commit="a96fb49be3dd",
)
def test_a_tcp_socket_joins_no_ipv4_group(ns):
    with Socket.tcp() as stream, Socket.udp() as sock:
        only_one_joins(
            sock, stream, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IpMreqn("239.1.2.3", ifindex=LOOPBACK)
        )


@claim(
    "defacto/IPV6_JOIN_GROUP/tcp",
    says="A TCP socket over IPv6 is refused IPV6_ADD_MEMBERSHIP and IPV6_DROP_MEMBERSHIP with EPROTO, where "
    "a UDP socket joins a group and leaves it.",
    since="2.6.23",
    commit="a96fb49be3dd",
    needs=[IPV6],
)
def test_a_tcp_socket_joins_no_ipv6_group(ns):
    with tcp6() as stream, udp6() as sock:
        only_one_joins(sock, stream, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, Ipv6Mreq("ff05::1234", LOOPBACK))


def only_one_joins(
    sock: Socket, other: Socket, join: Option[Any], leave: Option[Any], membership: IpMreqn | Ipv6Mreq
) -> None:
    """Join a group and leave it by one socket, and neither by the other."""
    with refused(errno.EPROTO):
        other.set(join, membership)
    sock.set(join, membership)
    with refused(errno.EPROTO, "errno_of_leaving"):
        other.set(leave, membership)
    sock.set(leave, membership)
    with refused(errno.EADDRNOTAVAIL, "errno_left"):
        sock.set(leave, membership)
