from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from reports.catalogue import Catalogue
from reports.findings import INTRODUCTION, findings, kernel_table, put_between
from reports.model import Answer, Claim, Expectation, Verdict
from reports.printable import printable
from reports.ranges import Range
from tests.reports import sample
from tests.reports.page import Element, parse


def page(text: str) -> Element:
    return parse(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def items(text: str) -> list[str]:
    return [" ".join(one.text.split()) for one in page(text).all("li")]


def test_findings_read_as_a_whole() -> None:
    assert findings(sample.EVERY, sample.CATALOGUE).splitlines() == [
        *INTRODUCTION.splitlines(),
        "",
        "## socket.7",
        "",
        "- The smallest (doubled) receive buffer is 256 bytes. `socket.7/SO_RCVBUF/minimum-256`  ",
        "  Differs on 5.10, 6.18.",
        "  - Instead (since 3.12, commit `eea86af6b1e1`): the floor is a small skb's true size.",
        "",
        "## tcp.7",
        "",
        "- Nagle's algorithm is on for a new socket. `tcp.7/TCP_NODELAY/default-off`  ",
        "  Differs on 5.10.",
    ]


def test_kernels_of_one_series_are_named_once_and_oldest_first() -> None:
    runs = [
        sample.on(sample.single(Answer("page.7/topic/slug", Verdict.DIFFERS)), release=release)
        for release in ("6.12.9", "6.1.7-amd64", "6.1.0", "7", "5.10.1")
    ]

    (item,) = items(findings(runs, sample.listing()))

    assert item == "It is so. page.7/topic/slug Differs on 5.10, 6.1, 6.12, 7."


def test_other_implementations_are_not_the_documentation_s_kernels() -> None:
    run = sample.on(sample.single(Answer("page.7/topic/slug", Verdict.DIFFERS)), implementation="gVisor")

    assert findings([run], sample.listing()) == f"{INTRODUCTION}\n"


def test_what_holds_or_is_unclaimed_is_no_finding() -> None:
    claim = Claim("page.7/topic/slug", "", range=Range("7.0"))
    runs = [sample.single(), sample.single(Answer(claim.id, Verdict.DIFFERS))]

    assert findings(runs, Catalogue.of([claim])) == f"{INTRODUCTION}\n"


def test_claim_without_a_catalogue_is_its_id() -> None:
    (item,) = items(findings([sample.single(Answer("a.7/b/c", Verdict.DIFFERS))], sample.EMPTY))

    assert item == "a.7/b/c a.7/b/c Differs on 6.1."


def test_hostile_text_stays_text() -> None:
    text = sample.HOSTILE
    claim = Claim(
        "p|<b>/`t`/s`|*",
        text,
        expectations=(Expectation(text, Range(f"6.0{text}", backports=(f"5.1{text}",)), text),),
    )
    run = replace(sample.header(), kernel=text, machine=text, release=f"6.1{text}")
    runs = [sample.run(run, Answer(claim.id, Verdict.DIFFERS))]

    drawn = page(findings(runs, Catalogue.of([claim])) + "\n" + kernel_table(runs, Catalogue.of([claim])))

    tags = {one.tag for one in drawn.all()}
    assert tags.isdisjoint({"img", "a", "s", "del", "b", "script", "strong"})
    assert printable(text).split("\n")[0] in drawn.text


def test_every_run_is_a_line_of_the_table() -> None:
    rows = page(kernel_table(sample.EVERY, sample.CATALOGUE)).all("tr")

    assert [[cell.text for cell in row.all("th", "td")] for row in rows] == [
        ["Kernel", "Asked for as", "HOLDS", "DIFFERS", "UNCLAIMED", "BLOCKED", "BROKEN"],
        ["5.10.0", "uml:6.1", "2", "2", "1", "1", "1"],
        ["6.18.44-amd64", "uml:6.1", "3", "1", "0", "0", "0"],
    ]


def test_text_between_two_comments_is_replaced() -> None:
    document = "before\n<!-- kernels -->\nold\ntext\n<!-- end of kernels -->\nafter\n"

    assert put_between("kernels", "new\n", document) == (
        "before\n<!-- kernels -->\nnew\n<!-- end of kernels -->\nafter\n"
    )


def test_text_is_put_between_comments_that_hold_nothing() -> None:
    document = "<!-- kernels -->\n<!-- end of kernels -->\n"

    assert put_between("kernels", "new\n", document) == "<!-- kernels -->\nnew\n<!-- end of kernels -->\n"


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<!-- kernels -->\n",
        "<!-- end of kernels -->\n",
        "<!-- end of kernels -->\n<!-- kernels -->\n",
        "<!-- other -->\n<!-- end of other -->\n",
    ],
)
def test_document_without_the_comments_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="there are no lines <!-- kernels --> and <!-- end of kernels -->"):
        put_between("kernels", "new\n", document)
