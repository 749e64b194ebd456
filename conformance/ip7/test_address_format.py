"""Addresses as ip(7) describes them: a family, a port and an interface's address."""

from __future__ import annotations

import errno
from socket import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    PACKET_BROADCAST,
    PACKET_HOST,
    PACKET_MULTICAST,
    inet_aton,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import USER_NAMESPACE, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.threads import given_up
from conformance.plugin.timing import SOON
from libsocket import Other, Shutdown, Socket
from netns import Capability, in_user_namespace, without

HOST, PORT = "127.1.2.3", 0x1234
UNPRIVILEGED_PORT_START = "net.ipv4.ip_unprivileged_port_start"
SIZE_OF_INET6 = 28
EXPERIMENT = 253
"""A protocol that nobody has, RFC 3692."""

TRANSPORTS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])


def inet(host: str, port: int, family: int = AF_INET, size: int = 16) -> Other:
    """The bytes of a struct sockaddr_in, of another family and longer if need be."""
    return Other(family, port.to_bytes(2, "big") + inet_aton(host) + bytes(size - 8))


def raw_socket() -> Socket:
    return Socket.raw(EXPERIMENT)


KINDS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, raw_socket], ids=["tcp", "udp", "raw"])


def bound_to_1023() -> int:
    """The port of a fresh UDP socket."""
    with Socket.udp() as sock:
        sock.bind((HOST, 1023))
        return int(sock.getsockname()[1])


@claim(
    "ip.7/address/network-byte-order",
    sentence=(
        "ip.7/addresses/address-and-port",
        "ip.7/addresses/port-order",
        "ip.7/addresses/address-order",
        "ip.7/addresses/byte-order",
    ),
    section="Address format",
    says="Of the bytes that a UDP socket is bound to and sends to, the two of the port and the four of the "
    "address are in network byte order: as the packet has them.",
    needs=[Capability.NET_RAW],
)
def test_ports_and_addresses_are_in_network_byte_order(ns, observe):
    with packets() as seen, Socket.udp() as receiver, Socket.udp() as sender:
        seen.rcvtimeo = SOON
        receiver.bind(inet(HOST, PORT))
        sender.sendto(b"hello", inet(HOST, PORT))
        packet = seen.recv(100)
        in_packet = [packet[16:20].hex(), packet[22:24].hex()]

        assert [observe("bound", receiver.getsockname()), observe("in_packet", in_packet)] == [
            (HOST, PORT),
            ["7f010203", "1234"],
        ]


@claim(
    "ip.7/address/port-bits",
    sentence="ip.7/addresses/address-and-port",
    section="Address format",
    says="A port has 16 bits: the largest of a TCP or UDP socket is 65535.",
)
@TRANSPORTS
@pytest.mark.parametrize("port", [65_534, 65_535])
def test_a_port_has_16_bits(ns, observe, make, port):
    with make() as sock:
        sock.bind((HOST, port))

        assert observe("port", sock.getsockname()[1]) == port


@claim(
    "ip.7/address/family-required",
    sentence=("ip.7/addresses/family", "ip.7/addresses/family-required"),
    section="Address format",
    says="An address of another family than AF_INET, or of AF_UNSPEC if it is not INADDR_ANY, is refused "
    "when a TCP or UDP socket is bound to it.",
)
@TRANSPORTS
@pytest.mark.parametrize("family", [AF_UNSPEC, AF_INET6])
def test_binding_takes_the_family(ns, observe, make, family):
    with make() as sock:
        with refused():
            sock.bind(inet(HOST, PORT, family))
        before = sock.getsockname()
        sock.bind(inet(HOST, PORT))

        assert observe("before_and_after", [*before, *sock.getsockname()]) == ["0.0.0.0", 0, HOST, PORT]


@claim(
    "ip.7/address/family-required-raw",
    sentence=("ip.7/addresses/family", "ip.7/addresses/family-required"),
    section="Address format",
    says="An address of another family than AF_INET, one of AF_INET6 with its length, is refused when a raw "
    "socket is bound to it.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "the family is not looked at, unless by SELinux if the length is another (older than the history in "
        "git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "address": HOST},
    ),
)
def test_binding_a_raw_socket_takes_the_family(ns, observe):
    with raw_socket() as sock, refused():
        sock.bind(inet(HOST, PORT, AF_INET6, SIZE_OF_INET6))
        observe("address", sock.getsockname()[0])


