"""Fixtures that a test may name. The plugin behind them is conformance/plugin/plugin.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conformance.plugin.keep_netns import kept_if_failing
from conformance.plugin.observations import V, note
from netns import Namespace, Peers, Routed, peers, routed

pytest_plugins = ["conformance.plugin.plugin"]


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
def observe() -> Callable[[str, V], V]:
    """Note a named value and hand it on: ``assert observe("read_back", sock.rcvbuf) == 8192``."""
    return note
