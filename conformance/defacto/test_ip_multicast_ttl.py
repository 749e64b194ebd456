"""IP_MULTICAST_TTL of an accepted connection. No page says what it is."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from libsocket import Socket


@claim(
    "defacto/IP_MULTICAST_TTL/of-request",
    says="IP_MULTICAST_TTL of an accepted TCP connection over IPv4 reads as the time to live of the packet "
    "that asked for it, not as its listener's.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_time_to_live_of_the_request_is_kept(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.ip_ttl = 33
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            both = [listener.ip_multicast_ttl, accepted.ip_multicast_ttl]

            assert observe("listener_and_accepted", both) == [1, 33]
