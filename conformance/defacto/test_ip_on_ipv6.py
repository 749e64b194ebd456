"""Options of IP on sockets of IPv6. No page says that they have them."""

from __future__ import annotations

from socket import AF_INET6

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


@claim(
    "defacto/IPPROTO_IP/ttl-and-tos-of-ipv6",
    says="IP_TTL and IP_TOS of a UDP socket over IPv6 are those of the IPv4 packets that it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_packets_of_ipv4_have_them(ns, observe):
    with packets() as seen, Socket.udp(AF_INET6) as sock:
        seen.rcvtimeo = SOON
        sock.ip_ttl, sock.ip_tos = 33, 0x10
        sock.sendto(b"hello", ("::ffff:127.0.0.1", 9))
        header = next_header(seen)

        assert observe("ttl_and_tos", [header.ttl, header.tos]) == [33, 0x10]
