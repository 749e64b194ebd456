"""Where a thread is, which user can be had, and a /run in which names can be made."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from netns import calls, in_child
from netns.users import mapped

NOBODY = 65534

needs_nobody = pytest.mark.skipif(
    not mapped(NOBODY), reason=f"user {NOBODY} has no number in the user namespace of this run"
)

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
