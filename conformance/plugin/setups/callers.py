"""A process that makes system calls as a 32-bit program does, which a 64-bit kernel may run as well.

The program is assembled here, a few dozen bytes: it reads seven words, makes the call that they name by
``int 0x80``, and writes what that returned. What the instructions mean is the same in 32 and in 64 bits, so
that either kind of program can make 32-bit calls.
"""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from conformance.plugin.timing import TIMEOUT
from libsocket import Socket
from netns import ChildDied

CALLS: Final = {
    "read": 3,
    "write": 4,
    "close": 6,
    "getpid": 20,
    "ioctl": 54,
    "socketcall": 102,
    "recvmmsg": 337,
    "sendmmsg": 345,
    "socket": 359,
    "socketpair": 360,
    "bind": 361,
    "connect": 362,
    "listen": 363,
    "accept4": 364,
    "getsockopt": 365,
    "setsockopt": 366,
    "getsockname": 367,
    "getpeername": 368,
    "sendto": 369,
    "sendmsg": 370,
    "recvfrom": 371,
    "recvmsg": 372,
    "shutdown": 373,
    "recvmmsg_time64": 417,
}
"""Numbers of the calls of a 32-bit x86 program."""

_WORDS: Final = struct.Struct("<7I")
_WORD: Final = struct.Struct("<i")
_TEXT, _DATA, _DATA_SIZE = 0x0804_8000, 0x0805_0000, 0x4000
END: Final = _DATA + _DATA_SIZE
"""Where the memory of the program ends: behind it there is none."""
_FREE: Final = _DATA + 0x100
"""Where a caller's own data begins, behind the words of a call."""
_LARGEST_ERRNO: Final = 4095

_PT_LOAD, _PT_GNU_STACK = 1, 0x6474_E551
_READ, _WRITE, _EXECUTE = 4, 2, 1
_EM_386, _EM_X86_64 = 3, 62
_CMSG: Final = struct.Struct("<Iii")
"""struct cmsghdr of a 32-bit program: length, level, type."""
_MSGHDR: Final = struct.Struct("<IIIIIII")
"""Its struct msghdr: name, length, buffers, their number, control messages, length, flags."""
_IOVEC: Final = struct.Struct("<II")
MMSGHDR: Final = _MSGHDR.size + 4
"""The size of its struct mmsghdr, 32 bytes."""

Argument = int | bytes | Socket
"""A number, data of which the call is given the address, or a socket that the program was given."""


