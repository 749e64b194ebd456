"""MSG_ZEROCOPY: how a socket tells that what was sent is the sender's again."""

from __future__ import annotations

import errno
import select
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, link, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.error_queue import reports
from conformance.plugin.setups.pairs import (
    INTERNET_PAIRS,
    TCP_PAIRS,
    UDP_PAIRS,
    udp_pair,
)
from conformance.plugin.setups.readiness import await_error, polled
from conformance.plugin.timing import LONG, SOON
from libsocket import IP_RECVERR, IPV6_RECVERR, ExtendedError, MessageFlag, Origin, Socket, ZerocopyCompletion

ZEROCOPY = MessageFlag.ZEROCOPY
DATA = b"x" * 5000
TOO_LONG = bytes(65_536)
RECVERR = {socket.AF_INET: IP_RECVERR, socket.AF_INET6: IPV6_RECVERR}

UDP = pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
TCP = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
UDP_AND_TCP = pytest.mark.parametrize("pair", INTERNET_PAIRS.values(), ids=INTERNET_PAIRS)


def passed(sender: Socket, receiver: Socket, flags: int) -> int:
    """Send some data and receive it; how many bytes came."""
    receiver.rcvtimeo = SOON
    sender.send(DATA, flags)
    return len(receiver.recv(len(DATA), socket.MSG_WAITALL))


def next_completion(sock: Socket) -> ZerocopyCompletion:
    """The next notification, once there is one. What is none differs."""
    await_error(sock)
    report = sock.recv_error()
    assert isinstance(report, ZerocopyCompletion), f"{report!r} is queued"
    return report


def completed(sock: Socket) -> list[int]:
    """The first and the last send that the next notification is of."""
    completion = next_completion(sock)
    return [completion.first, completion.last]


