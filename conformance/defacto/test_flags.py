"""Options that are flags: which numbers they take and give back."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import INT, SO_BROADCAST, SO_OOBINLINE, SO_TIMESTAMP, TCP_CORK, TCP_NODELAY, Socket, raw

FLAGS = [
    pytest.param(
        option,
        marks=claim(
            f"defacto/{option.name}/boolean",
            says=f"Any number but zero turns {option.name} on, and it reads back as one or zero.",
        ),
    )
    for option in (SO_BROADCAST, SO_OOBINLINE, SO_TIMESTAMP, TCP_NODELAY, TCP_CORK)
]


@pytest.mark.parametrize("option", FLAGS)
@pytest.mark.parametrize(("given", "held"), [(7, 1), (-1, 1), (0, 0)])
def test_any_number_but_zero_is_on(ns, observe, option, given, held):
    with Socket.tcp() as sock:
        sock.set(option, not held)
        sock.set(option.through(INT), given)

        assert observe("held", sock.get(option.through(INT))) == held


@claim(
    "defacto/TCP_NODELAY/int-only",
    says="A flag is set by an int: TCP_NODELAY given one byte is refused with EINVAL.",
)
def test_one_byte_is_refused(ns, observe):
    with Socket.tcp() as sock:
        sock.tcp_nodelay = True
        with refused(errno.EINVAL):
            sock.set(TCP_NODELAY.through(raw(1)), b"\0")

        assert observe("set", sock.tcp_nodelay) is True
