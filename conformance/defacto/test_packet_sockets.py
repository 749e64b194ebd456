"""Packet sockets where packet(7) is silent: the old type, interfaces that go, what is refused."""

from __future__ import annotations

import errno
import select
import socket
import sys
from socket import SOCK_DGRAM, SOCK_RAW

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import EGRESS, IPV6_TUNNEL, PACKET_DIAG, VETH, link, proc_net, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import NOWHERE, answer, option_got, option_set
from conformance.plugin.setups.firewall import drop_all_that_leaves
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER, waiting_frames
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.netlink_taps import add_tunnel
from conformance.plugin.setups.packet_senders import (
    SOCK_PACKET,
    bound_sender,
    claiming,
    device_of,
    family_of,
    old_address,
    old_name,
    own_addresses,
    remove_link,
    sent_until_refused,
)
from conformance.plugin.setups.packet_sockets import (
    ETH_P_ALL,
    LOOPBACK,
    SOMEBODY,
    TO_GROUP,
    frame,
    hardware_groups,
    name_of,
    packet_socket,
)
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.places import send_from
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.rings import ring_request
from conformance.plugin.setups.socket_dumps import memberships_shown
from conformance.plugin.setups.states import names
from conformance.plugin.timing import SOON
from libsocket import (
    IpMreqn,
    Mark,
    Other,
    Packet,
    PacketMembership,
    PacketMreq,
    Socket,
    TpacketReq,
)
from netns import Capability, only

OLD = "1da177e4c3f4"
NEEDS = (Capability.NET_RAW,)
LATER = {"no-op: close(*": "what was seen does not change later"}
WIRE = (Capability.NET_RAW, VETH)
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_FANOUT, PACKET_HDRLEN = 263, 1, 5, 18, 11
PACKET_MR_UNICAST = PacketMembership.UNICAST
RING = TpacketReq(4096, 1, 1024, 4)
VLAN = 0x8100
TAG = b"\x81\x00\x00\x07"
"""An 802.1Q tag of VLAN 7."""
GROUP = 0x0001_0007
"""Group 7 of PACKET_FANOUT_LB, as the option has it."""
SLOW = {"rate": "100kbit", "burst": 2000, "limit": 1_000_000}
"""Settings of a token bucket that lets the first frame go at once, and holds the rest."""
TYPES = pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_DGRAM], ids=["raw", "dgram"])
ALL_TYPES = pytest.mark.parametrize(
    "type_", [SOCK_RAW, SOCK_DGRAM, SOCK_PACKET], ids=["raw", "dgram", "packet"]
)


def address_for(type_: int, device: str = "lo") -> Other | Packet:
    """An address by which a packet socket of a type sends by an interface."""
    return (
        old_address(device)
        if type_ == SOCK_PACKET
        else Packet(socket.if_nametoindex(device), EXPERIMENTAL, address=SOMEBODY)
    )


def content(type_: int, data: bytes) -> bytes:
    """What a packet socket of a type sends for some data."""
    return data if type_ == SOCK_DGRAM else frame(data)


def send_times(sock: Socket, data: bytes, count: int) -> None:
    """Send the same several times."""
    for _ in range(count):
        sock.send(data)


@claim(
    "defacto/SOCK_PACKET/bound-by-name",
    says="A packet socket of SOCK_PACKET is bound to an interface by its name in a struct sockaddr, also one "
    "of 14 characters that fills it without a zero byte, and receives by that interface alone then; "
    "getsockname(2) gives the name, of a longer one the first 13 characters at least, and before, none.",
    since="2.6.12",
    commit=OLD,
    needs=WIRE,
)
@pytest.mark.parametrize("name", ["left", "left0123456789"], ids=["short", "full"])
def test_the_old_type_is_bound_by_name(ns, observe, name):
    ns.add_veth(name, "right")
    ns.set_link(name, up=True)
    ns.set_link("right", up=True)
    with packet_socket(None, SOCK_PACKET) as sock, packet_socket(protocol=0) as sender:
        before = device_of(sock)
        sock.bind(old_name(name))
        sender.sendto(frame(b"elsewhere"), Packet(LOOPBACK, EXPERIMENTAL))
        sender.sendto(frame(b"here"), Packet(socket.if_nametoindex("right"), EXPERIMENTAL))

        found = [before, device_of(sock)[:13], sock.recv(100)[HEADER:].decode()]
        assert observe("before_bound_received", found) == ["", name[:13], "here"]


