"""Options of TCP sockets: level IPPROTO_TCP."""

from __future__ import annotations

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT, TCP_INFO_LAYOUT, UNSIGNED, text
from libsocket.option import Access, Option

IPPROTO_TCP = Level.IPPROTO_TCP

TCP_NODELAY = Option(
    "TCP_NODELAY",
    IPPROTO_TCP,
    1,
    FLAG,
    since="1.0",
    doc="""Send small segments at once rather than wait for what would fill them (Nagle). Setting it also
pushes out what waits, while TCP_CORK goes before it.""",
)
TCP_MAXSEG = Option(
    "TCP_MAXSEG",
    IPPROTO_TCP,
    2,
    INT,
    since="1.0",
    doc="""Largest segment, in bytes, that is sent or announced.""",
)
TCP_CORK = Option(
    "TCP_CORK",
    IPPROTO_TCP,
    3,
    FLAG,
    since="2.2",
    doc="""Hold back segments that are not full, for 200 milliseconds at most; unsetting sends them.""",
)
TCP_KEEPIDLE = Option(
    "TCP_KEEPIDLE",
    IPPROTO_TCP,
    4,
    INT,
    since="2.4",
    doc="""Seconds a connection must be idle before SO_KEEPALIVE probes it.""",
)
TCP_KEEPINTVL = Option(
    "TCP_KEEPINTVL",
    IPPROTO_TCP,
    5,
    INT,
    since="2.4",
    doc="""Seconds between two keep-alive probes.""",
)
TCP_KEEPCNT = Option(
    "TCP_KEEPCNT",
    IPPROTO_TCP,
    6,
    INT,
    since="2.4",
    doc="""Unanswered keep-alive probes after which the connection is dropped.""",
)
TCP_LINGER2 = Option(
    "TCP_LINGER2",
    IPPROTO_TCP,
    8,
    INT,
    since="2.4",
    doc="""Seconds that a closed connection waits in FIN-WAIT-2.""",
)
TCP_DEFER_ACCEPT = Option(
    "TCP_DEFER_ACCEPT",
    IPPROTO_TCP,
    9,
    INT,
    since="2.4",
    doc="""Seconds that a listener waits for a connection's first data before accept may return it. Kept
as a number of retransmissions, so another number may read back.""",
)
TCP_INFO = Option(
    "TCP_INFO",
    IPPROTO_TCP,
    11,
    TCP_INFO_LAYOUT,
    since="2.4",
    access=Access.GET,
    doc="""The state of the connection, as far as this kernel tells it.""",
)
TCP_QUICKACK = Option(
    "TCP_QUICKACK",
    IPPROTO_TCP,
    12,
    FLAG,
    since="2.4.4",
    doc="""Acknowledge at once. Not lasting: the protocol leaves and enters this mode by itself.""",
)
TCP_CONGESTION = Option(
    "TCP_CONGESTION",
    IPPROTO_TCP,
    13,
    text(16),
    since="2.6.13",
    capability="CAP_NET_ADMIN",
    doc="""Name of the congestion control algorithm. Those outside
net.ipv4.tcp_allowed_congestion_control need the capability. A name of 16 bytes or more raises
ValueError: the kernel would cut it.""",
)
TCP_USER_TIMEOUT = Option(
    "TCP_USER_TIMEOUT",
    IPPROTO_TCP,
    18,
    UNSIGNED,
    since="2.6.37",
    doc="""Milliseconds that sent data may stay unacknowledged before the connection is dropped; 0 is the
system's default.""",
)
