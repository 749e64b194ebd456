"""IPV6_UNICAST_IF: the interface that packets to one host leave by."""

from __future__ import annotations

import errno
from socket import htonl

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, address6, index_of, tcp6, udp6
from conformance.plugin.timing import SOON
from libsocket import INT, IPV6_UNICAST_IF

NO_INTERFACE = 999
TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])


@pytest.fixture
def misrouted(peers):
    """Two hosts, of which the left one has a closer route to the right by an interface that leads nowhere."""
    left = peers.left.namespace
    left.add_veth("better", "nowhere")
    left.set_link("better", up=True)
    left.set_link("nowhere", up=True)
    left.wait_for_carrier("better")
    left.add_route(f"{address6(peers.right)}/128", dev="better")
    return peers


@claim(
    "defacto/IPV6_UNICAST_IF/value",
    says="IPV6_UNICAST_IF of a TCP or UDP socket of IPv6 is 0 at first. It is set to the index of an "
    "interface, or 0, in network byte order, and reads back so.",
    since="3.4",
    commit="c4062dfc425e",
    needs=[IPV6],
)
@TRANSPORTS
def test_it_is_the_index_of_an_interface(ns, observe, make):
    with make() as sock:
        octets = [sock.get(IPV6_UNICAST_IF.through(INT))]
        sock.set(IPV6_UNICAST_IF.through(INT), htonl(LOOPBACK))
        octets.append(sock.get(IPV6_UNICAST_IF.through(INT)))
        sock.set(IPV6_UNICAST_IF.through(INT), 0)
        octets.append(sock.get(IPV6_UNICAST_IF.through(INT)))

        assert observe("first_set_cleared", octets) == [0, htonl(LOOPBACK), 0]


@claim(
    "defacto/IPV6_UNICAST_IF/errnos",
    says="Setting IPV6_UNICAST_IF of a TCP or UDP socket of IPv6 to an index that no interface has fails "
    "with EADDRNOTAVAIL; of one that is bound to an interface, to that or another, with EINVAL; to 0 not.",
    since="3.4",
    commit="c4062dfc425e",
    needs=[IPV6, VETH],
)
@TRANSPORTS
def test_what_cannot_be_set(peers, observe, make):
    with peers.left.entered(), make() as sock:
        sock.ipv6_unicast_if = LOOPBACK
        with refused(errno.EADDRNOTAVAIL, "errno_missing"):
            sock.ipv6_unicast_if = NO_INTERFACE
        kept = sock.ipv6_unicast_if
        sock.bindtodevice = "lo"
        with refused(errno.EINVAL, "errno_bound"):
            sock.ipv6_unicast_if = LOOPBACK
        with refused(errno.EINVAL, "errno_another"):
            sock.ipv6_unicast_if = index_of(peers.left)
        sock.ipv6_unicast_if = 0

        assert observe("kept_and_cleared", [kept, sock.ipv6_unicast_if]) == [LOOPBACK, 0]


@claim(
    "defacto/IPV6_UNICAST_IF/datagrams",
    says="What a UDP socket of IPv6 that is neither bound to an address nor connected sends to a unicast "
    "address leaves by the interface that IPV6_UNICAST_IF is, where another has the better route.",
    since="4.3",
    commit="741a11d9e410",
    needs=[IPV6, VETH],
    survives={"no-op: sendto(*by the route*": "it only shows that the route leads elsewhere"},
)
def test_datagrams_leave_by_it(misrouted, observe):
    with misrouted.left.entered():
        sender = udp6()
    with misrouted.right.entered():
        receiver = udp6()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.bind((address6(misrouted.right), 0))
        sender.sendto(b"by the route", receiver.getsockname())
        sender.ipv6_unicast_if = index_of(misrouted.left)
        sender.sendto(b"by the option", receiver.getsockname())

        assert observe("received", receiver.recv(20).decode()) == "by the option"
