"""TCP where what happens comes late or not at all: a closed listener, an unknown neighbour, FIN-WAIT-2."""

from __future__ import annotations

import errno
import socket
from socket import SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import CONNTRACK, IPV6, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.made_peer import MADE, made_peer
from conformance.plugin.setups.mptcp_peer import RESET_AT_THE_END
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.ports import bound_at_last
from conformance.plugin.setups.punctual import punctual
from conformance.plugin.setups.readiness import await_end, await_error
from conformance.plugin.setups.segments import RST
from conformance.plugin.timing import SOON, timed
from libsocket import SO_ORIGINAL_DST, Shutdown, Socket
from netns import Capability, Host

ETH_P_ARP = 0x0806
NOBODY = "10.0.1.99"
"""An address on the wire that no host has."""


def resolve_soon(host: Host) -> None:
    """Let a host give a neighbour up that does not answer after one request, and a moment."""
    settings = host.namespace.sysctl
    settings[f"net.ipv4.neigh.{host.device}.mcast_solicit"] = 1
    settings[f"net.ipv4.neigh.{host.device}.retrans_time_ms"] = 20


def take_from(listener: Socket) -> None:
    """Accept a connection, and close it."""
    with listener.accept()[0]:
        pass


@claim(
    "defacto/listen/close-refuses-connecting",
    says="When a TCP listener over IPv4 whose queue is full is closed a client whose connect is not "
    "answered is refused: a receive that waits fails with ECONNREFUSED, and one whose connection waited to "
    "be accepted is reset.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_who_connects_is_refused(ns, observe):
    with listening(backlog=0) as listener, pending_connection(listener) as taken, Socket.tcp() as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_of_connect"):
            client.connect(listener.getsockname())
        listener.close()
        client.nonblocking = False
        client.rcvtimeo = taken.rcvtimeo = SOON
        found = [answer(lambda: taken.recv(9)), answer(lambda: client.recv(9))]

        assert observe("taken_and_connecting", found) == ["ECONNRESET", "ECONNREFUSED"]


@claim(
    "defacto/listen/shut-resets-half-connected",
    says="A client of TCP over IPv4 whose SYN a listener has answered, and that acknowledges the answer "
    "after SHUT_RD of the listener, is reset; after SHUT_WR it is accepted.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={
        **RESET_AT_THE_END,
        "no-op: shutdown(SHUT_WR*": "that it leaves a listener as it is is the control",
        "no-op: close(*": "the connection that was accepted is not looked at",
        "no-op: ioctl(FIONBIO*": "it only keeps a kernel that errs from waiting",
    },
)
@pytest.mark.parametrize(
    ("how", "expected"),
    [(Shutdown.WRITE, [0, "done"]), (Shutdown.READ, [RST, "EINVAL"])],
    ids=["listening", "shut"],
)
def test_who_is_half_connected_is_reset(peers, observe, how, expected):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        listener.nonblocking = True
        peer.ask(listener)
        listener.shutdown(how)
        peer.send()
        resets = sum(one.flags & RST for one in peer.replies())
        accepted = answer(lambda: take_from(listener))
        peer.reset()

        assert observe("resets_and_accepted", [resets, accepted]) == expected


@claim(
    "defacto/EHOSTUNREACH/no-neighbour",
    says="A connect of TCP over IPv4 to a neighbour whom ARP does not resolve fails with EHOSTUNREACH; that "
    "of a non-blocking socket with EINPROGRESS, and SO_ERROR is EHOSTUNREACH then.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
    survives={"no-op: setsockopt(*": "nothing is set"},
)
def test_a_neighbour_does_not_answer(peers, observe):
    resolve_soon(peers.left)
    with peers.left.entered(), Socket.tcp() as sock, Socket.tcp() as later:
        with refused(errno.EHOSTUNREACH):
            sock.connect((NOBODY, 9))
        later.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_of_nonblocking"):
            later.connect((NOBODY, 9))
        await_error(later)

        assert observe("so_error", errno_name(later.error)) == "EHOSTUNREACH"


@claim(
    "defacto/sendto/neighbour-resolved",
    says="A datagram of UDP over IPv4 to a neighbour that is not known waits for ARP: the neighbour is asked "
    "for its address, and receives the datagram.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_datagram_waits_for_its_neighbour(peers, observe):
    peers.right.namespace.add_address(peers.right.device, "10.0.1.77/24")
    with (
        udp_across(peers) as (sender, receiver),
        packet_socket(peers.right, SOCK_DGRAM, ETH_P_ARP) as requests,
    ):
        with peers.left.entered():
            sender.sendto(b"hello", ("10.0.1.77", receiver.getsockname()[1]))
        request = requests.recv(100)
        asked_for = socket.inet_ntoa(request[24:28])

        assert observe("asked_for_and_received", [asked_for, receiver.recv(9).decode()]) == [
            "10.0.1.77",
            "hello",
        ]


@claim(
    "defacto/connect/loopback-address-removed",
    says="Connecting TCP to 127.0.0.1, or ::1, once loopback has that address no more fails with "
    "ENETUNREACH, or EADDRNOTAVAIL, and with ECONNREFUSED before.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("family", "host", "prefix", "expected"),
    [
        (socket.AF_INET, "127.0.0.1", 8, errno.ENETUNREACH),
        (socket.AF_INET6, "::1", 128, errno.EADDRNOTAVAIL),
    ],
    ids=["ipv4", "ipv6"],
)
def test_an_address_is_removed(ns, observe, *, family, host, prefix, expected):
    with Socket.tcp(family) as before, Socket.tcp(family) as after, ns.iproute() as netlink:
        with refused(errno.ECONNREFUSED, "errno_before"):
            before.connect((host, 9))
        netlink.addr("del", index=1, address=host, prefixlen=prefix)
        with refused(expected):
            after.connect((host, 9))

        assert observe("addresses", [one for one in ns.addresses("lo") if one.startswith(host)]) == []


@claim(
    "defacto/bind/fin-wait-2",
    says="The address of a closed TCP socket over IPv4 whose peer has acknowledged its end, and has not "
    "ended, cannot be bound for the second of its TCP_LINGER2, EADDRINUSE, and can after that.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_half_closed_connection_has_its_port(ns, observe):
    def close_and_bind() -> tuple[bool, list[object]]:
        with listening() as listener, Socket.tcp() as client:
            client.tcp_linger2 = 1
            client.connect(listener.getsockname())
            with listener.accept()[0] as server, timed() as took:
                address = client.getsockname()
                client.close()
                await_end(server)
                with Socket.tcp() as other:
                    early = answer(lambda: other.bind(address))
                late = took.lasted(1)
                bound = bound_at_last(address)
                return late, [early, took.lasted(1), bound == address]

    found = punctual(close_and_bind)

    assert observe("early_waited_bound", found) == ["EADDRINUSE", True, True]


@claim(
    "defacto/SO_ORIGINAL_DST/not-connected",
    says="In a kernel that can track connections, reading SO_ORIGINAL_DST of a TCP socket over IPv4 that is "
    "not connected is refused with ENOENT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[CONNTRACK],
)
def test_nothing_is_known_without_a_connection(ns, observe):
    with Socket.tcp() as sock, Socket.udp() as udp:
        with refused(errno.ENOENT):
            sock.get(SO_ORIGINAL_DST)
        with refused(errno.ENOPROTOOPT, "errno_of_udp"):
            udp.get(SO_ORIGINAL_DST)

        assert observe("domain", sock.family.name) == "AF_INET"
