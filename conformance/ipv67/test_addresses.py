"""Addresses as ipv6(7) describes them: a family, a port, flow information, an address and a scope."""

from __future__ import annotations

from socket import AF_INET, AF_UNSPEC

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.ipv6 import (
    LOOPBACK,
    address6,
    index_of,
    inet6,
    ipv6_packets,
    packet_ending,
    tcp6,
    udp6,
)
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import In6Pktinfo, Inet, Ipv6Mreq, Other, Socket
from netns import Capability

HOST, PORT = "fd00::1:2:3", 0x1234
GROUP = "ff05::1234"
LINK_LOCAL = "fe80::1234"
ANYCAST = "fd00:1::99"
NO_INTERFACE = 999

TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])


@claim(
    "ipv6.7/description/loopback",
    sentence=("ipv6.7/description/loopback", "ipv6.7/addresses/special"),
    section="DESCRIPTION",
    says="The address ::1 is this host by the loopback device, whatever default route there is.",
    needs=[VETH, IPV6],
)
def test_1_is_this_host(peers, observe):
    peers.left.namespace.add_route("::/0", via=address6(peers.right), dev=peers.left.device)
    with peers.left.entered(), udp6() as receiver, udp6() as sender:
        receiver.rcvtimeo = SOON
        receiver.ipv6_recvpktinfo = True
        receiver.bind(("::", 0))
        sender.sendto(b"hello", ("::1", receiver.getsockname()[1]))
        [info] = control_messages(receiver, In6Pktinfo)

        assert observe("interface_and_destination", [info.ifindex, info.addr]) == [LOOPBACK, "::1"]


@claim(
    "ipv6.7/addresses/network-byte-order",
    sentence=("ipv6.7/addresses/port", "ipv6.7/addresses/address"),
    section="Address format",
    says="Of the bytes that a UDP socket is bound to and sends to, the two of the port and the sixteen of "
    "the address are in network byte order: as the packet has them.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_ports_and_addresses_are_in_network_byte_order(ns, observe):
    ns.add_address("lo", f"{HOST}/128")
    with ipv6_packets() as seen, udp6() as receiver, udp6() as sender:
        receiver.bind(inet6(HOST, PORT))
        sender.sendto(b"hello", inet6(HOST, PORT))
        packet = packet_ending(seen, b"hello")
        in_packet = [packet.destination, packet.payload[2:4].hex()]

        assert [observe("bound", receiver.getsockname()), observe("in_packet", in_packet)] == [
            (HOST, PORT, 0, 0),
            [HOST, "1234"],
        ]


@claim(
    "ipv6.7/addresses/family-to-bind",
    sentence="ipv6.7/addresses/family",
    section="Address format",
    says="An address of another family than AF_INET6 is refused when a TCP or UDP socket is bound to it.",
    needs=[IPV6],
)
@TRANSPORTS
@pytest.mark.parametrize("family", [AF_UNSPEC, AF_INET])
def test_binding_takes_the_family(ns, observe, make, family):
    with make() as sock:
        with refused():
            sock.bind(inet6("::1", PORT, family=family))
        before = sock.getsockname()
        sock.bind(inet6("::1", PORT))

        assert observe("before_and_after", [*before[:2], *sock.getsockname()[:2]]) == ["::", 0, "::1", PORT]


@claim(
    "ipv6.7/addresses/family-to-connect",
    sentence="ipv6.7/addresses/family",
    section="Address format",
    says="Connecting a TCP socket to an address of another family than AF_INET6 or AF_UNSPEC is refused.",
    needs=[IPV6],
)
def test_connecting_takes_the_family(ns, observe):
    with tcp6() as listener, tcp6() as client:
        listener.bind(inet6("::1", PORT))
        listener.listen()
        with refused():
            client.connect(inet6("::1", PORT, family=AF_INET))
        client.connect(inet6("::1", PORT))

        assert observe("peer", client.getpeername()[:2]) == ("::1", PORT)


@claim(
    "ipv6.7/addresses/family-to-send",
    sentence="ipv6.7/addresses/family",
    section="Address format",
    says="Sending from a UDP socket to an address of the family AF_INET is refused.",
    needs=[IPV6],
    expect=differs(
        "it is taken for the mapped one (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": "hello"},
    ),
)
def test_sending_takes_the_family(ns, observe):
    with udp6() as sender, Socket.udp() as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("127.0.0.1", PORT))
        with refused():
            sender.sendto(b"hello", Other(AF_INET, Inet("127.0.0.1", PORT).raw[2:]))
            observe("received", receiver.recv(9).decode())


