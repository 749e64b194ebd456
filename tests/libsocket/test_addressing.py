"""Every kind of address in every call that takes one, and what a socket says of its ends."""

from __future__ import annotations

import errno
import inspect
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from libsocket import (
    UNSPEC,
    Address,
    Batch,
    Inet,
    Inet6,
    Message,
    Netlink,
    Other,
    Packet,
    Socket,
    Ttl,
    Unix,
    Vsock,
)
from netns import Namespace, peers

ETH_P_802_EX1 = 0x88B5
TCP_CLOSE = 7
CALLS = ("bind", "connect", "connect_ex", "sendto")
METHODS = [(getattr(Socket, name), getattr(socket.socket, name)) for name in CALLS]


@pytest.fixture(autouse=True)
def _ns() -> Iterator[None]:
    with Namespace():
        yield


def _own(kind: Any, address: Address) -> Address | None:
    with kind() as sock:
        sock.bind(address)
        named: Address | None = sock.local_address()
        return named


def _vsock() -> Socket:
    return Socket(socket.AF_VSOCK, socket.SOCK_STREAM)


NAMED = [
    (Socket.udp, Inet("127.0.0.1", 9)),
    (lambda: Socket.udp(socket.AF_INET6), Inet6("::1", 9)),
    (Socket.unix, Unix("\0libsocket-bound")),
    (Socket.unix, Unix("\0libsocket-\udcff")),
    (Socket.netlink, Netlink(4321, 1)),
    (_vsock, Vsock(0xFFFF_FFFF, 7)),
]


@pytest.mark.parametrize(("kind", "address"), NAMED, ids=lambda value: type(value).__name__)
def test_local_address_is_the_one_that_was_bound(kind: Any, address: Address) -> None:
    named = _own(kind, address)

    assert (named, type(named)) == (address, type(address))


@pytest.mark.parametrize(("kind", "address"), NAMED, ids=lambda value: type(value).__name__)
def test_address_can_be_bound_by_its_bytes(kind: Any, address: Address) -> None:
    other = Other(int.from_bytes(address.raw[:2], sys.byteorder), address.raw[2:])

    assert _own(kind, other) == address


def test_packet_is_bound_by_its_index() -> None:
    lo = socket.if_nametoindex("lo")
    with Socket.packet() as sock:
        sock.bind(Packet(lo, ETH_P_802_EX1))
        named = sock.local_address()

        assert named == Packet(lo, ETH_P_802_EX1, hatype=772, address=bytes(6))


def test_interface_is_one_of_the_sockets_own_namespace() -> None:
    """And not of the thread's, which has no such interface."""
    with peers() as hosts, hosts.right.entered(), Socket.packet(socket.SOCK_DGRAM, ETH_P_802_EX1) as far:
        with hosts.left.entered():
            near = Socket.packet(socket.SOCK_DGRAM)
            to = Packet(socket.if_nametoindex(hosts.left.device), ETH_P_802_EX1, address=b"\xff" * 6)
        with near:
            sent = near.sendto(b"one", to), near.send_message(b"two", address=to)

        assert (sent, [far.recv(99)[:3], far.recv(99)[:3]]) == ((3, 3), [b"one", b"two"])


def test_ipv4_address_can_be_given_to_an_ipv6_socket() -> None:
    with Socket.udp(socket.AF_INET6) as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        peer = far.local_address()
        assert isinstance(peer, Inet)
        taken = (
            near.sendto(b"a", peer),
            near.sendto(b"b", 0, peer),
            near.send_message(b"c", address=peer),
            near.send_messages([Message(b"d", address=peer)]),
        )
        near.connect(peer)
        near.send(b"e")

        assert (taken, near.peer_address()) == ((1,) * 4, Inet6("::ffff:127.0.0.1", peer.port))
        assert b"".join(one.data for one in far.recv_messages(Batch(5))) == b"abcde"


