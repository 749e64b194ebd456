"""Datagrams: no connection, no promise, and an address when one is needed."""

from __future__ import annotations

import errno
import select
from socket import IPPROTO_UDP, MSG_DONTWAIT, inet_aton

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import (
    UDP_HEADER,
    Datagram,
    checked,
    datagram,
    internet_sum,
    pseudo_header,
)
from conformance.plugin.setups.pairs import received_until, udp_across
from conformance.plugin.setups.udp import received, udp_flow, udp_receiver, udp_socket
from conformance.plugin.timing import SOON
from libsocket import MessageFlag, Other, Socket
from netns import Capability

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
PORT_RANGE = "net.ipv4.ip_local_port_range"
ANY = {"127.0.0.1": "0.0.0.0", "::1": "::"}


def verified(packet: bytes) -> int:
    """The sum by which a UDP datagram is verified, where an IPv4 packet without options carries it."""
    whole = packet[20:]
    return internet_sum(pseudo_header(packet[12:16], packet[16:20], len(whole), protocol=IPPROTO_UDP) + whole)


def send_by_others(address: tuple[str, int]) -> None:
    """Eight datagrams of as many sockets: which member of a group gets one depends on its source."""
    for _ in range(8):
        with udp_socket(address[0]) as sender:
            sender.sendto(b"of another", address)


