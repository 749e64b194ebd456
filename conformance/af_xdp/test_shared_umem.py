"""One UMEM for several sockets of AF_XDP: XDP_SHARED_UMEM."""

from __future__ import annotations

import errno
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import XDP, XDP_PROGRAM
from conformance.plugin.refusal import refused
from conformance.plugin.setups.files import memory_file
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.xdp import (
    CHUNK,
    XDP_COPY,
    XDP_SHARED_UMEM,
    XDP_USE_NEED_WAKEUP,
    XDP_USE_SG,
    XDP_ZEROCOPY,
    Xsk,
    address,
    carried,
    is_bound,
    redirected,
    sent_by,
    two_queues,
    xdp_frame,
)
from libsocket import Socket
from netns import in_child

NEEDS: Final = (XDP,)
SECTION: Final = "XDP_SHARED_UMEM bind flag"
LOOPBACK: Final = 1


@claim(
    "af_xdp/XDP_SHARED_UMEM/same-queue",
    sentence=(
        "af_xdp/UMEM/shared",
        "af_xdp/XDP_SHARED_UMEM/enables",
        "af_xdp/XDP_SHARED_UMEM/where",
        "af_xdp/XDP_SHARED_UMEM/first-bound",
        "af_xdp/XDP_SHARED_UMEM/second-rings",
        "af_xdp/XDP_SHARED_UMEM/second-bind",
        "af_xdp/ring-options/shared",
    ),
    section=SECTION,
    says="A second socket of AF_XDP with an RX ring, a TX ring or both, and neither UMEM nor FILL and "
    "COMPLETION rings, is bound to the queue of a first one with XDP_SHARED_UMEM in sxdp_flags and the first "
    "one's descriptor in sxdp_shared_umem_fd, and is refused without the flag.",
    needs=NEEDS,
)
@pytest.mark.parametrize("lacking", [{}, {"rx": 0}, {"tx": 0}], ids=["both", "tx", "rx"])
def test_a_queue_is_shared(ns, observe, lacking):
    with Xsk() as first, first.sharing(**lacking) as second:
        first.bind("lo")
        with refused():
            second.bind("lo", shared=first)
        second.bind("lo", flags=XDP_SHARED_UMEM, shared=first)

        assert observe("bound", is_bound(second.sock)) is True


