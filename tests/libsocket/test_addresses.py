"""Addresses into the kernel's bytes, the standard library's tuples, and back."""

from __future__ import annotations

import os
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsocket import Address, Batch, Inet, Inet6, Message, Netlink, Other, Packet, Socket, Unix, Vsock
from libsocket.addresses import from_raw, from_standard, to_raw, to_standard
from netns import Namespace

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.binary(min_size=16, max_size=16).map(lambda data: socket.inet_ntop(socket.AF_INET6, data))
NAME = st.binary(max_size=100).map(os.fsdecode)
PATH = st.binary(max_size=100).filter(lambda data: b"\0" not in data).map(os.fsdecode)
HARDWARE = st.binary(max_size=8)
UNIX = st.one_of(PATH.map(Unix), NAME.map(lambda name: Unix("\0" + name)))
ADDRESSES: st.SearchStrategy[Address] = st.one_of(
    st.builds(Inet, V4, U16),
    st.builds(Inet6, V6, U16, U32, U32),
    UNIX,
    st.builds(Netlink, U32, U32),
    st.builds(Packet, st.integers(0, 2**31 - 1), U16, st.integers(0, 255), U16, HARDWARE),
    st.builds(Vsock, U32, U32),
)


@given(ADDRESSES)
def test_raw_round_trip(address: Address) -> None:
    assert (from_raw(address.raw), type(from_raw(address.raw))) == (address, type(address))


@given(ADDRESSES)
def test_address_is_its_own_raw_form(address: Address) -> None:
    assert to_raw(socket.AF_UNSPEC, address) == address.raw


@given(st.binary(max_size=140))
def test_any_bytes_are_some_address(data: bytes) -> None:
    address = from_raw(data)

    assert address is None or isinstance(address, Address)


@given(st.integers(50, 2**16 - 1), st.binary(max_size=100))
def test_family_without_a_class_is_kept_as_it_is(family: int, data: bytes) -> None:
    raw = struct.pack("@H", family) + data

    assert (from_raw(raw), Other(family, data).raw) == (Other(family, data), raw)


def test_too_short_for_its_family_is_kept_as_it_is() -> None:
    raw = Inet("10.0.0.1", 80).raw[:6]

    assert from_raw(raw) == Other(socket.AF_INET, raw[2:])


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", bytes(16)])
def test_no_family_is_no_address(data: bytes) -> None:
    assert from_raw(data) is None


def test_layouts_are_the_headers() -> None:
    raw = [Inet("1.2.3.4", 0x0506).raw[2:], Netlink(7, 8).raw[4:], Unix("/a").raw[2:], Unix("\0a").raw[2:]]

    assert raw == [
        bytes([5, 6, 1, 2, 3, 4]) + bytes(8),
        struct.pack("@II", 7, 8),
        b"/a\0",
        b"\0a",
    ]


def test_host_that_is_no_number_has_no_bytes() -> None:
    with pytest.raises(ValueError, match="'localhost' is not a numeric address of AF_INET"):
        _ = Inet("localhost", 80).raw


@pytest.mark.parametrize(
    "address",
    [
        Inet("127.0.0.1", 65536),
        Inet6("::1", -1),
        Inet6("::1", 80, 1 << 32),
        Inet6("::1", 80, 0, 1 << 32),
        Netlink(1 << 32),
        Packet(1 << 31),
        Packet(1, 65536),
        Packet(1, address=bytes(256)),
        Vsock(1 << 32, 0),
        Vsock(0, -1),
        Other(65536, b""),
    ],
    ids=repr,
)
def test_number_that_does_not_fit_has_no_bytes(address: Address) -> None:
    with pytest.raises(OverflowError):
        _ = address.raw


def test_field_of_another_class_has_no_bytes() -> None:
    with pytest.raises(TypeError, match="an address cannot be Inet"):
        _ = Inet("127.0.0.1", "80").raw  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("family", "bound", "kind"),
    [
        (socket.AF_INET, ("127.0.0.1", 0), Inet),
        (socket.AF_INET6, ("::1", 0), Inet6),
        (socket.AF_UNIX, "\0libsocket-test", Unix),
        (socket.AF_UNIX, b"\0libsocket-\xff", Unix),
        (socket.AF_UNIX, "", Unix),
        (socket.AF_NETLINK, (0, 1), Netlink),
        (socket.AF_VSOCK, (0xFFFF_FFFF, 0xFFFF_FFFF), Vsock),
    ],
)
def test_own_name_is_an_address_that_can_be_bound_to(family: int, bound: object, kind: type) -> None:
    type_ = {socket.AF_NETLINK: socket.SOCK_RAW, socket.AF_VSOCK: socket.SOCK_STREAM}.get(
        socket.AddressFamily(family), socket.SOCK_DGRAM
    )
    with Namespace(), Socket(family, type_) as first, Socket(family, type_) as second:
        first.bind(bound)  # type: ignore[arg-type]
        name = from_standard(family, first.getsockname())
        first.close()
        second.bind(name)  # type: ignore[arg-type]

        assert (type(name), second.getsockname()) == (kind, first_name(name))


def first_name(address: Address | None) -> object:
    """Abstract names are bytes to the standard library."""
    return os.fsencode(address) if isinstance(address, Unix) else address


def test_packet_address_is_by_index_and_the_standard_one_by_name() -> None:
    with Namespace():
        index = socket.if_nametoindex("lo")
        address = from_standard(socket.AF_PACKET, ("lo", 0x0800, 0, 772, bytes(6)))

        assert (address, to_standard(address)) == (
            Packet(index, 0x0800, 0, 772, bytes(6)),
            ("lo", 0x0800, 0, 772, bytes(6)),
        )


def test_packet_address_without_an_interface_has_no_name() -> None:
    assert Packet(0, 0x0800).standard == ("", 0x0800, 0, 0, b"")


def test_no_address_stays_none() -> None:
    assert (from_standard(socket.AF_UNIX, None), to_standard(None), to_raw(socket.AF_INET, None)) == (
        None,
        None,
        b"",
    )


def test_address_of_an_unknown_family_keeps_pythons_form() -> None:
    address = from_standard(socket.AF_CAN, ("can0",))

    assert (address, to_standard(address)) == (Other(socket.AF_CAN, ("can0",)), ("can0",))


def test_pythons_form_of_an_unknown_family_has_no_bytes() -> None:
    with pytest.raises(TypeError, match="only the bytes"):
        _ = Other(socket.AF_CAN, ("can0",)).raw


@pytest.mark.parametrize(
    ("name", "abstract"), [("/run/x", None), ("", None), ("\0x", b"x"), ("\0\udcff", b"\xff")]
)
def test_abstract_name_is_reported_from_a_path(name: str, abstract: bytes | None) -> None:
    assert Unix(name).abstract == abstract


@pytest.mark.parametrize("name", [Unix("\0libsocket-one"), Unix("\0libsocket-\udcff")])
def test_sender_is_the_same_address_by_either_way(name: Unix) -> None:
    with Socket.unix(socket.SOCK_DGRAM) as sender, Socket.unix(socket.SOCK_DGRAM) as receiver:
        sender.bind(name)
        receiver.bind("")
        sender.send_messages([Message(b"x", address=receiver.getsockname())] * 2)
        one, [other] = receiver.recv_message(1), receiver.recv_messages(Batch(1))

        assert (one.address, other.address) == (name, name)
