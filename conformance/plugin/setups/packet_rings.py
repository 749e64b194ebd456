"""Rings of packet sockets as they lie in memory: slots of TPACKET_V2 and V1, blocks of V3, their headers."""

from __future__ import annotations

import mmap
import struct
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from libsocket import PACKET_RX_RING, PACKET_TX_RING, Socket, TpacketReq, TpacketReq3

BLOCK: Final = 4096
SLOT: Final = 1024
COUNT: Final = 4
_FIELDS: Final = {"status": (0, 4), "len": (4, 4), "snaplen": (8, 4), "mac": (12, 2), "net": (14, 2)}
"""Of struct tpacket2_hdr: place and size."""
_FIRST_VERSION: Final = struct.Struct("@LIIHH")
"""struct tpacket_hdr, up to tp_net."""
_DATA_SENT: Final = 32
"""Where a packet that is to be sent begins."""
ROOM: Final = SLOT - _DATA_SENT
"""The largest packet that a slot has room for when it is to be sent."""


def first_version(memory: mmap.mmap) -> tuple[int, ...]:
    """The header of the first slot of a ring of TPACKET_V1: status, len, snaplen, mac, net."""
    return _FIRST_VERSION.unpack_from(memory)


class Slots:
    """The slots of a ring of TPACKET_V2, four of 1024 bytes, in memory that the kernel shares."""

    def __init__(self, sock: Socket, *, send: bool = False) -> None:
        """The ring is made here, for what is received or for what is sent."""
        sock.packet_version = 1
        sock.set(PACKET_TX_RING if send else PACKET_RX_RING, TpacketReq(BLOCK, 1, SLOT, COUNT))
        self._memory = mmap.mmap(sock.fileno(), BLOCK)

    def header(self, slot: int, field: str) -> int:
        """A field of a slot's header: status, len, snaplen, mac, net."""
        place, size = _FIELDS[field]
        at = SLOT * slot + place
        return int.from_bytes(self._memory[at : at + size], sys.byteorder)

    def statuses(self) -> list[int]:
        """The status of each slot."""
        return [self.header(slot, "status") for slot in range(COUNT)]

    def set_status(self, slot: int, status: int) -> None:
        """Hand a slot over, or take it back."""
        self._write(slot, "status", status)

    def packet(self, slot: int, field: str = "mac") -> bytes:
        """What a slot has been given, from where its link-layer header is, or its network header."""
        at = SLOT * slot + self.header(slot, field)
        return self._memory[at : at + self.header(slot, "snaplen")]

    def request(self, slot: int, data: bytes, *, length: int | None = None) -> None:
        """Have a packet sent with the next send(2); ``length`` is what its header says, if not the truth."""
        at = SLOT * slot + _DATA_SENT
        self._memory[at : at + len(data)] = data
        self._write(slot, "len", len(data) if length is None else length)
        self.set_status(slot, 1)

    def _write(self, slot: int, field: str, value: int) -> None:
        place, size = _FIELDS[field]
        at = SLOT * slot + place
        self._memory[at : at + size] = value.to_bytes(size, sys.byteorder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.close()


_BLOCK: Final = struct.Struct("@4xIIIIIQIIII")
"""struct tpacket_block_desc, whose version is passed over, with its struct tpacket_hdr_v1."""
_FRAME: Final = struct.Struct("@IIIIIIHH")
"""struct tpacket3_hdr, up to tp_net."""
BLOCK_HEADER: Final = _BLOCK.size
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True)
class BlockHeader:
    """What a block says of itself; times are in nanoseconds."""

    private: int
    status: int
    packets: int
    first: int
    """Where its first frame is."""
    length: int
    number: int
    first_time: int
    last_time: int


@dataclass(frozen=True)
class BlockFrame:
    """What a frame of a block says of itself; its time is in nanoseconds."""

    step: int
    """From the frame to the next one, 0 of the last."""
    time: int
    status: int
    mac: int
    data: bytes


class Blocks:
    """The blocks of a receive ring of TPACKET_V3, in memory that the kernel shares."""

    def __init__(self, sock: Socket, request: TpacketReq3) -> None:
        """The ring is made here."""
        sock.packet_version = 2
        sock.set(PACKET_RX_RING, request)
        self._size = request.block_size
        self._memory = mmap.mmap(sock.fileno(), request.block_size * request.block_nr)

    def header(self, block: int) -> BlockHeader:
        """The header of a block."""
        private, status, packets, place, length, number, *times = _BLOCK.unpack_from(
            self._memory, self._size * block
        )
        first, last = (times[at] * _SECOND + times[at + 1] for at in (0, 2))
        return BlockHeader(private, status, packets, place, length, number, first, last)

    def frames(self, block: int) -> list[BlockFrame]:
        """The frames of a block, as one leads to the next."""
        header = self.header(block)
        found: list[BlockFrame] = []
        at = self._size * block + header.first
        for _ in range(header.packets):
            step, seconds, rest, size, _, status, mac, _ = _FRAME.unpack_from(self._memory, at)
            data = self._memory[at + mac : at + mac + size]
            found.append(BlockFrame(step, seconds * _SECOND + rest, status, mac, data))
            at += step
        return found

    def give_back(self, block: int) -> None:
        """Hand a block to the kernel again."""
        at = self._size * block + 8
        self._memory[at : at + 4] = bytes(4)

    def private(self, block: int, size: int) -> bytes:
        """What is behind the header of a block."""
        at = self._size * block + BLOCK_HEADER
        return self._memory[at : at + size]

    def write_private(self, block: int, data: bytes) -> None:
        """Put data behind the header of a block."""
        at = self._size * block + BLOCK_HEADER
        self._memory[at : at + len(data)] = data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.close()
