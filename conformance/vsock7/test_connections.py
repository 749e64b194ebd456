"""Connections of AF_VSOCK within one machine: VMADDR_CID_LOCAL."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VSOCK_DEVICE, VSOCK_LOOPBACK
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.readiness import await_end, await_error, await_readable, events
from conformance.plugin.setups.vsock import (
    ANY,
    LOCAL,
    accepted_from,
    bound,
    connected,
    listening,
    looked_at,
    of_device,
    peer_of,
    port_of,
    received,
    vsock,
)
from libsocket import UNSPEC, ExtendedError, MessageFlag, Origin, Socket, Vsock

KINDS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)
SIOCINQ = 0x541B
DATA = bytes(range(256)) * 200


def in_one_piece(sock: Socket, size: int) -> bytes:
    """So many bytes of a stream."""
    return sock.recv(size, socket.MSG_WAITALL)


@claim(
    "vsock.7/VMADDR_CID_LOCAL/same-host",
    sentence=(
        "vsock.7/local/same-host",
        "vsock.7/VMADDR_CID_LOCAL/loopback",
        "vsock.7/VERSIONS/local",
        "vsock.7/DESCRIPTION/listen",
        "vsock.7/DESCRIPTION/data",
        "vm_sockets.h/VMADDR_CID_LOCAL/loopback",
    ),
    section="Local communication",
    says="A stream socket that is bound to VMADDR_CID_LOCAL or VMADDR_CID_ANY and listens is reached by "
    "connect(2) to VMADDR_CID_LOCAL and its port from the same machine, and what either end sends the "
    "other receives.",
    since="5.6",
    needs=[VSOCK_LOOPBACK],
)
@pytest.mark.parametrize("cid", [LOCAL, ANY], ids=["local", "any"])
def test_a_listener_is_reached_over_loopback(ns, observe, cid):
    with listening(cid) as listener, vsock() as client:
        client.connect(Vsock(LOCAL, port_of(listener)))
        with accepted_from(listener) as accepted:
            client.send(b"there")
            accepted.send(b"back")

            assert observe("there_and_back", [received(accepted), received(client)]) == ["there", "back"]


@claim(
    "vsock.7/connect/autobind",
    sentence="vsock.7/DESCRIPTION/autobind",
    section="DESCRIPTION",
    says="connect(2) of an unbound stream socket gives it a port, which is not the listener's "
    "and which the accepted socket has for its peer's; a bound one keeps its own, which is its peer's "
    "likewise.",
    needs=[VSOCK_LOOPBACK],
)
def test_connect_gives_a_port(ns, observe):
    with listening() as listener, vsock() as client, bound() as other:
        before = [port_of(client), port_of(other)]
        client.connect(Vsock(LOCAL, port_of(listener)))
        other.connect(Vsock(LOCAL, port_of(listener)))
        with accepted_from(listener) as first, accepted_from(listener) as second:
            given = [
                port_of(client) not in {ANY, port_of(listener)},
                peer_of(first) == Vsock(LOCAL, port_of(client)),
            ]
            kept = [port_of(other) == before[1] != ANY, peer_of(second) == Vsock(LOCAL, before[1])]

        assert [
            observe("unbound_before", before[0]),
            observe("given_and_told", given),
            observe("kept_and_told", kept),
        ] == [ANY, [True, True], [True, True]]


@claim(
    "vsock.7/SOCK_STREAM/byte-stream",
    sentence=("vsock.7/types/stream", "vsock.7/DESCRIPTION/connect"),
    section="DESCRIPTION",
    says="51200 bytes that are sent on a connection over loopback by several calls arrive all and in "
    "order, without boundaries: one receive has them together.",
    needs=[VSOCK_LOOPBACK],
)
def test_bytes_arrive_in_order(ns, observe):
    with connected() as (client, accepted):
        sent = [client.send(DATA[:1]), client.send(DATA[1:20_000]), client.send(DATA[20_000:])]
        came = in_one_piece(accepted, len(DATA))

        assert [observe("sent", sent), observe("in_order", [len(came), came == DATA])] == [
            [1, 19_999, 31_200],
            [51_200, True],
        ]


@claim(
    "vsock.7/write/read",
    sentence="vsock.7/DESCRIPTION/data",
    section="DESCRIPTION",
    says="write(2) and read(2) send and receive on a stream connection.",
    needs=[VSOCK_LOOPBACK],
)
def test_write_and_read(ns, observe):
    with connected() as (client, accepted):
        written = os.write(client.fileno(), b"12345")
        await_readable(accepted)

        assert observe("written_and_read", [written, os.read(accepted.fileno(), 9).decode()]) == [5, "12345"]


@claim(
    "vsock.7/ports/services",
    sentence="vsock.7/address/services",
    section="Address format",
    says="Of two stream listeners on two ports of VMADDR_CID_LOCAL each accepts the connection to its own "
    "port.",
    needs=[VSOCK_LOOPBACK],
)
def test_ports_tell_services_apart(ns, observe):
    with listening() as one, listening() as other, vsock() as to_one, vsock() as to_other:
        to_other.connect(Vsock(LOCAL, port_of(other)))
        to_one.connect(Vsock(LOCAL, port_of(one)))
        to_one.send(b"one")
        to_other.send(b"other")
        with accepted_from(one) as of_one, accepted_from(other) as of_other:
            assert observe("received", [received(of_one), received(of_other)]) == ["one", "other"]


@claim(
    "vsock.7/local/cid-of-device",
    sentence="vsock.7/local/cid-of-device",
    section="Local communication",
    says="connect(2) of a stream socket to the CID that IOCTL_VM_SOCKETS_GET_LOCAL_CID gives reaches a "
    "listener of the same machine, as VMADDR_CID_LOCAL does.",
    since="5.6",
    needs=[VSOCK_LOOPBACK, VSOCK_DEVICE],
)
def test_the_cid_of_the_device_is_this_machine(ns, observe):
    with listening(ANY) as listener, vsock() as client:
        client.connect(Vsock(of_device(), port_of(listener)))
        with accepted_from(listener) as accepted:
            client.send(b"there")

            assert observe("received", received(accepted)) == "there"


@claim(
    "vsock.7/EOPNOTSUPP/send-oob",
    sentence="vsock.7/EOPNOTSUPP/msg-oob-send",
    section="ERRORS",
    says="send(2) with MSG_OOB on a stream connection over loopback is refused with EOPNOTSUPP, and the peer "
    "receives only what is sent without the flag.",
    needs=[VSOCK_LOOPBACK],
)
def test_out_of_band_data_cannot_be_sent(ns, observe):
    with connected() as (client, accepted):
        with refused(errno.EOPNOTSUPP):
            client.send(b"1", socket.MSG_OOB)
        client.send(b"2")

        assert observe("received", received(accepted)) == "2"


@claim(
    "vsock.7/EOPNOTSUPP/recv-peek",
    sentence="vsock.7/EOPNOTSUPP/msg-peek",
    section="ERRORS",
    says="recv(2) with MSG_PEEK on a stream connection over loopback is refused with EOPNOTSUPP, and without "
    "the flag gives what the peer sent.",
    needs=[VSOCK_LOOPBACK],
    expect=differs(
        "it gives what was sent, and leaves it there",
        since="5.6",
        commit="0e12190578d0",
        observed={"errno": None},
    ),
)
def test_a_stream_cannot_be_looked_into(ns, observe):
    with connected() as (client, accepted):
        client.send(b"hello")
        await_readable(accepted)
        with refused(errno.EOPNOTSUPP):
            accepted.recv(9, socket.MSG_PEEK)

        assert observe("received", received(accepted)) == "hello"


@claim(
    "vsock.7/EOPNOTSUPP/recv-peek-seqpacket",
    sentence="vsock.7/EOPNOTSUPP/msg-peek",
    section="ERRORS",
    says="recv(2) with MSG_PEEK on a seqpacket connection over loopback is refused with EOPNOTSUPP, and "
    "without the flag gives what the peer sent.",
    since="5.14",
    needs=[VSOCK_LOOPBACK],
    expect=[
        differs(
            "every refusal of the transport is told as ENOMEM",
            since="5.14",
            until="6.4",
            commit="9942c192b256",
            observed={"looked_at_and_received": ["ENOMEM", "hello"]},
        ),
        differs(
            "it gives the message that was sent, and leaves it there",
            since="6.6",
            commit="a75f501de88e",
            observed={"looked_at_and_received": ["hello", "hello"]},
        ),
    ],
)
def test_a_message_cannot_be_looked_at(ns, observe):
    with connected(socket.SOCK_SEQPACKET) as (client, accepted):
        client.send(b"hello")
        await_readable(accepted)
        seen = [looked_at(accepted), received(accepted)]

        assert observe("looked_at_and_received", seen) == ["EOPNOTSUPP", "hello"]


@claim(
    "defacto/AF_VSOCK/peek",
    says="recv(2) with MSG_PEEK on an AF_VSOCK stream or seqpacket connection over loopback gives what the "
    "peer sent, and leaves it to be received again; of a message that is longer, its beginning.",
    since="6.6",
    commit="a75f501de88e",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_what_was_sent_is_looked_at(ns, observe, kind):
    with connected(kind) as (client, accepted):
        client.send(b"hello")
        await_readable(accepted)
        seen = [looked_at(accepted, size=size) for size in (9, 2)]

        assert observe("looked_at_and_received", [*seen, received(accepted)]) == ["hello", "he", "hello"]


@claim(
    "vsock.7/ENOTCONN/unconnected",
    sentence="vsock.7/ENOTCONN/operation",
    section="ERRORS",
    says="recv(2), send(2), getpeername(2) and shutdown(2) of a stream socket without a connection are "
    "refused with ENOTCONN, and do what they are for once it is connected over loopback.",
    needs=[VSOCK_LOOPBACK],
)
@pytest.mark.parametrize(
    ("call", "effect", "seen"),
    [
        (received, lambda sock, peer: [peer.send(b"back"), received(sock)], [4, "back"]),
        (
            lambda sock: sock.send(b"there"),
            lambda sock, peer: [sock.send(b"there"), received(peer)],
            [5, "there"],
        ),
        (peer_of, lambda sock, _: [peer_of(sock).cid], [LOCAL]),
        (
            lambda sock: sock.shutdown(socket.SHUT_WR),
            lambda sock, peer: [sock.shutdown(socket.SHUT_WR), received(peer)],
            [None, ""],
        ),
    ],
    ids=["recv", "send", "getpeername", "shutdown"],
)
def test_calls_that_need_a_connection_are_refused(ns, observe, call, effect, seen):
    with listening() as listener, vsock() as sock:
        with refused(errno.ENOTCONN):
            call(sock)
        sock.connect(Vsock(LOCAL, port_of(listener)))
        with accepted_from(listener) as accepted:
            assert observe("effect", effect(sock, accepted)) == seen


@claim(
    "defacto/AF_VSOCK/oob-received",
    says="recv(2) with MSG_OOB on an AF_VSOCK stream or seqpacket connection is refused with EOPNOTSUPP, "
    "and what has come stays to be received.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_out_of_band_data_is_not_received(ns, observe, kind):
    with connected(kind) as (client, accepted):
        client.send(b"12345")
        with refused(errno.EOPNOTSUPP):
            accepted.recv(9, socket.MSG_OOB)

        assert observe("received", received(accepted)) == "12345"


@claim(
    "defacto/AF_VSOCK/refused-connection",
    says="connect(2) of an AF_VSOCK stream or seqpacket socket to a port of VMADDR_CID_LOCAL at which "
    "nothing listens is refused with ECONNRESET, not ECONNREFUSED; once something listens another "
    "socket connects.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_without_a_listener_a_connection_is_reset(ns, observe, kind):
    with bound(LOCAL, kind=kind) as server, vsock(kind) as client, vsock(kind) as other:
        with refused(errno.ECONNRESET):
            client.connect(Vsock(LOCAL, port_of(server)))
        server.listen()
        other.connect(Vsock(LOCAL, port_of(server)))

        assert observe("peer", peer_of(other).cid) == LOCAL


@claim(
    "defacto/AF_VSOCK/connected-twice",
    says="connect(2) of an AF_VSOCK stream or seqpacket socket that is connected is refused with EISCONN, "
    "also with AF_UNSPEC, which does not disconnect it, and so is sendto(2) with an address.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_a_connection_is_not_dissolved(ns, observe, kind):
    with connected(kind) as (client, accepted):
        with refused(errno.EISCONN):
            client.connect(peer_of(client))
        with refused(errno.EISCONN, "errno_unspec"):
            client.connect(UNSPEC)
        with refused(errno.EISCONN, "errno_sendto"):
            client.sendto(b"1", peer_of(client))
        client.send(b"2")

        assert observe("received", received(accepted)) == "2"


@claim(
    "defacto/AF_VSOCK/shutdown-write",
    says="After shutdown(2) with SHUT_WR of one end of an AF_VSOCK stream or seqpacket connection its "
    "send(2) fails with EPIPE; the other end receives what was sent before and then the end, and can "
    "still send.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_one_direction_is_shut(ns, observe, kind):
    with connected(kind) as (client, accepted):
        client.send(b"last")
        client.shutdown(socket.SHUT_WR)
        with refused(errno.EPIPE):
            client.send(b"more")
        there = [received(accepted), received(accepted)]
        accepted.send(b"back")

        assert observe("received_and_back", [*there, received(client)]) == ["last", "", "back"]


@claim(
    "defacto/AF_VSOCK/closed-peer",
    says="When the peer of an AF_VSOCK stream or seqpacket connection has closed, what it sent is received "
    "and then the end.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_a_closed_peer_is_the_end(ns, observe, kind):
    with connected(kind) as (client, accepted):
        client.send(b"last")
        client.close()
        await_end(accepted)

        assert observe("received", [received(accepted), received(accepted)]) == ["last", ""]


@claim(
    "defacto/AF_VSOCK/seqpacket-boundaries",
    says="An AF_VSOCK seqpacket connection over loopback keeps the boundaries of what is sent, and what is "
    "longer than the room is cut, with MSG_TRUNC; recv(2) with MSG_TRUNC says the whole length.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
def test_messages_keep_their_boundaries(ns, observe):
    with connected(socket.SOCK_SEQPACKET) as (client, accepted):
        sent = [client.send(b"12345"), client.send(b"67"), client.send(b"89abc"), client.send(b"d")]
        [first, _, cut, _] = accepted.recvmsg(3)
        parts = [first.decode(), received(accepted)]
        length = accepted.recv_into(bytearray(2), 2, socket.MSG_TRUNC)
        parts.append(received(accepted))

        assert [
            observe("sent", sent),
            observe("received", parts),
            observe("cut_and_length", [cut & socket.MSG_TRUNC == socket.MSG_TRUNC, length]),
        ] == [[5, 2, 5, 1], ["123", "67", "d"], [True, 5]]


@claim(
    "defacto/SIOCINQ/vsock-bytes",
    says="SIOCINQ of an AF_VSOCK stream connection gives the bytes that can be received.",
    since="6.17",
    commit="f7c722659275",
    needs=[VSOCK_LOOPBACK],
)
def test_bytes_that_wait_are_told(ns, observe):
    with connected() as (client, accepted):
        seen = [asked(accepted, SIOCINQ)]
        client.send(b"12345")
        await_readable(accepted)
        seen.append(asked(accepted, SIOCINQ))
        accepted.recv(2)

        assert observe("none_all_rest", [*seen, asked(accepted, SIOCINQ)]) == [0, 5, 3]


@claim(
    "vm_sockets.h/MSG_ZEROCOPY/notification",
    sentence="vm_sockets.h/MSG_ZEROCOPY/notifications",
    section="MSG_ZEROCOPY",
    says="The notification of a send with MSG_ZEROCOPY on a stream connection over loopback with "
    "SO_ZEROCOPY comes from the error queue as a control message of level SOL_VSOCK (287) and type "
    "VSOCK_RECVERR (1), of the origin SO_EE_ORIGIN_ZEROCOPY and errno 0.",
    since="6.7",
    needs=[VSOCK_LOOPBACK],
)
def test_a_notification_is_an_error_of_vsock(ns, observe):
    with connected() as (client, accepted):
        client.zerocopy = True
        client.send(DATA[:5000], MessageFlag.ZEROCOPY)
        came = [len(in_one_piece(accepted, 5000))]
        await_error(client)
        headers = [header[:2] for header in control_headers(client, MessageFlag.ERRQUEUE)]
        client.send(DATA[:5000], MessageFlag.ZEROCOPY)
        came.append(len(in_one_piece(accepted, 5000)))
        await_error(client)
        errors = control_messages(client, ExtendedError, flags=MessageFlag.ERRQUEUE)
        seen = [[Origin(one.origin).name, one.errno] for one in errors]

        assert [
            observe("received", came),
            observe("headers", headers),
            observe("origin_and_errno", seen),
        ] == [[5000, 5000], [[287, 1]], [["ZEROCOPY", 0]]]


@claim(
    "defacto/AF_VSOCK/poll-of-a-listener",
    says="An AF_VSOCK stream or seqpacket listener is readable to poll(2) once a connection waits to be "
    "accepted, and not before.",
    since="5.14",
    commit="6e90a57795aa",
    needs=[VSOCK_LOOPBACK],
)
@KINDS
def test_a_waiting_connection_is_readable(ns, observe, kind):
    with listening(kind=kind) as listener, vsock(kind) as client:
        before = events(listener)
        client.connect(Vsock(LOCAL, port_of(listener)))
        await_readable(listener)
        waiting = events(listener)
        accepted_from(listener).close()

        assert observe("before_waiting_after", [before, waiting, events(listener)]) == [[], ["IN"], []]
