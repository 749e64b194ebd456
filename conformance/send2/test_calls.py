"""send(2), sendto(2), sendmsg(2) and write(2): what is alike, the target, and how much is sent."""

from __future__ import annotations

import errno
import fcntl
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP, VSOCK_LOOPBACK
from conformance.plugin.refusal import refused
from conformance.plugin.setups import message_calls as calls
from conformance.plugin.setups import vsock
from conformance.plugin.setups.conversations import (
    address_of,
    addressed,
    end_with,
    framed,
    heard,
    joined,
    say,
    send_without_end,
)
from conformance.plugin.setups.interruptions import interrupting
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix
from conformance.plugin.setups.pairs import fill_buffer
from conformance.plugin.setups.readiness import await_writable, writable
from conformance.plugin.setups.states import in_state
from conformance.plugin.setups.threads import given_up, in_thread
from conformance.plugin.timing import SOON, TIMEOUT, timed
from libsocket import UNSPEC, MessageFlag, Shutdown, Socket
from netns import Capability

STREAMS = ["tcp", "tcp6", "unix"]
DATAGRAMS = ["udp", "udp6", "unix-datagram"]
MESSAGES = ["udp", "udp6", "raw", "raw6", "netlink", "packet", "unix-datagram", "unix-seqpacket"]
GARBAGE = b"\x01\x00/nobody"
"""An address of AF_UNIX that nobody has, and no address of another family."""
TOO_LONG = 1 << 63
PATIENT = 30.0
"""Seconds: a timeout that a test would see only if no signal came through."""
ESTABLISHED, SYN_SENT = 1, 2
"""States of TCP, as include/net/tcp_states.h has them."""
MOST = calls.MOST_VECTORS


