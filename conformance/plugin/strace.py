"""strace(1): attached to a process, and what it writes read as system calls."""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from netns.child import die_with_parent

LEAST = (6, 1)
"""The oldest version that is known to do: Debian 12's."""

_TOKEN = re.compile(
    r"""
      "(?:\\.|[^"\\])*"             # a string
    | (?<=\d)<(?:->|[^>])*>         # what a descriptor refers to: 3<socket:[99]>
    | /\*.*?\*/                     # a comment
    | [\[({]  |  [\])}]  |  ,       # what nests, what parts
    """,
    re.VERBOSE,
)
_LINE = re.compile(r"(?:(?P<pid>\d+) +)?(?P<text>.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
_UNFINISHED = "<unfinished ...>"
_CALL = re.compile(r"(?P<name>\w+)\(")
_RESULT = re.compile(
    r"\s*=\s*(?P<value>\?|0x[0-9a-f]+|-?\d+)(?:<(?P<referent>(?:->|[^>])*)>)?(?: (?P<errno>E[A-Z0-9]+)\b)?"
    r"(?P<note>.*?)(?: <(?P<seconds>\d+\.\d+)>)?$"
)
_REFERENT = re.compile(r"\d+<((?:->|[^>])*)>")


class StraceMissing(RuntimeError):
    """There is no strace, or it is too old."""


class NotTraced(RuntimeError):
    """strace could not attach to a process."""


@dataclass(frozen=True)
class Call:
    """A system call as strace wrote it."""

    pid: int
    """The thread that made it."""
    name: str
    arguments: tuple[str, ...]
    """As strace writes them: ``SOL_SOCKET``, ``[1]``, ``"hello"``, ``3<socket:[99]>``."""
    result: int | None
    """What it returned; None where it did not return."""
    errno: str | None = None
    """Its error's name."""
    note: str = ""
    """What strace writes after the result: ``Timeout``, ``[{fd=3, revents=POLLIN}]``."""
    injected: bool = False
    """Whether strace changed it."""
    returned: str = ""
    """What the descriptor that it returned refers to: ``socket:[99]``."""
    seconds: float | None = None
    """How long it took, with ``--syscall-times``."""
    number: int = 0
    """Which call of this name by this thread it is, from 1; strace's ``when=``."""

    @property
    def referent(self) -> str:
        """What the descriptor in its first argument refers to: ``socket:[99]``."""
        found = _REFERENT.match(self.arguments[0]) if self.arguments else None
        return found[1] if found else ""

    def __str__(self) -> str:
        result = "?" if self.result is None else str(self.result)
        return f"{self.name}({', '.join(self.arguments)}) = {' '.join(filter(None, [result, self.errno]))}"


class Strace:
    """strace attached to a process. Leaving the ``with`` block ends it, and the process goes on by itself.

    It is attached once this exists: what the process does from then on is traced. ``options`` are strace's
    own. Raises: NotTraced.
    """

    def __init__(self, pid: int, *options: str) -> None:
        self._pid = pid
        self._output = os.memfd_create("strace")
        # What it writes goes to memory: nothing is left behind, however a run ends.
        self._process = subprocess.Popen(
            [_program(), f"--output=/proc/self/fd/{self._output}", f"--attach={pid}", *options],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[self._output],
            # It may wait for ever for the threads of a process that is killed with this one.
            preexec_fn=functools.partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - one system call
        )
        try:
            self._await()
        except BaseException:
            self.close()
            raise

    def _await(self) -> None:
        """strace says that it is attached, or why it is not."""
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        if "attached" not in said:
            raise NotTraced(f"strace could not attach to process {self._pid}: {said.strip()}")

    def calls(self) -> list[Call]:
        """The calls so far. This ends strace, so that the process should have ended before."""
        self._end()
        size = os.fstat(self._output).st_size
        return list(calls(os.pread(self._output, size, 0).decode(errors="replace").splitlines(), self._pid))

    def detach(self) -> None:
        """End the trace: the process goes on by itself, and calls() returns what it did so far."""
        self._end()

    def close(self) -> None:
        """End strace; again is fine."""
        self._end()
        output, self._output = self._output, -1
        if output != -1:
            os.close(output)

    def _end(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()  # it writes what it has seen, and lets go
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def require() -> None:
    """Raises: StraceMissing, with a sentence that says what to do."""
    path = shutil.which("strace")
    if path is None:
        raise StraceMissing("strace is missing; install it, on Debian with: apt install strace")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < LEAST:
        version = found[0] if found else "of unknown version"
        raise StraceMissing(f"{path} is {version}, and {LEAST[0]}.{LEAST[1]} or newer is needed")


def print_sockets_silently() -> None:
    """To print a socket, as a failing assertion does, asks the kernel for its addresses; no test means to."""
    setattr(socket.socket, "__repr__", object.__repr__)  # noqa: B010  no type checker lets a method go


@functools.cache
def _program() -> str:
    return shutil.which("strace") or "strace"


def calls(lines: Iterable[str], pid: int) -> Iterator[Call]:
    """The calls that strace's output tells of, in the order of their return; ``pid`` was attached to.

    Signals and exits are left out, and so is a call that was never finished and of which nothing is known.
    """
    numbers: Counter[tuple[int, str]] = Counter()
    for by, text in _whole(lines, pid):
        if call := _call(by, text):
            numbers[by, call.name] += 1
            yield replace(call, number=numbers[by, call.name])


def _whole(lines: Iterable[str], attached: int) -> Iterator[tuple[int, str]]:
    """Lines by thread, with those put together that another thread interrupted."""
    begun: dict[int, str] = {}
    for line in lines:
        split = _LINE.match(line)
        assert split is not None
        pid, text = int(split["pid"] or attached), split["text"]
        if text.endswith(_UNFINISHED):
            begun[pid] = text.removesuffix(_UNFINISHED)
        elif resumed := _RESUMED.match(text):
            yield pid, begun.pop(pid, "") + text[resumed.end() :]
        else:
            yield pid, text
    for pid, text in begun.items():
        yield pid, f"{text.rstrip()}) = ?"


def _call(pid: int, text: str) -> Call | None:
    """The call on a line, if there is one."""
    head = _CALL.match(text)
    if head is None:
        return None
    arguments, end = _arguments(text, head.end())
    tail = _RESULT.match(text, end)
    if tail is None:
        return None
    note = tail["note"].strip()
    return Call(
        pid,
        head["name"],
        arguments,
        None if tail["value"] == "?" else int(tail["value"], 0),
        tail["errno"],
        re.sub(r"\s*\((INJECTED|DELAYED)[^)]*\)", "", note).removeprefix("(").removesuffix(")"),
        "(INJECTED" in note,
        tail["referent"] or "",
        float(tail["seconds"]) if tail["seconds"] else None,
    )


def _arguments(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """The arguments that begin there, and where the parenthesis behind them ends."""
    depth, parts, begin, end = 0, [], start, len(text)
    for token in _TOKEN.finditer(text, start):
        symbol = token[0]
        if symbol in "[({":
            depth += 1
        elif symbol in "])}" and depth:
            depth -= 1
        elif symbol in "])}":
            parts.append(text[begin : token.start()])
            end = token.end()
            break
        elif symbol == "," and not depth:
            parts.append(text[begin : token.start()])
            begin = token.end()
    return tuple(part.strip() for part in parts if part.strip()), end
