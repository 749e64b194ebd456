"""Receive rings of packet sockets, on the loopback interface of a namespace of their own."""

from __future__ import annotations

import errno
import itertools
import mmap
import os
import resource
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

import libsocket as ls
from libsocket import Frame, Packet, PacketRxRing, PacketStatus, PacketTxRing, Socket, TpacketReq, TpacketReq3
from netns import Namespace

ETH_P_802_EX1, ETH_P_8021Q = 0x88B5, 0x8100
LOOPBACK = 1
HEAD = bytes(12) + struct.pack("!H", ETH_P_802_EX1)
PAGE = mmap.PAGESIZE
FRAMES = TpacketReq(PAGE, 2, PAGE // 2, 4)
BLOCKS = TpacketReq3(PAGE, 4, PAGE // 2, 8, retire_blk_tov=20)
HOUR = 3600
SOON = 10

Request = TpacketReq | TpacketReq3
RINGS = pytest.mark.parametrize(
    ("request_", "version"), [(FRAMES, 1), (FRAMES, 2), (BLOCKS, 2)], ids=["v1", "v2", "v3"]
)


@pytest.fixture(autouse=True)
def _ns() -> Iterator[None]:
    with Namespace():
        yield


@pytest.fixture
def sock() -> Iterator[Socket]:
    """Bound to nothing until there is a ring."""
    with Socket.packet() as made:
        yield made


def bound(sock: Socket, request: Request, version: int = 2) -> PacketRxRing:
    ring = PacketRxRing(sock, request, version=version)
    sock.bind(Packet(LOOPBACK, ETH_P_802_EX1))
    return ring


def send(*payloads: bytes) -> None:
    with Socket.packet() as sender:
        for payload in payloads:
            sender.sendto(HEAD + payload, Packet(LOOPBACK))


def read(ring: PacketRxRing, count: int) -> list[bytes]:
    """So many frames, whose data is kept."""
    return [bytes(frame.data) for frame in itertools.islice(ring.frames(SOON), count)]


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [b"packet %d" % number for number in range(start, start + count)]


@RINGS
def test_frame_is_the_packet_and_all_about_it(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring:
        send(b"data")
        [frame] = itertools.islice(ring, 1)

        assert (bytes(frame.data), frame.length, frame.truncated) == (HEAD + b"data", 18, False)
        assert (frame.address, frame.network) == (Packet(LOOPBACK, ETH_P_802_EX1, 0, 772, bytes(6)), 14)
        assert abs(time.time() - frame.timestamp.nanoseconds / 1e9) < HOUR
        assert PacketStatus(frame.status) & PacketStatus.USER
        assert (ring.version, frame.vlan_tci) == (3 if request_ is BLOCKS else version, None)


@RINGS
def test_frames_come_in_order_round_and_round(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring:
        got = []
        for start in range(0, 30, 3):
            send(*numbered(3, start))
            got += read(ring, 3)

        assert [data[len(HEAD) :] for data in got] == numbered(30)
        assert sock.packet_statistics.drops == 0


@RINGS
def test_what_finds_no_room_is_dropped_and_counted(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring:
        send(*[payload.ljust(900) for payload in numbered(40)])
        found = sock.packet_statistics
        got = read(ring, found.packets - found.drops)
        send(b"once there is room again")

        assert (found.packets, 0 < found.drops < 40) == (40, True)
        assert [data[len(HEAD) :].rstrip() for data in got] == numbered(40 - found.drops)
        assert read(ring, 1) == [HEAD + b"once there is room again"]


@RINGS
def test_frame_that_is_too_small_cuts_the_packet(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring:
        send(bytes(PAGE))
        [frame] = itertools.islice(ring, 1)

        assert (frame.length, frame.truncated, len(frame.data) < PAGE) == (len(HEAD) + PAGE, True, True)


@RINGS
def test_data_is_gone_when_the_next_frame_is_asked_for(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring:
        send(b"one", b"two")
        frames = ring.frames(SOON)
        first, _ = next(frames), next(frames)

        with pytest.raises(ValueError, match="released memoryview"):
            bytes(first.data)


@RINGS
def test_nothing_comes_within_the_time(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring:
        start = time.monotonic()
        got = [list(ring.frames(0)), list(ring.frames(0.05))]

        assert (got, time.monotonic() - start >= 0.05) == ([[], []], True)


@RINGS
def test_what_comes_later_is_waited_for(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version) as ring, Socket.packet() as sender:
        sending = threading.Timer(0.1, sender.sendto, (HEAD + b"late", Packet(LOOPBACK)))
        sending.start()
        got = read(ring, 1)
        sending.join()

        assert got == [HEAD + b"late"]


@RINGS
def test_ring_closes_while_views_are_alive(sock: Socket, request_: Request, version: int) -> None:
    ring = bound(sock, request_, version)
    send(b"kept")
    frames: Iterator[Frame] = ring.frames(SOON)
    frame = next(frames)
    part = frame.data[len(HEAD) :]
    ring.close()
    ring.close()

    assert bytes(part) == b"kept"
    with pytest.raises(ValueError, match="released memoryview"):
        bytes(frame.data)
    with pytest.raises(ValueError, match="the ring is closed"):
        next(frames)


@RINGS
def test_closing_gives_the_socket_its_queue_back(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version):
        pass
    send(b"queued")

    assert sock.recv(100) == HEAD + b"queued"


def test_ring_can_be_closed_after_its_socket(sock: Socket) -> None:
    ring = bound(sock, FRAMES)
    sock.close()
    ring.close()

    assert ring.closed


@RINGS
def test_second_ring_is_refused(sock: Socket, request_: Request, version: int) -> None:
    with bound(sock, request_, version), pytest.raises(OSError, match="busy"):
        PacketRxRing(sock, request_, version=version)


def test_sizes_that_do_not_fit_are_refused(sock: Socket) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        PacketRxRing(sock, TpacketReq(PAGE, 2, PAGE // 2, 5))


@pytest.mark.parametrize("version", [0, 3])
def test_version_of_another_request_is_refused(sock: Socket, version: int) -> None:
    with pytest.raises(ValueError, match="version 1 or 2"):
        PacketRxRing(sock, FRAMES, version=version)


@RINGS
def test_tag_that_was_taken_out_is_told(sock: Socket, request_: Request, version: int) -> None:
    ring = PacketRxRing(sock, request_, version=version)
    with ring, Socket.packet() as sender:
        sock.bind(Packet(LOOPBACK, 0x0003))
        tagged = bytes(12) + struct.pack("!HHH", ETH_P_8021Q, 0x2005, ETH_P_802_EX1) + b"data"
        sender.sendto(tagged, Packet(LOOPBACK))
        tags = [
            (frame.vlan_tci, frame.vlan_tpid)
            for frame in itertools.islice(ring.frames(SOON), 2)
            if frame.address.pkttype != socket.PACKET_OUTGOING
        ]

        assert tags == [(None, None) if version == 1 else (0x2005, ETH_P_8021Q)]


@RINGS
@pytest.mark.parametrize("timeout", [None, SOON, 0])
def test_interface_that_goes_down_is_an_error_after_the_last_frame(
    sock: Socket, request_: Request, version: int, timeout: float | None
) -> None:
    with bound(sock, request_, version) as ring, IPRoute() as route:
        send(b"first")
        [first] = read(ring, 1)
        route.link("set", index=LOOPBACK, state="down")

        with pytest.raises(OSError, match="down") as refused:
            deque(ring.frames(timeout), maxlen=0)
        assert (first[len(HEAD) :], refused.value.errno) == (b"first", errno.ENETDOWN)


def test_ring_of_a_socket_that_is_closed_is_not_waited_for(sock: Socket) -> None:
    with bound(sock, FRAMES) as ring:
        sock.close()
        with pytest.raises(ValueError, match="the socket of the ring is closed"):
            next(ring.frames())


@pytest.mark.parametrize("kind", [PacketRxRing, PacketTxRing])
def test_ring_that_cannot_be_mapped_leaves_none_behind(
    sock: Socket, kind: type[PacketRxRing | PacketTxRing]
) -> None:
    """To map it takes a descriptor."""
    held = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(free := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, held[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            kind(sock, FRAMES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, held)

    kind(sock, FRAMES).close()


def test_frames_of_a_link_layer_free_socket_begin_behind_the_header() -> None:
    with Socket.packet(socket.SOCK_DGRAM) as sock, bound(sock, FRAMES) as ring:
        send(b"data")
        [frame] = itertools.islice(ring, 1)

        assert (bytes(frame.data), frame.network) == (b"data", 0)


@pytest.mark.parametrize(("version", "size"), [(1, 32), (2, 32), (3, 48)])
def test_headers_are_as_long_as_the_kernels(sock: Socket, version: int, size: int) -> None:
    """Where the address behind them begins."""
    assert -(-sock.get(ls.PACKET_HDRLEN, request=version - 1) // 16) * 16 == size


SENDING = pytest.mark.parametrize(
    ("request_", "version"),
    [(FRAMES, 1), (FRAMES, 2), (TpacketReq3(PAGE, 2, PAGE // 2, 4), 2)],
    ids=["v1", "v2", "v3"],
)


@pytest.fixture
def far() -> Iterator[Socket]:
    with Socket.packet(protocol=ETH_P_802_EX1) as made:
        made.rcvbufforce = 1 << 20
        yield made


@SENDING
def test_frames_are_sent_round_and_round(sock: Socket, far: Socket, request_: Request, version: int) -> None:
    with PacketTxRing(sock, request_, version=version) as ring:
        sock.bind(Packet(LOOPBACK))
        came = []
        for start in range(0, 30, 3):
            frames = [HEAD + payload for payload in numbered(3, start)]
            assert ring.send(frames) == sum(map(len, frames))
            came += [far.recv(100)[len(HEAD) :] for _ in frames]

        assert (came, ring.send([])) == (numbered(30), 0)


@SENDING
@pytest.mark.parametrize("timeout", [None, SOON])
def test_full_send_ring_is_waited_for(
    sock: Socket, far: Socket, request_: Request, version: int, timeout: float | None
) -> None:
    """With a timeout the socket does not block in the kernel. Only lengths are sure, see PacketTxRing."""
    sock.settimeout(timeout)
    with PacketTxRing(sock, request_, version=version) as ring:
        sock.bind(Packet(LOOPBACK))
        frames = [HEAD.ljust(100 + more) for more in range(30)]
        taken = ring.send(frames)

        assert [len(far.recv(200)) for _ in frames] == [len(frame) for frame in frames]
        assert taken == sum(map(len, frames))


@SENDING
def test_full_send_ring_that_is_not_waited_for_loses_nothing(request_: Request, version: int) -> None:
    """What finds room later goes in the place that the kernel looks at."""
    frames = [HEAD.ljust(100 + more) for more in range(9)]
    with Namespace() as ns, Socket.packet(protocol=ETH_P_802_EX1) as far, Socket.packet() as near:
        ns.add_qdisc("lo", "tbf", rate="16kbit", burst=200, limit=100_000)
        near.setblocking(False)
        far.settimeout(SOON)
        with PacketTxRing(near, request_, version=version) as ring:
            near.bind(Packet(LOOPBACK))
            with pytest.raises(BlockingIOError):
                ring.send(frames)
            near.setblocking(True)
            ring.send([HEAD.ljust(200)])
            came = list(iter(lambda: len(far.recv(300)), 200))

        assert came == [100 + more for more in range(len(came))]


@SENDING
@pytest.mark.parametrize("bad", [bytes(1800), b"short"], ids=["long", "short"])
def test_frame_that_the_kernel_refuses_is_dropped_with_those_behind_it(
    sock: Socket, far: Socket, request_: Request, version: int, bad: bytes
) -> None:
    far.settimeout(SOON)
    with PacketTxRing(sock, request_, version=version) as ring, IPRoute() as route:
        route.link("set", index=LOOPBACK, mtu=1500)
        sock.bind(Packet(LOOPBACK))
        came = []
        for turn in range(6):
            before, behind, after = (HEAD + payload for payload in numbered(3, turn * 3))
            with pytest.raises(OSError, match=r"Message too long|Invalid argument"):
                ring.send([before, bad, behind])
            ring.send([after])
            came += [far.recv(100)[len(HEAD) :] for _ in range(2)]

        assert came == [b"packet %d" % number for number in range(18) if number % 3 != 1]


@SENDING
def test_frame_that_is_full_is_sent_and_a_larger_one_refused(
    sock: Socket, far: Socket, request_: Request, version: int
) -> None:
    room = PAGE // 2 - (48 if request_ is not FRAMES else 32)
    with PacketTxRing(sock, request_, version=version) as ring:
        sock.bind(Packet(LOOPBACK))
        sent = ring.send([HEAD.ljust(room, b".")])

        assert (sent, far.recv(PAGE)) == (room, HEAD.ljust(room, b"."))
        with pytest.raises(ValueError, match="do not fit a frame"):
            ring.send([bytes(room + 1)])


def test_send_ring_of_a_socket_that_is_bound_to_nothing_is_refused(sock: Socket) -> None:
    with PacketTxRing(sock, FRAMES) as ring, pytest.raises(OSError, match="No such device"):
        ring.send([HEAD])


def test_send_ring_that_is_closed_sends_nothing(sock: Socket) -> None:
    ring = PacketTxRing(sock, FRAMES)
    ring.close()
    ring.close()

    with pytest.raises(ValueError, match="the ring is closed"):
        ring.send([HEAD])
