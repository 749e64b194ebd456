"""What a socket of AF_XDP sends, and what it is told of it."""

from __future__ import annotations

import errno
import select
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import XDP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.frames import waiting_frames
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.xdp import (
    CHUNK,
    XDP_COPY,
    XDP_USE_NEED_WAKEUP,
    Descriptor,
    Xsk,
    is_bound,
    two_queues,
    xdp_frame,
)

NEEDS: Final = (XDP,)
BACKPORTS: Final = ("6.12.114", "6.18.44", "7.1.8")


@claim(
    "af_xdp/tx-ring/sendmsg",
    sentence="af_xdp/tx-ring/sendmsg",
    section="TX Ring",
    says="A frame whose descriptor is in the TX ring of a socket of AF_XDP that is bound in copy mode is "
    "sent with sendmsg(2), of no data, and not before.",
    needs=NEEDS,
)
def test_sendmsg_starts_the_transfer(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        sock.prepare(xdp_frame(b"waiting"))
        before = [len(waiting_frames(receiver)), sock.tx.consumer]
        sock.sock.sendmsg([], [], socket.MSG_DONTWAIT)
        after = [receiver.recv(100)[14:].decode(), sock.tx.consumer]

        assert observe("before_and_after", [before, after]) == [[0, 0], ["waiting", 1]]


@claim(
    "af_xdp/overview/bound-first",
    sentence="af_xdp/overview/bind",
    section="Overview",
    says="A socket of AF_XDP that is not bound sends nothing of what is in its TX ring: the call fails, and "
    "the kernel takes no descriptor. It is sent once the socket is bound.",
    needs=NEEDS,
)
def test_traffic_flows_when_it_is_bound(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.prepare(xdp_frame(b"at last"))
        with refused():
            sock.wake()
        before = sock.tx.consumer
        sock.bind(peers.left.device)
        sock.wake()
        seen = [before, receiver.recv(100)[14:].decode(), sock.tx.consumer]

        assert observe("taken_received_taken", seen) == [0, "at last", 1]


@claim(
    "defacto/AF_XDP/unbound-errno",
    says="To send on a socket of AF_XDP that is not bound fails with ENXIO, also where it has no TX ring, "
    "and with MSG_DONTWAIT or without.",
    since="4.18",
    commit="35fcde7f8deb",
    needs=NEEDS,
)
@pytest.mark.parametrize("tx", [0, 4])
def test_an_unbound_socket_has_no_device(ns, observe, tx):
    with Xsk(register=False, rx=0, tx=tx, fill=0, completion=0) as less, Xsk() as sock:
        with refused(errno.ENXIO):
            less.wake()
        with refused(errno.ENXIO, "errno_of_waiting"):
            less.sock.send(b"")
        sock.bind("lo").send(xdp_frame(b"sent"))

        assert observe("taken", sock.tx.consumer) == 1


@claim(
    "defacto/AF_XDP/unbound-recv-errno",
    says="recv(2) on a socket of AF_XDP that is not bound fails with ENXIO. On one that is bound, with "
    "MSG_DONTWAIT, it gives nothing, and takes nothing out of the RX ring.",
    since="5.11",
    commit="45a86681844e",
    needs=NEEDS,
)
def test_an_unbound_socket_receives_nothing(ns, observe):
    with Xsk() as sock:
        with refused(errno.ENXIO):
            sock.sock.recv(1, socket.MSG_DONTWAIT)
        sock.bind("lo")

        seen = [sock.sock.recv(1, socket.MSG_DONTWAIT).decode(), sock.rx.consumer]
        assert observe("received_and_taken", seen) == ["", 0]


@claim(
    "defacto/AF_XDP/down-errno",
    says="To send on a bound socket of AF_XDP fails with ENETDOWN while its interface is down.",
    since="4.18",
    commit="35fcde7f8deb",
    needs=NEEDS,
)
def test_a_device_that_is_down(peers, observe):
    with peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        sock.prepare(xdp_frame(b"sent"))
        peers.left.namespace.set_link(peers.left.device, up=False)
        with refused(errno.ENETDOWN):
            sock.wake()
        before = sock.tx.consumer
        peers.left.namespace.set_link(peers.left.device, up=True)
        sock.wake()

        assert observe("taken", [before, sock.tx.consumer]) == [0, 1]


@claim(
    "defacto/AF_XDP/waiting-unsupported",
    says="To send on a bound socket of AF_XDP without MSG_DONTWAIT, if the socket blocks, fails with "
    "EOPNOTSUPP.",
    since="4.18",
    commit="35fcde7f8deb",
    needs=NEEDS,
)
def test_it_does_not_wait(ns, observe):
    with Xsk() as sock:
        sock.bind("lo")
        sock.prepare(xdp_frame(b"sent"))
        with refused(errno.EOPNOTSUPP):
            sock.sock.send(b"")
        before = sock.tx.consumer
        sock.wake()

        assert observe("taken", [before, sock.tx.consumer]) == [0, 1]


@claim(
    "defacto/AF_XDP/no-tx-ring",
    says="To send with MSG_DONTWAIT on a bound socket of AF_XDP that has an RX ring alone fails with "
    "ENOBUFS.",
    since="4.18",
    commit="35fcde7f8deb",
    needs=NEEDS,
)
def test_without_a_ring_nothing_is_sent(ns, observe):
    with two_queues(ns) as device, Xsk(tx=0) as receiving, Xsk() as sock:
        receiving.bind(device, 0)
        with refused(errno.ENOBUFS):
            receiving.wake()
        sock.bind(device, 1).send(xdp_frame(b"sent"))

        assert observe("taken", sock.tx.consumer) == 1


@claim(
    "af_xdp/completion-ring/done",
    sentence=(
        "af_xdp/overview/completion",
        "af_xdp/completion-ring/ownership",
        "af_xdp/completion-ring/addrs",
        "af_xdp/completion-ring/done",
        "af_xdp/completion-ring/consumes",
    ),
    section="UMEM Completion Ring",
    says="The COMPLETION ring of a socket of AF_XDP has the addr of a frame, if even, once that has been "
    "sent, and not while it is in the TX ring. The program takes it out, and can send from there again.",
    needs=NEEDS,
)
@pytest.mark.parametrize("addr", [0, 3 * CHUNK, 3 * CHUNK + 6])
def test_a_frame_comes_back(peers, observe, addr):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        sock.prepare(xdp_frame(b"first"), addr)
        before = sock.completion.take()
        sock.wake()
        back = sock.completion.take_some(1)
        again = sock.send_one(xdp_frame(b"again"), addr)
        received = [receiver.recv(100)[14:].decode() for _ in range(2)]
        seen = [len(before), back == [(addr,)], again == (addr,), received]

        assert observe("before_back_again_received", seen) == [0, True, True, ["first", "again"]]


@claim(
    "af_xdp/completion-ring/odd-addresses",
    sentence=("af_xdp/overview/completion", "af_xdp/completion-ring/addrs"),
    section="UMEM Completion Ring",
    says="The COMPLETION ring of a socket of AF_XDP has the addr of a frame that has been sent, if that is "
    "odd, too.",
    needs=NEEDS,
    expect=differs(
        "it has the number before it: the kernel uses the last bit for itself",
        since="6.18",
        backports=("6.17.11",),
        commit="0ebc27a4c67d",
        observed={"relative_to_it": -1},
    ),
)
@pytest.mark.parametrize("addr", [1, 3 * CHUNK + 5])
def test_a_frame_of_an_odd_address_comes_back(peers, observe, addr):
    with peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        [back] = sock.send_one(xdp_frame(b"first"), addr)

        assert observe("relative_to_it", back - addr) == 0


@claim(
    "defacto/AF_XDP/completion-ring-full",
    says="A socket of AF_XDP whose COMPLETION ring is full takes nothing out of its TX ring, until the "
    "program has taken something out of the COMPLETION ring.",
    since="4.18",
    commit="35fcde7f8deb",
    needs=NEEDS,
)
def test_a_full_completion_ring_stops_it(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(completion=1) as sock:
        sock.bind(peers.left.device)
        sock.send(xdp_frame(b"first"))
        sock.prepare(xdp_frame(b"second"), CHUNK)
        sock.wake_without_error()
        before = sock.tx.consumer
        taken = len(sock.completion.take_some(1))
        sock.wake()
        received = [receiver.recv(100)[14:].decode() for _ in range(2)]

        seen = [before, taken, sock.tx.consumer, received]
        assert observe("before_taken_after_received", seen) == [1, 1, 2, ["first", "second"]]


@claim(
    "defacto/AF_XDP/completion-ring-full-errno",
    says="To send on a bound socket of AF_XDP with something in its TX ring, whose COMPLETION ring is full, "
    "fails with EAGAIN, and succeeds once the program has taken something out of that.",
    since="6.15",
    backports=("6.14.2",),
    commit="5d0b204654de",
    needs=NEEDS,
)
def test_a_full_completion_ring_is_an_error(peers, observe):
    with peers.left.entered(), Xsk(completion=1) as sock:
        sock.bind(peers.left.device)
        sock.send(xdp_frame(b"first"))
        sock.prepare(xdp_frame(b"second"), CHUNK)
        with refused(errno.EAGAIN):
            sock.wake()
        taken = len(sock.completion.take_some(1))
        sock.wake()

        assert observe("completed_and_taken", [taken, sock.tx.consumer]) == [1, 2]


@claim(
    "af_xdp/completion-ring/no-guarantee",
    sentence=("af_xdp/overview/ownership", "af_xdp/completion-ring/no-guarantee"),
    section="UMEM Completion Ring",
    says="The frame of a socket of AF_XDP that the other end of a veth pair drops, since it is larger than "
    "its MTU, comes back by the COMPLETION ring as one does that arrives.",
    needs=NEEDS,
)
def test_a_completion_is_no_guarantee(peers, observe):
    receiver = packet_socket(peers.right)
    peers.right.namespace.set_link(peers.right.device, mtu=100)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        sock.prepare(xdp_frame(b"lost").ljust(1000), CHUNK)
        sock.wake_without_error()
        sock.prepare(xdp_frame(b"sent"), 2 * CHUNK)
        sock.wake_without_error()
        completed = [addr for (addr,) in sock.completion.take_some(2)]
        received = [receiver.recv(2000)[14:].decode(), len(waiting_frames(receiver))]

        assert observe("completed_and_received", [completed, received]) == [[CHUNK, 2 * CHUNK], ["sent", 0]]


INVALID: Final = {
    "length of zero": Descriptor(CHUNK, 0),
    "beyond its chunk": Descriptor(CHUNK + 100, CHUNK - 99),
    "beyond the UMEM": Descriptor(16 * CHUNK, 64),
    "options unknown": Descriptor(CHUNK, 64, 1 << 7),
}


@claim(
    "af_xdp/multi-buffer/tx-counted",
    sentence=(
        "af_xdp/multi-buffer/tx-invalid-alone",
        "af_xdp/multi-buffer/tx-counted",
        "af_xdp/multi-buffer/zero-length",
        "af_xdp/multi-buffer/compatibility",
        "af_xdp/XDP_STATISTICS/gets",
        "af_xdp/XDP_STATISTICS/which",
    ),
    section="Multi-Buffer Support",
    says="A descriptor in the TX ring of a socket of AF_XDP is invalid, not sent, and counted in "
    "tx_invalid_descs, if its length is zero, if it ends a byte beyond its chunk, if it begins where the "
    "UMEM ends, or if there is an unknown bit in its options. The next one is sent.",
    since="6.6",
    commit="07428da9e25a",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", INVALID)
def test_invalid_descriptors_are_counted(peers, observe, kind):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        sock.tx.put(INVALID[kind])
        sock.wake()
        sock.send(xdp_frame(b"next"), 2 * CHUNK)
        seen = [sock.statistics()["tx_invalid"], sock.tx.consumer, receiver.recv(3000)[14:].decode()]

        assert observe("invalid_taken_received", seen) == [1, 2, "next"]


@claim(
    "af_xdp/completion-ring/invalid",
    sentence=("af_xdp/overview/completion-invalid", "af_xdp/completion-ring/invalid"),
    section="UMEM Completion Ring",
    says="The addr of an invalid descriptor in the TX ring of a socket of AF_XDP in copy mode comes back by "
    "the COMPLETION ring, before that of the next frame.",
    since="7.2",
    backports=BACKPORTS,
    commit="bd44a6dcd424",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", INVALID)
def test_invalid_descriptors_come_back(peers, observe, kind):
    with peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device)
        sock.tx.put(INVALID[kind])
        sock.wake()
        sock.send(xdp_frame(b"next"), 2 * CHUNK)
        back = [addr - INVALID[kind].addr for (addr,) in sock.completion.take_some(2)]

        assert observe("relative_to_it", back) == [0, 2 * CHUNK - INVALID[kind].addr]


@claim(
    "af_xdp/fill-ring/range",
    sentence="af_xdp/fill-ring/range",
    section="UMEM Fill Ring",
    says="In a UMEM of 64k with chunks of 4k a socket of AF_XDP sends from the chunks at 0 and 60k, and an "
    "addr of 64k is invalid.",
    since="6.6",
    needs=NEEDS,
)
def test_addresses_are_within_the_umem(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(memory_size=65536, chunk=4096) as sock:
        sock.bind(peers.left.device)
        taken = [sock.sent_from(xdp_frame(b"0"), 0), sock.sent_from(xdp_frame(b"15"), 61440)]
        received = [receiver.recv(100)[14:].decode() for _ in range(2)]
        sock.tx.put(Descriptor(65536, 64))
        sock.wake()
        seen = [taken, received, sock.statistics()["tx_invalid"], len(waiting_frames(receiver))]

        assert observe("taken_received_invalid_further", seen) == [[1, 2], ["0", "15"], 1, 0]


@claim(
    "af_xdp/XDP_USE_NEED_WAKEUP/set",
    sentence=(
        "af_xdp/XDP_USE_NEED_WAKEUP/flag",
        "af_xdp/XDP_USE_NEED_WAKEUP/set",
        "af_xdp/XDP_USE_NEED_WAKEUP/tx",
    ),
    section="XDP_USE_NEED_WAKEUP bind flag",
    says="With XDP_USE_NEED_WAKEUP a socket of AF_XDP that is bound in copy mode, where nothing is sent "
    "without a call, has the flag need_wakeup set in its TX ring, and not in its FILL ring; what is in the "
    "TX ring is not sent before the call.",
    needs=NEEDS,
)
def test_the_kernel_asks_to_be_woken(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_NEED_WAKEUP)
        sock.prepare(xdp_frame(b"woken"))
        flags = [sock.tx.needs_wakeup, sock.fill.needs_wakeup]
        before = len(waiting_frames(receiver))
        sock.wake()
        seen = [flags, before, receiver.recv(100)[14:].decode()]

        assert observe("flags_before_after", seen) == [[1, 0], 0, "woken"]


@claim(
    "af_xdp/XDP_USE_NEED_WAKEUP/tx-how",
    sentence="af_xdp/XDP_USE_NEED_WAKEUP/tx-how",
    section="XDP_USE_NEED_WAKEUP bind flag",
    says="A socket of AF_XDP that is bound in copy mode with XDP_USE_NEED_WAKEUP sends what is in its TX "
    "ring when it is polled, and when sendto(2) of no data is called.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "wake", [lambda sock: polled(sock.sock, select.POLLOUT), Xsk.wake], ids=["poll", "sendto"]
)
def test_poll_and_sendto_wake_it(peers, observe, wake):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_NEED_WAKEUP)
        sock.prepare(xdp_frame(b"woken"))
        before = len(waiting_frames(receiver))
        wake(sock)
        seen = [before, receiver.recv(100)[14:].decode(), sock.tx.consumer]

        assert observe("before_received_taken", seen) == [0, "woken", 1]


@claim(
    "defacto/AF_XDP/need-wakeup-unasked",
    says="A socket of AF_XDP has the flag need_wakeup set in its TX ring without XDP_USE_NEED_WAKEUP too, "
    "and before it is bound.",
    since="5.4",
    commit="77cd0d7b3f25",
    needs=NEEDS,
)
def test_the_flag_is_set_unasked(ns, observe):
    with Xsk() as sock:
        before = sock.tx.needs_wakeup
        sock.bind("lo", flags=XDP_COPY)
        seen = [before, is_bound(sock.sock), sock.tx.needs_wakeup]

        assert observe("before_bound_after", seen) == [1, True, 1]


@claim(
    "defacto/AF_XDP/poll-writable",
    says="A socket of AF_XDP that is bound is writable for poll(2) while its TX ring of 4 entries has two "
    "descriptors or less that the kernel has not taken, and not with three.",
    since="5.10",
    commit="3413f04141aa",
    needs=NEEDS,
)
@pytest.mark.parametrize(("left", "writable"), [(2, select.POLLOUT), (3, 0)])
def test_it_is_writable_with_half_a_ring(peers, observe, left, writable):
    with peers.left.entered(), Xsk(completion=1) as sock:
        sock.bind(peers.left.device)
        before = sock.sent_from(xdp_frame(b"sent"), 0)
        sock.put_frames(left)
        events = polled(sock.sock, select.POLLOUT)

        assert observe("taken_events_taken", [before, events, sock.tx.consumer]) == [1, writable, 1]


@claim(
    "af_xdp/XDP_MAX_TX_SKB_BUDGET/range",
    sentence="af_xdp/XDP_MAX_TX_SKB_BUDGET/range",
    section="XDP_MAX_TX_SKB_BUDGET setsockopt",
    says="XDP_MAX_TX_SKB_BUDGET on a socket of AF_XDP takes 32 and the number of entries of its TX ring, and "
    "refuses 31 and that number and one. As many descriptors are then taken at most for one send.",
    since="6.17",
    commit="45e359be1ce8",
    needs=NEEDS,
)
@pytest.mark.parametrize("entries", [64, 128])
def test_the_budget_has_a_range(peers, observe, entries):
    with peers.left.entered(), Xsk(tx=entries, completion=2 * entries) as sock:
        sock.bind(peers.left.device)
        with refused():
            sock.set_budget(31)
        with refused(name="errno_of_more"):
            sock.set_budget(entries + 1)
        sock.set_budget(entries)
        most = sock.taken_at_once(entries)
        sock.set_budget(32)
        least = sock.taken_at_once(entries)

        assert observe("most_and_least", [most, least]) == [entries, 32]


@claim(
    "defacto/XDP_MAX_TX_SKB_BUDGET/range-errno",
    says="XDP_MAX_TX_SKB_BUDGET on a socket of AF_XDP fails with EACCES for 32 where the socket has no TX "
    "ring, and for 31 and 65 where that has 64 entries. 64 succeeds then, and as many descriptors are taken "
    "for one send.",
    since="6.17",
    commit="45e359be1ce8",
    needs=NEEDS,
)
def test_out_of_range_is_not_permitted(peers, observe):
    with peers.left.entered(), Xsk(tx=0, completion=64) as sock:
        with refused(errno.EACCES, "errno_without_ring"):
            sock.set_budget(32)
        sock.add_rings(tx=64)
        with refused(errno.EACCES, "errno_of_less"):
            sock.set_budget(31)
        with refused(errno.EACCES):
            sock.set_budget(65)
        sock.set_budget(64)
        sock.bind(peers.left.device)

        assert observe("taken", sock.taken_at_once(64)) == 64


@claim(
    "af_xdp/XDP_MAX_TX_SKB_BUDGET/sets",
    sentence="af_xdp/XDP_MAX_TX_SKB_BUDGET/sets",
    section="XDP_MAX_TX_SKB_BUDGET setsockopt",
    says="XDP_MAX_TX_SKB_BUDGET is how many descriptors of the TX ring of a socket of AF_XDP the kernel "
    "takes at most for one send: of 50 it takes all with 64, and 32 or 40 once it is 32 or 40.",
    since="6.17",
    commit="45e359be1ce8",
    needs=NEEDS,
)
@pytest.mark.parametrize("budget", [32, 40])
def test_a_send_has_a_budget(peers, observe, budget):
    with peers.left.entered(), Xsk(tx=64, completion=128) as sock:
        sock.set_budget(64)
        sock.bind(peers.left.device)
        with_64 = sock.taken_at_once(50)
        sock.set_budget(budget)

        assert observe("taken", [with_64, sock.taken_at_once(50)]) == [50, budget]


@claim(
    "defacto/XDP_MAX_TX_SKB_BUDGET/default",
    says="Without XDP_MAX_TX_SKB_BUDGET the kernel takes 32 descriptors of the TX ring of a socket of AF_XDP "
    "at most for one send, which fails with EAGAIN where there are more; 32 are sent without an error.",
    since="6.17",
    commit="45e359be1ce8",
    needs=NEEDS,
)
@pytest.mark.parametrize(("ready", "error"), [(32, None), (33, "EAGAIN")])
def test_the_budget_is_32(peers, observe, ready, error):
    with peers.left.entered(), Xsk(tx=64, completion=64) as sock:
        sock.bind(peers.left.device)
        sock.put_frames(ready)
        seen = [sock.wake_without_error(), sock.tx.consumer]

        assert observe("error_and_taken", seen) == [error, 32]
