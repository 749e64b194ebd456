"""How options and values show themselves, and what is exported."""

from __future__ import annotations

import libsocket
from libsocket import Linger, Socket, Ucred


def test_option_introduces_itself() -> None:
    shown = repr(Socket.mark)

    assert (
        shown
        == "<Option SO_MARK: int, get and set, needs CAP_NET_ADMIN, since Linux 2.6.25; socket(7), SO_MARK>"
    )


def test_values_introduce_themselves() -> None:
    shown = (repr(Linger(True, 5)), repr(Ucred(1, 0, 0)))

    assert shown == ("Linger(onoff=True, seconds=5)", "Ucred(pid=1, uid=0, gid=0)")


def test_everything_public_is_exported_once() -> None:
    assert len(set(libsocket.__all__)) == len(libsocket.__all__)
