"""Stands between this process and a guest, and sees to it that no process of the guest is left.

A guest is a group of processes: user-mode Linux has a process per address space and threads of its own, and
older ones leave some behind when the first is killed. The warden adopts them all, ends the whole group when
the first one ends, and ends it too when its lifeline closes: that is when the starting process lets go, or
is gone for whatever reason. Run as a program: ``warden.py LIFELINE PIDFILE PROGRAM ARGUMENT…``
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(lifeline: int, pidfile: str, command: list[str]) -> int:
    """Start the command, wait for it or for the lifeline, leave nothing. Exit status as a shell gives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    guest = _start(command)
    with open(pidfile, "w") as told:
        told.write(str(guest))
    _wait(lifeline, guest)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(guest, signal.SIGKILL)
    return _reap(guest)


def _start(command: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.execvp(command[0], command)
        except OSError as error:
            print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        finally:
            os._exit(127)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid


def _wait(lifeline: int, guest: int) -> None:
    poll = select.poll()
    poll.register(os.pidfd_open(guest), select.POLLIN)
    poll.register(lifeline, select.POLLHUP)
    poll.poll()


def _reap(guest: int) -> int:
    """Wait for everything that is ours now; the guest's own end as an exit status."""
    status = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended = os.wait()
            status = ended if pid == guest else status
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
