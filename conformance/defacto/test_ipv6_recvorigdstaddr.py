"""IPV6_RECVORIGDSTADDR and IPV6_RECVFRAGSIZE: where a datagram was going, and how it was fragmented."""

from __future__ import annotations

from socket import IPPROTO_IPV6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.ipv6 import tcp6, udp6, udp6_across
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import FragmentSize, Inet6, OriginalDestination

ORIGDSTADDR, RECVFRAGSIZE, SIZE = 74, 77, 28
ANOTHER, PORT = "fd00:9::1", 4321
HEADERS = 48
"""The sizes of an IPv6 header and one of UDP."""


@claim(
    "defacto/IPV6_RECVORIGDSTADDR/delivers",
    says="With IPV6_RECVORIGDSTADDR a UDP socket receives with each datagram the address and port to which "
    "it was sent, as a control message IPV6_ORIGDSTADDR, a struct sockaddr_in6. Without it, as at first, "
    "none.",
    since="2.6.37",
    commit="6c46862280c5",
    needs=[IPV6],
)
def test_a_datagram_says_where_it_was_going(ns, observe):
    ns.add_address("lo", f"{ANOTHER}/128")
    with udp6() as receiver, udp6() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", PORT))
        sender.sendto(b"without", ("::1", PORT))
        without = control_headers(receiver)
        receiver.ipv6_recvorigdstaddr = True
        sender.sendto(b"with", ("::1", PORT))
        headers = control_headers(receiver)
        sender.sendto(b"again", (ANOTHER, PORT))
        messages = control_messages(receiver, OriginalDestination)

        assert [observe("without", without), observe("headers", headers), messages] == [
            [],
            [[int(IPPROTO_IPV6), ORIGDSTADDR, SIZE]],
            [OriginalDestination(Inet6(ANOTHER, PORT))],
        ]


@claim(
    "defacto/IPV6_RECVORIGDSTADDR/streams",
    says="With IPV6_RECVORIGDSTADDR a TCP socket of IPv6 receives no control message with its data.",
    since="2.6.37",
    commit="6c46862280c5",
    needs=[IPV6],
)
def test_no_message_comes_with_a_stream(ns, observe):
    with listening("::1") as listener, tcp6() as sender:
        sender.connect(listener.getsockname())
        with listener.accept()[0] as receiver:
            receiver.rcvtimeo = SOON
            receiver.ipv6_recvorigdstaddr = True
            sender.send(b"hello")
            data, control, _, _ = receiver.recvmsg(9, 100)

            assert [receiver.ipv6_recvorigdstaddr, data, observe("control", len(control))] == [
                True,
                b"hello",
                0,
            ]


@claim(
    "defacto/IPV6_RECVFRAGSIZE/delivers",
    says="With IPV6_RECVFRAGSIZE a UDP socket receives with each datagram that came in fragments the size of "
    "the largest of them as a packet, in a control message of that type, an int. With one that came whole, "
    "and without the option, as at first, none.",
    since="4.10",
    commit="0cc0aa614b4c",
    needs=[IPV6, VETH],
)
@pytest.mark.parametrize(("mtu", "largest"), [(1280, 1280), (1500, 1496), (1288, 1288)])
def test_the_size_of_fragments_comes_with_a_datagram(peers, observe, mtu, largest):
    peers.left.namespace.set_link(peers.left.device, mtu=mtu)
    with udp6_across(peers) as (sender, receiver):
        sender.send(bytes(3000))
        without = control_headers(receiver)
        receiver.ipv6_recvfragsize = True
        sender.send(bytes(mtu - HEADERS))
        whole = control_headers(receiver)
        sender.send(bytes(3000))
        headers = control_headers(receiver)
        sender.send(bytes(mtu + 1 - HEADERS))
        sizes = [int(one) for one in control_messages(receiver, FragmentSize, size=3000)]

        assert [
            observe("without_and_whole", [without, whole]),
            observe("headers", headers),
            observe("size", sizes),
        ] == [[[], []], [[int(IPPROTO_IPV6), RECVFRAGSIZE, 4]], [largest]]
