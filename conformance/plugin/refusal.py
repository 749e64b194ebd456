"""Refusals: the errno with which the kernel says no."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.observations import ERRNO, note
from conformance.plugin.surroundings import of_surroundings
from libsocket import UnsupportedAttribute
from netns import NetnsError

_NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP", errno.EDEADLK: "EDEADLK"}
"""The kernel's names where one number has two, and Python would choose the other."""


def errno_name(number: int | None) -> str:
    """``EPERM`` for 1."""
    return _NAMES.get(number, str(number)) if number is not None else "no errno"


class Unrefused(AssertionError):
    """The kernel did not refuse as it should; ``seen`` is the errno it gave, or None for success."""

    def __init__(self, asked: int | None, seen: int | None) -> None:
        self.seen = None if seen is None else errno_name(seen)
        wanted = "a refusal" if asked is None else errno_name(asked)
        super().__init__(f"expected {wanted}, " + (self.seen or "but the call succeeded"))


def of_kernel(error: BaseException | None) -> BaseException | None:
    """The error that the kernel gave, where reading an attribute made an AttributeError of it."""
    return error.__cause__ or error if isinstance(error, UnsupportedAttribute) else error


@contextmanager
def refused(number: int | None = None, name: str = ERRNO) -> Iterator[None]:
    """The block must fail with exactly this errno: PermissionError alone is both EPERM and EACCES.

    Without a number any errno will do, as for a page that names none. The errno is observed under ``name``.
    An error of the surroundings is no refusal, unless it is what was asked for, as EMFILE can be.
    """
    try:
        yield
    except (OSError, UnsupportedAttribute) as caught:
        error = of_kernel(caught)
        if not isinstance(error, OSError) or not _answers(error, number):
            raise
        if number not in {None, error.errno}:
            raise Unrefused(number, error.errno) from error
        note(name, errno_name(error.errno))
    else:
        raise Unrefused(number, None)


def _answers(error: OSError, number: int | None) -> bool:
    """Whether it is the kernel that speaks, of sockets."""
    if error.errno is None or isinstance(error, NetnsError):
        return False
    return error.errno == number or not of_surroundings(error)