@claim(
    "ipv6.7/addresses/flowinfo",
    sentence=("ipv6.7/addresses/flowinfo", "ipv6.7/versions/flowinfo-passed"),
    section="Address format",
    says="What a UDP socket sends has the flow identifier that is in the address that it sends to.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "only with the option IPV6_FLOWINFO_SEND, which is off at first (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"flow_label": 0},
    ),
)
def test_a_packet_has_the_flow_of_its_address(ns, observe):
    with ipv6_packets() as seen, udp6() as sender, udp6() as receiver:
        receiver.bind(("::1", 0))
        sender.ipv6_autoflowlabel = False
        sender.sendto(b"hello", ("::1", receiver.getsockname()[1], 0x54321))

        assert observe("flow_label", packet_ending(seen, b"hello").flow_label) == 0x54321


@claim(
    "ipv6.7/addresses/scope-of-link-local",
    sentence=("ipv6.7/addresses/scope", "ipv6.7/addresses/scope-link-local"),
    section="Address format",
    says="The scope of a link-local address is the index of an interface: the same address is bound by two "
    "UDP sockets, one for each of two interfaces, and each receives what is sent there.",
    needs=[VETH, IPV6],
)
def test_a_link_local_address_has_an_interface(peers, observe):
    left = peers.left.namespace
    left.add_address("lo", f"{LINK_LOCAL}/64")
    left.add_address(peers.left.device, f"{LINK_LOCAL}/64")
    peers.right.namespace.add_address(peers.right.device, "fe80::9/64")
    index = index_of(peers.left)
    with peers.left.entered():
        at_home, at_the_wire, sender = udp6(), udp6(), udp6()
    with peers.right.entered():
        other = udp6()
    with at_home, at_the_wire, sender, other:
        at_home.rcvtimeo = at_the_wire.rcvtimeo = SOON
        at_home.bind((LINK_LOCAL, PORT, 0, LOOPBACK))
        at_the_wire.bind((LINK_LOCAL, PORT, 0, index))
        sender.sendto(b"within", (LINK_LOCAL, PORT, 0, LOOPBACK))
        other.sendto(b"by the wire", (LINK_LOCAL, PORT, 0, index_of(peers.right)))
        received = [at_home.recv(20).decode(), at_the_wire.recv(20).decode()]
        scopes = [at_home.getsockname()[3], at_the_wire.getsockname()[3] == index]

        assert [observe("received", received), observe("scopes", scopes)] == [
            ["within", "by the wire"],
            [LOOPBACK, True],
        ]


@claim(
    "ipv6.7/addresses/scope-of-global",
    sentence="ipv6.7/addresses/scope-link-local",
    section="Address format",
    says="The scope of ::1 or of a unicast address of global scope is ignored, one that is no interface too, "
    "when a TCP or UDP socket is bound to it. Then it reads as 0.",
    needs=[IPV6],
)
@TRANSPORTS
@pytest.mark.parametrize("address", ["::1", HOST])
def test_a_global_address_has_no_interface(ns, observe, make, address):
    ns.add_address("lo", f"{HOST}/128")
    ns.add_address("lo", f"{LINK_LOCAL}/64")
    with make() as sock, make() as other:
        with refused():
            other.bind((LINK_LOCAL, PORT, 0, NO_INTERFACE))
        sock.bind((address, PORT, 0, NO_INTERFACE))

        assert observe("bound", sock.getsockname()) == (address, PORT, 0, 0)


@claim(
    "ipv6.7/addresses/scope-of-global-connected",
    sentence="ipv6.7/addresses/scope-link-local",
    section="Address format",
    says="The scope of ::1 or of a unicast address of global scope is ignored, one that is no interface too, "
    "when a TCP socket connects to it. Then it reads as 0.",
    needs=[IPV6],
)
@pytest.mark.parametrize("address", ["::1", HOST])
def test_a_global_peer_has_no_interface(ns, observe, address):
    ns.add_address("lo", f"{HOST}/128")
    ns.add_address("lo", f"{LINK_LOCAL}/64")
    with listening("::") as listener, tcp6() as sock, tcp6() as other:
        port = listener.getsockname()[1]
        with refused():
            other.connect((LINK_LOCAL, port, 0, NO_INTERFACE))
        sock.connect((address, port, 0, NO_INTERFACE))
        peer = sock.getpeername()

        assert observe("peer_and_scope", [peer[0], peer[3]]) == [address, 0]


