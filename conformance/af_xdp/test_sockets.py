"""How a socket of AF_XDP is made and bound."""

from __future__ import annotations

import errno
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import XDP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.xdp import (
    AF_XDP,
    RINGS,
    SOL_XDP,
    XDP_COPY,
    XDP_USE_NEED_WAKEUP,
    XDP_ZEROCOPY,
    Xsk,
    address,
    has_umem,
    is_bound,
    two_queues,
    xdp_frame,
    xdp_socket,
    zero_copy,
)
from libsocket import Socket
from netns import Capability, without

NEEDS: Final = (XDP,)
LOOPBACK: Final = 1


@claim(
    "af_xdp/socket/created",
    sentence="af_xdp/overview/socket",
    section="Overview",
    says="socket(2) makes a socket of AF_XDP, of the type SOCK_RAW and the protocol 0.",
    needs=NEEDS,
)
def test_a_socket_is_made(ns, observe):
    with Socket(AF_XDP, socket.SOCK_RAW, 0) as sock:
        made = [int(sock.domain), sock.type, sock.protocol]

        assert observe("domain_type_protocol", made) == [AF_XDP, socket.SOCK_RAW, 0]


@claim(
    "defacto/AF_XDP/raw-alone",
    says="A socket of AF_XDP of another type than SOCK_RAW, such as SOCK_DGRAM, SOCK_STREAM and "
    "SOCK_SEQPACKET, is refused with ESOCKTNOSUPPORT.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_other_types_are_refused(ns, observe, kind):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_XDP, kind)
    with Socket(AF_XDP, socket.SOCK_RAW) as sock:
        assert observe("type", sock.type) == socket.SOCK_RAW


@claim(
    "defacto/AF_XDP/no-protocol",
    says="A socket of AF_XDP of a protocol other than 0 is refused with EPROTONOSUPPORT.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
def test_protocols_are_refused(ns, observe):
    with refused(errno.EPROTONOSUPPORT):
        Socket(AF_XDP, socket.SOCK_RAW, 1)
    with Socket(AF_XDP, socket.SOCK_RAW, 0) as sock:
        assert observe("protocol", sock.protocol) == 0


@claim(
    "defacto/AF_XDP/capability",
    says="To make a socket of AF_XDP without CAP_NET_RAW is refused with EPERM.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
def test_it_takes_a_capability(ns, observe):
    with without(Capability.NET_RAW), refused(errno.EPERM):
        xdp_socket()
    with xdp_socket() as sock:
        assert observe("domain", int(sock.domain)) == AF_XDP


@claim(
    "af_xdp/ring-options/one-of-two",
    sentence=(
        "af_xdp/overview/one-ring",
        "af_xdp/rings/each-socket",
        "af_xdp/ring-options/one-of-two",
        "af_xdp/ring-options/both-or-one",
    ),
    section="XDP_{RX|TX|UMEM_FILL|UMEM_COMPLETION}_RING setsockopts",
    says="A socket of AF_XDP with an RX ring alone, a TX ring alone, or both can be bound, and one with "
    "neither cannot.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("rx", "tx"), [(4, 0), (0, 4), (4, 4)])
def test_one_of_two_rings_is_mandatory(ns, observe, rx, tx):
    with Xsk(rx=0, tx=0) as sock:
        with refused():
            sock.bind("lo")
        sock.add_rings(rx=rx, tx=tx)
        sock.bind("lo")

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "af_xdp/ring-options/fill-completion",
    sentence="af_xdp/ring-options/fill-completion",
    section="XDP_{RX|TX|UMEM_FILL|UMEM_COMPLETION}_RING setsockopts",
    says="A socket of AF_XDP with a UMEM of its own cannot be bound without a FILL ring, nor without a "
    "COMPLETION ring, even one that only sends or receives. With both it is bound.",
    needs=NEEDS,
)
@pytest.mark.parametrize("data", [{"tx": 0}, {"rx": 0}, {}], ids=["rx", "tx", "both"])
@pytest.mark.parametrize("lacking", [{"fill": 0}, {"completion": 0}], ids=["fill", "completion"])
def test_fill_and_completion_ring_are_mandatory(ns, observe, data, lacking):
    with Xsk(**data, **lacking) as sock:
        with refused():
            sock.bind("lo")
        sock.add_rings(**dict.fromkeys(lacking, 4))
        sock.bind("lo")

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/rings-missing-errno",
    says="bind(2) of a socket of AF_XDP that has neither RX nor TX ring, or no FILL ring, or no COMPLETION "
    "ring, or no UMEM, fails with EINVAL. Once it has that too it succeeds.",
    since="4.18",
    commit="965a99098443",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("lacking", "add"),
    [
        ({"rx": 0, "tx": 0}, lambda sock: sock.add_rings(rx=4, tx=4)),
        ({"fill": 0}, lambda sock: sock.add_rings(fill=4)),
        ({"completion": 0}, lambda sock: sock.add_rings(completion=4)),
        ({"register": False}, lambda sock: sock.memory.register(sock.sock)),
    ],
    ids=["rx and tx", "fill", "completion", "umem"],
)
def test_what_is_missing_is_invalid(ns, observe, lacking, add):
    with Xsk(**lacking) as sock:
        with refused(errno.EINVAL):
            sock.bind("lo")
        add(sock)
        sock.bind("lo")

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "af_xdp/bind/queue",
    sentence=("af_xdp/overview/bind", "af_xdp/UMEM/netdev", "af_xdp/UMEM/bound"),
    section="Overview",
    says="bind(2) binds a socket of AF_XDP and its UMEM to an interface and one of its queues: a second "
    "socket with a UMEM of its own is refused that queue, and not the next one.",
    needs=NEEDS,
)
def test_a_queue_has_one_umem(ns, observe):
    with two_queues(ns) as device, Xsk() as first, Xsk() as second:
        first.bind(device, 0)
        with refused():
            second.bind(device, 0)
        second.bind(device, 1)

        assert observe("bound", is_bound(second.sock)) is True


@claim(
    "defacto/AF_XDP/queue-taken-errno",
    says="bind(2) of a socket of AF_XDP to a queue to which another with a UMEM of its own is bound fails "
    "with EBUSY.",
    since="4.20",
    commit="c9b47cc1fabc",
    needs=NEEDS,
)
def test_a_queue_that_is_taken_is_busy(ns, observe):
    with two_queues(ns) as device, Xsk() as first, Xsk() as second:
        first.bind(device, 0)
        with refused(errno.EBUSY):
            second.bind(device, 0)
        second.bind(device, 1)

        assert observe("bound", is_bound(second.sock)) is True


@claim(
    "defacto/AF_XDP/queue-range",
    says="bind(2) of a socket of AF_XDP to a queue that its interface does not have fails with EINVAL: of "
    "two queues 1 is the last.",
    since="4.18",
    commit="965a99098443",
    needs=NEEDS,
)
def test_a_queue_must_be_there(ns, observe):
    with two_queues(ns) as device, Xsk() as sock:
        with refused(errno.EINVAL):
            sock.bind(device, 2)
        sock.bind(device, 1)

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/no-such-interface",
    says="bind(2) of a socket of AF_XDP to an interface that does not exist in its network namespace fails "
    "with ENODEV.",
    since="4.18",
    commit="965a99098443",
    needs=NEEDS,
)
def test_an_interface_must_be_there(ns, observe):
    with Xsk() as sock:
        with refused(errno.ENODEV):
            sock.sock.bind(address(999))
        sock.sock.bind(address(LOOPBACK, flags=XDP_COPY))

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/bound-twice",
    says="To bind a socket of AF_XDP again, even to another queue, fails with EBUSY.",
    since="4.18",
    commit="965a99098443",
    needs=NEEDS,
)
def test_it_is_bound_once(ns, observe):
    with two_queues(ns) as device, Xsk() as sock, Xsk() as another:
        sock.bind(device, 0)
        with refused(errno.EBUSY):
            sock.bind(device, 1)
        another.bind(device, 1)

        assert observe("bound", is_bound(another.sock)) is True


