"""A running guest: its processes, its shared folder, its console, and its end."""

from __future__ import annotations

import contextlib
import enum
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from kernels.beneath import activity, read_beneath
from kernels.errors import KernelError, NoNamespaces, Unreadable
from kernels.inside import GUEST
from kernels.processors import PROCESSORS

REAPER = Path(__file__).with_name("reaper.py")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TERM", "VIRTUAL_ENV", "PYTHONPATH", "COLUMNS", "LINES")
"""Environment variables that a command in a guest gets from the caller."""
LITTLE_SPACE = 1 << 16
"""Bytes: with fewer free a guest that died may not have been able to write."""
POWER_OFF = 10.0
"""Seconds a guest has to switch itself off once its command has ended."""


def guest_environ() -> dict[str, str]:
    """The environment of a command in a guest: where programs are, and how to print.

    The guest cannot write to the host's files: the home folder is /tmp and Python writes no bytecode.
    KERNELS_GUEST tells a command that the kernel is its own.
    """
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed_on | {"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", GUEST: "1"}


def acceleration() -> str:
    """KERNELS_ACCEL of the environment (``kvm``, ``tcg`` or ``auto``); else ``auto``."""
    return os.environ.get("KERNELS_ACCEL", "auto")


@dataclass(frozen=True)
class Job:
    """What a guest is started for: a command, and its surroundings."""

    command: Sequence[str]
    shared: Path
    """The one folder of the host that the guest may write; it has the same path inside."""
    folder: Path = field(default_factory=Path.cwd)
    """Where the command runs."""
    environ: Mapping[str, str] = field(default_factory=guest_environ)
    """The command's whole environment."""
    readable: Sequence[Path] = ()
    """Further folders of the host that the guest can read even if they are below /tmp or /run."""
    memory: str = "1G"
    cpus: int = 2
    """Processors, if the kernel supports several."""
    accel: str = field(default_factory=acceleration)
    """What runs a full kernel: ``kvm``, ``tcg`` (emulation), or ``auto``: kvm if it is there."""
    idle_timeout: float = 120.0
    """Seconds without console output, command output or a change in ``shared`` after which it is ended."""
    terminal: int | None = None
    """File descriptor of a terminal for an interactive command."""

    @property
    def home(self) -> Path:
        """The folder of the files that guest and host exchange."""
        return self.shared / ".guest"


class Cause(enum.Enum):
    """Why a guest ended."""

    EXITED = "its command ended"
    DIED = "it died before its command had ended"
    TIMED_OUT = "it was killed because it was idle"
    KILLED = "it was killed on request"


@dataclass(frozen=True)
class Ending:
    """How a guest ended."""

    cause: Cause
    exit_status: int | None = None
    """The command's, if it ended."""
    why: str = ""
    error: KernelError | None = None
    """The error that the console shows, if the guest never came up."""