def test_control_messages_go_with_any_address() -> None:
    with Socket.udp() as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        far.ip_recvttl = True
        raw = Inet(*far.getsockname()).raw
        taken = near.send_message([b"x", b"y"], Ttl(7), address=Other(socket.AF_INET, raw[2:]))

        got = far.recv_message(9)
        assert (taken, got.data, got.control) == (2, b"xy", (Ttl(7),))


def test_unspec_dissolves_the_association_of_a_datagram_socket() -> None:
    with Socket.udp() as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        near.connect(far.local_address())  # type: ignore[arg-type]
        before = near.peer_address()
        near.connect(UNSPEC)

        assert before == far.local_address()
        with pytest.raises(OSError, match="not connected") as refused:
            _ = near.peer_address()
        assert refused.value.errno == errno.ENOTCONN


def test_unspec_resets_a_connection() -> None:
    near, far = Socket.tcp_pair()
    with near, far:
        near.connect(UNSPEC)

        assert near.tcp_info.state == TCP_CLOSE
        with pytest.raises(ConnectionResetError):
            far.recv(1)


def test_unspec_stops_a_listener() -> None:
    with Socket.tcp() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        before = listener.acceptconn
        listener.connect(UNSPEC)

        assert (before, listener.acceptconn) == (True, False)


def test_unspec_is_the_kernels_to_refuse() -> None:
    near, far = Socket.pair()
    with near, far:
        assert near.connect_ex(UNSPEC) == errno.EINVAL
        with pytest.raises(OSError, match="Invalid argument"):
            near.connect(UNSPEC)


def test_connecting_by_bytes_waits_as_long_as_the_timeout_says() -> None:
    """The backlog is full, so that nobody answers."""
    with Socket.tcp() as listener, Socket.tcp() as first, Socket.tcp() as second, Socket.tcp() as third:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        raw = Other(socket.AF_INET, Inet(*listener.getsockname()).raw[2:])
        second.settimeout(0.05)
        third.setblocking(False)

        with pytest.raises(TimeoutError, match="timed out"):
            second.connect(raw)
        assert third.connect_ex(raw) == errno.EINPROGRESS
        assert second.connect_ex(raw) in (errno.EALREADY, errno.EAGAIN)


def test_connecting_by_bytes_ends_when_the_peer_answers() -> None:
    with Socket.tcp() as listener, Socket.tcp() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.settimeout(5)
        client.connect(Other(socket.AF_INET, Inet(*listener.getsockname()).raw[2:]))

        assert client.peer_address() == listener.local_address()


def test_connecting_by_bytes_to_nobody_is_refused() -> None:
    with Socket.tcp() as client:
        client.settimeout(5)
        with pytest.raises(ConnectionRefusedError):
            client.connect(Other(socket.AF_INET, Inet("127.0.0.1", 1).raw[2:]))


def test_sending_by_bytes_waits_for_room() -> None:
    with Socket.unix(socket.SOCK_DGRAM) as near, Socket.unix(socket.SOCK_DGRAM) as far:
        far.bind("")
        named = far.local_address()
        assert named is not None
        target = Other(socket.AF_UNIX, named.raw[2:])
        near.setblocking(False)
        with pytest.raises(BlockingIOError):
            deque(iter(lambda: near.sendto(b"x", target), 0), maxlen=0)
        near.settimeout(10)
        threading.Thread(target=far.recv, args=(1,)).start()

        assert near.sendto(b"y", target) == 1


def test_pythons_form_of_another_family_is_given_on() -> None:
    with Socket.netlink() as sock:
        sock.bind(Other(socket.AF_NETLINK, (4321, 0)))

        assert sock.local_address() == Netlink(4321)


@pytest.mark.parametrize(("ours", "standard"), METHODS, ids=CALLS)
@pytest.mark.parametrize("args", [(), (b"x",), (3,), (b"x", 3), (1, 2, 3, 4), (b"x", 0, ("127.0.0.1", "a"))])
def test_what_is_no_address_is_refused_as_the_standard_library_does(
    ours: Any, standard: Any, args: tuple[Any, ...]
) -> None:
    with Socket.udp() as sock:
        refusals = [_refusal(call, sock, args) for call in (ours, standard)]

    assert type(refusals[0]) is type(refusals[1])


