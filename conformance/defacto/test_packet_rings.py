"""Packet sockets and their rings where packet(7) is silent: versions, poll(2), whole frames."""

from __future__ import annotations

import errno
import mmap
import select
from socket import SOCK_DGRAM, SOCK_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.datagrams import ipv4_packet
from conformance.plugin.setups.packet_rings import Slots, first_version
from conformance.plugin.setups.packet_sockets import LOOPBACK, frame, name_of, packet_socket
from conformance.plugin.setups.readiness import await_readable, polled
from conformance.plugin.setups.segments import internet_checksum
from conformance.plugin.setups.states import names
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import Packet, Socket, TpacketReq
from netns import Capability

NEEDS = [Capability.NET_RAW]
SOL_PACKET, PACKET_HDRLEN = 263, 11
ETH_P_IP, EXPERIMENTAL, NOWHERE = 0x0800, 0x88B5, 99
AVAILABLE, USER, COPY = 0, 1, 2
RING, NO_RING = TpacketReq(4096, 1, 1024, 4), TpacketReq(0, 0, 0, 0)
UDP = b"\x10\xe0\x10\xe1\0\x0d\0\0hello"
"""From port 4320 to 4321, without a checksum."""


def sender_on_loopback() -> Socket:
    """One that receives nothing, and sends by lo."""
    sock = packet_socket(protocol=0)
    sock.bind(Packet(LOOPBACK, 0))
    return sock


def whole_packet(source: str) -> bytes:
    """A UDP packet to 127.0.0.1 with its length and the checksum of its header."""
    packet = bytearray(ipv4_packet(UDP, source=source, destination="127.0.0.1", protocol=17))
    packet[2:4] = len(packet).to_bytes(2, "big")
    packet[10:12] = internet_checksum(bytes(packet[:20])).to_bytes(2, "big")
    return bytes(packet)


@claim(
    "defacto/PACKET_RX_RING/einval-first-version",
    says="A ring of TPACKET_V1 whose blocks are no whole pages, whose slots are no multiple of 16 bytes, "
    "too small for a header of 52, or larger than a block, whose number of slots is not that which the "
    "blocks have, or that has slots and no blocks, is refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "request_",
    [
        TpacketReq(4096 + 16, 1, 1024, 4),
        TpacketReq(4096, 1, 1024 + 8, 3),
        TpacketReq(4096, 1, 48, 85),
        TpacketReq(4096, 1, 1024, 3),
        TpacketReq(4096, 1, 1024, 5),
        TpacketReq(4096, 1, 8192, 0),
        TpacketReq(0, 0, 0, 4),
    ],
    ids=["block", "slot", "small", "fewer", "more", "large-slot", "no-block"],
)
def test_sizes_must_fit(ns, observe, request_):
    with Socket.packet() as sock:
        with refused(errno.EINVAL):
            sock.packet_rx_ring = request_
        sock.packet_rx_ring = TpacketReq(4096, 1, 64, 64)
        with refused(errno.EBUSY, "errno_while_there_is_one"):
            sock.packet_version = 1

        assert observe("version", sock.packet_version) == 0


@claim(
    "defacto/PACKET_RX_RING/second",
    says="While a packet socket has a receive ring another is refused with EBUSY, and while the ring is "
    "mapped a request for none too; once it is not it is taken away.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: close(*": "the mapping has a descriptor of its own, and is what counts"},
)
def test_there_is_one_ring(ns, observe):
    with packet_socket() as sock:
        sock.packet_rx_ring = RING
        with refused(errno.EBUSY):
            sock.packet_rx_ring = RING
        memory = mmap.mmap(sock.fileno(), 4096)
        with refused(errno.EBUSY, "errno_while_mapped"):
            sock.packet_rx_ring = NO_RING
        memory.close()
        sock.packet_rx_ring = NO_RING
        sock.packet_rx_ring = RING
        with refused(errno.EBUSY, "errno_of_third"):
            sock.packet_rx_ring = RING

        assert observe("version", sock.packet_version) == 0


