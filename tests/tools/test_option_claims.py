"""Which claims are about an option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from libsocket import (
    IP_MCAST_JOIN_GROUP,
    IP_RECVTTL,
    IP_TTL,
    IPV6_MCAST_JOIN_GROUP,
    OPTIONS,
    SO_RCVTIMEO,
    SO_RCVTIMEO_NEW,
    SO_TIMESTAMP,
    SO_TIMESTAMPNS,
    Level,
    Option,
)
from reports.catalogue import Catalogue
from reports.model import Claim, Run
from tools.option_claims import about, by_option

NETLINK = [option.name for option in OPTIONS if option.level is Level.SOL_NETLINK]
"""The names of families look the same."""
OPTION = re.compile("|".join(["(SO|TCP|IP|IPV6|UDP|MCAST|PACKET|MPTCP|TLS|ICMPV?6?)_[A-Z0-9_]+", *NETLINK]))


@pytest.mark.parametrize(
    ("option", "name", "says"),
    [
        (SO_RCVTIMEO, "socket.7/SO_RCVTIMEO/eagain", "A receive that has waited fails."),
        (SO_RCVTIMEO, "recv.2/recv/waits", "It waits for SO_RCVTIMEO, no longer."),
        (SO_RCVTIMEO_NEW, "defacto/SO_RCVTIMEO_NEW/64-bit", "It holds 64 bits."),
        (SO_TIMESTAMPNS, "defacto/SO_TIMESTAMP/either", "Of SO_TIMESTAMP and SO_TIMESTAMPNS one is on."),
        (IP_TTL, "ip.7/IP_RECVTTL/tells", "The control message has type IP_TTL."),
        (IP_MCAST_JOIN_GROUP, "ip.7/MCAST_JOIN_GROUP/joins", "It joins."),
        (IP_MCAST_JOIN_GROUP, "defacto/MCAST_JOIN_GROUP/joins", "It joins."),
        (IPV6_MCAST_JOIN_GROUP, "defacto/MCAST_JOIN_GROUP/joins", "It joins."),
        (IPV6_MCAST_JOIN_GROUP, "defacto/IPV6_MCAST_JOIN_GROUP/joins", "It joins."),
    ],
)
def test_claim_is_about_an_option_that_it_names(option: Option[Any], name: str, says: str) -> None:
    assert about(option, Claim(name, says))


@pytest.mark.parametrize(
    ("option", "name", "says"),
    [
        (SO_RCVTIMEO, "defacto/SO_RCVTIMEO_NEW/64-bit", "It holds 64 bits."),
        (SO_RCVTIMEO_NEW, "socket.7/SO_RCVTIMEO/eagain", "A receive that has waited fails."),
        (SO_TIMESTAMP, "socket.7/SO_TIMESTAMPNS/realtime", "SCM_TIMESTAMP holds the time."),
        (IP_RECVTTL, "ip.7/IP_TTL/sets", "It sets the field."),
        (IPV6_MCAST_JOIN_GROUP, "ip.7/MCAST_JOIN_GROUP/joins", "It joins."),
        (IP_MCAST_JOIN_GROUP, "ipv6.7/MCAST_JOIN_GROUP/joins", "It joins."),
        (IP_MCAST_JOIN_GROUP, "defacto/IPV6_MCAST_JOIN_GROUP/joins", "It joins."),
    ],
)
def test_claim_is_not_about_an_option_with_a_longer_or_shorter_name(
    option: Option[Any], name: str, says: str
) -> None:
    assert not about(option, Claim(name, says))


@pytest.fixture(scope="module")
def found(reference: tuple[list[Run], Catalogue]) -> Mapping[str, list[str]]:
    return by_option(reference[1].claims)


def test_own_claims_come_before_those_of_other_topics(found: Mapping[str, list[str]]) -> None:
    topics = [claim.split("/")[1] for claim in found["SO_RCVBUF"]]

    assert topics == sorted(topics, key=lambda topic: topic != "SO_RCVBUF")
    assert len(set(topics)) > 1


def test_every_claim_with_an_option_for_topic_is_listed_there(
    reference: tuple[list[Run], Catalogue], found: Mapping[str, list[str]]
) -> None:
    listed = {claim for claims in found.values() for claim in claims}
    options = {claim.id for claim in reference[1].claims if OPTION.fullmatch(claim.topic)}

    assert options - listed == set()


def test_statements_name_the_option_that_they_speak_of(reference: tuple[list[Run], Catalogue]) -> None:
    nameless = [
        claim.id
        for claim in reference[1].claims
        if OPTION.fullmatch(claim.topic)
        and re.search(r"\b[Tt]he option\b", claim.says)
        and not any(name in claim.says for name in (claim.topic, *_others(claim)))
    ]

    assert nameless == []


def _others(claim: Claim) -> list[str]:
    """Other options that it names, of which it may speak as the option."""
    return [match.group() for match in OPTION.finditer(claim.says)]
