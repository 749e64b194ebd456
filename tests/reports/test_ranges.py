from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.ranges import Range, base, version

NUMBERS = st.lists(st.integers(0, 99), min_size=1, max_size=3)


def dotted(numbers: list[int]) -> str:
    return ".".join(map(str, numbers))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("6.18.44-amd64", (6, 18, 44)), ("4.4.0", (4, 4, 0)), ("6.12-rc1", (6, 12)), ("7", (7,))],
)
def test_version_is_the_numbers_a_release_begins_with(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


@pytest.mark.parametrize("text", ["", "v6.1", "-1", "next", ".5"])
def test_text_without_a_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not begin with a kernel version"):
        version(text)


@pytest.mark.parametrize("where", [{"since": "x"}, {"until": "x"}, {"backports": ("6.1.3", "x")}])
def test_range_with_an_end_that_is_no_version_is_refused(where: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="'x' does not begin"):
        Range(**where)  # type: ignore[arg-type]


@pytest.mark.parametrize("release", ["5.17", "5.17.0-rc1", "5.17.1", "5.18", "6.0", "10.1"])
def test_since_is_inclusive(release: str) -> None:
    assert release in Range(since="5.17")


@pytest.mark.parametrize("release", ["5.16.999-generic", "5.2", "4.18"])
def test_earlier_releases_are_before_since(release: str) -> None:
    assert release not in Range(since="5.17")


@pytest.mark.parametrize(("release", "within"), [("5.16.20", True), ("5.17", False), ("5.17.1", False)])
def test_until_is_exclusive(release: str, within: bool) -> None:
    assert (release in Range(until="5.17")) is within


@pytest.mark.parametrize(
    ("release", "within"),
    [("6.18.11", False), ("6.18.12", True), ("6.18.13-amd64", True), ("6.19.5", False), ("7.1", True)],
)
def test_backport_counts_only_within_its_own_series(release: str, within: bool) -> None:
    assert (release in Range("7.1", backports=("6.18.12",))) is within


@given(NUMBERS, NUMBERS)
def test_until_begins_where_since_does(end: list[int], release: list[int]) -> None:
    before = dotted(release) in Range(until=dotted(end))

    assert (dotted(release) in Range(since=dotted(end))) is not before


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Range(), "every kernel"),
        (Range("5.17"), "since 5.17"),
        (Range(until="5.17"), "before 5.17"),
        (Range("4.1", "5.17"), "4.1 to before 5.17"),
    ],
)
def test_range_reads_as_words(where: Range, words: str) -> None:
    assert str(where) == words


@pytest.mark.parametrize(
    ("release", "build", "expected"),
    [
        ("6.1.0-49-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-11-01)", "6.1.192"),
        ("6.18.44-fc", "#1 SMP PREEMPT_DYNAMIC @0", "6.18.44-fc"),
        ("6.12.113", "#1 Debian kernel builders", "6.12.113"),
    ],
)
def test_the_base_is_the_stable_release_a_kernel_is_made_from(
    release: str, build: str, expected: str
) -> None:
    assert base(release, build) == expected
