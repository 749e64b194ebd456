"""TCP-AO: what is counted, of a key, of a socket and of a network namespace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.setups.snmp import counted
from conformance.plugin.setups.tcp_ao import (
    ANOTHER,
    CURRENT,
    KEY,
    authenticated,
    authenticating,
    client_of,
    exchanged,
    keys_of,
)
from libsocket import Socket

SINCE = "6.7"


def fence(listener: Socket) -> None:
    """Let what was sent before arrive: a connection is made that comes after it."""
    with client_of(listener, KEY) as client:
        client.connect(listener.getsockname())
        listener.accept()[0].close()


@claim(
    "tcp_ao/counters/good",
    sentence=("tcp_ao/counters/key", "tcp_ao/counters/good", "tcp_ao/counters/netns-good"),
    section="uAPI",
    says="Segments over IPv4 that pass are counted by the key that signed them, by the TCP socket that gets "
    "them, and by TCPAOGood of its network namespace; another key of the socket, and the counters of "
    "segments that fail, stay 0.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_good_segments_are_counted(ns, observe):
    with authenticated(CURRENT, ANOTHER) as (client, server):
        exchanged(client, server)
        used, idle = keys_of(client)
        info = client.tcp_ao_info
        seen = [used.pkt_good > 0, info.pkt_good > 0, counted("TCPAOGood") > 0]
        others = [used.pkt_bad, idle.pkt_good, idle.pkt_bad, info.pkt_bad, info.pkt_key_not_found]

        assert observe("counted_and_others", [*seen, *others]) == [True] * 3 + [0] * 5


WRONG = {
    "bad": (replace(KEY, key=ANOTHER.key), [True, True, False, False]),
    "unknown": (ANOTHER, [False, False, True, False]),
    "missing": (None, [False, False, False, True]),
}


@claim(
    "tcp_ao/counters/failed",
    sentence=(
        "tcp_ao/counters/key",
        "tcp_ao/counters/bad",
        "tcp_ao/counters/unknown",
        "tcp_ao/counters/required",
    ),
    section="uAPI",
    says="A TCP listener over IPv4 counts SYNs apart that fail verification, which their key counts too, "
    "that have an unknown key, and that have no MAC where one is expected.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize(("key", "seen"), WRONG.values(), ids=WRONG)
def test_failed_segments_are_counted(ns, observe, key, seen):
    with authenticating(KEY) as listener, client_of(listener, *([key] if key else [])) as client:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        fence(listener)
        [own] = keys_of(listener)
        info = listener.tcp_ao_info
        counters = [own.pkt_bad, info.pkt_bad, info.pkt_key_not_found, info.pkt_ao_required]

        assert observe("counted", [count > 0 for count in counters]) == seen


@claim(
    "tcp_ao/counters/of-the-namespace",
    sentence=(
        "tcp_ao/counters/netns",
        "tcp_ao/counters/netns-bad",
        "tcp_ao/counters/netns-unknown",
        "tcp_ao/counters/netns-required",
    ),
    section="uAPI",
    says="What a TCP listener over IPv4 counts of SYNs that fail verification, have an unknown key, or have "
    "no MAC, TCPAOBad, TCPAOKeyNotFound and TCPAORequired of its network namespace count, too.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize(("key", "seen"), WRONG.values(), ids=WRONG)
def test_a_namespace_counts_failed_segments(ns, observe, key, seen):
    names = ("TCPAOBad", "TCPAOKeyNotFound", "TCPAORequired")
    with authenticating(KEY) as listener, client_of(listener, *([key] if key else [])) as client:
        before = [counted(name) for name in names]
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        fence(listener)
        after = [counted(name) > 0 for name in names]

        assert observe("before_and_after", [*before, *after]) == [0, 0, 0, *seen[1:]]
