"""IP_MULTICAST_TTL of an accepted connection. No page says what it is."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "defacto/IP_MULTICAST_TTL/of-handshake",
    says="IP_MULTICAST_TTL of an accepted TCP connection over IPv4 reads as the time to live of the packet "
    "that completed its handshake, not of the one that asked for it, and not as its listener's.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_time_to_live_of_the_last_packet_is_kept(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        listener.rcvtimeo = SOON
        listener.tcp_defer_accept = 60  # the packet is then the one that brings data
        client.ip_ttl = 44
        client.connect(listener.getsockname())
        asked = client.ip_ttl
        client.ip_ttl = 33
        client.send(b"hello")
        with listener.accept()[0] as accepted:
            seen = [asked, listener.ip_multicast_ttl, accepted.ip_multicast_ttl]

            assert observe("request_listener_and_accepted", seen) == [44, 1, 33]
