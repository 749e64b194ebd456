"""What a person reads."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import libsocket
from libsocket import OPTIONS, Linger, Option, Socket, Ucred


def named(value: object) -> str | None:
    return value.name if isinstance(value, Option) else None


def test_option_introduces_itself() -> None:
    shown = repr(Socket.mark)

    assert (
        shown
        == "<Option SO_MARK: int, get and set, needs CAP_NET_ADMIN, since Linux 2.6.25; socket(7), SO_MARK>"
    )


def test_values_introduce_themselves() -> None:
    shown = (repr(Linger(True, 5)), repr(Ucred(1, 0, 0)))

    assert shown == ("Linger(onoff=True, seconds=5)", "Ucred(pid=1, uid=0, gid=0)")


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_documentation_is_the_description_and_the_facts_before_any_claims(option: Option[Any]) -> None:
    documented, _, _ = (inspect.getdoc(option) or "").partition("\n\nClaims, ")

    assert documented == f"{option.doc}\n\n{option.facts}"


def test_class_keeps_its_own_documentation() -> None:
    assert (inspect.getdoc(Option) or "").startswith("A typed socket option.")


def test_everything_public_is_exported_once() -> None:
    assert len(set(libsocket.__all__)) == len(libsocket.__all__)
