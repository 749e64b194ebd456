"""Control messages of IP that are sent, for one message alone. No page says what they do."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import ReturnOptions, Socket, Tos, Ttl
from netns import Capability

MAKES = pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])


@claim(
    "defacto/IPPROTO_IP/cmsg-ttl-and-tos",
    says="Control messages IP_TTL and IP_TOS give the datagram of a UDP or raw socket that they go with a "
    "time to live, 1 to 255, and a type of service, 0 to 255, and no later one.",
    since="3.13",
    commit="aa6615814533",
    needs=[Capability.NET_RAW],
)
@MAKES
@pytest.mark.parametrize(("ttl", "tos"), [(1, 0), (255, 0xFF)], ids=["least", "most"])
def test_they_are_of_one_datagram(ns, observe, make, ttl, tos):
    with packets() as seen, make() as receiver, make() as sock:
        seen.rcvtimeo = SOON
        receiver.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", receiver.getsockname()[1]))
        sock.ip_ttl, sock.ip_tos = 33, 0x10
        sock.send_message(b"with", Ttl(ttl), Tos(tos))
        sock.send(b"without")
        fields = [[one.ttl, one.tos] for one in (next_header(seen), next_header(seen))]

        assert observe("ttl_and_tos", fields) == [[ttl, tos], [33, 0x10]]


@claim(
    "defacto/IPPROTO_IP/cmsg-outside",
    says="Sending a UDP datagram with a control message IP_TTL of 0 or 256, or IP_TOS of -1 or 256, is "
    "refused with EINVAL, and nothing is sent.",
    since="3.13",
    commit="aa6615814533",
)
@pytest.mark.parametrize(
    "message", [Ttl(0), Ttl(256), Tos(-1), Tos(256)], ids=["ttl-0", "ttl-256", "tos--1", "tos-256"]
)
def test_what_is_outside_is_refused(ns, observe, message):
    sender, receiver = udp_pair()
    with sender, receiver:
        with refused(errno.EINVAL):
            sender.send_message(b"refused", message)
        sender.send_message(b"sent", Ttl(1), Tos(255))

        assert observe("received", receiver.recv(9).decode()) == "sent"


@claim(
    "defacto/IP_RETOPTS/cmsg-sent",
    says="A control message IP_RETOPTS gives the datagram of a UDP or raw socket that it goes with IP "
    "options, in place of those of the socket, and no later one.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@MAKES
def test_options_are_of_one_datagram(ns, observe, make):
    with packets() as seen, make() as receiver, make() as sock:
        seen.rcvtimeo = SOON
        receiver.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", receiver.getsockname()[1]))
        sock.ip_options = bytes([1, 1, 1, 1, 1, 1, 1, 1])
        sock.send_message(b"with", ReturnOptions(bytes([1, 1, 1, 0])))
        sock.send(b"without")

        assert observe("options", [next_header(seen).options.hex() for _ in "12"]) == ["01010100", "01" * 8]
