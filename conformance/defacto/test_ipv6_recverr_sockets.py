"""IPV6_RECVERR on sockets other than those of UDP over IPv6: raw ones, streams, and peers of IPv4."""

from __future__ import annotations

import errno
from socket import IPPROTO_ICMP, IPPROTO_UDP

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, ROUTE_TIMERS, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.ipv6 import (
    address6,
    ipv6_packets,
    packet_ending,
    queued_error,
    raw6,
    tcp6,
    udp6,
)
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.timing import SOON
from libsocket import Inet6, Origin
from netns import Capability, Routed

PARAMETER_PROBLEM, UNKNOWN_NEXT_HEADER = 4, 1
UNREACHABLE, PROHIBITED = 1, 1
"""A type of ICMPv6 messages and a code of it."""
MAPPED = "::ffff:127.0.0.1"


def prohibit(hosts: Routed) -> None:
    """Let the router refuse what goes to the right host (EACCES)."""
    hosts.router.namespace.add_route(f"{address6(hosts.right)}/128", type="prohibit")


def resend_soon(hosts: Routed) -> None:
    """Let what the left host sends again by TCP meet an error soon: the first comes while send(2) lasts.

    An error that comes while a call holds the socket is no more than noted.
    """
    right, router = address6(hosts.right), address6(hosts.router)
    hosts.left.namespace.add_route(f"{right}/128", via=router, rto_min=0.01)


@claim(
    "defacto/IPV6_RECVERR/raw",
    says="With IPV6_RECVERR a raw socket of IPv6 that is not connected receives the ICMPv6 error of what it "
    "sent, that nobody has its protocol (EPROTO). Without it, none is pending.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH, Capability.NET_RAW],
)
def test_a_raw_socket_receives_errors(peers, observe):
    with peers.left.entered(), ipv6_packets() as seen, raw6() as plain, raw6() as sock:
        plain.sendto(b"without it", (address6(peers.right), 0))
        packet_ending(seen, b"without it")
        sock.ipv6_recverr = True
        sock.sendto(b"with the option", (address6(peers.right), 0))
        await_error(sock)
        error = queued_error(sock)

        assert [
            observe("pending_without", plain.error),
            observe("error", [errno_name(error.errno), error.type, error.code, error.payload.decode()]),
            observe("from", [error.address, error.offender]),
        ] == [
            0,
            ["EPROTO", PARAMETER_PROBLEM, UNKNOWN_NEXT_HEADER, "with the option"],
            [Inet6(address6(peers.right), 0), Inet6(address6(peers.right), 0)],
        ]


@claim(
    "defacto/IPV6_RECVERR/raw-short",
    says="With IPV6_RECVERR a raw socket of IPv6 receives the ICMPv6 error of what it sent if that had eight "
    "bytes, and not if it had seven.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH, Capability.NET_RAW],
)
def test_errors_are_of_eight_bytes_or_more(peers, observe):
    with peers.left.entered(), ipv6_packets() as seen, raw6() as sock:
        sock.ipv6_recverr = True
        sock.sendto(b"7 bytes", (address6(peers.right), 0))
        packet_ending(seen, b"7 bytes")
        sock.sendto(b"in eight", (address6(peers.right), 0))
        await_error(sock)

        assert observe("sent", queued_error(sock).payload.decode()) == "in eight"


@claim(
    "defacto/IPV6_RECVERR/established",
    says="After the ICMPv6 error of a router the next send of a TCP connection of IPv6 fails with that "
    "(EACCES) if it has IPV6_RECVERR. Without it sending goes on, and SO_ERROR reads as the error.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH, Capability.NET_RAW, ROUTE_TIMERS],
    survives={"no-op: sendto(*again*": "nothing of it gets there: what counts is that it is taken"},
)
def test_the_next_send_of_a_connection_fails(routed, observe):
    resend_soon(routed)
    with routed.right.entered(), listening(address6(routed.right)) as listener:
        with routed.left.entered():
            seen, plain, sock = ipv6_packets(), tcp6(), tcp6()
        with seen, plain, sock:
            plain.connect(listener.getsockname())
            sock.connect(listener.getsockname())
            sock.ipv6_recverr = True
            prohibit(routed)
            plain.send(b"without")
            packet_ending(seen, b"without")
            packet_ending(seen, b"without")
            sock.send(b"with")
            await_error(sock)
            with refused(errno.EACCES):
                sock.send(b"again")
            sent = plain.send(b"again")

            assert [observe("sent_without", sent), observe("read", errno_name(plain.error))] == [5, "EACCES"]


@claim(
    "defacto/IPV6_RECVERR/connecting",
    says="With IPV6_RECVERR a TCP socket of IPv6 that could not connect because of the ICMPv6 error of a "
    "router has it queued: where to, and the router. Without it, connecting fails, too, and none is queued.",
    since="5.8",
    commit="45af29ca761c",
    needs=[IPV6, VETH],
)
def test_a_connecting_socket_receives_errors(routed, observe):
    prohibit(routed)
    with routed.left.entered(), tcp6() as plain, tcp6() as sock:
        plain.setblocking(False)  # both wait at once for the second until a SYN is sent again
        with refused(errno.EINPROGRESS, "errno_at_first"):
            plain.connect((address6(routed.right), 9))
        sock.ipv6_recverr = True
        with refused(errno.EACCES):
            sock.connect((address6(routed.right), 9))
        await_error(plain)
        with refused(errno.EACCES, "errno_without"):
            plain.connect((address6(routed.right), 9))
        error = queued_error(sock)

        assert [
            observe("queued_without", plain.recv_error()),
            observe("error", [errno_name(error.errno), error.type, error.code]),
            observe("from", [error.address, error.offender]),
        ] == [
            None,
            ["EACCES", UNREACHABLE, PROHIBITED],
            [Inet6(address6(routed.right), 9), Inet6(address6(routed.router), 0)],
        ]


@claim(
    "defacto/IPV6_RECVERR/mapped",
    says="A UDP socket of IPv6 that sends to a mapped address of IPv4 receives the ICMP error of that with "
    "IP_RECVERR, with mapped addresses, and not with IPV6_RECVERR.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_errors_of_ipv4_are_received_by_its_option(ns, observe):
    with packets() as seen, udp6() as of_ipv6, udp6() as of_ipv4:
        seen.rcvtimeo = SOON
        of_ipv6.ipv6_recverr = True
        of_ipv4.ip_recverr = True
        of_ipv6.sendto(b"hello", (MAPPED, 9))
        protocols = [seen.recv(100)[9], seen.recv(100)[9]]
        of_ipv4.sendto(b"hello", (MAPPED, 9))
        await_error(of_ipv4)
        error = queued_error(of_ipv4)

        assert [
            observe("with_ipv6_recverr", [of_ipv6.ipv6_recverr, protocols, of_ipv6.recv_error()]),
            observe("error", [errno_name(error.errno), Origin(error.origin).name]),
            observe("from", [error.address, error.offender]),
        ] == [
            [True, [IPPROTO_UDP, IPPROTO_ICMP], None],
            ["ECONNREFUSED", "ICMP"],
            [Inet6(MAPPED, 9), Inet6(MAPPED, 0)],
        ]
