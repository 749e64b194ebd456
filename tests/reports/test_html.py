from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import reports.html
from reports.catalogue import Catalogue
from reports.html import html
from reports.model import Answer, Claim, Run, Value, Verdict
from reports.printable import printable
from tests.reports import sample
from tests.reports.page import Element, parse

TEMPLATES = Path(reports.html.__file__).parent / "templates"


def rows(document: Element) -> dict[str | None, Element]:
    return {row.attributes["id"]: row for row in document.all("tr") if row.attributes.get("class") == "row"}


def words(text: str) -> str:
    return " ".join(text.split())


def test_same_runs_give_the_same_bytes() -> None:
    assert html(sample.EVERY, sample.CATALOGUE) == html(sample.EVERY, sample.CATALOGUE)


def test_page_without_runs_is_a_page() -> None:
    assert "0 claims of 0 documents" in words(parse(html([], sample.CATALOGUE)).text)


def test_page_loads_nothing() -> None:
    text = html(sample.EVERY, sample.CATALOGUE)

    document = parse(text)
    assert {one.tag for one in document.all()}.isdisjoint({"link", "img", "iframe", "object", "base"})
    assert not [one for one in document.all() if {"src", "srcset", "action", "ping"} & one.attributes.keys()]
    assert not re.search(r"https?:|//\w|url\(|@import|fetch\(|import\(", text)


def test_links_stay_within_the_page() -> None:
    document = parse(html(sample.EVERY, sample.CATALOGUE))

    targets = [one.attributes["href"] for one in document.all("a")]
    assert targets == [f"#{claim}" for claim in rows(document)]


def test_every_claim_has_a_row_that_a_link_can_point_to() -> None:
    assert list(rows(parse(html(sample.EVERY, sample.CATALOGUE)))) == [claim.id for claim in sample.CLAIMS]


def test_ids_are_unique() -> None:
    document = parse(html(sample.EVERY, sample.CATALOGUE))

    ids = [one.attributes["id"] for one in document.all() if "id" in one.attributes]
    assert len(ids) == len(set(ids))


def test_cells_show_verdicts_in_words() -> None:
    row = rows(parse(html(sample.EVERY, sample.CATALOGUE)))[sample.MARK.id]

    assert [words(cell.text) for cell in row.inside if cell.tag == "td"] == [
        "BLOCKED CAP_NET_ADMIN",
        "HOLDS changed",
    ]


def test_missing_and_not_asked_are_distinct() -> None:
    row = rows(parse(html(sample.EVERY, sample.CATALOGUE)))
    shown = [
        [words(cell.text) for cell in row[claim.id].inside[1:]] for claim in (sample.NODELAY, sample.CORK)
    ]

    assert shown == [["DIFFERS undeclared", "missing"], ["BROKEN", "not asked"]]


def test_other_observations_are_marked() -> None:
    row = rows(parse(html(sample.EVERY, sample.CATALOGUE)))[sample.DOUBLED.id]

    assert words(row.inside[2].text) == "HOLDS other values"
    assert [one.text for one in row.all("td") if one.attributes.get("class") == "moved"] == ["16384"]


def test_claim_unfolds_to_everything_known() -> None:
    shown = words(rows(parse(html(sample.EVERY, sample.CATALOGUE)))[sample.FLOOR.id].only("details").text)

    assert "Section Socket options" in shown
    assert "Applies to every kernel" in shown
    assert "the floor is a small skb's true size since 3.12, commit eea86af6b1e1" in shown
    assert "Observed 5.10.0, 6.18.44-amd64 minimum 2304" in shown
    assert "5.10.0 256 expected, 2304 seen" in shown


def test_kernels_that_observed_alike_share_a_column() -> None:
    seen: list[dict[str, Value]] = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": True, "b": 2}]
    answers = [Answer("page.7/topic/slug", Verdict.HOLDS, values) for values in seen]
    runs = [sample.on(sample.single(answer), release=f"6.{place}") for place, answer in enumerate(answers)]

    tables = parse(html(runs, sample.listing())).all("table")
    (table,) = [one for one in tables if one.attributes.get("class") == "seen"]

    assert words(table.text) == "Observed 6.0, 6.1 6.2 a 1 true b 2 2"


def test_claim_without_a_catalogue_is_its_id() -> None:
    (row,) = rows(parse(html([sample.single()], sample.EMPTY))).values()

    assert words(row.only("summary").text) == "page.7/topic/slug"


