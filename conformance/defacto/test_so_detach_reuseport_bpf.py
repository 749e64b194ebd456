"""SO_DETACH_REUSEPORT_BPF: a group of sockets without its program."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.reuse import STAY_OPEN, arrivals, group, sharing_socket
from libsocket import INT, SO_DETACH_REUSEPORT_BPF, Filter, Socket

SINCE, COMMIT = "5.3", "99f3a064bc2e"
KINDS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])


@claim(
    "defacto/SO_DETACH_REUSEPORT_BPF/removes",
    says="SO_DETACH_REUSEPORT_BPF of any of two TCP or UDP sockets that share an address removes the program "
    "of both, whatever number is given: what comes is distributed again.",
    since=SINCE,
    commit=COMMIT,
    survives=STAY_OPEN,
)
@KINDS
@pytest.mark.parametrize("number", [0, -1, 7])
def test_what_comes_is_distributed_again(ns, observe, make, number):
    with group(2, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        before = arrivals(members)
        members[1].detach_reuseport_bpf = number
        distributed = min(arrivals(members, 40)) > 0

        assert [observe("before", before), observe("distributed", distributed)] == [[0, 20], True]


@claim(
    "defacto/SO_DETACH_REUSEPORT_BPF/none",
    says="SO_DETACH_REUSEPORT_BPF of a TCP or UDP socket with SO_REUSEPORT whose group has no program, or "
    "has none any more, is refused with ENOENT.",
    since=SINCE,
    commit=COMMIT,
    survives=STAY_OPEN,
)
@KINDS
def test_what_is_not_there_is_not_removed(ns, observe, make):
    with group(2, make) as members:
        with refused(errno.ENOENT):
            members[0].detach_reuseport_bpf = 0
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        attached = arrivals(members)
        members[0].detach_reuseport_bpf = 0
        with refused(errno.ENOENT, "errno_again"):
            members[0].detach_reuseport_bpf = 0

        assert observe("attached", attached) == [0, 20]


@claim(
    "defacto/SO_DETACH_REUSEPORT_BPF/no-group",
    says="SO_DETACH_REUSEPORT_BPF of a TCP or UDP socket without SO_REUSEPORT is refused with EINVAL, and of "
    "one that has it, and is not bound, with ENOENT.",
    since=SINCE,
    commit=COMMIT,
)
@KINDS
def test_a_socket_that_shares_no_address_has_no_program(ns, observe, make):
    with make() as sock, sharing_socket(make) as sharing:
        with refused(errno.EINVAL):
            sock.detach_reuseport_bpf = 0
        with refused(errno.ENOENT, "errno_of_sharing"):
            sharing.detach_reuseport_bpf = 0

        assert observe("reuseport", [sock.reuseport, sharing.reuseport]) == [False, True]


@claim(
    "defacto/SO_DETACH_REUSEPORT_BPF/not-read",
    says="SO_DETACH_REUSEPORT_BPF of a TCP or UDP socket cannot be read: ENOPROTOOPT. Its program stays.",
    since=SINCE,
    commit=COMMIT,
    survives=STAY_OPEN,
)
@KINDS
def test_it_cannot_be_read(ns, observe, make):
    with group(2, make) as members:
        members[0].attach_reuseport_cbpf = Filter.returning(1)
        with refused(errno.ENOPROTOOPT):
            members[0].get(SO_DETACH_REUSEPORT_BPF.through(INT))

        assert observe("after", arrivals(members)) == [0, 20]
