"""SO_PASSSEC: the security label of who sent a message."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import PASSSEC
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import INT, SO_PASSSEC


@claim(
    "unix.7/SO_PASSSEC/boolean",
    sentence=("unix.7/SO_PASSSEC/boolean", "unix.7/options/level"),
    section="Socket options",
    says="SO_PASSSEC of a UNIX stream, datagram or seqpacket socket is an int and a flag, 0 at first: any "
    "value but 0 sets it, and it reads 1 then.",
    needs=[PASSSEC],
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
@pytest.mark.parametrize("value", [1, 2, -1, 256])
def test_it_is_a_flag(ns, observe, kind, value):
    with SOCKETS[kind]() as sock:
        new = sock.get(SO_PASSSEC.through(INT))
        sock.set(SO_PASSSEC.through(INT), value)
        on = sock.get(SO_PASSSEC.through(INT))
        sock.set(SO_PASSSEC.through(INT), 0)

        assert observe("new_on_and_off", [new, on, sock.get(SO_PASSSEC.through(INT))]) == [0, 1, 0]
