"""SO_BROADCAST: datagrams to every host of a network."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import udp_across
from libsocket import Socket

EVERY_HOST_OF_THE_NET = "10.0.1.255"
EVERY_HOST_HERE = "255.255.255.255"


@claim(
    "socket.7/SO_BROADCAST/needed-to-send",
    sentence="libsocket/broadcast/allows",
    section="Socket options",
    says="A datagram socket can send to a broadcast address with the option, and cannot without.",
    needs=[VETH],
)
@pytest.mark.parametrize("everyone", [EVERY_HOST_OF_THE_NET, EVERY_HOST_HERE])
def test_only_with_the_option_can_it_send_to_everyone(peers, observe, everyone):
    peers.left.namespace.add_route("0.0.0.0/0", dev=peers.left.device)
    with udp_across(peers) as (sender, receiver):
        everywhere = everyone, receiver.getsockname()[1]
        with refused(errno.EACCES):
            sender.sendto(b"without", everywhere)
        sender.broadcast = True
        sender.sendto(b"with", everywhere)

        assert observe("received", receiver.recv(9).decode()) == "with"


@claim(
    "socket.7/SO_BROADCAST/no-effect-on-streams",
    sentence="libsocket/broadcast/streams",
    section="Socket options",
    says="The option has no effect on a stream socket: it connects to single hosts only, as without.",
    needs=[VETH],
)
def test_a_stream_does_not_broadcast(peers, observe):
    with peers.right.entered(), listening("0.0.0.0") as listener:
        port = listener.getsockname()[1]
        with peers.left.entered():
            client = Socket.tcp()
        with client:
            with refused(errno.ENETUNREACH):
                client.connect((EVERY_HOST_OF_THE_NET, port))
            client.broadcast = True
            with refused(errno.ENETUNREACH):
                client.connect((EVERY_HOST_OF_THE_NET, port))
            client.connect((peers.right.address, port))

            assert observe("connected", client.getpeername()[0]) == peers.right.address
