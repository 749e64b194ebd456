"""MSG_ZEROCOPY: how a socket tells that what was sent is the sender's again."""

from __future__ import annotations

import errno
import select
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_error, polled
from conformance.plugin.timing import SOON
from libsocket import MessageFlag, Origin, Socket, ZerocopyCompletion

ZEROCOPY = MessageFlag.ZEROCOPY
DATA = b"x" * 5000
TOO_LONG = bytes(65_536)

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
PAIRS = pytest.mark.parametrize(
    "pair",
    [partial(pair, one) for pair in (udp_pair, Socket.tcp_pair) for one in (socket.AF_INET, socket.AF_INET6)],
    ids=["udp", "udp6", "tcp", "tcp6"],
)


def send_and_receive(sender: Socket, receiver: Socket, flags: int) -> int:
    """Send some data and receive it; how many bytes came."""
    receiver.rcvtimeo = SOON
    sender.send(DATA, flags)
    return len(receiver.recv(len(DATA), socket.MSG_WAITALL))


def completed(sock: Socket) -> list[int]:
    """The first and the last send of the next notification. A kernel that gives none before long differs."""
    await_error(sock)
    report = sock.recv_error()
    assert isinstance(report, ZerocopyCompletion), f"{report} is no notification"
    return [report.first, report.last]


