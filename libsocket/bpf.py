"""Classic BPF programs, which choose what a socket receives. Source: ``networking/filter.rst``."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from libsocket.arch import MACHINE, Level, Numbers

__all__ = ["Filter", "Instruction"]

INSTRUCTION: Final = struct.Struct("@HBBI")
MOST: Final = 4096
"""How many instructions a program has at most: BPF_MAXINSNS."""
WHOLE: Final = 0xFFFF_FFFF
BPF_RET_K: Final = 0x06
SO_GET_FILTER: Final = Numbers(26, parisc=0x401A).on(MACHINE)

_libc = ctypes.CDLL(None, use_errno=True)


class Instruction(NamedTuple):
    """One step: ``struct sock_filter``. ``jt`` and ``jf`` say how many to skip if true and if false."""

    code: int
    jt: int = 0
    jf: int = 0
    k: int = 0


class Filter(bytes):
    """A program, laid out as the kernel reads it: ``sock.attach_filter = Filter.accept(100)``.

    SO_ATTACH_REUSEPORT_CBPF and PACKET_FANOUT_DATA take one too; there, what it returns is the index of
    the socket. The kernel judges a program when it is attached: EINVAL.
    """

    __slots__ = ()

    def __new__(cls, instructions: Iterable[tuple[int, int, int, int]]) -> Self:
        """Raises OverflowError for a number that does not fit an instruction, ValueError for too many."""
        steps = tuple(instructions)
        if not 1 <= len(steps) <= MOST:
            raise ValueError(f"a program has 1 to {MOST} instructions, not {len(steps)}")
        try:
            return super().__new__(cls, b"".join(INSTRUCTION.pack(*step) for step in steps))
        except struct.error as reason:
            raise OverflowError(f"not an instruction: {reason}") from reason

    @classmethod
    def returning(cls, k: int) -> Self:
        """One instruction that returns a number."""
        return cls([Instruction(BPF_RET_K, k=k)])

    @classmethod
    def accept(cls, n: int) -> Self:
        """Take every packet, cut to ``n`` bytes."""
        return cls.returning(n)

    @classmethod
    def accept_all(cls) -> Self:
        """Take every packet whole."""
        return cls.returning(WHOLE)

    @classmethod
    def drop_all(cls) -> Self:
        """Take no packet. Attached at first, it keeps a new socket empty until the real one is."""
        return cls.returning(0)

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """The steps."""
        return tuple(map(Instruction._make, INSTRUCTION.iter_unpack(self)))

    def __repr__(self) -> str:
        return f"Filter({list(self.instructions)})"

    __str__ = __repr__


class Filtering(socket.socket):
    """A socket whose filter can be read back."""

    __slots__ = ()

    def filter(self) -> Filter | None:
        """The classic program that is attached, or None; SO_GET_FILTER, since Linux 3.8.

        OSError with EACCES for a program that is not classic BPF.
        Its buffer is measured in instructions, so that no plain getsockopt can read it.
        """
        buffer = ctypes.create_string_buffer(MOST * INSTRUCTION.size)
        length = ctypes.c_uint(MOST)
        if _libc.getsockopt(self.fileno(), Level.SOL_SOCKET, SO_GET_FILTER, buffer, ctypes.byref(length)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        program = buffer.raw[: length.value * INSTRUCTION.size]
        return Filter(INSTRUCTION.iter_unpack(program)) if program else None
