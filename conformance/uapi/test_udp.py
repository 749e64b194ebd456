"""Options of UDP, as the comments in include/uapi/linux/udp.h tell them."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import datagram
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.udp import received, udp_flow
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

ESPINUDP = 2
ESP = b"\0\0\0\1" + b"a packet of ESP "
"""It begins with a number that is not 0, that of a security association which nobody has."""


def datagram_to(receiver: Socket, seen: Socket) -> str:
    """What the next datagram carries; the kernel may say by ICMP that it has no ESP."""
    port = receiver.getsockname()[1]
    came = (datagram(one) for one in iter(lambda: seen.recv(200), None) if one[9] == IPPROTO_UDP)
    return next(one.data.decode() for one in came if one.destination == port)


@claim(
    "udp.h/UDP_ENCAP/esp",
    sentence="udp.h/UDP_ENCAP/accepts",
    section="UDP_ENCAP",
    says="With UDP_ENCAP 2 (UDP_ENCAP_ESPINUDP) a UDP socket over IPv4 does not receive what begins with "
    "four bytes that are not all zero, since that is a packet of ESP for the host, and receives what begins "
    "with four zeros; without it both.",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*UDP_ENCAP, ?0?*": "it is 0 at first"},
)
@pytest.mark.parametrize(("encap", "taken"), [(0, [ESP, b"\0\0\0\0last"]), (ESPINUDP, [b"\0\0\0\0last"])])
def test_packets_in_packets_are_accepted(ns, observe, encap, taken):
    with packets() as seen, udp_flow() as (sender, receiver), Socket.udp() as other:
        seen.rcvtimeo = SOON
        receiver.udp_encap = encap
        other.sendto(ESP, receiver.getsockname())
        sender.send(b"\0\0\0\0last")
        came = [datagram_to(receiver, seen) for _ in range(2)]

        assert [observe("came", came), observe("received", received(receiver, len(taken)))] == [
            [ESP.decode(), "\0\0\0\0last"],
            [one.decode() for one in taken],
        ]


@claim(
    "udp.h/UDPLITE/refused",
    sentence="udp.h/UDPLITE/deprecated",
    section="UDPLITE",
    says="A UDP socket, over IPv4 and IPv6, cannot be set the options 10 and 11, which were "
    "UDPLITE_SEND_CSCOV and UDPLITE_RECV_CSCOV. It can UDP_CORK, 1.",
)
@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
@pytest.mark.parametrize("option", [10, 11])
def test_options_of_udp_lite_are_not_known(ns, observe, family, option):
    with Socket.udp(family) as sock:
        with refused():
            sock.setsockopt(IPPROTO_UDP, option, 1)
        sock.setsockopt(IPPROTO_UDP, 1, 1)

        assert observe("cork", sock.getsockopt(IPPROTO_UDP, 1)) == 1
