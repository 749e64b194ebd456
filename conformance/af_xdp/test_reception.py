"""What a socket of AF_XDP receives: what an XDP program redirects to it."""

from __future__ import annotations

import errno
import select
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import OWN_KERNEL, XDP, XDP_PROGRAM, link
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, xdp_program, xsk_map
from conformance.plugin.setups.packet_sockets import ANOTHER, ETH_P_ALL, packet_socket
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.xdp import (
    CHUNK,
    KERNELS_OWN,
    XDP_UMEM_UNALIGNED_CHUNK_FLAG,
    Xsk,
    attached_mode,
    carried,
    is_bound,
    redirected,
    sent_by,
    sent_by_device,
    two_queues,
    xdp_frame,
)
from conformance.plugin.timing import SOON
from libsocket import Socket

NEEDS: Final = (XDP, XDP_PROGRAM)
LOST: Final = {"no-op: sendto(*lost*": "that it came is not seen of what is dropped"}
CLOSED: Final = {"no-op: close(*": "it ends what only sends"}


@claim(
    "af_xdp/XSKMAP/used",
    sentence=(
        "af_xdp/overview/to-memory",
        "af_xdp/overview/fill",
        "af_xdp/overview/appears",
        "af_xdp/overview/xskmap",
        "af_xdp/overview/validated",
        "af_xdp/fill-ring/ownership",
        "af_xdp/fill-ring/addrs",
        "af_xdp/fill-ring/ingress",
        "af_xdp/fill-ring/produces",
        "af_xdp/rx-ring/receiving",
        "af_xdp/rx-ring/descriptors",
        "af_xdp/rx-ring/fields",
        "af_xdp/rx-ring/consumes",
        "af_xdp/XSKMAP/used",
        "af_xdp/XSKMAP/inserted",
        "af_xdp/faq/only-queue",
        "af_xdp/usage/two-parts",
    ),
    section="XSKMAP / BPF_MAP_TYPE_XSKMAP",
    says="A frame that an XDP program redirects to a socket of AF_XDP in a map, bound to the interface and "
    "queue by which it came, is put into the chunk that the FILL ring has, and appears in the RX ring: addr "
    "is where it lies in that chunk, len how long it is. The program takes the descriptor out.",
    needs=NEEDS,
)
def test_a_frame_is_received(peers, observe):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(3 * CHUNK)
        before = len(sock.rx.take())
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"incoming"))
            [(addr, length, options)] = sock.rx.take_some(1)
            whole = sock.memory.read(addr, length) == xdp_frame(b"incoming")
            seen = [before, addr // CHUNK, length, options, whole, sock.rx.consumer, sock.fill.taken(1)]

            assert observe("descriptor_and_rings", seen) == [0, 3, 22, 0, True, 1, 1]


@claim(
    "af_xdp/rx-ring/no-fill",
    sentence="af_xdp/rx-ring/no-fill",
    section="RX Ring",
    says="While the FILL ring of a socket of AF_XDP is empty no descriptor appears on its RX ring: the frame "
    "is dropped. Once there is a chunk in it the next frame is received.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_without_a_chunk_nothing_is_received(peers, observe):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"lost"))
            dropped = [sock.dropped(1), sock.rx.producer]
            sock.fill.put(0)
            sent_by(peers.left, xdp_frame(b"taken"))
            received = [frame[14:].decode() for frame in sock.received()]

            assert observe("dropped_and_received", [dropped, received]) == [[1, 0], ["taken"]]


@claim(
    "defacto/AF_XDP/fill-ring-empty-counted",
    says="XDP_STATISTICS of a socket of AF_XDP counts a frame for which there is no chunk in the FILL ring "
    "in rx_dropped and in rx_fill_ring_empty_descs.",
    since="5.9",
    commit="8aa5a33578e9",
    needs=NEEDS,
    survives=CLOSED,
)
def test_an_empty_fill_ring_is_counted(peers, observe):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"lost"))
            sock.dropped(1)
            told = sock.statistics()

            assert observe("counted", [told["rx_dropped"], told["fill_empty"]]) == [1, 1]