@claim(
    "defacto/PACKET_RX_RING/none-before",
    says="A request for no ring on a packet socket that has none is no error, for receiving and for "
    "sending, and the socket sends and receives frames on.",
    since="2.6.31",
    commit="69e3c75f4d54",
    needs=NEEDS,
    survives={"no-op: setsockopt(*_RING*": "that it changes nothing is what it says"},
)
def test_no_ring_is_taken_away(ns, observe):
    with packet_socket() as sock, sender_on_loopback() as sender:
        sock.packet_rx_ring = NO_RING
        sender.packet_tx_ring = NO_RING
        sender.send(frame(b"hello"))

        assert observe("received", sock.recv(100)[14:].decode()) == "hello"


@claim(
    "defacto/PACKET_RX_RING/poll",
    says="poll(2) reports POLLIN of a packet socket with a receive ring while a slot holds a frame, though "
    "none is queued: a receive with MSG_DONTWAIT fails with EAGAIN; once the slot is given back it reports "
    "nothing.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={
        "no-op: close(*": "nothing is sent after it",
        "no-op: munmap(*": "nothing is sent after it",
        "no-op: setsockopt(*PACKET_VERSION*": "a slot begins with its status in each version",
    },
)
def test_a_slot_is_readable(ns, observe):
    with packet_socket() as sock, sender_on_loopback() as sender, Slots(sock) as slots:
        found = [names(polled(sock, select.POLLIN))]
        sender.send(frame(b"hello"))
        await_readable(sock)
        found.append(names(polled(sock, select.POLLIN)))
        queued = answer(lambda: sock.recv(100, 0x40))
        slots.set_status(0, AVAILABLE)
        found.append(names(polled(sock, select.POLLIN)))

    assert observe("before_filled_given_back_and_queued", [*found, queued]) == [[], ["IN"], [], "EAGAIN"]


@claim(
    "defacto/PACKET_RX_RING/first-version",
    says="A slot of a ring of TPACKET_V1 begins with its status, an unsigned long, of which TP_STATUS_USER "
    "is set, the size of the frame and how much of it is there, and where its headers are: of a frame of 19 "
    "bytes 66 and, behind the Ethernet header, 80.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: close(*": "nothing is sent after it", "no-op: munmap(*": "nothing is sent after it"},
)
def test_a_slot_of_the_first_version(ns, observe):
    with packet_socket() as sock, sender_on_loopback() as sender:
        sock.packet_rx_ring = RING
        memory = mmap.mmap(sock.fileno(), 4096)
        sender.send(frame(b"hello"))
        await_readable(sock)
        status, length, snaplen, mac, net = first_version(memory)
        data = memory[net : net + 5].decode()
        memory.close()

    assert observe("user_len_snaplen_mac_net_data", [status & USER, length, snaplen, mac, net, data]) == [
        USER,
        19,
        19,
        66,
        80,
        "hello",
    ]


@claim(
    "defacto/PACKET_COPY_THRESH/whole-frame",
    says="With PACKET_COPY_THRESH a frame that is cut to its slot is queued whole as well, and its slot has "
    "TP_STATUS_COPY; without it, and where a frame fits, not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={
        "no-op: close(*": "nothing is sent after it",
        "no-op: munmap(*": "nothing is sent after it",
        "no-op: setsockopt(*PACKET_VERSION*": "a slot begins with its status in each version",
    },
)
def test_a_frame_is_queued_whole(ns, observe):
    with packet_socket() as sock, sender_on_loopback() as sender, Slots(sock) as slots:
        sender.send(frame(bytes(1500)))
        await_readable(sock)
        without = answer(lambda: sock.recv(2000, 0x40))
        sock.packet_copy_thresh = 1
        sender.send(frame(bytes(1501)))
        whole = len(sock.recv(2000))
        sender.send(frame(bytes(100)))
        assert wait_until(lambda: bool(slots.statuses()[2])), "no frame came"
        fits = answer(lambda: sock.recv(2000, 0x40))
        copies = [status & (USER | COPY) for status in slots.statuses()]

    assert observe("without_whole_fits_copies", [without, whole, fits, copies]) == [
        "EAGAIN",
        1515,
        "EAGAIN",
        [USER, USER | COPY, USER, AVAILABLE],
    ]


