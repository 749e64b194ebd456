"""Options of UDP sockets: level IPPROTO_UDP."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT
from libsocket.option import Option

IPPROTO_UDP: Final = Level.IPPROTO_UDP

UDP_CORK: Final = Option(
    "UDP_CORK",
    IPPROTO_UDP,
    1,
    FLAG,
    since="2.5.44",
    doc="""Gather what is sent into one datagram, which unsetting sends.""",
)
UDP_ENCAP: Final = Option(
    "UDP_ENCAP",
    IPPROTO_UDP,
    100,
    INT,
    since="2.6",
    source="include/uapi/linux/udp.h",
    doc="""What arrives carries another protocol: 0 nothing, 2 IPsec, 3 L2TP, 4 and 5 GTP. Most are
set by the kernel's own users; an unknown one is refused (ENOPROTOOPT).""",
)
UDP_NO_CHECK6_TX: Final = Option(
    "UDP_NO_CHECK6_TX",
    IPPROTO_UDP,
    101,
    FLAG,
    since="3.16",
    source="include/uapi/linux/udp.h",
    doc="""Send over IPv6 without a checksum, for tunnels (RFC 6935).""",
)
UDP_NO_CHECK6_RX: Final = Option(
    "UDP_NO_CHECK6_RX",
    IPPROTO_UDP,
    102,
    FLAG,
    since="3.16",
    source="include/uapi/linux/udp.h",
    doc="""Take datagrams over IPv6 without a checksum, for tunnels (RFC 6935).""",
)
UDP_SEGMENT: Final = Option(
    "UDP_SEGMENT",
    IPPROTO_UDP,
    103,
    INT,
    since="4.18",
    doc="""Cut what is sent into datagrams of this many bytes, 1 to 65535; 0 is off. At most 128 a send, on
older kernels, 5.10 among them, fewer than 64 (EINVAL). EMSGSIZE where one is too big for the path.""",
)
UDP_GRO: Final = Option(
    "UDP_GRO",
    IPPROTO_UDP,
    104,
    FLAG,
    since="5.0",
    source="include/uapi/linux/udp.h",
    doc="""Let several datagrams of one flow arrive as one; their size comes along as UDP_GRO.""",
)
