"""TCP_NODELAY: small segments are sent as they come, not gathered (Nagle).

Nobody acknowledges here, so what is held back stays held back, and the kernel itself says how much
it has not sent: no test has to guess from the time of arrival.
"""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ROUTE_TIMERS, VETH
from conformance.plugin.setups.pairs import UNACKED_ENDS, send_one_by_one, unacked_and_unsent, unacked_sender

FLUSHES = claim(
    "tcp.7/TCP_NODELAY/flushes",
    sentence=("tcp.7/TCP_NODELAY/flushes", "libsocket/nodelay/cork"),
    section="Socket options",
    says="Setting TCP_NODELAY sends out at once what is held back, even while TCP_CORK is set.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)


@claim(
    "tcp.7/TCP_NODELAY/sends-at-once",
    sentence=(
        "tcp.7/TCP_NODELAY/disables-nagle",
        "tcp.7/TCP_NODELAY/at-once",
        "libsocket/nodelay/disables-nagle",
        "libsocket/nodelay/at-once",
        "tcp.h/TCP_NODELAY/nagle",
    ),
    section="Socket options",
    says="With TCP_NODELAY small writes are sent at once, though earlier data is not acknowledged.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_small_writes_go_out_at_once(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        send_one_by_one(sender, 3)

        assert observe("segments_sent_and_bytes_unsent", unacked_and_unsent(sender)) == [3, 0]


@claim(
    "tcp.7/TCP_NODELAY/off-gathers",
    sentence=("tcp.7/TCP_NODELAY/buffers", "libsocket/nodelay/buffers", "tcp.h/TCP_NODELAY/nagle"),
    section="Socket options",
    says="Without TCP_NODELAY small writes are gathered while an earlier one is not acknowledged.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_small_writes_wait(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"a")
        sender.send(b"b")
        sender.send(b"c")

        assert observe("unsent", sender.tcp_info.notsent_bytes) == len(b"bc")


@claim(
    "tcp.7/TCP_NODELAY/off-sends-what-suffices",
    sentence=("tcp.7/TCP_NODELAY/buffers", "libsocket/nodelay/buffers"),
    section="Socket options",
    says="Without TCP_NODELAY data waits, while earlier data is not acknowledged, until it fills a segment: "
    "a byte less waits.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_a_full_segment_does_not_wait(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"small")
        segment = sender.tcp_info.snd_mss
        sender.send(bytes(segment - 1))
        before = sender.tcp_info.notsent_bytes
        sender.send(b"x")

        assert observe("unsent", [before, sender.tcp_info.notsent_bytes]) == [segment - 1, 0]


@claim(
    "tcp.7/TCP_NODELAY/overridden-by-cork",
    sentence=("tcp.7/TCP_NODELAY/overridden-by-cork", "libsocket/nodelay/cork"),
    section="Socket options",
    says="TCP_CORK overrides TCP_NODELAY: what is sent at once without it is held back with both set.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_the_cork_goes_before_it(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_nodelay = True
        sender.send(b"first")
        sender.send(b"second")
        before = sender.tcp_info
        sender.tcp_cork = True
        sender.send(b"corked")

        unsent = [before.notsent_bytes, sender.tcp_info.notsent_bytes]
        assert observe("segments_sent_and_bytes_unsent", [before.unacked, *unsent]) == [2, 0, len(b"corked")]


@FLUSHES
def test_setting_it_sends_what_is_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"corked")
        before = sender.tcp_info.notsent_bytes
        sender.tcp_nodelay = True
        flushed = sender.tcp_info.notsent_bytes
        sender.send(b"later")

        unsent = [before, flushed, sender.tcp_info.notsent_bytes]
        assert observe("unsent", unsent) == [len(b"corked"), 0, len(b"later")]


@FLUSHES
def test_setting_it_sends_what_was_gathered(peers, observe):
    with unacked_sender(peers) as sender:
        sender.send(b"first")
        sender.send(b"second")
        before = sender.tcp_info.notsent_bytes
        sender.tcp_nodelay = True

        assert observe("unsent_of_gathered", [before, sender.tcp_info.notsent_bytes]) == [len(b"second"), 0]


@claim(
    "tcp.7/TCP_NODELAY/off-first-write-waits",
    sentence="tcp.7/TCP_NODELAY/buffers",
    section="Socket options",
    says="Without TCP_NODELAY a small write on a TCP connection over IPv4 waits for more, also while nothing "
    "is unacknowledged.",
    needs=[VETH, ROUTE_TIMERS],
    expect=differs(
        "small writes are gathered only while data sent before is not acknowledged, as Nagle's rule has it "
        "(older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"unacked_and_unsent": [[0, 0], [1, 0]]},
    ),
    survives=UNACKED_ENDS,
)
def test_the_first_small_write_waits(peers, observe):
    with unacked_sender(peers) as sender:
        before = unacked_and_unsent(sender)
        sender.send(b"first")

        assert observe("unacked_and_unsent", [before, unacked_and_unsent(sender)]) == [
            [0, 0],
            [0, len(b"first")],
        ]


@claim(
    "tcp.7/TCP_NODELAY/leaves-cork",
    sentence=("tcp.7/TCP_NODELAY/overridden-by-cork", "tcp.7/TCP_NODELAY/flushes"),
    section="Socket options",
    says="Setting TCP_NODELAY on a corked TCP socket over IPv4 sends what waits only once: later data is "
    "held back again.",
    needs=[VETH, ROUTE_TIMERS],
    survives=UNACKED_ENDS,
)
def test_it_stays_corked(peers, observe):
    with unacked_sender(peers) as sender:
        sender.tcp_cork = True
        sender.send(b"flushed")
        corked = unacked_and_unsent(sender)
        sender.tcp_nodelay = True
        flushed = unacked_and_unsent(sender)
        sender.send(b"corked")

        assert observe("unacked_and_unsent", [corked, flushed, unacked_and_unsent(sender)]) == [
            [0, len(b"flushed")],
            [1, 0],
            [1, len(b"corked")],
        ]
