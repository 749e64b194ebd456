"""Runs as JUnit's XML."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hypothesis import given

from reports.junit import junit
from reports.model import Answer, Run, Verdict
from tests.reports import sample
from tests.reports.values import stray


def suites(runs: Sequence[Run]) -> list[Element]:
    return ElementTree.fromstring(junit(runs, sample.CATALOGUE)).findall("testsuite")


def properties(element: Element) -> dict[str, str]:
    return {one.get("name", ""): one.get("value", "") for one in element.findall("properties/property")}


def test_each_kernel_is_a_suite_that_counts_its_cases() -> None:
    names = ("name", "tests", "failures", "errors", "skipped")

    assert [[one.get(name) for name in names] for one in suites(sample.EVERY)] == [
        ["Linux 5.10.0, x86_64 (uml:6.1)", "7", "2", "1", "1"],
        ["Linux 6.18.44-amd64, x86_64 (uml:6.1)", "5", "0", "1", "0"],
    ]


def test_a_suite_tells_its_kernel() -> None:
    (suite,) = suites([sample.OLD])

    assert properties(suite) == {
        "kernel": "uml:6.1",
        "release": "5.10.0",
        "version": "#1 SMP",
        "suite": "0.1.0",
    }


def test_every_kind_of_answer_has_its_element() -> None:
    (suite,) = suites([sample.OLD])

    found = {
        case.get("name"): [(one.tag, one.get("type"), one.get("message"), one.text) for one in case[1:]]
        for case in suite.findall("testcase")
    }

    broken = "the test or its surroundings failed; nothing is known about the kernel"
    undeclared = "it differs, and that is not declared"
    assert found == {
        sample.DOUBLED.id: [],
        sample.FLOOR.id: [],
        sample.MARK.id: [("skipped", "BLOCKED", "needs CAP_NET_ADMIN", None)],
        sample.RAW.id: [],
        sample.NODELAY.id: [("failure", "DIFFERS", undeclared, "assert True == False")],
        sample.CORK.id: [("error", "BROKEN", broken, "the peer went away")],
        sample.STALE.id: [("failure", "HOLDS", "it holds, though declared to differ: it is split", None)],
    }


def test_what_was_never_answered_is_an_error() -> None:
    (suite,) = suites([sample.NEW])

    (error,) = suite.findall("testcase/error")
    assert (error.get("type"), error.get("message")) == ("missing", "asked and never answered")


def test_a_case_has_its_test_time_and_observations() -> None:
    (suite,) = suites([sample.OLD])
    case, differs = suite.findall("testcase")[:2]

    assert case.attrib == {
        "classname": "socket.7",
        "name": sample.DOUBLED.id,
        "file": "conformance/socket7/test_buffers.py",
        "line": "12",
        "time": "0.002",
    }
    assert properties(differs) == {
        "says": sample.FLOOR.says,
        "claim": sample.FLOOR.id,
        "verdict": "DIFFERS",
        "declared": "the floor is a small skb's true size",
        "observed minimum": "2304",
    }


@given(stray, stray)
def test_any_text_is_well_formed(detail: str, name: str) -> None:
    answer = Answer("page.7/topic/<&\"'>", Verdict.DIFFERS, {name: detail}, detail=detail)

    text = junit([sample.single(answer)], sample.listing("]]></failure>", answer.claim))

    (case,) = ElementTree.fromstring(text).iter("testcase")
    assert case.get("name") == answer.claim
    assert all(char.isprintable() or char == "\n" for char in text)
