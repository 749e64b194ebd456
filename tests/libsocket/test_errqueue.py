"""What an error queue holds, in a namespace of its own."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator

import pytest

import libsocket as ls
from libsocket import (
    ExtendedError,
    Inet,
    MessageFlag,
    Origin,
    Socket,
    Timestamping,
    TimestampingFlag,
    TimestampType,
    TransmitTimestamp,
    ZerocopyCompletion,
)
from netns import Namespace
from tests.libsocket.kernel import old_enough_for

Ends = tuple[Socket, Socket]
HOUR = 3_600_000_000_000


@pytest.fixture(autouse=True)
def place() -> Iterator[Namespace]:
    with Namespace() as made:
        yield made


@pytest.fixture
def udp() -> Iterator[Ends]:
    with Socket.udp() as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        near.connect(far.getsockname())
        yield near, far


@pytest.fixture
def tcp() -> Iterator[Ends]:
    near, far = Socket.tcp_pair()
    with near, far:
        yield near, far


@pytest.mark.parametrize("timeout", [None, 0, 60])
def test_empty_queue_never_waits(timeout: float | None) -> None:
    with Socket.udp() as sock:
        sock.settimeout(timeout)

        assert sock.recv_error() is None


def test_refused_datagram_is_reported_with_all_about_it() -> None:
    with Socket.udp() as sock:
        sock.ip_recverr = True
        sock.sendto(b"lost", ("127.0.0.1", 9))

        assert sock.recv_error() == ExtendedError(
            errno.ECONNREFUSED,
            Origin.ICMP,
            type=3,
            code=3,
            offender=Inet("127.0.0.1", 0),
            payload=b"lost",
            address=Inet("127.0.0.1", 9),
        )


def test_refused_ipv6_datagram_is_reported_with_all_about_it() -> None:
    with Socket.udp(socket.AF_INET6) as sock:
        sock.ipv6_recverr = True
        sock.sendto(b"lost", ("::1", 9))

        assert sock.recv_error() == ExtendedError(
            errno.ECONNREFUSED,
            Origin.ICMP6,
            type=1,
            code=4,
            offender=ls.Inet6("::1", 0),
            payload=b"lost",
            address=ls.Inet6("::1", 9),
        )


def test_errors_come_one_by_one() -> None:
    with Socket.udp() as sock:
        sock.ip_recverr = True
        sock.sendto(b"one", ("127.0.0.1", 9))
        reports = [sock.recv_error()]
        sock.sendto(b"two", ("127.0.0.1", 10))
        reports += [sock.recv_error(), sock.recv_error()]

        assert [getattr(one, "payload", None) for one in reports] == [b"one", b"two", None]


def test_queued_errors_are_found_with_a_timeout_too() -> None:
    with Socket.udp() as sock:
        sock.settimeout(60)
        sock.ip_recverr = True
        sock.sendto(b"lost", ("127.0.0.1", 9))

        assert isinstance(sock.recv_error(), ExtendedError)


def test_local_error_gives_the_path_mtu(udp: Ends, place: Namespace) -> None:
    near, _ = udp
    place.set_link("lo", mtu=1500)
    near.ip_recverr = True
    near.ip_mtu_discover = 2
    with pytest.raises(OSError, match="too long"):
        near.send(bytes(2000))
    error = near.recv_error()

    assert isinstance(error, ExtendedError)
    assert (error.errno, error.origin, error.info, error.offender) == (
        errno.EMSGSIZE,
        Origin.LOCAL,
        1500,
        None,
    )


def test_payload_is_cut_to_the_room_for_it() -> None:
    with Socket.udp() as sock:
        sock.ip_recverr = True
        sock.sendto(b"lost", ("127.0.0.1", 9))
        error = sock.recv_error(2)

        assert isinstance(error, ExtendedError)
        assert error.payload == b"lo"


def test_zero_copy_sends_complete_as_a_range(tcp: Ends) -> None:
    near, far = tcp
    near.zerocopy = True
    for _ in range(3):
        near.send(bytes(10_000), MessageFlag.ZEROCOPY)
    far.read_exact(30_000)

    assert near.recv_error() == ZerocopyCompletion(0, 2, copied=True)


@pytest.mark.parametrize("address", [None, ls.Other(socket.AF_INET, Inet("127.0.0.1", 9).raw[2:])])
def test_zero_copy_is_refused_where_the_data_is_copied(udp: Ends, address: ls.Other | None) -> None:
    near, _ = udp

    with pytest.raises(ValueError, match="MSG_ZEROCOPY sends from the caller's own memory"):
        near.send_messages([ls.Message(b"x", address=address)], flags=MessageFlag.ZEROCOPY)


def test_transmit_timestamps_give_type_and_send(udp: Ends) -> None:
    near, far = udp
    flags = TimestampingFlag.TX_SCHED | TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE
    near.timestamping = Timestamping(flags | TimestampingFlag.OPT_ID | TimestampingFlag.OPT_TSONLY)
    near.send(b"one")
    near.send(b"two")
    far.recv(3)
    reports = [near.recv_error() for _ in range(5)]

    assert [(one.type, one.id) for one in reports if isinstance(one, TransmitTimestamp)] == [
        (TimestampType.SCHED, 0),
        (TimestampType.SND, 0),
        (TimestampType.SCHED, 1),
        (TimestampType.SND, 1),
    ]


def test_transmit_timestamp_is_now_and_brings_the_packet(udp: Ends) -> None:
    near, _ = udp
    near.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE)
    near.send(b"packet")
    report = near.recv_error()

    assert isinstance(report, TransmitTimestamp)
    assert (abs(time.time_ns() - report.times.software.nanoseconds) < HOUR, report.payload[-6:]) == (
        True,
        b"packet",
    )


def test_send_gives_its_timestamp_a_name(udp: Ends) -> None:
    near, _ = udp
    flags = TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_ID
    near.timestamping = Timestamping(flags)
    with old_enough_for(ls.TimestampId):
        near.send_message(b"x", ls.TimestampId(0xDEAD_BEEF))
    report = near.recv_error()

    assert isinstance(report, TransmitTimestamp)
    assert report.id == 0xDEAD_BEEF


def test_send_asks_for_its_own_timestamps(udp: Ends) -> None:
    near, _ = udp
    reporting = TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_ID | TimestampingFlag.OPT_TSONLY
    near.timestamping = Timestamping(reporting | TimestampingFlag.TX_SOFTWARE)
    near.send_message(b"without", TimestampingFlag(0))
    near.send_message(b"scheduled", TimestampingFlag.TX_SCHED)
    near.send(b"as the socket says")
    reports = [near.recv_error() for _ in range(3)]

    assert [(one.type, one.id) for one in reports if isinstance(one, TransmitTimestamp)] == [
        (TimestampType.SCHED, 0),
        (TimestampType.SND, 1),
    ]


def test_only_what_to_take_can_be_asked_by_a_send(udp: Ends) -> None:
    near, _ = udp

    with pytest.raises(OSError, match="Invalid argument"):
        near.send_message(b"x", TimestampingFlag.OPT_ID)


def test_acknowledgement_brings_what_tcp_knew(tcp: Ends) -> None:
    near, far = tcp
    flags = TimestampingFlag.TX_ACK | TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_ID
    near.timestamping = Timestamping(flags | TimestampingFlag.OPT_TSONLY | TimestampingFlag.OPT_STATS)
    near.send(b"abc")
    far.read_exact(3)
    report = near.recv_error()

    assert isinstance(report, TransmitTimestamp)
    assert (report.type, report.id, report.payload, len(report.stats) > 100) == (
        TimestampType.ACK,
        2,
        b"",
        True,
    )


def test_packet_socket_gives_transmit_timestamps() -> None:
    with Socket.packet(socket.SOCK_DGRAM) as sock:
        flags = TimestampingFlag.TX_SCHED | TimestampingFlag.SOFTWARE | TimestampingFlag.OPT_ID
        sock.timestamping = Timestamping(flags)
        sock.send_message(b"frame", address=ls.Packet(1, 0x88B5, address=bytes(6)))
        report = sock.recv_error()

        assert isinstance(report, TransmitTimestamp)
        assert (report.type, report.id) == (TimestampType.SCHED, 0)


def test_reports_are_received_in_a_batch_as_messages(udp: Ends) -> None:
    near, _ = udp
    near.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE)
    near.send_messages([b"x"] * 5)
    got = near.recv_messages(ls.Batch(8, 100, 256), flags=socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)

    assert [type(ls.reported(one)) for one in got] == [TransmitTimestamp] * 5


def test_report_without_room_for_what_it_is_says_nothing(udp: Ends) -> None:
    near, _ = udp
    near.ip_recverr = True
    near.sendto(b"lost", ("127.0.0.1", 9))

    assert near.recv_error(control=0) is None


def test_closed_socket_is_a_bad_descriptor() -> None:
    sock = Socket.udp()
    sock.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        sock.recv_error()
