"""What a row of the matrix comes to."""

from __future__ import annotations

import pytest

from reports.catalogue import Catalogue
from reports.matrix import Matrix
from reports.model import Answer, Claim, Value, Verdict
from reports.site.facts import Fact, columns, kernel_name, worst_first
from tests.reports import sample

HOLDS, DIFFERS, BLOCKED = Verdict.HOLDS, Verdict.DIFFERS, Verdict.BLOCKED


def fact(
    verdicts: dict[str, Verdict], says: str = "", name: str = "a.7/b/c", seen: dict[str, Value] | None = None
) -> Fact:
    """A claim, and by release what Linux answered."""
    runs = [
        sample.on(sample.single(Answer(name, verdict, seen or {})), release=release)
        for release, verdict in verdicts.items()
    ]
    (row,) = Matrix.of(runs, Catalogue.of([Claim(name, says)])).rows
    return Fact(row)


def about(says: str, name: str = "a.7/b/c", **seen: Value) -> Fact:
    return fact({"6.1": HOLDS}, says, name, seen)


@pytest.mark.parametrize(
    ("verdicts", "spans"),
    [
        (
            {"5.10.1": HOLDS, "6.1.2": HOLDS, "6.12.3": DIFFERS},
            [("HOLDS", "5.10 to 6.1"), ("DIFFERS", "6.12")],
        ),
        ({"5.10.1": HOLDS, "6.1.2": BLOCKED, "6.12.3": HOLDS}, [("HOLDS", "5.10 to 6.12")]),
        ({"6.1.2": HOLDS, "6.1.9": DIFFERS, "7": DIFFERS}, [("HOLDS", "6.1.2"), ("DIFFERS", "6.1.9 to 7")]),
        ({"6.1.2": BLOCKED}, []),
    ],
)
def test_verdicts_in_short(verdicts: dict[str, Verdict], spans: list[tuple[str, str]]) -> None:
    assert fact(verdicts).spans == spans


@pytest.mark.parametrize(
    ("found", "errnos"),
    [
        (about("It fails with EACCES, or EPERM.", "a.7/EPERM/c"), ["EPERM", "EACCES"]),
        (about("EPOLLIN and ECN tell of it; SO_EE_ORIGIN_ICMP is no EERROR."), []),
        (about("It is refused.", errno="EINVAL"), ["EINVAL"]),
        (about("It is refused.", **{"errno[udp]": "EINVAL", "errno[tcp]": "EPERM"}), ["EINVAL", "EPERM"]),
        (about("It is refused.", errno_without="EPERM", error="EIO"), []),
        (about("It fails with EACCES.", errno="EPERM"), ["EACCES"]),
        (about("It fails, but succeeds.", errno=None), []),
        (about("It comes to that address alone.", errno="ECONNREFUSED"), []),
        (about("It is refused.", errno="E<script>"), []),
    ],
)
def test_errnos_are_those_that_are_named_or_else_met(found: Fact, errnos: list[str]) -> None:
    assert found.errnos == errnos


@pytest.mark.parametrize(
    ("found", "families"),
    [
        (about("A TCP socket, a UDP one and UDP-Lite."), ["TCP", "UDP", "UDP-Lite"]),
        (about("UDP-Lite alone.", "a.7/UDPLITE_SEND_CSCOV/c"), ["UDP-Lite"]),
        (about("A UNIX sequenced-packet socket."), ["UNIX"]),
        (about("A packet socket."), ["packet"]),
        (about("Nagle.", "tcp.7/TCP_NODELAY/c"), ["TCP"]),
        (about("It is sent.", "ip.7/IP_TTL/c"), ["IPv4"]),
        (about("It fails.", **{"errno[tcp6-1]": "EPERM", "errno[udp]": "EPERM"}), ["TCP", "UDP", "IPv6"]),
        (about("It fails.", **{"errno[unix-seqpacket]": "EPERM", "errno[raw--1]": "EPERM"}), ["UNIX", "raw"]),
        (about("Nobody knows.", errno="EPERM"), []),
    ],
)
def test_families_are_named_by_claim_id_and_cases(found: Fact, families: list[str]) -> None:
    assert found.families == families


@pytest.mark.parametrize(
    ("name", "says", "place"),
    [
        ("connect.2/EACCES/c", "EACCES", "connect(2)"),
        ("defacto/connect/c", "EACCES", "connect(2)"),
        ("defacto/SO_MARK/c", "EPERM", "SO_MARK"),
        ("IP_TTL.2const/EINVAL/c", "EINVAL", "IP_TTL"),
        ("udp.7/EINVAL/c", "EINVAL", "udp.7"),
        ("ip.7/special/c", "EINVAL", "ip.7 special"),
    ],
)
def test_errors_are_looked_for_by_call_then_option(name: str, says: str, place: str) -> None:
    assert about(says, name).place[1] == place


def test_calls_come_before_options_and_those_before_topics() -> None:
    names = ["ip.7/special/c", "defacto/SO_MARK/c", "defacto/connect/c", "bind.2/EACCES/c"]

    places = [found.place for found in sorted((about("", name) for name in names), key=lambda one: one.place)]

    assert [where for _, where in places] == ["bind(2)", "connect(2)", "SO_MARK", "ip.7 special"]


def test_the_worst_is_what_is_wrong_now_and_in_most_series() -> None:
    mended = fact({"5.10": DIFFERS, "6.1": DIFFERS, "6.12": HOLDS}, name="a.7/b/mended")
    new = fact({"5.10": HOLDS, "6.1": HOLDS, "6.12": DIFFERS}, name="a.7/b/new")
    twice = fact({"5.10": HOLDS, "6.12.1": DIFFERS, "6.12.2": DIFFERS}, name="a.7/b/twice")
    always = fact({"5.10": DIFFERS, "6.1": DIFFERS, "6.12": DIFFERS}, name="a.7/b/always")

    assert worst_first([mended, new, twice, always]) == [always, new, twice, mended]


def test_kernels_of_one_release_do_not_turn() -> None:
    runs = [
        sample.on(sample.single(Answer("a.7/b/c", verdict)), kernel=kernel, release="6.1.1")
        for kernel, verdict in (("uml:6.1", HOLDS), ("virtme:6.1", DIFFERS))
    ]
    (row,) = Matrix.of(runs, sample.EMPTY).rows

    assert Fact(row).turns == []


def test_columns_are_series_and_other_implementations() -> None:
    runs = [sample.on(sample.OLD, release=release) for release in ("6.1.1", "6.1.2", "6.12.1")]
    runs.append(sample.on(sample.OLD, implementation="gVisor", implementation_release="20240729.0"))

    assert [(one.label, one.linux, one.places) for one in columns(runs)] == [
        ("6.1", True, (0, 1)),
        ("6.12", True, (2,)),
        ("gVisor", False, (3,)),
    ]
    assert [kernel_name(run) for run in runs[2:]] == ["6.12.1", "gVisor 20240729.0"]
