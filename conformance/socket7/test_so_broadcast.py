"""SO_BROADCAST: datagrams to every host of a network."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.threads import given_up
from libsocket import Shutdown, Socket

EVERY_HOST_OF_THE_NET = "10.0.1.255"
EVERY_HOST_HERE = "255.255.255.255"


@claim(
    "socket.7/SO_BROADCAST/needed-to-send",
    sentence=(
        "libsocket/broadcast/allows",
        "socket.7/SO_BROADCAST/allows",
        "ip.7/addresses/broadcast-flag",
        "ip.7/errors/eacces-broadcast",
        "send.2/EACCES/udp-broadcast",
    ),
    section="Socket options",
    says="Where a route leads to a broadcast address, a UDP socket can send there with SO_BROADCAST only: "
    "EACCES without.",
    needs=[VETH],
)
@pytest.mark.parametrize("everyone", [EVERY_HOST_OF_THE_NET, EVERY_HOST_HERE])
def test_only_with_the_option_can_it_send_to_everyone(peers, observe, everyone):
    peers.left.namespace.add_route("0.0.0.0/0", dev=peers.left.device)
    with udp_across(peers) as (sender, receiver):
        receiver.rcvtimeo = 5
        everywhere = everyone, receiver.getsockname()[1]
        with refused(errno.EACCES):
            sender.sendto(b"without", everywhere)
        sender.broadcast = True
        sender.sendto(b"with", everywhere)

        assert observe("received", receiver.recv(9).decode()) == "with"


@claim(
    "socket.7/SO_BROADCAST/no-effect-on-streams",
    sentence=(
        "libsocket/broadcast/streams",
        "socket.7/SO_BROADCAST/streams",
        "ip.7/addresses/connection-unicast",
    ),
    section="Socket options",
    says="SO_BROADCAST has no effect on a TCP socket: it cannot connect to a broadcast address with the "
    "option either.",
    needs=[VETH],
)
def test_a_stream_does_not_broadcast(peers, observe):
    with peers.right.entered(), listening("0.0.0.0") as listener:
        port = listener.getsockname()[1]
        with peers.left.entered():
            client = Socket.tcp()
        with client, given_up(lambda: client.shutdown(Shutdown.BOTH)):
            with refused():
                client.connect((EVERY_HOST_OF_THE_NET, port))
            client.broadcast = True
            with refused(name="errno_with_the_option"):
                client.connect((EVERY_HOST_OF_THE_NET, port))
            client.connect((peers.right.address, port))

            assert observe("option_and_peer", [client.broadcast, client.getpeername()[0]]) == [
                True,
                peers.right.address,
            ]
