"""Search leads from what a person types to the page that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


def found(page: Page, asked: str) -> list[str]:
    page.fill("#search", asked)
    page.wait_for_function("document.getElementById('found').children.length > 0")
    links = page.locator("#found [role=option]").all()
    return [str(one.get_attribute("href")) for one in links]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("SO_RCVBUF", "option/SO_RCVBUF.html"),
        ("so_rcvbuf", "option/SO_RCVBUF.html"),
        ("ECONNREFUSED", "errors.html#ECONNREFUSED"),
        ("connect(2)", "document/connect.2.html"),
        ("recv", "document/recv.2.html"),
        ("6.12", "matrix.html#verdict=d&kernel=6.12"),
        ("gvisor", "matrix.html#verdict=d&kernel=gVisor"),
        ("6.1 7.2", "compare.html#a=uml-6.1&b=uml-7.2"),
        ("receive buffer reads back as twice that size", "claim/socket.7/SO_RCVBUF/doubled.html"),
        ("socket.7/SO_RCVBUF/doubled", "claim/socket.7/SO_RCVBUF/doubled.html"),
    ],
)
def test_what_is_typed_leads_to(page: Page, asked: str, first: str) -> None:
    page.goto("index.html")

    assert found(page, asked)[0] == first


def test_keys_choose_and_open(page: Page) -> None:
    page.goto("kernels.html")
    page.keyboard.press("/")
    second = found(page, "SO_RCVBUF")[1]

    page.keyboard.press("ArrowDown")
    chosen = page.locator("#found [aria-selected=true]")
    assert chosen.get_attribute("href") == f"{second}"
    assert page.locator("#search").get_attribute("aria-activedescendant") == chosen.get_attribute("id")

    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{second}")


def test_escape_closes_what_was_found(page: Page) -> None:
    page.goto("index.html")
    found(page, "SO_RCVBUF")

    page.keyboard.press("Escape")

    assert not page.locator("#found").is_visible()
    assert page.locator("#search").get_attribute("aria-expanded") == "false"


def test_enter_with_nothing_found_asks_the_matrix(page: Page) -> None:
    page.goto("index.html")

    page.fill("#search", "zzyzx")
    page.keyboard.press("Enter")

    page.wait_for_url("**/matrix.html#q=zzyzx")
    assert page.locator("#rows").inner_text().startswith("No claim is so.")


def test_from_a_page_deep_in_the_site(page: Page) -> None:
    page.goto("claim/socket.7/SO_RCVBUF/doubled.html")
    found(page, "TCP_NODELAY")

    page.keyboard.press("Enter")

    page.wait_for_url("**/option/TCP_NODELAY.html")
    assert page.locator("h1").inner_text() == "TCP_NODELAY"


def test_nothing_is_loaded_before_somebody_searches(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))

    page.goto("index.html")
    page.wait_for_load_state("networkidle")

    assert sorted(asked) == ["index.html", "site.js", "style.css"]
