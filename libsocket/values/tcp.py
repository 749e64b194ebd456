"""What TCP options hold. Source: ``include/uapi/linux/tcp.h``."""

from __future__ import annotations

from dataclasses import dataclass, field

from libsocket.values.record import Field, Record, bit, bits, number


class TcpInfo(Record, c_name="TCP_INFO"):
    """The kernel's view of a TCP connection: ``struct tcp_info``, as far as this kernel gives it.

    Times are in microseconds, those of ``last_*`` and ``total_rto_time`` in milliseconds, rates in bytes
    per second, ``unacked``, ``lost``, ``retrans`` and ``snd_cwnd`` in segments. The structure has grown
    with Linux: reading a field that this kernel does not have raises AttributeError.

    ``accecn`` is the word of Accurate ECN: two 16-bit numbers, fail mode and options seen, until Linux
    7.0, and from there on, from the low end, 2 bits of mode, 2 of options seen, 4 of fail mode and 24 of
    further ``options``.
    Source: ``include/uapi/linux/tcp.h`` and tcp(7), TCP_INFO.
    """

    __slots__ = ()

    state: Field[int] = number("B")
    ca_state: Field[int] = number("B")
    retransmits: Field[int] = number("B")
    probes: Field[int] = number("B")
    backoff: Field[int] = number("B")
    options: Field[int] = number("B")
    snd_wscale: Field[int] = bits("B", 4)
    rcv_wscale: Field[int] = bits("B", 4, 4)
    delivery_rate_app_limited: Field[bool] = bit("B")
    fastopen_client_fail: Field[int] = bits("B", 2, 1)
    rto: Field[int] = number("I")
    ato: Field[int] = number("I")
    snd_mss: Field[int] = number("I")
    rcv_mss: Field[int] = number("I")
    unacked: Field[int] = number("I")
    sacked: Field[int] = number("I")
    lost: Field[int] = number("I")
    retrans: Field[int] = number("I")
    fackets: Field[int] = number("I")
    last_data_sent: Field[int] = number("I")
    last_ack_sent: Field[int] = number("I")
    last_data_recv: Field[int] = number("I")
    last_ack_recv: Field[int] = number("I")
    pmtu: Field[int] = number("I")
    rcv_ssthresh: Field[int] = number("I")
    rtt: Field[int] = number("I")
    rttvar: Field[int] = number("I")
    snd_ssthresh: Field[int] = number("I")
    snd_cwnd: Field[int] = number("I")
    advmss: Field[int] = number("I")
    reordering: Field[int] = number("I")
    rcv_rtt: Field[int] = number("I")
    rcv_space: Field[int] = number("I")
    total_retrans: Field[int] = number("I")
    pacing_rate: Field[int] = number("Q")
    max_pacing_rate: Field[int] = number("Q")
    bytes_acked: Field[int] = number("Q")
    bytes_received: Field[int] = number("Q")
    segs_out: Field[int] = number("I")
    segs_in: Field[int] = number("I")
    notsent_bytes: Field[int] = number("I")
    min_rtt: Field[int] = number("I")
    data_segs_in: Field[int] = number("I")
    data_segs_out: Field[int] = number("I")
    delivery_rate: Field[int] = number("Q")
    busy_time: Field[int] = number("Q")
    rwnd_limited: Field[int] = number("Q")
    sndbuf_limited: Field[int] = number("Q")
    delivered: Field[int] = number("I")
    delivered_ce: Field[int] = number("I")
    bytes_sent: Field[int] = number("Q")
    bytes_retrans: Field[int] = number("Q")
    dsack_dups: Field[int] = number("I")
    reord_seen: Field[int] = number("I")
    rcv_ooopack: Field[int] = number("I")
    snd_wnd: Field[int] = number("I")
    rcv_wnd: Field[int] = number("I")
    rehash: Field[int] = number("I")
    total_rto: Field[int] = number("H")
    total_rto_recoveries: Field[int] = number("H")
    total_rto_time: Field[int] = number("I")
    received_ce: Field[int] = number("I")
    delivered_e1_bytes: Field[int] = number("I")
    delivered_e0_bytes: Field[int] = number("I")
    delivered_ce_bytes: Field[int] = number("I")
    received_e1_bytes: Field[int] = number("I")
    received_e0_bytes: Field[int] = number("I")
    received_ce_bytes: Field[int] = number("I")
    accecn: Field[int] = number("I")


