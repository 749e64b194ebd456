"""IP_PKTINFO: where a datagram came in, and where one is to leave."""

from __future__ import annotations

from socket import inet_aton

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import InPktinfo, Socket
from netns import Capability

LOOPBACK = 1
"""The index of lo in every network namespace."""


@claim(
    "IP_PKTINFO.2const/IP_PKTINFO/message",
    sentence=("IP_PKTINFO.2const/IP_PKTINFO/message", "IP_PKTINFO.2const/IP_PKTINFO/datagrams"),
    section="DESCRIPTION",
    says="With the option a UDP or raw socket receives with each datagram the index of the interface that it "
    "came in by, and the address to which it was sent, in a control message IP_PKTINFO. Without it, as at "
    "first, none.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_a_datagram_says_where_it_came_in(ns, observe, make):
    with make() as receiver, make() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", 0))
        port = receiver.getsockname()[1]
        sender.sendto(b"without", ("127.0.0.5", port))
        without = control_headers(receiver)
        receiver.ip_pktinfo = True
        sender.sendto(b"with", ("127.0.0.5", port))
        message = receiver.recv_message(100).control

        assert [observe("without", without), observe("message", [str(one) for one in message])] == [
            [],
            [str(InPktinfo(LOOPBACK, "127.0.0.5", "127.0.0.5"))],
        ]


@claim(
    "IP_PKTINFO.2const/IP_PKTINFO/sent",
    sentence="IP_PKTINFO.2const/IP_PKTINFO/control-only",
    section="DESCRIPTION",
    says="A UDP datagram that is sent with a control message IP_PKTINFO leaves by the interface and from the "
    "address that this has; the next one as the route says.",
    since="2.2",
    needs=[VETH],
)
def test_a_datagram_leaves_as_it_says(peers, observe):
    left = peers.left.namespace
    left.add_address(peers.left.device, "10.0.1.9/24")
    left.add_route("10.0.3.1/32", dev="lo")
    with peers.right.entered():
        peers.right.namespace.add_address("lo", "10.0.3.1/32")
        [index] = [link.index for link in left.links() if link.name == peers.left.device]
    with udp_across(peers) as (sender, receiver):
        address = "10.0.3.1", receiver.getsockname()[1]
        sender.send_message(b"chosen", InPktinfo(index, "10.0.1.9"), address=address)
        received, source = receiver.recvfrom(20)
        sender.sendto(b"by the route", (peers.right.address, address[1]))
        then, source_then = receiver.recvfrom(20)

        assert observe("received", [[received.decode(), source[0]], [then.decode(), source_then[0]]]) == [
            ["chosen", "10.0.1.9"],
            ["by the route", peers.left.address],
        ]


@claim(
    "IP_PKTINFO.2const/IP_PKTINFO/streams",
    sentence=("IP_PKTINFO.2const/IP_PKTINFO/streams", "IP_PKTINFO.2const/IP_PKTINFO/datagrams"),
    section="DESCRIPTION",
    says="On a TCP socket IP_PKTINFO brings no control message.",
    since="2.2",
)
def test_no_message_comes_with_a_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_pktinfo = True
        sender.send(b"hello")
        data, control, _, _ = receiver.recvmsg(9, 100)

        assert [receiver.ip_pktinfo, data, observe("control", len(control))] == [True, b"hello", 0]


@claim(
    "IP_PKTINFO.2const/IP_PKTINFO/control-only",
    sentence="IP_PKTINFO.2const/IP_PKTINFO/control-only",
    section="DESCRIPTION",
    says="The option IP_PKTOPTIONS of a TCP connection with IP_PKTINFO does not hold the message.",
    since="2.2",
    expect=differs(
        "IP_PKTOPTIONS of a stream holds it (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"held": True},
    ),
)
def test_no_option_reads_it(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        sock.ip_pktinfo = True
        held = inet_aton(sock.getsockname()[0]) in sock.ip_pktoptions

        assert observe("held", held) is False
