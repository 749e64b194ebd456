"""Who is at the other end: level SOL_SOCKET."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import FD, FLAG, IDS, UCRED, raw, text
from libsocket.option import Access, Option

SOL_SOCKET: Final = Level.SOL_SOCKET

SO_PASSCRED: Final = Option(
    "SO_PASSCRED",
    SOL_SOCKET,
    Numbers(16, alpha=17, mips=17, parisc=0x4010, powerpc=20, sparc=2),
    FLAG,
    since="2.2",
    source="unix(7), SO_PASSCRED",
    doc="""Receive the sender's pid, uid and gid with each message, as SCM_CREDENTIALS. UNIX,
netlink and Bluetooth sockets; since Linux 6.16 others answer EOPNOTSUPP.""",
)
SO_PEERCRED: Final = Option(
    "SO_PEERCRED",
    SOL_SOCKET,
    Numbers(17, alpha=18, mips=18, parisc=0x4011, powerpc=21, sparc=64),
    UCRED,
    since="2.2",
    access=Access.GET,
    source="unix(7), SO_PEERCRED",
    doc="""Who was at the other end when a UNIX pair was made, connected or put to listen. Other sockets
answer ``Ucred(0, -1, -1)``.""",
)
SO_PASSSEC: Final = Option(
    "SO_PASSSEC",
    SOL_SOCKET,
    Numbers(34, parisc=0x401E, sparc=31),
    FLAG,
    since="2.6.18",
    source="unix(7), SO_PASSSEC",
    doc="""Receive the sender's security label with each message, as SCM_SECURITY. UNIX, netlink and
Bluetooth sockets; since Linux 6.16 others answer EOPNOTSUPP.""",
)
SO_PEERSEC: Final = Option(
    "SO_PEERSEC",
    SOL_SOCKET,
    Numbers(31, alpha=30, mips=30, parisc=0x401D, sparc=30),
    text(256),
    since="2.6.2",
    access=Access.GET,
    source="unix(7), SO_PEERSEC",
    doc="""The security label of the peer, as the security module in charge gives it; ENOPROTOOPT
where none does.""",
)
SO_PEERGROUPS: Final = Option(
    "SO_PEERGROUPS",
    SOL_SOCKET,
    Numbers(59, parisc=0x4034, sparc=61),
    IDS,
    since="4.13",
    access=Access.GET,
    source="include/uapi/asm-generic/socket.h",
    doc="""The supplementary groups of the process at the other end of a UNIX socket, at most 256.
ENODATA where no peer is known.""",
)
SO_PEERNAME: Final = Option(
    "SO_PEERNAME",
    SOL_SOCKET,
    Numbers(28, parisc=0x2000),
    raw(16),
    since="2.4",
    access=Access.GET,
    source="include/uapi/asm-generic/socket.h",
    doc="""The peer's address as a sockaddr, its first 16 bytes, which is all of an IPv4 one;
getpeername(2) gives others whole. ENOTCONN without a peer.""",
)
SO_PASSPIDFD: Final = Option(
    "SO_PASSPIDFD",
    SOL_SOCKET,
    Numbers(76, parisc=0x404A, sparc=85),
    FLAG,
    since="6.5",
    source="include/uapi/asm-generic/socket.h",
    doc="""Receive a descriptor of the sending process with each message, as SCM_PIDFD. UNIX
sockets; since Linux 6.16 others answer EOPNOTSUPP.""",
)
SO_PEERPIDFD: Final = Option(
    "SO_PEERPIDFD",
    SOL_SOCKET,
    Numbers(77, parisc=0x404B, sparc=86),
    FD,
    since="6.5",
    access=Access.GET,
    consumes=True,
    source="include/uapi/asm-generic/socket.h",
    doc="""A new descriptor of the process at the other end of a UNIX socket, owned by what is
returned. ENODATA where no peer is known. Snapshots leave it out, for reading makes a file.""",
)
SO_PASSRIGHTS: Final = Option(
    "SO_PASSRIGHTS",
    SOL_SOCKET,
    Numbers(83, parisc=0x4051, sparc=92),
    FLAG,
    since="6.16",
    source="include/uapi/asm-generic/socket.h",
    doc="""Whether descriptors may be received; true at first. While false, a message with SCM_RIGHTS
to this UNIX socket is refused to its sender (EPERM).""",
)
SO_RIGHTS_NOTRUNC: Final = Option(
    "SO_RIGHTS_NOTRUNC",
    SOL_SOCKET,
    Numbers(85, parisc=0x4053, sparc=94),
    FLAG,
    since="7.3",
    source="include/uapi/asm-generic/socket.h",
    doc="""Whether a receive with too little room for the descriptors sent along fails rather than
closes those that do not fit.""",
)