@claim(
    "defacto/AF_XDP/rx-ring-full-counted",
    says="XDP_STATISTICS of a socket of AF_XDP counts a frame for which there is no room in the RX ring in "
    "rx_ring_full. It is dropped, and those before it are received.",
    since="5.9",
    commit="8aa5a33578e9",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_full_rx_ring_is_counted(peers, observe):
    with peers.right.entered(), Xsk(rx=2) as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0, CHUNK, 2 * CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"1"), xdp_frame(b"2"), xdp_frame(b"3"))
            full = sock.counted("rx_full", 1)
            received = [frame[14:].decode() for frame in sock.received(2)]

            assert observe("full_and_received", [full, received]) == [1, ["1", "2"]]


@claim(
    "af_xdp/XDP_STATISTICS/invalid-received",
    sentence=("af_xdp/XDP_STATISTICS/gets", "af_xdp/XDP_STATISTICS/which"),
    section="XDP_STATISTICS getsockopt",
    says="XDP_STATISTICS of a socket of AF_XDP counts an address in the FILL ring that is beyond the UMEM in "
    "rx_invalid_descs. The kernel goes on to the next one.",
    needs=NEEDS,
    survives=CLOSED,
    expect=differs(
        "rx_invalid_descs counts what is invalid in the RX ring, where nothing can be, and remains 0",
        since="5.8",
        commit="2b43470add8c",
        observed={"invalid_and_received": [0, ["taken"]]},
    ),
)
def test_invalid_addresses_are_counted(peers, observe):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(16 * CHUNK, CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"taken"))
            received = [frame[14:].decode() for frame in sock.received()]
            seen = [sock.statistics()["rx_invalid"], received]

            assert observe("invalid_and_received", seen) == [1, ["taken"]]


@claim(
    "af_xdp/overview/empty-dropped",
    sentence="af_xdp/overview/empty-dropped",
    section="Overview",
    says="A frame that an XDP program redirects to an index of a map at which there is no socket of AF_XDP "
    "is dropped: neither the socket at another index nor a packet socket has it. What the program lets pass "
    "comes to the packet socket, and what it redirects to the other index to the socket there.",
    needs=NEEDS,
    survives={**LOST, **CLOSED},
)
def test_what_goes_to_an_empty_place_is_dropped(peers, observe):
    with packet_socket(peers.right, protocol=ETH_P_ALL) as beside, peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0)
        with redirected(peers.right, {1: sock.sock}, index=0):
            sent_by(peers.left, xdp_frame(b"lost"), xdp_frame(b"passed", ANOTHER))
            before = [carried(beside), sock.rx.producer]
        with redirected(peers.right, {1: sock.sock}, index=1):
            sent_by(peers.left, xdp_frame(b"taken"))
            received = [frame[14:].decode() for frame in sock.received()]

            assert observe("before_and_received", [before, received]) == [["passed", 0], ["taken"]]


@claim(
    "af_xdp/overview/program-mandatory",
    sentence="af_xdp/overview/program-mandatory",
    section="Overview",
    says="Without an XDP program no frame comes to a bound socket of AF_XDP: a packet socket has it. With "
    "one, and the socket in its map, the next frame comes to the socket of AF_XDP.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_it_takes_a_program(peers, observe):
    with packet_socket(peers.right) as beside, peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0)
        sent_by(peers.left, xdp_frame(b"before"))
        passed = [carried(beside), sock.rx.producer]
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"after"))
            received = [frame[14:].decode() for frame in sock.received()]

            assert observe("without_and_with", [passed, received]) == [["before", 0], ["after"]]