def test_words_of_a_row_are_what_a_filter_can_ask() -> None:
    drawn = rows(parse(html(sample.EVERY, sample.CATALOGUE)))

    assert [drawn[claim.id].attributes["data-words"] for claim in sample.CLAIMS] == [
        "holds changed",
        "differs",
        "blocked holds changed",
        "unclaimed holds changed",
        "differs unexpected missing",
        "broken unexpected not-asked",
        "holds unexpected not-asked",
    ]


def test_needs_are_named() -> None:
    row = rows(parse(html(sample.EVERY, sample.CATALOGUE)))[sample.MARK.id]

    assert "Needs CAP_NET_ADMIN" in words(row.text)


def test_card_shows_kernel_and_counts() -> None:
    cards = [words(card.text) for card in parse(html(sample.EVERY, sample.CATALOGUE)).all("section")]

    assert cards[0].startswith(
        "5.10.0 x86_64 · uml:6.1 2 HOLDS 2 DIFFERS 1 UNCLAIMED 1 BLOCKED 1 BROKEN 3 verdicts"
    )
    assert cards[1].startswith("6.18.44-amd64 x86_64 · uml:6.1 3 HOLDS 1 DIFFERS 1 missing")


def test_interrupted_run_is_marked() -> None:
    (card,) = parse(html([Run(sample.OLD.header, sample.OLD.answers)], sample.CATALOGUE)).all("section")

    assert "Interrupted" in card.text


def test_run_with_missing_answers_claims_no_success() -> None:
    (card,) = parse(html([sample.NEW], sample.CATALOGUE)).all("section")

    assert "Interrupted: 1 claim never answered." in card.text
    assert "expected one" not in card.text


def test_headers_of_tables_have_a_scope() -> None:
    document = parse(html(sample.EVERY, sample.CATALOGUE))

    assert {one.attributes.get("scope") for one in document.all("th")} == {"col", "row", "rowgroup"}


def test_every_field_has_a_label() -> None:
    document = parse(html(sample.EVERY, sample.CATALOGUE))

    labelled = [one for label in document.all("label") for one in label.all("input")]
    assert labelled == list(document.all("input"))


def test_filter_waits_for_its_script() -> None:
    assert "hidden" in parse(html(sample.EVERY, sample.CATALOGUE)).only("form").attributes


def test_hostile_text_stays_text() -> None:
    text = sample.HOSTILE
    claim = Claim(f'"><script>/{text}/<b>', text, section=text, needs=(text,))
    answer = Answer(claim.id, Verdict.BLOCKED, {text: text}, detail=text, need=text)
    run = sample.run(replace(sample.header(), machine=text, version=text, kernel=text, suite=text), answer)

    document = parse(html([run], Catalogue.of([claim])))

    (row,) = rows(document)
    assert row == printable(claim.id)
    assert [len(list(document.all(tag))) for tag in ("script", "img", "b", "style")] == [1, 0, 1, 1]
    assert document.only("pre").text == printable(text)


@settings(max_examples=40)
@given(st.text(st.characters() | st.sampled_from("<>&\"'/{}%")), st.text(st.characters()))
def test_any_text_gives_a_well_formed_page(says: str, detail: str) -> None:
    answer = Answer("page.7/topic/slug", Verdict.DIFFERS, {says: detail}, detail="x" + detail)

    document = parse(html([sample.single(answer)], sample.listing(says)).encode().decode())

    assert document.only("pre").text == printable("x" + detail)


def channel(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    red, green, blue = (channel(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def palettes() -> list[dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", (TEMPLATES / "report.css").read_text(), re.DOTALL)
    return [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in blocks]


PLAIN = [
    (ink, back)
    for ink in ("ink", "quiet", "holds", "differs", "unclaimed", "blocked", "broken")
    for back in ("paper", "raised", "faint")
]
TINTED = [
    ("differs", "differs-back"),
    ("blocked", "blocked-back"),
    ("broken", "broken-back"),
    ("on-strong", "broken"),
    ("paper", "ink"),
]


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "back"), PLAIN + TINTED)
def test_text_contrasts_with_its_background(palette: dict[str, str], ink: str, back: str) -> None:
    assert contrast(palette[ink], palette[back]) >= 4.5
