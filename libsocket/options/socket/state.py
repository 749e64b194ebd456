"""What a socket is, and the state it is in: level SOL_SOCKET."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import FLAG, INT, UNSIGNED64
from libsocket.option import Access, Option

SOL_SOCKET: Final = Level.SOL_SOCKET

SO_DEBUG: Final = Option(
    "SO_DEBUG",
    SOL_SOCKET,
    1,
    FLAG,
    since="1.0",
    capability="CAP_NET_ADMIN",
    initially=True,
    doc="""Let the protocol trace this socket. Switching it on without the capability fails with EACCES,
not EPERM; the capability counts in the initial user namespace only.""",
)
SO_TYPE: Final = Option(
    "SO_TYPE",
    SOL_SOCKET,
    Numbers(3, alpha=0x1008, mips=0x1008, parisc=0x1008, sparc=0x1008),
    INT,
    since="1.0",
    access=Access.GET,
    doc="""The socket's type as a number: SOCK_STREAM, SOCK_DGRAM and so on, without flags.""",
)
SO_DOMAIN: Final = Option(
    "SO_DOMAIN",
    SOL_SOCKET,
    Numbers(39, alpha=0x1029, mips=0x1029, parisc=0x1029, sparc=0x1029),
    INT,
    since="2.6.32",
    access=Access.GET,
    doc="""The socket's address family as a number: AF_INET and so on.""",
)
SO_PROTOCOL: Final = Option(
    "SO_PROTOCOL",
    SOL_SOCKET,
    Numbers(38, alpha=0x1028, mips=0x1028, parisc=0x1028, sparc=0x1028),
    INT,
    since="2.6.32",
    access=Access.GET,
    doc="""The socket's protocol as a number: IPPROTO_TCP and so on.""",
)
SO_ERROR: Final = Option(
    "SO_ERROR",
    SOL_SOCKET,
    Numbers(4, alpha=0x1007, mips=0x1007, parisc=0x1007, sparc=0x1007),
    INT,
    since="1.0",
    access=Access.GET,
    consumes=True,
    doc="""The errno that waits on the socket, 0 for none. Reading clears it, so snapshots leave it
out.""",
)
SO_ACCEPTCONN: Final = Option(
    "SO_ACCEPTCONN",
    SOL_SOCKET,
    Numbers(30, alpha=0x1014, mips=0x1009, parisc=0x401C, sparc=0x8000),
    FLAG,
    since="2.4.2",
    access=Access.GET,
    doc="""Whether the socket listens.""",
)
SO_COOKIE: Final = Option(
    "SO_COOKIE",
    SOL_SOCKET,
    Numbers(57, parisc=0x4032, sparc=59),
    UNSIGNED64,
    since="4.12",
    access=Access.GET,
    source="include/uapi/asm-generic/socket.h",
    doc="""A 64-bit number that no other socket of this boot has.""",
)
SO_NETNS_COOKIE: Final = Option(
    "SO_NETNS_COOKIE",
    SOL_SOCKET,
    Numbers(71, parisc=0x4045, sparc=80),
    UNSIGNED64,
    since="5.14",
    access=Access.GET,
    source="include/uapi/asm-generic/socket.h",
    doc="""A 64-bit number that no other network namespace of this boot has.""",
)
