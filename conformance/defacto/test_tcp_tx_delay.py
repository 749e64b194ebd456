"""TCP_TX_DELAY: everything that is sent is delayed."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON, timed
from libsocket import Socket


@claim(
    "defacto/TCP_TX_DELAY/delays",
    says="With a TCP_TX_DELAY of 300000 microseconds what a TCP socket over IPv4 sends by a link with the "
    "queueing discipline fq arrives after 0.3 seconds.",
    since="5.3",
    commit="a842fe1425cb",
    needs=[VETH, qdisc("fq")],
)
def test_what_is_sent_is_delayed(peers, observe):
    peers.left.namespace.add_qdisc(peers.left.device, "fq")
    with peers.right.entered(), listening(peers.right.address) as listener:
        with peers.left.entered():
            sender = Socket.tcp()
        with sender:
            sender.connect(listener.getsockname())
            with listener.accept()[0] as receiver:
                receiver.rcvtimeo = SOON
                sender.tcp_tx_delay = 300_000
                with timed() as took:
                    sender.send(b"late")
                    data = receiver.read_exact(4).decode()

                assert [observe("data", data), observe("delayed", took.lasted(0.3))] == ["late", True]
