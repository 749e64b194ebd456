"""Options of packet sockets: level SOL_PACKET."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from libsocket.arch import Level
from libsocket.codecs import FLAG, INT, UNSIGNED, Codec
from libsocket.layouts.packet import (
    FANOUT,
    FANOUT_DATA,
    HDRLEN,
    PACKET_MREQ,
    RING,
    ROLLOVER_STATS,
    TPACKET_REQ,
    TPACKET_REQ3,
    TPACKET_STATS,
    TPACKET_V3,
)
from libsocket.option import Access, Option
from libsocket.options.socket import filters
from libsocket.values.packet import TpacketReq, TpacketReq3

SOL_PACKET: Final = Level.SOL_PACKET


class _RingOption(Option[TpacketReq | TpacketReq3]):
    """A ring, whose structure depends on the version: of a longer one the kernel would drop the end."""

    __slots__ = ()

    def _writer(self) -> Callable[[socket.socket, TpacketReq | TpacketReq3], None]:
        write = super()._writer()

        def call(sock: socket.socket, value: TpacketReq | TpacketReq3) -> None:
            self._encoded(value, _ring_of(sock).encode)
            write(sock, value)

        return call


def _ring_of(sock: socket.socket) -> Codec[Any]:
    try:
        version = PACKET_VERSION.read(sock)
    except OSError:  # it is no packet socket, and has no rings
        return RING
    return TPACKET_REQ3 if version == TPACKET_V3 else TPACKET_REQ


PACKET_ADD_MEMBERSHIP: Final = Option(
    "PACKET_ADD_MEMBERSHIP",
    SOL_PACKET,
    1,
    PACKET_MREQ,
    since="2.2",
    access=Access.SET,
    doc="""Receive more of an interface: everything, all multicast, or one address. ENODEV if it is
unknown.""",
)
PACKET_DROP_MEMBERSHIP: Final = Option(
    "PACKET_DROP_MEMBERSHIP",
    SOL_PACKET,
    2,
    PACKET_MREQ,
    since="2.2",
    access=Access.SET,
    doc="""Take such a wish back; one that was never made is no error.""",
)
PACKET_RX_RING: Final = _RingOption(
    "PACKET_RX_RING",
    SOL_PACKET,
    5,
    RING,
    since="2.4",
    access=Access.SET,
    doc="""A ring of frames in memory for what arrives, to be mapped: a TpacketReq3 where PACKET_VERSION is
2, otherwise a TpacketReq. Zero blocks take it away.""",
)
PACKET_TX_RING: Final = _RingOption(
    "PACKET_TX_RING",
    SOL_PACKET,
    13,
    RING,
    since="2.6.31",
    access=Access.SET,
    doc="""A ring of frames in memory for what is sent, to be mapped, as PACKET_RX_RING is for what
arrives. Zero blocks take it away.""",
)
PACKET_STATISTICS: Final = Option(
    "PACKET_STATISTICS",
    SOL_PACKET,
    6,
    TPACKET_STATS,
    since="2.4",
    access=Access.GET,
    consumes=True,
    doc="""Packets seen and dropped since the last time. Reading sets them to zero, so snapshots leave
them.""",
)
PACKET_COPY_THRESH: Final = Option(
    "PACKET_COPY_THRESH",
    SOL_PACKET,
    7,
    INT,
    since="2.4",
    source="include/uapi/linux/if_packet.h",
    doc="""With a receive ring: from how many bytes on a packet that does not fit its frame is queued
as a whole too; 0 is never.
Older kernels, 6.1 among them, let it be set only.""",
)
PACKET_AUXDATA: Final = Option(
    "PACKET_AUXDATA",
    SOL_PACKET,
    8,
    FLAG,
    since="2.6.21",
    doc="""Receive with each packet its length, VLAN and header offsets, as PACKET_AUXDATA.""",
)
PACKET_ORIGDEV: Final = Option(
    "PACKET_ORIGDEV",
    SOL_PACKET,
    9,
    FLAG,
    since="2.6.22",
    source="include/uapi/linux/if_packet.h",
    doc="""Tell the interface that a packet came in by first, below a bond for one.""",
)
PACKET_VERSION: Final = Option(
    "PACKET_VERSION",
    SOL_PACKET,
    10,
    INT,
    since="2.6.27",
    doc="""Layout of the rings: 0, 1 or 2 for versions 1 to 3. EBUSY once there is a ring.""",
)
PACKET_HDRLEN: Final = Option(
    "PACKET_HDRLEN",
    SOL_PACKET,
    11,
    HDRLEN,
    since="2.6.27",
    access=Access.GET,
    source="include/uapi/linux/if_packet.h",
    doc="""Bytes of a frame's header in a ring. Asked with a PACKET_VERSION; EINVAL for an unknown
