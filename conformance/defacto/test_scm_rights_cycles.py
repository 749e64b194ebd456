"""UNIX sockets in the queues of UNIX sockets: which of them the kernel closes, and which it keeps."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import counts, files_of, own_user, pipes, scm_fds
from conformance.plugin.setups.garbage import (
    OTHERS_ARE_CLOSED,
    collected,
    is_collected,
    open_here,
    send_beside,
    sent_with_many_in_flight,
)
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket
from netns import as_user

KINDS = pytest.mark.parametrize(
    "kind",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "dgram", "seqpacket"],
)
CONNECTIONS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)


@claim(
    "defacto/SCM_RIGHTS/cycle-held",
    says="A UNIX stream, datagram or seqpacket socket that is in its own queue stays open, and what was "
    "sent beside it, while a process has it as well, also when the kernel closes others that are nowhere "
    "but in their queues; once the process closes it both are closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@KINDS
def test_a_socket_in_its_own_queue_is_kept_for_a_process(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as (beside,):
        send_beside(left, beside, right)
        found = [collected(), beside.ended()]
        right.close()

        found += [is_collected(beside)]
        assert observe("others_closed_ended_closed", found) == [True, False, True]


@claim(
    "defacto/SCM_RIGHTS/cycle-received",
    says="A UNIX stream, datagram or seqpacket socket that is in its own queue and in that of an open "
    "socket, and open in no process, is kept: it can be received from the latter, and what is in its own "
    "queue from it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@KINDS
def test_a_socket_in_its_own_queue_is_kept_for_a_receiver(ns, observe, kind):
    left, right = Socket.pair(kind)
    sender, receiver = Socket.pair()
    with left, right, sender, receiver, pipes(1) as (beside,):
        receiver.rcvtimeo = SOON
        send_beside(left, beside, right)
        sender.send_message(b"x", Rights(right))
        inode = os.fstat(right.fileno()).st_ino
        right.close()
        found = [open_here(inode), collected(), beside.ended()]
        with receiver.recv_message(9) as message:
            (file,) = files_of(message)
            with Socket.from_fd(file.detach()) as again:
                again.rcvtimeo = SOON
                with again.recv_message(9) as inner:
                    received = counts(inner)

        assert observe("open_others_ended_received", [*found, received, beside.ended(SOON)]) == [
            0,
            True,
            False,
            [2],
            True,
        ]


@claim(
    "defacto/SCM_RIGHTS/cycle-in-a-cycle",
    says="A UNIX stream, datagram or seqpacket socket that is in its own queue and in that of another, "
    "which is in its own as well, is kept while a process has the other, and closed once it is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@KINDS
def test_a_cycle_is_kept_for_another(ns, observe, kind):
    left, right = Socket.pair(kind)
    sender, receiver = Socket.pair(kind)
    with left, right, sender, receiver, pipes(1) as (beside,):
        send_beside(left, beside, right)
        sender.send_message(b"x", Rights(right, receiver))
        inode = os.fstat(right.fileno()).st_ino
        right.close()
        found = [open_here(inode), collected(), beside.ended()]
        receiver.close()

        found += [is_collected(beside)]
        assert observe("open_others_ended_closed", found) == [0, True, False, True]


@claim(
    "defacto/SCM_RIGHTS/cycle-of-two",
    says="Of two UNIX stream, datagram or seqpacket sockets, each in the other's queue, both are kept while "
    "a process has one of them, also when the kernel closes others that are nowhere but in their queues, "
    "and both are closed once it closes that one.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@KINDS
def test_two_sockets_in_each_others_queues(ns, observe, kind):
    left, right = Socket.pair(kind)
    sender, receiver = Socket.pair(kind)
    with left, right, sender, receiver, pipes(2) as (one, other):
        send_beside(left, one, receiver)
        send_beside(sender, other, right)
        inode = os.fstat(right.fileno()).st_ino
        right.close()
        found = [open_here(inode), collected(), one.ended(), other.ended()]
        receiver.close()

        found += [is_collected(one), is_collected(other)]
        assert observe("open_others_ended_closed", found) == [0, True, False, False, True, True]


@claim(
    "defacto/SCM_RIGHTS/cycle-of-listener",
    says="A UNIX stream or seqpacket listener that is nowhere but in a message on a connection that it has "
    "not accepted is closed, and what was sent beside it, and who connected is told ECONNRESET; while a "
    "process has the listener it is not.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@CONNECTIONS
def test_a_listener_in_its_own_queue_is_closed(ns, observe, kind):
    with Socket.unix(kind) as client, pipes(1) as (beside,):
        client.rcvtimeo = SOON
        with listening_unix(kind) as listener:
            client.connect(listener.getsockname())
            send_beside(client, beside, listener)
            inode = os.fstat(listener.fileno()).st_ino
            found = [collected(), beside.ended()]
        then = [open_here(inode), is_collected(beside)]
        with refused(errno.ECONNRESET):
            client.recv(1)

        assert observe("others_closed_ended_open_closed", [*found, *then]) == [True, False, 0, True]


@claim(
    "defacto/SCM_RIGHTS/listener-on-accepted",
    says="A UNIX stream or seqpacket listener that was sent on a connection before it was accepted, and is "
    "nowhere but in the queue of the accepted socket, goes on listening until that one is closed.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@CONNECTIONS
def test_a_listener_in_an_accepted_queue_is_kept(ns, observe, kind):
    with Socket.unix(kind) as client, Socket.unix(kind) as second, Socket.unix(kind) as third:
        with pipes(1) as (beside,):
            with listening_unix(kind) as listener:
                address = listener.getsockname()
                client.connect(address)
                send_beside(client, beside, listener)
                accepted, _ = listener.accept()
                inode = os.fstat(listener.fileno()).st_ino
            with accepted:
                found = [open_here(inode), collected(), beside.ended()]
                second.connect(address)
                found += [second.getpeername() == address]
            found += [beside.ended(SOON)]
        with refused(errno.ECONNREFUSED):
            third.connect(address)

        assert observe("open_others_ended_connected_closed", found) == [0, True, False, True, True]


@claim(
    "defacto/SCM_RIGHTS/sockets-before-accept",
    says="UNIX sockets and a pipe that were sent on a UNIX stream or seqpacket connection before it was "
    "accepted are received after it, in their order.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@CONNECTIONS
def test_what_was_sent_before_the_accept_is_received(ns, observe, kind):
    one, two = Socket.pair()
    with (
        one,
        two,
        pipes(1) as (pipe,),
        listening_unix(kind) as listener,
        pending_connection(listener) as client,
    ):
        client.send_message(b"x", Rights(one, pipe.writer, two))
        with listener.accept()[0] as accepted:
            accepted.rcvtimeo = SOON
            with accepted.recv_message(9) as message:
                received = [os.fstat(file.fileno()).st_ino for file in files_of(message)]

        sent = [os.fstat(file.fileno()).st_ino for file in (one, pipe.writer, two)]
        assert observe("same", received == sent) is True


@claim(
    "defacto/SCM_RIGHTS/cycle-peeked",
    says="A UNIX stream, datagram or seqpacket socket that is in its own queue is kept for the descriptor "
    "that a MSG_PEEK has given, and the message can be received with that; once it is closed what was sent "
    "beside it is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=OTHERS_ARE_CLOSED,
)
@KINDS
def test_a_peek_keeps_a_socket(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, pipes(1) as (beside,):
        right.rcvtimeo = SOON
        send_beside(left, beside, right)
        with right.recv_message(9, flags=socket.MSG_PEEK) as message:
            file, writer = files_of(message)
            writer.close()
            with Socket.from_fd(file.detach()) as again:
                right.close()
                inode = os.fstat(again.fileno()).st_ino
                found = [open_here(inode), collected(), beside.ended()]
                with again.recv_message(9) as inner:
                    received = counts(inner)

        assert observe("open_others_ended_received", [*found, received, beside.ended(SOON)]) == [
            1,
            True,
            False,
            [2],
            True,
        ]


@claim(
    "defacto/SCM_RIGHTS/cycle-closed-by-a-send",
    says="Sockets that are nowhere but in their own queues are closed, without a UNIX socket being closed, "
    "when a UNIX stream socket is sent while 2,024 descriptors of the user are in flight, whether another "
    "socket is in its own queue and open or not.",
    since="6.19",
    commit="24fa77dad25c",
    needs=[ANOTHER_USER],
)
@pytest.mark.parametrize("held", [False, True], ids=["alone", "beside-another"])
def test_a_send_closes_them(ns, observe, held):
    closed = as_user(own_user(), lambda: sent_with_many_in_flight(2024, held=held))

    assert observe("closed", closed) is True


@claim(
    "defacto/SCM_RIGHTS/fdinfo-listener",
    says="The fdinfo of a UNIX stream or seqpacket listener in /proc has as scm_fds the number of "
    "descriptors that were sent on connections which it has not accepted; that of a socket that neither "
    "listens nor is connected is 0.",
    since="6.1",
    commit="de4370892443",
)
@CONNECTIONS
def test_fdinfo_counts_what_waits_for_accept(ns, observe, kind):
    with listening_unix(kind) as listener, Socket.unix(kind) as idle:
        with pending_connection(listener) as one, pending_connection(listener) as two:
            counted = [scm_fds(listener)]
            one.send_message(b"x", Rights(0, 0))
            two.send_message(b"x", Rights(0))
            counted += [scm_fds(listener)]
            with listener.accept()[0] as accepted:
                counted += [scm_fds(listener), scm_fds(accepted)]

        assert observe("new_sent_accepted", [*counted, scm_fds(idle)]) == [0, 3, 1, 2, 0]