@claim(
    "defacto/AF_XDP/unknown-bind-flags",
    says="bind(2) of a socket of AF_XDP with a bit in sxdp_flags that has no meaning fails with EINVAL.",
    since="5.4",
    commit="77cd0d7b3f25",
    needs=NEEDS,
)
def test_unknown_flags_are_invalid(ns, observe):
    with Xsk() as sock:
        with refused(errno.EINVAL):
            sock.bind("lo", flags=XDP_COPY | 1 << 15)
        sock.bind("lo", flags=XDP_COPY)

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/short-address",
    says="bind(2) of a socket of AF_XDP with an address that is a byte shorter than struct sockaddr_xdp, "
    "which has 16, fails with EINVAL.",
    since="4.18",
    commit="965a99098443",
    needs=NEEDS,
)
def test_the_address_must_be_whole(ns, observe):
    with Xsk() as sock:
        whole = address(LOOPBACK, flags=XDP_COPY)
        with refused(errno.EINVAL):
            sock.sock.bind(whole._replace(value=whole.value[:-1]))
        sock.sock.bind(whole)

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/bound-for-good",
    says="Once a socket of AF_XDP is bound, to make another ring, or to register a UMEM, fails with EBUSY.",
    since="5.3",
    commit="455302d1c9ae",
    needs=NEEDS,
)
@pytest.mark.parametrize("ring", ["tx", "fill", "completion"])
def test_a_bound_socket_has_what_it_has(ns, observe, ring):
    option = RINGS[ring][0]
    with Xsk(tx=0) as sock, Xsk(register=False, tx=0, fill=0, completion=0) as unbound:
        sock.bind("lo")
        with refused(errno.EBUSY):
            sock.sock.setsockopt(SOL_XDP, option, 4)
        with refused(errno.EBUSY, "errno_of_umem"):
            sock.memory.register(sock.sock)
        unbound.sock.setsockopt(SOL_XDP, option, 4)
        with refused(errno.EINVAL, "errno_of_another"):
            unbound.sock.setsockopt(SOL_XDP, option, 4)
        unbound.memory.register(unbound.sock)

        seen = [is_bound(sock.sock), is_bound(unbound.sock), has_umem(unbound.sock)]
        assert observe("bound_unbound_and_umem", seen) == [True, False, True]


