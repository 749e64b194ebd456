"""Extension headers of IPv6 packets: level IPPROTO_IPV6."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, raw
from libsocket.option import Option

IPPROTO_IPV6: Final = Level.IPPROTO_IPV6

IPV6_2292PKTINFO: Final = Option(
    "IPV6_2292PKTINFO",
    IPPROTO_IPV6,
    2,
    FLAG,
    since="2.2",
    source="RFC 2292",
    doc="""IPV6_RECVPKTINFO with the control messages of RFC 2292.""",
)
IPV6_2292HOPOPTS: Final = Option(
    "IPV6_2292HOPOPTS",
    IPPROTO_IPV6,
    3,
    FLAG,
    since="2.2",
    source="RFC 2292",
    doc="""IPV6_RECVHOPOPTS with the control messages of RFC 2292.""",
)
IPV6_2292DSTOPTS: Final = Option(
    "IPV6_2292DSTOPTS",
    IPPROTO_IPV6,
    4,
    FLAG,
    since="2.2",
    source="RFC 2292",
    doc="""IPV6_RECVDSTOPTS with the control messages of RFC 2292.""",
)
IPV6_2292RTHDR: Final = Option(
    "IPV6_2292RTHDR",
    IPPROTO_IPV6,
    5,
    FLAG,
    since="2.2",
    source="RFC 2292",
    doc="""IPV6_RECVRTHDR with the control messages of RFC 2292.""",
)
IPV6_2292HOPLIMIT: Final = Option(
    "IPV6_2292HOPLIMIT",
    IPPROTO_IPV6,
    8,
    FLAG,
    since="2.2",
    source="RFC 2292",
    doc="""IPV6_RECVHOPLIMIT with the control messages of RFC 2292.""",
)
IPV6_2292PKTOPTIONS: Final = Option(
    "IPV6_2292PKTOPTIONS",
    IPPROTO_IPV6,
    6,
    raw(512),
    since="2.2",
    source="RFC 2292",
    doc="""Control messages for every packet sent, as bytes; reading gives those received, on streams
only (ENOPROTOOPT).""",
)
IPV6_RECVHOPOPTS: Final = Option(
    "IPV6_RECVHOPOPTS",
    IPPROTO_IPV6,
    53,
    FLAG,
    since="2.6.14",
    source="RFC 3542, section 8",
    doc="""Receive with each datagram its hop-by-hop options, as IPV6_HOPOPTS.""",
)
IPV6_HOPOPTS: Final = Option(
    "IPV6_HOPOPTS",
    IPPROTO_IPV6,
    54,
    raw(1024),
    since="2.6.14",
    capability="CAP_NET_RAW",
    source="RFC 3542, section 8",
    doc="""The hop-by-hop options header of every packet sent, as bytes; empty is none. Setting one
needs the capability.""",
)
IPV6_RTHDRDSTOPTS: Final = Option(
    "IPV6_RTHDRDSTOPTS",
    IPPROTO_IPV6,
    55,
    raw(1024),
    since="2.6.14",
    capability="CAP_NET_RAW",
    source="RFC 3542, section 9",
    doc="""The destination options before a routing header, of every packet sent, as bytes; empty is
none. Setting them needs the capability.""",
)
IPV6_RECVRTHDR: Final = Option(
    "IPV6_RECVRTHDR",
    IPPROTO_IPV6,
    56,
    FLAG,
    since="2.6.14",
    source="RFC 3542, section 7",
    doc="""Receive with each datagram its routing header, as IPV6_RTHDR.""",
)
IPV6_RTHDR: Final = Option(
    "IPV6_RTHDR",
    IPPROTO_IPV6,
    57,
    raw(1024),
    since="2.6.14",
    source="RFC 3542, section 7",
    doc="""The routing header of every packet sent, as bytes; empty is none.""",
)
IPV6_RECVDSTOPTS: Final = Option(
    "IPV6_RECVDSTOPTS",
    IPPROTO_IPV6,
    58,
    FLAG,
    since="2.6.14",
    source="RFC 3542, section 9",
    doc="""Receive with each datagram its destination options, as IPV6_DSTOPTS.""",
)
IPV6_DSTOPTS: Final = Option(
    "IPV6_DSTOPTS",
    IPPROTO_IPV6,
    59,
    raw(1024),
    since="2.6.14",
    capability="CAP_NET_RAW",
    source="RFC 3542, section 9",
    doc="""The destination options of every packet sent, as bytes; empty is none. Setting them needs
the capability.""",
)
