"""Which claims are about an option, and what they come to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from libsocket import (
    IP_MCAST_JOIN_GROUP,
    IP_RECVTTL,
    IP_TTL,
    IPV6_MCAST_JOIN_GROUP,
    SO_RCVTIMEO,
    SO_RCVTIMEO_NEW,
    SO_TIMESTAMP,
    SO_TIMESTAMPNS,
    Option,
)
from reports.catalogue import Catalogue
from reports.matrix import Matrix
from reports.model import SCHEMA, Answer, Claim, Expectation, Footer, Header, Run, Verdict
from reports.ranges import Range
from tools.option_claims import Summary, about, by_option, summary

FLOOR = Claim(
    "socket.7/SO_RCVBUF/floor",
    "The smallest is 256.",
    range=Range(until="7.4"),
    expectations=(Expectation("it is 2304", Range("6.0")),),
)
OPTION = re.compile(r"(SO|TCP|IP|IPV6|UDP|MCAST|NETLINK|PACKET|MPTCP|TLS|ICMPV?6?)_[A-Z0-9_]+")


def run(release: str, verdict: Verdict, claim: Claim = FLOOR) -> Run:
    header = Header(
        schema=SCHEMA,
        kernel="uml:6.1",
        implementation="Linux",
        release=release,
        version="#1 SMP",
        machine="x86_64",
        suite="0.1.0",
    )
    return Run(header, {claim.id: Answer(claim.id, verdict)}, Footer(1))


def one(*runs: Run) -> Summary:
    return summary(Matrix.of(runs, Catalogue.of([FLOOR])).rows[0])


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


def test_newest_verdict_comes_first_and_the_others_by_kernel() -> None:
    came = one(
        run("5.10.46", Verdict.HOLDS),
        run("6.1.176", Verdict.HOLDS),
        run("6.12.1", Verdict.BLOCKED),
        run("6.16.12", Verdict.HOLDS),
        run("7.2.7", Verdict.DIFFERS),
    )

    assert (came.verdict, came.others) == (
        "DIFFERS",
        {"HOLDS": ("5.10 to 6.1", "6.16"), "BLOCKED": ("6.12",)},
    )


def test_difference_has_what_is_true_instead() -> None:
    assert one(run("7.2.7", Verdict.DIFFERS)).instead == "it is 2304"


def test_what_was_declared_for_other_kernels_is_left_out() -> None:
    assert [one(run("5.10.46", Verdict.DIFFERS)).instead, one(run("7.2.7", Verdict.HOLDS)).instead] == [
        "",
        "",
    ]


def test_releases_of_a_series_that_disagree_are_named() -> None:
    came = one(
        run("6.12.1", Verdict.HOLDS), run("6.18.15-amd64", Verdict.HOLDS), run("6.18.44", Verdict.DIFFERS)
    )

    assert came.others == {"HOLDS": ("6.12 to 6.18.15",)}


def test_kernel_that_was_not_asked_says_nothing() -> None:
    came = one(run("6.1.176", Verdict.HOLDS), run("7.2.7", Verdict.HOLDS, Claim("a.7/b/c", "Other.")))

    assert (came.verdict, came.others) == ("HOLDS", {})


@pytest.fixture(scope="module")
def matrix(reference: tuple[list[Run], Catalogue]) -> Matrix:
    return Matrix.of(*reference)


def test_own_claims_come_before_those_of_other_topics(matrix: Matrix) -> None:
    topics = [found.claim.topic for found in by_option(matrix)["SO_RCVBUF"]]

    assert topics == sorted(topics, key=lambda topic: topic != "SO_RCVBUF")
    assert len(set(topics)) > 1


def test_every_claim_with_an_option_for_topic_is_listed_there(matrix: Matrix) -> None:
    listed = {found.claim.id for claims in by_option(matrix).values() for found in claims}
    options = {row.claim.id for row in matrix.rows if OPTION.fullmatch(row.claim.topic)}

    assert options - listed == set()
