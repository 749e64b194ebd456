"""The site of the reference runs, and a browser to look at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from reports.catalogue import Catalogue
from reports.inventory import read_inventories
from reports.model import Run, oldest_first
from reports.site.pages import write
from reports.site.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def site(reference: tuple[list[Run], Catalogue], tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs, catalogue = reference
    folder = tmp_path_factory.mktemp("web") / "sockets"
    write(Site(oldest_first(runs), catalogue, read_inventories(ROOT / "conformance/inventory")), folder)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs chromium: apt install chromium")
    with api.sync_playwright() as playwright:
        # Root may not use its sandbox, and containers have little shared memory.
        started = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@contextmanager
def watched(page: Page, home: str) -> Iterator[list[str]]:
    """What goes wrong on a page: errors, and requests for what is none of the site's files."""
    wrong: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((home, "data:", "about:")):
            wrong.append(f"asks for {request.url}")

    def failed(request: Request) -> None:
        # What a page that is left had still to load is given up.
        if request.failure != "net::ERR_ABORTED":
            wrong.append(f"did not get {request.url}: {request.failure}")

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            wrong.append(f"console: {message.text}")

    def raised(error: Error) -> None:
        wrong.append(f"script: {error}")

    watching = {"request": asked, "requestfailed": failed, "console": said, "pageerror": raised}
    for event, watch in watching.items():
        page.on(event, watch)
    yield wrong
    for event, watch in watching.items():
        page.remove_listener(event, watch)


@pytest.fixture(scope="session")
def tab(browser: Browser, site: Path) -> Iterator[Page]:
    context = browser.new_context(base_url=f"{site.as_uri()}/")
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(tab: Page, site: Path) -> Iterator[Page]:
    """One that is opened from the site's folder, as ``index.html`` is; nothing may go wrong on it."""
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.emulate_media(media="screen", color_scheme="light")
    with watched(tab, site.as_uri()) as wrong:
        yield tab
        tab.goto("about:blank")
    assert wrong == []


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The site in a folder of a web server."""
    handler = partial(Quiet, directory=site.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/{site.name}/"
        server.shutdown()
        thread.join()
