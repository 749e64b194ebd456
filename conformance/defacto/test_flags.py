"""Options that are flags: which numbers they take and give back."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import INT, SO_BROADCAST, SO_OOBINLINE, SO_TIMESTAMP, TCP_CORK, TCP_NODELAY, Socket, raw

INT_SIZE = INT.size

FLAGS = [
    pytest.param(
        option,
        marks=claim(
            f"defacto/{option.name}/boolean",
            says=f"On a TCP socket any int but 0 turns {option.name} on, and it reads back as 1 or 0.",
            since="2.6.12",
            commit="1da177e4c3f4",
        ),
    )
    for option in (SO_BROADCAST, SO_OOBINLINE, SO_TIMESTAMP, TCP_NODELAY, TCP_CORK)
]


@pytest.mark.parametrize("option", FLAGS)
@pytest.mark.parametrize(("given", "held"), [(7, 1), (256, 1), (-1, 1), (-(2**31), 1), (0, 0)])
def test_any_number_but_zero_is_on(ns, observe, option, given, held):
    with Socket.tcp() as sock:
        sock.set(option, not held)
        sock.set(option.through(INT), given)

        assert observe("held", sock.get(option.through(INT))) == held


@claim(
    "defacto/TCP_NODELAY/int-only",
    says="TCP_NODELAY given fewer bytes than an int has is refused with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("size", [1, INT_SIZE - 1])
def test_fewer_bytes_are_refused(ns, observe, size):
    with Socket.tcp() as sock:
        sock.tcp_nodelay = True
        with refused(errno.EINVAL):
            sock.set(TCP_NODELAY.through(raw(size)), bytes(size))
        kept = sock.tcp_nodelay
        sock.set(TCP_NODELAY.through(raw(INT_SIZE)), bytes(INT_SIZE))

        assert observe("after_fewer_and_enough", [kept, sock.tcp_nodelay]) == [True, False]
