"""What type checkers infer of messages, held as in ``test_typing.py``."""

from __future__ import annotations

from typing import assert_type

import pytest

from libsocket import (
    UNSPEC,
    Address,
    Batch,
    Control,
    ExtendedError,
    Filter,
    Inet,
    Message,
    Pidfd,
    Rights,
    Socket,
    Timestamps,
    TransmitTimestamp,
    Ttl,
    Ucred,
    ZerocopyCompletion,
)


def test_message_and_its_parts_are_typed() -> None:
    left, right = Socket.pair()
    with left, right:
        sent = assert_type(left.send_message(b"x", Rights(left)), int)
        message = assert_type(right.recv_message(1), Message)
        data = assert_type(message.data, bytes)
        control = assert_type(message.control, tuple[Control, ...])
        truncated = assert_type(message.control_truncated, bool)
        with assert_type(message.__enter__(), Message) as same:
            parts = (sent, data, len(control), truncated, same is message)

    assert parts == (1, b"x", 1, False, True)


def test_found_message_has_the_type_asked_for() -> None:
    message = Message(b"", (Ttl(3), Ucred(1, 2, 3), Pidfd(4)))
    found = (
        assert_type(message.find(Ttl), Ttl | None),
        assert_type(message.find(Ucred), Ucred | None),
        assert_type(message.find(Pidfd), Pidfd | None),
        assert_type(message.find(Timestamps), Timestamps | None),
    )

    assert found == (3, (1, 2, 3), Pidfd(4), None)


def test_taken_descriptors_are_numbers() -> None:
    assert (assert_type(Rights(1).take(), list[int]), assert_type(Rights(1).fds, tuple[int, ...])) == (
        [],
        (1,),
    )


def test_batches_are_lists_of_messages() -> None:
    left, right = Socket.pair()
    with left, right:
        count = assert_type(left.send_messages([b"x", Message(b"y")]), int)
        got = assert_type(right.recv_messages(Batch()), list[Message])

    assert (count, len(got)) == (2, 1)


def test_reports_are_one_of_three() -> None:
    with Socket.udp() as sock:
        report = assert_type(sock.recv_error(), ExtendedError | ZerocopyCompletion | TransmitTimestamp | None)
        program = assert_type(sock.filter(), Filter | None)

    assert (report, program) == (None, None)


def test_ends_are_addresses_and_any_address_is_sent_to() -> None:
    with Socket.udp() as sock:
        sock.bind(Inet("127.0.0.1", 0))
        own = assert_type(sock.local_address(), Address | None)
        assert own is not None
        sent = assert_type(sock.sendto(b"x", own), int), assert_type(sock.sendto(b"x", 0, own), int)
        connected = assert_type(sock.connect_ex(UNSPEC), int)

    assert (sent, connected) == ((1, 1), 0)


def test_what_is_no_control_message_is_refused() -> None:
    left, right = Socket.pair()
    with left, right, pytest.raises(TypeError, match="a int cannot be sent"):
        left.send_message(b"x", 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
