"""Options of IPv4 sockets: level IPPROTO_IP."""

from __future__ import annotations

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT
from libsocket.option import Option

IPPROTO_IP = Level.IPPROTO_IP

IP_TOS = Option(
    "IP_TOS",
    IPPROTO_IP,
    1,
    INT,
    since="1.0",
    doc="""The type-of-service byte of outgoing packets. Setting it sets SO_PRIORITY too.""",
)
IP_TTL = Option(
    "IP_TTL",
    IPPROTO_IP,
    2,
    INT,
    since="1.0",
    doc="""Time to live of outgoing packets, 1 to 255; -1 is the system's default.""",
)
IP_HDRINCL = Option(
    "IP_HDRINCL",
    IPPROTO_IP,
    3,
    FLAG,
    since="2.0",
    doc="""On a raw socket: what is sent begins with the caller's own IP header.""",
)
IP_PKTINFO = Option(
    "IP_PKTINFO",
    IPPROTO_IP,
    8,
    FLAG,
    since="2.2",
    doc="""Receive with each datagram where it came in and which address it was sent to.""",
)
IP_MTU_DISCOVER = Option(
    "IP_MTU_DISCOVER",
    IPPROTO_IP,
    10,
    INT,
    since="2.2",
    doc="""Path MTU discovery: 0 never, 1 as the route says, 2 always, 3 always but ignore what is known,
4 and 5 use the interface's MTU only.""",
)
IP_RECVERR = Option(
    "IP_RECVERR",
    IPPROTO_IP,
    11,
    FLAG,
    since="2.2",
    doc="""Queue errors with what they are about; MSG_ERRQUEUE receives them.""",
)
IP_FREEBIND = Option(
    "IP_FREEBIND",
    IPPROTO_IP,
    15,
    FLAG,
    since="2.4",
    doc="""Let bind take an address that this host does not have yet.""",
)
IP_TRANSPARENT = Option(
    "IP_TRANSPARENT",
    IPPROTO_IP,
    19,
    FLAG,
    since="2.6.24",
    capability="CAP_NET_ADMIN",
    doc="""Speak for addresses that are not this host's, as a transparent proxy does. CAP_NET_RAW
suffices too.""",
)
