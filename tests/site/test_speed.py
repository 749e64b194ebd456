"""What a person waits for, at 2,000 claims and 40 kernels.

Times are of the page's own thread, and the least of several tries counts: that is what it takes where nothing
else runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from reports.catalogue import Catalogue
from reports.inventory import read_inventories
from reports.model import Claim, Run, oldest_first
from reports.site import data, pages
from reports.site.site import Site
from tests.site.conftest import ROOT, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLAIMS, KERNELS, TRIES = 2000, 40, 20


def many_claims(claims: Sequence[Claim]) -> Iterator[tuple[str, Claim]]:
    """The claims, and them again under other names until there are enough; and the name that each had."""
    for place in range(CLAIMS):
        copy, index = divmod(place, len(claims))
        claim = claims[index]
        yield claim.id, msgspec.structs.replace(claim, id=f"{claim.id}-{copy}") if copy else claim


def many_runs(run: Run, named: dict[str, str]) -> Iterator[Run]:
    """A run as of kernels of four series in each of ten; each differs a little from the others."""
    answers = {new: msgspec.structs.replace(run.answers[old], claim=new) for new, old in named.items()}
    for place in range(KERNELS):
        release = f"{5 + place // 20}.{place % 20 // 2}.{place}"
        header = msgspec.structs.replace(
            run.header, kernel=f"uml:{release}", release=release, version="#1", asked=tuple(answers)
        )
        left = {name: one for number, (name, one) in enumerate(answers.items()) if number % 97 != place}
        yield replace(run, header=header, answers=left)


@pytest.fixture(scope="module")
def large(reference: tuple[list[Run], Catalogue], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a large site, what these tests look at."""
    runs, catalogue = reference
    fullest = max(runs, key=lambda run: len(run.answers))
    claims = list(many_claims([one for one in catalogue.claims if one.id in fullest.answers]))
    named = {new.id: old for old, new in claims}
    whole = Catalogue.of(new for _, new in claims)
    site = Site(
        oldest_first(list(many_runs(fullest, named))), whole, read_inventories(ROOT / "conformance/inventory")
    )
    folder = tmp_path_factory.mktemp("large")
    for files, last in ((pages.files(site), "matrix.html"), (data.files(site), "data/index.js")):
        for path, text in files:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            if path == last:
                break
    return folder


@pytest.fixture
def page(browser: Browser, large: Path) -> Iterator[Page]:
    context = browser.new_context(base_url=f"{large.as_uri()}/", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    opened = context.new_page()
    with watched(opened, large.as_uri()) as wrong:
        yield opened
    context.close()
    assert wrong == []


def test_start_page_is_light(large: Path) -> None:
    loaded = ["index.html", "style.css", "site.js"]

    assert sum((large / name).stat().st_size for name in loaded) < 200_000


class Clock:
    """The processor's time of a page's own thread, in milliseconds: other programs do not count."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def __call__(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def test_start_page_shows_at_once(page: Page) -> None:
    page.goto("index.html")
    clock = Clock(page)
    taken = []
    for _ in range(TRIES):
        before = clock()
        page.reload()
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        taken.append(clock() - before)

    assert min(taken) < 500


INPUT = """([field, value]) => new Promise((done) => {
  const one = document.querySelector(field);
  if (one.type === "checkbox") one.checked = value !== ""; else one.value = value;
  one.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(done));
})"""
"""What is typed or chosen, until it is drawn."""


def taken(page: Page, field: str, values: Sequence[str]) -> float:
    """For the slowest of some values of a field, the least that it took."""
    clock = Clock(page)
    times: dict[str, list[float]] = {value: [] for value in values}
    for value in [*values] * TRIES:
        before = clock()
        page.evaluate(INPUT, [field, value])
        times[value].append(clock() - before)
    return max(map(min, times.values()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("q", "s"),
        ("q", "receive buffer"),
        ("page", "tcp.7"),
        ("option", "SO_RCVBUF"),
        ("family", "TCP"),
        ("verdict", "d"),
        ("kernel", "6.5"),
        ("wrong", "1"),
        ("all", "1"),
    ],
)
def test_filter_answers_at_once(page: Page, field: str, value: str) -> None:
    page.goto("matrix.html")
    page.wait_for_function("document.querySelector('#rows tr')")
    assert page.locator("#count").inner_text() == f"{CLAIMS} of {CLAIMS} claims"

    assert taken(page, f"[name={field}]", [value, ""]) < 50


@pytest.mark.parametrize(
    "asked", ["s", "so_", "SO_RCVBUF", "receive buffer size", "what changed between 5.1 and 6.2"]
)
def test_search_answers_each_key_at_once(page: Page, asked: str) -> None:
    page.goto("index.html")
    page.fill("#search", "x")
    page.wait_for_function("site.index")

    assert taken(page, "#search", ["", asked]) < 50
    assert page.locator("#found a").count() > 0
