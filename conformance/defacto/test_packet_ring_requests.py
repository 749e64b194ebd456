"""Rings of packet sockets where packet(7) is silent: which are made, mapped and taken away, and blocks."""

from __future__ import annotations

import errno
import mmap
import select
from socket import MSG_DONTWAIT, SOCK_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import option_set
from conformance.plugin.setups.frames import HEADER
from conformance.plugin.setups.packet_rings import COUNT, Slots
from conformance.plugin.setups.packet_senders import SOCK_PACKET, bound_sender
from conformance.plugin.setups.packet_sockets import (
    LOOPBACK,
    frame,
    packet_socket,
)
from conformance.plugin.setups.proc_net import count_of, sent_by
from conformance.plugin.setups.readiness import await_readable, polled
from conformance.plugin.setups.rings import held_by_child, mapped_size, ring_request
from conformance.plugin.setups.states import names
from libsocket import Packet, PacketRxRing, PacketTxRing, Socket, TpacketReq, TpacketReq3
from netns import Capability

OLD, BLOCKS = "1da177e4c3f4", "f6fb8f100b80"
NEEDS = (Capability.NET_RAW,)
LATER = {"no-op: close(*": "what was received does not change later"}
TAKEN_AWAY = {"no-op: setsockopt(*_RING, 28*": "the ring is taken away at the end"}
WIRE = (Capability.NET_RAW, VETH)
SOL_PACKET, PACKET_RX_RING = 263, 5
RING, NO_RING = TpacketReq(4096, 1, 1024, 4), TpacketReq(0, 0, 0, 0)
PAGE = mmap.PAGESIZE
SLOW = {"rate": "1kbit", "burst": 150, "limit": 10_000}
"""Settings of a token bucket that lets the first frame of a hundred bytes go at once, and the next 0.4 s
later: long enough to see it wait on a busy machine."""


def send_times(sock: Socket, data: bytes, count: int) -> None:
    """Send the same several times."""
    for _ in range(count):
        sock.send(data)


def fill(slots: Slots) -> None:
    """Have a packet sent from each slot with the next send(2)."""
    for slot in range(COUNT):
        slots.request(slot, frame(b"hello"))


@claim(
    "defacto/PACKET_RX_RING/no-size",
    says="A ring of TPACKET_V1 whose blocks are of no byte, or of so many that it is no int, is refused with "
    "EINVAL, for receiving and for sending; one of a block of 4096 bytes is made.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=NEEDS,
)
@pytest.mark.parametrize("option", ["packet_rx_ring", "packet_tx_ring"])
@pytest.mark.parametrize(
    "request_",
    [TpacketReq(0, 1, 1024, 4), TpacketReq(1 << 31, 1, 1024, 1 << 21)],
    ids=["none", "negative"],
)
def test_sizes_are_numbers(ns, observe, option, request_):
    with packet_socket() as sock:
        with refused(errno.EINVAL):
            setattr(sock, option, request_)
        setattr(sock, option, RING)
        with refused(errno.EBUSY, "errno_of_second"):
            setattr(sock, option, RING)

        assert observe("version", sock.packet_version) == 0


@claim(
    "defacto/PACKET_RX_RING/slots-overflow",
    says="A ring of TPACKET_V1 whose blocks have 2**33 slots together, which 32 bits hold as none, is "
    "refused with EINVAL, for receiving and for sending; one of a block of 4096 bytes is made.",
    since="4.11",
    backports=("4.9.26",),
    commit="8f8d28e4d6d8",
    needs=NEEDS,
)
@pytest.mark.parametrize("option", ["packet_rx_ring", "packet_tx_ring"])
def test_slots_are_counted_beyond_32_bits(ns, observe, option):
    with packet_socket() as sock:
        with refused(errno.EINVAL):
            setattr(sock, option, TpacketReq(1 << 30, 1 << 9, 64, 0))
        setattr(sock, option, RING)
        with refused(errno.EBUSY, "errno_of_second"):
            setattr(sock, option, RING)

        assert observe("version", sock.packet_version) == 0


@claim(
    "defacto/PACKET_RX_RING/short",
    says="PACKET_RX_RING of a packet socket of SOCK_RAW refuses fewer bytes than its version has, fifteen of "
    "TPACKET_V1 and TPACKET_V2 and 27 of TPACKET_V3, with EINVAL; sixteen and 28 are taken.",
    since="3.2",
    commit=BLOCKS,
    needs=NEEDS,
    survives={"no-op: setsockopt(*PACKET_VERSION, ?0?*": "the first version is the default"},
)
@pytest.mark.parametrize(("version", "size"), [(0, 16), (1, 16), (2, 28)])
def test_a_request_has_a_size(ns, observe, version, size):
    with packet_socket() as sock:
        sock.packet_version = version
        with refused(errno.EINVAL):
            option_set(sock.fileno(), (SOL_PACKET, PACKET_RX_RING), ring_request(size)[:-1])
        option_set(sock.fileno(), (SOL_PACKET, PACKET_RX_RING), ring_request(size))
        with refused(errno.EBUSY, "errno_of_second"):
            option_set(sock.fileno(), (SOL_PACKET, PACKET_RX_RING), ring_request(size))

        assert observe("version", sock.packet_version) == version


