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
    return _end(guest)


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


def _end(guest: int) -> int:
    """Kill and wait until nothing is left; the guest's own end as an exit status.

    Orphans are adopted, so in the end every process of the guest is a child of this one, whatever group or
    session it had moved to.
    """
    status = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            pid, ended = os.wait()
            status = ended if pid == guest else status
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _children() -> list[int]:
    """Processes whose parent is this one, in /proc's words: ``pid (name) state ppid …``; zombies too."""
    told = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
                told.append((int(entry), stat.read().rpartition(")")[2].split()))
    return [pid for pid, fields in told if int(fields[1]) == os.getpid()]


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
