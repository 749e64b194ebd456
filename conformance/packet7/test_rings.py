"""Rings of packet sockets: packets in memory that the kernel shares."""

from __future__ import annotations

import errno
import mmap
import sys
import time
from socket import SOCK_DGRAM, SOCK_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packet_rings import ROOM, Slots
from conformance.plugin.setups.packet_sockets import (
    ANOTHER,
    frame,
    packet_socket,
    received_until,
    sending_socket,
)
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.timing import SOON
from libsocket import (
    PACKET_LOSS,
    PACKET_RESERVE,
    PACKET_VERSION,
    Packet,
    PacketRxRing,
    PacketStatus,
    Socket,
    TpacketReq,
    TpacketReq3,
)
from netns import Capability, Host, Peers

NEEDS = (Capability.NET_RAW, VETH)
SECTION = "Socket options"
AVAILABLE, SEND_REQUEST, WRONG_FORMAT = 0, 1, 4
KERNEL, USER = 0, PacketStatus.USER
RING = TpacketReq(4096, 1, 1024, 4)
RINGS = [RING, RING, TpacketReq3(4096, 1, 1024, 4, 60_000)]
"""By version, of which 0 is the first."""
LONG = 8 if sys.maxsize > 2**32 else 4
"""Bytes of an unsigned long."""
CLOSED = {"no-op: close(*": "what was received does not change later"}
MAPPED = {**CLOSED, "no-op: munmap(*": "what was received does not change later"}
TAKEN_AWAY = {
    **MAPPED,
    "no-op: setsockopt(*tp_block_size=0*": "what was received does not change later",
    "no-op: setsockopt(*PACKET_VERSION, ?0?*": "the first version is the default",
}


def send_all(hosts: Peers, *contents: bytes) -> None:
    """Send frames from the left, and wait until they have come to the right."""
    with packet_socket(hosts.right, SOCK_RAW, ANOTHER) as last, sending_socket(hosts.left) as sender:
        address = Packet(index_of(hosts.left))
        with on_one_processor():
            for data in contents:
                sender.sendto(frame(data), address)
            sender.sendto(frame(b"last", protocol=ANOTHER), address)
        last.recv(100)


def bound_sender(host: Host) -> Socket:
    """A packet socket that is bound to the wire of a host, and receives nothing."""
    sock = sending_socket(host)
    sock.bind(Packet(index_of(host), 0))
    return sock


@claim(
    "packet.7/PACKET_RX_RING/slots",
    sentence=(
        *("packet.7/PACKET_RX_RING/creates", "packet.7/PACKET_RX_RING/slots"),
        *("packet.7/PACKET_RX_RING/kernel-owns", "packet.7/PACKET_RX_RING/handed-over"),
        *("packet.7/PACKET_RX_RING/user-bit", "packet.7/PACKET_RX_RING/status"),
        "if_packet.h/tpacket_req/sizes",
    ),
    section=SECTION,
    says="PACKET_RX_RING of a packet socket of SOCK_RAW, with TPACKET_V2, makes a ring of slots with the "
    "status TP_STATUS_KERNEL; frames are copied into them one after the other, each of which then has "
    "TP_STATUS_USER.",
    since="2.6.27",
    needs=NEEDS,
    survives=MAPPED,
)
def test_frames_are_put_into_slots(peers, observe):
    with packet_socket(peers.right) as sock, Slots(sock) as slots:
        before = slots.statuses()
        send_all(peers, b"first", b"second")
        owned = [status & USER for status in slots.statuses()]
        frames = [slots.packet(slot) for slot in (0, 1)]

    seen = [before, owned, [one[HEADER:].decode() for one in frames]]
    assert [frames[0], observe("before_owned_and_frames", seen)] == [
        frame(b"first"),
        [[KERNEL] * 4, [1, 1, 0, 0], ["first", "second"]],
    ]