@claim(
    "af_xdp/XDP_COPY/forced",
    sentence=("af_xdp/XDP_COPY/forced", "af_xdp/XDP_OPTIONS/gets", "af_xdp/XDP_OPTIONS/zerocopy"),
    section="XDP_COPY and XDP_ZEROCOPY bind flags",
    says="With the flag XDP_COPY bind(2) puts a socket of AF_XDP into copy mode: XDP_OPTIONS tells no "
    "XDP_OPTIONS_ZEROCOPY.",
    needs=NEEDS,
    survives={"zeros: getsockopt(*": "no zero-copy is 0"},
)
@pytest.mark.parametrize("flags", [XDP_COPY, XDP_COPY | XDP_USE_NEED_WAKEUP])
def test_copy_mode_is_forced(peers, observe, flags):
    with peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device, flags=flags)

        assert observe("bound_and_zero_copy", [is_bound(sock.sock), zero_copy(sock.sock)]) == [True, 0]


@claim(
    "af_xdp/XDP_COPY/falls-back",
    sentence="af_xdp/XDP_COPY/falls-back",
    section="XDP_COPY and XDP_ZEROCOPY bind flags",
    says="Without a flag for a mode bind(2) puts a socket of AF_XDP into copy mode where the interface, as "
    "that of a veth pair, has no zero-copy: XDP_OPTIONS tells no XDP_OPTIONS_ZEROCOPY, and a frame is sent.",
    needs=NEEDS,
)
def test_it_falls_back_to_copy_mode(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device, flags=0)
        sock.prepare(xdp_frame(b"sent"))
        sock.wake()

        seen = [zero_copy(sock.sock), receiver.recv(100)[14:].decode()]
        assert observe("zero_copy_and_received", seen) == [0, "sent"]


@claim(
    "af_xdp/XDP_ZEROCOPY/forced-or-fails",
    sentence="af_xdp/XDP_ZEROCOPY/forced-or-fails",
    section="XDP_COPY and XDP_ZEROCOPY bind flags",
    says="With the flag XDP_ZEROCOPY bind(2) of a socket of AF_XDP fails where the interface, as that of a "
    "veth pair, has no zero-copy. Without the flag the same socket is bound to it.",
    needs=NEEDS,
)
def test_zero_copy_is_forced_or_fails(peers, observe):
    with peers.left.entered(), Xsk() as sock:
        with refused():
            sock.bind(peers.left.device, flags=XDP_ZEROCOPY)
        sock.bind(peers.left.device, flags=0)

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/zero-copy-errno",
    says="bind(2) of a socket of AF_XDP with XDP_ZEROCOPY to the interface of a veth pair, which has no "
    "zero-copy, fails with EOPNOTSUPP.",
    since="5.10",
    commit="1c1efc2af158",
    needs=NEEDS,
)
def test_zero_copy_is_not_supported(peers, observe):
    with peers.left.entered(), Xsk() as sock:
        with refused(errno.EOPNOTSUPP):
            sock.bind(peers.left.device, flags=XDP_ZEROCOPY)
        sock.bind(peers.left.device, flags=XDP_COPY)

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "defacto/AF_XDP/both-modes",
    says="bind(2) of a socket of AF_XDP with both XDP_COPY and XDP_ZEROCOPY fails with EINVAL.",
    since="5.10",
    commit="1c1efc2af158",
    needs=NEEDS,
)
def test_both_modes_are_invalid(ns, observe):
    with Xsk() as sock:
        with refused(errno.EINVAL):
            sock.bind("lo", flags=XDP_COPY | XDP_ZEROCOPY)
        sock.bind("lo", flags=XDP_COPY)

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "af_xdp/SO_BINDTODEVICE/refused",
    sentence=("af_xdp/SO_BINDTODEVICE/ties", "af_xdp/SO_BINDTODEVICE/refused"),
    section="SO_BINDTODEVICE setsockopt",
    says="A socket of AF_XDP that is tied to an interface with SO_BINDTODEVICE cannot be bound to another "
    "one, and can be bound to that one.",
    since="6.5",
    backports=("5.10.188", "5.15.121", "6.1.39"),
    commit="f7306acec9aa",
    needs=NEEDS,
)
def test_another_interface_is_refused(ns, observe):
    with two_queues(ns) as device, Xsk() as sock:
        sock.sock.bindtodevice = device
        with refused():
            sock.bind("lo")
        sock.bind(device)

        index = socket.if_nametoindex(device)
        assert observe("bound", [sock.sock.bindtodevice, is_bound(sock.sock, index)]) == [device, True]


