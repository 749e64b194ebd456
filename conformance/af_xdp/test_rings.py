"""The rings by which a socket of AF_XDP and the kernel exchange packets."""

from __future__ import annotations

import errno
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import XDP, XDP_PROGRAM
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.xdp import (
    CHUNK,
    RINGS,
    SOL_XDP,
    Descriptor,
    Ring,
    Xsk,
    is_bound,
    mapped,
    redirected,
    xdp_frame,
    xdp_socket,
    zero_copy,
)

NEEDS: Final = (XDP,)
SECTION: Final = "Rings"
PAGE: Final = 4096
MAPPED: Final = {"no-op: close(*": "a mapping has a descriptor of its own"}


@claim(
    "af_xdp/rings/power-of-two",
    sentence=(
        "af_xdp/overview/two-rings",
        "af_xdp/overview/ring-options",
        "af_xdp/overview/umem-rings",
        "af_xdp/UMEM/two-rings",
        "af_xdp/rings/four",
        "af_xdp/rings/umem-uses",
        "af_xdp/rings/power-of-two",
        "af_xdp/ring-options/number",
    ),
    section=SECTION,
    says="Each of the options XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING and XDP_UMEM_COMPLETION_RING "
    "makes a ring of so many entries on a socket of AF_XDP, if that is a power of two, 1 too, and refuses 0 "
    "and what is none.",
    needs=NEEDS,
)
@pytest.mark.parametrize("name", RINGS)
@pytest.mark.parametrize(("size", "wrong"), [(1, 0), (2, 3), (64, 63), (64, 65), (1024, 1000)])
def test_sizes_are_powers_of_two(ns, observe, name, size, wrong):
    with xdp_socket() as sock:
        with refused():
            sock.setsockopt(SOL_XDP, RINGS[name][0], wrong)
        sock.setsockopt(SOL_XDP, RINGS[name][0], size)
        ring = Ring(sock, name, size)

        assert observe("producer_and_consumer", [ring.producer, ring.consumer]) == [0, 0]


@claim(
    "defacto/AF_XDP/ring-size-errno",
    says="XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING and XDP_UMEM_COMPLETION_RING on a socket of AF_XDP "
    "fail with EINVAL for 0, for 3, and where the socket has that ring.",
    since="4.18",
    commit="423f38329d26",
    needs=NEEDS,
)
@pytest.mark.parametrize("name", RINGS)
def test_wrong_sizes_are_invalid(ns, observe, name):
    with xdp_socket() as sock:
        for_one = RINGS[name][0]
        with refused(errno.EINVAL, "errno_of_0"):
            sock.setsockopt(SOL_XDP, for_one, 0)
        with refused(errno.EINVAL, "errno_of_3"):
            sock.setsockopt(SOL_XDP, for_one, 3)
        sock.setsockopt(SOL_XDP, for_one, 4)
        with refused(errno.EINVAL, "errno_of_another"):
            sock.setsockopt(SOL_XDP, for_one, 4)

        assert observe("producer", Ring(sock, name, 4).producer) == 0


@claim(
    "af_xdp/rings/mmap",
    sentence="af_xdp/rings/mmap",
    section=SECTION,
    says="mmap(2) maps each ring of a socket of AF_XDP at the offset that is its own, XDP_PGOFF_RX_RING, "
    "XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_FILL_RING or XDP_UMEM_PGOFF_COMPLETION_RING, and fails there where "
    "the socket does not have that ring.",
    needs=NEEDS,
    survives=MAPPED,
)
@pytest.mark.parametrize("name", RINGS)
def test_rings_are_mapped(ns, observe, name):
    with xdp_socket() as sock:
        with refused():
            mapped(sock, name, PAGE)
        sock.setsockopt(SOL_XDP, RINGS[name][0], 4)
        with mapped(sock, name, PAGE) as memory:
            assert observe("size", len(memory)) == PAGE


@claim(
    "defacto/AF_XDP/mmap-errno",
    says="mmap(2) of a socket of AF_XDP fails with EINVAL at the offset of a ring that it does not have, at "
    "an offset that is none of a ring's, and for more memory than a ring of 4 entries has, as two pages.",
    since="4.18",
    commit="423f38329d26",
    needs=NEEDS,
    survives=MAPPED,
)
@pytest.mark.parametrize("name", RINGS)
def test_what_is_not_there_is_not_mapped(ns, observe, name):
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            mapped(sock, name, PAGE)
        sock.setsockopt(SOL_XDP, RINGS[name][0], 4)
        with refused(errno.EINVAL, "errno_of_more"):
            mapped(sock, name, 2 * PAGE)
        with refused(errno.EINVAL, "errno_of_elsewhere"):
            mapped(sock, name, PAGE, further=PAGE)
        with mapped(sock, name, PAGE) as memory:
            assert observe("size", len(memory)) == PAGE