@claim(
    "packet.7/PACKET_RX_RING/given-back",
    sentence=("packet.7/PACKET_RX_RING/given-back", "packet.7/PACKET_RX_RING/status"),
    section=SECTION,
    says="A frame for which no slot of a ring of TPACKET_V2 is the kernel's is dropped, and counted by "
    "PACKET_STATISTICS; a slot whose status the program sets to TP_STATUS_KERNEL takes the next frame.",
    since="2.6.27",
    needs=NEEDS,
    survives=MAPPED,
)
def test_a_slot_is_given_back(peers, observe):
    with packet_socket(peers.right) as sock, Slots(sock) as slots:
        send_all(peers, b"0", b"1", b"2", b"3", b"lost")
        counted = sock.packet_statistics
        slots.set_status(0, KERNEL)
        send_all(peers, b"5")
        frames = [slots.packet(slot)[HEADER:].decode() for slot in range(4)]

    assert observe("drops_and_frames", [counted.packets, counted.drops, frames]) == [
        5,
        1,
        ["5", "1", "2", "3"],
    ]


@claim(
    "packet.7/PACKET_RX_RING/snaplen",
    sentence=("packet.7/PACKET_RX_RING/slots", "packet.7/PACKET_RX_RING/header"),
    section=SECTION,
    says="The header of a slot of TPACKET_V2 has the size of the frame in tp_len, and in tp_snaplen how much "
    "of it is in the slot: a frame of 1014 bytes is cut where the slot of 1024 bytes ends, one of 114 is "
    "whole.",
    since="2.6.27",
    needs=NEEDS,
    survives=MAPPED,
)
def test_a_frame_is_cut_to_its_slot(peers, observe):
    with packet_socket(peers.right) as sock, Slots(sock) as slots:
        send_all(peers, bytes(100), bytes(1000))
        names = ("len", "snaplen", "mac")
        sizes = [[slots.header(slot, name) for name in names] for slot in (0, 1)]

    assert observe("len_snaplen_and_place", sizes) == [[114, 114, 66], [1014, 1024 - 66, 66]]


@claim(
    "packet.7/PACKET_RX_RING/offsets",
    sentence=(
        *("packet.7/PACKET_RX_RING/offsets", "packet.7/PACKET_RX_RING/net"),
        *("packet.7/PACKET_RX_RING/mac-dgram", "packet.7/PACKET_RX_RING/mac-raw"),
        *(
            "packet.7/PACKET_RESERVE/immediately",
            "packet.7/PACKET_RESERVE/headroom",
            "if_packet.h/TPACKET/frame",
        ),
    ),
    section=SECTION,
    says="In a slot of TPACKET_V2 the packet is at tp_net from the beginning of its header, 80, and with "
    "PACKET_RESERVE so many bytes more; tp_mac is the same on a socket of SOCK_DGRAM, and fourteen bytes "
    "less on one of SOCK_RAW, where the Ethernet header is.",
    since="2.6.27",
    needs=NEEDS,
    survives={**MAPPED, "no-op: setsockopt(*PACKET_RESERVE, ?0?*": "0 is the default"},
)
@pytest.mark.parametrize("reserve", [0, 1, 100])
@pytest.mark.parametrize(("type_", "header"), [(SOCK_RAW, HEADER), (SOCK_DGRAM, 0)], ids=["raw", "dgram"])
def test_offsets_tell_where_a_packet_is(peers, observe, type_, header, reserve):
    with packet_socket(peers.right, type_) as sock:
        sock.packet_reserve = reserve
        with Slots(sock) as slots:
            send_all(peers, b"hello")
            offsets = [slots.header(0, name) for name in ("mac", "net")]
            packets = [slots.packet(0, "mac")[header:].decode(), slots.packet(0, "net")[:5].decode()]

    assert observe("mac_net_and_packets", [offsets, packets]) == [
        [80 + reserve - header, 80 + reserve],
        ["hello", "hello"],
    ]


