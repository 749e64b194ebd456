"""Errors that routes make: packets that are not to be sent, and paths that are too narrow."""

from __future__ import annotations

import errno
from socket import MSG_ERRQUEUE

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import BLACKHOLE, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.setups.threads import given_up
from libsocket import ExtendedError, Inet, Shutdown, Socket
from netns import Peers

IP_PMTUDISC_WANT, IP_PMTUDISC_DO = 1, 2
HEADERS = 20 + 8
"""Bytes of an IPv4 header without options and of a UDP header."""
ETHERNET_MTU = 1500


def sent_before(hosts: Peers, route: str, number: int) -> str:
    """What a UDP socket sent before there was such a route, with which it must fail."""
    with udp_across(hosts) as (sender, receiver):
        address = hosts.right.address, receiver.getsockname()[1]
        sender.sendto(b"before", address)
        hosts.left.namespace.add_route(f"{hosts.right.address}/32", type=route)
        with refused(number):
            sender.sendto(b"after", address)
        return receiver.recv(9).decode()


def connected_before(hosts: Peers, route: str, number: int) -> str:
    """The peer of a TCP socket that connected before there was such a route, with which another must fail."""
    with hosts.right.entered(), listening(hosts.right.address) as listener:
        with hosts.left.entered():
            before, after = Socket.tcp(), Socket.tcp()
        with before, after, given_up(lambda: after.shutdown(Shutdown.BOTH)):
            before.connect(listener.getsockname())
            hosts.left.namespace.add_route(f"{hosts.right.address}/32", type=route)
            with refused(number):
                after.connect(listener.getsockname())
            return str(before.getpeername()[0])


@claim(
    "ip.7/EACCES/prohibit-route",
    sentence="ip.7/errors/eacces-prohibit",
    section="ERRORS",
    says="Sending a UDP datagram by a prohibit route fails with EACCES.",
    needs=[VETH],
)
def test_a_prohibit_route_lets_nothing_be_sent(peers, observe):
    assert observe("sent_before", sent_before(peers, "prohibit", errno.EACCES)) == "before"


@claim(
    "ip.7/EACCES/prohibit-route-tcp",
    sentence="ip.7/errors/eacces-prohibit",
    section="ERRORS",
    says="Connecting a TCP socket by a prohibit route fails with EACCES.",
    needs=[VETH],
)
def test_a_prohibit_route_lets_nobody_connect(peers, observe):
    peer = connected_before(peers, "prohibit", errno.EACCES)

    assert observe("connected_before", peer) == peers.right.address


@claim(
    "ip.7/EINVAL/blackhole-route",
    sentence="ip.7/errors/einval-blackhole",
    section="ERRORS",
    says="Sending a UDP datagram by a blackhole route fails with EINVAL.",
    needs=[VETH, BLACKHOLE],
)
def test_a_blackhole_lets_nothing_be_sent(peers, observe):
    assert observe("sent_before", sent_before(peers, "blackhole", errno.EINVAL)) == "before"


@claim(
    "ip.7/EHOSTUNREACH/unreachable-route",
    sentence="ip.7/errors/ehostunreach-local",
    section="ERRORS",
    says="Sending a UDP datagram by an unreachable route of this host fails with EHOSTUNREACH.",
    needs=[VETH],
)
def test_an_unreachable_route_lets_nothing_be_sent(peers, observe):
    assert observe("sent_before", sent_before(peers, "unreachable", errno.EHOSTUNREACH)) == "before"


@claim(
    "ip.7/EHOSTUNREACH/unreachable-route-tcp",
    sentence="ip.7/errors/ehostunreach-local",
    section="ERRORS",
    says="Connecting a TCP socket by an unreachable route of this host fails with EHOSTUNREACH.",
    needs=[VETH],
)
def test_an_unreachable_route_lets_nobody_connect(peers, observe):
    peer = connected_before(peers, "unreachable", errno.EHOSTUNREACH)

    assert observe("connected_before", peer) == peers.right.address


@claim(
    "ip.7/EHOSTUNREACH/no-route",
    sentence="ip.7/errors/ehostunreach",
    section="ERRORS",
    says="Sending a UDP datagram, or connecting a UDP or TCP socket, where no route of this host leads fails "
    "with EHOSTUNREACH.",
    expect=differs(
        "it fails with ENETUNREACH (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENETUNREACH"},
    ),
)
@pytest.mark.parametrize(
    ("make", "call"),
    [
        (Socket.udp, lambda sock: sock.sendto(b"hello", ("192.0.2.1", 9))),
        (Socket.udp, lambda sock: sock.connect(("192.0.2.1", 9))),
        (Socket.tcp, lambda sock: sock.connect(("192.0.2.1", 9))),
    ],
    ids=["sendto", "connect", "tcp-connect"],
)
def test_nothing_is_sent_without_a_route(ns, observe, make, call):
    with make() as sock, refused(errno.EHOSTUNREACH):
        call(sock)


