"""Under xdist: what the controller learns from its workers, any of which may die at any time."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conformance.plugin.exit_status import Stopped
from conformance.plugin.plan import receive
from conformance.plugin.recorder import Recorder

_WAY_OUT = "is there too little memory? Run again, with fewer workers, or without -n"


class Workers:
    """Takes the plan from the first worker that has collected, which the controller does not."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._died = False

    @pytest.hookimpl(optionalhook=True)  # xdist's own hooks, which are there when xdist is
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["plan"] = node.gateway.newchannel()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        if not self._recorder.begun:
            self._recorder.begin(receive(node.workerinput["plan"]))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        self._died |= error is not None

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Generator[None, None, None]:
        with _stopped_by_the_dead():
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        with _stopped_by_the_dead():
            done = yield
        if self._died and not session.testscollected:
            raise Stopped(
                f"every worker died before it had collected, and no claim was tried: {_WAY_OUT}",
                pytest.ExitCode.INTERRUPTED,
            )
        return done


@contextmanager
def _stopped_by_the_dead() -> Iterator[None]:
    """xdist has no word of its own for a worker that dies while it is started or sent something."""
    why = ""
    try:
        yield
    except (EOFError, OSError) as error:
        why = getattr(error, "strerror", None) or "its pipe is closed"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # execnet leaves its process and its pipes open
            error.__traceback__ = None
    if why:
        raise Stopped(
            f"a worker died or could not be started ({why}): {_WAY_OUT}", pytest.ExitCode.INTERRUPTED
        )
