"""What type checkers infer: mypy and pyright read these assertions, and at run time they hold as well."""

from __future__ import annotations

from typing import Any, assert_type

import pytest

from libsocket import (
    PACKET_HDRLEN,
    SO_LINGER,
    SO_RCVBUF,
    SO_RCVTIMEO,
    TIMEVAL,
    Borrowed,
    BufLock,
    Change,
    Fd,
    Linger,
    Option,
    PortRange,
    Socket,
    TcpInfo,
    Timestamping,
    TimestampingFlag,
    Timeval,
    Ucred,
    diff,
)
from libsocket.values.record import Field
from tests.libsocket.kernel import old_enough


def test_attribute_of_a_socket_has_the_options_type() -> None:
    with Socket.tcp() as sock:
        values = (
            assert_type(sock.rcvbuf, int),
            assert_type(sock.keepalive, bool),
            assert_type(sock.rcvtimeo, float),
            assert_type(sock.linger, Linger),
            assert_type(sock.peercred, Ucred),
            assert_type(sock.bindtodevice, str),
            assert_type(sock.tcp_info, TcpInfo),
        )

    assert [type(value) for value in values] == [int, bool, float, Linger, Ucred, str, TcpInfo]


def test_attribute_of_the_class_is_the_option() -> None:
    option = assert_type(Socket.rcvbuf, Option[int])

    assert option is SO_RCVBUF


def test_values_of_other_levels_have_their_types() -> None:
    left, right = Socket.pair()
    with Socket.udp() as sock, left, right, old_enough(), assert_type(left.peerpidfd, Fd) as pidfd:
        values = (
            assert_type(pidfd.fileno(), int),
            assert_type(sock.timestamping, Timestamping),
            assert_type(sock.timestamping.flags, TimestampingFlag),
            assert_type(sock.buf_lock, BufLock),
            assert_type(sock.ip_local_port_range, PortRange),
            assert_type(left.peergroups, tuple[int, ...]),
        )

    assert [type(value) for value in values] == [
        int,
        Timestamping,
        TimestampingFlag,
        BufLock,
        PortRange,
        tuple,
    ]


def test_what_is_read_by_a_request_has_the_options_type() -> None:
    with Socket.packet() as sock:
        assert assert_type(sock.get(PACKET_HDRLEN, request=2), int) == 48


def test_fields_of_a_record_have_their_types() -> None:
    with Socket.tcp() as sock:
        info = sock.tcp_info
        values = (assert_type(info.rtt, int), assert_type(info.delivery_rate_app_limited, bool))

    assert [type(value) for value in values] == [int, bool]


def test_field_of_the_class_is_the_field() -> None:
    assert assert_type(TcpInfo.rtt, Field[int]).name == "rtt"


def test_borrowed_socket_has_a_class_of_its_own() -> None:
    with Socket.udp() as owner, assert_type(Socket.borrow(owner.fileno()), Borrowed) as sock:
        assert isinstance(sock, Socket)


def test_difference_has_named_sides() -> None:
    assert assert_type(diff({"a": 1}, {}), dict[str, Change]) == {"a": Change(1, None)}


def test_get_has_the_options_type() -> None:
    with Socket.tcp() as sock:
        size = assert_type(sock.get(SO_RCVBUF), int)
        linger = assert_type(sock.get(SO_LINGER), Linger)
        exact = assert_type(sock.get(SO_RCVTIMEO.through(TIMEVAL)), Timeval)

    assert (type(size), type(linger), type(exact)) == (int, Linger, Timeval)


def test_sockets_made_from_sockets_have_the_class() -> None:
    left, right = assert_type(Socket.pair(), tuple[Socket, Socket])
    with left, right, assert_type(left.dup(), Socket) as copy:
        assert isinstance(copy, Socket)


def test_accept_has_the_class() -> None:
    with Socket.unix() as listener, Socket.unix() as client:
        listener.bind("")
        listener.listen()
        client.connect(listener.getsockname())
        server, address = assert_type(listener.accept(), tuple[Socket, Any])
        with server:
            assert (type(server), address) == (Socket, "")


def test_number_is_no_flag_to_type_checkers() -> None:
    with Socket.tcp() as sock:
        sock.rcvlowat = True
        sock.keepalive = 1  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        sock.set(SO_RCVBUF, 4096)

        assert sock.keepalive is True


def test_text_is_refused_where_a_number_is_due() -> None:
    with Socket.tcp() as sock, pytest.raises(TypeError, match="SO_RCVBUF cannot be 'x'"):
        sock.rcvbuf = "x"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]


def test_set_refuses_what_is_no_value_of_the_option() -> None:
    with Socket.tcp() as sock, pytest.raises(TypeError, match="SO_LINGER cannot be 1"):
        sock.set(SO_LINGER, 1)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]


def test_misspelt_option_is_refused() -> None:
    with Socket.tcp() as sock, pytest.raises(AttributeError, match="rcvbuff"):
        sock.rcvbuff = 4096  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