@claim(
    "ipv6.7/addresses/unicast",
    sentence="ipv6.7/addresses/types",
    section="Address format",
    says="A unicast address is of a single host: a datagram to it arrives there and nowhere else.",
    needs=[VETH, IPV6],
    survives={"no-op: setsockopt(*IPV6_ADD_MEMBERSHIP*": "joining a group is for the groups beside it"},
)
def test_a_unicast_address_is_of_one_host(peers, observe):
    assert observe("received", received_by_both(address6(peers.right), peers)) == [["end"], ["hello", "end"]]


@claim(
    "ipv6.7/addresses/multicast",
    sentence="ipv6.7/addresses/types",
    section="Address format",
    says="A multicast address is of a group of hosts: a datagram to it arrives at all that joined.",
    needs=[VETH, IPV6],
)
def test_a_multicast_address_is_of_a_group(peers, observe):
    assert observe("received", received_by_both(GROUP, peers)) == [["hello", "end"], ["hello", "end"]]


def received_by_both(address, hosts):
    """What left and right, both in the group, receive when left sends to an address and then to each."""
    with hosts.left.entered():
        left, sender = udp6(), udp6()
    with hosts.right.entered():
        right = udp6()
    with left, sender, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.bind(("::", PORT))
        right.bind(("::", PORT))
        left.ipv6_join_group = Ipv6Mreq(GROUP, index_of(hosts.left))
        right.ipv6_join_group = Ipv6Mreq(GROUP, index_of(hosts.right))
        sender.sendto(b"hello", (address, PORT, 0, 0))
        sender.sendto(b"end", (address6(hosts.left), PORT))
        sender.sendto(b"end", (address6(hosts.right), PORT))
        return [received_until("end", left), received_until("end", right)]


@claim(
    "ipv6.7/addresses/anycast",
    sentence="ipv6.7/addresses/anycast-missing",
    section="Address format",
    says="Anycast is not implemented: no UDP socket joins such an address and receives what is sent there.",
    needs=[VETH, IPV6, Capability.NET_ADMIN],
    expect=differs(
        "a socket joins with IPV6_JOIN_ANYCAST, and its host receives (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": "hello"},
    ),
)
def test_there_is_no_anycast(peers, observe):
    peers.right.namespace.sysctl[f"net.ipv6.neigh.{peers.right.device}.proxy_delay"] = 0
    with peers.left.entered():
        sender = udp6()
    with peers.right.entered():
        receiver = udp6()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", PORT))
        with refused():
            receiver.ipv6_join_anycast = Ipv6Mreq(ANYCAST, index_of(peers.right))
            sender.sendto(b"hello", (ANYCAST, PORT))
            observe("received", receiver.recv(9).decode())


@claim(
    "ipv6.7/addresses/size-24",
    sentence=("ipv6.7/versions/kernel-compatible", "ipv6.7/notes/bigger"),
    section="VERSIONS",
    says="A TCP or UDP socket is bound to an address without the scope, of 24 bytes, and not to one of a "
    "byte less, nor of the size of a struct sockaddr.",
    needs=[IPV6],
)
@TRANSPORTS
@pytest.mark.parametrize("less", [16, 23])
def test_an_address_may_end_before_the_scope(ns, observe, make, less):
    with make() as sock:
        with refused():
            sock.bind(inet6("::1", PORT, size=less))
        sock.bind(inet6("::1", PORT, size=24))

        assert observe("bound", sock.getsockname()[:2]) == ("::1", PORT)


@claim(
    "ipv6.7/addresses/size-24-connected",
    sentence=("ipv6.7/versions/kernel-compatible", "ipv6.7/notes/bigger"),
    section="VERSIONS",
    says="A TCP socket connects to an address without the scope, of 24 bytes, and not to one of a byte less, "
    "nor of the size of a struct sockaddr.",
    needs=[IPV6],
)
@pytest.mark.parametrize("less", [16, 23])
def test_the_address_of_a_peer_may_end_before_the_scope(ns, observe, less):
    with listening("::1") as listener, tcp6() as sock:
        port = listener.getsockname()[1]
        with refused():
            sock.connect(inet6("::1", port, size=less))
        sock.connect(inet6("::1", port, size=24))

        assert observe("peer", sock.getpeername()[0]) == "::1"
