"""accept(2): a connection that waits becomes a socket of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Capability, Routed

CLIENT = "127.0.0.2", 4321

FLAGS = {"O_NONBLOCK": os.O_NONBLOCK, "O_ASYNC": os.O_ASYNC}

listening_seqpacket = partial(listening_unix, socket.SOCK_SEQPACKET)

STREAMS = pytest.mark.parametrize("listening", [listening, listening_unix], ids=["tcp", "unix"])
CONNECTION_BASED = pytest.mark.parametrize(
    "listening", [listening, listening_unix, listening_seqpacket], ids=["tcp", "unix", "unix-seqpacket"]
)


def flags(sock: Socket) -> list[str]:
    """Which of the two flags are set."""
    status = fcntl.fcntl(sock, fcntl.F_GETFL)
    return [name for name, flag in FLAGS.items() if status & flag]


def met_by(listener: Socket, *, at_accept: int, at_receive: int) -> str:
    """Which call meets the error of the connection that waits; the errno is one of two, as the call is."""
    try:
        server = listener.accept()[0]
    except OSError as error:
        if error.errno != at_accept:
            raise
        return "accept"
    server.rcvtimeo = SOON
    with server, refused(at_receive):
        while server.recv(9):
            pass
    return "recv"


def make_unreachable(hosts: Routed, client: Socket, icmp: Socket) -> None:
    """Have the router tell the right host, when it acknowledges, that the client cannot be reached."""
    hosts.router.namespace.add_route(f"{hosts.left.address}/32", type="unreachable")
    client.send(b"1")  # and again, for want of an acknowledgement
    icmp.recv(100)
    icmp.recv(100)  # the second message shows that the first has been dealt with


@claim(
    "accept.2/accept/first-in-first-out",
    sentence=("accept.2/accept/first-request", "libsocket/accept/first"),
    section="DESCRIPTION",
    says="Of the connections that wait at a TCP, UNIX stream or UNIX sequenced-packet socket, accept takes "
    "the one that has waited longest.",
)
@CONNECTION_BASED
def test_who_came_first_is_accepted_first(ns, observe, listening):
    with (
        listening() as listener,
        pending_connection(listener) as first,
        pending_connection(listener) as second,
    ):
        first.send(b"first")
        second.send(b"second")
        with listener.accept()[0] as one, listener.accept()[0] as other:
            assert observe("order", [one.recv(9).decode(), other.recv(9).decode()]) == ["first", "second"]


@claim(
    "accept.2/accept/connected",
    sentence=("accept.2/accept/new-socket", "libsocket/accept/first"),
    section="DESCRIPTION",
    says="The new socket that accept gives for a TCP connection is connected to the client.",
)
def test_the_new_socket_is_connected(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.bind(CLIENT)
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            assert observe("peer", server.getpeername()) == CLIENT


@claim(
    "accept.2/accept/peer-address",
    sentence="accept.2/accept/address",
    section="DESCRIPTION",
    says="The address that accept gives with the new socket of a TCP or UNIX stream connection is the "
    "client's.",
)
@pytest.mark.parametrize(
    ("listening", "address"),
    [(listening, CLIENT), (listening_unix, b"\0client")],
    ids=["tcp", "unix"],
)
def test_the_address_is_the_clients(ns, observe, listening, address):
    with listening() as listener, Socket(listener.family, listener.type) as client:
        client.bind(address)
        client.connect(listener.getsockname())
        server, given = listener.accept()
        with server:
            assert observe("address", str(given)) == str(address)


@claim(
    "accept.2/accept/new-socket-not-listening",
    sentence=("accept.2/accept/not-listening", "libsocket/accept/first"),
    section="DESCRIPTION",
    says="The new socket that accept gives at a TCP, UNIX stream or UNIX sequenced-packet listener does not "
    "listen.",
)
@CONNECTION_BASED
def test_the_new_socket_does_not_listen(ns, observe, listening):
    with listening() as listener, pending_connection(listener), listener.accept()[0] as server:
        assert observe("listens", [server.acceptconn, listener.acceptconn]) == [False, True]


@claim(
    "accept.2/accept/listener-unaffected",
    sentence="accept.2/accept/original-unaffected",
    section="DESCRIPTION",
    says="A TCP, UNIX stream or UNIX sequenced-packet listener that has accepted a connection goes on "
    "listening: a client that comes later is accepted too.",
)
@CONNECTION_BASED
def test_the_listener_goes_on_listening(ns, observe, listening):
    with (
        listening() as listener,
        pending_connection(listener),
        listener.accept()[0],
        pending_connection(listener) as later,
        listener.accept()[0] as server,
    ):
        later.send(b"later")

        assert observe("received", server.recv(9).decode()) == "later"


@claim(
    "accept.2/EAGAIN/nonblocking-and-nobody-waits",
    sentence=("accept.2/accept/nonblocking", "accept.2/EAGAIN/nonblocking"),
    section="ERRORS",
    says="Accepting on a non-blocking TCP or UNIX stream listener at which no connection waits fails with "
    "EAGAIN.",
)
@STREAMS
def test_a_nonblocking_listener_does_not_wait(ns, observe, listening):
    with listening() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            listener.accept()[0].close()
        with pending_connection(listener) as client, listener.accept()[0] as server:
            client.send(b"hello")

            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "accept.2/EINVAL/not-listening",
    sentence="accept.2/EINVAL/not-listening",
    section="ERRORS",
    says="Accepting on a TCP, UNIX stream or UNIX sequenced-packet socket that does not listen fails with "
    "EINVAL.",
)
@pytest.mark.parametrize(
    ("make", "address"),
    [
        (Socket.tcp, ("127.0.0.1", 0)),
        (Socket.unix, ""),
        (partial(Socket.unix, socket.SOCK_SEQPACKET), ""),
    ],
    ids=["tcp", "unix", "unix-seqpacket"],
)
def test_only_a_listener_accepts(ns, observe, make, address):
    with make() as sock:
        sock.bind(address)
        with refused(errno.EINVAL):
            sock.accept()
        sock.listen()
        with pending_connection(sock) as client, sock.accept()[0] as server:
            client.send(b"hello")

            assert observe("received_once_listening", server.recv(9).decode()) == "hello"


@claim(
    "accept.2/EOPNOTSUPP/datagram",
    sentence="accept.2/EOPNOTSUPP/not-a-stream",
    section="ERRORS",
    says="Accepting on a UDP or UNIX datagram socket fails with EOPNOTSUPP.",
)
@pytest.mark.parametrize(
    ("make", "listening"),
    [(Socket.udp, listening), (partial(Socket.unix, socket.SOCK_DGRAM), listening_unix)],
    ids=["udp", "unix"],
)
def test_a_datagram_socket_accepts_nothing(ns, observe, make, listening):
    with make() as sock, listening() as listener, pending_connection(listener) as client:
        with refused(errno.EOPNOTSUPP):
            sock.accept()
        with listener.accept()[0] as server:
            client.send(b"hello")

            assert observe("received_on_a_stream", server.recv(9).decode()) == "hello"


@claim(
    "accept.2/EOPNOTSUPP/sequenced-packet",
    sentence="accept.2/EOPNOTSUPP/not-a-stream",
    section="ERRORS",
    says="Accepting on a listening UNIX sequenced-packet socket, which is not of type SOCK_STREAM, fails "
    "with EOPNOTSUPP.",
    expect=differs(
        "it succeeds, as the page's first sentence says (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None},
    ),
)
def test_a_sequenced_packet_listener_accepts_nothing(ns, observe):
    with listening_seqpacket() as listener, pending_connection(listener), refused(errno.EOPNOTSUPP):
        listener.accept()[0].close()


@claim(
    "accept.2/accept/flags-not-inherited",
    sentence="accept.2/accept/flags-not-inherited",
    section="VERSIONS",
    says="O_NONBLOCK and O_ASYNC of a TCP or UNIX stream listener are not set on the new socket.",
)
@STREAMS
def test_the_new_socket_has_no_flags(ns, observe, listening):
    with listening() as listener, pending_connection(listener):
        fcntl.fcntl(listener, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        with listener.accept()[0] as server:
            set_on = [flags(listener), flags(server)]

            assert observe("listener_and_accepted", set_on) == [["O_NONBLOCK", "O_ASYNC"], []]


@claim(
    "accept.2/accept/pending-errors",
    sentence=(
        "accept.2/accept/pending-errors",
        "accept.2/errors/tcp-network-errors",
        "accept.2/errors/network",
    ),
    section="Error handling",
    says="A network error that is already pending on a new TCP connection is the error of accept: "
    "EHOSTUNREACH, told by ICMP to a listener with IP_RECVERR set.",
    needs=[VETH, Capability.NET_RAW],
    expect=differs(
        "accept succeeds, and the first receive that has nothing left to give meets the error (older than "
        "the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"met_by": "recv"},
    ),
)
def test_accept_tells_that_the_client_is_unreachable(routed, observe):
    with routed.left.entered():
        client = Socket.tcp()
    with (
        client,
        routed.right.entered(),
        listening(routed.right.address) as listener,
        Socket.raw(socket.IPPROTO_ICMP) as icmp,
    ):
        icmp.rcvtimeo = SOON
        listener.ip_recverr = True
        client.connect(listener.getsockname())
        await_readable(listener)
        make_unreachable(routed, client, icmp)

        met = met_by(listener, at_accept=errno.EHOSTUNREACH, at_receive=errno.EHOSTUNREACH)
        assert observe("met_by", met) == "accept"


@claim(
    "accept.2/ECONNABORTED/reset",
    sentence="accept.2/ECONNABORTED/aborted",
    section="ERRORS",
    says="Accepting a TCP connection that its client has reset fails with ECONNABORTED.",
    expect=differs(
        "accept succeeds, and the first receive fails with ECONNRESET (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"met_by": "recv"},
    ),
)
def test_accept_tells_that_the_client_has_reset(ns, observe):
    with listening() as listener, pending_connection(listener) as client:
        client.linger = Linger(True, 0)
        client.close()

        met = met_by(listener, at_accept=errno.ECONNABORTED, at_receive=errno.ECONNRESET)
        assert observe("met_by", met) == "accept"
