"""Which processor and which queue: level SOL_SOCKET."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import FLAG, INT, UNSIGNED
from libsocket.option import Access, Option

SOL_SOCKET: Final = Level.SOL_SOCKET

SO_BUSY_POLL: Final = Option(
    "SO_BUSY_POLL",
    SOL_SOCKET,
    Numbers(46, parisc=0x4027, sparc=48),
    INT,
    since="3.11",
    capability="CAP_NET_ADMIN",
    initially=True,
    doc="""Microseconds to poll the device for when a blocking read finds nothing. Raising it needed the
capability on older kernels.""",
)
SO_PREFER_BUSY_POLL: Final = Option(
    "SO_PREFER_BUSY_POLL",
    SOL_SOCKET,
    Numbers(69, parisc=0x4043, sparc=72),
    FLAG,
    since="5.11",
    capability="CAP_NET_ADMIN",
    initially=True,
    source="include/uapi/asm-generic/socket.h",
    doc="""Prefer busy polling to interrupts, as long as the application polls. Switching it on needs
the capability.""",
)
SO_BUSY_POLL_BUDGET: Final = Option(
    "SO_BUSY_POLL_BUDGET",
    SOL_SOCKET,
    Numbers(70, parisc=0x4044, sparc=73),
    INT,
    since="5.11",
    access=Access.SET,
    capability="CAP_NET_ADMIN",
    initially=True,
    source="include/uapi/asm-generic/socket.h",
    doc="""Most packets that one busy poll handles, 0 to 65535 (8 at first); more than the present
number needs the capability. Negative or larger: EINVAL.""",
)
SO_INCOMING_CPU: Final = Option(
    "SO_INCOMING_CPU",
    SOL_SOCKET,
    Numbers(49, parisc=0x402A, sparc=51),
    INT,
    since="3.19",
    doc="""The processor that handled the last packet; settable since Linux 4.4.""",
)
SO_INCOMING_NAPI_ID: Final = Option(
    "SO_INCOMING_NAPI_ID",
    SOL_SOCKET,
    Numbers(56, parisc=0x4031, sparc=58),
    UNSIGNED,
    since="4.12",
    access=Access.GET,
    doc="""The receive queue of the last packet, as a number of the kernel's; 0 for none that can be
polled.""",
)
