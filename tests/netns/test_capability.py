from __future__ import annotations

import errno
import faulthandler
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from netns import Capability, ChildDied, Namespace, effective, in_child, only, syscalls, without


def open_raw() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def test_a_capability_prints_as_the_kernel_names_it() -> None:
    assert str(Capability.NET_ADMIN) == "CAP_NET_ADMIN"


def test_capabilities_are_numbered_without_a_gap() -> None:
    assert [int(capability) for capability in Capability] == list(range(41))


def test_effective_agrees_with_proc() -> None:
    lines = Path("/proc/thread-self/status").read_text().splitlines()
    (mask,) = [int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")]

    assert {int(capability) for capability in effective()} == {bit for bit in range(41) if mask >> bit & 1}


def test_what_is_taken_away_is_refused() -> None:
    with Namespace():
        open_raw()
        with without(Capability.NET_RAW), pytest.raises(PermissionError) as refusal:
            open_raw()

    assert refusal.value.errno == errno.EPERM


def test_what_was_taken_away_comes_back() -> None:
    before = effective()
    with without(Capability.NET_RAW, Capability.NET_ADMIN):
        pass

    assert effective() == before


def test_it_comes_back_after_an_exception() -> None:
    before = effective()
    with pytest.raises(ZeroDivisionError), without(Capability.NET_RAW):
        _ = 1 // 0

    assert effective() == before


def test_only_the_named_ones_are_taken_away() -> None:
    before = effective()
    with without(Capability.NET_RAW, Capability.NET_ADMIN):
        assert effective() == before - {Capability.NET_RAW, Capability.NET_ADMIN}


def test_only_keeps_the_named_ones() -> None:
    with only(Capability.NET_RAW):
        assert effective() == {Capability.NET_RAW}


def test_only_can_keep_none() -> None:
    with only():
        assert effective() == frozenset()


def test_only_gains_none() -> None:
    with without(Capability.NET_RAW), only(Capability.NET_RAW, Capability.NET_ADMIN):
        assert effective() == {Capability.NET_ADMIN}


def test_taking_away_nests() -> None:
    before = effective()
    with without(Capability.NET_RAW):
        with without(Capability.NET_ADMIN):
            assert not effective() & {Capability.NET_RAW, Capability.NET_ADMIN}

        assert effective() == before - {Capability.NET_RAW}


def test_another_thread_keeps_its_capabilities() -> None:
    before, seen = effective(), []
    taken = threading.Event()

    def look() -> None:
        taken.wait(60)
        seen.append(effective())

    other = threading.Thread(target=look)
    other.start()
    with without(Capability.NET_RAW):
        taken.set()
        other.join()

    assert seen == [before]


def test_a_process_whose_capabilities_cannot_come_back_dies(tmp_path: Path) -> None:
    said = tmp_path / "stderr"

    def lose_them() -> None:
        faulthandler.disable()
        with said.open("wb") as stderr:
            os.dup2(stderr.fileno(), 2)
        with without(Capability.NET_RAW):
            syscalls.capset(0, 0, 0)

    with pytest.raises(ChildDied) as death:
        in_child(lose_them)

    assert death.value.exitcode == -signal.SIGABRT
    assert "could not be restored" in said.read_text()
