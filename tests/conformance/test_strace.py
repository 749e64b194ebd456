"""What strace writes is read as system calls, and it is attached to what runs already."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.plugin.strace import Call, NotTraced, Strace, StraceMissing, calls, require
from netns import Child


def read(*lines: str) -> list[Call]:
    return list(calls(lines, 7))


def traced(act: Callable[[], object], *options: str) -> list[Call]:
    """The calls of a function in a child process that waits, stopped, for strace."""

    def live() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        act()

    with Child(live) as child:
        os.waitpid(child.pid, os.WUNTRACED)
        with Strace(child.pid, *options) as strace:
            os.kill(child.pid, signal.SIGCONT)
            child.value()
            return strace.calls()


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (
            "setsockopt(3<socket:[99]>, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0",
            Call(7, "setsockopt", ("3<socket:[99]>", "SOL_SOCKET", "SO_REUSEADDR", "[1]", "4"), 0, number=1),
        ),
        (
            'recvfrom(3, "a\\"),(", 9, 0, NULL, NULL) = 5',
            Call(7, "recvfrom", ("3", '"a\\"),("', "9", "0", "NULL", "NULL"), 5, number=1),
        ),
        (
            "accept4(3, 0x7f, [16], 0) = -1 EAGAIN (Resource temporarily unavailable)",
            Call(
                7,
                "accept4",
                ("3", "0x7f", "[16]", "0"),
                -1,
                "EAGAIN",
                "Resource temporarily unavailable",
                number=1,
            ),
        ),
        (
            "poll([{fd=3, events=POLLIN}], 1, 0)      = 0 (Timeout)",
            Call(7, "poll", ("[{fd=3, events=POLLIN}]", "1", "0"), 0, note="Timeout", number=1),
        ),
        (
            "getsockopt(3, SOL_SOCKET, SO_RCVBUF, [7], [4]) = 0 (INJECTED: args)",
            Call(
                7,
                "getsockopt",
                ("3", "SOL_SOCKET", "SO_RCVBUF", "[7]", "[4]"),
                0,
                injected=True,
                number=1,
            ),
        ),
        (
            "socket(AF_INET, SOCK_STREAM, 0) = 3<TCP:[127.0.0.1:4->127.0.0.1:5]>",
            Call(
                7,
                "socket",
                ("AF_INET", "SOCK_STREAM", "0"),
                3,
                returned="TCP:[127.0.0.1:4->127.0.0.1:5]",
                number=1,
            ),
        ),
        (
            "fcntl(3, F_GETFL)  = 0x802 (flags O_RDWR|O_NONBLOCK) <0.000018>",
            Call(
                7, "fcntl", ("3", "F_GETFL"), 0x802, note="flags O_RDWR|O_NONBLOCK", seconds=1.8e-5, number=1
            ),
        ),
        (
            "recvfrom(3, 0x7f, 9, 0, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
            Call(
                7,
                "recvfrom",
                ("3", "0x7f", "9", "0", "NULL", "NULL"),
                None,
                "ERESTARTSYS",
                "To be restarted if SA_RESTART is set",
                number=1,
            ),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Call) else None,
)
def test_a_line_is_read_as_a_call(line: str, call: Call) -> None:
    assert read(line) == [call]


def test_signals_and_exits_are_no_calls() -> None:
    lines = "--- SIGCONT {si_signo=SIGCONT} ---", "+++ exited with 0 +++", "--- stopped by SIGSTOP ---"

    assert read(*lines) == []


def test_a_call_that_another_thread_interrupts_is_put_together() -> None:
    found = read(
        "8  recvfrom(3, <unfinished ...>",
        "7  close(4) = 0",
        '8  <... recvfrom resumed>"x", 1, 0, NULL, NULL) = 1',
    )

    assert [(one.pid, str(one)) for one in found] == [
        (7, "close(4) = 0"),
        (8, 'recvfrom(3, "x", 1, 0, NULL, NULL) = 1'),
    ]


def test_a_call_that_never_returned_has_no_result() -> None:
    assert read("recvfrom(3,  <unfinished ...>") == [Call(7, "recvfrom", ("3",), None, number=1)]


def test_calls_are_counted_by_name_and_thread() -> None:
    found = read("7  close(3) = 0", "8  close(3) = 0", "7  listen(4, 0) = 0", "7  close(4) = 0")

    assert [one.number for one in found] == [1, 1, 1, 2]


def test_what_a_descriptor_refers_to_is_kept() -> None:
    [call] = read("close(3<socket:[99]>) = 0")

    assert call.referent == "socket:[99]"


def test_the_calls_of_a_process_are_traced() -> None:
    left, right = socket.socketpair()
    with left, right:
        found = traced(lambda: left.send(b"hello"), "--trace=sendto")

    assert [one.arguments[1] for one in found] == ['"hello"']


def test_an_answer_can_be_changed() -> None:
    with socket.socket() as sock:
        found = traced(lambda: sock.listen(5), "--trace=listen", "--inject=listen:retval=0:when=1")
        state = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    assert ([one.injected for one in found], state) == ([True], 0)


def test_a_process_that_is_gone_cannot_be_traced() -> None:
    with Child(int) as child:
        gone = child.pid
        child.value()

    with pytest.raises(NotTraced, match=f"attach to process {gone}"):
        Strace(gone)


@pytest.mark.parametrize(
    ("program", "said"), [(None, "apt install strace"), ("strace -- version 5.10", "6.1 or newer")]
)
def test_a_strace_that_will_not_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None, said: str
) -> None:
    if program:
        (tmp_path / "strace").write_text(f"#!/bin/sh\necho {program}\n")
        (tmp_path / "strace").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StraceMissing, match=said):
        require()
