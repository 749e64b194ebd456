"""Structures that options of packet sockets carry."""

from __future__ import annotations

import struct
from typing import Final

from libsocket.codecs import DESCRIPTOR, INT, Codec, one_way
from libsocket.layouts.socket import FPROG
from libsocket.layouts.structure import at_most, halves, structure, word
from libsocket.values.packet import (
    FanoutArgs,
    FanoutMode,
    PacketMembership,
    PacketMreq,
    TpacketReq,
    TpacketReq3,
    TpacketRolloverStats,
    TpacketStats,
)

__all__ = ["TPACKET_REQ3"]

TPACKET_V3: Final = 2


def _packet_mreq(value: PacketMreq) -> bytes:
    address = at_most(8)(value.address)
    return struct.pack("@iHH8s", value.ifindex, value.type, len(address), address)


def _decode_packet_mreq(data: bytes) -> PacketMreq:
    ifindex, kind, length, address = struct.unpack("@iHH8s", data)
    return PacketMreq(ifindex, PacketMembership(kind), address[:length])


PACKET_MREQ: Final = Codec(
    "PacketMreq", 16, _decode_packet_mreq, _packet_mreq, "struct packet_mreq", takes=PacketMreq
)
TPACKET_STATS: Final = Codec(
    "TpacketStats",
    12,
    lambda data: TpacketStats(*struct.unpack(f"@{len(data) // 4}I", data)),
    one_way,
    "struct tpacket_stats",
)
"""Version 3 rings give a third number."""
ROLLOVER_STATS: Final = structure(TpacketRolloverStats, "struct tpacket_rollover_stats", "@3Q")
TPACKET_REQ: Final = structure(TpacketReq, "struct tpacket_req", "@4I")
TPACKET_REQ3: Final = structure(TpacketReq3, "struct tpacket_req3", "@7I")


def _ring(value: TpacketReq | TpacketReq3) -> bytes:
    return TPACKET_REQ3.encode(value) if isinstance(value, TpacketReq3) else TPACKET_REQ.encode(value)


RING: Final[Codec[TpacketReq | TpacketReq3]] = Codec(
    "TpacketReq | TpacketReq3", TPACKET_REQ.size, one_way, _ring, TPACKET_REQ.layout
)
HDRLEN: Final = Codec("int", INT.size, INT.decode, INT.encode, "C int", request=INT.encode)


def _fanout(data: bytes) -> FanoutArgs:
    """Two halves of a number, of which the id is the lower one; only that number reads back."""
    number = word(data[:4])
    return FanoutArgs(number & 0xFFFF, FanoutMode(number >> 16))


FANOUT: Final = Codec(
    "FanoutArgs",
    4,
    _fanout,
    lambda value: halves(value.id, value.mode) + struct.pack("=I", value.max_num_members),
    "struct fanout_args",
    takes=FanoutArgs,
)
FANOUT_DATA: Final[Codec[bytes | int]] = Codec(
    "bytes | int",
    FPROG.size,
    bytes,
    lambda value: DESCRIPTOR.encode(value) if isinstance(value, int) else FPROG.encode(value),
    "struct sock_fprog or C int",
)
