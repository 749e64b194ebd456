"""IPV6_ADDRFORM: a socket of IPv6 becomes one of IPv4."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import SO_DOMAIN, Socket

FOUR, MAPPED = "127.0.0.1", "::ffff:127.0.0.1"


@claim(
    "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/tcp",
    sentence=(
        "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/turns",
        "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/connected-and-mapped",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="A TCP connection from IPv4, accepted by a socket of IPv6, becomes one of IPv4: its family and its "
    "addresses are, and data goes on.",
    needs=[IPV6],
)
def test_an_accepted_connection_becomes_one_of_ipv4(ns, observe):
    with listening("::") as listener, Socket.tcp() as client:
        client.connect((FOUR, listener.getsockname()[1]))
        await_readable(listener)
        with listener.accept()[0] as server:
            before = [server.get(SO_DOMAIN), server.getpeername()[0]]
            server.ipv6_addrform = AF_INET
            with Socket.from_fd(server.detach()) as turned:
                turned.rcvtimeo = SOON
                client.send(b"hello")
                after = [turned.get(SO_DOMAIN), turned.getpeername()[0]]

                assert [
                    observe("before_and_after", [*before, *after]),
                    observe("received", turned.recv(9).decode()),
                ] == [[AF_INET6, MAPPED, AF_INET, FOUR], "hello"]


@claim(
    "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/udp",
    sentence=(
        "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/turns",
        "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/connected-and-mapped",
    ),
    section="DESCRIPTION",
    says="A UDP socket of IPv6 that is connected to a mapped address becomes one of IPv4: its family and its "
    "addresses are, and datagrams go both ways.",
    needs=[IPV6],
)
def test_a_connected_udp_socket_becomes_one_of_ipv4(ns, observe):
    with Socket.udp() as peer, udp6() as sock:
        peer.rcvtimeo = SOON
        peer.bind((FOUR, 0))
        sock.connect((MAPPED, peer.getsockname()[1]))
        before = [sock.get(SO_DOMAIN), sock.getpeername()[0]]
        sock.ipv6_addrform = AF_INET
        with Socket.from_fd(sock.detach()) as turned:
            turned.rcvtimeo = SOON
            turned.send(b"hello")
            data, address = peer.recvfrom(9)
            peer.sendto(data.upper(), address)
            after = [turned.get(SO_DOMAIN), turned.getpeername()[0]]

            assert [
                observe("before_and_after", [*before, *after]),
                observe("received", turned.recv(9).decode()),
            ] == [[AF_INET6, MAPPED, AF_INET, FOUR], "HELLO"]


@claim(
    "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/inet-only",
    sentence="IPV6_ADDRFORM.2const/IPV6_ADDRFORM/inet-only",
    section="DESCRIPTION",
    says="A connected UDP socket of IPv6 does not become one of another family than AF_INET.",
    needs=[IPV6],
)
@pytest.mark.parametrize("family", [AF_UNSPEC, AF_UNIX, AF_INET6, -1])
def test_it_becomes_one_of_ipv4_only(ns, observe, family):
    with udp6() as sock:
        sock.connect((MAPPED, 9))
        with refused():
            sock.ipv6_addrform = family
        before = sock.get(SO_DOMAIN)
        sock.ipv6_addrform = AF_INET

        assert observe("before_and_after", [before, sock.get(SO_DOMAIN)]) == [AF_INET6, AF_INET]


@claim(
    "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/unconnected",
    sentence="IPV6_ADDRFORM.2const/IPV6_ADDRFORM/connected-and-mapped",
    section="DESCRIPTION",
    says="A UDP or TCP socket of IPv6 that is not connected does not become one of IPv4, bound to a mapped "
    "address or not.",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
@pytest.mark.parametrize("address", ["::", MAPPED], ids=["any", "mapped"])
def test_it_must_be_connected(ns, observe, make, address):
    with listening(FOUR) as listener, make() as sock:
        sock.bind((address, 0))
        with refused():
            sock.ipv6_addrform = AF_INET
        bound = sock.getsockname()[0]
        sock.connect((MAPPED, listener.getsockname()[1]))
        sock.ipv6_addrform = AF_INET

        assert observe("bound_and_family", [bound, sock.get(SO_DOMAIN)]) == [address, AF_INET]


@claim(
    "IPV6_ADDRFORM.2const/IPV6_ADDRFORM/of-ipv6",
    sentence="IPV6_ADDRFORM.2const/IPV6_ADDRFORM/connected-and-mapped",
    section="DESCRIPTION",
    says="A UDP socket that is connected to an IPv6 address does not become one of IPv4.",
    needs=[IPV6],
)
def test_its_peer_must_be_mapped(ns, observe):
    with udp6() as sock:
        sock.connect(("::1", 9))
        with refused():
            sock.ipv6_addrform = AF_INET
        before = [sock.getpeername()[0], sock.get(SO_DOMAIN)]
        sock.connect((MAPPED, 9))
        sock.ipv6_addrform = AF_INET

        assert observe("before_and_after", [*before, sock.get(SO_DOMAIN)]) == ["::1", AF_INET6, AF_INET]
