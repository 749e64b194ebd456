"""recv(2), recvfrom(2), recvmsg(2) and read(2): what is alike, the wait for all, and what is told beside."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups import message_calls as calls
from conformance.plugin.setups.conversations import (
    address_of,
    await_arrival,
    framed,
    hear,
    heard,
    joined,
    say,
    what_is_left,
)
from conformance.plugin.setups.error_queue import STAMPED, next_error
from conformance.plugin.setups.frames import EXPERIMENTAL
from conformance.plugin.setups.interruptions import interrupting, recv_once
from conformance.plugin.setups.packet_sockets import LOOPBACK, packet_socket
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import arrival, await_end, await_error
from conformance.plugin.setups.states import in_state
from conformance.plugin.setups.threads import delayed, given_up
from conformance.plugin.timing import SOON, timed
from libsocket import Linger, MessageFlag, Packet, Shutdown, Socket, Timestamping, Ucred
from netns import Capability

STREAMS = ["tcp", "tcp6", "unix"]
DATAGRAMS = ["udp", "udp6", "unix-datagram"]
MESSAGES = ["udp", "udp6", "netlink", "unix-datagram", "unix-seqpacket"]
OTHERS = ["tcp6", "udp6", "raw", "raw6", "netlink", "packet", "unix-datagram", "unix-seqpacket"]
WAITALL, PEEK = socket.MSG_WAITALL, socket.MSG_PEEK
MOST = calls.MOST_VECTORS
TOO_LONG = 1 << 63
PATIENT = 30.0
"""Seconds: a timeout that a test would see only if no signal came through."""


def kinds(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", names)


@claim(
    "recv.2/recv/as-read",
    sentence=(
        "recv.2/recv/as-read",
        "recv.2/recv/read-flags",
        "recv.2/recv/receives",
        "recv.2/RETURN/number",
    ),
    section="DESCRIPTION",
    says="On a TCP or UDP socket, over IPv4 and IPv6, a netlink, or UNIX stream, datagram or seqpacket "
    "socket recv(2) without flags and read(2) give the same of the same bytes: 2 of 5, and on a "
    "datagram or seqpacket socket the rest is lost.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "unix", *MESSAGES)
def test_without_flags_it_is_read(ns, observe, kind):
    with joined(kind) as (sender, receiver), joined(kind) as (other_sender, other):
        say(kind, sender, "hello")
        say(kind, other_sender, "hello")
        by_recv = calls.recv(receiver, 2)
        by_read = calls.read(other, 2)
        say(kind, sender, "last")
        say(kind, other_sender, "last")
        ends = [what_is_left(kind, receiver)[-1], what_is_left(kind, other)[-1]]

        assert (
            observe("received", [[one.returned, one.data.decode()] for one in (by_recv, by_read)])
            == [[2, "he"]] * 2
        )
        assert observe("ends", ends) == ["last", "last"]


@claim(
    "recv.2/NOTES/read-leaves-empty-datagram",
    sentence="recv.2/NOTES/read-empty-datagram",
    section="NOTES",
    says="Where an empty datagram waits at a UDP socket, over IPv4 and IPv6, or a UNIX datagram socket, "
    "read(2) has no effect and leaves it: recv(2) receives it after that.",
    needs=[IPV6],
    expect=differs(
        "read(2) takes the datagram as recv(2) does, if it asks for a byte at least; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"read_and_received": [0, "last"]},
    ),
)
@kinds(*DATAGRAMS)
def test_a_read_leaves_an_empty_datagram(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"")
        calls.send(sender, b"last")
        got = calls.read(receiver, 9)

        assert observe("read_and_received", [got.returned, heard(kind, receiver)]) == [0, ""]


@claim(
    "recv.2/NOTES/read-of-no-bytes",
    sentence=("recv.2/NOTES/read-empty-datagram", "recv.2/recv/as-read"),
    section="NOTES",
    says="Where a datagram waits at a UDP socket, over IPv4 and IPv6, or a UNIX datagram socket, an empty "
    "one or another, read(2) of no bytes returns 0 and leaves it, and recv(2) of no bytes returns 0 "
    "and takes it.",
    needs=[IPV6],
)
@kinds(*DATAGRAMS)
@pytest.mark.parametrize("text", ["", "first"])
def test_a_read_of_no_bytes_leaves_a_datagram(ns, observe, kind, text):
    with joined(kind) as (sender, receiver):
        calls.send(sender, text.encode())
        calls.send(sender, b"last")
        read = calls.read(receiver, 0).returned
        left = hear(kind, receiver, 9, PEEK).data.decode()
        received = calls.recv(receiver, 0).returned

        assert observe("read_left_received_next", [read, left, received, heard(kind, receiver)]) == [
            0,
            text,
            0,
            "last",
        ]


@claim(
    "recv.2/recv/as-recvfrom",
    sentence=(
        "recv.2/recv/as-recvfrom",
        "recv.2/recv/as-recvfrom-null",
        "recv.2/src_addr/null",
        "recv.2/recvfrom/buf",
    ),
    section="DESCRIPTION",
    says="recvfrom(2) with NULL for src_addr and addrlen gives what recv(2) gives on a TCP or UDP socket, "
    "over IPv4 and IPv6, a netlink, or UNIX stream, datagram or seqpacket socket.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "unix", *MESSAGES)
def test_recvfrom_without_an_address_is_recv(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "hello")
        data = calls.recvfrom(receiver, 9, None).data.decode()
        say(kind, sender, "hello")

        assert observe("received", [data, calls.recv(receiver, 9).data.decode()]) == ["hello", "hello"]


@claim(
    "recv.2/recv/waits-other-kinds",
    sentence=("recv.2/recv/waits", "recv.2/EAGAIN/nonblocking"),
    section="DESCRIPTION",
    says="Where nothing has arrived, receiving on a blocking TCP or UDP socket over IPv6, a raw socket, "
    "over IPv4 and IPv6, a netlink, packet, or UNIX datagram or seqpacket socket waits for it, until "
    "SO_RCVTIMEO ends that with EAGAIN.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds(*OTHERS)
def test_it_waits_as_long_as_it_may(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        receiver.rcvtimeo = 0.03
        with timed() as took, refused(errno.EAGAIN):
            hear(kind, receiver, 9)
        receiver.rcvtimeo = SOON
        say(kind, sender, "hello")

        assert observe("waited_and_received", [took.lasted(0.03), heard(kind, receiver)]) == [True, "hello"]


@claim(
    "recv.2/recv/waits-mptcp",
    sentence=("recv.2/recv/waits", "recv.2/EAGAIN/nonblocking"),
    section="DESCRIPTION",
    says="Where nothing has arrived, receiving on a blocking MPTCP socket over IPv4 waits for it, until "
    "SO_RCVTIMEO ends that with EAGAIN.",
    needs=[MPTCP],
)
def test_mptcp_waits_as_long_as_it_may(ns, observe):
    with joined("mptcp") as (sender, receiver):
        receiver.rcvtimeo = 0.03
        with timed() as took, refused(errno.EAGAIN):
            calls.recv(receiver, 9)
        receiver.rcvtimeo = SOON
        calls.send(sender, b"hello")

        assert observe("waited_and_received", [took.lasted(0.03), heard("mptcp", receiver)]) == [
            True,
            "hello",
        ]


@claim(
    "recv.2/EAGAIN/nonblocking-other-kinds",
    sentence=("recv.2/recv/nonblocking", "recv.2/EAGAIN/nonblocking"),
    section="ERRORS",
    says="Where nothing has arrived, receiving on a non-blocking TCP or UDP socket over IPv6, a raw "
    "socket, over IPv4 and IPv6, a netlink, packet, or UNIX datagram or seqpacket socket fails with "
    "EAGAIN.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds(*OTHERS)
def test_a_nonblocking_socket_does_not_wait(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        receiver.nonblocking = True
        with refused(errno.EAGAIN):
            hear(kind, receiver, 9)
        say(kind, sender, "hello")
        await_arrival(receiver)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "recv.2/MSG_DONTWAIT/per-call",
    sentence="recv.2/MSG_DONTWAIT/per-call",
    section="DESCRIPTION",
    says="After a receive with MSG_DONTWAIT a TCP or UDP socket, over IPv4 and IPv6, or UNIX stream socket "
    "is still blocking: the next receive waits.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "udp", "udp6", "unix")
def test_only_the_call_does_not_wait(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        with refused(errno.EAGAIN):
            calls.recv(receiver, 9, socket.MSG_DONTWAIT)
        receiver.rcvtimeo = 0.03
        with timed() as took, refused(errno.EAGAIN, "errno_after_waiting"):
            calls.recv(receiver, 9)
        receiver.rcvtimeo = SOON
        calls.send(sender, b"hello")

        assert observe("waited_and_received", [took.lasted(0.03), heard(kind, receiver)]) == [True, "hello"]


@claim(
    "recv.2/MSG_WAITALL/blocks",
    sentence="recv.2/MSG_WAITALL/blocks",
    section="DESCRIPTION",
    says="With MSG_WAITALL a receive of 10 bytes on a TCP, over IPv4 and IPv6, or UNIX stream socket for "
    "which 5 wait blocks until the rest comes, and gives all.",
    needs=[IPV6],
)
@kinds(*STREAMS)
def test_it_waits_for_all(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"first")
        with timed() as took, delayed(lambda: calls.send(sender, b"later"), 0.05):
            got = calls.recv(receiver, 10, WAITALL)

        assert observe("waited_and_received", [took.lasted(0.05), got.data.decode()]) == [True, "firstlater"]


@claim(
    "recv.2/MSG_WAITALL/blocks-mptcp",
    sentence="recv.2/MSG_WAITALL/blocks",
    section="DESCRIPTION",
    says="With MSG_WAITALL a receive of 10 bytes on an MPTCP socket over IPv4 for which 5 wait blocks "
    "until the rest comes, and gives all.",
    needs=[MPTCP],
)
def test_mptcp_waits_for_all(ns, observe):
    with joined("mptcp") as (sender, receiver):
        calls.send(sender, b"first")
        with timed() as took, delayed(lambda: calls.send(sender, b"later"), 0.05):
            got = calls.recv(receiver, 10, WAITALL)

        assert observe("waited_and_received", [took.lasted(0.05), got.data.decode()]) == [True, "firstlater"]


@claim(
    "recv.2/MSG_WAITALL/peek",
    sentence=("recv.2/MSG_WAITALL/blocks", "recv.2/MSG_PEEK/leaves-data"),
    section="DESCRIPTION",
    says="With MSG_WAITALL and MSG_PEEK a receive of 10 bytes on a TCP socket, over IPv4 and IPv6, for "
    "which 5 wait blocks until the rest comes, gives all, and leaves it.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6")
def test_a_peek_waits_for_all(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"first")
        with timed() as took, delayed(lambda: calls.send(sender, b"later"), 0.05):
            got = calls.recv(receiver, 10, WAITALL | PEEK)
        received = [got.data.decode(), heard(kind, receiver)]

        assert observe("waited_and_received", [took.lasted(0.05), received]) == [True, ["firstlater"] * 2]


@claim(
    "recv.2/MSG_WAITALL/peek-unix",
    sentence="recv.2/MSG_WAITALL/blocks",
    section="DESCRIPTION",
    says="With MSG_WAITALL and MSG_PEEK a receive of 10 bytes on a UNIX stream socket for which 5 wait "
    "blocks until the rest comes, and gives all.",
    expect=differs(
        "a peek ends with what is there, and does not wait for more; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received": "first"},
    ),
)
def test_a_peek_at_a_unix_stream_waits_for_all(ns, observe):
    with joined("unix") as (sender, receiver):
        calls.send(sender, b"first")
        with delayed(lambda: calls.send(sender, b"later"), 0.05):
            got = calls.recv(receiver, 10, WAITALL | PEEK)

        assert observe("received", got.data.decode()) == "firstlater"


@claim(
    "recv.2/MSG_WAITALL/end",
    sentence="recv.2/MSG_WAITALL/less",
    section="DESCRIPTION",
    says="A receive with MSG_WAITALL of 10 bytes on a TCP, over IPv4 and IPv6, or UNIX stream socket whose "
    "peer sends 5 and shuts down for sending, or closes, gives the 5, and the next gives 0 bytes.",
    needs=[IPV6],
)
@kinds(*STREAMS)
@pytest.mark.parametrize(
    "ends", [lambda sock: sock.shutdown(Shutdown.WRITE), Socket.close], ids=["shut", "closed"]
)
def test_the_end_cuts_it(ns, observe, kind, ends):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"first")
        ends(sender)
        await_end(receiver)
        got = [calls.recv(receiver, 10, WAITALL), calls.recv(receiver, 10, WAITALL)]

        assert observe("received", [one.data.decode() for one in got]) == ["first", ""]


@claim(
    "recv.2/MSG_WAITALL/own-shutdown",
    sentence="recv.2/MSG_WAITALL/less",
    section="DESCRIPTION",
    says="A receive with MSG_WAITALL of 10 bytes on a TCP, over IPv4 and IPv6, or UNIX stream socket that "
    "has received 5 when the socket itself is shut down for receiving gives the 5.",
    needs=[IPV6],
    survives={"no-op: setsockopt(*SO_RCVTIMEO*": "a receive that has some ends with or without a timeout"},
)
@kinds(*STREAMS)
def test_its_own_end_cuts_it(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"first")
        await_arrival(receiver)
        receiver.rcvtimeo = 0
        with given_up(sender.close), timed() as took, delayed(lambda: receiver.shutdown(Shutdown.READ), 0.05):
            got = calls.recv(receiver, 10, WAITALL)

        assert observe("waited_and_received", [took.lasted(0.05), got.data.decode()]) == [True, "first"]


@claim(
    "recv.2/MSG_WAITALL/error",
    sentence="recv.2/MSG_WAITALL/less",
    section="DESCRIPTION",
    says="A receive with MSG_WAITALL of 10 bytes on a TCP socket, over IPv4 and IPv6, that has received 5 "
    "when the peer resets the connection gives the 5, and the next fails with ECONNRESET.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6")
def test_an_error_cuts_it(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"first")
        await_arrival(receiver)
        sender.linger = Linger(True, 0)
        with delayed(sender.close, 0.05):
            got = calls.recv(receiver, 10, WAITALL)
        with refused(errno.ECONNRESET):
            calls.recv(receiver, 10, WAITALL)

        assert observe("received", got.data.decode()) == "first"


@claim(
    "recv.2/MSG_WAITALL/signal",
    sentence="recv.2/MSG_WAITALL/less",
    section="DESCRIPTION",
    says="A receive with MSG_WAITALL of 10 bytes on a TCP, over IPv4 and IPv6, or UNIX stream socket that "
    "has received 5 when a handler is called, with SA_RESTART or without, gives the 5.",
    needs=[IPV6],
    survives={"no-op: setsockopt(*SO_RCVTIMEO*": "a receive that has some ends with or without a timeout"},
)
@kinds(*STREAMS)
@pytest.mark.parametrize("restart", [False, True], ids=["no-restart", "restart"])
def test_a_signal_cuts_it(ns, observe, kind, restart):
    with joined(kind) as (sender, receiver):
        receiver.rcvtimeo = 0
        calls.send(sender, b"first")
        await_arrival(receiver)
        with interrupting(sender.close, restart=restart):
            got = calls.recv(receiver, 10, WAITALL)
        closed = sender.fileno() == -1

        assert observe("received_before_the_end", [got.data.decode(), closed]) == ["first", False]


@claim(
    "recv.2/MSG_WAITALL/urgent",
    sentence=("recv.2/MSG_WAITALL/less", "recv.2/MSG_OOB/receipt"),
    section="DESCRIPTION",
    says="A receive with MSG_WAITALL of 10 bytes on a TCP socket, over IPv4 and IPv6, stops before urgent "
    "data, though 10 bytes and more come after it.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6")
def test_urgent_data_cuts_it(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.send(sender, b"first")
        calls.send(sender, b"!", socket.MSG_OOB)
        calls.send(sender, b"after the mark")
        got = [calls.recv(receiver, 10, WAITALL), calls.recv(receiver, 10, WAITALL)]

        assert observe("received", [one.data.decode() for one in got]) == ["first", "after the "]


@claim(
    "recv.2/MSG_WAITALL/credentials",
    sentence="recv.2/MSG_WAITALL/less",
    section="DESCRIPTION",
    says="A receive with MSG_WAITALL of 10 bytes on a UNIX stream socket with SO_PASSCRED stops before "
    "bytes that were sent with other credentials; without SO_PASSCRED it does not.",
    needs=[Capability.SETUID],
    survives={"no-op: setsockopt(SOL_SOCKET, SO_PASSCRED, ?0?*": "it is off by default"},
)
@pytest.mark.parametrize(("passcred", "received"), [(True, "first"), (False, "firstlater")])
def test_other_credentials_cut_it(ns, observe, passcred, received):
    with joined("unix") as (sender, receiver):
        receiver.passcred = passcred
        calls.send(sender, b"first")
        sender.send_message(b"later", Ucred(os.getpid(), 1, os.getgid()))

        assert observe("received", calls.recv(receiver, 10, WAITALL).data.decode()) == received


@claim(
    "recv.2/MSG_WAITALL/packet-datagram",
    sentence="recv.2/MSG_WAITALL/datagram",
    section="DESCRIPTION",
    says="MSG_WAITALL has no effect on a packet socket of SOCK_DGRAM: a receive with it gives the packet "
    "that waits.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it fails with EINVAL; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
def test_a_packet_socket_refuses_it(ns, observe):
    with Socket.packet(socket.SOCK_DGRAM) as receiver, Socket.packet() as sender:
        receiver.bind(("lo", 0x88B5))
        receiver.rcvtimeo = SOON
        sender.bind(("lo", 0))
        sender.send(framed("packet", b"hello"))
        await_arrival(receiver)

        assert observe("received", calls.recv(receiver, 100, WAITALL).data.decode()) == "hello"


@claim(
    "recv.2/msg_name/connected",
    sentence="recv.2/msg_name/source",
    section="recvmsg()",
    says="On a connected UDP socket, over IPv4 and IPv6, msg_name gives no source address, which it does "
    "if the socket is not connected.",
    needs=[IPV6],
    expect=differs(
        "it gives it on a connected socket, too; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"beside_an_address": [0, 0]},
    ),
)
@pytest.mark.parametrize(("host", "length"), [("127.0.0.1", 16), ("::1", 28)])
def test_the_source_is_told_where_connected(ns, observe, host, length):
    sender, receiver = udp_pair(host)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"one")
        before = calls.recvmsg(receiver, 9, room=calls.STORAGE).length
        receiver.connect(sender.getsockname())
        sender.send(b"two")
        after = calls.recvmsg(receiver, 9, room=calls.STORAGE).length
        peer = receiver.getpeername() == sender.getsockname()

        assert [peer, observe("beside_an_address", [before - length, after - length])] == [True, [0, -length]]


@claim(
    "recv.2/src_addr/unix",
    sentence=("recv.2/src_addr/filled", "recv.2/addrlen/actual", "recv.2/msg_name/source"),
    section="recvfrom()",
    says="recvfrom(2) on a UNIX stream, datagram or seqpacket socket gives the name of a sender that was "
    "bound, and its length.",
)
@kinds("unix", "unix-datagram", "unix-seqpacket")
def test_a_unix_sender_is_named(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        sender.bind(b"\0sender")
        calls.send(sender, b"hello")
        got = calls.recvfrom(receiver, 9)

        assert observe("length_and_name", [got.length, got.name[2:9].decode()]) == [9, "\0sender"]


@claim(
    "recv.2/EINVAL/negative-length",
    sentence="recv.2/EINVAL/argument",
    section="ERRORS",
    says="recvfrom(2) with an addrlen of -1 and recvmsg(2) with a msg_namelen of -1 fail with EINVAL on a "
    "TCP or UDP socket, over IPv4 and IPv6, a netlink, or UNIX stream, datagram or seqpacket socket. What "
    "recvfrom received is lost.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "unix", *MESSAGES)
def test_a_length_is_not_negative(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "first")
        with refused(errno.EINVAL, "errno_of_recvmsg"):
            calls.recvmsg(receiver, 9, room=-1)
        with refused(errno.EINVAL):
            calls.recvfrom(receiver, 9, -1)
        say(kind, sender, "last")

        assert observe("received", heard(kind, receiver)) == "last"


@claim(
    "recv.2/EINVAL/vector-length",
    sentence="recv.2/EINVAL/argument",
    section="ERRORS",
    says="recvmsg(2) with a vector of 2^63 bytes, one more than a ssize_t counts, fails with EINVAL on a "
    "TCP, UDP, UNIX stream or UNIX datagram socket, and what waits stays.",
)
@kinds("tcp", "udp", "unix", "unix-datagram")
def test_a_vector_is_not_too_long(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "hello")
        with refused(errno.EINVAL):
            calls.with_lengths("recvmsg", receiver, vector=TOO_LONG)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "recv.2/msg_iov/scattered",
    sentence=("recv.2/msg_iov/readv", "recv.2/msg_name/null"),
    section="recvmsg()",
    says="recvmsg(2) fills its vectors one after another, and passes by an empty one, on a TCP or UDP "
    "socket, over IPv4 and IPv6, a netlink, or UNIX stream, datagram or seqpacket socket.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "unix", *MESSAGES)
def test_vectors_are_filled_in_order(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "hello")
        got = calls.recvmsg(receiver, 2, 0, 1, 9)

        assert observe("number_and_data", [got.returned, got.data.decode()]) == [5, "hello"]


@claim(
    "defacto/recvmsg/most-vectors",
    says="recvmsg(2) on a TCP, UDP, UNIX stream or UNIX datagram socket takes 1024 vectors, UIO_MAXIOV, "
    "and with 1025 fails with EMSGSIZE and leaves what waits.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@kinds("tcp", "udp", "unix", "unix-datagram")
def test_no_more_vectors_are_filled(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "hello")
        with refused(errno.EMSGSIZE):
            calls.recvmsg(receiver, *[1] * (MOST + 1))
        got = calls.recvmsg(receiver, *[1] * MOST)

        assert observe("received", got.data.decode()) == "hello"


@claim(
    "recv.2/msg_flags/before",
    sentence="recv.2/msg_flags/set",
    section="recvmsg()",
    says="msg_flags before recvmsg(2) does not count on a TCP or UDP socket, over IPv4 and IPv6, a "
    "netlink, or UNIX stream, datagram or seqpacket socket: with MSG_PEEK there the data are taken, "
    "and the flag is gone afterwards.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "unix", *MESSAGES)
def test_msg_flags_before_do_not_count(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "first")
        got = calls.recvmsg(receiver, 9, before=MessageFlag.PEEK)
        say(kind, sender, "last")

        assert observe("flags_and_next", [got.flags, heard(kind, receiver)]) == [0, "last"]


@claim(
    "recv.2/EINTR/before-data",
    sentence="recv.2/EINTR/before-data",
    section="ERRORS",
    says="A receive on a TCP or UDP socket, over IPv4 and IPv6, or a UNIX datagram or seqpacket socket "
    "for which nothing has come fails with EINTR when a handler without SA_RESTART is called; "
    "with SA_RESTART it goes on.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", *DATAGRAMS, "unix-seqpacket")
def test_a_signal_ends_a_receive(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        receiver.rcvtimeo = 0
        with interrupting(restart=False), refused(errno.EINTR):
            recv_once(receiver)
        with interrupting(lambda: sender.send(b"x")):
            received = recv_once(receiver)

        assert observe("received", received) == "x"


@claim(
    "recv.2/EINTR/with-timeout",
    sentence="recv.2/EINTR/before-data",
    section="ERRORS",
    says="A receive on a TCP or UDP socket, over IPv4 and IPv6, or a UNIX datagram or seqpacket socket "
    "that has a receive timeout fails with EINTR when a handler is called, even with SA_RESTART.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", *DATAGRAMS, "unix-seqpacket")
def test_a_signal_ends_a_receive_with_timeout(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        receiver.rcvtimeo = PATIENT
        with interrupting(), refused(errno.EINTR):
            recv_once(receiver)
        sender.send(b"x")

        assert observe("received", recv_once(receiver)) == "x"


@claim(
    "recv.2/EBADF/closed",
    sentence="recv.2/EBADF/descriptor",
    section="ERRORS",
    says="recvfrom(2) and recvmsg(2) with a descriptor that is closed fail with EBADF.",
    survives={"no-op: ioctl(FIONBIO*": "another descriptor of a blocking socket is blocking"},
)
@pytest.mark.parametrize("call", ["recvfrom", "recvmsg"])
def test_a_closed_descriptor_receives_nothing(ns, observe, call):
    with joined("udp") as (sender, receiver):
        sender.send(b"first")
        sender.send(b"last")
        with receiver.dup() as twin:
            number = twin.fileno()
            calls.of_descriptor(call, number)
        with refused(errno.EBADF):
            calls.of_descriptor(call, number)

        assert observe("received_then", heard("udp", receiver)) == "last"


@claim(
    "recv.2/ENOTSOCK/pipe",
    sentence="recv.2/ENOTSOCK/descriptor",
    section="ERRORS",
    says="recvfrom(2) and recvmsg(2) with the descriptor of a pipe, which read(2) takes, fail with ENOTSOCK.",
    survives={"*": "no socket is asked"},
)
@pytest.mark.parametrize("call", ["recvfrom", "recvmsg"])
def test_a_pipe_is_no_socket(ns, observe, call):
    out, into = os.pipe()
    with open(out, "rb", buffering=0) as reader, open(into, "wb", buffering=0) as writer:
        writer.write(b"hello")
        with refused(errno.ENOTSOCK):
            calls.of_descriptor(call, reader.fileno())

        assert observe("read", reader.read(9).decode()) == "hello"


@claim(
    "defacto/recv/reset-told-once",
    says="Of the receives on a TCP socket, over IPv4 and IPv6, whose connection the peer has reset the "
    "first fails with ECONNRESET, the others give 0 bytes, and a send fails with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@kinds("tcp", "tcp6")
def test_a_reset_is_told_once(ns, observe, kind):
    with in_state(kind, "reset") as sock:
        sock.rcvtimeo = SOON
        with refused(errno.ECONNRESET):
            calls.recv(sock, 9)
        then = [calls.recv(sock, 9).returned, calls.recv(sock, 9).returned]
        with refused(errno.EPIPE, "errno_of_send"):
            calls.send(sock, b"x")

        assert observe("then", then) == [0, 0]


@claim(
    "recv.2/recv/end-of-stream-over-ipv6",
    sentence="recv.2/recv/end-of-stream",
    section="RETURN VALUE",
    says="Once the peer of a TCP socket over IPv6 has shut down its sending side, and what it sent is "
    "received, receiving gives 0 bytes, again and again.",
    needs=[IPV6],
)
def test_the_end_is_nothing(ns, observe):
    with joined("tcp6") as (sender, receiver):
        calls.send(sender, b"last")
        sender.shutdown(Shutdown.WRITE)
        received = [heard("tcp6", receiver) for _ in range(3)]

        assert observe("received", received) == ["last", "", ""]


@claim(
    "defacto/recv/end-of-seqpacket",
    says="Once the peer of a UNIX seqpacket socket has shut down its sending side, and what it sent is "
    "received, receiving gives 0 bytes, again and again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_end_of_records_is_nothing(ns, observe):
    with joined("unix-seqpacket") as (sender, receiver):
        calls.send(sender, b"last")
        sender.shutdown(Shutdown.WRITE)
        received = [heard("unix-seqpacket", receiver) for _ in range(3)]

        assert observe("received", received) == ["last", "", ""]


@claim(
    "recv.2/src_addr/sender",
    sentence=("recv.2/src_addr/filled", "recv.2/addrlen/actual", "recv.2/msg_name/source"),
    section="recvfrom()",
    says="The source address that recvfrom(2) and recvmsg(2) give on a UDP socket, over IPv4 and IPv6, or a "
    "netlink socket is the one that getsockname(2) gives of the sender.",
    needs=[IPV6],
)
@kinds("udp", "udp6", "netlink")
def test_the_source_is_the_sender(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        say(kind, sender, "first")
        say(kind, sender, "second")
        given = [calls.recvfrom(receiver, 9), calls.recvmsg(receiver, 9, room=calls.STORAGE)]
        address = address_of(sender)

        assert observe("are_the_sender", [one.name[: one.length] == address for one in given]) == [True, True]


@claim(
    "recv.2/MSG_ERRQUEUE/regenerated",
    sentence="recv.2/MSG_ERRQUEUE/regenerated",
    section="DESCRIPTION",
    says="Of two errors ECONNREFUSED that are queued at a UDP socket over IPv4 with IP_RECVERR, and of "
    "which none is pending any more, the second is pending again once MSG_ERRQUEUE has received the "
    "first: the next receive fails with it. Once the second is received, too, a receive fails with "
    "EAGAIN.",
)
def test_the_next_error_is_pending(ns, observe):
    with Socket.udp() as nobody, Socket.udp() as sock:
        nobody.bind(("127.0.0.1", 0))
        address = nobody.getsockname()
        nobody.close()
        sock.ip_recverr = True
        with arrival(sock):
            sock.sendto(b"one", address)
        pending = [errno_name(sock.error)]
        with arrival(sock):
            sock.sendto(b"two", address)
        pending.append(errno_name(sock.error))
        first = next_error(sock)
        with refused(errno.ECONNREFUSED):
            calls.recv(sock, 9, socket.MSG_DONTWAIT)
        second = next_error(sock)
        with refused(errno.EAGAIN, "errno_then"):
            calls.recv(sock, 9, socket.MSG_DONTWAIT)

        assert observe(
            "pending_and_queued", [pending, [first.payload.decode(), second.payload.decode()]]
        ) == [
            ["ECONNREFUSED", "ECONNREFUSED"],
            ["one", "two"],
        ]


@claim(
    "recv.2/MSG_ERRQUEUE/local",
    sentence="recv.2/MSG_ERRQUEUE/local",
    section="DESCRIPTION",
    says="The control message of a local error has no address after the 16 bytes of struct "
    "sock_extended_err: that of a UDP datagram over IPv4 larger than the MTU, with IP_RECVERR and "
    "IP_PMTUDISC_DO.",
    needs=[VETH],
    expect=differs(
        "it has a struct sockaddr_in of the family AF_UNSPEC there, as long as any other; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"bytes": 32},
    ),
)
def test_a_local_error_has_no_address(peers, observe):
    with peers.left.entered(), Socket.udp() as sock:
        sock.ip_recverr = True
        sock.ip_mtu_discover = 2
        sock.connect((peers.right.address, 9))
        with refused(errno.EMSGSIZE):
            sock.send(bytes(1473))
        await_error(sock)
        [(_, _, data)] = sock.recvmsg(2000, 200, socket.MSG_ERRQUEUE)[1]

        assert observe("bytes", len(data)) == 16


@claim(
    "recv.2/MSG_ERRQUEUE/told",
    sentence=("recv.2/MSG_ERRQUEUE/msg_flags", "recv.2/msg_flags/MSG_ERRQUEUE"),
    section="DESCRIPTION",
    says="An error that MSG_ERRQUEUE receives from a UDP socket, over IPv4 with IP_RECVERR and over IPv6 "
    "with IPV6_RECVERR, has MSG_ERRQUEUE in msg_flags, and a datagram has not.",
    needs=[IPV6],
    survives={"no-op: connect(*": "its peer need not be connected to it"},
)
@kinds("udp", "udp6")
def test_an_error_has_the_flag(ns, observe, kind):
    with in_state(kind, "error-queued") as sock, Socket.udp(sock.family) as other:
        sock.rcvtimeo = SOON
        await_error(sock)
        error = calls.recvmsg(sock, 100, flags=socket.MSG_ERRQUEUE).flags & socket.MSG_ERRQUEUE
        other.bind(sock.getpeername())
        other.connect(sock.getsockname())
        other.send(b"hello")

        assert observe("flags", [error, calls.recvmsg(sock, 100).flags]) == [socket.MSG_ERRQUEUE, 0]


@claim(
    "recv.2/MSG_ERRQUEUE/told-packet",
    sentence=("recv.2/MSG_ERRQUEUE/msg_flags", "recv.2/msg_flags/MSG_ERRQUEUE"),
    section="DESCRIPTION",
    says="What MSG_ERRQUEUE receives from a packet socket (SOCK_DGRAM), the transmit timestamp that it "
    "asked for with SO_TIMESTAMPING, has MSG_ERRQUEUE in msg_flags, and a packet has not.",
    needs=[Capability.NET_RAW],
)
def test_a_report_of_a_packet_has_the_flag(ns, observe):
    with packet_socket(type=socket.SOCK_DGRAM) as sock:
        sock.timestamping = Timestamping(STAMPED)
        sock.send_message(b"hello", address=Packet(LOOPBACK, EXPERIMENTAL, address=bytes(6)))
        await_error(sock)
        received = [calls.recvmsg(sock, 100, flags=flags) for flags in (socket.MSG_ERRQUEUE, 0)]

        told = [[one.data[-5:].decode(), one.flags & socket.MSG_ERRQUEUE] for one in received]
        assert observe("data_and_flag", told) == [["hello", socket.MSG_ERRQUEUE], ["hello", 0]]


@claim(
    "recv.2/MSG_ERRQUEUE/no-data",
    sentence="recv.2/msg_flags/MSG_ERRQUEUE",
    section="recvmsg()",
    says="Where msg_flags has MSG_ERRQUEUE no data was received, also of a UDP datagram over IPv4 of 5 "
    "bytes that met nobody.",
    expect=differs(
        "the payload of the datagram is received, as the page says of MSG_ERRQUEUE itself; older than the "
        "history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"data": "hello"},
    ),
)
def test_an_error_has_no_data(ns, observe):
    sender, nobody = udp_pair()
    with sender:
        sender.ip_recverr = True
        nobody.close()
        sender.send(b"hello")
        await_error(sender)

        assert observe("data", calls.recvmsg(sender, 100, flags=socket.MSG_ERRQUEUE).data.decode()) == ""
