"""Options of TCP sockets: level IPPROTO_TCP."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT, UNSIGNED, raw, text
from libsocket.layouts.tcp import TCP_INFO_LAYOUT, ZEROCOPY_RECEIVE
from libsocket.option import Access, Option

IPPROTO_TCP: Final = Level.IPPROTO_TCP

TCP_NODELAY: Final = Option(
    "TCP_NODELAY",
    IPPROTO_TCP,
    1,
    FLAG,
    since="1.0",
    doc="""Send small segments at once rather than wait for what would fill them (Nagle). Setting it also
pushes out what waits, while TCP_CORK goes before it.""",
)
TCP_MAXSEG: Final = Option(
    "TCP_MAXSEG",
    IPPROTO_TCP,
    2,
    INT,
    since="1.0",
    doc="""Largest segment, in bytes, that is sent or announced, 88 to 32767; 0 is no limit of its own.""",
)
TCP_CORK: Final = Option(
    "TCP_CORK",
    IPPROTO_TCP,
    3,
    FLAG,
    since="2.2",
    doc="""Hold back segments that are not full, for 200 milliseconds at most. Unsetting sends what Nagle's
rule does not hold back (TCP_NODELAY).""",
)
TCP_KEEPIDLE: Final = Option(
    "TCP_KEEPIDLE",
    IPPROTO_TCP,
    4,
    INT,
    since="2.4",
    doc="""Seconds a connection must be idle before SO_KEEPALIVE probes it, 1 to 32767.""",
)
TCP_KEEPINTVL: Final = Option(
    "TCP_KEEPINTVL",
    IPPROTO_TCP,
    5,
    INT,
    since="2.4",
    doc="""Seconds between two keep-alive probes, 1 to 32767.""",
)
TCP_KEEPCNT: Final = Option(
    "TCP_KEEPCNT",
    IPPROTO_TCP,
    6,
    INT,
    since="2.4",
    doc="""Unanswered keep-alive probes after which the connection is dropped, 1 to 127. Without effect
where TCP_USER_TIMEOUT is set.""",
)
TCP_SYNCNT: Final = Option(
    "TCP_SYNCNT",
    IPPROTO_TCP,
    7,
    INT,
    since="2.4",
    doc="""How often a connection request is repeated before connect gives up, 1 to 127. Others:
EINVAL.""",
)
TCP_LINGER2: Final = Option(
    "TCP_LINGER2",
    IPPROTO_TCP,
    8,
    INT,
    since="2.4",
    doc="""Seconds that a closed connection waits in FIN-WAIT-2, at most 120; 0 is the system's default, and a
negative number is not at all.""",
)
TCP_DEFER_ACCEPT: Final = Option(
    "TCP_DEFER_ACCEPT",
    IPPROTO_TCP,
    9,
    INT,
    since="2.4",
    doc="""Seconds that a listener waits for a connection's first data before accept may return it. Kept
as a number of retransmissions, so another number may read back.""",
)
TCP_WINDOW_CLAMP: Final = Option(
    "TCP_WINDOW_CLAMP",
    IPPROTO_TCP,
    10,
    INT,
    since="2.4",
    doc="""Most bytes of receive window to announce, not less than half SO_RCVBUF's minimum; 0 (no
limit) is taken only by a closed socket, else EINVAL.""",
)
TCP_INFO: Final = Option(
    "TCP_INFO",
    IPPROTO_TCP,
    11,
    TCP_INFO_LAYOUT,
    since="2.4",
    access=Access.GET,
    doc="""The state of the connection, as far as this kernel gives it.""",
)
TCP_QUICKACK: Final = Option(
    "TCP_QUICKACK",
    IPPROTO_TCP,
    12,
    FLAG,
    since="2.4.4",
    doc="""Acknowledge at once. Not lasting: the protocol leaves and enters this mode by itself.""",
)
TCP_CONGESTION: Final = Option(
    "TCP_CONGESTION",
    IPPROTO_TCP,
    13,
    text(16),
    since="2.6.13",
    capability="CAP_NET_ADMIN",
    doc="""Name of the congestion control algorithm. Those outside
net.ipv4.tcp_allowed_congestion_control need the capability. EPERM for everyone where the route
prescribes one (ip-route(8), congctl). A name of 16 bytes or more raises ValueError: the kernel would
cut it.""",
)
TCP_USER_TIMEOUT: Final = Option(
    "TCP_USER_TIMEOUT",
    IPPROTO_TCP,
    18,
    UNSIGNED,
    since="2.6.37",
    doc="""Milliseconds that sent data may stay unacknowledged before the connection is dropped, up to
2147483647 (EINVAL); 0 is the system's default. With SO_KEEPALIVE it also takes the place of TCP_KEEPCNT: an
idle connection is dropped when a probe after the first falls due so long after the last answer, be it sooner
or later than the count would have it.""",
)
TCP_THIN_LINEAR_TIMEOUTS: Final = Option(
    "TCP_THIN_LINEAR_TIMEOUTS",
    IPPROTO_TCP,
    16,
    FLAG,
    since="2.6.34",
    source="include/uapi/linux/tcp.h",
    doc="""Repeat after even waits, not doubling ones, while few packets are under way.""",
)
TCP_THIN_DUPACK: Final = Option(
    "TCP_THIN_DUPACK",
    IPPROTO_TCP,
    17,
    FLAG,
    since="2.6.34",
    source="include/uapi/linux/tcp.h",
    doc="""Once: repeat after a single duplicate acknowledgement while few packets are under way.
Since Linux 4.11 it can be set without effect.""",
)
TCP_FASTOPEN: Final = Option(
    "TCP_FASTOPEN",
    IPPROTO_TCP,
    23,
    INT,
    since="3.7",
    doc="""On a closed or listening socket (EINVAL on others): how many Fast Open requests may wait at the