one.""",
)
PACKET_RESERVE: Final = Option(
    "PACKET_RESERVE",
    SOL_PACKET,
    12,
    UNSIGNED,
    since="2.6.27",
    doc="""Bytes to leave free before each packet in a receive ring. EBUSY once there is a ring.""",
)
PACKET_LOSS: Final = Option(
    "PACKET_LOSS",
    SOL_PACKET,
    14,
    FLAG,
    since="2.6.31",
    doc="""Skip malformed frames of the send ring rather than stop at them. EBUSY once there is a ring.""",
)
PACKET_VNET_HDR: Final = Option(
    "PACKET_VNET_HDR",
    SOL_PACKET,
    15,
    FLAG,
    since="2.6.34",
    source="include/uapi/linux/if_packet.h",
    doc="""A struct virtio_net_hdr comes before each packet, both ways. Raw packet sockets only
(EINVAL).""",
)
PACKET_VNET_HDR_SZ: Final = Option(
    "PACKET_VNET_HDR_SZ",
    SOL_PACKET,
    24,
    INT,
    since="6.4",
    source="include/uapi/linux/if_packet.h",
    doc="""The size of that header: 0 for none, 10 or 12 bytes.""",
)
PACKET_TIMESTAMP: Final = Option(
    "PACKET_TIMESTAMP",
    SOL_PACKET,
    17,
    INT,
    since="2.6.36",
    doc="""Where timestamps in a ring come from: bits of TimestampingFlag; software's by default.""",
)
PACKET_FANOUT: Final = Option(
    "PACKET_FANOUT",
    SOL_PACKET,
    18,
    FANOUT,
    since="3.1",
    doc="""Join the group of sockets that share an interface's packets. Only a bound socket; what
reads back is group and mode.""",
)
PACKET_FANOUT_DATA: Final = Option(
    "PACKET_FANOUT_DATA",
    SOL_PACKET,
    22,
    FANOUT_DATA,
    since="4.3",
    access=Access.SET,
    forbidden_by=filters.SO_LOCK_FILTER.forbidden_by,
    source="include/uapi/linux/if_packet.h",
    doc="""The program whose result, modulo the size of the group, chooses the socket that gets a packet: a
Filter with the mode CBPF, the descriptor of a loaded program of type BPF_PROG_TYPE_SOCKET_FILTER with EBPF.
EINVAL in another mode and outside a group.""",
)
PACKET_TX_HAS_OFF: Final = Option(
    "PACKET_TX_HAS_OFF",
    SOL_PACKET,
    19,
    FLAG,
    since="3.8",
    source="include/uapi/linux/if_packet.h",
    doc="""Each frame of the send ring says where its packet begins. Ignored once there is a ring.""",
)
PACKET_QDISC_BYPASS: Final = Option(
    "PACKET_QDISC_BYPASS",
    SOL_PACKET,
    20,
    FLAG,
    since="3.14",
    doc="""Hand packets to the driver past the queueing discipline.""",
)
PACKET_ROLLOVER_STATS: Final = Option(
    "PACKET_ROLLOVER_STATS",
    SOL_PACKET,
    21,
    ROLLOVER_STATS,
    since="4.2",
    access=Access.GET,
    source="include/uapi/linux/if_packet.h",
    doc="""Packets that moved between the sockets of the group; EINVAL outside one that rolls over.""",
)
PACKET_IGNORE_OUTGOING: Final = Option(
    "PACKET_IGNORE_OUTGOING",
    SOL_PACKET,
    23,
    FLAG,
    since="4.20",
    source="include/uapi/linux/if_packet.h",
    doc="""Do not receive what this host sends.""",
)
