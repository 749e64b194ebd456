"""RFC 1323: timestamps that protect against old segments, and windows of more than 64 kB."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, OFFERED, made_peer, with_timestamp
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import segments, waiting_segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Peers

CLOCK = 1_000_000
"""What the made peer's clock says first."""
LARGEST_UNSCALED = 65_535
ACKNOWLEDGED_BY_DATA = {"no-op: sendto(*, 52, 0*": "the segment after it acknowledges the SYN-ACK too"}


def buffer_and_window(hosts: Peers, *, size: int = 0) -> tuple[int, int]:
    """The receive buffer of a connection of the right host, and the largest window that it advertises.

    It reads half a megabyte; ``size`` is the SO_RCVBUF that its listener sets before.
    """
    hosts.right.namespace.sysctl["net.ipv4.tcp_moderate_rcvbuf"] = 0
    with hosts.right.entered(), Socket.tcp() as listener, hosts.left.entered(), Socket.tcp() as sender:
        if size:
            listener.rcvbuf = size
        listener.bind((hosts.right.address, 0))
        listener.listen()
        sender.connect(listener.getsockname())
        with listener.accept()[0] as receiver:
            receiver.rcvtimeo = SOON
            windows = []
            for _ in range(32):
                sender.sendall(bytes(16_384))
                receiver.read_exact(16_384)
                windows.append(sender.tcp_info.snd_wnd)
            return receiver.rcvbuf, max(windows)


def arrived_and_taken(hosts: Peers, later: int) -> list[object]:
    """Which segments arrive for a connection, and which of them it takes.

    The first of two has a timestamp later by ``later`` than the last that was taken, the second, which has
    other data for the same place in the stream, one that is later by 1.
    """
    with (
        made_peer(hosts) as peer,
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        segments() as arriving,
    ):
        peer.ask(listener, {**OFFERED, **with_timestamp(CLOCK)})
        peer.send(options=with_timestamp(CLOCK))
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.rcvtimeo = SOON
            peer.send(data=b"first", options=with_timestamp(CLOCK + later))
            peer.send(data=b"later", options=with_timestamp(CLOCK + 1))
            taken = sock.read_exact(5).decode()
            peer.replies()
            return [[one.data.decode() for one in waiting_segments(arriving) if one.data], taken]


@claim(
    "tcp.7/DESCRIPTION/paws",
    sentence="tcp.7/DESCRIPTION/rfc1323",
    section="DESCRIPTION",
    says="A TCP connection over IPv4 with timestamps drops a segment in its window whose timestamp is older "
    "by 2 than the last that it took, and takes one of the same time (RFC 1323, PAWS).",
    needs=MADE,
    survives=ACKNOWLEDGED_BY_DATA,
)
@pytest.mark.parametrize(("later", "taken"), [(-2, "later"), (0, "first")])
def test_an_old_timestamp_is_dropped(peers, observe, later, taken):
    assert observe("arrived_and_taken", arrived_and_taken(peers, later)) == [["first", "later"], taken]


@claim(
    "tcp.7/DESCRIPTION/paws-older-by-one",
    sentence="tcp.7/DESCRIPTION/rfc1323",
    section="DESCRIPTION",
    says="A TCP connection over IPv4 with timestamps drops a segment in its window whose timestamp is older "
    "by 1 than the last that it took (RFC 1323, PAWS).",
    needs=MADE,
    survives=ACKNOWLEDGED_BY_DATA,
    expect=differs(
        "it makes allowance for a timestamp that is older by 1",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"arrived_and_taken": [["first", "later"], "first"]},
    ),
)
def test_a_timestamp_older_by_one_is_dropped(peers, observe):
    assert observe("arrived_and_taken", arrived_and_taken(peers, -1)) == [["first", "later"], "later"]


@claim(
    "tcp.7/DESCRIPTION/large-window",
    sentence=(
        "tcp.7/DESCRIPTION/rfc1323",
        "tcp.7/DESCRIPTION/window-scaling",
        "tcp.7/tcp_window_scaling/large",
        "tcp.7/tcp_window_scaling/sixteen-bits",
        "tcp.7/tcp_window_scaling/buffers",
        "tcp.7/tcp_rmem/large",
    ),
    section="DESCRIPTION",
    says="A TCP connection over IPv4 whose SO_RCVBUF was set to 200000 bytes before listen(2) advertises a "
    "window of more than 65535 bytes where tcp_window_scaling is 1, and none where it is 0.",
    needs=[VETH],
)
@pytest.mark.parametrize(("value", "larger"), [(0, False), (1, True)])
def test_a_scaled_window_is_larger(peers, observe, value, larger):
    peers.right.namespace.sysctl["net.ipv4.tcp_window_scaling"] = value
    peers.right.namespace.sysctl["net.ipv4.tcp_rmem"] = "4096 60000 60000"
    size, window = buffer_and_window(peers, size=200_000)

    assert observe("size_and_larger", [size, window > LARGEST_UNSCALED]) == [400_000, larger]


@claim(
    "tcp.7/DESCRIPTION/large-buffer",
    sentence=(
        "tcp.7/DESCRIPTION/larger-buffers",
        "tcp.7/DESCRIPTION/buffers-set",
        "tcp.7/tcp_rmem/range",
        "tcp.7/tcp_rmem/increase",
    ),
    section="DESCRIPTION",
    says="A TCP connection over IPv4 advertises a window of more than 65535 bytes where tcp_rmem lets its "
    "receive buffer begin with 400000 bytes, and none where it begins and ends with 60000.",
    needs=[VETH],
)
@pytest.mark.parametrize(("size", "larger"), [(60_000, False), (400_000, True)])
def test_a_larger_buffer_has_a_larger_window(peers, observe, size, larger):
    peers.right.namespace.sysctl["net.ipv4.tcp_rmem"] = f"4096 {size} {size}"

    found, window = buffer_and_window(peers)

    assert observe("size_and_larger", [found, window > LARGEST_UNSCALED]) == [size, larger]
