"""The privileges of a run: enough to make namespaces, and none of them used on the host."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import getpass
import os
import signal

from conformance.plugin.exit_status import NO_NAMESPACES, Stopped
from netns import Namespace, NetnsError, enter_user_namespace, leave_host, remove_stale_names

_PR_SET_PDEATHSIG = 1


def acquire() -> None:
    """Once per run, before any thread or worker exists: get what it takes to make namespaces.

    That is tried, since capabilities alone do not tell: root of a container may lack the right to come back
    to a network that another user namespace owns.
    """
    try:
        if not _is_granted():
            _keep_name()
            enter_user_namespace()
            Namespace().close()
    except NetnsError as error:
        raise Stopped(
            f"no network namespace can be made; that takes root or a user namespace, and /proc: {error}",
            NO_NAMESPACES,
        ) from error
    with contextlib.suppress(OSError):  # names that others left are in nobody's way
        remove_stale_names()


def _is_granted() -> bool:
    try:
        Namespace().close()
    except NetnsError as error:
        if error.errno != errno.EPERM:
            raise
        return False
    return True


def _keep_name() -> None:
    """Inside, this user is root; pytest names its temporary folder after the user, and root's is not ours."""
    with contextlib.suppress(KeyError, OSError):
        os.environ.setdefault("LOGNAME", getpass.getuser())


def leave_host_network() -> None:
    """Once per process that runs tests: a test that forgets its namespace must not meet the host."""
    leave_host()


def die_with_controller() -> None:
    """A worker whose controller was killed ends at once instead of finishing its test."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)
