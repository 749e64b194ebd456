"""--keep-netns: the namespaces of a failing test stay, under names a person can enter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.stash import FAILED
from netns import Namespace, unique_name


@contextmanager
def kept_if_failing(request: pytest.FixtureRequest, *namespaces: Namespace) -> Iterator[None]:
    """Around a test: once it has failed, name its namespaces and say how to enter them."""
    yield
    if request.config.getoption("--keep-netns") and request.node.stash.get(FAILED, False):
        commands = [namespace.keep(unique_name()) for namespace in namespaces]
        request.node.add_report_section("teardown", "kept", "\n".join(commands))