@claim(
    "af_xdp/overview/not-bound-dropped",
    sentence=("af_xdp/overview/not-bound-dropped", "af_xdp/overview/bind"),
    section="Overview",
    says="A frame that an XDP program redirects to a socket of AF_XDP that is not bound is dropped: neither "
    "that socket nor a packet socket has it. Once it is bound the next frame is received.",
    expect=differs(
        "the kernel flushes rings that the socket does not have yet, and panics; 458f72723412 ended that",
        since="5.10",
        until="5.12",
        commit="7361f9c3d719",
        observed={"splat": "Kernel panic - not syncing: Kernel mode fault at addr N, ip N"},
    ),
    needs=[OWN_KERNEL, *NEEDS],
    survives={**LOST, **CLOSED},
)
def test_what_goes_to_an_unbound_socket_is_dropped(peers, observe):
    with packet_socket(peers.right, protocol=ETH_P_ALL) as beside, peers.right.entered(), Xsk() as sock:
        sock.fill.put(0)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"lost"), xdp_frame(b"passed", ANOTHER))
            passed = carried(beside)
            sock.bind(peers.right.device)
            sent_by(peers.left, xdp_frame(b"taken"))
            received = [frame[14:].decode() for frame in sock.received()]

            assert observe("beside_and_received", [passed, received]) == ["passed", ["taken"]]


@claim(
    "af_xdp/XSKMAP/other-interface-dropped",
    sentence=(
        "af_xdp/overview/not-bound-dropped",
        "af_xdp/XSKMAP/mismatch-dropped",
        "af_xdp/XSKMAP/example-only",
    ),
    section="XSKMAP / BPF_MAP_TYPE_XSKMAP",
    says="A frame that an XDP program redirects to a socket of AF_XDP that is bound to another interface is "
    "dropped: neither that socket nor a packet socket has it, where one that is bound to the interface has "
    "the frame.",
    needs=NEEDS,
    survives={**LOST, **CLOSED},
)
def test_what_goes_to_another_interface_is_dropped(peers, observe):
    beside = packet_socket(peers.right, protocol=ETH_P_ALL)
    with beside, peers.right.entered(), Xsk() as there, Xsk() as here:
        there.bind("lo").fill.put(0)
        here.bind(peers.right.device).fill.put(0)
        with redirected(peers.right, {0: there.sock}):
            sent_by(peers.left, xdp_frame(b"lost"), xdp_frame(b"passed", ANOTHER))
            passed = carried(beside)
        with redirected(peers.right, {0: here.sock}):
            sent_by(peers.left, xdp_frame(b"taken"))
            received = [frame[14:].decode() for frame in here.received()]
        seen = [is_bound(there.sock), there.rx.producer, received, passed]

        assert observe("bound_there_here_beside", seen) == [True, 0, ["taken"], "passed"]


@claim(
    "af_xdp/faq/same-queue-only",
    sentence=(
        "af_xdp/XSKMAP/mismatch-dropped",
        "af_xdp/faq/not-other-queues",
        "af_xdp/faq/same-queue-only",
        "af_xdp/faq/different-queues",
    ),
    section="FAQ",
    says="Of two sockets of AF_XDP in one map, bound to the queues 0 and 1 of an interface, the one of queue "
    "0 receives what comes in on that queue and is redirected to it; what is redirected to the other is "
    "dropped.",
    needs=NEEDS,
    survives={**LOST, **CLOSED},
)
def test_a_map_does_not_switch_between_queues(ns, observe):
    with two_queues(ns) as device, packet_socket() as beside, Xsk() as first, Xsk() as second:
        beside.bind((device, ANOTHER))
        first.bind(device, 0).fill.put(0, CHUNK)
        second.bind(device, 1).fill.put(0, CHUNK)
        with xsk_map() as places:
            places.insert(0, first.sock)
            places.insert(1, second.sock)
            with xdp_program(device, redirect=places, index=1):
                sent_by_device(f"{device}-peer", xdp_frame(b"lost"), xdp_frame(b"passed", ANOTHER))
                passed = carried(beside)
            with xdp_program(device, redirect=places, index=0):
                sent_by_device(f"{device}-peer", xdp_frame(b"taken"))
                received = [frame[14:].decode() for frame in first.received()]
                seen = [passed, received, is_bound(second.sock), second.rx.producer]

                assert observe("passed_first_bound_second", seen) == ["passed", ["taken"], True, 0]


