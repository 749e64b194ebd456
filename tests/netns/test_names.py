from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path

import pytest
from pyroute2.netns import listnetns

from netns import (
    Child,
    NameRefused,
    Namespace,
    in_child,
    in_user_namespace,
    remove_name,
    remove_stale_names,
    unique_name,
)
from netns.names import RUN
from tests.netns.setups import with_private_run

PID_NAMESPACE = os.stat("/proc/self/ns/pid").st_ino
"""The pid namespace of the tests and of the children they fork."""


def hold(name: str) -> str:
    with Namespace(name) as ns:
        return str(ns.name)


def test_a_nameless_namespace_makes_no_name() -> None:
    def names() -> bool:
        with Namespace():
            return RUN.exists()

    assert not with_private_run(names)


def test_a_named_namespace_is_listed() -> None:
    def listed() -> list[str]:
        with Namespace("web"):
            return list(listnetns())

    assert with_private_run(listed) == ["web"]


def test_the_name_leads_to_the_namespace() -> None:
    def both() -> tuple[os.stat_result, os.stat_result]:
        with Namespace("web") as ns:
            return (RUN / "web").stat(), os.fstat(ns.fd)

    assert os.path.samestat(*with_private_run(both))


def test_the_name_goes_when_the_namespace_is_closed() -> None:
    def left_over() -> list[str]:
        hold("web")
        return os.listdir(RUN)

    assert with_private_run(left_over) == []


def test_a_unique_name_has_process_and_start() -> None:
    stat = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()

    assert re.fullmatch(rf"lsc-{PID_NAMESPACE}-{os.getpid()}-{stat[19]}-\d+", unique_name())


def test_unique_names_differ() -> None:
    assert unique_name() != unique_name()


def test_the_hosts_names_are_the_same_before_and_after() -> None:
    def names() -> object:
        return sorted(os.listdir(RUN)) if RUN.exists() else None

    before = names()
    with_private_run(lambda: hold(unique_name()))

    assert names() == before


def test_a_kept_name_outlives_the_namespace() -> None:
    def keep() -> tuple[str, list[str]]:
        with Namespace() as ns:
            way_in = ns.keep("failed test")
        return way_in, os.listdir(RUN)

    assert with_private_run(keep) == ("ip netns exec 'failed test' sh", ["failed test"])


def test_a_kept_name_can_be_removed() -> None:
    def keep_and_remove() -> list[str]:
        with Namespace() as ns:
            ns.keep("kept")
        remove_name("kept")
        return os.listdir(RUN)

    assert with_private_run(keep_and_remove) == []


def test_a_namespace_of_a_thread_is_the_one_that_is_named() -> None:
    def named_apart() -> bool:
        ns = Namespace()
        ns.keep("other")
        apart = (RUN / "other").stat().st_ino == os.fstat(ns.fd).st_ino
        ns.close()
        return apart

    assert with_private_run(named_apart)


def test_a_taken_name_is_refused() -> None:
    def take_twice() -> None:
        with Namespace("web"):
            Namespace("web")

    with pytest.raises(NameRefused, match="exists") as refusal:
        with_private_run(take_twice)

    assert refusal.value.errno == errno.EEXIST


def test_a_refused_name_leaves_the_other_one() -> None:
    def take_twice() -> list[str]:
        with Namespace("web"):
            with pytest.raises(NameRefused):
                Namespace("web")
            return os.listdir(RUN)

    assert with_private_run(take_twice) == ["web"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x" * 256])
def test_an_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        Namespace(name)


def test_root_of_a_user_namespace_is_refused_a_name() -> None:
    def try_it() -> tuple[bool, str]:
        with pytest.raises(NameRefused) as refusal:
            in_user_namespace(lambda: hold("web"))
        return RUN.exists(), str(refusal.value)

    left_over, said = with_private_run(try_it)

    assert "root of the initial user namespace" in said
    assert not left_over


def test_removing_stale_names_removes_the_name_of_a_killed_process() -> None:
    def kill_and_remove_stale() -> tuple[list[str], list[str], list[str]]:
        ready, write_end = os.pipe()

        def hold_a_name() -> None:
            with Namespace(unique_name()) as ns:
                os.write(write_end, str(ns.name).encode())
                signal.pause()

        with Child(hold_a_name) as child:
            os.close(write_end)
            name = os.read(ready, 300).decode()
            alive = remove_stale_names()
            child.kill()
        return alive, [name], remove_stale_names()

    alive, name, dead = with_private_run(kill_and_remove_stale)

    assert alive == []
    assert dead == name


def test_removing_stale_names_removes_nothing_else() -> None:
    def remove_stale_among_others() -> tuple[list[str], list[str], list[str]]:
        with Namespace() as ns:
            elsewhere = f"lsc-{PID_NAMESPACE + 1}-{os.getpid()}-1-1"
            kept = ["web", "lsc-web", "lsc-1-2-3", f"lsc-{PID_NAMESPACE}-{os.getpid()}-1-1-x", elsewhere]
            for name in kept:
                ns.keep(name)
            with Namespace(mine := unique_name()):
                return remove_stale_names(), sorted(os.listdir(RUN)), sorted([*kept, mine])

    reaped, left, expected = with_private_run(remove_stale_among_others)

    assert reaped == []
    assert left == expected


def test_a_pid_that_is_used_again_is_not_the_owner() -> None:
    def remove_stale_older() -> tuple[str, list[str]]:
        older = f"lsc-{PID_NAMESPACE}-{os.getpid()}-1-1"
        with Namespace() as ns:
            ns.keep(older)
            return older, remove_stale_names()

    older, reaped = with_private_run(remove_stale_older)

    assert reaped == [older]


def test_removing_stale_names_where_no_name_was_ever_made_is_fine() -> None:
    assert with_private_run(remove_stale_names) == []


def test_removing_stale_names_finishes_what_a_killed_process_began() -> None:
    def remove_stale_unmounted() -> tuple[str, list[str]]:
        name = in_child(unique_name)
        RUN.mkdir()
        (RUN / name).touch()
        return name, remove_stale_names()

    name, reaped = with_private_run(remove_stale_unmounted)

    assert reaped == [name]
