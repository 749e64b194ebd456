"""TCP_NODELAY: small segments are sent as they come, not gathered (Nagle).

Nobody acknowledges here, so what is held back stays held back, and the kernel itself says how much
it has not sent: no test has to guess from the time of arrival.
"""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.pairs import unacked_sender

FLUSHES = claim(
    "tcp.7/TCP_NODELAY/flushes",
    sentence="libsocket/nodelay/cork",
    section="Socket options",
    says="Setting the option sends out what is held back at once, even while TCP_CORK is set.",
    needs=[VETH],
)


@claim(
    "tcp.7/TCP_NODELAY/sends-at-once",
    sentence=("libsocket/nodelay/disables-nagle", "libsocket/nodelay/at-once"),
    section="Socket options",
    says="With the option small writes are sent at once, though earlier data is not acknowledged.",
    needs=[VETH],
)
def test_small_writes_go_out_at_once(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(b"a")
        sender.send(b"b")
        sender.send(b"c")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == 0


@claim(
    "tcp.7/TCP_NODELAY/off-gathers",
    sentence="libsocket/nodelay/buffers",
    section="Socket options",
    says="Without the option small writes are gathered while an earlier one is not acknowledged.",
    needs=[VETH],
)
def test_small_writes_wait(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"a")
        sender.send(b"b")
        sender.send(b"c")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"bc")


@claim(
    "tcp.7/TCP_NODELAY/off-sends-what-suffices",
    sentence="libsocket/nodelay/buffers",
    section="Socket options",
    says="Without the option data waits until there is enough to send: once a segment is full, it goes.",
    needs=[VETH],
)
def test_a_full_segment_does_not_wait(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"small")
        sender.send(bytes(sender.tcp_info.snd_mss - 1))
        sender.send(b"abc")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"bc")


@claim(
    "tcp.7/TCP_NODELAY/overridden-by-cork",
    sentence="libsocket/nodelay/cork",
    section="Socket options",
    says="TCP_CORK goes before the option: with both set a partial segment is held back.",
    needs=[VETH],
)
def test_the_cork_goes_before_it(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.tcp_cork = True
        sender.send(b"corked")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"corked")


@FLUSHES
def test_setting_it_sends_what_is_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"corked")
        before = sender.tcp_info.notsent_bytes
        sender.tcp_nodelay = True

        assert observe("unsent", [before, sender.tcp_info.notsent_bytes]) == [len(b"corked"), 0]


@FLUSHES
def test_setting_it_sends_what_was_gathered(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"first")
        sender.send(b"second")
        before = sender.tcp_info.notsent_bytes
        sender.tcp_nodelay = True

        assert observe("unsent_of_gathered", [before, sender.tcp_info.notsent_bytes]) == [len(b"second"), 0]
