"""Sysctls of flow labels."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import ipv6_packets, packet_ending, udp6
from libsocket import IPV6_FLOWLABEL_MGR, In6FlowlabelReq, Socket
from netns import Capability

AUTO, RANGES = (f"net.ipv6.{name}" for name in ("auto_flowlabels", "flowlabel_state_ranges"))
NEEDS = (IPV6, Capability.NET_RAW)
CREATE, EXCLUSIVE, ANYBODY = 1, 2, 255
"""Flags of a request for a flow label, and with whom it is shared."""
HERE = "::1"


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


def label_sent(sock: Socket) -> int:
    """The flow label of a datagram."""
    with ipv6_packets() as seen:
        sock.sendto(b"hello", (HERE, 9))
        return packet_ending(seen, b"hello").flow_label


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
        "no-op: close*": "each packet is found by what it carries",
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
        labels = [label_sent(sock) for sock in (unset, on, off)]

        assert observe("labelled", [label != 0 for label in labels]) == labelled


@claim(
    "ip-sysctl/auto_flowlabels/default",
    sentence="ip-sysctl/auto_flowlabels/default",
    section="/proc/sys/net/ipv6/* Variables",
    says="In a new network namespace packets of a UDP socket over IPv6 have a flow label, and none with "
    "IPV6_AUTOFLOWLABEL off.",
    since="4.3",
    needs=NEEDS,
    survives={"no-op: close*": "each packet is found by what it carries"},
)
def test_packets_have_a_label_at_first(ns, observe):
    with udp6() as unset, udp6() as off:
        off.ipv6_autoflowlabel = False

        assert observe("labelled", [label_sent(unset) != 0, label_sent(off) != 0]) == [True, False]


@claim(
    "ip-sysctl/flowlabel_state_ranges/ranges",
    sentence="ip-sysctl/flowlabel_state_ranges/ranges",
    section="/proc/sys/net/ipv6/* Variables",
    says="With flowlabel_state_ranges IPV6_FLOWLABEL_MGR gives a UDP socket over IPv6 the label 0x7FFFF, and "
    "0x80000 is refused with ERANGE; labels that are made for packets are 0x80000 and above.",
    since="4.1",
    needs=NEEDS,
)
def test_labels_have_ranges(ns, observe):
    ns.sysctl[RANGES] = 1
    with udp6() as sock:
        with refused(errno.ERANGE):
            sock.set(IPV6_FLOWLABEL_MGR, leased(0x80000))
        sock.set(IPV6_FLOWLABEL_MGR, leased(0x7FFFF))
        given = held(0x7FFFF)
        labels = []
        for _ in range(16):
            with udp6() as sender:
                labels.append(label_sent(sender))

        assert [observe("given", given), observe("least", min(labels) >= 0x80000)] == [True, True]


@claim(
    "ip-sysctl/flowlabel_state_ranges/default",
    sentence="ip-sysctl/flowlabel_state_ranges/default",
    section="/proc/sys/net/ipv6/* Variables",
    says="In a new network namespace IPV6_FLOWLABEL_MGR refuses a UDP socket over IPv6 the label 0x80000 "
    "with ERANGE.",
    since="4.1",
    needs=NEEDS,
    expect=differs(
        "flowlabel_state_ranges is 0 at first, and every label is given",
        since="4.1",
        commit="82a584b7cd36",
        observed={"errno": None, "given": True},
    ),
)
def test_labels_have_ranges_at_first(ns, observe):
    with udp6() as sock, refused(errno.ERANGE):
        sock.set(IPV6_FLOWLABEL_MGR, leased(0x80000))
        observe("given", held(0x80000))
