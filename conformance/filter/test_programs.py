"""Classic BPF programs as wholes: what is attached, refused and detached, and the examples."""

from __future__ import annotations

import errno
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.datagrams import datagram
from conformance.plugin.setups.filters import ALL, NONE, Step, program
from conformance.plugin.setups.frames import HEADER, ethertype, frames, waiting_frames
from conformance.plugin.setups.packets import ETH_P_IP
from conformance.plugin.setups.pairs import udp_across, unix_datagram_pair
from conformance.plugin.timing import SOON
from libsocket import SO_DETACH_FILTER, Filter, Socket, raw
from netns import Capability

ETH_P_ARP: Final = 0x0806
INVALID: Final[dict[str, list[Step]]] = {
    "no-end": [("ld #k", 4)],
    "jump": [("jeq #k", 1, 1, 0), ALL],
    "zero": [("div #k", 0), ALL],
    "shift": [("lsh #k", 32), ALL],
    "unset": [("ld M[k]", 0), ALL],
}
"""No ret at the end, a jump beyond it, a division by zero, a shift by all bits, a word not stored."""
VALID = program(
    ("st M[k]", 0), ("ld M[k]", 0), ("div #k", 1), ("lsh #k", 31), ("jeq #k", 1, 0, 0), ("ret #k", 3)
)
"""What is next to each of them: three bytes are taken."""


@claim(
    "filter/Introduction/failed",
    sentence=("filter/Introduction/check", "filter/Introduction/failed", "filter/internals/constraints"),
    section="Introduction",
    says="A program that does not end with ret, jumps beyond its end, divides by the number 0, shifts by "
    "the number 32, or loads a word that it has not stored is refused, and the one that a UNIX datagram "
    "socket has, which jumps to its end, divides by 1, shifts by 31 and loads a word that it stored, stays.",
)
@pytest.mark.parametrize("steps", INVALID.values(), ids=INVALID)
def test_what_is_refused_replaces_nothing(observe, steps):
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = SOON
        right.attach_filter = VALID
        with refused():
            right.attach_filter = program(*steps)
        left.send(b"hello")

        assert observe("received", right.recv(9).decode()) == "hel"


