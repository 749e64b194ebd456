"""What people come to ask. Each question is answered within two actions.

To type a question and press Enter is two actions, and the first thing found is what Enter opens; to follow a
link is one. All begin at the start page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


def asked(page: Page, question: str) -> str:
    """The text of the page that a question leads to."""
    page.goto("index.html")
    page.fill("#search", question)
    with page.expect_navigation():
        page.press("#search", "Enter")
    return str(page.locator("main").inner_text())


def test_is_so_rcvbuf_doubled(page: Page) -> None:
    answer = asked(page, "is SO_RCVBUF doubled?")

    assert "net.core.rmem_max reads back as twice that size." in answer
    assert "So on Linux 7.3.4" in answer


def test_when_does_connect_give_econnrefused(page: Page) -> None:
    asked(page, "when does connect give ECONNREFUSED?")

    rows = page.locator("section[aria-labelledby=ECONNREFUSED] tbody tr").all_inner_texts()
    assert page.url.endswith("errors.html#ECONNREFUSED")
    assert any(row.startswith("connect(2)") and "a bound socket that does not listen" in row for row in rows)


def test_what_changed_between_6_1_and_7_2(page: Page) -> None:
    asked(page, "what changed between 6.1 and 7.2?")
    page.wait_for_function("document.querySelector('#differences tbody')")

    heads = page.locator("#differences thead th").all_inner_texts()
    assert heads == ["Claim", "6.1.176 (uml:6.1)", "7.2.7 (uml:7.2)"]
    assert "SO_PEEK_OFF" in page.locator("#differences").inner_text()


def test_is_tcp_syncnt_exact_on_6_12(page: Page) -> None:
    asked(page, "is TCP_SYNCNT exact on 6.12?")

    row = page.locator("tr.row", has_text="after its SYN").first
    column = page.locator("thead .series > a").all_inner_texts().index("6.12")
    assert row.locator("td").nth(column).inner_text().strip() == "differs"


def test_what_does_udp_7_say_that_is_not_so(page: Page) -> None:
    asked(page, "what does udp(7) say that is not so?")

    sentences = page.locator(".sentences > li:visible")
    assert page.locator("h1").inner_text() == "udp(7) as it really is"
    assert sentences.count() == page.locator(".sentences > .differs").count() > 0
    assert "Instead:" in sentences.first.inner_text()


def test_does_gvisor_have_ip_recverr(page: Page) -> None:
    asked(page, "does gVisor have IP_RECVERR?")

    column = page.locator("thead .series > a").all_inner_texts().index("gVisor")
    row = page.locator("tr.row", has_text="has the IP_RECVERR that its listener had")
    assert page.input_value("[name=kernel]") == "gVisor"
    assert row.locator("td").nth(column).inner_text().strip() == "differs"


def test_which_kernels_have_so_txtime(page: Page) -> None:
    asked(page, "which kernels have SO_TXTIME?")

    row = page.locator("tr.row", has_text="reads back as it was set").first
    assert page.locator("h1").inner_text() == "SO_TXTIME"
    assert "5.10" in page.locator("thead .series > a").all_inner_texts()
    assert row.locator("td").first.inner_text().strip() == "holds"


def test_where_is_ip_pmtudisc_probe_wrong_and_by_which_commit(page: Page) -> None:
    answer = asked(page, "where is IP_PMTUDISC_PROBE wrong, and by which commit?")

    assert "What is true instead" in answer
    assert "Not so on Linux" in answer
    assert "628a5c561890" in answer


def test_how_do_i_run_this_claim_myself(page: Page) -> None:
    page.goto("index.html")
    page.locator("section[aria-labelledby=wrong] .claim > a").first.click()

    command = page.locator("pre.command").inner_text()
    assert command == "sudo pytest conformance/ --claim 'accept.2/accept/pending-errors'"


def test_what_is_blocked_and_why_on_5_10(page: Page) -> None:
    asked(page, "what is BLOCKED and why on 5.10?")

    blocked = page.locator("#blocked-uml-5\\.10 + ul").inner_text()
    assert page.url.endswith("kernels.html#blocked-uml-5.10")
    assert "since sysctl:net.core.txrehash is missing" in blocked
    assert "SO_TXREHASH" in blocked


@pytest.mark.parametrize(
    "question", ["what changed?", "compare two kernels", "where is the documentation wrong?"]
)
def test_questions_about_everything(page: Page, question: str) -> None:
    asked(page, question)

    assert page.locator("main h1").inner_text().split()[0] in {"What", "Compare", "Where"}
