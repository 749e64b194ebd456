"""Refusals: the exact errno with which the kernel says no."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

_NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP", errno.EDEADLK: "EDEADLK"}
"""The kernel's names where one number has two, and Python would choose the other."""


def errno_name(number: int | None) -> str:
    """``EPERM`` for 1."""
    return _NAMES.get(number, str(number)) if number is not None else "no errno"


class Unrefused(AssertionError):
    """The kernel did not refuse as it should; ``seen`` is the errno it gave, or None for success."""

    def __init__(self, asked: int, seen: int | None) -> None:
        self.seen = None if seen is None else errno_name(seen)
        super().__init__(f"expected {errno_name(asked)}, " + (self.seen or "but the call succeeded"))


@contextmanager
def refused(number: int) -> Iterator[None]:
    """The block must fail with exactly this errno: PermissionError alone is both EPERM and EACCES."""
    try:
        yield
    except OSError as error:
        if error.errno != number:
            raise Unrefused(number, error.errno) from error
    else:
        raise Unrefused(number, None)
