"""IPV6_PKTINFO: the address and the interface that a datagram is sent from."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET6, IPPROTO_IPV6, inet_pton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    LOOPBACK,
    address6,
    index_of,
    packet_options,
    tcp6,
    udp6,
    udp6_across,
)
from conformance.plugin.timing import SOON
from libsocket import IPV6_2292PKTOPTIONS, IPV6_PKTINFO, In6Pktinfo, Socket, raw
from netns import Peers

KIND, SIZE = 50, 20
"""The type of the control message, and the size of a struct in6_pktinfo."""
ANOTHER, FOREIGN = "fd00:9::1", "2001:db8::1"


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


@contextmanager
def unbound_across(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A UDP sender on the left that is neither bound nor connected, and a receiver on the right."""
    with hosts.left.entered():
        sender = udp6()
    with hosts.right.entered():
        receiver = udp6()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.bind((address6(hosts.right), 0))
        yield sender, receiver


def information(address: str, interface: int) -> bytes:
    """A control message IPV6_PKTINFO."""
    return packet_options(KIND, inet_pton(AF_INET6, address) + interface.to_bytes(4, sys.byteorder))


@claim(
    "defacto/IPV6_PKTINFO/source",
    says="A control message IPV6_PKTINFO sets the address that a datagram of a UDP socket of IPv6 is sent "
    "from, and of that one only.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6],
)
def test_a_control_message_sets_the_source(ns, observe):
    ns.add_address("lo", f"{ANOTHER}/128")
    with udp6() as sender, udp6() as receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("::1", 0))
        sender.send_message(b"with", In6Pktinfo(ANOTHER), address=receiver.getsockname())
        sender.sendto(b"after", receiver.getsockname())
        sources = [receiver.recvfrom(9)[1][0], receiver.recvfrom(9)[1][0]]

        assert observe("with_and_after", sources) == [ANOTHER, "::1"]


@claim(
    "defacto/IPV6_PKTINFO/errnos",
    says="A UDP socket of IPv6 cannot send with a control message IPV6_PKTINFO that has an address which its "
    "host does not have, with net.ipv6.ip_nonlocal_bind at 0, nor with one that has another interface than "
    "the socket is bound to (EINVAL).",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, VETH],
)
def test_what_cannot_be_the_source(peers, observe):
    with udp6_across(peers) as (sender, receiver):
        with refused(errno.EINVAL, "errno_foreign"):
            sender.send_message(b"foreign", In6Pktinfo(FOREIGN))
        sender.bindtodevice = peers.left.device
        with refused(errno.EINVAL, "errno_interface"):
            sender.send_message(b"elsewhere", In6Pktinfo(ifindex=LOOPBACK))
        sender.send_message(b"own", In6Pktinfo(address6(peers.left), index_of(peers.left)))

        assert observe("received", receiver.recv(9).decode()) == "own"


@claim(
    "defacto/IPV6_PKTINFO/interface",
    says="A datagram of a UDP socket of IPv6 that is not bound to an address leaves by the interface that is "
    "in a control message IPV6_PKTINFO without an address, where another has the better route.",
    since="4.3",
    commit="741a11d9e410",
    needs=[IPV6, VETH],
    survives={"no-op: sendto(*by the route*": "it only shows that the route leads elsewhere"},
)
def test_a_control_message_sets_the_interface(misrouted, observe):
    with unbound_across(misrouted) as (sender, receiver):
        sender.sendto(b"by the route", receiver.getsockname())
        by_interface = In6Pktinfo(ifindex=index_of(misrouted.left))
        sender.send_message(b"by the message", by_interface, address=receiver.getsockname())

        assert observe("received", receiver.recv(20).decode()) == "by the message"