@claim(
    "ip.7/EHOSTUNREACH/from-router",
    sentence="ip.7/errors/ehostunreach-causes",
    section="ERRORS",
    says="What a router answers by ICMP, host unreachable, is EHOSTUNREACH for a UDP socket with IP_RECVERR: "
    "not where it sends, but where it next receives.",
    needs=[VETH],
)
def test_a_router_tells_udp_of_no_route(routed, observe):
    routed.router.namespace.add_route(f"{routed.right.address}/32", type="unreachable")
    with routed.left.entered(), Socket.udp() as sock:
        sock.ip_recverr = True
        sock.connect((routed.right.address, 9))
        sent = sock.send(b"hello")
        await_error(sock)
        with refused(errno.EHOSTUNREACH):
            sock.recv(9)
        [report] = control_messages(sock, ExtendedError, flags=MSG_ERRQUEUE)
        offender = str(report.offender)

        assert [observe("sent", sent), observe("offender", offender)] == [
            5,
            str(Inet(routed.router.address, 0)),
        ]


@claim(
    "ip.7/EHOSTUNREACH/from-router-tcp",
    sentence="ip.7/errors/ehostunreach-causes",
    section="ERRORS",
    says="What a router answers by ICMP, host unreachable, is EHOSTUNREACH for a TCP socket that connects.",
    needs=[VETH],
)
def test_a_router_tells_tcp_of_no_route(routed, observe):
    with routed.right.entered(), listening(routed.right.address) as listener:
        with routed.left.entered():
            before, after = Socket.tcp(), Socket.tcp()
        with before, after, given_up(lambda: after.shutdown(Shutdown.BOTH)):
            before.connect(listener.getsockname())
            routed.router.namespace.add_route(f"{routed.right.address}/32", type="unreachable")
            with refused(errno.EHOSTUNREACH):
                after.connect(listener.getsockname())

            assert observe("connected_before", before.getpeername()[0]) == routed.right.address


@claim(
    "ip.7/EMSGSIZE/interface-mtu",
    sentence=(
        "ip.7/errors/emsgsize",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/do-emsgsize",
    ),
    section="ERRORS",
    says="A UDP datagram that is larger with its headers than the MTU of the interface it leaves by, and is "
    "not to be fragmented (IP_MTU_DISCOVER is IP_PMTUDISC_DO), fails with EMSGSIZE.",
    needs=[VETH],
)
def test_a_datagram_is_no_larger_than_the_interface_takes(peers, observe):
    largest = ETHERNET_MTU - HEADERS
    with udp_across(peers) as (sender, receiver):
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.send(bytes(largest + 1))
        fragmented = len(receiver.recv(2000))
        sender.ip_mtu_discover = IP_PMTUDISC_DO
        with refused(errno.EMSGSIZE):
            sender.send(bytes(largest + 1))
        sender.send(bytes(largest))

        assert observe("received", [fragmented, len(receiver.recv(2000))]) == [largest + 1, largest]


@claim(
    "ip.7/EMSGSIZE/path-mtu",
    sentence=(
        "ip.7/errors/emsgsize",
        "IP_MTU_DISCOVER.2const/IP_MTU_DISCOVER/do-emsgsize",
    ),
    section="ERRORS",
    says="Once a router has told that an MTU on the path is smaller, a UDP datagram that is larger with its "
    "headers and is not to be fragmented (IP_MTU_DISCOVER is IP_PMTUDISC_DO) fails with EMSGSIZE.",
    needs=[VETH],
)
def test_a_datagram_is_no_larger_than_the_path_takes(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    largest = 1300 - HEADERS
    with udp_across(routed) as (sender, receiver):
        sender.ip_mtu_discover = IP_PMTUDISC_DO
        sender.ip_recverr = True
        sender.connect((routed.right.address, receiver.getsockname()[1]))
        sent = sender.send(bytes(largest + 1))
        await_error(sender)
        sender.recv_error()
        with refused(errno.EMSGSIZE):
            sender.send(bytes(largest + 1))
        sender.send(bytes(largest))

        assert [observe("sent", sent), observe("received", len(receiver.recv(2000)))] == [
            largest + 1,
            largest,
        ]


@claim(
    "ip.7/MSG_ERRQUEUE/original-destination",
    sentence=("ip.7/bugs/errqueue-destination", "recv.2/MSG_ERRQUEUE/destination"),
    section="BUGS",
    says="The address that recvmsg gives with MSG_ERRQUEUE is the one to which the UDP datagram that failed "
    "was sent, where the error comes from a router too.",
    needs=[VETH],
)
def test_the_error_queue_names_the_destination(routed, observe):
    routed.router.namespace.add_route(f"{routed.right.address}/32", type="unreachable")
    with routed.left.entered(), Socket.udp() as sock:
        sock.ip_recverr = True
        sock.sendto(b"hello", (routed.right.address, 9))
        await_error(sock)
        data, _, _, destination = sock.recvmsg(100, 100, MSG_ERRQUEUE)

        assert [observe("data", data.decode()), observe("destination", destination)] == [
            "hello",
            (routed.right.address, 9),
        ]
