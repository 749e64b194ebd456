"""Memory, and how long and how much to wait for: level SOL_SOCKET."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import FLAG, INT, LINGER, MEMINFO, SECONDS, SECONDS64, SIZE, flags
from libsocket.layouts.socket import DMABUF_TOKENS
from libsocket.option import Access, Option
from libsocket.values.socket import BufLock

SOL_SOCKET: Final = Level.SOL_SOCKET

SO_SNDBUF: Final = Option(
    "SO_SNDBUF",
    SOL_SOCKET,
    Numbers(7, alpha=0x1001, mips=0x1001, parisc=0x1001, sparc=0x1001),
    SIZE,
    since="1.0",
    doc="""Most bytes that may wait to be sent. What is set is cut to net.core.wmem_max and doubled for
the kernel's bookkeeping, and the doubled size is what reads back. A negative size raises
OverflowError: the kernel would take it for a huge one.""",
)
SO_RCVBUF: Final = Option(
    "SO_RCVBUF",
    SOL_SOCKET,
    Numbers(8, alpha=0x1002, mips=0x1002, parisc=0x1002, sparc=0x1002),
    SIZE,
    since="1.0",
    doc="""Most bytes that may wait to be read. What is set is cut to net.core.rmem_max and doubled for
the kernel's bookkeeping, and the doubled size is what reads back. A negative size raises
OverflowError: the kernel would take it for a huge one.""",
)
SO_SNDBUFFORCE: Final = Option(
    "SO_SNDBUFFORCE",
    SOL_SOCKET,
    Numbers(32, alpha=0x100A, mips=31, parisc=0x100A, sparc=0x100A),
    SIZE,
    since="2.6.14",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    initially=True,
    doc="""Set the send buffer as SO_SNDBUF does, past net.core.wmem_max. Read it back as ``sndbuf``.""",
)
SO_RCVBUFFORCE: Final = Option(
    "SO_RCVBUFFORCE",
    SOL_SOCKET,
    Numbers(33, alpha=0x100B, parisc=0x100B, sparc=0x100B),
    SIZE,
    since="2.6.14",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    initially=True,
    doc="""Set the receive buffer as SO_RCVBUF does, past net.core.rmem_max. Read it back as
``rcvbuf``.""",
)
SO_BUF_LOCK: Final = Option(
    "SO_BUF_LOCK",
    SOL_SOCKET,
    Numbers(72, parisc=0x4046, sparc=81),
    flags(BufLock),
    since="5.15",
    source="include/uapi/asm-generic/socket.h",
    doc="""Which buffers the kernel leaves at their size. Setting SO_SNDBUF or SO_RCVBUF locks that
one; clearing a bit lets the kernel resize it again. Other bits than those two are refused (EINVAL).""",
)
SO_RESERVE_MEM: Final = Option(
    "SO_RESERVE_MEM",
    SOL_SOCKET,
    Numbers(73, parisc=0x4047, sparc=82),
    SIZE,
    since="5.16",
    source="include/uapi/asm-generic/socket.h",
    doc="""Bytes of memory set aside for the socket, rounded up to pages, so that it gets them without
