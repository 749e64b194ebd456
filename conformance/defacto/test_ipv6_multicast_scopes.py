"""Groups of link-local scope: by which interface they are meant."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import address6, index_of, tcp6, udp6
from conformance.plugin.timing import SOON
from libsocket import Ipv6Mreq

GROUP, PORT = "ff02::1234", 4321


@pytest.fixture
def other(peers):
    """The index of another interface of the left host, which leads nowhere."""
    left = peers.left.namespace
    left.add_veth("other", "nowhere")
    left.set_link("other", up=True)
    left.set_link("nowhere", up=True)
    left.wait_for_carrier("other")
    left.add_address("other", "fd00:7::1/64")
    return index_of(replace(peers.left, device="other"))


@claim(
    "defacto/sin6_scope_id/group-bound",
    says="A UDP socket cannot be bound to a group of link-local scope without the interface in sin6_scope_id "
    "(EINVAL). Bound with it, and joined, it receives what comes to the group by that interface, and not "
    "what comes to an address of its host by the same.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
)
def test_a_group_is_bound_by_interface(peers, observe):
    index = index_of(peers.right)
    with peers.left.entered():
        sender = udp6()
    with peers.right.entered():
        receiver, own = udp6(), udp6()
    with sender, receiver, own:
        receiver.rcvtimeo = own.rcvtimeo = SOON
        own.reuseaddr = receiver.reuseaddr = True
        own.bind(("::", PORT))
        with refused(errno.EINVAL):
            receiver.bind((GROUP, PORT))
        receiver.bind((GROUP, PORT, 0, index))
        receiver.ipv6_join_group = Ipv6Mreq(GROUP, index)
        sender.sendto(b"to its own", (address6(peers.right), PORT))
        received = [own.recv(20).decode()]
        sender.sendto(b"to the group", (GROUP, PORT, 0, index_of(peers.left)))
        received.append(receiver.recv(20).decode())

        assert observe("own_and_group", received) == ["to its own", "to the group"]


@claim(
    "defacto/sin6_scope_id/group-sent-to",
    says="What a UDP socket sends to a group of link-local scope leaves by the interface in sin6_scope_id, "
    "though IPV6_MULTICAST_IF is another.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
    survives={"no-op: sendto(*by the option*": "it only shows that the option leads elsewhere"},
)
def test_a_datagram_to_a_group_leaves_by_the_scope(peers, other, observe):
    index = index_of(peers.right)
    with peers.left.entered():
        sender = udp6()
    with peers.right.entered():
        receiver = udp6()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", PORT))
        receiver.ipv6_join_group = Ipv6Mreq(GROUP, index)
        sender.ipv6_multicast_if = other
        sender.sendto(b"by the option", (GROUP, PORT))
        sender.sendto(b"by the scope", (GROUP, PORT, 0, index_of(peers.left)))

        assert observe("received", receiver.recv(20).decode()) == "by the scope"


@claim(
    "defacto/sin6_scope_id/group-connected",
    says="A UDP socket connects to a group of link-local scope with the interface in sin6_scope_id or in "
    "IPV6_MULTICAST_IF, and cannot without (EINVAL). A TCP socket cannot connect to such a group with it "
    "either (ENETUNREACH).",
    since="2.6.24",
    commit="1ac4f0088574",
    needs=[IPV6, VETH],
    survives={"no-op: setsockopt(*IPV6_MULTICAST_IF, ?0?*": "it is 0 at first"},
)
@pytest.mark.parametrize("by_option", [False, True], ids=["scope", "option"])
def test_a_group_is_connected_to_by_interface(peers, observe, by_option):
    index = index_of(peers.left)
    with peers.left.entered(), udp6() as sock, tcp6() as stream:
        with refused(errno.ENETUNREACH, "errno_tcp"):
            stream.connect((GROUP, PORT, 0, index))
        with refused(errno.EINVAL):
            sock.connect((GROUP, PORT))
        sock.ipv6_multicast_if = index if by_option else 0
        sock.connect((GROUP, PORT, 0, 0 if by_option else index))

        assert observe("peer", sock.getpeername()[:2]) == (GROUP, PORT)
