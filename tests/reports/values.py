"""Hypothesis strategies for what runs and catalogues are made of."""

from __future__ import annotations

from hypothesis import strategies as st

from reports.model import SCHEMA, Answer, Claim, Expectation, Footer, Header, Run, Test, Verdict
from reports.ranges import Range

versions = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(
    lambda numbers: ".".join(map(str, numbers))
)
text = st.text(max_size=20)
stray = text | st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=5)
"""Text that UTF-8 need not be able to hold."""
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | stray,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)
observed = st.dictionaries(stray, values, max_size=3)
ranges = st.builds(
    Range, st.none() | versions, st.none() | versions, st.lists(versions, max_size=2).map(tuple)
)
parts = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=8).filter(
    lambda part: not any(char.isspace() for char in part)
)
ids = st.tuples(parts, parts, parts).map("/".join)
texts = st.lists(text, max_size=2).map(tuple)
expectations = st.builds(Expectation, text, ranges, st.none() | text, observed)
tests = st.builds(Test, text, st.integers(1, 9999), text)
claims = st.builds(
    Claim,
    ids,
    text,
    text,
    text,
    texts,
    ranges,
    st.none() | text,
    texts,
    st.lists(expectations, max_size=2).map(tuple),
    st.lists(tests, max_size=2).map(tuple),
)
verdicts = st.sampled_from([one for one in Verdict if one is not Verdict.UNCLAIMED])


def answers(claim: st.SearchStrategy[str] = ids) -> st.SearchStrategy[Answer]:
    return st.builds(
        Answer,
        claim,
        verdicts,
        observed,
        st.none() | text,
        st.lists(verdicts, max_size=2).map(tuple),
        stray,
        st.none() | st.floats(0, 1e6),
    )


@st.composite
def headers(draw: st.DrawFn, asked: tuple[str, ...] = ()) -> Header:
    return Header(
        schema=SCHEMA,
        kernel=draw(st.text(min_size=1, max_size=9)),
        implementation=draw(text),
        release=draw(versions),
        version=draw(text),
        machine=draw(text),
        config_digest=draw(st.none() | text),
        capabilities=draw(texts),
        suite=draw(text),
        suite_digest=draw(text),
        asked=asked,
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """One that ended, with or without a list of what it was asked, or one that was interrupted."""
    asked = draw(st.lists(ids, max_size=4, unique=True))
    if draw(st.booleans()):
        answered = {name: draw(answers(st.just(name))) for name in asked}
        listed = tuple(asked) if draw(st.booleans()) else ()
        return Run(draw(headers(listed)), answered, Footer(len(answered)))
    answered = {name: draw(answers(st.just(name))) for name in asked if draw(st.booleans())}
    return Run(draw(headers(tuple(asked))), answered)
