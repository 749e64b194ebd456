from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from reports.catalogue import Catalogue
from reports.markdown import escape, markdown
from reports.model import Answer, Claim, Expectation, Run, Verdict
from reports.printable import printable
from reports.ranges import Range
from tests.reports import sample
from tests.reports.page import Element, parse

MARKS = st.text(st.sampled_from("|\\`*_[]()<>&#~!@$: \nabc-+.1=") | st.characters(), max_size=30)


def page(text: str) -> Element:
    return parse(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def table(runs: Sequence[Run], heading: str, catalogue: Catalogue = sample.CATALOGUE) -> list[list[str]]:
    """The rows of the table below a heading."""
    below = markdown(runs, catalogue).split(f"\n{heading}\n")[1].split("\n#")[0]
    return [[cell.text for cell in row.all("th", "td")] for row in page(below).all("tr")]


def section(runs: Sequence[Run], heading: str, catalogue: Catalogue = sample.CATALOGUE) -> str:
    return re.split(r"\n## ", markdown(runs, catalogue).split(f"\n## {heading}\n")[1])[0].strip()


@given(MARKS)
def test_escaped_text_is_one_cell_that_shows_it_as_it_was(text: str) -> None:
    drawn = page(f"| a | b |\n| --- | --- |\n| x{escape(text)}x | end |\n")

    cells = [cell.text for cell in drawn.all("td")]
    assert cells == [f"x{printable(text)}x".rstrip("\n"), "end"]
    assert {one.tag for one in drawn.all("td") for one in one.all()} <= {"br"}


def test_options_stay_legible_in_the_source() -> None:
    assert escape("SO_RCVBUF, _emphasis_") == "SO_RCVBUF, \\_emphasis\\_"


def test_same_runs_give_the_same_text() -> None:
    assert markdown(sample.EVERY, sample.CATALOGUE) == markdown(sample.EVERY, sample.CATALOGUE)


def test_every_kernel_is_a_row_of_the_counts() -> None:
    first = page(markdown(sample.EVERY, sample.CATALOGUE)).all("table")

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


def test_missing_and_not_asked_are_distinct() -> None:
    assert table(sample.EVERY, "## tcp.7")[2:] == [
        [sample.NODELAY.says, "DIFFERS, undeclared", "missing"],
        ["TCP_CORK", "", ""],
        [sample.CORK.says, "BROKEN", "not asked"],
    ]


def test_unexpected_verdicts_are_bold() -> None:
    bold = [one.text for one in page(markdown([sample.OLD], sample.CATALOGUE)).all("strong")]

    # Once in the matrix, and again where differences are explained.
    assert [word for word in bold if word in Verdict.__members__] == [
        *("DIFFERS", "BROKEN", "HOLDS"),
        *("DIFFERS", "HOLDS"),
    ]


def test_difference_is_explained() -> None:
    text = page(section(sample.EVERY, "Differences")).text

    assert sample.FLOOR.id in text
    assert "Instead (since 3.12, commit eea86af6b1e1): the floor is a small skb's true size" in text
    assert "5.10.0 DIFFERS, declared: minimum = 2304" in text


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
def test_what_is_not_known_is_listed(heading: str, item: str) -> None:
    assert [one.text for one in page(section(sample.EVERY, heading)).all("li")] == [item]


def test_run_that_holds_has_no_section_below_its_matrix() -> None:
    assert re.findall("^## .*", markdown([sample.single()], sample.listing()), re.MULTILINE) == ["## page.7"]


def test_hostile_text_stays_text() -> None:
    text = sample.HOSTILE
    hostile = Expectation(text, Range(f"6.1{text}", f"7{text}", (f"5.1{text}",)), text, {text: text})
    claim = Claim("p|<b>/`t`/s`|*", text, needs=(text,), expectations=(hostile,))
    run = sample.run(
        replace(sample.header(), machine=text, kernel=text, release=f"6.1{text}"),
        Answer(claim.id, Verdict.DIFFERS, {text: text}, detail=text),
    )

    drawn = page(markdown([run], Catalogue.of([claim])))

    tags = {one.tag for one in drawn.all()}
    assert tags.isdisjoint({"img", "a", "em", "s", "del", "b", "script"})
    assert [one.text for one in drawn.all("td") if one.text == printable(text)] == [printable(text)] * 3


@given(MARKS, MARKS)
def test_observations_stay_within_their_code(name: str, value: str) -> None:
    answer = Answer("page.7/topic/slug", Verdict.DIFFERS, {f"x{name}": f"{value}x"})

    item = page(section([sample.single(answer)], "Differences")).only("li")

    assert {one.tag for one in item.all()} <= {"code", "strong", "p"}


def test_what_changed_from_one_kernel_to_the_next_comes_first() -> None:
    drawn = page(section(sample.EVERY, "Changed between 5.10.0 and 6.18.44-amd64"))

    items = [one.text for one in drawn.all("li")]
    assert items == [
        f"{sample.MARK.id}: BLOCKED to HOLDS. {sample.MARK.says}",
        f"{sample.RAW.id}: UNCLAIMED to HOLDS. {sample.RAW.says}",
        f"{sample.DOUBLED.id}: other values of read_back. {sample.DOUBLED.says}",
    ]


def test_change_between_two_of_three_kernels_names_only_their_verdicts() -> None:
    verdicts = (("5.10.1", Verdict.HOLDS), ("6.1.2", Verdict.BLOCKED), ("6.12.3", Verdict.BROKEN))
    runs = [
        sample.on(sample.single(Answer("page.7/topic/slug", verdict)), release=release)
        for release, verdict in verdicts
    ]

    text = section(runs, "Changed between 6.1.2 and 6.12.3", sample.listing())

    assert "`page.7/topic/slug`: BLOCKED to BROKEN." in text


def test_claim_without_a_catalogue_is_its_id() -> None:
    assert table([sample.single()], "## page.7", sample.EMPTY)[2] == ["page.7/topic/slug", "HOLDS"]