@claim(
    "af_xdp/XDP_SHARED_UMEM/program-decides",
    sentence=(
        "af_xdp/overview/place",
        "af_xdp/XDP_SHARED_UMEM/program-decides",
        "af_xdp/XDP_SHARED_UMEM/index",
        "af_xdp/XDP_SHARED_UMEM/own-rings",
        "af_xdp/overview/shared-frames",
    ),
    section="XDP_SHARED_UMEM bind flag",
    says="Of two sockets of AF_XDP that share a UMEM on one queue, at the indices 0 and 3 of a map, the one "
    "whose index the XDP program says receives the frame on its own RX ring, in a chunk of the one FILL "
    "ring.",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize("index", [0, 3])
def test_the_program_decides(peers, observe, index):
    with peers.right.entered(), Xsk() as first, first.sharing() as second:
        first.bind(peers.right.device).fill.put(5 * CHUNK)
        second.bind_beside(first)
        sockets = {0: first, 3: second}
        with redirected(peers.right, {0: first.sock, 3: second.sock}, index):
            sent_by(peers.left, xdp_frame(b"for one"))
            [(addr, length, _)] = sockets[index].rx.take_some(1)
            received = first.memory.read(addr, length)[14:].decode()
            other = sockets[3 - index]
            seen = [addr // CHUNK, received, is_bound(other.sock), other.rx.producer]

            assert observe("chunk_received_other", seen) == [5, "for one", True, 0]


@claim(
    "af_xdp/fill-ring/masked",
    sentence=("af_xdp/fill-ring/masked", "af_xdp/fill-ring/mask-example"),
    section="UMEM Fill Ring",
    says="With chunks of 2k the addresses 2048, 2050, 3000 and 4095 in the FILL ring of a socket of AF_XDP "
    "are one chunk, the second: the frame is at the same addr in it. 2047 is the first one, and 4096 the "
    "third.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("given", "chunk"), [(2047, 0), (2048, 2048), (2050, 2048), (3000, 2048), (4095, 2048), (4096, 4096)]
)
def test_addresses_are_masked(peers, observe, given, chunk):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(given)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"incoming"))
            [(addr, _, _)] = sock.rx.take_some(1)

            assert observe("addr", addr) == chunk + KERNELS_OWN


@claim(
    "af_xdp/fill-ring/untouched",
    sentence="af_xdp/fill-ring/untouched",
    section="UMEM Fill Ring",
    says="With XDP_UMEM_UNALIGNED_CHUNK_FLAG the addresses 2048, 2050 and 3000 in the FILL ring of a socket "
    "of AF_XDP are left as they are: the lower 48 bits of addr are that, and the frame lies the offset in "
    "its upper 16 bits further.",
    since="5.4",
    needs=NEEDS,
)
@pytest.mark.parametrize("given", [2048, 2050, 3000])
def test_unaligned_addresses_are_left(peers, observe, given):
    with peers.right.entered(), Xsk(flags=XDP_UMEM_UNALIGNED_CHUNK_FLAG) as sock:
        sock.bind(peers.right.device)
        sock.fill.put(given)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"incoming"))
            [(addr, length, _)] = sock.rx.take_some(1)
            base, offset = addr & (1 << 48) - 1, addr >> 48
            seen = [base, offset, sock.memory.read(base + offset, length)[14:].decode()]

            assert observe("base_offset_data", seen) == [given, KERNELS_OWN, "incoming"]