class Caller:
    """A program that makes 32-bit calls, one by one, as it is asked to."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._to, self._from = process.stdin.fileno(), process.stdout.fileno()
        self._free = _FREE

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, name: str, *arguments: Argument) -> int:
        """Make a call; what it returns. Raises: OSError with the errno that it returns."""
        words = [self._word(one) for one in arguments]
        returned = self._made(CALLS[name], *words)
        if -_LARGEST_ERRNO <= returned < 0:
            raise OSError(-returned, os.strerror(-returned))
        return returned

    def socketcall(self, number: int, *arguments: Argument) -> int:
        """socketcall(2): make a call of sockets by its number there. Raises: OSError."""
        block = struct.pack(f"<{len(arguments)}I", *map(self._word, arguments))
        return self.call("socketcall", number, block)

    def store(self, data: bytes) -> int:
        """Put data into the memory of the program; its address there."""
        address = self.room(len(data))
        self._write(address, data)
        return address

    def store_at_end(self, data: bytes) -> int:
        """Put data where the memory of the program ends; its address."""
        self._write(END - len(data), data)
        return END - len(data)

    def room(self, size: int) -> int:
        """The address of so many bytes, all zero."""
        address = self._free
        self._free += size + 15 & ~15
        assert self._free <= END, "the program has no more memory"
        return address

    def load(self, address: int, size: int) -> bytes:
        """What is in the memory of the program."""
        if not size:
            return b""
        self._ask(CALLS["write"], 1, address, size)
        data = self._answer(size)
        assert _WORD.unpack(self._answer(_WORD.size))[0] == size
        return data

    def number(self, address: int) -> int:
        """The int at an address."""
        return int.from_bytes(self.load(address, 4), sys.byteorder, signed=True)

    def set_option(self, sock: Socket, option: tuple[int, int], value: bytes) -> None:
        """setsockopt(2) of a level and a number."""
        self.call("setsockopt", sock, *option, value, len(value))

    def get_option(self, sock: Socket, option: tuple[int, int], room: int = 64) -> bytes:
        """getsockopt(2) of a level and a number, with room for so many bytes."""
        value, length = self.room(room), self.store(room.to_bytes(4, sys.byteorder))
        self.call("getsockopt", sock, *option, value, length)
        return self.load(value, self.number(length))

    def ioctl(self, sock: Socket, number: int, argument: bytes) -> bytes:
        """ioctl(2): what is where the argument was."""
        address = self.store(argument)
        self.call("ioctl", sock, number, address)
        return self.load(address, len(argument))

    def message(self, data: int, size: int, control: int = 0, length: int = 0) -> int:
        """The address of a struct msghdr with one buffer, and control messages."""
        buffers = self.store(_IOVEC.pack(data, size))
        return self.store(_MSGHDR.pack(0, 0, buffers, 1, control, length, 0))

    def messages(self, *data: bytes) -> int:
        """The address of an array of struct mmsghdr, each with one buffer in which this is."""
        headers = b""
        for one in data:
            buffers = self.store(_IOVEC.pack(self.store(one), len(one)))
            headers += _MSGHDR.pack(0, 0, buffers, 1, 0, 0, 0) + bytes(4)
        return self.store(headers)

    def lengths(self, messages: int, count: int) -> list[int]:
        """msg_len of each struct mmsghdr of an array."""
        return [self.number(messages + at * MMSGHDR + _MSGHDR.size) for at in range(count)]

    def send_message(self, sock: Socket, data: bytes, control: bytes = b"") -> int:
        """sendmsg(2)"""
        message = self.message(
            self.store(data), len(data), self.store(control) if control else 0, len(control)
        )
        return self.call("sendmsg", sock, message, 0)

    def receive_message(self, sock: Socket, size: int = 64, control: int = 256) -> bytes:
        """recvmsg(2): the control messages that come, as they are in memory."""
        room = self.room(control)
        message = self.message(self.room(size), size, room, control)
        self.call("recvmsg", sock, message, 0)
        return self.load(room, _MSGHDR.unpack(self.load(message, _MSGHDR.size))[5])

    def _word(self, argument: Argument) -> int:
        if isinstance(argument, bytes):
            return self.store(argument)
        if isinstance(argument, Socket):
            return argument.fileno()
        return argument & 0xFFFF_FFFF

    def _write(self, address: int, data: bytes) -> None:
        if data:
            self._ask(CALLS["read"], 0, address, len(data))
            self._tell(data)
            assert _WORD.unpack(self._answer(_WORD.size))[0] == len(data)

    def _made(self, number: int, *words: int) -> int:
        self._ask(number, *words)
        return int(_WORD.unpack(self._answer(_WORD.size))[0])

    def _ask(self, *words: int) -> None:
        self._tell(_WORDS.pack(*words, *[0] * (7 - len(words))))

    def _tell(self, data: bytes) -> None:
        try:
            os.write(self._to, data)
        except BrokenPipeError:  # it died before it was asked, not while it answered
            raise ChildDied(self._process.wait()) from None

    def _answer(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not select.select([self._from], [], [], TIMEOUT)[0]:
                raise TimeoutError(f"the call did not return within {TIMEOUT} seconds")
            piece = os.read(self._from, size - len(data))
            if not piece:
                raise ChildDied(self._process.wait())
            data += piece
        return data


def control_of(data: bytes) -> list[list[int]]:
    """Level, type and size of the control messages in the memory of a 32-bit program."""
    return [[level, type_, len(value)] for level, type_, value in control_messages_of(data)]


def control_messages_of(data: bytes) -> list[tuple[int, int, bytes]]:
    """Level, type and data of the control messages in the memory of a 32-bit program."""
    found = []
    while len(data) >= _CMSG.size:
        length, level, type_ = _CMSG.unpack_from(data)
        found.append((level, type_, data[_CMSG.size : length]))
        data = data[max(length + 3 & ~3, _CMSG.size) :]
    return found


def control_message(level: int, type_: int, value: bytes) -> bytes:
    """A control message as a 32-bit program has it in its memory."""
    return _CMSG.pack(_CMSG.size + len(value), level, type_) + value + bytes(-len(value) % 4)


@contextmanager
def caller(*sockets: Socket, bits: int = 32) -> Iterator[Caller]:
    """A program of 32 bits, or of 64, that makes 32-bit calls; it has these sockets.

    Raises: OSError with ENOEXEC where the kernel runs no such programs.
    """
    file = os.memfd_create("caller", os.MFD_CLOEXEC)
    try:
        os.write(file, _program(bits))
        os.fchmod(file, 0o500)
        program = os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(file)  # what is open for writing is not executed
    try:
        process = subprocess.Popen(
            ["caller"],
            executable=f"/proc/self/fd/{program}",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[program, *(sock.fileno() for sock in sockets)],
        )
    finally:
        os.close(program)
    with process:
        try:
            yield Caller(process)
        finally:
            process.kill()


def _code() -> bytes:
    words = struct.pack("<I", _DATA)
    begin = (
        b"\xbf" + words  # mov edi, words
        + b"\xb8\x03\0\0\0"  # mov eax, read
        + b"\x31\xdb"  # xor ebx, ebx
        + b"\x89\xf9"  # mov ecx, edi
        + b"\xba\x1c\0\0\0"  # mov edx, 28
        + b"\xcd\x80"  # int 0x80
        + b"\x83\xf8\x1c"  # cmp eax, 28
    )  # fmt: skip
    call = (
        b"\x8b\x07"  # mov eax, [edi]
        + b"\x8b\x5f\x04\x8b\x4f\x08\x8b\x57\x0c"  # mov ebx, [edi+4]; ecx, [edi+8]; edx, [edi+12]
        + b"\x8b\x77\x10\x8b\x6f\x18\x8b\x7f\x14"  # mov esi, [edi+16]; ebp, [edi+24]; edi, [edi+20]
        + b"\xcd\x80"  # int 0x80
        + b"\xbf" + words  # mov edi, words
        + b"\x89\x07"  # mov [edi], eax
        + b"\xb8\x04\0\0\0"  # mov eax, write
        + b"\xbb\x01\0\0\0"  # mov ebx, 1
        + b"\x89\xf9"  # mov ecx, edi
        + b"\xba\x04\0\0\0"  # mov edx, 4
        + b"\xcd\x80"  # int 0x80
    )  # fmt: skip
    end = b"\xb8\x01\0\0\0\x31\xdb\xcd\x80"  # mov eax, exit; xor ebx, ebx; int 0x80
    back = len(begin) + len(call) + 4
    return begin + b"\x75" + bytes([len(call) + 2]) + call + b"\xeb" + bytes([256 - back]) + end


def _program(bits: int) -> bytes:
    """An ELF file with the code, memory that begins as zero, and a stack that is not executed."""
    code, wide = _code(), bits == 64
    header = struct.Struct("<16sHHIQQQIHHHHHH" if wide else "<16sHHIIIIIHHHHHH")
    size = 56 if wide else 32
    begin = header.size + 3 * size
    whole = begin + len(code)

    def segment(kind: int, flags: int, address: int, held: int, length: int) -> bytes:
        if wide:
            return struct.pack("<IIQQQQQQ", kind, flags, 0, address, address, held, length, 0x1000)
        return struct.pack("<IIIIIIII", kind, 0, address, address, held, length, flags, 0x1000)

    return (
        header.pack(
            b"\x7fELF" + bytes([2 if wide else 1, 1, 1]),
            2,
            _EM_X86_64 if wide else _EM_386,
            1,
            _TEXT + begin,
            header.size,
            0,
            0,
            header.size,
            size,
            3,
            0,
            0,
            0,
        )
        + segment(_PT_LOAD, _READ | _EXECUTE, _TEXT, whole, whole)
        + segment(_PT_LOAD, _READ | _WRITE, _DATA, 0, _DATA_SIZE)
        + segment(_PT_GNU_STACK, _READ | _WRITE, 0, 0, 0)
        + code
    )
