"""shutdown(2): one direction of a connection ends, or both."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import select
from collections.abc import Callable
from functools import partial
from socket import MSG_DONTWAIT, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import NO_SOCKETS, answer, descriptor_of, shut
from conformance.plugin.setups.listeners import listening, listening_unix
from conformance.plugin.setups.pairs import connected_udp_pair, udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import arrival
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import connected, in_state
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket
from netns import Capability

OUT_OF_THE_WAY = min(200, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1)
"""A descriptor from here on is not handed out to whoever opens something meanwhile."""


def every_pair(udp: Callable[[], tuple[Socket, Socket]]) -> pytest.MarkDecorator:
    """A pair of each kind; those of UDP are joined in one direction or in both."""
    return pytest.mark.parametrize(
        "pair",
        [
            Socket.tcp_pair,
            udp,
            Socket.pair,
            unix_datagram_pair,
            partial(Socket.pair, SOCK_SEQPACKET),
        ],
        ids=["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"],
    )


CONNECTION_ORIENTED = pytest.mark.parametrize(
    "pair",
    [Socket.tcp_pair, Socket.pair, partial(Socket.pair, SOCK_SEQPACKET)],
    ids=["tcp", "unix", "unix-seqpacket"],
)
DATAGRAMS = pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair], ids=["udp", "unix"])
UNIX_CONNECTION_ORIENTED = pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET])


def closed_descriptor(sock: Socket) -> int:
    """The number of another descriptor of a socket, which was closed."""
    fd = fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    os.close(fd)
    return fd


def ended(sock: Socket) -> bool:
    """Whether poll(2) says that nothing more will be received."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return any(events & select.POLLRDHUP for _, events in poll.poll(0))


LATE_IS_RECEIVED = differs(
    "what arrives later is received all the same (older than the history in git)",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"received": ["", "late"]},
)


