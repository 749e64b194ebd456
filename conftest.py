"""Fixtures that a test may name. The plugin behind them is conformance/plugin/plugin.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from conformance.plugin.keep_netns import kept_if_failing
from conformance.plugin.stash import OBSERVATIONS
from netns import Namespace, Peers, Routed, peers, routed
from reports.model import Value, frozen

pytest_plugins = ["conformance.plugin.plugin"]

V = TypeVar("V", bound=Value)


@pytest.fixture
def ns(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A fresh network namespace with loopback up; the test stands inside."""
    with Namespace() as made, kept_if_failing(request, made):
        yield made


@pytest.fixture(name="peers")
def _peers(request: pytest.FixtureRequest) -> Iterator[Peers]:
    """Two hosts, ``left`` and ``right``, joined by a veth pair."""
    with peers() as pair, kept_if_failing(request, pair.left.namespace, pair.right.namespace):
        yield pair


@pytest.fixture(name="routed")
def _routed(request: pytest.FixtureRequest) -> Iterator[Routed]:
    """Two hosts, ``left`` and ``right``, with a ``router`` between them."""
    with routed() as three:
        hosts = three.left, three.router, three.right
        with kept_if_failing(request, *(host.namespace for host in hosts)):
            yield three


@pytest.fixture
def observe(request: pytest.FixtureRequest) -> Callable[[str, V], V]:
    """Note a named value and hand it on: ``assert observe("read_back", sock.rcvbuf) == 8192``."""
    notes = request.node.stash[OBSERVATIONS]

    def note(name: str, value: V) -> V:
        notes[name] = frozen(value)
        return value

    return note