@claim(
    "af_xdp/XDP_SHARED_UMEM/frames",
    sentence=("af_xdp/XDP_SHARED_UMEM/enables", "af_xdp/XDP_SHARED_UMEM/own-rings"),
    section=SECTION,
    says="A socket of AF_XDP that is bound with XDP_SHARED_UMEM sends by its own TX ring what lies in the "
    "first one's UMEM, whose COMPLETION ring has the addr then.",
    needs=NEEDS,
)
def test_a_second_socket_sends_from_it(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as first, first.sharing() as second:
        first.bind(peers.left.device)
        second.bind_beside(first).send(xdp_frame(b"shared"), 5 * CHUNK)
        seen = [receiver.recv(100)[14:].decode(), first.completion.take_some(1) == [(5 * CHUNK,)]]

        assert observe("received_and_completed", seen) == ["shared", True]


@claim(
    "af_xdp/XDP_SHARED_UMEM/other-queue",
    sentence=(
        "af_xdp/XDP_SHARED_UMEM/where",
        "af_xdp/XDP_SHARED_UMEM/pair-per-queue",
        "af_xdp/XDP_SHARED_UMEM/fill-and-completion-each",
        "af_xdp/XDP_SHARED_UMEM/two-queues-first",
        "af_xdp/XDP_SHARED_UMEM/two-queues-second",
        "af_xdp/XDP_SHARED_UMEM/two-queues-bind",
        "af_xdp/XDP_SHARED_UMEM/two-queues-share",
    ),
    section=SECTION,
    says="A second socket of AF_XDP, with XDP_SHARED_UMEM, is bound to another queue of the first one's "
    "interface if it has a FILL and a COMPLETION ring of its own, and is refused it with either missing. It "
    "sends what lies in the first one's UMEM, and its own COMPLETION ring has the addr.",
    since="5.10",
    needs=NEEDS,
)
@pytest.mark.parametrize("lacking", [{"fill": 0}, {"completion": 0}, {"fill": 0, "completion": 0}])
def test_queues_share_it(ns, observe, lacking):
    with two_queues(ns) as device, packet_socket() as receiver, Xsk() as first:
        first.bind(device, 0)
        with (
            first.sharing(**{"fill": 4, "completion": 4, **lacking}) as less,
            first.sharing(fill=4, completion=4) as second,
        ):
            with refused():
                less.bind(device, 1, XDP_SHARED_UMEM, first)
            second.bind(device, 1, XDP_SHARED_UMEM, first)
            [addr] = second.send_one(xdp_frame(b"by the second"), 2 * CHUNK)
            seen = [receiver.recv(100)[14:].decode(), addr // CHUNK]

            assert observe("received_and_completed", seen) == ["by the second", 2]


@claim(
    "af_xdp/XDP_SHARED_UMEM/other-interface",
    sentence=(
        "af_xdp/XDP_SHARED_UMEM/where",
        "af_xdp/XDP_SHARED_UMEM/pair-per-queue",
        "af_xdp/XDP_SHARED_UMEM/all-at-once",
    ),
    section=SECTION,
    says="One UMEM is shared at once by a second socket of AF_XDP on the first one's queue, a third on "
    "another interface that has a FILL and a COMPLETION ring of its own, and a fourth beside the third. "
    "Without these rings the other interface is refused.",
    since="5.10",
    needs=NEEDS,
)
def test_interfaces_share_it(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as first, first.sharing() as second, first.sharing() as fourth:
        first.bind("lo")
        second.bind_beside(first).send(xdp_frame(b"by the second"), CHUNK)
        with refused():
            fourth.bind(peers.left.device, flags=XDP_SHARED_UMEM, shared=first)
        with first.sharing(fill=4, completion=4) as third:
            third.bind(peers.left.device, flags=XDP_SHARED_UMEM, shared=first)
            fourth.bind_beside(third).send(xdp_frame(b"by the fourth"), 2 * CHUNK)
            completed = [*first.completion.take_some(1), *third.completion.take_some(1)]
            seen = [receiver.recv(100)[14:].decode(), completed == [(CHUNK,), (2 * CHUNK,)]]

            assert observe("received_and_completed", seen) == ["by the fourth", True]


@claim(
    "af_xdp/ring-options/shared-has-no-rings",
    sentence="af_xdp/ring-options/shared",
    section="XDP_{RX|TX|UMEM_FILL|UMEM_COMPLETION}_RING setsockopts",
    says="A socket of AF_XDP with a FILL ring or a COMPLETION ring of its own, or a UMEM, is refused "
    "XDP_SHARED_UMEM on the first one's queue. One without is not.",
    since="5.10",
    needs=NEEDS,
)
@pytest.mark.parametrize("more", [{"fill": 4}, {"completion": 4}, {"fill": 4, "completion": 4}])
def test_it_has_no_rings_of_its_own(ns, observe, more):
    with (
        Xsk() as first,
        first.sharing(**more) as second,
        first.sharing() as third,
        Xsk(fill=0, completion=0) as fourth,
    ):
        first.bind("lo")
        with refused():
            second.bind_beside(first)
        with refused(name="errno_with_umem"):
            fourth.bind_beside(first)
        third.bind_beside(first)

        assert observe("bound", is_bound(third.sock)) is True


@claim(
    "defacto/XDP_SHARED_UMEM/invalid",
    says="bind(2) of a socket of AF_XDP with XDP_SHARED_UMEM fails with EINVAL if it has a UMEM, a FILL "
    "ring, or a COMPLETION ring where the first one's queue is named, and with another flag besides.",
    since="5.10",
    commit="7361f9c3d719",
    needs=NEEDS,
)
@pytest.mark.parametrize("flag", [XDP_COPY, XDP_ZEROCOPY, XDP_USE_NEED_WAKEUP, XDP_USE_SG])
@pytest.mark.parametrize("more", [{"fill": 4}, {"completion": 4}], ids=["fill", "completion"])
def test_what_it_may_not_have_is_invalid(ns, observe, flag, more):
    with (
        Xsk() as first,
        first.sharing(**more) as second,
        first.sharing() as third,
        Xsk(fill=0, completion=0) as whole,
    ):
        first.bind("lo")
        with refused(errno.EINVAL):
            second.bind_beside(first)
        with refused(errno.EINVAL, "errno_with_umem"):
            whole.bind_beside(first)
        with refused(errno.EINVAL, "errno_with_flag"):
            third.bind("lo", flags=XDP_SHARED_UMEM | flag, shared=first)
        third.bind_beside(first)

        assert observe("bound", is_bound(third.sock)) is True


@claim(
    "defacto/XDP_SHARED_UMEM/descriptor-errno",
    says="bind(2) of a socket of AF_XDP with XDP_SHARED_UMEM fails with EBADF where the socket it names is "
    "not bound, with ENOPROTOOPT where that is of another family, and with ENOTSOCK where what it names is "
    "no socket, or not even open.",
    since="5.4",
    commit="42fddcc7c64b",
    needs=NEEDS,
)
def test_the_first_socket_must_be_one(ns, observe):
    with Xsk() as first, first.sharing() as second, Socket.udp() as another, memory_file(b"") as file:
        with refused(errno.EBADF):
            second.bind("lo", flags=XDP_SHARED_UMEM, shared=first)
        with refused(errno.ENOPROTOOPT, "errno_of_another"):
            second.sock.bind(address(LOOPBACK, flags=XDP_SHARED_UMEM, shared=another.fileno()))
        with refused(errno.ENOTSOCK, "errno_of_file"):
            second.sock.bind(address(LOOPBACK, flags=XDP_SHARED_UMEM, shared=file.fileno()))
        with refused(errno.ENOTSOCK, "errno_of_none"):
            second.sock.bind(address(LOOPBACK, flags=XDP_SHARED_UMEM, shared=100_000))
        first.bind("lo")
        second.bind_beside(first)

        assert observe("bound", is_bound(second.sock)) is True


@claim(
    "af_xdp/overview/processes",
    sentence=("af_xdp/overview/processes", "af_xdp/overview/share", "af_xdp/overview/own-rings"),
    section="Overview",
    says="Another process that has the memory and the descriptor of a socket of AF_XDP makes a socket of its "
    "own with RX and TX rings, binds it with XDP_SHARED_UMEM and the first one's descriptor, and sends from "
    "the UMEM. The first process finds the addr in the COMPLETION ring.",
    needs=NEEDS,
    survives={"no-op: close(*": "the other process ends, and with it what it has open"},
)
def test_processes_share_it(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as first:
        first.bind(peers.left.device)
        taken = in_child(
            lambda: first.sharing().bind_beside(first).sent_from(xdp_frame(b"shared"), 5 * CHUNK)
        )
        seen = [taken, receiver.recv(100)[14:].decode(), first.completion.take_some(1) == [(5 * CHUNK,)]]

        assert observe("taken_received_completed", seen) == [1, "shared", True]


@claim(
    "af_xdp/overview/processes-receive",
    sentence="af_xdp/overview/shared-frames",
    section="Overview",
    says="A socket of AF_XDP that shares the UMEM of another one and is alone in the map of an XDP program "
    "finds in its own RX ring addresses in that UMEM, of chunks that the FILL ring of the first one had.",
    needs=(*NEEDS, XDP_PROGRAM),
    survives={"no-op: close(*": "it ends what only sends"},
)
def test_a_second_socket_receives_into_it(peers, observe):
    with peers.right.entered(), packet_socket() as beside, Xsk() as first, first.sharing() as second:
        first.bind(peers.right.device).fill.put(3 * CHUNK)
        second.bind_beside(first)
        with redirected(peers.right, {0: second.sock}):
            sent_by(peers.left, xdp_frame(b"shared"))
            [(addr, length, _)] = second.rx.take_some(1)
        sent_by(peers.left, xdp_frame(b"passed"))
        data = first.memory.read(addr, length)[14:].decode()

        assert observe("received", [addr // CHUNK, data, carried(beside)]) == [3, "shared", "passed"]
