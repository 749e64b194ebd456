"""SO_KEEPALIVE: whether an idle connection is probed."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import LINK_DOWN
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability


def impatient_pair() -> tuple[Socket, Socket]:
    """A TCP connection with the shortest times: probed after a second, given up after another."""
    sock, peer = Socket.tcp_pair()
    sock.tcp_keepidle = sock.tcp_keepintvl = sock.tcp_keepcnt = 1
    return sock, peer


@claim(
    "socket.7/SO_KEEPALIVE/vanished-peer",
    sentence=("libsocket/keepalive/sends", "socket.7/SO_KEEPALIVE/sends"),
    section="Socket options",
    says="With keepalive on, an idle TCP connection to a peer that no longer answers ends once its probes "
    "were in vain (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT); with keepalive off it does not.",
    needs=[Capability.NET_ADMIN, LINK_DOWN],
)
def test_a_vanished_peer_is_noticed(ns, observe):
    idle, idle_peer = impatient_pair()
    probing, peer = impatient_pair()
    with idle, idle_peer, probing, peer:
        probing.rcvtimeo = SOON  # a connection that does not end is an answer
        with timed() as took:
            probing.keepalive = True
            ns.set_link("lo", up=False)
            with refused(errno.ETIMEDOUT):
                probing.recv(1)
        times = [idle.tcp_keepidle, idle.tcp_keepintvl, idle.tcp_keepcnt]

        assert [
            observe("probed", took.lasted(2)),
            observe("times_and_error_without_keepalive", [*times, idle.error]),
        ] == [True, [1, 1, 1, 0]]