class Guest:
    """A kernel that runs a job. As a context manager, it leaves no process behind.

    ``command`` starts it on the host; ``explain`` may find an error in the text of a console;
    ``one_processor`` keeps all its processes on one of the host's processors.
    """

    def __init__(
        self,
        kernel: str,
        command: Sequence[str],
        job: Job,
        explain: Callable[[str], KernelError | None] = lambda _: None,
        *,
        one_processor: bool = False,
    ) -> None:
        self.kernel = kernel
        self.job = job
        self._explain = explain
        self._ending: Ending | None = None
        self._activity = (0, 0.0)
        self._last_activity = self._last_unfinished = time.monotonic()
        self._last_look = 0.0
        self._process, self._line = self._start(command)
        self._processor = self._on_one_processor() if one_processor else None

    def __enter__(self) -> Guest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def console(self) -> Path:
        """What the kernel printed."""
        return self.job.home / "console"

    @property
    def output(self) -> Path:
        """What the command printed, both streams; it grows while the command runs."""
        return self.job.home / "output"

    def console_tail(self, lines: int = 20) -> str:
        """The last lines of the console."""
        return "\n".join(self.read(self.console).splitlines()[-lines:])

    def read(self, path: Path) -> str:
        """The text of a file in the shared folder; empty if there is none. No link in there is followed."""
        return read_beneath(self.job.shared, path).decode(errors="replace")

    def fileno(self) -> int:
        """Readable when the guest has ended: for select and poll."""
        return self._pidfd

    def poll(self) -> Ending | None:
        """How the guest ended, or None while it runs. Ends a guest that has been idle for too long."""
        if self._ending is None and self._process.poll() is not None:
            self._end(self._read_ending())
        elif self._ending is None and self._idle():
            self._end(Ending(Cause.TIMED_OUT, why=f"no output for {self.job.idle_timeout:g} s"))
        elif self._ending is None and self._overdue():
            self._end(self._read_ending())
        return self._ending

    def wait(self, watch: Callable[[], None] = lambda: None) -> Ending:
        """Wait for the end; ``watch`` is called several times a second, to read files as they grow."""
        while (ending := self.poll()) is None:
            watch()
            select.select([self], [], [], 0.1)
        watch()
        return ending

    def kill(self) -> None:
        """End the guest, now. Nothing happens if it has ended already."""
        if self._ending is None:
            self._end(Ending(Cause.KILLED))

    def _start(self, command: Sequence[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, reapers = socket.socketpair()
        reaper = [sys.executable, "-I", "-S", str(REAPER), str(reapers.fileno()), *command]
        terminal = self.job.terminal
        with reapers, self.console.open("xb") as console:
            process = subprocess.Popen(
                reaper,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=console if terminal is None else terminal,
                stderr=console,
                pass_fds=[reapers.fileno()],
                start_new_session=True,
            )
        self._pidfd = os.pidfd_open(process.pid)
        return process, ours

    def _on_one_processor(self) -> int:
        """What the process has not started yet will be there too."""
        processor = PROCESSORS.take()
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(self._process.pid, {processor})
        return processor

    def _end(self, ending: Ending) -> None:
        """Close the line, so that the reaper ends the guest; if the reaper was killed, do it here."""
        self._line.shutdown(socket.SHUT_WR)
        if self._process.wait() == -signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.killpg(int(self._line.recv(32)), signal.SIGKILL)
        self._line.close()
        os.close(self._pidfd)
        if self._processor is not None:
            PROCESSORS.give_back(self._processor)
        self._ending = ending

    def _read_ending(self) -> Ending:
        recorded = self.read(self.job.home / "exit-status").strip()
        if recorded == "no-namespaces":
            return Ending(Cause.DIED, why="no network namespaces", error=NoNamespaces(self.kernel))
        if recorded.isdecimal():
            return Ending(Cause.EXITED, int(recorded))
        why = _how(self._process.returncode)
        if shutil.disk_usage(self.job.shared).free < LITTLE_SPACE:
            why += f", and there is hardly any space left in {self.job.shared}"
        return Ending(Cause.DIED, why=why, error=self._explain(self.read(self.console)))

    def _idle(self) -> bool:
        """Whether the idle timeout is over. There is none at a terminal."""
        now = time.monotonic()
        if self.job.terminal is not None or now - self._last_look < 0.5:
            return False
        self._last_look = now
        seen = activity(self.job.shared)
        if seen != self._activity:
            self._activity, self._last_activity = seen, now
        return now - self._last_activity > self.job.idle_timeout

    def _overdue(self) -> bool:
        """Whether the command ended POWER_OFF seconds ago and the guest still runs."""
        if not (self.job.home / "exit-status").exists():
            self._last_unfinished = time.monotonic()
        return time.monotonic() - self._last_unfinished > POWER_OFF


def make_home(job: Job) -> None:
    """Make the folder of a job's files anew; a former guest may have left anything there, such as a link."""
    with contextlib.suppress(FileNotFoundError):
        job.home.unlink() if job.home.is_symlink() else shutil.rmtree(job.home)
    job.home.mkdir(parents=True)


def require_readable(job: Job) -> None:
    """Raise Unreadable if the command or its folder exists but this user cannot read it."""
    if not os.access(job.folder, os.R_OK | os.X_OK):
        raise Unreadable(job.folder)
    program = job.folder / job.command[0]
    if os.sep in job.command[0] and os.path.lexists(program) and not os.access(program, os.R_OK | os.X_OK):
        raise Unreadable(program)


def _how(status: int) -> str:
    """How a guest's program ended, by the exit status of its reaper: 128 and more are signals (bash(1))."""
    who = "the process that watched over it" if status < 0 else "the program that ran it"
    number = -status if status < 0 else status - 128
    if number not in set(signal.Signals):
        return f"{who} ended with exit status {status}"
    memory = ", as is done where memory runs out" if number == signal.SIGKILL else ""
    return f"{who} was ended by {signal.Signals(number).name}{memory}"
