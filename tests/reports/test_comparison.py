from __future__ import annotations

import io
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reports.catalogue import Catalogue
from reports.comparison import compare
from reports.model import Answer, Run, Verdict
from tests.reports import sample


def comparison(runs: Sequence[Run], catalogue: Catalogue = sample.CATALOGUE) -> str:
    out = io.StringIO()
    compare(runs, catalogue, Console(file=out, width=100))
    return out.getvalue()


def test_kernels_are_compared_from_the_oldest_to_the_newest() -> None:
    assert comparison([sample.NEW, sample.OLD]) == comparison(sample.EVERY)


def test_comparison_reads_as_a_whole() -> None:
    assert (
        comparison(sample.EVERY)
        == """\
Linux 5.10.0, x86_64 (uml:6.1)
  7 claims: 2 HOLDS, 2 DIFFERS, 1 UNCLAIMED, 1 BLOCKED, 1 BROKEN
Linux 6.18.44-amd64, x86_64 (uml:6.1)
  5 claims: 3 HOLDS, 1 DIFFERS, 1 missing

Changed between 5.10.0 and 6.18.44-amd64
  socket.7/SO_MARK/needs-capability
    Without it a mark is refused.
      5.10.0        BLOCKED
      6.18.44-amd6  HOLDS  errno = EPERM
  socket.7/SO_MARK/net-raw-suffices
    CAP_NET_RAW alone suffices.
      5.10.0        UNCLAIMED  errno = EPERM
      6.18.44-amd6  HOLDS  elapsed = 0.25
      because       documented since 5.17
  socket.7/SO_RCVBUF/doubled: other values of read_back

3 verdicts not as expected: 1 HOLDS though declared to differ (the expectation is stale), 1 DIFFERS
undeclared, 1 BROKEN; 1 BLOCKED (needs CAP_NET_ADMIN), 1 missing.
  DIFFERS on uml:6.1: tcp.7/TCP_NODELAY/default-off
    Nagle's algorithm is on for a new socket.
      observed nodelay = true
      assert True == False
  BROKEN on uml:6.1: tcp.7/TCP_CORK/200ms
    Corked data is sent after 200 milliseconds.
      the peer went away
  HOLDS on uml:6.1: udp.7/UDP_CORK/one-datagram
    What is written leaves as one.
      declared it is split
"""
    )


def test_change_that_is_declared_is_explained() -> None:
    runs = [
        sample.on(sample.single(Answer(sample.FLOOR.id, verdict, {"minimum": size})), release=release)
        for release, verdict, size in (("3.10.1", Verdict.HOLDS, 256), ("3.12.1", Verdict.DIFFERS, 2304))
    ]

    text = comparison(runs)

    assert "because       the floor is a small skb's true size (since 3.12, commit eea86af6b1e1)\n" in text


def test_runs_that_agree_are_short() -> None:
    runs = [sample.single(), sample.on(sample.single(), release="6.12.1")]

    assert comparison(runs, sample.listing()) == (
        "Linux 6.1.0, x86_64 (uml:6.1)\n  1 claim: 1 HOLDS\n"
        "Linux 6.12.1, x86_64 (uml:6.1)\n  1 claim: 1 HOLDS\n"
        "\nEvery verdict is the expected one.\n"
    )


@given(st.text(st.characters()), st.text(st.characters()))
def test_hostile_text_cannot_steer_the_terminal(says: str, name: str) -> None:
    runs = [
        sample.single(Answer("page.7/topic/slug", verdict, {name: value}, detail=says))
        for verdict, value in ((Verdict.HOLDS, says), (Verdict.DIFFERS, name))
    ]

    text = comparison(runs, sample.listing(says))

    assert all(char.isprintable() or char == "\n" for char in text)
