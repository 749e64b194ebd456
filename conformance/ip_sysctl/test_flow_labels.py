"""Sysctls of flow labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from socket import AF_INET6, IPPROTO_ICMPV6
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import Ipv6Packet, ipv6_packet, ipv6_packets, packet_ending, tcp6, udp6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import IPV6_FLOWLABEL_MGR, In6FlowlabelReq, Socket
from netns import Capability
from reports.model import Expectation

AUTO, RANGES, CONSISTENCY, REFLECT = (
    f"net.ipv6.{name}"
    for name in ("auto_flowlabels", "flowlabel_state_ranges", "flowlabel_consistency", "flowlabel_reflect")
)
NEEDS = (IPV6, Capability.NET_RAW)
CREATE, EXCLUSIVE, REFLECTING, ANYBODY = 1, 2, 4, 255
"""Flags of a request for a flow label, and with whom it is shared."""
LABEL = 0x12345
HERE = "::1"
FOUND_BY_DATA: Final = {"no-op: close*": "each packet is found by what it carries"}
LEASED: Final = {
    r"no-op: setsockopt(*IPV6_FLOWLABEL_MGR*#E*": "where nobody has a label of his own none need be leased"
}


def leased(label: int, flags: int = 0) -> In6FlowlabelReq:
    return In6FlowlabelReq(HERE, label=label, share=ANYBODY, flags=CREATE | flags)


def held(label: int) -> bool:
    """Whether some socket has a flow label: another cannot have it as its own."""
    with udp6() as other:
        try:
            other.set(IPV6_FLOWLABEL_MGR, leased(label, EXCLUSIVE))
        except FileExistsError:
            return True
        return False


def labels_sent(*socks: Socket) -> list[int]:
    """The flow label of a datagram of each socket."""
    with ipv6_packets() as seen:
        for number, sock in enumerate(socks):
            sock.sendto(bytes([number]) * 5, (HERE, 9))
        return [packet_ending(seen, bytes([number]) * 5).flow_label for number in range(len(socks))]


def labels_made() -> list[int]:
    """The flow labels that are made for datagrams of 16 new sockets."""
    with ExitStack() as stack:
        return labels_sent(*(stack.enter_context(udp6()) for _ in range(16)))


@claim(
    "ip-sysctl/auto_flowlabels/values",
    sentence=(
        "ip-sysctl/auto_flowlabels/generates",
        "ip-sysctl/auto_flowlabels/off",
        "ip-sysctl/auto_flowlabels/opt-out",
        "ip-sysctl/auto_flowlabels/opt-in",
        "ip-sysctl/auto_flowlabels/forced",
    ),
    section="/proc/sys/net/ipv6/* Variables",
    says="Packets of a new UDP socket over IPv6 have a flow label with auto_flowlabels 1 and 3, not with 0 "
    "and 2; with IPV6_AUTOFLOWLABEL on they have with 2 too, and with it off only with 3.",
    since="4.3",
    needs=NEEDS,
    survives={
        "no-op: setsockopt(*IPV6_AUTOFLOWLABEL*": "it changes nothing with 0 and 3, nor what it is",
        **FOUND_BY_DATA,
    },
)
@pytest.mark.parametrize(
    ("value", "labelled"),
    [
        (0, [False, False, False]),
        (1, [True, True, False]),
        (2, [False, True, False]),
        (3, [True, True, True]),
    ],
)
def test_packets_have_a_label(ns, observe, value, labelled):
    ns.sysctl[AUTO] = value
    with udp6() as unset, udp6() as on, udp6() as off:
        on.ipv6_autoflowlabel = True
        off.ipv6_autoflowlabel = False

        assert observe("labelled", [label != 0 for label in labels_sent(unset, on, off)]) == labelled


@claim(
    "ip-sysctl/auto_flowlabels/default",
    sentence="ip-sysctl/auto_flowlabels/default",
    section="/proc/sys/net/ipv6/* Variables",
    says="In a new network namespace packets of a UDP socket over IPv6 have a flow label, and none with "
    "IPV6_AUTOFLOWLABEL off.",
    since="4.3",
    needs=NEEDS,
    survives=FOUND_BY_DATA,
)
def test_packets_have_a_label_at_first(ns, observe):
    with udp6() as unset, udp6() as off:
        off.ipv6_autoflowlabel = False

        assert observe("labelled", [label != 0 for label in labels_sent(unset, off)]) == [True, False]


@claim(
    "ip-sysctl/flowlabel_state_ranges/ranges",
    sentence="ip-sysctl/flowlabel_state_ranges/ranges",
    section="/proc/sys/net/ipv6/* Variables",
    says="With flowlabel_state_ranges IPV6_FLOWLABEL_MGR gives a UDP socket over IPv6 the label 0x7FFFF, and "
    "refuses 0x80000; labels that are made for packets are 0x80000 and above.",
    since="4.2",
    needs=NEEDS,
    survives=FOUND_BY_DATA,
)
def test_labels_have_ranges(ns, observe):
    ns.sysctl[RANGES] = 1
    with udp6() as sock:
        with refused():
            sock.set(IPV6_FLOWLABEL_MGR, leased(0x80000))
        sock.set(IPV6_FLOWLABEL_MGR, leased(0x7FFFF))
        given = held(0x7FFFF)

        assert [observe("given", given), observe("least", min(labels_made()) >= 0x80000)] == [True, True]


@claim(
    "ip-sysctl/flowlabel_state_ranges/default",
    sentence="ip-sysctl/flowlabel_state_ranges/default",
    section="/proc/sys/net/ipv6/* Variables",
    says="In a new network namespace IPV6_FLOWLABEL_MGR refuses a UDP socket over IPv6 the label 0x80000.",
    since="4.2",
    needs=[IPV6],
    expect=differs(
        "flowlabel_state_ranges is 0 at first, and every label is given",
        since="4.2",
        commit="82a584b7cd36",
        observed={"errno": None, "given": True},
    ),
)
def test_labels_have_ranges_at_first(ns, observe):
    with udp6() as sock, refused():
        sock.set(IPV6_FLOWLABEL_MGR, leased(0x80000))
        observe("given", held(0x80000))


def reflected(listener: Socket) -> list[bool]:
    """Which of a client's SYN, the SYN-ACK and data from the listener's side have the client's flow label."""
    with ipv6_packets() as seen, sending_with_label(tcp6()) as client:
        seen.rcvtimeo = SOON
        client.connect((HERE, listener.getsockname()[1], LABEL))
        port = client.getsockname()[1].to_bytes(2, "big")
        ours = filter(lambda one: port in (one.payload[:2], one.payload[2:4]), _packets_on(seen))
        handshake = [next(ours) for _ in ("SYN", "SYN-ACK")]
        with listener.accept()[0] as sock:
            sock.send(b"hello")
            packets = [*handshake, packet_ending(seen, b"hello")]
    return [packet.flow_label == LABEL for packet in packets]


