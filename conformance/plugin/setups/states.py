"""Sockets in a named state, or to which something named happens, and what is reported of them.

By poll(2), select(2) and epoll(7), and by the signals of F_SETSIG.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Final

from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix, pending_connection
from conformance.plugin.setups.mptcp import IPPROTO_MPTCP
from conformance.plugin.setups.pairs import fill_buffer, limit_buffer, udp_pair
from conformance.plugin.setups.readiness import (
    arrival,
    await_end,
    await_error,
    await_hangup,
    await_readable,
    polled,
    writable,
)
from conformance.plugin.setups.signals import announce, announced
from conformance.plugin.setups.sockets import SOCKETS, raw_socket
from conformance.plugin.setups.urgent import await_urgent
from conformance.plugin.setups.vsock import ANY, LOCAL
from conformance.plugin.setups.vsock import listening as listening_vsock
from libsocket import Linger, Other, Shutdown, Socket, Vsock

State = Callable[[str], AbstractContextManager[Socket]]
"""What yields a socket of a kind (``tcp6``, as ``sockets.py`` has them) in a state."""
Pairs = Callable[[str], AbstractContextManager[tuple[Socket, Socket]]]
"""What yields a socket of a kind, and another that has to do with it."""
Act = Callable[[Socket, Socket], object]
"""Something that is done to a socket or by its peer."""

_ETH_P_TEST, _USERSOCK = 0x88B5, 2
_BITS: Final = {
    "IN": select.POLLIN,
    "PRI": select.POLLPRI,
    "OUT": select.POLLOUT,
    "ERR": select.POLLERR,
    "HUP": select.POLLHUP,
    "NVAL": select.POLLNVAL,
    "RDHUP": select.POLLRDHUP,
}
_BANDS: Final = {
    "RDNORM": select.POLLRDNORM,
    "RDBAND": select.POLLRDBAND,
    "WRNORM": select.POLLWRNORM,
    "WRBAND": select.POLLWRBAND,
    "MSG": select.POLLMSG,
}


def names(bits: int) -> list[str]:
    """Events by name, without ``POLL`` or ``EPOLL``, which have the same numbers."""
    return [name for name, bit in (_BITS | _BANDS).items() if bits & bit]


def asked(*events: str) -> int:
    """The number that stands for events by name."""
    return sum(bit for name, bit in (_BITS | _BANDS).items() if name in events)


ALL: Final = asked(*_BITS)
"""Every event but those of bands."""
EVERY: Final = asked(*_BITS, *_BANDS)


def reported(sock: Socket) -> list[list[str]]:
    """What is reported of a socket now: all events by poll, by epoll, and the sets it is in by select."""
    with select.epoll() as epoll:
        epoll.register(sock, ALL)
        by_epoll = sum(bits for _, bits in epoll.poll(0))
    sets = select.select([sock], [sock], [sock], 0)
    ready = [name for name, found in zip(("read", "write", "except"), sets, strict=True) if found]
    return [names(polled(sock, ALL)), names(by_epoll), ready]


@contextmanager
def in_state(kind: str, state: str) -> Iterator[Socket]:
    """A socket of a kind in a state, each by its name. Raises: KeyError."""
    with STATES[state](kind) as sock:
        yield sock


@contextmanager
def connected(kind: str) -> Iterator[tuple[Socket, Socket]]:
    """A socket of a kind and its peer."""
    sock, peer = _PAIRS[kind]()
    with sock, peer:
        yield sock, peer


@contextmanager
def receiving(kind: str) -> Iterator[tuple[Socket, Socket]]:
    """A socket of a kind that has no peer itself where it need not, and another that sends to it."""
    sock, peer = (_RECEIVING.get(kind) or _PAIRS[kind])()
    with sock, peer:
        yield sock, peer


@contextmanager
def sending(kind: str) -> Iterator[tuple[Socket, Socket]]:
    """A socket of a kind and its peer, which has no peer itself where it need not have one."""
    sock, peer = (_SENDING.get(kind) or _PAIRS[kind])()
    with sock, peer:
        yield sock, peer


def _raw_receiver(family: int = socket.AF_INET) -> tuple[Socket, Socket]:
    """A raw socket, and another of its protocol that is connected to their host."""
    sock, peer = raw_socket(family), raw_socket(family)
    peer.connect(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    return sock, peer


def _udp_receiver(host: str) -> tuple[Socket, Socket]:
    """A UDP socket, and another that is connected to it."""
    peer, sock = udp_pair(host)
    return sock, peer


def _packet_receiver() -> tuple[Socket, Socket]:
    """A packet socket that receives from any interface what the other sends by loopback."""
    sock, peer = Socket.packet(protocol=_ETH_P_TEST), Socket.packet()
    peer.bind(("lo", 0))
    return sock, peer


def _raw_pair(family: int = socket.AF_INET) -> tuple[Socket, Socket]:
    """Two raw sockets that are connected to one host, theirs; what one sends both receive."""
    sock, peer = raw_socket(family), raw_socket(family)
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    sock.connect((host, 0))
    peer.connect((host, 0))
    return sock, peer


def _udp_pair(host: str) -> tuple[Socket, Socket]:
    """Two UDP sockets, each of which has the other as its peer."""
    peer, sock = udp_pair(host)
    sock.connect(peer.getsockname())
    return sock, peer


def _packet_pair() -> tuple[Socket, Socket]:
    """A packet socket that receives what the other, which receives nothing, sends by loopback."""
    sock, peer = Socket.packet(), Socket.packet()
    sock.bind(("lo", _ETH_P_TEST))
    peer.bind(("lo", 0))
    return sock, peer


def _usersock() -> Socket:
    """A netlink socket of the protocol that is for programs."""
    return Socket.netlink(_USERSOCK)


def _netlink_pair() -> tuple[Socket, Socket]:
    """A netlink socket, and another that is connected to it."""
    sock, peer = _usersock(), _usersock()
    sock.bind((0, 0))
    peer.connect(sock.getsockname())
    return sock, peer


def _through_listener(kind: str) -> tuple[Socket, Socket]:
    """A client, and what was accepted for it."""
    with LISTENING[kind]() as listener:
        client = SOCKETS[kind]()
        client.connect(listener.getsockname())
        await_readable(listener)
        return client, listener.accept()[0]


_PAIRS: Final[Mapping[str, Callable[[], tuple[Socket, Socket]]]] = {
    **{
        kind: partial(_through_listener, kind)
        for kind in ("mptcp", "mptcp6", "vsock", "vsock-seqpacket", "sctp")
    },
    "tcp": Socket.tcp_pair,
    "tcp6": partial(Socket.tcp_pair, socket.AF_INET6),
    "udp": partial(_udp_pair, "127.0.0.1"),
    "udp6": partial(_udp_pair, "::1"),
    "unix": Socket.pair,
    "unix-seqpacket": partial(Socket.pair, socket.SOCK_SEQPACKET),
    "unix-datagram": partial(Socket.pair, socket.SOCK_DGRAM),
    "raw": _raw_pair,
    "raw6": partial(_raw_pair, socket.AF_INET6),
    "packet": _packet_pair,
    "netlink": _netlink_pair,
}


_RECEIVING: Final[Mapping[str, Callable[[], tuple[Socket, Socket]]]] = {
    "udp": partial(_udp_receiver, "127.0.0.1"),
    "udp6": partial(_udp_receiver, "::1"),
    "raw": _raw_receiver,
    "raw6": partial(_raw_receiver, socket.AF_INET6),
    "packet": _packet_receiver,
}


_SENDING: Final[Mapping[str, Callable[[], tuple[Socket, Socket]]]] = {
    "udp": udp_pair,
    "udp6": partial(udp_pair, "::1"),
}


@contextmanager
def _new(kind: str) -> Iterator[Socket]:
    with SOCKETS[kind]() as sock:
        yield sock


@contextmanager
def _bound(kind: str) -> Iterator[Socket]:
    with SOCKETS[kind]() as sock:
        sock.bind(ADDRESSES[kind])
        yield sock


ADDRESSES: Final[Mapping[str, tuple[str | int, int] | str | Vsock]] = {
    **dict.fromkeys(("tcp", "udp", "raw", "mptcp", "sctp", "sctp-seqpacket"), ("127.0.0.1", 0)),
    **dict.fromkeys(("tcp6", "udp6", "raw6", "mptcp6"), ("::1", 0)),
    **dict.fromkeys(("vsock", "vsock-seqpacket"), Vsock(LOCAL, ANY)),
    **dict.fromkeys(("unix", "unix-seqpacket", "unix-datagram"), ""),
    "packet": ("lo", _ETH_P_TEST),
    "netlink": (0, 0),
}

_ELSEWHERE: Final[Mapping[str, tuple[str | int, int]]] = {
    **dict.fromkeys(("udp", "raw"), ("127.0.0.1", 9)),
    **dict.fromkeys(("udp6", "raw6"), ("::1", 9)),
    "netlink": (5_000_002, 0),
}


@contextmanager
def _connected_without_port(kind: str) -> Iterator[Socket]:
    """A raw socket that is connected to an address and to port 0."""
    with SOCKETS[kind]() as sock:
        sock.connect((_ELSEWHERE[kind][0], 0))
        yield sock


@contextmanager
def _connected_alone(kind: str) -> Iterator[Socket]:
    """A datagram, raw or netlink socket that is connected to an address where nobody is."""
    with SOCKETS[kind]() as sock:
        sock.connect(_ELSEWHERE[kind])
        yield sock


LISTENING: Final[Mapping[str, Callable[..., AbstractContextManager[Socket]]]] = {
    "tcp": listening,
    "mptcp": partial(listening, protocol=IPPROTO_MPTCP),
    "mptcp6": partial(listening, "::1", protocol=IPPROTO_MPTCP),
    "sctp": partial(listening, protocol=socket.IPPROTO_SCTP),
    "vsock": listening_vsock,
    "vsock-seqpacket": partial(listening_vsock, kind=socket.SOCK_SEQPACKET),
    "tcp6": partial(listening, "::1"),
    "unix": listening_unix,
    "unix-seqpacket": partial(listening_unix, socket.SOCK_SEQPACKET),
}
"""What makes a listener of each kind of socket that listens."""


@contextmanager
def _listening(kind: str) -> Iterator[Socket]:
    with LISTENING[kind]() as listener:
        yield listener


@contextmanager
def _waiting(kind: str) -> Iterator[Socket]:
    with LISTENING[kind]() as listener, pending_connection(listener):
        yield listener


@contextmanager
def _taken(kind: str) -> Iterator[Socket]:
    with LISTENING[kind]() as listener, pending_connection(listener):
        listener.accept()[0].close()
        yield listener


@contextmanager
def _no_longer_listening(kind: str) -> Iterator[Socket]:
    with LISTENING[kind]() as listener:
        listener.shutdown(Shutdown.READ)
        yield listener


@contextmanager
def _not_let_in(kind: str) -> Iterator[Socket]:
    """Connecting to a listener whose backlog is full: TCP is not answered, UNIX has EAGAIN."""
    with LISTENING[kind](backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with suppress(BlockingIOError):
            client.connect(listener.getsockname())
        yield client


@contextmanager
def _refused(kind: str) -> Iterator[Socket]:
    """By a socket that does not listen, or of UNIX datagram sockets by one that is gone."""
    with _bound(kind) as other, SOCKETS[kind]() as client:
        address = other.getsockname()
        if client.type == socket.SOCK_DGRAM:
            other.close()
        if client.family != socket.AF_UNIX:
            client.nonblocking = True
        with suppress(BlockingIOError, ConnectionRefusedError):
            client.connect(address)
        if kind.startswith("tcp"):
            await_error(client)
        yield client


@contextmanager
def _refused_at_once(kind: str) -> Iterator[Socket]:
    """A connect that waited until it was refused."""
    with _bound(kind) as other, SOCKETS[kind]() as client:
        address = other.getsockname()
        other.close()
        failed = client.connect_ex(address)
        assert failed == errno.ECONNREFUSED, "the connect was not refused"
        yield client


@contextmanager
def _shut_in_vain(kind: str) -> Iterator[Socket]:
    """An Internet socket without a connection: shutdown fails with ENOTCONN."""
    with SOCKETS[kind]() as sock:
        failed = None
        try:
            sock.shutdown(Shutdown.BOTH)
        except OSError as error:
            failed = error.errno
        assert failed == errno.ENOTCONN, "the shutdown did not fail with ENOTCONN"
        yield sock


@contextmanager
def _shut_unconnected(kind: str) -> Iterator[Socket]:
    """A UNIX socket without a connection: shutdown succeeds."""
    with SOCKETS[kind]() as sock:
        sock.shutdown(Shutdown.BOTH)
        assert polled(sock, select.POLLRDHUP) & select.POLLRDHUP, "it is not shut down"
        yield sock


@contextmanager
def _after_refused(kind: str) -> Iterator[Socket]:
    with _refused(kind) as client:
        _read_error(client, client)
        yield client


@contextmanager
def _full_receiver(kind: str) -> Iterator[Socket]:
    """A UNIX datagram socket that is connected to another which has as many datagrams as it may."""
    with SOCKETS[kind]() as receiver, SOCKETS[kind]() as sender:
        receiver.bind("")
        sender.connect(receiver.getsockname())
        with suppress(BlockingIOError):
            while True:
                sender.send(b"x", socket.MSG_DONTWAIT)
        yield sender


@contextmanager
def _overrun(_kind: str) -> Iterator[Socket]:
    """A netlink socket that has lost what was sent to its group, since it does not fit into its buffer."""
    with _usersock() as sender, _usersock() as other, _usersock() as sock:
        other.bind((0, 0))  # beside the group a message goes to one socket
        sock.bind((0, 1))
        sock.rcvbuf = 1
        sent = [sender.sendto(bytes(1000), (other.getsockname()[0], 1)) for _ in range(10)]
        assert sent == [1000] * 10, "not all was sent"
        await_error(sock)
        yield sock


@contextmanager
def _overrun_read(kind: str) -> Iterator[Socket]:
    with _overrun(kind) as sock:
        _read_error(sock, sock)
        yield sock


def _after(*acts: Act, made: Pairs | None = None) -> State:
    """A connected socket after these, or one of which ``made`` makes a pair."""

    @contextmanager
    def state(kind: str) -> Iterator[Socket]:
        with (made or connected)(kind) as (sock, peer):
            for act in acts:
                act(sock, peer)
            yield sock

    return state


def _peer_sends(sock: Socket, peer: Socket) -> None:
    peer.send(_DATA)
    await_readable(sock)


def _peer_sends_more(sock: Socket, peer: Socket) -> None:
    """While other data wait, so that only a new event tells when these have come."""
    with arrival(sock):
        peer.send(_DATA)


def _peer_sends_nothing(sock: Socket, peer: Socket) -> None:
    """A datagram of no bytes."""
    peer.send(b"")
    await_readable(sock)


def _peer_sends_urgently(sock: Socket, peer: Socket) -> None:
    peer.send(b"!", socket.MSG_OOB)
    await_urgent(sock)


def _peer_ends(sock: Socket, peer: Socket) -> None:
    peer.shutdown(Shutdown.WRITE)
    await_end(sock)


def _peer_resets(sock: Socket, peer: Socket) -> None:
    peer.linger = Linger(True, 0)
    peer.close()
    await_error(sock)


def _peer_is_gone(sock: Socket, peer: Socket) -> None:
    peer.close()
    await_end(sock)


def _peer_goes_without_reading(sock: Socket, peer: Socket) -> None:
    """What was sent to it is lost: the connection is reset."""
    sock.send(_DATA)
    await_readable(peer)
    peer.close()
    await_error(sock)


def _send_in_vain(sock: Socket, peer: Socket) -> None:
    """A datagram to a port that is closed by now."""
    peer.close()
    sock.send(_DATA)
    await_error(sock)


def _queue_errors(sock: Socket, _peer: Socket) -> None:
    if sock.family == socket.AF_INET6:
        sock.ipv6_recverr = True
    else:
        sock.ip_recverr = True


def _read_error(sock: Socket, _peer: Socket) -> None:
    """A pending error, by SO_ERROR."""
    assert sock.error, "no error is pending"


def _read_queued(sock: Socket, _peer: Socket) -> None:
    """An error by MSG_ERRQUEUE."""
    sock.recv_error()


def _disconnect(sock: Socket, _peer: Socket) -> None:
    sock.connect(Other(socket.AF_UNSPEC, bytes(14)))


def _name(sock: Socket, _peer: Socket) -> None:
    sock.bind("")


def _shut(how: Shutdown) -> Act:
    return lambda sock, _peer: sock.shutdown(how)


def _fill(sock: Socket, _peer: Socket) -> None:
    if sock.type == socket.SOCK_DGRAM:
        limit_buffer(sock)
    fill_buffer(sock)


def _inline(sock: Socket, _peer: Socket) -> None:
    sock.oobinline = True


def _over(sock: Socket, _peer: Socket) -> None:
    await_hangup(sock)


_DATA = bytes(12) + _ETH_P_TEST.to_bytes(2, "big") + b"hello!"
"""What a packet socket can send, too: an Ethernet header is before it."""

STATES: Final[Mapping[str, State]] = {
    "new": _new,
    "bound": _bound,
    "listening": _listening,
    "listening-connection-waiting": _waiting,
    "listening-connection-taken": _taken,
    "listener-shut": _no_longer_listening,
    "not-let-in": _not_let_in,
    "refused": _refused,
    "refused-at-once": _refused_at_once,
    "refused-error-read": _after_refused,
    "shut-in-vain": _shut_in_vain,
    "shut-unconnected": _shut_unconnected,
    "receiver-full": _full_receiver,
    "overrun": _overrun,
    "overrun-error-read": _overrun_read,
    "connected": _after(),
    "connected-named": _after(_name),
    "disconnected": _after(_disconnect),
    "connected-alone": _connected_alone,
    "connected-without-port": _connected_without_port,
    "data": _after(_peer_sends),
    "data-read": _after(_peer_sends, lambda sock, _: sock.recv(100)),
    "empty-datagram": _after(_peer_sends_nothing),
    "unconnected-data": _after(_peer_sends, made=receiving),
    "unconnected-data-read": _after(_peer_sends, lambda sock, _: sock.recv(100), made=receiving),
    "unconnected-empty-datagram": _after(_peer_sends_nothing, made=receiving),
    "urgent": _after(_peer_sends_urgently),
    "urgent-read": _after(_peer_sends_urgently, lambda sock, _: sock.recv(1, socket.MSG_OOB)),
    "urgent-inline": _after(_inline, _peer_sends_urgently, lambda sock, _: await_readable(sock)),
    "data-then-urgent": _after(_peer_sends, _peer_sends_urgently),
    "peer-shut-wr": _after(_peer_ends),
    "peer-shut-rd": _after(lambda _, peer: peer.shutdown(Shutdown.READ)),
    "shut-rd": _after(_shut(Shutdown.READ)),
    "shut-wr": _after(_shut(Shutdown.WRITE)),
    "shut-both": _after(_shut(Shutdown.BOTH)),
    "both-shut-wr": _after(_shut(Shutdown.WRITE), _peer_ends, _over),
    "peer-closed": _after(_peer_is_gone),
    "peer-closed-data": _after(_peer_sends, _peer_is_gone),
    "peer-closed-unread": _after(_peer_goes_without_reading),
    "peer-gone": _after(lambda _, peer: peer.close()),
    "reset": _after(_peer_resets),
    "reset-error-read": _after(_peer_resets, _read_error),
    "error": _after(_send_in_vain, made=sending),
    "error-read": _after(_send_in_vain, _read_error, made=sending),
    "error-queued": _after(_queue_errors, _send_in_vain, _read_error, made=sending),
    "error-queued-read": _after(
        _queue_errors, _send_in_vain, lambda sock, _: sock.recv_error(), made=sending
    ),
    "full": _after(_fill),
    "full-shut-wr": _after(_fill, _shut(Shutdown.WRITE)),
    "full-peer-shut-wr": _after(_fill, _peer_ends),
}
"""What brings a socket of any kind that has the state into it, by the state's name."""