@claim(
    "ip.7/address/family-required-to-connect",
    sentence=("ip.7/addresses/family", "ip.7/addresses/family-required"),
    section="Address format",
    says="Connecting a TCP, UDP or raw socket to an address of another family than AF_INET or AF_UNSPEC is "
    "refused.",
    needs=[Capability.NET_RAW],
    survives=UDP_NEEDS_NO_LISTENER,
)
@KINDS
def test_connecting_takes_the_family(ns, observe, make):
    with listening() as listener, make() as sock:
        host, port = listener.getsockname()
        with refused():
            sock.connect(inet(host, port, AF_INET6))
        sock.connect(inet(host, port))

        assert observe("connected", sock.getpeername() == (host, port)) is True


@claim(
    "ip.7/address/family-required-to-send",
    sentence=("ip.7/addresses/family", "ip.7/addresses/family-required"),
    section="Address format",
    says="Sending to an address of another family than AF_INET or AF_UNSPEC is refused, on a UDP socket and "
    "on a raw one.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_sending_takes_the_family(ns, observe, make):
    with make() as sender, make() as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind((HOST, PORT))
        with refused():
            sender.sendto(b"refused", inet(HOST, PORT, AF_INET6))
        sender.sendto(b"hello", inet(HOST, PORT))
        received = [receiver.getsockname()[0], receiver.recv(100)[-5:].decode()]

        assert observe("bound_to_and_received", received) == [HOST, "hello"]


@claim(
    "ip.7/address/family-required-any",
    sentence=("ip.7/addresses/family", "ip.7/addresses/family-required", "bind.2/EINVAL/address"),
    section="Address format",
    says="An address whose family is not set, AF_UNSPEC, is refused when a TCP or UDP socket is bound to it, "
    "INADDR_ANY too.",
    expect=differs(
        "with INADDR_ANY it is taken for AF_INET",
        since="3.1",
        commit="29c486df6a20",
        observed={"errno": None, "address": ["0.0.0.0", PORT]},
    ),
)
@TRANSPORTS
def test_binding_to_any_takes_the_family(ns, observe, make):
    with make() as sock, refused():
        sock.bind(inet("0.0.0.0", PORT, AF_UNSPEC))
        observe("address", sock.getsockname())


@claim(
    "ip.7/address/family-required-to-send-unspecified",
    sentence=("ip.7/addresses/family", "ip.7/addresses/family-required"),
    section="Address format",
    says="Sending to an address whose family is not set, AF_UNSPEC, is refused, on a UDP socket and on a raw "
    "one.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is taken for AF_INET (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "bound_to_and_received": [HOST, "hello"]},
    ),
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_sending_takes_a_family(ns, observe, make):
    with make() as sender, make() as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind((HOST, PORT))
        with refused():
            sender.sendto(b"hello", inet(HOST, PORT, AF_UNSPEC))
            received = [receiver.getsockname()[0], receiver.recv(100)[-5:].decode()]
            observe("bound_to_and_received", received)


@claim(
    "ip.7/address/raw-port-is-protocol",
    sentence="ip.7/addresses/raw-port",
    section="Address format",
    says="The port in the address of a raw socket is its protocol, whatever port it was bound to.",
    needs=[Capability.NET_RAW],
)
def test_the_port_of_a_raw_socket_is_its_protocol(ns, observe):
    with raw_socket() as sock:
        before = sock.getsockname()
        sock.bind((HOST, PORT))

        assert observe("unbound_and_bound", [*before, *sock.getsockname()]) == [
            "0.0.0.0",
            EXPERIMENT,
            HOST,
            EXPERIMENT,
        ]


@claim(
    "ip.7/address/raw-port-is-protocol-received",
    sentence="ip.7/addresses/raw-port",
    section="Address format",
    says="The port in the address that a raw packet came from is the protocol.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is 0 (and was not set at all before 2.6.18, in git's first commit)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"source": [HOST, 0]},
    ),
)
def test_the_port_of_a_raw_sender_is_its_protocol(ns, observe):
    with raw_socket() as sender, raw_socket() as receiver:
        receiver.rcvtimeo = SOON
        sender.bind((HOST, 0))
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"hello", ("127.0.0.1", 0))

        assert observe("source", receiver.recvfrom(100)[1]) == (HOST, EXPERIMENT)


