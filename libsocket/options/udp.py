"""Options of UDP sockets: level IPPROTO_UDP."""

from __future__ import annotations

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT
from libsocket.option import Option

IPPROTO_UDP = Level.IPPROTO_UDP

UDP_CORK = Option(
    "UDP_CORK",
    IPPROTO_UDP,
    1,
    FLAG,
    since="2.5.44",
    doc="""Gather what is sent into one datagram, which unsetting sends.""",
)
UDP_SEGMENT = Option(
    "UDP_SEGMENT",
    IPPROTO_UDP,
    103,
    INT,
    since="4.18",
    doc="""Cut what is sent into datagrams of this many bytes; 0 is off.""",
)
