"""Errors that speak of the machine, or of what a test was set up with, and not of how sockets behave."""

from __future__ import annotations

import errno
from typing import Final

from netns import NetnsError

_IN_WANT: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
"""Descriptors, memory or disk have run out. ENOBUFS is none of them: a queue that is full is an answer."""


def in_want(error: OSError) -> bool:
    """Whether the machine has run out of something."""
    return error.errno in _IN_WANT


def of_surroundings(error: OSError) -> bool:
    """Whether nothing is known about the kernel's sockets after this error.

    One with a file name is of a file (in /proc, say), and no call on a socket has one. Python gives a
    descriptor in its place.
    """
    return isinstance(error, NetnsError) or in_want(error) or isinstance(error.filename, str | bytes)
