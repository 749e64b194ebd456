"""SO_TIMESTAMPING around the end of a connection, and of what is sent again."""

from __future__ import annotations

import time
from socket import MSG_MORE

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.error_queue import IDENTIFIED, ids, next_timestamp
from conformance.plugin.setups.made_peer import MADE, accepted_from
from conformance.plugin.setups.pairs import TCP_PAIRS
from conformance.plugin.setups.punctual import punctual
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.timing import SOON, timed
from libsocket import Shutdown, Socket, Timestamping, TimestampingFlag, Timestamps

TCP = pytest.mark.parametrize("pair", TCP_PAIRS.values(), ids=TCP_PAIRS)
HELD_BACK = 0.1
"""Seconds for which no timer sends what MSG_MORE holds back: it is due after 0.2."""
RECEIVED = TimestampingFlag.SOFTWARE | TimestampingFlag.RX_SOFTWARE


@claim(
    "defacto/SO_TIMESTAMPING/end-sent",
    says="With TX_SOFTWARE data that a TCP connection, over IPv4 or IPv6, has held back (MSG_MORE) and sends "
    "with its FIN has a timestamp; a FIN without data has none.",
    since="3.17",
    commit="4ed2d765dfac",
    needs=[IPV6],
)
@TCP
@pytest.mark.parametrize(("data", "stamped"), [("hello", [9]), ("", [])])
def test_an_end_with_data_is_stamped(ns, observe, *, pair, data, stamped):
    def end() -> tuple[bool, list[object]]:
        sender, receiver = pair()
        with sender, receiver:
            receiver.rcvtimeo = SOON
            sender.timestamping = Timestamping(IDENTIFIED)
            sender.send(b"first")
            receiver.read_exact(5)
            with timed() as held_back:
                send_if_any(sender, data, MSG_MORE)
                early = ids(sender)
                sender.shutdown(Shutdown.WRITE)
            await_end(receiver)
            return held_back.seconds > HELD_BACK, [early, ids(sender), receiver.read_to_string()]

    found = punctual(end)

    assert observe("early_ids_received", found) == [[4], stamped, data]


@claim(
    "defacto/SO_TIMESTAMPING/end-received",
    says="With RX_SOFTWARE data that comes with a FIN on a TCP connection, over IPv4 or IPv6, has the time "
    "of its arrival; the end itself, of which 0 bytes are received, has none.",
    since="4.14",
    commit="98aaa913b4ed",
    needs=[IPV6],
)
@TCP
def test_an_end_that_comes_with_data_is_stamped(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, stamping():
        receiver.rcvtimeo = SOON
        receiver.timestamping = Timestamping(RECEIVED)
        before = time.time_ns()
        sender.send(b"hello", MSG_MORE)
        sender.shutdown(Shutdown.WRITE)
        await_end(receiver)
        after = time.time_ns()
        stamps = [one.software.nanoseconds for one in control_messages(receiver, Timestamps)]
        at_end = control_messages(receiver, Timestamps)

        within = [before <= one <= after for one in stamps]
        assert observe("within_and_at_end", [within, len(at_end)]) == [[True], 0]


@claim(
    "defacto/SO_TIMESTAMPING/sent-again",
    says="With TX_SOFTWARE what a TCP connection over IPv4 sends again has a timestamp each time, with the "
    "same identifier, the later the larger.",
    since="3.17",
    commit="4ed2d765dfac",
    needs=MADE,
)
def test_what_is_sent_again_is_stamped_again(peers, observe):
    with accepted_from(peers, rto_min=0.005) as (sock, peer):
        sock.timestamping = Timestamping(IDENTIFIED)
        sock.send(b"hello")
        first = peer.next()
        second = peer.next()
        stamps = [next_timestamp(sock), next_timestamp(sock)]

        later = stamps[0].times.software.nanoseconds < stamps[1].times.software.nanoseconds
        found = [first.sequence == second.sequence, [one.id for one in stamps], later]
        assert observe("again_ids_later", found) == [True, [4, 4], True]


@claim(
    "defacto/SO_TIMESTAMPING/shut-down",
    says="Timestamps of what a TCP connection, over IPv4 or IPv6, has sent are read after it was shut down, "
    "in any direction, and of what it sends after SHUT_RD too.",
    since="3.17",
    commit="4ed2d765dfac",
    needs=[IPV6],
    survives={"no-op: shutdown(*": "that it changes nothing is what it says"},
)
@TCP
@pytest.mark.parametrize(
    ("how", "late", "numbers"), [("READ", "again", [4, 9]), ("WRITE", "", [4]), ("BOTH", "", [4])]
)
def test_a_socket_that_is_shut_down_has_timestamps(ns, observe, *, pair, how, late, numbers):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.timestamping = Timestamping(IDENTIFIED)
        sender.send(b"hello")
        sender.shutdown(Shutdown[how])
        send_if_any(sender, late)
        received = receiver.read_exact(5 + len(late)).decode()

        assert observe("ids_and_received", [ids(sender), received]) == [numbers, "hello" + late]


def send_if_any(sock: Socket, text: str, flags: int = 0) -> None:
    if text:
        sock.send(text.encode(), flags)
