"""Structures that TCP options carry."""

from __future__ import annotations

import struct
from typing import Final

from libsocket.codecs import Codec, one_way
from libsocket.layouts.structure import (
    AS_IS,
    BIG32,
    Part,
    array,
    at_most,
    one_bits,
    record,
    sockaddr,
    storage,
    structure,
)
from libsocket.values.tcp import (
    TcpAoAdd,
    TcpAoDel,
    TcpAoInfo,
    TcpAoKey,
    TcpAoKeys,
    TcpAoRepair,
    TcpInfo,
    TcpMd5sig,
    TcpRepairOpt,
    TcpRepairWindow,
    TcpZerocopyReceive,
)

TCP_INFO_LAYOUT: Final = record(TcpInfo)
_MD5_KEY = Part(lambda data: data, at_most(80))


def _md5(value: TcpMd5sig) -> bytes:
    key = _MD5_KEY.into(value.key)
    head = (storage(value.address), value.flags, value.prefixlen, len(key), value.ifindex)
    return struct.pack("@128sBBHi80s", *head, key)


MD5SIG: Final[Codec[TcpMd5sig]] = Codec("TcpMd5sig", 216, one_way, _md5, "struct tcp_md5sig", takes=TcpMd5sig)
REPAIR_OPTIONS: Final = array(structure(TcpRepairOpt, "struct tcp_repair_opt", "=II"))
REPAIR_WINDOW: Final = structure(TcpRepairWindow, "struct tcp_repair_window", "=5I")
ZEROCOPY_RECEIVE: Final = structure(
    TcpZerocopyReceive, "struct tcp_zerocopy_receive", "@QIIIiQiIQQII", request=True
)


def _ao_add(value: TcpAoAdd) -> bytes:
    return struct.pack(
        "@128s64siIHBBBBBB80s",
        storage(value.address),
        at_most(63)(value.algorithm.encode()),
        value.ifindex,
        one_bits(32, value.set_current, value.set_rnext),
        0,
        value.prefix,
        value.sndid,
        value.rcvid,
        value.maclen,
        value.keyflags,
        len(value.key),
        at_most(80)(value.key),
    )


def _ao_del(value: TcpAoDel) -> bytes:
    named = (value.current_key is not None, value.rnext is not None, value.del_async)
    return struct.pack(
        "@128siIHBBBBBB",
        storage(value.address),
        value.ifindex,
        one_bits(32, *named),
        0,
        value.prefix,
        value.sndid,
        value.rcvid,
        value.current_key or 0,
        value.rnext or 0,
        value.keyflags,
    )


def _ao_info(value: TcpAoInfo) -> bytes:
    named = (value.current_key is not None, value.rnext is not None)
    bits = one_bits(32, *named, value.ao_required, value.set_counters, value.accept_icmps)
    counters = (value.pkt_good, value.pkt_bad, value.pkt_key_not_found, value.pkt_ao_required)
    keys = (0, value.current_key or 0, value.rnext or 0)
    return struct.pack("@IHBB5Q", bits, *keys, *counters, value.pkt_dropped_icmp)


def _bits(width: int, bits: int, count: int) -> list[bool]:
    """The first bits of a bit field, one by one."""
    return [bool(bits & one_bits(width, *(place == at for place in range(count)))) for at in range(count)]


def _decode_ao_info(data: bytes) -> TcpAoInfo:
    bits, _, current, rnext, *counters = struct.unpack_from("@IHBB5Q", data)
    named = _bits(32, bits, 5)
    return TcpAoInfo(
        current if named[0] else None, rnext if named[1] else None, named[2], named[4], named[3], *counters
    )


_KEY: Final = struct.Struct("@128s64s80sIHBBBBBBiQQ")
_KEYS: Final = 64


def _ao_get_keys(value: TcpAoKeys) -> bytes:
    """The first of the structures says what is to be read, and how many there is room for."""
    peer = storage(value.address) if value.address is not None else b""
    every = value.address is None and not value.current and not value.rnext
    which = one_bits(16, value.current, value.rnext, every)
    ids = (value.sndid, value.rcvid, value.prefix, 0, value.keyflags, 0)
    first = _KEY.pack(peer, b"", b"", _KEYS, which, *ids, value.ifindex, 0, 0)
    return first.ljust(_KEYS * _KEY.size, b"\0")


def _ao_key(data: bytes) -> TcpAoKey:
    peer, name, key, _, bits, sndid, rcvid, prefix, maclen, flags, size, *rest = _KEY.unpack(data)
    current, rnext = _bits(16, bits, 2)
    algorithm = name.partition(b"\0")[0].decode()
    who = (sockaddr(peer)[0], prefix, key[:size], sndid, rcvid, algorithm, maclen)
    ifindex, *counters = rest
    return TcpAoKey(*who, ifindex, flags, current, rnext, *counters)


def _ao_keys(data: bytes) -> TcpAoKeys:
    """The first key's structure also says how many there are."""
    matched = _KEY.unpack_from(data)[3]
    places = range(0, min(len(data), matched * _KEY.size), _KEY.size)
    return TcpAoKeys(keys=tuple(_ao_key(data[at : at + _KEY.size]) for at in places), matched=matched)


AO_ADD: Final[Codec[TcpAoAdd]] = Codec("TcpAoAdd", 288, one_way, _ao_add, "struct tcp_ao_add", takes=TcpAoAdd)
AO_DEL: Final[Codec[TcpAoDel]] = Codec("TcpAoDel", 144, one_way, _ao_del, "struct tcp_ao_del", takes=TcpAoDel)
AO_INFO: Final = Codec(
    "TcpAoInfo", 48, _decode_ao_info, _ao_info, "struct tcp_ao_info_opt", takes=TcpAoInfo, request=bytes(48)
)
"""The kernel reads the buffer before it writes there, and refuses one that does not hold zeros."""
AO_REPAIR: Final = structure(TcpAoRepair, "struct tcp_ao_repair", "@4s4sII", BIG32, BIG32, AS_IS, AS_IS)
AO_KEYS: Final[Codec[TcpAoKeys]] = Codec(
    "TcpAoKeys",
    _KEY.size,
    _ao_keys,
    one_way,
    "struct tcp_ao_getsockopt",
    takes=TcpAoKeys,
    request=_ao_get_keys,
)
