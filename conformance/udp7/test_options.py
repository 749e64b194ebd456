"""UDP's options as the peer meets them, but for segmentation."""

from __future__ import annotations

from functools import partial
from socket import AF_INET, AF_INET6, IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.datagrams import Datagram, datagram
from conformance.plugin.setups.pairs import AWAITED, await_those_before, udp_pair
from conformance.plugin.setups.udp import received, udp_flow, udp_receiver, udp_socket
from conformance.plugin.timing import SOON
from libsocket import SO_NO_CHECK, UDP_NO_CHECK6_TX, MessageFlag, Socket
from netns import Capability

ESPINUDP = 2
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@claim(
    "udp.7/UDP_CORK/gathers",
    sentence=("udp.7/UDP_CORK/accumulates", "udp.h/UDP_CORK/partial"),
    section="Socket options",
    says="While UDP_CORK is on what a connected UDP socket, over IPv4 and IPv6, sends is gathered, and is "
    "received as one datagram once it is off; before and after each send is a datagram.",
    since="2.5.44",
)
@HOSTS
def test_what_is_sent_is_gathered(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.send(b"before")
        sender.udp_cork = True
        sender.send(b"ab")
        sender.send(b"cd")
        first = received(receiver, 1)
        sender.udp_cork = False
        sender.send(b"after")

        assert observe("received", first + received(receiver, 2)) == ["before", "abcd", "after"]


@claim(
    "udp.7/UDP_CORK/held",
    sentence=("udp.7/UDP_CORK/accumulates", "udp.h/UDP_CORK/partial"),
    section="Socket options",
    says="Nothing of what a UDP socket, over IPv4 and IPv6, gathers with UDP_CORK is received before it is "
    "off: not before what another socket sends meanwhile.",
    since="2.5.44",
)
@HOSTS
def test_what_is_gathered_is_held(ns, observe, host):
    with udp_flow(host) as (sender, receiver), udp_receiver(host) as other:
        sender.udp_cork = True
        sender.send(b"gathered")
        other.sendto(b"meanwhile", receiver.getsockname())
        first = received(receiver, 1)
        sender.udp_cork = False

        assert observe("received", first + received(receiver, 1)) == ["meanwhile", "gathered"]


@claim(
    "defacto/UDP_CORK/msg-more",
    says="A send with MSG_MORE on a UDP socket, over IPv4 and IPv6, holds its data, and the next without it "
    "sends all as one datagram.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_msg_more_holds_one_send(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.send(b"ab", MessageFlag.MORE)
        sender.send(b"cd")
        sender.send(b"ef")

        assert observe("received", received(receiver, 2)) == ["abcd", "ef"]


@claim(
    "defacto/UDP_CORK/first-destination",
    says="What a UDP socket, over IPv4 and IPv6, gathers with UDP_CORK goes to the address that the first "
    "send named, whatever the others name.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_the_first_send_names_the_destination(ns, observe, host):
    with udp_receiver(host) as first, udp_receiver(host) as second, udp_socket(host) as sender:
        sender.udp_cork = True
        sender.sendto(b"ab", first.getsockname())
        sender.sendto(b"cd", second.getsockname())
        sender.udp_cork = False
        sender.sendto(b"ef", second.getsockname())

        assert observe("received", [*received(first, 1), *received(second, 1)]) == ["abcd", "ef"]


@claim(
    "defacto/UDP_NO_CHECK6_TX/no-checksum",
    sentence=("udp.h/UDP_NO_CHECK6_TX/disables"),
    says="With UDP_NO_CHECK6_TX a UDP socket over IPv6 sends datagrams whose checksum is 0; without it they "
    "have one.",
    since="3.16",
    commit="1c19448c9ba6",
    needs=[IPV6, Capability.NET_RAW],
)
def test_datagrams_have_no_checksum(ns, observe):
    with udp_flow("::1") as (sender, _), Socket.raw(IPPROTO_UDP, AF_INET6) as seen:
        seen.rcvtimeo = SOON
        sender.send(b"with")
        sender.udp_no_check6_tx = True
        sender.send(b"without")
        both = [seen.recv(100) for _ in range(2)]
        checksums = [[one[8:].decode(), one[6:8] != bytes(2)] for one in both]

        assert observe("data_and_has_checksum", checksums) == [["with", True], ["without", False]]


@claim(
    "defacto/UDP_NO_CHECK6_TX/not-of-ipv4",
    says="UDP_NO_CHECK6_TX changes nothing of what a UDP socket over IPv4 sends, nor SO_NO_CHECK of what one "
    "over IPv6 does: it has a checksum.",
    since="3.16",
    commit="1c19448c9ba6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("host", "family", "option"),
    [("127.0.0.1", AF_INET, UDP_NO_CHECK6_TX), ("::1", AF_INET6, SO_NO_CHECK)],
    ids=["ip", "ipv6"],
)
def test_the_option_of_the_other_version_does_nothing(ns, observe, host, family, option):
    with udp_flow(host) as (sender, _), Socket.raw(IPPROTO_UDP, family) as seen:
        seen.rcvtimeo = SOON
        sender.set(option, True)
        sender.send(b"with")
        last = seen.recv(100)[-12:]  # before it, over IPv4, is a header of IP
        found = [sender.get(option), last[8:].decode(), last[6:8] != bytes(2)]

        assert observe("option_data_and_has_checksum", found) == [True, "with", True]


@claim(
    "defacto/UDP_NO_CHECK6_RX/no-checksum",
    sentence=("udp.h/UDP_NO_CHECK6_RX/disables"),
    says="A UDP socket over IPv6 receives datagrams without a checksum (0) with UDP_NO_CHECK6_RX only.",
    since="3.16",
    commit="1c19448c9ba6",
    needs=[IPV6, Capability.NET_RAW],
    survives=AWAITED,
)
def test_datagrams_need_a_checksum(ns, observe):
    with udp_receiver("::1") as receiver, Socket.raw(IPPROTO_UDP, AF_INET6) as sender:
        sender.rcvtimeo = SOON
        port = receiver.getsockname()[1]
        sender.sendto(bytes(Datagram(9, port, b"before")), ("::1", 0))
        await_those_before(partial(udp_pair, "::1"))
        receiver.udp_no_check6_rx = True
        sender.sendto(bytes(Datagram(9, port, b"after")), ("::1", 0))
        sent = [sender.recv(100)[8:].decode() for _ in range(2)]

        assert [observe("sent", sent), observe("received", received(receiver, 1))] == [
            ["before", "after"],
            ["after"],
        ]


@claim(
    "defacto/UDP_NO_CHECK6_RX/ipv4-needs-none",
    says="A UDP socket over IPv4 receives datagrams without a checksum (0) without UDP_NO_CHECK6_RX.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_ipv4_needs_no_checksum(ns, observe):
    with udp_receiver() as receiver, Socket.raw(IPPROTO_UDP) as sender:
        sender.sendto(bytes(Datagram(9, receiver.getsockname()[1], b"hello")), ("127.0.0.1", 0))

        assert observe("received", received(receiver, 1)) == ["hello"]


@claim(
    "defacto/UDP_ENCAP/keepalive",
    says="With UDP_ENCAP 2 (IPsec) a UDP socket over IPv4 does not receive the one byte 0xFF, which keeps "
    "NATs open, and receives what begins with four zero bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_an_encapsulated_keepalive_is_not_received(ns, observe):
    with udp_flow() as (sender, receiver), Socket.raw(IPPROTO_UDP) as seen:
        seen.rcvtimeo = SOON
        sender.send(b"\xff")
        before = receiver.recv(9).hex()
        receiver.udp_encap = ESPINUDP
        sender.send(b"\xff")
        sender.send(b"\0\0\0\0ike")
        sent = [datagram(seen.recv(100)).data.hex() for _ in range(3)]

        assert [observe("sent", sent), observe("received", [before, receiver.recv(9).hex()])] == [
            ["ff", "ff", "00000000696b65"],
            ["ff", "00000000696b65"],
        ]
