"""For every option that can be set and read back: a socket, and a value that it does not hold at first."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import libsocket as ls
from libsocket import Option, Socket, TimestampingFlag

Make = Callable[[], Socket]

IPPROTO_RAW = 255
PADDING = bytes([0, 0, 1, 4, 0, 0, 0, 0])
"""An extension header with nothing in it."""
SOFTWARE = ls.Timestamping(TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE)


def tcp6() -> Socket:
    return Socket.tcp(socket.AF_INET6)


def udp6() -> Socket:
    return Socket.udp(socket.AF_INET6)


def raw() -> Socket:
    return Socket.raw(socket.IPPROTO_TCP)


def raw6() -> Socket:
    return Socket.raw(socket.IPPROTO_UDP, socket.AF_INET6)


def bare6() -> Socket:
    return Socket.raw(IPPROTO_RAW, socket.AF_INET6)


def icmp() -> Socket:
    return Socket.raw(socket.IPPROTO_ICMP)


def icmp6() -> Socket:
    return Socket.raw(socket.IPPROTO_ICMPV6, socket.AF_INET6)


def vsock() -> Socket:
    return Socket(socket.AF_VSOCK, socket.SOCK_STREAM)


SETTABLE: list[tuple[Make, Option[Any], object]] = [
    (Socket.tcp, ls.SO_DEBUG, True),
    (Socket.tcp, ls.SO_REUSEADDR, True),
    (Socket.udp, ls.SO_REUSEPORT, True),
    (Socket.udp, ls.SO_DONTROUTE, True),
    (Socket.udp, ls.SO_BROADCAST, True),
    (Socket.tcp, ls.SO_KEEPALIVE, True),
    (Socket.tcp, ls.SO_OOBINLINE, True),
    (Socket.udp, ls.SO_PRIORITY, 5),
    (Socket.tcp, ls.SO_LINGER, ls.Linger(True, 7)),
    (Socket.tcp, ls.SO_LINGER, ls.Linger(True, 0)),
    (Socket.unix, ls.SO_PASSCRED, True),
    (Socket.unix, ls.SO_PASSSEC, True),
    (Socket.unix, ls.SO_PASSPIDFD, True),
    (Socket.unix, ls.SO_PASSRIGHTS, False),
    (Socket.tcp, ls.SO_RCVLOWAT, 9),
    (Socket.udp, ls.SO_RCVTIMEO, 2.0),
    (Socket.udp, ls.SO_SNDTIMEO, 3.0),
    (Socket.udp, ls.SO_RCVTIMEO_NEW, 2.0),
    (Socket.udp, ls.SO_SNDTIMEO_NEW, 3.0),
    (vsock, ls.SO_RCVTIMEO, 2.0),
    (Socket.udp, ls.SO_BUF_LOCK, ls.BufLock.SNDBUF),
    (Socket.tcp, ls.SO_ZEROCOPY, True),
    (Socket.udp, ls.SO_BINDTODEVICE, "lo"),
    (Socket.udp, ls.SO_BINDTOIFINDEX, 1),
    (Socket.udp, ls.SO_TIMESTAMP, True),
    (Socket.udp, ls.SO_TIMESTAMPNS, True),
    (Socket.udp, ls.SO_TIMESTAMPING, SOFTWARE),
    (Socket.udp, ls.SO_TIMESTAMP_NEW, True),
    (Socket.udp, ls.SO_TIMESTAMPNS_NEW, True),
    (Socket.udp, ls.SO_TIMESTAMPING_NEW, SOFTWARE),
    (Socket.udp, ls.SO_TXTIME, ls.SockTxTime(time.CLOCK_MONOTONIC, ls.TxTimeFlag.REPORT_ERRORS)),
    (Socket.udp, ls.SO_MARK, 7),
    (Socket.udp, ls.SO_MARK, 2**31),
    (Socket.udp, ls.SO_MARK, 2**32 - 1),
    (Socket.udp, ls.SO_RCVMARK, True),
    (Socket.udp, ls.SO_RCVPRIORITY, True),
    (Socket.tcp, ls.SO_MAX_PACING_RATE, 1_000_000),
    (Socket.tcp, ls.SO_TXREHASH, 0),
    (Socket.udp, ls.SO_NO_CHECK, True),
    (Socket.udp, ls.SO_RXQ_OVFL, True),
    (Socket.udp, ls.SO_SELECT_ERR_QUEUE, True),
    (Socket.packet, ls.SO_WIFI_STATUS, True),
    (Socket.packet, ls.SO_NOFCS, True),
    (Socket.unix, ls.SO_PEEK_OFF, 3),
    (Socket.udp, ls.SO_BUSY_POLL, 50),
    (Socket.udp, ls.SO_PREFER_BUSY_POLL, True),
    (Socket.udp, ls.SO_INCOMING_CPU, 0),
    (Socket.udp, ls.SO_LOCK_FILTER, True),
    (Socket.tcp, ls.TCP_NODELAY, True),
    (Socket.tcp, ls.TCP_CORK, True),
    (Socket.tcp, ls.TCP_KEEPIDLE, 11),
    (Socket.tcp, ls.TCP_KEEPINTVL, 12),
    (Socket.tcp, ls.TCP_KEEPCNT, 13),
    (Socket.tcp, ls.TCP_SYNCNT, 3),
    (Socket.tcp, ls.TCP_LINGER2, 14),
    (Socket.tcp, ls.TCP_DEFER_ACCEPT, 1),
    (Socket.tcp, ls.TCP_WINDOW_CLAMP, 100_000),
    (Socket.tcp, ls.TCP_QUICKACK, False),
    (Socket.tcp, ls.TCP_USER_TIMEOUT, 5000),
    (Socket.tcp, ls.TCP_THIN_LINEAR_TIMEOUTS, True),
    (Socket.tcp, ls.TCP_FASTOPEN, 5),
    (Socket.tcp, ls.TCP_FASTOPEN_CONNECT, True),
    (Socket.tcp, ls.TCP_FASTOPEN_KEY, bytes(range(16))),
    (Socket.tcp, ls.TCP_FASTOPEN_KEY, bytes(range(32))),
    (Socket.tcp, ls.TCP_FASTOPEN_NO_COOKIE, True),
    (Socket.tcp, ls.TCP_NOTSENT_LOWAT, 4096),
    (Socket.tcp, ls.TCP_SAVE_SYN, 1),
    (Socket.tcp, ls.TCP_INQ, True),
    (Socket.tcp, ls.TCP_TX_DELAY, 1000),
    (Socket.tcp, ls.TCP_RTO_MAX_MS, 5000),
    (Socket.tcp, ls.TCP_RTO_MIN_US, 100_000),
    (Socket.tcp, ls.TCP_DELACK_MAX_US, 40_000),
    (Socket.tcp, ls.TCP_REPAIR, 1),
    (Socket.udp, ls.IP_TOS, 16),
    (Socket.udp, ls.IP_TTL, 42),
    (raw, ls.IP_HDRINCL, True),
    (Socket.udp, ls.IP_OPTIONS, bytes([1, 1, 1, 0])),
    (raw, ls.IP_ROUTER_ALERT, True),
    (Socket.udp, ls.IP_RECVOPTS, True),
    (Socket.udp, ls.IP_RETOPTS, True),
    (Socket.udp, ls.IP_PKTINFO, True),
    (Socket.udp, ls.IP_MTU_DISCOVER, 3),
    (Socket.udp, ls.IP_RECVERR, True),
    (Socket.udp, ls.IP_RECVERR_RFC4884, True),
    (Socket.udp, ls.IP_RECVTTL, True),
    (Socket.udp, ls.IP_RECVTOS, True),
    (Socket.udp, ls.IP_FREEBIND, True),
    (Socket.udp, ls.IP_PASSSEC, True),
    (Socket.udp, ls.IP_TRANSPARENT, True),
    (Socket.udp, ls.IP_RECVORIGDSTADDR, True),
    (Socket.udp, ls.IP_MINTTL, 5),
    (raw, ls.IP_NODEFRAG, True),
    (Socket.udp, ls.IP_CHECKSUM, True),
    (Socket.udp, ls.IP_BIND_ADDRESS_NO_PORT, True),
    (Socket.udp, ls.IP_RECVFRAGSIZE, True),
    (Socket.udp, ls.IP_UNICAST_IF, 1),
    (Socket.udp, ls.IP_LOCAL_PORT_RANGE, ls.PortRange(40_000, 40_100)),
    (Socket.udp, ls.IP_MULTICAST_IF, ls.IpMreqn(address="127.0.0.1")),
    (Socket.udp, ls.IP_MULTICAST_TTL, 5),
    (Socket.udp, ls.IP_MULTICAST_LOOP, False),
    (Socket.udp, ls.IP_MULTICAST_ALL, False),
    (udp6, ls.IPV6_2292PKTINFO, True),
    (udp6, ls.IPV6_2292HOPOPTS, True),
    (udp6, ls.IPV6_2292DSTOPTS, True),
    (udp6, ls.IPV6_2292RTHDR, True),
    (udp6, ls.IPV6_2292HOPLIMIT, True),
    (raw6, ls.IPV6_CHECKSUM, 2),
    (udp6, ls.IPV6_FLOWINFO, True),
    (tcp6, ls.IPV6_UNICAST_HOPS, 42),
    (udp6, ls.IPV6_MULTICAST_IF, 1),
    (udp6, ls.IPV6_MULTICAST_HOPS, 5),
    (udp6, ls.IPV6_MULTICAST_LOOP, False),
    (bare6, ls.IPV6_ROUTER_ALERT, 1),
    (udp6, ls.IPV6_ROUTER_ALERT_ISOLATE, True),
    (udp6, ls.IPV6_MTU_DISCOVER, 2),
    (udp6, ls.IPV6_RECVERR, True),
    (udp6, ls.IPV6_RECVERR_RFC4884, True),
    (tcp6, ls.IPV6_V6ONLY, True),
    (udp6, ls.IPV6_MULTICAST_ALL, False),
    (udp6, ls.IPV6_FLOWINFO_SEND, True),
    (raw6, ls.IPV6_HDRINCL, True),
    (udp6, ls.IPV6_RECVPKTINFO, True),
    (udp6, ls.IPV6_RECVHOPLIMIT, True),
    (udp6, ls.IPV6_RECVHOPOPTS, True),
    (udp6, ls.IPV6_HOPOPTS, PADDING),
    (udp6, ls.IPV6_RTHDRDSTOPTS, PADDING),
    (udp6, ls.IPV6_RECVRTHDR, True),
    (udp6, ls.IPV6_RECVDSTOPTS, True),
    (udp6, ls.IPV6_DSTOPTS, PADDING),
    (udp6, ls.IPV6_RECVPATHMTU, True),
    (udp6, ls.IPV6_DONTFRAG, True),
    (udp6, ls.IPV6_RECVTCLASS, True),
    (tcp6, ls.IPV6_TCLASS, 16),
    (udp6, ls.IPV6_AUTOFLOWLABEL, False),
    (udp6, ls.IPV6_MINHOPCOUNT, 5),
    (udp6, ls.IPV6_RECVORIGDSTADDR, True),
    (udp6, ls.IPV6_TRANSPARENT, True),
    (udp6, ls.IPV6_UNICAST_IF, 1),
    (udp6, ls.IPV6_RECVFRAGSIZE, True),
    (udp6, ls.IPV6_FREEBIND, True),
    (Socket.udp, ls.UDP_CORK, True),
    (Socket.udp, ls.UDP_ENCAP, 2),
    (udp6, ls.UDP_NO_CHECK6_TX, True),
    (udp6, ls.UDP_NO_CHECK6_RX, True),
    (Socket.udp, ls.UDP_SEGMENT, 1000),
    (Socket.udp, ls.UDP_GRO, True),
    (icmp, ls.ICMP_FILTER, 0b110),
    (icmp6, ls.ICMPV6_FILTER, bytes(31) + b"\x80"),
    (Socket.netlink, ls.NETLINK_PKTINFO, True),
    (Socket.netlink, ls.NETLINK_BROADCAST_ERROR, True),
    (Socket.netlink, ls.NETLINK_NO_ENOBUFS, True),
    (Socket.netlink, ls.NETLINK_LISTEN_ALL_NSID, True),
    (Socket.netlink, ls.NETLINK_CAP_ACK, True),
    (Socket.netlink, ls.NETLINK_EXT_ACK, True),
    (Socket.netlink, ls.NETLINK_GET_STRICT_CHK, True),
    (Socket.packet, ls.PACKET_COPY_THRESH, 100),
    (Socket.packet, ls.PACKET_AUXDATA, True),
    (Socket.packet, ls.PACKET_ORIGDEV, True),
    (Socket.packet, ls.PACKET_VERSION, 2),
    (Socket.packet, ls.PACKET_RESERVE, 16),
    (Socket.packet, ls.PACKET_LOSS, True),
    (Socket.packet, ls.PACKET_VNET_HDR, True),
    (Socket.packet, ls.PACKET_VNET_HDR_SZ, 12),
    (Socket.packet, ls.PACKET_TIMESTAMP, TimestampingFlag.RAW_HARDWARE),
    (Socket.packet, ls.PACKET_TX_HAS_OFF, True),
    (Socket.packet, ls.PACKET_QDISC_BYPASS, True),
    (Socket.packet, ls.PACKET_IGNORE_OUTGOING, True),
    (vsock, ls.SO_VM_SOCKETS_BUFFER_SIZE, 200_000),
    (vsock, ls.SO_VM_SOCKETS_BUFFER_MIN_SIZE, 1000),
    (vsock, ls.SO_VM_SOCKETS_BUFFER_MAX_SIZE, 500_000),
    (vsock, ls.SO_VM_SOCKETS_CONNECT_TIMEOUT, 3.0),
    (vsock, ls.SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW, 3.0),
]
