"""Addresses of a special meaning, as the comments in include/uapi/linux/in.h tell them."""

from __future__ import annotations

from contextlib import closing

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.error_queue import icmp, next_error, offender
from libsocket import Socket
from netns import Namespace

LEFT, BEYOND = "10.0.1.1", "10.0.2.2"


def join_router_without_address(ns: Namespace, router: Namespace) -> None:
    """A wire from this host to a router that has no IPv4 address, and by which ``BEYOND`` is reached."""
    ns.add_veth("wire", "wire", router)
    for end in (ns, router):
        end.set_link("wire", up=True)
    ns.wait_for_carrier("wire")
    ns.add_address("wire", f"{LEFT}/24")
    ns.add_route(f"{BEYOND}/32", dev="wire")
    router.add_route(f"{LEFT}/32", dev="wire")
    router.add_route(f"{BEYOND}/32", dev="lo")
    router.sysctl.update(
        {
            "net.ipv4.ip_forward": 1,
            "net.ipv4.conf.all.rp_filter": 0,
            "net.ipv4.conf.wire.rp_filter": 0,
            "net.ipv4.conf.wire.proxy_arp": 1,
            "net.ipv4.neigh.wire.proxy_delay": 0,
        }
    )


@claim(
    "in.h/INADDR_DUMMY/source",
    sentence="in.h/INADDR_DUMMY/source",
    section="Dummy address for src of ICMP replies if no real address is set",
    says="The ICMP error by which a router without any IPv4 address, but 127.0.0.1, tells a UDP socket that "
    "a packet's time to live is over comes from INADDR_DUMMY, 192.0.0.8; once the router has an address, "
    "from that.",
    since="5.13",
    backports=("4.14.238", "4.19.196", "5.4.128", "5.10.46", "5.12.13"),
    needs=[VETH],
    survives={"no-op: setsockopt(*IP_TTL*": "what goes round in the router ends in the same way"},
)
def test_a_router_without_address_answers(ns, observe):
    with closing(Namespace()) as router, Socket.udp() as sock:
        join_router_without_address(ns, router)
        sock.ip_recverr = True
        sock.ip_ttl = 1
        sock.sendto(b"hello", (BEYOND, 9))
        errors = [next_error(sock)]
        router.add_address("wire", "10.0.1.2/24")
        sock.sendto(b"hello", (BEYOND, 9))
        errors.append(next_error(sock))

        assert [
            observe("errors", [icmp(error) for error in errors]),
            observe("offenders", [offender(error) for error in errors]),
        ] == [[["EHOSTUNREACH", "ICMP", 11, 0]] * 2, ["192.0.0.8", "10.0.1.2"]]