@claim(
    "msg_zerocopy/SO_ZEROCOPY/first",
    sentence=(
        "msg_zerocopy/intro/protocols",
        "msg_zerocopy/SO_ZEROCOPY/ignored-without",
        "msg_zerocopy/SO_ZEROCOPY/first",
        "msg_zerocopy/notifications/queued",
    ),
    section="Socket Setup",
    says="A send with MSG_ZEROCOPY on a TCP or UDP socket is sent without SO_ZEROCOPY and has no "
    "notification, and has one with it.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_the_option_comes_first(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        received = [passed(sender, receiver, ZEROCOPY)]
        without = len(reports(sender))
        sender.zerocopy = True
        received.append(passed(sender, receiver, ZEROCOPY))

        assert [
            observe("received", received),
            observe("without_and_with", [without, completed(sender)]),
        ] == [[5000, 5000], [0, [0, 0]]]


@claim(
    "msg_zerocopy/transmission/enobufs",
    sentence="msg_zerocopy/transmission/enobufs",
    section="Transmission",
    says="A send with MSG_ZEROCOPY on a TCP or UDP socket with SO_ZEROCOPY fails with ENOBUFS where "
    "net.core.optmem_max is 0, and succeeds without the flag, and with it where there is room.",
    since="5.0",
    needs=[sysctl("net.core.optmem_max"), IPV6],
)
@UDP_AND_TCP
def test_a_notification_takes_optional_memory(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        received = [passed(sender, receiver, ZEROCOPY)]
        counted = completed(sender)
        ns.sysctl["net.core.optmem_max"] = 0
        with refused(errno.ENOBUFS):
            sender.send(DATA, ZEROCOPY)
        received.append(passed(sender, receiver, 0))

        assert [observe("received", received), observe("counted", counted)] == [[5000, 5000], [0, 0]]


@claim(
    "msg_zerocopy/counter/calls",
    sentence=("msg_zerocopy/mixing/safe", "msg_zerocopy/counter/increments", "msg_zerocopy/counter/calls"),
    section="Notifications",
    says="The sends of 5000 bytes with MSG_ZEROCOPY on a TCP or UDP socket with SO_ZEROCOPY are counted from "
    "0, one each; those without the flag are sent between them and not counted.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_sends_with_the_flag_are_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        received = [passed(sender, receiver, ZEROCOPY)]
        counted = [completed(sender)]
        received.append(passed(sender, receiver, 0))
        received.append(passed(sender, receiver, ZEROCOPY))
        counted.append(completed(sender))

        assert [observe("received", received), observe("counted", counted)] == [
            [5000, 5000, 5000],
            [[0, 0], [1, 1]],
        ]


@claim(
    "msg_zerocopy/counter/no-bytes",
    sentence="msg_zerocopy/counter/not-incremented",
    section="Notifications",
    says="A send of no bytes on a TCP socket is not counted.",
    since="4.14",
    needs=[IPV6],
    survives={'no-op: sendto(""*': "nothing is to be sent, and nothing to be seen of it"},
)
@TCP
def test_no_bytes_are_not_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        sender.send(b"", ZEROCOPY)
        received = passed(sender, receiver, ZEROCOPY)

        assert [observe("received", received), observe("counted", completed(sender))] == [5000, [0, 0]]


@claim(
    "msg_zerocopy/counter/empty-datagram",
    sentence="msg_zerocopy/counter/not-incremented",
    section="Notifications",
    says="A send of no bytes on a UDP socket is not counted.",
    since="5.0",
    needs=[IPV6],
    expect=differs(
        "an empty datagram is sent and counted",
        since="5.0",
        commit="b5947e5d1e71",
        observed={"received": 0, "counted": [0, 1]},
    ),
)
@UDP
def test_an_empty_datagram_is_not_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.zerocopy = True
        sender.send(b"", ZEROCOPY)
        observe("received", len(receiver.recv(9)))
        passed(sender, receiver, ZEROCOPY)

        assert observe("counted", completed(sender)) == [0, 0]


@claim(
    "msg_zerocopy/counter/failure",
    sentence="msg_zerocopy/counter/not-incremented",
    section="Notifications",
    says="A send on a UDP socket that fails, of more bytes than a datagram has room for, is not counted.",
    since="5.0",
    needs=[IPV6],
)
@UDP
def test_a_failure_is_not_counted(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        with refused():
            sender.send(TOO_LONG, ZEROCOPY)
        received = passed(sender, receiver, ZEROCOPY)

        assert [observe("received", received), observe("counted", completed(sender))] == [5000, [0, 0]]


@claim(
    "msg_zerocopy/reception/never-waits",
    sentence="msg_zerocopy/reception/never-waits",
    section="Notification Reception",
    says="Reading the empty error queue of a blocking TCP or UDP socket with SO_ZEROCOPY does not wait.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_the_error_queue_is_never_waited_for(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.rcvtimeo = LONG
        sender.zerocopy = True
        with refused():
            sender.recvmsg(9, 99, MessageFlag.ERRQUEUE)
        passed(sender, receiver, ZEROCOPY)

        assert observe("counted", completed(sender)) == [0, 0]


@claim(
    "msg_zerocopy/reception/poll",
    sentence=("msg_zerocopy/reception/poll", "msg_zerocopy/reception/not-asked"),
    section="Notification Reception",
    says="poll(2) of a TCP or UDP socket, asked for no event, waits for a notification, and tells POLLERR "
    "while there is one.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_poll_tells_of_a_notification(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        before = polled(sender, 0)
        passed(sender, receiver, ZEROCOPY)
        during = polled(sender, 0, SOON)
        sender.recv_error()

        assert observe("events", [before, during, polled(sender, 0)]) == [0, select.POLLERR, 0]


@claim(
    "msg_zerocopy/reception/no-error",
    sentence="msg_zerocopy/reception/zero-error",
    section="Notification Reception",
    says="A notification that waits at a TCP or UDP socket sets no SO_ERROR, and a send goes on beside it.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_a_notification_is_no_error(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        passed(sender, receiver, ZEROCOPY)
        await_error(sender)
        pending = sender.error
        received = passed(sender, receiver, 0)

        assert [observe("pending_and_received", [pending, received]), completed(sender)] == [
            [0, 5000],
            [0, 0],
        ]


@claim(
    "msg_zerocopy/range/coalesced",
    sentence=(
        "msg_zerocopy/range/coalesced",
        "msg_zerocopy/range/extended",
        "msg_zerocopy/parsing/range",
    ),
    section="Notification Batching",
    says="The notifications of three sends on a UDP socket that come before one is received are one, of the "
    "range 0 to 2; the next begins with 3.",
    since="5.0",
    needs=[IPV6],
)
@UDP
def test_notifications_are_coalesced(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        received = [passed(sender, receiver, ZEROCOPY) for _ in range(3)]
        ranges = [completed(sender)]
        more = len(reports(sender))
        received.append(passed(sender, receiver, ZEROCOPY))
        ranges.append(completed(sender))

        assert [observe("received", received), observe("ranges", ranges), observe("more", more)] == [
            [5000, 5000, 5000, 5000],
            [[0, 2], [3, 3]],
            0,
        ]


@claim(
    "msg_zerocopy/parsing/extended-error",
    sentence=("msg_zerocopy/parsing/level", "msg_zerocopy/parsing/origin"),
    section="Notification Parsing",
    says="A notification of a TCP or UDP socket is one control message, IP_RECVERR at SOL_IP or IPV6_RECVERR "
    "at SOL_IPV6, with the origin SO_EE_ORIGIN_ZEROCOPY and ee_errno 0.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_a_notification_is_an_extended_error(ns, observe, pair):
    sender, receiver = pair()
    recverr = RECVERR[sender.family]
    with sender, receiver:
        sender.zerocopy = True
        passed(sender, receiver, ZEROCOPY)
        await_error(sender)
        headers = [header[:2] for header in control_headers(sender, MessageFlag.ERRQUEUE)]
        passed(sender, receiver, ZEROCOPY)
        await_error(sender)
        errors = control_messages(sender, ExtendedError, flags=MessageFlag.ERRQUEUE)
        seen = [[Origin(one.origin).name, one.errno] for one in errors]

        assert [observe("headers", headers), observe("origin_and_errno", seen)] == [
            [[recverr.level, recverr.number]],
            [["ZEROCOPY", 0]],
        ]


@claim(
    "msg_zerocopy/copies/told",
    sentence="msg_zerocopy/copies/told",
    section="Deferred copies",
    says="A notification tells that data was copied (SO_EE_CODE_ZEROCOPY_COPIED) of a UDP datagram over IPv4 "
    "to a local socket, and not of one that leaves by an interface (dummy).",
    since="5.0",
    needs=[link("dummy")],
)
def test_a_copy_is_told(ns, observe):
    ns.add_dummy("dummy")
    ns.set_link("dummy", up=True)
    ns.add_address("dummy", "10.0.3.1/24")
    sender, receiver = udp_pair()
    with sender, receiver, Socket.udp() as leaving:
        sender.zerocopy = leaving.zerocopy = True
        passed(sender, receiver, ZEROCOPY)
        leaving.sendto(b"x" * 1000, ZEROCOPY, ("10.0.3.2", 9))
        copied = [next_completion(sender).copied, next_completion(leaving).copied]

        assert observe("copied", copied) == [True, False]


@claim(
    "msg_zerocopy/loopback/copied",
    sentence=("msg_zerocopy/loopback/copied", "msg_zerocopy/copies/not-guaranteed"),
    section="Loopback",
    says="What a TCP or UDP socket sends to a local socket is copied, as its notification tells.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_what_is_looped_is_copied(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.zerocopy = True
        passed(sender, receiver, ZEROCOPY)

        assert observe("copied", next_completion(sender).copied) is True


@claim(
    "msg_zerocopy/loopback/unread",
    sentence=("msg_zerocopy/loopback/unbounded", "msg_zerocopy/copies/before-received"),
    section="Loopback",
    says="The notification of what a TCP or UDP socket sends to a local socket comes though the receiver "
    "does not read it.",
    since="5.0",
    needs=[IPV6],
)
@UDP_AND_TCP
def test_nobody_need_read(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.zerocopy = True
        sender.send(DATA, ZEROCOPY)
        counted = completed(sender)

        assert [observe("counted", counted), observe("read", len(receiver.recv(9000)))] == [[0, 0], 5000]