@dataclass(frozen=True, slots=True)
class TcpMd5sig:
    """A key for the segments from and to one peer: ``struct tcp_md5sig``.

    The key has at most 80 bytes; an empty one takes the peer's key away. ``prefixlen`` (a whole network)
    and ``ifindex`` (one interface) count with TCP_MD5SIG_EXT only, and where ``flags`` says so (1, 2).
    """

    address: str
    key: bytes = field(default=b"", repr=False)
    prefixlen: int = 0
    ifindex: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class TcpRepairOpt:
    """An option that was agreed on when the connection was made: ``struct tcp_repair_opt``.

    Codes: 2 segment size, 3 window scale (the peer's shift in the low 16 bits, ours above), 4 selective
    acknowledgements, 8 timestamps.
    """

    code: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class TcpRepairWindow:
    """Windows of a connection under repair, in bytes and sequence numbers: ``struct tcp_repair_window``."""

    snd_wl1: int
    snd_wnd: int
    max_window: int
    rcv_wnd: int
    rcv_wup: int


@dataclass(frozen=True, slots=True)
class TcpZerocopyReceive:
    """Pages of received data to be mapped, and what came of it: ``struct tcp_zerocopy_receive``.

    A request gives ``address`` and ``length`` of a mapping of the socket (and a buffer for what fills no
    page); what is read says how many bytes were mapped, how many must be read instead (``recv_skip_hint``)
    and how many wait (``inq``). The addresses are memory of this process: a wrong one is written to.
    """

    address: int = 0
    length: int = 0
    recv_skip_hint: int = 0
    inq: int = 0
    err: int = 0
    copybuf_address: int = 0
    copybuf_len: int = 0
    flags: int = 0
    msg_control: int = 0
    msg_controllen: int = 0
    msg_flags: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class TcpAoAdd:
    """A TCP-AO key for a peer or a network of peers: ``struct tcp_ao_add``.

    ``maclen`` is in bytes; ``algorithm`` is the kernel's name, such as ``hmac(sha1)`` or ``cmac(aes128)``.
    Source: RFC 5925 and ``Documentation/networking/tcp_ao.rst``.
    """

    address: str
    prefix: int
    key: bytes = field(repr=False)
    sndid: int
    rcvid: int
    algorithm: str = "hmac(sha1)"
    maclen: int = 12
    ifindex: int = 0
    keyflags: int = 0
    set_current: bool = False
    set_rnext: bool = False


@dataclass(frozen=True, slots=True)
class TcpAoDel:
    """The TCP-AO key to take away, and which keys to use from then on: ``struct tcp_ao_del``."""

    address: str
    prefix: int
    sndid: int
    rcvid: int
    ifindex: int = 0
    keyflags: int = 0
    current_key: int | None = None
    rnext: int | None = None
    del_async: bool = False


@dataclass(frozen=True, slots=True)
class TcpAoInfo:
    """TCP-AO of one socket: ``struct tcp_ao_info_opt``. Counters are set only with ``set_counters``."""

    current_key: int | None = None
    rnext: int | None = None
    ao_required: bool = False
    accept_icmps: bool = False
    set_counters: bool = False
    pkt_good: int = 0
    pkt_bad: int = 0
    pkt_key_not_found: int = 0
    pkt_ao_required: int = 0
    pkt_dropped_icmp: int = 0


@dataclass(frozen=True, slots=True)
class TcpAoKey:
    """A TCP-AO key as the kernel gives it, with the segments that it verified or did not.

    ``algorithm`` and ``key`` can be what the kernel made of those that were set: kernels give
    ``cmac(aes)`` of ``cmac(aes128)``.
    """

    address: str
    prefix: int
    key: bytes = field(repr=False)
    sndid: int
    rcvid: int
    algorithm: str
    maclen: int
    ifindex: int
    keyflags: int
    current: bool
    rnext: bool
    pkt_good: int
    pkt_bad: int


@dataclass(frozen=True, slots=True)
class TcpAoKeys:
    """Which TCP-AO keys are asked for, and what came of it: ``struct tcp_ao_getsockopt``.

    A request is for one key (``address``, ``prefix``, ``sndid`` and ``rcvid`` together), for those in
    use (``current``, ``rnext``), or for all if it says nothing. What is read has the keys that match, at most
    64, and in ``matched`` how many do.
    """

    address: str | None = None
    prefix: int = 0
    sndid: int = 0
    rcvid: int = 0
    ifindex: int = 0
    keyflags: int = 0
    current: bool = False
    rnext: bool = False
    keys: tuple[TcpAoKey, ...] = ()
    matched: int = 0


@dataclass(frozen=True, slots=True)
class TcpAoRepair:
    """First sequence numbers and extensions, of a connection under repair: ``struct tcp_ao_repair``."""

    snt_isn: int
    rcv_isn: int
    snd_sne: int
    rcv_sne: int
