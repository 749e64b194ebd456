"""IPV6_V6ONLY: without IPv4."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import tcp6, udp6
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import SOON
from libsocket import Socket

FOUR, MAPPED = "127.0.0.1", "::ffff:127.0.0.1"
BINDV6ONLY = "net.ipv6.bindv6only"
TRANSPORTS = pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
BOTH = pytest.mark.parametrize("transport", [(tcp6, Socket.tcp), (udp6, Socket.udp)], ids=["tcp", "udp"])


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/connects",
    sentence="IPV6_V6ONLY.2const/IPV6_V6ONLY/restricted",
    section="DESCRIPTION",
    says="A TCP or UDP socket with the flag does not connect to a mapped address, as one without it does.",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@TRANSPORTS
def test_it_does_not_connect_to_ipv4(ns, observe, make):
    with listening(FOUR) as listener, make() as restricted, make() as sock:
        restricted.ipv6_v6only = True
        with refused():
            restricted.connect((MAPPED, listener.getsockname()[1]))
        sock.connect((MAPPED, listener.getsockname()[1]))

        assert observe("peer", sock.getpeername()[0]) == MAPPED


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/sends",
    sentence="IPV6_V6ONLY.2const/IPV6_V6ONLY/restricted",
    section="DESCRIPTION",
    says="A UDP socket with the flag does not send to a mapped address, but to one of IPv6. One without it "
    "sends to both.",
    needs=[IPV6],
)
def test_it_does_not_send_to_ipv4(ns, observe):
    with udp6() as receiver, udp6() as restricted, udp6() as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", 0))
        port = receiver.getsockname()[1]
        restricted.ipv6_v6only = True
        with refused():
            restricted.sendto(b"refused", (MAPPED, port))
        restricted.sendto(b"six", ("::1", port))
        sender.sendto(b"four", (MAPPED, port))

        assert observe("received", [receiver.recv(9).decode(), receiver.recv(9).decode()]) == ["six", "four"]


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/receives",
    sentence=("IPV6_V6ONLY.2const/IPV6_V6ONLY/restricted", "IPV6_V6ONLY.2const/IPV6_V6ONLY/one-port"),
    section="DESCRIPTION",
    says="A UDP socket with the flag is bound to a port at :: and one of IPv4 to the same at 0.0.0.0. Each "
    "receives the packets of its own version only.",
    needs=[IPV6],
)
def test_each_receives_its_own(ns, observe):
    with udp6() as six, Socket.udp() as four, udp6() as sender:
        six.rcvtimeo = four.rcvtimeo = SOON
        six.ipv6_v6only = True
        six.bind(("::", 0))
        port = six.getsockname()[1]
        four.bind(("0.0.0.0", port))
        sender.sendto(b"by four", (MAPPED, port))
        sender.sendto(b"by six", ("::1", port))
        sender.sendto(b"end", (MAPPED, port))
        sender.sendto(b"end", ("::1", port))

        assert observe("received", [received_until("end", four), received_until("end", six)]) == [
            ["by four", "end"],
            ["by six", "end"],
        ]


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/accepts",
    sentence=("IPV6_V6ONLY.2const/IPV6_V6ONLY/restricted", "IPV6_V6ONLY.2const/IPV6_V6ONLY/one-port"),
    section="DESCRIPTION",
    says="A TCP socket with the flag listens to a port at :: and one of IPv4 to the same at 0.0.0.0. Each "
    "accepts the connections of its own version only.",
    needs=[IPV6],
)
def test_each_accepts_its_own(ns, observe):
    with tcp6() as six, Socket.tcp() as four, tcp6() as by_six, Socket.tcp() as by_four:
        six.ipv6_v6only = True
        six.bind(("::", 0))
        four.bind(("0.0.0.0", six.getsockname()[1]))
        six.listen()
        four.listen()
        by_four.connect((FOUR, six.getsockname()[1]))
        by_six.connect(("::1", six.getsockname()[1]))
        await_readable(six)
        await_readable(four)
        with six.accept()[0] as at_six, four.accept()[0] as at_four:
            names = [at_six.getpeername()[0], at_four.getpeername()[0]]

            assert observe("peers", names) == ["::1", FOUR]


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/refuses-ipv4",
    sentence="IPV6_V6ONLY.2const/IPV6_V6ONLY/restricted",
    section="DESCRIPTION",
    says="Nobody connects by IPv4 to a TCP socket with the flag that listens at ::, though by IPv6.",
    needs=[IPV6],
)
def test_it_is_not_reached_by_ipv4(ns, observe):
    with tcp6() as listener, Socket.tcp() as by_four, tcp6() as by_six:
        listener.ipv6_v6only = True
        listener.bind(("::", 0))
        listener.listen()
        with refused():
            by_four.connect((FOUR, listener.getsockname()[1]))
        by_six.connect(("::1", listener.getsockname()[1]))

        assert observe("peer", by_six.getpeername()[0]) == "::1"


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/one-port-taken",
    sentence="IPV6_V6ONLY.2const/IPV6_V6ONLY/one-port",
    section="DESCRIPTION",
    says="Without the flag a TCP or UDP socket of IPv4 is not bound to the port at which one of IPv6 is "
    "bound to ::, and with it it is.",
    needs=[IPV6],
)
@BOTH
def test_two_are_bound_to_one_port(ns, observe, transport):
    six, four = transport
    with six() as restricted, six() as sock, four() as beside, four() as other:
        restricted.ipv6_v6only = True
        restricted.bind(("::", 0))
        sock.bind(("::", 0))
        port = restricted.getsockname()[1]
        with refused():
            other.bind(("0.0.0.0", sock.getsockname()[1]))
        beside.bind(("0.0.0.0", port))

        assert observe("one_port", beside.getsockname()[1] == port) is True


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/both",
    sentence="IPV6_V6ONLY.2const/IPV6_V6ONLY/both",
    section="DESCRIPTION",
    says="A UDP socket without the flag receives from IPv6 addresses and mapped ones, and answers to them, "
    "with net.ipv6.bindv6only too.",
    needs=[IPV6],
)
def test_both_are_received(ns, observe):
    ns.sysctl[BINDV6ONLY] = 1
    with udp6() as sock, udp6() as by_six, Socket.udp() as by_four:
        sock.rcvtimeo = by_six.rcvtimeo = by_four.rcvtimeo = SOON
        sock.ipv6_v6only = False
        sock.bind(("::", 0))
        by_six.sendto(b"six", ("::1", sock.getsockname()[1]))
        data, six = sock.recvfrom(9)
        sock.sendto(data.upper(), six)
        by_four.sendto(b"four", (FOUR, sock.getsockname()[1]))
        data, four = sock.recvfrom(9)
        sock.sendto(data.upper(), four)
        answers = [by_six.recv(9).decode(), by_four.recv(9).decode()]

        assert [observe("peers", [six[0], four[0]]), observe("answers", answers)] == [
            ["::1", MAPPED],
            ["SIX", "FOUR"],
        ]


@claim(
    "IPV6_V6ONLY.2const/IPV6_V6ONLY/default",
    sentence=("IPV6_V6ONLY.2const/IPV6_V6ONLY/default", "ip-sysctl/bindv6only/default-value"),
    section="DESCRIPTION",
    says="A new TCP or UDP socket of IPv6 has the flag as net.ipv6.bindv6only of its network namespace says.",
    needs=[IPV6],
)
@TRANSPORTS
def test_the_default_is_the_sysctl(ns, observe, make):
    ns.sysctl[BINDV6ONLY] = 1
    with make() as first:
        ns.sysctl[BINDV6ONLY] = 0
        with make() as second:
            assert observe("v6only", [first.ipv6_v6only, second.ipv6_v6only]) == [True, False]
