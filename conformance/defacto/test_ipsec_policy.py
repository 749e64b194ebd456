"""IP_IPSEC_POLICY and IPV6_IPSEC_POLICY: policies of a socket's own in the form of PF_KEY."""

from __future__ import annotations

import errno
import os
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, PF_KEY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipsec import DISCARDING, KEY_POLICY, KEY_POLICY6, discarding
from conformance.plugin.setups.udp import udp_flow, udp_socket
from libsocket import raw
from netns import Capability, only, without

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
OF_BOTH = pytest.mark.parametrize(
    ("host", "option"), [("127.0.0.1", KEY_POLICY), ("::1", KEY_POLICY6)], ids=["ip", "ipv6"]
)


@claim(
    "defacto/IP_IPSEC_POLICY/discards",
    says="In a kernel with PF_KEY a UDP socket over IPv4 with an IP_IPSEC_POLICY that discards what leaves, "
    "or one over IPv6 with such an IPV6_IPSEC_POLICY, can send nothing: EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[PF_KEY, IPV6, Capability.NET_ADMIN],
)
@OF_BOTH
def test_nothing_leaves(ns, observe, host, option):
    with udp_flow(host) as (sender, receiver):
        sender.send(b"before")
        sender.set(option, DISCARDING)
        with refused(errno.EPERM):
            sender.send(b"discarded")

        assert observe("received", receiver.recv(20).decode()) == "before"


@claim(
    "defacto/IP_IPSEC_POLICY/privilege",
    says="In a kernel with PF_KEY setting IP_IPSEC_POLICY of a UDP socket over IPv4, or IPV6_IPSEC_POLICY of "
    "one over IPv6, takes CAP_NET_ADMIN: without it EPERM, and sending goes on.",
    since="2.6.13",
    commit="6fc0b4a7a73a",
    needs=[PF_KEY, IPV6, Capability.NET_ADMIN],
)
@OF_BOTH
def test_a_policy_takes_a_capability(ns, observe, host, option):
    with udp_flow(host) as (sender, receiver):
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            sender.set(option, DISCARDING)
        sender.send(b"still")
        with only(Capability.NET_ADMIN):
            sender.set(option, DISCARDING)
        with refused(errno.EPERM, "errno_of_send"):
            sender.send(b"discarded")

        assert observe("received", receiver.recv(20).decode()) == "still"


@claim(
    "defacto/IP_IPSEC_POLICY/of-the-other-family",
    says="In a kernel with PF_KEY IPV6_IPSEC_POLICY of a UDP socket over IPv4 is refused with ENOPROTOOPT, "
    "and IP_IPSEC_POLICY of one over IPv6 with EOPNOTSUPP.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[PF_KEY, IPV6, Capability.NET_ADMIN],
)
def test_each_family_has_its_own(ns, observe):
    with udp_flow() as (sender, receiver), udp_socket("::1") as other:
        with refused(errno.ENOPROTOOPT):
            sender.set(KEY_POLICY6, DISCARDING)
        with refused(errno.EOPNOTSUPP, "errno_over_ipv6"):
            other.set(KEY_POLICY, DISCARDING)
        sender.send(b"still")

        assert observe("received", receiver.recv(20).decode()) == "still"


@claim(
    "defacto/IP_IPSEC_POLICY/bounds",
    says="In a kernel with PF_KEY setting IP_IPSEC_POLICY of a UDP socket over IPv4, or IPV6_IPSEC_POLICY of "
    "one over IPv6, with a byte more than a page has is refused with EMSGSIZE; as many as it has are taken.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[PF_KEY, IPV6, Capability.NET_ADMIN],
)
@OF_BOTH
def test_a_policy_has_no_more_than_a_page(ns, observe, host, option):
    with udp_flow(host) as (sender, receiver):
        with refused(errno.EMSGSIZE):
            sender.set(option.through(raw(PAGE + 1)), discarding(PAGE).ljust(PAGE + 1, b"\0"))
        sender.send(b"still")
        sender.set(option.through(raw(PAGE)), discarding(PAGE))
        with refused(errno.EPERM, "errno_of_send"):
            sender.send(b"discarded")

        assert observe("received", receiver.recv(20).decode()) == "still"