def test_too_many_arguments_are_counted_as_the_standard_library_does() -> None:
    with Socket.udp() as sock, pytest.raises(TypeError, match=r"\(4 given\)"):
        sock.sendto(b"x", 0, ("127.0.0.1", 9), 4)  # type: ignore[call-overload]


def _refusal(call: Any, sock: Socket, args: tuple[Any, ...]) -> Exception:
    with pytest.raises((TypeError, OSError)) as refused:
        call(sock, *args)
    return refused.value


@pytest.mark.parametrize(
    "send",
    [
        lambda sock, data: sock.sendto(data, Inet("127.0.0.1", 9)),
        lambda sock, data: sock.send_message([data], address=Inet("127.0.0.1", 9)),
        lambda sock, data: sock.send_messages([data]),
        lambda sock, data: sock.send_messages([Message(data)]),
    ],
    ids=["sendto", "send_message", "send_messages", "Message"],
)
@pytest.mark.parametrize("data", [3, [1, 2], "text", None])
def test_what_is_no_buffer_is_not_sent(send: Any, data: Any) -> None:
    """Neither as so many zeros nor as a byte for each number."""
    with Socket.udp(socket.AF_INET6) as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        near.connect(Inet("127.0.0.1", far.getsockname()[1]))
        with pytest.raises(TypeError):
            send(near, data)


LISTENERS: list[list[tuple[Any, ...]]] = []


def _hook(*event: Any) -> None:
    for heard in LISTENERS:
        heard.append(event)


@lru_cache(1)
def _add_hook() -> None:
    """Once and for all: a hook cannot be taken away."""
    sys.addaudithook(_hook)


@pytest.fixture
def audited() -> Iterator[list[tuple[Any, ...]]]:
    """What audit hooks are told of sockets while the test runs."""
    _add_hook()
    events: list[tuple[Any, ...]] = []
    LISTENERS.append(events)
    yield events
    LISTENERS.clear()


@pytest.mark.parametrize(
    ("event", "call"),
    [
        ("socket.bind", lambda sock, address: sock.bind(address)),
        ("socket.connect", lambda sock, address: sock.connect(address)),
        ("socket.connect", lambda sock, address: sock.connect_ex(address)),
        ("socket.sendto", lambda sock, address: sock.sendto(b"x", address)),
        ("socket.sendmsg", lambda sock, address: sock.send_message(b"x", address=address)),
        ("socket.sendmsg", lambda sock, address: sock.send_messages([Message(b"x", address=address)])),
    ],
    ids=["bind", "connect", "connect_ex", "sendto", "send_message", "send_messages"],
)
@pytest.mark.parametrize(
    "address", [Inet("127.0.0.1", 9), Other(socket.AF_INET, Inet("127.0.0.1", 9).raw[2:])]
)
def test_call_is_audited_with_its_address(
    audited: list[tuple[Any, ...]], event: str, call: Any, address: Address
) -> None:
    with Socket.udp() as sock:
        call(sock, address)

        assert [one for one in audited if one[0].startswith("socket.") and one[0] != "socket.__new__"] == [
            (event, (sock, address))
        ]


@pytest.mark.parametrize(("ours", "standard"), METHODS, ids=CALLS)
def test_method_is_documented(ours: Any, standard: Any) -> None:
    assert inspect.getdoc(ours)
    assert (ours.__name__, "self" in inspect.signature(ours).parameters) == (standard.__name__, True)


def test_method_bound_to_a_socket_is_called_as_any_other() -> None:
    with Socket.udp() as sock, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        for call in (sock.connect, sock.connect_ex):
            call(far.getsockname())

        assert sock.peer_address() == far.local_address()


def test_too_many_arguments_are_refused_in_the_words_of_the_standard_library() -> None:
    """CPython's own tests compare them."""
    with Socket.udp() as sock, pytest.raises(TypeError, match=r"sendto\(\) takes 2 or 3 .* \(4 given\)"):
        sock.sendto(b"", 0, ("127.0.0.1", 9), 4)  # type: ignore[call-overload]
