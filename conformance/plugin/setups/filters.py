"""Classic BPF programs (networking/filter.rst), written as bpf_asm has them, and what they return."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from typing import Final

from conformance.plugin.setups.pairs import unix_datagram_pair
from conformance.plugin.timing import SOON
from libsocket import Filter, Instruction, Socket
from libsocket.bpf import INSTRUCTION, MOST, SO_GET_FILTER

_CODES: Final = {
    "ld [k]": 0x20,
    "ldh [k]": 0x28,
    "ldb [k]": 0x30,
    "ld [x+k]": 0x40,
    "ldh [x+k]": 0x48,
    "ldb [x+k]": 0x50,
    "ld #k": 0x00,
    "ld M[k]": 0x60,
    "ld len": 0x80,
    "ldx #k": 0x01,
    "ldx M[k]": 0x61,
    "ldx len": 0x81,
    "ldx 4*([k]&0xf)": 0xB1,
    "st M[k]": 0x02,
    "stx M[k]": 0x03,
    "ja k": 0x05,
    "jeq #k": 0x15,
    "jeq x": 0x1D,
    "jgt #k": 0x25,
    "jgt x": 0x2D,
    "jge #k": 0x35,
    "jge x": 0x3D,
    "jset #k": 0x45,
    "jset x": 0x4D,
    "add #k": 0x04,
    "add x": 0x0C,
    "sub #k": 0x14,
    "sub x": 0x1C,
    "mul #k": 0x24,
    "mul x": 0x2C,
    "div #k": 0x34,
    "div x": 0x3C,
    "or #k": 0x44,
    "or x": 0x4C,
    "and #k": 0x54,
    "and x": 0x5C,
    "lsh #k": 0x64,
    "lsh x": 0x6C,
    "rsh #k": 0x74,
    "rsh x": 0x7C,
    "neg": 0x84,
    "mod #k": 0x94,
    "mod x": 0x9C,
    "xor #k": 0xA4,
    "xor x": 0xAC,
    "tax": 0x07,
    "txa": 0x87,
    "ret #k": 0x06,
    "ret a": 0x16,
}
_EXTENSIONS: Final = {
    name: (1 << 32) - 0x1000 + offset
    for name, offset in {
        "proto": 0,
        "type": 4,
        "ifidx": 8,
        "nla": 12,
        "nlan": 16,
        "mark": 20,
        "hatype": 28,
        "cpu": 36,
        "vlan_tci": 44,
        "vlan_avail": 48,
        "poff": 52,
        "rand": 56,
        "vlan_tpid": 60,
    }.items()
}
ALL: Final = ("ret #k", 0xFFFF_FFFF)
NONE: Final = ("ret #k", 0)

_libc = ctypes.CDLL(None, use_errno=True)

Step = tuple[str] | tuple[str, int] | tuple[str, int, int, int]
"""An instruction: its name, what it has for ``k``, and how many it skips if true and if false."""


def program(*steps: Step) -> Filter:
    """A filter of these instructions; ``("ld proto",)`` loads an extension."""
    return Filter(map(_instruction, steps))


def ending_with(number: int) -> bytes:
    """The instruction that ends a program with a number."""
    return INSTRUCTION.pack(_CODES["ret #k"], 0, 0, number)


def fprog(instructions: int, where: int) -> bytes:
    """A struct sock_fprog that says of a program at an address that it has so many instructions."""
    return struct.pack("@HP", instructions, where)


def _instruction(step: Step) -> Instruction:
    name, k, jt, jf = (*step, 0, 0, 0)[:4]
    extension = _EXTENSIONS.get(name.removeprefix("ld "))
    if extension is not None:
        return Instruction(_CODES["ld [k]"], k=extension)
    return Instruction(_CODES[name], jt, jf, k)


def returned(*steps: Step, data: bytes = bytes(250)) -> int:
    """What a program returns for a UNIX datagram, from 1 to the number of its bytes: so many are received."""
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = SOON
        right.attach_filter = program(*steps)
        left.send(data)
        return len(right.recv(len(data)))


def accumulated(*steps: Step, data: bytes = bytes(250)) -> int:
    """What the accumulator A has after these instructions."""
    return returned(*steps, ("ret a",), data=data)


def instructions_told(sock: Socket, room: int) -> int:
    """How many instructions a socket's program has, by SO_GET_FILTER with room said to be for so many."""
    buffer, length = ctypes.create_string_buffer(MOST * INSTRUCTION.size), ctypes.c_uint(room)
    if _libc.getsockopt(sock.fileno(), socket.SOL_SOCKET, SO_GET_FILTER, buffer, ctypes.byref(length)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return length.value