@claim(
    "defacto/PACKET_RX_RING/private-bytes",
    says="A receive ring of TPACKET_V3 whose blocks of 4096 bytes are taken up by their private bytes, with "
    "the 48 of their own header or without, is refused with EINVAL; one with 1000 private bytes is made.",
    since="4.11",
    commit="2b6867c2ce76",
    needs=NEEDS,
)
@pytest.mark.parametrize("private", [4048, 4096, 2**32 - 1])
def test_a_block_has_room_for_a_frame(ns, observe, private):
    with packet_socket() as sock:
        sock.packet_version = 2
        with refused(errno.EINVAL):
            sock.packet_rx_ring = TpacketReq3(4096, 1, 1024, 4, 0, private)
        sock.packet_rx_ring = TpacketReq3(4096, 1, 1024, 4, 0, 1000)
        with refused(errno.EBUSY, "errno_of_second"):
            sock.packet_rx_ring = TpacketReq3(4096, 1, 1024, 4, 0, 1000)

        assert observe("version", sock.packet_version) == 2


@claim(
    "defacto/PACKET_TX_RING/blocks",
    says="A send ring of TPACKET_V3 with a timeout of blocks, private bytes, or features is refused with "
    "EINVAL: blocks are not sent. One without any is made, and a frame goes by it, as its interface counts.",
    since="4.11",
    commit="7f953ab2ba46",
    needs=NEEDS,
    survives={
        **LATER,
        **TAKEN_AWAY,
        "no-op: setsockopt(*PACKET_VERSION*": "it is that version already",
    },
)
@pytest.mark.parametrize("extra", [(1, 0, 0), (0, 1, 0), (0, 0, 1)], ids=["timeout", "private", "features"])
def test_blocks_are_not_sent(ns, observe, extra):
    with packet_socket(protocol=0) as sock:
        sock.bind(Packet(LOOPBACK, 0))
        sock.packet_version = 2
        with refused(errno.EINVAL):
            sock.packet_tx_ring = TpacketReq3(4096, 1, 1024, 4, *extra)

        # A packet socket that receives it would keep the slot: newer kernels send the ring's own memory.
        with PacketTxRing(sock, TpacketReq3(4096, 1, 1024, 4)) as ring:
            before = sent_by("lo")
            sent = ring.send([frame(b"hello")])

            assert observe("before_sent_after", [before, sent, sent_by("lo")]) == [[0, 0], 19, [5, 1]]


@claim(
    "defacto/PACKET_TX_RING/pending",
    says="While a frame of a send ring of TPACKET_V2 waits in the queueing discipline a request for no ring "
    "is refused with EBUSY; once it has gone it is taken away.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=[*WIRE, qdisc("tbf")],
    survives=LATER,
)
def test_what_waits_keeps_the_ring(peers, observe):
    left = peers.left
    left.namespace.add_qdisc(left.device, "tbf", handle="1:", **SLOW)
    with packet_socket(peers.right) as receiver, bound_sender(left) as sock:
        with Slots(sock, send=True) as slots:
            slots.request(0, frame(b"first".ljust(86)))
            slots.request(1, frame(b"second".ljust(86)))
            sent = sock.send(b"", MSG_DONTWAIT)
        with refused(errno.EBUSY):
            sock.packet_tx_ring = NO_RING
        received = [receiver.recv(200)[HEADER:].decode().rstrip() for _ in range(2)]
        sock.packet_tx_ring = NO_RING
        sock.packet_tx_ring = RING
        with refused(errno.EBUSY, "errno_of_second"):
            sock.packet_tx_ring = RING

        assert observe("sent_and_received", [sent, received]) == [200, ["first", "second"]]


@claim(
    "defacto/PACKET_TX_RING/closed-early",
    says="A frame of a send ring of TPACKET_V2 that waits in the queueing discipline is sent as it was after "
    "the ring was unmapped and its packet socket closed.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=[*WIRE, qdisc("tbf")],
    survives=LATER,
)
def test_what_waits_is_sent_after_the_close(peers, observe):
    left = peers.left
    left.namespace.add_qdisc(left.device, "tbf", handle="1:", **SLOW)
    with packet_socket(peers.right) as receiver:
        with bound_sender(left) as sock, Slots(sock, send=True) as slots:
            slots.request(0, frame(b"first".ljust(86)))
            slots.request(1, frame(b"second".ljust(86)))
            sock.send(b"", MSG_DONTWAIT)
        with left.entered():
            left_over = count_of("packet")
        received = [receiver.recv(200)[HEADER:].decode().rstrip() for _ in range(2)]

        assert observe("sockets_and_received", [left_over, received]) == [0, ["first", "second"]]


