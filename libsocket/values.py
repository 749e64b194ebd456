"""What options hold when a number does not say it."""

from __future__ import annotations

import enum
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple


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


class TcpInfo(SimpleNamespace):
    """The kernel's view of a TCP connection: ``struct tcp_info``, as far as this kernel tells it.

    Times are in microseconds, those of ``last_*`` in milliseconds, rates in bytes per second,
    ``unacked``, ``lost``, ``retrans`` and ``snd_cwnd`` in segments. The structure has grown with
    Linux: reading a field that this kernel does not have raises AttributeError.
    Source: ``include/uapi/linux/tcp.h`` and tcp(7), TCP_INFO.
    """

    state: int
    ca_state: int
    retransmits: int
    probes: int
    backoff: int
    options: int
    snd_wscale: int
    rcv_wscale: int
    delivery_rate_app_limited: bool
    fastopen_client_fail: int
    rto: int
    ato: int
    snd_mss: int
    rcv_mss: int
    unacked: int
    sacked: int
    lost: int
    retrans: int
    fackets: int
    last_data_sent: int
    last_ack_sent: int
    last_data_recv: int
    last_ack_recv: int
    pmtu: int
    rcv_ssthresh: int
    rtt: int
    rttvar: int
    snd_ssthresh: int
    snd_cwnd: int
    advmss: int
    reordering: int
    rcv_rtt: int
    rcv_space: int
    total_retrans: int
    pacing_rate: int
    max_pacing_rate: int
    bytes_acked: int
    bytes_received: int
    segs_out: int
    segs_in: int
    notsent_bytes: int
    min_rtt: int
    data_segs_in: int
    data_segs_out: int
    delivery_rate: int
    busy_time: int
    rwnd_limited: int
    sndbuf_limited: int
    delivered: int
    delivered_ce: int
    bytes_sent: int
    bytes_retrans: int
    dsack_dups: int
    reord_seen: int
    rcv_ooopack: int
    snd_wnd: int
    rcv_wnd: int
    rehash: int
    total_rto: int
    total_rto_recoveries: int
    total_rto_time: int
    received_ce: int
    delivered_e1_bytes: int
    delivered_e0_bytes: int
    delivered_ce_bytes: int
    received_e1_bytes: int
    received_e0_bytes: int
    received_ce_bytes: int

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            raise AttributeError(f"this kernel's TCP_INFO does not tell {name}")
