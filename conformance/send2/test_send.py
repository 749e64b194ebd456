"""send(2): what a send promises, when it waits and when it is refused."""

from __future__ import annotations

import errno
from functools import partial
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix
from conformance.plugin.setups.pairs import INTERNET_PAIRS, fill_buffer, udp_pair, unix_datagram_pair
from conformance.plugin.setups.threads import in_thread
from conformance.plugin.timing import SOON, TIMEOUT, timed
from libsocket import Shutdown, Socket

LONGEST_UDP = 65_535 - 20 - 8
"""What an IPv4 packet holds beside its own header and that of UDP."""

UNIX_OVERHEAD = 32
"""Bytes of the send buffer that no UNIX datagram can have, as unix(7) says."""

BLOCKS = claim(
    "send.2/send/blocks-without-room",
    sentence=("send.2/send/blocks", "libsocket/send/blocks"),
    section="DESCRIPTION",
    says="Sending what does not fit into the send buffer of a blocking TCP or UNIX stream socket waits until "
    "it does.",
)


@BLOCKS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_goes_on_once_there_is_room(ns, observe, pair):
    left, right = pair()
    with left, right:
        fitting = fill_buffer(left)
        with in_thread(lambda: left.send(bytes(fitting))) as sent:
            before = sent.wait(0.05)
            right.read_exact(2 * fitting)

            assert observe("sent_before_and_after_reading", [before, sent.wait(TIMEOUT)]) == [False, True]


@BLOCKS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_waits_as_long_as_it_may(ns, observe, pair):
    left, right = pair()
    with left, right:
        fitting = fill_buffer(left)
        left.sndtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            left.write_all(bytes(fitting))

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "send.2/EAGAIN/nonblocking-without-room",
    sentence=("send.2/send/nonblocking", "send.2/EAGAIN/nonblocking", "libsocket/send/would-block"),
    section="ERRORS",
    says="Sending on a non-blocking TCP or UNIX stream socket without room in its send buffer fails with "
    "EAGAIN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_nonblocking_socket_does_not_wait(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"first")
        fitting = fill_buffer(left)
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.write_all(bytes(fitting))

        assert observe("received", right.read_exact(5).decode()) == "first"


@claim(
    "send.2/EMSGSIZE/nothing-sent",
    sentence=("send.2/send/emsgsize", "libsocket/send/emsgsize"),
    section="DESCRIPTION",
    says="Sending a UDP message longer than 65,507 bytes, which is what one IPv4 packet can hold, fails with "
    "EMSGSIZE, and nothing of it is sent.",
)
def test_nothing_of_a_message_too_long_is_sent(ns, observe):
    left, right = udp_pair()
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EMSGSIZE):
            left.send(bytes(LONGEST_UDP + 1))
        left.send(bytes(LONGEST_UDP))

        assert observe("bytes_received", len(right.recv(1 << 17))) == LONGEST_UDP


@claim(
    "send.2/EMSGSIZE/unix-nothing-sent",
    sentence=("send.2/send/emsgsize", "libsocket/send/emsgsize", "unix.7/SO_SNDBUF/datagram-limit"),
    section="DESCRIPTION",
    says="A UNIX datagram too long for one piece, which by unix(7) is longer than SO_SNDBUF as it reads, "
    "doubled, less 32 bytes, fails with EMSGSIZE, and nothing of it is sent.",
)
def test_nothing_of_a_unix_datagram_too_long_is_sent(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = SOON
        left.sndbuf = 8192
        longest = left.sndbuf - UNIX_OVERHEAD
        with refused(errno.EMSGSIZE):
            left.send(bytes(longest + 1))
        left.send(bytes(longest))

        assert observe("bytes_received", len(right.recv(1 << 17))) == 2 * 8192 - UNIX_OVERHEAD


@claim(
    "send.2/send/success-says-nothing-of-delivery",
    sentence=("send.2/send/no-indication", "libsocket/send/no-indication"),
    section="DESCRIPTION",
    says="A send on a connected UDP socket does not tell of the failure to deliver its own datagram: the "
    "first one for a port that nobody holds is sent.",
)
def test_a_datagram_for_nobody_is_sent(ns, observe):
    sender, gone = udp_pair()
    with sender, gone:
        sender.rcvtimeo = SOON
        gone.close()
        sent = sender.send(b"hello")
        with refused(errno.ECONNREFUSED):
            sender.recv(9)

        assert observe("sent", sent) == 5


@claim(
    "send.2/send/local-errors-told",
    sentence=("send.2/send/local-errors", "send.2/RETURN/error", "libsocket/send/local-errors"),
    section="DESCRIPTION",
    says="An error that is found on this machine is the error of send: sending a UDP datagram over IPv4 that "
    "has no route fails.",
)
def test_a_datagram_without_a_route_is_not_sent(ns, observe):
    with Socket.udp() as sender, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        with refused():
            sender.sendto(b"hello", ("192.0.2.1", 9))
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("received_where_a_route_is", receiver.recv(9).decode()) == "hello"


@claim(
    "send.2/ENOTCONN/stream-not-connected",
    sentence=("send.2/ENOTCONN/not-connected", "send.2/ENOTCONN/epipe-instead"),
    section="BUGS",
    says="Sending on a TCP socket that is not connected fails with EPIPE, which Linux may give instead of "
    "ENOTCONN.",
)
def test_a_stream_must_be_connected(ns, observe):
    with Socket.tcp() as sock:
        with refused(errno.EPIPE):
            sock.send(b"hello")
        with listening() as listener:
            sock.connect(listener.getsockname())
            sock.send(b"hello")
            with listener.accept()[0] as server:
                assert observe("received_once_connected", server.recv(9).decode()) == "hello"


@claim(
    "send.2/ENOTCONN/unix-stream-not-connected",
    sentence="send.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Sending on a UNIX stream or sequenced-packet socket that is not connected fails with ENOTCONN.",
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_SEQPACKET])
def test_a_unix_socket_must_be_connected(ns, observe, type_):
    with listening_unix(type_) as listener, Socket.unix(type_) as sock:
        with refused(errno.ENOTCONN):
            sock.send(b"hello")
        sock.connect(listener.getsockname())
        sock.send(b"hello")
        with listener.accept()[0] as server:
            assert observe("received_once_connected", server.recv(9).decode()) == "hello"


