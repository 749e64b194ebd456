"""SO_DEBUG where documents are silent: clearing, user namespaces."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import USER_NAMESPACE, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.options import read_back_on_udp, set_on_udp
from libsocket import SO_DEBUG, SO_MARK, Socket
from netns import Capability, in_user_namespace, only


@claim(
    "defacto/SO_DEBUG/clearing-free",
    says="Clearing SO_DEBUG on a UDP socket takes no capability, where setting it does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_clearing_takes_no_capability(ns, observe):
    with Socket.udp() as sock:
        sock.debug = True
        before = sock.debug
        with only():
            sock.debug = False
            with refused(errno.EACCES):
                sock.debug = True

        assert observe("set_and_cleared", [before, sock.debug]) == [True, False]


@claim(
    "defacto/SO_DEBUG/first-user-namespace",
    says="CAP_NET_ADMIN in the user namespace that owns the network namespace is not enough for SO_DEBUG: "
    "EACCES.",
    since="2.6.39",
    commit="3486740a4f32",
    needs=[initially(Capability.NET_ADMIN), USER_NAMESPACE],
)
def test_root_of_another_user_namespace_is_refused(ns, observe):
    mark = in_user_namespace(lambda: read_back_on_udp(SO_MARK, 7))
    debug = read_back_on_udp(SO_DEBUG, True)
    with refused(errno.EACCES):
        in_user_namespace(lambda: set_on_udp(SO_DEBUG, True))

    assert observe("mark_there_and_debug_here", [mark, debug]) == [7, True]
