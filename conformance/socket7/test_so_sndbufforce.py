"""SO_SNDBUFFORCE: SO_SNDBUF without its maximum, for the privileged."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.integers import integers
from conformance.plugin.needs import initially
from conformance.plugin.refusal import refused
from libsocket import Socket
from netns import Capability, Namespace, initial_sysctl, only, without


@claim(
    "socket.7/SO_SNDBUFFORCE/exceeds-maximum",
    sentence="libsocket/sndbufforce/overrides",
    section="Socket options",
    says="With CAP_NET_ADMIN the send buffer can be set beyond wmem_max.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_goes_beyond_the_maximum(ns, observe):
    maximum = int(initial_sysctl("net.core.wmem_max"))
    with Socket.udp() as sock:
        sock.sndbufforce = maximum + 1000

        assert observe("beyond_maximum", sock.sndbuf - 2 * maximum) == 2 * 1000


@claim(
    "socket.7/SO_SNDBUFFORCE/does-what-sndbuf-does",
    sentence="libsocket/sndbufforce/overrides",
    section="Socket options",
    says="It sets the send buffer as SO_SNDBUF does: doubled, and never below the minimum.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
)
@integers(25, asked=((0, 2**30 - 1), (0, 8192)))
def test_any_size_is_doubled_and_raised(asked):
    with Namespace(), Socket.udp() as sock:
        sock.sndbuf = 0
        minimum = sock.sndbuf
        sock.sndbufforce = asked

        assert sock.sndbuf == max(2 * asked, minimum)


@claim(
    "socket.7/SO_SNDBUFFORCE/needs-net-admin",
    sentence="libsocket/sndbufforce/overrides",
    section="Socket options",
    says="Only CAP_NET_ADMIN allows it: alone it suffices, and every other capability is refused with EPERM.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_is_refused_without_net_admin(ns, observe):
    with Socket.udp() as sock:
        with only(Capability.NET_ADMIN):
            sock.sndbufforce = 10_000
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            sock.sndbufforce = 20_000

        assert observe("sndbuf", sock.sndbuf) == 2 * 10_000