@claim(
    "ip.7/address/raw-port-is-protocol-peer",
    sentence="ip.7/addresses/raw-port",
    section="Address format",
    says="The port in the address of a raw socket's peer is the protocol, whatever port it connected to.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is the port that it connected to (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"peer": [HOST, PORT]},
    ),
)
def test_the_port_of_a_raw_peer_is_its_protocol(ns, observe):
    with raw_socket() as sock:
        sock.connect((HOST, PORT))

        assert observe("peer", sock.getpeername()) == (HOST, EXPERIMENT)


@claim(
    "ip.7/address/raw-without-port",
    sentence=("ip.7/addresses/ports-of-higher-protocols", "ip.7/addresses/raw-without-port"),
    section="Address format",
    says="IP itself has no ports: what a raw socket sends follows the IP header at once, whatever port it is "
    "sent to, and comes to a socket that was bound to another one.",
    needs=[Capability.NET_RAW],
)
def test_a_raw_packet_has_no_port(ns, observe):
    with raw_socket() as sender, raw_socket() as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind((HOST, PORT))
        sender.sendto(b"hello", (HOST, EXPERIMENT))
        packet = receiver.recv(100)

        header_and_data = [packet[0], *packet[2:4], packet[20:].decode()]

        assert [observe("bound_to", receiver.getsockname()[0]), observe("packet", header_and_data)] == [
            HOST,
            [0x45, 0, 25, "hello"],
        ]


@claim(
    "ip.7/address/privileged-ports",
    sentence=("ip.7/addresses/privileged-ports", "ip.7/addresses/privileged", "ip.7/errors/eacces-port"),
    section="Address format",
    says="Binding a TCP or UDP socket to one of the ports 1 to 1023 takes CAP_NET_BIND_SERVICE, as "
    "net.ipv4.ip_unprivileged_port_start is at first: EACCES without. 1024 to 65535 take none.",
    needs=[Capability.NET_BIND_SERVICE],
)
@TRANSPORTS
@pytest.mark.parametrize(("port", "free"), [(1, 65_535), (1023, 1024)])
def test_ports_below_1024_are_privileged(ns, observe, make, port, free):
    with make() as sock, make() as unprivileged:
        with without(Capability.NET_BIND_SERVICE):
            with refused(errno.EACCES):
                sock.bind((HOST, port))
            unprivileged.bind((HOST, free))
        sock.bind((HOST, port))

        assert observe("ports", [sock.getsockname()[1], unprivileged.getsockname()[1]]) == [port, free]


@claim(
    "ip.7/address/privileged-raw",
    sentence="ip.7/addresses/raw-without-port",
    section="Address format",
    says="Binding a raw socket to a port below 1024 takes no CAP_NET_BIND_SERVICE, as binding a UDP socket "
    "does.",
    needs=[Capability.NET_RAW, Capability.NET_BIND_SERVICE],
)
def test_a_raw_socket_has_no_privileged_ports(ns, observe):
    with raw_socket() as sock, Socket.udp() as other:
        with without(Capability.NET_BIND_SERVICE):
            sock.bind((HOST, 1023))
            with refused(errno.EACCES):
                other.bind((HOST, 1023))

        assert observe("bound", sock.getsockname()[0]) == HOST


@claim(
    "ip.7/address/privileged-in-user-namespace",
    sentence="ip.7/addresses/privileged",
    section="Address format",
    says="CAP_NET_BIND_SERVICE counts in the user namespace that governs the socket's network namespace: "
    "root of another one binds a socket of a network namespace there to port 1023, and none of this one.",
    needs=[USER_NAMESPACE, Capability.NET_BIND_SERVICE],
)
def test_the_capability_counts_where_the_network_namespace_belongs(ns, observe):
    with Socket.udp() as here:
        there = in_user_namespace(bound_to_1023)
        with refused(errno.EACCES):
            in_user_namespace(lambda: here.bind((HOST, 1023)))
        before = here.getsockname()[1]
        here.bind((HOST, 1023))

        assert observe("there_and_here", [there, before, here.getsockname()[1]]) == [1023, 0, 1023]


