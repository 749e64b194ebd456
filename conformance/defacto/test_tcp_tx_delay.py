"""TCP_TX_DELAY: segments that leave later."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, qdisc
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON, timed
from libsocket import Socket


@claim(
    "defacto/TCP_TX_DELAY/fq-delays",
    sentence=("tcp.h/TCP_TX_DELAY/delays"),
    says="With the queueing discipline fq what a TCP socket sends, over IPv4 and IPv6, leaves no sooner than "
    "its TCP_TX_DELAY, in microseconds, says: its SYN, and data of the connection.",
    since="5.3",
    commit="a842fe1425cb",
    needs=[qdisc("fq"), IPV6],
)
@pytest.mark.parametrize("version", [4, 6])
def test_segments_leave_later(peers, observe, version):
    peers.left.namespace.add_qdisc(peers.left.device, "fq", handle="1:")
    host = peers.right.address if version == 4 else peers.right.address6
    with peers.right.entered(), listening(host) as listener, peers.left.entered():
        with Socket.tcp(listener.family) as client:
            client.tcp_tx_delay = 100_000
            with timed() as connecting:
                client.connect(listener.getsockname())
            with listener.accept()[0] as server, timed() as sending:
                server.rcvtimeo = SOON
                client.send(b"later")
                data = server.read_exact(5).decode()

        lasted = [took.lasted(0.1) for took in (connecting, sending)]
        assert observe("data_and_lasted", [data, *lasted]) == ["later", True, True]
