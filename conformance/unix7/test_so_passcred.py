"""SO_PASSCRED: whose credentials come."""

from __future__ import annotations

import os
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.processes import overflow_id
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket, Ucred


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
        observe("of_nobody", credentials == [Ucred(0, overflow_id("uid"), overflow_id("gid"))])

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
