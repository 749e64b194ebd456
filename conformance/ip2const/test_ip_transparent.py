"""IP_TRANSPARENT: a socket that speaks for other hosts."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTING_RULES, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers, only

FOREIGN = "10.0.3.3"


def route_to_the_right(hosts: Peers) -> None:
    """Let the right host take what the left one sends to the foreign address, which stays foreign to it."""
    hosts.left.namespace.add_route(f"{FOREIGN}/32", via=hosts.right.address, dev=hosts.left.device)
    right = hosts.right.namespace
    right.add_route(f"{FOREIGN}/32", type="local", dev="lo", table=100)
    right.add_rule(table=100, source="10.0.1.0/24")


@claim(
    "IP_TRANSPARENT.2const/IP_TRANSPARENT/datagrams",
    sentence=("IP_TRANSPARENT.2const/IP_TRANSPARENT/foreign", "IP_TRANSPARENT.2const/IP_TRANSPARENT/routing"),
    section="DESCRIPTION",
    says="A UDP socket with IP_TRANSPARENT is bound to an address that this host does not have, receives "
    "what another host sends there, where that is routed to this host, and answers from that address. "
    "Without it the address is refused.",
    since="2.6.24",
    needs=[VETH, ROUTING_RULES, Capability.NET_ADMIN],
)
def test_datagrams_are_received_and_sent_for_others(peers, observe):
    route_to_the_right(peers)
    with peers.left.entered():
        client = Socket.udp()
    with peers.right.entered(), client, Socket.udp() as server:
        client.rcvtimeo = server.rcvtimeo = SOON
        server.ip_transparent = True
        server.bind((FOREIGN, 0))
        client.connect(server.getsockname())
        client.send(b"question")
        question, address = server.recvfrom(9)
        server.sendto(b"answer", address)

        assert observe("received", [question.decode(), client.recv(9).decode()]) == ["question", "answer"]


@claim(
    "IP_TRANSPARENT.2const/IP_TRANSPARENT/foreign",
    sentence=(
        "IP_TRANSPARENT.2const/IP_TRANSPARENT/foreign",
        "tproxy/non-local-sockets/option",
        "capabilities.7/CAP_NET_ADMIN/transparent-proxying",
    ),
    section="DESCRIPTION",
    says="A TCP or UDP socket without IP_TRANSPARENT cannot be bound to an address that this host does not "
    "have, and one with it can.",
    since="2.6.24",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_the_address_may_be_foreign(ns, observe, make):
    with make() as sock:
        with refused():
            sock.bind((FOREIGN, 0))
        sock.ip_transparent = True
        sock.bind((FOREIGN, 0))

        assert observe("address", sock.getsockname()[0]) == FOREIGN


@claim(
    "IP_TRANSPARENT.2const/IP_TRANSPARENT/streams",
    sentence=("IP_TRANSPARENT.2const/IP_TRANSPARENT/foreign", "IP_TRANSPARENT.2const/IP_TRANSPARENT/routing"),
    section="DESCRIPTION",
    says="A TCP socket with IP_TRANSPARENT listens at an address that this host does not have, and another "
    "one connects from there, where that is routed to this host.",
    since="2.6.24",
    needs=[VETH, ROUTING_RULES, Capability.NET_ADMIN],
)
def test_connections_are_made_for_others(peers, observe):
    route_to_the_right(peers)
    with peers.left.entered():
        client, server = Socket.tcp(), Socket.tcp()
    with peers.right.entered(), client, server, Socket.tcp() as proxy, Socket.tcp() as onward:
        proxy.rcvtimeo = server.rcvtimeo = SOON
        proxy.ip_transparent = onward.ip_transparent = True
        proxy.bind((FOREIGN, 0))
        proxy.listen()
        server.bind((peers.left.address, 0))
        server.listen()
        client.connect(proxy.getsockname())
        onward.bind((FOREIGN, 0))
        onward.connect(server.getsockname())
        accepted, _ = proxy.accept()
        connected, source = server.accept()
        with accepted, connected:
            seen = [accepted.getsockname()[0], source[0]]

            assert observe("listens_at_and_connects_from", seen) == [FOREIGN, FOREIGN]


@claim(
    "IP_TRANSPARENT.2const/IP_TRANSPARENT/clearing-free",
    sentence="IP_TRANSPARENT.2const/IP_TRANSPARENT/privilege",
    section="DESCRIPTION",
    says="Turning IP_TRANSPARENT of a UDP socket off takes no capability, where turning it on does.",
    since="2.6.24",
    needs=[Capability.NET_ADMIN],
)
def test_clearing_takes_no_capability(ns, observe):
    with Socket.udp() as sock:
        sock.ip_transparent = True
        before = sock.ip_transparent
        with only():
            sock.ip_transparent = False
            with refused(errno.EPERM):
                sock.ip_transparent = True

        assert observe("set_and_cleared", [before, sock.ip_transparent]) == [True, False]
