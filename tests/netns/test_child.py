from __future__ import annotations

import errno
import os
import resource
import select
import signal
import threading

import pytest

from netns import Child, ChildDied, NetnsError, in_child


class Odd(Exception):
    """An exception that cannot be rebuilt from its arguments."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_the_value_comes_back() -> None:
    assert in_child(lambda: {"answer": 42}) == {"answer": 42}


def test_it_is_another_process() -> None:
    assert in_child(os.getppid) == os.getpid()


def test_a_value_larger_than_a_pipe_comes_back() -> None:
    assert in_child(lambda: b"x" * 1_000_000) == b"x" * 1_000_000


def test_what_the_child_changes_stays_there() -> None:
    words = ["here"]
    in_child(lambda: words.append("there"))

    assert words == ["here"]


def test_an_exception_comes_back_with_its_type() -> None:
    with pytest.raises(ZeroDivisionError):
        in_child(lambda: 1 // 0)


def test_an_oserror_keeps_its_errno() -> None:
    def fail() -> None:
        raise OSError(errno.ENOPROTOOPT, "no such option")

    with pytest.raises(OSError, match="no such option") as error:
        in_child(fail)

    assert error.value.errno == errno.ENOPROTOOPT


def test_an_exception_carries_the_traceback_of_the_child() -> None:
    def fail_here() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError) as error:
        in_child(fail_here)

    assert "fail_here" in error.value.__notes__[0]


def test_an_exception_that_cannot_be_pickled_is_a_runtime_error() -> None:
    def fail() -> None:
        raise Odd("a", "b")

    with pytest.raises(RuntimeError, match="Odd: ab"):
        in_child(fail)


def test_a_value_that_cannot_be_pickled_is_an_error() -> None:
    with pytest.raises((TypeError, AttributeError), match="pickle"):
        in_child(threading.Lock)


def test_an_exit_in_the_child_is_raised_in_the_parent() -> None:
    with pytest.raises(SystemExit, match="7"):
        in_child(lambda: exec("raise SystemExit(7)"))


def test_a_killed_child_is_an_error() -> None:
    with pytest.raises(ChildDied, match="SIGKILL") as death:
        in_child(lambda: os.kill(os.getpid(), signal.SIGKILL))

    assert death.value.exitcode == -signal.SIGKILL


def test_a_child_that_exits_by_itself_is_an_error() -> None:
    with pytest.raises(ChildDied, match="status 3") as death:
        in_child(lambda: os._exit(3))

    assert death.value.exitcode == 3


def test_a_child_is_reaped_after_its_value() -> None:
    child = Child(os.getpid)
    pid = child.value()

    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_a_child_is_reaped_after_its_exception() -> None:
    child = Child(lambda: 1 // 0)
    pid = child.pid
    with pytest.raises(ZeroDivisionError):
        child.value()

    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_leaving_the_block_ends_a_child_that_waits() -> None:
    with Child(signal.pause) as child:
        pid = child.pid

    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_a_child_that_hangs_is_ended() -> None:
    child = Child(signal.pause, timeout=0.05)
    pid = child.pid
    with pytest.raises(TimeoutError, match=r"0\.05"):
        child.value()

    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_a_child_leaves_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    in_child(os.getpid)

    assert os.listdir("/proc/self/fd") == before


def test_a_child_runs_beside_other_threads() -> None:
    enough = threading.Event()
    other = threading.Thread(target=lambda: enough.wait(60))
    other.start()
    parent = in_child(os.getppid)
    enough.set()
    other.join()

    assert parent == os.getpid()


def test_a_child_dies_with_its_parent() -> None:
    ready, write_end = os.pipe()

    def grandchild() -> None:
        os.write(write_end, f"{os.getpid()}\n".encode())
        signal.pause()

    with Child(lambda: in_child(grandchild)) as child:
        os.close(write_end)
        watched = os.pidfd_open(int(os.read(ready, 100)))
        child.kill()
        ended, _, _ = select.select([watched], [], [], 60)

    assert ended == [watched]
    os.close(ready)
    os.close(watched)


def test_a_child_that_cannot_be_made_is_no_answer_of_its_function() -> None:
    def forbid_children() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        in_child(os.getpid)

    with pytest.raises(NetnsError, match="a child process") as refusal:
        in_child(forbid_children)

    assert refusal.value.errno == errno.EMFILE
