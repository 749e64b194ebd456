"""What options of every socket hold."""

from __future__ import annotations

import enum
import socket
from dataclasses import dataclass
from typing import NamedTuple


class Linger(NamedTuple):
    """Whether close waits for unsent data, and for how long: ``struct linger``.

    ``Linger(True, 0)`` makes close(2) on TCP discard what is unsent and reset the connection. The
    kernel takes note of the seconds only while ``onoff`` is true.
    Source: socket(7), SO_LINGER.
    """

    onoff: bool
    seconds: int


class Ucred(NamedTuple):
    """Who is at the other end: ``struct ucred``.

    A socket with no peer to name, TCP for one, answers ``Ucred(pid=0, uid=-1, gid=-1)``.
    Source: unix(7), SO_PEERCRED.
    """

    pid: int
    uid: int
    gid: int


class Timeval(NamedTuple):
    """Seconds and microseconds just as the kernel is given them, legal or not: ``struct timeval``."""

    sec: int
    usec: int


class MemInfo(NamedTuple):
    """What a socket's memory is spent on, in bytes (``drops`` in packets).

    Source: ``include/uapi/linux/sock_diag.h``, SK_MEMINFO_*.
    """

    rmem_alloc: int
    rcvbuf: int
    wmem_alloc: int
    sndbuf: int
    fwd_alloc: int
    wmem_queued: int
    optmem: int
    backlog: int
    drops: int


class Shutdown(enum.IntEnum):
    """Which direction ``Socket.shutdown`` ends. Source: shutdown(2)."""

    READ = socket.SHUT_RD
    WRITE = socket.SHUT_WR
    BOTH = socket.SHUT_RDWR


class TimestampingFlag(enum.IntFlag):
    """What SO_TIMESTAMPING is to do. Source: ``Documentation/networking/timestamping.rst``.

    ``TX_*`` and ``RX_*`` say what gets a timestamp, ``SOFTWARE`` and ``RAW_HARDWARE`` which are
    reported, ``OPT_*`` how. Sent with one message, ``TX_*`` flags take the place of the socket's own for
    that message (EINVAL for others), since Linux 4.7: ``send_message(data, TimestampingFlag.TX_SOFTWARE)``.
    """

    TX_HARDWARE = 1 << 0
    TX_SOFTWARE = 1 << 1
    RX_HARDWARE = 1 << 2
    RX_SOFTWARE = 1 << 3
    SOFTWARE = 1 << 4
    SYS_HARDWARE = 1 << 5
    RAW_HARDWARE = 1 << 6
    OPT_ID = 1 << 7
    TX_SCHED = 1 << 8
    TX_ACK = 1 << 9
    OPT_CMSG = 1 << 10
    OPT_TSONLY = 1 << 11
    OPT_STATS = 1 << 12
    OPT_PKTINFO = 1 << 13
    OPT_TX_SWHW = 1 << 14
    BIND_PHC = 1 << 15
    OPT_ID_TCP = 1 << 16
    OPT_RX_FILTER = 1 << 17
    TX_COMPLETION = 1 << 18


@dataclass(frozen=True, slots=True)
class Timestamping:
    """Which timestamps to make and report: ``struct so_timestamping``.

    ``bind_phc`` is the index of a hardware clock, used with ``BIND_PHC``; kernels before 5.14 keep the
    flags only.
    """

    flags: TimestampingFlag
    bind_phc: int = 0


class TxTimeFlag(enum.IntFlag):
    """How SO_TXTIME is meant: a time until which to send, and errors reported on the error queue."""

    DEADLINE_MODE = 1
    REPORT_ERRORS = 2


_NO_FLAGS = TxTimeFlag(0)


@dataclass(frozen=True, slots=True)
class SockTxTime:
    """The clock, as ``time.CLOCK_*``, by which packets carry their time to leave: ``struct sock_txtime``."""

    clockid: int
    flags: TxTimeFlag = _NO_FLAGS


class BufLock(enum.IntFlag):
    """Which buffers the kernel must not resize by itself: the ``SOCK_*BUF_LOCK`` of ``linux/socket.h``."""

    SNDBUF = 1
    RCVBUF = 2


@dataclass(frozen=True, slots=True)
class DmabufToken:
    """A run of device-memory fragments to give back: ``struct dmabuf_token``."""

    start: int
    count: int
