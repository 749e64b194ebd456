"""Whose network stack answers here."""

from __future__ import annotations

import ctypes
from functools import cache

from reports.model import LINUX

_SYSLOG_ACTION_READ_ALL = 3


@cache
def implementation() -> str:
    """``Linux`` or ``gVisor``, which calls itself Linux in uname(2), but not in its kernel log."""
    log = ctypes.create_string_buffer(4096)
    ctypes.CDLL(None).klogctl(_SYSLOG_ACTION_READ_ALL, log, len(log))
    return "gVisor" if b"Starting gVisor" in log.value else LINUX
