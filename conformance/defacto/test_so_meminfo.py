"""SO_MEMINFO: what a socket's memory is spent on."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.pairs import TCP_PAIRS
from libsocket import Filter, Socket

SINCE, COMMIT = "4.12", "a2d133b1d465"


@claim(
    "defacto/SO_MEMINFO/optmem",
    says="The optmem of SO_MEMINFO of a TCP or UDP socket is 0 at first, more with a program, and 0 again "
    "once that is detached.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_a_program_takes_memory(ns, observe, make):
    with make() as sock:
        sizes = [sock.meminfo.optmem]
        sock.attach_filter = Filter.accept(4)
        sizes.append(sock.meminfo.optmem)
        sock.detach_filter = 0
        sizes.append(sock.meminfo.optmem)

        assert observe("takes_memory", [size > 0 for size in sizes]) == [False, True, False]


@claim(
    "defacto/SO_MEMINFO/queued",
    says="The wmem_queued of SO_MEMINFO of a TCP connection, over IPv4 and IPv6, is 0 at first, and more "
    "than the bytes that it has to send while TCP_CORK keeps them back.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
def test_what_is_to_be_sent_takes_memory(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.tcp_cork = True
        before = sender.meminfo.wmem_queued
        sender.send(bytes(100))

        assert observe("before_and_more", [before, sender.meminfo.wmem_queued > 100]) == [0, True]
