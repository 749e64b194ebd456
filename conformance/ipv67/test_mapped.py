"""IPv4 by sockets of IPv6: mapped addresses, and ports that both share."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Socket

FOUR, MAPPED = "127.0.0.1", "::ffff:127.0.0.1"

BOTH = pytest.mark.parametrize("transport", [(tcp6, Socket.tcp), (udp6, Socket.udp)], ids=["tcp", "udp"])


@claim(
    "ipv6.7/mapped/to-ipv4",
    sentence=(
        "ipv6.7/description/mapped",
        "ipv6.7/description/one-api",
        "ipv6.7/addresses/types",
        "ipv6.7/addresses/special",
    ),
    section="DESCRIPTION",
    says="An IPv6 TCP socket connects to an IPv4 one at the address ::ffff: and its IPv4 address, and data "
    "goes both ways. The peer sees an IPv4 address.",
    needs=[IPV6],
)
def test_it_connects_to_ipv4(ns, observe):
    with listening(FOUR) as listener, tcp6() as client:
        client.rcvtimeo = SOON
        client.connect((MAPPED, listener.getsockname()[1]))
        await_readable(listener)
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            client.send(b"hello")
            server.send(server.recv(9).upper())
            names = [client.getpeername()[0], client.getsockname()[0], server.getpeername()[0]]

            assert [observe("addresses", names), observe("received", client.recv(9).decode())] == [
                [MAPPED, MAPPED, FOUR],
                "HELLO",
            ]


@claim(
    "ipv6.7/mapped/to-ipv4-udp",
    sentence=("ipv6.7/description/mapped", "ipv6.7/description/one-api", "ipv6.7/addresses/types"),
    section="DESCRIPTION",
    says="An IPv6 UDP socket sends to an IPv4 one at its mapped address, and receives its answers. The peer "
    "sees an IPv4 address.",
    needs=[IPV6],
)
def test_it_sends_to_ipv4(ns, observe):
    with Socket.udp() as server, udp6() as client:
        client.rcvtimeo = server.rcvtimeo = SOON
        server.bind((FOUR, 0))
        client.sendto(b"hello", (MAPPED, server.getsockname()[1]))
        data, peer = server.recvfrom(9)
        server.sendto(data.upper(), peer)

        assert [observe("peer", peer[0]), observe("received", client.recv(9).decode())] == [FOUR, "HELLO"]


@claim(
    "ipv6.7/mapped/to-ipv4-udp-connected",
    sentence=("ipv6.7/description/mapped", "ipv6.7/description/one-api", "ipv6.7/addresses/types"),
    section="DESCRIPTION",
    says="An IPv6 UDP socket connects to an IPv4 one at its mapped address, sends to it, and receives its "
    "answers. The peer sees an IPv4 address.",
    needs=[IPV6],
)
def test_a_udp_socket_connects_to_ipv4(ns, observe):
    with Socket.udp() as server, udp6() as client:
        client.rcvtimeo = server.rcvtimeo = SOON
        server.bind((FOUR, 0))
        client.connect((MAPPED, server.getsockname()[1]))
        client.send(b"hello")
        data, peer = server.recvfrom(9)
        server.sendto(data.upper(), peer)
        addresses = [peer[0], client.getpeername()[0]]

        assert [observe("addresses", addresses), observe("received", client.recv(9).decode())] == [
            [FOUR, MAPPED],
            "HELLO",
        ]


@claim(
    "ipv6.7/mapped/connections-from-ipv4",
    sentence=("ipv6.7/description/mapped", "ipv6.7/description/mapped-source"),
    section="DESCRIPTION",
    says="A TCP socket that listens at :: accepts connections from IPv4, whose addresses are mapped.",
    needs=[IPV6],
)
def test_ipv4_connects_to_it(ns, observe):
    with listening("::") as listener, Socket.tcp() as client:
        client.connect((FOUR, listener.getsockname()[1]))
        await_readable(listener)
        server, address = listener.accept()
        with server:
            server.rcvtimeo = SOON
            client.send(b"hello")
            names = [address[0], server.getpeername()[0], server.getsockname()[0]]

            assert [observe("addresses", names), observe("received", server.recv(9).decode())] == [
                [MAPPED] * 3,
                "hello",
            ]


@claim(
    "ipv6.7/mapped/packets-from-ipv4",
    sentence=("ipv6.7/description/mapped", "ipv6.7/description/mapped-source"),
    section="DESCRIPTION",
    says="A UDP socket bound to :: receives packets from IPv4, whose source is mapped.",
    needs=[IPV6],
)
def test_ipv4_sends_to_it(ns, observe):
    with udp6() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", 0))
        sender.sendto(b"hello", (FOUR, receiver.getsockname()[1]))
        data, address = receiver.recvfrom(9)

        assert observe("received", [data.decode(), address[0], *address[2:]]) == ["hello", MAPPED, 0, 0]


@claim(
    "ipv6.7/ports/shared",
    sentence=("ipv6.7/description/shared-ports", "ipv6.7/addresses/shared-ports"),
    section="DESCRIPTION",
    says="A port that a TCP or UDP socket of IPv6 is bound to, at any address or at a mapped one, cannot be "
    "bound by one of IPv4 until that is closed, nor the other way round.",
    needs=[IPV6],
)
@BOTH
@pytest.mark.parametrize(
    ("at_six", "at_four"),
    [("::", "0.0.0.0"), ("::", FOUR), (MAPPED, FOUR), (MAPPED, "0.0.0.0")],
    ids=["any", "any-and-one", "mapped", "mapped-and-any"],
)
def test_both_share_the_ports(ns, observe, transport, at_six, at_four):
    six, four = transport
    with four() as first, four() as second, six() as third:
        with six() as before:
            before.bind((at_six, 0))
            port = before.getsockname()[1]
            with refused(name="errno_four"):
                first.bind((at_four, port))
        second.bind((at_four, port))
        with refused(name="errno_six"):
            third.bind((at_six, port))

        assert observe("bound", second.getsockname() == (at_four, port)) is True
