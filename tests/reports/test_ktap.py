"""Runs in the Kernel Test Anything Protocol, version 1."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hypothesis import given

from reports.ktap import ktap
from reports.model import Answer, Verdict
from tests.reports import sample
from tests.reports.values import stray

RESULT = re.compile(r"(?P<result>ok|not ok) (?P<number>\d+) (?P<name>[^#]*)(?P<about> # .*)?")
"""Of Documentation/dev-tools/ktap.rst."""


def results(text: str) -> dict[str, str]:
    """The results of all claims; fails unless every line is one of the protocol's, in its place."""
    lines = text.splitlines()
    found = dict(_level(lines, ""))
    assert lines == []
    return found


def _level(lines: list[str], margin: str) -> Iterator[tuple[str, str]]:
    assert lines.pop(0) == f"{margin}KTAP version 1"
    count = int(re.fullmatch(rf"{margin}1\.\.(\d+)", lines.pop(0))[1])  # type: ignore[index]
    for number in range(1, count + 1):
        group: list[tuple[str, str]] = []
        while not (result := RESULT.fullmatch(lines[0].removeprefix(margin))):
            if lines[0].startswith(f"{margin}  KTAP"):
                group = [*_level(lines, f"{margin}  ")]
            else:
                assert lines.pop(0).startswith(f"{margin}# ")
        assert lines.pop(0).startswith(margin)
        assert int(result["number"]) == number
        assert (result["result"] == "ok") == all(one.startswith("ok") for _, one in group) or not group
        yield from group or [(result["name"].strip(), f"{result['result']}{result['about'] or ''}")]


def test_a_run_reads_as_a_whole() -> None:
    run = sample.run(sample.header("5.10.0"), *sample.OLD_ANSWERS[1:3], sample.OLD_ANSWERS[4])

    assert (
        ktap([run], sample.CATALOGUE)
        == """\
KTAP version 1
1..2
# Linux 5.10.0, x86_64 (uml:6.1)
  KTAP version 1
  1..2
  # The smallest (doubled) receive buffer is 256 bytes.
  # minimum = 2304
  ok 1 socket.7/SO_RCVBUF/minimum-256 # XFAIL the floor is a small skb's true size
  # Without it a mark is refused.
  ok 2 socket.7/SO_MARK/needs-capability # SKIP needs CAP_NET_ADMIN
ok 1 socket.7
  KTAP version 1
  1..1
  # Nagle's algorithm is on for a new socket.
  # nodelay = true
  # assert True == False
  not ok 1 tcp.7/TCP_NODELAY/default-off # it differs, and that is not declared
not ok 2 tcp.7
"""
    )


def test_every_kind_of_answer_has_its_result() -> None:
    broken = "the test or its surroundings failed; nothing is known about the kernel"

    assert results(ktap([sample.OLD], sample.CATALOGUE)) == {
        sample.DOUBLED.id: "ok",
        sample.FLOOR.id: "ok # XFAIL the floor is a small skb's true size",
        sample.MARK.id: "ok # SKIP needs CAP_NET_ADMIN",
        sample.RAW.id: "ok # the document says nothing for this kernel",
        sample.NODELAY.id: "not ok # it differs, and that is not declared",
        sample.CORK.id: f"not ok # ERROR {broken}",
        sample.STALE.id: "not ok # it holds, though declared to differ: it is split",
    }


def test_what_was_never_answered_is_an_error() -> None:
    found = results(ktap([sample.NEW], sample.CATALOGUE))

    assert found[sample.NODELAY.id] == "not ok # ERROR asked and never answered"


def test_several_kernels_are_a_test_each() -> None:
    lines = ktap(sample.EVERY, sample.CATALOGUE).splitlines()

    assert [line for line in lines if re.match("1|ok|not ok", line)] == [
        "1..2",
        "not ok 1 Linux 5.10.0, x86_64 (uml:6.1)",
        "not ok 2 Linux 6.18.44-amd64, x86_64 (uml:6.1)",
    ]


def test_a_page_of_which_nothing_could_be_tried_is_skipped() -> None:
    run = sample.single(Answer("a.7/b/c", Verdict.BLOCKED))

    assert ktap([run], sample.EMPTY).splitlines()[-1] == "ok 1 a.7 # SKIP"


@given(stray, stray)
def test_no_text_becomes_a_line_or_a_directive(detail: str, name: str) -> None:
    answer = Answer("page.7/#/slug#", Verdict.DIFFERS, {name: detail}, detail=detail)

    text = ktap([sample.single(answer)], sample.listing("x # SKIP\nok 1 y", "page.7/#/slug#"))

    assert results(text) == {"page.7/\\x23/slug\\x23": "not ok # it differs, and that is not declared"}
    assert all(char.isprintable() or char == "\n" for char in text)
