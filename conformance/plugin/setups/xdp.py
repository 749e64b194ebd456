"""Sockets of AF_XDP: their memory, which the kernel is given by a number, and the rings that it shares."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import select
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Final, NamedTuple, Self

from conformance.plugin.setups.bpf import XDP_FLAGS_SKB_MODE, xdp_program, xsk_map
from conformance.plugin.setups.frames import EXPERIMENTAL
from conformance.plugin.setups.packet_sockets import ANOTHER
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.waiting import pause, wait_until
from libsocket import Other, Socket
from netns import Host, Namespace

AF_XDP: Final = 44
SOL_XDP: Final = 283
XDP_MMAP_OFFSETS: Final = 1
XDP_RX_RING: Final = 2
XDP_TX_RING: Final = 3
XDP_UMEM_REG: Final = 4
XDP_UMEM_FILL_RING: Final = 5
XDP_UMEM_COMPLETION_RING: Final = 6
XDP_STATISTICS: Final = 7
XDP_OPTIONS: Final = 8
XDP_MAX_TX_SKB_BUDGET: Final = 9

XDP_SHARED_UMEM: Final = 1
XDP_COPY: Final = 2
XDP_ZEROCOPY: Final = 4
XDP_USE_NEED_WAKEUP: Final = 8
XDP_USE_SG: Final = 16
"""Flags of bind(2)."""
XDP_UMEM_UNALIGNED_CHUNK_FLAG: Final = 1
XDP_PKT_CONTD: Final = 1
"""In the options of a descriptor: the packet goes on with the next one."""
CHUNK: Final = 2048
KERNELS_OWN: Final = 256
"""XDP_PACKET_HEADROOM: bytes before a packet that is received, in which its program may write."""

RINGS: Final = {
    "rx": (XDP_RX_RING, 0),
    "tx": (XDP_TX_RING, 0x8000_0000),
    "fill": (XDP_UMEM_FILL_RING, 0x1_0000_0000),
    "completion": (XDP_UMEM_COMPLETION_RING, 0x1_8000_0000),
}
"""The option that makes a ring, and the offset at which mmap(2) finds it."""
_REGISTRATION: Final = struct.Struct("@QQIIII")
_STATISTICS: Final = ("rx_dropped", "rx_invalid", "tx_invalid", "rx_full", "fill_empty", "tx_empty")
_ADDRESS: Final = struct.Struct("=HIII")


class Descriptor(NamedTuple):
    """Of a packet in the RX or TX ring: struct xdp_desc."""

    addr: int
    length: int
    options: int = 0


_DESCRIPTOR: Final = struct.Struct("@QII")
_PLACE: Final = struct.Struct("@Q")


def address(index: int, queue: int = 0, flags: int = 0, shared: int = 0) -> Other:
    """A struct sockaddr_xdp: an interface by its index, a queue of it, flags, and whose memory is shared."""
    return Other(AF_XDP, _ADDRESS.pack(flags, index, queue, shared))


def xdp_socket() -> Socket:
    """A socket of AF_XDP with nothing."""
    return Socket(AF_XDP, socket.SOCK_RAW)


class Memory:
    """Memory for packets, of pages: anonymous and shared, unless there is a file."""

    def __init__(self, size: int = 16 * CHUNK, *, flags: int = mmap.MAP_SHARED, file: int = -1) -> None:
        self.pages = mmap.mmap(file, size, flags)
        self.size = size
        self.place: int = ctypes.addressof(ctypes.c_char.from_buffer(self.pages))
        """Its address."""

    def register(
        self,
        sock: Socket,
        *,
        chunk: int = CHUNK,
        headroom: int = 0,
        flags: int = 0,
        size: int | None = None,
        offset: int = 0,
    ) -> None:
        """XDP_UMEM_REG, of all of it from an offset on, or of another size. Raises: OSError."""
        given = self.registration(chunk=chunk, headroom=headroom, flags=flags, size=size, offset=offset)
        sock.setsockopt(SOL_XDP, XDP_UMEM_REG, given)

    def registration(
        self,
        *,
        chunk: int = CHUNK,
        headroom: int = 0,
        flags: int = 0,
        size: int | None = None,
        offset: int = 0,
    ) -> bytes:
        """The same as a struct xdp_umem_reg."""
        size = self.size - offset if size is None else size
        return _REGISTRATION.pack(self.place + offset, size, chunk, headroom, flags, 0)

    def write(self, addr: int, data: bytes) -> None:
        self.pages[addr : addr + len(data)] = data

    def read(self, addr: int, size: int) -> bytes:
        return self.pages[addr : addr + size]


def has_umem(sock: Socket) -> bool:
    """Whether a socket that is not bound has a UMEM: another one, which it would get, is EBUSY then."""
    try:
        Memory().register(sock)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return True
    return False


class Ring:
    """A ring in memory that the kernel shares, from the side of the program."""

    def __init__(self, sock: Socket, name: str, count: int) -> None:
        offsets = struct.unpack("@16Q", sock.getsockopt(SOL_XDP, XDP_MMAP_OFFSETS, 128))
        first = 4 * list(RINGS).index(name)
        self._producer, self._consumer, self._first, self._flags = offsets[first : first + 4]
        self._form = _DESCRIPTOR if name in {"rx", "tx"} else _PLACE
        self._count = count
        self._memory = mapped(sock, name, self._first + count * self._form.size)
        self._wait = partial(polled, sock, select.POLLIN) if name == "rx" else pause

    @property
    def producer(self) -> int:
        """How many entries have been put into it."""
        return self._number(self._producer)

    @property
    def consumer(self) -> int:
        """How many have been taken out of it."""
        return self._number(self._consumer)

    @property
    def needs_wakeup(self) -> int:
        """The flag XDP_RING_NEED_WAKEUP: 0 or 1."""
        return self._number(self._flags) & 1

    def put(self, *entries: int | Descriptor) -> None:
        """Put addresses or descriptors into it, for the kernel to take."""
        for one in entries:
            at = self.producer
            values = one if isinstance(one, Descriptor) else (one,)
            self._form.pack_into(self._memory, self._first + at % self._count * self._form.size, *values)
            self._set(self._producer, at + 1)

    def take(self) -> list[tuple[int, ...]]:
        """Take out all entries that the kernel has put into it by now."""
        found = []
        while (at := self.consumer) != self.producer:
            found.append(
                self._form.unpack_from(self._memory, self._first + at % self._count * self._form.size)
            )
            self._set(self._consumer, (at + 1) & 0xFFFF_FFFF)
        return found

    def take_some(self, count: int) -> list[tuple[int, ...]]:
        """The same, once there are so many, or SOON has passed."""
        wait_until(lambda: self.producer - self.consumer >= count, self._wait)
        return self.take()

    def taken(self, count: int) -> int:
        """How many have been taken out of it, once that is so many, or SOON has passed."""
        wait_until(lambda: self.consumer >= count)
        return self.consumer

    def _number(self, at: int) -> int:
        return int.from_bytes(self._memory[at : at + 4], sys.byteorder)

    def _set(self, at: int, value: int) -> None:
        self._memory[at : at + 4] = (value & 0xFFFF_FFFF).to_bytes(4, sys.byteorder)


def mapped(sock: Socket, name: str, size: int, *, further: int = 0) -> mmap.mmap:
    """A ring of a socket by its name, mapped at its offset, or so many bytes further. Raises: OSError."""
    return mmap.mmap(sock.fileno(), size, offset=RINGS[name][1] + further)


class Xsk:
    """A socket with memory and rings of so many entries: none where that is 0. It is still to be bound."""

    def __init__(
        self,
        *,
        memory: Memory | None = None,
        memory_size: int = 16 * CHUNK,
        rx: int = 4,
        tx: int = 4,
        fill: int = 4,
        completion: int = 4,
        chunk: int = CHUNK,
        headroom: int = 0,
        flags: int = 0,
        register: bool = True,
    ) -> None:
        self.sock = xdp_socket()
        self.memory = memory or Memory(memory_size)
        if register:
            self.memory.register(self.sock, chunk=chunk, headroom=headroom, flags=flags)
        self._rings: dict[str, Ring] = {}
        self.bound_to = "", 0
        self.add_rings(rx=rx, tx=tx, fill=fill, completion=completion)

    def add_rings(self, **counts: int) -> None:
        """Make rings of so many entries: none where that is 0. Raises: OSError."""
        for name, count in counts.items():
            if count:
                self.sock.setsockopt(SOL_XDP, RINGS[name][0], count)
                self._rings[name] = Ring(self.sock, name, count)

    @property
    def rx(self) -> Ring:
        return self._rings["rx"]

    @property
    def tx(self) -> Ring:
        return self._rings["tx"]

    @property
    def fill(self) -> Ring:
        return self._rings["fill"]

    @property
    def completion(self) -> Ring:
        return self._rings["completion"]

    def bind(self, device: str, queue: int = 0, flags: int = XDP_COPY, shared: Xsk | None = None) -> Self:
        """bind(2), in copy mode unless told otherwise. Raises: OSError."""
        fd = shared.sock.fileno() if shared else 0
        self.sock.bind(address(socket.if_nametoindex(device), queue, flags, fd))
        self.bound_to = device, queue
        return self

    def sharing(self, **rings: int) -> Xsk:
        """A socket that is to share this one's memory: with an RX and a TX ring, unless told otherwise."""
        return Xsk(memory=self.memory, register=False, **{"fill": 0, "completion": 0, **rings})

    def bind_beside(self, first: Xsk) -> Self:
        """bind(2) with XDP_SHARED_UMEM to where another is bound. Raises: OSError."""
        return self.bind(*first.bound_to, flags=XDP_SHARED_UMEM, shared=first)

    def prepare(self, data: bytes, addr: int = 0, *, options: int = 0) -> None:
        """Put a frame into the memory, and a descriptor of it into the TX ring. It is not sent by that."""
        self.memory.write(addr, data)
        self.tx.put(Descriptor(addr, len(data), options))

    def wake(self) -> None:
        """sendto(2) of nothing, by which the kernel sends what is in the TX ring. Raises: OSError."""
        self.sock.send(b"", socket.MSG_DONTWAIT)

    def send(self, data: bytes, addr: int = 0) -> None:
        """Send a frame from an address. Raises: OSError."""
        self.prepare(data, addr)
        self.wake()

    def sent_from(self, data: bytes, addr: int) -> int:
        """Send a frame from an address, and say how many descriptors the kernel has taken."""
        self.send(data, addr)
        return self.tx.consumer

    def put_packet(self, *buffers: bytes, chunk: int = 0) -> None:
        """Put a packet of several buffers into the TX ring, each in a chunk of its own, from one on."""
        for place, one in enumerate(buffers):
            goes_on = XDP_PKT_CONTD if place + 1 < len(buffers) else 0
            self.prepare(one, (chunk + place) * CHUNK, options=goes_on)

    def put_spoilt(self, wrong: Descriptor, place: int) -> list[int]:
        """Put a packet of three buffers into the TX ring, one of them wrong; their addresses."""
        packet = [Descriptor(10 * CHUNK, 60, 1), Descriptor(11 * CHUNK, 60, 1), Descriptor(12 * CHUNK, 60)]
        packet[place] = wrong._replace(options=packet[place].options)
        self.tx.put(*packet)
        return [one.addr for one in packet]

    def wake_until_taken(self) -> None:
        """Have the kernel send until it has taken all that is in the TX ring, or SOON has passed."""
        wait_until(lambda: self.tx.consumer == self.tx.producer, lambda _: self.wake_without_error())

    def send_one(self, data: bytes, addr: int = 0) -> tuple[int, ...]:
        """Send a frame, and take its completion."""
        self.send(data, addr)
        return self.completion.take_some(1)[0]

    def put_frames(self, count: int) -> None:
        """Put so many descriptors of one short frame into the TX ring."""
        self.memory.write(0, xdp_frame(b"one of many"))
        self.tx.put(*[Descriptor(0, len(xdp_frame(b"one of many")))] * count)

    def set_budget(self, descriptors: int) -> None:
        """XDP_MAX_TX_SKB_BUDGET. Raises: OSError."""
        self.sock.setsockopt(SOL_XDP, XDP_MAX_TX_SKB_BUDGET, descriptors)

    def taken_at_once(self, count: int) -> int:
        """Put so many descriptors into the TX ring; how many of it the kernel takes for one call."""
        before = self.tx.consumer
        self.put_frames(count)
        self.wake_without_error()
        return self.tx.consumer - before

    def wake_without_error(self) -> str | None:
        """The errno of the call that has the kernel send, by its name."""
        try:
            self.wake()
        except OSError as error:
            return errno.errorcode[error.errno] if error.errno else None
        return None

    def received(self, count: int = 1) -> list[bytes]:
        """What the packets are that come, once there are so many."""
        return [self.memory.read(addr, length) for addr, length, _ in self.rx.take_some(count)]

    def statistics(self) -> dict[str, int]:
        """XDP_STATISTICS."""
        return statistics(self.sock)

    def counted(self, name: str, count: int) -> int:
        """One of XDP_STATISTICS, once it is so many, or SOON has passed."""
        wait_until(lambda: self.statistics()[name] >= count)
        return self.statistics()[name]

    def dropped(self, count: int) -> int:
        """How many packets were dropped, once there are so many."""
        return self.counted("rx_dropped", count)

    def dropped_or_received(self) -> int:
        """How many packets were dropped, once one was, or one has come."""
        wait_until(lambda: bool(self.statistics()["rx_dropped"] or self.rx.producer))
        return self.statistics()["rx_dropped"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()


def statistics(sock: Socket) -> dict[str, int]:
    """XDP_STATISTICS, by name."""
    held = sock.getsockopt(SOL_XDP, XDP_STATISTICS, 48)
    return dict(zip(_STATISTICS, struct.unpack(f"@{len(held) // 8}Q", held), strict=False))


def carried(receiver: Socket) -> str:
    """What the next frame of a packet socket that is none of the network's own carries, as text."""
    while int.from_bytes((frame := receiver.recv(2000))[12:14], "big") not in {EXPERIMENTAL, ANOTHER}:
        pass
    return frame[14:].decode()


def is_bound(sock: Socket, index: int = 0) -> bool:
    """Whether a socket is bound: it is EBUSY then for whatever interface, also for one that there is not."""
    try:
        sock.bind(address(index))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def zero_copy(sock: Socket) -> int:
    """XDP_OPTIONS: 1 in zero-copy mode."""
    return int.from_bytes(sock.getsockopt(SOL_XDP, XDP_OPTIONS, 4), sys.byteorder)


def xdp_frame(data: bytes, protocol: int = EXPERIMENTAL) -> bytes:
    """An Ethernet frame, to all, of the type that programs redirect unless told otherwise."""
    return b"\xff" * 6 + bytes([2, 0, 0, 0, 0, 0x11]) + protocol.to_bytes(2, "big") + data


def sent_by(host: Host, *frames: bytes) -> None:
    """Send frames by the wire of a host."""
    with host.entered():
        sent_by_device(host.device, *frames)


def sent_by_device(device: str, *frames: bytes) -> None:
    """Send frames by an interface that is here."""
    with Socket.packet(socket.SOCK_RAW) as sock:
        for one in frames:
            sock.sendto(one, (device, 0))


@contextmanager
def redirected(
    host: Host, sockets: dict[int, Socket], index: int = 0, *, flags: int = XDP_FLAGS_SKB_MODE
) -> Iterator[None]:
    """What comes by the wire of a host is redirected to an index of a map, in which are sockets by index.

    The program is attached in the generic mode, unless told otherwise.
    """
    with host.entered(), xsk_map() as places:
        for key, sock in sockets.items():
            places.insert(key, sock)
        with xdp_program(host.device, redirect=places, index=index, flags=flags):
            yield


def attached_mode(namespace: Namespace, device: str) -> str:
    """How an interface runs its XDP program, as netlink tells: None, "xdp" by its driver, "xdpgeneric"."""
    with namespace.iproute() as netlink:
        [found] = netlink.get_links(ifname=device)
        return str(found.get_nested("IFLA_XDP", "IFLA_XDP_ATTACHED"))


@contextmanager
def two_queues(namespace: Namespace, device: str = "wide") -> Iterator[str]:
    """An interface with two queues for each direction, up: one end of a pair."""
    with namespace.iproute() as netlink:
        netlink.link(
            "add",
            ifname=device,
            kind="veth",
            num_tx_queues=2,
            num_rx_queues=2,
            peer={"ifname": f"{device}-peer", "num_tx_queues": 2, "num_rx_queues": 2},
        )
    for end in (device, f"{device}-peer"):
        namespace.set_link(end, up=True)
    yield device


def memory_of_file(size: int = 16 * CHUNK) -> Memory:
    """Memory of a file that has no name."""
    file = os.memfd_create("umem")
    try:
        os.ftruncate(file, size)
        return Memory(size, file=file)
    finally:
        os.close(file)
