"""SO_MARK as the Socket reference has it; socket(7) has since learnt of CAP_NET_RAW."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from libsocket import Socket
from netns import Capability, without


@claim(
    "libsocket/SO_MARK/net-admin-required",
    sentence="libsocket/mark/privilege",
    section="Socket::set_mark",
    says="Setting a mark on a UDP socket takes CAP_NET_ADMIN; no other capability stands in for it, "
    "CAP_NET_RAW neither.",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW],
    expect=differs(
        "CAP_NET_RAW does as well",
        since="5.17",
        commit="079925cce1d0",
        observed={"errno": None, "mark_without_net_admin": 8},
    ),
)
def test_net_admin_is_required(ns, observe):
    with Socket.udp() as sock:
        with without(Capability.NET_ADMIN), refused():
            sock.mark = 8
            observe("mark_without_net_admin", sock.mark)
        sock.mark = 7

        assert observe("mark_with_net_admin", sock.mark) == 7
