"""Structures into bytes and back, and where C puts their parts."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import libsocket as ls
from libsocket import (
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    In6FlowlabelReq,
    In6Pktinfo,
    IpMreqn,
    IpMreqSource,
    IpMsfilter,
    Ipv6Mreq,
    PortRange,
    TcpAoAdd,
    TcpAoDel,
    TcpAoInfo,
    TcpAoRepair,
    TcpMd5sig,
    TcpRepairOpt,
    TcpRepairWindow,
    TcpZerocopyReceive,
    TlsCipher,
    TlsCryptoInfo,
    TlsVersion,
)
from libsocket.codecs import Codec
from libsocket.layouts import inet, packet, tcp, tls
from libsocket.layouts import socket as socket_layouts

U8, U16, U32, U64 = (st.integers(0, 2**width - 1) for width in (8, 16, 32, 64))
S32 = st.integers(-(2**31), 2**31 - 1)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(lambda address: socket.inet_ntop(socket.AF_INET6, address.packed))
SOURCES4 = st.lists(V4, max_size=5).map(tuple)
SOURCES = st.lists(V4 | V6, max_size=5).map(tuple)
KEY = st.none() | U8
MEMBERSHIP = st.sampled_from(ls.PacketMembership)
FLAGS = st.integers(0, 2**19 - 1).map(ls.TimestampingFlag)

VALUES: list[tuple[Codec[Any], st.SearchStrategy[Any]]] = [
    (inet.MREQN, st.builds(IpMreqn, V4, V4, S32)),
    (inet.MREQ_SOURCE, st.builds(IpMreqSource, V4, V4, V4)),
    (inet.MREQ6, st.builds(Ipv6Mreq, V6, S32)),
    (inet.GROUP_REQ, st.builds(GroupReq, V4 | V6, U32)),
    (inet.GROUP_SOURCE_REQ, st.builds(GroupSourceReq, V4 | V6, V4 | V6, U32)),
    (inet.MSFILTER, st.builds(IpMsfilter, V4, V4, st.booleans(), SOURCES4)),
    (inet.GROUP_FILTER, st.builds(GroupFilter, V4 | V6, U32, st.booleans(), SOURCES)),
    (inet.PKTINFO, st.builds(ls.InPktinfo, S32, V4, V4)),
    (inet.PKTINFO6, st.builds(In6Pktinfo, V6, S32)),
    (inet.FLOWLABEL, st.builds(In6FlowlabelReq, V6, U32, U8, U8, U16, U16, U16)),
    (inet.PORT_RANGE, st.builds(PortRange, U16, U16)),
    (tcp.REPAIR_OPTIONS, st.lists(st.builds(TcpRepairOpt, U32, U32), max_size=9).map(tuple)),
    (tcp.REPAIR_WINDOW, st.builds(TcpRepairWindow, U32, U32, U32, U32, U32)),
    (tcp.ZEROCOPY_RECEIVE, st.builds(TcpZerocopyReceive, U64, U32, U32, U32, S32, U64, S32, U32)),
    (tcp.AO_REPAIR, st.builds(TcpAoRepair, U32, U32, U32, U32)),
    (tcp.AO_INFO, st.builds(TcpAoInfo, KEY, KEY, *[st.booleans()] * 3, U64, U64, U64, U64, U64)),
    (
        packet.PACKET_MREQ,
        st.builds(ls.PacketMreq, S32, st.sampled_from(ls.PacketMembership), st.binary(max_size=8)),
    ),
    (packet.TPACKET_REQ, st.builds(ls.TpacketReq, U32, U32, U32, U32)),
    (packet.TPACKET_REQ3, st.builds(ls.TpacketReq3, U32, U32, U32, U32, U32, U32, U32)),
    (packet.FANOUT, st.builds(ls.FanoutArgs, U16, U16.map(ls.FanoutMode))),
    (socket_layouts.TXTIME, st.builds(ls.SockTxTime, S32, U32.map(ls.TxTimeFlag))),
    (
        socket_layouts.TIMESTAMPING,
        st.builds(ls.Timestamping, st.integers(0, 2**19 - 1).map(ls.TimestampingFlag), S32),
    ),
    (socket_layouts.DMABUF_TOKENS, st.lists(st.builds(ls.DmabufToken, U32, U32), max_size=9).map(tuple)),
    (ls.TIMEVAL64, st.builds(ls.Timeval, st.integers(-(2**63), 2**63 - 1), S32)),
    (ls.UNSIGNED_LONG, st.integers(0, 2 ** (8 * struct.calcsize("L")) - 1)),
    (ls.NETWORK, U32),
    (ls.IDS, st.lists(U32, max_size=9).map(tuple)),
    (ls.flags(ls.BufLock), st.integers(0, 3).map(ls.BufLock)),
]
SIZES = [
    (inet.MREQN, 12),
    (inet.MREQ_SOURCE, 12),
    (inet.MREQ6, 20),
    (inet.PKTINFO, 12),
    (inet.PKTINFO6, 20),
    (inet.MTUINFO6, 32),
    (inet.FLOWLABEL, 32),
    (tcp.MD5SIG, 216),
    (tcp.ZEROCOPY_RECEIVE, 64),
    (tcp.AO_ADD, 288),
    (tcp.AO_DEL, 144),
    (tcp.AO_INFO, 48),
    (tcp.AO_REPAIR, 16),
    (tcp.REPAIR_WINDOW, 20),
    (packet.TPACKET_REQ3, 28),
    (packet.ROLLOVER_STATS, 24),
    (packet.PACKET_MREQ, 16),
]
ADD = TcpAoAdd("10.0.0.1", 32, b"secret", 100, 101, set_rnext=True)


def named(value: object) -> str | None:
    return value.layout if isinstance(value, Codec) else None


@pytest.mark.parametrize(("codec", "values"), VALUES, ids=named)
@given(data=st.data())
def test_value_survives(codec: Codec[Any], values: st.SearchStrategy[Any], data: st.DataObject) -> None:
    value = data.draw(values)

    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize(("codec", "size"), SIZES, ids=named)
def test_size_is_cs(codec: Codec[Any], size: int) -> None:
    assert codec.size == size


def test_group_request_is_aligned_as_a_pointer() -> None:
    encoded = inet.GROUP_REQ.encode(GroupReq("224.0.0.1", 7))
    start = struct.calcsize("@I0P")

    assert (len(encoded), encoded[start + 4 : start + 8]) == (start + 128, bytes([224, 0, 0, 1]))


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1"])
def test_key_of_a_peer_is_where_c_puts_it(address: str) -> None:
    encoded = tcp.MD5SIG.encode(TcpMd5sig(address, b"key", prefixlen=24, flags=1))

    assert ipaddress.ip_address(address).packed in encoded[:128]
    assert encoded[128:140] == struct.pack("@BBHi", 1, 24, 3, 0) + b"key\0"


def test_tcp_ao_key_is_where_c_puts_it() -> None:
    encoded = tcp.AO_ADD.encode(ADD)

    assert (encoded[128:138], encoded[202:208]) == (b"hmac(sha1)", bytes([32, 100, 101, 12, 0, 6]))
    assert encoded[208:] == b"secret" + bytes(74)


def test_bit_fields_begin_where_c_begins() -> None:
    bits = int.from_bytes(tcp.AO_ADD.encode(ADD)[196:200], sys.byteorder)

    assert bits == (2 if sys.byteorder == "little" else 1 << 30)


def test_key_to_take_away_names_its_successors() -> None:
    encoded = tcp.AO_DEL.encode(TcpAoDel("10.0.0.1", 32, 100, 101, current_key=7))

    assert encoded[138:144] == bytes([32, 100, 101, 7, 0, 0])


@pytest.mark.parametrize(
    ("cipher", "size"),
    [(TlsCipher.AES_GCM_128, 40), (TlsCipher.AES_GCM_256, 56), (TlsCipher.CHACHA20_POLY1305, 56)],
)
def test_secrets_are_as_long_as_the_cipher_says(cipher: TlsCipher, size: int) -> None:
    secrets = map(bytes, cipher.sizes)
    encoded = tls.CRYPTO_INFO.encode(TlsCryptoInfo(TlsVersion.TLS_1_3, cipher, *secrets))

    assert (len(encoded), encoded[:4]) == (size, struct.pack("=HH", 0x0304, cipher))


def test_secret_of_another_length_is_refused() -> None:
    short = TlsCryptoInfo(TlsVersion.TLS_1_2, TlsCipher.AES_GCM_128, bytes(8), bytes(15), bytes(4), bytes(8))

    with pytest.raises(ValueError, match="15 bytes where the structure has 16"):
        tls.CRYPTO_INFO.encode(short)


def test_secrets_are_not_shown() -> None:
    info = TlsCryptoInfo(TlsVersion.TLS_1_2, TlsCipher.AES_GCM_128, key=b"hidden")

    assert repr(info) == "TlsCryptoInfo(TLS_1_2, AES_GCM_128, …)"


def test_timestamping_of_old_kernels_is_flags_alone() -> None:
    assert socket_layouts.TIMESTAMPING.decode(struct.pack("@i", 16)).bind_phc == 0


def test_pacing_rate_of_old_kernels_is_32_bits() -> None:
    assert ls.UNSIGNED_LONG.decode(struct.pack("@I", 7)) == 7
