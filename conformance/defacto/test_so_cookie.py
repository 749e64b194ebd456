"""SO_COOKIE and SO_NETNS_COOKIE: numbers that tell sockets and network namespaces apart."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import SO_COOKIE, SO_NETNS_COOKIE, Socket, raw
from netns import Namespace

KINDS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "unix", "netlink"])


@claim(
    "defacto/SO_COOKIE/unique",
    says="SO_COOKIE of a TCP, UDP, UNIX or netlink socket is a number that is not zero, is the same each "
    "time and on a duplicate descriptor, and is no other socket's.",
    since="4.12",
    commit="5daab9db7b65",
    survives={"no-op: ioctl(FIONBIO*": "how a duplicate waits does not matter"},
)
@KINDS
def test_each_socket_has_a_number(ns, observe, kind):
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second, first.dup() as duplicate:
        cookies = [first.cookie, first.cookie, duplicate.cookie]

        assert observe("one_and_others", [len({*cookies}), 0 in cookies, second.cookie in cookies]) == [
            1,
            False,
            False,
        ]


@claim(
    "defacto/SO_COOKIE/size",
    says="Reading SO_COOKIE of a TCP socket with less than 8 bytes is refused with EINVAL; with more it is "
    "8.",
    since="4.12",
    commit="5daab9db7b65",
)
@pytest.mark.parametrize("size", [1, 4, 7])
def test_a_cookie_has_eight_bytes(ns, observe, size):
    with Socket.tcp() as sock:
        with refused(errno.EINVAL):
            sock.get(SO_COOKIE.through(raw(size)))

        assert observe("sizes", [len(sock.get(SO_COOKIE.through(raw(more)))) for more in (8, 16)]) == [8, 8]


@claim(
    "defacto/SO_NETNS_COOKIE/of-the-namespace",
    says="SO_NETNS_COOKIE is the same for all TCP, UDP, UNIX and netlink sockets made in a network "
    "namespace, wherever it is read, and another in another one.",
    since="5.14",
    commit="e8b9eab99232",
)
@KINDS
def test_a_namespace_has_a_number(ns, observe, kind):
    with SOCKETS[kind]() as first, Socket.udp() as second, Namespace(), SOCKETS[kind]() as elsewhere:
        cookies = [first.netns_cookie, second.netns_cookie]

        assert observe("one_and_another", [len({*cookies}), elsewhere.netns_cookie in cookies]) == [1, False]


@claim(
    "defacto/SO_NETNS_COOKIE/size",
    says="Reading SO_NETNS_COOKIE of a TCP socket with another size than 8 bytes is refused with EINVAL.",
    since="5.14",
    commit="e8b9eab99232",
)
@pytest.mark.parametrize("size", [4, 7, 9, 16])
def test_a_namespace_cookie_has_exactly_eight_bytes(ns, observe, size):
    with Socket.tcp() as sock:
        with refused(errno.EINVAL):
            sock.get(SO_NETNS_COOKIE.through(raw(size)))

        assert observe("size", len(sock.get(SO_NETNS_COOKIE.through(raw(8))))) == 8
