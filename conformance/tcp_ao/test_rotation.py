"""TCP-AO: which key is used, what is required, and ICMP messages that are not believed."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from operator import attrgetter

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.refusal import refused
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.setups.tcp_ao import (
    ANOTHER,
    AUTHENTICATION,
    CURRENT,
    HERE,
    KEY,
    SYN_SENT,
    add_keys,
    authenticated,
    authenticating,
    client_of,
    exchanged,
    keys_of,
    mirrored,
    used,
)
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpAoInfo
from netns import Capability

SINCE = "6.7"
ELSEWHERE = "127.0.0.2"


def asked_for(sndid: int, client: Socket, server: Socket) -> str:
    """What a client receives of a server that asks it for a key, by the SendID that it has there."""
    server.tcp_ao_info = TcpAoInfo(rnext=sndid)
    server.send(b"please")
    return client.read_exact(6).decode()


@claim(
    "tcp_ao/TCP_AO_INFO/rotates",
    sentence=("tcp_ao/TCP_AO_INFO/rotation", "tcp_ao/comparison/key-change", "tcp_ao/FAQ/current-key-set"),
    section="uAPI",
    says="When TCP_AO_INFO changes which key one end of a TCP connection over IPv4 asks for, the next "
    "segment that it sends makes this the current key of the other end, and what comes back is signed with "
    "it; which key the other asks for, and the first end's current key, stay.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_the_peer_changes_to_the_key_that_is_asked_for(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server):
        before = [*used(client), *used(server)]
        received = [asked_for(102, client, server)]
        after = [*used(client), *used(server)]
        received += exchanged(client, server)
        signed = [key.pkt_good > 0 for key in keys_of(server)]

        assert observe("before_after_received_signed", [before, after, received, signed]) == [
            [100, 101, 101, 100],
            [102, 101, 101, 102],
            ["please", "there", "back"],
            [False, True],
        ]


@claim(
    "tcp_ao/TCP_AO_INFO/backs-up",
    sentence="tcp_ao/FAQ/backs-up",
    section="FAQ",
    says="The current key of one end of a TCP connection over IPv4 changes back to one that it was before, "
    "when the other end asks for that again.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_key_is_used_again(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server):
        seen = [asked_for(102, client, server), client.tcp_ao_info.current_key]
        seen += [asked_for(100, client, server), client.tcp_ao_info.current_key]

        assert observe("received_and_current_keys", seen) == ["please", 102, "please", 100]


@claim(
    "tcp_ao/FAQ/unknown-next-key",
    sentence="tcp_ao/FAQ/unknown-next",
    section="FAQ",
    says="When one end of a TCP connection over IPv4 asks for a key that the other does not have, nothing "
    "changes there, and the connection goes on.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_an_unknown_key_is_not_changed_to(ns, observe):
    with authenticated(KEY) as (client, server):
        server.tcp_ao_add_key = mirrored(ANOTHER)
        received = [asked_for(102, client, server), *exchanged(client, server)]

        assert observe("used_and_received", [used(server), used(client), received]) == [
            [101, 102],
            [100, 101],
            ["please", "there", "back"],
        ]


@claim(
    "tcp_ao/TCP_AO_INFO/current-key-by-hand",
    sentence="tcp_ao/TCP_AO_INFO/rotation",
    section="uAPI",
    says="TCP_AO_INFO changes the current key of a TCP connection over IPv4, too: the segment with the "
    "data that is sent next has the number of the new one.",
    since=SINCE,
    needs=[TCP_AO, Capability.NET_RAW],
)
def test_the_current_key_is_changed_by_hand(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server), segments() as arriving:
        arriving.rcvtimeo = SOON
        client.send(b"first")
        received = [server.read_exact(5).decode()]
        client.tcp_ao_info = TcpAoInfo(current_key=102)
        client.send(b"second")
        received.append(server.read_exact(6).decode())
        sent = filter(attrgetter("data"), iter(lambda: next_segment(arriving), None))
        ids = [one.options[AUTHENTICATION][0] for one in islice(sent, 2)]

        assert observe("received_and_key_ids", [received, ids]) == [["first", "second"], [100, 102]]


@claim(
    "tcp_ao/TCP_AO_INFO/required",
    sentence=("tcp_ao/TCP_AO_INFO/settings", "tcp.h/tcp_ao_info_opt/ao_required"),
    section="uAPI",
    says="With ao_required of TCP_AO_INFO a TCP listener over IPv4 does not answer a SYN without TCP-AO's "
    "option from an address for which it has no key, and counts it; without it does.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_mac_can_be_required(ns, observe):
    with (
        authenticating(KEY) as listener,
        client_of(listener) as plain,
        Socket.tcp() as later,
        client_of(listener, KEY) as able,
    ):
        plain.bind((ELSEWHERE, 0))
        later.bind((ELSEWHERE, 0))
        plain.connect(listener.getsockname())
        with listener.accept()[0] as server:
            hosts = [server.getpeername()[0]]
            listener.tcp_ao_info = TcpAoInfo(ao_required=True)
            later.setblocking(False)
            later.connect_ex(listener.getsockname())
            able.connect(listener.getsockname())
            with listener.accept()[0] as another:
                hosts += [later.getsockname()[0], another.getpeername()[0]]
                counted = listener.tcp_ao_info.pkt_ao_required > 0

                assert observe("hosts_state_counted", [hosts, later.tcp_info.state, counted]) == [
                    [ELSEWHERE, ELSEWHERE, HERE],
                    SYN_SENT,
                    True,
                ]


def settings(sock: Socket) -> list[int]:
    """What TCP_AO_INFO has but for the keys: two flags, and the counters."""
    info = sock.tcp_ao_info
    counters = [info.pkt_good, info.pkt_bad, info.pkt_key_not_found, info.pkt_ao_required]
    return [info.ao_required, info.accept_icmps, *counters, info.pkt_dropped_icmp]


@claim(
    "tcp_ao/TCP_AO_INFO/reads-back",
    sentence=(
        "tcp_ao/TCP_AO_INFO/settings",
        "tcp_ao/TCP_AO_INFO/get",
        "tcp_ao/TCP_AO_INFO/clears",
        "tcp.h/tcp_ao_info_opt/set_counters",
    ),
    section="uAPI",
    says="A TCP socket's TCP_AO_INFO reads ao_required, accept_icmps and the counters as they were set, with "
    "nothing set at first; the counters stay where set_counters is not given, and are cleared where it is.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_settings_read_back(ns, observe):
    counted = TcpAoInfo(pkt_good=1, pkt_bad=2, pkt_key_not_found=2**40, pkt_ao_required=4, pkt_dropped_icmp=5)
    with Socket.tcp() as sock:
        sock.tcp_ao_add_key = KEY
        seen = [settings(sock)]
        sock.tcp_ao_info = replace(counted, set_counters=True, ao_required=True)
        seen.append(settings(sock))
        sock.tcp_ao_info = TcpAoInfo(accept_icmps=True)
        seen.append(settings(sock))
        sock.tcp_ao_info = TcpAoInfo(set_counters=True)
        seen.append(settings(sock))

        assert observe("required_accepts_counters", seen) == [
            [False, False, 0, 0, 0, 0, 0],
            [True, False, 1, 2, 2**40, 4, 5],
            [False, True, 1, 2, 2**40, 4, 5],
            [False, False, 0, 0, 0, 0, 0],
        ]


@claim(
    "tcp_ao/TCP_AO_INFO/key-must-be-known",
    sentence="tcp_ao/TCP_AO_INFO/rotation",
    section="uAPI",
    says="TCP_AO_INFO is refused with a current key, or one to ask for, that the TCP socket does not have, "
    "and taken with one that it has.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_an_unknown_key_is_refused(ns, observe):
    with Socket.tcp() as sock:
        add_keys(sock, KEY)
        with refused(name="errno_current"):
            sock.tcp_ao_info = TcpAoInfo(current_key=101)
        with refused(name="errno_rnext"):
            sock.tcp_ao_info = TcpAoInfo(rnext=100)
        sock.tcp_ao_info = TcpAoInfo(current_key=100, rnext=101)

        assert observe("used", used(sock)) == [100, 101]
