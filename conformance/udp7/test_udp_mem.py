"""udp_mem, udp_rmem_min and udp_wmem_min: how much memory UDP may take."""

from __future__ import annotations

import os
from socket import IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import OWN_KERNEL
from conformance.plugin.setups.datagrams import datagram
from conformance.plugin.setups.udp import UDP_MEM, received_of_60, udp_flow
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, initial_sysctl, initial_sysctl_set


@claim(
    "udp.7/udp_mem/three-numbers",
    sentence=("udp.7/udp_mem/three", "udp.7/proc/directory"),
    section="/proc interfaces",
    says="net.ipv4.udp_mem, of the initial network namespace, is three numbers, each no smaller than the one "
    "before.",
    since="2.6.25",
    survives={"*": "no socket is asked: a file of /proc/sys is read"},
)
def test_it_is_three_numbers(observe):
    numbers = [int(one) for one in str(initial_sysctl(UDP_MEM)).split()]

    assert [observe("count", len(numbers)), observe("in_order", numbers == sorted(numbers))] == [3, True]


@claim(
    "udp.7/udp_rmem_min/default",
    sentence=(
        "udp.7/udp_rmem_min/default",
        "udp.7/udp_wmem_min/default",
        "udp.7/proc/directory",
        "ip-sysctl/udp_rmem_min/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace net.ipv4.udp_rmem_min and net.ipv4.udp_wmem_min are the size of a page.",
    since="2.6.25",
    survives={"*": "no socket is asked: a file of /proc/sys is read"},
)
@pytest.mark.parametrize("name", ["net.ipv4.udp_rmem_min", "net.ipv4.udp_wmem_min"])
def test_the_least_is_a_page(ns, observe, name):
    pages = int(ns.sysctl[name]) / os.sysconf("SC_PAGE_SIZE")

    assert observe("pages", pages) == 1


@claim(
    "udp.7/udp_mem/max-exceeded",
    sentence=("udp.7/udp_mem/max", "udp.7/udp_mem/three"),
    section="/proc interfaces",
    says="Where udp_mem lets UDP queue no pages a UDP socket over IPv4 does not receive all that its buffer "
    "has room for; where it lets it queue more it does: 60 datagrams of 60000 bytes.",
    since="2.6.25",
    needs=[OWN_KERNEL],
)
def test_what_exceeds_the_maximum_is_lost(ns, observe):
    allowed = received_of_60(ns, mem="1000000 1000000 1000000", rmem_min=4096)
    exceeded = received_of_60(ns, mem="0 0 0", rmem_min=4096)

    assert observe("allowed_and_fewer", [allowed, exceeded < 60]) == [60, True]


@claim(
    "udp.7/udp_rmem_min/guaranteed",
    sentence=(
        "udp.7/udp_mem/min",
        "udp.7/udp_rmem_min/guaranteed",
        "ip-sysctl/udp_rmem_min/guaranteed",
        "ip-sysctl/udp_mem/min",
    ),
    section="/proc interfaces",
    says="Where UDP takes more than udp_mem's min and pressure, though less than its max, a UDP socket over "
    "IPv4 receives as much as udp_rmem_min, and not all that is beyond: of 60 datagrams of 60000 bytes all "
    "with eight million bytes, fewer with 4096.",
    since="2.6.25",
    needs=[OWN_KERNEL],
)
def test_the_least_is_received(ns, observe):
    enough = received_of_60(ns, mem="0 0 1000000", rmem_min=8_000_000)
    little = received_of_60(ns, mem="0 0 1000000", rmem_min=4096)

    assert observe("enough_and_fewer", [enough, little < 60]) == [60, True]


@claim(
    "udp.7/udp_wmem_min/guaranteed",
    sentence="udp.7/udp_wmem_min/guaranteed",
    section="/proc interfaces",
    says="Where udp_mem lets UDP have no pages at all a UDP socket over IPv4 still sends a datagram of as "
    "many bytes as udp_wmem_min, as a raw socket receives it.",
    since="2.6.25",
    needs=[OWN_KERNEL, Capability.NET_RAW],
)
def test_it_still_sends(ns, observe):
    least = int(ns.sysctl["net.ipv4.udp_wmem_min"])
    with udp_flow() as (sender, _), Socket.raw(IPPROTO_UDP) as seen, initial_sysctl_set(UDP_MEM, "0 0 0"):
        seen.rcvtimeo = SOON
        sender.send(bytes(least))

        assert observe("sent", len(datagram(seen.recv(2 * least)).data)) == least
