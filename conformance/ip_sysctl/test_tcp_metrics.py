"""What TCP keeps of a connection for the next one with the same host."""

from __future__ import annotations

from dataclasses import replace
from socket import SHUT_WR

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import FIRST
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.resting import RESTING, RESTING_ENDS, lose, resting_sender
from conformance.plugin.setups.segments import ACK, FIN
from libsocket import Linger
from netns import Peers

NO_THRESHOLD = "net.ipv4.tcp_no_ssthresh_metrics_save"
INFINITE = 2**31 - 1


def thresholds(hosts: Peers) -> list[int]:
    """The slow start threshold (TCP_INFO) of a connection after a loss, and that of the next at first."""
    with resting_sender(hosts) as (sock, peer):
        lose(sock, peer)
        learnt = sock.tcp_info.snd_ssthresh
        peer.replies()
        sock.send(b"x")  # recovery ends with what is sent after it
        peer.take(peer.next())
        peer.send()
        sock.shutdown(SHUT_WR)
        peer.take(peer.next())
        peer.send(FIN | ACK)
        peer.replies()
        another = replace(peer, port=peer.port + 1, sequence=FIRST, expected=0)
        with listening(hosts.right.address) as listener:
            listener.tcp_congestion = "reno"
            another.connect(listener)
            await_readable(listener)
            with listener.accept()[0] as next_one:
                next_one.linger = Linger(True, 0)
                return [learnt, next_one.tcp_info.snd_ssthresh]


@claim(
    "ip-sysctl/tcp_no_ssthresh_metrics_save/disables",
    sentence=(
        "ip-sysctl/tcp_no_ssthresh_metrics_save/disables",
        "ip-sysctl/tcp_no_ssthresh_metrics_save/default",
    ),
    section="TCP variables",
    says="A TCP connection over IPv4 with the algorithm reno begins with the slow start threshold (TCP_INFO) "
    "that one with the same host had after a loss when it ended where tcp_no_ssthresh_metrics_save is 0, and "
    "with 2147483647 where it is 1, as it is in a new network namespace.",
    since="5.6",
    needs=[*RESTING, sysctl(NO_THRESHOLD)],
    survives={
        **RESTING_ENDS,
        r"no-op: sendto(*\3\352*, 40, 0*": "where nothing is kept the recovery need not end before",
    },
)
@pytest.mark.parametrize(
    ("settings", "kept"),
    [({}, INFINITE), ({NO_THRESHOLD: 1}, INFINITE), ({NO_THRESHOLD: 0}, 5)],
    ids=["at-first", "1", "0"],
)
def test_a_threshold_is_not_kept(peers, observe, settings, kept):
    peers.right.namespace.sysctl.update(settings)

    assert observe("learnt_and_next", thresholds(peers)) == [5, kept]
