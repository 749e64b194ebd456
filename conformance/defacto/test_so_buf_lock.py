"""SO_BUF_LOCK: buffers that are set are locked."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from libsocket import BufLock, Socket


@claim(
    "defacto/SO_BUF_LOCK/set-by-sizes",
    says="Setting SO_SNDBUF or SO_RCVBUF of a TCP or UDP socket locks that buffer, as SO_BUF_LOCK shows, and "
    "SO_BUF_LOCK unlocks it again without changing its size.",
    since="5.15",
    commit="04190bf8944d",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_setting_a_size_locks_it(ns, observe, make):
    with make() as sock:
        locks = [sock.buf_lock]
        sock.sndbuf = 10000
        locks.append(sock.buf_lock)
        sock.rcvbuf = 20000
        locks.append(sock.buf_lock)
        sock.buf_lock = BufLock.SNDBUF
        locks.append(sock.buf_lock)
        sock.buf_lock = BufLock(0)
        locks.append(sock.buf_lock)

        assert observe("locks_and_sizes", [*map(int, locks), sock.sndbuf, sock.rcvbuf]) == [
            0,
            1,
            3,
            1,
            0,
            20000,
            40000,
        ]
