"""SO_BSDCOMPAT where documents are silent: what it reads as, and that no warning is left."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import KERNEL_LOG
from conformance.plugin.setups.kernel_log import kernel_log, logged_since
from libsocket import INT, SO_BSDCOMPAT, Socket


@claim(
    "defacto/SO_BSDCOMPAT/reads-0",
    sentence="libsocket/bsdcompat/enables",
    says="TCP and UDP sockets take any int for SO_BSDCOMPAT, and it reads 0.",
    since="2.6.29",
    commit="df0bca049d01",
    survives={"no-op: setsockopt(*SO_BSDCOMPAT*": "the kernel takes it and does nothing else"},
)
@pytest.mark.parametrize("given", [1, -1, 2**31 - 1])
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp])
def test_reads_0_whatever_was_set(ns, observe, make, given):
    with make() as sock:
        sock.set(SO_BSDCOMPAT.through(INT), given)

        assert observe("read_back", sock.get(SO_BSDCOMPAT.through(INT))) == 0


@claim(
    "defacto/SO_BSDCOMPAT/no-warning",
    says="Setting SO_BSDCOMPAT on a UDP socket leaves no warning in the kernel's log.",
    since="5.10",
    commit="f4ecc748533d",
    needs=[KERNEL_LOG],
    survives={"no-op: setsockopt(*SO_BSDCOMPAT*": "the kernel takes it and does nothing else"},
)
def test_setting_it_is_not_logged(ns, observe):
    with kernel_log() as log, Socket.udp() as sock:
        sock.bsdcompat = True

        assert observe("logged", "SO_BSDCOMPAT" in logged_since(log)) is False
