"""What this kernel may lack for its age."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from libsocket import CONTROL_KINDS, Socket, UnsupportedAttribute, UnsupportedOption

IPPROTO_MPTCP = 262
READ_LATER = {
    "SO_TIMESTAMPING_NEW": "6.1",
    **dict.fromkeys(("IP_ROUTER_ALERT", "IPV6_ROUTER_ALERT", "NETLINK_LISTEN_ALL_NSID"), "6.18"),
    "PACKET_COPY_THRESH": "6.18",
}
"""Options that could only be set at first: the kernel on which they were seen to be readable."""


def numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", release)[:3]))


@contextmanager
def old_enough() -> Iterator[None]:
    """An option younger than this kernel may be missing; one that is older may not."""
    try:
        yield
    except (UnsupportedAttribute, UnsupportedOption) as missing:
        since = READ_LATER.get(missing.option, missing.since)
        if numbers(os.uname().release) >= numbers(since):
            raise
        pytest.skip(f"Linux {os.uname().release} has no {missing.option}, which came with {since}")


@contextmanager
def old_enough_for(message: type) -> Iterator[None]:
    """The same for a control message: a kernel that does not have it answers EINVAL."""
    since = next(kind.since for kind in CONTROL_KINDS if kind.value is message)
    try:
        yield
    except OSError as refusal:
        if refusal.errno != errno.EINVAL or numbers(os.uname().release) >= numbers(since):
            raise
        pytest.skip(f"Linux {os.uname().release} has no {message.__name__}, which came with {since}")


def mptcp() -> Socket:
    """A socket for Multipath TCP, where the kernel was built with it."""
    try:
        return Socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    except OSError as refusal:
        if refusal.errno not in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT):
            raise
        pytest.skip("this kernel has no Multipath TCP")
