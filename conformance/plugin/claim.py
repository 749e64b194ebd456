"""How a claim is stated above its test, and how a difference from it is declared."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from conformance.plugin.expectations import expected_elsewhere, has_overlay
from conformance.plugin.implementation import implementation
from conformance.plugin.needs import Need, need
from netns import Capability
from reports.model import LINUX, Claim, Expectation, frozen
from reports.ranges import EVERY_KERNEL, Range

_ID = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/[a-z0-9-]+")


@dataclass(frozen=True)
class Stated:
    """A claim as a test carries it: the plain value, and the needs that can be probed."""

    claim: Claim
    needs: tuple[Need, ...]
    survives: Mapping[str, str]
    """Faults that its tests need not notice, as patterns, and why."""


_STATED = pytest.StashKey[Stated | None]()


def claim(
    id: str,
    *,
    says: str,
    sentence: str | Iterable[str] = (),
    section: str = "",
    since: str | None = None,
    until: str | None = None,
    backports: tuple[str, ...] = (),
    commit: str | None = None,
    needs: Iterable[Need | Capability] = (),
    expect: Expectation | Iterable[Expectation] = (),
    survives: Mapping[str, str] = MappingProxyType({}),
) -> pytest.MarkDecorator:
    """State what a document claims, right above the test that tries it.

    ``id`` is ``page/topic/slug`` and never changes. ``says`` is the statement in our own words.
    ``sentence`` is the sentence of a page's inventory that it tries, or several. ``section`` is the
    heading it stands under. ``since`` (inclusive) and ``until`` (exclusive) are the mainline kernels
    the document says it of, ``backports`` the stable releases that count as later than ``since``,
    ``commit`` what made it so, where no document does: claims of ``defacto`` must have both. ``needs``
    are what it cannot be tried without. ``expect`` declares where it is known to differ (see
    :func:`differs`); where other implementations do is in ``conformance/expectations/``. ``survives``
    says why faults need not be noticed: ``{"no-op: setsockopt(*SO_LINGER*": "it only hastens the
    end"}``, or ``"*"`` for every fault, where the answer is a default by definition.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"claim id {id!r} is not page/topic/slug, such as socket.7/SO_RCVBUF/doubled")
    if id.startswith("defacto/") and not (since and commit):
        raise ValueError(f"{id}: what no page says needs the kernel it came with (since) and the commit")
    required = tuple(need(one) for one in needs)
    on_linux = (expect,) if isinstance(expect, Expectation) else tuple(expect)
    stated = Claim(
        id=id,
        says=says,
        section=section,
        sentences=(sentence,) if isinstance(sentence, str) else tuple(sentence),
        range=Range(since, until, backports) if since or until else EVERY_KERNEL,
        commit=commit,
        needs=tuple(one.code for one in required),
        expectations=on_linux,
    )
    return pytest.mark.claim(Stated(stated, required, survives))


def differs(
    why: str,
    *,
    since: str,
    commit: str | None = None,
    source: str | None = None,
    until: str | None = None,
    backports: tuple[str, ...] = (),
    observed: Mapping[str, object] = MappingProxyType({}),
) -> Expectation:
    """Declare that a claim is not true on some kernels.

    ``why`` says what is true instead, ``commit`` made it so, on mainline ``since`` (inclusive) to
    ``until`` (exclusive) and on the stable ``backports``. Where the change is only known by another
    name, such as a CVE's, that is the ``source``. ``observed`` are the observations that must then be
    seen: any other difference is not the declared one. An errno where another or none was due is the
    observation ``errno``; None there says that the call succeeded.
    """
    if not (commit or source):
        raise ValueError(f"{why}: a difference needs the commit that made it so, or another source")
    seen = {name: frozen(value) for name, value in observed.items()}
    return Expectation(why, Range(since, until, backports), commit, seen, source=source)


def stated(item: pytest.Item) -> Stated | None:
    """The claim a collected test carries; with ``--as-documented`` the statement alone.

    What is declared of other implementations comes with it only where it is asked for: it is long to read.
    """
    if _STATED not in item.stash:  # to look through all marks of all tests would take a fifth of a collection
        item.stash[_STATED] = _marked(item)
    return item.stash[_STATED]


def _marked(item: pytest.Item) -> Stated | None:
    mark = item.get_closest_marker("claim")
    if mark is None:
        return None
    marked: Stated = mark.args[0]
    if item.config.getoption("--as-documented"):
        return _bare(marked)
    return _with_others(marked) if _others_are_asked_for(item.config) else marked


def kernel_names(config: pytest.Config) -> list[str]:
    """The kernels that ``--kernel`` names."""
    return [name for names in config.getoption("--kernel") for name in names.split(",")]


def functions(item: pytest.Item) -> list[str]:
    """The functions of its module that try the same claim as a test, whichever of them were selected."""
    marked = stated(item)
    module = item.getparent(pytest.Module)
    named = vars(module.obj).items() if module else ()
    return [name for name, one in named if marked and _claims(one) == {marked.claim.id}]


def _claims(test: object) -> set[str]:
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return {mark.args[0].claim.id for mark in marks if mark.name == "claim"}


def _others_are_asked_for(config: pytest.Config) -> bool:
    asked = any(map(has_overlay, kernel_names(config)))
    return bool(config.getoption("--catalogue") or asked) or implementation() != LINUX


def _with_others(marked: Stated) -> Stated:
    """With what is declared of implementations other than Linux."""
    claim = marked.claim
    expectations = (*claim.expectations, *expected_elsewhere(claim.id))
    return dataclasses.replace(marked, claim=replace(claim, expectations=expectations))


def _bare(marked: Stated) -> Stated:
    """As if it were said of every kernel and nothing were declared."""
    return Stated(replace(marked.claim, range=EVERY_KERNEL, expectations=()), marked.needs, marked.survives)
