"""IP_RECVERR where its page is silent: who meets an error."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


@claim(
    "defacto/IP_RECVERR/next-send-fails",
    says="The send on a UDP socket with IP_RECVERR that is not connected, which follows an error of another "
    "destination, fails with that error, ECONNREFUSED, and sends nothing; without IP_RECVERR it is sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_the_next_send_fails(ns, observe):
    with packets() as seen, Socket.udp() as healthy, Socket.udp() as sock, Socket.udp() as plain:
        healthy.rcvtimeo = SOON
        healthy.bind(("127.0.0.1", 0))
        sock.ip_recverr = True
        plain.sendto(b"lost without", ("127.0.0.1", 9))
        sock.sendto(b"lost", ("127.0.0.1", 9))
        await_error(sock)
        with refused(errno.ECONNREFUSED):
            sock.sendto(b"fails", healthy.getsockname())
        plain.sendto(b"without", healthy.getsockname())
        sock.sendto(b"again", healthy.getsockname())

        received = [payload(seen.recv(100)), healthy.recv(9).decode(), healthy.recv(9).decode()]

        assert observe("received", received) == ["lost without", "without", "again"]
