"""SO_RCVBUFFORCE: SO_RCVBUF without its maximum, for the privileged."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import initially
from conformance.plugin.properties import integers
from conformance.plugin.refusal import refused
from conformance.plugin.setups.options import read_back_on_udp
from libsocket import SO_RCVBUF, SO_RCVBUFFORCE, Socket
from netns import Capability, Namespace, initial_sysctl, only, without

DOES_WHAT_RCVBUF_DOES = claim(
    "socket.7/SO_RCVBUFFORCE/does-what-rcvbuf-does",
    sentence=("libsocket/rcvbufforce/overrides", "socket.7/SO_RCVBUFFORCE/overrides"),
    section="Socket options",
    says="On a UDP socket SO_RCVBUFFORCE stores, as SO_RCVBUF does, twice the size asked for, up to 2^30-1, "
    "and never less than what 0 gives.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
)


def forced(size: int) -> int:
    """Set the receive buffer of a fresh UDP socket, whatever the maximum, and read it back."""
    with Socket.udp() as sock:
        sock.rcvbufforce = size
        return sock.rcvbuf


@claim(
    "socket.7/SO_RCVBUFFORCE/exceeds-maximum",
    sentence=(
        "libsocket/rcvbufforce/overrides",
        "socket.7/SO_RCVBUFFORCE/overrides",
        "capabilities.7/CAP_NET_ADMIN/so-rcvbufforce",
    ),
    section="Socket options",
    says="With CAP_NET_ADMIN in the initial user namespace the receive buffer of a UDP socket can be set "
    "beyond net.core.rmem_max.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_goes_beyond_the_maximum(ns, observe):
    maximum = int(initial_sysctl("net.core.rmem_max"))
    with only(Capability.NET_ADMIN):
        cut, whole = read_back_on_udp(SO_RCVBUF, maximum + 1), forced(maximum + 1)

        assert observe("by_rcvbuf_and_rcvbufforce", [cut, whole]) == [2 * maximum, 2 * (maximum + 1)]


@DOES_WHAT_RCVBUF_DOES
@integers(25, asked=((0, 2**30 - 1), (0, 8192)))
def test_any_size_is_doubled_and_raised(asked):
    with Namespace():
        assert forced(asked) == max(2 * asked, read_back_on_udp(SO_RCVBUF, 0))


@DOES_WHAT_RCVBUF_DOES
def test_sizes_at_the_limits_are_doubled_and_raised(ns, observe):
    minimum = read_back_on_udp(SO_RCVBUF, 0)
    sizes = [0, max(minimum // 2 - 1, 0), minimum // 2, minimum // 2 + 1, 2**30 - 1]

    assert observe("stored", [forced(size) for size in sizes]) == [
        minimum,
        minimum,
        minimum,
        minimum + 2,
        2**31 - 2,
    ]


@claim(
    "socket.7/SO_RCVBUFFORCE/needs-net-admin",
    sentence=(
        "libsocket/rcvbufforce/overrides",
        "socket.7/SO_RCVBUFFORCE/overrides",
        "capabilities.7/CAP_NET_ADMIN/so-rcvbufforce",
    ),
    section="Socket options",
    says="SO_RCVBUFFORCE on a UDP socket is refused to a process that has every capability but CAP_NET_ADMIN "
    "in the initial user namespace.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_is_refused_without_net_admin(ns, observe):
    with Socket.udp() as sock:
        with only(Capability.NET_ADMIN):
            sock.rcvbufforce = 10_000
        with without(Capability.NET_ADMIN), refused():
            sock.rcvbufforce = 20_000

        assert observe("rcvbuf", sock.rcvbuf) == 2 * 10_000


@claim(
    "socket.7/SO_RCVBUFFORCE/readable",
    sentence=("socket.7/options/all-sockets", "socket.7/SO_RCVBUFFORCE/overrides"),
    section="Socket options",
    says="SO_RCVBUFFORCE, an option of the socket level, can be read on a UDP socket on which it was set.",
    since="2.6.14",
    needs=[initially(Capability.NET_ADMIN)],
    expect=differs(
        "it can only be set; SO_RCVBUF reads what was",
        since="2.6.14",
        commit="b0573dea1fb3",
        observed={"errno": "ENOPROTOOPT", "rcvbuf": 20_000},
    ),
)
def test_reads_back(ns, observe):
    with Socket.udp() as sock:
        sock.rcvbufforce = 10_000
        observe("rcvbuf", sock.rcvbuf)

        assert observe("rcvbufforce", sock.get(SO_RCVBUFFORCE)) == 20_000
