"""TCP_THIN_DUPACK: what was an option is taken without effect."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import INT, TCP_THIN_DUPACK, TCP_THIN_LINEAR_TIMEOUTS, Socket

DUPACK, LINEAR = TCP_THIN_DUPACK.through(INT), TCP_THIN_LINEAR_TIMEOUTS.through(INT)


@claim(
    "defacto/TCP_THIN_DUPACK/no-effect",
    says="A TCP socket takes a TCP_THIN_DUPACK of 1, and reads 0 then; TCP_THIN_LINEAR_TIMEOUTS reads the 1 "
    "that it was set to.",
    since="4.11",
    commit="4a7f60094411",
    survives={"no-op: setsockopt(*TCP_THIN_DUPACK*": "that it does nothing is what is claimed"},
)
def test_it_reads_zero(ns, observe):
    with Socket.tcp() as sock:
        sock.set(DUPACK, 1)
        sock.set(LINEAR, 1)

        assert observe("of_both", [sock.get(DUPACK), sock.get(LINEAR)]) == [0, 1]


@claim(
    "defacto/TCP_THIN_DUPACK/bounds",
    says="Setting TCP_THIN_DUPACK of a TCP socket to -1 or 2 is refused with EINVAL, and it reads the 0 that "
    "it was set to before.",
    since="2.6.34",
    commit="7e38017557bc",
    survives={"no-op: setsockopt(*TCP_THIN_DUPACK, ?0?*": "it reads 0 whatever it was set to"},
)
@pytest.mark.parametrize("value", [-1, 2])
def test_what_is_outside_is_refused(ns, observe, value):
    with Socket.tcp() as sock:
        sock.set(DUPACK, 0)
        with refused(errno.EINVAL):
            sock.set(DUPACK, value)

        assert observe("value", sock.get(DUPACK)) == 0
