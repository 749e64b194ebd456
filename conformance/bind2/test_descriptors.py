"""What bind(2) returns, and what it says of descriptors and memory that are none."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.descriptors import pipes
from conformance.plugin.setups.socket_addresses import HOME, call_with, own, returned
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.unix_names import from_nowhere
from libsocket import Socket
from netns import Capability

UNIX = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket", "unix-datagram"])


@claim(
    "bind.2/return/both",
    sentence=("bind.2/return/zero", "bind.2/return/minus-one"),
    section="RETURN VALUE",
    says="bind returns 0 for a TCP, UDP or UNIX stream socket that gets an address, and for the second time "
    "-1, with errno set.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_it_returns_zero_or_minus_one(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        answers = [*returned("bind", sock, HOME[kind]), *returned("bind", sock, HOME[kind])]

        assert observe("returned_and_errno", [*answers, own(sock)]) == [0, 0, -1, errno.EINVAL, HOME[kind]]


@claim(
    "bind.2/EBADF/not-open",
    survives={"no-op: close*": "with -1 nothing has to be closed"},
    sentence="bind.2/EBADF/descriptor",
    section="ERRORS",
    says="Binding what is no open descriptor, -1 or one that was closed, fails with EBADF.",
)
@pytest.mark.parametrize("which", ["negative", "closed"])
def test_no_descriptor_is_bound(ns, observe, which):
    with Socket.udp() as sock:
        closed = os.dup(sock.fileno())
        os.close(closed)
        with refused(errno.EBADF):
            call_with("bind", {"negative": -1, "closed": closed}[which], HOME["udp"])
        call_with("bind", sock.fileno(), HOME["udp"])

        assert observe("address", own(sock)) == HOME["udp"]


@claim(
    "bind.2/ENOTSOCK/pipe",
    sentence="bind.2/ENOTSOCK/descriptor",
    section="ERRORS",
    says="Binding a descriptor that is not that of a socket, but of a pipe, fails with ENOTSOCK.",
)
def test_a_pipe_is_not_bound(ns, observe):
    with Socket.udp() as sock, pipes(1) as (pipe,):
        with refused(errno.ENOTSOCK):
            call_with("bind", pipe.reader.fileno(), HOME["udp"])
        call_with("bind", sock.fileno(), HOME["udp"])

        assert observe("address", own(sock)) == HOME["udp"]


@claim(
    "bind.2/EFAULT/unix",
    sentence="bind.2/EFAULT/address",
    section="ERRORS",
    says="Binding a UNIX stream, seqpacket or datagram socket to an address where there is no memory fails "
    "with EFAULT.",
)
@UNIX
def test_an_address_is_read_from_memory(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with refused(errno.EFAULT):
            from_nowhere("bind", sock)
        call_with("bind", sock.fileno(), HOME[kind])

        assert observe("address", own(sock)) == HOME[kind]


@claim(
    "bind.2/EFAULT/unix-alone",
    sentence="bind.2/ERRORS/unix",
    section="ERRORS",
    says="EFAULT is an error of UNIX domain sockets alone: binding a TCP, UDP, raw, netlink or packet "
    "socket to an address where there is no memory does not fail with it.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it fails with EFAULT whatever the family (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_nowhere": "EFAULT", "bound_then": True},
    ),
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "raw", "netlink", "packet"])
def test_other_families_do_not_say_efault(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        met = observe("errno_nowhere", errno_name(returned("bind", sock, None)[1]))
        call_with("bind", sock.fileno(), HOME[kind])

        assert [observe("bound_then", own(sock) == HOME[kind]), met == "EFAULT"] == [True, False]