@claim(
    "defacto/PACKET_TX_RING/poll",
    says="poll(2) reports POLLOUT of a packet socket of SOCK_RAW with a send ring of TPACKET_V2 while its "
    "send buffer has room, though each slot is marked TP_STATUS_SEND_REQUEST.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=NEEDS,
    survives={"*": "it is writable without a ring too"},
)
def test_a_socket_with_a_send_ring_is_writable(ns, observe):
    with packet_socket() as sock, Slots(sock, send=True) as slots:
        before = names(polled(sock, select.POLLOUT))
        fill(slots)

        assert observe("free_and_full", [before, names(polled(sock, select.POLLOUT))]) == [["OUT"], ["OUT"]]


@claim(
    "defacto/PACKET_RX_RING/block-timeout",
    says="A frame in a receive ring of TPACKET_V3 comes when the timeout of its block, ten milliseconds, is "
    "over though the block is not full: then poll(2) reports POLLIN, and no more once the block is given "
    "back.",
    since="3.2",
    commit=BLOCKS,
    needs=NEEDS,
    survives={**LATER, **TAKEN_AWAY, "no-op: munmap(*": "nothing is sent after it"},
)
def test_a_block_comes_when_it_is_old(ns, observe):
    request = TpacketReq3(4096, 2, 1024, 8, 10)
    with packet_socket(protocol=0) as sender, packet_socket() as sock, PacketRxRing(sock, request) as ring:
        sender.bind(Packet(LOOPBACK, 0))
        sender.send(frame(b"hello"))
        await_readable(sock)
        found = [bytes(one.data)[HEADER:].decode() for one in ring.frames(0)]

        assert observe("frames_and_events", [found, names(polled(sock, select.POLLIN))]) == [["hello"], []]


@claim(
    "defacto/PACKET_RX_RING/block-full",
    says="A block of a receive ring of TPACKET_V3 is handed over when the next frame does not fit it, long "
    "before its timeout: of four frames of 1500 bytes the first two then are there.",
    since="3.2",
    commit=BLOCKS,
    needs=NEEDS,
    survives={**LATER, **TAKEN_AWAY, "no-op: munmap(*": "nothing is sent after it"},
)
def test_a_block_comes_when_it_is_full(ns, observe):
    request = TpacketReq3(4096, 4, 2048, 8, 60_000)
    with packet_socket(protocol=0) as sender, packet_socket() as sock, PacketRxRing(sock, request) as ring:
        sender.bind(Packet(LOOPBACK, 0))
        send_times(sender, frame(bytes(1500)), 2)
        before = names(polled(sock, select.POLLIN))
        sender.send(frame(bytes(1500)))
        await_readable(sock)
        found = [one.length for one in ring.frames(0)]

        assert observe("before_and_full", [before, found]) == [[], [1514, 1514]]


@claim(
    "defacto/mmap/packet",
    says="mmap(2) of a packet socket of SOCK_RAW fails with EINVAL without a ring, of another size than its "
    "ring has, or from another place than its beginning; of all of both rings it maps them.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=NEEDS,
)
def test_a_mapping_is_of_all(ns, observe):
    with packet_socket() as sock:
        with refused(errno.EINVAL, "errno_without"):
            mapped_size(sock, PAGE)
        sock.packet_rx_ring = RING
        sock.packet_tx_ring = RING
        with refused(errno.EINVAL, "errno_of_less"):
            mapped_size(sock, PAGE)
        with refused(errno.EINVAL, "errno_of_more"):
            mapped_size(sock, 3 * PAGE)
        with refused(errno.EINVAL, "errno_from_elsewhere"):
            mapped_size(sock, 2 * PAGE, offset=PAGE)

        assert observe("size", mapped_size(sock, 2 * PAGE)) == 2 * PAGE


@claim(
    "defacto/mmap/packet-old-type",
    says="mmap(2) of a packet socket of SOCK_PACKET fails with ENODEV.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
def test_the_old_type_is_not_mapped(ns, observe):
    with packet_socket(None, SOCK_PACKET) as old, packet_socket(None, SOCK_RAW) as raw:
        with refused(errno.ENODEV):
            mapped_size(old, PAGE)
        raw.packet_rx_ring = RING

        assert observe("size", mapped_size(raw, PAGE)) == PAGE


@claim(
    "defacto/PACKET_RX_RING/mapped-by-child",
    says="While a child has inherited the mapping of the receive ring of a packet socket of SOCK_RAW, a "
    "request for no ring is refused with EBUSY, though its parent has unmapped it; after the child's end it "
    "is taken away.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
    survives={"no-op: close(*": "the mapping is what counts"},
)
def test_a_child_holds_the_mapping(ns, observe):
    with packet_socket() as sock:
        sock.packet_rx_ring = RING
        with held_by_child(mmap.mmap(sock.fileno(), PAGE)), refused(errno.EBUSY):
            sock.packet_rx_ring = NO_RING
        sock.packet_rx_ring = NO_RING
        sock.packet_rx_ring = RING
        with refused(errno.EBUSY, "errno_of_second"):
            sock.packet_rx_ring = RING

        assert observe("version", sock.packet_version) == 0
