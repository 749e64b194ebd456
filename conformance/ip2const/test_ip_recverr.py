"""IP_RECVERR: errors that wait in a queue."""

from __future__ import annotations

import errno
from socket import MSG_ERRQUEUE

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.error_queue import destination, icmp, next_error, offender, told
from conformance.plugin.setups.packets import packets, payload
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import ExtendedError, Socket, Timestamping, TimestampingFlag, Tos, Ttl
from netns import Capability, Routed

HOST_UNREACHABLE, PORT_UNREACHABLE, PROHIBITED = [3, 1], [3, 3], [3, 13]
"""Types and codes of ICMP."""
IPPROTO_IP, IP_RECVERR = 0, 11
NOBODY_THERE = ("127.0.0.1", 9)


def cut_off(hosts: Routed, *, type: str = "unreachable") -> None:
    """Let the router send back every packet for the right host."""
    hosts.router.namespace.add_route(f"{hosts.right.address}/32", type=type)


@claim(
    "IP_RECVERR.2const/IP_RECVERR/queued",
    sentence=(
        "IP_RECVERR.2const/IP_RECVERR/default",
        "IP_RECVERR.2const/IP_RECVERR/queued",
        "IP_RECVERR.2const/IP_RECVERR/received",
        "IP_RECVERR.2const/IP_RECVERR/unconnected",
        "IP_RECVERR.2const/IP_RECVERR/errno",
        "IP_RECVERR.2const/IP_RECVERR/origin",
        "IP_RECVERR.2const/IP_RECVERR/origin-ip",
        "IP_RECVERR.2const/IP_RECVERR/type-and-code",
        "IP_RECVERR.2const/IP_RECVERR/data",
        "IP_RECVERR.2const/IP_RECVERR/payload",
        "recv.2/MSG_ERRQUEUE/queue",
        "recv.2/MSG_ERRQUEUE/payload",
        "recv.2/MSG_ERRQUEUE/data",
        "recv.2/ee_errno/value",
        "recv.2/ee_origin/value",
        "socket.2/socket/error-queue",
    ),
    section="DESCRIPTION",
    says="On a UDP socket with IP_RECVERR that is not connected each datagram to a port that nobody has is "
    "queued as an error, with ECONNREFUSED, the origin ICMP, its type and code, and the payload that was "
    "sent, in that order. Without it, as at first, nothing is queued, and no call fails.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
def test_errors_are_queued(ns, observe):
    with packets() as seen, Socket.udp() as silent, Socket.udp() as sock:
        silent.sendto(b"lost", NOBODY_THERE)
        sock.ip_recverr = True
        sock.sendto(b"first", NOBODY_THERE)
        first = next_error(sock)
        sock.sendto(b"second", NOBODY_THERE)
        second = next_error(sock)
        queued = [[*icmp(one), one.payload.decode()] for one in (first, second)]
        without = [payload(seen.recv(100)), silent.error, silent.recv_error()]

        assert [observe("without", without), observe("queued", queued)] == [
            ["lost", 0, None],
            [
                ["ECONNREFUSED", "ICMP", *PORT_UNREACHABLE, "first"],
                ["ECONNREFUSED", "ICMP", *PORT_UNREACHABLE, "second"],
            ],
        ]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/call-fails",
    sentence="IP_RECVERR.2const/IP_RECVERR/received",
    section="DESCRIPTION",
    says="A receive on a UDP socket with IP_RECVERR fails with the error that is queued, which MSG_ERRQUEUE "
    "then receives once.",
    since="2.2",
)
def test_a_call_fails_and_the_queue_says_why(ns, observe):
    with Socket.udp() as sock:
        sock.rcvtimeo = SOON
        sock.ip_recverr = True
        sock.sendto(b"hello", NOBODY_THERE)
        with refused(errno.ECONNREFUSED):
            sock.recv(9)
        error = sock.recv_error()

        assert observe("queued", [isinstance(error, ExtendedError), sock.recv_error()]) == [True, None]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/control-message",
    sentence=(
        "IP_RECVERR.2const/IP_RECVERR/control-message",
        "IP_RECVERR.2const/IP_RECVERR/structure",
        "recv.2/MSG_ERRQUEUE/control",
        "recv.2/MSG_ERRQUEUE/structure",
    ),
    section="DESCRIPTION",
    says="What MSG_ERRQUEUE receives on a UDP socket has a control message IP_RECVERR of level IPPROTO_IP, a "
    "struct sock_extended_err of 16 bytes and a struct sockaddr_in, and nothing else beside the payload.",
    since="2.2",
)
def test_the_error_is_a_control_message(ns, observe):
    with Socket.udp() as sock:
        sock.ip_recverr = True
        sock.sendto(b"hello", NOBODY_THERE)
        await_error(sock)
        data, control, flags, _ = sock.recvmsg(100, 200, MSG_ERRQUEUE)
        headers = [[level, kind, len(octets)] for level, kind, octets in control]

        assert [data, flags & MSG_ERRQUEUE, observe("control_messages", headers)] == [
            b"hello",
            MSG_ERRQUEUE,
            [[IPPROTO_IP, IP_RECVERR, 32]],
        ]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/offender",
    sentence=(
        "IP_RECVERR.2const/IP_RECVERR/offender",
        "IP_RECVERR.2const/IP_RECVERR/node",
        "recv.2/SO_EE_OFFENDER/address",
    ),
    section="DESCRIPTION",
    says="An error of a UDP datagram that a router sent back names the router as the node that caused it: "
    "where the time to live ran out, and where the router knows no way.",
    since="2.2",
    needs=[VETH],
    survives={"no-op: setsockopt(*IP_TTL, ?64?*": "it is what the socket has anyway"},
)
@pytest.mark.parametrize(
    ("host", "ttl", "error"),
    [("10.0.2.2", 1, ["EHOSTUNREACH", "ICMP", 11, 0]), ("10.0.3.3", 64, ["ENETUNREACH", "ICMP", 3, 0])],
    ids=["too-far", "no-way"],
)
def test_the_error_names_the_router(routed, observe, host, ttl, error):
    with routed.left.entered(), Socket.udp() as sock:
        sock.ip_recverr = True
        sock.ip_ttl = ttl
        sock.sendto(b"hello", (host, 9))
        queued = next_error(sock)
        seen = [offender(queued), destination(queued), *icmp(queued)]

        assert observe("error", seen) == [routed.router.address, host, *error]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/local",
    sentence=(
        "IP_RECVERR.2const/IP_RECVERR/origin-ip",
        "IP_RECVERR.2const/IP_RECVERR/info",
        "IP_RECVERR.2const/IP_RECVERR/offender-unknown",
        "IP_RECVERR.2const/IP_RECVERR/source-unknown",
        "recv.2/SO_EE_OFFENDER/unknown",
    ),
    section="DESCRIPTION",
    says="A UDP datagram larger than the MTU that is sent with IP_PMTUDISC_DO and IP_RECVERR fails with "
    "EMSGSIZE and is queued as an error of the origin LOCAL too, with the MTU, and with an address of the "
    "node of the family AF_UNSPEC.",
    since="2.2",
)
def test_an_error_of_this_host_is_queued(ns, observe):
    ns.set_link("lo", mtu=1500)
    with Socket.udp() as sock:
        sock.ip_recverr = True
        sock.ip_mtu_discover = 2
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(1473), NOBODY_THERE)
        error = next_error(sock)
        seen = [*told(error), error.type, error.code, error.offender, destination(error)]

        assert observe("error", seen) == ["EMSGSIZE", "LOCAL", 1500, 0, 0, None, "127.0.0.1"]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/data-of-local",
    sentence="IP_RECVERR.2const/IP_RECVERR/data",
    section="DESCRIPTION",
    says="What is received with an error of the origin LOCAL is the UDP datagram that failed.",
    since="2.2",
    expect=differs(
        "nothing of it is kept: what is received is empty (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"origin": "LOCAL", "size": 0},
    ),
)
def test_the_datagram_comes_with_an_error_of_this_host(ns, observe):
    ns.set_link("lo", mtu=1500)
    with Socket.udp() as sock:
        sock.ip_recverr = True
        sock.ip_mtu_discover = 2
        with refused(errno.EMSGSIZE):
            sock.sendto(bytes(1473), NOBODY_THERE)
        error = next_error(sock)

        assert [observe("origin", told(error)[1]), observe("size", len(error.payload))] == ["LOCAL", 1473]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/ip-options",
    sentence="IP_RECVERR.2const/IP_RECVERR/ip-options",
    section="DESCRIPTION",
    says="With IP_RECVTTL and IP_RECVTOS an error that a router sent back comes with the time to live and "
    "the type of service of the router's message.",
    since="2.2",
    needs=[VETH],
)
def test_fields_of_the_header_come_with_an_error(routed, observe):
    routed.router.namespace.sysctl["net.ipv4.ip_default_ttl"] = 77
    cut_off(routed)
    with routed.left.entered(), Socket.udp() as sock:
        sock.ip_recverr = sock.ip_recvttl = sock.ip_recvtos = True
        sock.ip_tos = 0x10
        sock.sendto(b"hello", (routed.right.address, 9))
        await_error(sock)
        message = sock.recv_message(100, flags=MSG_ERRQUEUE)
        seen = [int(one) for one in (message.find(Ttl), message.find(Tos)) if one is not None]

        assert observe("ttl_and_tos", seen) == [77, 0xC0 | 0x10]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/raw",
    sentence="IP_RECVERR.2const/IP_RECVERR/raw",
    section="DESCRIPTION",
    says="The error that a router sends back for what it prohibits is queued on a raw socket with "
    "IP_RECVERR that is not connected. Of two sockets without it the one that is connected to the "
    "destination has the error (SO_ERROR), the one that is not connected has none.",
    since="2.2",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_raw_socket_is_passed_errors(routed, observe):
    cut_off(routed, type="prohibit")
    with routed.left.entered(), raw_socket() as unconnected, raw_socket() as connected, raw_socket() as sock:
        sock.ip_recverr = True
        connected.connect((routed.right.address, 0))
        sock.sendto(b"enough octets", (routed.right.address, 0))
        queued = icmp(next_error(sock))
        await_error(connected)

        assert [observe("queued", queued), observe("others", [connected.error, unconnected.error])] == [
            ["EHOSTUNREACH", "ICMP", *PROHIBITED],
            [errno.EHOSTUNREACH, 0],
        ]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/raw-all",
    sentence="IP_RECVERR.2const/IP_RECVERR/raw",
    section="DESCRIPTION",
    says="An error that may pass, a host beyond reach, is queued on a raw socket with IP_RECVERR too, where "
    "a connected one without it has none.",
    since="2.2",
    needs=[VETH, Capability.NET_RAW],
)
def test_a_raw_socket_is_passed_all_errors(routed, observe):
    cut_off(routed)
    with routed.left.entered(), raw_socket() as connected, raw_socket() as sock:
        sock.ip_recverr = True
        connected.connect((routed.right.address, 0))
        connected.send(b"enough octets")
        queued = icmp(next_error(sock))

        assert [observe("queued", queued), observe("connected", connected.error)] == [
            ["EHOSTUNREACH", "ICMP", *HOST_UNREACHABLE],
            0,
        ]


@claim(
    "IP_RECVERR.2const/IP_RECVERR/no-queue-of-streams",
    sentence="IP_RECVERR.2const/IP_RECVERR/no-tcp-queue",
    section="DESCRIPTION",
    says="Receiving with MSG_ERRQUEUE on a TCP connection that asks for a timestamp of what it sends fails.",
    since="2.2",
    expect=differs(
        "TCP has an error queue for timestamps and completions: the timestamp is received",
        since="3.17",
        commit="4ed2d765dfac",
        observed={"errno": None},
    ),
)
def test_a_stream_has_no_error_queue(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        sock.timestamping = Timestamping(TimestampingFlag.TX_SOFTWARE | TimestampingFlag.SOFTWARE)
        sock.send(b"hello")
        await_error(sock)
        with refused():
            sock.recvmsg(100, 200, MSG_ERRQUEUE)