@claim(
    "af_xdp/SO_BINDTODEVICE/capability",
    sentence="af_xdp/SO_BINDTODEVICE/capability",
    section="SO_BINDTODEVICE setsockopt",
    says="To change SO_BINDTODEVICE of a socket of AF_XDP that is tied to an interface takes CAP_NET_RAW.",
    needs=NEEDS,
)
def test_to_change_it_takes_a_capability(ns, observe):
    with two_queues(ns) as device, xdp_socket() as sock:
        sock.bindtodevice = device
        with without(Capability.NET_RAW), refused():
            sock.bindtodevice = "lo"
        kept = sock.bindtodevice
        sock.bindtodevice = "lo"

        assert observe("kept_and_changed", [kept, sock.bindtodevice]) == [device, "lo"]


@claim(
    "af_xdp/SO_BINDTODEVICE/first-capability",
    sentence="af_xdp/SO_BINDTODEVICE/capability",
    section="SO_BINDTODEVICE setsockopt",
    says="To set SO_BINDTODEVICE of a socket of AF_XDP that is not tied to an interface, which updates no "
    "value, takes no capability. To clear it then takes CAP_NET_RAW.",
    since="5.7",
    commit="c427bfec18f2",
    needs=NEEDS,
)
def test_to_set_it_takes_no_capability(ns, observe):
    with xdp_socket() as sock:
        with without(Capability.NET_RAW):
            sock.bindtodevice = "lo"
            with refused():
                sock.bindtodevice = ""
        kept = sock.bindtodevice
        sock.bindtodevice = ""

        assert observe("kept_and_cleared", [kept, sock.bindtodevice]) == ["lo", ""]


@claim(
    "defacto/AF_XDP/own-namespace",
    says="A socket of AF_XDP is bound to an interface of the network namespace it was made in, also while "
    "its thread is in another that has an interface of the same index.",
    since="4.18",
    commit="965a99098443",
    needs=NEEDS,
)
def test_its_own_namespace_counts(peers, observe):
    receiver = packet_socket(peers.right)
    with peers.left.entered():
        sock, index = Xsk(), socket.if_nametoindex(peers.left.device)
    with receiver, sock:
        with peers.right.entered():
            sock.sock.bind(address(index, flags=XDP_COPY))
        sock.prepare(xdp_frame(b"by the left"))
        sock.wake()

        assert observe("received", receiver.recv(100)[14:].decode()) == "by the left"


@claim(
    "defacto/AF_XDP/removed-interface",
    says="When the interface to which a socket of AF_XDP is bound is removed, the socket has the error "
    "ENETDOWN, and to send on it, which succeeded before, fails with ENXIO.",
    since="5.3",
    commit="455302d1c9ae",
    needs=NEEDS,
)
def test_a_removed_interface_is_an_error(ns, observe):
    with two_queues(ns) as device, Xsk() as sock:
        sock.bind(device)
        before = [sock.sock.error, sock.sent_from(xdp_frame(b"sent"), 0)]
        with ns.iproute() as netlink:
            netlink.link("del", ifname=device)
        after = errno.errorcode[sock.sock.error]
        with refused(errno.ENXIO):
            sock.wake()

        assert observe("before_and_after", [*before, after]) == [0, 1, "ENETDOWN"]
