"""tcp_pingpong_thresh: after how many replies acknowledgements are delayed."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, MadePeer, made_peers
from conformance.plugin.setups.readiness import await_readable
from libsocket import Socket
from netns import NetnsError, Peers

THRESHOLD = "net.ipv4.tcp_pingpong_thresh"
TRIES = 3
MOST = 6
"""Replies, after which no delay is looked for: a connection has 16 acknowledgements to give at once."""

FEWEST = {
    "no-op: sendto(*": "another of the connections is as it should be",
    "no-op: close(*": "a connection before may stay open",
}


def replies_before_delay(peer: MadePeer, listener: Socket) -> int:
    """How many requests are replied to before one is not acknowledged at once."""
    peer.connect(listener)
    await_readable(listener)
    with listener.accept()[0] as sock:
        replies = 0
        peer.tell(b"request")
        while replies < MOST and peer.replies():
            sock.read_exact(len(b"request"))
            sock.send(b"reply")
            peer.take(peer.next())
            replies += 1
            peer.tell(b"request")
        peer.reset()
    return replies


def fewest(hosts: Peers) -> int:
    """The fewest of some connections: a reply that a busy machine sends late does not count as one."""
    with made_peers(hosts, TRIES) as ends, hosts.right.entered(), listening(hosts.right.address) as listener:
        return min(replies_before_delay(end, listener) for end in ends)


@claim(
    "ip-sysctl/tcp_pingpong_thresh/replies",
    sentence="ip-sysctl/tcp_pingpong_thresh/replies",
    section="TCP variables",
    says="A TCP connection over IPv4 acknowledges requests at once until it has replied to as many as "
    "tcp_pingpong_thresh says, 1, 2 or 4, each as soon as it came, and delays the acknowledgement of the "
    "next.",
    since="6.7",
    needs=[*MADE, sysctl(THRESHOLD)],
    survives=FEWEST,
)
@pytest.mark.parametrize("threshold", [1, 2, 4])
def test_acknowledgements_are_delayed_after_replies(peers, observe, threshold):
    peers.right.namespace.sysctl[THRESHOLD] = threshold

    assert observe("replies", fewest(peers)) == threshold


@claim(
    "ip-sysctl/tcp_pingpong_thresh/default",
    sentence="ip-sysctl/tcp_pingpong_thresh/default",
    section="TCP variables",
    says="In a new network namespace tcp_pingpong_thresh is 1, and a TCP connection over IPv4 delays the "
    "acknowledgement of a second request once it has replied to the first as soon as that came.",
    since="6.7",
    needs=[*MADE, sysctl(THRESHOLD)],
    survives=FEWEST,
)
def test_one_reply_is_enough_at_first(peers, observe):
    threshold = observe("threshold", peers.right.namespace.sysctl[THRESHOLD])

    assert [threshold, observe("replies", fewest(peers))] == ["1", 1]


@claim(
    "ip-sysctl/tcp_pingpong_thresh/values",
    sentence="ip-sysctl/tcp_pingpong_thresh/values",
    section="TCP variables",
    says="A tcp_pingpong_thresh of 0 or 256 is refused. With one of 1 a TCP connection over IPv4 delays the "
    "acknowledgement of a second request, and with one of 255 it still delays none after 6.",
    since="6.7",
    needs=[*MADE, sysctl(THRESHOLD)],
    survives=FEWEST,
)
@pytest.mark.parametrize(("bound", "beyond", "replies"), [(1, 0, 1), (255, 256, MOST)])
def test_it_has_bounds(peers, observe, bound, beyond, replies):
    peers.right.namespace.sysctl[THRESHOLD] = bound
    with pytest.raises(NetnsError):
        peers.right.namespace.sysctl[THRESHOLD] = beyond

    assert observe("replies", fewest(peers)) == replies
