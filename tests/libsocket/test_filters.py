"""Classic BPF programs on real sockets."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import libsocket as ls
from libsocket import Filter, Instruction, Socket, UnsupportedOption
from netns import Namespace

Ends = tuple[Socket, Socket]
U8, U16, U32 = st.integers(0, 255), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
INSTRUCTION = st.builds(Instruction, U16, U8, U8, U32)
UDP_HEADER = 8
FIRST_IS_A = (
    Instruction(0x30, k=UDP_HEADER),
    Instruction(0x15, 0, 1, ord("a")),
    Instruction(0x06, k=0xFFFF_FFFF),
    Instruction(0x06, k=0),
)


@pytest.fixture
def ends() -> Iterator[Ends]:
    with Namespace(), Socket.udp() as near, Socket.udp() as far:
        far.bind(("127.0.0.1", 0))
        near.connect(far.getsockname())
        far.nonblocking = True
        yield near, far


@given(st.lists(INSTRUCTION, min_size=1, max_size=50))
def test_program_is_its_instructions(instructions: list[Instruction]) -> None:
    program = Filter(instructions)

    assert (program.instructions, len(program)) == (tuple(instructions), 8 * len(instructions))


def test_program_takes_what_it_accepts(ends: Ends) -> None:
    near, far = ends
    far.attach_filter = Filter(FIRST_IS_A)
    near.send_messages([b"before", b"after", b"beyond"])

    assert far.recv(10) == b"after"


def test_accept_cuts_what_comes(ends: Ends) -> None:
    near, far = ends
    far.attach_filter = Filter.accept(UDP_HEADER + 3)
    near.send(b"abcdef")

    assert far.recv(10) == b"abc"


def test_accept_all_cuts_nothing(ends: Ends) -> None:
    near, far = ends
    far.attach_filter = Filter.accept_all()
    near.send(b"abcdef")

    assert far.recv(10) == b"abcdef"


def test_drop_all_leaves_nothing(ends: Ends) -> None:
    near, far = ends
    far.attach_filter = Filter.drop_all()
    near.send(b"abcdef")

    with pytest.raises(BlockingIOError):
        far.recv(10)


def test_filter_is_read_back_as_it_was_attached(ends: Ends) -> None:
    _, far = ends
    far.attach_filter = Filter(FIRST_IS_A)

    assert far.filter() == Filter(FIRST_IS_A)


def test_longest_program_is_read_back(ends: Ends) -> None:
    _, far = ends
    program = Filter([Instruction(0x00, k=number) for number in range(4095)] + [Instruction(0x06)])
    ls.SO_RCVBUFFORCE.write(far, 1 << 20)
    try:
        far.attach_filter = program
    except OSError as refusal:
        if refusal.errno != errno.ENOMEM:
            raise
        pytest.skip("this kernel's optmem_max is too small for the longest program")

    assert far.filter() == program


def test_there_is_no_filter_at_first(ends: Ends) -> None:
    _, far = ends

    assert far.filter() is None


def test_detached_filter_is_gone(ends: Ends) -> None:
    near, far = ends
    far.attach_filter = Filter.drop_all()
    far.detach_filter = 0
    near.send(b"x")

    assert (far.filter(), far.recv(1)) == (None, b"x")


def test_locked_filter_stays(ends: Ends) -> None:
    _, far = ends
    far.attach_filter = Filter.drop_all()
    far.lock_filter = True

    with pytest.raises(PermissionError):
        far.detach_filter = 0
    assert far.filter() == Filter.drop_all()


def test_program_chooses_a_socket_of_a_group() -> None:
    with Namespace(), Socket.udp() as first, Socket.udp() as second, Socket.udp() as sender:
        first.reuseport = second.reuseport = True
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        first.attach_reuseport_cbpf = Filter.returning(1)
        sender.sendto(b"x", first.getsockname())

        assert second.recv(1) == b"x"


def test_nonsense_is_the_kernels_to_refuse(ends: Ends) -> None:
    _, far = ends

    with pytest.raises(OSError, match="Invalid argument") as refusal:
        far.attach_filter = Filter([Instruction(0xFFFF)])
    assert refusal.value.errno == errno.EINVAL


@pytest.mark.parametrize("count", [0, 4097])
def test_program_of_impossible_length_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 4096 instructions, not {count}"):
        Filter([Instruction(6)] * count)


@pytest.mark.parametrize("step", [(2**16, 0, 0, 0), (6, 256, 0, 0), (6, 0, 0, -1)])
def test_number_that_fits_no_instruction_is_refused(step: tuple[int, int, int, int]) -> None:
    with pytest.raises(OverflowError, match="not an instruction"):
        Filter([step])


def test_program_shows_its_instructions() -> None:
    assert repr(Filter.accept(3)) == "Filter([Instruction(code=6, jt=0, jf=0, k=3)])"


def test_descriptor_that_is_no_program_is_refused(ends: Ends) -> None:
    _, far = ends

    with pytest.raises(OSError, match="Invalid argument"):
        far.attach_bpf = far.fileno()


def test_filter_of_a_closed_socket_is_a_bad_descriptor() -> None:
    sock = Socket.udp()
    sock.close()

    with pytest.raises(OSError, match="Bad file descriptor"):
        sock.filter()
    assert not isinstance(sock, UnsupportedOption)
    assert sock.family == socket.AF_INET


BPF = {"x86_64": 321, "aarch64": 280}
"""The number of bpf(2), by machine."""
BPF_PROG_LOAD, BPF_PROG_TYPE_SK_REUSEPORT = 5, 21


@pytest.fixture
def reuseport_program() -> Iterator[int]:
    """A loaded program that chooses a socket of a SO_REUSEPORT group: r0 = 1; exit."""
    if (number := BPF.get(platform.machine())) is None:
        pytest.skip("the number of bpf(2) is not known here")
    steps = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 1, 0x95, 0, 0, 0))
    license = ctypes.create_string_buffer(b"GPL")
    places = ctypes.addressof(steps), ctypes.addressof(license)
    wanted = struct.pack("@IIQQ", BPF_PROG_TYPE_SK_REUSEPORT, 2, *places).ljust(128, b"\0")
    program = ctypes.CDLL(None, use_errno=True).syscall(number, BPF_PROG_LOAD, wanted, len(wanted))
    if program < 0:
        pytest.skip(f"no program can be loaded: {os.strerror(ctypes.get_errno())}")
    yield program
    os.close(program)


def test_internal_errno_of_the_kernel_is_want_of_support_too(reuseport_program: int) -> None:
    with Socket.unix() as sock, pytest.raises(UnsupportedOption, match="SO_ATTACH_REUSEPORT_EBPF") as refusal:
        sock.attach_reuseport_ebpf = reuseport_program

    assert refusal.value.errno == 524
