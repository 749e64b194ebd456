"""How a value is laid out in the bytes that getsockopt(2) and setsockopt(2) carry.

A codec refuses a value only where the kernel would misread it; what is merely wrong is sent on.
"""

from __future__ import annotations

import math
import os
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from libsocket.arch import TIMEVAL_LAYOUT
from libsocket.values import Linger, MemInfo, TcpInfo, Timeval, Ucred

T = TypeVar("T")


class Codec(Generic[T]):
    """A value's way into bytes and back; ``size`` is the room that reading it needs."""

    __slots__ = ("decode", "encode", "layout", "name", "size")

    def __init__(
        self,
        name: str,
        size: int,
        decode: Callable[[bytes], T],
        encode: Callable[[T], bytes],
        layout: str = "bytes",
    ) -> None:
        self.name = name
        self.size = size
        self.layout = layout
        """What it is in C, for messages."""
        self.decode = decode
        self.encode = encode

    def __repr__(self) -> str:
        return self.name


def _struct(
    name: str, layout: str, decode: Callable[..., T], encode: Callable[[T], tuple[int, ...]], form: str
) -> Codec[T]:
    """A fixed structure; ``encode`` gives the fields that make up a value."""
    packed = struct.Struct(form)
    return Codec(
        name,
        packed.size,
        lambda data: decode(*packed.unpack(data)),
        lambda value: packed.pack(*encode(value)),
        layout,
    )


def _number(layout: str, form: str) -> Codec[int]:
    return _struct("int", layout, int, lambda value: (value,), form)


def _size(value: int) -> bytes:
    if value < 0:
        raise OverflowError("a size is not negative")
    return INT.encode(value)


def _seconds(value: float) -> bytes:
    """A timeout above zero never becomes zero, which would mean to wait for ever."""
    sec, usec = divmod(math.ceil(value * 1_000_000), 1_000_000)
    return TIMEVAL.encode(Timeval(sec, usec))


def text(size: int) -> Codec[str]:
    """A name that ends with a NUL inside ``size`` bytes, in the file system's encoding."""

    def encode(value: str) -> bytes:
        name = os.fsencode(value)
        if b"\0" in name or len(name) >= size:
            raise ValueError(f"a name has no NUL and at most {size - 1} bytes, or the kernel would cut it")
        return name + b"\0"

    return Codec("str", size, lambda data: os.fsdecode(data.partition(b"\0")[0]), encode, f"char[{size}]")


def raw(size: int) -> Codec[bytes]:
    """The bytes themselves."""
    return Codec("bytes", size, bytes, bytes)


def _uid(number: int) -> int:
    """No user at all is the largest number to the kernel and -1 to people."""
    return -1 if number == 0xFFFF_FFFF else number


def _ids(value: Ucred) -> tuple[int, ...]:
    return (value.pid, value.uid & 0xFFFF_FFFF, value.gid & 0xFFFF_FFFF)


def _float(value: Timeval) -> float:
    return value.sec + value.usec / 1_000_000


INT: Final = _number("C int", "@i")
FLAG: Final = _struct("bool", "C int", bool, lambda value: (value,), "@i")
UNSIGNED: Final = _number("C unsigned int", "@I")
UNSIGNED64: Final = _number("64-bit unsigned number", "@Q")
SIZE: Final = Codec("int", INT.size, INT.decode, _size, "C int that is not negative")
LINGER: Final = _struct(
    "Linger", "struct linger", lambda onoff, seconds: Linger(onoff != 0, seconds), tuple, "@ii"
)
UCRED: Final = _struct(
    "Ucred", "struct ucred", lambda pid, uid, gid: Ucred(pid, _uid(uid), _uid(gid)), _ids, "@iII"
)
TIMEVAL: Final = _struct("Timeval", "struct timeval", Timeval, tuple, TIMEVAL_LAYOUT)
SECONDS: Final = Codec(
    "float", TIMEVAL.size, lambda data: _float(TIMEVAL.decode(data)), _seconds, "struct timeval"
)
MEMINFO: Final = _struct("MemInfo", "unsigned int[9]", MemInfo, tuple, "@9I")


_TCP_INFO = (
    "B:state B:ca_state B:retransmits B:probes B:backoff B:options B:wscales B:bits "
    "I:rto I:ato I:snd_mss I:rcv_mss I:unacked I:sacked I:lost I:retrans I:fackets "
    "I:last_data_sent I:last_ack_sent I:last_data_recv I:last_ack_recv "
    "I:pmtu I:rcv_ssthresh I:rtt I:rttvar I:snd_ssthresh I:snd_cwnd I:advmss I:reordering "
    "I:rcv_rtt I:rcv_space I:total_retrans "
    "Q:pacing_rate Q:max_pacing_rate Q:bytes_acked Q:bytes_received I:segs_out I:segs_in "
    "I:notsent_bytes I:min_rtt I:data_segs_in I:data_segs_out Q:delivery_rate "
    "Q:busy_time Q:rwnd_limited Q:sndbuf_limited I:delivered I:delivered_ce "
    "Q:bytes_sent Q:bytes_retrans I:dsack_dups I:reord_seen I:rcv_ooopack I:snd_wnd "
    "I:rcv_wnd I:rehash H:total_rto H:total_rto_recoveries I:total_rto_time "
    "I:received_ce I:delivered_e1_bytes I:delivered_e0_bytes I:delivered_ce_bytes "
    "I:received_e1_bytes I:received_e0_bytes I:received_ce_bytes"
)
"""In order, as C would lay it out; the word that follows was given another meaning in Linux 7.0."""


def _tcp_info_fields() -> Iterator[tuple[str, int, struct.Struct]]:
    offset = 0
    for field in _TCP_INFO.split():
        layout, _, name = field.partition(":")
        form = struct.Struct("=" + layout)
        yield name, offset, form
        offset += form.size


_FIELDS: Final = tuple(_tcp_info_fields())


def _tcp_info(data: bytes) -> TcpInfo:
    told = {
        name: form.unpack_from(data, offset)[0]
        for name, offset, form in _FIELDS
        if offset + form.size <= len(data)
    }
    wscales, bits = told.pop("wscales", 0), told.pop("bits", 0)
    return TcpInfo(**told, **_bitfields(wscales, bits))


def _bitfields(wscales: int, bits: int) -> dict[str, int | bool]:
    """C fills a byte's bit fields from its low end on little-endian machines, else from its high end."""
    low, high = wscales & 0xF, wscales >> 4
    if sys.byteorder == "little":
        return {
            "snd_wscale": low,
            "rcv_wscale": high,
            "delivery_rate_app_limited": bool(bits & 1),
            "fastopen_client_fail": bits >> 1 & 3,
        }
    return {
        "snd_wscale": high,
        "rcv_wscale": low,
        "delivery_rate_app_limited": bool(bits >> 7),
        "fastopen_client_fail": bits >> 5 & 3,
    }


def _untold(_value: object) -> bytes:
    raise TypeError("it can only be read")


TCP_INFO_LAYOUT: Final = Codec("TcpInfo", 512, _tcp_info, _untold, "struct tcp_info")
