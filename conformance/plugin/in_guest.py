"""Runs pytest in a guest, with its memory mapped ahead: ``python -m conformance.plugin.in_guest ARGUMENT…``.

In user-mode Linux to touch a page for the first time takes 100 µs, and what pytest and the suite import are
ten thousand pages. Locked memory is mapped as a whole, when it is asked for, at a thirtieth of that, from
Linux 6.12 on. Before the first test it is unlocked: tests meet an ordinary process.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import NoReturn

from kernels.inside import emulated

_MCL_CURRENT, _MCL_FUTURE = 1, 2
_libc = ctypes.CDLL(None)


class Unlocked:
    """Lets go of the lock when all is imported (munlockall(2))."""

    def pytest_collection_finish(self) -> None:
        _libc.munlockall()


def main() -> NoReturn:
    if not emulated():  # a full kernel would read whole libraries to lock them
        # Refused where there is no such right or call, and then all is as it was.
        _libc.mlockall(_MCL_CURRENT | _MCL_FUTURE)
    # Imported here: it is the half of what is mapped.
    import pytest

    status = pytest.main(sys.argv[1:], plugins=[Unlocked()])
    sys.stdout.flush()
    sys.stderr.flush()
    # To take the interpreter apart would take as long as to start it.
    os._exit(status)


if __name__ == "__main__":
    main()
