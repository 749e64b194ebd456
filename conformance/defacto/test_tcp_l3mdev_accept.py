"""tcp_l3mdev_accept: sockets that are bound to a VRF device, and those that are not."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.l3_domains import DOMAIN, NEEDS, divide
from libsocket import Socket

SYSCTL = "net.ipv4.tcp_l3mdev_accept"


@claim(
    "defacto/tcp_l3mdev_accept/one-port",
    says="While tcp_l3mdev_accept is 1 a TCP socket over IPv4 that is bound to a VRF device cannot have the "
    "port of one that is bound to no device: EADDRINUSE; while it is 0 it can.",
    since="5.0",
    commit="3c82a21f4320",
    needs=NEEDS,
)
def test_a_port_is_not_shared_across_domains(peers, observe):
    divide(peers.right)
    sysctl = peers.right.namespace.sysctl
    with peers.right.entered(), Socket.tcp() as bound, Socket.tcp() as unbound:
        bound.bindtodevice = DOMAIN
        unbound.bind(("0.0.0.0", 0))
        sysctl[SYSCTL] = 1
        with refused(errno.EADDRINUSE):
            bound.bind(unbound.getsockname())
        sysctl[SYSCTL] = 0
        bound.bind(unbound.getsockname())

        assert observe("same_port", bound.getsockname() == unbound.getsockname()) is True