@claim(
    "af_xdp/rings/head-and-tail",
    sentence=(
        "af_xdp/rings/head-tail",
        "af_xdp/rings/producer",
        "af_xdp/rings/consumer",
        "af_xdp/tx-ring/descriptor",
        "af_xdp/tx-ring/produces",
        "af_xdp/tx-ring/sends",
    ),
    section=SECTION,
    says="The TX ring of a socket of AF_XDP has the index of a producer and that of a consumer: a program "
    "writes a descriptor at its producer index and increases it, and the kernel sends from the consumer "
    "index on, and increases that. The eleventh packet is at index 2 of a ring of 4 entries.",
    needs=NEEDS,
)
def test_both_sides_increase_their_index(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        completed = [sock.send_one(xdp_frame(f"{count:04}".encode()), count * CHUNK) for count in range(10)]
        sock.prepare(xdp_frame(b"last"), 2 * CHUNK)
        before = [sock.tx.producer, sock.tx.consumer]
        sock.wake()
        last = [receiver.recv(100)[14:18].decode() for _ in range(11)][-1]
        seen = [len(completed), before, [sock.tx.producer, sock.tx.consumer], last]

        assert observe("completed_before_after_last", seen) == [10, [11, 10], [11, 11], "last"]


@claim(
    "af_xdp/rings/one-pair-for-four",
    sentence=(
        "af_xdp/rings/example-count",
        "af_xdp/UMEM/many-sockets",
        "af_xdp/overview/one-set",
        "af_xdp/XDP_SHARED_UMEM/single-pair",
        "af_xdp/XDP_SHARED_UMEM/arbitrary-number",
    ),
    section=SECTION,
    says="Four sockets of AF_XDP that share one UMEM on one queue have a TX ring each and one COMPLETION "
    "ring: each sends from that UMEM, and the addresses of all frames come back by the first one's.",
    needs=NEEDS,
)
def test_four_sockets_have_one_completion_ring(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as first:
        first.bind(peers.left.device)
        with first.sharing() as second, first.sharing() as third, first.sharing() as fourth:
            first.send(xdp_frame(b"0"))
            second.bind_beside(first).send(xdp_frame(b"1"), CHUNK)
            third.bind_beside(first).send(xdp_frame(b"2"), 2 * CHUNK)
            fourth.bind_beside(first).send(xdp_frame(b"3"), 3 * CHUNK)
            received = sorted(receiver.recv(100)[14:15].decode() for _ in range(4))
            places = sorted(addr // CHUNK for (addr,) in first.completion.take_some(4))

            assert observe("received_and_completed", [received, places]) == [[*"0123"], [0, 1, 2, 3]]


@claim(
    "af_xdp/overview/both-directions",
    sentence=("af_xdp/overview/receive-and-send", "af_xdp/overview/same-umem"),
    section="Overview",
    says="A socket of AF_XDP with both rings and one UMEM sends a packet from where it has received it, "
    "without a copy.",
    needs=(*NEEDS, XDP_PROGRAM),
)
def test_a_packet_is_sent_from_where_it_came(peers, observe):
    with packet_socket(peers.left) as left, peers.right.entered(), Xsk() as sock:
        left.bind((peers.left.device, 0x88B5))
        sock.bind(peers.right.device)
        sock.fill.put(CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            left.send(xdp_frame(b"there and back"))
            [(addr, length, _)] = sock.rx.take_some(1)
            sock.tx.put(Descriptor(addr, length))
            sock.wake()

            assert observe("received", left.recv(100)[14:].decode()) == "there and back"


@claim(
    "defacto/AF_XDP/rings-after-bind",
    says="The FILL and the COMPLETION ring of a socket of AF_XDP can be mapped when it has been bound, too.",
    since="6.4",
    commit="5f5a7d8d8bd4",
    needs=NEEDS,
)
@pytest.mark.parametrize("name", ["fill", "completion"])
def test_rings_are_mapped_after_bind(ns, observe, name):
    with Xsk() as sock:
        sock.bind("lo")
        with mapped(sock.sock, name, PAGE) as memory:
            assert observe("bound_and_size", [is_bound(sock.sock), len(memory)]) == [True, PAGE]


@claim(
    "defacto/AF_XDP/options-before-bind",
    says="XDP_OPTIONS and XDP_STATISTICS can be read on a socket of AF_XDP with neither UMEM nor rings: all "
    "is 0.",
    since="5.9",
    commit="8aa5a33578e9",
    needs=NEEDS,
    survives={"*": "all is 0 by definition"},
)
def test_there_is_nothing_to_tell_of(ns, observe):
    with Xsk(register=False, rx=0, tx=0, fill=0, completion=0) as sock:
        told = [zero_copy(sock.sock), *sock.statistics().values()]

        assert observe("options_and_statistics", told) == [0] * 7
