"""Structures that TCP options carry."""

from __future__ import annotations

import struct
from typing import Final

from libsocket.codecs import Codec, untold
from libsocket.layouts.structure import (
    AS_IS,
    BIG32,
    Part,
    array,
    at_most,
    one_bits,
    record,
    storage,
    structure,
)
from libsocket.values import (
    TcpAoAdd,
    TcpAoDel,
    TcpAoInfo,
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


MD5SIG: Final[Codec[TcpMd5sig]] = Codec("TcpMd5sig", 216, untold, _md5, "struct tcp_md5sig")
REPAIR_OPTIONS: Final = array(structure(TcpRepairOpt, "struct tcp_repair_opt", "=II"))
REPAIR_WINDOW: Final = structure(TcpRepairWindow, "struct tcp_repair_window", "=5I")
ZEROCOPY_RECEIVE: Final = structure(
    TcpZerocopyReceive, "struct tcp_zerocopy_receive", "@QIIIiQiIQQII", question=True
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


def _ao_told(data: bytes) -> TcpAoInfo:
    bits, _, current, rnext, *counters = struct.unpack_from("@IHBB5Q", data)
    said = [bool(bits & one_bits(32, *(place == at for place in range(5)))) for at in range(5)]
    return TcpAoInfo(
        current if said[0] else None, rnext if said[1] else None, said[2], said[4], said[3], *counters
    )


AO_ADD: Final[Codec[TcpAoAdd]] = Codec("TcpAoAdd", 288, untold, _ao_add, "struct tcp_ao_add")
AO_DEL: Final[Codec[TcpAoDel]] = Codec("TcpAoDel", 144, untold, _ao_del, "struct tcp_ao_del")
AO_INFO: Final = Codec("TcpAoInfo", 48, _ao_told, _ao_info, "struct tcp_ao_info_opt")
AO_REPAIR: Final = structure(TcpAoRepair, "struct tcp_ao_repair", "@4s4sII", BIG32, BIG32, AS_IS, AS_IS)
AO_KEYS: Final = Codec("bytes", 1024, bytes, bytes, "struct tcp_ao_getsockopt[]", question=bytes)
