"""SO_ATTACH_REUSEPORT_CBPF and _EBPF: a program selects which socket of a group gets what comes."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import EBPF, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import SK_DROP, SK_REUSEPORT, returning, selecting
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.reuse import OTHERS_IN_GROUP, arrivals, group, sharing_socket
from conformance.plugin.timing import SOON
from libsocket import Filter, Socket

KINDS = pytest.mark.parametrize("make", [Socket.udp, Socket.tcp], ids=["udp", "tcp"])


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_CBPF/index",
    sentence=(
        "socket.7/SO_ATTACH_REUSEPORT/assigns",
        "socket.7/SO_ATTACH_REUSEPORT/index",
        "socket.7/SO_ATTACH_REUSEPORT/order",
        "socket.7/SO_ATTACH_REUSEPORT/since",
    ),
    section="Socket options",
    says="Of three UDP or TCP sockets that share an address over IPv4 the one whose index, in the order of "
    "bind or listen, a classic program returns gets all that comes.",
    since="4.6",
    survives=OTHERS_IN_GROUP,
)
@KINDS
@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_index_selects(ns, observe, make, index):
    with group(3, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(index)
        counts = arrivals(members)

        assert observe("counts", counts) == [20 * (place == index) for place in range(3)]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_CBPF/order-of-listen",
    sentence="socket.7/SO_ATTACH_REUSEPORT/order",
    section="Socket options",
    says="TCP sockets are numbered in the order of listen, not of bind: index 0 is that which listens first.",
    since="4.6",
    survives=OTHERS_IN_GROUP,
)
def test_listeners_are_numbered_by_listen(ns, observe):
    with sharing_socket() as first, sharing_socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        second.listen(64)
        first.listen(64)
        first.attach_reuseport_cbpf = Filter.returning(0)

        assert observe("counts", arrivals([first, second])) == [0, 20]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_CBPF/invalid-index",
    sentence="socket.7/SO_ATTACH_REUSEPORT/invalid",
    section="Socket options",
    says="Where the program returns an index that no UDP or TCP socket of the group has, what comes is "
    "distributed as without a program.",
    since="4.6",
    survives=OTHERS_IN_GROUP,
)
@KINDS
@pytest.mark.parametrize("index", [2, 77])
def test_an_invalid_index_selects_none(ns, observe, make, index):
    with group(2, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        before = arrivals(members)
        members[0].attach_reuseport_cbpf = Filter.returning(index)
        counts = arrivals(members, 40)

        assert observe("before_all_some_each", [before, sum(counts), min(counts) > 0]) == [[0, 20], 40, True]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_EBPF/socket-filter",
    sentence=("socket.7/SO_ATTACH_REUSEPORT/socket-filter", "socket.7/SO_ATTACH_REUSEPORT/assigns"),
    section="Socket options",
    says="Of two UDP or TCP sockets that share an address the one whose index a program of the type "
    "BPF_PROG_TYPE_SOCKET_FILTER returns gets all that comes.",
    since="4.6",
    needs=[EBPF],
    survives=OTHERS_IN_GROUP,
)
@KINDS
@pytest.mark.parametrize("index", [0, 1])
def test_the_index_of_an_extended_program_selects(ns, observe, make, index):
    with group(2, make) as members, returning(index) as program:
        members[0].attach_reuseport_ebpf = program

        assert observe("counts", arrivals(members)) == [20 * (place == index) for place in range(2)]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_EBPF/sk-reuseport-selects",
    sentence="socket.7/SO_ATTACH_REUSEPORT/sk-reuseport",
    section="Socket options",
    says="Of two UDP or TCP sockets that share an address the one that a program of the type "
    "BPF_PROG_TYPE_SK_REUSEPORT selects with bpf_sk_select_reuseport gets all that comes.",
    since="4.19",
    needs=[EBPF],
    survives=OTHERS_IN_GROUP,
)
@KINDS
@pytest.mark.parametrize("index", [0, 1])
def test_the_helper_selects(ns, observe, make, index):
    with group(2, make) as members, selecting(members[index]) as program:
        members[0].attach_reuseport_ebpf = program

        assert observe("counts", arrivals(members)) == [20 * (place == index) for place in range(2)]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_EBPF/sk-reuseport-drops",
    sentence="socket.7/SO_ATTACH_REUSEPORT/sk-reuseport",
    section="Socket options",
    says="What comes to a group of UDP sockets whose program of the type BPF_PROG_TYPE_SK_REUSEPORT returns "
    "SK_DROP is dropped.",
    since="4.19",
    needs=[EBPF],
    survives={
        "no-op: close()*": "what is closed has told that the dropped datagram had arrived",
        'no-op: sendto("dropped"*': "what is dropped shows by its absence only",
    },
)
def test_what_is_not_passed_is_dropped(ns, observe):
    with group(1) as members, Socket.udp() as sender, returning(SK_DROP, SK_REUSEPORT) as program:
        members[0].rcvtimeo = SOON
        members[0].attach_reuseport_ebpf = program
        sent = [sender.sendto(b"dropped", members[0].getsockname())]
        await_those_before(udp_pair)
        members[0].attach_reuseport_cbpf = Filter.returning(0)
        sent.append(sender.sendto(b"taken", members[0].getsockname()))

        assert observe("sent_and_received", [sent, members[0].recv(9).decode()]) == [[7, 5], "taken"]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_CBPF/added",
    sentence="socket.7/SO_ATTACH_REUSEPORT/added",
    section="Socket options",
    says="A UDP socket that is bound to a group's address after its program was attached is selected by it.",
    since="4.5",
    survives=OTHERS_IN_GROUP,
)
def test_a_socket_that_comes_later_is_selected(ns, observe):
    with group(2) as members, sharing_socket(Socket.udp) as third:
        members[0].attach_reuseport_cbpf = Filter.returning(2)
        third.bind(members[0].getsockname())

        assert observe("counts", arrivals([*members, third])) == [0, 0, 20]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_CBPF/removed",
    sentence="socket.7/SO_ATTACH_REUSEPORT/removed",
    section="Socket options",
    says="When the first of three UDP or TCP sockets of a group is closed, the last has its index, and the "
    "second keeps its own.",
    since="4.6",
    survives=OTHERS_IN_GROUP,
)
@KINDS
@pytest.mark.parametrize(("index", "counts"), [(0, [0, 20]), (1, [20, 0])])
def test_the_last_takes_the_place(ns, observe, make, index, counts):
    with group(3, make) as members:
        members[1].attach_reuseport_cbpf = Filter.returning(index)
        before = arrivals(members)
        members[0].close()

        assert observe("before_and_after", [before, arrivals(members[1:])]) == [
            [20 * (place == index) for place in range(3)],
            counts,
        ]


@claim(
    "socket.7/SO_ATTACH_REUSEPORT_CBPF/replaced",
    sentence="socket.7/SO_ATTACH_REUSEPORT/replaced",
    section="Socket options",
    says="A group's program is replaced by what is attached through another of its UDP or TCP sockets.",
    since="4.6",
    survives=OTHERS_IN_GROUP,
)
@KINDS
def test_any_socket_replaces_the_program(ns, observe, make):
    with group(2, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(0)
        before = arrivals(members)
        members[1].attach_reuseport_cbpf = Filter.returning(1)

        assert observe("before_and_after", [before, arrivals(members)]) == [[20, 0], [0, 20]]


@claim(
    "defacto/SO_ATTACH_REUSEPORT_CBPF/optmem",
    says="Setting SO_ATTACH_REUSEPORT_CBPF of a UDP or TCP socket over IPv4 fails with ENOMEM where "
    "net.core.optmem_max is 0, and its group keeps the program that it has; where there is room that is "
    "replaced.",
    since="4.6",
    commit="c125e80b8868",
    needs=[sysctl("net.core.optmem_max")],
    survives=OTHERS_IN_GROUP,
)
@KINDS
def test_a_program_of_a_group_takes_optional_memory(ns, observe, make):
    with group(2, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        room = ns.sysctl["net.core.optmem_max"]
        ns.sysctl["net.core.optmem_max"] = 0
        with refused(errno.ENOMEM):
            members[0].attach_reuseport_cbpf = Filter.returning(0)
        ns.sysctl["net.core.optmem_max"] = room
        kept = arrivals(members)
        members[0].attach_reuseport_cbpf = Filter.returning(0)

        assert observe("kept_and_replaced", [kept, arrivals(members)]) == [[0, 20], [20, 0]]


@claim(
    "socket.7/SO_LOCK_FILTER/program-of-a-group",
    sentence="socket.7/SO_LOCK_FILTER/which",
    section="Socket options",
    says="Once SO_LOCK_FILTER of a UDP socket is on, the program of its group cannot be replaced through it: "
    "EPERM.",
    since="4.5",
    survives=OTHERS_IN_GROUP,
)
def test_a_lock_holds_the_program_of_a_group(ns, observe):
    with group(2) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        before = arrivals(members)
        members[0].lock_filter = True
        with refused(errno.EPERM):
            members[0].attach_reuseport_cbpf = Filter.returning(0)

        assert observe("before_and_after", [before, arrivals(members)]) == [[0, 20], [0, 20]]


@claim(
    "socket.7/SO_LOCK_FILTER/removing-program-of-a-group",
    sentence=("socket.7/SO_LOCK_FILTER/which", "socket.7/SO_LOCK_FILTER/eperm"),
    section="Socket options",
    says="Once SO_LOCK_FILTER of a UDP or TCP socket is on, the program of its group cannot be removed "
    "through it: EPERM.",
    since="5.3",
    survives=OTHERS_IN_GROUP,
    expect=differs(
        "SO_DETACH_REUSEPORT_BPF asks for no lock: what comes is distributed as without a program then",
        since="5.3",
        commit="99f3a064bc2e",
        observed={"errno": None, "locked": True, "before": [0, 20], "distributed": True},
    ),
)
@KINDS
def test_a_lock_keeps_the_program_of_a_group(ns, observe, make):
    with group(2, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        before = observe("before", arrivals(members))
        members[0].lock_filter = True
        observe("locked", members[0].lock_filter)
        with refused(errno.EPERM):
            members[0].detach_reuseport_bpf = 0
            observe("distributed", min(arrivals(members, 40)) > 0)

        assert [before, observe("after", arrivals(members))] == [[0, 20], [0, 20]]
