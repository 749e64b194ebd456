"""The checksum of TCP segments."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import ACKNOWLEDGED_LATER, MADE, made_peer
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.segments import segments, waiting_segments
from conformance.plugin.timing import SOON


@claim(
    "tcp.7/DESCRIPTION/checksum-checked",
    sentence="tcp.7/DESCRIPTION/checksum",
    section="DESCRIPTION",
    says="A TCP connection over IPv4 drops a segment whose checksum is wrong, by one or by another number, "
    "and takes its data from a copy whose checksum is right.",
    needs=MADE,
    survives=ACKNOWLEDGED_LATER,
)
@pytest.mark.parametrize("wrong", [1, 0x100])
def test_a_wrong_checksum_is_dropped(peers, observe, wrong):
    with (
        made_peer(peers) as peer,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        segments() as arriving,
    ):
        peer.connect(listener)
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.rcvtimeo = SOON
            peer.send(data=b"wrong", wrong=wrong)
            peer.tell(b"right")
            received = sock.read_exact(5).decode()
            arrived = [one.data.decode() for one in waiting_segments(arriving) if one.data]

            assert observe("arrived_and_received", [arrived, received]) == [["wrong", "right"], "right"]
