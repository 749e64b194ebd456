"""SO_MARK: a number on every packet sent, for routing and filtering."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import ROUTING_RULES, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.marks import cutting_all_but
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, only


@claim(
    "socket.7/SO_MARK/on-every-packet",
    sentence=("libsocket/mark/packets", "socket.7/SO_MARK/packets"),
    section="Socket options",
    says="Every packet that a UDP socket sends carries the mark it was given.",
    since="2.6.25",
    needs=[Capability.NET_ADMIN],
)
def test_every_packet_carries_the_mark(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.attach_filter = cutting_all_but(mark=7)
        sender.send(b"before")
        sender.mark = 7
        sender.send(b"first")
        sender.send(b"second")

        received = [receiver.recv(20).decode() for _ in range(3)]
        assert observe("received", received) == ["b", "first", "second"]


@claim(
    "socket.7/SO_MARK/filters-packets",
    sentence=("libsocket/mark/routing", "socket.7/SO_MARK/routing"),
    section="Socket options",
    says="UDP packets over loopback can be filtered by the mark that their socket has when it sends them.",
    since="2.6.25",
    needs=[Capability.NET_ADMIN],
)
def test_a_filter_tells_packets_by_their_mark(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.attach_filter = cutting_all_but(mark=7)
        sender.mark = 7
        sender.send(b"first")
        sender.mark = 8
        sender.send(b"of another mark")
        sender.mark = 7
        sender.send(b"second")

        received = [receiver.recv(20).decode() for _ in range(3)]
        assert observe("received", received) == ["first", "o", "second"]


@claim(
    "socket.7/SO_MARK/routes-packets",
    sentence=("libsocket/mark/routing", "socket.7/SO_MARK/routing"),
    section="Socket options",
    says="Changing the mark of a UDP socket sends its packets by another routing table, without netfilter.",
    since="2.6.25",
    needs=[Capability.NET_ADMIN, VETH, ROUTING_RULES],
)
def test_the_mark_chooses_the_route(peers, observe):
    peers.right.namespace.add_address("lo", "198.51.100.1/32")
    peers.left.namespace.add_route(
        "198.51.100.0/24", via=peers.right.address, dev=peers.left.device, table=100
    )
    peers.left.namespace.add_rule(fwmark=7, table=100)
    with peers.left.entered():
        sender = Socket.udp()
    with peers.right.entered():
        receiver = Socket.udp()
    with sender, receiver:
        receiver.rcvtimeo = 5
        receiver.bind(("198.51.100.1", 0))
        with refused():
            sender.sendto(b"without a mark", receiver.getsockname())
        sender.mark = 7
        sender.sendto(b"with mark 7", receiver.getsockname())

        assert observe("received", receiver.recv(20).decode()) == "with mark 7"


@claim(
    "socket.7/SO_MARK/net-raw-refused",
    sentence=("socket.7/SO_MARK/privilege", "capabilities.7/CAP_NET_ADMIN/so-mark"),
    section="Socket options",
    says="CAP_NET_RAW alone is not enough to set the mark of a UDP socket.",
    since="2.6.25",
    until="5.17",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW],
    survives={"no-op: setsockopt(*SO_MARK*": "a kernel that refuses nothing ends the test before its answer"},
)
def test_net_raw_alone_is_refused(ns, observe):
    with Socket.udp() as sock:
        sock.mark = 7
        with only(Capability.NET_RAW), refused():
            sock.mark = 8

        assert observe("mark", sock.mark) == 7
