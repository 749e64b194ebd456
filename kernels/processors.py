"""A processor for each user-mode guest.

Its kernel and the programs in it are processes of the host that take turns: each call of a program stops one
and wakes the other. On two processors the one that is woken must wait until its processor is awake as well,
and a call takes twice as long as on one. So each guest stays on one processor, another one each as far as
there are enough.
"""

from __future__ import annotations

import fcntl
import os
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

_FOLDER = Path("/sys/devices/system/cpu")


class Processors:
    """Which processors the guests of this process run on."""

    def __init__(self) -> None:
        self._guests: Counter[int] = Counter()
        self._locks: dict[int, int] = {}

    def take(self) -> int:
        """One of those with the fewest guests; where it can be, one that no other process has taken."""
        allowed = list(os.sched_getaffinity(0))
        fewest = min(self._guests[one] for one in allowed)
        least = [one for one in allowed if self._guests[one] == fewest]
        taken = next(filter(self._lock, least), None)
        chosen = random.choice(least) if taken is None else taken
        self._guests[chosen] += 1
        return chosen

    def give_back(self, processor: int) -> None:
        """A guest that ran there has ended."""
        self._guests[processor] -= 1
        if self._guests[processor] == 0 and processor in self._locks:
            os.close(self._locks.pop(processor))

    def _lock(self, processor: int) -> bool:
        """Whether it is ours: other processes see it by a lock of its folder, which changes nothing there."""
        if processor in self._locks:
            return True
        with suppress(OSError):
            folder = os.open(_FOLDER / f"cpu{processor}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(folder)
                return False
            self._locks[processor] = folder
            return True
        return False


PROCESSORS = Processors()
