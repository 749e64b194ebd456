"""Values into bytes and back."""

from __future__ import annotations

import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from libsocket import (
    INT,
    LINGER,
    SECONDS,
    SIZE,
    TIMEVAL,
    UCRED,
    UNSIGNED,
    UNSIGNED64,
    Linger,
    Timeval,
    Ucred,
    text,
)
from libsocket.codecs import FLAG
from libsocket.layouts.tcp import TCP_INFO_LAYOUT

C_INT = st.integers(-(2**31), 2**31 - 1)
C_LONG = st.integers(-(2 ** (8 * struct.calcsize("l") - 1)), 2 ** (8 * struct.calcsize("l") - 1) - 1)
ID = st.integers(-1, 2**32 - 2)


@given(C_INT)
def test_int_round_trip(value: int) -> None:
    assert INT.decode(INT.encode(value)) == value


@given(st.booleans())
def test_flag_round_trip(value: bool) -> None:
    assert FLAG.decode(FLAG.encode(value)) is value


@given(st.integers(0, 2**31 - 1))
def test_size_round_trip(value: int) -> None:
    assert SIZE.decode(SIZE.encode(value)) == value


@given(st.integers(0, 2**32 - 1))
def test_unsigned_round_trip(value: int) -> None:
    assert UNSIGNED.decode(UNSIGNED.encode(value)) == value


@given(st.integers(0, 2**64 - 1))
def test_unsigned64_round_trip(value: int) -> None:
    assert UNSIGNED64.decode(UNSIGNED64.encode(value)) == value


@given(st.builds(Linger, st.booleans(), C_INT))
def test_linger_round_trip(value: Linger) -> None:
    assert LINGER.decode(LINGER.encode(value)) == value


@given(st.builds(Ucred, C_INT, ID, ID))
def test_ucred_round_trip(value: Ucred) -> None:
    assert UCRED.decode(UCRED.encode(value)) == value


@given(st.builds(Timeval, C_LONG, st.integers(-(2**31), 2**31 - 1)))
def test_timeval_round_trip(value: Timeval) -> None:
    assert TIMEVAL.decode(TIMEVAL.encode(value)) == value


@given(st.integers(0, 10**12))
def test_whole_microseconds_round_trip(usec: int) -> None:
    seconds = usec / 1_000_000

    assert abs(SECONDS.decode(SECONDS.encode(seconds)) - seconds) <= 0.000_001


@given(st.floats(min_value=0, max_value=2**31, exclude_min=True))
def test_timeout_is_never_shortened(seconds: float) -> None:
    assert SECONDS.decode(SECONDS.encode(seconds)) >= seconds


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=3))
def test_name_round_trip(name: str) -> None:
    assert text(16).decode(text(16).encode(name)) == name


@given(st.binary(max_size=15).filter(lambda data: b"\0" not in data))
def test_name_in_any_encoding_round_trip(data: bytes) -> None:
    assert text(16).encode(os.fsdecode(data)) == data + b"\0"


@given(st.binary(max_size=400))
def test_tcp_info_of_any_length_is_reported_as_far_as_it_goes(data: bytes) -> None:
    info = TCP_INFO_LAYOUT.decode(data).as_dict()

    assert (("rto" in info), ("total_retrans" in info), ("snd_wnd" in info)) == (
        len(data) >= 12,
        len(data) >= 104,
        len(data) >= 232,
    )


def test_tcp_info_fields_are_where_c_puts_them() -> None:
    words = struct.pack("=8B", 1, 2, 3, 4, 5, 6, 0x7A, 0b101) + struct.pack("=24I", *range(24)) + bytes(176)
    info = TCP_INFO_LAYOUT.decode(words)

    assert (info.state, info.options, info.rto, info.total_retrans, info.snd_wnd) == (1, 6, 0, 23, 0)
