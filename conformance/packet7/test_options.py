"""Options of packet sockets without a ring, such as PACKET_AUXDATA and PACKET_STATISTICS, and SIOCGSTAMP."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from dataclasses import astuple
from functools import partial
from socket import PACKET_HOST, PACKET_OTHERHOST, PACKET_OUTGOING, SOCK_DGRAM, SOCK_RAW, if_nametoindex

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TUN, VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.datagrams import completed, ipv4_packet
from conformance.plugin.setups.filters import ALL, NONE, program
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER, waiting_frames
from conformance.plugin.setups.ioctls import REQUESTS, asked, time_of_last_packet
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.netlink import (
    ACK,
    NEWLINK,
    REQUEST,
    acknowledged,
    framed,
    netlink_socket,
    number,
    of_link,
)
from conformance.plugin.setups.packet_sockets import (
    ANOTHER,
    ETH_P_ALL,
    LOOPBACK,
    frame,
    packet_socket,
    sending_socket,
)
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.timestamps import now, stamping
from conformance.plugin.setups.tun import NAME, next_sent, tun
from libsocket import (
    PACKET_IGNORE_OUTGOING,
    PACKET_LOSS,
    PACKET_QDISC_BYPASS,
    PACKET_RESERVE,
    PACKET_STATISTICS,
    Auxdata,
    Message,
    Packet,
    Socket,
    TpacketReq,
    TpacketReq3,
    raw,
)
from netns import Capability, Peers

NEEDS = (Capability.NET_RAW, VETH)
SECTION = "Socket options"
TYPES = pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM], ids=["raw", "dgram"])
CLOSED = {"no-op: close(*": "what was received does not change later"}
OF_EXPERIMENT = program(("ld proto",), ("jeq #k", EXPERIMENTAL, 0, 1), ALL, NONE)
FILTERED = {"no-op: setsockopt(*SO_ATTACH_FILTER*": "it keeps out what a host sends of its own accord"}
VLAN, TAG_7 = 0x8100, bytes([0, 7])
TAGGED = TAG_7 + EXPERIMENTAL.to_bytes(2, "big")
SIOCOUTQ, IFLA_TXQLEN = REQUESTS["SIOCOUTQ"], 13
SOL_PACKET, NUMBER = 263, 8
"""Of the control message."""


def with_auxdata(sock: Socket) -> tuple[Message, Auxdata]:
    """The next packet, and what PACKET_AUXDATA says of it."""
    message = sock.recv_message(100)
    data = message.find(Auxdata)
    assert data is not None, "it comes without PACKET_AUXDATA"
    return message, data


@claim(
    "packet.7/PACKET_AUXDATA/control-message",
    sentence=(
        *("packet.7/PACKET_AUXDATA/control-message", "packet.7/PACKET_AUXDATA/len"),
        "packet.7/PACKET_AUXDATA/snaplen",
    ),
    section=SECTION,
    says="With PACKET_AUXDATA a packet comes to a packet socket, of SOCK_RAW or SOCK_DGRAM, with a struct "
    "tpacket_auxdata of twenty bytes, whose tp_len is its size and tp_snaplen what a filter has left of it, "
    "whatever the buffer; without the option with none.",
    since="2.6.21",
    needs=NEEDS,
)
@pytest.mark.parametrize(("type_", "size"), [(SOCK_RAW, 114), (SOCK_DGRAM, 100)], ids=["raw", "dgram"])
def test_a_packet_comes_with_its_sizes(peers, observe, type_, size):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        receiver.attach_filter = program(("ret #k", 60))
        sent = [sender.sendto(frame(bytes(100)), Packet(index_of(peers.left))) for _ in range(3)]
        headers = [control_headers(receiver)]
        receiver.packet_auxdata = True
        headers.append(control_headers(receiver))
        [data] = control_messages(receiver, Auxdata, size=10)

    assert observe("sent_headers_and_sizes", [sent, headers, data.length, data.snaplen]) == [
        [114] * 3,
        [[], [[SOL_PACKET, NUMBER, 20]]],
        size,
        60,
    ]


@claim(
    "if_packet.h/PACKET_AUXDATA/vlan",
    sentence=("if_packet.h/PACKET_AUXDATA/vlan", "packet.7/PACKET_AUXDATA/tpid"),
    section="TP_STATUS_VLAN_VALID",
    says="tp_status of what comes to a packet socket of SOCK_RAW with the protocol ETH_P_ALL has "
    "TP_STATUS_VLAN_VALID and TP_STATUS_VLAN_TPID_VALID where a frame had an 802.1Q tag, which is in "
    "tp_vlan_tci and tp_vlan_tpid and not in the frame, and neither where it had none.",
    since="3.14",
    needs=NEEDS,
    survives=FILTERED,
)
@pytest.mark.parametrize(
    ("tag", "seen"),
    [(b"", [0, 0, 0]), (VLAN.to_bytes(2, "big") + TAG_7, [0x50, 7, 0x8100])],
    ids=["without", "with"],
)
def test_a_tag_is_told(peers, observe, tag, seen):
    sent = frame(b"hello")
    with packet_socket(peers.right, SOCK_RAW, ETH_P_ALL) as receiver, sending_socket(peers.left) as sender:
        receiver.attach_filter = OF_EXPERIMENT
        waiting_frames(receiver)  # what came before the filter
        receiver.packet_auxdata = True
        sender.sendto(sent[:12] + tag + sent[12:], Packet(index_of(peers.left)))
        message, data = with_auxdata(receiver)

    told = [data.status & 0x50, data.vlan_tci, data.vlan_tpid]
    assert observe("frame_status_and_tag", [message.data == sent, told]) == [True, seen]


@claim(
    "defacto/PACKET_AUXDATA/no-tag-by-protocol",
    says="A frame to all with an 802.1Q tag of VLAN 7, for which the host has no interface, comes as "
    "PACKET_OTHERHOST to a packet socket of SOCK_RAW with the protocol that follows the tag, and its tag is "
    "lost: PACKET_AUXDATA does not have it.",
    since="3.11",
    commit="d4b812dea4a2",
    needs=NEEDS,
)
def test_one_protocol_loses_the_tag(peers, observe):
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        receiver.packet_auxdata = True
        sender.sendto(frame(TAGGED + b"tagged", protocol=VLAN), Packet(index_of(peers.left)))
        message, data = with_auxdata(receiver)

    seen = [message.data[12:].hex(" "), message.address.pkttype, data.vlan_tci]
    assert observe("frame_type_and_tag", seen) == ["88 b5 74 61 67 67 65 64", PACKET_OTHERHOST, 0]


@claim(
    "packet.7/PACKET_STATISTICS/counted",
    sentence=("packet.7/PACKET_STATISTICS/structure", "packet.7/PACKET_STATISTICS/resets"),
    section=SECTION,
    says="PACKET_STATISTICS of a packet socket, of SOCK_RAW or SOCK_DGRAM, is how many packets came to it, "
    "those that found no room among them, and how many these were, since it was read last.",
    needs=NEEDS,
    survives=CLOSED,
)
@TYPES
def test_packets_are_counted(peers, observe, type_):
    with packet_socket(peers.right, type_) as receiver, sending_socket(peers.left) as sender:
        address = Packet(index_of(peers.left))
        with on_one_processor():
            sender.sendto(frame(b"one"), address)
            sender.sendto(frame(b"two"), address)
        received = [receiver.recv(100)[-3:].decode() for _ in range(2)]
        counts = [astuple(receiver.packet_statistics), astuple(receiver.packet_statistics)]
        receiver.rcvbuf = 0
        with on_one_processor():
            sizes = [sender.sendto(frame(bytes(1000)), address) for _ in range(20)]
            await_all(peers)
        kept = len(waiting_frames(receiver))
        packets, drops, _ = astuple(receiver.packet_statistics)

    seen = [received, counts, packets, kept > 0, drops > 0, kept + drops == len(sizes)]
    assert observe("received_and_counts", seen) == [
        ["one", "two"],
        [(2, 0, 0), (0, 0, 0)],
        20,
        True,
        True,
        True,
    ]


def await_all(hosts: Peers) -> None:
    """Wait until what was sent from the left before has come to the right."""
    with packet_socket(hosts.right, SOCK_RAW, ANOTHER) as last, sending_socket(hosts.left) as sender:
        sender.sendto(frame(b"last", protocol=ANOTHER), Packet(index_of(hosts.left)))
        last.recv(100)


@claim(
    "packet.7/PACKET_STATISTICS/v3",
    sentence="packet.7/PACKET_STATISTICS/v3",
    section=SECTION,
    says="PACKET_STATISTICS of a packet socket is eight bytes, with a ring of TPACKET_V1 or TPACKET_V2 too, "
    "and twelve with one of TPACKET_V3.",
    since="3.2",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*PACKET_VERSION, ?0?*": "the first version is the default"},
)
@pytest.mark.parametrize(
    ("version", "ring", "size"),
    [
        (0, TpacketReq(4096, 1, 2048, 2), 8),
        (1, TpacketReq(4096, 1, 2048, 2), 8),
        (2, TpacketReq3(4096, 1, 2048, 2, 60_000), 12),
    ],
)
def test_the_third_version_has_a_number_more(ns, observe, version, ring, size):
    with Socket.packet() as sock:
        statistics = PACKET_STATISTICS.through(raw(100))
        sizes = [len(sock.get(statistics))]
        sock.packet_version = version
        sock.packet_rx_ring = ring
        with refused(errno.EBUSY):
            sock.packet_rx_ring = ring
        sizes.append(len(sock.get(statistics)))

        assert observe("version_and_sizes", [sock.packet_version, sizes]) == [version, [8, size]]


@claim(
    "packet.7/PACKET_QDISC_BYPASS/bypassed",
    sentence=("packet.7/PACKET_QDISC_BYPASS/default", "packet.7/PACKET_QDISC_BYPASS/bypassed"),
    section=SECTION,
    says="What is sent on a packet socket of SOCK_RAW passes through the queueing discipline of the "
    "interface: one whose tokens do not suffice for a frame drops it, and send(2) fails. With "
    "PACKET_QDISC_BYPASS it does not, and arrives.",
    since="3.14",
    needs=[*NEEDS, qdisc("tbf")],
)
def test_the_queueing_discipline_is_bypassed(peers, observe):
    left = peers.left
    left.namespace.add_qdisc(left.device, "tbf", handle="1:", rate="1mbit", burst=100, limit=100)
    with packet_socket(peers.right) as receiver, sending_socket(left) as sender:
        with refused():
            sender.sendto(frame(b"queued".ljust(200)), Packet(index_of(left)))
        sender.packet_qdisc_bypass = True
        sender.sendto(frame(b"bypassed".ljust(200)), Packet(index_of(left)))

        assert observe("received", receiver.recv(1000)[HEADER:].decode().rstrip()) == "bypassed"


def shorten_queue(device: str) -> None:
    """Have an interface, where this thread is, keep one packet until its driver takes it."""
    with netlink_socket() as sock:
        wanted = of_link(if_nametoindex(device), number(IFLA_TXQLEN, 1))
        assert acknowledged(sock, framed(NEWLINK, REQUEST | ACK, wanted)).error == 0, "its queue is as it was"


def waiting_after_each(sock: Socket, packets: list[bytes]) -> list[int]:
    """SIOCOUTQ after each packet is sent by tun0, be it told or not that it is dropped."""
    address = Packet(if_nametoindex(NAME), ETH_P_IP)
    waiting = []
    for packet in packets:
        with suppress(OSError):
            sock.sendto(packet, address)
        waiting.append(asked(sock, SIOCOUTQ))
    return waiting


def read_by_now(process: int) -> list[bytes]:
    """What a process has to read of what tun0 was to send."""
    os.set_blocking(process, False)
    found = []
    with suppress(BlockingIOError):
        while True:
            found.append(next_sent(process))
    return found


@claim(
    "packet.7/PACKET_QDISC_BYPASS/drops",
    sentence="packet.7/PACKET_QDISC_BYPASS/drops",
    section=SECTION,
    says="Of three packets that a packet socket of SOCK_RAW sends by an interface of tun(4) which keeps one "
    "at a time, and whose queueing discipline lets one pass at once, the second and the third wait in "
    "it, as SIOCOUTQ counts; with PACKET_QDISC_BYPASS they are dropped, as the interface's own queue "
    "is full.",
    since="3.14",
    needs=[Capability.NET_RAW, TUN, qdisc("tbf")],
    survives={**CLOSED, "no-op: setsockopt(*PACKET_QDISC_BYPASS, ?0?*": "it is off at first"},
)
@pytest.mark.parametrize("bypass", [False, True], ids=["queued", "bypassed"])
def test_what_bypasses_is_not_buffered(ns, observe, bypass):
    ns.sysctl["net.ipv6.conf.default.disable_ipv6"] = 1
    with tun(ns) as process, packet_socket(protocol=0) as sender:
        shorten_queue(NAME)
        ns.add_qdisc(NAME, "tbf", handle="1:", rate="2kbit", burst=1100, limit=10_000)
        sender.packet_qdisc_bypass = bypass
        to_process = partial(ipv4_packet, source="10.0.5.2", destination="10.0.5.9", protocol=253)
        sent = [completed(to_process(one.ljust(1000)), ttl=64) for one in (b"first", b"second", b"third")]
        first, second, third = waiting_after_each(sender, sent)
        read = [sent.index(one) for one in read_by_now(process)]

        buffered = [first > 0, second > first, third > second]
        assert observe("buffered_and_read", [buffered, read]) == [[False, not bypass, not bypass], [0]]


@claim(
    "defacto/PACKET_QDISC_BYPASS/tun",
    says="What is sent on a packet socket of SOCK_RAW by an interface of tun(4), whose driver chooses its "
    "queues itself, passes through its queueing discipline: one whose tokens do not suffice drops it, and "
    "send(2) fails. With PACKET_QDISC_BYPASS it is read as it is by the process that holds the interface.",
    since="3.14",
    commit="d346a3fae3ff",
    needs=[Capability.NET_RAW, TUN, qdisc("tbf")],
)
def test_the_queueing_discipline_of_tun_is_bypassed(ns, observe):
    with tun(ns) as process, packet_socket(protocol=0) as sender:
        ns.add_qdisc(NAME, "tbf", handle="1:", rate="1mbit", burst=100, limit=100)
        to_process = partial(ipv4_packet, source="10.0.5.2", destination="10.0.5.9", protocol=253)
        queued, bypassed = (completed(to_process(one.ljust(200)), ttl=64) for one in (b"queued", b"bypassed"))
        with refused():
            sender.sendto(queued, (NAME, ETH_P_IP))
        sender.packet_qdisc_bypass = True
        sender.sendto(bypassed, (NAME, ETH_P_IP))
        os.set_blocking(process, False)

        assert observe("sent", next_sent(process) == bypassed) is True


@claim(
    "defacto/packet_socket/dropped-by-qdisc",
    sentence=("send.2/ENOBUFS/queue",),
    says="A send on a packet socket of SOCK_RAW whose frame the queueing discipline drops fails with "
    "ENOBUFS; one that fits arrives.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, qdisc("tbf")],
)
def test_what_is_dropped_is_told(peers, observe):
    left = peers.left
    left.namespace.add_qdisc(left.device, "tbf", handle="1:", rate="1mbit", burst=100, limit=100)
    with packet_socket(peers.right) as receiver, sending_socket(left) as sender:
        with refused(errno.ENOBUFS):
            sender.sendto(frame(b"large".ljust(200)), Packet(index_of(left)))
        sender.sendto(frame(b"small"), Packet(index_of(left)))

        assert observe("received", receiver.recv(1000)[HEADER:].decode()) == "small"


@claim(
    "defacto/PACKET_IGNORE_OUTGOING/left-out",
    says="With PACKET_IGNORE_OUTGOING a packet socket of SOCK_RAW or SOCK_DGRAM with the protocol ETH_P_ALL "
    "does not receive what this host sends, but what comes in.",
    since="4.20",
    commit="fa788d986a3a",
    needs=[Capability.NET_RAW],
)
@TYPES
def test_what_goes_out_is_ignored(ns, observe, type_):
    with packet_socket(None, type_, ETH_P_ALL) as receiver, Socket.packet() as sender:
        sender.sendto(frame(b"both", to=bytes(6)), Packet(LOOPBACK))
        received = [receiver.recvfrom(100) for _ in range(2)]
        receiver.packet_ignore_outgoing = True
        sender.sendto(frame(b"once", to=bytes(6)), Packet(LOOPBACK))
        received.append(receiver.recvfrom(100))

    kinds = [[data[-4:].decode(), address[2]] for data, address in received]
    assert observe("received", kinds) == [
        ["both", PACKET_OUTGOING],
        ["both", PACKET_HOST],
        ["once", PACKET_HOST],
    ]


@claim(
    "defacto/packet_socket/more-bytes-than-an-int",
    says="PACKET_RESERVE, PACKET_LOSS, PACKET_QDISC_BYPASS and PACKET_IGNORE_OUTGOING of a packet socket of "
    "SOCK_RAW are set with the four bytes of an int, and with five refused with EINVAL.",
    since="4.20",
    commit="fa788d986a3a",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "option",
    [PACKET_RESERVE, PACKET_LOSS, PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING],
    ids=["PACKET_RESERVE", "PACKET_LOSS", "PACKET_QDISC_BYPASS", "PACKET_IGNORE_OUTGOING"],
)
def test_more_bytes_than_an_int_are_refused(ns, observe, option):
    octets = (1).to_bytes(4, sys.byteorder)
    with Socket.packet() as sock:
        with refused(errno.EINVAL):
            sock.set(option.through(raw(5)), octets + b"\0")
        values = [int(sock.get(option))]
        sock.set(option.through(raw(4)), octets)

        assert observe("values", [*values, int(sock.get(option))]) == [0, 1]


@claim(
    "defacto/PACKET_VNET_HDR/before-each-frame",
    says="With PACKET_VNET_HDR a frame that is sent on a packet socket of SOCK_RAW, or received, has a "
    "struct virtio_net_hdr of ten bytes before it, which is not on the wire.",
    since="2.6.34",
    commit="bfd5f4a3d605",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_header_comes_before_each_frame(peers, observe):
    with packet_socket(peers.right) as plain, packet_socket(peers.right) as headed:
        headed.packet_vnet_hdr = True
        with sending_socket(peers.left) as sender:
            sender.packet_vnet_hdr = True
            sent = sender.sendto(bytes(10) + frame(b"hello"), Packet(index_of(peers.left)))
        received = [plain.recv(100).hex(), headed.recv(100).hex()]

    whole = frame(b"hello").hex()
    assert observe("sent_and_received", [sent, received]) == [29, [whole, bytes(10).hex() + whole]]


@claim(
    "defacto/PACKET_VNET_HDR/short",
    says="With PACKET_VNET_HDR a send on a packet socket of SOCK_RAW of fewer than the ten bytes of a struct "
    "virtio_net_hdr is refused with EINVAL, and so is a receive with room for nine, for which the frame is "
    "lost; one with room for ten gets the header.",
    since="2.6.34",
    commit="bfd5f4a3d605",
    needs=NEEDS,
)
def test_less_than_a_header_is_refused(peers, observe):
    address = Packet(index_of(peers.left))
    with packet_socket(peers.right) as receiver, sending_socket(peers.left) as sender:
        receiver.packet_vnet_hdr = sender.packet_vnet_hdr = True
        with refused(errno.EINVAL):
            sender.sendto(bytes(9), address)
        with on_one_processor():
            sender.sendto(bytes(10) + frame(b"lost"), address)
            sender.sendto(bytes(10) + frame(b"cut"), address)
            sender.sendto(bytes(10) + frame(b"next"), address)
        with refused(errno.EINVAL, "errno_of_receive"):
            receiver.recv(9)

        received = [receiver.recv(10).hex(), receiver.recv(100)[-4:].decode()]
        assert observe("received", received) == [bytes(10).hex(), "next"]


@claim(
    "defacto/PACKET_VNET_HDR_SZ/sizes",
    says="PACKET_VNET_HDR_SZ of a packet socket of SOCK_RAW is 0, 10 or 12: PACKET_VNET_HDR reads whether it "
    "is not 0, and sets it to 10; another size is refused with EINVAL.",
    since="6.4",
    commit="dfc39d4026fb",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("other", [-1, 1, 9, 11, 13])
def test_the_header_has_one_of_two_sizes(ns, observe, other):
    seen = []
    with Socket.packet() as sock:
        sock.packet_vnet_hdr = True
        seen.append([sock.packet_vnet_hdr_sz, sock.packet_vnet_hdr])
        with refused(errno.EINVAL):
            sock.packet_vnet_hdr_sz = other
        sock.packet_vnet_hdr_sz = 0
        seen.append([sock.packet_vnet_hdr_sz, sock.packet_vnet_hdr])
        sock.packet_vnet_hdr_sz = 12
        seen.append([sock.packet_vnet_hdr_sz, sock.packet_vnet_hdr])
        sock.packet_vnet_hdr_sz = 10
        seen.append([sock.packet_vnet_hdr_sz, sock.packet_vnet_hdr])

    assert observe("size_and_header", seen) == [[10, True], [0, False], [12, True], [10, True]]


@claim(
    "defacto/PACKET_VNET_HDR/raw-only",
    says="PACKET_VNET_HDR is refused with EINVAL on a packet socket of SOCK_DGRAM, and taken on one of "
    "SOCK_RAW.",
    since="2.6.34",
    commit="bfd5f4a3d605",
    needs=[Capability.NET_RAW],
)
def test_the_header_takes_a_raw_socket(ns, observe):
    with Socket.packet(SOCK_DGRAM) as cooked, Socket.packet(SOCK_RAW) as whole:
        with refused(errno.EINVAL):
            cooked.packet_vnet_hdr = True
        whole.packet_vnet_hdr = True

        assert observe("cooked_and_raw", [cooked.packet_vnet_hdr, whole.packet_vnet_hdr]) == [False, True]


@claim(
    "packet.7/SIOCGSTAMP/time",
    sentence=("packet.7/SIOCGSTAMP/time", "packet.7/SIOCGSTAMP/timeval", "packet.7/errors/enoent"),
    section="Ioctls",
    says="SIOCGSTAMP of a packet socket, of SOCK_RAW or SOCK_DGRAM, gives a struct timeval of when the "
    "packet came that was received last, once it was asked before, and fails with ENOENT where none was "
    "received.",
    needs=[Capability.NET_RAW],
)
@TYPES
def test_the_time_of_the_last_packet(ns, observe, type_):
    with stamping(), packet_socket(None, type_) as receiver, Socket.packet() as sender:
        with refused(errno.ENOENT):
            time_of_last_packet(receiver)
        sender.sendto(frame(b"first"), Packet(LOOPBACK))
        receiver.recv(100)
        before = now()
        sender.sendto(frame(b"last"), Packet(LOOPBACK))
        await_readable(receiver)
        arrived = now()
        receiver.recv(100)

        assert observe("between", before <= time_of_last_packet(receiver) <= arrived) is True
