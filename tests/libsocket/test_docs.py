"""What an option says of itself."""

from __future__ import annotations

import pydoc
from typing import Any

import pytest

from libsocket import IP_MCAST_JOIN_GROUP, IPV6_MCAST_JOIN_GROUP, OPTIONS, SO_RCVBUF, Option, Socket


def named(value: object) -> str | None:
    return value.constant if isinstance(value, Option) else None


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_documentation_is_one_to_four_sentences_long(option: Option[Any]) -> None:
    assert 20 < len(option.doc) < 600


@pytest.mark.parametrize("option", OPTIONS, ids=named)
def test_since_is_a_kernel_version(option: Option[Any]) -> None:
    assert all(part.isdecimal() for part in option.since.split("."))


def test_docstring_is_the_description_the_facts_and_the_page_of_the_claims() -> None:
    assert Socket.rcvbuf.__doc__ == (
        f"{SO_RCVBUF.doc}\n\n{SO_RCVBUF.facts}\n\n"
        "Claims about it: option/SO_RCVBUF in the conformance matrix."
    )


def test_page_of_an_option_that_ipv4_and_ipv6_share_is_the_levels_own() -> None:
    assert (IP_MCAST_JOIN_GROUP.page, IPV6_MCAST_JOIN_GROUP.page) == (
        "option/IP_MCAST_JOIN_GROUP",
        "option/IPV6_MCAST_JOIN_GROUP",
    )


def test_help_on_an_option_is_its_docstring() -> None:
    shown = pydoc.plain(pydoc.render_doc(Socket.rcvbuf))

    assert [line for line in str(Socket.rcvbuf.__doc__).splitlines() if line not in shown] == []


def test_class_keeps_a_docstring_of_its_own() -> None:
    assert str(Option.__doc__).startswith("A typed socket option.")
