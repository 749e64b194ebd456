"""Lets user-mode Linux before 6.13 run where a processor's vector registers outgrow its room for them.

Such a kernel keeps 2,696 bytes of a process's extended state, and the host takes the state back only whole:
with AMX it is 11,008 bytes, and the kernel ends at its first program. Linux 6.13 asks the host how large it
is (3f17fed21491). Where the host does not offer the extended state at all, such a kernel falls back on the
older 512 bytes, which this program arranges: ``xstate.py PROGRAM ARGUMENT…`` refuses, by a filter of system
calls, what reads that state, and becomes the program. Without arguments it prints the state's size.

The guest's programs then lose the upper halves of the AVX registers at every page fault, since the host
clears them for the handler of the signal. So ``PLAIN`` is in their environment, from the first one on.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOM = 2_696
"""Bytes of extended state that user-mode Linux from 4.14 to 6.12 has room for."""
PLAIN: Mapping[str, str] = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load",
    "OPENSSL_ia32cap": "~0x1800000000000000:0x0",
}
"""Keeps the C library and OpenSSL off the AVX registers."""

_PTRACE_TRACEME, _PTRACE_GETREGSET = 0, 0x4204
_NT_X86_XSTATE = 0x202
_SYS_PTRACE = 101
_AUDIT_ARCH_X86_64 = 0xC000003E
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_SECCOMP_RET_ERRNO, _SECCOMP_RET_ALLOW = 0x50000, 0x7FFF0000
# Offsets in struct seccomp_data: the call, the architecture, the lower halves of two arguments.
_NUMBER, _ARCHITECTURE, _REQUEST, _REGISTERS = 0, 4, 16, 32
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06

_PROGRAM = (sys.executable, "-I", "-S", __file__)
_libc = ctypes.CDLL(None, use_errno=True)


def without_xstate(program: Sequence[str], release: str) -> list[str]:
    """The command that runs a user-mode kernel of that release on this machine's processor."""
    return [*_PROGRAM, *program] if outgrown(release) else list(program)


def outgrown(release: str) -> bool:
    """Whether this processor has more state than a user-mode kernel of that release has room for."""
    version = re.match(r"(\d+)\.(\d+)", release)
    return version is not None and tuple(map(int, version.groups())) < (6, 13) and _size() > ROOM


@cache
def _size() -> int:
    """Bytes; 0 where the host does not say."""
    if platform.machine() != "x86_64":
        return 0
    answer = subprocess.run(_PROGRAM, capture_output=True, text=True, check=False).stdout
    return int(answer or 0)


def write_launcher(program: Path, environ: Mapping[str, str], launcher: Path) -> Path:
    """Write a program that becomes another one, with that environment alone; its arguments are passed on.

    It is for the programs that a kernel itself starts, whose environment nobody can choose: an ELF file
    without a C library, which uses the registers before it reads its environment. Returns its path.
    """
    base, start = 0x400000, 64 + 56
    size = len(_launch(0, 0))
    texts = [os.fsencode(program), *(f"{name}={value}".encode() for name, value in environ.items())]
    pointers = start + size + 8 * len(texts)
    places = [base + pointers + len(b"\0".join([*texts[:index], b""])) for index in range(len(texts))]
    body = _launch(places[0], base + start + size)
    body += struct.pack(f"{len(texts)}Q", *places[1:], 0) + b"\0".join(texts) + b"\0"
    whole = start + len(body)
    # An executable for x86-64, version 1, with one program header, and no section.
    header = b"\x7fELF" + bytes((2, 1, 1)).ljust(12, b"\0")
    header += struct.pack("HHIQQQIHHHHHH", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    loaded, readable_and_run = 1, 5
    header += struct.pack("IIQQQQQQ", loaded, readable_and_run, 0, base, base, whole, whole, 0x1000)
    launcher.write_bytes(header + body)
    launcher.chmod(0o755)
    return launcher


def _launch(path: int, environ: int) -> bytes:
    """Machine code: execve(path, the arguments on the stack, environ), or else exit(127)."""
    execve, exit_ = 59, 60
    return b"".join(
        (
            b"\x48\x8d\x74\x24\x08",  # lea rsi, [rsp + 8]
            struct.pack("<BI", 0xBF, path),  # mov edi
            struct.pack("<BI", 0xBA, environ),  # mov edx
            struct.pack("<BI", 0xB8, execve) + b"\x0f\x05",  # mov eax; syscall
            struct.pack("<BI", 0xBF, 127),
            struct.pack("<BI", 0xB8, exit_) + b"\x0f\x05",
        )
    )


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        print(_measured())
        return 0
    try:
        _refuse_xstate()
        os.execvp(arguments[0], list(arguments))
    except OSError as error:
        print(f"{arguments[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127


def _measured() -> int:
    """The size of a traced child's extended state."""
    child = os.fork()
    if child == 0:
        _ptrace(_PTRACE_TRACEME, 0, None, None)
        signal.raise_signal(signal.SIGSTOP)
        os._exit(0)
    os.waitpid(child, os.WUNTRACED)
    room = ctypes.create_string_buffer(1 << 20)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(room), len(room))
    refused = _ptrace(_PTRACE_GETREGSET, child, _NT_X86_XSTATE, ctypes.addressof(vector)) != 0
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 0 if refused else vector[1]


def _refuse_xstate() -> None:
    """From now on PTRACE_GETREGSET of NT_X86_XSTATE is EINVAL, for this process and all that come of it.

    Needs no capability. Raises OSError. See seccomp(2), ptrace(2).
    """
    program = [
        *_unless(_ARCHITECTURE, _AUDIT_ARCH_X86_64, skip=7),
        *_unless(_NUMBER, _SYS_PTRACE, skip=5),
        *_unless(_REQUEST, _PTRACE_GETREGSET, skip=3),
        *_unless(_REGISTERS, _NT_X86_XSTATE, skip=1),
        (_RETURN, 0, 0, _SECCOMP_RET_ERRNO | errno.EINVAL),
        (_RETURN, 0, 0, _SECCOMP_RET_ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    for option, values in (
        (_PR_SET_NO_NEW_PRIVS, (1, 0)),
        (_PR_SET_SECCOMP, (_SECCOMP_MODE_FILTER, ctypes.addressof(filter_))),
    ):
        if _libc.prctl(option, *map(ctypes.c_ulong, (*values, 0, 0))):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _unless(offset: int, value: int, skip: int) -> tuple[tuple[int, int, int, int], ...]:
    """Two instructions: load a word of the call, and skip some unless it has that value."""
    return (_LOAD, 0, 0, offset), (_JUMP_IF_EQUAL, 0, skip, value)


def _ptrace(request: int, process: int, address: int | None, data: int | None) -> int:
    call: int = _libc.ptrace(
        ctypes.c_long(request), ctypes.c_long(process), ctypes.c_void_p(address), ctypes.c_void_p(data)
    )
    return call


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
