"""getpeername(2): who has a peer, and of what it cannot be asked."""

from __future__ import annotations

import errno
from socket import AF_INET, AF_INET6, SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import NO_SOCKETS, descriptor_of, returned, tell
from conformance.plugin.setups.pairs import UDP_PAIRS, udp_pair
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.setups.states import sending
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability


@claim(
    "getpeername.2/datagram/peer-unaware",
    sentence=(
        "getpeername.2/NOTES/datagram-unaware",
        "getpeername.2/NOTES/datagram-peer",
        "getpeername.2/NOTES/connectionless",
        "getpeername.2/NOTES/recvfrom",
        "getpeername.2/ENOTCONN/not-connected",
    ),
    section="NOTES",
    says="getpeername of a UDP socket over IPv4 or IPv6 to which another is connected, and from which it "
    "has received, fails with ENOTCONN until it calls connect itself, with the address that recvfrom gave.",
    needs=[IPV6],
)
@pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
def test_the_peer_knows_nothing_of_it(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"hello")
        received, address = receiver.recvfrom(9)
        with refused(errno.ENOTCONN):
            receiver.getpeername()
        receiver.connect(address)

        assert [observe("received", received.decode()), receiver.getpeername() == sender.getsockname()] == [
            "hello",
            True,
        ]


@claim(
    "getpeername.2/datagram/unix-peer-unaware",
    sentence=("getpeername.2/NOTES/datagram-unaware", "getpeername.2/NOTES/datagram-peer"),
    section="NOTES",
    says="getpeername of a bound UNIX datagram socket to which another is connected fails with ENOTCONN "
    "until it calls connect itself.",
)
def test_the_unix_peer_knows_nothing_of_it(ns, observe):
    with Socket.unix(SOCK_DGRAM) as sender, Socket.unix(SOCK_DGRAM) as receiver:
        sender.bind(b"\0sender")
        receiver.bind(b"\0receiver")
        sender.connect(b"\0receiver")
        with refused(errno.ENOTCONN):
            receiver.getpeername()
        receiver.connect(b"\0sender")

        names = [sender.getpeername(), receiver.getpeername()]
        assert observe("peers", [name.decode().lstrip("\0") for name in names]) == ["receiver", "sender"]


@claim(
    "getpeername.2/datagram/latest-connect",
    sentence=("getpeername.2/NOTES/default-destination", "getpeername.2/NOTES/datagram-caller"),
    section="NOTES",
    says="getpeername of a UDP socket that was connected twice tells the second address, where what it "
    "sends goes, though nothing was ever received from there.",
)
def test_the_latest_destination_is_told(ns, observe):
    sender, first = udp_pair()
    with sender, first, Socket.udp() as second:
        second.bind(("127.0.0.1", 0))
        second.rcvtimeo = SOON
        before = sender.getpeername() == first.getsockname()
        sender.connect(second.getsockname())
        sender.send(b"hello")
        told = [before, sender.getpeername() == second.getsockname()]

        assert observe("told_and_received", [*told, second.recv(9).decode()]) == [True, True, "hello"]


@claim(
    "defacto/getpeername/raw-port",
    says="getpeername of a raw socket over IPv4 or IPv6 that is connected to an address and to port 7, which "
    "has no meaning, tells both; connected to port 0 it fails with ENOTCONN, though it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(("family", "host"), [(AF_INET, "127.0.0.1"), (AF_INET6, "::1")], ids=["raw", "raw6"])
def test_the_port_of_a_raw_socket_counts(ns, observe, family, host):
    with raw_socket(family) as sender, raw_socket(family) as receiver:
        receiver.rcvtimeo = SOON
        sender.connect((host, 0))
        with refused(errno.ENOTCONN):
            sender.getpeername()
        sender.send(b"hello")
        received = receiver.recv(100)[-5:].decode()
        sender.connect((host, 7))

        peer = list(sender.getpeername()[:2])
        assert [observe("received", received), observe("peer", peer)] == ["hello", [host, 7]]


@claim(
    "getpeername.2/return/value",
    sentence="getpeername.2/return/value",
    section="RETURN VALUE",
    says="getpeername of a connected TCP, UDP or UNIX stream socket returns 0, and -1 for a descriptor that "
    "is closed.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_success_is_0(ns, observe, kind):
    with sending(kind) as (sock, _):
        opened, number = returned("getpeername", sock.fileno()), sock.fileno()
        sock.close()

        assert observe("returned", [opened, returned("getpeername", number)]) == [0, -1]


@claim(
    "getpeername.2/EBADF/closed",
    sentence="getpeername.2/EBADF/not-open",
    section="ERRORS",
    says="getpeername of a descriptor that was closed, of -1 and of the largest int fails with EBADF; of a "
    "connected TCP, UDP or UNIX socket it does not.",
)
@pytest.mark.parametrize("fd", [None, -1, 2**31 - 1], ids=["closed", "negative", "largest"])
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_a_descriptor_must_be_open(ns, observe, kind, fd):
    with sending(kind) as (sock, _):
        number = sock.fileno()
        length = tell("getpeername", number)
        sock.close()
        with refused(errno.EBADF):
            tell("getpeername", number if fd is None else fd)

        assert observe("length_when_open", length) > 0


@claim(
    "getpeername.2/ENOTSOCK/no-socket",
    sentence="getpeername.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="getpeername of a pipe, an epoll instance, /dev/null or a network namespace fails with ENOTSOCK; "
    "of a connected UDP socket it does not.",
)
@pytest.mark.parametrize("kind", NO_SOCKETS)
def test_it_must_be_a_socket(ns, observe, kind):
    with descriptor_of(kind) as fd, refused(errno.ENOTSOCK):
        tell("getpeername", fd)
    with sending("udp") as (sock, _):
        assert observe("length_of_a_socket", tell("getpeername", sock.fileno())) == 16


@claim(
    "defacto/getpeername/unix-listener-renamed",
    says="getpeername of a connected UNIX stream socket goes on telling the name of a listener that is "
    "closed, also once another listener has the name.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_name_outlives_the_listener(ns, observe):
    with Socket.unix() as listener, Socket.unix() as client, Socket.unix() as other:
        listener.bind(b"\0listener")
        listener.listen()
        client.connect(b"\0listener")
        listener.close()
        other.bind(b"\0listener")

        peer = observe("peer", client.getpeername().decode().lstrip("\0"))
        assert [other.getsockname(), peer] == [b"\0listener", "listener"]
