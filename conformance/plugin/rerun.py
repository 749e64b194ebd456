"""A test that is not answered as expected, and took long enough for a timer of the kernel, is run again."""

from __future__ import annotations

from typing import Final

import pytest

from conformance.plugin.claim import stated
from conformance.plugin.outcome import answer_on
from conformance.plugin.stash import FAILED
from reports.assess import SPLAT

_TIMER: Final = 0.1
"""Seconds for which the kernel sends nothing again and gives nothing up: its first timer takes twice as long.

Most tests take a twentieth of it.
"""
_TRIES: Final = 3


class Rerun:
    """What a kernel does late, or again, is no answer to what it was asked: a test's last run counts.

    One that takes long by itself is run again as well, where it is not answered as expected, and is answered
    alike. What never returned was not held up, and a kernel that says it is wrong need not say so again.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if stated(item) is None:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        runner = item.config.pluginmanager.getplugin("runner")
        for _ in range(_TRIES):
            item.stash[FAILED] = False
            reports = runner.runtestprotocol(item, log=False, nextitem=nextitem)
            if not any(_held_up(report) for report in reports):
                break
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def _held_up(report: pytest.TestReport) -> bool:
    """Whether it is another answer than the expected one, which it took long to come to."""
    answer = answer_on(report)
    if answer is None or not report.failed or report.duration < _TIMER:
        return False
    return not any(name.startswith((SPLAT, "timed_out")) for name in answer.observations)