listener; 0 is none. Only where net.ipv4.tcp_fastopen has 2 among its bits, as it has not at first.""",
)
TCP_FASTOPEN_CONNECT: Final = Option(
    "TCP_FASTOPEN_CONNECT",
    IPPROTO_TCP,
    30,
    FLAG,
    since="4.11",
    doc="""Connect without waiting, and let the first write carry its data in the connection request.
Only before connecting (EINVAL), and where net.ipv4.tcp_fastopen has 1 among its bits, as it has at first
(EOPNOTSUPP).""",
)
TCP_FASTOPEN_KEY: Final = Option(
    "TCP_FASTOPEN_KEY",
    IPPROTO_TCP,
    33,
    raw(32),
    since="4.15",
    source="include/uapi/linux/tcp.h",
    doc="""The key for Fast Open cookies, 16 bytes, or 32 for a main and a backup key (since Linux
5.3). Other sizes: EINVAL.""",
)
TCP_FASTOPEN_NO_COOKIE: Final = Option(
    "TCP_FASTOPEN_NO_COOKIE",
    IPPROTO_TCP,
    34,
    FLAG,
    since="4.15",
    source="include/uapi/linux/tcp.h",
    doc="""Fast Open without a cookie. Only on a closed or listening socket (EINVAL).""",
)
TCP_NOTSENT_LOWAT: Final = Option(
    "TCP_NOTSENT_LOWAT",
    IPPROTO_TCP,
    25,
    UNSIGNED,
    since="3.12",
    source="include/uapi/linux/tcp.h",
    doc="""Bytes not yet sent below which the socket counts as writable; 0 is the system's limit. -1
of the kernel is 4294967295.""",
)
TCP_CC_INFO: Final = Option(
    "TCP_CC_INFO",
    IPPROTO_TCP,
    26,
    raw(64),
    since="4.1",
    access=Access.GET,
    source="include/uapi/linux/tcp.h",
    doc="""What the congestion control reports of itself; empty if nothing. Its structure depends on the
algorithm.""",
)
TCP_SAVE_SYN: Final = Option(
    "TCP_SAVE_SYN",
    IPPROTO_TCP,
    27,
    INT,
    since="4.2",
    source="include/uapi/linux/tcp.h",
    doc="""On a listener: 1 keeps the headers of each connection request from the IP header on, 2 from
the link header on (since Linux 5.10), 0 none.""",
)
TCP_SAVED_SYN: Final = Option(
    "TCP_SAVED_SYN",
    IPPROTO_TCP,
    28,
    raw(512),
    since="4.2",
    access=Access.GET,
    consumes=True,
    source="include/uapi/linux/tcp.h",
    doc="""The headers kept by TCP_SAVE_SYN of the accepted connection; empty if there are none. They
can be read once, so snapshots leave them.""",
)
TCP_ULP: Final = Option(
    "TCP_ULP",
    IPPROTO_TCP,
    31,
    text(16),
    since="4.13",
    source="include/uapi/linux/tcp.h",
    doc="""Name of the protocol on top, ``tls`` for one; "" is none. ENOENT if it is unknown, EEXIST
if there is one, ENOTCONN on a socket that is not connected.""",
)
TCP_ZEROCOPY_RECEIVE: Final = Option(
    "TCP_ZEROCOPY_RECEIVE",
    IPPROTO_TCP,
    35,
    ZEROCOPY_RECEIVE,
    since="4.18",
    access=Access.GET,
    source="include/uapi/linux/tcp.h",
    doc="""Map received pages into memory instead of copying them. Asked with where to; see
TcpZerocopyReceive.""",
)
TCP_INQ: Final = Option(
    "TCP_INQ",
    IPPROTO_TCP,
    36,
    FLAG,
    since="4.18",
    source="include/uapi/linux/tcp.h",
    doc="""Receive with each read how many bytes are left to read, as TCP_CM_INQ.""",
)
TCP_TX_DELAY: Final = Option(
    "TCP_TX_DELAY",
    IPPROTO_TCP,
    37,
    INT,
    since="5.3",
    source="include/uapi/linux/tcp.h",
    doc="""Microseconds by which everything sent is delayed, to try out distant peers; needs the fq
queueing discipline.""",
)
TCP_IS_MPTCP: Final = Option(
    "TCP_IS_MPTCP",
    IPPROTO_TCP,
    43,
    FLAG,
    since="6.10",
    access=Access.GET,
    source="include/uapi/linux/tcp.h",
    doc="""Whether the connection is a subflow of Multipath TCP.""",
)
TCP_RTO_MAX_MS: Final = Option(
    "TCP_RTO_MAX_MS",
    IPPROTO_TCP,
    44,
    INT,
    since="6.15",
    source="include/uapi/linux/tcp.h",
    doc="""Most milliseconds to wait before repeating, 1000 to 120000, rounded to clock ticks. Others:
EINVAL.""",
)
TCP_RTO_MIN_US: Final = Option(
    "TCP_RTO_MIN_US",
    IPPROTO_TCP,
    45,
    INT,
    since="6.15",
    source="include/uapi/linux/tcp.h",
    doc="""Fewest microseconds to wait before repeating, rounded up to clock ticks; 0 and more than
TCP ever waits: EINVAL.""",
)
TCP_DELACK_MAX_US: Final = Option(
    "TCP_DELACK_MAX_US",
    IPPROTO_TCP,
    46,
    INT,
    since="6.15",
    source="include/uapi/linux/tcp.h",
    doc="""Most microseconds by which an acknowledgement is delayed, rounded up to clock ticks; 0 and
more than TCP ever delays: EINVAL.""",
)
