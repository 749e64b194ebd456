"""The namespace of a thread, another user, and a /run in which names can be made."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from netns import in_child, syscalls
from netns.users import mapped

NOBODY = 65534

needs_nobody = pytest.mark.skipif(
    not mapped(NOBODY), reason=f"user {NOBODY} is not mapped into the user namespace of this run"
)

T = TypeVar("T")


def current_netns() -> int:
    """The inode of the network namespace the calling thread is in."""
    return os.stat(syscalls.THREAD_NETNS).st_ino


def with_private_run(function: Callable[[], T]) -> T:
    """Run a function in a child that has an empty /run of its own."""

    def apart() -> T:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        syscalls.mount("none", "/run", "tmpfs", 0)
        return function()

    return in_child(apart)
