"""Option numbers against the kernel's headers: those kept in ``uapi.toml``, and those installed here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from libsocket import OPTIONS, Level, Option
from libsocket.arch import MACHINE, SOL_SOCKET, Numbers
from tools import uapi
from tools.remarks import LEFT_OUT

KEPT = tomllib.loads(Path(__file__).with_name("uapi.toml").read_text())
SOCKET: dict[str, dict[str, int]] = KEPT.pop("socket")
OTHERS: dict[str, int] = {name: number for header in KEPT.values() for name, number in header.items()}
KERNELS_NAME = {"IPV6_JOIN_GROUP": "IPV6_ADD_MEMBERSHIP", "IPV6_LEAVE_GROUP": "IPV6_DROP_MEMBERSHIP"}
INCLUDE = Path("/usr/include")
CC = {"ppc": "powerpc", "ppc64": "powerpc64", "ppc64le": "powerpc64le"}.get(MACHINE, MACHINE)
INSTALLED = pytest.mark.skipif(
    not (INCLUDE / "linux/tcp.h").exists(), reason="the kernel's headers are not here: install linux-libc-dev"
)


def named(value: object) -> str | None:
    return value.constant if isinstance(value, Option) else None


def kept(option: Option[Any]) -> Numbers:
    if option.level is Level.SOL_SOCKET:
        return Numbers(**SOCKET[option.name])
    return Numbers(OTHERS[KERNELS_NAME.get(option.name, option.name)])


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_number_is_the_headers(option: Option[Any]) -> None:
    assert option.numbers == kept(option)


@pytest.mark.parametrize("machine", ["x86_64", "alpha", "mips", "parisc", "ppc", "sparc"])
def test_level_is_the_headers(machine: str) -> None:
    assert SOL_SOCKET.on(machine) == Numbers(**SOCKET["SOL_SOCKET"]).on(machine)


def test_every_option_of_the_headers_is_declared_or_left_out_for_a_reason() -> None:
    declared = {KERNELS_NAME.get(option.name, option.name) for option in OPTIONS}
    left_out = {name for names in LEFT_OUT for name in names.split()}

    assert declared | left_out == {*SOCKET, *OTHERS} - {"SOL_SOCKET"} | {"SO_VM_SOCKETS_CONNECT_TIMEOUT"}


@INSTALLED
@pytest.mark.parametrize("header", uapi.OPTIONS)
def test_installed_header_agrees(header: str) -> None:
    installed = uapi.numbers(INCLUDE / header, INCLUDE, uapi.OPTIONS[header])

    assert installed.items() <= OTHERS.items()


@INSTALLED
def test_installed_header_of_this_architecture_agrees() -> None:
    [header] = [path for path in INCLUDE.glob("*/asm/socket.h") if path.parts[-3].startswith(CC)]
    installed = uapi.numbers(header, INCLUDE, uapi.SOCKET)
    numbers = {name: Numbers(**own).on(MACHINE) for name, own in SOCKET.items()}

    assert installed.items() <= numbers.items()
