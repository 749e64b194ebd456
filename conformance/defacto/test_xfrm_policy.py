"""IP_XFRM_POLICY and IPV6_XFRM_POLICY: what a policy of a socket's own blocks, and which are refused."""

from __future__ import annotations

import errno
import os
from socket import AF_INET, AF_INET6
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPSEC, IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipsec import (
    BLOCKING,
    FORWARDED,
    INCOMING,
    OUTGOING,
    POLICY,
    POLICY6,
    SIZE,
    blocking,
)
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.setups.readiness import readable_by_select
from conformance.plugin.setups.udp import udp_flow
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, only, without

NEEDS: Final = (IPSEC, Capability.NET_ADMIN)
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@claim(
    "defacto/IPV6_XFRM_POLICY/privilege",
    says="Setting IPV6_XFRM_POLICY of a UDP socket over IPv6 takes CAP_NET_ADMIN, without it is refused with "
    "EPERM; a policy that blocks what leaves, which was set, has sending fail with EPERM.",
    since="2.6.13",
    commit="6fc0b4a7a73a",
    needs=[*NEEDS, IPV6],
)
def test_a_policy_over_ipv6_takes_a_capability(ns, observe):
    policy = blocking(AF_INET6, OUTGOING)
    with udp_flow("::1") as (sender, receiver):
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            sender.set(POLICY6, policy)
        sender.send(b"before")
        with only(Capability.NET_ADMIN):
            sender.set(POLICY6, policy)
        with refused(errno.EPERM, "errno_of_send"):
            sender.send(b"blocked")

        assert observe("received", receiver.recv(20).decode()) == "before"


@claim(
    "defacto/IP_XFRM_POLICY/incoming",
    says="A UDP socket over IPv4 with a policy that blocks what arrives does not receive what comes by a "
    "wire, and another socket of the host does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, VETH],
    survives={'no-op: sendto("blocked"*': "what is not delivered may as well not have been sent"},
)
def test_a_policy_blocks_what_arrives(peers, observe):
    with udp_across(peers) as (sender, receiver), peers.right.entered(), Socket.udp() as other:
        other.rcvtimeo = SOON
        other.bind(("0.0.0.0", 0))
        first, second = ((peers.right.address, sock.getsockname()[1]) for sock in (receiver, other))
        sender.sendto(b"before", first)
        received = [receiver.recv(20).decode()]
        receiver.set(POLICY, blocking(AF_INET, INCOMING))
        sender.sendto(b"blocked", first)
        sender.sendto(b"end", second)
        received += received_until("end", other)

        assert observe("received_and_more", [received, readable_by_select(receiver, 0)]) == [
            ["before", "end"],
            False,
        ]


INVALID: Final = {
    "shorter": (BLOCKING[:-1], None),
    "forwarded": (blocking(AF_INET, FORWARDED), None),
    "none": (b"", errno.EMSGSIZE),
    "page": (BLOCKING.ljust(PAGE, b"\0"), None),
    "more": (BLOCKING.ljust(PAGE + 1, b"\0"), errno.EMSGSIZE),
}
"""Policies and their errno. None: EINVAL, or EOPNOTSUPP once PF_KEY is loaded, which is asked last."""


@claim(
    "defacto/IP_XFRM_POLICY/invalid",
    says="IP_XFRM_POLICY of a UDP socket over IPv4 takes a policy of 168 bytes. One of a byte less, or for "
    "what is forwarded, or with a page of bytes is refused, and one with none or more than a page with "
    "EMSGSIZE.",
    since="2.6.13",
    commit="a4f1bac62564",
    needs=NEEDS,
)
@pytest.mark.parametrize(("policy", "number"), INVALID.values(), ids=INVALID)
def test_a_policy_has_a_size(ns, observe, policy, number):
    with udp_flow() as (sender, receiver):
        with refused(number):
            sender.set(POLICY, policy)
        sender.send(b"before")
        sender.set(POLICY, BLOCKING)
        with refused(errno.EPERM, "errno_of_send"):
            sender.send(b"blocked")

        assert observe("size_and_received", [len(BLOCKING), receiver.recv(20).decode()]) == [SIZE, "before"]


@claim(
    "defacto/IP_XFRM_POLICY/of-ipv6",
    says="IP_XFRM_POLICY of a UDP socket over IPv6 is refused with EOPNOTSUPP: it has IPV6_XFRM_POLICY.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[*NEEDS, IPV6],
)
def test_a_socket_of_ipv6_has_the_other_option(ns, observe):
    with udp_flow("::1") as (sender, receiver):
        with refused(errno.EOPNOTSUPP):
            sender.set(POLICY, BLOCKING)
        sender.send(b"before")
        sender.set(POLICY6, blocking(AF_INET6, OUTGOING))
        with refused(errno.EPERM, "errno_of_send"):
            sender.send(b"blocked")

        assert observe("received", receiver.recv(20).decode()) == "before"
