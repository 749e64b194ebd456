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
    FLAG_DEFRAG = 0x8000


@dataclass(frozen=True, slots=True)
class FanoutArgs:
    """A group of sockets, 0 to 65535, that share packets: ``struct fanout_args``."""

    id: int
    mode: FanoutMode
    max_num_members: int = 0
