"""SO_DEBUG: tracing a socket, for the privileged."""

from __future__ import annotations

import os

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY, initially
from conformance.plugin.refusal import refused
from libsocket import SO_DEBUG, Socket
from netns import Capability, as_user, only


def debugging_user(sock: Socket) -> int:
    """Switch debugging on; the user that did."""
    sock.debug = True
    return os.geteuid()


@claim(
    "socket.7/SO_DEBUG/net-admin-suffices",
    sentence=(
        "libsocket/debug/enables",
        "libsocket/debug/privilege",
        "socket.7/SO_DEBUG/enables",
        "socket.7/SO_DEBUG/privilege",
        "capabilities.7/CAP_NET_ADMIN/so-debug",
    ),
    section="Socket options",
    says="CAP_NET_ADMIN in the initial user namespace is enough to switch debugging of a UDP socket on, "
    "whoever the user is.",
    needs=[initially(Capability.NET_ADMIN), ANOTHER_USER],
)
def test_net_admin_suffices(ns, observe):
    with Socket.udp() as sock:
        user = as_user(NOBODY, lambda: debugging_user(sock), [Capability.NET_ADMIN])

        assert observe("user_and_debug", [user, sock.debug]) == [NOBODY, True]


@claim(
    "socket.7/SO_DEBUG/euid-0-suffices",
    sentence=(
        "libsocket/debug/privilege",
        "socket.7/SO_DEBUG/privilege",
        "capabilities.7/CAP_NET_ADMIN/so-debug",
    ),
    section="Socket options",
    says="The effective user id 0 is enough to switch debugging of a UDP socket on, without any capability.",
    needs=[initially(Capability.NET_ADMIN)],
    expect=differs(
        "only the capability counts, not the user. So since before the kernel's git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"euid": 0, "errno": "EACCES"},
    ),
)
def test_user_0_suffices(ns, observe):
    euid = observe("euid", os.geteuid())
    with Socket.udp() as sock:
        with only():
            sock.debug = True

        assert [euid, observe("debug", sock.debug)] == [0, True]


@claim(
    "socket.7/SO_DEBUG/refused-without-either",
    sentence=("libsocket/debug/privilege", "socket.7/SO_DEBUG/privilege"),
    section="Socket options",
    says="A process that has neither CAP_NET_ADMIN nor the effective user id 0 cannot switch debugging "
    "of a UDP socket on.",
    needs=[initially(Capability.NET_ADMIN), ANOTHER_USER],
)
def test_an_ordinary_user_is_refused(ns, observe):
    with Socket.udp() as sock, Socket.udp() as other:
        other.debug = True
        with refused():
            as_user(NOBODY, lambda: sock.set(SO_DEBUG, True))

        assert observe("debug", [sock.debug, other.debug]) == [False, True]
