"""EADDRINUSE of bind(2) for sockets of each kind."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.socket_addresses import HOME, bind_to, octets_of, own
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, without

RANGE = "net.ipv4.ip_local_port_range"
ANOTHER = {
    "tcp6": "[::1]:4322",
    "udp6": "[::1]:4322",
    "mptcp": "127.0.0.1:4322",
    "unix-seqpacket": "@another",
    "unix-datagram": "@another",
    "netlink": "netlink:5000001/0",
}
FREE = {
    "tcp": ("127.0.0.1:0", "127.0.0.1:4321"),
    "udp": ("127.0.0.1:0", "127.0.0.1:4321"),
    "tcp6": ("[::1]:0", "[::1]:4321"),
    "udp6": ("[::1]:0", "[::1]:4321"),
}


@claim(
    "bind.2/EADDRINUSE/taken-others",
    sentence="bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="Binding a TCP or UDP socket over IPv6, an MPTCP socket over IPv4, a UNIX seqpacket or datagram "
    "socket or a netlink socket to the address of another of its kind fails with EADDRINUSE, where neither "
    "has SO_REUSEADDR or SO_REUSEPORT set.",
    needs=[IPV6, MPTCP],
)
@pytest.mark.parametrize("kind", ANOTHER)
def test_an_address_is_taken(ns, observe, kind):
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        bind_to(first, octets_of(HOME[kind]))
        with refused(errno.EADDRINUSE):
            bind_to(second, octets_of(HOME[kind]))
        bind_to(second, octets_of(ANOTHER[kind]))

        assert observe("addresses", [own(first), own(second)]) == [HOME[kind], ANOTHER[kind]]


@claim(
    "bind.2/EADDRINUSE/until-closed",
    sentence="bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="The address of a TCP or UDP socket that had no connection, or of a UNIX stream or datagram socket "
    "with an abstract name, is in use (EADDRINUSE) until the socket is closed, and no longer.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram"])
def test_an_address_is_free_once_it_is_closed(ns, observe, kind):
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        bind_to(first, octets_of(HOME[kind]))
        with refused(errno.EADDRINUSE):
            bind_to(second, octets_of(HOME[kind]))
        first.close()
        bind_to(second, octets_of(HOME[kind]))

        assert observe("address", own(second)) == HOME[kind]


@claim(
    "bind.2/EADDRINUSE/taken-raw",
    sentence="bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="Binding a raw socket, over IPv4 or IPv6, to the address of another of the same protocol fails "
    "with EADDRINUSE.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "it succeeds (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "as_asked": [True, True]},
    ),
)
@pytest.mark.parametrize("kind", ["raw", "raw6"])
def test_a_raw_address_is_taken(ns, observe, kind):
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        bind_to(first, octets_of(HOME[kind]))
        with refused(errno.EADDRINUSE):
            bind_to(second, octets_of(HOME[kind]))
            observe("as_asked", [own(first) == HOME[kind], own(second) == HOME[kind]])


@claim(
    "bind.2/EADDRINUSE/taken-packet",
    sentence="bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="Binding a packet socket to the interface and the protocol of another fails with EADDRINUSE.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it succeeds (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "addresses": ["packet:1/2048", "packet:1/2048"]},
    ),
)
def test_an_interface_is_taken(ns, observe):
    with Socket.packet() as first, Socket.packet() as second:
        bind_to(first, octets_of(HOME["packet"]))
        with refused(errno.EADDRINUSE):
            bind_to(second, octets_of(HOME["packet"]))
            observe("addresses", [own(first), own(second)])


@claim(
    "bind.2/EADDRINUSE/exhausted-each",
    sentence="bind.2/EADDRINUSE/exhausted",
    section="ERRORS",
    says="Binding a TCP or UDP socket, over IPv4 or IPv6, to port 0 fails with EADDRINUSE when the only "
    "port that may be chosen is bound by another of its protocol, and not once that is closed.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", FREE)
def test_no_port_is_left(ns, observe, kind):
    ns.sysctl[RANGE] = "4321 4321"
    port_0, chosen = FREE[kind]
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        bind_to(first, octets_of(port_0))
        with refused(errno.EADDRINUSE):
            bind_to(second, octets_of(port_0))
        first.close()
        bind_to(second, octets_of(port_0))

        assert observe("address", own(second)) == chosen


@claim(
    "bind.2/EADDRINUSE/exhausted-but-named",
    sentence="bind.2/EADDRINUSE/exhausted",
    section="ERRORS",
    says="When the only port that may be chosen is bound by another, a TCP or UDP socket over IPv4 can be "
    "bound to a port outside net.ipv4.ip_local_port_range all the same.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_port_outside_of_the_range_is_left(ns, observe, kind):
    ns.sysctl[RANGE] = "4321 4321"
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        bind_to(first, octets_of("127.0.0.1:0"))
        with refused(errno.EADDRINUSE):
            bind_to(second, octets_of("127.0.0.1:0"))
        bind_to(second, octets_of("127.0.0.1:4322"))

        assert observe("addresses", [own(first), own(second)]) == ["127.0.0.1:4321", "127.0.0.1:4322"]


@claim(
    "bind.2/bind/before-connections-tcp",
    sentence="bind.2/bind/before-connections",
    section="DESCRIPTION",
    says="A TCP socket over IPv4 has to be bound before it can receive connections.",
    expect=differs(
        "one that listens is bound to a port that the kernel chooses (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "address_and_listens": ["0.0.0.0:chosen", 1]},
    ),
)
def test_who_has_no_port_does_not_listen(ns, observe):
    with Socket.tcp() as listener:
        listener.rcvtimeo = SOON
        with refused():
            listener.listen()
            observe("address_and_listens", [own(listener), int(listener.acceptconn)])


@claim(
    "bind.2/ERRORS/group-of-netlink",
    sentence="bind.2/ERRORS/others",
    section="ERRORS",
    says="Binding a netlink socket of NETLINK_USERSOCK to a group fails with EPERM, which the page does not "
    "name, without CAP_NET_ADMIN.",
    needs=[Capability.NET_ADMIN],
)
def test_groups_take_a_capability(ns, observe):
    with Socket.netlink(2) as sock:
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            bind_to(sock, octets_of("netlink:5000000/1"))
        before = own(sock)
        bind_to(sock, octets_of("netlink:5000000/1"))

        assert observe("before_and_after", [before, own(sock)]) == ["netlink:0/0", "netlink:5000000/1"]
