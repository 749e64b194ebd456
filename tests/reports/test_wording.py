from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.model import Expectation, Value
from reports.printable import one_line, printable
from reports.ranges import Range
from reports.wording import (
    column,
    columns,
    declared,
    kernels,
    observations,
    plural,
    system,
    value_text,
)
from tests.reports import sample


@given(st.text(st.characters()))
def test_printable_text_steers_nothing_and_can_be_encoded(text: str) -> None:
    assert all(char.isprintable() or char == "\n" for char in printable(text).encode().decode())


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31m", "\\x1b[31m"), ("a\nb", "a\nb"), ("\udcff", "\\udcff"), ("\u202e", "\\u202e"), ("ü×", "ü×")],  # noqa: RUF001
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (8192, "8192"),
        (True, "true"),
        (None, "null"),
        (0.1234567891, "0.123457"),
        ("EPERM", "EPERM"),
        ("", '""'),
        ("two words", '"two words"'),
        ("two\nlines", '"two\\nlines"'),
        ((1, "a", (2, None)), "[1, a, [2, null]]"),
    ],
)
def test_value_in_words(value: Value, words: str) -> None:
    assert value_text(value) == words


def test_observations_are_one_line() -> None:
    assert observations({"minimum": 2304, "errno": "EINVAL"}) == "minimum = 2304, errno = EINVAL"


def test_backports_are_named() -> None:
    assert (
        kernels(Range("7.1", backports=("6.18.12", "6.12.9"))) == "since 7.1, backported to 6.18.12, 6.12.9"
    )


@given(st.text(st.characters()))
def test_one_line_has_no_other_character_than_printable_ones(text: str) -> None:
    assert one_line(text).isprintable()


def test_one_line_keeps_newlines_as_escapes() -> None:
    assert one_line("a\nb") == r"a\nb"


def test_kernel_of_another_implementation_is_named_by_it() -> None:
    unknown = sample.on(sample.OLD, implementation="gVisor", release="4.4.0")
    known = sample.on(unknown, implementation_release="20240729.0")

    assert (system(unknown), column(unknown)) == ("gVisor, x86_64 (uml:6.1)", "gVisor")
    assert (system(known), column(known)) == ("gVisor 20240729.0, x86_64 (uml:6.1)", "gVisor 20240729.0")


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (Expectation("", Range("5.17"), "079925cce1d0"), "since 5.17, commit 079925cce1d0"),
        (Expectation("", implementation="gVisor", source="pkg/tcpip"), "gVisor, pkg/tcpip"),
        (Expectation("", implementation="gVisor"), "gVisor"),
    ],
)
def test_a_declared_difference_names_its_kernels_and_its_origin(expectation: Expectation, words: str) -> None:
    assert declared(expectation) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 claims"), (1, "1 claim"), (2, "2 claims")])
def test_nouns_agree_with_their_number(count: int, words: str) -> None:
    assert plural(count, "claim") == words


def test_columns_that_would_have_one_name_say_how_each_kernel_was_asked_for() -> None:
    runs = [
        *(sample.OLD, sample.NEW, sample.on(sample.NEW, kernel="host")),
        sample.on(sample.OLD, kernel="gvisor:2024", implementation="gVisor"),
    ]

    assert columns(runs) == [
        "5.10.0",
        "6.18.44-amd64 (uml:6.1, x86_64)",
        "6.18.44-amd64 (host, x86_64)",
        "gVisor",
    ]