@claim(
    "defacto/IPV6_PKTINFO/interface-with-address",
    says="Where the closest route is an unreachable one, a UDP socket of IPv6 that is not bound to an "
    "address sends with a control message IPV6_PKTINFO that has the interface of another route, and not with "
    "one that has an address as well (EHOSTUNREACH).",
    since="4.3",
    commit="d46a9d678e4c",
    needs=[IPV6, VETH],
)
def test_with_an_address_the_interface_chooses_no_route(peers, observe):
    peers.left.namespace.add_route(f"{address6(peers.right)}/128", type="unreachable")
    with unbound_across(peers) as (sender, receiver):
        both = In6Pktinfo(address6(peers.left), index_of(peers.left))
        with refused(errno.EHOSTUNREACH):
            sender.send_message(b"both", both, address=receiver.getsockname())
        by_interface = In6Pktinfo(ifindex=index_of(peers.left))
        sender.send_message(b"by the interface", by_interface, address=receiver.getsockname())

        assert observe("received", receiver.recv(20).decode()) == "by the interface"


@claim(
    "defacto/IPV6_PKTINFO/option",
    says="Datagrams of a UDP socket of IPv6 that is not bound to an address leave by the interface that the "
    "option IPV6_PKTINFO names, where another has the better route. They are not sent from the address that "
    "it names.",
    since="4.3",
    commit="741a11d9e410",
    needs=[IPV6, VETH],
    survives={"no-op: sendto(*by the route*": "it only shows that the route leads elsewhere"},
)
def test_the_option_sets_the_interface_only(misrouted, observe):
    left = misrouted.left
    left.namespace.add_address(left.device, f"{ANOTHER}/128")
    with unbound_across(misrouted) as (sender, receiver):
        sender.sendto(b"by the route", receiver.getsockname())
        sender.ipv6_pktinfo = In6Pktinfo(ANOTHER, index_of(left))
        sender.sendto(b"by the option", receiver.getsockname())
        data, source = receiver.recvfrom(20)

        assert observe("received_from", [data.decode(), source[0]]) == ["by the option", address6(left)]


@claim(
    "defacto/IPV6_PKTINFO/option-of-stream",
    says="IPV6_2292PKTOPTIONS of a new TCP socket over IPv6 with IPV6_RECVPKTINFO reads as one control "
    "message IPV6_PKTINFO: at first without an address and an interface, and with those that the "
    "option IPV6_PKTINFO is set to once it is.",
    since="2.6.29",
    commit="b24a2516d107",
    needs=[IPV6],
)
def test_a_stream_reads_what_the_option_was_set_to(ns, observe):
    with tcp6() as sock:
        sock.ipv6_recvpktinfo = True
        before = sock.get(IPV6_2292PKTOPTIONS)
        sock.ipv6_pktinfo = In6Pktinfo(ANOTHER, LOOPBACK)
        after = sock.get(IPV6_2292PKTOPTIONS)
        expected = [information("::", 0), information(ANOTHER, LOOPBACK)]

        assert observe("before_and_after", [before.hex(), after.hex()]) == [
            (one + bytes(-len(one) % 8)).hex() for one in expected
        ]


@claim(
    "defacto/IPV6_PKTINFO/option-errnos",
    says="Setting IPV6_PKTINFO of a UDP socket of IPv6 with fewer bytes than a struct in6_pktinfo has, or of "
    "one that is bound to an interface to another, fails with EINVAL. It cannot be read (ENOPROTOOPT).",
    since="2.6.29",
    commit="b24a2516d107",
    needs=[IPV6, VETH],
    survives={
        "no-op: setsockopt(*IPV6_PKTINFO*, 20) = 0*": "it is the interface that the socket is bound to"
    },
)
@pytest.mark.parametrize("size", [0, 4, 19])
def test_errnos_of_the_option(peers, observe, size):
    with udp6_across(peers) as (sender, receiver):
        sender.bindtodevice = peers.left.device
        with refused(errno.EINVAL, "errno_size"):
            sender.set(IPV6_PKTINFO.through(raw(SIZE)), bytes(size))
        with refused(errno.EINVAL, "errno_interface"):
            sender.ipv6_pktinfo = In6Pktinfo(ifindex=LOOPBACK)
        sender.ipv6_pktinfo = In6Pktinfo(ifindex=index_of(peers.left))
        with refused(errno.ENOPROTOOPT, "errno_read"):
            sender.getsockopt(IPPROTO_IPV6, IPV6_PKTINFO.number, SIZE)
        sender.send(b"hello")

        assert observe("received", receiver.recv(9).decode()) == "hello"
