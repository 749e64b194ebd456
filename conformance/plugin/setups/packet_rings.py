"""Rings of packet sockets as they lie in memory: slots of TPACKET_V2 and V1, and what their headers say."""

from __future__ import annotations

import mmap
import struct
import sys
from types import TracebackType
from typing import Final, Self

from libsocket import PACKET_RX_RING, PACKET_TX_RING, Socket, TpacketReq

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
