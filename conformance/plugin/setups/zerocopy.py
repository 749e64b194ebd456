"""Memory that TCP_ZEROCOPY_RECEIVE writes to, and pages of a socket that it maps."""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.setups.calls import option_got_at
from conformance.plugin.setups.places import ending_memory, read_only_memory, room
from libsocket import INT, TCP_ZEROCOPY_RECEIVE, Socket, TcpZerocopyReceive

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_FAILED: Final = ctypes.c_void_p(-1).value
_FIELDS: Final = struct.Struct("=QIIIiQiIQQII")
"""struct tcp_zerocopy_receive"""
SIZE: Final = _FIELDS.size
_TCP_CMSG_TS: Final = 2
_OPTION: Final = (TCP_ZEROCOPY_RECEIVE.level, TCP_ZEROCOPY_RECEIVE.number)


@contextmanager
def mapped(sock: Socket) -> Iterator[int]:
    """The address at which a page of a socket is mapped, to be read."""
    place = _libc.mmap(None, mmap.PAGESIZE, mmap.PROT_READ, mmap.MAP_SHARED, sock.fileno(), 0)
    if place == _FAILED:
        raise OSError(ctypes.get_errno(), "mmap")
    try:
        yield place
    finally:
        _libc.munmap(place, mmap.PAGESIZE)


def receive(sock: Socket, *, address: int) -> TcpZerocopyReceive:
    """Ask for a page at an address, and nothing else."""
    return sock.get(TCP_ZEROCOPY_RECEIVE, request=TcpZerocopyReceive(address=address, length=mmap.PAGESIZE))


def receive_copied(sock: Socket, *, address: int, size: int) -> tuple[TcpZerocopyReceive, bytes]:
    """Ask for a page at an address, and with room for ``size`` bytes to be copied; what is there then."""
    room = ctypes.create_string_buffer(size)
    request = TcpZerocopyReceive(
        address=address,
        length=mmap.PAGESIZE,
        copybuf_address=ctypes.addressof(room),
        copybuf_len=size,
    )
    given = sock.get(TCP_ZEROCOPY_RECEIVE, request=request)
    return given, room.raw[: given.copybuf_len]


def receive_in(
    sock: Socket,
    size: int,
    *,
    address: int,
    flags: int = 0,
    behind: bytes = b"",
    control: int = 0,
    length: int = 0,
) -> tuple[int, TcpZerocopyReceive]:
    """Ask for a page with the first ``size`` bytes of the structure, and what is behind them.

    ``flags`` are its msg_flags, ``control`` its msg_control. The length told, and what is there then.
    """
    given = _request(address, flags, control, length)[:size] + behind
    with room(given.ljust(SIZE, b"\0")) as value, room(_int(len(given))) as told:
        option_got_at(sock.fileno(), _OPTION, value, told)
        fields = _FIELDS.unpack(ctypes.string_at(value, SIZE))
        return int.from_bytes(ctypes.string_at(told, INT.size), sys.byteorder), TcpZerocopyReceive(*fields)


def receive_with_control(sock: Socket, *, address: int, size: int, room_for: int) -> tuple[bytes, bytes, int]:
    """Ask for so many bytes to be copied, and for control messages; those, with room for so many bytes.

    What was copied, the messages, and msg_flags.
    """
    with room(bytes(size)) as copied, room(bytes(room_for)) as control:
        request = TcpZerocopyReceive(
            address=address,
            length=mmap.PAGESIZE,
            copybuf_address=copied,
            copybuf_len=size,
            msg_control=control,
            msg_controllen=room_for,
            msg_flags=_TCP_CMSG_TS,
        )
        given = sock.get(TCP_ZEROCOPY_RECEIVE, request=request)
        taken = room_for - given.msg_controllen
        assert given.msg_control - control == taken, "msg_control and msg_controllen do not fit together"
        return ctypes.string_at(copied, given.copybuf_len), ctypes.string_at(control, taken), given.msg_flags


def receive_unwritten(sock: Socket, *, address: int) -> None:
    """Ask for a page with a structure in memory that is not to be written."""
    given = _request(address, 0, 0, 0)
    with read_only_memory(given) as value, room(_int(SIZE)) as told:
        option_got_at(sock.fileno(), _OPTION, value, told)


def receive_untold(sock: Socket, *, address: int, more: int) -> None:
    """Ask for a page with so many bytes behind the structure, and a length that is not to be written."""
    given = _request(address, 0, 0, 0) + bytes(more)
    with room(given) as value, read_only_memory(_int(len(given))) as told:
        option_got_at(sock.fileno(), _OPTION, value, told)


def receive_ending(sock: Socket, *, address: int, more: int) -> None:
    """Ask for a page with a length of so many bytes more than the structure, where its memory ends."""
    with ending_memory(_request(address, 0, 0, 0)) as value, room(_int(SIZE + more)) as told:
        option_got_at(sock.fileno(), _OPTION, value, told)


def _request(address: int, flags: int, control: int, length: int) -> bytes:
    return _FIELDS.pack(address, mmap.PAGESIZE, 0, 0, 0, 0, 0, 0, control, length, flags, 0)


def _int(number: int) -> bytes:
    return number.to_bytes(INT.size, sys.byteorder)
