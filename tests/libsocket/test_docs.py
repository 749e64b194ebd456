"""What an option says of itself."""

from __future__ import annotations

import pydoc
import subprocess
import sys
from typing import Any

import pytest

from libsocket import OPTIONS, SO_RCVBUF, Level, Option, Socket
from libsocket.claims import claims
from libsocket.codecs import INT

NOBODYS = Option("SO_NOBODYS", Level.SOL_SOCKET, 4096, INT, since="9.0", doc="An option that no claim names.")


def named(value: object) -> str | None:
    return value.constant if isinstance(value, Option) else None


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_documentation_is_one_to_four_sentences_long(option: Option[Any]) -> None:
    assert 20 < len(option.doc) < 600


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_since_is_a_kernel_version(option: Option[Any]) -> None:
    assert all(part.isdecimal() for part in option.since.split("."))


def test_docstring_tells_the_claims_and_their_verdicts() -> None:
    head, _, told = str(Socket.rcvbuf.__doc__).partition("\n\nClaims, with the verdict of Linux ")

    assert head == f"{SO_RCVBUF.doc}\n\n{SO_RCVBUF.facts}"
    assert "\n  socket.7/SO_RCVBUF/doubled\n    HOLDS: Setting the receive buffer stores twice" in told
    assert "\n  socket.7/SO_RCVBUF/minimum-256\n    DIFFERS: " in told


def test_docstring_of_an_option_without_claims_ends_with_its_facts() -> None:
    assert NOBODYS.__doc__ == f"{NOBODYS.doc}\n\n{NOBODYS.facts}"


def test_help_on_an_option_tells_its_claims() -> None:
    shown = pydoc.plain(pydoc.render_doc(Socket.rcvbuf))

    assert [name for name in claims("SO_RCVBUF") if name not in shown] == []
    assert "socket.7/SO_RCVBUF/doubled" in claims("SO_RCVBUF")


def test_class_keeps_a_docstring_of_its_own() -> None:
    assert str(Option.__doc__).startswith("A typed socket option.")


def test_claims_are_not_read_before_somebody_asks() -> None:
    program = "import libsocket, sys; print('libsocket.claims' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"
