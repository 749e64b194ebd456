"""IP_TOS: the type of service of what is sent."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.overtaking import overtaking, queue_both, queued_messages
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, only

KINDS = pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, raw_socket], ids=["udp", "tcp", "raw"])
LOW_DELAY, THROUGHPUT, RELIABILITY, LOW_COST = 0x10, 0x08, 0x04, 0x02


def tos_of_first_packet(sock: Socket) -> int:
    """That of the packet by which a TCP socket connects, or of the first datagram of another."""
    with packets() as seen, listening() as listener:
        seen.rcvtimeo = SOON
        sock.connect(listener.getsockname())
        sock.send(b"hello")
        return next_header(seen).tos


@claim(
    "IP_TOS.2const/IP_TOS/every-packet",
    sentence="IP_TOS.2const/IP_TOS/every-packet",
    section="DESCRIPTION",
    says="The packets of a UDP, TCP or raw socket have the type of service that its option was set to, and "
    "reads; at first that is 0.",
    since="1.0",
    needs=[Capability.NET_RAW],
    survives=UDP_NEEDS_NO_LISTENER
    | {"no-op: sendto(*": "a TCP socket has sent its first packet when it is connected"},
)
@KINDS
@pytest.mark.parametrize("tos", [RELIABILITY, THROUGHPUT, LOW_DELAY, 0xE0, 0xFC])
def test_packets_have_it(ns, observe, make, tos):
    with make() as sock:
        first = sock.ip_tos
        sock.ip_tos = tos
        seen = [first, sock.ip_tos, tos_of_first_packet(sock)]

        assert observe("default_option_and_packet", seen) == [0, tos, tos]


@claim(
    "IP_TOS.2const/IP_TOS/low-cost",
    sentence="IP_TOS.2const/IP_TOS/every-packet",
    section="DESCRIPTION",
    says="The first packet of a UDP or raw socket has the flag for low cost, 2, where IP_TOS was set to it.",
    since="1.0",
    needs=[Capability.NET_RAW],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_packets_have_low_cost(ns, observe, make):
    with make() as sock:
        sock.ip_tos = LOW_COST

        assert observe("option_and_packet", [sock.ip_tos, tos_of_first_packet(sock)]) == [LOW_COST, LOW_COST]


@claim(
    "IP_TOS.2const/IP_TOS/low-cost-tcp",
    sentence="IP_TOS.2const/IP_TOS/every-packet",
    section="DESCRIPTION",
    says="The packet by which a TCP socket connects has the flag for low cost, 2, where IP_TOS was set to "
    "it.",
    since="1.0",
    needs=[Capability.NET_RAW],
    expect=differs(
        "the option does not set it on TCP: it is a bit of congestion notification (older than the history "
        "in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"option_and_packet": [0, 0]},
    ),
    survives={
        "no-op: setsockopt(*IP_TOS, ?8?*": "it is only what the socket has before",
        "no-op: sendto(*": "a TCP socket has sent its first packet when it is connected",
    },
)
def test_connections_have_low_cost(ns, observe):
    with Socket.tcp() as sock:
        sock.ip_tos = THROUGHPUT
        sock.ip_tos = LOW_COST

        assert observe("option_and_packet", [sock.ip_tos, tos_of_first_packet(sock)]) == [LOW_COST, LOW_COST]


@claim(
    "IP_TOS.2const/IP_TOS/one-at-most",
    sentence="IP_TOS.2const/IP_TOS/one-at-most",
    section="DESCRIPTION",
    says="IP_TOS of a UDP socket is not set to two of the flags at once, low delay and throughput.",
    since="1.0",
    expect=differs(
        "it is (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"tos": 0x18},
    ),
)
def test_two_flags_are_not_set(ns, observe):
    with Socket.udp() as sock:
        sock.ip_tos = LOW_DELAY | THROUGHPUT

        assert observe("tos", sock.ip_tos) != 0x18


@claim(
    "IP_TOS.2const/IP_TOS/cleared",
    sentence="IP_TOS.2const/IP_TOS/cleared",
    section="DESCRIPTION",
    says="Bits other than those of the four flags are cleared of what IP_TOS of a UDP or raw socket is set "
    "to.",
    since="1.0",
    needs=[Capability.NET_RAW],
    expect=differs(
        "all eight bits are kept (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"tos": 0xE1},
    ),
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_other_bits_are_cleared(ns, observe, make):
    with make() as sock:
        sock.ip_tos = 0xE1

        assert observe("tos", sock.ip_tos) == 0


@claim(
    "IP_TOS.2const/IP_TOS/cleared-tcp",
    sentence="IP_TOS.2const/IP_TOS/cleared",
    section="DESCRIPTION",
    says="Bits other than those of the four flags are cleared of what IP_TOS of a TCP socket is set to.",
    since="1.0",
    expect=differs(
        "the two of congestion notification are, the others are kept (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"tos": 0xE0},
    ),
)
def test_other_bits_are_cleared_on_tcp(ns, observe):
    with Socket.tcp() as sock:
        sock.ip_tos = 0xE1

        assert observe("tos", sock.ip_tos) == 0


@claim(
    "IP_TOS.2const/IP_TOS/privilege",
    sentence=("IP_TOS.2const/IP_TOS/privilege", "capabilities.7/CAP_NET_ADMIN/type-of-service"),
    section="DESCRIPTION",
    says="Setting the highest precedence on a UDP, TCP or raw socket takes CAP_NET_ADMIN.",
    since="1.0",
    needs=[Capability.NET_RAW],
    expect=differs(
        "no type of service takes a capability",
        since="2.6.25",
        commit="e4f8b5d4edc1",
        observed={"errno": None},
    ),
    survives={"no-op: setsockopt(*IP_TOS*": "the test ends with the call that is refused no more"},
)
@KINDS
def test_a_high_level_takes_the_capability(ns, observe, make):
    with make() as sock, only(), refused():
        sock.ip_tos = 0xE0


@claim(
    "IP_TOS.2const/IP_TOS/low-delay-first",
    sentence="IP_TOS.2const/IP_TOS/low-delay-first",
    section="DESCRIPTION",
    says="The queueing discipline pfifo_fast sends UDP packets of low delay before those that were sent "
    "earlier, have no type of service and still wait.",
    since="1.0",
    needs=[VETH, qdisc("tbf"), qdisc("pfifo_fast")],
)
def test_low_delay_overtakes(peers, observe):
    with overtaking(peers) as (bulk, interactive, receiver):
        interactive.ip_tos = LOW_DELAY
        queue_both(bulk, interactive, receiver)

        assert observe("order", queued_messages(receiver)) == ["interactive", "bulk"]
