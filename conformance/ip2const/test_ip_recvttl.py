"""IP_RECVTTL and IP_RECVTOS: fields of the IP header that come with what is received."""

from __future__ import annotations

import sys

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_headers, messages_in
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Socket

IPPROTO_IP, TOS, TTL = 0, 1, 2


@claim(
    "IP_RECVTTL.2const/IP_RECVTTL/control-message",
    sentence=("IP_RECVTTL.2const/IP_RECVTTL/control-message", "IP_RECVTTL.2const/IP_RECVTTL/bsd"),
    section="DESCRIPTION",
    says="With the option a UDP socket receives with each datagram the time to live that it has, as a "
    "control message IP_TTL, not IP_RECVTTL, of 32 bits. Without it, as at first, none.",
    since="2.2",
)
@pytest.mark.parametrize("ttl", [1, 33, 255])
def test_the_time_to_live_comes_with_a_datagram(ns, observe, ttl):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.ip_ttl = ttl
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.ip_recvttl = True
        sender.send(b"with")
        [(level, kind, data)] = receiver.recvmsg(9, 100)[1]
        message = [level, kind, len(data), int.from_bytes(data, sys.byteorder)]

        assert [observe("without", without), observe("message", message)] == [[], [IPPROTO_IP, TTL, 4, ttl]]


@claim(
    "IP_RECVTOS.2const/IP_RECVTOS/control-message",
    sentence="IP_RECVTOS.2const/IP_RECVTOS/control-message",
    section="DESCRIPTION",
    says="With IP_RECVTOS a UDP socket receives with each datagram the type of service and precedence that "
    "it has, as a control message IP_TOS of one byte. Without it, as at first, none.",
    since="2.2",
)
@pytest.mark.parametrize("tos", [4, 0x28, 0xFF])
def test_the_type_of_service_comes_with_a_datagram(ns, observe, tos):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.ip_tos = tos
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.ip_recvtos = True
        sender.send(b"with")
        [(level, kind, data)] = receiver.recvmsg(9, 100)[1]

        assert [observe("without", without), observe("message", [level, kind, *data])] == [
            [],
            [IPPROTO_IP, TOS, tos],
        ]


@claim(
    "IP_RECVTTL.2const/IP_RECVTTL/streams",
    sentence="IP_RECVTTL.2const/IP_RECVTTL/streams",
    section="DESCRIPTION",
    says="On a TCP socket IP_RECVTTL brings no control message.",
    since="2.2",
)
def test_no_time_to_live_comes_with_a_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvttl = True
        sender.send(b"hello")
        data, control, _, _ = receiver.recvmsg(9, 100)

        assert [receiver.ip_recvttl, data, observe("control", len(control))] == [True, b"hello", 0]


@claim(
    "IP_RECVTOS.2const/IP_RECVTOS/streams",
    sentence="IP_RECVTOS.2const/IP_RECVTOS/streams",
    section="DESCRIPTION",
    says="On a TCP socket IP_RECVTOS brings no control message.",
    since="2.2",
)
def test_no_type_of_service_comes_with_a_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvtos = True
        sender.send(b"hello")
        data, control, _, _ = receiver.recvmsg(9, 100)

        assert [receiver.ip_recvtos, data, observe("control", len(control))] == [True, b"hello", 0]


@claim(
    "IP_RECVTOS.2const/IP_RECVTOS/streams-by-an-option",
    sentence="IP_RECVTOS.2const/IP_RECVTOS/streams",
    section="DESCRIPTION",
    says="The option IP_PKTOPTIONS of an accepted TCP connection with IP_RECVTOS does not hold the type of "
    "service of its peer's packet that made it.",
    since="2.2",
    expect=differs(
        "IP_PKTOPTIONS of a stream holds it, as an int",
        since="3.4",
        source="net/ipv4/ip_sockglue.c",
        observed={"messages": [[0, 1, "20000000"]]},
    ),
)
def test_no_option_reads_the_type_of_service_of_a_stream(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.ip_tos = 0x20
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.ip_recvtos = True

            assert observe("messages", messages_in(accepted.ip_pktoptions)) == []