@claim(
    "af_xdp/XDP_UMEM_REG/headroom-bytes",
    sentence=("af_xdp/XDP_UMEM_REG/headroom", "af_xdp/XDP_UMEM_REG/headroom-bytes"),
    section="XDP_UMEM_REG setsockopt",
    says="With a headroom of N bytes a packet that a socket of AF_XDP receives begins N bytes into its "
    "chunk.",
    needs=NEEDS,
    expect=differs(
        "it begins 256 bytes further, which are the kernel's",
        since="4.18",
        commit="bbff2f321a86",
        observed={"further": 256},
    ),
)
@pytest.mark.parametrize("headroom", [0, 1, 64, 500])
def test_headroom_is_before_a_packet(peers, observe, headroom):
    with peers.right.entered(), Xsk(headroom=headroom) as sock:
        sock.bind(peers.right.device)
        sock.fill.put(CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"incoming"))
            [(addr, _, _)] = sock.rx.take_some(1)

            assert observe("further", addr - CHUNK - headroom) == 0


@claim(
    "af_xdp/XDP_UMEM_REG/headroom-left",
    sentence="af_xdp/XDP_UMEM_REG/headroom-bytes",
    section="XDP_UMEM_REG setsockopt",
    says="With a headroom of 64 bytes the first 64 of a chunk into which a socket of AF_XDP receives a "
    "packet are left to the application: what it wrote there remains.",
    needs=NEEDS,
)
def test_headroom_is_the_applications(peers, observe):
    with peers.right.entered(), Xsk(headroom=64) as sock:
        sock.bind(peers.right.device)
        sock.memory.write(CHUNK, b"mine" * 16)
        sock.fill.put(CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"incoming"))
            received = [frame[14:].decode() for frame in sock.received()]
            kept = sock.memory.read(CHUNK, 64) == b"mine" * 16

            assert observe("received_and_kept", [received, kept]) == [["incoming"], True]


@claim(
    "af_xdp/XDP_UMEM_REG/most-packets",
    sentence="af_xdp/XDP_UMEM_REG/example",
    section="XDP_UMEM_REG setsockopt",
    says="A UMEM of 128K with chunks of 2K holds 64 packets that a socket of AF_XDP receives, each in a "
    "chunk of its own, and the next one is dropped.",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_umem_holds_as_many_as_it_has_chunks(peers, observe):
    with peers.right.entered(), Xsk(memory_size=128 * 1024, rx=128, fill=64) as sock:
        sock.bind(peers.right.device)
        sock.fill.put(*range(0, 128 * 1024, 2048))
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, *[xdp_frame(b"one of many")] * 65)
            dropped = sock.dropped(1)
            chunks = {addr // 2048 for addr, _, _ in sock.rx.take_some(64)}

            assert observe("dropped_and_chunks", [dropped, len(chunks)]) == [1, 64]


@claim(
    "af_xdp/XDP_UMEM_REG/largest-received",
    sentence="af_xdp/XDP_UMEM_REG/example",
    section="XDP_UMEM_REG setsockopt",
    says="With chunks of 2048 bytes a socket of AF_XDP receives a packet of 2048 bytes.",
    needs=NEEDS,
    survives=CLOSED,
    expect=differs(
        "the largest has 1792 bytes, since 256 of a chunk are the kernel's; a larger one is dropped",
        since="4.18",
        commit="bbff2f321a86",
        observed={"received_and_dropped": [[], 1]},
    ),
)
def test_a_packet_fills_a_chunk(peers, observe):
    peers.left.namespace.set_link(peers.left.device, mtu=3000)
    peers.right.namespace.set_link(peers.right.device, mtu=3000)
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"").ljust(2048))
            dropped = sock.dropped_or_received()
            lengths = [length for _, length, _ in sock.rx.take()]

            assert observe("received_and_dropped", [lengths, dropped]) == [[2048], 0]


@claim(
    "defacto/AF_XDP/largest-received",
    says="A socket of AF_XDP receives a packet of 1792 bytes into a chunk of 2048 bytes without headroom, "
    "and one of 1793 is dropped and counted in rx_dropped.",
    since="4.18",
    commit="bbff2f321a86",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_packet_leaves_256_bytes(peers, observe):
    peers.left.namespace.set_link(peers.left.device, mtu=3000)
    peers.right.namespace.set_link(peers.right.device, mtu=3000)
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0, CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"").ljust(1793), xdp_frame(b"").ljust(1792))
            lengths = [length for _, length, _ in sock.rx.take_some(1)]

            assert observe("received_and_dropped", [lengths, sock.dropped(1)]) == [[1792], 1]


