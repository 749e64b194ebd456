"""TCP-AO: which key is used, what is required, and ICMP messages that are not believed."""

from __future__ import annotations

from dataclasses import replace

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.refusal import refused
from conformance.plugin.setups.segments import next_segment, segments
from conformance.plugin.setups.tcp_ao import (
    ANOTHER,
    AUTHENTICATION,
    CURRENT,
    KEY,
    add_keys,
    authenticated,
    authenticating,
    client_of,
    exchanged,
    mirrored,
    used,
)
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpAoInfo
from netns import Capability

SINCE = "6.7"
ESTABLISHED = 1


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
        server.tcp_ao_info = TcpAoInfo(rnext=102)
        server.send(b"please")
        client.read_exact(6)
        after = [*used(client), *used(server)]
        received = exchanged(client, server)

        assert observe("before_after_received", [before, after, received]) == [
            [100, 101, 101, 100],
            [102, 101, 101, 102],
            ["there", "back"],
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
        server.tcp_ao_info = TcpAoInfo(rnext=102)
        server.send(b"please")
        client.read_exact(6)
        seen = [client.tcp_ao_info.current_key]
        server.tcp_ao_info = TcpAoInfo(rnext=100)
        server.send(b"please")
        client.read_exact(6)
        seen.append(client.tcp_ao_info.current_key)

        assert observe("current_keys", seen) == [102, 100]


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
        server.tcp_ao_info = TcpAoInfo(rnext=102)
        server.send(b"please")
        client.read_exact(6)
        received = exchanged(client, server)

        assert observe("used_and_received", [*used(server), *used(client), *received]) == [
            101,
            102,
            100,
            101,
            "there",
            "back",
        ]


@claim(
    "tcp_ao/TCP_AO_INFO/current-key-by-hand",
    sentence="tcp_ao/TCP_AO_INFO/rotation",
    section="uAPI",
    says="TCP_AO_INFO changes the current key of a TCP connection over IPv4, too: the next segment that is "
    "sent has the number of the new one.",
    since=SINCE,
    needs=[TCP_AO, Capability.NET_RAW],
)
def test_the_current_key_is_changed_by_hand(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server), segments() as arriving:
        arriving.rcvtimeo = SOON
        client.send(b"first")
        ids = [next_segment(arriving).options[AUTHENTICATION][0]]
        server.read_exact(5)
        client.tcp_ao_info = TcpAoInfo(current_key=102)
        with segments() as later:
            later.rcvtimeo = SOON
            client.send(b"second")
            server.read_exact(6)
            sent = next(one for one in iter(lambda: next_segment(later), None) if one.data)
        ids.append(sent.options[AUTHENTICATION][0])

        assert observe("key_ids", ids) == [100, 102]


@claim(
    "tcp_ao/TCP_AO_INFO/required",
    sentence="tcp_ao/TCP_AO_INFO/settings",
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
        client_of(listener) as later,
        client_of(listener, KEY) as able,
    ):
        plain.bind(("127.0.0.2", 0))
        later.bind(("127.0.0.2", 0))
        plain.connect(listener.getsockname())
        with listener.accept()[0] as server:
            accepted = [server.getpeername() == plain.getsockname()]
        listener.tcp_ao_info = TcpAoInfo(ao_required=True)
        later.setblocking(False)
        later.connect_ex(listener.getsockname())
        able.connect(listener.getsockname())
        with listener.accept()[0] as server:
            accepted.append(server.getpeername() == able.getsockname())
            inherited = server.tcp_ao_info.ao_required
        info = listener.tcp_ao_info
        seen = [*accepted, info.ao_required, inherited, info.pkt_ao_required > 0]

        assert observe("accepted_required_counted", seen) == [True] * 5


@claim(
    "tcp_ao/TCP_AO_INFO/reads-back",
    sentence=("tcp_ao/TCP_AO_INFO/settings", "tcp_ao/TCP_AO_INFO/get", "tcp_ao/TCP_AO_INFO/clears"),
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
        seen = [sock.tcp_ao_info == TcpAoInfo()]
        sock.tcp_ao_info = replace(counted, set_counters=True, ao_required=True)
        seen.append(sock.tcp_ao_info == replace(counted, ao_required=True))
        sock.tcp_ao_info = TcpAoInfo(accept_icmps=True)
        seen.append(sock.tcp_ao_info == replace(counted, accept_icmps=True))
        sock.tcp_ao_info = TcpAoInfo(set_counters=True)
        seen.append(sock.tcp_ao_info == TcpAoInfo())

        assert observe("as_set", seen) == [True] * 4


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
