"""Control messages of IP that come with datagrams, or go with them, and that no page describes."""

from __future__ import annotations

import errno
import sys
from socket import IPPROTO_RAW, IPPROTO_UDP, inet_aton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.datagrams import (
    UDP_HEADER,
    Datagram,
    internet_sum,
    ipv4_packet,
    pseudo_header,
)
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.setups.udp import udp_flow, udp_receiver
from conformance.plugin.timing import SOON
from libsocket import Checksum, FragmentSize, Protocol, Socket
from netns import Capability

HERE = "127.0.0.1"
EXPERIMENT = 253
"""A protocol that nobody has, RFC 3692."""
BREAK = 76 - UDP_HEADER
"""Bytes of data up to which a datagram's checksum is verified before it is received (CHECKSUM_BREAK)."""
STABLE = ("5.10.183", "5.15.115", "6.1.32")
"""Releases that took the fix of raw sockets which brought IP_PROTOCOL."""


def with_checksum(receiver: Socket, data: bytes) -> bytes:
    """A UDP datagram for it with the checksum that it must have."""
    port = receiver.getsockname()[1]
    host = inet_aton(HERE)
    pseudo = pseudo_header(host, host, UDP_HEADER + len(data), protocol=IPPROTO_UDP)
    checksum = 0xFFFF - internet_sum(pseudo + bytes(Datagram(9, port, data)))
    return bytes(Datagram(9, port, data, checksum))


def sums(receiver: Socket, *, size: int = 100) -> list[int]:
    """The sums that come with the next message, folded to sixteen bits."""
    return [
        internet_sum(int(one).to_bytes(4, sys.byteorder))
        for one in control_messages(receiver, Checksum, size=size)
    ]


@claim(
    "defacto/IP_RECVFRAGSIZE/largest-fragment",
    says="With IP_RECVFRAGSIZE a UDP or raw socket over IPv4 receives with a datagram that came in fragments "
    "how large the largest of them was, in bytes with its IP header, and with one that came whole nothing.",
    since="4.10",
    commit="70ecc2484132",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("mtu", [1300, 1500])
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_the_largest_fragment_is_measured(ns, observe, make, mtu):
    ns.set_link("lo", mtu=mtu)
    with make() as receiver, make() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((HERE, 0))
        sender.connect(receiver.getsockname())
        receiver.ip_recvfragsize = True
        sender.send(bytes(3000))
        sizes = [control_messages(receiver, FragmentSize, size=4000)]
        sender.send(bytes(1000))
        sizes.append(control_messages(receiver, FragmentSize, size=4000))

        assert observe("sizes", [[int(one) for one in each] for each in sizes]) == [[mtu], []]


@claim(
    "defacto/IP_CHECKSUM/sum-of-data",
    says="With IP_CHECKSUM a UDP socket receives with a datagram of up to 76 bytes, with its header, that a "
    "raw socket sent by loopback with a checksum, the sum over its data, and with one without a checksum "
    "nothing.",
    since="4.0",
    commit="ad6f939ab193",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("size", [11, BREAK])
def test_the_sum_over_the_data_is_received(ns, observe, size):
    data = bytes(range(size))
    with udp_receiver() as receiver, Socket.raw(IPPROTO_UDP) as sender:
        receiver.ip_checksum = True
        sender.sendto(with_checksum(receiver, data), (HERE, 0))
        with_one = sums(receiver)
        sender.sendto(bytes(Datagram(9, receiver.getsockname()[1], data)), (HERE, 0))

        assert observe("with_and_without", [with_one, sums(receiver)]) == [[internet_sum(data)], []]


@claim(
    "defacto/IP_CHECKSUM/large",
    says="With IP_CHECKSUM a UDP socket receives no sum with a datagram of more than 76 bytes, with its "
    "header, that a raw socket sent by loopback with a checksum, but one over all its data where it is cut "
    "to the room that there is.",
    since="4.0",
    commit="ad6f939ab193",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("size", [BREAK + 1, 100])
def test_there_is_no_sum_of_a_large_one(ns, observe, size):
    data = bytes(range(size))
    with udp_receiver() as receiver, Socket.raw(IPPROTO_UDP) as sender:
        receiver.ip_checksum = True
        sender.sendto(with_checksum(receiver, data), (HERE, 0))
        whole = sums(receiver, size=size)
        sender.sendto(with_checksum(receiver, data), (HERE, 0))

        assert observe("whole_and_cut", [whole, sums(receiver, size=size - 1)]) == [[], [internet_sum(data)]]


@claim(
    "defacto/IP_CHECKSUM/not-by-loopback",
    says="With IP_CHECKSUM a UDP socket receives no sum with a datagram that a UDP socket of the same host "
    "sends by loopback.",
    since="4.0",
    commit="ad6f939ab193",
    needs=[Capability.NET_RAW],
)
def test_there_is_no_sum_by_loopback(ns, observe):
    with udp_flow() as (sender, receiver), Socket.raw(IPPROTO_UDP) as raw:
        receiver.ip_checksum = True
        sender.send(b"hello world")
        by_loopback = len(control_messages(receiver, Checksum))
        raw.sendto(with_checksum(receiver, b"hello world"), (HERE, 0))

        assert observe("sums", [by_loopback, len(control_messages(receiver, Checksum))]) == [0, 1]


@claim(
    "defacto/IP_PROTOCOL/bounds",
    says="A control message IP_PROTOCOL from 1 to 255 may go with a packet that a raw socket of IPPROTO_RAW "
    "sends, whose header stays as it is; with 0 or 256 sending it is refused with EINVAL.",
    since="6.4",
    backports=STABLE,
    commit="3632679d9e4f",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(("within", "outside"), [(1, 0), (255, 256)], ids=["least", "most"])
def test_a_protocol_has_bounds(ns, observe, within, outside):
    packet = ipv4_packet(b"hello", destination=HERE, protocol=EXPERIMENT)
    with raw_socket() as receiver, Socket.raw(IPPROTO_RAW) as sender:
        receiver.rcvtimeo = SOON
        sender.connect((HERE, 0))
        with refused(errno.EINVAL):
            sender.send_message(packet[:-5] + b"never", Protocol(outside))
        sender.send_message(packet, Protocol(within))
        received = receiver.recv(100)

        assert observe("protocol_and_data", [received[9], received[-5:].decode()]) == [EXPERIMENT, "hello"]


@claim(
    "defacto/IP_PROTOCOL/number",
    says="IP_PROTOCOL reads as the protocol of a raw socket over IPv4, of a UDP or TCP socket over IPv4 as "
    "the port that it is bound to: 0 before that.",
    since="6.4",
    backports=STABLE,
    commit="3632679d9e4f",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp], ids=["udp", "tcp"])
def test_it_is_the_number_of_the_socket(ns, observe, make):
    with raw_socket() as raw, make() as sock:
        numbers = [raw.ip_protocol, sock.ip_protocol]
        sock.bind((HERE, 4321))

        assert observe("numbers", [*numbers, sock.ip_protocol]) == [EXPERIMENT, 0, 4321]