@claim(
    "shutdown.2/SHUT_RD/nothing-more-received",
    sentence=("shutdown.2/shutdown/SHUT_RD", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RD on a TCP socket nothing that arrives later is received.",
    expect=LATE_IS_RECEIVED,
)
def test_what_arrives_later_is_not_received(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        left.rcvtimeo = SOON
        left.shutdown(Shutdown.READ)
        ended = left.recv(9)
        with arrival(left):
            right.send(b"late")

        assert observe("received", [ended.decode(), left.recv(9).decode()]) == ["", ""]


@claim(
    "shutdown.2/SHUT_RD/nothing-more-received-udp",
    sentence=("shutdown.2/shutdown/SHUT_RD", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RD on a connected UDP socket nothing that arrives later is received.",
    expect=LATE_IS_RECEIVED,
)
def test_what_arrives_later_is_not_received_by_udp(ns, observe):
    left, right = connected_udp_pair()
    with left, right:
        left.rcvtimeo = SOON
        left.shutdown(Shutdown.READ)
        ended = left.recv(9)
        with arrival(left):
            right.send(b"late")

        assert observe("received", [ended.decode(), left.recv(9).decode()]) == ["", ""]


@claim(
    "shutdown.2/SHUT_RD/nothing-more-received-unix",
    sentence=("shutdown.2/shutdown/SHUT_RD", "libsocket/shutdown/disables", "socket.7/signals/epipe"),
    section="DESCRIPTION",
    says="After SHUT_RD on a connected UNIX stream or sequenced-packet socket nothing more is received: its "
    "peer's sends fail with EPIPE.",
)
@UNIX_CONNECTION_ORIENTED
def test_a_unix_socket_takes_nothing_more(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        right.send(b"early")
        left.shutdown(Shutdown.READ)
        with refused(errno.EPIPE):
            right.send(b"late")

        assert observe("received", left.read_to_string()) == "early"


@claim(
    "shutdown.2/SHUT_RD/nothing-more-received-unix-datagram",
    sentence=("shutdown.2/shutdown/SHUT_RD", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RD on a connected UNIX datagram socket nothing more is received: its peer's sends fail.",
)
def test_a_unix_datagram_socket_takes_nothing_more(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.send(b"early")
        left.shutdown(Shutdown.READ)
        with refused():
            right.send(b"late")

        assert observe("received", left.read_to_string()) == "early"


@claim(
    "shutdown.2/SHUT_RD/other-direction-open",
    sentence="shutdown.2/shutdown/part",
    section="DESCRIPTION",
    says="SHUT_RD on a connected TCP, UDP or UNIX domain socket ends receiving only: sending goes on.",
)
@every_pair(udp_pair)
def test_shut_for_reading_still_sends(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.rcvtimeo = SOON
        left.shutdown(Shutdown.READ)
        ended = left.recv(9)
        left.send(b"hello")

        assert observe("received", [ended.decode(), right.recv(9).decode()]) == ["", "hello"]


@claim(
    "shutdown.2/SHUT_WR/nothing-more-sent",
    sentence=("shutdown.2/shutdown/SHUT_WR", "libsocket/shutdown/disables", "send.2/EPIPE/shut-down"),
    section="DESCRIPTION",
    says="After SHUT_WR on a connected TCP, UNIX stream or UNIX sequenced-packet socket sending fails with "
    "EPIPE.",
)
@CONNECTION_ORIENTED
def test_shut_for_writing_sends_nothing_more(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", right.recv(20).decode()) == "before"


@claim(
    "shutdown.2/SHUT_WR/nothing-more-sent-datagram",
    sentence=("shutdown.2/shutdown/SHUT_WR", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_WR on a connected UDP or UNIX datagram socket sending fails.",
)
@DATAGRAMS
def test_shut_for_writing_sends_no_more_datagrams(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.WRITE)
        with refused():
            left.send(b"after")

        assert observe("received", right.recv(20).decode()) == "before"


@claim(
    "shutdown.2/SHUT_WR/other-direction-open",
    sentence="shutdown.2/shutdown/part",
    section="DESCRIPTION",
    says="SHUT_WR on a connected TCP, UDP or UNIX domain socket ends sending only: receiving goes on.",
)
@every_pair(connected_udp_pair)
def test_shut_for_writing_still_receives(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.shutdown(Shutdown.WRITE)
        with refused():
            left.send(b"after")
        right.send(b"hello")

        assert observe("received", left.recv(9).decode()) == "hello"


@claim(
    "shutdown.2/SHUT_RDWR/nothing-more-sent",
    sentence=("shutdown.2/shutdown/SHUT_RDWR", "libsocket/shutdown/disables", "send.2/EPIPE/shut-down"),
    section="DESCRIPTION",
    says="After SHUT_RDWR on a connected TCP, UNIX stream or UNIX sequenced-packet socket sending fails "
    "with EPIPE.",
)
@CONNECTION_ORIENTED
def test_shut_both_ways_sends_nothing_more(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.BOTH)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", right.recv(9).decode()) == "before"


@claim(
    "shutdown.2/SHUT_RDWR/nothing-more-sent-datagram",
    sentence=("shutdown.2/shutdown/SHUT_RDWR", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RDWR on a connected UDP or UNIX datagram socket sending fails.",
)
@DATAGRAMS
def test_shut_both_ways_sends_no_more_datagrams(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.BOTH)
        with refused():
            left.send(b"after")

        assert observe("received", right.recv(9).decode()) == "before"


@claim(
    "shutdown.2/SHUT_RDWR/nothing-more-received",
    sentence=("shutdown.2/shutdown/SHUT_RDWR", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RDWR on a TCP socket nothing that arrives later is received: the next receive fails.",
)
def test_shut_both_ways_receives_nothing_more(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        left.rcvtimeo = SOON
        right.send(b"early")
        early = left.recv(9)
        left.shutdown(Shutdown.BOTH)
        with arrival(left):
            right.send(b"late")
        with refused():
            left.recv(9)

        assert observe("received", early.decode()) == "early"


@claim(
    "shutdown.2/SHUT_RDWR/nothing-more-received-udp",
    sentence=("shutdown.2/shutdown/SHUT_RDWR", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RDWR on a connected UDP socket nothing that arrives later is received.",
    expect=LATE_IS_RECEIVED,
)
def test_shut_both_ways_udp_receives_nothing_more(ns, observe):
    left, right = connected_udp_pair()
    with left, right:
        left.rcvtimeo = SOON
        left.shutdown(Shutdown.BOTH)
        ended = left.recv(9)
        with arrival(left):
            right.send(b"late")

        assert observe("received", [ended.decode(), left.recv(9).decode()]) == ["", ""]


@claim(
    "shutdown.2/SHUT_RDWR/nothing-more-received-unix",
    sentence=("shutdown.2/shutdown/SHUT_RDWR", "libsocket/shutdown/disables", "socket.7/signals/epipe"),
    section="DESCRIPTION",
    says="After SHUT_RDWR on a connected UNIX stream or sequenced-packet socket nothing more is received: "
    "its peer's sends fail with EPIPE.",
)
@UNIX_CONNECTION_ORIENTED
def test_a_unix_socket_shut_both_ways_takes_nothing_more(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right:
        right.send(b"early")
        left.shutdown(Shutdown.BOTH)
        with refused(errno.EPIPE):
            right.send(b"late")

        assert observe("received", left.read_to_string()) == "early"


@claim(
    "shutdown.2/SHUT_RDWR/nothing-more-received-unix-datagram",
    sentence=("shutdown.2/shutdown/SHUT_RDWR", "libsocket/shutdown/disables"),
    section="DESCRIPTION",
    says="After SHUT_RDWR on a connected UNIX datagram socket nothing more is received: its peer's sends "
    "fail.",
)
def test_a_unix_datagram_socket_shut_both_ways_takes_nothing_more(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.send(b"early")
        left.shutdown(Shutdown.BOTH)
        with refused():
            right.send(b"late")

        assert observe("received", left.read_to_string()) == "early"


@claim(
    "shutdown.2/ENOTCONN/not-connected",
    sentence="shutdown.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Shutting down a TCP or UDP socket that is not connected fails with ENOTCONN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair])
def test_there_must_be_a_connection(ns, observe, pair):
    left, right = pair()
    with left, right, Socket(left.family, left.type) as alone:
        with refused(errno.ENOTCONN):
            alone.shutdown(Shutdown.WRITE)
        left.send(b"before")
        left.shutdown(Shutdown.WRITE)
        with refused(name="errno_where_connected"):
            left.send(b"after")

        assert observe("received", right.recv(20).decode()) == "before"


@claim(
    "shutdown.2/ENOTCONN/unix-not-connected",
    sentence="shutdown.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Shutting down a UNIX domain socket that is not connected fails with ENOTCONN.",
    expect=differs(
        "it succeeds: whether there is a peer is not asked (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "ended": True},
    ),
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET])
def test_a_unix_socket_must_have_a_peer(ns, observe, type_):
    with Socket.unix(type_) as alone:
        with refused(errno.ENOTCONN):
            alone.shutdown(Shutdown.READ)
            observe("ended", ended(alone))
        left, right = Socket.pair(type_)
        with left, right:
            left.shutdown(Shutdown.READ)

            assert observe("ended_where_connected", ended(left)) is True


@claim(
    "shutdown.2/EINVAL/how",
    sentence="shutdown.2/EINVAL/how",
    section="ERRORS",
    says="Shutting down a connected TCP or UDP socket with 3 or -1 instead of a direction fails with EINVAL.",
)
@pytest.mark.parametrize("how", [3, -1])
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair])
def test_the_direction_must_be_one_of_three(ns, observe, pair, how):
    left, right = pair()
    with left, right:
        with refused(errno.EINVAL):
            left.shutdown(how)
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hello"


@claim(
    "shutdown.2/EINVAL/how-unix",
    sentence=("shutdown.2/EINVAL/how", "shutdown.2/EINVAL/unix"),
    section="BUGS",
    says="Shutting down a UNIX stream socket with 3 or -1 instead of a direction fails with EINVAL.",
    since="3.7",
)
@pytest.mark.parametrize("how", [3, -1])
def test_the_direction_must_be_one_of_three_on_unix(ns, observe, how):
    left, right = Socket.pair()
    with left, right:
        with refused(errno.EINVAL):
            left.shutdown(how)
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hello"


@claim(
    "shutdown.2/EBADF/closed",
    sentence="shutdown.2/EBADF/not-open",
    section="ERRORS",
    says="shutdown of a descriptor that was closed, of -1 and of the largest int fails with EBADF, with a "
    "direction that there is and with 3; by an open one of a connected TCP, UDP or UNIX stream socket it "
    "succeeds.",
)
@pytest.mark.parametrize("how", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "number_of",
    [closed_descriptor, lambda _: -1, lambda _: 2**31 - 1],
    ids=["closed", "negative", "largest"],
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair], ids=["tcp", "udp", "unix"])
def test_a_descriptor_must_be_open(ns, observe, pair, number_of, how):
    left, right = pair()
    with left, right:
        left.send(b"before")
        number = number_of(left)
        with refused(errno.EBADF):
            shut(number, how)
        left.send(b"after")
        shut(left.fileno(), Shutdown.WRITE)
        with refused(errno.EPIPE, "errno_of_send"):
            left.send(b"late")

        assert observe("received", right.recv(6).decode()) == "before"


@claim(
    "shutdown.2/ENOTSOCK/no-socket",
    sentence="shutdown.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="shutdown of a pipe, an epoll instance, /dev/null or a network namespace fails with ENOTSOCK.",
)
@pytest.mark.parametrize("kind", NO_SOCKETS)
def test_it_must_be_a_socket(ns, observe, kind):
    with descriptor_of(kind) as fd, refused(errno.ENOTSOCK):
        shut(fd, Shutdown.READ)
    left, right = Socket.pair()
    with left, right:
        shut(left.fileno(), Shutdown.WRITE)

        assert observe("end_of_a_socket", right.recv(9).decode()) == ""


@claim(
    "shutdown.2/constants/values",
    sentence="shutdown.2/constants/values",
    section="NOTES",
    says="On a connected UNIX stream socket 0 is for receiving, 1 for sending and 2 for both: whether it "
    "has an end, and whether sending fails with EPIPE, tells.",
)
@pytest.mark.parametrize(("how", "ends", "sends"), [(0, True, True), (1, False, False), (2, True, False)])
def test_the_constants_have_their_values(ns, observe, how, ends, sends):
    left, right = Socket.pair()
    with left, right:
        shut(left.fileno(), how)

        seen = [polled_in(left), answer(lambda: left.send(b"sent")), right.recv(9, MSG_DONTWAIT).decode()]
        expected = [ends, "sent 4" if sends else "EPIPE", "sent" if sends else ""]
        assert observe("ended_sent_and_received", seen) == expected


def polled_in(sock: Socket) -> bool:
    """Whether a receive would return at once."""
    return bool(select.select([sock], [], [], 0)[0])


@claim(
    "shutdown.2/EINVAL/bounds",
    sentence=("shutdown.2/EINVAL/how", "shutdown.2/EINVAL/domains", "shutdown.2/EINVAL/unix"),
    section="ERRORS",
    says="shutdown by -1, 3, or the largest or smallest int fails with EINVAL on a connected TCP or UDP "
    "socket over IPv6, a UNIX datagram or a seqpacket socket, which goes on sending and receiving.",
    since="3.7",
)
@pytest.mark.parametrize("how", [-1, 3, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("kind", ["tcp6", "udp6", "unix-datagram", "unix-seqpacket"])
def test_there_are_three_directions(ns, observe, kind, how):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = peer.rcvtimeo = SOON
        with refused(errno.EINVAL):
            shut(sock.fileno(), how)
        sock.send(b"hello")
        peer.send(b"world")

        received = [peer.recv(9).decode(), sock.recv(9).decode()]
        assert observe("received", received) == ["hello", "world"]


@claim(
    "shutdown.2/EINVAL/unsupported",
    sentence="shutdown.2/EINVAL/how",
    section="ERRORS",
    says="shutdown by 3 fails with EINVAL on a netlink or packet socket.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it fails with EOPNOTSUPP, as in every direction (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EOPNOTSUPP"},
    ),
)
@pytest.mark.parametrize("kind", ["netlink", "packet"])
def test_a_direction_is_asked_for_where_there_is_none(ns, observe, kind):
    with SOCKETS[kind]() as sock, refused(errno.EINVAL):
        observe("type", sock.so_type)
        shut(sock.fileno(), 3)


@claim(
    "defacto/shutdown/how-before-connected",
    says="shutdown by 3 fails with EINVAL on a TCP or UDP socket that is not connected, where by 2 it fails "
    "with ENOTCONN.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_direction_is_looked_at_first(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with refused(errno.EINVAL):
            shut(sock.fileno(), 3)

        assert observe("known", answer(lambda: shut(sock.fileno(), 2))) == "ENOTCONN"


@claim(
    "defacto/SHUT_RD/wakes-a-receive",
    says="A receive that waits on a TCP, UDP, UNIX stream, datagram or seqpacket socket returns 0 bytes "
    "when another thread shuts the socket down for reading.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("how", [Shutdown.READ, Shutdown.BOTH], ids=["read", "both"])
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("tcp", "connected"),
        ("udp", "connected-alone"),
        ("unix", "connected"),
        ("unix-datagram", "connected"),
        ("unix-seqpacket", "connected"),
    ],
    ids=["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"],
)
def test_a_waiting_receive_ends(ns, observe, kind, state, how):
    answers = []
    with in_state(kind, state) as sock:
        sock.rcvtimeo = SOON
        with delayed(lambda: answers.append(answer(lambda: sock.shutdown(how)))) as begun:
            received = sock.recv(9)
            while_waiting = begun.is_set()

        assert [while_waiting, answers, observe("received", received.decode())] == [True, ["done"], ""]


@claim(
    "defacto/SHUT_RD/wakes-an-accept",
    says="An accept that waits on a TCP, UNIX stream or seqpacket listener fails with EINVAL when another "
    "thread shuts the listener down for reading.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "listening_",
    [listening, listening_unix, partial(listening_unix, SOCK_SEQPACKET)],
    ids=["tcp", "unix", "unix-seqpacket"],
)
def test_a_waiting_accept_ends(ns, observe, listening_):
    with listening_() as listener:
        listener.rcvtimeo = SOON
        with delayed(lambda: listener.shutdown(Shutdown.READ)) as begun:
            with refused(errno.EINVAL):
                listener.accept()

            assert observe("while_waiting", begun.is_set()) is True


@claim(
    "defacto/shutdown/every-descriptor",
    says="A TCP, UDP or UNIX stream socket that was shut down for writing by one descriptor sends by none.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair], ids=["tcp", "udp", "unix"])
def test_every_descriptor_is_shut(ns, observe, pair):
    sock, peer = pair()
    with sock, peer, Socket.from_fd(os.dup(sock.fileno())) as again:
        again.send(b"before")
        sock.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            again.send(b"after")

        assert observe("received", peer.recv(20).decode()) == "before"
