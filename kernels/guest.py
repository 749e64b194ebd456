"""A running guest: one process group, one shared directory, one console, and an end it cannot escape."""

from __future__ import annotations

import contextlib
import enum
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from kernels.errors import KernelError, NoNamespaces, Unreadable

WARDEN = Path(__file__).with_name("warden.py")
CARRIED = ("PATH", "LANG", "LC_ALL", "TERM", "VIRTUAL_ENV", "PYTHONPATH", "COLUMNS", "LINES")
POWER_OFF = 10.0
"""Seconds a guest has to switch itself off once its command has ended."""


def plain_environ() -> dict[str, str]:
    """What a command in a guest knows of the caller's environment: where programs are, and no more.

    The guest cannot write to the host's files: the home folder is /tmp and Python leaves no bytecode.
    """
    carried = {name: os.environ[name] for name in CARRIED if name in os.environ}
    return carried | {"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}


def acceleration() -> str:
    """KERNELS_ACCEL of the environment (``kvm``, ``tcg`` or ``auto``); else ``auto``."""
    return os.environ.get("KERNELS_ACCEL", "auto")


@dataclass(frozen=True)
class Job:
    """What a guest is started for."""

    command: Sequence[str]
    shared: Path
    """The one folder of the host that the guest may write; it has the same path inside."""
    folder: Path = field(default_factory=Path.cwd)
    """Where the command runs."""
    environ: Mapping[str, str] = field(default_factory=plain_environ)
    """The command's whole environment."""
    readable: Sequence[Path] = ()
    """Folders that must be seen in the guest even where they lie below /tmp or /run."""
    memory: str = "1G"
    cpus: int = 2
    """Where the kernel has several."""
    accel: str = field(default_factory=acceleration)
    """A full kernel's processor: the machine's (``kvm``), software (``tcg``), or what there is (``auto``)."""
    silence: float = 120.0
    """Seconds without a sign of life (console, output, files in ``shared``) after which it is ended."""
    terminal: int | None = None
    """A terminal for the command, as a file descriptor, for a person who types."""

    @property
    def home(self) -> Path:
        """Where guest and host keep what is between them."""
        return self.shared / ".guest"


class Cause(enum.Enum):
    """Why a guest is no more."""

    EXITED = "its command ended"
    DIED = "it died before its command had ended"
    SILENT = "it was ended: no sign of life"
    KILLED = "it was ended from here"


@dataclass(frozen=True)
class Ending:
    """How a guest ended."""

    cause: Cause
    exit_status: int | None = None
    """The command's, if it ended."""
    why: str = ""
    error: KernelError | None = None
    """What the console tells of a guest that never came up."""


class Guest:
    """A kernel that runs a job. Leave it as a context manager and nothing of it remains.

    ``command`` starts it on the host; ``explain`` may read an error out of a console.
    """

    def __init__(
        self,
        kernel: str,
        command: Sequence[str],
        job: Job,
        explain: Callable[[str], KernelError | None] = lambda _: None,
    ) -> None:
        self.kernel = kernel
        self.job = job
        self._explain = explain
        self._ending: Ending | None = None
        self._life = (0, 0.0)
        self._alive = self._finished = time.monotonic()
        self._looked = 0.0
        self._process, self._lifeline = self._start(command)

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
        return "\n".join(_text(self.console).splitlines()[-lines:])

    def fileno(self) -> int:
        """Readable when the guest has ended: for select and poll."""
        return self._pidfd

    def poll(self) -> Ending | None:
        """How the guest ended, or None while it runs. Ends a guest that has been silent for too long."""
        if self._ending is None and self._process.poll() is not None:
            self._end(self._read_ending())
        elif self._ending is None and self._silent():
            self._end(Ending(Cause.SILENT, why=f"no sign of life for {self.job.silence:g} s"))
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

    def _start(self, command: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
        near, far = os.pipe()
        warden = [sys.executable, "-I", "-S", str(WARDEN), str(near), str(self._pidfile), *command]
        terminal = self.job.terminal
        with self.console.open("wb") as console:
            process = subprocess.Popen(
                warden,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=console if terminal is None else terminal,
                stderr=console,
                pass_fds=[near],
                start_new_session=True,
            )
        os.close(near)
        self._pidfd = os.pidfd_open(process.pid)
        return process, far

    @property
    def _pidfile(self) -> Path:
        return self.job.home / "pid"

    def _end(self, ending: Ending) -> None:
        """Close the lifeline, so that the warden ends the group; if the warden was killed, do it here."""
        os.close(self._lifeline)
        if self._process.wait() == -signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError, ValueError, OSError):
                os.killpg(int(self._pidfile.read_text()), signal.SIGKILL)
        os.close(self._pidfd)
        self._ending = ending

    def _read_ending(self) -> Ending:
        written = _text(self.job.home / "exit-status").strip()
        if written == "no-namespaces":
            return Ending(Cause.DIED, why="no network namespaces", error=NoNamespaces(self.kernel))
        if written:
            return Ending(Cause.EXITED, int(written))
        why = f"the program that ran it ended with exit status {self._process.poll()}"
        return Ending(Cause.DIED, why=why, error=self._explain(_text(self.console)))

    def _silent(self) -> bool:
        """Whether nothing has grown for too long. A person at a terminal may think as long as they like."""
        now = time.monotonic()
        if self.job.terminal is not None or now - self._looked < 0.5:
            return False
        self._looked = now
        life = _life(self.job.shared)
        if life != self._life:
            self._life, self._alive = life, now
        return now - self._alive > self.job.silence

    def _overdue(self) -> bool:
        """Whether the command ended some time ago and the guest is still there."""
        if not (self.job.home / "exit-status").exists():
            self._finished = time.monotonic()
        return time.monotonic() - self._finished > POWER_OFF


def require_readable(job: Job) -> None:
    """Raise Unreadable where the command or its folder is there, but not for this user."""
    if not os.access(job.folder, os.R_OK | os.X_OK):
        raise Unreadable(job.folder)
    program = job.folder / job.command[0]
    if os.sep in job.command[0] and os.path.lexists(program) and not os.access(program, os.R_OK | os.X_OK):
        raise Unreadable(program)


def _life(folder: Path) -> tuple[int, float]:
    """Sizes and times of all files below a folder: they change while a guest does anything."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(file.st_size for file in files), sum(file.st_mtime for file in files)


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace") if path.exists() else ""