@claim(
    "defacto/SOCK_PACKET/bind-refused",
    says="bind(2) of a packet socket of SOCK_PACKET to the name of no interface fails with ENODEV, and with "
    "fifteen bytes or seventeen, one more or fewer than a struct sockaddr has, with EINVAL; with sixteen it "
    "is bound to loopback.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("name", "length", "error"),
    [("nowhere", 16, errno.ENODEV), ("lo", 15, errno.EINVAL), ("lo", 17, errno.EINVAL)],
    ids=["nowhere", "short", "long"],
)
def test_a_wrong_name_is_refused(ns, observe, name, length, error):
    with packet_socket(None, SOCK_PACKET) as sock:
        with refused(error):
            sock.bind(old_address(name.ljust(length - 2, "\0"), length=length))
        sock.bind(old_name("lo"))

        assert observe("bound_to", device_of(sock)) == "lo"


@claim(
    "defacto/SOCK_PACKET/no-peer",
    says="getpeername(2) of a packet socket of SOCK_PACKET fails with EOPNOTSUPP, as of SOCK_RAW and "
    "SOCK_DGRAM; getsockname(2) gives an address of AF_PACKET.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
@ALL_TYPES
def test_there_is_no_peer(ns, observe, type_):
    with packet_socket(None, type_) as sock:
        with refused(errno.EOPNOTSUPP):
            sock.getpeername()

        assert observe("family", family_of(sock)) == socket.AF_PACKET


@claim(
    "defacto/SOCK_PACKET/send-refused",
    says="A send on a packet socket of SOCK_PACKET to an address of fifteen bytes, fewer than a struct "
    "sockaddr has, fails with EINVAL; to one of sixteen the frame is sent.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
def test_a_short_address_of_the_old_type_is_refused(ns, observe):
    with packet_socket(protocol=ETH_P_ALL) as receiver, packet_socket(None, SOCK_PACKET, 0) as sender:
        with refused(errno.EINVAL):
            sender.sendto(frame(b"short"), old_address("lo", length=15))
        sender.sendto(frame(b"whole"), old_address("lo", length=16))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "whole"


@claim(
    "defacto/SOCK_PACKET/too-short",
    says="A send on a packet socket of SOCK_PACKET by loopback of thirteen bytes, fewer than an Ethernet "
    "header has, or of none fails with EINVAL; a header of fourteen without data is sent.",
    since="4.11",
    commit="217e6fa24ce2",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [13, 0])
def test_a_short_frame_of_the_old_type_is_refused(ns, observe, size):
    with packet_socket(protocol=ETH_P_ALL) as receiver, packet_socket(None, SOCK_PACKET, 0) as sender:
        with refused(errno.EINVAL):
            sender.sendto(frame(b"")[:size], old_address("lo"))
        sender.sendto(frame(b""), old_address("lo"))

        assert observe("received", len(receiver.recv(100))) == 14


@claim(
    "defacto/SOCK_PACKET/too-long",
    says="A send on a packet socket of SOCK_PACKET of more than the MTU beside the Ethernet header, 1501 "
    "bytes on a wire, fails with EMSGSIZE, and so does one of 1505 with an 802.1Q tag; 1500, and 1504 with a "
    "tag, are sent.",
    since="2.6.39",
    commit="57f89bfa2140",
    needs=WIRE,
)
@pytest.mark.parametrize(
    ("tag", "protocol"),
    [(b"", EXPERIMENTAL), (TAG[2:] + EXPERIMENTAL.to_bytes(2, "big"), VLAN)],
    ids=["untagged", "tagged"],
)
def test_a_long_frame_of_the_old_type_is_refused(peers, observe, tag, protocol):
    with packet_socket(peers.right) as receiver, packet_socket(peers.left, SOCK_PACKET, 0) as sender:
        with refused(errno.EMSGSIZE):
            sender.sendto(frame(tag + bytes(1501), protocol=protocol), old_address(peers.left.device))
        sent = sender.sendto(frame(tag + bytes(1500), protocol=protocol), old_address(peers.left.device))

        # A tag is taken out of what is received.
        received = len(receiver.recv(2000))
        assert observe("sent_and_received", [sent, received]) == [HEADER + len(tag) + 1500, HEADER + 1500]


@claim(
    "defacto/packet_socket/not-up",
    says="A send on a packet socket of SOCK_PACKET by an interface that is not up fails with ENETDOWN, and "
    "succeeds once it is.",
    since="2.6.12",
    commit=OLD,
    needs=WIRE,
)
def test_an_interface_that_is_not_up_sends_nothing(ns, observe):
    ns.add_veth("left", "right")
    ns.set_link("right", up=True)
    with packet_socket() as receiver, packet_socket(None, SOCK_PACKET, 0) as sender:
        with refused(errno.ENETDOWN):
            sender.sendto(frame(b"down"), old_address("left"))
        ns.set_link("left", up=True)
        sender.sendto(frame(b"up"), old_address("left"))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "up"


@claim(
    "defacto/SO_NOFCS/packet",
    says="With SO_NOFCS a send on a packet socket, of SOCK_RAW, SOCK_DGRAM or SOCK_PACKET, by loopback, "
    "which cannot leave out a checksum, fails with EPROTONOSUPPORT; without it a frame is sent.",
    since="3.4",
    commit="3bdc0eba0b8b",
    needs=NEEDS,
)
@ALL_TYPES
def test_no_checksum_is_left_out(ns, observe, type_):
    with packet_socket() as receiver, packet_socket(None, type_, 0) as sender:
        sender.nofcs = True
        with refused(errno.EPROTONOSUPPORT):
            sender.sendto(content(type_, b"without"), address_for(type_))
        sender.nofcs = False
        sender.sendto(content(type_, b"with"), address_for(type_))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "with"


@claim(
    "defacto/SO_MARK/packet-message",
    says="A send on a packet socket, of SOCK_RAW, SOCK_DGRAM or SOCK_PACKET, with SO_MARK as a control "
    "message fails with EPERM without a capability, and succeeds with CAP_NET_ADMIN alone.",
    since="4.7",
    commit="c14ac9451c34",
    needs=[*NEEDS, Capability.NET_ADMIN],
)
@ALL_TYPES
def test_a_mark_takes_a_capability(ns, observe, type_):
    with packet_socket() as receiver, packet_socket(None, type_, 0) as sender:
        with only(), refused(errno.EPERM):
            sender.send_message(content(type_, b"without"), Mark(5), address=address_for(type_))
        with only(Capability.NET_ADMIN):
            sender.send_message(content(type_, b"with"), Mark(5), address=address_for(type_))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "with"


@claim(
    "defacto/PACKET_VNET_HDR/no-memory",
    says="With PACKET_VNET_HDR a send on a packet socket of SOCK_RAW of what is where there is no memory "
    "fails with EFAULT.",
    since="2.6.34",
    commit="bfd5f4a3d605",
    needs=NEEDS,
)
def test_there_is_nothing_to_send(ns, observe):
    with packet_socket() as receiver, packet_socket(protocol=0) as sender:
        sender.bind(Packet(LOOPBACK, 0))
        sender.packet_vnet_hdr = True
        with refused(errno.EFAULT):
            send_from(sender, NOWHERE, 100)
        sender.send(bytes(10) + frame(b"there"))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "there"


@claim(
    "defacto/packet_socket/send-buffer-full",
    sentence="packet.7/errors/enobufs",
    says="When what waits in the queueing discipline fills the send buffer of a packet socket a send with "
    "MSG_DONTWAIT fails with EAGAIN on SOCK_RAW and SOCK_DGRAM, and with ENOBUFS on SOCK_PACKET, with "
    "MSG_DONTWAIT or without; some were sent before.",
    since="2.6.12",
    commit=OLD,
    needs=[*WIRE, qdisc("tbf")],
)
@pytest.mark.parametrize(
    ("type_", "flags", "error"),
    [
        (SOCK_RAW, socket.MSG_DONTWAIT, "EAGAIN"),
        (SOCK_DGRAM, socket.MSG_DONTWAIT, "EAGAIN"),
        (SOCK_PACKET, 0, "ENOBUFS"),
        (SOCK_PACKET, socket.MSG_DONTWAIT, "ENOBUFS"),
    ],
    ids=["raw", "dgram", "packet", "packet-dontwait"],
)
def test_a_full_send_buffer_is_told(peers, observe, type_, flags, error):
    left = peers.left
    left.namespace.add_qdisc(left.device, "tbf", handle="1:", **SLOW)
    with packet_socket(left, type_, 0) as sender, left.entered():
        sender.sndbuf = 0
        count, met = sent_until_refused(
            sender, content(type_, bytes(1000)), address_for(type_, left.device), flags
        )

        assert observe("a_few_and_errno", [1 < count < 10, met]) == [True, error]


@claim(
    "defacto/packet_socket/too-short-for-its-address",
    says="A send on a packet socket of SOCK_RAW or SOCK_DGRAM fails with EINVAL to a struct sockaddr_ll "
    "whose sll_halen says that the address has nine bytes, one more than are given; with eight it is sent.",
    since="2.6.12",
    commit=OLD,
    needs=NEEDS,
)
@TYPES
def test_an_address_is_whole(ns, observe, type_):
    address = Packet(LOOPBACK, EXPERIMENTAL, address=bytes(8))
    with packet_socket() as receiver, packet_socket(None, type_, 0) as sender:
        with refused(errno.EINVAL):
            sender.sendto(content(type_, b"short"), claiming(address, 9))
        sender.sendto(content(type_, b"whole"), claiming(address, 8))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "whole"


@claim(
    "defacto/packet_socket/tag-not-on-loopback",
    says="A frame with an 802.1Q tag may not be longer than others on loopback, which is no Ethernet: with "
    "an MTU of 1500 one of 1501 bytes beside its header fails with EMSGSIZE, of SOCK_RAW and of SOCK_PACKET.",
    since="2.6.39",
    commit="57f89bfa2140",
    needs=NEEDS,
)
@pytest.mark.parametrize("type_", [SOCK_RAW, SOCK_PACKET], ids=["raw", "packet"])
def test_a_tag_does_not_count_on_loopback(ns, observe, type_):
    ns.set_link("lo", mtu=1500)
    with packet_socket(None, type_, 0) as sender:
        with refused(errno.EMSGSIZE):
            sender.sendto(frame(TAG[2:] + bytes(1499), protocol=VLAN), address_for(type_))
        sent = sender.sendto(frame(TAG[2:] + bytes(1498), protocol=VLAN), address_for(type_))

        assert observe("sent", sent) == HEADER + 1500


@claim(
    "defacto/packet_socket/multicast-loop",
    sentence="if_packet.h/sll_pkttype/invisible",
    says="The copy of a multicast datagram that its host receives itself comes to no packet socket on the "
    "interface, of SOCK_RAW, SOCK_DGRAM or SOCK_PACKET, with the protocol ETH_P_IP; what comes by the wire "
    "does.",
    since="2.6.12",
    commit=OLD,
    needs=WIRE,
    survives=LATER,
)
@ALL_TYPES
def test_a_looped_datagram_is_not_seen(peers, observe, type_):
    left = peers.left
    with (
        left.entered(),
        packet_socket(None, type_, ETH_P_IP) as seen,
        Socket.udp() as own,
        Socket.udp() as sender,
    ):
        own.rcvtimeo = SOON
        own.bind(("0.0.0.0", 4321))
        own.ip_add_membership = IpMreqn("239.1.1.1", left.address)
        sender.ip_multicast_if = IpMreqn(address=left.address)
        sender.sendto(b"looped", ("239.1.1.1", 4321))
        looped = own.recv(100).decode()
        with peers.right.entered(), Socket.udp() as other:
            other.sendto(b"by wire", (left.address, 4321))
        own.recv(100)
        carried = seen.recv(2000)

        assert observe("looped_and_seen", [looped, carried[-7:].decode()]) == ["looped", "by wire"]


@claim(
    "defacto/SOCK_PACKET/receive-buffer-full",
    says="Frames for which the receive buffer of a packet socket of SOCK_PACKET has no room are lost, and "
    "counted: with those that are received they are all of a hundred.",
    since="4.12",
    commit="a2d133b1d465",
    needs=NEEDS,
)
def test_what_finds_no_room_is_counted(ns, observe):
    with (
        packet_socket() as witness,  # the older of the two gets each frame later
        packet_socket(None, SOCK_PACKET) as sock,
        packet_socket(protocol=0) as sender,
    ):
        sock.rcvbuf = 0
        sender.bind(Packet(LOOPBACK, 0))
        send_times(sender, frame(bytes(100)), 100)
        sizes = {len(witness.recv(200)) for _ in range(100)}
        dropped = sock.meminfo.drops
        received = len(waiting_frames(sock))

        found = [[*sizes], dropped > 0, received > 0, dropped + received]
        assert observe("sizes_some_lost_and_all", found) == [[HEADER + 100], True, True, 100]


@claim(
    "defacto/PACKET_ORIGDEV/lower",
    says="With PACKET_ORIGDEV sll_ifindex of a frame that comes to a packet socket of SOCK_RAW on a macvlan "
    "is the number of the interface below it, by which it came, and without it that of the macvlan.",
    since="2.6.22",
    commit="80feaacb8a64",
    needs=[*WIRE, link("macvlan")],
    survives={"no-op: setsockopt(*PACKET_ORIGDEV, ?0?*": "it is off at first"},
)
@pytest.mark.parametrize("origdev", [False, True])
def test_the_interface_below_is_told(peers, observe, origdev):
    right = peers.right
    right.namespace.add_macvlan("upper", right.device)
    right.namespace.set_link("upper", up=True)
    with right.entered(), packet_socket() as sock, bound_sender(peers.left) as sender:
        numbers = [socket.if_nametoindex("upper"), socket.if_nametoindex(right.device)]
        sock.bind(Packet(numbers[0], EXPERIMENTAL))
        sock.packet_origdev = origdev
        sender.send(frame(b"hello", to=name_of(sock).address))
        data, address = sock.recvfrom(100)

        found = [data[HEADER:].decode(), numbers.index(socket.if_nametoindex(address[0]))]
        assert observe("data_and_which", found) == ["hello", int(origdev)]


@claim(
    "defacto/PACKET_MR_UNICAST/taken",
    says="From PACKET_ADD_MEMBERSHIP with PACKET_MR_UNICAST of a packet socket of SOCK_RAW until "
    "PACKET_DROP_MEMBERSHIP mr_address is among the addresses of which its wire takes frames.",
    since="2.6.31",
    commit="d95ed9275edc",
    needs=WIRE,
    survives=LATER,
)
def test_a_membership_takes_an_address(peers, observe):
    wish = PacketMreq(index_of(peers.right), PACKET_MR_UNICAST, SOMEBODY)
    with packet_socket(peers.right) as sock:
        found = [own_addresses(peers.right).count(SOMEBODY.hex())]
        sock.packet_add_membership = wish
        found.append(own_addresses(peers.right).count(SOMEBODY.hex()))
        sock.packet_drop_membership = wish
        found.append(own_addresses(peers.right).count(SOMEBODY.hex()))

        assert observe("before_during_after", found) == [0, 1, 0]


@claim(
    "defacto/PACKET_MR_UNICAST/length",
    says="PACKET_ADD_MEMBERSHIP with PACKET_MR_UNICAST of a packet socket of SOCK_RAW takes an address of "
    "the six bytes of Ethernet, and refuses one of five or seven with EINVAL.",
    since="2.6.34",
    commit="1162563f82b4",
    needs=WIRE,
    survives=LATER,
)
@pytest.mark.parametrize("length", [5, 7])
def test_an_address_has_six_bytes(peers, observe, length):
    with packet_socket(peers.right) as sock:
        with refused(errno.EINVAL):
            sock.packet_add_membership = PacketMreq(
                index_of(peers.right), PACKET_MR_UNICAST, (SOMEBODY + b"\0")[:length]
            )
        before = own_addresses(peers.right).count(SOMEBODY.hex())
        sock.packet_add_membership = PacketMreq(index_of(peers.right), PACKET_MR_UNICAST, SOMEBODY)

        found = [before, own_addresses(peers.right).count(SOMEBODY.hex())]
        assert observe("before_and_after", found) == [0, 1]


@claim(
    "defacto/PACKET_FANOUT/no-memory",
    says="PACKET_FANOUT of a packet socket of SOCK_RAW from where there is no memory fails with EFAULT; from "
    "memory it joins a group.",
    since="3.1",
    commit="dc99f600698d",
    needs=NEEDS,
)
def test_a_group_needs_memory(ns, observe):
    with packet_socket() as sock:
        with refused(errno.EFAULT):
            option_set(sock.fileno(), (SOL_PACKET, PACKET_FANOUT), NOWHERE, 4)
        before = option_got(sock.fileno(), (SOL_PACKET, PACKET_FANOUT)).hex()
        option_set(sock.fileno(), (SOL_PACKET, PACKET_FANOUT), GROUP.to_bytes(4, sys.byteorder))

        found = [
            before,
            int.from_bytes(option_got(sock.fileno(), (SOL_PACKET, PACKET_FANOUT)), sys.byteorder),
        ]
        assert observe("before_and_after", found) == ["00000000", GROUP]


@claim(
    "defacto/PACKET_RX_RING/no-memory",
    says="PACKET_RX_RING of a packet socket of SOCK_RAW from where there is no memory is refused, of "
    "TPACKET_V1 and of TPACKET_V3; from memory a ring is made.",
    since="3.2",
    commit="f6fb8f100b80",
    needs=NEEDS,
    survives={"no-op: setsockopt(*PACKET_VERSION, ?0?*": "the first version is the default"},
)
@pytest.mark.parametrize(("version", "size"), [(0, 16), (2, 28)])
def test_a_ring_needs_memory(ns, observe, version, size):
    with packet_socket() as sock:
        sock.packet_version = version
        with refused():
            option_set(sock.fileno(), (SOL_PACKET, PACKET_RX_RING), NOWHERE, size)
        option_set(sock.fileno(), (SOL_PACKET, PACKET_RX_RING), ring_request(size))
        with refused(errno.EBUSY, "errno_of_second"):
            option_set(sock.fileno(), (SOL_PACKET, PACKET_RX_RING), ring_request(size))

        assert observe("version", sock.packet_version) == version


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/longer",
    says="PACKET_ADD_MEMBERSHIP of a packet socket of SOCK_RAW takes the first forty bytes of fifty, an "
    "address of up to 32 bytes, and joins the group in them; from where there is no memory it fails with "
    "EFAULT.",
    since="2.6.14",
    commit="0fb375fb9b93",
    needs=[*WIRE, proc_net("dev_mcast")],
)
def test_more_bytes_are_taken(peers, observe):
    request = index_of(peers.right).to_bytes(4, sys.byteorder) + b"\0\0\6\0" + TO_GROUP + bytes(36)
    with packet_socket(peers.right) as sock:
        with refused(errno.EFAULT):
            option_set(sock.fileno(), (SOL_PACKET, PACKET_ADD_MEMBERSHIP), NOWHERE, len(request))
        before = hardware_groups(peers.right)
        option_set(sock.fileno(), (SOL_PACKET, PACKET_ADD_MEMBERSHIP), request)

        found = [len(request), before, hardware_groups(peers.right)]
        assert observe("size_before_after", found) == [50, [], [TO_GROUP.hex()]]


@claim(
    "defacto/PACKET_ADD_MEMBERSHIP/interface-removed",
    says="When an interface is removed PACKET_DROP_MEMBERSHIP of the membership of a packet socket of "
    "SOCK_RAW on it is no error, and then the socket has none on it; that on another interface stays.",
    since="2.6.12",
    commit=OLD,
    needs=[*WIRE, PACKET_DIAG],
    survives={**LATER, "no-op: setsockopt(*DROP_MEMBERSHIP*": "newer kernels have removed it already"},
)
def test_a_membership_of_a_removed_interface_is_dropped(ns, observe):
    ns.add_veth("left", "right")
    with packet_socket() as sock:
        gone = PacketMreq(socket.if_nametoindex("left"), PacketMembership.MULTICAST, TO_GROUP)
        sock.packet_add_membership = PacketMreq(LOOPBACK, PacketMembership.PROMISC)
        sock.packet_add_membership = gone
        before = len(memberships_shown(sock))
        remove_link("left")
        sock.packet_drop_membership = gone

        found = [before, [one[0] for one in memberships_shown(sock)]]
        assert observe("before_and_dropped", found) == [2, [LOOPBACK]]


@claim(
    "defacto/packet_socket/interface-removed",
    says="When the interface that a packet socket of SOCK_RAW is bound to, which is up, is removed poll(2) "
    "reports POLLERR, SO_ERROR is ENETDOWN, once, getsockname(2) gives the interface -1, and a send without "
    "an address fails with ENXIO.",
    since="2.6.12",
    commit=OLD,
    needs=WIRE,
    survives=LATER,
)
def test_the_interface_is_removed(ns, observe):
    ns.add_veth("left", "right")
    ns.set_link("left", up=True)
    with packet_socket() as sock:
        sock.bind(Packet(socket.if_nametoindex("left"), EXPERIMENTAL))
        before = names(polled(sock, select.POLLIN))
        remove_link("left")
        events = names(polled(sock, select.POLLIN))
        errors = [sock.error, sock.error]
        with refused(errno.ENXIO):
            sock.send(frame(b"hello"))

        found = [before, events, errors, name_of(sock).ifindex]
        assert observe("before_events_errors_interface", found) == [
            [],
            ["ERR"],
            [errno.ENETDOWN, 0],
            -1,
        ]


@claim(
    "defacto/PACKET_VNET_HDR/header-refused",
    says="With PACKET_VNET_HDR a send on a packet socket of SOCK_RAW fails with EINVAL whose struct "
    "virtio_net_hdr says that the headers are longer than the frame, or has a gso_type that there is not, 9; "
    "with as many bytes as the frame has, and 0, it is sent.",
    since="2.6.34",
    commit="bfd5f4a3d605",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "header",
    [b"\0\0" + (20).to_bytes(2, sys.byteorder) + bytes(6), b"\0\x09" + bytes(8)],
    ids=["hdr_len", "gso_type"],
)
def test_a_wrong_header_is_refused(ns, observe, header):
    right = b"\0\0" + (19).to_bytes(2, sys.byteorder) + bytes(6)
    with packet_socket() as receiver, packet_socket(protocol=0) as sender:
        sender.bind(Packet(LOOPBACK, 0))
        sender.packet_vnet_hdr = True
        with refused(errno.EINVAL):
            sender.send(header + frame(b"wrong"))
        sender.send(right + frame(b"right"))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "right"


@claim(
    "defacto/PACKET_VNET_HDR_SZ/twelve",
    says="With a PACKET_VNET_HDR_SZ of 12 a frame that is sent on a packet socket of SOCK_RAW begins after "
    "twelve bytes, and one that is received has twelve before it.",
    since="6.4",
    commit="dfc39d4026fb",
    needs=NEEDS,
)
def test_a_header_of_twelve_bytes(ns, observe):
    with packet_socket() as receiver, packet_socket(protocol=0) as sender:
        sender.bind(Packet(LOOPBACK, 0))
        receiver.packet_vnet_hdr_sz = sender.packet_vnet_hdr_sz = 12
        sent = sender.send(bytes(12) + frame(b"hello"))

        found = [sent, receiver.recv(100).hex()]
        assert observe("sent_and_received", found) == [31, (bytes(12) + frame(b"hello")).hex()]


@claim(
    "defacto/PACKET_VNET_HDR/ring",
    says="While a packet socket of SOCK_RAW has a receive ring PACKET_VNET_HDR is refused with EBUSY, and "
    "PACKET_TX_HAS_OFF stays off, whether setting it fails or not; without a ring both are set.",
    since="3.8",
    commit="5920cd3a41f1",
    needs=NEEDS,
    survives={"no-op: setsockopt(*TX_HAS_OFF*": "that it has no effect is what it says"},
)
def test_a_ring_keeps_them(ns, observe):
    with packet_socket() as sock:
        sock.packet_rx_ring = RING
        with refused(errno.EBUSY):
            sock.packet_vnet_hdr = True
        answer(lambda: sock.set(Socket.packet_tx_has_off, True))
        found = [sock.packet_vnet_hdr, sock.packet_tx_has_off]
        sock.packet_rx_ring = TpacketReq(0, 0, 0, 0)
        sock.packet_vnet_hdr = sock.packet_tx_has_off = True

        found += [sock.packet_vnet_hdr, sock.packet_tx_has_off]
        assert observe("with_and_without", found) == [False, False, True, True]


@claim(
    "defacto/PACKET_HDRLEN/room",
    says="Reading PACKET_HDRLEN of a packet socket of SOCK_RAW with room for fewer than four bytes, or none, "
    "fails with EINVAL; with room for five it gives four.",
    since="4.12",
    commit="fd2c83b35752",
    needs=NEEDS,
)
@pytest.mark.parametrize("room", [0, 3])
def test_a_version_needs_room(ns, observe, room):
    with packet_socket() as sock:
        with refused(errno.EINVAL):
            option_got(sock.fileno(), (SOL_PACKET, PACKET_HDRLEN), room)

        assert observe("given", len(option_got(sock.fileno(), (SOL_PACKET, PACKET_HDRLEN), 5))) == 4


@claim(
    "defacto/PACKET_QDISC_BYPASS/egress",
    says="A chain of nftables at the hook egress drops what a packet socket of SOCK_RAW sends by its "
    "interface, with PACKET_QDISC_BYPASS too: send(2) fails with ENOBUFS, and succeeds by another interface.",
    since="5.16",
    commit="0d7308c0ff5f",
    needs=[*WIRE, EGRESS],
    survives={"no-op: setsockopt(*QDISC_BYPASS*": "without it the chain drops as well"},
)
@pytest.mark.parametrize("bypass", [False, True])
def test_a_chain_drops_what_is_sent(peers, observe, bypass):
    with peers.left.entered():
        drop_all_that_leaves(peers.left.device)
    with packet_socket(peers.left) as receiver, packet_socket(peers.left, SOCK_RAW, 0) as sender:
        sender.packet_qdisc_bypass = bypass
        with refused(errno.ENOBUFS):
            sender.sendto(frame(b"dropped"), Packet(index_of(peers.left), EXPERIMENTAL))
        sender.sendto(frame(b"sent"), Packet(LOOPBACK, EXPERIMENTAL))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "sent"


@claim(
    "defacto/packet_socket/long-addresses",
    says="A send on a packet socket of SOCK_DGRAM by an interface whose addresses have sixteen bytes, an "
    "IPv6 tunnel, fails with EINVAL to a struct sockaddr_ll of twenty bytes, in which they do not fit; to "
    "one of 28, as the tunnel is not up, with ENETDOWN. SOCK_RAW does not look at the address: ENETDOWN.",
    since="5.1",
    commit="486efdc8f6ce",
    needs=[*NEEDS, IPV6_TUNNEL],
)
@pytest.mark.parametrize(
    ("type_", "length", "error"),
    [(SOCK_DGRAM, 20, errno.EINVAL), (SOCK_DGRAM, 28, errno.ENETDOWN), (SOCK_RAW, 20, errno.ENETDOWN)],
    ids=["short", "whole", "raw"],
)
def test_an_address_has_room_for_a_long_one(ns, observe, type_, length, error):
    address = Packet(add_tunnel("tunnel"), EXPERIMENTAL).raw.ljust(length, b"\0")
    with packet_socket() as receiver, packet_socket(None, type_, 0) as sender:
        with refused(error):
            sender.sendto(content(type_, b"tunnel"), Other(socket.AF_PACKET, address[2:]))
        sender.sendto(content(type_, b"loopback"), address_for(type_))

        assert observe("received", receiver.recv(100)[HEADER:].decode()) == "loopback"
