"""The overlay of an implementation, written anew from a run on it."""

from __future__ import annotations

import tomllib

import msgspec
import pytest

from reports.catalogue import Catalogue
from reports.errors import FileError
from reports.model import Answer, Claim, Expectation, Run, Value, Verdict
from reports.overlay import overlay
from tests.reports import sample

NAME = "page.7/topic/slug"
DECLARED = Expectation("it is not", observed={"size": 1}, implementation="gVisor", source="pkg/tcpip")
HOSTILE = sample.HOSTILE.replace("\udcff", "") + "\x7f'\"\n"


def on_gvisor(*answers: Answer) -> Run:
    return sample.on(sample.run(sample.header(), *answers), implementation="gVisor")


def differing(observations: dict[str, Value], *also: Verdict) -> Run:
    return on_gvisor(Answer(NAME, Verdict.DIFFERS, observations, also=also))


def written(run: Run, *expectations: Expectation) -> dict[str, dict[str, str]]:
    """The differences of the overlay, by claim."""
    text = overlay([run], Catalogue.of([Claim(NAME, "It is so.", expectations=expectations)]))
    differs: dict[str, dict[str, str]] = tomllib.loads(text).get("differs", {})
    return differs


def observed(run: Run, *expectations: Expectation) -> object:
    return msgspec.json.decode(written(run, *expectations)[NAME]["observed"])


def test_it_names_the_implementation() -> None:
    text = overlay([differing({})], Catalogue())

    assert tomllib.loads(text)["implementation"] == "gVisor"


def test_what_is_new_has_no_words_yet() -> None:
    assert written(differing({"size": 2})) == {NAME: {"why": "", "observed": '{"size":2}'}}


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"errno": "ENOPROTOOPT"}, "the option is unknown"),
        ({"errno": "ENOPROTOOPT", "size": 2}, "the option is unknown"),
        (
            {"errno[tcp]": None, "errno[raw]": "EPROTONOSUPPORT"},
            "there are no sockets of that protocol; what should be refused succeeds",
        ),
        ({"errno[tcp]": "ENOPROTOOPT", "errno[udp]": "EINVAL"}, ""),
        ({"errno": "ENOPROTOOPT", "timed_out": "recv"}, ""),
    ],
)
def test_an_errno_that_says_why_is_put_into_words(seen: dict[str, Value], why: str) -> None:
    assert written(differing(seen))[NAME]["why"] == why


def test_what_is_as_declared_stays_as_it_is() -> None:
    assert written(differing({"size": 1, "other": 2}), DECLARED) == {
        NAME: {"why": "it is not", "source": "pkg/tcpip", "observed": '{"size":1}'}
    }


def test_what_differs_otherwise_keeps_its_words() -> None:
    assert written(differing({"size": 2}), DECLARED) == {
        NAME: {"why": "it is not", "source": "pkg/tcpip", "observed": '{"size":2}'}
    }


def test_what_holds_leaves() -> None:
    assert written(on_gvisor(Answer(NAME, Verdict.HOLDS)), DECLARED) == {}


@pytest.mark.parametrize("answers", [[], [Answer(NAME, Verdict.BLOCKED)], [Answer(NAME, Verdict.BROKEN)]])
def test_what_was_not_tried_stays_declared(answers: list[Answer]) -> None:
    assert written(on_gvisor(*answers), DECLARED)[NAME]["why"] == "it is not"


def test_what_is_declared_of_linux_is_not_of_it() -> None:
    assert written(on_gvisor(), Expectation("on Linux")) == {}


def test_what_all_tests_observe_alike_is_named_once() -> None:
    run = differing({"size[1]": 8, "size[2]": 8, "errno[1]": "EPERM", "errno[2]": None})

    assert observed(run) == {"errno[1]": "EPERM", "errno[2]": None, "size": 8}


def test_what_only_some_tests_observe_is_named_by_test() -> None:
    assert observed(differing({"size[1]": 8, "size[2]": 8}, Verdict.HOLDS)) == {"size[1]": 8, "size[2]": 8}


def test_any_text_is_read_as_it_was_written() -> None:
    hostile = Expectation(HOSTILE, observed={HOSTILE: HOSTILE}, implementation="gVisor", source=HOSTILE)

    found = written(on_gvisor(), hostile)[NAME]

    assert (found["why"], found["source"], msgspec.json.decode(found["observed"])) == (
        HOSTILE,
        HOSTILE,
        {HOSTILE: HOSTILE},
    )


def test_linux_has_none() -> None:
    with pytest.raises(FileError, match="beside the claims"):
        overlay([sample.OLD], Catalogue())
