from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.matrix import Matrix, Row
from reports.record import Claim, Record, Value, Verdict
from tests.reports import sample


def row(claim: Claim) -> Row:
    return next(row for row in Matrix.of(sample.EVERY).rows if row.claim.id == claim.id)


def two(before: Record, after: Record) -> Row:
    return Matrix.of([sample.single("", before), sample.single("", after)]).rows[0]


def seen(verdict: Verdict = Verdict.HOLDS, **observations: Value) -> Record:
    return Record("page.7/topic/slug", verdict, True, observations)


def test_no_runs_make_an_empty_matrix() -> None:
    assert Matrix.of([]).rows == ()


def test_claims_of_all_runs_are_rows() -> None:
    ids = sorted(row.claim.id for row in Matrix.of(sample.EVERY).rows)

    assert ids == sorted(claim.id for claim in sample.CLAIMS)


def test_rows_keep_the_order_of_first_appearance() -> None:
    asked = ["b.7/y/1", "a.7/x/1", "b.7/z/1", "b.7/y/2"]
    later = ["a.7/x/0", "b.7/y/0", "c.7/x/0"]
    runs = [
        sample.run(sample.header(claims=tuple(Claim(name, "") for name in ids))) for ids in (asked, later)
    ]

    ids = [row.claim.id for row in Matrix.of(runs).rows]

    assert ids == ["b.7/y/1", "b.7/y/2", "b.7/y/0", "b.7/z/1", "a.7/x/1", "a.7/x/0", "c.7/x/0"]


@given(st.permutations([claim.id for claim in sample.CLAIMS]))
def test_pages_and_topics_are_never_torn_apart(ids: list[str]) -> None:
    rows = Matrix.of([sample.run(sample.header(claims=tuple(Claim(name, "") for name in ids)))]).rows

    pages = [row.claim.page for row in rows]
    topics = [row.claim.id.rsplit("/", 1)[0] for row in rows]
    assert [pages, topics] == [sorted(pages, key=pages.index), sorted(topics, key=topics.index)]


def test_pages_hold_all_rows_by_topic() -> None:
    pages = Matrix.of(sample.EVERY).pages

    assert {page: {topic: len(rows) for topic, rows in topics.items()} for page, topics in pages.items()} == {
        "socket.7": {"SO_RCVBUF": 2, "SO_MARK": 2},
        "tcp.7": {"TCP_NODELAY": 1, "TCP_CORK": 1},
        "udp.7": {"UDP_CORK": 1},
    }


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (sample.FLOOR, ["DIFFERS", "DIFFERS"]),
        (sample.NODELAY, ["DIFFERS", "missing"]),
        (sample.CORK, ["BROKEN", "not asked"]),
    ],
)
def test_cell_is_a_verdict_or_missing_or_not_asked(claim: Claim, words: list[str]) -> None:
    assert [cell.word for cell in row(claim).cells] == words


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        (sample.DOUBLED, ""),
        (sample.FLOOR, "declared"),
        (sample.NODELAY, "undeclared"),
        (sample.STALE, "declared to differ"),
        (sample.MARK, "CAP_NET_ADMIN"),
        (sample.RAW, ""),
    ],
)
def test_note_tells_what_the_word_does_not(claim: Claim, note: str) -> None:
    assert row(claim).cells[0].note == note


@pytest.mark.parametrize(
    ("claim", "differ"), [(sample.FLOOR, False), (sample.MARK, True), (sample.NODELAY, False)]
)
def test_row_differs_when_verdicts_do(claim: Claim, differ: bool) -> None:
    assert row(claim).differ is differ


def test_other_verdict_is_a_change() -> None:
    _, change = two(seen(), seen(Verdict.DIFFERS)).changes

    assert change
    assert (change.verdict, change.observations) == (True, ())


def test_other_observation_is_a_change() -> None:
    _, change = two(seen(size=1, errno="EPERM", gone=1), seen(size=2, errno="EPERM", new=1)).changes

    assert change
    assert (change.verdict, change.observations) == (False, ("size", "gone", "new"))


def test_measured_times_are_no_change() -> None:
    assert two(seen(elapsed=0.25), seen(elapsed=0.26)).changes == (None, None)


def test_number_that_became_a_time_is_a_change() -> None:
    _, change = two(seen(wait=1), seen(wait=0.5)).changes

    assert change
    assert change.observations == ("wait",)


def test_missing_answer_is_no_change() -> None:
    assert row(sample.NODELAY).changes == (None, None)


def test_first_run_is_never_a_change() -> None:
    assert all(row.changes[0] is None for row in Matrix.of(sample.EVERY).rows)


def test_change_names_the_runs_as_given() -> None:
    _, change = row(sample.DOUBLED).changes

    assert change
    assert (change.before, change.after) == sample.EVERY


def test_observations_of_all_runs_are_named_once() -> None:
    assert two(seen(b=1, a=1), seen(c=1, a=1)).observed == ("b", "a", "c")


def test_expectation_is_that_of_the_runs_own_claim() -> None:
    older = sample.run(sample.header("3.10.0", (sample.FLOOR,)))

    (row,) = Matrix.of([older, sample.run(sample.header("3.12.1", (sample.FLOOR,)))]).rows

    assert [cell.expectation for cell in row.cells] == [None, sample.FLOOR.expectations[0]]
