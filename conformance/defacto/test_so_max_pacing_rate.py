"""SO_MAX_PACING_RATE: an int too, and how fast TCP sends."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import qdisc
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.timing import timed
from libsocket import SO_MAX_PACING_RATE, UNSIGNED, Socket


@claim(
    "defacto/SO_MAX_PACING_RATE/as-an-int",
    says="SO_MAX_PACING_RATE of a TCP or UDP socket is set and read as an unsigned int, too: the largest one "
    "is no limit, and what does not fit reads as it.",
    since="5.1",
    commit="6bdef102dae9",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_it_is_an_int_too(ns, observe, make):
    number = SO_MAX_PACING_RATE.through(UNSIGNED)
    with make() as sock:
        sock.set(number, 5)
        small = [sock.max_pacing_rate, sock.get(number)]
        sock.max_pacing_rate = 2**32
        large = sock.get(number)
        sock.set(number, 2**32 - 1)

        assert observe("small_large_unlimited", [*small, large, sock.max_pacing_rate]) == [
            5,
            5,
            2**32 - 1,
            2**64 - 1,
        ]


@claim(
    "defacto/SO_MAX_PACING_RATE/paces-tcp",
    says="TCP without a queueing discipline that paces sends no faster than SO_MAX_PACING_RATE: 60000 bytes "
    "at 200000 a second in segments of 536 take a sixth of a second at least.",
    since="4.13",
    commit="218af599fa63",
)
def test_tcp_is_paced(ns, observe):
    with listening() as listener, Socket.tcp() as sender:
        listener.tcp_maxseg = 536
        sender.max_pacing_rate = 200_000
        sender.connect(listener.getsockname())
        with listener.accept()[0] as receiver, timed() as took:
            sender.sendall(bytes(60_000))
            size = len(receiver.read_exact(60_000))

        assert observe("size_and_lasted", [size, took.lasted(1 / 6)]) == [60_000, True]


@claim(
    "defacto/SO_MAX_PACING_RATE/fq-paces-udp",
    says="The queueing discipline fq sends the datagrams of a UDP socket over IPv4 no faster than its "
    "SO_MAX_PACING_RATE, where that is below 68750 bytes a second: five of 1000 bytes, with their headers, "
    "at 20000 bytes a second take a fifth of a second at least, since the first one goes at once.",
    since="4.9",
    commit="77879147a348",
    needs=[qdisc("fq")],
)
def test_fq_paces_datagrams(peers, observe):
    peers.left.namespace.add_qdisc(peers.left.device, "fq", handle="1:")
    with udp_across(peers) as (sender, receiver):
        sender.max_pacing_rate = 20_000
        address = peers.right.address, receiver.getsockname()[1]
        with timed() as took:
            sizes = [sender.sendto(bytes(1000), address) for _ in range(5)]
            sizes = [len(receiver.recv(2000)) for _ in sizes]

        assert observe("sizes_and_lasted", [sizes, took.lasted(4 * 1000 / 20_000)]) == [[1000] * 5, True]