def _packets_on(seen: Socket) -> Iterator[Ipv6Packet]:
    while True:
        yield ipv6_packet(seen.recv(70_000))


def sending_with_label(sock: Socket) -> Socket:
    """A socket that may send with the label."""
    sock.set(IPV6_FLOWLABEL_MGR, leased(LABEL))
    sock.ipv6_flowinfo_send = True
    return sock


def not_in_data(**observed: object) -> Expectation:
    return differs(
        "the SYN-ACK has the flow label, and data have another",
        since="7.0",
        commit="97d7ae6e14c8",
        observed=observed,
    )


@claim(
    "ip-sysctl/flowlabel_consistency/reflect",
    sentence=("ip-sysctl/flowlabel_consistency/reflect", "ip-sysctl/flowlabel_consistency/default"),
    section="/proc/sys/net/ipv6/* Variables",
    says="IPV6_FLOWLABEL_MGR with IPV6_FL_F_REFLECT is refused on a TCP socket over IPv6 in a new network "
    "namespace; with flowlabel_consistency 0 it is not, and the SYN-ACK and data of what a listener with it "
    "accepts have the flow label of the SYN.",
    since="3.14",
    needs=NEEDS,
    survives=LEASED,
    expect=not_in_data(reflected=[True, True, False]),
)
def test_reflecting_is_not_consistent(ns, observe):
    with listening(HERE) as listener:
        with refused():
            listener.set(IPV6_FLOWLABEL_MGR, In6FlowlabelReq(HERE, flags=REFLECTING))
        ns.sysctl[CONSISTENCY] = 0
        listener.set(IPV6_FLOWLABEL_MGR, In6FlowlabelReq(HERE, flags=REFLECTING))

        assert observe("reflected", reflected(listener)) == [True, True, True]


