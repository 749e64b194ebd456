"""shutdown(2): one direction of a connection ends, or both."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable
from functools import partial
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import connected_udp_pair, udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import arrival
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket


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
    says="After SHUT_RD on a connected UNIX stream or sequenced-packet socket nothing more is received: "
    "its peer's sends fail with EPIPE.",
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
    says="After SHUT_RDWR on a connected TCP, UNIX stream or UNIX sequenced-packet socket sending fails with "
    "EPIPE.",
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
