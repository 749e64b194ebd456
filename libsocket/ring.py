"""Packets as they lie in memory that the kernel shares: the rings of packet sockets.

Source: packet(7), PACKET_RX_RING and PACKET_TX_RING, and ``Documentation/networking/packet_mmap.rst``.
"""

from __future__ import annotations

import errno
import mmap
import os
import select
import socket
import struct
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple
from itertools import cycle
from typing import Final, NamedTuple, Self

from libsocket.addresses import Packet
from libsocket.control.values import Timespec
from libsocket.option import Option
from libsocket.options.packet import PACKET_RX_RING, PACKET_TX_RING, PACKET_VERSION
from libsocket.stream import Buffer
from libsocket.values.packet import PacketStatus, TpacketReq, TpacketReq3

__all__ = ["Frame", "PacketRxRing", "PacketTxRing"]

Request = TpacketReq | TpacketReq3

USER: Final = int(PacketStatus.USER)
VLAN_VALID: Final = int(PacketStatus.VLAN_VALID)
VLAN_TPID_VALID: Final = int(PacketStatus.VLAN_TPID_VALID)
ALIGNMENT: Final = 16
"""TPACKET_ALIGNMENT: where the address behind a header begins."""
ADDRESS: Final = 20
"""The size of struct sockaddr_ll."""
HEADER1: Final = struct.Struct("@LIIHHII")
HEADER2: Final = struct.Struct("@IIIHHIIHH4x")
HEADER3: Final = struct.Struct("@IIIIIIHHIIH10x")
BLOCK: Final = struct.Struct("@8xIII")
"""struct tpacket_block_desc: status, number of packets, place of the first."""
STATUS: Final[dict[int, tuple[int, struct.Struct]]] = {
    1: (0, struct.Struct("@L")),
    2: (0, struct.Struct("@I")),
    3: (8, struct.Struct("@I")),
}
"""The word that tells whose a frame is, or a block in version 3: its place there, by version."""
AVAILABLE: Final = 0
SEND_REQUEST: Final = 1
FULL: Final = 3
"""TP_STATUS_SEND_REQUEST or TP_STATUS_SENDING: the frame is the kernel's."""
WRONG_FORMAT: Final = 4
"""Where the kernel stands still until there is another frame in this place."""
PAUSE: Final = 0.001
"""Seconds between two looks at a full send ring; poll(2) speaks of the send buffer, which mostly has room."""
LENGTH: Final = struct.Struct("@I")
SENT: Final[dict[int, tuple[int, struct.Struct, int, int]]] = {
    1: (0, struct.Struct("@L"), struct.calcsize("@L"), 32),
    2: (0, struct.Struct("@I"), 4, 32),
    3: (20, struct.Struct("@I"), 16, 48),
}
"""In a frame that is sent: the place of the status and its form, of the length, and of the packet."""


class Frame(NamedTuple):
    """A packet in a ring: ``struct tpacket_hdr``, ``tpacket2_hdr`` or ``tpacket3_hdr``.

    ``data`` is the ring's own memory and is released when the next frame is asked for: ``bytes(frame.data)``
    is to keep. It begins with the link-layer header, or behind it on a SOCK_DGRAM socket.
    """

    data: memoryview
    length: int
    """Bytes of the packet as it came; ``data`` has fewer where a filter or the size of the frame cut it."""
    status: int
    """Bits of ``PacketStatus``."""
    timestamp: Timespec
    """When it came in, by the wall clock unless PACKET_TIMESTAMP says otherwise."""
    address: Packet
    """Who sent it, and by which interface."""
    network: int
    """Where in ``data`` the network header begins."""
    vlan_tci: int | None = None
    """The VLAN tag that was taken out of the packet, or None; versions 2 and 3."""
    vlan_tpid: int | None = None
    """The protocol of that tag in host order, 0x8100 or 0x88a8, or None; versions 2 and 3."""

    @property
    def truncated(self) -> bool:
        """Whether the end of the packet is missing."""
        return len(self.data) < self.length


