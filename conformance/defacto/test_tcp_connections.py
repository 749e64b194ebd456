"""TCP connections where documents are silent: who waits, what is told once, and what a refused socket can."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.blocked import await_asleep, fill
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.message_calls import STORAGE, recv, recvfrom, send, writev
from conformance.plugin.setups.pairs import fill_buffer
from conformance.plugin.setups.readiness import await_end, await_hangup, await_readable, polled
from conformance.plugin.setups.states import ALL, connected, in_state, names
from conformance.plugin.setups.threads import delayed
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.timing import LONG, SOON
from libsocket import INT, SO_ACCEPTCONN, Filter, Linger, Shutdown, Socket
from netns import Child

BOTH = pytest.mark.parametrize("kind", ["tcp", "tcp6"])
STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
SOL_SOCKET, SCM_TIMESTAMP, IPPROTO_TCP, TCP_CM_INQ = 1, 29, 6, 36
FILLED = 100_000
"""A send buffer: a peer that does not read takes less of it than would leave a smallest one room."""
MANY = 50_000_000
"""More bytes than all buffers take."""


@claim(
    "connect.2/EISCONN/accepted",
    sentence="connect.2/EISCONN/connected-already",
    section="ERRORS",
    says="Connecting a TCP socket over IPv4 or IPv6 that accept(2) has given, to its listener or to its "
    "peer, fails with EISCONN, and the connection stays.",
    needs=[IPV6],
)
@FAMILIES
def test_an_accepted_socket_is_connected(ns, observe, family):
    with listening(LOOPBACK[family]) as listener, Socket.tcp(family) as client:
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.rcvtimeo = SOON
            with refused(errno.EISCONN):
                server.connect(listener.getsockname())
            with refused(errno.EISCONN, "errno_to_peer"):
                server.connect(client.getsockname())
            server.send(b"hello")

            assert observe("received", client.recv(9).decode()) == "hello"


@claim(
    "shutdown.2/ENOTCONN/time-wait",
    sentence="shutdown.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="SHUT_WR on a TCP socket over IPv4 or IPv6 once both ends have ended their directions fails with "
    "ENOTCONN, where it succeeded before.",
    needs=[IPV6],
)
@BOTH
def test_an_ended_connection_is_none(ns, observe, kind):
    with connected(kind) as (sock, peer):
        first = answer(partial(sock.shutdown, Shutdown.WRITE))
        peer.shutdown(Shutdown.WRITE)
        await_hangup(sock)
        with refused(errno.ENOTCONN):
            sock.shutdown(Shutdown.WRITE)

        assert observe("first", first) == "done"


@claim(
    "defacto/src_addr/tcp-peek",
    says="On a TCP socket, over IPv4 and IPv6, recvfrom with MSG_PEEK gives no source address: its length "
    "is 0 afterwards, and the room for it as it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@BOTH
def test_a_peek_has_no_source(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = SOON
        peer.send(b"hello")
        peeked = recvfrom(sock, 9, STORAGE, socket.MSG_PEEK)

        seen = [peeked.data.decode(), peeked.length, peeked.name.count(b"\xff"), sock.recv(9).decode()]
        assert observe("data_length_untouched_again", seen) == ["hello", 0, STORAGE, "hello"]


@claim(
    "defacto/send/peer-closes-while-it-waits",
    says="A send on a TCP, over IPv4 and IPv6, or UNIX stream socket that waits for room and has sent "
    "nothing fails with ECONNRESET when the peer is closed, which has not read all.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("call", [send, writev], ids=["send", "writev"])
@STREAMS
def test_a_send_that_waits_ends(ns, observe, kind, call):
    with connected(kind) as (sock, peer):
        sock.sndtimeo = SOON
        filled = fill(sock) > 0
        with delayed(peer.close, 0.02):
            ended = answer(lambda: call(sock, b"x"))

        assert observe("filled_and_ended", [filled, ended]) == [True, "ECONNRESET"]


@claim(
    "defacto/send/part-when-peer-closes",
    says="A send of 50 million bytes on a TCP, over IPv4 and IPv6, or UNIX stream socket that waits for "
    "room returns how many it has sent when the peer is closed; the next fails.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@STREAMS
def test_a_send_that_waits_returns_its_part(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.sndtimeo = SOON
        with delayed(peer.close, 0.02):
            sent = sock.send(bytes(MANY))
        with refused():
            sock.send(b"x", socket.MSG_NOSIGNAL)

        assert observe("a_part", 0 < sent < MANY) is True


@claim(
    "defacto/recv/peer-closes-while-it-waits",
    says="A receive that waits on a TCP, over IPv4 and IPv6, or UNIX stream or seqpacket socket returns 0 "
    "when the peer is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_a_receive_that_waits_ends(ns, observe, kind):
    with connected(kind) as (sock, peer):
        before = answer(lambda: sock.recv(9, socket.MSG_DONTWAIT))
        sock.rcvtimeo = SOON
        with delayed(peer.close, 0.02):
            ended = answer(lambda: sock.recv(9))

        assert observe("before_and_ended", [before, ended]) == ["EAGAIN", "0 bytes"]


@claim(
    "defacto/TCP_INQ/after-timestamp",
    says="With SO_TIMESTAMP and TCP_INQ a read of a TCP connection, over IPv4 and IPv6, comes with "
    "SCM_TIMESTAMP and then TCP_CM_INQ.",
    since="4.18",
    commit="b75eba76d3d7",
    needs=[IPV6],
)
@BOTH
def test_the_time_comes_before_the_count(ns, observe, kind):
    with connected(kind) as (sock, peer), stamping():
        sock.rcvtimeo = SOON
        sock.timestamp = True
        sock.tcp_inq = True
        peer.send(b"hello")
        await_readable(sock)
        control = sock.recvmsg(2, 200)[1]

        assert observe("levels_and_types", [[level, kind] for level, kind, _ in control]) == [
            [SOL_SOCKET, SCM_TIMESTAMP],
            [IPPROTO_TCP, TCP_CM_INQ],
        ]


@claim(
    "defacto/SO_SNDBUF/grown-while-a-send-waits",
    says="A send on a TCP socket, over IPv4 and IPv6, that waits for room goes on when SO_SNDBUF is set "
    "greater meanwhile, though nothing is read.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@BOTH
def test_a_greater_buffer_ends_the_wait(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        sock.sndbuf = FILLED
        filled = fill(sock)
        before = answer(lambda: sock.send(b"x", socket.MSG_DONTWAIT))
        sock.sndtimeo = SOON
        with delayed(partial(setattr, sock, "sndbuf", 2 * FILLED), 0.02):
            sent = answer(lambda: sock.send(b"x"))

        received = len(peer.read_exact(filled + 1)) - filled
        assert observe("before_sent_received", [before, sent, received]) == ["EAGAIN", "sent 1", 1]


@claim(
    "defacto/SO_SNDBUF/grown-wakes",
    says="A send on a TCP socket over IPv4 that waits for room, while nothing comes from its peer, is woken "
    "when SO_SNDBUF is set greater.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_greater_buffer_wakes(ns, observe):
    with connected("tcp") as (sock, _):
        ns.set_link("lo", up=False)  # what is acknowledged would wake it as well
        sock.sndbuf = 0
        fill_buffer(sock)
        sock.sndtimeo = SOON
        with Child(lambda: answer(lambda: sock.send(b"x"))) as child:
            asleep = await_asleep(child.pid)
            sock.sndbuf = FILLED

            assert observe("asleep_and_sent", [asleep, child.value()]) == [True, "sent 1"]


@claim(
    "defacto/recv/no-bytes-asked-without-connection",
    says="A receive of no bytes on a TCP socket, over IPv4 and IPv6, that is new or bound fails with "
    "ENOTCONN; on a connected one with MSG_DONTWAIT and nothing there with EAGAIN.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@BOTH
@pytest.mark.parametrize(
    ("state", "expected"), [("new", "ENOTCONN"), ("bound", "ENOTCONN"), ("connected", "EAGAIN")]
)
def test_nothing_is_received_without_a_connection(ns, observe, kind, state, expected):
    with in_state(kind, state) as sock:
        assert observe("received", answer(lambda: recv(sock, 0, socket.MSG_DONTWAIT).returned)) == expected


@claim(
    "socket.7/SO_ACCEPTCONN/shut-down",
    sentence="socket.7/SO_ACCEPTCONN/values",
    section="Socket options",
    says="SO_ACCEPTCONN of a TCP listener, over IPv4 and IPv6, is 1, also after SHUT_WR, and 0 once it is "
    "shut down for receiving, when it does not listen any more.",
    needs=[IPV6],
    survives={"no-op: shutdown(SHUT_WR*": "that it changes nothing is what it says"},
)
@FAMILIES
def test_a_listener_that_is_shut_down_does_not_listen(ns, observe, family):
    with listening(LOOPBACK[family]) as listener:
        found = [listener.get(SO_ACCEPTCONN.through(INT))]
        listener.shutdown(Shutdown.WRITE)
        found.append(listener.get(SO_ACCEPTCONN.through(INT)))
        listener.shutdown(Shutdown.READ)
        found.append(listener.get(SO_ACCEPTCONN.through(INT)))

        assert observe("values", found) == [1, 1, 0]


@claim(
    "defacto/SO_LINGER/not-connected",
    says="Closing a TCP socket, over IPv4 and IPv6, that is new, bound or listening does not wait for "
    "SO_LINGER.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={
        "no-op: bind(*": "a wait would be as long in another state",
        "no-op: listen(*": "a wait would be as long in another state",
    },
)
@BOTH
@pytest.mark.parametrize("state", ["new", "bound", "listening"])
def test_nothing_is_waited_for(ns, observe, kind, state):
    with in_state(kind, state) as sock:
        sock.linger = Linger(True, LONG)
        before = sock.linger.seconds
        sock.close()

        assert observe("seconds_and_closed", [before, sock.fileno()]) == [LONG, -1]


@claim(
    "defacto/connect/again-after-peer-closed",
    says="Connecting a non-blocking TCP socket, over IPv4 and IPv6, again whose connect failed with "
    "EINPROGRESS succeeds once the connection is made, also if the peer has ended it since, and then fails "
    "with EISCONN.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_connection_is_told_once(ns, observe, family):
    with listening(LOOPBACK[family]) as listener, Socket.tcp(family) as client:
        client.nonblocking = True
        address = listener.getsockname()
        with refused(errno.EINPROGRESS):
            client.connect(address)
        with listener.accept()[0] as server:
            server.shutdown(Shutdown.WRITE)
            await_end(client)
            again = answer(lambda: client.connect(address))
            with refused(errno.EISCONN, "errno_at_last"):
                client.connect(address)

            assert observe("again", again) == "done"


@claim(
    "defacto/connect/again-after-refusal",
    says="A blocking TCP socket, over IPv4 and IPv6, whose connect failed with ECONNREFUSED can be "
    "connected to the same address once somebody listens there.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_refused_socket_is_connected_later(ns, observe, family):
    with Socket.tcp(family) as listener, Socket.tcp(family) as client:
        listener.bind((LOOPBACK[family], 0))
        with refused(errno.ECONNREFUSED):
            client.connect(listener.getsockname())
        listener.listen()
        client.connect(listener.getsockname())

        assert observe("peer", client.getpeername() == listener.getsockname()) is True


@claim(
    "defacto/recv/refusal-told-once",
    says="A receive on a non-blocking TCP socket, over IPv4 and IPv6, whose connection was refused fails "
    "with ECONNREFUSED once, with MSG_PEEK too, and then returns 0, as it does once SO_ERROR has told the "
    "refusal.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@BOTH
@pytest.mark.parametrize(
    ("state", "flags", "expected"),
    [
        ("refused", 0, ["ECONNREFUSED", "0 bytes"]),
        ("refused", socket.MSG_PEEK, ["ECONNREFUSED", "0 bytes"]),
        ("refused-error-read", 0, ["0 bytes", "0 bytes"]),
    ],
    ids=["receive", "peek", "so-error"],
)
def test_a_refusal_is_told_once(ns, observe, *, kind, state, flags, expected):
    with in_state(kind, state) as sock:
        assert observe("received", [answer(lambda: sock.recv(9, flags)) for _ in range(2)]) == expected


@claim(
    "defacto/connect/refused-frees-chosen-port",
    says="A port that bind(2) to port 0 chose for a TCP socket, over IPv4 and IPv6, can be bound by another "
    "once a connect of the first was refused; the first is refused again.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_chosen_port_is_free_after_a_refusal(ns, observe, family):
    host = LOOPBACK[family]
    with Socket.tcp(family) as sock, Socket.tcp(family) as early, Socket.tcp(family) as late:
        sock.bind((host, 0))
        port = sock.getsockname()[1]
        with refused(errno.EADDRINUSE, "errno_before"):
            early.bind((host, port))
        with refused(errno.ECONNREFUSED):
            sock.connect((host, 9))
        late.bind((host, port))
        with refused(errno.ECONNREFUSED, "errno_again"):
            sock.connect((host, 9))

        assert observe("bound", late.getsockname()[1] == port) is True


@claim(
    "defacto/connect/tcp-itself",
    says="A TCP socket, over IPv4 and IPv6, that is connected to its own address and port is its own peer: "
    "it receives what it sends, and the end of its direction.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_socket_is_its_own_peer(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.rcvtimeo = SOON
        sock.bind((LOOPBACK[family], 0))
        sock.connect(sock.getsockname())
        same = sock.getpeername() == sock.getsockname()
        sock.send(b"hello")
        received = [sock.read_exact(5).decode()]
        sock.shutdown(Shutdown.WRITE)
        await_end(sock)
        received.append(sock.recv(9).decode())

        assert observe("same_and_received", [same, *received]) == [True, "hello", ""]


@claim(
    "defacto/shutdown/connecting-events",
    says="Shutting down a TCP socket, over IPv4 and IPv6, that is connecting, in any direction, ends that: "
    "poll(2) reports POLLOUT, POLLERR and POLLHUP, where it reported nothing.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@BOTH
@pytest.mark.parametrize("how", list(Shutdown), ids=[how.name for how in Shutdown])
def test_a_connect_is_ended(ns, observe, kind, how):
    with in_state(kind, "not-let-in") as sock:
        before = names(polled(sock, ALL))
        sock.shutdown(how)

        assert observe("before_and_after", [before, names(polled(sock, ALL))]) == [
            [],
            ["OUT", "ERR", "HUP"],
        ]


@claim(
    "defacto/TCP_CONGESTION/unknown-new",
    says="A TCP socket, over IPv4 and IPv6, that is not connected takes reno as TCP_CONGESTION, and refuses "
    "an algorithm that there is not with ENOENT, and keeps the one it has.",
    since="2.6.13",
    commit="5f8ef48d2409",
    needs=[IPV6],
)
@FAMILIES
def test_an_unknown_algorithm_is_refused(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.tcp_congestion = "reno"
        with refused(errno.ENOENT):
            sock.tcp_congestion = "no_such_thing"

        assert observe("kept", sock.tcp_congestion) == "reno"


@claim(
    "socket.7/SO_DETACH_FILTER/removes-tcp",
    sentence="socket.7/SO_DETACH_FILTER/removes",
    section="Socket options",
    says="A filter that was attached to a TCP socket, over IPv4 and IPv6, is detached by SO_DETACH_FILTER.",
    needs=[IPV6],
)
@FAMILIES
def test_a_filter_is_detached(ns, observe, family):
    with Socket.tcp(family) as sock:
        sock.attach_filter = Filter.accept(7)
        attached = sock.filter() == Filter.accept(7)
        sock.detach_filter = 0

        assert observe("attached_and_detached", [attached, sock.filter()]) == [True, None]


@claim(
    "defacto/TCP_WINDOW_CLAMP/connected",
    says="A TCP_WINDOW_CLAMP of 0 is refused with EINVAL on a connected TCP socket, over IPv4 and IPv6, that "
    "keeps the one it has, and taken on a new one.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_connection_has_a_window(ns, observe, family):
    sock, peer = Socket.tcp_pair(family)
    with sock, peer, Socket.tcp(family) as new:
        new.tcp_window_clamp = sock.tcp_window_clamp = 5000
        found = [new.tcp_window_clamp]
        new.tcp_window_clamp = 0
        with refused(errno.EINVAL):
            sock.tcp_window_clamp = 0

        found += [new.tcp_window_clamp, sock.tcp_window_clamp]
        assert observe("before_new_and_kept", found) == [5000, 0, 5000]


@claim(
    "defacto/TCP_INFO/without-loss",
    says="TCP_INFO of a TCP connection, over IPv4 and IPv6, that has sent without loss has 0, open, as "
    "ca_state, and a snd_cwnd and an rto above 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_connection_without_loss_is_open(ns, observe, family):
    sock, peer = Socket.tcp_pair(family)
    with sock, peer:
        peer.rcvtimeo = SOON
        sock.send(b"hello")
        received = peer.read_exact(5).decode()
        info = sock.tcp_info

        found = [received, info.ca_state, info.snd_cwnd > 0, info.rto > 0]
        assert observe("received_state_window_rto", found) == ["hello", 0, True, True]


@claim(
    "defacto/SO_KEEPALIVE/reset",
    says="SO_KEEPALIVE is set and read on a TCP socket, over IPv4 and IPv6, whose connection was reset.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@BOTH
def test_it_is_set_without_a_connection(ns, observe, kind):
    with in_state(kind, "reset") as sock:
        before = sock.keepalive
        sock.keepalive = True
        with refused(errno.ECONNRESET):
            sock.recv(9)

        assert observe("before_and_after", [before, sock.keepalive]) == [False, True]
