"""IP_TRANSPARENT and IP_XFRM_POLICY: who may set them, in which user namespace, and on sockets of IPv6."""

from __future__ import annotations

import errno
from socket import AF_INET6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPSEC, IPV6, USER_NAMESPACE
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.ipsec import BLOCKING, POLICY
from conformance.plugin.setups.options import read_back_on_udp
from conformance.plugin.setups.udp import udp_flow
from libsocket import IP_TRANSPARENT, Socket
from netns import Capability, in_user_namespace, without

FOREIGN = "10.0.3.3"
TRANSPORTS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])


def connected_there() -> int:
    """The errno with which root of a user namespace connects a socket whose policy blocks that."""
    with Socket.udp() as sock:
        sock.set(POLICY, BLOCKING)
        return sock.connect_ex(("127.0.0.1", 9))


@claim(
    "defacto/IP_TRANSPARENT/of-ipv6",
    says="With IP_TRANSPARENT a TCP or UDP socket over IPv6 is bound to an IPv4-mapped address that this "
    "host does not have; without it that is refused with EADDRNOTAVAIL.",
    since="2.6.31",
    commit="ca6982b858e1",
    needs=[IPV6, Capability.NET_ADMIN],
)
@TRANSPORTS
def test_sockets_of_ipv6_have_it(ns, observe, make):
    with make(AF_INET6) as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.bind((f"::ffff:{FOREIGN}", 0))
        sock.ip_transparent = True
        sock.bind((f"::ffff:{FOREIGN}", 0))

        assert observe("address", sock.getsockname()[0]) == f"::ffff:{FOREIGN}"


@claim(
    "defacto/IP_TRANSPARENT/of-another-user-namespace",
    sentence="user_namespaces.7/Interaction/checked",
    says="Root of another user namespace may turn IP_TRANSPARENT of a UDP socket on in a network namespace "
    "of its own.",
    since="3.8",
    commit="52e804c6dfaa",
    needs=[USER_NAMESPACE],
)
def test_root_of_another_user_namespace_may(observe):
    there = in_user_namespace(lambda: read_back_on_udp(IP_TRANSPARENT, True))

    assert observe("set_there", there) is True


@claim(
    "defacto/IP_XFRM_POLICY/privilege",
    says="Setting IP_XFRM_POLICY of a UDP socket takes CAP_NET_ADMIN, without it is refused with EPERM; a "
    "policy that blocks what leaves, which was set, has sending fail with EPERM.",
    since="2.6.13",
    commit="6fc0b4a7a73a",
    needs=[IPSEC, Capability.NET_ADMIN],
)
def test_a_policy_takes_a_capability(ns, observe):
    with udp_flow() as (sender, receiver):
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            sender.set(POLICY, BLOCKING)
        sender.send(b"before")
        sender.set(POLICY, BLOCKING)
        with refused(errno.EPERM, "errno_of_send"):
            sender.send(b"blocked")

        assert observe("received", receiver.recv(20).decode()) == "before"


@claim(
    "defacto/IP_XFRM_POLICY/of-another-user-namespace",
    sentence="user_namespaces.7/Interaction/checked",
    says="Root of another user namespace may set IP_XFRM_POLICY of a UDP socket in a network namespace of "
    "its own: a policy that blocks what leaves has connecting fail with EPERM.",
    since="3.8",
    commit="52e804c6dfaa",
    needs=[IPSEC, USER_NAMESPACE],
)
def test_root_of_another_user_namespace_sets_a_policy(observe):
    there = in_user_namespace(connected_there)

    assert observe("errno_of_connect", errno_name(there)) == "EPERM"
