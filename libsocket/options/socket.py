"""Options of every socket: level SOL_SOCKET."""

from __future__ import annotations

from libsocket.arch import Level, Numbers
from libsocket.codecs import FLAG, INT, LINGER, MEMINFO, SECONDS, SIZE, UCRED, UNSIGNED, UNSIGNED64, text
from libsocket.option import Access, Option

SOL_SOCKET = Level.SOL_SOCKET

SO_DEBUG = Option(
    "SO_DEBUG",
    SOL_SOCKET,
    1,
    FLAG,
    since="1.0",
    capability="CAP_NET_ADMIN",
    doc="""Let the protocol trace this socket. Switching it on without the capability fails with EACCES,
not EPERM; the capability counts in the first user namespace only.""",
)
SO_REUSEADDR = Option(
    "SO_REUSEADDR",
    SOL_SOCKET,
    Numbers(2, alpha=4, mips=4, parisc=4, sparc=4),
    FLAG,
    since="1.0",
    doc="""Let bind take a local address that is still in use, unless a socket listens on it.""",
)
SO_TYPE = Option(
    "SO_TYPE",
    SOL_SOCKET,
    Numbers(3, alpha=0x1008, mips=0x1008, parisc=0x1008, sparc=0x1008),
    INT,
    since="1.0",
    access=Access.GET,
    doc="""The socket's type as a number: SOCK_STREAM, SOCK_DGRAM and so on, without flags.""",
)
SO_ERROR = Option(
    "SO_ERROR",
    SOL_SOCKET,
    Numbers(4, alpha=0x1007, mips=0x1007, parisc=0x1007, sparc=0x1007),
    INT,
    since="1.0",
    access=Access.GET,
    consumes=True,
    doc="""The errno that waits on the socket, 0 for none. Reading clears it, so snapshots leave it out.""",
)
SO_DONTROUTE = Option(
    "SO_DONTROUTE",
    SOL_SOCKET,
    Numbers(5, alpha=0x10, mips=0x10, parisc=0x10, sparc=0x10),
    FLAG,
    since="1.0",
    doc="""Send to hosts on attached links only, never through a gateway, as MSG_DONTROUTE does per call.""",
)
SO_BROADCAST = Option(
    "SO_BROADCAST",
    SOL_SOCKET,
    Numbers(6, alpha=0x20, mips=0x20, parisc=0x20, sparc=0x20),
    FLAG,
    since="1.0",
    doc="""Let a datagram socket send to broadcast addresses. Streams store it without effect.""",
)
SO_SNDBUF = Option(
    "SO_SNDBUF",
    SOL_SOCKET,
    Numbers(7, alpha=0x1001, mips=0x1001, parisc=0x1001, sparc=0x1001),
    SIZE,
    since="1.0",
    doc="""Most bytes that may wait to be sent. What is set is cut to net.core.wmem_max and doubled for
the kernel's bookkeeping, and the doubled size is what reads back. A negative size raises
OverflowError: the kernel would take it for a huge one.""",
)
SO_RCVBUF = Option(
    "SO_RCVBUF",
    SOL_SOCKET,
    Numbers(8, alpha=0x1002, mips=0x1002, parisc=0x1002, sparc=0x1002),
    SIZE,
    since="1.0",
    doc="""Most bytes that may wait to be read. What is set is cut to net.core.rmem_max and doubled for
the kernel's bookkeeping, and the doubled size is what reads back. A negative size raises
OverflowError: the kernel would take it for a huge one.""",
)
SO_SNDBUFFORCE = Option(
    "SO_SNDBUFFORCE",
    SOL_SOCKET,
    Numbers(32, alpha=0x100A, mips=31, parisc=0x100A, sparc=0x100A),
    SIZE,
    since="2.6.14",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    doc="""Set the send buffer as SO_SNDBUF does, past net.core.wmem_max. Read it back as ``sndbuf``.""",
)
SO_RCVBUFFORCE = Option(
    "SO_RCVBUFFORCE",
    SOL_SOCKET,
    Numbers(33, alpha=0x100B, mips=33, parisc=0x100B, sparc=0x100B),
    SIZE,
    since="2.6.14",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    doc="""Set the receive buffer as SO_RCVBUF does, past net.core.rmem_max. Read it back as ``rcvbuf``.""",
)
SO_KEEPALIVE = Option(
    "SO_KEEPALIVE",
    SOL_SOCKET,
    Numbers(9, alpha=8, mips=8, parisc=8, sparc=8),
    FLAG,
    since="1.0",
    doc="""Probe an idle connection, so that a peer that vanished is noticed.""",
)
SO_OOBINLINE = Option(
    "SO_OOBINLINE",
    SOL_SOCKET,
    Numbers(10, alpha=0x100, mips=0x100, parisc=0x100, sparc=0x100),
    FLAG,
    since="1.0",
    doc="""Leave out-of-band data in the stream; otherwise only MSG_OOB receives it.""",
)
SO_PRIORITY = Option(
    "SO_PRIORITY",
    SOL_SOCKET,
    Numbers(12, parisc=0x400C),
    INT,
    since="2.2",
    capability="CAP_NET_ADMIN",
    doc="""Priority of outgoing packets for the queueing discipline: 0 to 6 for anyone, any other with
the capability.""",
)
SO_LINGER = Option(
    "SO_LINGER",
    SOL_SOCKET,
    Numbers(13, alpha=0x80, mips=0x80, parisc=0x80, sparc=0x80),
    LINGER,
    since="1.0",
    doc="""Whether close and shutdown wait for unsent data, and for how many seconds at most.""",
)
SO_BSDCOMPAT = Option(
    "SO_BSDCOMPAT",
    SOL_SOCKET,
    Numbers(14, parisc=0x400E, sparc=0x400),
    FLAG,
    since="2.0",
    doc="""Once: do not report ICMP errors on UDP sockets. Since Linux 2.4 it can be set without effect.""",
)
SO_REUSEPORT = Option(
    "SO_REUSEPORT",
    SOL_SOCKET,
    Numbers(15, alpha=0x200, mips=0x200, parisc=0x200, sparc=0x200),
    FLAG,
    since="3.9",
    doc="""Let several sockets of one user bind the same address; the kernel spreads what arrives.""",
)
SO_PASSCRED = Option(
    "SO_PASSCRED",
    SOL_SOCKET,
    Numbers(16, alpha=17, mips=17, parisc=0x4010, powerpc=20, sparc=2),
    FLAG,
    since="2.2",
    source="unix(7), SO_PASSCRED",
    doc="""Receive the sender's pid, uid and gid with each message, as SCM_CREDENTIALS.""",
)
SO_PEERCRED = Option(
    "SO_PEERCRED",
    SOL_SOCKET,
    Numbers(17, alpha=18, mips=18, parisc=0x4011, powerpc=21, sparc=0x40),
    UCRED,
    since="2.2",
    access=Access.GET,
    source="unix(7), SO_PEERCRED",
    doc="""Who was at the other end when a UNIX pair was made, connected or put to listen. Other sockets
answer ``Ucred(0, -1, -1)``.""",
)
SO_RCVLOWAT = Option(
    "SO_RCVLOWAT",
    SOL_SOCKET,
    Numbers(18, alpha=0x1010, mips=0x1004, parisc=0x1004, powerpc=16, sparc=0x800),
    INT,
    since="2.4",
    doc="""Fewest bytes that a blocking read waits for; 1 at first.""",
)
SO_SNDLOWAT = Option(
    "SO_SNDLOWAT",
    SOL_SOCKET,
    Numbers(19, alpha=0x1011, mips=0x1003, parisc=0x1003, powerpc=17, sparc=0x1000),
    INT,
    since="1.0",
    access=Access.GET,
    doc="""Fewest bytes that a write takes: always 1 on Linux, which refuses to set it (ENOPROTOOPT).""",
)
SO_RCVTIMEO = Option(
    "SO_RCVTIMEO",
    SOL_SOCKET,
    Numbers(20, alpha=0x1012, mips=0x1006, parisc=0x1006, powerpc=18, sparc=0x2000),
    SECONDS,
    since="2.3.41",
    doc="""Seconds after which a blocking read gives up with EAGAIN (BlockingIOError); 0 is never. What
is set is rounded up to microseconds here and to clock ticks by the kernel.

Python's own ``settimeout`` polls before it reads, on a descriptor that it made non-blocking, so this
option acts only on a socket without a Python timeout: ``sock.gettimeout() is None``.""",
)
SO_SNDTIMEO = Option(
    "SO_SNDTIMEO",
    SOL_SOCKET,
    Numbers(21, alpha=0x1013, mips=0x1005, parisc=0x1005, powerpc=19, sparc=0x4000),
    SECONDS,
    since="2.3.41",
    doc="""Seconds after which a blocking write gives up with EAGAIN, a connect with EINPROGRESS (both
BlockingIOError); 0 is never. Acts, as SO_RCVTIMEO does, only where Python has no timeout of its own.""",
)
SO_BINDTODEVICE = Option(
    "SO_BINDTODEVICE",
    SOL_SOCKET,
    Numbers(25, parisc=0x4019, sparc=0x0D),
    text(16),
    since="2.0.30",
    capability="CAP_NET_RAW",
    doc="""The interface that packets come from and leave by; "" is any. Readable since Linux 3.8. Since
5.7 the capability is needed only to change or drop a device, not to choose the first. A name of 16 bytes
or more raises ValueError: the kernel would cut it.""",
)
SO_TIMESTAMP = Option(
    "SO_TIMESTAMP",
    SOL_SOCKET,
    Numbers(29, parisc=0x4012, sparc=0x1D),
    FLAG,
    since="2.2",
    doc="""Receive with each message when it arrived, in microseconds, as SCM_TIMESTAMP. Of this and
SO_TIMESTAMPNS the last one set counts.""",
)
SO_ACCEPTCONN = Option(
    "SO_ACCEPTCONN",
    SOL_SOCKET,
    Numbers(30, alpha=0x1014, mips=0x1009, parisc=0x401C, sparc=0x8000),
    FLAG,
    since="2.2",
    access=Access.GET,
    doc="""Whether the socket listens.""",
)
SO_TIMESTAMPNS = Option(
    "SO_TIMESTAMPNS",
    SOL_SOCKET,
    Numbers(35, parisc=0x4013, sparc=0x21),
    FLAG,
    since="2.6.22",
    doc="""Receive with each message when it arrived, in nanoseconds, as SCM_TIMESTAMPNS.""",
)
SO_MARK = Option(
    "SO_MARK",
    SOL_SOCKET,
    Numbers(36, parisc=0x401F, sparc=0x22),
    UNSIGNED,
    since="2.6.25",
    capability="CAP_NET_ADMIN",
    doc="""A 32-bit number on every packet sent, for routing rules and filters. CAP_NET_RAW suffices since
Linux 5.17.""",
)
SO_PROTOCOL = Option(
    "SO_PROTOCOL",
    SOL_SOCKET,
    Numbers(38, alpha=0x1028, mips=0x1028, parisc=0x1028, sparc=0x1028),
    INT,
    since="2.6.32",
    access=Access.GET,
    doc="""The socket's protocol as a number: IPPROTO_TCP and so on.""",
)
SO_DOMAIN = Option(
    "SO_DOMAIN",
    SOL_SOCKET,
    Numbers(39, alpha=0x1029, mips=0x1029, parisc=0x1029, sparc=0x1029),
    INT,
    since="2.6.32",
    access=Access.GET,
    doc="""The socket's address family as a number: AF_INET and so on.""",
)
SO_RXQ_OVFL = Option(
    "SO_RXQ_OVFL",
    SOL_SOCKET,
    Numbers(40, parisc=0x4021, sparc=0x24),
    FLAG,
    since="2.6.33",
    doc="""Receive with a message how many were dropped since the socket was made.""",
)
SO_PEEK_OFF = Option(
    "SO_PEEK_OFF",
    SOL_SOCKET,
    Numbers(42, parisc=0x4023, sparc=0x26),
    INT,
    since="3.4",
    doc="""How far into the queue MSG_PEEK looks, in bytes; -1 is off. UNIX sockets since Linux 3.4,
others later.""",
)
SO_BUSY_POLL = Option(
    "SO_BUSY_POLL",
    SOL_SOCKET,
    Numbers(46, parisc=0x4027, sparc=0x30),
    INT,
    since="3.11",
    capability="CAP_NET_ADMIN",
    doc="""Microseconds to poll the device for when a blocking read finds nothing. Raising it needed the
capability on older kernels.""",
)
SO_INCOMING_CPU = Option(
    "SO_INCOMING_CPU",
    SOL_SOCKET,
    Numbers(49, parisc=0x402A, sparc=0x33),
    INT,
    since="3.19",
    doc="""The processor that handled the last packet; settable since Linux 4.4.""",
)
SO_MEMINFO = Option(
    "SO_MEMINFO",
    SOL_SOCKET,
    Numbers(55, parisc=0x4030, sparc=0x39),
    MEMINFO,
    since="4.12",
    access=Access.GET,
    source="include/uapi/linux/sock_diag.h",
    doc="""What the socket's memory is spent on, in bytes, and how many packets it dropped.""",
)
SO_COOKIE = Option(
    "SO_COOKIE",
    SOL_SOCKET,
    Numbers(57, parisc=0x4032, sparc=0x3B),
    UNSIGNED64,
    since="4.12",
    access=Access.GET,
    source="include/uapi/asm-generic/socket.h",
    doc="""A 64-bit number that no other socket of this boot has.""",
)
SO_BINDTOIFINDEX = Option(
    "SO_BINDTOIFINDEX",
    SOL_SOCKET,
    Numbers(62, parisc=0x4037, sparc=0x41),
    INT,
    since="5.1",
    capability="CAP_NET_RAW",
    source="include/uapi/asm-generic/socket.h",
    doc="""The index of the interface that SO_BINDTODEVICE names; 0 is any.""",
)
SO_NETNS_COOKIE = Option(
    "SO_NETNS_COOKIE",
    SOL_SOCKET,
    Numbers(71, parisc=0x4045, sparc=0x50),
    UNSIGNED64,
    since="5.14",
    access=Access.GET,
    source="include/uapi/asm-generic/socket.h",
    doc="""A 64-bit number that no other network namespace of this boot has.""",
)