class _Ring:
    """What both rings are: memory that is shared with the kernel, as long as it is open."""

    def __init__(self, sock: socket.socket, option: Option[Request], request: Request, version: int) -> None:
        if version not in (1, 2):
            raise ValueError(f"a TpacketReq makes a ring of version 1 or 2, not {version}")
        self.version: int = 3 if isinstance(request, TpacketReq3) else version
        self._sock = sock
        self._option = option
        self._request = request
        PACKET_VERSION.write(sock, self.version - 1)
        option.write(sock, request)
        try:
            self._map = mmap.mmap(sock.fileno(), request.block_size * request.block_nr)
        except BaseException:
            self._take_away()
            raise
        self._memory = memoryview(self._map)
        self.closed: bool = False

    def close(self) -> None:
        """Unmap the ring and take it from the socket; again is harmless.

        A ring that is merely dropped stays with its socket. While the program has views of it, such as a
        slice of a frame's data, its memory stays, and the ring until the socket is closed. OSError with EBUSY
        where a child process has it mapped too.
        """
        self.closed = True
        self._memory.release()
        with suppress(BufferError):
            if not self._map.closed:
                self._map.close()
                if self._sock.fileno() >= 0:
                    self._take_away()

    def _take_away(self) -> None:
        self._option.write(self._sock, type(self._request)(0, 0, 0, 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self.closed or self._sock.fileno() < 0:
            raise ValueError("the ring is closed" if self.closed else "the socket of the ring is closed")


class PacketRxRing(_Ring):
    """A packet socket's receive ring: ``with PacketRxRing(sock, TpacketReq(4096, 16, 2048, 32)) as ring:``.

    A TpacketReq makes a ring of version 2, or of 1 if told so; a TpacketReq3 one of version 3, whose blocks
    come when they are full or ``retire_blk_tov`` milliseconds old. A frame goes back to the kernel when the
    next is asked for, a block after its last frame. What found no room is counted by
    ``sock.packet_statistics``. A ring drops what was queued before: make the socket with protocol 0, and bind
    it to one when the ring is there. With PACKET_COPY_THRESH what is queued as well is to be received too, or
    waiting becomes busy. A socket has one ring, and a ring is for one thread.

    The kernel writes a packet before the status that hands it over, and x86 keeps that order for readers. On
    machines that do not, nothing but the many instructions of the interpreter stands between the two.

    Raises OSError with EINVAL for sizes that fit neither each other nor a page, with EBUSY for a second ring.
    Needs CAP_NET_RAW, as its socket does. Version 1 since Linux 2.4, 2 since 2.6.27, 3 since 3.2.
    """

    def __init__(self, sock: socket.socket, request: Request, *, version: int = 2) -> None:
        """ValueError for a ``version`` other than 1 and 2, of which a TpacketReq3 takes no notice."""
        super().__init__(sock, PACKET_RX_RING, request, version)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._walk = self._frames()

    def frames(self, timeout: float | None = None) -> Iterator[Frame]:
        """The frames that have come and that come, until none does for ``timeout`` seconds.

        None waits for ever, 0 not at all. OSError where the socket has an error and no frame is left:
        ENETDOWN when its interface goes down. ValueError once the ring or its socket is closed.
        """
        end = _end(timeout)
        while (frame := self._next()) or self._wait(end):
            if frame:
                yield frame
                end = _end(timeout)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def close(self) -> None:
        self._walk.close()
        super().close()

    def _next(self) -> Frame | None:
        self._check_open()
        return next(self._walk)

    def _wait(self, end: float | None) -> bool:
        """Whether it is worth looking again: not when there is no time left."""
        left = None if end is None else max(0.0, end - time.monotonic())
        events = self._poll.poll(None if left is None else left * 1000)
        if events and events[0][1] & select.POLLERR:
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
        return bool(events) and left != 0

    def _frames(self) -> Generator[Frame | None]:
        """The frames in their order, and None while the next is the kernel's; the one before goes back."""
        place, word = STATUS[self.version]
        for at in cycle(_places(self._request)):
            while not word.unpack_from(self._memory, at + place)[0] & USER:
                yield None
            for frame in self._block(at) if self.version == 3 else (READERS[self.version](self._memory, at),):
                with suppress(BufferError), frame.data:
                    yield frame
            word.pack_into(self._memory, at + place, 0)

    def _block(self, at: int) -> Iterator[Frame]:
        _, count, offset = BLOCK.unpack_from(self._memory, at)
        for _ in range(count):
            at += offset
            offset, frame = _frame3(self._memory, at)
            yield frame


class PacketTxRing(_Ring):
    """The send ring of a packet socket that is bound to an interface: ``ring.send([frame, frame])``.

    Versions are those of a PacketRxRing, to which a TpacketReq3 brings no blocks here: 1 and 2 since Linux
    2.6.31, 3 since 4.11. A socket has one ring, and a ring is for one thread.

    Packets are sent from the ring's own memory. The kernel gives a frame back when its packet has left the
    interface; where that is lo or a veth pair, a receiver on this host that reads it later finds what lies in
    the frame by then.

    Raises OSError as PacketRxRing does. Needs CAP_NET_RAW, as its socket does.
    """

    def __init__(self, sock: socket.socket, request: Request, *, version: int = 2) -> None:
        """ValueError for a ``version`` other than 1 and 2, of which a TpacketReq3 takes no notice."""
        super().__init__(sock, PACKET_TX_RING, request, version)
        self._places = tuple(_places(TpacketReq(*astuple(request)[:4])))
        self._turn = 0

    def send(self, frames: Iterable[Buffer]) -> int:
        """Send frames, link-layer header and all, or without on a SOCK_DGRAM socket; say how many bytes went.

        A full ring is sent and waited for, as long as the socket's timeout says: TimeoutError, or
        BlockingIOError if it does not block. ValueError for what is larger than a frame of the ring, OSError
        as send(2) gives it. What was put there before goes with the next call at the latest; but a frame that
        the kernel refuses, such as one beyond the MTU (EMSGSIZE) or shorter than its link-layer header
        (EINVAL), is dropped, and so are those behind it.
        """
        self._check_open()
        return sum(map(self._put, frames)) + self._flush()

    def _put(self, data: Buffer) -> int:
        """Lay a frame into the ring, and say how many bytes had to be sent before to have room."""
        status_at, word, length_at, data_at = SENT[self.version]
        content = memoryview(data).cast("B")
        room = self._request.frame_size - data_at
        if len(content) > room:
            raise ValueError(f"{len(content)} bytes do not fit a frame that has {room}")
        went = self._flush() if self._status() & FULL else 0
        self._wait_for_room()
        at = self._places[self._turn]
        self._memory[at + data_at : at + data_at + len(content)] = content
        LENGTH.pack_into(self._memory, at + length_at, len(content))
        word.pack_into(self._memory, at + status_at, SEND_REQUEST)
        self._turn = (self._turn + 1) % len(self._places)
        return went

    def _wait_for_room(self) -> None:
        timeout = self._sock.gettimeout()
        end = _end(timeout)
        while self._status() & FULL:
            if timeout == 0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            if end is not None and time.monotonic() >= end:
                raise TimeoutError("timed out")
            time.sleep(PAUSE)

    def _status(self, more: int = 0) -> int:
        """Of the frame whose turn it is, or of one so many behind it."""
        status_at, word, *_ = SENT[self.version]
        at = self._places[(self._turn + more) % len(self._places)]
        status: int = word.unpack_from(self._memory, at + status_at)[0]
        return status

    def _flush(self) -> int:
        try:
            return self._sock.send(b"")
        except OSError:
            self._drop_refused()
            raise

    def _drop_refused(self) -> None:
        """Take back the frame that was refused, if one was, and those behind it: the kernel waits there."""
        status_at, word, *_ = SENT[self.version]
        count = len(self._places)
        first = next((more for more in range(count) if self._status(more) & WRONG_FORMAT), count)
        places = [self._places[(self._turn + more) % count] for more in range(first, count)]
        for at in places:
            word.pack_into(self._memory, at + status_at, AVAILABLE)
        self._turn = (self._turn + first) % count


def _end(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _places(request: Request) -> Iterator[int]:
    """Where the kernel's turns begin: each frame, or each block in version 3. A frame is in one block."""
    size = request.block_size
    step = size if isinstance(request, TpacketReq3) else request.frame_size
    for block in range(0, size * request.block_nr, size):
        yield from range(block, block + size // step * step, step)


class _Head(NamedTuple):
    """What every version has in its header."""

    status: int
    length: int
    snaplen: int
    mac: int
    net: int
    sec: int
    nsec: int
    vlan_tci: int = 0
    vlan_tpid: int = 0


def _frame1(memory: memoryview, at: int) -> Frame:
    status, length, snaplen, mac, net, sec, usec = HEADER1.unpack_from(memory, at)
    return _frame(memory, at, HEADER1.size, _Head(status, length, snaplen, mac, net, sec, usec * 1000))


def _frame2(memory: memoryview, at: int) -> Frame:
    return _frame(memory, at, HEADER2.size, _Head(*HEADER2.unpack_from(memory, at)))


def _frame3(memory: memoryview, at: int) -> tuple[int, Frame]:
    """How far it is to the next one, too."""
    step, sec, nsec, snaplen, length, status, mac, net, _rxhash, *tag = HEADER3.unpack_from(memory, at)
    return step, _frame(memory, at, HEADER3.size, _Head(status, length, snaplen, mac, net, sec, nsec, *tag))


READERS: Final = {1: _frame1, 2: _frame2}


def _frame(memory: memoryview, at: int, size: int, head: _Head) -> Frame:
    address, data = at + -(-size // ALIGNMENT) * ALIGNMENT, at + head.mac
    return Frame(
        memory[data : data + head.snaplen],
        head.length,
        head.status,
        Timespec(head.sec, head.nsec),
        Packet.from_raw(bytes(memory[address : address + ADDRESS])),
        head.net - head.mac,
        head.vlan_tci if head.status & VLAN_VALID else None,
        head.vlan_tpid if head.status & VLAN_TPID_VALID else None,
    )
