"""IPV6_RECVPATHMTU, where a router knows the MTU; and IPV6_PATHMTU."""

from __future__ import annotations

import errno
from socket import MSG_DONTWAIT

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.ipv6 import address6, queued_error, udp6, udp6_across
from conformance.plugin.setups.readiness import await_error
from libsocket import IPV6_PATHMTU, Ip6Mtuinfo

HEADERS = 48
"""The sizes of an IPv6 header and one of UDP."""


@claim(
    "defacto/IPV6_RECVPATHMTU/router",
    says="With IPV6_RECVPATHMTU, IPV6_DONTFRAG and IPV6_RECVERR a UDP socket receives the MTU that a router "
    "reported as a control message IPV6_PATHMTU only once it tried to send a byte more again, which fails "
    "with EMSGSIZE.",
    since="2.6.35",
    commit="4b340ae20d0e",
    needs=[IPV6, VETH],
)
def test_the_mtu_of_a_router_is_received_later(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with udp6_across(routed) as (sender, receiver):
        sender.ipv6_dontfrag = sender.ipv6_recvpathmtu = sender.ipv6_recverr = True
        sender.send(bytes(1301 - HEADERS))
        await_error(sender)
        reported = queued_error(sender).info
        with refused(errno.EAGAIN, "errno_before"):
            sender.recv(100, MSG_DONTWAIT)
        with refused(errno.EMSGSIZE):
            sender.send(bytes(1301 - HEADERS))
        queued_error(sender)
        [info] = control_messages(sender, Ip6Mtuinfo, flags=MSG_DONTWAIT)
        sender.send(bytes(1300 - HEADERS))

        assert [
            observe("reported", reported),
            observe("received", [info.addr, info.mtu]),
            observe("fitting", len(receiver.recv(2000))),
        ] == [1300, [address6(routed.right), 1300], 1300 - HEADERS]


@claim(
    "defacto/IPV6_PATHMTU/value",
    says="IPV6_PATHMTU of a connected UDP socket of IPv6 reads as the MTU of the path, as far as that is "
    "known, with the address ::. On one that is not connected it cannot be read (ENOTCONN).",
    since="2.6.35",
    commit="793b14731686",
    needs=[IPV6, VETH],
)
def test_the_mtu_of_the_path_is_read(routed, observe):
    routed.router_right.namespace.set_link(routed.router_right.device, mtu=1300)
    with udp6_across(routed) as (sender, _), udp6() as unconnected:
        with refused(errno.ENOTCONN):
            unconnected.get(IPV6_PATHMTU)
        before = sender.get(IPV6_PATHMTU)
        sender.send(bytes(1301 - HEADERS))
        await_error(sender)
        after = sender.get(IPV6_PATHMTU)

        assert observe("before_and_after", [before.mtu, after.mtu, after.addr]) == [1500, 1300, "::"]
