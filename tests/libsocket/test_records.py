"""Structures that grow: read as far as they go, each field where C puts it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsocket import MptcpInfo, Record, Socket, TcpInfo
from libsocket.values.record import Field, bit, bits, number


class Sample(Record, c_name="SAMPLE"):
    __slots__ = ()

    one: Field[int] = number("B")
    low: Field[int] = bits("B", 4)
    high: Field[int] = bits("B", 4, 4)
    flag: Field[bool] = bit("B")
    wide: Field[int] = number("I")
    long: Field[int] = number("Q")


def test_fields_are_aligned_and_bit_fields_share() -> None:
    places = {field.name: field.offset for field in Sample.fields}

    assert places == {"one": 0, "low": 1, "high": 1, "flag": 2, "wide": 4, "long": 8}


def test_field_on_the_class_is_the_field() -> None:
    assert Sample.wide is Sample.fields[4]


@given(st.binary(max_size=40))
def test_any_length_is_reported_as_far_as_it_goes(data: bytes) -> None:
    fields = Sample(data).as_dict()

    assert list(fields) == [field.name for field in Sample.fields if field.end <= len(data)]


def test_field_beyond_the_end_names_the_structure() -> None:
    with pytest.raises(AttributeError, match="this kernel's SAMPLE has no long"):
        _ = Sample(bytes(8)).long


def test_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Sample(bytes(16)).wide = 1  # type: ignore[misc]


def test_equal_bytes_are_equal_records() -> None:
    ours = Sample(b"ab")

    assert (ours == Sample(b"ab"), ours == Sample(b"abc"), ours == TcpInfo(b"ab")) == (True, False, False)


def test_record_is_shown_as_far_as_it_goes() -> None:
    assert repr(Sample(bytes([7, 0x21]))).startswith("Sample(one=7, low=")


def test_booleans_are_booleans() -> None:
    with Socket.tcp() as sock:
        assert type(sock.tcp_info.delivery_rate_app_limited) is bool


@pytest.mark.parametrize(("kind", "size"), [(TcpInfo, 280), (MptcpInfo, 96)])
def test_size_is_cs(kind: type[Record], size: int) -> None:
    assert kind.fields[-1].end == size


HEADER = Path("/usr/include/linux/tcp.h")


@pytest.mark.skipif(not HEADER.exists(), reason="the kernel's headers are not here: install linux-libc-dev")
def test_fields_are_those_of_the_installed_header_in_order() -> None:
    _, _, body = HEADER.read_text().partition("struct tcp_info {")
    code = re.sub(r"/\*.*?\*/", "", body.partition("\n};")[0], flags=re.DOTALL)
    declared = re.findall(r"\btcpi_(\w+)\s*[:;,]", code)

    assert [field.name for field in TcpInfo.fields][: len(declared)] == declared