@claim(
    "defacto/AF_XDP/poll-readable",
    says="A bound socket of AF_XDP is readable for poll(2) once there is a descriptor in its RX ring, and "
    "not when that has been taken out.",
    since="4.18",
    commit="c497176cb2e4",
    needs=NEEDS,
)
def test_it_is_readable_with_a_packet(peers, observe):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0)
        with redirected(peers.right, {0: sock.sock}):
            before = polled(sock.sock, select.POLLIN)
            sent_by(peers.left, xdp_frame(b"incoming"))
            events = polled(sock.sock, select.POLLIN, SOON)
            taken = len(sock.rx.take_some(1))
            seen = [before, events, taken, polled(sock.sock, select.POLLIN)]

            assert observe("before_with_taken_after", seen) == [0, select.POLLIN, 1, 0]


@claim(
    "defacto/AF_XDP/map-members",
    says="Into an XSKMAP of 4 places a socket of another family than AF_XDP cannot be put, which fails with "
    "EOPNOTSUPP, nor one of AF_XDP at the index 4, which fails with E2BIG. At 3 it can, and receives what a "
    "program redirects there.",
    since="4.18",
    commit="fbfc504a24f5",
    needs=NEEDS,
)
def test_a_map_takes_its_own_family_alone(peers, observe):
    with peers.right.entered(), xsk_map(4) as places, Xsk() as sock, Socket.udp() as another:
        with refused(errno.EOPNOTSUPP):
            places.insert(3, another)
        with refused(errno.E2BIG, "errno_of_index"):
            places.insert(4, sock.sock)
        places.insert(3, sock.sock)
        sock.bind(peers.right.device).fill.put(0)
        with xdp_program(peers.right.device, redirect=places, index=3):
            sent_by(peers.left, xdp_frame(b"taken"))
            received = [frame[14:].decode() for frame in sock.received()]

            assert observe("received", received) == ["taken"]


@claim(
    "af_xdp/overview/modes",
    sentence=("af_xdp/overview/modes", "af_xdp/overview/drv-mode", "af_xdp/overview/skb-mode"),
    section="Overview",
    says="The XDP program of an interface of a veth pair, whose driver supports XDP, runs by the driver, and "
    "generically if that is asked for; a socket of AF_XDP receives what it redirects either way.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("flags", "mode"),
    [(0, "xdp"), (XDP_FLAGS_DRV_MODE, "xdp"), (XDP_FLAGS_SKB_MODE, "xdpgeneric")],
    ids=["none", "driver", "generic"],
)
def test_there_are_two_modes(peers, observe, flags, mode):
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device)
        sock.fill.put(0)
        with redirected(peers.right, {0: sock.sock}, flags=flags):
            attached = attached_mode(peers.right.namespace, peers.right.device)
            sent_by(peers.left, xdp_frame(b"incoming"))
            received = [frame[14:].decode() for frame in sock.received()]

            assert observe("mode_and_received", [attached, received]) == [mode, ["incoming"]]


@claim(
    "af_xdp/overview/any-device",
    sentence=("af_xdp/overview/skb-mode", "af_xdp/overview/any-device"),
    section="Overview",
    says="The XDP program of a dummy interface, whose driver does not support XDP, runs generically, without "
    "being asked to.",
    needs=(*NEEDS, link("dummy")),
    survives={"*": "it is said of the program alone"},
)
def test_any_interface_will_do(ns, observe):
    ns.add_dummy("made")
    with Xsk() as sock, xdp_program("made", flags=0):
        sock.bind("made")

        assert observe("mode", attached_mode(ns, "made")) == "xdpgeneric"
