"""No rule of axe-core is broken, in light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.site.test_pages import PAGES, opened

if TYPE_CHECKING:
    from playwright.sync_api import Page

OPTIONS = {"preload": False}
"""A page that is opened from a folder may not fetch its style sheet once more."""


def broken(page: Page) -> list[tuple[str, str]]:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe-core: pip install axe-playwright-python"
    )
    return [
        (rule["id"], node["html"])
        for rule in axe.Axe().run(page, options=OPTIONS).response["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_page(page: Page, address: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, address)

    assert broken(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_was_found(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("index.html")
    page.fill("#search", "SO_RCVBUF")
    page.locator("#found a").first.wait_for()

    assert broken(page) == []


@pytest.mark.parametrize("address", ["matrix.html", "compare.html", "claim/socket.7/SO_RCVBUF/doubled.html"])
def test_small_screen(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, address)

    assert broken(page) == []