@claim(
    "defacto/PACKET_VERSION/unknown",
    says="PACKET_VERSION of a packet socket without a ring is set to 1, 2 and 0, and refused with EINVAL as "
    "3 or -1: it stays.",
    since="3.2",
    commit="f6fb8f100b80",
    needs=NEEDS,
)
@pytest.mark.parametrize("unknown", [3, -1])
def test_there_are_three_versions(ns, observe, unknown):
    with Socket.packet() as sock:
        sock.packet_version = 1
        found = [sock.packet_version]
        sock.packet_version = 0
        found.append(sock.packet_version)
        sock.packet_version = 2
        with refused(errno.EINVAL):
            sock.packet_version = unknown

        assert observe("versions", [*found, sock.packet_version]) == [1, 0, 2]


@claim(
    "defacto/PACKET_HDRLEN/by-version",
    says="PACKET_HDRLEN gives the size of the header of a version that it is asked with, 32 bytes of "
    "TPACKET_V1 and TPACKET_V2 and 48 of TPACKET_V3, and fails with EINVAL for 3.",
    since="3.2",
    commit="f6fb8f100b80",
    needs=NEEDS,
)
@pytest.mark.parametrize(("version", "size"), [(0, 32), (1, 32), (2, 48)])
def test_a_header_has_a_size(ns, observe, version, size):
    with Socket.packet() as sock:
        with refused(errno.EINVAL):
            sock.get(Socket.packet_hdrlen, request=3)

        assert observe("size", sock.get(Socket.packet_hdrlen, request=version)) == size


@claim(
    "defacto/AF_PACKET/to-own-host",
    says="A whole UDP packet over IPv4 from 127.0.0.1 that is sent by a packet socket of SOCK_DGRAM or "
    "SOCK_RAW on loopback is received by the UDP socket that it is for, with accept_local and "
    "route_localnet; one from 0.0.0.0 is not.",
    since="3.6",
    commit="d0daebc3d622",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("type_", "before"),
    [(SOCK_DGRAM, b""), (SOCK_RAW, bytes(12) + ETH_P_IP.to_bytes(2, "big"))],
    ids=["dgram", "raw"],
)
def test_a_packet_is_received_here(ns, observe, type_, before):
    ns.sysctl["net.ipv4.conf.lo.accept_local"] = 1
    ns.sysctl["net.ipv4.conf.lo.route_localnet"] = 1
    with Socket.udp() as receiver, Socket.packet(type_) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", 4321))
        sender.sendto(before + whole_packet("0.0.0.0"), Packet(LOOPBACK, ETH_P_IP))
        sender.sendto(before + whole_packet("127.0.0.1"), Packet(LOOPBACK, ETH_P_IP))
        data, address = receiver.recvfrom(9)

        assert observe("data_and_source", [data.decode(), *address]) == ["hello", "127.0.0.1", 4320]


@claim(
    "defacto/bind/packet-again",
    says="A packet socket of SOCK_RAW or SOCK_DGRAM can be bound to the interface and the protocol that it "
    "is bound to, and receives what it did; after a bind(2) that failed with ENODEV SO_ERROR is 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: bind(*": "it is bound already"},
)
@pytest.mark.parametrize("type_", [SOCK_DGRAM, SOCK_RAW], ids=["dgram", "raw"])
def test_it_is_bound_again(ns, observe, type_):
    with packet_socket(None, type_) as sock, sender_on_loopback() as sender:
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        with refused(errno.ENODEV):
            sock.bind(Packet(NOWHERE, EXPERIMENTAL))
        error = sock.error
        sender.send(frame(b"hello"))

        found = [name_of(sock).ifindex, error, sock.recv(100)[-5:].decode()]
        assert observe("interface_error_received", found) == [LOOPBACK, 0, "hello"]
