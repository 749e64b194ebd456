"""What an accepted socket takes over from the one that listens. accept(2) does not say."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from libsocket import (
    IP_FREEBIND,
    IP_MTU_DISCOVER,
    IP_PKTINFO,
    IP_RECVERR,
    IP_TOS,
    IP_TTL,
    SO_BROADCAST,
    SO_DONTROUTE,
    SO_OOBINLINE,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SO_RXQ_OVFL,
    SO_TIMESTAMP,
    SO_TIMESTAMPNS,
    TCP_CONGESTION,
    TCP_CORK,
    TCP_LINGER2,
    TCP_NODELAY,
    Option,
)

IP_PMTUDISC_DO = 2

OF_THE_SOCKET = (SO_REUSEADDR, SO_BROADCAST, SO_DONTROUTE, SO_OOBINLINE, SO_TIMESTAMP, SO_TIMESTAMPNS)
FLAGS = (
    *OF_THE_SOCKET,
    SO_REUSEPORT,
    SO_RXQ_OVFL,
    TCP_NODELAY,
    TCP_CORK,
    IP_FREEBIND,
    IP_PKTINFO,
    IP_RECVERR,
)
VALUES: dict[Option[Any], object] = {
    **dict.fromkeys(FLAGS, True),
    TCP_LINGER2: 7,
    TCP_CONGESTION: "reno",
    IP_TTL: 7,
    IP_TOS: 0x10,
    IP_MTU_DISCOVER: IP_PMTUDISC_DO,
}

OLDER_THAN_GIT = "2.6.12", "1da177e4c3f4"
NEWER: dict[Option[Any], tuple[str | None, str | None]] = {
    TCP_CONGESTION: ("2.6.13", "317a76f9a44b"),
    SO_TIMESTAMPNS: (None, None),
    SO_RXQ_OVFL: (None, None),
    SO_REUSEPORT: ("3.9", "055dc21a1d1d"),
}
"""Since when those options are there that came during the history in git, and with which commit."""


def inherited(option: Option[Any], value: object) -> Any:
    """A claim that an accepted connection has what its listener has."""
    since, commit = NEWER.get(option, OLDER_THAN_GIT)
    stated = claim(
        f"defacto/{option.name}/inherited-by-accept",
        says=f"An accepted TCP connection has the {option.name} of the listener.",
        since=since,
        commit=commit,
    )
    return pytest.param(option, value, marks=stated)


def not_inherited(option: Option[bool]) -> Any:
    """A claim that an accepted UNIX connection begins with an option off, though its listener has it."""
    since, commit = NEWER.get(option, OLDER_THAN_GIT)
    stated = claim(
        f"defacto/{option.name}/not-inherited-on-unix",
        says=f"An accepted UNIX connection begins without {option.name}, though the listener has it.",
        since=since,
        commit=commit,
    )
    return pytest.param(option, marks=stated)


@pytest.mark.parametrize(("option", "value"), [inherited(*held) for held in VALUES.items()])
def test_a_tcp_connection_has_what_its_listener_has(ns, observe, option, value):
    with listening() as listener:
        listener.set(option, value)
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("inherited", accepted.get(option)) == value


@claim(
    "defacto/accept/inherits-at-handshake",
    says="An accepted TCP connection has what its listener had when they connected, not at accept.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("option", [SO_OOBINLINE, SO_TIMESTAMP, TCP_NODELAY])
def test_it_is_taken_over_before_accept(ns, observe, option):
    with listening() as listener, pending_connection(listener):
        listener.set(option, True)
        with listener.accept()[0] as accepted:
            assert observe("inherited", accepted.get(option)) is False


@pytest.mark.parametrize("option", [not_inherited(option) for option in OF_THE_SOCKET])
def test_a_unix_connection_begins_anew(ns, observe, option):
    with listening_unix() as listener:
        listener.set(option, True)
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("of_listener_and_accepted", [listener.get(option), accepted.get(option)]) == [
                True,
                False,
            ]
