"""IP options of datagrams."""

from __future__ import annotations

from socket import IPPROTO_RAW, IPPROTO_UDP, inet_aton

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.datagrams import Datagram, datagram, ipv4_packet
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.udp import received, udp_flow, udp_receiver
from conformance.plugin.timing import SOON
from libsocket import IpOptions, Socket
from netns import Capability

NO_OPERATION = bytes([1, 1, 1, 0])
TRAVELLED = bytes([131, 7, 8, *inet_aton("127.0.0.1"), 0])
"""A source route (RFC 791) that has been followed to its end."""
SOURCE_ROUTE = "net.ipv4.conf.{}.accept_source_route"


def packet(receiver: Socket, data: bytes, options: bytes = b"") -> bytes:
    """A datagram to a UDP socket on loopback, with its IP header."""
    whole = bytes(Datagram(9, receiver.getsockname()[1], data))
    return ipv4_packet(whole, destination="127.0.0.1", protocol=IPPROTO_UDP, options=options)


@claim(
    "udp.7/IP-options/sent-and-received",
    sentence="udp.7/IP-options/ip-options",
    section="DESCRIPTION",
    says="IP options that IP_OPTIONS of a UDP socket sets are in what it sends, and come with it in a "
    "control message to one that has IP_RECVOPTS.",
)
def test_options_are_sent_and_received(ns, observe):
    with udp_flow() as (sender, receiver):
        receiver.ip_recvopts = True
        sender.send(b"without")
        before = control_messages(receiver, IpOptions)
        sender.ip_options = NO_OPERATION
        sender.send(b"with")
        [options] = control_messages(receiver, IpOptions)

        assert observe("before_and_after", [len(before), bytes(options).hex()]) == [0, NO_OPERATION.hex()]


@claim(
    "udp.7/IP-options/passed-if-not-processed",
    sentence="udp.7/IP-options/sysctl",
    section="DESCRIPTION",
    says="A datagram over IPv4 with a source route is passed to the user where "
    "accept_source_route is off too.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is dropped (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"arrived": ["accepted", "off", "after"], "received": ["accepted", "after"]},
    ),
)
def test_what_is_not_processed_is_passed(ns, observe):
    with udp_receiver() as receiver, Socket.raw(IPPROTO_RAW) as sender, packets() as arriving:
        arriving.rcvtimeo = SOON
        ns.sysctl.update({SOURCE_ROUTE.format(name): 1 for name in ("all", "lo")})
        sender.sendto(packet(receiver, b"accepted", TRAVELLED), ("127.0.0.1", 0))
        seen = received(receiver, 1)
        ns.sysctl.update({SOURCE_ROUTE.format(name): 0 for name in ("all", "lo")})
        sender.sendto(packet(receiver, b"off", TRAVELLED), ("127.0.0.1", 0))
        sender.sendto(packet(receiver, b"after"), ("127.0.0.1", 0))
        seen += received(receiver, 1)
        arrived = [datagram(arriving.recv(100)).data.decode() for _ in range(3)]

        assert [observe("arrived", arrived), observe("received", seen)] == [
            ["accepted", "off", "after"],
            ["accepted", "off"],
        ]
