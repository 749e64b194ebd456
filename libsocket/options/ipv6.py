"""Options of IPv6 sockets: level IPPROTO_IPV6."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT, NETWORK, flags, raw
from libsocket.layouts.inet import FLOWLABEL, MTUINFO6, PKTINFO6
from libsocket.option import Access, Option
from libsocket.values.inet import Ipv6Preference

IPPROTO_IPV6: Final = Level.IPPROTO_IPV6

IPV6_ADDRFORM: Final = Option(
    "IPV6_ADDRFORM",
    IPPROTO_IPV6,
    1,
    INT,
    since="2.2",
    doc="""Turn a connected socket with a mapped IPv4 peer into an IPv4 one, by setting AF_INET.
ENOTCONN without a peer, EADDRNOTAVAIL with an IPv6 one.""",
)
IPV6_CHECKSUM: Final = Option(
    "IPV6_CHECKSUM",
    IPPROTO_IPV6,
    7,
    INT,
    since="2.2",
    source="RFC 3542, section 3.1",
    doc="""On a raw socket: where in what is sent, an even number of bytes, the kernel puts its
checksum, and checks it on arrival; -1 is nowhere. EINVAL on ICMPv6, whose place is fixed.""",
)
IPV6_FLOWINFO: Final = Option(
    "IPV6_FLOWINFO",
    IPPROTO_IPV6,
    11,
    FLAG,
    since="2.2.7",
    doc="""Receive with each datagram its traffic class and flow label, as IPV6_FLOWINFO.""",
)
IPV6_UNICAST_HOPS: Final = Option(
    "IPV6_UNICAST_HOPS",
    IPPROTO_IPV6,
    16,
    INT,
    since="2.2",
    doc="""Hop limit of outgoing unicast packets, 0 to 255; -1 is the route's.""",
)
IPV6_ROUTER_ALERT: Final = Option(
    "IPV6_ROUTER_ALERT",
    IPPROTO_IPV6,
    22,
    INT,
    since="2.2",
    doc="""On a raw socket: take forwarded packets with a router-alert option of this value, 0 to
65535; -1 is off. Reads back as 1 whatever the value. ENOPROTOOPT on other sockets.
Older kernels, 6.1 among them, let it be set only.""",
)
IPV6_ROUTER_ALERT_ISOLATE: Final = Option(
    "IPV6_ROUTER_ALERT_ISOLATE",
    IPPROTO_IPV6,
    30,
    FLAG,
    since="5.1",
    source="include/uapi/linux/in6.h",
    doc="""Take router alerts of this socket's own network namespace only.""",
)
IPV6_MTU_DISCOVER: Final = Option(
    "IPV6_MTU_DISCOVER",
    IPPROTO_IPV6,
    23,
    INT,
    since="2.2",
    doc="""Path MTU discovery, with the numbers of IP_MTU_DISCOVER.""",
)
IPV6_MTU: Final = Option(
    "IPV6_MTU",
    IPPROTO_IPV6,
    24,
    INT,
    since="2.2",
    doc="""The path MTU that is known for the connected peer, in bytes; ENOTCONN without a peer.
Setting it, 1280 or more (0: none), limits what is sent.""",
)
IPV6_RECVERR: Final = Option(
    "IPV6_RECVERR",
    IPPROTO_IPV6,
    25,
    FLAG,
    since="2.2",
    doc="""Queue errors with what they are about; MSG_ERRQUEUE receives them.""",
)
IPV6_RECVERR_RFC4884: Final = Option(
    "IPV6_RECVERR_RFC4884",
    IPPROTO_IPV6,
    31,
    FLAG,
    since="5.9",
    source="include/uapi/linux/in6.h",
    doc="""Queue errors with the extensions of RFC 4884, and where in the packet they begin.""",
)
IPV6_V6ONLY: Final = Option(
    "IPV6_V6ONLY",
    IPPROTO_IPV6,
    26,
    FLAG,
    since="2.4.21",
    doc="""Speak IPv6 only; otherwise IPv4 too, in mapped addresses. Refused once bound (EINVAL).""",
)
IPV6_FLOWLABEL_MGR: Final = Option(
    "IPV6_FLOWLABEL_MGR",
    IPPROTO_IPV6,
    32,
    FLOWLABEL,
    since="2.2.7",
    source="include/uapi/linux/in6.h",
    doc="""Lease, renew and give back flow labels. Read by a request, it gives the label
that is in use towards the peer.""",
)
IPV6_FLOWINFO_SEND: Final = Option(
    "IPV6_FLOWINFO_SEND",
    IPPROTO_IPV6,
    33,
    FLAG,
    since="2.2.7",
    source="include/uapi/linux/in6.h",
    doc="""Whether the flow information in addresses given to sends and connects counts.""",
)
IPV6_IPSEC_POLICY: Final = Option(
    "IPV6_IPSEC_POLICY",
    IPPROTO_IPV6,
    34,
    raw(512),
    since="2.5.66",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    source="include/uapi/linux/in6.h",
    doc="""A security policy in the form of the PF_KEY interface; Linux answers EOPNOTSUPP unless a
key module takes it.""",
)
IPV6_XFRM_POLICY: Final = Option(
    "IPV6_XFRM_POLICY",
    IPPROTO_IPV6,
    35,
    raw(512),
    since="2.5.66",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    source="include/uapi/linux/in6.h",
    doc="""An IPsec policy of this socket alone, a struct xfrm_userpolicy_info as bytes.""",
)
IPV6_HDRINCL: Final = Option(
    "IPV6_HDRINCL",
    IPPROTO_IPV6,
    36,
    FLAG,
    since="4.5",
    source="include/uapi/linux/in6.h",
    doc="""On a raw socket: what is sent begins with the caller's own IPv6 header. ENOPROTOOPT on
other sockets.""",
)
IPV6_RECVPKTINFO: Final = Option(
    "IPV6_RECVPKTINFO",
    IPPROTO_IPV6,
    49,
    FLAG,
    since="2.6.14",
    doc="""Receive with each datagram where it came in and which address it was sent to, as
IPV6_PKTINFO.""",
)
IPV6_PKTINFO: Final = Option(
    "IPV6_PKTINFO",
    IPPROTO_IPV6,
    50,
    PKTINFO6,
    since="2.6.29",
    access=Access.SET,
    source="RFC 3542, section 6.1",
    doc="""The interface that UDP datagrams leave by, 0 for that of the route. The address is taken and
not used: bind(2) or a control message sets where they are sent from.""",
)
IPV6_RECVHOPLIMIT: Final = Option(
    "IPV6_RECVHOPLIMIT",
    IPPROTO_IPV6,
    51,
    FLAG,
    since="2.6.14",
    source="RFC 3542, section 6.3",
    doc="""Receive with each datagram its hop limit, as IPV6_HOPLIMIT.""",
)
IPV6_RECVPATHMTU: Final = Option(
    "IPV6_RECVPATHMTU",
    IPPROTO_IPV6,
    60,
    FLAG,
    since="2.6.35",
    source="RFC 3542, section 11.3",
    doc="""Receive a change of the path MTU, as IPV6_PATHMTU, on a datagram socket.""",
)
IPV6_PATHMTU: Final = Option(
    "IPV6_PATHMTU",
    IPPROTO_IPV6,
    61,
    MTUINFO6,
    since="2.6.35",
    access=Access.GET,
    source="RFC 3542, section 11.4",
    doc="""The path MTU that is known for the connected peer, whose address is left out (::); ENOTCONN
without a peer.""",
)
IPV6_DONTFRAG: Final = Option(
    "IPV6_DONTFRAG",
    IPPROTO_IPV6,
    62,
    FLAG,
    since="2.6.35",
    source="RFC 3542, section 11.2",
    doc="""Do not fragment what is sent: what is too big for the path fails with EMSGSIZE.""",
)
IPV6_RECVTCLASS: Final = Option(
    "IPV6_RECVTCLASS",
    IPPROTO_IPV6,
    66,
    FLAG,
    since="2.6.14",
    source="RFC 3542, section 6.5",
    doc="""Receive with each datagram its traffic class, as IPV6_TCLASS.""",
)
IPV6_TCLASS: Final = Option(
    "IPV6_TCLASS",
    IPPROTO_IPV6,
    67,
    INT,
    since="2.6.14",
    source="RFC 3542, section 6.5",
    doc="""The traffic class of outgoing packets, 0 to 255; -1 is 0. A stream keeps the two ECN bits to
itself.""",
)
IPV6_AUTOFLOWLABEL: Final = Option(
    "IPV6_AUTOFLOWLABEL",
    IPPROTO_IPV6,
    70,
    FLAG,
    since="3.17",
    source="include/uapi/linux/in6.h",
    doc="""Whether packets get a flow label made from their addresses and ports.""",
)
IPV6_ADDR_PREFERENCES: Final = Option(
    "IPV6_ADDR_PREFERENCES",
    IPPROTO_IPV6,
    72,
    flags(Ipv6Preference),
    since="2.6.26",
    source="RFC 5014",
    doc="""What kind of source address to prefer; contradictions are refused (EINVAL).""",
)
IPV6_MINHOPCOUNT: Final = Option(
    "IPV6_MINHOPCOUNT",
    IPPROTO_IPV6,
    73,
    INT,
    since="2.6.35",
    source="include/uapi/linux/in6.h",
    doc="""Drop what arrives with a smaller hop limit, 0 to 255 (RFC 5082).""",
)
IPV6_RECVORIGDSTADDR: Final = Option(
    "IPV6_RECVORIGDSTADDR",
    IPPROTO_IPV6,
    74,
    FLAG,
    since="2.6.37",
    source="include/uapi/linux/in6.h",
    doc="""Receive with each datagram where it was going before it was redirected, as
IPV6_ORIGDSTADDR.""",
)
IPV6_TRANSPARENT: Final = Option(
    "IPV6_TRANSPARENT",
    IPPROTO_IPV6,
    75,
    FLAG,
    since="2.6.37",
    capability="CAP_NET_ADMIN",
    source="include/uapi/linux/in6.h",
    doc="""Speak for addresses that are not this host's, as a transparent proxy does. CAP_NET_RAW
suffices too.""",
)
IPV6_UNICAST_IF: Final = Option(
    "IPV6_UNICAST_IF",
    IPPROTO_IPV6,
    76,
    NETWORK,
    since="3.4",
    source="include/uapi/linux/in6.h",
    doc="""The index of the interface that unicast packets leave by, 0 for any. EADDRNOTAVAIL if there
is none.""",
)
IPV6_RECVFRAGSIZE: Final = Option(
    "IPV6_RECVFRAGSIZE",
    IPPROTO_IPV6,
    77,
    FLAG,
    since="4.10",
    source="include/uapi/linux/in6.h",
    doc="""Receive with each datagram the size of its largest fragment, as IPV6_RECVFRAGSIZE.""",
)
IPV6_FREEBIND: Final = Option(
    "IPV6_FREEBIND",
    IPPROTO_IPV6,
    78,
    FLAG,
    since="4.15",
    source="include/uapi/linux/in6.h",
    doc="""Let bind take an address that this host does not have yet.""",
)
IP6T_SO_ORIGINAL_DST: Final = Option(
    "IP6T_SO_ORIGINAL_DST",
    IPPROTO_IPV6,
    80,
    raw(28),
    since="3.8",
    access=Access.GET,
    source="include/uapi/linux/netfilter_ipv6/ip6_tables.h",
    doc="""Where a connection was going before netfilter redirected it, a struct sockaddr_in6 as
bytes. ENOENT if it was not, ENOPROTOOPT without connection tracking.""",
)
