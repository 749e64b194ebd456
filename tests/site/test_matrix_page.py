"""The matrix: filters in the address, folding, keys."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS_OF = """button => {
  let count = 0;
  for (let row = button.closest("tr"); (row = row.nextElementSibling)?.matches(".row"); ) count += 1;
  return count;
}"""
"""How many rows there are beneath the topic of a button."""
FIRST_FOLD = "#rows button[data-key]"


def count(page: Page) -> int:
    return int(page.locator("#count").inner_text().split()[0])


def filters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).fragment)


def test_filters_are_kept_in_the_address_and_restored_from_it(page: Page) -> None:
    page.goto("matrix.html")
    whole = count(page)
    page.select_option("[name=page]", "socket.7")
    page.select_option("[name=verdict]", "d")
    page.select_option("[name=kernel]", "6.12")
    page.check("[name=wrong]")
    page.fill("[name=q]", "buffer")
    asked = {"page": ["socket.7"], "verdict": ["d"], "kernel": ["6.12"], "wrong": ["1"], "q": ["buffer"]}
    few = count(page)
    assert filters(page) == asked
    assert 0 < few < whole

    address = page.url
    page.goto("index.html")
    page.goto(address)

    assert count(page) == few
    assert page.input_value("[name=page]") == "socket.7"
    assert page.is_checked("[name=wrong]")

    page.click("text=Clear")
    page.wait_for_function(f"document.getElementById('count').textContent.startsWith('{whole} ')")
    assert urlsplit(page.url).fragment == ""


def test_another_address_on_the_same_page_is_followed(page: Page) -> None:
    page.goto("matrix.html#changed=1")
    changed = count(page)

    page.goto("matrix.html#family=UNIX")

    assert page.input_value("[name=family]") == "UNIX"
    assert not page.is_checked("[name=changed]")
    assert count(page) != changed


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("option=SO_RCVBUF", "SO_RCVBUF"),
        ("option=SO_RCV", "SO_RCV"),
        ("family=UNIX&page=unix.7", "UNIX"),
        ("q=NET.CORE.rmem_max", "net.core.rmem_max"),
    ],
)
def test_what_a_filter_leaves_is_what_it_asks(page: Page, address: str, says: str) -> None:
    page.goto(f"matrix.html#{address}&all=1")

    rows = page.locator("#rows tr.row a").evaluate_all("all => all.map(a => a.textContent + a.href)")

    assert rows
    assert [row for row in rows if says not in row] == []


def test_an_option_is_none_whose_name_goes_on(page: Page) -> None:
    page.goto("matrix.html#option=SO_RCVBUF&all=1")

    assert "The option SO_RCVBUFFORCE" not in page.locator("#rows").inner_text()
    assert count(page) > 5


def test_rows_that_say_the_same_are_folded_into_their_topic(page: Page) -> None:
    page.goto("matrix.html")
    fold = page.locator(FIRST_FOLD).first
    key = fold.get_attribute("data-key")
    said = int(fold.inner_text().split()[0])
    shown = fold.evaluate(ROWS_OF)
    assert fold.get_attribute("aria-expanded") == "false"

    fold.click()

    opened = page.locator(f"button[data-key='{key}']")
    assert opened.get_attribute("aria-expanded") == "true"
    assert opened.evaluate("one => one === document.activeElement")
    assert opened.evaluate(ROWS_OF) == shown + said

    opened.click()

    assert opened.evaluate(ROWS_OF) == shown


def test_a_topic_that_is_folded_whole_takes_one_row_and_says_what_kernels_say(page: Page) -> None:
    page.goto("matrix.html")

    topics = page.locator("#rows tr.topic").evaluate_all(
        """all => all.map((one) =>
          [one.textContent, one.nextElementSibling?.className, one.querySelectorAll("td").length])"""
    )
    whole = [topic for topic in topics if topic[1] == "topic"]

    assert whole
    assert all("hold" in text or "same" in text for text, _, _ in whole)
    assert all(cells > 1 for _, _, cells in whole)


def test_few_rows_are_not_folded(page: Page) -> None:
    page.goto("matrix.html#option=SO_RCVBUF")

    assert page.locator(FIRST_FOLD).count() == 0


def test_j_and_k_move_and_enter_opens(page: Page) -> None:
    page.goto("matrix.html#wrong=1")
    stops = page.locator("#rows tr.row a")
    second = stops.nth(1).get_attribute("href")

    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)

    assert page.evaluate("document.activeElement.getAttribute('href')") == second
    assert page.locator("#rows tr.at").count() == 1

    page.keyboard.press("Enter")

    page.wait_for_url(f"**/{second}")


def test_j_reaches_the_last_row(page: Page) -> None:
    page.goto("matrix.html#wrong=1")
    wanted = count(page)
    assert page.locator("#rows tr.row").count() < wanted

    page.evaluate(
        """times => {
          for (let n = 0; n < times; n++) document.dispatchEvent(new KeyboardEvent("keydown", { key: "j" }));
        }""",
        2 * wanted,
    )

    assert page.locator("#rows tr.row").count() == wanted


def test_rows_come_as_they_are_scrolled_to(page: Page) -> None:
    page.goto("matrix.html#all=1")
    before = page.locator("#rows tr").count()

    page.evaluate("document.getElementById('matrix').scrollTop = 1e9")

    page.wait_for_function(f"document.querySelectorAll('#rows tr').length > {before}")


def test_columns_say_which_releases_answered(page: Page) -> None:
    page.goto("matrix.html")
    head = page.locator("thead .series", has_text="6.1").first
    assert not head.locator(".tip").is_visible()

    head.locator("a").focus()

    assert head.locator(".tip").is_visible()
    assert head.locator(".tip").inner_text().splitlines() == ["6.1.176 uml:6.1", "6.1.192 virtme:6.1"]


def test_other_implementations_have_their_own_names(page: Page) -> None:
    page.goto("matrix.html")

    heads = page.locator("thead .series > a").all_inner_texts()

    assert heads[-1] == "gVisor"
    assert "4.4" not in heads


def test_print_has_every_row(page: Page) -> None:
    page.goto("matrix.html#wrong=1")

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert page.locator("#rows tr.row").count() == count(page)
    assert not page.locator("#filters").is_visible()
    assert page.locator("#matrix").evaluate("one => one.scrollHeight <= one.clientHeight + 1")
