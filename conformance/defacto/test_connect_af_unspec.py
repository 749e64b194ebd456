"""What connecting to an address of the family AF_UNSPEC leaves of a socket, beyond what connect(2) says."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_INET, AF_INET6, AF_UNSPEC, MSG_DONTWAIT

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, full_backlog, listening
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.socket_addresses import bind_to, connect_to, octets_of, own, peer
from conformance.plugin.setups.sockets import SOCKETS, raw_socket
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import UNSPEC, Other, Socket, TcpInfo
from netns import Capability

NOWHERE = Other(AF_UNSPEC, bytes(14))
"""An address that only has a family."""
LOOPBACK: dict[int, str] = {AF_INET: "127.0.0.1", AF_INET6: "::1"}
FIRST_PEER = {"no-op: close(*": "its first peer may stay open"}
FAMILIES = pytest.mark.parametrize("family", [AF_INET, AF_INET6])


@claim(
    "defacto/connect/unspec-keeps-bound-port",
    says="A UDP socket that was bound to an address and a port, connected, and then connected to an address "
    "of the family AF_UNSPEC has no peer any more, and the address and port to which it was bound.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_was_bound_is_kept(ns, observe, host):
    with Socket.udp() as sock:
        sock.bind((host, 4321))
        sock.connect(("127.0.0.1", 9))
        connected = sock.getpeername()
        sock.connect(NOWHERE)
        with refused(errno.ENOTCONN):
            sock.getpeername()

        assert observe("peer_and_then_address", [connected, sock.getsockname()]) == [
            ("127.0.0.1", 9),
            (host, 4321),
        ]


@claim(
    "defacto/connect/unspec-releases-chosen-port",
    says="A UDP socket whose port the kernel chose, when it was bound to port 0 or when it was connected, "
    "has no port any more once it is connected to an address of the family AF_UNSPEC.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "begin",
    [lambda sock: sock.bind(("127.0.0.1", 0)), lambda sock: sock.connect(("127.0.0.1", 7))],
    ids=["bound", "connected"],
)
def test_a_chosen_port_is_released(ns, observe, begin):
    with Socket.udp() as sock:
        begin(sock)
        had_one = sock.getsockname()[1] > 0
        sock.connect(NOWHERE)

        assert observe("had_one_and_port", [had_one, sock.getsockname()[1]]) == [True, 0]


@contextmanager
def connected_anew(family: int) -> Iterator[tuple[Socket, Socket, TcpInfo]]:
    """A TCP socket that AF_UNSPEC took from a peer which had sent, its new peer, and TCP_INFO of before."""
    with listening(LOOPBACK[family]) as listener, Socket.tcp(family) as sock:
        sock.connect(listener.getsockname())
        sock.send(b"sent")
        with listener.accept()[0] as first:
            first.read_exact(4)
            first.send(b"waiting")
            await_readable(sock)
            before = sock.tcp_info
        sock.connect(NOWHERE)
        sock.connect(listener.getsockname())
        sock.rcvtimeo = SOON
        with listener.accept()[0] as second:
            yield sock, second, before


@claim(
    "defacto/connect/unspec-discards-received",
    says="What waited at a TCP socket, over IPv4 and IPv6, to be received is gone once it is connected to an "
    "address of the family AF_UNSPEC: connected anew it receives what its new peer sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=FIRST_PEER,
)
@FAMILIES
def test_what_waited_is_gone(ns, observe, family):
    with connected_anew(family) as (sock, peer, before):
        peer.send(b"new")
        received = sock.recv(100).decode()

        assert observe("waited_and_received", [before.bytes_received, received]) == [7, "new"]


COUNTERS = (
    *("segs_in", "segs_out", "data_segs_in", "data_segs_out", "delivered"),
    *("bytes_sent", "bytes_acked", "bytes_received"),
)


@claim(
    "defacto/TCP_INFO/unspec-clears-counters",
    says="Of a TCP socket, over IPv4 and IPv6, that was connected to an address of the family AF_UNSPEC and "
    "then connected anew, TCP_INFO counts as many segments and bytes that came, were sent and acknowledged "
    "as of a new socket that was connected.",
    since="5.6",
    commit="db7ffee6f3eb",
    needs=[IPV6],
    survives={**FIRST_PEER, "no-op: connect(*": "a new socket has sent no bytes before it connects either"},
)
@FAMILIES
@pytest.mark.parametrize("name", COUNTERS)
def test_all_is_counted_anew(ns, observe, family, name):
    with connected_anew(family) as (sock, _, before), Socket.tcp(family) as new:
        new.connect(sock.getpeername())
        found = [getattr(one, name) for one in (before, sock.tcp_info, new.tcp_info)]
        more = found[0] > found[2]

        assert observe("more_before_and_as_new", [more, found[1] == found[2]]) == [True, True]


@claim(
    "defacto/TCP_INFO/unspec-clears-retransmissions",
    says="TCP_INFO counts no retransmission of a TCP socket over IPv4 that had one, was connected to an "
    "address of the family AF_UNSPEC, and then connected anew.",
    since="5.6",
    commit="c13c48c00a6b",
)
def test_retransmissions_are_counted_anew(ns, observe):
    with listening() as listener, Socket.tcp() as sock:
        sock.connect(listener.getsockname())
        ns.set_link("lo", up=False)
        sock.send(b"lost")
        before = wait_until(lambda: sock.tcp_info.total_retrans > 0)
        sock.connect(NOWHERE)
        ns.set_link("lo", up=True)
        sock.connect(listener.getsockname())
        found = [before, sock.tcp_info.total_retrans, sock.getpeername() == listener.getsockname()]

        assert observe("before_anew_connected", found) == [True, 0, True]


@claim(
    "defacto/connect/unspec-resets-tcp",
    says="Connecting a TCP connection to an address of the family AF_UNSPEC resets it: the peer's next "
    "receive fails with ECONNRESET, and the socket can be connected again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_connection_is_reset(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.rcvtimeo = SOON
            client.connect(NOWHERE)
            with refused(errno.ECONNRESET):
                peer.recv(1)
            client.connect(listener.getsockname())

            assert observe("connected_again", client.getpeername() == listener.getsockname()) is True


@claim(
    "defacto/connect/unspec-ends-listening",
    says="A TCP socket that listens at a port that it was bound to does so no more once it is connected to "
    "an address of the family AF_UNSPEC, and keeps that port.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_listener_listens_no_more(ns, observe):
    with Socket.tcp() as listener, Socket.tcp() as early, Socket.tcp() as late:
        listener.bind(("127.0.0.1", 4321))
        listener.listen()
        early.connect(("127.0.0.1", 4321))
        port = early.getpeername()[1]
        listener.connect(NOWHERE)
        with refused(errno.ECONNREFUSED):
            late.connect(("127.0.0.1", 4321))
        seen = [port, listener.acceptconn, listener.getsockname()[1]]

        assert observe("port_before_listens_and_port", seen) == [4321, 0, 4321]


@claim(
    "defacto/connect/unspec-keeps-bound-address",
    says="A UDP socket that was bound to 127.0.0.1 and port 0 and then connected keeps the address, but not "
    "the port, once it is connected to an address of the family AF_UNSPEC, and can be bound again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_address_alone_is_kept(ns, observe):
    with Socket.udp() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", 9))
        seen = [own(sock), peer(sock)]
        sock.connect(NOWHERE)
        seen += [own(sock), peer(sock)]
        bind_to(sock, octets_of("127.0.0.2:4321"))

        assert observe("addresses", [*seen, own(sock)]) == [
            "127.0.0.1:chosen",
            "127.0.0.1:9",
            "127.0.0.1:0",
            "-",
            "127.0.0.2:4321",
        ]


@claim(
    "defacto/connect/unspec-while-connecting",
    says="Connecting a non-blocking TCP socket that is being connected to an address of the family "
    "AF_UNSPEC ends the attempt: SO_ERROR says ECONNRESET, once, and the socket can be connected elsewhere.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_attempt_is_ended(ns, observe):
    with listening(backlog=0) as full, full_backlog(full) as client, listening() as other:
        client.sndtimeo = SOON
        client.nonblocking = True
        with refused(errno.EINPROGRESS):
            client.connect(full.getsockname())
        with refused(errno.EALREADY, "errno_while_connecting"):
            client.connect(other.getsockname())
        client.connect(NOWHERE)
        errors = [client.error, client.error]
        client.nonblocking = False
        client.connect(other.getsockname())

        assert observe("errors_and_connected", [*errors, client.getpeername() == other.getsockname()]) == [
            errno.ECONNRESET,
            0,
            True,
        ]


@claim(
    "defacto/connect/unspec-unconnected",
    survives={"no-op: connect({sa_family=AF_UNSPEC}, 2)*": "to change nothing is what it does"},
    says="Connecting a new TCP or UDP socket to an address of the family AF_UNSPEC succeeds and changes "
    "nothing; one byte, which is no family, is refused with EINVAL.",
    since="2.6.34",
    commit="6503d96168f8",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_who_has_no_peer_is_dissolved_too(ns, observe, make):
    with make() as sock:
        with refused(errno.EINVAL):
            connect_to(sock, UNSPEC.raw[:1])
        connect_to(sock, UNSPEC.raw)

        assert observe("addresses", [own(sock), peer(sock)]) == ["0.0.0.0:0", "-"]


@claim(
    "defacto/connect/unspec-deafens-raw",
    says="A raw socket over IPv4 that is connected and then connected to an address of the family AF_UNSPEC "
    "has the port 0 instead of its protocol, and receives nothing any more, also once it is connected again.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_a_raw_socket_hears_no_more(ns, observe):
    with raw_socket() as sock, raw_socket() as other, raw_socket() as sender:
        sock.rcvtimeo = other.rcvtimeo = SOON
        sock.connect(("127.0.0.1", 0))
        sender.sendto(b"before", ("127.0.0.1", 0))
        seen = [own(sock), sock.recv(100)[20:].decode(), other.recv(100)[20:].decode()]
        sock.connect(NOWHERE)
        seen += [own(sock)]
        sock.connect(("127.0.0.1", 9))
        seen += [peer(sock)]
        sender.sendto(b"after", ("127.0.0.1", 0))
        seen += [other.recv(100)[20:].decode()]
        with refused(errno.EAGAIN):
            sock.recv(100, MSG_DONTWAIT)

        assert observe("own_received_and_peer", seen) == [
            "127.0.0.1:253",
            "before",
            "before",
            "0.0.0.0:0",
            "127.0.0.1:9",
            "after",
        ]


@claim(
    "defacto/connect/unspec-netlink",
    says="A connected netlink socket has the kernel for a peer again once it is connected to an address of "
    "the family AF_UNSPEC, and keeps its port id.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_netlink_socket_speaks_to_the_kernel_again(ns, observe):
    with Socket.netlink() as sock:
        sock.bind((5_000_000, 0))
        sock.connect((5_000_001, 0))
        seen = [peer(sock)]
        sock.connect(UNSPEC)

        assert observe("addresses", [*seen, peer(sock), own(sock)]) == [
            "netlink:5000001/0",
            "netlink:0/0",
            "netlink:5000000/0",
        ]


@claim(
    "defacto/connect/unspec-unbinds-device",
    says="A UDP or raw socket, over IPv4 and IPv6, that SO_BINDTODEVICE binds to lo, and that is connected, "
    "is bound to no interface any more once it is connected to an address of the family AF_UNSPEC; a "
    "TCP socket is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize(
    ("kind", "host", "after"),
    [
        ("udp", "127.0.0.1", ""),
        ("udp6", "::1", ""),
        ("raw", "127.0.0.1", ""),
        ("raw6", "::1", ""),
        ("tcp", "127.0.0.1", "lo"),
        ("tcp6", "::1", "lo"),
    ],
)
def test_an_interface_is_left(ns, observe, kind, host, after):
    with listening(host) as listener, SOCKETS[kind]() as sock:
        sock.bindtodevice = "lo"
        sock.connect((host, listener.getsockname()[1]))
        found = [sock.getpeername()[0], sock.bindtodevice]
        sock.connect(NOWHERE)

        found += [peer(sock), sock.bindtodevice]
        assert observe("peers_and_interfaces", found) == [host, "lo", "-", after]
