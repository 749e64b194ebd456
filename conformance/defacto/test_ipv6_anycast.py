"""IPV6_JOIN_ANYCAST and IPV6_LEAVE_ANYCAST: addresses that several hosts have."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import address6, index_of, udp6
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import Ipv6Mreq, Socket
from netns import Capability, Peers, only, without

SINCE, COMMIT = "2.6.12", "1da177e4c3f4"
NEEDS: Final = (VETH, IPV6, Capability.NET_ADMIN)
ANYCAST, ELSEWHERE, GROUP = "fd00:1::99", "fd00:9::99", "ff05::1234"
NO_INTERFACE: Final = 999


def anycast(hosts: Peers, address: str = ANYCAST) -> Ipv6Mreq:
    """An address on the interface of the right host."""
    return Ipv6Mreq(address, index_of(hosts.right))


@contextmanager
def exchange(hosts: Peers) -> Iterator[tuple[Socket, Socket, Socket]]:
    """A sender on the left, and on the right a receiver and a socket for the membership."""
    right = hosts.right
    right.namespace.sysctl[f"net.ipv6.neigh.{right.device}.proxy_delay"] = 0
    with hosts.left.entered():
        sender = udp6()
    with right.entered(), sender, udp6() as receiver, udp6() as member:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", 0))
        yield sender, receiver, member


@claim(
    "defacto/IPV6_JOIN_ANYCAST/of-the-host",
    says="What is sent to an address that a UDP socket joined with IPV6_JOIN_ANYCAST is received by another "
    "UDP socket of that host too, until the first is closed.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
    survives={'no-op: sendto("closed"*': "what is not delivered may as well not have been sent"},
)
def test_the_host_receives_until_the_socket_is_closed(peers, observe):
    with exchange(peers) as (sender, receiver, member):
        port = receiver.getsockname()[1]
        member.ipv6_join_anycast = anycast(peers)
        sender.sendto(b"joined", (ANYCAST, port))
        received = [receiver.recv(20).decode()]
        member.close()
        sender.sendto(b"closed", (ANYCAST, port))
        sender.sendto(b"end", (address6(peers.right), port))

        assert observe("received", [*received, *received_until("end", receiver)]) == ["joined", "end"]


@claim(
    "defacto/IPV6_LEAVE_ANYCAST/leaves",
    says="What is sent to an address that a UDP socket left with IPV6_LEAVE_ANYCAST is not received any "
    "more; leaving it again is refused with ENOENT.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
    survives={'no-op: sendto("left"*': "what is not delivered may as well not have been sent"},
)
def test_the_host_receives_until_the_socket_leaves(peers, observe):
    with exchange(peers) as (sender, receiver, member):
        port = receiver.getsockname()[1]
        member.ipv6_join_anycast = anycast(peers)
        sender.sendto(b"joined", (ANYCAST, port))
        received = [receiver.recv(20).decode()]
        member.ipv6_leave_anycast = anycast(peers)
        with refused(errno.ENOENT):
            member.ipv6_leave_anycast = anycast(peers)
        sender.sendto(b"left", (ANYCAST, port))
        sender.sendto(b"end", (address6(peers.right), port))

        assert observe("received", [*received, *received_until("end", receiver)]) == ["joined", "end"]


@claim(
    "defacto/IPV6_JOIN_ANYCAST/privilege",
    says="Joining an anycast address takes CAP_NET_ADMIN, without it is refused with EPERM; leaving it takes "
    "none.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
)
def test_joining_takes_a_capability(peers, observe):
    with exchange(peers) as (sender, receiver, member):
        port, address = receiver.getsockname()[1], anycast(peers)
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            member.ipv6_join_anycast = address
        with only(Capability.NET_ADMIN):
            member.ipv6_join_anycast = address
        sender.sendto(b"joined", (ANYCAST, port))
        received = receiver.recv(20).decode()
        with only():
            member.ipv6_leave_anycast = address
        with refused(errno.ENOENT, "errno_once_left"):
            member.ipv6_leave_anycast = address

        assert observe("received", received) == "joined"


@claim(
    "defacto/IPV6_JOIN_ANYCAST/refused",
    says="On a host that is no router a UDP socket is refused a multicast address and one that the host has, "
    "on that interface or on another (EINVAL), one that is not of the network of the interface "
    "(EADDRNOTAVAIL), and an interface that is not there (ENODEV), where it joins another of that network.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("address", "number"),
    [
        (GROUP, errno.EINVAL),
        ("fd00:1::2", errno.EINVAL),
        ("::1", errno.EINVAL),
        (ELSEWHERE, errno.EADDRNOTAVAIL),
    ],
    ids=["group", "own", "own-of-loopback", "elsewhere"],
)
def test_not_all_addresses_are_joined(peers, observe, address, number):
    with exchange(peers) as (sender, receiver, member):
        with refused(number):
            member.ipv6_join_anycast = anycast(peers, address)
        with refused(errno.ENODEV, "errno_of_interface"):
            member.ipv6_join_anycast = Ipv6Mreq(ANYCAST, NO_INTERFACE)
        member.ipv6_join_anycast = anycast(peers)
        sender.sendto(b"joined", (ANYCAST, receiver.getsockname()[1]))

        assert observe("received", receiver.recv(20).decode()) == "joined"


@claim(
    "defacto/IPV6_JOIN_ANYCAST/of-a-router",
    says="On a router, where forwarding of the interface is 1, a UDP socket joins an anycast address that is "
    "not of the network of the interface, and the host receives what is sent there by it.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
)
def test_a_router_joins_addresses_of_other_networks(peers, observe):
    peers.left.namespace.add_route(f"{ELSEWHERE}/128", via=address6(peers.right))
    with exchange(peers) as (sender, receiver, member):
        with refused(errno.EADDRNOTAVAIL):
            member.ipv6_join_anycast = anycast(peers, ELSEWHERE)
        peers.right.namespace.sysctl[f"net.ipv6.conf.{peers.right.device}.forwarding"] = 1
        member.ipv6_join_anycast = anycast(peers, ELSEWHERE)
        sender.sendto(b"joined", (ELSEWHERE, receiver.getsockname()[1]))

        assert observe("received", receiver.recv(20).decode()) == "joined"
