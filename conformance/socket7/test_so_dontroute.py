"""SO_DONTROUTE: no gateways."""

from __future__ import annotations

import socket

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.threads import given_up
from libsocket import Shutdown, Socket
from netns import Peers

DIRECTLY = claim(
    "socket.7/SO_DONTROUTE/no-gateway",
    sentence=("libsocket/dontroute/direct", "socket.7/SO_DONTROUTE/direct"),
    section="Socket options",
    says="With SO_DONTROUTE a UDP or TCP socket over IPv4 sends to directly connected hosts only, not "
    "through a gateway.",
    needs=[VETH],
)


def beyond(hosts: Peers) -> str:
    """An address of the right host to which the left one knows the way through a gateway only."""
    hosts.right.namespace.add_address("lo", "198.51.100.1/32")
    hosts.left.namespace.add_route("198.51.100.0/24", via=hosts.right.address, dev=hosts.left.device)
    return "198.51.100.1"


@DIRECTLY
def test_datagrams_go_to_neighbours_only(peers, observe):
    remote = beyond(peers)
    with udp_across(peers) as (sender, receiver):
        port = receiver.getsockname()[1]
        far, near = (remote, port), (peers.right.address, port)
        sender.sendto(b"by the gateway", far)
        sender.dontroute = True
        with refused():
            sender.sendto(b"nowhere", far)
        sender.sendto(b"directly", near)

        assert observe("received", [receiver.recv(20).decode(), receiver.recv(20).decode()]) == [
            "by the gateway",
            "directly",
        ]


@DIRECTLY
def test_a_stream_connects_to_neighbours_only(peers, observe):
    far = beyond(peers)
    with peers.right.entered(), listening("0.0.0.0") as listener:
        port = listener.getsockname()[1]
        with peers.left.entered():
            client, routed = Socket.tcp(), Socket.tcp()
        with client, routed, given_up(lambda: client.shutdown(Shutdown.BOTH)):
            client.dontroute = True
            with refused():
                client.connect((far, port))
            client.connect((peers.right.address, port))
            routed.connect((far, port))

            assert observe("connected", [client.getpeername()[0], routed.getpeername()[0]]) == [
                peers.right.address,
                far,
            ]


@claim(
    "socket.7/SO_DONTROUTE/same-as-msg-dontroute",
    sentence=("libsocket/dontroute/flag", "socket.7/SO_DONTROUTE/flag"),
    section="Socket options",
    says="A UDP send over IPv4 with the flag MSG_DONTROUTE does not go through a gateway, as with "
    "SO_DONTROUTE.",
    needs=[VETH],
)
def test_the_flag_of_a_send_does_the_same(peers, observe):
    remote = beyond(peers)
    with udp_across(peers) as (sender, receiver):
        port = receiver.getsockname()[1]
        far, near = (remote, port), (peers.right.address, port)
        with refused():
            sender.sendto(b"nowhere", socket.MSG_DONTROUTE, far)
        sender.sendto(b"directly", socket.MSG_DONTROUTE, near)
        sender.sendto(b"by the gateway", far)

        assert observe("received", [receiver.recv(20).decode(), receiver.recv(20).decode()]) == [
            "directly",
            "by the gateway",
        ]
