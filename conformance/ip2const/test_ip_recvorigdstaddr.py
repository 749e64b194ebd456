"""IP_RECVORIGDSTADDR: where a datagram was going."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.timing import SOON
from libsocket import Inet, OriginalDestination, Socket

IPPROTO_IP, IP_ORIGDSTADDR, SIZE = 0, 20, 16


@claim(
    "IP_RECVORIGDSTADDR.2const/IP_RECVORIGDSTADDR/message",
    sentence=(
        "IP_RECVORIGDSTADDR.2const/IP_RECVORIGDSTADDR/message",
        "IP_RECVORIGDSTADDR.2const/IP_RECVORIGDSTADDR/structure",
    ),
    section="DESCRIPTION",
    says="With IP_RECVORIGDSTADDR a UDP socket receives with each datagram the address and port to which it "
    "was sent, as a control message IP_ORIGDSTADDR, a struct sockaddr_in. Without it, as at first, none.",
    since="2.6.29",
)
def test_a_datagram_says_where_it_was_going(ns, observe):
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("0.0.0.0", 4321))
        sender.sendto(b"without", ("127.0.0.5", 4321))
        without = control_headers(receiver)
        receiver.ip_recvorigdstaddr = True
        sender.sendto(b"with", ("127.0.0.5", 4321))
        headers = control_headers(receiver)
        sender.sendto(b"again", ("127.0.0.6", 4321))
        messages = control_messages(receiver, OriginalDestination)

        assert [observe("without", without), observe("headers", headers), messages] == [
            [],
            [[IPPROTO_IP, IP_ORIGDSTADDR, SIZE]],
            [OriginalDestination(Inet("127.0.0.6", 4321))],
        ]


@claim(
    "IP_RECVORIGDSTADDR.2const/IP_RECVORIGDSTADDR/streams",
    sentence="IP_RECVORIGDSTADDR.2const/IP_RECVORIGDSTADDR/streams",
    section="DESCRIPTION",
    says="On a TCP socket IP_RECVORIGDSTADDR brings no control message.",
    since="2.6.29",
)
def test_no_message_comes_with_a_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvorigdstaddr = True
        sender.send(b"hello")
        data, control, _, _ = receiver.recvmsg(9, 100)

        assert [receiver.ip_recvorigdstaddr, data, observe("control", len(control))] == [True, b"hello", 0]
