"""The claims about each option."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from libsocket import OPTIONS, Level, Option
from reports.model import Claim

PAGES: Final = {level: level.page.replace("(", ".").rstrip(")") for level in Level}
"""The pages that describe one level each, as claims' ids name them."""


def by_option(claims: Iterable[Claim]) -> Mapping[str, list[str]]:
    """For each option that has any, the ids of its claims: of its topic first, then those that name it."""
    claims = list(claims)
    found = {option: [one for one in claims if about(option, one)] for option in OPTIONS}
    return {
        option.constant: [one.id for one in sorted(about_it, key=lambda one: not own_topic(option, one))]
        for option, about_it in found.items()
        if about_it
    }


def about(option: Option[Any], claim: Claim) -> bool:
    """Whether a claim's id or text has the option's name as a whole word.

    MCAST_* are one name of two options: on a page of one level it is that level's, elsewhere both are meant.
    """
    words = _words(f"{claim.id} {claim.says}")
    here = claim.page == PAGES[option.level] or claim.page not in PAGES.values()
    shared = option.name != option.constant
    return option.constant in words or (shared and here and option.name in words)


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def own_topic(option: Option[Any], claim: Claim) -> bool:
    """Whether an option is what a claim is about, and not just named by it."""
    return claim.topic in {option.name, option.constant}
