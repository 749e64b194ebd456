"""Structures that options of MPTCP sockets carry."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeVar

from libsocket.codecs import Codec, octets, one_way
from libsocket.layouts.structure import record, sockaddr
from libsocket.values.mptcp import MptcpInfo, MptcpSubflowAddrs
from libsocket.values.tcp import TcpInfo

T = TypeVar("T")

MPTCP_INFO_LAYOUT: Final = record(MptcpInfo)


def _per_subflow(name: str, size: int, decode: Callable[[bytes], T]) -> Codec[tuple[T, ...]]:
    """struct mptcp_subflow_data, then one entry for each subflow, of a size that the request names."""
    head = struct.Struct("@4I")

    def decode_all(data: bytes) -> tuple[T, ...]:
        start, count, _, step = head.unpack_from(data)
        return tuple(decode(data[start + step * turn :][:step]) for turn in range(count))

    return Codec(
        f"tuple[{name}, ...]",
        head.size + 32 * size,
        decode_all,
        one_way,
        "struct mptcp_subflow_data",
        request=head.pack(head.size, 0, 0, size),
    )


def _ends(data: bytes) -> MptcpSubflowAddrs:
    return MptcpSubflowAddrs(sockaddr(data[:128]), sockaddr(data[128:]))


SUBFLOW_TCP_INFO: Final = _per_subflow("TcpInfo", 280, TcpInfo)
SUBFLOW_ADDRS: Final = _per_subflow("MptcpSubflowAddrs", 256, _ends)
FULL_INFO: Final = Codec("bytes", 1024, bytes, octets, "struct mptcp_full_info", request=octets)