asking. Needs a memory control group; EOPNOTSUPP without one. A negative size raises OverflowError.""",
)
SO_MEMINFO: Final = Option(
    "SO_MEMINFO",
    SOL_SOCKET,
    Numbers(55, parisc=0x4030, sparc=57),
    MEMINFO,
    since="4.12",
    access=Access.GET,
    source="include/uapi/linux/sock_diag.h",
    doc="""What the socket's memory is spent on, in bytes, and how many packets it dropped.""",
)
SO_RCVLOWAT: Final = Option(
    "SO_RCVLOWAT",
    SOL_SOCKET,
    Numbers(18, alpha=0x1010, mips=0x1004, parisc=0x1004, powerpc=16, sparc=0x0800),
    INT,
    since="2.4",
    doc="""Fewest bytes that a blocking read waits for; 1 at first.""",
)
SO_SNDLOWAT: Final = Option(
    "SO_SNDLOWAT",
    SOL_SOCKET,
    Numbers(19, alpha=0x1011, mips=0x1003, parisc=0x1003, powerpc=17, sparc=0x1000),
    INT,
    since="2.2",
    access=Access.GET,
    doc="""Fewest bytes that a write takes: always 1 on Linux, which refuses to set it (ENOPROTOOPT).""",
)
SO_RCVTIMEO: Final = Option(
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
SO_SNDTIMEO: Final = Option(
    "SO_SNDTIMEO",
    SOL_SOCKET,
    Numbers(21, alpha=0x1013, mips=0x1005, parisc=0x1005, powerpc=19, sparc=0x4000),
    SECONDS,
    since="2.3.41",
    doc="""Seconds after which a blocking write gives up with EAGAIN, a connect with EINPROGRESS (both
BlockingIOError); 0 is never. Acts, as SO_RCVTIMEO does, only where Python has no timeout of its own.""",
)
SO_RCVTIMEO_NEW: Final = Option(
    "SO_RCVTIMEO_NEW",
    SOL_SOCKET,
    Numbers(66, parisc=0x4040, sparc=68),
    SECONDS64,
    since="5.1",
    source="include/uapi/asm-generic/socket.h",
    doc="""SO_RCVTIMEO with 64-bit seconds on every machine. Seconds; 0 is never. A fraction of a
microsecond is rounded up.""",
)
SO_SNDTIMEO_NEW: Final = Option(
    "SO_SNDTIMEO_NEW",
    SOL_SOCKET,
    Numbers(67, parisc=0x4041, sparc=69),
    SECONDS64,
    since="5.1",
    source="include/uapi/asm-generic/socket.h",
    doc="""SO_SNDTIMEO with 64-bit seconds on every machine. Seconds; 0 is never. A fraction of a
microsecond is rounded up.""",
)
SO_LINGER: Final = Option(
    "SO_LINGER",
    SOL_SOCKET,
    Numbers(13, alpha=128, mips=128, parisc=128, sparc=128),
    LINGER,
    since="1.0",
    doc="""Whether close waits for unsent data, and for how many seconds at most; shutdown waits on
Bluetooth sockets alone, whatever socket(7) says. The seconds are kept only where the flag is set with
them.""",
)
SO_OOBINLINE: Final = Option(
    "SO_OOBINLINE",
    SOL_SOCKET,
    Numbers(10, alpha=0x0100, mips=0x0100, parisc=0x0100, sparc=0x0100),
    FLAG,
    since="1.0",
    doc="""Leave out-of-band data in the stream; otherwise only MSG_OOB receives it.""",
)
SO_PEEK_OFF: Final = Option(
    "SO_PEEK_OFF",
    SOL_SOCKET,
    Numbers(42, parisc=0x4023, sparc=38),
    INT,
    since="3.4",
    doc="""How far into the queue MSG_PEEK looks, in bytes; -1 is off. UNIX sockets since Linux 3.4, UDP
since 4.7, TCP since 6.10 over IPv4 and 6.12 over IPv6; others answer EOPNOTSUPP.""",
)
SO_INQ: Final = Option(
    "SO_INQ",
    SOL_SOCKET,
    Numbers(84, parisc=0x4052, sparc=93),
    FLAG,
    since="6.17",
    access=Access.SET,
    source="include/uapi/asm-generic/socket.h",
    doc="""Receive with each read how many bytes are left to read, as SCM_INQ. UNIX stream sockets
only; others answer ENOPROTOOPT.""",
)
SO_ZEROCOPY: Final = Option(
    "SO_ZEROCOPY",
    SOL_SOCKET,
    Numbers(60, parisc=0x4035, sparc=62),
    FLAG,
    since="4.14",
    source="Documentation/networking/msg_zerocopy.rst",
    doc="""Let MSG_ZEROCOPY send from the caller's own memory; the error queue says when that memory
is free again. TCP since Linux 4.14, RDS since 4.17, UDP since 5.0, vsock since 6.7; others answer
EOPNOTSUPP, and on older kernels, 5.10 among them, an errno 524 that has no name.""",
)
SO_DEVMEM_DONTNEED: Final = Option(
    "SO_DEVMEM_DONTNEED",
    SOL_SOCKET,
    Numbers(80, parisc=0x4050, sparc=89),
    DMABUF_TOKENS,
    since="6.12",
    access=Access.SET,
    source="Documentation/networking/devmem.rst",
    doc="""Give back fragments of device memory that were received, at most 128 runs a call. TCP only;
others answer EBADF.""",
)
