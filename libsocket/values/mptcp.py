"""What options of MPTCP sockets hold. Source: ``include/uapi/linux/mptcp.h``."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from libsocket.values.record import Field, Record, number


class MptcpFlag(enum.IntFlag):
    """What ``MptcpInfo.flags`` says."""

    FALLBACK = 1
    REMOTE_KEY_RECEIVED = 2


class MptcpInfo(Record, c_name="MPTCP_INFO"):
    """The kernel's view of an MPTCP connection: ``struct mptcp_info``, as far as this kernel gives it.

    Counts are of subflows and addresses, ``bytes_*`` are bytes, ``last_*`` milliseconds. ``flags`` holds
    the bits of ``MptcpFlag``.
    """

    __slots__ = ()

    subflows: Field[int] = number("B")
    add_addr_signal: Field[int] = number("B")
    add_addr_accepted: Field[int] = number("B")
    subflows_max: Field[int] = number("B")
    add_addr_signal_max: Field[int] = number("B")
    add_addr_accepted_max: Field[int] = number("B")
    flags: Field[int] = number("I")
    token: Field[int] = number("I")
    write_seq: Field[int] = number("Q")
    snd_una: Field[int] = number("Q")
    rcv_nxt: Field[int] = number("Q")
    local_addr_used: Field[int] = number("B")
    local_addr_max: Field[int] = number("B")
    csum_enabled: Field[int] = number("B")
    retransmits: Field[int] = number("I")
    bytes_retrans: Field[int] = number("Q")
    bytes_sent: Field[int] = number("Q")
    bytes_received: Field[int] = number("Q")
    bytes_acked: Field[int] = number("Q")
    subflows_total: Field[int] = number("B")
    endp_laminar_max: Field[int] = number("B")
    endp_fullmesh_max: Field[int] = number("B")
    reserved: Field[int] = number("B")
    last_data_sent: Field[int] = number("I")
    last_data_recv: Field[int] = number("I")
    last_ack_recv: Field[int] = number("I")


@dataclass(frozen=True, slots=True)
class MptcpSubflowAddrs:
    """Both ends of a subflow, address and port: ``struct mptcp_subflow_addrs``."""

    local: tuple[str, int]
    remote: tuple[str, int]
