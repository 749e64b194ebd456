"""Every kind of page: small screens, dark, print, from a folder and from a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.site.conftest import watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    "index.html",
    "matrix.html",
    "options.html",
    "option/SO_RCVBUF.html",
    "documents.html",
    "document/udp.7.html",
    "errors.html",
    "changes.html",
    "compare.html",
    "kernels.html",
    "findings.html",
    "claim/socket.7/SO_RCVBUF/doubled.html",
    "claim/IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/bind.html",
    "claim/tcp.7/TCP_SYNCNT/sent-again.html",
)
DRAWN = {
    "matrix.html": "document.querySelector('#rows tr')",
    "compare.html": "document.querySelector('#differences tbody')",
}
"""What shows that a page's script is done."""


def opened(page: Page, address: str, root: str = "") -> None:
    page.goto(urljoin(root, address))
    page.wait_for_function(DRAWN.get(address, "document.querySelector('h1')"))


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("width", [360, 768])
def test_no_page_scrolls_sideways(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 780})
    opened(page, address)

    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_small_screen_shows_claims_whole_and_all_kernels(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, "matrix.html")

    claim = page.locator("#rows tr.row a").first
    box = claim.bounding_box()
    last = page.locator("#rows tr.row td:last-child .cell").first.bounding_box()

    assert box is not None
    assert last is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert last["x"] + last["width"] <= 390


def test_filters_of_a_small_screen_are_folded(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, "matrix.html#verdict=d&kernel=6.12")
    assert not page.locator("[name=verdict]").is_visible()

    page.click("text=Filters (2)")

    assert page.locator("[name=verdict]").is_visible()


def test_dark_is_dark(page: Page) -> None:
    backgrounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        opened(page, "index.html")
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light, dark = (sum(map(int, one[4:-1].split(","))) for one in backgrounds)
    assert light > 3 * 220
    assert dark < 3 * 60


@pytest.mark.parametrize("address", PAGES)
def test_print_is_the_content_alone(page: Page, address: str) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    opened(page, address)

    assert not page.locator("header nav").is_visible()
    assert not page.locator("#search").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("h1").is_visible()


def test_from_a_server(browser: Browser, served: str) -> None:
    """As from a folder, nothing but the site's own files is asked for, in whichever folder it is."""
    page = browser.new_page()
    with watched(page, served) as wrong:
        for address in PAGES:
            opened(page, address, served)
        page.goto(urljoin(served, "compare.html"))
        page.fill("#search", "SO_RCVBUF")
        page.press("#search", "Enter")
        page.wait_for_url("**/option/SO_RCVBUF.html")
        page.goto("about:blank")
    page.close()

    assert wrong == []


def test_without_scripts_all_but_matrix_and_comparison_are_there(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=f"{site.as_uri()}/")
    page = context.new_page()
    page.goto("matrix.html")
    assert page.locator("noscript").inner_text().startswith("The matrix needs scripts")
    page.goto("option/SO_RCVBUF.html")
    cells = page.locator(".grid .row td").count()
    context.close()

    assert cells > 20


def test_a_document_shows_only_what_is_asked(page: Page) -> None:
    page.goto("document/udp.7.html")
    sentences = page.locator(".sentences > li")
    whole = sentences.count()
    wrong = page.locator(".sentences > .differs").count()

    page.click("#differs")

    assert page.url.endswith("#differs")
    assert 0 < page.locator(".sentences > li:visible").count() == wrong < whole

    page.click("#only a >> nth=0")

    assert page.locator(".sentences > li:visible").count() == whole


def test_the_start_page_tells_one_commit_once(page: Page) -> None:
    page.goto("index.html")

    commits = page.locator("section[aria-labelledby=changed] .commit").all_inner_texts()

    assert commits
    assert len(commits) == len(set(commits))
    assert "older than the history" not in page.locator("main").inner_text()


def test_a_newcomer_is_told_what_the_words_mean(page: Page) -> None:
    page.goto("index.html")

    legend = page.locator(".legend")

    assert legend.is_visible()
    assert "differs it does something else" in legend.inner_text()


def test_rows_of_values_are_a_table(page: Page) -> None:
    page.goto("claim/IP_LOCAL_PORT_RANGE.2const/IP_LOCAL_PORT_RANGE/bind.html")

    table = page.locator("table.seen").first

    assert table.locator("thead th").all_inner_texts() == ["chosen", "errno", "others_without_the_option"]
    assert table.locator("tbody tr").first.inner_text().split("\t")[:3] == [
        "both-tcp",
        "[40004, 40005]",
        "EADDRINUSE",
    ]
