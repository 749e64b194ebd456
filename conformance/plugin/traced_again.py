"""After a run: what differs undeclared is tried once more under strace, so that its transcript is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.plugin import strace
from conformance.plugin.recorder import Recorder
from reports.transcript import transcript_path

_MOST = 20
"""Claims that are tried again: where more differ, the kernel is another one and not a test's surprise."""
_SECONDS = 600
"""For all of them."""


class TracedAgain:
    """Where the terminal is. The second run is a process of its own, whose verdicts nobody takes."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self._recorder = recorder
        self._folder = folder

    @pytest.hookimpl(trylast=True)  # below the summary that names the differences
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        claims = self._recorder.undeclared()[:_MOST]
        if not claims:
            return
        try:
            strace.require()
        except strace.StraceMissing as error:
            terminalreporter.write_line(f"Without a transcript of what differs: {error}")
            return
        terminalreporter.write_line("Trying again under strace what differs...")
        try:
            _run(terminalreporter.config, claims, self._folder)
        except subprocess.TimeoutExpired:
            terminalreporter.write_line(f"It did not end within {_SECONDS} seconds.")
        for claim in claims:
            if transcript_path(self._folder, claim).exists():
                terminalreporter.write_line(f"Its calls as a C program: python -m reports reproduce {claim}")


def _run(config: pytest.Config, claims: list[str], folder: Path) -> None:
    """Run these claims with --transcript, and with what this run was told of its surroundings."""
    plugins = [word for name in config.option.plugins for word in ("-p", name)]
    told = ["-c", str(config.inipath), f"--rootdir={config.rootpath}", *plugins, *config.args]
    selected = [f"--claim={claim}" for claim in claims]
    kept = ["--run-record", os.devnull, "--transcript", str(folder)]
    # Its own undeclared differences are the first run's.
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *told, *selected, *kept],
        cwd=config.invocation_params.dir,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
