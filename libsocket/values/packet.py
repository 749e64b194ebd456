"""What options of packet sockets hold. Source: packet(7) and ``include/uapi/linux/if_packet.h``."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class PacketMembership(enum.IntEnum):
    """What else to receive: the ``PACKET_MR_*``."""

    MULTICAST = 0
    PROMISC = 1
    ALLMULTI = 2
    UNICAST = 3


@dataclass(frozen=True, slots=True)
class PacketMreq:
    """More frames of one interface: ``struct packet_mreq``; ``address`` has at most 8 bytes."""

    ifindex: int
    type: PacketMembership
    address: bytes = b""


@dataclass(frozen=True, slots=True)
class TpacketStats:
    """Packets seen (dropped ones among them), dropped, and times a version 3 ring stood still."""

    packets: int
    drops: int
    freezes: int = 0


@dataclass(frozen=True, slots=True)
class TpacketRolloverStats:
    """Packets that moved to another socket of the group, for a huge flow, and that found no room."""

    all: int
    huge: int
    failed: int


class PacketStatus(enum.IntFlag):
    """What the kernel says of a received packet, in a ring's frame and in Auxdata: the ``TP_STATUS_*``."""

    USER = 1 << 0
    """It is the program's."""
    COPY = 1 << 1
    """It did not fit its frame, and was queued as a whole too: PACKET_COPY_THRESH."""
    LOSING = 1 << 2
    """Packets were dropped since PACKET_STATISTICS was last read."""
    CSUMNOTREADY = 1 << 3
    """It was sent here, and its checksum is left to an adapter."""
    VLAN_VALID = 1 << 4
    BLK_TMO = 1 << 5
    """The block came because it was old enough, and not full."""
    VLAN_TPID_VALID = 1 << 6
    CSUM_VALID = 1 << 7
    """Its transport checksum was found right."""
    GSO_TCP = 1 << 8
    """It is several TCP segments in one."""
    TS_SOFTWARE = 1 << 29
    TS_RAW_HARDWARE = 1 << 31


@dataclass(frozen=True, slots=True)
class TpacketReq:
    """A ring's blocks and frames, sizes in bytes: ``struct tpacket_req``."""

    block_size: int
    block_nr: int
    frame_size: int
    frame_nr: int


@dataclass(frozen=True, slots=True)
class TpacketReq3:
    """A version 3 ring: ``struct tpacket_req3``; ``retire_blk_tov`` is in milliseconds."""

    block_size: int
    block_nr: int
    frame_size: int
    frame_nr: int
    retire_blk_tov: int = 0
    sizeof_priv: int = 0
    feature_req_word: int = 0


class FanoutMode(enum.IntFlag):
    """How a group's packets are shared out: one mode, and flags (from 0x1000 up)."""

    HASH = 0
    LB = 1
    CPU = 2
    ROLLOVER = 3
    RND = 4
    QM = 5
    CBPF = 6
    EBPF = 7
    FLAG_ROLLOVER = 0x1000
    FLAG_UNIQUEID = 0x2000
    FLAG_IGNORE_OUTGOING = 0x4000
    """Leave out what this host sends. Older kernels, 6.1 among them, take it without effect."""
    FLAG_DEFRAG = 0x8000


@dataclass(frozen=True, slots=True)
class FanoutArgs:
    """A group of sockets, 0 to 65535, that share packets: ``struct fanout_args``."""

    id: int
    mode: FanoutMode
    max_num_members: int = 0
