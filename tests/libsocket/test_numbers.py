"""Option numbers, here and on machines that are not here."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from libsocket import MACHINE, OPTIONS, Level, Option
from libsocket.arch import Numbers

KNOWN_HERE = [option for option in OPTIONS if hasattr(socket, option.name)]
ELSEWHERE = [
    ("SO_REUSEADDR", "x86_64", 2),
    ("SO_REUSEADDR", "aarch64", 2),
    ("SO_REUSEADDR", "mips64", 0x0004),
    ("SO_PASSCRED", "ppc64le", 20),
    ("SO_PASSCRED", "alpha", 17),
    ("SO_PASSCRED", "sparc64", 0x0002),
    ("SO_PASSCRED", "parisc64", 0x4010),
    ("SO_RCVLOWAT", "ppc", 16),
    ("SO_RCVTIMEO", "ppc64", 18),
    ("SO_RCVTIMEO", "mips", 0x1006),
    ("SO_SNDBUFFORCE", "mips", 31),
    ("SO_SNDBUFFORCE", "sparc", 0x100A),
    ("SO_BINDTODEVICE", "sparc64", 0x000D),
    ("SO_MARK", "sparc64", 0x0022),
    ("SO_MARK", "parisc", 0x401F),
    ("SO_NETNS_COOKIE", "sparc64", 0x0050),
    ("SO_NETNS_COOKIE", "s390x", 71),
    ("TCP_NODELAY", "parisc", 1),
]


def named(value: object) -> str | None:
    return value.name if isinstance(value, Option) else None


@pytest.mark.parametrize("option", KNOWN_HERE, ids=named)
def test_number_is_the_interpreters_where_it_knows_one(option: Option[Any]) -> None:
    assert (option.level, option.number) == (_level(option.name), getattr(socket, option.name))


def _level(name: str) -> int:
    if name.startswith("SO_VM_"):
        return socket.AF_VSOCK
    prefix = name.partition("_")[0]
    level: int = socket.SOL_SOCKET if prefix == "SO" else getattr(socket, f"IPPROTO_{prefix}")
    return level


def test_interpreter_knows_enough_to_compare() -> None:
    assert len(KNOWN_HERE) > 30


@pytest.mark.parametrize(("name", "machine", "number"), ELSEWHERE)
def test_number_on_another_machine(name: str, machine: str, number: int) -> None:
    [option] = [option for option in OPTIONS if option.name == name]

    assert option.numbers.on(machine) == number


@pytest.mark.parametrize("machine", ["x86_64", "alpha", "mips", "parisc", "ppc64", "sparc64"])
def test_no_two_options_of_a_level_share_a_number(machine: str) -> None:
    places = [(option.level, option.numbers.on(machine)) for option in OPTIONS]

    assert len(set(places)) == len(OPTIONS)


def test_option_has_the_number_of_this_machine() -> None:
    assert [option.number for option in OPTIONS] == [option.numbers.on(MACHINE) for option in OPTIONS]


def test_zero_is_a_number_of_its_own() -> None:
    assert Numbers(5, mips=0).on("mips") == 0


@pytest.mark.parametrize("level", Level)
def test_level_names_its_manual_page_or_document(level: Level) -> None:
    assert level.page.endswith(("(7)", ".rst", "RFC 3542"))
