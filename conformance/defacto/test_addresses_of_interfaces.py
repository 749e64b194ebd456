"""Sockets whose interfaces change: addresses that come and go, wires that are down, other link addresses."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, ROUTE_TIMERS, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.interfaces import set_of
from conformance.plugin.setups.neighbours import DELAY, forgotten_neighbour
from conformance.plugin.setups.packet_sockets import hardware_address, packet_socket
from conformance.plugin.setups.served import heard, on, say, serve
from conformance.plugin.setups.wires import came, coming, remove_address, second_wire, syn_came
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Host

NEEDS = (VETH, Capability.NET_RAW)
LATE = {4: ("10.0.1.77", "10.0.1.77/24"), 6: ("fd00:1::77", "fd00:1::77/64")}
ADDRESS, NETWORK = LATE[4]
ANY = {4: "0.0.0.0", 6: "::"}
INTERNET = pytest.mark.parametrize("kind", ["udp", "udp6", "tcp", "tcp6"])
TRANSPORTS = pytest.mark.parametrize("kind", ["udp", "tcp"])
BOTH_WIRES = pytest.mark.parametrize("second", [False, True], ids=["first-wire", "second-wire"])
PORT = 4321
LINK_TOLD = {"no-op: close() = 0": "what has told a link address may stay open"}

ETH_P_IP = 0x0800
NEW = bytes([2, 0, 0, 0, 0, 0x42])


def version_of(kind: str) -> int:
    return 6 if kind.endswith("6") else 4


@claim(
    "defacto/bind/address-added-later",
    says="A UDP socket, or a TCP listener, over IPv4 or IPv6, that is bound to the wildcard address takes "
    "what comes to an address that its host was given after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, IPV6],
)
@INTERNET
def test_a_later_address_is_served(peers, observe, kind):
    address, network = LATE[version_of(kind)]
    with serve(peers.right, kind, ANY[version_of(kind)]) as server, on(peers.left, kind) as client:
        peers.right.namespace.add_address(peers.right.device, network)
        say(client, "hello", (address, server.getsockname()[1]))

        assert observe("to_and_heard", [client.getpeername()[0], heard(server)]) == [address, "hello"]


@claim(
    "defacto/bind/address-removed-receives",
    says="A UDP socket over IPv4 that is bound to an address does not receive what comes to it after the "
    "address was removed, and does again once the host has it back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_a_removed_address_receives_nothing(peers, observe):
    right = peers.right
    right.namespace.add_address(right.device, NETWORK)
    with serve(right, "udp", ADDRESS) as server, on(peers.left, "udp") as client, coming(right) as seen:
        client.connect(server.getsockname())
        client.send(b"before")
        received = [server.recv(9).decode()]
        remove_address(right, NETWORK)
        client.send(b"meanwhile")
        arrived = came(seen, b"meanwhile").device == right.device
        early = answer(lambda: server.recv(9, socket.MSG_DONTWAIT))
        right.namespace.add_address(right.device, NETWORK)
        client.send(b"after")
        received.append(server.recv(9).decode())

        found = [arrived, early, received]
        assert observe("arrived_early_received", found) == [True, "EAGAIN", ["before", "after"]]


@claim(
    "defacto/listen/address-removed",
    says="A TCP listener over IPv4 that is bound to an address does not answer a SYN that comes to it after "
    "the address was removed, and accepts connections again once the host has it back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives={"no-op: close() = 0": "the connections before and after may stay open"},
)
def test_a_removed_address_accepts_nothing(peers, observe):
    right = peers.right
    right.namespace.add_address(right.device, NETWORK)
    with serve(right, "tcp", ADDRESS) as server, coming(right) as seen:
        with on(peers.left, "tcp") as client:
            say(client, "before", server.getsockname())
            received = [heard(server)]
        remove_address(right, NETWORK)
        with on(peers.left, "tcp") as client:
            syn_came(seen)
            client.setblocking(False)
            connected = answer(lambda: client.connect(server.getsockname()))
            arrived = syn_came(seen).device == right.device
            early = answer(lambda: client.send(b"x"))
        right.namespace.add_address(right.device, NETWORK)
        with on(peers.left, "tcp") as client:
            say(client, "after", server.getsockname())
            received.append(heard(server))

        found = [connected, arrived, early, received]
        assert observe("meanwhile_and_received", found) == [
            "EINPROGRESS",
            True,
            "EAGAIN",
            ["before", "after"],
        ]


@claim(
    "defacto/bind/address-removed-sends",
    says="A UDP send, or a TCP connect, of a socket over IPv4 that is bound to an address which its host has "
    "no more fails, and succeeds once the host has it back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@TRANSPORTS
def test_a_removed_address_sends_nothing(peers, observe, kind):
    left = peers.left
    left.namespace.add_address(left.device, NETWORK)
    with serve(peers.right, kind, peers.right.address) as server, on(left, kind) as client:
        client.bind((ADDRESS, 0))
        remove_address(left, NETWORK)
        with refused():
            say(client, "early", server.getsockname())
        left.namespace.add_address(left.device, NETWORK)
        say(client, "late", server.getsockname())

        assert observe("from_and_heard", [client.getsockname()[0], heard(server)]) == [ADDRESS, "late"]


@claim(
    "defacto/send/address-removed-udp",
    says="A send on a UDP socket over IPv4 that is bound to an address and connected fails after "
    "its host lost the address, and arrives once the host has it back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_a_connected_socket_loses_its_address(peers, observe):
    left = peers.left
    left.namespace.add_address(left.device, NETWORK)
    with serve(peers.right, "udp", peers.right.address) as server, on(left, "udp") as client:
        client.bind((ADDRESS, 0))
        client.connect(server.getsockname())
        client.send(b"before")
        remove_address(left, NETWORK)
        with refused():
            client.send(b"meanwhile")
        left.namespace.add_address(left.device, NETWORK)
        client.send(b"after")

        assert observe("received", [server.recv(9).decode() for _ in range(2)]) == ["before", "after"]


@claim(
    "defacto/send/address-removed-tcp",
    says="A send on a TCP connection over IPv4 succeeds after its host lost the address of the connection; "
    "what was sent arrives once the host has it back.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, ROUTE_TIMERS],
)
def test_a_connection_loses_its_address(peers, observe):
    left, right = peers.left, peers.right
    left.namespace.add_route(f"{right.address}/32", dev=left.device, rto_min=0.005)
    left.namespace.add_address(left.device, NETWORK)
    with serve(right, "tcp", right.address) as server, on(left, "tcp") as client:
        client.bind((ADDRESS, 0))
        client.connect(server.getsockname())
        with server.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            remove_address(left, NETWORK)
            sent = client.send(b"hello")
            early = answer(lambda: accepted.recv(9, socket.MSG_DONTWAIT))
            left.namespace.add_address(left.device, NETWORK)

            found = [sent, early, accepted.read_exact(5).decode()]
            assert observe("sent_early_received", found) == [5, "EAGAIN", "hello"]


@claim(
    "defacto/bind/interface-down",
    says="A UDP socket, or a TCP one, over IPv4 can be bound to the address of an interface that is down, "
    "and sends, or connects, by another interface from that address.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
def test_an_address_of_an_interface_that_is_down(peers, observe, kind):
    other = second_wire(peers, up=False)
    peers.right.namespace.add_route(f"{other.left.address}/32", via=peers.left.address)
    with (
        serve(peers.right, kind, peers.right.address) as server,
        on(peers.left, kind) as client,
        coming(peers.right) as seen,
    ):
        client.bind((other.left.address, 0))
        say(client, "hello", server.getsockname())
        found = came(seen, b"hello")

        assert observe("from_and_heard", [found.source, heard(server)]) == [other.left.address, "hello"]


@claim(
    "defacto/bind/interface-down-reached",
    says="A UDP socket, or a TCP listener, over IPv4 that is bound to the address of an interface that is "
    "down is reached by another interface.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
def test_an_address_of_an_interface_that_is_down_is_reached(peers, observe, kind):
    other = second_wire(peers, up=False)
    peers.left.namespace.add_route(f"{other.right.address}/32", via=peers.right.address)
    with serve(peers.right, kind, other.right.address) as server, on(peers.left, kind) as client:
        say(client, "hello", server.getsockname())

        assert observe("heard", heard(server)) == "hello"


@claim(
    "defacto/TCP/interface-down",
    says="A TCP connection over IPv4 is there after the interface of one end was set down and up again; what "
    "was sent meanwhile arrives.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
def test_a_connection_outlasts_its_interface(peers, observe):
    left, right = peers.left, peers.right
    with serve(right, "tcp", right.address) as server, on(left, "tcp") as client:
        client.connect(server.getsockname())
        with server.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            left.namespace.set_link(left.device, up=False)
            sent = client.send(b"hello")
            early = answer(lambda: accepted.recv(9, socket.MSG_DONTWAIT))
            left.namespace.set_link(left.device, up=True)

            found = [sent, early, accepted.read_exact(5).decode()]
            assert observe("sent_early_received", found) == [5, "EAGAIN", "hello"]


@claim(
    "defacto/send/source-by-destination",
    says="What a UDP or TCP socket over IPv4 that is not bound sends has as its source "
    "the address of the interface by which the destination is reached.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
@BOTH_WIRES
def test_the_source_is_of_the_interface(peers, observe, kind, second):
    wire = second_wire(peers)
    chosen = wire if second else peers

    found = source_and_named(kind, peers.left, chosen.right)

    assert observe("source_and_named", found) == [chosen.left.address, True]


@claim(
    "defacto/send/source-in-network",
    says="What a UDP or TCP socket over IPv4 that is not bound sends has as its source "
    "that of several addresses of the interface which is in the network of the destination.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
)
@TRANSPORTS
@BOTH_WIRES
def test_the_source_is_in_the_network(peers, observe, kind, second):
    for number, host in enumerate((peers.left, peers.right), 1):
        host.namespace.add_address(host.device, f"10.0.7.{number}/24")
    there, here = (
        (Host(peers.right.namespace, peers.right.device, "10.0.7.2", None), "10.0.7.1")
        if second
        else (peers.right, peers.left.address)
    )

    found = source_and_named(kind, peers.left, there)

    assert observe("source_and_named", found) == [here, True]


def source_and_named(kind: str, left: Host, right: Host) -> list[object]:
    """The source of what a socket sends to a host, and whether it is the name of the socket."""
    with serve(right, kind, right.address) as server, on(left, kind) as client, coming(right) as seen:
        say(client, "hello", server.getsockname())
        source = came(seen, b"hello").source
        return [source, client.getsockname()[0] == source]


@claim(
    "bind.2/bind/source-of-another-network",
    sentence="bind.2/bind/assigns",
    section="DESCRIPTION",
    says="What a UDP socket over IPv4 sends that is bound to one of two addresses of an interface, in "
    "another network than the destination's, has that address and the socket's port as its source.",
    needs=NEEDS,
)
def test_a_bound_address_is_the_source(peers, observe):
    left, right = peers.left, peers.right
    left.namespace.add_address(left.device, "10.0.7.1/24")
    with serve(right, "udp", right.address) as server, on(left, "udp") as client:
        client.bind(("10.0.7.1", PORT))
        client.sendto(b"hello", server.getsockname())
        data, source = server.recvfrom(9)

        assert observe("data_and_source", [data.decode(), *source]) == ["hello", "10.0.7.1", PORT]


@claim(
    "defacto/send/link-address-changed",
    says="What a UDP socket or a TCP connection over IPv4 sends has the link address as its source that its "
    "interface has at that time, also where it was changed after the socket had connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=NEEDS,
    survives=LINK_TOLD,
)
@TRANSPORTS
def test_another_link_address(peers, observe, kind):
    left, right = peers.left, peers.right
    with (
        serve(right, kind, right.address) as server,
        on(left, kind) as client,
        packet_socket(right, protocol=ETH_P_IP) as seen,
    ):
        old = hardware_address(left)
        client.connect(server.getsockname())
        client.send(b"before")
        sources = [frame_source(seen, b"before") == old]
        set_of(client, "SIOCSIFHWADDR", NEW.hex(":"), left.device)
        client.send(b"after")
        sources.append(frame_source(seen, b"after") == NEW)

        assert observe("old_and_new", sources) == [True, True]


def frame_source(seen: Socket, end: bytes) -> bytes:
    """The link address from which the next frame comes that ends with these bytes."""
    frame: bytes = next(one for one in iter(lambda: seen.recv(2000), b"") if one.endswith(end))
    return frame[6:12]


@claim(
    "defacto/TCP/neighbour",
    says="A neighbour of which nothing was heard for a while, and to which a TCP connection over IPv4 or "
    "IPv6 sends data that is acknowledged, is not asked whether it is there, as it is where nothing is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, IPV6],
    survives={
        **LINK_TOLD,
        "no-op: ioctl(SIOCGIFINDEX*": "the interpreter holds what it was told at the call before",
    },
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
@pytest.mark.parametrize("sends", [0, 2])
def test_a_neighbour_is_known_by_what_it_acknowledges(peers, observe, kind, sends):
    with forgotten_neighbour(peers, kind) as (client, accepted, neighbour):
        send_and_read(client, accepted, sends)
        neighbour.become("stale")
        neighbour.become(DELAY)
        asked = neighbour.asked()
        neighbour.be_new("stale")
        neighbour.become(DELAY)

        assert observe("asked", [asked, neighbour.asked()]) == [sends == 0, True]


def send_and_read(client: Socket, server: Socket, times: int) -> None:
    """Send something some times, and read it."""
    for _ in range(times):
        client.send(b"hello")
        server.read_exact(5)
