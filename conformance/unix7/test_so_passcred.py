"""SO_PASSCRED: whose credentials come."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from libsocket import Socket, Ucred


def overflow(kind: str) -> int:
    """The number that stands for a user or group that has none here."""
    return int(Path(f"/proc/sys/kernel/overflow{kind}").read_text())


@claim(
    "unix.7/SO_PASSCRED/each-message-received-later",
    sentence=("unix.7/SO_PASSCRED/each-message", "unix.7/SO_PASSCRED/default"),
    section="Socket options",
    says="What a UNIX stream receives after SO_PASSCRED was set comes with the sender's pid, user and group, "
    "also if it was sent before.",
    expect=differs(
        "what was sent while neither end had the option carries no credentials: it comes with pid 0 and the "
        "overflow user and group",
        since="3.7",
        commit="dbe9a4173ea5",
        observed={"of_nobody": True, "of_the_sender": False},
    ),
)
def test_what_was_sent_before_comes_from_its_sender(ns, observe):
    left, right = Socket.pair()
    with left, right:
        left.send(b"sent before")
        right.passcred = True
        credentials = control_messages(right, Ucred)
        observe("of_nobody", credentials == [Ucred(0, overflow("uid"), overflow("gid"))])

        assert observe("of_the_sender", credentials == [Ucred(os.getpid(), os.getuid(), os.getgid())]) is True
