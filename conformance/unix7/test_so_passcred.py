"""SO_PASSCRED: whose credentials come."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket, Ucred

ABSTRACT_NAME = 6
"""The bytes of a name that the kernel chooses: a zero and five digits."""


def listen_if_it_can(sock: Socket) -> None:
    """Listen, unless it is a datagram socket, which need not."""
    with suppress(OSError):
        sock.listen()


def overflow(kind: str) -> int:
    """The number that stands for a user or group that has none here."""
    return int(Path(f"/proc/sys/kernel/overflow{kind}").read_text())


@claim(
    "unix.7/SO_PASSCRED/each-message-received-later",
    sentence=("unix.7/SO_PASSCRED/each-message", "unix.7/SO_PASSCRED/default"),
    section="Socket options",
    says="What a UNIX stream receives after SO_PASSCRED was set comes with the sender's pid, user and "
    "group, also if it was sent before.",
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


@claim(
    "unix.7/SO_PASSCRED/boolean",
    sentence=("unix.7/SO_PASSCRED/boolean", "unix.7/options/level"),
    section="Socket options",
    says="SO_PASSCRED of a UNIX stream, datagram or seqpacket socket is an int of level SOL_SOCKET, 0 at "
    "first, and a flag: any value but 0 sets it, and it reads 1 then.",
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
@pytest.mark.parametrize("value", [1, 2, -1, 256])
def test_it_is_a_flag(ns, observe, kind, value):
    with SOCKETS[kind]() as sock:
        new = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, value)
        on = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)

        assert observe(
            "new_on_and_off", [new, on, sock.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED)]
        ) == [0, 1, 0]


@claim(
    "unix.7/SO_PASSCRED/autobind-when-set",
    sentence="unix.7/SO_PASSCRED/autobind",
    section="Socket options",
    says="A UNIX stream, datagram or seqpacket socket that is neither bound nor connected has a name in the "
    "abstract namespace once SO_PASSCRED is set.",
    expect=differs(
        "it has none until it is connected or sends; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"on_and_name": [True, 0]},
    ),
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
def test_setting_it_gives_a_name(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        sock.passcred = True

        assert observe("on_and_name", [sock.passcred, len(sock.getsockname())]) == [True, ABSTRACT_NAME]


@claim(
    "unix.7/SO_PASSCRED/autobind-when-connected",
    sentence="unix.7/SO_PASSCRED/autobind",
    section="Socket options",
    says="connect(2) gives an unbound UNIX stream, datagram or seqpacket socket that has SO_PASSCRED a name "
    "in the abstract namespace, and one without SO_PASSCRED none.",
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
def test_connecting_gives_it_a_name(ns, observe, kind):
    with SOCKETS[kind]() as target, SOCKETS[kind]() as without, SOCKETS[kind]() as sock:
        target.bind("")
        listen_if_it_can(target)
        without.connect(target.getsockname())
        sock.passcred = True
        sock.connect(target.getsockname())
        names = [without.getpeername(), without.getsockname(), sock.getsockname()]

        assert observe("peer_without_and_with", list(map(len, names))) == [ABSTRACT_NAME, 0, ABSTRACT_NAME]
