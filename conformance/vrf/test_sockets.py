"""Sockets of a host of which one interface is in a VRF: what they receive, and where they send to."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from itertools import islice, takewhile

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.l3_domains import DOMAIN, NEEDS, divide
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.sockets import SOCKETS, raw_socket
from conformance.plugin.timing import SOON
from libsocket import InPktinfo, Socket
from netns import Capability, Peers

PORT = 7000
EVERYWHERE, HERE = ("0.0.0.0", PORT), ("127.0.0.1", PORT)
ALL = 0x0003
"""Every protocol, for a packet socket that has what goes out, too."""


def datagrams(packets: Socket) -> Iterator[str]:
    """What UDP datagrams over IPv4 carry, of packets that flow by."""
    while True:
        packet = packets.recv(999)
        if [packet[0], packet[9]] == [0x45, socket.IPPROTO_UDP]:
            yield packet[28:].decode()


@claim(
    "vrf/Applications/bound-socket-sends",
    sentence=("vrf/The-VRF-Device/table", "vrf/Applications/bind"),
    section="Applications",
    says="A UDP or TCP socket over IPv4 that is bound by SO_BINDTODEVICE to a VRF device connects to who is "
    "beyond an interface of it, from the address of that interface; one that is bound to no device cannot.",
    since="4.3",
    needs=NEEDS,
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_bound_socket_uses_the_table(peers, observe, kind):
    divide(peers.right)
    with (
        peers.left.entered(),
        listening(peers.left.address) as listener,
        peers.right.entered(),
        SOCKETS[kind]() as unbound,
        SOCKETS[kind]() as sock,
    ):
        sock.bindtodevice = DOMAIN
        with refused():
            unbound.connect(listener.getsockname())
        sock.connect(listener.getsockname())

        assert observe("source", sock.getsockname()[0]) == peers.right.address


@claim(
    "vrf/Applications/pktinfo-sends",
    sentence="vrf/Applications/pktinfo",
    section="Applications",
    says="A UDP datagram over IPv4 of a socket that is bound to no device reaches who is beyond an interface "
    "of a VRF where a control message IP_PKTINFO names the VRF device, and is refused without.",
    since="4.3",
    needs=NEEDS,
)
def test_a_datagram_names_the_device(peers, observe):
    divide(peers.right)
    with peers.left.entered(), Socket.udp() as receiver, peers.right.entered(), Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((peers.left.address, PORT))
        with refused():
            sender.sendto(b"lost", receiver.getsockname())
        by = InPktinfo(socket.if_nametoindex(DOMAIN))
        sender.send_message(b"received", by, address=receiver.getsockname())

        assert observe("received", receiver.recv(9).decode()) == "received"


@claim(
    "vrf/Applications/unbound-and-bound-tcp",
    sentence=("vrf/Applications/unbound", "vrf/Applications/same-port", "vrf/Applications/established"),
    section="Applications",
    says="Two TCP listeners over IPv4 have one port, of which one is bound to a VRF device and one is not: "
    "the one has the connections that come from the VRF, which are bound to it, the other one that comes by "
    "loopback.",
    since="5.0",
    needs=NEEDS,
)
@pytest.mark.parametrize("order", ["bound-first", "unbound-first"])
def test_two_listeners_share_a_port(peers, observe, order):
    divide(peers.right)
    with peers.right.entered(), Socket.tcp() as bound, Socket.tcp() as unbound:
        bound.bindtodevice = DOMAIN
        first, second = (bound, unbound) if order == "bound-first" else (unbound, bound)
        first.bind(EVERYWHERE)
        second.bind(EVERYWHERE)
        bound.listen()
        unbound.listen()
        with Socket.tcp() as inside, peers.left.entered(), Socket.tcp() as outside:
            outside.connect((peers.right.address, PORT))
            inside.connect(HERE)
            with bound.accept()[0] as by_bound, unbound.accept()[0] as by_unbound:
                hosts = [sock.getpeername()[0] for sock in (by_bound, by_unbound)]
                devices = [sock.bindtodevice for sock in (by_bound, by_unbound)]

                assert observe("hosts_and_devices", [hosts, devices]) == [
                    [peers.left.address, "127.0.0.1"],
                    [DOMAIN, ""],
                ]


@claim(
    "vrf/Applications/unbound-and-bound-udp",
    sentence="vrf/Applications/same-port",
    section="Applications",
    says="Two UDP sockets over IPv4 have one port, of which one is bound to a VRF device and one is not.",
    since="5.0",
    needs=NEEDS,
    expect=differs(
        "a UDP socket that is bound to no device has the port to itself: EADDRINUSE",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"device": DOMAIN, "errno": "EADDRINUSE"},
    ),
)
def test_two_datagram_sockets_share_a_port(peers, observe):
    divide(peers.right)
    with peers.right.entered(), Socket.udp() as bound, Socket.udp() as unbound:
        bound.bindtodevice = DOMAIN
        device = observe("device", bound.bindtodevice)
        unbound.bind(EVERYWHERE)
        bound.bind(EVERYWHERE)
        ports = [sock.getsockname()[1] for sock in (bound, unbound)]

        assert [device, observe("ports", ports)] == [DOMAIN, [PORT, PORT]]


@claim(
    "vrf/Applications/raw-default",
    sentence="vrf/Applications/raw-default",
    section="Applications",
    says="While raw_l3mdev_accept is 0 a raw socket over IPv4 that is bound to no device receives what comes "
    "by loopback, and one that is bound to a VRF device does not.",
    since="5.0",
    needs=[*NEEDS, Capability.NET_RAW],
)
def test_a_bound_raw_socket_receives_of_its_domain_alone(peers, observe):
    divide(peers.right)
    peers.right.namespace.sysctl["net.ipv4.raw_l3mdev_accept"] = 0
    with (
        peers.right.entered(),
        raw_socket() as unbound,
        raw_socket() as bound,
        raw_socket() as inside,
        peers.left.entered(),
        raw_socket() as outside,
    ):
        unbound.rcvtimeo = bound.rcvtimeo = SOON
        bound.bindtodevice = DOMAIN
        inside.sendto(b"inside", ("127.0.0.1", 0))
        seen = [unbound.recv(99)[20:].decode()]
        outside.sendto(b"outside", (peers.right.address, 0))
        seen.append(bound.recv(99)[20:].decode())

        assert observe("by_unbound_and_bound", seen) == ["inside", "outside"]


@claim(
    "vrf/Design/captures",
    sentence="vrf/Design/captures",
    section="Design",
    says="A packet socket that is bound to a VRF device receives IPv4 packets that come in by an interface "
    "of the VRF, and those that go out by it.",
    since="4.3",
    needs=[*NEEDS, Capability.NET_RAW],
)
def test_packets_flow_through_the_device(peers, observe):
    divide(peers.right)
    with (
        peers.right.entered(),
        Socket.packet(socket.SOCK_DGRAM, ALL) as packets,
        Socket.udp() as sock,
        peers.left.entered(),
        Socket.udp() as other,
    ):
        packets.rcvtimeo = sock.rcvtimeo = other.rcvtimeo = SOON
        packets.bind((DOMAIN, ALL))
        sock.bindtodevice = DOMAIN
        sock.bind((peers.right.address, PORT))
        other.bind((peers.left.address, PORT))
        other.sendto(b"incoming", sock.getsockname())
        sock.recv(99)
        sock.sendto(b"outgoing", other.getsockname())
        other.recv(99)

        seen = [packets.getsockname()[0], *islice(datagrams(packets), 2)]
        assert observe("device_and_captured", seen) == [DOMAIN, "incoming", "outgoing"]


@claim(
    "vrf/Design/forwarded-not-captured",
    sentence="vrf/Design/forwarded",
    section="Design",
    says="A packet socket that is bound to a VRF device receives no IPv4 packet that is forwarded from one "
    "interface of the VRF to another.",
    since="4.3",
    needs=[*NEEDS, Capability.NET_RAW],
    expect=differs(
        "it receives such a packet once, as it comes in",
        since="4.3",
        commit="193125dbd8eb",
        observed={"received": "forwarded", "captured": ["forwarded"]},
    ),
)
def test_forwarded_packets_do_not_flow_through_the_device(routed, observe):
    divide(routed.router, routed.router_right)
    with routed.router.entered():
        packets = Socket.packet(socket.SOCK_DGRAM, ALL)
    with packets, udp_across(routed) as (sender, receiver):
        packets.rcvtimeo = SOON
        packets.bind((DOMAIN, ALL))
        sender.sendto(b"forwarded", (routed.right.address, receiver.getsockname()[1]))
        received = observe("received", receiver.recv(99).decode())
        sender.sendto(b"to the router", (routed.router.address, PORT))
        captured = list(takewhile(lambda data: data != "to the router", datagrams(packets)))

        assert [received, observe("captured", captured)] == ["forwarded", []]


def bound_in_and_outside(hosts: Peers, kind: str, inside: str, outside: str) -> list[str]:
    """The addresses of a socket that is bound to the domain, and of one that is not; each refuses another."""
    found = []
    for device, own, foreign in ((DOMAIN, inside, outside), ("", outside, inside)):
        with hosts.right.entered(), SOCKETS[kind]() as sock:
            sock.bindtodevice = device
            with refused(errno.EADDRNOTAVAIL, f"errno_of_{device or 'none'}"):
                sock.bind((foreign, 0))
            sock.bind((own, 0))
            found.append(sock.getsockname()[0])
    return found


INET6_KINDS = pytest.mark.parametrize("kind", ["tcp6", "udp6"])


@claim(
    "defacto/bind/mapped-in-vrf",
    says="A TCP or UDP socket over IPv6 that is bound by SO_BINDTODEVICE to a VRF device can be bound to the "
    "mapped IPv4 address of an interface of it, and not to that of loopback: EADDRNOTAVAIL; one that is "
    "bound to no device the other way round.",
    since="5.0",
    commit="ec90ad334986",
    needs=[*NEEDS, IPV6],
)
@INET6_KINDS
def test_mapped_addresses_are_those_of_the_table(peers, observe, kind):
    divide(peers.right)
    inside, outside = f"::ffff:{peers.right.address}", "::ffff:127.0.0.1"

    assert observe("bound", bound_in_and_outside(peers, kind, inside, outside)) == [inside, outside]


@claim(
    "defacto/bind/inet6-in-vrf",
    says="A TCP or UDP socket over IPv6 that is bound by SO_BINDTODEVICE to a VRF device can be bound to the "
    "address of an interface of it, and not to that of loopback: EADDRNOTAVAIL; one that is bound to no "
    "device the other way round.",
    since="5.0",
    commit="c5ee066333eb",
    needs=[*NEEDS, IPV6],
)
@INET6_KINDS
def test_addresses_are_those_of_the_device(peers, observe, kind):
    divide(peers.right)
    inside, outside = "2001:db8:9::1", "::1"
    peers.right.namespace.add_address(peers.right.device, f"{inside}/64")

    assert observe("bound", bound_in_and_outside(peers, kind, inside, outside)) == [inside, outside]