def kinds(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", names)


@claim(
    "send.2/send/as-write",
    sentence=(
        "send.2/send/as-write",
        "send.2/send/write-flags",
        "send.2/send/transmits",
        "send.2/RETURN/number",
    ),
    section="DESCRIPTION",
    says="On a TCP, UDP or raw socket, over IPv4 and IPv6, a netlink, packet, or UNIX stream, datagram or "
    "seqpacket socket send(2) without flags and write(2) return the same for the same bytes, and "
    "these are received.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds(*STREAMS, *MESSAGES)
def test_without_flags_it_is_write(ns, observe, kind):
    data = framed(kind, b"hello")
    with joined(kind) as (sender, receiver):
        returned = [calls.send(sender, data) - len(data)]
        received = [heard(kind, receiver)]
        returned.append(calls.write(sender, data) - len(data))
        received.append(heard(kind, receiver))

        assert observe("missing_and_received", [returned, received]) == [[0, 0], ["hello", "hello"]]


@claim(
    "send.2/send/as-write-empty",
    sentence="send.2/send/as-write",
    section="DESCRIPTION",
    says="A write(2) of no bytes on a UDP socket, over IPv4 and IPv6, or a UNIX datagram or seqpacket socket "
    "sends a message without bytes, as send(2) does.",
    needs=[IPV6],
)
@kinds(*DATAGRAMS, "unix-seqpacket")
def test_an_empty_message_is_written(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.write(sender, b"")
        calls.send(sender, b"")
        calls.write(sender, b"last")
        received = [heard(kind, receiver), heard(kind, receiver), heard(kind, receiver)]

        assert observe("received", received) == ["", "", "last"]


@claim(
    "send.2/send/as-write-vsock-seqpacket",
    sentence="send.2/send/as-write",
    section="DESCRIPTION",
    says="What write(2) sends on an AF_VSOCK seqpacket connection over loopback is received with the flags "
    "with which what send(2) without flags sends is.",
    since="5.15",
    needs=[VSOCK_LOOPBACK],
    expect=differs(
        "write(2) on a socket of SOCK_SEQPACKET sets MSG_EOR, which is received",
        since="5.15",
        commit="8d5ac871b556",
        observed={"written_and_sent": [["EOR"], []]},
    ),
)
def test_a_write_ends_a_record(ns, observe):
    with vsock.connected(socket.SOCK_SEQPACKET) as (client, accepted):
        calls.write(client, b"a")
        written = calls.recvmsg(accepted, 9)
        calls.send(client, b"b")
        sent = calls.recvmsg(accepted, 9)
        flags = [calls.flag_names(written.flags), calls.flag_names(sent.flags)]

        assert observe("written_and_sent", flags) == [[], []]


@claim(
    "send.2/MSG_EOR/vsock-seqpacket",
    sentence=("send.2/MSG_EOR/record", "recv.2/msg_flags/MSG_EOR"),
    section="DESCRIPTION",
    says="What is sent with MSG_EOR on an AF_VSOCK seqpacket connection over loopback is received with "
    "MSG_EOR in msg_flags, and what is sent without it is received without.",
    needs=[VSOCK_LOOPBACK],
    since="5.15",
)
def test_a_record_of_vsock_ends(ns, observe):
    with vsock.connected(socket.SOCK_SEQPACKET) as (client, accepted):
        calls.send(client, b"a", socket.MSG_EOR)
        calls.send(client, b"b")
        got = [calls.recvmsg(accepted, 9), calls.recvmsg(accepted, 9)]

        assert observe("received", [[one.data.decode(), calls.flag_names(one.flags)] for one in got]) == [
            ["a", ["EOR"]],
            ["b", []],
        ]


@claim(
    "send.2/send/as-sendto",
    sentence=("send.2/send/as-sendto", "send.2/send/buf", "send.2/send/transmits"),
    section="DESCRIPTION",
    says="sendto(2) without an address sends to the peer of a TCP, UDP or raw socket, over IPv4 and IPv6, a "
    "netlink, or UNIX stream, datagram or seqpacket socket, and by the interface that a packet socket is "
    "bound to, as send(2) does.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds(*STREAMS, *MESSAGES)
def test_sendto_without_an_address_is_send(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.sendto(sender, framed(kind, b"first"))
        received = [heard(kind, receiver)]
        calls.send(sender, framed(kind, b"second"))

        assert observe("received", [*received, heard(kind, receiver)]) == ["first", "second"]


@claim(
    "send.2/sendmsg/one-message",
    sentence=("send.2/sendmsg/pieces", "send.2/msg_iov/writev", "send.2/send/transmits"),
    section="DESCRIPTION",
    says="sendmsg(2) sends the bytes of its vectors one after another, of which one is empty, as one "
    "message on a UDP or raw socket, over IPv4 and IPv6, a netlink, packet, or UNIX datagram or seqpacket "
    "socket; writev(2) too.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds(*MESSAGES)
def test_vectors_are_one_message(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.sendmsg(sender, framed(kind, b"he"), b"", b"llo")
        received = [heard(kind, receiver)]
        calls.writev(sender, framed(kind, b"he"), b"", b"llo")

        assert observe("received", [*received, heard(kind, receiver)]) == ["hello", "hello"]


@claim(
    "send.2/sendmsg/in-order",
    sentence=("send.2/sendmsg/pieces", "send.2/msg_iov/writev", "send.2/send/transmits"),
    section="DESCRIPTION",
    says="sendmsg(2) sends the bytes of its vectors, of which one is empty, one after another on a TCP, "
    "over IPv4 and IPv6, or UNIX stream socket.",
    needs=[IPV6],
)
@kinds(*STREAMS)
def test_vectors_are_sent_in_order(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.sendmsg(sender, b"he", b"", b"llo")

        assert observe("received", receiver.read_exact(5).decode()) == "hello"


@claim(
    "defacto/sendmsg/no-bytes-unlike-writev",
    says="sendmsg(2) of vectors without bytes sends an empty message on a UDP socket, over IPv4 and IPv6, "
    "or a UNIX datagram or seqpacket socket; writev(2) of them returns 0 and sends nothing.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={"no-op: writev(*": "it does nothing, as is said"},
)
@kinds(*DATAGRAMS, "unix-seqpacket")
def test_writev_of_nothing_sends_nothing(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        written = calls.writev(sender, b"", b"")
        say(kind, sender, "between")
        sent = calls.sendmsg(sender, b"", b"")
        say(kind, sender, "last")
        received = [heard(kind, receiver), heard(kind, receiver), heard(kind, receiver)]

        assert observe("returned_and_received", [written, sent, received]) == [0, 0, ["between", "", "last"]]


@claim(
    "send.2/sendto/ignored-where-connected",
    sentence=("send.2/sendto/connection-mode-ignored", "send.2/EISCONN/or-ignored"),
    section="DESCRIPTION",
    says="An address that nobody has, or of another family, is ignored by sendto(2) and sendmsg(2) on a "
    "connected TCP socket, over IPv4 and IPv6, or UNIX seqpacket socket: the peer receives what is "
    "sent.",
    needs=[IPV6],
)
@kinds("tcp", "tcp6", "unix-seqpacket")
def test_an_address_is_ignored_where_connected(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        calls.sendto(sender, b"one", GARBAGE)
        received = [heard(kind, receiver)]
        calls.sendmsg(sender, b"two", address=GARBAGE)

        assert observe("received", [*received, heard(kind, receiver)]) == ["one", "two"]


@claim(
    "send.2/sendto/ignored-where-connected-mptcp",
    sentence=("send.2/sendto/connection-mode-ignored", "send.2/EISCONN/or-ignored"),
    section="DESCRIPTION",
    says="An address of another family is ignored by sendto(2) on a connected MPTCP socket over IPv4: the "
    "peer receives what is sent.",
    needs=[MPTCP],
)
def test_an_address_is_ignored_by_mptcp(ns, observe):
    with joined("mptcp") as (sender, receiver):
        calls.sendto(sender, b"one", GARBAGE)

        assert observe("received", heard("mptcp", receiver)) == "one"


@claim(
    "send.2/sendto/addrlen-ignored",
    sentence="send.2/sendto/connection-mode-ignored",
    section="DESCRIPTION",
    says="addrlen is ignored on a connected TCP socket, over IPv4 and IPv6, or UNIX seqpacket socket, be "
    "it -1 or 129, a byte more than any address has.",
    needs=[IPV6],
    expect=differs(
        "an address is copied before the socket is asked, and its length must be one that an address can "
        "have: EINVAL; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
@kinds("tcp", "tcp6", "unix-seqpacket")
@pytest.mark.parametrize("length", [-1, calls.STORAGE + 1])
def test_the_length_of_an_ignored_address_counts(ns, observe, kind, length):
    with joined(kind) as (sender, receiver):
        calls.sendto(sender, b"first", GARBAGE, calls.STORAGE)
        received = observe("received", heard(kind, receiver))
        calls.sendto(sender, b"second", GARBAGE, length)

        assert [received, observe("received_then", heard(kind, receiver))] == ["first", "second"]


@claim(
    "send.2/ENOTCONN/address-unix-stream",
    sentence=("send.2/sendto/connection-mode-enotconn", "send.2/ENOTCONN/not-connected"),
    section="DESCRIPTION",
    says="sendto(2) with an address on a UNIX stream socket that is not connected fails with ENOTCONN.",
    expect=differs(
        "it fails with EOPNOTSUPP; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EOPNOTSUPP"},
    ),
)
def test_a_unix_stream_sends_to_nobody(ns):
    with listening_unix() as listener, Socket.unix() as sock, refused(errno.ENOTCONN):
        calls.sendto(sock, b"hello", address_of(listener))


@claim(
    "send.2/ENOTCONN/address-unix-seqpacket",
    sentence=("send.2/sendto/connection-mode-enotconn",),
    section="DESCRIPTION",
    says="sendto(2) with the address of a listener on a UNIX seqpacket socket that is not connected fails "
    "with ENOTCONN.",
)
def test_a_unix_seqpacket_socket_sends_to_nobody(ns, observe):
    with listening_unix(socket.SOCK_SEQPACKET) as listener, Socket.unix(socket.SOCK_SEQPACKET) as sock:
        listener.rcvtimeo = SOON
        with refused(errno.ENOTCONN):
            calls.sendto(sock, b"hello", address_of(listener))
        sock.connect(address_of(listener)[2:])
        calls.sendto(sock, b"hello", address_of(listener))
        with listener.accept()[0] as accepted:
            assert observe("received_once_connected", accepted.recv(9).decode()) == "hello"


@claim(
    "send.2/ENOTCONN/address-tcp",
    sentence=("send.2/sendto/connection-mode-enotconn", "send.2/ENOTCONN/epipe-instead"),
    section="BUGS",
    says="sendto(2) with the address of a listener on a TCP socket over IPv4 that is not connected fails "
    "with EPIPE, which Linux may give instead of ENOTCONN, and does not connect it.",
)
def test_a_tcp_socket_sends_to_nobody(ns, observe):
    with listening() as listener, Socket.tcp() as sock:
        listener.rcvtimeo = SOON
        with refused(errno.EPIPE):
            calls.sendto(sock, b"refused", address_of(listener))
        sock.connect(listener.getsockname())
        calls.sendto(sock, b"hello", address_of(listener))
        with listener.accept()[0] as accepted:
            assert observe("received_once_connected", accepted.recv(9).decode()) == "hello"


@claim(
    "send.2/sendto/target-of-connected",
    sentence=("send.2/sendto/target", "send.2/sendmsg/target", "send.2/msg_name/namelen"),
    section="DESCRIPTION",
    says="sendto(2) and sendmsg(2) with an address on a connected UDP socket, over IPv4 and IPv6, or UNIX "
    "datagram socket send to that address, and a send without one still to the peer.",
    needs=[IPV6],
)
@kinds("udp", "udp6", "unix-datagram")
def test_an_address_is_the_target_where_connected(ns, observe, kind):
    with joined(kind) as (sender, peer), addressed(kind) as (_, other, address):
        calls.sendto(sender, b"one", address)
        received = [heard(kind, other)]
        calls.sendmsg(sender, b"two", address=address)
        received.append(heard(kind, other))
        calls.send(sender, b"three")

        assert observe("received_by_other_and_peer", [received, heard(kind, peer)]) == [
            ["one", "two"],
            "three",
        ]


@claim(
    "send.2/msg_name/unconnected",
    sentence=("send.2/msg_name/unconnected", "send.2/msg_name/namelen", "send.2/sendmsg/target"),
    section="sendmsg()",
    says="msg_name of sendmsg(2) is the target on a UDP socket, over IPv4 and IPv6, a netlink, packet or "
    "UNIX datagram socket that has no peer.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds("udp", "udp6", "netlink", "packet", "unix-datagram")
def test_msg_name_is_the_target(ns, observe, kind):
    with addressed(kind) as (sender, receiver, address):
        calls.sendmsg(sender, framed(kind, b"hello"), address=address)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "send.2/EINVAL/negative-namelen",
    sentence=("send.2/EINVAL/argument", "send.2/msg_name/namelen"),
    section="ERRORS",
    says="sendmsg(2) with a msg_namelen of -1 fails with EINVAL on a UDP socket, over IPv4 and IPv6; with "
    "that of the address it sends.",
    needs=[IPV6],
)
@kinds("udp", "udp6")
def test_the_length_of_a_name_is_not_negative(ns, observe, kind):
    with addressed(kind) as (sender, receiver, address):
        with refused(errno.EINVAL):
            calls.sendmsg(sender, b"refused", address=address, length=-1)
        calls.sendmsg(sender, b"hello", address=address)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "send.2/msg_flags/ignored",
    sentence="send.2/msg_flags/ignored",
    section="sendmsg()",
    says="msg_flags is ignored by sendmsg(2) on a UDP socket over IPv4, a raw socket, over IPv4 and IPv6, a "
    "netlink, or UNIX datagram or seqpacket socket: with MSG_OOB there the message is sent, with MSG_OOB in "
    "flags it is refused.",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds("udp", "raw", "raw6", "netlink", "unix-datagram", "unix-seqpacket")
def test_msg_flags_are_ignored(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        with refused(errno.EOPNOTSUPP):
            calls.sendmsg(sender, b"refused", flags=socket.MSG_OOB)
        calls.sendmsg(sender, b"hello", ignored_flags=socket.MSG_OOB)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "defacto/sendmsg/most-vectors",
    says="sendmsg(2) on a TCP, UDP, UNIX stream or UNIX datagram socket takes 1024 vectors, UIO_MAXIOV, "
    "and with 1025 fails with EMSGSIZE, where writev(2) fails with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@kinds("tcp", "udp", "unix", "unix-datagram")
def test_no_more_vectors_are_sent(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        with refused(errno.EMSGSIZE):
            calls.sendmsg(sender, *[b"x"] * (MOST + 1))
        with refused(errno.EINVAL, "errno_of_writev"):
            calls.writev(sender, *[b"x"] * (MOST + 1))
        sent = calls.sendmsg(sender, *[b"x"] * MOST)

        assert observe("sent_and_received", [sent, calls.recv(receiver, 2000).returned]) == [
            MOST,
            MOST,
        ]


@claim(
    "send.2/EINVAL/vector-length",
    sentence="send.2/EINVAL/argument",
    section="ERRORS",
    says="sendmsg(2) with a vector of 2^63 bytes, one more than a ssize_t counts, fails with EINVAL on a "
    "TCP, UDP, UNIX stream or UNIX datagram socket, and nothing is sent; with one of 5 it sends.",
)
@kinds("tcp", "udp", "unix", "unix-datagram")
def test_a_vector_is_not_too_long(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        with refused(errno.EINVAL):
            calls.with_lengths("sendmsg", sender, vector=TOO_LONG)
        calls.with_lengths("sendmsg", sender)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "defacto/sendmsg/control-of-2-gib",
    says="sendmsg(2) with a msg_controllen of 2147483648, more than an int has, fails with ENOBUFS on a "
    "TCP, UDP, UNIX stream or UNIX datagram socket, and nothing is sent; with 0 it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@kinds("tcp", "udp", "unix", "unix-datagram")
def test_there_is_no_room_for_control(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        with refused(errno.ENOBUFS):
            calls.with_lengths("sendmsg", sender, control=1 << 31)
        calls.with_lengths("sendmsg", sender)

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "send.2/EAGAIN/msg-dontwait",
    sentence=("send.2/MSG_DONTWAIT/nonblocking", "send.2/EAGAIN/nonblocking", "send.2/MSG_DONTWAIT/per-call"),
    section="DESCRIPTION",
    says="With MSG_DONTWAIT a send on a blocking TCP, over IPv4 and IPv6, or UNIX stream socket whose send "
    "buffer is full fails with EAGAIN; the socket does not become non-blocking, and a send without "
    "the flag waits.",
    needs=[IPV6],
    survives={"no-op: setsockopt(*SO_SNDTIMEO*": "a kernel that errs would wait without end"},
)
@kinds(*STREAMS)
def test_only_the_call_does_not_wait(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        sender.sndtimeo = 0
        with given_up(receiver.close), refused(errno.EAGAIN):
            send_without_end(sender, socket.MSG_DONTWAIT)
        nonblocking = fcntl.fcntl(sender, fcntl.F_GETFL) & os.O_NONBLOCK
        sender.sndtimeo = 0.03
        with timed() as took, refused(errno.EAGAIN, "errno_after_waiting"):
            send_without_end(sender)

        assert observe("nonblocking_and_waited", [nonblocking, took.lasted(0.03)]) == [0, True]


@claim(
    "send.2/send/select-room",
    sentence="send.2/send/select",
    section="DESCRIPTION",
    says="select(2) has a TCP, over IPv4 and IPv6, or UNIX stream socket whose send buffer is empty among "
    "those to write, not when it is full, and again when the peer has read all of it.",
    needs=[IPV6],
)
@kinds(*STREAMS)
def test_select_tells_of_room(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        empty = writable(sender)
        filling = fill_buffer(sender)
        full = writable(sender)
        receiver.read_exact(filling)
        await_writable(sender)

        assert observe("empty_full_and_read", [empty, full, writable(sender)]) == [True, False, True]


@claim(
    "send.2/MSG_DONTWAIT/shared-nonblock",
    sentence="send.2/MSG_DONTWAIT/per-call",
    section="DESCRIPTION",
    says="O_NONBLOCK belongs to the open file description: set through one descriptor of a UNIX stream "
    "socket whose send buffer is full, it lets a send through another fail with EAGAIN.",
    survives={
        "no-op: ioctl(FIONBIO*": "another descriptor of a blocking socket is blocking",
        "no-op: setsockopt(*SO_SNDTIMEO*": "a kernel that errs would wait without end",
    },
)
def test_nonblocking_is_shared(ns, observe):
    with joined("unix") as (sender, receiver):
        sender.sndtimeo = 0
        fitting = fill_buffer(sender)
        with sender.dup() as twin:
            fcntl.fcntl(twin, fcntl.F_SETFL, os.O_NONBLOCK)
            with given_up(receiver.close), refused(errno.EAGAIN):
                calls.send(sender, b"x")
            receiver.read_exact(fitting)

            assert observe("sent_with_room", calls.send(sender, b"x")) == 1


@claim(
    "send.2/EAGAIN/some-room",
    sentence=("send.2/send/nonblocking", "send.2/MSG_DONTWAIT/nonblocking"),
    section="DESCRIPTION",
    says="A send with MSG_DONTWAIT of more than the send buffer of a TCP, over IPv4 and IPv6, or UNIX stream "
    "socket has room for fails with EAGAIN.",
    needs=[IPV6],
    expect=differs(
        "where there is some room as much as fits is sent, and its size is returned; older than the history "
        "in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None},
    ),
    survives={"no-op: sendto(*": "that a part is sent is seen by defacto/send/part-of-a-stream"},
)
@kinds(*STREAMS)
def test_more_than_fits_is_not_sent(ns, kind):
    with joined(kind) as (sender, _), refused(errno.EAGAIN):
        calls.send(sender, bytes(64 << 20), socket.MSG_DONTWAIT)


@claim(
    "defacto/send/part-of-a-stream",
    says="A send with MSG_DONTWAIT of more than the send buffer has room for sends a part on a TCP, over "
    "IPv4 and IPv6, or UNIX stream socket, returns how much, and no more than that is received.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@kinds(*STREAMS)
def test_a_part_is_sent(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        asked = 64 << 20
        sent = calls.send(sender, bytes(asked), socket.MSG_DONTWAIT)
        sender.shutdown(Shutdown.WRITE)
        received = len(receiver.read_to_end())

        assert observe("a_part_and_all_of_it", [0 < sent < asked, received - sent]) == [True, 0]


@claim(
    "send.2/EMSGSIZE/no-limit-of-streams",
    sentence=("send.2/EMSGSIZE/atomic", "send.2/send/emsgsize", "send.2/send/blocks"),
    section="ERRORS",
    says="A send of more than the send buffer holds is not too long for a TCP, over IPv4 and IPv6, or UNIX "
    "stream socket, which need not send it at once: it waits, and all of 8 MiB are sent to a peer "
    "that reads.",
    needs=[IPV6],
)
@kinds(*STREAMS)
def test_a_stream_sends_any_length(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        size = 8 << 20
        with in_thread(lambda: receiver.read_exact(size)) as read:
            sent = calls.send(sender, bytes(size))

            assert observe("sent_and_read", [sent, read.wait(TIMEOUT)]) == [size, True]


@claim(
    "send.2/EINTR/before-data",
    sentence="send.2/EINTR/before-data",
    section="ERRORS",
    says="A send on a TCP, over IPv4 and IPv6, or UNIX stream socket that waits for room fails with EINTR "
    "when a handler without SA_RESTART is called, before any data was sent.",
    needs=[IPV6],
    survives={
        "no-op: sendto(*": "the next of those that are sent without end takes its place",
        "no-op: setsockopt(*SO_SNDTIMEO*": "a handler without SA_RESTART ends a send with a timeout, too",
    },
)
@kinds(*STREAMS)
def test_a_signal_ends_a_send(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        sender.sndtimeo = 0
        with interrupting(restart=False), refused(errno.EINTR):
            send_without_end(sender)
        with in_thread(lambda: end_with(sender, b"last")):
            received = receiver.read_to_end()

        assert observe("end_of_received", received[-4:].decode()) == "last"


@claim(
    "send.2/EINTR/with-timeout",
    sentence="send.2/EINTR/before-data",
    section="ERRORS",
    says="A send on a TCP socket, over IPv4 and IPv6, that waits for room and has a send timeout fails "
    "with EINTR when a handler is called, even with SA_RESTART.",
    needs=[IPV6],
    survives={"no-op: sendto(*": "the next of those that are sent without end takes its place"},
)
@kinds("tcp", "tcp6")
def test_a_signal_ends_a_send_with_timeout(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        sender.sndtimeo = PATIENT
        with interrupting(), refused(errno.EINTR):
            send_without_end(sender)
        with in_thread(lambda: end_with(sender, b"last")):
            received = receiver.read_to_end()

        assert observe("end_of_received", received[-4:].decode()) == "last"


@claim(
    "defacto/send/eintr-after-some",
    says="A send on a TCP, over IPv4 and IPv6, or UNIX stream socket that has sent some of its data when a "
    "handler is called, with SA_RESTART or without, returns how much it sent.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={"no-op: setsockopt(*SO_SNDTIMEO*": "a send that has sent some ends with or without a timeout"},
)
@kinds(*STREAMS)
@pytest.mark.parametrize("restart", [False, True], ids=["no-restart", "restart"])
def test_a_signal_ends_a_send_of_some(ns, observe, kind, restart):
    with joined(kind) as (sender, receiver):
        sender.sndtimeo = 0
        asked = 64 << 20
        with interrupting(restart=restart):
            sent = calls.send(sender, bytes(asked))
        sender.shutdown(Shutdown.WRITE)

        assert observe("some_and_missing", [0 < sent < asked, sent - len(receiver.read_to_end())]) == [
            True,
            0,
        ]


@claim(
    "send.2/EBADF/closed",
    sentence=("send.2/EBADF/descriptor",),
    section="ERRORS",
    says="send(2), sendto(2) and sendmsg(2) with a descriptor that is closed fail with EBADF.",
    survives={"no-op: ioctl(FIONBIO*": "another descriptor of a blocking socket is blocking"},
)
@pytest.mark.parametrize("call", ["send", "sendto", "sendmsg"])
def test_a_closed_descriptor_sends_nothing(ns, observe, call):
    with joined("udp") as (sender, receiver):
        with sender.dup() as twin:
            number = twin.fileno()
            calls.of_descriptor(call, number)
        with refused(errno.EBADF):
            calls.of_descriptor(call, number)

        assert observe("received_before", heard("udp", receiver)) == "x"


@claim(
    "send.2/ENOTSOCK/pipe",
    sentence="send.2/ENOTSOCK/descriptor",
    section="ERRORS",
    says="send(2), sendto(2) and sendmsg(2) with the descriptor of a pipe, which write(2) takes, fail with "
    "ENOTSOCK.",
    survives={"*": "no socket is asked"},
)
@pytest.mark.parametrize("call", ["send", "sendto", "sendmsg"])
def test_a_pipe_is_no_socket(ns, observe, call):
    out, into = os.pipe()
    with open(out, "rb", buffering=0) as reader, open(into, "wb", buffering=0) as writer:
        with refused(errno.ENOTSOCK):
            calls.of_descriptor(call, writer.fileno())
        writer.write(b"hello")

        assert observe("written", reader.read(9).decode()) == "hello"


@claim(
    "defacto/send/reset-told-once",
    says="Of the sends on a TCP socket, over IPv4 and IPv6, whose connection the peer has reset the first "
    "fails with ECONNRESET and the next with EPIPE; then a receive gives 0 bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@kinds("tcp", "tcp6")
def test_a_reset_is_told_once(ns, observe, kind):
    with in_state(kind, "reset") as sock:
        with refused(errno.ECONNRESET):
            calls.send(sock, b"x")
        with refused(errno.EPIPE, "errno_of_next"):
            calls.send(sock, b"x")

        assert observe("received", calls.recv(sock, 9).returned) == 0


@claim(
    "defacto/send/netlink-no-bytes",
    says="A send of no bytes on a netlink socket fails with ENODATA, and nothing is sent.",
    since="5.16",
    backports=("4.4.296", "4.9.294", "4.14.259", "4.19.222", "5.4.167", "5.10.87", "5.15.10"),
    commit="f123cffdd8fe",
)
def test_netlink_sends_no_empty_message(ns, observe):
    with joined("netlink") as (sender, receiver):
        with refused(errno.ENODATA):
            calls.send(sender, b"")
        calls.send(sender, b"hello")

        assert observe("received", heard("netlink", receiver)) == "hello"


@claim(
    "defacto/send/raw-shut-down",
    says="A connected raw socket, over IPv4 and IPv6, that was shut down for sending still sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
@kinds("raw", "raw6")
def test_a_raw_socket_sends_after_its_end(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        sender.shutdown(Shutdown.WRITE)
        say(kind, sender, "hello")

        assert observe("received", heard(kind, receiver)) == "hello"


@claim(
    "send.2/send/connected-only-netlink",
    sentence="send.2/send/connected-only",
    section="DESCRIPTION",
    says="send(2) is refused on a netlink socket that is not connected.",
    expect=differs(
        "it sends to the kernel; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None},
    ),
)
def test_a_netlink_socket_sends_to_the_kernel(ns):
    with Socket.netlink() as sock, refused():
        sock.send(bytes([16, 0, 0, 0, 1, 0, 0, 0, *bytes(8)]))


@claim(
    "send.2/EAGAIN/ports",
    sentence="send.2/EAGAIN/ports",
    section="ERRORS",
    says="A send on a UDP socket, over IPv4 and IPv6, that has no port fails with EAGAIN where all ports of "
    "net.ipv4.ip_local_port_range are in use, and succeeds once one is free.",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_no_port_is_left(ns, observe, family, host):
    ns.sysctl["net.ipv4.ip_local_port_range"] = "40000 40000"
    with Socket.udp(family) as receiver, Socket.udp(family) as holder, Socket.udp(family) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((host, 50_000))
        holder.bind((host, 40_000))
        with refused(errno.EAGAIN):
            sender.sendto(b"refused", (host, 50_000))
        holder.close()
        sender.sendto(b"hello", (host, 50_000))

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "send.2/EINVAL/port-0",
    sentence="send.2/EINVAL/argument",
    section="ERRORS",
    says="A send to port 0 fails with EINVAL on a UDP socket, over IPv4 and IPv6.",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_port_0_is_nobody(ns, observe, family, host):
    with Socket.udp(family) as receiver, Socket.udp(family) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind((host, 0))
        with refused(errno.EINVAL):
            sender.sendto(b"refused", (host, 0))
        sender.sendto(b"hello", receiver.getsockname())

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "send.2/MSG_FASTOPEN/refused-as-connect",
    sentence="send.2/MSG_FASTOPEN/errors",
    section="DESCRIPTION",
    says="sendto(2) with MSG_FASTOPEN on a TCP socket, over IPv4 and IPv6, to a port at which nobody "
    "listens fails with ECONNREFUSED, as connect(2) does.",
    since="3.7",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_fast_open_is_refused(ns, observe, family, host):
    with listening(host) as listener, Socket.tcp(family) as sock, Socket.tcp(family) as other:
        address = listener.getsockname()
        calls.sendto(other, b"hello", address_of(listener), flags=MessageFlag.FASTOPEN)
        with listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            received = accepted.recv(9).decode()
        nobody = address_of(listener)
        listener.close()
        with refused(errno.ECONNREFUSED):
            calls.sendto(sock, b"hello", nobody, flags=MessageFlag.FASTOPEN)
        with refused(errno.ECONNREFUSED, "errno_of_connect"):
            sock.connect(address)

        assert observe("received_where_one_listens", received) == "hello"


@claim(
    "send.2/MSG_FASTOPEN/connects-and-sends",
    sentence=("send.2/MSG_FASTOPEN/syn", "send.2/MSG_FASTOPEN/blocks"),
    section="DESCRIPTION",
    says="A blocking sendto(2) with MSG_FASTOPEN on a new TCP socket, over IPv4 and IPv6, that has no "
    "cookie for the listener returns the number of bytes once it is connected, and they are received.",
    since="3.7",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_fast_open_connects(ns, observe, family, host):
    with listening(host) as listener, Socket.tcp(family) as sock:
        sent = calls.sendto(sock, b"hello", address_of(listener), flags=MessageFlag.FASTOPEN)
        state = sock.tcp_info.state
        with listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON

            assert observe("sent_state_received", [sent, state, accepted.recv(9).decode()]) == [
                5,
                ESTABLISHED,
                "hello",
            ]


@claim(
    "send.2/MSG_FASTOPEN/no-cookie",
    sentence=("send.2/MSG_FASTOPEN/no-cookie", "send.2/MSG_FASTOPEN/again"),
    section="DESCRIPTION",
    says="A non-blocking sendto(2) with MSG_FASTOPEN on a TCP socket, over IPv4 and IPv6, that has no "
    "cookie for the listener fails with EINPROGRESS; its data are not sent, and have to be sent again "
    "once it is connected.",
    since="3.7",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_fast_open_without_a_cookie(ns, observe, family, host):
    with listening(host) as listener, Socket.tcp(family) as sock:
        sock.nonblocking = True
        with refused(errno.EINPROGRESS):
            calls.sendto(sock, b"lost", address_of(listener), flags=MessageFlag.FASTOPEN)
        with listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            calls.send(sock, b"again")

            assert observe("received", accepted.recv(9).decode()) == "again"


@claim(
    "send.2/EALREADY/fast-open",
    sentence="send.2/EALREADY/fast-open",
    section="ERRORS",
    says="A second non-blocking sendto(2) with MSG_FASTOPEN on a TCP socket over IPv4 that is still "
    "connecting by the first fails with EALREADY.",
    since="3.7",
)
def test_fast_open_twice(ns, observe):
    with listening(backlog=0) as listener, full_backlog(listener) as sock:
        sock.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_of_first"):
            calls.sendto(sock, b"hello", address_of(listener), flags=MessageFlag.FASTOPEN)
        with refused(errno.EALREADY):
            calls.sendto(sock, b"hello", address_of(listener), flags=MessageFlag.FASTOPEN)

        assert observe("state", sock.tcp_info.state) == SYN_SENT


@claim(
    "defacto/MSG_FASTOPEN/af-unspec",
    says="A send with MSG_FASTOPEN to an address of the family AF_UNSPEC, on a TCP socket that is not "
    "connected, over IPv4 and IPv6, fails with EOPNOTSUPP, and one to a listener's then connects.",
    since="4.12",
    commit="ba615f675281",
    needs=[IPV6],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["tcp", "tcp6"])
def test_fast_open_to_no_address(ns, observe, host):
    with listening(host) as listener, Socket.tcp(listener.family) as client:
        listener.rcvtimeo = SOON
        with refused(errno.EOPNOTSUPP):
            client.sendto(b"refused", MessageFlag.FASTOPEN, UNSPEC)
        client.sendto(b"hello", MessageFlag.FASTOPEN, listener.getsockname())
        accepted, _ = listener.accept()

        with accepted:
            accepted.rcvtimeo = SOON
            assert observe("received", accepted.recv(64).decode()) == "hello"


@claim(
    "defacto/MSG_FASTOPEN/connected",
    says="A send with MSG_FASTOPEN on a connected TCP socket, over IPv4 and IPv6, fails with EISCONN, and "
    "nothing is sent.",
    since="3.6",
    commit="cf60af03ca4e",
    needs=[IPV6],
)
@kinds("tcp", "tcp6")
def test_fast_open_on_a_connection(ns, observe, kind):
    with joined(kind) as (sender, receiver):
        with refused(errno.EISCONN):
            calls.send(sender, b"refused", MessageFlag.FASTOPEN)
        calls.send(sender, b"hello")

        assert observe("received", heard(kind, receiver)) == "hello"
