"""TCP-AO: ICMP's hard errors, which are not believed by default."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.icmp import PORT_UNREACHABLE, PROTOCOL_UNREACHABLE, report_unreachable
from conformance.plugin.setups.netstat import counted
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.readiness import await_error
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.setups.tcp_ao import KEY, authenticated, signed_by_md5
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpAoInfo
from netns import Capability

SINCE = "6.7"
CODES = pytest.mark.parametrize(
    ("code", "error"),
    [(PROTOCOL_UNREACHABLE, "ENOPROTOOPT"), (PORT_UNREACHABLE, "ECONNREFUSED")],
    ids=["protocol", "port"],
)


def sent(client: Socket, server: Socket) -> tuple[str, int]:
    """What a server receives of a client, and the number of what that sends next."""
    with segments() as arriving:
        arriving.rcvtimeo = SOON
        client.send(b"data")
        sequence = next_segment(arriving).sequence + 4
        return server.read_exact(4).decode(), sequence


@claim(
    "tcp_ao/icmp/ignored",
    sentence=(
        *("tcp_ao/comparison/icmp", "tcp_ao/TCP_AO_INFO/settings"),
        *("tcp_ao/counters/icmps", "tcp_ao/counters/netns", "tcp_ao/counters/netns-icmps"),
        "tcp.h/tcp_ao_info_opt/accept_icmps",
    ),
    section="Introduction",
    says="An established TCP connection over IPv4 with TCP-AO, and IP_RECVERR, ignores ICMP messages that "
    "its protocol or port is unreachable, which it and TCPAODroppedIcmps count; with accept_icmps of "
    "TCP_AO_INFO it has their error.",
    since=SINCE,
    needs=[TCP_AO, Capability.NET_RAW],
    survives={"no-op: close*": "a packet socket and a raw one that stay open change nothing"},
)
@CODES
def test_hard_errors_are_ignored(ns, observe, code, error):
    with authenticated(KEY) as (client, server):
        client.ip_recverr = True
        data, sequence = sent(client, server)
        report_unreachable(code, client, sequence)
        await_those_before(udp_pair)
        seen: list[object] = [
            data,
            client.error,
            client.tcp_ao_info.pkt_dropped_icmp,
            counted("TCPAODroppedIcmps"),
        ]
        client.tcp_ao_info = TcpAoInfo(accept_icmps=True)
        report_unreachable(code, client, sequence)
        await_error(client)
        seen += [errno_name(client.error), client.tcp_ao_info.pkt_dropped_icmp]

        assert observe("ignored_and_accepted", seen) == ["data", 0, 1, 1, error, 1]


@claim(
    "tcp_ao/icmp/not-ignored-with-md5",
    sentence="tcp_ao/comparison/icmp-md5",
    section="Introduction",
    says="An established TCP connection over IPv4 that TCP_MD5SIG signs, with IP_RECVERR, has the error of "
    "an ICMP message that its protocol or port is unreachable.",
    since=SINCE,
    needs=[Capability.NET_RAW],
    survives={"no-op: close*": "a packet socket and a raw one that stay open change nothing"},
)
@CODES
def test_hard_errors_are_not_ignored_with_md5(ns, observe, code, error):
    with signed_by_md5() as (client, server):
        client.ip_recverr = True
        data, sequence = sent(client, server)
        report_unreachable(code, client, sequence)
        await_error(client)

        assert observe("data_and_error", [data, errno_name(client.error)]) == ["data", error]