def _reads_a_part(sock: Socket, _peer: Socket) -> None:
    sock.recv(1)


def _reads_all(sock: Socket, _peer: Socket) -> None:
    sock.recv(100)


def _sends(sock: Socket, peer: Socket) -> None:
    sock.send(_DATA)
    await_readable(peer)


def _peer_reads(_sock: Socket, peer: Socket) -> None:
    peer.recv(100)


def _peer_reads_until_room(sock: Socket, peer: Socket) -> None:
    """All that has come, and what comes then, until the socket has room in its send buffer."""
    while not writable(sock):
        await_readable(peer)
        with suppress(BlockingIOError):
            while True:
                peer.recv(1_000_000, socket.MSG_DONTWAIT)


EVENTS: Final[Mapping[str, tuple[tuple[Act, ...], Act]]] = {
    "data": ((), _peer_sends),
    "more-data": ((_peer_sends,), _peer_sends_more),
    "part-read": ((_peer_sends,), _reads_a_part),
    "all-read": ((_peer_sends,), _reads_all),
    "sent": ((), _sends),
    "peer-read": ((_sends,), _peer_reads),
    "peer-read-when-full": ((_fill,), _peer_reads_until_room),
    "urgent": ((), _peer_sends_urgently),
    "peer-shut-wr": ((), _peer_ends),
    "peer-shut-rd": ((), lambda _, peer: peer.shutdown(Shutdown.READ)),
    "shut-rd": ((), _shut(Shutdown.READ)),
    "shut-wr": ((), _shut(Shutdown.WRITE)),
    "peer-closed": ((), _peer_is_gone),
    "peer-closed-after-shut-wr": ((_shut(Shutdown.WRITE),), _peer_is_gone),
    "reset": ((), _peer_resets),
    "error": ((), _send_in_vain),
    "error-read": ((_send_in_vain,), _read_error),
}
"""What happens to a connected socket, by its name: what is done before, and what counts."""


def edge(kind: str, event: str) -> list[list[str]]:
    """What epoll reports with EPOLLET of a socket before something happens to it, then nothing, and after."""
    before, act = EVENTS[event]
    with connected(kind) as (sock, peer), select.epoll() as epoll:
        for one in before:
            one(sock, peer)
        epoll.register(sock, ALL | select.EPOLLET)
        known, again = _events(epoll), _events(epoll)
        act(sock, peer)
        return [known, again, _events(epoll)]


def _events(epoll: select.epoll) -> list[str]:
    return names(sum(bits for _, bits in epoll.poll(0)))


def signal_of(kind: str, event: str) -> list[object]:
    """si_code and si_band of the first signal that tells of something that happens to a socket, or None."""
    before, act = EVENTS[event]
    with announced() as next_signal, connected(kind) as (sock, peer):
        for one in before:
            one(sock, peer)
        announce(sock)
        act(sock, peer)
        code, *band = next_signal() or [None]
        return [code, *(names(bits) for bits in band if isinstance(bits, int))]