@claim(
    "udp.7/DESCRIPTION/unreliable",
    sentence="udp.7/DESCRIPTION/unreliable",
    section="DESCRIPTION",
    says="A datagram, over IPv4 and IPv6, for which the receiver's buffer has no room is lost, though the "
    "send succeeds.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(("host", "header"), [("127.0.0.1", 20), ("::1", 0)])
def test_what_does_not_fit_is_lost(ns, observe, host, header):
    with udp_flow(host) as (sender, receiver), Socket.raw(IPPROTO_UDP, sender.family) as seen:
        seen.rcvtimeo = SOON
        receiver.rcvbuf = 1
        sender.send(bytes(4000))
        sender.send(b"lost")
        sizes = [len(receiver.recv(5000))]
        sender.send(b"after")
        sizes.append(len(receiver.recv(5000)))
        sent = [len(seen.recv(5000)) - header - UDP_HEADER for _ in range(3)]

        assert [observe("sent", sent), observe("received", sizes)] == [[4000, 4, 5], [4000, 5]]


@claim(
    "udp.7/DESCRIPTION/duplicated",
    sentence="udp.7/DESCRIPTION/reordered",
    section="DESCRIPTION",
    says="A datagram that the network duplicates is received twice.",
    needs=[VETH, qdisc("netem")],
)
def test_a_datagram_may_come_twice(peers, observe):
    peers.left.namespace.add_netem(peers.left.device, duplicate=100)
    with udp_across(peers) as (sender, receiver):
        sender.sendto(b"once", (peers.right.address, receiver.getsockname()[1]))

        assert observe("received", received(receiver, 2)) == ["once", "once"]


@claim(
    "udp.7/DESCRIPTION/checksum-made",
    sentence="udp.7/DESCRIPTION/checksums",
    section="DESCRIPTION",
    says="A datagram over IPv4 that is sent in two pieces, the first with MSG_MORE, has a valid checksum.",
    needs=[Capability.NET_RAW],
)
def test_a_datagram_has_a_checksum(ns, observe):
    with udp_flow() as (sender, _), Socket.raw(IPPROTO_UDP) as seen:
        seen.rcvtimeo = SOON
        sender.send(b"ab", MessageFlag.MORE)
        sender.send(b"cd")
        packet = seen.recv(100)

        assert [
            observe("data", datagram(packet).data.decode()),
            observe("has_one", datagram(packet).checksum != 0),
            observe("sum", hex(verified(packet))),
        ] == ["abcd", True, "0xffff"]


@claim(
    "udp.7/DESCRIPTION/checksum-verified",
    sentence="udp.7/DESCRIPTION/checksums",
    section="DESCRIPTION",
    says="A datagram over IPv4 with a wrong checksum is not received, one with the right checksum is.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("wrong", [1, 0x8000])
def test_a_wrong_checksum_is_noticed(ns, observe, wrong):
    with udp_receiver() as receiver, Socket.raw(IPPROTO_UDP) as sender:
        address = receiver.getsockname()
        damaged = checked(("127.0.0.1", 9), address, b"wrong")
        sender.sendto(bytes(Datagram(9, address[1], b"wrong", damaged.checksum ^ wrong)), ("127.0.0.1", 0))
        sender.sendto(bytes(checked(("127.0.0.1", 9), address, b"right")), ("127.0.0.1", 0))
        first = datagram(sender.recv(100)).data.decode()

        assert [observe("sent_first", first), observe("received", receiver.recv(9).decode())] == [
            "wrong",
            "right",
        ]


@claim(
    "udp.7/DESCRIPTION/checksum-covers-addresses",
    sentence="udp.7/DESCRIPTION/checksums",
    section="DESCRIPTION",
    says="The checksum of a datagram over IPv4 is of its addresses too: with that of another source it is "
    "not received.",
    needs=[Capability.NET_RAW],
)
def test_the_checksum_is_of_the_addresses_too(ns, observe):
    with udp_receiver() as receiver, Socket.raw(IPPROTO_UDP) as sender:
        address = receiver.getsockname()
        sender.sendto(bytes(checked(("127.0.0.2", 9), address, b"other")), ("127.0.0.1", 0))
        sender.sendto(bytes(checked(("127.0.0.1", 9), address, b"own")), ("127.0.0.1", 0))
        first = datagram(sender.recv(100)).data.decode()

        assert [observe("sent_first", first), observe("received", receiver.recv(9).decode())] == [
            "other",
            "own",
        ]


@claim(
    "udp.7/DESCRIPTION/new-socket",
    sentence="udp.7/DESCRIPTION/new-socket",
    section="DESCRIPTION",
    says="A new UDP socket, over IPv4 and IPv6, has no local address and port, and no remote ones.",
)
@HOSTS
def test_a_new_socket_has_no_addresses(ns, observe, host):
    with udp_flow(host) as (connected, receiver), udp_socket(host) as sock:
        with refused(errno.ENOTCONN):
            sock.getpeername()
        ports = [sock.getsockname()[1] == 0, connected.getpeername() == receiver.getsockname()]

        assert [observe("local", sock.getsockname()[:2]), observe("unbound_and_connected", ports)] == [
            (ANY[host], 0),
            [True, True],
        ]


@claim(
    "udp.7/DESCRIPTION/sendto",
    sentence=(
        "udp.7/DESCRIPTION/sendto",
        "socket.2/datagram/sendto",
        "socket.2/datagram/recvfrom",
    ),
    section="DESCRIPTION",
    says="A new UDP socket, over IPv4 and IPv6, sends at once to the address that sendto(2) or sendmsg(2) "
    "is given.",
)
@HOSTS
@pytest.mark.parametrize(
    "send",
    [
        lambda sock, data, address: sock.sendto(data, address),
        lambda sock, data, address: sock.sendmsg([data], [], 0, address),
    ],
    ids=["sendto", "sendmsg"],
)
def test_a_new_socket_sends(ns, observe, host, send):
    with udp_receiver(host) as receiver, udp_socket(host) as sender:
        send(sender, b"hello", receiver.getsockname())
        data, source = receiver.recvfrom(9)

        assert [observe("received", data.decode()), source[1] == sender.getsockname()[1]] == ["hello", True]


@claim(
    "udp.7/DESCRIPTION/connect",
    sentence="udp.7/DESCRIPTION/connect",
    section="DESCRIPTION",
    says="Once a UDP socket, over IPv4 and IPv6, is connected, send(2) and write(2) send to that address; "
    "before they fail.",
)
@HOSTS
@pytest.mark.parametrize(
    "send", [lambda sock, data: sock.send(data), lambda sock, data: sock.write(data)], ids=["send", "write"]
)
def test_a_connected_socket_has_a_destination(ns, observe, host, send):
    with udp_receiver(host) as receiver, udp_socket(host) as sender:
        with refused():
            send(sender, b"before")
        sender.connect(receiver.getsockname())
        send(sender, b"after")

        assert observe("received", receiver.recv(9).decode()) == "after"


@claim(
    "udp.7/DESCRIPTION/other-destinations",
    sentence="udp.7/DESCRIPTION/other-destinations",
    section="DESCRIPTION",
    says="A connected UDP socket, over IPv4 and IPv6, sends to another address too, which sendto(2) or "
    "sendmsg(2) is given, and its own destination stays.",
)
@HOSTS
@pytest.mark.parametrize(
    "send",
    [
        lambda sock, data, address: sock.sendto(data, address),
        lambda sock, data, address: sock.sendmsg([data], [], 0, address),
    ],
    ids=["sendto", "sendmsg"],
)
def test_a_connected_socket_sends_to_others(ns, observe, host, send):
    with udp_flow(host) as (sender, peer), udp_receiver(host) as other:
        send(sender, b"to another", other.getsockname())
        sender.send(b"to the peer")
        both = [other.recv(20).decode(), peer.recv(20).decode()]

        assert observe("received", both) == ["to another", "to the peer"]


@claim(
    "udp.7/DESCRIPTION/bind",
    sentence="udp.7/DESCRIPTION/bind",
    section="DESCRIPTION",
    says="A UDP socket, over IPv4 and IPv6, receives what is sent to the address and port it is bound to, "
    "and not what is sent to another port.",
)
@HOSTS
def test_a_bound_socket_receives(ns, observe, host):
    with udp_receiver(host) as receiver, udp_receiver(host) as other, udp_socket(host) as sender:
        sender.sendto(b"to another", other.getsockname())
        sender.sendto(b"to it", receiver.getsockname())
        both = [receiver.recv(20).decode(), other.recv(20).decode()]

        assert observe("received", both) == ["to it", "to another"]


@claim(
    "udp.7/DESCRIPTION/autobind",
    sentence=("udp.7/DESCRIPTION/autobind", "proc_sys_net_ipv4.5/ip_local_port_range/sendto"),
    section="DESCRIPTION",
    says="A UDP socket, over IPv4 and IPv6, that sends without being bound is bound to every address and to "
    "a free port out of net.ipv4.ip_local_port_range.",
)
@HOSTS
def test_a_sender_gets_a_port(ns, observe, host):
    ns.sysctl[PORT_RANGE] = "40000 40001"
    with udp_receiver(host) as taken, udp_socket(host) as sender:
        sender.sendto(b"hello", (host, 9))
        (address, port, *_), other = sender.getsockname(), taken.getsockname()[1]

        assert [observe("address", address), sorted([port, other])] == [ANY[host], [40000, 40001]]


@claim(
    "udp.7/DESCRIPTION/autobind-connected",
    sentence="udp.7/DESCRIPTION/autobind",
    section="DESCRIPTION",
    says="A UDP socket, over IPv4 and IPv6, that is connected without being bound is bound to every address "
    "(INADDR_ANY).",
    expect=differs(
        "it is bound to the address from which it sends to its peer, and receives what is sent there (older "
        "than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"address_is_the_route's": True},
    ),
)
@HOSTS
def test_a_connected_socket_has_any_address(ns, observe, host):
    with udp_flow(host) as (sender, _):
        address = sender.getsockname()[0]
        observe("address_is_the_route's", address == host)

        assert address == ANY[host]


@claim(
    "defacto/SOCK_DGRAM/no-port-by-receiving",
    says="A UDP socket, over IPv4 and IPv6, that was not bound gets a port when it sends, and none when it "
    "receives.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_a_receive_gives_no_port(ns, observe, host):
    with udp_socket(host) as sock:
        with refused(errno.EAGAIN):
            sock.recv(1, MSG_DONTWAIT)
        before = sock.getsockname()[1]
        sock.sendto(b"hello", (host, 9))

        assert [observe("after_receiving", before), sock.getsockname()[1] != 0] == [0, True]


@claim(
    "udp.7/Address-format/sockaddr-in",
    sentence="udp.7/Address-format/sockaddr-in",
    section="Address format",
    says="A UDP socket is bound and sends to the bytes of a struct sockaddr_in.",
)
def test_an_address_is_a_sockaddr_in(ns, observe):
    address = Other(2, (4660).to_bytes(2, "big") + inet_aton("127.1.2.3") + bytes(8))
    with Socket.udp() as receiver, Socket.udp() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(address)
        sender.sendto(b"hello", address)

        assert [observe("bound", receiver.getsockname()), observe("received", receiver.recv(9).decode())] == [
            ("127.1.2.3", 4660),
            "hello",
        ]


@claim(
    "udp.7/receiving/one-packet",
    sentence=("udp.7/receiving/one-packet", "udp.7/receiving/smaller"),
    section="DESCRIPTION",
    says="A receive on a UDP socket, over IPv4 and IPv6, returns one datagram, an empty one too, and no more "
    "than its bytes, whatever waits behind it and however large the buffer is.",
)
@HOSTS
def test_a_receive_returns_one_datagram(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.send(b"one")
        sender.send(b"")
        sender.send(b"three")

        assert observe("received", received(receiver, 3)) == ["one", "", "three"]


@claim(
    "udp.7/receiving/truncated",
    sentence=("udp.7/receiving/truncated", "recv.2/msg_flags/MSG_TRUNC"),
    section="DESCRIPTION",
    says="Of a datagram, over IPv4 and IPv6, that is a byte larger than the buffer the first bytes are "
    "returned with MSG_TRUNC, and the rest is lost; of one that just fits all, without the flag.",
)
@HOSTS
def test_a_datagram_is_cut(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.send(b"fits")
        sender.send(b"longer")
        sender.send(b"next")
        messages = [receiver.recv_message(size) for size in (4, 5, 4)]
        seen = [[one.data.decode(), bool(one.flags & MessageFlag.TRUNC)] for one in messages]

        assert observe("received_and_cut", seen) == [["fits", False], ["longe", True], ["next", False]]


@claim(
    "udp.7/receiving/waitall",
    sentence=("udp.7/receiving/waitall", "recv.2/MSG_WAITALL/datagram"),
    section="DESCRIPTION",
    says="With MSG_WAITALL too a receive on a UDP socket, over IPv4 and IPv6, returns with the first "
    "datagram, though it is smaller than what was asked for.",
)
@HOSTS
def test_a_receive_does_not_wait_for_all(ns, observe, host):
    with udp_flow(host) as (sender, receiver):
        sender.send(b"one")
        sender.send(b"two")
        first = receiver.recv(6, MessageFlag.WAITALL)

        assert observe("received", [first.decode(), receiver.recv(6).decode()]) == ["one", "two"]


@claim(
    "defacto/connect/datagrams-of-the-peer-only",
    says="A connected UDP socket, over IPv4 and IPv6, receives what its peer sends and nothing of others, "
    "who are told that nobody receives there (ECONNREFUSED).",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_a_connected_socket_hears_its_peer_alone(ns, observe, host):
    with udp_receiver(host) as receiver, udp_receiver(host) as peer, udp_receiver(host) as other:
        other.sendto(b"before", receiver.getsockname())
        first = receiver.recv(9).decode()
        receiver.connect(peer.getsockname())
        other.connect(receiver.getsockname())
        other.send(b"other")
        with refused(errno.ECONNREFUSED):
            other.recv(1)
        peer.sendto(b"peer", receiver.getsockname())

        assert observe("received", [first, receiver.recv(9).decode()]) == ["before", "peer"]


@claim(
    "defacto/connect/already-queued",
    says="What others sent to a UDP socket, over IPv4 and IPv6, before it was connected can still be "
    "received.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_what_was_queued_before_stays(ns, observe, host):
    with udp_receiver(host) as receiver, udp_receiver(host) as peer, udp_receiver(host) as other:
        other.sendto(b"before", receiver.getsockname())
        select.select([receiver], [], [], SOON)
        receiver.connect(peer.getsockname())
        other.connect(receiver.getsockname())
        other.send(b"after")
        with refused(errno.ECONNREFUSED):
            other.recv(1)
        peer.sendto(b"peer", receiver.getsockname())

        assert observe("received", received_until("peer", receiver)) == ["before", "peer"]


@claim(
    "defacto/SO_REUSEPORT/connected-member",
    says="Of the UDP sockets, over IPv4 and IPv6, that share a port with SO_REUSEPORT the one that is "
    "connected gets all that its peer sends, and nothing of others.",
    since="5.4",
    commit="acdcecc61285",
    survives={"no-op: close(*": "each sender is another, whether the last is still there or not"},
)
@HOSTS
def test_a_connected_member_gets_its_peers_datagrams(ns, observe, host):
    with udp_receiver(host) as peer, udp_socket(host) as first:
        first.reuseport = True
        first.bind((host, 0))
        first.rcvtimeo = SOON
        with udp_socket(host) as connected:
            connected.reuseport = True
            connected.bind(first.getsockname())
            connected.rcvtimeo = SOON
            connected.connect(peer.getsockname())
            peer.sendto(b"of the peer", first.getsockname())
            send_by_others(first.getsockname())

            assert [observe("connected", received(connected, 1)), observe("other", received(first, 8))] == [
                ["of the peer"],
                ["of another"] * 8,
            ]


@claim(
    "defacto/sendto/largest-datagram",
    says="The largest datagram that a UDP socket sends has 65507 bytes over IPv4 and 65527 over IPv6; one "
    "more fails with EMSGSIZE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("host", "largest"), [("127.0.0.1", 65_507), ("::1", 65_527)])
def test_a_datagram_has_a_largest_size(ns, observe, host, largest):
    with udp_flow(host) as (sender, receiver):
        with refused(errno.EMSGSIZE):
            sender.send(bytes(largest + 1))
        sender.send(bytes(largest))

        assert observe("received", len(receiver.recv(70_000))) == largest


@claim(
    "defacto/sendto/port-0",
    says="Sending to port 0 on a UDP socket, over IPv4 and IPv6, fails with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_nothing_is_sent_to_port_0(ns, observe, host):
    with udp_receiver(host) as receiver, udp_socket(host) as sender:
        with refused(errno.EINVAL):
            sender.sendto(b"to port 0", (host, 0))
        sender.sendto(b"to a port", receiver.getsockname())

        assert observe("received", receiver.recv(20).decode()) == "to a port"
