"""IPV6_MINHOPCOUNT: packets from too far away."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6_pair
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON


@claim(
    "defacto/IPV6_MINHOPCOUNT/connections",
    says="A TCP socket of IPv6 that listens takes no connection whose packets have a smaller hop limit than "
    "IPV6_MINHOPCOUNT. It takes those with that hop limit, and with a larger one.",
    since="3.7",  # stored since 2.6.35, though setting it answered ENOPROTOOPT
    commit="e802af9cabb0",
    needs=[IPV6],
    survives={"no-op: close(*": "the sockets may stay open"},
)
@pytest.mark.parametrize(("minimum", "near"), [(255, 255), (10, 10), (10, 11)])
def test_connections_from_too_far_are_not_taken(ns, observe, minimum, near):
    with listening("::1") as listener, tcp6() as far_client, tcp6() as near_client:
        listener.rcvtimeo = SOON
        listener.ipv6_minhopcount = minimum
        far_client.ipv6_unicast_hops = minimum - 1
        near_client.ipv6_unicast_hops = near
        far_client.setblocking(False)
        with refused(errno.EINPROGRESS):
            far_client.connect(listener.getsockname())
        near_client.connect(listener.getsockname())
        accepted, peer = listener.accept()
        listener.setblocking(False)
        with accepted, refused(errno.EAGAIN, "errno_of_another"):
            listener.accept()[0].close()
        hops = [far_client.ipv6_unicast_hops, near_client.ipv6_unicast_hops]

        assert [hops, observe("is_the_near_one", peer == near_client.getsockname())] == [
            [minimum - 1, near],
            True,
        ]


@claim(
    "defacto/IPV6_MINHOPCOUNT/datagrams",
    says="A UDP socket of IPv6 receives datagrams whose hop limit is smaller than IPV6_MINHOPCOUNT.",
    since="3.7",  # stored since 2.6.35, though setting it answered ENOPROTOOPT
    commit="e802af9cabb0",
    needs=[IPV6],
)
def test_datagrams_are_received_from_afar(ns, observe):
    sender, receiver = udp6_pair()
    with sender, receiver:
        receiver.ipv6_minhopcount = 255
        sender.ipv6_unicast_hops = 254
        sender.send(b"hello")

        assert [
            observe("minimum_and_hops", [receiver.ipv6_minhopcount, sender.ipv6_unicast_hops]),
            observe("received", receiver.recv(9).decode()),
        ] == [[255, 254], "hello"]