@claim(
    "send.2/EDESTADDRREQ/no-peer",
    sentence="send.2/EDESTADDRREQ/no-peer",
    section="ERRORS",
    says="Sending on a UDP socket that has no peer, with no address given, fails with EDESTADDRREQ.",
)
def test_a_datagram_needs_a_destination(ns, observe):
    with Socket.udp() as sock, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        with refused(errno.EDESTADDRREQ):
            sock.send(b"hello")
        sock.connect(receiver.getsockname())
        sock.send(b"hello")

        assert observe("received_once_connected", receiver.recv(9).decode()) == "hello"


@claim(
    "send.2/EDESTADDRREQ/unix-no-peer",
    sentence="send.2/EDESTADDRREQ/no-peer",
    section="ERRORS",
    says="Sending on a UNIX datagram socket that has no peer, with no address given, fails with "
    "EDESTADDRREQ.",
    expect=differs(
        "it fails with ENOTCONN, which the page names for this case as well (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOTCONN"},
    ),
)
def test_a_unix_datagram_needs_a_destination(ns):
    with Socket.unix(SOCK_DGRAM) as sock, refused(errno.EDESTADDRREQ):
        sock.send(b"hello")


@claim(
    "send.2/ENOTCONN/udp-no-peer",
    sentence="send.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Sending on a UDP socket that is not connected, with no address given, fails with ENOTCONN.",
    expect=differs(
        "it fails with EDESTADDRREQ, which the page names for this case as well (older than the history in "
        "git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EDESTADDRREQ"},
    ),
)
def test_a_udp_socket_must_be_connected(ns):
    with Socket.udp() as sock, refused(errno.ENOTCONN):
        sock.send(b"hello")


@claim(
    "send.2/EPIPE/shut-down-here",
    sentence="send.2/EPIPE/shut-down",
    section="ERRORS",
    says="Sending on a TCP, UNIX stream or UNIX sequenced-packet socket whose own sending side was shut down "
    "fails with EPIPE.",
)
@pytest.mark.parametrize(
    "pair",
    [Socket.tcp_pair, Socket.pair, partial(Socket.pair, SOCK_SEQPACKET)],
    ids=["tcp", "unix", "unix-seqpacket"],
)
def test_nothing_is_sent_after_the_end(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", right.read_to_string()) == "before"


@claim(
    "send.2/EINVAL/control-message",
    sentence="send.2/EINVAL/argument",
    section="ERRORS",
    says="sendmsg(2) with a control message of SOL_SOCKET of a type that no kernel knows, 9999, on a "
    "connected UDP or TCP socket, over IPv4 and IPv6, with no data held back (MSG_MORE), fails with "
    "EINVAL, and sends nothing; without it the data are sent.",
    since="4.7",
    needs=[IPV6],
)
@pytest.mark.parametrize("pair", INTERNET_PAIRS.values(), ids=INTERNET_PAIRS)
def test_an_unknown_control_message_is_refused(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sender.sendmsg([b"with it"], [(SOL_SOCKET, 9999, bytes(4))])
        sender.sendmsg([b"without"])

        assert observe("received", receiver.recv(20).decode()) == "without"
