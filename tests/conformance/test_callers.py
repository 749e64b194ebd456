"""The program that makes 32-bit calls: what it is asked, what it answers, and how it ends."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from conformance.plugin.needs import I386
from conformance.plugin.setups.callers import END, caller, control_message, control_messages_of
from libsocket import Socket
from netns import ChildDied

BITS = pytest.mark.parametrize("bits", [32, 64])


@pytest.fixture(autouse=True)
def _programs() -> None:
    if I386.missing():
        pytest.skip("the kernel runs no 32-bit programs")


@BITS
def test_a_call_returns_what_the_kernel_returned(bits: int) -> None:
    with caller(bits=bits) as program:
        assert program.call("getpid") == program.pid


@BITS
def test_an_error_is_raised_with_its_errno(bits: int) -> None:
    with caller(bits=bits) as program:
        with pytest.raises(OSError, match="Bad file descriptor") as caught:
            program.call("close", 1000)

        assert caught.value.errno == errno.EBADF


@BITS
def test_what_is_stored_is_loaded(bits: int) -> None:
    with caller(bits=bits) as program:
        first, second = program.store(b"first"), program.store(b"second")
        last = program.store_at_end(b"last")

        assert [program.load(first, 5), program.load(second, 6), last] == [b"first", b"second", END - 4]
        assert program.load(last, 4) == b"last"
        assert program.load(program.room(3), 3) == bytes(3)
        assert program.load(first, 0) == b""


def test_more_than_the_memory_there_is_is_refused() -> None:
    with caller() as program, pytest.raises(AssertionError, match="no more memory"):
        program.room(1 << 20)


def test_it_has_the_sockets_that_it_was_given_and_no_others() -> None:
    with Socket.udp() as given, Socket.udp() as kept, caller(given) as program:
        length = program.store((4).to_bytes(4, "little"))
        program.call("getsockopt", given, 1, 3, program.room(4), length)

        with pytest.raises(OSError, match="Bad file descriptor"):
            program.call("getsockopt", kept, 1, 3, program.room(4), length)


@pytest.mark.parametrize("before", [False, True], ids=["while it is asked", "before it is asked"])
def test_a_program_that_dies_is_told(before: bool) -> None:
    with caller() as program:
        os.kill(program.pid, signal.SIGKILL)
        if before:
            os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)

        with pytest.raises(ChildDied, match="SIGKILL"):
            program.call("getpid")


def test_a_program_ends_with_its_block() -> None:
    with caller() as program:
        pid = program.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_control_messages_are_found_as_they_were_made() -> None:
    made = [(1, 2, b"a"), (3, 4, b"bcde"), (5, 6, b"")]

    assert control_messages_of(b"".join(control_message(*one) for one in made)) == made