@claim(
    "ip.7/address/privileged-whatever-sysctl",
    sentence=("ip.7/addresses/privileged-ports", "ip.7/addresses/privileged"),
    section="Address format",
    says="Binding a TCP or UDP socket to a port below 1024 takes CAP_NET_BIND_SERVICE, however the network "
    "namespace is set up.",
    needs=[Capability.NET_BIND_SERVICE],
    expect=differs(
        "net.ipv4.ip_unprivileged_port_start is the first port that takes none, 1024 by default",
        since="4.11",
        commit="4548b683b781",
        observed={"errno": None, "port": 1023},
    ),
)
@TRANSPORTS
def test_ports_below_1024_are_always_privileged(ns, observe, make):
    ns.sysctl[UNPRIVILEGED_PORT_START] = 1023
    with make() as sock, without(Capability.NET_BIND_SERVICE), refused(errno.EACCES):
        sock.bind((HOST, 1023))
        observe("port", sock.getsockname()[1])


@claim(
    "ip.7/address/kinds-on-the-wire",
    sentence=(
        "ip.7/addresses/kinds",
        "ip.7/addresses/unicast",
        "ip.7/addresses/broadcast",
        "ip.7/addresses/multicast",
        "ip.7/special/broadcast",
        "ip.7/special/highest",
        "in.h/INADDR_BROADCAST/all",
    ),
    section="Address format",
    says="A datagram to a unicast address goes to one host, one to 255.255.255.255 or to the highest address "
    "of the network to all hosts on the link, one to a multicast address to a group of them: so are their "
    "link-layer addresses.",
    needs=[VETH, Capability.NET_RAW],
    survives={"no-op: setsockopt(*SO_BROADCAST*": "only what goes to all hosts takes the flag"},
)
@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("10.0.1.2", PACKET_HOST),
        ("10.0.1.255", PACKET_BROADCAST),
        ("255.255.255.255", PACKET_BROADCAST),
        ("224.0.0.1", PACKET_MULTICAST),
        ("239.255.255.255", PACKET_MULTICAST),
    ],
)
def test_the_kinds_of_addresses_differ_on_the_link(peers, observe, host, kind):
    peers.left.namespace.add_route("0.0.0.0/0", dev=peers.left.device)
    with peers.right.entered():
        seen = packets()
    with peers.left.entered():
        sender = Socket.udp()
    with seen, sender:
        seen.rcvtimeo = SOON
        sender.broadcast = True
        sender.sendto(b"hello", (host, PORT))
        packet = seen.recv_message(100)

        assert [payload(packet.data), observe("kind", packet.address.pkttype)] == ["hello", kind]


@claim(
    "ip.7/address/unicast-alone-for-tcp",
    sentence="ip.7/addresses/connection-unicast",
    section="Address format",
    says="A TCP socket connects to no multicast or broadcast address.",
    needs=[VETH],
)
@pytest.mark.parametrize("host", ["224.0.0.1", "239.255.255.255", "10.0.1.255", "255.255.255.255"])
def test_tcp_connects_to_no_group(peers, observe, host):
    peers.left.namespace.add_route("0.0.0.0/0", dev=peers.left.device)
    with peers.right.entered(), listening("0.0.0.0") as listener:
        port = listener.getsockname()[1]
        with peers.left.entered():
            sock = Socket.tcp()
        with sock, given_up(lambda: sock.shutdown(Shutdown.BOTH)):
            with refused():
                sock.connect((host, port))
            sock.connect((peers.right.address, port))

            assert observe("peer", sock.getpeername()[0]) == peers.right.address


@claim(
    "ip.7/address/unicast-alone-for-tcp-to-bind",
    sentence="ip.7/addresses/connection-unicast",
    section="Address format",
    says="A TCP socket is bound to no multicast or broadcast address.",
    expect=differs(
        "it can be bound and listen there, though nobody can connect (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "bound_and_listens": [True, True]},
    ),
)
@pytest.mark.parametrize("host", ["224.0.0.1", "127.255.255.255", "255.255.255.255"])
def test_tcp_is_bound_to_no_group(ns, observe, host):
    with Socket.tcp() as sock, refused():
        sock.bind((host, PORT))
        sock.listen()
        observe("bound_and_listens", [sock.getsockname() == (host, PORT), sock.acceptconn])
