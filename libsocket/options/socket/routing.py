"""Addresses, routes and marks of what is sent: level SOL_SOCKET."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import FLAG, INT, UNSIGNED, UNSIGNED_LONG, text
from libsocket.option import Access, Option

SOL_SOCKET: Final = Level.SOL_SOCKET

SO_REUSEADDR: Final = Option(
    "SO_REUSEADDR",
    SOL_SOCKET,
    Numbers(2, alpha=4, mips=4, parisc=4, sparc=4),
    FLAG,
    since="1.0",
    doc="""Let bind take a local address that is still in use, unless a socket listens on it.""",
)
SO_REUSEPORT: Final = Option(
    "SO_REUSEPORT",
    SOL_SOCKET,
    Numbers(15, alpha=0x0200, mips=0x0200, parisc=0x0200, sparc=0x0200),
    FLAG,
    since="3.9",
    doc="""Let several sockets of one user bind the same address; the kernel spreads what arrives. Without
effect on families other than IPv4 and IPv6, which refuse it (EOPNOTSUPP) since Linux 6.13 and the stable
kernels that took this over.""",
)
SO_BINDTODEVICE: Final = Option(
    "SO_BINDTODEVICE",
    SOL_SOCKET,
    Numbers(25, parisc=0x4019, sparc=13),
    text(16),
    since="2.0.31",
    capability="CAP_NET_RAW",
    doc="""The interface that packets come from and leave by; "" is any. Readable since Linux 3.8. Since
5.7 the capability is needed only to change or drop a device, not to choose the first. A name of 16 bytes
or more raises ValueError: the kernel would cut it.""",
)
SO_BINDTOIFINDEX: Final = Option(
    "SO_BINDTOIFINDEX",
    SOL_SOCKET,
    Numbers(62, parisc=0x4037, sparc=65),
    INT,
    since="5.1",
    capability="CAP_NET_RAW",
    source="include/uapi/asm-generic/socket.h",
    doc="""The index of the interface that SO_BINDTODEVICE names; 0 is any.""",
)
SO_DONTROUTE: Final = Option(
    "SO_DONTROUTE",
    SOL_SOCKET,
    Numbers(5, alpha=16, mips=16, parisc=16, sparc=16),
    FLAG,
    since="1.2",
    doc="""Send to hosts on attached links only, never through a gateway, as MSG_DONTROUTE does per
call.""",
)
SO_BROADCAST: Final = Option(
    "SO_BROADCAST",
    SOL_SOCKET,
    Numbers(6, alpha=32, mips=32, parisc=32, sparc=32),
    FLAG,
    since="1.0",
    doc="""Let a datagram socket send to broadcast addresses. Streams store it without effect.""",
)
SO_KEEPALIVE: Final = Option(
    "SO_KEEPALIVE",
    SOL_SOCKET,
    Numbers(9, alpha=8, mips=8, parisc=8, sparc=8),
    FLAG,
    since="1.0",
    doc="""Probe an idle connection, so that a peer that vanished is noticed.""",
)
SO_PRIORITY: Final = Option(
    "SO_PRIORITY",
    SOL_SOCKET,
    Numbers(12, parisc=0x400C),
    INT,
    since="1.0",
    capability="CAP_NET_ADMIN",
    doc="""Priority of outgoing packets for the queueing discipline: 0 to 6 for anyone, any other with
the capability, or CAP_NET_RAW since Linux 5.17.""",
)
SO_RCVPRIORITY: Final = Option(
    "SO_RCVPRIORITY",
    SOL_SOCKET,
    Numbers(82, parisc=0x404D, sparc=91),
    FLAG,
    since="6.14",
    source="include/uapi/asm-generic/socket.h",
    doc="""Receive with each message the priority that its packet had, as SO_PRIORITY.""",
)
SO_MARK: Final = Option(
    "SO_MARK",
    SOL_SOCKET,
    Numbers(36, parisc=0x401F, sparc=34),
    UNSIGNED,
    since="2.6.25",
    capability="CAP_NET_ADMIN",
    doc="""A 32-bit number on every packet sent, for routing rules and filters. CAP_NET_RAW suffices since
Linux 5.17.""",
)
SO_RCVMARK: Final = Option(
    "SO_RCVMARK",
    SOL_SOCKET,
    Numbers(75, parisc=0x4049, sparc=84),
    FLAG,
    since="5.19",
    source="include/uapi/asm-generic/socket.h",
    doc="""Receive with each message the mark that its packet had, as SO_MARK. Needed CAP_NET_ADMIN or
CAP_NET_RAW from Linux 5.19 to 6.3.""",
)
SO_MAX_PACING_RATE: Final = Option(
    "SO_MAX_PACING_RATE",
    SOL_SOCKET,
    Numbers(47, parisc=0x4028, sparc=49),
    UNSIGNED_LONG,
    since="3.13",
    source="include/uapi/asm-generic/socket.h",
    doc="""Most bytes a second that the socket sends; the largest number is no limit. 32 bits wide
before Linux 4.20. TCP, or whatever sends through the fq queueing discipline.""",
)
SO_TXREHASH: Final = Option(
    "SO_TXREHASH",
    SOL_SOCKET,
    Numbers(74, parisc=0x4048, sparc=83),
    INT,
    since="5.18",
    source="include/uapi/asm-generic/socket.h",
    doc="""Whether a TCP connection that does not get through tries another hash, and so perhaps
another path: 1 yes, 0 no, -1 as net.core.txrehash says. Since Linux 6.16 TCP only (EOPNOTSUPP
elsewhere).""",
)
SO_CNX_ADVICE: Final = Option(
    "SO_CNX_ADVICE",
    SOL_SOCKET,
    Numbers(53, parisc=0x402E, sparc=55),
    INT,
    since="4.6",
    access=Access.SET,
    source="include/uapi/asm-generic/socket.h",
    doc="""Advice about the connection: 1 says that its path does badly and another should be looked
for. Any other number does nothing.""",
)
SO_NO_CHECK: Final = Option(
    "SO_NO_CHECK",
    SOL_SOCKET,
    Numbers(11, parisc=0x400B),
    FLAG,
    since="1.0",
    source="include/uapi/asm-generic/socket.h",
    doc="""Send UDP datagrams over IPv4 without a checksum.""",
)
SO_BSDCOMPAT: Final = Option(
    "SO_BSDCOMPAT",
    SOL_SOCKET,
    Numbers(14, parisc=0x400E, sparc=0x0400),
    FLAG,
    since="2.0",
    doc="""Once: do not report ICMP errors on UDP sockets. Since Linux 2.4 it can be set without
effect.""",
)