@claim(
    "packet.7/PACKET_TIMESTAMP/software",
    sentence=("packet.7/PACKET_TIMESTAMP/always", "packet.7/PACKET_TIMESTAMP/default"),
    section=SECTION,
    says="A frame in a ring, of TPACKET_V1 or TPACKET_V2, has the time at which it came, though nothing "
    "asked for timestamps: not before it was sent, and not after it is there.",
    needs=NEEDS,
    survives=TAKEN_AWAY,
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_frame_has_a_time(peers, observe, version):
    with packet_socket(peers.right) as sock, PacketRxRing(sock, RING, version=version) as ring:
        before = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000
        send_all(peers, b"hello")
        after = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000
        found = next(ring.frames(SOON))
        stamp = found.timestamp.sec * 1_000_000 + found.timestamp.nsec // 1000
        data = bytes(found.data)[HEADER:].decode()

    assert observe("data_and_between", [data, before <= stamp <= after]) == ["hello", True]


@claim(
    "packet.7/PACKET_VERSION/default",
    sentence=("packet.7/PACKET_VERSION/default", "packet.7/PACKET_RX_RING/variants"),
    section=SECTION,
    says="PACKET_VERSION of a new packet socket of SOCK_RAW is TPACKET_V1, 0, and a ring is of that: the "
    "status of a slot, an unsigned long, is followed by tp_len.",
    since="2.6.27",
    needs=NEEDS,
    survives=MAPPED,
)
def test_a_ring_is_of_the_first_version(peers, observe):
    with packet_socket(peers.right) as sock:
        version = sock.packet_version
        sock.packet_rx_ring = RING
        with mmap.mmap(sock.fileno(), RING.block_size) as memory:
            send_all(peers, bytes(1000))  # larger than the slot, so that tp_snaplen is another number
            length = int.from_bytes(memory[LONG : LONG + 4], sys.byteorder)

    assert observe("version_and_length", [version, length]) == [0, 1014]


@claim(
    "packet.7/PACKET_VERSION/chosen",
    sentence="packet.7/PACKET_VERSION/chosen",
    section=SECTION,
    says="PACKET_VERSION of a packet socket of SOCK_RAW is set to TPACKET_V1, TPACKET_V2 or TPACKET_V3 "
    "before a ring is made, and to none while there is one.",
    since="3.2",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*PACKET_VERSION, ?0?*": "the first version is the default"},
)
@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_version_is_chosen_before_the_ring(ns, observe, version):
    with Socket.packet() as sock:
        sock.packet_version = (version + 1) % 3
        versions = [sock.packet_version]
        sock.packet_version = version
        sock.packet_rx_ring = RINGS[version]
        with refused():
            sock.packet_version = (version + 1) % 3

        assert observe("versions", [*versions, sock.packet_version]) == [(version + 1) % 3, version]


@claim(
    "packet.7/PACKET_RX_RING/einval",
    sentence=("packet.7/errors/einval", "if_packet.h/tpacket_req/sizes"),
    section="ERRORS",
    says="A ring of TPACKET_V2 whose blocks are no whole pages, whose slots are no multiple of 16 bytes, too "
    "small for a header of 52, or larger than a block, or whose number of slots is not that which the blocks "
    "have, is refused with EINVAL.",
    since="2.6.27",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "request_",
    [
        TpacketReq(4096 + 16, 1, 1024, 4),
        TpacketReq(4096, 1, 1024 + 8, 3),
        TpacketReq(4096, 1, 48, 85),
        TpacketReq(4096, 1, 1024, 3),
        TpacketReq(4096, 1, 1024, 5),
        TpacketReq(4096, 0, 1024, 4),
        TpacketReq(4096, 1, 8192, 0),
    ],
    ids=["block", "slot", "small", "fewer", "more", "no-block", "large-slot"],
)
def test_sizes_must_fit(ns, observe, request_):
    with Socket.packet() as sock:
        sock.packet_version = 1
        with refused(errno.EINVAL):
            sock.packet_rx_ring = request_
        sock.packet_rx_ring = TpacketReq(4096, 1, 64, 64)
        with refused(name="errno_of_second"):
            sock.packet_rx_ring = TpacketReq(4096, 1, 64, 64)

        assert observe("version", sock.packet_version) == 1


@claim(
    "defacto/PACKET_RX_RING/busy",
    says="While a packet socket of SOCK_RAW has a receive ring PACKET_VERSION, PACKET_RESERVE and "
    "PACKET_LOSS are refused with EBUSY; when a request for no blocks has taken it away they are set.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("option", "value"),
    [(PACKET_VERSION, 1), (PACKET_RESERVE, 16), (PACKET_LOSS, 1)],
    ids=["PACKET_VERSION", "PACKET_RESERVE", "PACKET_LOSS"],
)
def test_a_ring_keeps_what_it_was_made_with(ns, observe, option, value):
    with Socket.packet() as sock:
        sock.packet_rx_ring = RING
        with refused(errno.EBUSY):
            sock.set(option, value)
        values = [int(sock.get(option))]
        sock.packet_rx_ring = TpacketReq(0, 0, 0, 0)
        sock.set(option, value)

        assert observe("values", [*values, int(sock.get(option))]) == [0, value]


@claim(
    "packet.7/PACKET_TX_RING/sent",
    sentence=(
        *("packet.7/PACKET_TX_RING/creates", "packet.7/PACKET_TX_RING/arguments"),
        *("packet.7/PACKET_TX_RING/send-request", "packet.7/PACKET_TX_RING/send"),
        *("packet.7/PACKET_TX_RING/buffer-ignored", "packet.7/PACKET_TX_RING/available"),
    ),
    section=SECTION,
    says="send(2) on a packet socket of SOCK_RAW with a send ring of TPACKET_V2 sends the frames in slots "
    "that are marked TP_STATUS_SEND_REQUEST, and not what it is given, and returns how many bytes they have; "
    "then the slots are TP_STATUS_AVAILABLE.",
    since="2.6.31",
    needs=NEEDS,
    survives=MAPPED,
)
def test_marked_slots_are_sent(peers, observe):
    receiver, sock = packet_socket(peers.right), bound_sender(peers.left)
    with receiver, sock, Slots(sock, send=True) as slots:
        before = slots.statuses()
        slots.request(0, frame(b"first"))
        slots.request(1, frame(b"second"))
        sent = sock.send(frame(b"ignored"))
        received = received_until("second", receiver)
        after = slots.statuses()

    seen = [before, sent, received, [status & 0xFF for status in after]]
    assert observe("before_sent_received_after", seen) == [[0] * 4, 39, ["first", "second"], [0] * 4]


@claim(
    "packet.7/PACKET_TX_RING/address",
    sentence="packet.7/PACKET_TX_RING/address",
    section=SECTION,
    says="sendto(2) on a packet socket of SOCK_RAW with a send ring of TPACKET_V2 sends by the interface of "
    "its address, and not by the one that the socket is bound to.",
    since="2.6.31",
    needs=NEEDS,
    survives=MAPPED,
)
def test_an_address_counts_before_the_sockets_own(routed, observe):
    left, right = packet_socket(routed.left), packet_socket(routed.right)
    with left, right, bound_sender(routed.router) as sock, Slots(sock, send=True) as slots:
        slots.request(0, frame(b"by address"))
        sock.sendto(b"", Packet(index_of(routed.router_right), EXPERIMENTAL))
        slots.request(1, frame(b"as bound"))
        sock.send(b"")
        received = [received_until("by address", right), received_until("as bound", left)]

    assert observe("right_and_left", received) == [["by address"], ["as bound"]]


@claim(
    "packet.7/PACKET_LOSS/wrong-format",
    sentence=(
        *("packet.7/PACKET_LOSS/wrong-format", "packet.7/PACKET_LOSS/blocks", "packet.7/PACKET_LOSS/fixed"),
        "packet.7/PACKET_TX_RING/aborts",
    ),
    section=SECTION,
    says="A slot of a send ring of TPACKET_V2 whose tp_len is beyond it gets the status "
    "TP_STATUS_WRONG_FORMAT, send(2) on the packet socket of SOCK_RAW fails, and neither it nor the slot "
    "behind it is sent, until it is put right, marked again, and send(2) called again.",
    since="2.6.31",
    needs=NEEDS,
    survives={**MAPPED, "no-op: sendto(*) = 0": "nothing is to be sent while a slot is malformed"},
)
def test_a_malformed_slot_stops_the_ring(peers, observe):
    receiver, sock = packet_socket(peers.right), bound_sender(peers.left)
    with receiver, sock, Slots(sock, send=True) as slots:
        slots.request(0, frame(b"first"))
        slots.request(1, frame(b"second"), length=ROOM + 1)
        slots.request(2, frame(b"third"))
        with refused():
            sock.send(b"")
        received = [receiver.recv(100)[HEADER:].decode()]
        stopped = [status & 0xFF for status in slots.statuses()[:3]]
        sent = [sock.send(b"")]
        slots.request(1, frame(b"second"))
        sent.append(sock.send(b""))
        received += received_until("third", receiver)

    assert observe("stopped_sent_and_received", [stopped, sent, received]) == [
        [AVAILABLE, WRONG_FORMAT, SEND_REQUEST],
        [0, 39],
        ["first", "second", "third"],
    ]


@claim(
    "packet.7/PACKET_LOSS/skipped",
    sentence=("packet.7/PACKET_LOSS/skipped", "packet.7/PACKET_TX_RING/aborts"),
    section=SECTION,
    says="With PACKET_LOSS a slot of a send ring of TPACKET_V2 whose tp_len is a byte beyond it is skipped: "
    "its status is TP_STATUS_AVAILABLE, send(2) on the packet socket of SOCK_RAW succeeds, and the slots "
    "around it, of which one is full, are sent.",
    since="2.6.31",
    needs=NEEDS,
    survives=MAPPED,
)
def test_a_malformed_slot_is_skipped(peers, observe):
    with packet_socket(peers.right) as receiver, bound_sender(peers.left) as sock:
        sock.packet_loss = True
        with Slots(sock, send=True) as slots:
            slots.request(0, frame(bytes(ROOM - HEADER)))
            slots.request(1, frame(b"second"), length=ROOM + 1)
            slots.request(2, frame(b"third"))
            sent = sock.send(b"")
            received = received_until("third", receiver)
            after = [status & 0xFF for status in slots.statuses()]

    sizes = [len(one) for one in received]
    assert observe("sent_sizes_and_after", [sent, sizes, after]) == [ROOM + 19, [ROOM - HEADER, 5], [0] * 4]


@claim(
    "packet.7/PACKET_RX_RING/einval-reserve",
    sentence="packet.7/errors/einval",
    section="ERRORS",
    says="A receive ring of TPACKET_V3 whose slots of 96 bytes are smaller than its header of 68 and "
    "PACKET_RESERVE, of 29, is refused with EINVAL; with a PACKET_RESERVE of 28 it is made.",
    since="3.2",
    needs=[Capability.NET_RAW],
)
def test_a_slot_has_room_for_what_is_reserved(ns, observe):
    with Socket.packet() as sock:
        sock.packet_version = 2
        sock.packet_reserve = 29
        with refused(errno.EINVAL):
            sock.packet_rx_ring = TpacketReq3(4096, 1, 96, 42, 1)
        sock.packet_reserve = 28
        sock.packet_rx_ring = TpacketReq3(4096, 1, 96, 42, 1)
        with refused(name="errno_of_reserve"):
            sock.packet_reserve = 27

        assert observe("reserve", sock.packet_reserve) == 28
