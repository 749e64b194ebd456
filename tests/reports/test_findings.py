from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from reports.catalogue import Catalogue
from reports.findings import INTRODUCTION, findings, kernel_table, put_between
from reports.model import Answer, Claim, Expectation, Run, Verdict
from reports.printable import printable
from reports.ranges import Range
from tests.reports import sample
from tests.reports.page import Element, parse

HOLDS, DIFFERS = Verdict.HOLDS, Verdict.DIFFERS


def page(text: str) -> Element:
    return parse(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def items(text: str) -> list[str]:
    return [" ".join(one.text.split()) for one in page(text).all("li")]


def test_findings_read_as_a_whole() -> None:
    assert findings(sample.EVERY, sample.CATALOGUE).splitlines() == [
        *INTRODUCTION.splitlines(),
        "",
        "Kernels that answered: 5.10.0, 6.18.44.",
        "",
        "## socket.7",
        "",
        "- *Socket options*: The smallest (doubled) receive buffer is 256 bytes.  ",
        "  Differs on every kernel that answered, 5.10 to 6.18. `socket.7/SO_RCVBUF/minimum-256`",
        "  - Instead (since 3.12, commit `eea86af6b1e1`): the floor is a small skb's true size.",
        "",
        "## tcp.7",
        "",
        "- Nagle's algorithm is on for a new socket.  ",
        "  Differs on every kernel that answered, 5.10. `tcp.7/TCP_NODELAY/default-off`",
    ]


def one(verdicts: dict[str, Verdict], name: str = "page.7/topic/slug") -> list[Run]:
    """Runs of one claim, by release."""
    return [
        sample.on(sample.single(Answer(name, verdict)), release=release)
        for release, verdict in verdicts.items()
    ]


def test_kernels_are_named_by_series_and_what_they_did_in_order() -> None:
    mended = dict.fromkeys(("5.10.1", "6.1.0", "6.1.7-amd64"), DIFFERS) | dict.fromkeys(
        ("6.12.9", "7"), HOLDS
    )

    (item,) = items(findings(one(mended), sample.listing()))

    assert item == "It is so. Differs on 5.10 to 6.1, holds on 6.12 to 7. page.7/topic/slug"


def test_releases_of_a_series_that_disagree_are_named() -> None:
    (item,) = items(findings(one({"6.1.7": HOLDS, "6.1.9": DIFFERS, "6.12.1": DIFFERS}), sample.listing()))

    assert item == "It is so. Holds on 6.1.7, differs on 6.1.9 to 6.12. page.7/topic/slug"


def test_the_worst_of_a_page_comes_first_and_what_no_document_says_last() -> None:
    verdicts = {
        "defacto/t/s": (DIFFERS, DIFFERS, DIFFERS),
        "a.7/t/mended": (DIFFERS, DIFFERS, HOLDS),
        "a.7/t/new": (HOLDS, HOLDS, DIFFERS),
        "a.7/t/always": (DIFFERS, DIFFERS, DIFFERS),
    }
    runs = [
        sample.run(sample.header(release), *(Answer(name, said[at]) for name, said in verdicts.items()))
        for at, release in enumerate(("5.10", "6.1", "6.12"))
    ]

    assert [item.split()[0] for item in items(findings(runs, sample.EMPTY))] == [
        "a.7/t/always",
        "a.7/t/new",
        "a.7/t/mended",
        "defacto/t/s",
    ]


def test_other_implementations_are_not_the_documentation_s_kernels() -> None:
    run = sample.on(sample.single(Answer("page.7/topic/slug", Verdict.DIFFERS)), implementation="gVisor")

    assert findings([run], sample.listing()) == f"{INTRODUCTION}\n"


def test_what_holds_or_is_unclaimed_is_no_finding() -> None:
    claim = Claim("page.7/topic/slug", "", range=Range("7.0"))
    runs = [sample.single(), sample.single(Answer(claim.id, Verdict.DIFFERS))]

    assert "##" not in findings(runs, Catalogue.of([claim]))


def test_claim_without_a_catalogue_is_its_id() -> None:
    (item,) = items(findings([sample.single(Answer("a.7/b/c", Verdict.DIFFERS))], sample.EMPTY))

    assert item == "a.7/b/c Differs on every kernel that answered, 6.1. a.7/b/c"


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
