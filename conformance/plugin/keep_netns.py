"""--keep-netns: the namespaces of a failing test stay, under names a person can enter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.stash import FAILED
from netns import NameRefused, Namespace, unique_name


@contextmanager
def kept_if_failing(request: pytest.FixtureRequest, *namespaces: Namespace) -> Iterator[None]:
    """Around a test: once it has failed, name its namespaces and say how to enter them."""
    yield
    if request.config.getoption("--keep-netns") and request.node.stash.get(FAILED, False):
        request.node.add_report_section("teardown", "kept", "\n".join(map(_keep, namespaces)))


def _keep(namespace: Namespace) -> str:
    """The command that enters it, or why there is none: the test's own answer stands."""
    try:
        return namespace.keep(unique_name())
    except NameRefused as error:
        return str(error)
