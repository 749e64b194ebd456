"""Options of IPv4 sockets: level IPPROTO_IP."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT, NETWORK, raw
from libsocket.layouts.inet import PORT_RANGE
from libsocket.option import Access, Option

IPPROTO_IP: Final = Level.IPPROTO_IP

IP_TOS: Final = Option(
    "IP_TOS",
    IPPROTO_IP,
    1,
    INT,
    since="1.0",
    doc="""The type-of-service byte of outgoing packets. Setting it sets SO_PRIORITY too.""",
)
IP_TTL: Final = Option(
    "IP_TTL",
    IPPROTO_IP,
    2,
    INT,
    since="1.0",
    doc="""Time to live of outgoing packets, 1 to 255; -1 is the system's default.""",
)
IP_HDRINCL: Final = Option(
    "IP_HDRINCL",
    IPPROTO_IP,
    3,
    FLAG,
    since="2.0",
    doc="""On a raw socket: what is sent begins with the caller's own IP header.""",
)
IP_OPTIONS: Final = Option(
    "IP_OPTIONS",
    IPPROTO_IP,
    4,
    raw(40),
    since="2.0",
    doc="""The IP options of every packet sent, as in the header, at most 40 bytes; empty is none.
Malformed ones: EINVAL.""",
)
IP_ROUTER_ALERT: Final = Option(
    "IP_ROUTER_ALERT",
    IPPROTO_IP,
    5,
    FLAG,
    since="2.2",
    doc="""On a raw socket: take packets with the router-alert option that would be forwarded. EINVAL
on other sockets.
Older kernels, 6.1 among them, let it be set only.""",
)
IP_RECVOPTS: Final = Option(
    "IP_RECVOPTS",
    IPPROTO_IP,
    6,
    FLAG,
    since="2.2",
    doc="""Receive with each datagram its IP options, as IP_OPTIONS.""",
)
IP_RETOPTS: Final = Option(
    "IP_RETOPTS",
    IPPROTO_IP,
    7,
    FLAG,
    since="2.2",
    doc="""Receive the raw IP options, ready to be sent back, as IP_RETOPTS.""",
)
IP_PKTINFO: Final = Option(
    "IP_PKTINFO",
    IPPROTO_IP,
    8,
    FLAG,
    since="2.2",
    doc="""Receive with each datagram where it came in and which address it was sent to.""",
)
IP_PKTOPTIONS: Final = Option(
    "IP_PKTOPTIONS",
    IPPROTO_IP,
    9,
    raw(256),
    since="2.4",
    access=Access.GET,
    source="include/uapi/linux/in.h",
    doc="""On a stream: the control messages that IP_PKTINFO, IP_RECVTTL and IP_RECVTOS would bring,
as bytes. ENOPROTOOPT elsewhere.""",
)
IP_MTU_DISCOVER: Final = Option(
    "IP_MTU_DISCOVER",
    IPPROTO_IP,
    10,
    INT,
    since="2.2",
    doc="""Path MTU discovery: 0 never, 1 as the route says, 2 always, 3 always but ignore what is known,
4 and 5 use the interface's MTU only.""",
)
IP_RECVERR: Final = Option(
    "IP_RECVERR",
    IPPROTO_IP,
    11,
    FLAG,
    since="2.2",
    doc="""Queue errors with what they are about; MSG_ERRQUEUE receives them.""",
)
IP_RECVERR_RFC4884: Final = Option(
    "IP_RECVERR_RFC4884",
    IPPROTO_IP,
    26,
    FLAG,
    since="5.9",
    source="include/uapi/linux/in.h",
    doc="""Queue errors with the extensions of RFC 4884, and where in the packet they begin.""",
)
IP_RECVTTL: Final = Option(
    "IP_RECVTTL",
    IPPROTO_IP,
    12,
    FLAG,
    since="2.2",
    doc="""Receive with each datagram its time to live, as IP_TTL.""",
)
IP_RECVTOS: Final = Option(
    "IP_RECVTOS",
    IPPROTO_IP,
    13,
    FLAG,
    since="2.2",
    doc="""Receive with each datagram its type of service, as IP_TOS.""",
)
IP_MTU: Final = Option(
    "IP_MTU",
    IPPROTO_IP,
    14,
    INT,
    since="2.2",
    access=Access.GET,
    doc="""The path MTU that is known for the connected peer, in bytes; ENOTCONN without a peer.""",
)
IP_FREEBIND: Final = Option(
    "IP_FREEBIND",
    IPPROTO_IP,
    15,
    FLAG,
    since="2.4",
    doc="""Let bind take an address that this host does not have yet.""",
)
IP_IPSEC_POLICY: Final = Option(
    "IP_IPSEC_POLICY",
    IPPROTO_IP,
    16,
    raw(512),
    since="2.5.47",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    source="include/uapi/linux/in.h",
    doc="""A security policy in the form of the PF_KEY interface; Linux answers EOPNOTSUPP unless a
key module takes it.""",
)
IP_XFRM_POLICY: Final = Option(
    "IP_XFRM_POLICY",
    IPPROTO_IP,
    17,
    raw(512),
    since="2.5.48",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    source="include/uapi/linux/in.h",
    doc="""An IPsec policy of this socket alone, a struct xfrm_userpolicy_info as bytes.""",
)
IP_PASSSEC: Final = Option(
    "IP_PASSSEC",
    IPPROTO_IP,
    18,
    FLAG,
    since="2.6.17",
    doc="""Receive with each datagram the security label of its sender, as SCM_SECURITY.""",
)
IP_TRANSPARENT: Final = Option(
    "IP_TRANSPARENT",
    IPPROTO_IP,
    19,
    FLAG,
    since="2.6.28",
    capability="CAP_NET_ADMIN",
    doc="""Speak for addresses that are not this host's, as a transparent proxy does. CAP_NET_RAW
suffices too.""",
)
IP_RECVORIGDSTADDR: Final = Option(
    "IP_RECVORIGDSTADDR",
    IPPROTO_IP,
    20,
    FLAG,
    since="2.6.29",
    doc="""Receive with each datagram where it was going before it was redirected, as IP_ORIGDSTADDR.""",
)
IP_MINTTL: Final = Option(
    "IP_MINTTL",
    IPPROTO_IP,
    21,
    INT,
    since="2.6.34",
    source="include/uapi/linux/in.h",
    doc="""Ignore segments of TCP that arrive with a smaller time to live, 0 to 255 (RFC 5082): 0, the
default, ignores none. Sockets of UDP and raw sockets keep the number, and receive all the same.""",
)
IP_NODEFRAG: Final = Option(
    "IP_NODEFRAG",
    IPPROTO_IP,
    22,
    FLAG,
    since="2.6.36",
    doc="""On a raw socket: do not put outgoing fragments together for the firewall. ENOPROTOOPT on
other sockets.""",
)
IP_CHECKSUM: Final = Option(
    "IP_CHECKSUM",
    IPPROTO_IP,
    23,
    FLAG,
    since="4.0",
    source="include/uapi/linux/in.h",
    doc="""Receive with a UDP datagram the sum over its data, as IP_CHECKSUM, where the kernel or the
hardware has it: not with what a UDP socket of this host sent by loopback.""",
)
IP_BIND_ADDRESS_NO_PORT: Final = Option(
    "IP_BIND_ADDRESS_NO_PORT",
    IPPROTO_IP,
    24,
    FLAG,
    since="4.2",
    doc="""Let bind with port 0 choose no port yet; connect will, so that more connections find one.""",
)
IP_RECVFRAGSIZE: Final = Option(
    "IP_RECVFRAGSIZE",
    IPPROTO_IP,
    25,
    FLAG,
    since="4.10",
    source="include/uapi/linux/in.h",
    doc="""Receive with each datagram the size of its largest fragment, as IP_RECVFRAGSIZE.""",
)
IP_UNICAST_IF: Final = Option(
    "IP_UNICAST_IF",
    IPPROTO_IP,
    50,
    NETWORK,
    since="3.4",
    source="include/uapi/linux/in.h",
    doc="""The index of the interface that unicast datagrams of UDP and raw sockets leave by, 0 for any;
unlike SO_BINDTODEVICE it leaves receiving alone. TCP ignores it. EADDRNOTAVAIL if there is none.""",
)
IP_LOCAL_PORT_RANGE: Final = Option(
    "IP_LOCAL_PORT_RANGE",
    IPPROTO_IP,
    51,
    PORT_RANGE,
    since="6.3",
    source="include/uapi/linux/in.h",
    doc="""Between which ports, within net.ipv4.ip_local_port_range, one may be chosen for this
socket.""",
)
IP_PROTOCOL: Final = Option(
    "IP_PROTOCOL",
    IPPROTO_IP,
    52,
    INT,
    since="6.4",
    access=Access.GET,
    source="include/uapi/linux/in.h",
    doc="""The protocol that a raw socket was made with. TCP and UDP sockets read the port that they are
bound to, 0 before that; SO_PROTOCOL has the protocol of any socket.""",
)
SO_ORIGINAL_DST: Final = Option(
    "SO_ORIGINAL_DST",
    IPPROTO_IP,
    80,
    raw(16),
    since="2.4",
    access=Access.GET,
    source="include/uapi/linux/netfilter_ipv4.h",
    doc="""Where a connection was going before netfilter redirected it, a struct sockaddr_in as bytes.
ENOENT if it was not, ENOPROTOOPT without connection tracking.""",
)
