"""Two kernels side by side, and a run of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS = Path(__file__).parents[2] / "results/runs"
HEADS = "#differences thead th"


def compared(page: Page) -> list[str]:
    page.wait_for_function("document.querySelectorAll('#differences thead th').length === 3")
    return list(page.locator(HEADS).all_inner_texts()[1:])


def drop(page: Page, name: str, content: str) -> None:
    """As somebody who drags a file onto the page."""
    page.evaluate(
        """([name, content]) => {
          const data = new DataTransfer();
          data.items.add(new File([content], name));
          for (const kind of ["dragover", "drop"])
            document.body.dispatchEvent(
              new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        [name, content],
    )
    page.wait_for_function("document.getElementById('said').textContent")


def test_two_kernels(page: Page) -> None:
    page.goto("compare.html#a=uml-6.1&b=uml-7.2")

    assert compared(page) == ["6.1.176 (uml:6.1)", "7.2.7 (uml:7.2)"]
    changed = page.locator("#differences tbody tr:not(.group)")
    assert page.locator("#count").inner_text().startswith(f"{changed.count()} changed, ")
    row = changed.filter(has_text="A TCP socket over IPv4 refuses SO_PEEK_OFF")
    assert row.locator(".chip").all_inner_texts() == ["holds", "differs"]


def test_swap(page: Page) -> None:
    page.goto("compare.html#a=uml-6.1&b=uml-7.2")
    compared(page)

    page.click("#swap")

    page.wait_for_function(
        "document.querySelectorAll('#differences thead th')[1].textContent.startsWith('7.2.7')"
    )
    assert page.url.endswith("#a=uml-7.2&b=uml-6.1")


def test_other_values_too(page: Page) -> None:
    page.goto("compare.html#a=uml-6.1&b=uml-7.2")
    compared(page)
    verdicts = page.locator("#differences tbody tr").count()

    page.check("[name=values]")

    page.wait_for_function(f"document.querySelectorAll('#differences tbody tr').length > {verdicts}")
    assert page.url.endswith("&values=1")


def test_a_run_is_compared_with_the_reference_of_its_series(page: Page) -> None:
    lines = (RUNS / "uml-6.12.jsonl").read_text().splitlines()
    header = json.loads(lines[0]) | {"kernel": "mine", "release": "6.12.99-mine"}
    answers = [json.loads(line) for line in lines[1:]]
    turned = next(one for one in answers if one.get("verdict") == "HOLDS")
    turned["verdict"] = "DIFFERS"
    page.goto("compare.html")

    drop(page, "mine.jsonl", "\n".join(map(json.dumps, [header, *answers])))

    page.wait_for_function(
        "document.querySelectorAll('#differences thead th')[2]?.textContent.includes('yours')"
    )
    before, after = compared(page)
    assert before.startswith("6.12.")
    assert after == "6.12.99-mine (yours: mine.jsonl)"
    assert "compared with 6.12." in page.locator("#said").inner_text()
    assert "Held before, differs now: " in page.locator("#differences").inner_text()
    assert page.locator(f"#differences a[href='claim/{turned['claim']}.html']").count() == 1


def test_a_run_that_is_chosen(page: Page) -> None:
    page.goto("compare.html")

    page.set_input_files("#file", RUNS / "gvisor-2024.jsonl")

    page.wait_for_function(
        "document.querySelectorAll('#differences thead th')[2]?.textContent.includes('yours')"
    )
    assert page.locator("#count").inner_text().startswith("0 changed, ")
    assert compared(page)[0] == "gVisor 20240729.0 (gvisor:2024)"


HEADER = {"kind": "header", "schema": 2, "implementation": "Linux", "release": "6.12.1", "version": ""}
ANSWER = {"kind": "answer", "claim": "socket.7/SO_RCVBUF/doubled", "verdict": "HOLDS"}


def lines(*values: object) -> str:
    return "\n".join(map(json.dumps, values))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "bad.jsonl is empty."),
        ("\n \n", "bad.jsonl is empty."),
        ("<html>\n<script>", "bad.jsonl is no JSON lines: "),
        (lines(ANSWER), "bad.jsonl has no header, "),
        (lines([], None, 3, "header"), "bad.jsonl has no header, "),
        (lines(HEADER | {"schema": 1}, ANSWER), "bad.jsonl has schema 1, and this page reads schema 2"),
        (lines({"kind": "header"}, ANSWER), "bad.jsonl has schema null, and this page reads schema 2"),
        (lines(HEADER), "bad.jsonl has a header and no answer: "),
        (lines(HEADER, ANSWER | {"verdict": "constructor"}), "bad.jsonl has a header and no answer: "),
    ],
)
def test_a_bad_file_says_what_is_wrong(page: Page, content: str, says: str) -> None:
    page.goto("compare.html")
    before = compared(page)

    drop(page, "bad.jsonl", content)

    assert page.locator("#said").inner_text().startswith(says)
    assert compared(page) == before


def test_what_is_odd_in_a_file_is_said(page: Page) -> None:
    page.goto("compare.html")

    strange = ANSWER | {"claim": "__proto__"}
    drop(page, "odd.jsonl", lines(HEADER | {"release": "2.4.0"}, ANSWER, strange) + "\n{")

    said = page.locator("#said").inner_text()
    assert "since no run of 2.4 is here" in said
    assert "1 are of claims that are not here." in said
    assert "1 lines could not be read." in said


def test_nothing_of_a_file_runs(page: Page) -> None:
    bad = "<img src=x onerror=document.title='ran'>"
    answer = ANSWER | {"verdict": "DIFFERS", "observations": {bad: bad, "__proto__": bad}}
    page.goto("compare.html")

    drop(page, f"{bad}.jsonl", lines(HEADER | {"release": bad, "version": bad}, answer))

    page.wait_for_function(
        "document.querySelectorAll('#differences thead th')[2]?.textContent.includes('yours')"
    )
    assert page.title() == "Compare two kernels"
    assert page.locator("main img").count() == 0


def test_every_kernel_can_be_chosen(page: Page) -> None:
    page.goto("compare.html")

    stems = page.locator("[name=a] option").evaluate_all("all => all.map(one => one.value)")

    assert sorted(stems) == sorted(path.stem for path in RUNS.glob("*.jsonl"))
