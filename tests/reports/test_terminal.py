from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reports.catalogue import Catalogue
from reports.lines import DETAIL_LINES
from reports.model import Answer, Claim, Run, Verdict
from reports.terminal import summarise
from tests.reports import sample


def summary(run: Run, catalogue: Catalogue = sample.CATALOGUE, width: int = 80, colour: bool = False) -> str:
    out = io.StringIO()
    summarise(
        run,
        catalogue,
        Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None),
    )
    return out.getvalue()


def test_summary_reads_as_a_whole() -> None:
    assert (
        summary(sample.OLD)
        == """\
Linux 5.10.0, x86_64 (uml:6.1)
7 claims: 2 HOLDS, 2 DIFFERS, 1 UNCLAIMED, 1 BLOCKED, 1 BROKEN

DIFFERS
  socket.7/SO_RCVBUF/minimum-256
    The smallest (doubled) receive buffer is 256 bytes.
      instead  the floor is a small skb's true size
      kernels  since 3.12, commit eea86af6b1e1
      observed minimum = 2304
  UNDECLARED tcp.7/TCP_NODELAY/default-off
    Nagle's algorithm is on for a new socket.
      observed nodelay = true
      assert True == False

HOLDS, THOUGH DECLARED TO DIFFER: the expectation is stale
  udp.7/UDP_CORK/one-datagram
    What is written leaves as one.
      declared it is split

BROKEN: the test failed, or the kernel crashed
  tcp.7/TCP_CORK/200ms
    Corked data is sent after 200 milliseconds.
      the peer went away

BLOCKED for want of
  CAP_NET_ADMIN (1 claim)
    socket.7/SO_MARK/needs-capability

UNCLAIMED: of 1 claim the documents say nothing for this kernel.

3 verdicts not as expected: 1 HOLDS though declared to differ (the expectation
is stale), 1 DIFFERS undeclared, 1 BROKEN; 1 BLOCKED (needs CAP_NET_ADMIN).
"""
    )


def test_missing_claims_are_named() -> None:
    assert summary(sample.NEW).endswith(
        "\nmissing: asked and never answered\n  tcp.7/TCP_NODELAY/default-off\n\n"
        "Interrupted: the run has no end, so this is not all.\n"
    )


def test_difference_that_is_not_the_declared_one_shows_both() -> None:
    text = summary(sample.single(Answer(sample.FLOOR.id, Verdict.DIFFERS, {"minimum": 4608})))

    assert "UNDECLARED socket.7/SO_RCVBUF/minimum-256" in text
    assert "declared the floor is a small skb's true size (minimum = 2304)" in text
    assert "observed minimum = 4608" in text


def test_run_that_went_well_is_short() -> None:
    assert summary(sample.single(), sample.listing()) == (
        "Linux 6.1.0, x86_64 (uml:6.1)\n1 claim: 1 HOLDS\n\nEvery verdict is the expected one.\n"
    )


def test_interrupted_run_is_marked() -> None:
    assert "Interrupted" in summary(Run(sample.OLD.header, sample.OLD.answers))


def test_run_without_answers_claims_no_success() -> None:
    text = summary(Run(sample.header("6.1", sample.DOUBLED), {}))

    assert ("1 claim: 1 missing" in text, "expected one" in text) == (True, False)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    claim = Claim("page.7/topic/" + "long-" * 60, "word " * 60 + "w" * 300)
    run = sample.run(
        sample.header("6.1.0" + "-x" * 150),
        Answer(claim.id, Verdict.DIFFERS, {"a": "b" * 300}, detail="c " * 300),
    )

    assert max(map(len, summary(run, Catalogue.of([claim]), width).splitlines())) <= width


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in summary(sample.OLD)


def test_undeclared_is_red_on_a_terminal() -> None:
    assert "\x1b[1;31mUNDECLARED " in summary(sample.OLD, colour=True)


def test_colour_changes_no_word() -> None:
    coloured = Console(file=io.StringIO(), width=80)

    assert coloured.render_str(summary(sample.OLD)).plain == summary(sample.OLD)


@given(st.text(st.characters()), st.text(st.characters()))
def test_hostile_text_cannot_steer_the_terminal(says: str, detail: str) -> None:
    answer = Answer("page.7/topic/slug", Verdict.DIFFERS, {says: detail}, detail=detail)

    text = summary(sample.single(answer), sample.listing(says))

    assert all(char.isprintable() or char == "\n" for char in text)


def test_markup_in_a_statement_is_text() -> None:
    answer = Answer("page.7/topic/slug", Verdict.BROKEN, detail="[red]x[/red]")

    text = summary(sample.single(answer), sample.listing("[bold]y[/bold]"))

    assert ("[bold]y[/bold]" in text, "[red]x[/red]" in text) == (True, True)


def test_long_detail_is_cut_with_a_word_about_the_rest() -> None:
    detail = "\n".join(f"line {number}" for number in range(DETAIL_LINES + 3))
    text = summary(sample.single(Answer("page.7/topic/slug", Verdict.BROKEN, detail=detail)))

    assert (f"line {DETAIL_LINES - 1}\n" in text, f"line {DETAIL_LINES}\n" in text) == (True, False)
    assert "(3 more lines in the run file)" in text


def test_hostile_names_in_a_run_cannot_steer_the_terminal() -> None:
    steer = "\x1b[31m\r\u202e\n"
    name = "page.7/\x1b[31m/\u202eslug"
    run = sample.single(Answer(name, Verdict.BLOCKED, need=steer))

    text = summary(
        sample.on(run, kernel=steer, machine=steer, release=f"6.1{steer}"), sample.listing(steer, name)
    )

    assert all(char.isprintable() or char == "\n" for char in text)


def test_claim_without_a_catalogue_is_its_id() -> None:
    text = summary(sample.single(Answer("page.7/topic/slug", Verdict.DIFFERS)), sample.EMPTY)

    assert "  UNDECLARED page.7/topic/slug\n\n" in text
