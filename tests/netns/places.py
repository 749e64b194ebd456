"""Where a thread is, and a place where names can be made without touching the host's /run."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from netns import calls, in_child

T = TypeVar("T")


def here() -> int:
    """The inode of the network namespace the calling thread is in."""
    return os.stat(calls.HERE).st_ino


def with_own_run(function: Callable[[], T]) -> T:
    """Run a function in a child that has an empty /run of its own."""

    def apart() -> T:
        calls.unshare(calls.CLONE_NEWNS)
        calls.mount("none", "/", None, calls.MS_REC | calls.MS_PRIVATE)
        calls.mount("none", "/run", "tmpfs", 0)
        return function()

    return in_child(apart)
