"""IP_PMTUDISC_INTERFACE: the size of datagrams that no router can change."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.error_queue import next_error, told
from conformance.plugin.setups.packets import IpHeader, next_header, packets
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

DO, INTERFACE = 2, 4
MTU, PATH_MTU = 1500, 1300
IP_HEADER, UDP_HEADERS = 20, 28
DATAGRAMS = pytest.mark.parametrize(
    ("make", "headers"), [(Socket.udp, UDP_HEADERS), (raw_socket, IP_HEADER)], ids=["udp", "raw"]
)


def shape(header: IpHeader) -> list[object]:
    """Length and don't-fragment flag."""
    return [header.length, header.whole]


@claim(
    "defacto/IP_MTU_DISCOVER/interface-datagrams",
    sentence="in.h/IP_MTU_DISCOVER/interface-mtu",
    says="With IP_PMTUDISC_INTERFACE a datagram of a UDP or raw socket that is as large as the MTU of the "
    "interface leaves without the don't-fragment flag, and a larger one is refused with EMSGSIZE.",
    since="3.13",
    commit="482fc6094afa",
    needs=[Capability.NET_RAW],
)
@DATAGRAMS
def test_the_interface_says_how_large(ns, observe, make, headers):
    ns.set_link("lo", mtu=MTU)
    ns.sysctl["net.ipv4.ip_no_pmtu_disc"] = 1  # a socket begins with IP_PMTUDISC_DONT
    with packets() as seen, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_mtu_discover = DO
        sock.sendto(bytes(MTU - headers), ("127.0.0.1", 9))
        shapes = [shape(next_header(seen))]
        sock.ip_mtu_discover = INTERFACE
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(MTU - headers + 1), ("127.0.0.2", 9))
        sock.sendto(bytes(MTU - headers), ("127.0.0.2", 9))
        shapes.append(next(shape(one) for one in iter(lambda: next_header(seen), None) if one.length == MTU))

        assert observe("lengths_and_flags", shapes) == [[MTU, True], [MTU, False]]


@claim(
    "defacto/IP_MTU_DISCOVER/interface-ignores-the-path",
    sentence="in.h/IP_MTU_DISCOVER/interface-mtu",
    says="With IP_PMTUDISC_INTERFACE a datagram of a UDP or raw socket that is larger than the path MTU "
    "leaves in one piece without the don't-fragment flag, also once the path MTU is known; with "
    "IP_PMTUDISC_DO it is then refused.",
    since="3.13",
    commit="482fc6094afa",
    needs=[VETH, Capability.NET_RAW],
)
@DATAGRAMS
def test_the_path_mtu_is_ignored(routed, observe, make, headers):
    router = routed.router_right.namespace
    router.set_link(routed.router_right.device, mtu=PATH_MTU)
    router.sysctl["net.ipv4.icmp_ratelimit"] = 0
    with routed.router.entered():
        seen = packets()
    with routed.left.entered(), seen, make() as sock:
        seen.rcvtimeo = SOON
        sock.ip_recverr = True
        sock.ip_mtu_discover = DO
        sock.sendto(bytes(MTU - headers), (routed.right.address, 9))
        first = told(next_error(sock))
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(MTU - headers), (routed.right.address, 9))
        sock.recv_error()
        sock.ip_mtu_discover = INTERFACE
        sock.sendto(bytes(MTU - headers), (routed.right.address, 9))
        arrived = [shape(next_header(seen)), shape(next_header(seen))]

        assert [observe("told", first), observe("lengths_and_flags", arrived)] == [
            ["EMSGSIZE", "ICMP", PATH_MTU],
            [[MTU, True], [MTU, False]],
        ]
