"""Timestamps, and what else is reported of packets: level SOL_SOCKET."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level, Numbers
from libsocket.codecs import FLAG
from libsocket.layouts.socket import TIMESTAMPING, TXTIME
from libsocket.option import Option

SOL_SOCKET: Final = Level.SOL_SOCKET

SO_TIMESTAMP: Final = Option(
    "SO_TIMESTAMP",
    SOL_SOCKET,
    Numbers(29, parisc=0x4012),
    FLAG,
    since="2.4",
    doc="""Receive with each message when it arrived, in microseconds, as SCM_TIMESTAMP. Of this and
SO_TIMESTAMPNS the last one set counts.""",
)
SO_TIMESTAMPNS: Final = Option(
    "SO_TIMESTAMPNS",
    SOL_SOCKET,
    Numbers(35, parisc=0x4013, sparc=33),
    FLAG,
    since="2.6.22",
    doc="""Receive with each message when it arrived, in nanoseconds, as SCM_TIMESTAMPNS.""",
)
SO_TIMESTAMPING: Final = Option(
    "SO_TIMESTAMPING",
    SOL_SOCKET,
    Numbers(37, parisc=0x4020, sparc=35),
    TIMESTAMPING,
    since="2.6.30",
    source="Documentation/networking/timestamping.rst",
    doc="""Which timestamps are taken of packets sent and received, by software or hardware, and
reported as SCM_TIMESTAMPING.""",
)
SO_TIMESTAMP_NEW: Final = Option(
    "SO_TIMESTAMP_NEW",
    SOL_SOCKET,
    Numbers(63, parisc=0x4038, sparc=70),
    FLAG,
    since="5.1",
    source="include/uapi/asm-generic/socket.h",
    doc="""SO_TIMESTAMP with 64-bit seconds on every machine.""",
)
SO_TIMESTAMPNS_NEW: Final = Option(
    "SO_TIMESTAMPNS_NEW",
    SOL_SOCKET,
    Numbers(64, parisc=0x4039, sparc=66),
    FLAG,
    since="5.1",
    source="include/uapi/asm-generic/socket.h",
    doc="""SO_TIMESTAMPNS with 64-bit seconds on every machine.""",
)
SO_TIMESTAMPING_NEW: Final = Option(
    "SO_TIMESTAMPING_NEW",
    SOL_SOCKET,
    Numbers(65, parisc=0x403A, sparc=67),
    TIMESTAMPING,
    since="5.1",
    source="Documentation/networking/timestamping.rst",
    doc="""SO_TIMESTAMPING with 64-bit seconds on every machine.""",
)
SO_TXTIME: Final = Option(
    "SO_TXTIME",
    SOL_SOCKET,
    Numbers(61, parisc=0x4036, sparc=63),
    TXTIME,
    since="4.19",
    capability="CAP_NET_ADMIN",
    source="include/uapi/asm-generic/socket.h",
    doc="""By which clock messages may carry, as SCM_TXTIME, the time at which to leave: CLOCK_MONOTONIC,
or with the capability CLOCK_REALTIME or CLOCK_TAI. Others: EINVAL, but on older kernels, 6.1 among them.""",
)
SO_RXQ_OVFL: Final = Option(
    "SO_RXQ_OVFL",
    SOL_SOCKET,
    Numbers(40, parisc=0x4021, sparc=36),
    FLAG,
    since="2.6.33",
    doc="""Receive with a message how many were dropped since the socket was made.""",
)
SO_SELECT_ERR_QUEUE: Final = Option(
    "SO_SELECT_ERR_QUEUE",
    SOL_SOCKET,
    Numbers(45, parisc=0x4026, sparc=41),
    FLAG,
    since="3.10",
    doc="""Whether something on the error queue wakes select and poll for exceptions (POLLPRI), and
not only as an error.""",
)
SO_WIFI_STATUS: Final = Option(
    "SO_WIFI_STATUS",
    SOL_SOCKET,
    Numbers(41, parisc=0x4022, sparc=37),
    FLAG,
    since="3.3",
    source="include/uapi/asm-generic/socket.h",
    doc="""Receive, as SCM_WIFI_STATUS, whether a frame sent over Wi-Fi was acknowledged.""",
)
SO_NOFCS: Final = Option(
    "SO_NOFCS",
    SOL_SOCKET,
    Numbers(43, parisc=0x4024, sparc=39),
    FLAG,
    since="3.4",
    source="include/uapi/asm-generic/socket.h",
    doc="""On a packet socket: the last four bytes of what is sent are the frame's checksum.""",
)