@claim(
    "ip-sysctl/flowlabel_reflect/established",
    sentence=("ip-sysctl/flowlabel_reflect/established", "ip-sysctl/flowlabel_reflect/default"),
    section="/proc/sys/net/ipv6/* Variables",
    says="With flowlabel_reflect 1 the SYN-ACK and data of what a new TCP listener over IPv6 accepts have "
    "the flow label of the SYN, and in a new network namespace another.",
    since="4.14",
    needs=NEEDS,
    survives=LEASED,
    expect=not_in_data(before_and_after=[[True, False, False], [True, True, False]]),
)
def test_a_connection_reflects_the_label(ns, observe):
    with listening(HERE) as listener:
        before = reflected(listener)
    ns.sysctl[REFLECT] = 1
    with listening(HERE) as listener:
        after = reflected(listener)

    assert observe("before_and_after", [before, after]) == [[True, False, False], [True, True, True]]


def reset() -> list[Ipv6Packet]:
    """A SYN to a port that nobody has, and the reset."""
    with ipv6_packets() as seen, sending_with_label(tcp6()) as client:
        seen.rcvtimeo = SOON
        with suppress(ConnectionRefusedError):
            client.connect((HERE, 9, LABEL))
        return [ipv6_packet(seen.recv(70_000)) for _ in ("SYN", "RST")]


def echo() -> list[Ipv6Packet]:
    """An echo request, and the reply."""
    with ipv6_packets() as seen, sending_with_label(Socket.raw(IPPROTO_ICMPV6, AF_INET6)) as sock:
        seen.rcvtimeo = SOON
        sock.sendto(bytes([128, *bytes(7)]), (HERE, 0, LABEL))
        return [ipv6_packet(seen.recv(70_000)) for _ in ("request", "reply")]


@claim(
    "ip-sysctl/flowlabel_reflect/answers",
    sentence=(
        "ip-sysctl/flowlabel_reflect/bitmask",
        "ip-sysctl/flowlabel_reflect/reset",
        "ip-sysctl/flowlabel_reflect/echo",
    ),
    section="/proc/sys/net/ipv6/* Variables",
    says="A reset over IPv6 by a port that nobody has has the flow label of the SYN where flowlabel_reflect "
    "has the bit 2, and an echo reply that of the request where it has the bit 4; without it they have "
    "another.",
    since="5.3",
    needs=NEEDS,
    survives=LEASED,
)
@pytest.mark.parametrize(
    ("answer", "value", "reflects"),
    [
        (reset, 0, False),
        (reset, 2, True),
        (reset, 5, False),
        (reset, 7, True),
        (echo, 0, False),
        (echo, 4, True),
        (echo, 3, False),
        (echo, 7, True),
    ],
)
def test_an_answer_reflects_the_label(ns, observe, answer, value, reflects):
    ns.sysctl[REFLECT] = value
    labels = [packet.flow_label == LABEL for packet in answer()]

    assert observe("request_and_answer", labels) == [True, reflects]
