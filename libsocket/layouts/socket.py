"""Structures that options of every socket carry."""

from __future__ import annotations

import ctypes
import struct
from typing import Final

from libsocket.codecs import Codec
from libsocket.layouts.structure import AS_IS, Part, array, structure
from libsocket.values.socket import DmabufToken, SockTxTime, Timestamping, TimestampingFlag, TxTimeFlag


def _timestamping(data: bytes) -> Timestamping:
    """Kernels before 5.14 give the flags alone."""
    flags, phc = struct.unpack("@ii", data.ljust(8, b"\0"))
    return Timestamping(TimestampingFlag(flags), phc)


TIMESTAMPING: Final = Codec(
    "Timestamping",
    8,
    _timestamping,
    lambda value: struct.pack("@ii", value.flags, value.bind_phc),
    "struct so_timestamping",
    takes=Timestamping,
)
TXTIME: Final = structure(SockTxTime, "struct sock_txtime", "@iI", AS_IS, Part(TxTimeFlag, int))
DMABUF_TOKENS: Final = array(structure(DmabufToken, "struct dmabuf_token", "=II"), 128)


def _program(code: bytes) -> bytes:
    """A struct sock_fprog that points at the instructions, which live as long as the caller's value."""
    if len(code) % 8:
        raise ValueError("an instruction has 8 bytes")
    return struct.pack("@HP", len(code) // 8, ctypes.cast(ctypes.c_char_p(code), ctypes.c_void_p).value or 0)


def _unreadable(_value: bytes) -> bytes:
    raise TypeError("its size is counted in instructions: a buffer of as many bytes would be overrun")


FPROG: Final = Codec(
    "bytes", struct.calcsize("@HP"), bytes, _program, "struct sock_fprog", takes=bytes, request=_unreadable
)
