from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports.markdown import escape, markdown
from reports.record import Claim, Record, Run, Verdict
from reports.wording import printable
from tests.reports import sample
from tests.reports.page import Element, parse

MARKS = st.text(st.sampled_from("|\\`*_[]()<>&#~!@$: \nabc-+.1=") | st.characters(), max_size=30)


def page(text: str) -> Element:
    return parse(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def table(runs: Sequence[Run], heading: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    below = markdown(runs).split(f"\n{heading}\n")[1].split("\n#")[0]
    return [[cell.text for cell in row.all("th", "td")] for row in page(below).all("tr")]


def section(runs: Sequence[Run], heading: str) -> str:
    return re.split(r"\n## ", markdown(runs).split(f"\n## {heading}\n")[1])[0].strip()


@given(MARKS)
def test_escaped_text_is_one_cell_that_shows_it_as_it_was(text: str) -> None:
    drawn = page(f"| a | b |\n| --- | --- |\n| x{escape(text)}x | end |\n")

    cells = [cell.text for cell in drawn.all("td")]
    assert cells == [f"x{printable(text)}x".rstrip("\n"), "end"]
    assert {one.tag for one in drawn.all("td") for one in one.all()} <= {"br"}


def test_options_stay_legible_in_the_source() -> None:
    assert escape("SO_RCVBUF, _emphasis_") == "SO_RCVBUF, \\_emphasis\\_"


def test_same_runs_give_the_same_text() -> None:
    assert markdown(sample.EVERY) == markdown(sample.EVERY)


def test_every_kernel_is_a_row_of_the_counts() -> None:
    first = page(markdown([sample.OLD, replace(sample.NEW, footer=None)])).all("table")

    assert [[cell.text for cell in row.all("td")] for row in next(first).only("tbody").all("tr")] == [
        ["5.10.0", "uml:6.1", "x86_64", "2", "2", "1", "1", "1", "0"],
        ["6.18.44-amd64 (interrupted)", "uml:6.1", "x86_64", "3", "1", "0", "0", "0", "1"],
    ]


def test_claims_are_rows_by_page_and_topic() -> None:
    assert table(sample.EVERY, "## socket.7") == [
        ["Claim", "5.10.0", "6.18.44-amd64"],
        ["SO_RCVBUF", "", ""],
        [sample.DOUBLED.says, "HOLDS", "HOLDS"],
        [sample.FLOOR.says, "DIFFERS, declared", "DIFFERS, declared"],
        ["SO_MARK", "", ""],
        [sample.MARK.says, "BLOCKED, CAP_NET_ADMIN", "HOLDS"],
        [sample.RAW.says, "UNCLAIMED", "HOLDS"],
    ]


def test_missing_and_not_asked_are_told_apart() -> None:
    assert table(sample.EVERY, "## tcp.7")[2:] == [
        [sample.NODELAY.says, "DIFFERS, undeclared", "missing"],
        ["TCP_CORK", "", ""],
        [sample.CORK.says, "BROKEN", "not asked"],
    ]


def test_unexpected_verdicts_are_bold() -> None:
    bold = [one.text for one in page(markdown([sample.OLD])).all("strong")]

    # Once in the matrix, and again where differences are explained.
    assert [word for word in bold if word in Verdict.__members__] == [
        *("DIFFERS", "BROKEN", "HOLDS"),
        *("DIFFERS", "HOLDS"),
    ]


def test_difference_is_explained() -> None:
    told = page(section(sample.EVERY, "Differences")).text

    assert sample.FLOOR.id in told
    assert "Instead (since 3.12, commit eea86af6b1e1): the floor is a small skb's true size" in told
    assert "5.10.0 DIFFERS, declared: minimum = 2304" in told


def test_stale_expectation_is_among_the_differences() -> None:
    assert sample.STALE.id in page(section(sample.EVERY, "Differences")).text


@pytest.mark.parametrize(
    ("heading", "item"),
    [
        ("Broken", "tcp.7/TCP_CORK/200ms on 5.10.0"),
        ("Blocked", "socket.7/SO_MARK/needs-capability on 5.10.0 (CAP_NET_ADMIN)"),
        ("Unclaimed", "socket.7/SO_MARK/net-raw-suffices on 5.10.0"),
        ("Missing", "tcp.7/TCP_NODELAY/default-off on 6.18.44-amd64"),
    ],
)
def test_what_could_not_be_told_is_listed(heading: str, item: str) -> None:
    assert [one.text for one in page(section(sample.EVERY, heading)).all("li")] == [item]


def test_run_that_holds_has_no_section_below_its_matrix() -> None:
    assert re.findall("^## .*", markdown([sample.single("It is so.")]), re.MULTILINE) == ["## page.7"]


def test_hostile_text_stays_text() -> None:
    text = sample.HOSTILE
    claim = Claim("p|<b>/`t`/s`|*", text)
    record = Record(claim.id, Verdict.DIFFERS, False, {text: text}, detail=text)

    drawn = page(markdown([sample.run(replace(sample.header(claims=(claim,)), machine=text), record)]))

    tags = {one.tag for one in drawn.all()}
    assert tags.isdisjoint({"img", "a", "em", "s", "del", "b", "script"})
    assert [one.text for one in drawn.all("td") if "onerror" in one.text] == [printable(text)] * 2


@given(MARKS, MARKS)
def test_observations_stay_within_their_code(name: str, value: str) -> None:
    record = Record("page.7/topic/slug", Verdict.DIFFERS, False, {f"x{name}": f"{value}x"})

    item = page(section([sample.single("", record)], "Differences")).only("li")

    assert {one.tag for one in item.all()} <= {"code", "strong", "p"}


def test_what_changed_from_one_kernel_to_the_next_is_told_first() -> None:
    runs = [
        sample.run(sample.header(release), Record(sample.CLAIMS[0].id, verdict, expected=True))
        for release, verdict in (("5.10.1", Verdict.HOLDS), ("6.1.2", Verdict.BLOCKED))
    ]

    told = section(runs, "Changed between 5.10.1 and 6.1.2")

    assert f"`{sample.CLAIMS[0].id}`: HOLDS to BLOCKED" in told
