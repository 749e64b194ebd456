"""Raw sockets: who may have one, what it receives, and the header of what it sends."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_ICMP,
    IPPROTO_RAW,
    IPPROTO_UDP,
    MSG_DONTROUTE,
    MSG_OOB,
    SOCK_RAW,
    inet_aton,
    inet_ntoa,
)

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, USER_NAMESPACE, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import datagram, internet_sum, ipv4_packet
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.udp import received, udp_receiver
from conformance.plugin.timing import SOON
from libsocket import IP_HDRINCL, SO_PROTOCOL, Other, Socket
from netns import Capability, in_user_namespace, only, without

EXPERIMENT, ANOTHER = 253, 254
"""Protocols that nobody has, RFC 3692."""
HEADER = 20
ELSEWHERE = "192.0.2.1"
ECHO_REPLY, ECHO_REQUEST = 0, 8
ECHO = bytes([ECHO_REQUEST, 0, 0xF7, 0xFD, 0, 1, 0, 1])
"""An echo request with its checksum."""
FAMILIES = pytest.mark.parametrize("family", [AF_INET, AF_INET6])
LOOPBACK = {AF_INET: "127.0.0.1", AF_INET6: "::1"}
SIZES = {AF_INET: HEADER, AF_INET6: 0}


@contextmanager
def raw_socket(protocol: int = EXPERIMENT, family: int = AF_INET) -> Iterator[Socket]:
    """A raw socket that gives up what does not come."""
    with Socket.raw(protocol, family) as sock:
        sock.rcvtimeo = SOON
        yield sock


@contextmanager
def header_included() -> Iterator[Socket]:
    """A raw socket of another protocol than IPPROTO_RAW with IP_HDRINCL."""
    with raw_socket(ANOTHER) as sock:
        sock.ip_hdrincl = True
        yield sock


def protocol_there(family: int) -> int:
    """The protocol of a fresh raw socket."""
    with Socket.raw(EXPERIMENT, family) as sock:
        return sock.get(SO_PROTOCOL)


def contents(sock: Socket, count: int) -> list[str]:
    """What so many IPv4 packets without options carry, as text."""
    return [sock.recv(70_000)[HEADER:].decode() for _ in range(count)]


@claim(
    "raw.7/capability/net-raw",
    sentence=("raw.7/DESCRIPTION/capability", "raw.7/errors/eperm", "capabilities.7/CAP_NET_RAW/sockets"),
    section="DESCRIPTION",
    says="Making a raw socket, over IPv4 and IPv6, takes CAP_NET_RAW: EPERM without, whatever other "
    "capabilities there are; it alone is enough.",
    needs=[Capability.NET_RAW],
)
@FAMILIES
def test_a_raw_socket_takes_the_capability(ns, observe, family):
    with without(Capability.NET_RAW), refused(errno.EPERM):
        Socket.raw(EXPERIMENT, family)
    with only(Capability.NET_RAW):
        protocol = protocol_there(family)

    assert observe("protocol", protocol) == EXPERIMENT


@claim(
    "raw.7/capability/owning-user-namespace",
    sentence=(
        "raw.7/DESCRIPTION/capability",
        "user_namespaces.7/Effect/governed",
        "user_namespaces.7/Interaction/checked",
    ),
    section="DESCRIPTION",
    says="CAP_NET_RAW counts in the user namespace that governs the network namespace: root of another one "
    "makes raw sockets, over IPv4 and IPv6, in a network namespace that it owns.",
    needs=[USER_NAMESPACE],
)
@FAMILIES
def test_the_capability_counts_where_the_network_namespace_belongs(observe, family):
    assert observe("protocol", in_user_namespace(partial(protocol_there, family))) == EXPERIMENT


@claim(
    "raw.7/EPERM/euid-0-suffices",
    sentence=("raw.7/errors/eperm", "capabilities.7/CAP_NET_RAW/sockets"),
    section="ERRORS",
    says="The effective user id 0 is enough to make a raw socket, without any capability.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "only the capability counts, not the user (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"euid": 0, "errno": "EPERM"},
    ),
)
def test_user_0_suffices(ns, observe):
    euid = observe("euid", os.geteuid())
    with only():
        protocol = protocol_there(AF_INET)

    assert [euid, observe("protocol", protocol)] == [0, EXPERIMENT]


@claim(
    "raw.7/DESCRIPTION/header",
    sentence=(
        *("raw.7/DESCRIPTION/datagrams", "raw.7/DESCRIPTION/header-generated"),
        "raw.7/DESCRIPTION/header-received",
    ),
    section="DESCRIPTION",
    says="What is sent on a raw IPv4 socket gets an IP header with its protocol, and is received with that "
    "header and without one of the link.",
    needs=[Capability.NET_RAW, VETH],
)
def test_the_kernel_makes_a_header(peers, observe):
    with peers.left.entered():
        sender = Socket.raw(EXPERIMENT)
    with sender, peers.right.entered(), raw_socket() as receiver:
        sender.sendto(b"hello", (peers.right.address, 0))
        packet = receiver.recv(100)

        assert [
            observe("version_length_protocol", [hex(packet[0]), len(packet), packet[9]]),
            observe("addresses", [inet_ntoa(packet[12:16]), inet_ntoa(packet[16:20])]),
            observe("data", packet[HEADER:].decode()),
        ] == [["0x45", 25, EXPERIMENT], [peers.left.address, peers.right.address], "hello"]


@claim(
    "defacto/SOCK_RAW/no-header-ipv6",
    says="What a raw IPv6 socket receives begins after the IPv6 header.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_ipv6_gives_no_header(ns, observe):
    with raw_socket(family=AF_INET6) as sock:
        sock.sendto(b"hello", ("::1", 0))

        assert observe("received", sock.recv(100).decode()) == "hello"


@claim(
    "raw.7/DESCRIPTION/protocol",
    sentence="raw.7/DESCRIPTION/protocol",
    section="DESCRIPTION",
    says="All raw sockets, over IPv4 and IPv6, of a protocol receive a packet of it, and those of another "
    "protocol do not.",
    needs=[Capability.NET_RAW],
)
@FAMILIES
def test_every_socket_of_the_protocol_receives(ns, observe, family):
    with (
        raw_socket(EXPERIMENT, family) as first,
        raw_socket(EXPERIMENT, family) as second,
        raw_socket(ANOTHER, family) as other,
    ):
        first.sendto(b"hello", (LOOPBACK[family], 0))
        other.sendto(b"other", (LOOPBACK[family], 0))
        seen = [sock.recv(100)[SIZES[family] :].decode() for sock in (first, second, other)]

        assert observe("received", seen) == ["hello", "hello", "other"]


@claim(
    "raw.7/DESCRIPTION/both",
    sentence=("raw.7/NOTES/kernel-protocols", "raw.7/NOTES/both"),
    section="NOTES",
    says="A UDP datagram over IPv4 is passed to a raw socket of IPPROTO_UDP and to the UDP socket that it is "
    "for.",
    needs=[Capability.NET_RAW],
)
def test_the_kernel_and_raw_sockets_receive(ns, observe):
    with udp_receiver() as receiver, raw_socket(IPPROTO_UDP) as tap, Socket.udp() as sender:
        sender.sendto(b"hello", receiver.getsockname())
        tapped = datagram(tap.recv(100)).data.decode()

        assert observe("tapped_and_received", [tapped, *received(receiver, 1)]) == ["hello", "hello"]


@claim(
    "raw.7/DESCRIPTION/before-other-handlers",
    sentence="raw.7/DESCRIPTION/before-other-handlers",
    section="DESCRIPTION",
    says="A UDP datagram over IPv4 is passed to a raw socket of IPPROTO_UDP before the UDP socket that it is "
    "for: epoll(7) has the raw one first.",
    needs=[Capability.NET_RAW],
)
def test_raw_sockets_receive_first(ns, observe):
    with (
        udp_receiver() as receiver,
        raw_socket(IPPROTO_UDP) as tap,
        Socket.udp() as sender,
        select.epoll() as epoll,
    ):
        names = {receiver.fileno(): "udp", tap.fileno(): "raw"}
        epoll.register(receiver, select.EPOLLIN)
        epoll.register(tap, select.EPOLLIN)
        sender.sendto(b"hello", receiver.getsockname())
        await_readable(receiver)
        await_readable(tap)

        assert observe("readable", [names[one] for one, _ in epoll.poll(0)]) == ["raw", "udp"]


@claim(
    "raw.7/DESCRIPTION/icmp",
    sentence=("raw.7/NOTES/kernel-protocols", "raw.7/NOTES/both"),
    section="NOTES",
    says="An echo request over IPv4 is passed to a raw socket of IPPROTO_ICMP and answered by the kernel.",
    needs=[Capability.NET_RAW],
)
def test_the_kernel_answers_what_a_raw_socket_receives(ns, observe):
    with raw_socket(IPPROTO_ICMP) as sock:
        sock.sendto(ECHO, ("127.0.0.1", 0))
        types = [sock.recv(100)[HEADER] for _ in range(2)]

        assert observe("types", types) == [ECHO_REQUEST, ECHO_REPLY]


@claim(
    "raw.7/IPPROTO_RAW/any-protocol",
    sentence=("raw.7/IPPROTO_RAW/any-protocol", "raw.7/NOTES/port-is-protocol"),
    section="DESCRIPTION",
    says="A raw IPv4 socket of IPPROTO_RAW has IP_HDRINCL on, as one of another protocol has not, and sends "
    "any protocol that the header names.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("protocol", [EXPERIMENT, ANOTHER])
def test_it_sends_any_protocol(ns, observe, protocol):
    with raw_socket(IPPROTO_RAW) as sender, raw_socket(protocol) as receiver:
        hdrincl = [sender.get(IP_HDRINCL), receiver.get(IP_HDRINCL)]
        sender.sendto(ipv4_packet(b"hello", destination="127.0.0.1", protocol=protocol), ("127.0.0.1", 0))

        assert [observe("hdrincl", hdrincl), observe("received", contents(receiver, 1))] == [
            [True, False],
            ["hello"],
        ]


@claim(
    "raw.7/IPPROTO_RAW/no-receive",
    sentence=("raw.7/IPPROTO_RAW/no-receive", "raw.7/IPPROTO_RAW/send-only"),
    section="DESCRIPTION",
    says="A raw IPv4 socket of IPPROTO_RAW receives nothing of another protocol.",
    needs=[Capability.NET_RAW],
)
def test_it_does_not_receive(ns, observe):
    with raw_socket(IPPROTO_RAW) as sender, raw_socket() as receiver:
        sender.sendto(ipv4_packet(b"hello", destination="127.0.0.1", protocol=EXPERIMENT), ("127.0.0.1", 0))
        arrived = contents(receiver, 1)
        sender.nonblocking = True
        with refused(errno.EAGAIN):
            sender.recv(100)

        assert observe("received_by_another", arrived) == ["hello"]


@claim(
    "raw.7/IPPROTO_RAW/own-protocol",
    sentence="raw.7/IPPROTO_RAW/send-only",
    section="NOTES",
    says="A raw IPv4 socket of IPPROTO_RAW does not receive packets whose header names protocol 255 either.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it receives them, as any raw socket those of its protocol (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": ["hello"]},
    ),
)
def test_it_does_not_receive_its_own(ns, observe):
    with raw_socket(IPPROTO_RAW) as sock:
        sock.sendto(ipv4_packet(b"hello", destination="127.0.0.1", protocol=IPPROTO_RAW), ("127.0.0.1", 0))
        with refused(errno.EAGAIN):
            observe("received", contents(sock, 1))


@claim(
    "raw.7/IP_HDRINCL/filled-in",
    sentence=("raw.7/IP_HDRINCL/fields", "raw.7/DESCRIPTION/header-included"),
    section="DESCRIPTION",
    says="Of a header that is sent with IP_HDRINCL, on a raw IPv4 socket of IPPROTO_RAW or another protocol, "
    "the kernel fills in the source address and the packet id where they are zero, the total length and the "
    "checksum.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "make", [partial(raw_socket, IPPROTO_RAW), header_included], ids=["IPPROTO_RAW", "IP_HDRINCL"]
)
def test_zero_fields_are_filled_in(ns, observe, make):
    with make() as sender, raw_socket() as receiver:
        sender.sendto(ipv4_packet(b"hello", destination="127.0.0.1", protocol=EXPERIMENT), ("127.0.0.1", 0))
        packet = receiver.recv(100)

        assert [
            observe("source", inet_ntoa(packet[12:16])),
            observe("has_id", packet[4:6] != bytes(2)),
            observe("length", int.from_bytes(packet[2:4], "big")),
            observe("sum", hex(internet_sum(packet[:HEADER]))),
        ] == ["127.0.0.1", True, 25, "0xffff"]


@claim(
    "raw.7/IP_HDRINCL/needs-header",
    sentence="raw.7/DESCRIPTION/header-included",
    section="DESCRIPTION",
    says="With IP_HDRINCL a raw IPv4 socket refuses to send a byte less than an IP header; a header alone it "
    "sends.",
    needs=[Capability.NET_RAW],
)
def test_a_header_is_needed(ns, observe):
    header = ipv4_packet(b"", destination="127.0.0.1", protocol=EXPERIMENT)
    with raw_socket(IPPROTO_RAW) as sender, raw_socket() as receiver:
        with refused():
            sender.sendto(header[:-1], ("127.0.0.1", 0))
        sender.sendto(header, ("127.0.0.1", 0))

        assert observe("received", len(receiver.recv(100))) == HEADER


@claim(
    "raw.7/NOTES/headers-unchanged",
    sentence="raw.7/NOTES/headers-unchanged",
    section="NOTES",
    says="Of a header that is sent with IP_HDRINCL the kernel changes no field that is not zero: neither a "
    "wrong total length nor a wrong checksum.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "these two are set right whatever they are, as the page's table says (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"length": 25, "checksum_kept": False},
    ),
)
def test_headers_are_not_changed(ns, observe):
    fields = bytes([0x45, 0, 0, 26, 0x12, 0x34, 0, 0, 7, EXPERIMENT, 0xAB, 0xCD])
    with raw_socket(IPPROTO_RAW) as sender, raw_socket() as receiver:
        sender.sendto(fields + 2 * inet_aton("127.0.0.1") + b"hello", ("127.0.0.1", 0))
        packet = receiver.recv(100)

        assert [
            observe("length", int.from_bytes(packet[2:4], "big")),
            observe("checksum_kept", packet[10:12] == fields[10:12]),
        ] == [26, True]


@claim(
    "raw.7/IP_HDRINCL/kept",
    sentence=("raw.7/IP_HDRINCL/fields", "raw.7/NOTES/headers-unchanged"),
    section="DESCRIPTION",
    says="Of a header that is sent with IP_HDRINCL the kernel leaves the source address and the packet id "
    "that are not zero, TOS, TTL and the options; a wrong total length and a wrong checksum it sets right.",
    needs=[Capability.NET_RAW],
)
def test_other_fields_are_kept(ns, observe):
    header = bytes([0x46, 0x10, 0xFF, 0xFF, 0x12, 0x34, 0, 0, 7, EXPERIMENT, 0xAB, 0xCD])
    addresses, options = inet_aton("127.9.9.9") + inet_aton("127.0.0.1"), bytes([1, 1, 1, 0])
    with raw_socket(IPPROTO_RAW) as sender, raw_socket() as receiver:
        sender.sendto(header + addresses + options + b"hello", ("127.0.0.1", 0))
        packet = receiver.recv(100)
        kept = packet[:2] + packet[4:10] + packet[12:24]

        assert [
            observe("kept", kept.hex()),
            observe("length", int.from_bytes(packet[2:4], "big")),
            observe("sum", hex(internet_sum(packet[:24]))),
        ] == [(header[:2] + header[4:10] + addresses + options).hex(), 29, "0xffff"]


@claim(
    "raw.7/IP_HDRINCL/route",
    sentence="raw.7/IP_HDRINCL/route",
    section="DESCRIPTION",
    says="With IP_HDRINCL the address that a packet is sent to decides where it goes, and not the "
    "destination in the header, which stays.",
    needs=[Capability.NET_RAW, VETH],
)
def test_the_address_of_the_socket_decides(peers, observe):
    with peers.right.entered():
        arriving = packets()
    with arriving, peers.left.entered(), Socket.raw(IPPROTO_RAW) as sender:
        arriving.rcvtimeo = SOON
        packet = ipv4_packet(b"hello", destination=ELSEWHERE, protocol=EXPERIMENT)
        with refused():
            sender.sendto(packet, (ELSEWHERE, 0))
        sender.sendto(packet, (peers.right.address, 0))
        arrived = arriving.recv(100)

        assert [observe("to", inet_ntoa(arrived[16:20])), observe("data", arrived[HEADER:].decode())] == [
            ELSEWHERE,
            "hello",
        ]


@claim(
    "raw.7/MSG_DONTROUTE/attached-only",
    sentence=("raw.7/IP_HDRINCL/dontroute", "send.2/MSG_DONTROUTE/attached"),
    section="DESCRIPTION",
    says="With MSG_DONTROUTE a raw IPv4 socket with IP_HDRINCL sends to a host on an attached link, and not "
    "to one that only a router reaches.",
    needs=[Capability.NET_RAW, VETH],
)
def test_gateways_are_ignored(routed, observe):
    with routed.left.entered():
        sender = Socket.raw(IPPROTO_RAW)
    near, far = (
        ipv4_packet(b"hello", destination=host.address, protocol=EXPERIMENT)
        for host in (routed.router, routed.right)
    )
    with sender, routed.router.entered(), raw_socket() as at_router:
        with routed.right.entered():
            at_right = Socket.raw(EXPERIMENT)
        with at_right:
            at_right.rcvtimeo = SOON
            sender.sendto(far, (routed.right.address, 0))
            with refused():
                sender.sendto(far, MSG_DONTROUTE, (routed.right.address, 0))
            sender.sendto(near, MSG_DONTROUTE, (routed.router.address, 0))

            assert observe("received", contents(at_right, 1) + contents(at_router, 1)) == ["hello", "hello"]


@claim(
    "raw.7/IP_HDRINCL/mtu",
    sentence=("raw.7/BUGS/not-fragmented", "raw.7/errors/emsgsize"),
    section="BUGS",
    says="With IP_HDRINCL a packet that is a byte larger than the interface's MTU fails with EMSGSIZE, even "
    "with IP_PMTUDISC_DONT; without it such a packet is fragmented.",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*IP_MTU_DISCOVER*": "it has no effect with IP_HDRINCL, as is said"},
)
def test_the_mtu_limits_it(ns, observe):
    ns.set_link("lo", mtu=1500)
    with raw_socket(IPPROTO_RAW) as whole, raw_socket() as sock:
        whole.ip_mtu_discover = 0
        for_sock = partial(ipv4_packet, destination="127.0.0.1", protocol=EXPERIMENT)
        with refused(errno.EMSGSIZE):
            whole.sendto(for_sock(bytes(1481)), ("127.0.0.1", 0))
        whole.sendto(for_sock(bytes(1480)), ("127.0.0.1", 0))
        sock.sendto(bytes(1481), ("127.0.0.1", 0))

        assert observe("received", [len(sock.recv(2000)) for _ in range(2)]) == [1500, 1501]


@claim(
    "raw.7/DESCRIPTION/header-options",
    sentence=("raw.7/DESCRIPTION/header-options", "raw.7/DESCRIPTION/ip-options", "raw.7/Socket-options/ip"),
    section="DESCRIPTION",
    says="Without IP_HDRINCL IP_TOS, IP_TTL and IP_OPTIONS of a raw IPv4 socket set what the header of its "
    "packets has.",
    needs=[Capability.NET_RAW],
)
def test_options_set_fields_of_the_header(ns, observe):
    with raw_socket() as sock:
        sock.ip_tos, sock.ip_ttl, sock.ip_options = 0x10, 7, bytes([1, 1, 1, 0])
        sock.sendto(b"hello", ("127.0.0.1", 0))
        packet = sock.recv(100)

        assert observe(
            "length_tos_ttl_options", [hex(packet[0]), packet[1], packet[8], packet[20:24].hex()]
        ) == [
            "0x46",
            0x10,
            7,
            "01010100",
        ]


@claim(
    "raw.7/Address-format/sockaddr-in",
    sentence=("raw.7/Address-format/sockaddr-in", "raw.7/Address-format/port-received"),
    section="Address format",
    says="A raw IPv4 socket sends to a struct sockaddr_in, and receives where from with one whose port is 0.",
    needs=[Capability.NET_RAW],
    survives={"other bytes: recvfrom(*": "they are in the IP header, of which nothing is said"},
)
def test_addresses_are_sockaddr_in(ns, observe):
    with raw_socket() as sock:
        sock.sendto(b"hello", Other(AF_INET, bytes(2) + inet_aton("127.0.0.1") + bytes(8)))
        packet, source = sock.recvfrom(100)

        assert [observe("data", packet[HEADER:].decode()), observe("source", source)] == [
            "hello",
            ("127.0.0.1", 0),
        ]


@claim(
    "raw.7/Address-format/port-ignored",
    sentence=(
        *("raw.7/Address-format/port-ignored", "raw.7/NOTES/port-is-protocol"),
        "raw.7/BUGS/protocol",
    ),
    section="Address format",
    says="The port that a packet is sent to is ignored on a raw IPv4 socket: the packet has the protocol of "
    "the socket.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("port", [0, ANOTHER, 65535])
def test_the_port_is_ignored(ns, observe, port):
    with raw_socket() as sock:
        sock.sendto(b"hello", ("127.0.0.1", port))

        assert observe("protocol", sock.recv(100)[9]) == EXPERIMENT


@claim(
    "raw.7/bind/address",
    sentence=("raw.7/bind/address", "raw.7/bind/unbound"),
    section="NOTES",
    says="A raw IPv4 socket that is bound receives what is sent to its address only; one that is not bound "
    "all packets of its protocol.",
    needs=[Capability.NET_RAW],
)
def test_a_bound_socket_receives_for_its_address(ns, observe):
    with raw_socket() as unbound, raw_socket() as bound:
        bound.bind(("127.0.0.5", 0))
        unbound.sendto(b"other", ("127.0.0.1", 0))
        unbound.sendto(b"its own", ("127.0.0.5", 0))

        assert observe("received", [contents(unbound, 2), contents(bound, 1)]) == [
            ["other", "its own"],
            ["its own"],
        ]


@claim(
    "raw.7/bind/device",
    sentence="raw.7/bind/device",
    section="NOTES",
    says="A raw IPv4 socket with SO_BINDTODEVICE receives what comes by that interface only.",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_socket_of_an_interface_receives_by_it(peers, observe):
    with peers.left.entered():
        sender = Socket.raw(EXPERIMENT)
    with sender, peers.right.entered(), raw_socket() as unbound, raw_socket() as bound:
        bound.bindtodevice = peers.right.device
        unbound.sendto(b"by lo", ("127.0.0.1", 0))
        first = contents(unbound, 1)
        sender.sendto(b"by the wire", (peers.right.address, 0))

        assert observe("received", [first + contents(unbound, 1), contents(bound, 1)]) == [
            ["by lo", "by the wire"],
            ["by the wire"],
        ]


@claim(
    "raw.7/NOTES/reassembled",
    sentence=("raw.7/NOTES/reassembled", "raw.7/NOTES/packet-sockets", "raw.7/path-MTU/fragments"),
    section="NOTES",
    says="With IP_PMTUDISC_DONT what a raw IPv4 socket sends that exceeds the interface's MTU by a byte "
    "leaves as two fragments: a packet socket with ETH_P_IP receives both, a raw socket the whole.",
    needs=[Capability.NET_RAW, VETH],
    survives={"no-op: setsockopt(*IP_MTU_DISCOVER*": "what exceeds the MTU is fragmented by default too"},
)
def test_fragments_are_put_together(peers, observe):
    with peers.left.entered():
        sender = Socket.raw(EXPERIMENT)
    with sender, peers.right.entered(), packets() as arriving, raw_socket() as receiver:
        arriving.rcvtimeo = SOON
        sender.ip_mtu_discover = 0
        sender.sendto(bytes(1481), (peers.right.address, 0))
        fragments = [len(arriving.recv(2000)) for _ in range(2)]

        assert [observe("fragments", fragments), observe("whole", len(receiver.recv(2000)))] == [
            [1500, HEADER + 1],
            1501,
        ]


@claim(
    "raw.7/path-MTU/default",
    sentence=("raw.7/path-MTU/default", "raw.7/path-MTU/turned-off"),
    section="NOTES",
    says="By default routers must not fragment what a raw IPv4 socket sends that fits into the MTU, since "
    "the path MTU is discovered; with IP_MTU_DISCOVER 0, or made with ip_no_pmtu_disc 1, they may.",
    needs=[Capability.NET_RAW],
    survives={"no-op: close(*": "that it is gone is not what is said"},
)
def test_the_path_mtu_is_discovered(ns, observe):
    with raw_socket() as sock:
        sock.sendto(b"discovered", ("127.0.0.1", 0))
        sock.ip_mtu_discover = 0
        sock.sendto(b"option", ("127.0.0.1", 0))
        ns.sysctl["net.ipv4.ip_no_pmtu_disc"] = 1
        with raw_socket() as later:
            later.sendto(b"sysctl", ("127.0.0.1", 0))
        flags = [hex(sock.recv(100)[6]) for _ in range(3)]

        assert observe("flags", flags) == ["0x40", "0x0", "0x0"]


@claim(
    "raw.7/path-MTU/exceeded",
    sentence=("raw.7/path-MTU/tracked", "raw.7/errors/emsgsize"),
    section="NOTES",
    says="By default what a raw IPv4 socket sends that exceeds the MTU by a byte fails with EMSGSIZE.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it is fragmented and arrives; only with IP_PMTUDISC_DO it fails (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": 1501},
    ),
)
def test_what_exceeds_the_mtu_is_refused(ns, observe):
    ns.set_link("lo", mtu=1500)
    with raw_socket() as sock, refused(errno.EMSGSIZE):
        sock.sendto(bytes(1481), ("127.0.0.1", 0))
        observe("received", len(sock.recv(2000)))


@claim(
    "raw.7/EMSGSIZE/do",
    sentence="raw.7/errors/emsgsize",
    section="ERRORS",
    says="With IP_PMTUDISC_DO what a raw IPv4 socket sends that exceeds the MTU by a byte fails with "
    "EMSGSIZE; what just fits is sent.",
    needs=[Capability.NET_RAW],
)
def test_nothing_larger_than_the_mtu_is_sent(ns, observe):
    ns.set_link("lo", mtu=1500)
    with raw_socket() as sock:
        sock.ip_mtu_discover = 2
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(1481), ("127.0.0.1", 0))
        sock.sendto(bytes(1480), ("127.0.0.1", 0))

        assert observe("received", len(sock.recv(2000))) == 1500


@claim(
    "raw.7/EMSGSIZE/largest",
    sentence="raw.7/errors/emsgsize",
    section="ERRORS",
    says="The largest packet that a raw IPv4 socket sends has 65535 bytes with its header: a byte more fails "
    "with EMSGSIZE.",
    needs=[Capability.NET_RAW],
)
def test_a_packet_has_a_largest_size(ns, observe):
    with raw_socket() as sock:
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(65_536 - HEADER), ("127.0.0.1", 0))
        sock.sendto(bytes(65_535 - HEADER), ("127.0.0.1", 0))

        assert observe("received", len(sock.recv(70_000))) == 65_535


@claim(
    "raw.7/EOPNOTSUPP/msg-oob",
    sentence="raw.7/errors/eopnotsupp",
    section="ERRORS",
    says="Sending and receiving with MSG_OOB on a raw socket, over IPv4 and IPv6, fail with EOPNOTSUPP.",
    needs=[Capability.NET_RAW],
)
@FAMILIES
def test_there_is_no_urgent_data(ns, observe, family):
    with raw_socket(EXPERIMENT, family) as sock:
        with refused(errno.EOPNOTSUPP):
            sock.sendto(b"urgent", MSG_OOB, (LOOPBACK[family], 0))
        sock.sendto(b"hello", (LOOPBACK[family], 0))
        await_readable(sock)
        with refused(errno.EOPNOTSUPP, "errno_receiving"):
            sock.recv(100, MSG_OOB)

        assert observe("received", sock.recv(100)[SIZES[family] :].decode()) == "hello"


@claim(
    "raw.7/EACCES/broadcast",
    sentence="raw.7/errors/eacces-broadcast",
    section="ERRORS",
    says="A raw IPv4 socket sends to a broadcast address with SO_BROADCAST only: EACCES without, with "
    "IP_HDRINCL too.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("protocol", [EXPERIMENT, IPPROTO_RAW])
def test_it_broadcasts_with_the_flag(ns, observe, protocol):
    everyone = "127.255.255.255"
    packet = ipv4_packet(b"hello", destination=everyone, protocol=EXPERIMENT)
    with raw_socket(protocol) as sender, raw_socket() as receiver:
        with refused(errno.EACCES):
            sender.sendto(packet, (everyone, 0))
        sender.broadcast = True
        sender.sendto(packet, (everyone, 0))

        assert observe("received", receiver.recv(100)[-5:].decode()) == "hello"


@claim(
    "defacto/SOCK_RAW/protocols",
    says="A raw socket, over IPv4 and IPv6, can have the protocols 1 to 255; 0 fails with EPROTONOSUPPORT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
@FAMILIES
@pytest.mark.parametrize("protocol", [1, 255])
def test_protocol_0_is_none(ns, observe, family, protocol):
    with refused(errno.EPROTONOSUPPORT):
        Socket(family, SOCK_RAW, 0)
    with Socket(family, SOCK_RAW, protocol) as sock:
        assert observe("protocol", sock.get(SO_PROTOCOL)) == protocol