@claim(
    "defacto/SO_ATTACH_FILTER/invalid",
    says="A classic program that does not end with ret or that jumps beyond its end is refused by a UDP "
    "socket with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("name", ["no-end", "jump"])
def test_a_program_is_refused_with_einval(ns, observe, name):
    with Socket.udp() as sock:
        with refused(errno.EINVAL):
            sock.attach_filter = program(*INVALID[name])
        sock.attach_filter = program(ALL)

        assert observe("attached", sock.filter() == program(ALL)) is True


@claim(
    "filter/Example/no-argument",
    sentence="filter/Example/no-argument",
    section="Example",
    says="SO_DETACH_FILTER of a UNIX datagram socket takes no argument: a program is removed with one of 0 "
    "bytes.",
    expect=differs(
        "it takes an int, whose value does not count; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"before": "hel", "errno": "EINVAL"},
    ),
)
def test_detaching_takes_no_argument(observe):
    left, right = unix_datagram_pair()
    with left, right:
        right.rcvtimeo = SOON
        right.attach_filter = Filter.accept(3)
        left.send(b"hello")
        before = observe("before", right.recv(9).decode())
        right.set(SO_DETACH_FILTER.through(raw(0)), b"")
        left.send(b"hello")

        assert [before, observe("received", right.recv(9).decode())] == ["hel", "hello"]


PORT_22: Final = Filter(
    [
        (0x28, 0, 0, 0x0C),
        (0x15, 0, 8, 0x86DD),
        (0x30, 0, 0, 0x14),
        (0x15, 2, 0, 0x84),
        (0x15, 1, 0, 0x06),
        (0x15, 0, 17, 0x11),
        (0x28, 0, 0, 0x36),
        (0x15, 14, 0, 0x16),
        (0x28, 0, 0, 0x38),
        (0x15, 12, 13, 0x16),
        (0x15, 0, 12, 0x0800),
        (0x30, 0, 0, 0x17),
        (0x15, 2, 0, 0x84),
        (0x15, 1, 0, 0x06),
        (0x15, 0, 8, 0x11),
        (0x28, 0, 0, 0x14),
        (0x45, 6, 0, 0x1FFF),
        (0xB1, 0, 0, 0x0E),
        (0x48, 0, 0, 0x0E),
        (0x15, 2, 0, 0x16),
        (0x48, 0, 0, 0x10),
        (0x15, 0, 1, 0x16),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    ]
)


def send_nothing(sock: Socket, address: tuple[str, int]) -> None:
    sock.sendto(b"", address)


@claim(
    "filter/Example/port-22",
    sentence=("filter/Example/port-22", "filter/Introduction/any-socket", "filter/structure/fields"),
    section="Example",
    says="With the program of the example a packet socket receives UDP and TCP over IPv4 and IPv6 that goes "
    "to port 22, or comes from there, and not what goes to port 23 and comes from another.",
    needs=[IPV6, Capability.NET_RAW],
    survives={
        'no-op: sendto(""*': "what is dropped may as well not have been sent",
        "no-op: bind*": "by TCP an answer comes from port 22 anyway",
    },
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("make", "reach"), [(Socket.udp, send_nothing), (Socket.tcp, Socket.connect_ex)], ids=["udp", "tcp"]
)
def test_packets_of_port_22_are_taken(ns, observe, make, reach, host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with frames(PORT_22) as seen, make(family) as dropped, make(family) as to, make(family) as origin:
        reach(dropped, (host, 23))
        reach(to, (host, 22))
        origin.bind((host, 22))
        reach(origin, (host, 23))
        packets = [datagram(frame[HEADER:]) for frame in waiting_frames(seen)]
        ports = {(one.source == 22, one.destination == 22) for one in packets}

        assert observe("from_and_to_22", sorted(ports)) == [(False, True), (True, False)]


@claim(
    "filter/examples/arp",
    sentence="filter/examples/arp",
    section="BPF engine and instruction set",
    says="With the example's program for ARP a packet socket receives what ARP sends before a UDP datagram "
    "over IPv4, and not the datagram.",
    needs=[Capability.NET_RAW, VETH],
)
def test_arp_is_taken(peers, observe):
    arp = program(("ldh [k]", 12), ("jeq #k", ETH_P_ARP, 0, 1), ALL, NONE)
    with peers.right.entered(), frames(arp) as seen, udp_across(peers) as (sender, receiver):
        sender.sendto(b"hello", (peers.right.address, receiver.getsockname()[1]))
        data = receiver.recv(9).decode()
        types = {ethertype(frame) for frame in waiting_frames(seen)}

        assert [observe("received", data), observe("types", sorted(types))] == ["hello", [ETH_P_ARP]]


@claim(
    "filter/examples/tcp",
    sentence="filter/examples/tcp",
    section="BPF engine and instruction set",
    says="With the example's program for TCP a packet socket receives TCP over IPv4, and neither UDP nor TCP "
    "over IPv6.",
    needs=[IPV6, Capability.NET_RAW],
    survives={'no-op: sendto("hello"*': "what is dropped may as well not have been sent"},
)
def test_tcp_is_taken(ns, observe):
    tcp = program(
        ("ldh [k]", 12), ("jeq #k", ETH_P_IP, 0, 3), ("ldb [k]", 23), ("jeq #k", 6, 0, 1), ALL, NONE
    )
    with frames(tcp) as seen, Socket.udp() as udp, Socket.tcp(socket.AF_INET6) as tcp6, Socket.tcp() as tcp4:
        udp.sendto(b"hello", ("127.0.0.1", 22))
        tcp6.connect_ex(("::1", 22))
        tcp4.connect_ex(("127.0.0.1", 22))
        kinds = {(ethertype(frame), frame[23]) for frame in waiting_frames(seen)}

        assert observe("types_and_protocols", sorted(kinds)) == [(ETH_P_IP, socket.IPPROTO_TCP)]
