"""TCP_THIN_DUPACK: what was an option is taken without effect."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from libsocket import INT, TCP_THIN_DUPACK, TCP_THIN_LINEAR_TIMEOUTS, Socket, raw

DUPACK, LINEAR = TCP_THIN_DUPACK.through(INT), TCP_THIN_LINEAR_TIMEOUTS.through(INT)
FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["tcp", "tcp6"])


@claim(
    "defacto/TCP_THIN_DUPACK/no-effect",
    says="A TCP socket, over IPv4 and IPv6, takes a TCP_THIN_DUPACK of 0 and of 1, and reads 0 whatever it "
    "was set to, where TCP_THIN_LINEAR_TIMEOUTS reads back.",
    since="4.11",
    commit="4a7f60094411",
    needs=[IPV6],
    survives={"no-op: setsockopt(*TCP_THIN_DUPACK*": "that it does nothing is what is claimed"},
)
@FAMILIES
@pytest.mark.parametrize("value", [0, 1])
def test_it_reads_zero(ns, observe, family, value):
    with Socket.tcp(family) as sock:
        sock.set(DUPACK, value)
        sock.set(LINEAR, 1)

        assert observe("of_both", [sock.get(DUPACK), sock.get(LINEAR)]) == [0, 1]


@claim(
    "defacto/TCP_THIN_DUPACK/bounds",
    says="A TCP_THIN_DUPACK of a TCP socket, over IPv4 and IPv6, of less than 0 or more than 1 is refused "
    "with EINVAL, and so are fewer bytes than four.",
    since="2.6.34",
    commit="7e38017557bc",
    needs=[IPV6],
    survives={"no-op: setsockopt(*TCP_THIN_DUPACK, ?0?*": "it reads 0 whatever it was set to"},
)
@FAMILIES
@pytest.mark.parametrize("value", [-1, 2, 255])
def test_what_is_outside_is_refused(ns, observe, family, value):
    with Socket.tcp(family) as sock:
        sock.set(DUPACK, 0)
        with refused(errno.EINVAL):
            sock.set(DUPACK, value)
        with refused(errno.EINVAL, "errno_of_fewer"):
            sock.set(TCP_THIN_DUPACK.through(raw(3)), bytes(3))

        assert observe("value", sock.get(DUPACK)) == 0
