"""A child subreaper (PR_SET_CHILD_SUBREAPER): starts a guest, and ends and reaps every process of it.

A guest is many processes: user-mode Linux has one per address space and threads of its own, and older ones
leave some behind when the first is killed. This process adopts all orphans. It kills every process of the
guest when the first one ends, and when the other end of the line is closed: that is when the starting process
lets go of the guest, or is gone for whatever reason.

Run as a program: ``reaper.py LINE PROGRAM ARGUMENT…``
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


def main(line: int, command: list[str]) -> int:
    """Start the command, wait for it or the parent, and end what is left. Exit status as a shell gives it.

    ``line`` is one end of a socket pair whose other end only the parent holds: it reads the guest's pid.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    guest = _start(command)
    with contextlib.suppress(BrokenPipeError):
        os.write(line, str(guest).encode())
    _wait(line, guest)
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


def _wait(line: int, guest: int) -> None:
    poll = select.poll()
    poll.register(os.pidfd_open(guest), select.POLLIN)
    poll.register(line, select.POLLRDHUP)
    poll.poll()


def _reap(guest: int) -> int:
    """Kill and wait until no process is left. The exit status of the guest's first one.

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
    """Processes whose parent is this one, zombies too. proc_pid_stat(5): ``pid (name) state ppid …``"""
    children = []
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
            if int(stat.read().rpartition(")")[2].split()[1]) == os.getpid():
                children.append(int(entry))
    return children


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
