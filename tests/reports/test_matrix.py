from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.catalogue import Catalogue
from reports.matrix import Matrix, Row
from reports.model import Answer, Claim, Expectation, Run, Value, Verdict
from reports.ranges import Range
from tests.reports import sample


def row(claim: Claim) -> Row:
    return next(row for row in Matrix.of(sample.EVERY, sample.CATALOGUE).rows if row.claim.id == claim.id)


def two(before: Answer, after: Answer) -> Row:
    return Matrix.of([sample.single(before), sample.single(after)], sample.listing()).rows[0]


def seen(verdict: Verdict = Verdict.HOLDS, **observations: Value) -> Answer:
    return Answer("page.7/topic/slug", verdict, observations)


def asked(*ids: str) -> Run:
    return sample.cut(sample.header("6.1", *(Claim(name, "") for name in ids)))


def test_no_runs_make_an_empty_matrix() -> None:
    assert Matrix.of([], sample.CATALOGUE).rows == ()


def test_claims_of_all_runs_are_rows() -> None:
    ids = sorted(row.claim.id for row in Matrix.of(sample.EVERY, sample.CATALOGUE).rows)

    assert ids == sorted(claim.id for claim in sample.CLAIMS)


def test_rows_are_in_the_order_of_the_catalogue() -> None:
    catalogue = Catalogue.of([Claim("b.7/y/1", ""), Claim("a.7/x/1", ""), Claim("c.7/x/1", "")])

    rows = Matrix.of([asked("a.7/x/1", "c.7/x/1", "b.7/y/1")], catalogue).rows

    assert [row.claim.id for row in rows] == ["b.7/y/1", "a.7/x/1", "c.7/x/1"]


def test_claims_that_left_the_suite_follow_those_of_their_topic() -> None:
    catalogue = Catalogue.of([Claim("b.7/y/1", ""), Claim("a.7/x/1", "")])

    rows = Matrix.of([asked("b.7/y/gone", "gone.7/x/1", "a.7/x/1", "b.7/y/1")], catalogue).rows

    assert [row.claim.id for row in rows] == ["b.7/y/1", "b.7/y/gone", "a.7/x/1", "gone.7/x/1"]


def test_claims_that_no_run_was_asked_about_are_no_rows() -> None:
    rows = Matrix.of([asked(sample.MARK.id)], sample.CATALOGUE).rows

    assert [row.claim for row in rows] == [sample.MARK]


def test_without_a_catalogue_rows_keep_the_order_of_first_appearance() -> None:
    runs = [asked("b.7/y/1", "a.7/x/1", "b.7/z/1", "b.7/y/2"), asked("a.7/x/0", "b.7/y/0", "c.7/x/0")]

    ids = [row.claim.id for row in Matrix.of(runs, sample.EMPTY).rows]

    assert ids == ["b.7/y/1", "b.7/y/2", "b.7/y/0", "b.7/z/1", "a.7/x/1", "a.7/x/0", "c.7/x/0"]


@given(st.permutations([claim.id for claim in sample.CLAIMS]))
def test_pages_and_topics_are_never_torn_apart(ids: list[str]) -> None:
    rows = Matrix.of([asked(*ids)], sample.EMPTY).rows

    pages = [row.claim.page for row in rows]
    topics = [row.claim.id.rsplit("/", 1)[0] for row in rows]
    assert [pages, topics] == [sorted(pages, key=pages.index), sorted(topics, key=topics.index)]


def test_pages_hold_all_rows_by_topic() -> None:
    pages = Matrix.of(sample.EVERY, sample.CATALOGUE).pages

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
def test_note_adds_what_the_word_does_not_show(claim: Claim, note: str) -> None:
    assert row(claim).cells[0].note == note


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
    assert all(row.changes[0] is None for row in Matrix.of(sample.EVERY, sample.CATALOGUE).rows)


def test_change_holds_both_cells() -> None:
    _, change = row(sample.DOUBLED).changes

    assert change
    assert (change.before, change.after) == row(sample.DOUBLED).cells


def test_changes_come_pair_by_pair_and_changed_verdicts_first() -> None:
    runs = [sample.OLD, sample.NEW, sample.NEW]

    changes = [
        (before, after, [row.claim.id for row, _ in changed])
        for before, after, changed in Matrix.of(runs, sample.CATALOGUE).changes()
    ]

    verdicts, values = [sample.MARK.id, sample.RAW.id], [sample.DOUBLED.id]
    newer = "6.18.44-amd64 (uml:6.1, x86_64)"
    assert changes == [
        ("5.10.0", newer, verdicts + values),
        (newer, newer, []),
    ]


def test_observations_of_all_runs_are_named_once() -> None:
    assert two(seen(b=1, a=1), seen(c=1, a=1)).observed == ("b", "a", "c")


def test_declared_is_the_expectation_for_the_runs_own_kernel() -> None:
    runs = [sample.run(sample.header(release), sample.OLD_ANSWERS[1]) for release in ("3.10.0", "3.12.1")]

    (row,) = Matrix.of(runs, sample.CATALOGUE).rows

    assert [(cell.declared, cell.unexpected) for cell in row.cells] == [
        (None, True),
        (sample.FLOOR.expectations[0], False),
    ]


def test_distribution_kernel_is_held_against_its_stable_release() -> None:
    claim = Claim("a.7/b/c", "", expectations=(Expectation("", Range("6.1.100")),))
    run = sample.single(Answer(claim.id, Verdict.DIFFERS))

    runs = [sample.on(run, release="6.1.0-49", version=f"Debian 6.1.{patch}-1") for patch in (99, 100)]

    (row,) = Matrix.of(runs, Catalogue.of([claim])).rows
    assert [cell.note for cell in row.cells] == ["undeclared", "declared"]


@pytest.mark.parametrize(
    ("implementations", "whys"),
    [
        (["Linux"], ["on Linux"]),
        (["gVisor"], ["on gVisor"]),
        (["Linux", "gVisor"], ["on Linux", "on gVisor"]),
    ],
)
def test_only_what_is_declared_of_those_that_answered_is_shown(
    implementations: list[str], whys: list[str]
) -> None:
    declared = (Expectation("on Linux"), Expectation("on gVisor", implementation="gVisor"))
    claim = Claim("page.7/topic/slug", "", expectations=declared)

    (row,) = Matrix.of(
        [sample.on(sample.single(), implementation=one) for one in implementations], Catalogue.of([claim])
    ).rows

    assert [one.why for one in row.expectations] == whys


def test_run_of_another_suite_is_judged_by_the_catalogue() -> None:
    run = sample.on(sample.single(Answer(sample.RAW.id, Verdict.HOLDS)), release="5.10.0", suite="0.0.1")

    (row,) = Matrix.of([run], sample.CATALOGUE).rows

    assert (row.claim, row.cells[0].word) == (sample.RAW, "UNCLAIMED")


def test_claim_without_a_catalogue_is_its_id_and_the_answer_counts_as_it_is() -> None:
    (row,) = Matrix.of([sample.single(seen(Verdict.DIFFERS))], sample.EMPTY).rows

    assert (row.claim, row.cells[0].note) == (Claim("page.7/topic/slug", ""), "undeclared")
