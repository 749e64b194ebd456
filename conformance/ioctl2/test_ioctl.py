"""ioctl(2) of sockets: what it returns, and what it refuses."""

from __future__ import annotations

import errno
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import (
    SIOCGPGRP,
    asked,
    namespace_of,
    owner,
    returned_and_given,
    with_word,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.selects import Numbered
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import connected
from libsocket import Fd
from netns import Capability

KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "tcp6", "udp", "udp6", "unix", "unix-seqpacket", "unix-datagram"]
)
SMALLEST = -(2**31)


@claim(
    "ioctl.2/RETURN-VALUE/zero",
    sentence="ioctl.2/RETURN-VALUE/zero",
    section="RETURN VALUE",
    says="SIOCINQ of a TCP, UDP or UNIX socket for which 5 bytes wait gives 5, and ioctl(2) returns 0.",
    survives={"no-op: connect*": "an end that only receives needs no peer"},
)
@KINDS
def test_an_ioctl_returns_zero(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.send(b"hello")
        await_readable(sock)

        assert observe("returned_and_given", returned_and_given(sock, "SIOCINQ")) == [0, 5]


@claim(
    "ioctl.2/RETURN-VALUE/value",
    sentence="ioctl.2/RETURN-VALUE/zero",
    section="RETURN VALUE",
    says="The SIOCGSKNS of a TCP, UDP or UNIX socket gives by what ioctl(2) returns: a new descriptor of the "
    "socket's network namespace.",
    needs=[Capability.NET_ADMIN],
)
@KINDS
def test_an_ioctl_returns_a_value(ns, observe, kind):
    with SOCKETS[kind]() as sock, Fd(namespace_of(sock)) as given:
        own = os.stat("/proc/thread-self/ns/net")

        found = [given.fileno() > 0, os.path.sameopenfile(given.fileno(), sock.fileno())]
        found.append(os.path.samestat(os.fstat(given.fileno()), own))
        assert observe("descriptor_socket_namespace", found) == [True, False, True]


@claim(
    "ioctl.2/EBADF/closed",
    sentence="ioctl.2/EBADF/closed",
    section="ERRORS",
    says="SIOCGPGRP of a descriptor of a TCP, UDP or UNIX socket that was closed fails with EBADF, where of "
    "another of that socket it gives 0.",
)
@KINDS
def test_a_closed_descriptor(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        number = os.dup(sock.fileno())
        os.close(number)
        with refused(errno.EBADF):
            asked(Numbered(number), SIOCGPGRP)

        assert observe("of_another", asked(sock, SIOCGPGRP)) == 0


@claim(
    "ioctl.2/EINVAL/owner",
    sentence="ioctl.2/EINVAL/invalid",
    section="ERRORS",
    says="FIOSETOWN and SIOCSPGRP of a TCP, UDP or UNIX socket fail with EINVAL where their argument is the "
    "smallest int, which is no process and no group, and the owner stays the one that they had set.",
)
@KINDS
@pytest.mark.parametrize("request_name", ["FIOSETOWN", "SIOCSPGRP"])
def test_an_argument_that_is_invalid(ns, observe, kind, request_name):
    with SOCKETS[kind]() as sock:
        with_word(sock, request_name, os.getpid())
        with refused(errno.EINVAL):
            with_word(sock, request_name, SMALLEST)

        assert observe("own", owner(sock) == os.getpid()) is True
