"""getsockname(2): what it tells is what bind(2) and connect(2) gave, and of what it cannot be asked."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import (
    NO_SOCKETS,
    NOWHERE,
    descriptor_of,
    length_after_refused,
    name_to,
    returned,
    tell,
)
from conformance.plugin.setups.pairs import INTERNET_PAIRS
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket


@claim(
    "getsockname.2/bound/what-bind-gave",
    sentence="getsockname.2/getsockname/bound",
    section="DESCRIPTION",
    says="getsockname of a UDP or TCP socket that is bound to 127.0.0.2 and to a port tells these, here the "
    "port that bind chose for another socket, which is closed by then.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp], ids=["udp", "tcp"])
def test_the_bound_address_is_told(ns, observe, make):
    with make() as first:
        first.bind(("127.0.0.2", 0))
        port = first.getsockname()[1]
    with make() as second:
        second.bind(("127.0.0.2", port))

        assert [observe("host", second.getsockname()[0]), second.getsockname()[1]] == ["127.0.0.2", port]


@claim(
    "getsockname.2/bound/both-ends-of-a-connection",
    sentence=(
        "getsockname.2/getsockname/bound",
        "getpeername.2/getpeername/peer",
        "getpeername.2/NOTES/stream",
    ),
    section="DESCRIPTION",
    says="What getsockname tells of one end of a TCP connection, or of a UDP socket, over IPv4 or IPv6, "
    "getpeername tells of the socket that is connected to it.",
    needs=[IPV6],
)
@pytest.mark.parametrize("pair", INTERNET_PAIRS.values(), ids=INTERNET_PAIRS)
def test_one_end_tells_what_the_other_is(ns, observe, pair):
    left, right = pair()
    with left, right:
        own, seen = right.getsockname(), left.getpeername()

        assert observe("same", [own == seen, own[1] > 0]) == [True, True]


@claim(
    "getsockname.2/return/value",
    sentence="getsockname.2/return/value",
    section="RETURN VALUE",
    says="getsockname of a TCP, UDP, UNIX stream or netlink socket returns 0, and -1 for a descriptor that "
    "is closed.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "netlink"])
def test_success_is_0(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        opened, number = returned("getsockname", sock.fileno()), sock.fileno()

    assert observe("returned", [opened, returned("getsockname", number)]) == [0, -1]


@claim(
    "getsockname.2/EBADF/closed",
    sentence="getsockname.2/EBADF/not-open",
    section="ERRORS",
    says="getsockname of a descriptor that was closed, of -1 and of the largest int fails with EBADF; of an "
    "open TCP, UDP, UNIX or netlink socket it does not.",
)
@pytest.mark.parametrize("fd", [None, -1, 2**31 - 1], ids=["closed", "negative", "largest"])
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "netlink"])
def test_a_descriptor_must_be_open(ns, observe, kind, fd):
    with SOCKETS[kind]() as sock:
        number = sock.fileno()
        length = tell("getsockname", number)
    with refused(errno.EBADF):
        tell("getsockname", number if fd is None else fd)

    assert observe("length_when_open", length) > 0


@claim(
    "getsockname.2/ENOTSOCK/no-socket",
    sentence="getsockname.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="getsockname of a pipe, an epoll instance, /dev/null or a network namespace fails with ENOTSOCK; "
    "of a UDP socket it does not.",
)
@pytest.mark.parametrize("kind", NO_SOCKETS)
def test_it_must_be_a_socket(ns, observe, kind):
    with descriptor_of(kind) as fd, refused(errno.ENOTSOCK):
        tell("getsockname", fd)
    with Socket.udp() as sock:
        assert observe("length_of_a_socket", tell("getsockname", sock.fileno())) == 16


@claim(
    "defacto/getsockname/duplicate",
    says="getsockname of a TCP, UDP or UNIX socket tells the same of another descriptor of it, made before "
    "it was bound.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("kind", "address"), [("tcp", ("127.0.0.1", 0)), ("udp", ("127.0.0.1", 0)), ("unix", "")]
)
def test_every_descriptor_has_the_name(ns, observe, kind, address):
    with SOCKETS[kind]() as sock, Socket.from_fd(os.dup(sock.fileno())) as again:
        before = again.getsockname()
        sock.bind(address)

        same = [before == sock.getsockname(), again.getsockname() == sock.getsockname()]
        assert observe("before_and_after", same) == [False, True]


@claim(
    "defacto/getsockname/length-told-first",
    says="getsockname and getpeername of a TCP socket whose address has no memory fail with EFAULT, but "
    "tell the length of the address.",
    since="6.18",
    commit="1fb0e471611d",
)
@pytest.mark.parametrize("call", ["getsockname", "getpeername"])
def test_the_length_is_told_all_the_same(ns, observe, call):
    left, right = Socket.tcp_pair()
    with left, right:
        assert observe("length", length_after_refused(call, left.fileno(), 100)) == 16


@claim(
    "defacto/getsockname/no-room-no-memory",
    says="getsockname and getpeername of a TCP socket with an addrlen of 0 succeed without memory for the "
    "address, at NULL or 1, and tell its length; with an addrlen of 1 they fail with EFAULT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("call", ["getsockname", "getpeername"])
@pytest.mark.parametrize("address", [None, NOWHERE], ids=["null", "nowhere"])
def test_without_room_no_memory_is_needed(ns, observe, call, address):
    left, right = Socket.tcp_pair()
    with left, right:
        with refused(errno.EFAULT):
            name_to(call, left.fileno(), address, 1)

        assert observe("length", name_to(call, left.fileno(), address, 0)) == 16


@claim(
    "defacto/getsockname/negative-length-kept",
    says="getsockname and getpeername of a TCP socket that fail for a negative addrlen leave it as it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("call", ["getsockname", "getpeername"])
@pytest.mark.parametrize("room", [-1, -(2**31)])
def test_a_negative_length_stays(ns, observe, call, room):
    left, right = Socket.tcp_pair()
    with left, right:
        lengths = [length_after_refused(call, left.fileno(), room), tell(call, left.fileno())]

        assert observe("negative_and_whole", lengths) == [room, 16]
