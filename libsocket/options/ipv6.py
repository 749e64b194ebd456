"""Options of IPv6 sockets: level IPPROTO_IPV6."""

from __future__ import annotations

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT
from libsocket.option import Option

IPPROTO_IPV6 = Level.IPPROTO_IPV6

IPV6_UNICAST_HOPS = Option(
    "IPV6_UNICAST_HOPS",
    IPPROTO_IPV6,
    16,
    INT,
    since="2.2",
    doc="""Hop limit of outgoing unicast packets, 0 to 255; -1 is the route's.""",
)
IPV6_V6ONLY = Option(
    "IPV6_V6ONLY",
    IPPROTO_IPV6,
    26,
    FLAG,
    since="2.4.21",
    doc="""Speak IPv6 only; otherwise IPv4 too, in mapped addresses. Refused once bound (EINVAL).""",
)
IPV6_TCLASS = Option(
    "IPV6_TCLASS",
    IPPROTO_IPV6,
    67,
    INT,
    since="2.6.14",
    source="RFC 3542, section 6.5",
    doc="""The traffic class of outgoing packets, 0 to 255; -1 is the system's default.""",
)
