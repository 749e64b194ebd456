"""TCP-AO: what is counted, of a key, of a socket and of a network namespace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import TCP_AO
from conformance.plugin.setups.netstat import counted
from conformance.plugin.setups.tcp_ao import (
    ANOTHER,
    KEY,
    authenticated,
    authenticating,
    client_of,
    connecting,
    exchanged,
    keys_of,
)

SINCE = "6.7"


@claim(
    "tcp_ao/counters/good",
    sentence=(
        "tcp_ao/counters/key",
        "tcp_ao/counters/good",
        "tcp_ao/counters/netns-good",
        "tcp.h/tcp_ao_info_opt/counters",
    ),
    section="uAPI",
    says="Segments over IPv4 that pass are counted by the key that signed them, by the TCP socket that gets "
    "them, and by TCPAOGood of its network namespace; another key of the socket, and the counters of "
    "segments that fail, stay 0.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_good_segments_are_counted(ns, observe):
    before = counted("TCPAOGood")
    with authenticated(KEY) as (client, server):
        client.tcp_ao_add_key = ANOTHER
        received = exchanged(client, server)
        used, idle = keys_of(client)
        info = client.tcp_ao_info
        good = [used.pkt_good > 0, info.pkt_good > 0, counted("TCPAOGood") > before]
        failed = [used.pkt_bad, idle.pkt_bad, info.pkt_bad, info.pkt_key_not_found, info.pkt_ao_required]

        assert observe("received_good_idle_failed", [received, good, idle.pkt_good, failed]) == [
            ["there", "back"],
            [True] * 3,
            0,
            [0] * 5,
        ]


WRONG = {
    "bad": ([replace(KEY, key=ANOTHER.key)], [True, True, False, False]),
    "unknown": ([ANOTHER], [False, False, True, False]),
    "missing": ([], [False, False, False, True]),
}
WAITS = {
    "no-op: connect(*": "it comes back when what was sent before has arrived, which on loopback it has",
    "no-op: ioctl(FIONBIO*": "a client without a key is refused, and does not wait",
}


@claim(
    "tcp_ao/counters/failed",
    sentence=(
        "tcp_ao/counters/key",
        "tcp_ao/counters/bad",
        "tcp_ao/counters/unknown",
        "tcp_ao/counters/required",
        "tcp.h/tcp_ao_info_opt/counters",
    ),
    section="uAPI",
    says="A TCP listener over IPv4 counts SYNs apart that fail verification, which their key counts too, "
    "that have an unknown key, and that have no MAC where one is expected.",
    since=SINCE,
    needs=[TCP_AO],
    survives=WAITS,
)
@pytest.mark.parametrize(("keys", "seen"), WRONG.values(), ids=WRONG)
def test_failed_segments_are_counted(ns, observe, keys, seen):
    with (
        authenticating(KEY) as listener,
        connecting(listener.getsockname(), *keys),
        client_of(listener, KEY) as client,
    ):
        client.connect(listener.getsockname())  # what was sent before has arrived then
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
    survives=WAITS,
)
@pytest.mark.parametrize(("keys", "seen"), WRONG.values(), ids=WRONG)
def test_a_namespace_counts_failed_segments(ns, observe, keys, seen):
    names = ("TCPAOBad", "TCPAOKeyNotFound", "TCPAORequired")
    before = [counted(name) for name in names]
    with (
        authenticating(KEY) as listener,
        connecting(listener.getsockname(), *keys),
        client_of(listener, KEY) as client,
    ):
        client.connect(listener.getsockname())  # what was sent before has arrived then
        after = [counted(name) > 0 for name in names]

        assert observe("before_and_after", [*before, *after]) == [0, 0, 0, *seen[1:]]
