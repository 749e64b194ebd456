"""By which interface, and from which address, sockets send: SO_BINDTODEVICE, routes, rules, and groups."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTE_HOP_LIMIT, ROUTE_SOURCE, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import Datagram, completed, ipv4_packet
from conformance.plugin.setups.packet_sockets import hardware_address, packet_socket
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.setups.served import heard, on, say, serve
from conformance.plugin.setups.wires import (
    FAR,
    add_rule,
    beyond,
    came,
    coming,
    replace_route,
    second_wire,
)
from libsocket import IP_TOS, SO_MARK, IpMreqn, Option, Socket
from netns import Capability, Host, Peers

NEEDS = (VETH, Capability.NET_RAW)
TRANSPORTS = pytest.mark.parametrize("kind", ["udp", "tcp"])
ANY, TABLE, LOW_DELAY, MARK = "0.0.0.0", 100, 0x10, 5
GROUP, PORT = "239.1.2.3", 4321
DO = 2
"""IP_PMTUDISC_DO"""


@claim(
    "defacto/SO_BINDTODEVICE/another-way",
    says="A UDP or TCP socket over IPv4 with SO_BINDTODEVICE sends, and connects, by that interface, where a "
    "route by another interface is preferred, and by that without it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: setsockopt(*SO_BINDTODEVICE, *, 1) = 0": "it is off at first"},
)
@TRANSPORTS
@pytest.mark.parametrize("bound", [False, True], ids=["free", "bound"])
def test_a_socket_sends_by_its_interface(peers, observe, kind, bound):
    other = beyond(peers)
    replace_route(f"{FAR}/32", other.left, via=other.right.address, priority=10)
    with serve(peers.right, kind, FAR) as server, on(peers.left, kind) as client, coming(peers.right) as seen:
        client.bindtodevice = other.left.device if bound else ""
        say(client, "hello", server.getsockname())
        found = [came(seen, b"hello").device, heard(server)]

        device = (other if bound else peers).right.device
        assert observe("device_and_heard", found) == [device, "hello"]


@claim(
    "defacto/SO_BINDTODEVICE/without-route",
    says="A UDP or TCP socket over IPv4 with SO_BINDTODEVICE reaches a host on the wire of that interface to "
    "which no route leads; without it a send, or connect, fails with ENETUNREACH.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@TRANSPORTS
def test_no_route_is_needed(peers, observe, kind):
    peers.right.namespace.add_address(peers.right.device, f"{FAR}/32")
    with serve(peers.right, kind, FAR) as server, on(peers.left, kind) as client:
        with refused(errno.ENETUNREACH):
            say(client, "early", server.getsockname())
        client.bindtodevice = peers.left.device
        say(client, "late", server.getsockname())

        assert observe("heard", heard(server)) == "late"


@claim(
    "defacto/SO_BINDTODEVICE/unreachable-by-another",
    says="A datagram over IPv4 that comes by another interface than that of the SO_BINDTODEVICE of the only "
    "UDP socket at its port is answered with port unreachable (ECONNREFUSED); by that interface it is "
    "received.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_another_interface_has_no_port(peers, observe):
    other = second_wire(peers)
    with serve(peers.right, "udp", ANY) as server, on(peers.left, "udp") as client:
        server.bindtodevice = other.right.device
        client.connect((peers.right.address, server.getsockname()[1]))
        client.send(b"first wire")
        with refused(errno.ECONNREFUSED):
            client.recv(9)
        say(client, "second wire", (other.right.address, server.getsockname()[1]))

        assert observe("heard", heard(server)) == "second wire"


@claim(
    "defacto/SO_BINDTODEVICE/mtu-changes",
    says="A send of 1000 bytes on a UDP socket over IPv4 with IP_PMTUDISC_DO and SO_BINDTODEVICE fails with "
    "EMSGSIZE while the interface's MTU is 1000, and succeeds before and after, with one of 1500, where a "
    "route by another interface, of 1500 all the time, is preferred.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_the_mtu_of_its_interface_changes(peers, observe):
    other = beyond(peers)
    wire = other.left
    replace_route(f"{FAR}/32", wire, via=other.right.address, priority=10)
    with serve(peers.right, "udp", FAR) as server, on(peers.left, "udp") as client:
        client.ip_mtu_discover = DO
        client.bindtodevice = wire.device
        client.connect(server.getsockname())
        client.send(b"a" * 1000)
        wire.namespace.set_link(wire.device, mtu=1000)
        with refused(errno.EMSGSIZE):
            client.send(b"b" * 1000)
        wire.namespace.set_link(wire.device, mtu=1500)
        client.send(b"c" * 1000)

        received = [server.recv(2000).decode() for _ in range(2)]
        assert observe("received", [[one[0], len(one)] for one in received]) == [["a", 1000], ["c", 1000]]


@claim(
    "defacto/SO_BROADCAST/in-fragments",
    says="A datagram over IPv4 to a network's broadcast address that is larger by a byte than what the MTU "
    "takes is sent in fragments, and received whole; with IP_PMTUDISC_DO the send fails with EMSGSIZE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: ioctl(SIOCGIFNAME*": "by which interface a fragment came is not asked for"},
)
def test_a_broadcast_comes_in_fragments(peers, observe):
    right = peers.right
    with serve(right, "udp", ANY) as server, on(peers.left, "udp") as client, coming(right) as seen:
        address = ("10.0.1.255", server.getsockname()[1])
        client.broadcast = True
        client.sendto(bytes(1472) + b"!", address)
        last = came(seen, b"!").packet
        client.ip_mtu_discover = DO
        with refused(errno.EMSGSIZE):
            client.sendto(bytes(1473), address)

        found = [len(last) < 100, len(server.recv(2000))]
        assert observe("in_fragments_and_received", found) == [True, 1473]


@claim(
    "defacto/route/hop-limit",
    says="What a UDP or TCP socket over IPv4 sends by a route with a hop limit has that as its time to live, "
    "unless the socket has an IP_TTL of its own.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, ROUTE_HOP_LIMIT],
)
@TRANSPORTS
@pytest.mark.parametrize(("own", "ttl"), [(None, 33), (44, 44)])
def test_a_route_has_a_hop_limit(peers, observe, *, kind, own, ttl):
    right = peers.right
    replace_route(f"{right.address}/32", peers.left, metrics={"hoplimit": 33})
    with serve(right, kind, right.address) as server, on(peers.left, kind) as client, coming(right) as seen:
        choose_ttl(client, own)
        say(client, "hello", server.getsockname())

        assert observe("ttl", came(seen, b"hello").ttl) == ttl


def choose_ttl(sock: Socket, ttl: int | None) -> None:
    if ttl is not None:
        sock.ip_ttl = ttl


@claim(
    "defacto/route/preferred-source",
    says="What a UDP or TCP socket over IPv4 that is not bound sends by a route with a preferred source has "
    "that as its source, also where another interface has the address.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, ROUTE_SOURCE],
)
@TRANSPORTS
@pytest.mark.parametrize("device", ["lo", "own"])
def test_a_route_has_a_source(peers, observe, kind, device):
    left, right = peers.left, peers.right
    left.namespace.add_address(left.device if device == "own" else "lo", "10.7.7.7/32")
    right.namespace.add_route("10.7.7.7/32", via=left.address)
    replace_route(f"{right.address}/32", left, prefsrc="10.7.7.7")
    with serve(right, kind, right.address) as server, on(left, kind) as client, coming(right) as seen:
        say(client, "hello", server.getsockname())

        found = [came(seen, b"hello").source, heard(server)]
        assert observe("source_and_heard", found) == ["10.7.7.7", "hello"]


@claim(
    "defacto/route/connected-follows",
    says="A connected UDP socket, or a TCP connection, over IPv4 sends by another interface once its route "
    "leads there, from the address it had.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
def test_a_route_changes(peers, observe, kind):
    left, right = peers.left, peers.right
    other = beyond(peers)
    with serve(right, kind, FAR) as server, on(left, kind) as client, coming(right) as seen:
        say(client, "before", server.getsockname())
        before = came(seen, b"before")
        replace_route(f"{FAR}/32", other.left, via=other.right.address)
        client.send(b"after")
        after = came(seen, b"after")

        found = [[one.device, one.source] for one in (before, after)]
        assert observe("devices_and_sources", found) == [
            [right.device, left.address],
            [other.right.device, left.address],
        ]


def devices_of(
    hosts: Peers, kind: str, rule: dict[str, int], option: Option[int]
) -> tuple[list[str], list[str]]:
    """By which wires a socket sends before an option has what a rule chooses another for, and after; both."""
    left, right = hosts.left, hosts.right
    other = beyond(hosts)
    replace_route(f"{FAR}/32", other.left, via=other.right.address, table=TABLE)
    add_rule(left.namespace, table=TABLE, **rule)
    with serve(right, kind, FAR) as server, on(left, kind) as client, coming(right) as seen:
        say(client, "before", server.getsockname())
        devices = [came(seen, b"before").device]
        client.set(option, *rule.values())
        client.send(b"after")
        devices.append(came(seen, b"after").device)
    return devices, [right.device, other.right.device]


@claim(
    "defacto/IP_TOS/connected-follows-rule",
    says="A connected UDP socket, or a TCP connection, over IPv4 sends by the route that a rule has for its "
    "IP_TOS from when that is set on.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
def test_the_type_of_service_chooses(peers, observe, kind):
    devices, wires = devices_of(peers, kind, {"tos": LOW_DELAY}, IP_TOS)

    assert observe("devices", devices) == wires


@claim(
    "defacto/SO_MARK/connected-follows-rule",
    says="A connected UDP socket, or a TCP connection, over IPv4 sends by the route that a rule has for its "
    "SO_MARK from when that is set on.",
    since="5.0",
    commit="50254256f382",
    needs=[*NEEDS, Capability.NET_ADMIN],
)
@TRANSPORTS
def test_the_mark_chooses(peers, observe, kind):
    devices, wires = devices_of(peers, kind, {"fwmark": MARK}, SO_MARK)

    assert observe("devices", devices) == wires


@claim(
    "defacto/route/rule-of-source",
    says="A rule for a source (from) chooses the table by which a UDP or TCP socket over IPv4 sends that is "
    "bound to that address, and not one that is not bound.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
@pytest.mark.parametrize("bound", [False, True], ids=["free", "bound"])
def test_a_rule_is_of_a_source(peers, observe, kind, bound):
    left, right = peers.left, peers.right
    other = beyond(peers)
    replace_route(f"{FAR}/32", other.left, via=other.right.address, table=TABLE)
    left.namespace.add_rule(table=TABLE, source=f"{other.left.address}/32")
    with serve(right, kind, FAR) as server, on(left, kind) as client, coming(right) as seen:
        client.bind((other.left.address if bound else ANY, 0))
        say(client, "hello", server.getsockname())

        device = (other if bound else peers).right.device
        assert observe("device", came(seen, b"hello").device) == device


def member(host: Host, port: int, *wires: Host) -> Socket:
    """A UDP socket of a host that has joined the group by some wires."""
    sock = on(host, "udp")
    sock.bind((ANY, port))
    join(sock, *wires)
    return sock


def member_alone(host: Host, port: int, wire: Host) -> Socket:
    """One that shares its port, and receives what comes to groups that it has joined itself."""
    sock = on(host, "udp")
    sock.reuseaddr = True
    sock.ip_multicast_all = False
    sock.bind((ANY, port))
    join(sock, wire)
    return sock


def join(sock: Socket, *wires: Host) -> None:
    for wire in wires:
        sock.ip_add_membership = IpMreqn(GROUP, address=wire.address)


@claim(
    "defacto/SO_BINDTODEVICE/over-multicast-if",
    says="A UDP socket over IPv4 with IP_MULTICAST_IF and an SO_BINDTODEVICE of another interface, which was "
    "set later, sends to a group by the latter.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_its_interface_is_stronger(peers, observe):
    other = second_wire(peers)
    with on(peers.left, "udp") as sender, coming(peers.right) as seen:
        sender.ip_multicast_if = IpMreqn(ANY, address=peers.left.address)
        sender.sendto(b"before", (GROUP, PORT))
        devices = [came(seen, b"before").device]
        sender.bindtodevice = other.left.device
        sender.sendto(b"after", (GROUP, PORT))
        devices.append(came(seen, b"after").device)

        assert observe("devices", devices) == [peers.right.device, other.right.device]


@claim(
    "defacto/IP_MULTICAST_IF/without-route",
    says="A UDP socket over IPv4 with IP_MULTICAST_IF sends to a group to which no route leads, by that "
    "interface; without it the send fails with ENETUNREACH.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_a_group_needs_no_route(peers, observe):
    with on(peers.left, "udp") as sender, coming(peers.right) as seen:
        with refused(errno.ENETUNREACH):
            sender.sendto(b"before", (GROUP, PORT))
        sender.ip_multicast_if = IpMreqn(ANY, address=peers.left.address)
        sender.sendto(b"after", (GROUP, PORT))

        assert observe("source", came(seen, b"after").source) == peers.left.address


@claim(
    "defacto/bind/group-by-address",
    says="A UDP socket over IPv4 that is bound to the address of an interface sends to a group by that "
    "interface, though a route for groups leads by another.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@pytest.mark.parametrize("bound", [False, True], ids=["free", "bound"])
def test_a_bound_address_has_the_interface(peers, observe, bound):
    other = second_wire(peers)
    peers.left.namespace.add_route("224.0.0.0/4", dev=peers.left.device)
    with on(peers.left, "udp") as sender, coming(peers.right) as seen:
        sender.bind((other.left.address if bound else ANY, 0))
        sender.sendto(b"hello", (GROUP, PORT))
        found = came(seen, b"hello")

        wire = other if bound else peers
        assert observe("device_and_source", [found.device, found.source]) == [
            wire.right.device,
            wire.left.address,
        ]


@claim(
    "defacto/send/group-source",
    says="What a UDP socket over IPv4 sends to a group has as its source the address it is bound to; else "
    "the address in its IP_MULTICAST_IF; else the preferred source of the route.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, ROUTE_SOURCE],
)
@pytest.mark.parametrize(
    ("own", "chosen", "source"),
    [("10.7.7.1", "10.7.7.2", "10.7.7.1"), (ANY, "10.7.7.2", "10.7.7.2"), (ANY, "", "10.7.7.3")],
    ids=["bound", "IP_MULTICAST_IF", "route"],
)
def test_the_source_of_what_goes_to_a_group(peers, observe, *, own, chosen, source):
    left = peers.left
    add_addresses(left, "10.7.7.1/32", "10.7.7.2/32", "10.7.7.3/32")
    replace_route("224.0.0.0/4", left, prefsrc="10.7.7.3")
    with on(left, "udp") as sender, coming(peers.right) as seen:
        sender.bind((own, 0))
        choose_interface(sender, chosen)
        sender.sendto(b"hello", (GROUP, PORT))

        found = [came(seen, b"hello").source, address_of_interface(sender)]
        assert observe("source_and_interface", found) == [source, chosen or ANY]


def add_addresses(host: Host, *addresses: str) -> None:
    for address in addresses:
        host.namespace.add_address(host.device, address)


def send_to_group(sock: Socket, wire: Host, text: str) -> None:
    """Send a text to the group by a wire."""
    sock.ip_multicast_if = IpMreqn(ANY, address=wire.address)
    sock.sendto(text.encode(), (GROUP, PORT))


def choose_interface(sock: Socket, address: str) -> None:
    if address:
        sock.ip_multicast_if = IpMreqn(ANY, address=address)


def address_of_interface(sock: Socket) -> str:
    """The address in IP_MULTICAST_IF, which is read as that alone."""
    return socket.inet_ntoa(sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4))


@claim(
    "defacto/IP_ADD_MEMBERSHIP/of-one-interface",
    says="A UDP socket over IPv4 that joined a group by one interface, with IP_MULTICAST_ALL 0, does not "
    "receive what is sent to the group by another, which who joined by that one receives.",
    since="2.6.31",
    commit="f771bef98004",
    needs=[VETH],
)
def test_a_group_is_of_an_interface(peers, observe):
    other = second_wire(peers)
    with (
        member_alone(peers.right, PORT, peers.right) as first,
        member_alone(peers.right, PORT, other.right) as second,
        on(peers.left, "udp") as sender,
    ):
        send_to_group(sender, peers.left, "first")
        send_to_group(sender, other.left, "second")
        send_to_group(sender, peers.left, "last")
        send_to_group(sender, other.left, "last")

        found = [received_until("last", sock) for sock in (first, second)]
        assert observe("first_and_second", found) == [["first", "last"], ["second", "last"]]


@claim(
    "defacto/ICMP/not-of-groups",
    says="A datagram over IPv4 to a port that nobody has is answered with port unreachable; one to a group "
    "of which the host is a member, or to the broadcast address, is not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_a_group_is_not_answered(peers, observe):
    with (
        member(peers.right, PORT, peers.right) as receiver,
        on(peers.left, "udp") as sender,
        coming(peers.right) as seen,
        coming(peers.left) as answers,
    ):
        sender.broadcast = True
        sender.ip_multicast_if = IpMreqn(ANY, address=peers.left.address)
        sender.sendto(b"member", (GROUP, PORT))
        sender.sendto(b"group", (GROUP, PORT + 1))
        sender.sendto(b"all", ("10.0.1.255", PORT + 1))
        sender.sendto(b"host", (peers.right.address, PORT + 1))
        arrived = [came(seen, end).device for end in (b"group", b"all", b"host")]
        found = [receiver.recv(9).decode(), len(arrived), icmp_about(answers)]

        assert observe("received_arrived_about", found) == ["member", 3, [3, 3, peers.right.address]]


def icmp_about(seen: Socket) -> list[object]:
    """Type and code of the next ICMP message, and the destination of the packet it is about."""
    packet: bytes = next(one for one in iter(lambda: seen.recv(2000), b"") if one[9] == socket.IPPROTO_ICMP)
    return [packet[20], packet[21], socket.inet_ntoa(packet[44:48])]


@claim(
    "defacto/IP_TTL/zero-received",
    says="A datagram over IPv4 that comes with a time to live of 0 is received, by a host or by a member of "
    "the group to which it was sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@pytest.mark.parametrize("to", ["host", "group"])
def test_a_packet_without_time_to_live_is_received(peers, observe, to):
    host, link, joined = (
        (GROUP, bytes([1, 0, 0x5E, 1, 2, 3]), [peers.right])
        if to == "group"
        else (peers.right.address, hardware_address(peers.right), [])
    )
    with (
        member(peers.right, PORT, *joined) as receiver,
        packet_socket(peers.left, socket.SOCK_DGRAM, 0) as sender,
        coming(peers.right) as seen,
    ):
        whole = ipv4_packet(
            bytes(Datagram(9, PORT, b"hello")), destination=host, source=peers.left.address, protocol=17
        )
        sender.sendto(completed(whole, ttl=0), (peers.left.device, ETH_P_IP, 0, 0, link))
        ttl = came(seen, b"hello").ttl

        assert observe("ttl_and_received", [ttl, receiver.recv(9).decode()]) == [0, "hello"]