@claim(
    "msg_zerocopy/SO_ZEROCOPY/gate",
    sentence=(
        "msg_zerocopy/intro/protocols",
        "msg_zerocopy/SO_ZEROCOPY/ignored-without",
        "msg_zerocopy/SO_ZEROCOPY/first",
        "msg_zerocopy/notifications/queued",
    ),
    section="Socket Setup",
    says="A send with MSG_ZEROCOPY on a TCP or UDP socket is sent and gets no notification without "
    "SO_ZEROCOPY, and gets one with it.",
    since="5.0",
)
@PAIRS
def test_the_option_comes_first(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        received = [send_and_receive(sender, receiver, ZEROCOPY)]
        without = sender.recv_error() is None
        sender.zerocopy = True
        received.append(send_and_receive(sender, receiver, ZEROCOPY))

        assert [
            observe("received", received),
            observe("without_and_with", [without, completed(sender)]),
        ] == [[5000, 5000], [True, [0, 0]]]


@claim(
    "msg_zerocopy/counter/calls",
    sentence=("msg_zerocopy/counter/increments", "msg_zerocopy/counter/calls", "msg_zerocopy/mixing/safe"),
    section="Notifications",
    says="The sends with MSG_ZEROCOPY of a TCP or UDP socket with SO_ZEROCOPY are counted from 0, whatever "
    "their length; those without the flag are sent between them and not counted.",
    since="5.0",
)
@PAIRS
def test_sends_with_the_flag_are_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        received = [send_and_receive(sender, receiver, ZEROCOPY)]
        counted = [completed(sender)]
        received.append(send_and_receive(sender, receiver, 0))
        received.append(send_and_receive(sender, receiver, ZEROCOPY))
        counted.append(completed(sender))

        assert [observe("received", received), observe("counted", counted)] == [
            [5000, 5000, 5000],
            [[0, 0], [1, 1]],
        ]


@claim(
    "msg_zerocopy/counter/nothing-sent",
    sentence="msg_zerocopy/counter/not-incremented",
    section="Notifications",
    says="A send of no bytes on a TCP socket is not counted.",
    since="4.14",
    survives={'no-op: sendto(""*': "nothing is to be sent, and nothing to be seen of it"},
)
@FAMILIES
def test_no_bytes_are_not_counted(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        sender.zerocopy = True
        sender.send(b"", ZEROCOPY)
        received = send_and_receive(sender, receiver, ZEROCOPY)

        assert observe("received_and_counted", [received, completed(sender)]) == [5000, [0, 0]]


@claim(
    "msg_zerocopy/counter/empty-datagram",
    sentence="msg_zerocopy/counter/not-incremented",
    section="Notifications",
    says="A send of no bytes on a UDP socket is not counted.",
    since="5.0",
    expect=differs(
        "an empty datagram is sent and counted",
        since="5.0",
        commit="b5947e5d1e71",
        observed={"received": 0, "counted": [0, 1]},
    ),
)
@FAMILIES
def test_an_empty_datagram_is_not_counted(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.zerocopy = True
        sender.send(b"", ZEROCOPY)
        observe("received", len(receiver.recv(9)))
        send_and_receive(sender, receiver, ZEROCOPY)

        assert observe("counted", completed(sender)) == [0, 0]


@claim(
    "msg_zerocopy/counter/failure",
    sentence="msg_zerocopy/counter/not-incremented",
    section="Notifications",
    says="A send on a UDP socket that fails, of more bytes than a datagram has room for, is not counted.",
    since="5.0",
)
@FAMILIES
def test_a_failure_is_not_counted(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        sender.zerocopy = True
        with refused():
            sender.send(TOO_LONG, ZEROCOPY)
        received = send_and_receive(sender, receiver, ZEROCOPY)

        assert observe("received_and_counted", [received, completed(sender)]) == [5000, [0, 0]]


@claim(
    "msg_zerocopy/transmission/enobufs",
    sentence="msg_zerocopy/transmission/enobufs",
    section="Transmission",
    says="A send with MSG_ZEROCOPY on a TCP or UDP socket that would take more than its limit of optional "
    "memory, net.core.optmem_max (here 0), fails with ENOBUFS, where one without the flag succeeds, and one "
    "with it below the limit.",
    since="5.0",
    needs=[sysctl("net.core.optmem_max")],
)
@PAIRS
def test_the_notification_takes_optional_memory(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        received = [send_and_receive(sender, receiver, ZEROCOPY)]
        counted = completed(sender)
        ns.sysctl["net.core.optmem_max"] = 0
        with refused(errno.ENOBUFS):
            sender.send(DATA, ZEROCOPY)
        received.append(send_and_receive(sender, receiver, 0))

        assert observe("received_and_counted", [*received, counted]) == [5000, 5000, [0, 0]]


@claim(
    "msg_zerocopy/range/coalesced",
    sentence=(
        "msg_zerocopy/range/coalesced",
        "msg_zerocopy/range/extended",
        "msg_zerocopy/parsing/range",
    ),
    section="Notification Batching",
    says="The notifications of three sends of a UDP socket that come before any is received are one, of the "
    "range 0 to 2; the next begins with 3.",
    since="5.0",
)
@FAMILIES
def test_notifications_are_coalesced(ns, observe, family):
    sender, receiver = udp_pair(family)
    with sender, receiver:
        sender.zerocopy = True
        received = [send_and_receive(sender, receiver, ZEROCOPY) for _ in range(3)]
        ranges = [completed(sender), sender.recv_error() is None]
        received.append(send_and_receive(sender, receiver, ZEROCOPY))
        ranges.append(completed(sender))

        assert [observe("received", received), observe("ranges", ranges)] == [
            [5000, 5000, 5000, 5000],
            [[0, 2], True, [3, 3]],
        ]


@claim(
    "msg_zerocopy/loopback/copied",
    sentence=(
        "msg_zerocopy/loopback/copied",
        "msg_zerocopy/copies/told",
        "msg_zerocopy/copies/not-guaranteed",
    ),
    section="Loopback",
    says="What a TCP or UDP socket sends to a local socket is copied, which its notification tells "
    "(SO_EE_CODE_ZEROCOPY_COPIED).",
    since="5.0",
)
@PAIRS
def test_what_is_looped_is_copied(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        send_and_receive(sender, receiver, ZEROCOPY)
        await_error(sender)

        assert observe("copied", sender.recv_error().copied) is True


@claim(
    "msg_zerocopy/loopback/unread",
    sentence=("msg_zerocopy/loopback/unbounded", "msg_zerocopy/copies/before-received"),
    section="Loopback",
    says="The notification of what a TCP or UDP socket sends to a local socket comes though the receiver "
    "does not read it.",
    since="5.0",
)
@PAIRS
def test_nobody_need_read(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.zerocopy = True
        sender.send(DATA, ZEROCOPY)
        counted = completed(sender)

        assert observe("counted_and_read", [counted, len(receiver.recv(9000))]) == [[0, 0], 5000]


@claim(
    "msg_zerocopy/parsing/extended-error",
    sentence=(
        "msg_zerocopy/parsing/level",
        "msg_zerocopy/parsing/origin",
        "msg_zerocopy/reception/zero-error",
    ),
    section="Notification Parsing",
    says="A notification of a TCP or UDP socket is an IP_RECVERR or IPV6_RECVERR of origin "
    "SO_EE_ORIGIN_ZEROCOPY with errno 0: it sets no SO_ERROR, and sends and receives go on beside it.",
    since="5.0",
)
@PAIRS
def test_a_notification_is_no_error(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        send_and_receive(sender, receiver, ZEROCOPY)
        await_error(sender)
        pending = sender.error
        received = send_and_receive(sender, receiver, 0)
        [error] = sender.recv_message(9, flags=socket.MSG_ERRQUEUE).control

        assert [
            observe("pending_and_received", [pending, received]),
            observe("errno_and_origin", [error.errno, int(error.origin)]),
        ] == [[0, 5000], [0, Origin.ZEROCOPY]]


@claim(
    "msg_zerocopy/reception/poll",
    sentence=("msg_zerocopy/reception/poll", "msg_zerocopy/reception/not-asked"),
    section="Notification Reception",
    says="poll(2) of a TCP or UDP socket, with no event asked for, gives POLLERR while a notification is "
    "there.",
    since="5.0",
)
@PAIRS
def test_poll_gives_a_notification(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        events = [polled(sender, 0, 0)]
        send_and_receive(sender, receiver, ZEROCOPY)
        events.append(polled(sender, 0, SOON))
        sender.recv_error()
        events.append(polled(sender, 0, 0))

        assert observe("events", events) == [0, select.POLLERR, 0]


@claim(
    "msg_zerocopy/reception/never-blocks",
    sentence="msg_zerocopy/reception/never-blocks",
    section="Notification Reception",
    says="Receiving from the empty error queue of a blocking TCP or UDP socket with SO_ZEROCOPY fails with "
    "EAGAIN at once.",
    since="5.0",
)
@PAIRS
def test_the_error_queue_never_blocks(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        with refused(errno.EAGAIN):
            sender.recvmsg(9, 99, socket.MSG_ERRQUEUE)
        send_and_receive(sender, receiver, ZEROCOPY)
        await_error(sender)

        assert observe("messages", len(sender.recvmsg(9, 99, socket.MSG_ERRQUEUE)[1])) == 1
