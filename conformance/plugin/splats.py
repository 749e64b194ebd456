"""What a kernel says in its log of its being wrong: a splat, and how it is found there.

Only a guest's log is read: on a host any process can have made the kernel complain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.kernel_log import kernel_log, logged_since
from kernels.inside import emulated, in_guest

_ERROR: Final = re.compile(
    r"""
    WARNING:[ ] | BUG:[ ] | kernel[ ]BUG[ ]at[ ]  # WARN and BUG, lockdep, KASAN, KFENCE, the scheduler
    | UBSAN:[ ] | refcount_t:[ ] | ref_tracker:[ ] | ODEBUG:[ ] | list_(?:add|del)[ ](?:double|corruption)
    | (?:Oops|Internal[ ]error|general[ ]protection[ ]fault)\b
    | Unable[ ]to[ ]handle[ ]kernel[ ] | Kernel[ ]panic[ ]
    | INFO:[ ]trying[ ]to[ ]register[ ]non-static[ ]key
    | (?:\w+:[ ])?(?:Attempt[ ]to[ ]release|Freeing[ ]alive)[ ]  # a socket that is still in use
    """,
    re.VERBOSE,
)
_STALL: Final = re.compile(
    r"""
    (?:rcu:[ ])?INFO:[ ]rcu\w*[ ](?:self-)?detected[ ]
    | INFO:[ ]task[ ].+[ ]blocked[ ]
    | (?:watchdog:[ ])?BUG:[ ](?:soft|workqueue)[ ]lockup[ ]
    | (?:\w+[ ])?watchdog:[ ].*\bhard[ ]LOCKUP
    | unregister_netdevice:[ ]waiting[ ]for[ ]  # a reference that nobody gives back
    """,
    re.VERBOSE,
)
_RECORD: Final = re.compile(r"(?P<priority>\d+),\d+,\d+,[^;]*;(?P<message>.*)")
"""What /dev/kmsg gives for one message. The lines that describe its device begin with a space."""
_FROM_PROGRAMS: Final = 8
"""A priority from here on has a facility that is not the kernel's: a program wrote it into the log."""
_ON_CONSOLE: Final = re.compile(r"(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?(?P<message>.*)")
_MOST_LINES: Final = 60
"""Of what was logged with a splat: a report with its backtrace is shorter."""

_ALIKE: Final = [
    (re.compile(pattern), alike)
    for pattern, alike in (
        (r"^WARNING: CPU: \d+ PID: \d+ at (\S+:\d+) ", r"WARNING: \1 at "),  # until 6.18
        (r"^WARNING: CPU: \d+ PID: \d+ ", "WARNING: "),
        (r", CPU#\d+: .+/\d+$", ""),  # since 6.19
        (r"\+0x[0-9a-f]+/0x[0-9a-f]+", ""),  # how far in a function
        (r"\bkworker/\S+", "kworker"),
        (r"\bSegfault with no mm$", "Kernel mode fault at addr N, ip N"),  # user-mode Linux, in a thread
        (r"(?<=pfn:)[0-9a-f]+", "N"),
        # Addresses, times, processes and counts, but no line of a source's file.
        (r"(?<![\w.])(?<!\.[chS]:)(?<!\.rs:)(?:0x[0-9a-f]+|[0-9a-f]{8,}|\d+s?)(?!\w)", "N"),
    )
]


@dataclass(frozen=True)
class Splat:
    """What a kernel logged of its being wrong."""

    line: str
    """Its first line, without what differs from one run to the next."""
    text: str
    """That line and what was logged with it, the backtrace most often, as it is."""
    stalled: bool = False
    """Whether all it says is that something takes too long, of which a slow machine may be the cause."""


class SplatWatch:
    """Reads a guest's log as it grows; what is there already counts for nothing."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._log: int | None = None
        if in_guest():
            with suppress(OSError):  # another implementation's guest may have none
                self._log = self._open.enter_context(kernel_log())

    def splat(self) -> Splat | None:
        """The first splat since the last look."""
        if self._log is None or not (logged := logged_since(self._log)):
            return None
        return first_splat(messages(logged), stalls=not emulated())

    def close(self) -> None:
        self._open.close()


def messages(logged: str) -> list[str]:
    """The kernel's own messages among the records of its log."""
    records = (record for line in logged.splitlines() if (record := _RECORD.fullmatch(line)))
    return [record["message"] for record in records if int(record["priority"]) < _FROM_PROGRAMS]


def splat_on_console(text: str, known: Set[str]) -> Splat | None:
    """The first splat that a guest's console shows beside the ``known``, which are lines of splats."""
    lines = [match["message"] for line in text.splitlines() if (match := _ON_CONSOLE.fullmatch(line))]
    return first_splat(lines, lambda line: line not in known)


def first_splat(
    said: Iterable[str], wanted: Callable[[str], bool] = lambda _: True, *, stalls: bool = True
) -> Splat | None:
    """The first splat among messages of a kernel; ``wanted`` is asked about its line."""
    lines = list(said)
    for number, message in enumerate(lines):
        stalled = _STALL.match(message) is not None
        if (stalls if stalled else _ERROR.match(message)) and wanted(line := _alike(message)):
            return Splat(line, "\n".join(lines[number : number + _MOST_LINES]), stalled)
    return None


def _alike(message: str) -> str:
    for pattern, alike in _ALIKE:
        message = pattern.sub(alike, message)
    return message.strip()
