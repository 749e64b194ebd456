"""Exit statuses, so that a machine can tell what went wrong: pytest's own first, then those of sysexits.h."""

from __future__ import annotations

import os
from typing import Final

import pytest

from reports.printable import printable

UNEXPECTED: Final = int(pytest.ExitCode.TESTS_FAILED)
"""1: a verdict is not the declared one."""
USAGE: Final = int(pytest.ExitCode.USAGE_ERROR)
"""4: an option or a pattern that means nothing."""
NO_KERNEL: Final = os.EX_UNAVAILABLE
"""69: a kernel cannot be had or cannot be started."""
NO_STRACE: Final = os.EX_UNAVAILABLE
"""69 too: strace is missing, or may not trace this process."""
TOO_SMALL: Final = os.EX_OSERR
"""71: the limits on this process, or the folder of temporary files, leave too little to run in."""
NO_RECORD: Final = os.EX_CANTCREAT
"""73: the run cannot be recorded."""
NO_NAMESPACES: Final = os.EX_NOPERM
"""77: neither root's privileges nor a user namespace can be had."""

WHOLE: Final = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
"""How a run ends that was not interrupted."""


class Stopped(pytest.exit.Exception):  # type: ignore[name-defined,misc]
    """Ends the run with a sentence, which names the cause and the way out, and an exit status."""

    __module__ = "builtins"  # pytest prints the name with its module before the sentence

    def __init__(self, sentences: str, status: int) -> None:
        super().__init__("\n".join(map(printable, sentences.splitlines())), status)
