"""SO_BSDCOMPAT where documents are silent: what it reads as, and that no warning is left."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import KERNEL_LOG
from conformance.plugin.setups.kernel_log import kernel_log, logged_since
from libsocket import INT, SO_BSDCOMPAT, Socket


@claim(
    "defacto/SO_BSDCOMPAT/reads-0",
    sentence="libsocket/bsdcompat/enables",
    says="Any value can be set, and the option reads 0 ever after.",
    since="2.6.29",
)
def test_reads_0_whatever_was_set(ns, observe):
    with Socket.udp() as sock:
        sock.bsdcompat = True

        assert observe("read_back", sock.get(SO_BSDCOMPAT.through(INT))) == 0


@claim(
    "defacto/SO_BSDCOMPAT/no-warning",
    says="The kernel's log does not warn of the option any more.",
    since="5.10",
    needs=[KERNEL_LOG],
)
def test_setting_it_is_not_logged(ns, observe):
    with kernel_log() as log, Socket.udp() as sock:
        sock.bsdcompat = True

        assert observe("logged", "SO_BSDCOMPAT" in logged_since(log)) is False
