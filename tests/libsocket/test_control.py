"""Control messages into bytes and back."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import libsocket as ls
from libsocket import CONTROL_KINDS, ControlKind, Direction, Pidfd, Rights, Ttl, Ucred, Unknown
from libsocket.control.wire import HEADER, decode, encode, join, split
from tests.libsocket.test_addresses import ADDRESSES, V4, V6

INT = st.integers(-(2**31), 2**31 - 1)
U8, U16 = st.integers(0, 255), st.integers(0, 2**16 - 1)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
LONG = st.integers(-(2**31), 2**31 - 1)
TIMESPEC = st.builds(ls.Timespec, LONG, LONG)
FDS = st.lists(INT, max_size=10)
ERROR = st.builds(ls.ExtendedError, U32, U8, U8, U8, U32, U32, st.none() | ADDRESSES)
RANGES: dict[type, st.SearchStrategy[int]] = {
    ls.Mark: U32,
    ls.Priority: U32,
    ls.Overflow: U32,
    ls.TimestampId: U32,
    ls.TxTime: U64,
    ls.FlowInfo: U32,
    ls.Checksum: U32,
    ls.SegmentSize: U16,
    ls.NetlinkGroup: U32,
    ls.TlsRecord: U8,
    ls.TimestampingFlag: st.integers(0, 2**19 - 1),
}
STRUCTURES: dict[type, st.SearchStrategy[Any]] = {
    Rights: FDS.map(lambda fds: Rights(*fds)),
    Pidfd: INT.map(Pidfd),
    Ucred: st.builds(Ucred, INT, st.integers(-1, 2**32 - 2), st.integers(-1, 2**32 - 2)),
    ls.Timestamp: st.builds(ls.Timestamp, LONG, LONG),
    ls.TimestampNs: st.builds(ls.TimestampNs, LONG, LONG),
    ls.Timestamps: st.builds(ls.Timestamps, TIMESPEC, TIMESPEC, TIMESPEC),
    ls.TimestampPacketInfo: st.builds(ls.TimestampPacketInfo, U32, U32),
    ls.DevmemLinear: st.builds(ls.DevmemLinear, U64, U32, U32, U32, U32),
    ls.DevmemDmabuf: st.builds(ls.DevmemDmabuf, U64, U32, U32, U32, U32),
    ls.Auxdata: st.builds(ls.Auxdata, U32, U32, U32, U16, U16, U16, U16),
    ls.InPktinfo: st.builds(ls.InPktinfo, INT, V4, V4),
    ls.In6Pktinfo: st.builds(ls.In6Pktinfo, V6, INT),
    ls.Ip6Mtuinfo: st.builds(ls.Ip6Mtuinfo, V6, U32),
    ls.ExtendedError: ERROR,
    ls.OriginalDestination: ADDRESSES.map(ls.OriginalDestination),
}


def values(kind: ControlKind[Any]) -> st.SearchStrategy[Any]:
    """Everything that a kind can carry."""
    if issubclass(kind.value, int):
        return RANGES.get(kind.value, INT).map(kind.value)
    if issubclass(kind.value, bytes):
        return st.binary(max_size=60).map(kind.value)
    return STRUCTURES[kind.value]


READ = tuple({(kind.level, kind.type): kind for kind in reversed(CONTROL_KINDS)}.values())
"""What the bytes at a place are read as: of two kinds with one number the first, which is received."""


def named(value: object) -> str | None:
    return value.name if isinstance(value, ControlKind) else None


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("kind", READ, ids=named)
@settings(max_examples=30)
@given(data=st.data())
def test_bytes_of_a_kind_are_its_value_again(kind: ControlKind[Any], data: st.DataObject) -> None:
    value = data.draw(values(kind))
    [decoded] = decode([(int(kind.level), kind.type, kind.codec.encode(value))])

    assert (decoded, type(decoded)) == (value, kind.value)


@pytest.mark.parametrize(
    "kind", [kind for kind in CONTROL_KINDS if Direction.OUT in kind.direction], ids=named
)
@settings(max_examples=30)
@given(data=st.data())
def test_what_can_be_sent_is_addressed_to_its_kind(kind: ControlKind[Any], data: st.DataObject) -> None:
    value = data.draw(values(kind))

    assert encode(value) == (int(kind.level), kind.type, kind.codec.encode(value))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_harm(data: bytes) -> None:
    before = open_files()
    decode(split(data))

    assert open_files() == before


@pytest.mark.parametrize("kind", READ, ids=named)
@settings(max_examples=30)
@given(data=st.binary(max_size=80))
def test_any_bytes_of_a_kind_are_its_value_or_unknown(kind: ControlKind[Any], data: bytes) -> None:
    before = open_files()
    [decoded] = decode([(int(kind.level), kind.type, data)])

    assert (isinstance(decoded, (kind.value, Unknown)), open_files()) == (True, before)


@given(st.lists(st.tuples(INT, INT, st.binary(max_size=40)), max_size=8))
def test_messages_laid_out_in_memory_are_read_back(items: list[tuple[int, int, bytes]]) -> None:
    assert list(split(join(items))) == items


@given(st.lists(st.tuples(INT, INT, st.binary(max_size=40)), min_size=1, max_size=8), st.data())
def test_what_stands_before_the_cut_is_read(items: list[tuple[int, int, bytes]], data: st.DataObject) -> None:
    whole = join(items)
    cut = data.draw(st.integers(0, len(whole)))
    read = list(split(whole[:cut]))

    assert read[:-1] == items[: len(read)][:-1]


def test_a_size_that_makes_no_sense_ends_the_reading() -> None:
    assert list(split(HEADER.pack(3, 1, 1) + bytes(100))) == []


@given(INT.filter(lambda level: level > 300), INT, st.binary(max_size=20))
def test_what_has_no_class_is_never_lost(level: int, kind: int, data: bytes) -> None:
    [decoded] = decode([(level, kind, data)])

    assert (decoded, encode(decoded)) == (Unknown(level, kind, data), (level, kind, data))


@given(st.binary(max_size=11))
def test_bytes_that_are_cut_are_unknown(data: bytes) -> None:
    [decoded] = decode([(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, data)])

    assert decoded == Unknown(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, data)


@pytest.mark.parametrize(("data", "tos"), [(b"\x10", 16), (struct.pack("@i", 16), 16)])
def test_type_of_service_is_a_byte_or_an_int(data: bytes, tos: int) -> None:
    assert decode([(socket.IPPROTO_IP, socket.IP_TOS, data)]) == (ls.Tos(tos),)


def test_a_number_knows_what_it_is() -> None:
    assert (repr(Ttl(64)), f"{Ttl(64)}", Ttl(64) + 1) == ("Ttl(64)", "Ttl(64)", 65)


def test_octets_know_what_they_are() -> None:
    assert (repr(ls.Security(b"who")), ls.Security(b"who") == b"who") == ("Security(b'who')", True)


@pytest.mark.parametrize("value", [ls.Overflow(1), ls.Timestamp(1, 2), Pidfd(0)])
def test_what_is_only_received_cannot_be_sent(value: ls.Control) -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        encode(value)


OCTETS = [kind.value for kind in CONTROL_KINDS if issubclass(kind.value, bytes)]


@pytest.mark.parametrize("value", [4, 2**40, "x", [1], None], ids=repr)
@pytest.mark.parametrize("octets", OCTETS, ids=lambda kind: kind.__name__)
def test_octets_are_made_of_bytes_alone(octets: type[Any], value: object) -> None:
    with pytest.raises(TypeError):
        octets(value)


@pytest.mark.parametrize("value", [None, "x", 1.5, 2**70, b"\xff"], ids=repr)
@pytest.mark.parametrize("kind", [ls.InPktinfo, ls.In6Pktinfo, Ucred, Rights], ids=lambda kind: kind.__name__)
def test_field_of_another_class_is_refused_by_name(kind: type[Any], value: object) -> None:
    [name] = {one.name for one in CONTROL_KINDS if one.value is kind and Direction.OUT in one.direction}
    fields = [value] * len(getattr(kind, "__match_args__", "1"))
    with pytest.raises((TypeError, ValueError, OverflowError), match=f"{name} cannot be"):
        encode(kind(*fields))


@pytest.mark.parametrize("number", [-(2**31) - 1, 2**31, None])
def test_place_that_is_no_c_int_is_refused(number: Any) -> None:
    with pytest.raises((OverflowError, TypeError), match="a control message cannot be"):
        join([Unknown(1, number, b"")])


@pytest.mark.parametrize("value", [ls.Mark(-1), ls.Mark(2**32), ls.SegmentSize(2**16), Ttl(2**31)])
def test_number_that_would_be_misread_cannot_be_sent(value: ls.Control) -> None:
    with pytest.raises(OverflowError, match="cannot be"):
        encode(value)


def test_origin_that_is_not_known_is_a_number() -> None:
    data = struct.pack("@IBBBxII", 5, 200, 0, 0, 0, 0)
    [error] = decode([(socket.IPPROTO_IP, 11, data)])

    assert error == ls.ExtendedError(5, 200)


@pytest.mark.parametrize("direction", [Direction.IN, Direction.OUT])
def test_no_two_kinds_of_one_direction_share_a_place(direction: Direction) -> None:
    kinds = [kind for kind in CONTROL_KINDS if direction in kind.direction]
    places = {(int(kind.level), kind.type) for kind in kinds}

    assert len(places) == len(kinds)


@pytest.mark.parametrize(
    ("name", "machine", "number"),
    [
        ("SO_TIMESTAMP_NEW", "x86_64", 63),
        ("SO_TIMESTAMP_NEW", "parisc64", 0x4038),
        ("SO_TIMESTAMP_NEW", "sparc64", 0x46),
        ("SCM_TXTIME", "mips64", 61),
        ("SCM_TXTIME", "sparc64", 0x3F),
        ("SO_MARK", "parisc", 0x401F),
        ("SCM_TIMESTAMPING_PKTINFO", "alpha", 58),
        ("SCM_TS_OPT_ID", "sparc64", 0x5A),
    ],
)
def test_number_on_another_machine(name: str, machine: str, number: int) -> None:
    [kind] = [kind for kind in CONTROL_KINDS if kind.name == name]
    numbers = kind.numbers

    assert isinstance(numbers, ls.Numbers)
    assert numbers.on(machine) == number


@pytest.mark.parametrize("kind", [kind for kind in CONTROL_KINDS if hasattr(socket, kind.name)], ids=named)
def test_number_is_the_interpreters_where_it_knows_one(kind: ControlKind[Any]) -> None:
    assert kind.type == getattr(socket, kind.name)


def test_number_is_the_options_where_it_has_one() -> None:
    numbers = {option.name: (int(option.level), option.numbers) for option in ls.OPTIONS}
    both = [kind for kind in CONTROL_KINDS if kind.name in numbers]
    declared = [(int(kind.level), _numbers(kind)) for kind in both]

    assert (len(both) > 20, declared) == (True, [numbers[kind.name] for kind in both])


def _numbers(kind: ControlKind[Any]) -> ls.Numbers:
    return kind.numbers if isinstance(kind.numbers, ls.Numbers) else ls.Numbers(kind.numbers)
