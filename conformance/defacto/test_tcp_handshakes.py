"""How TCP connections begin and end, segment by segment: SYN, FIN and RST in each state."""

from __future__ import annotations

import dataclasses
import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import MSG_DONTWAIT, SOCK_DGRAM

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import (
    ACKNOWLEDGED_LATER,
    FIRST,
    MADE,
    MADE_ENDS,
    OFFERED,
    SYN_AGAIN,
    MadePeer,
    accepted_from,
    connecting,
    made_peer,
    made_peers,
    reach,
    replies_to,
    with_timestamp,
)
from conformance.plugin.setups.packet_sockets import ETH_P_ALL, packet_socket
from conformance.plugin.setups.proc_net import rows
from conformance.plugin.setups.punctual import promptly
from conformance.plugin.setups.readiness import await_end, await_readable
from conformance.plugin.setups.segments import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    TIMESTAMPS,
    Segment,
    segments,
    waiting_segments,
)
from conformance.plugin.timing import SOON
from libsocket import Linger, Shutdown, Socket
from netns import Peers

CLOCK = 1_000_000
FAR = 1_000_000
"""Bytes by which a number is out of every window here."""
WITH_TIMESTAMPS = {**OFFERED, **with_timestamp(CLOCK)}
NANOSECONDS = 64
"""Between two initial sequence numbers of one connection."""
LAST_ACK = 9
AMPLE = 100
"""Bytes within a window."""


@contextmanager
def half_open(
    hosts: Peers, options: dict[int, bytes] | None = None, *, defer: int = 0
) -> Iterator[tuple[Socket, MadePeer, Segment]]:
    """A listener of the right host, where this is then, and a peer whose SYN it has answered: its answer."""
    with made_peer(hosts) as peer, hosts.right.entered(), listening(hosts.right.address) as listener:
        if defer:
            listener.tcp_defer_accept = defer
        answer = peer.ask(listener, options)
        listener.setblocking(False)
        yield listener, peer, answer
        peer.reset()


def flags_of(peer: MadePeer) -> list[int]:
    """The flags of what came back for all that was sent, but for a SYN or SYN-ACK that comes again."""
    came = [(one.flags, one.sequence) for one in peer.replies() if one.flags != SYN]
    taken = (SYN | ACK, (peer.expected - 1) % 2**32)
    new = [one for at, one in enumerate(came) if not one[0] & SYN or one not in (taken, *came[:at])]
    return [flags for flags, _ in new]


@claim(
    "defacto/TCP/reset-in-window",
    says="A reset with the number that is due next ends a TCP connection over IPv4 (ECONNRESET); one with a "
    "later number in the window is answered with an acknowledgement and ends nothing (RFC 5961, 3.2).",
    since="3.6",
    commit="282f23c6ee34",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(
    ("offset", "answers", "received"),
    [(0, [], "ECONNRESET"), (1, [ACK], "EAGAIN"), (AMPLE, [ACK], "EAGAIN")],
)
def test_a_reset_has_its_number(peers, observe, *, offset, answers, received):
    with accepted_from(peers) as (sock, peer):
        sock.setblocking(False)
        peer.send(RST, sequence=peer.sequence + offset)

        found = [flags_of(peer), answer(lambda: sock.recv(9))]
        assert observe("answers_and_received", found) == [answers, received]


@claim(
    "defacto/TCP/reset-out-of-window",
    says="A reset with a number beyond the window of a TCP connection over IPv4, or long before it, is "
    "neither answered nor ends it, as one with the number that is due next does.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("offset", "received"), [(0, "ECONNRESET"), (FAR, "EAGAIN"), (-FAR, "EAGAIN")])
def test_a_reset_is_in_the_window(peers, observe, offset, received):
    with accepted_from(peers) as (sock, peer), segments() as arriving:
        sock.setblocking(False)
        peer.send(RST, sequence=peer.sequence + offset)
        answers = flags_of(peer)
        arrived = sum(one.reset for one in waiting_segments(arriving))

        found = [arrived, answers, answer(lambda: sock.recv(9))]
        assert observe("arrived_answers_received", found) == [1, [], received]


@claim(
    "defacto/TCP/reset-while-connecting",
    says="A reset that acknowledges the SYN of a TCP socket over IPv4 that is connecting refuses the "
    "connection (ECONNREFUSED); one that acknowledges another number, or nothing, does not: EAGAIN, and it "
    "goes on connecting.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize(
    ("flags", "more", "received"),
    [
        (RST | ACK, 0, "ECONNREFUSED"),
        (RST | ACK, 1, "EAGAIN"),
        (RST | ACK, -1, "EAGAIN"),
        (RST, 0, "EAGAIN"),
    ],
)
def test_a_reset_refuses(peers, observe, *, flags, more, received):
    with connecting(peers) as (sock, peer), segments() as arriving:
        peer.send(flags, acknowledged=peer.expected + more)
        peer.replies()
        arrived = sum(one.reset for one in waiting_segments(arriving))

        assert observe("arrived_and_received", [arrived, answer(lambda: sock.recv(9))]) == [1, received]


@claim(
    "defacto/TCP/reset-half-open",
    says="A reset with the number that is due next ends a TCP connection over IPv4 that a listener has "
    "answered and that is not made yet: its acknowledgement is answered with a reset. One beyond the window "
    "does not, and the connection is made.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("offset", "answers", "accepted"), [(0, [RST], "EAGAIN"), (FAR, [], "done")])
def test_a_half_open_connection_is_reset(peers, observe, *, offset, answers, accepted):
    with half_open(peers) as (listener, peer, _), segments() as arriving:
        peer.send(RST, sequence=peer.sequence + offset)
        peer.send()
        found = flags_of(peer)
        arrived = [one.flags for one in waiting_segments(arriving)][:2]

        assert observe("arrived_answers_accepted", [arrived, found, accept(listener)]) == [
            [RST, ACK],
            answers,
            accepted,
        ]


def accept(listener: Socket) -> str:
    """How accept(2) ends, of a listener that does not block; what it gives is closed."""

    def accepted(one: Socket) -> None:
        one.accept()[0].close()

    return answer(lambda: accepted(listener))


@claim(
    "defacto/TCP/syn-again",
    says="A SYN that comes again to a listener over IPv4 that has answered it is answered with the same "
    "SYN-ACK; one with a number beyond the window with an acknowledgement.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("offset", "expected"), [(0, [SYN | ACK, 0]), (FAR, [ACK, 1])])
def test_a_syn_comes_again(peers, observe, offset, expected):
    def ask_twice() -> list[int]:
        with half_open(peers) as (_, peer, first):
            peer.send(SYN, sequence=FIRST + offset, options=OFFERED)
            again = peer.replies()[-1]
            return [again.flags, again.sequence - first.sequence]

    found = promptly(SYN_AGAIN, ask_twice)

    assert observe("flags_and_number", found) == expected


@claim(
    "defacto/TCP/syn-again-timestamps",
    says="A SYN that comes again to a listener over IPv4 that has answered it, with timestamps where the "
    "first had none, or without them where the first had them, is answered as the first was.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(
    ("first", "second", "has"), [(OFFERED, WITH_TIMESTAMPS, False), (WITH_TIMESTAMPS, OFFERED, True)]
)
def test_timestamps_are_of_the_first_syn(peers, observe, *, first, second, has):
    def ask_twice() -> list[Segment]:
        with half_open(peers, first) as (_, peer, before):
            peer.send(SYN, sequence=FIRST, options=second)
            return [before, peer.replies()[-1]]

    answers = [[one.flags, TIMESTAMPS in one.options] for one in promptly(SYN_AGAIN, ask_twice)]

    assert observe("flags_and_timestamps", answers) == [[SYN | ACK, has]] * 2


@claim(
    "defacto/TCP/syn-in-time-wait",
    says="A SYN from the peer of a TCP connection over IPv4 in TIME-WAIT, whose number is later than the "
    "peer's last, is answered with a SYN-ACK by who listens there; one that is not, with an "
    "acknowledgement.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**MADE_ENDS, **ACKNOWLEDGED_LATER},
)
@pytest.mark.parametrize(("more", "flags"), [(1, SYN | ACK), (0, ACK), (-FAR, ACK)])
def test_a_syn_in_time_wait(peers, observe, more, flags):
    with accepted_from(peers) as (sock, peer):
        reach(sock, peer, "time-wait")
        peer.replies()
        peer.send(SYN, sequence=peer.sequence + more, options=OFFERED)

        assert observe("flags", flags_of(peer)) == [flags]


@claim(
    "defacto/close/time-wait",
    says="Closing a TCP socket over IPv4 whose connection is in TIME-WAIT succeeds and sends nothing; a FIN "
    "that comes again is acknowledged after it as before.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**MADE_ENDS, **ACKNOWLEDGED_LATER, "no-op: close(*": "that nothing is sent is what it does"},
)
def test_a_socket_in_time_wait_is_closed(peers, observe):
    peers.right.namespace.sysctl["net.ipv4.tcp_invalid_ratelimit"] = 0
    with accepted_from(peers) as (sock, peer):
        reach(sock, peer, "time-wait")
        peer.replies()
        peer.send(FIN | ACK, sequence=peer.sequence - 1)
        answers = [flags_of(peer)]
        sock.close()
        answers.append(flags_of(peer))
        peer.send(FIN | ACK, sequence=peer.sequence - 1)
        answers.append(flags_of(peer))

        assert observe("answers", answers) == [[ACK], [], [ACK]]


@claim(
    "defacto/TCP/last-ack",
    says="In LAST-ACK, closed, a TCP connection over IPv4 acknowledges its peer's FIN when that comes again, "
    "and answers nothing to data after it; a SYN from another port of the peer is answered with a SYN-ACK.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_what_comes_in_last_ack(peers, observe):
    with accepted_from(peers) as (sock, peer), segments() as arriving:
        reach(sock, peer, "last-ack")
        sock.close()
        closed = [one.inode == 0 for one in rows("tcp") if one.state == LAST_ACK]
        peer.replies()
        peer.send(FIN | ACK, sequence=peer.sequence - 1)
        answers = [[one.flags, one.acknowledged - peer.sequence] for one in peer.replies()]
        peer.send(data=b"late")
        after = flags_of(peer)
        arrived = [one.data.decode() for one in waiting_segments(arriving) if one.data]
        another = dataclasses.replace(peer, port=peer.port + 1, sequence=FIRST)
        another.send(SYN, options=OFFERED)
        new = another.next().flags
        another.send(RST, sequence=FIRST + 1)

        found = [closed, answers, arrived, after, new]
        assert observe("closed_again_data_syn", found) == [[True], [[ACK, 0]], ["late"], [], SYN | ACK]


@claim(
    "defacto/TCP/other-connection-while-connecting",
    says="A TCP socket over IPv4 that is connecting answers a SYN-ACK, or a FIN, that acknowledges a number "
    "it did not send with a reset of that number, and goes on connecting: the right SYN-ACK makes the "
    "connection.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize("flags", [SYN | ACK, FIN | ACK])
@pytest.mark.parametrize("more", [1, FAR])
def test_another_connection_is_reset(peers, observe, flags, more):
    with connecting(peers) as (sock, peer):
        peer.send(flags, acknowledged=peer.expected + more, options=OFFERED)
        answers = [[one.flags, one.sequence - peer.expected] for one in peer.replies() if one.flags != SYN]
        before = answer(lambda: sock.recv(9))
        peer.send(SYN | ACK, options=OFFERED)
        peer.sequence += 1
        made = flags_of(peer)

        found = [answers, before, made]
        assert observe("answers_before_made", found) == [[[RST, more]], "EAGAIN", [ACK]]


@claim(
    "defacto/TCP/syn-ack-of-another-time",
    says="A TCP socket over IPv4 that is connecting answers a SYN-ACK that echoes another time than its SYN "
    "had with a reset, and goes on connecting; one that echoes none makes the connection.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize(("options", "answers"), [(with_timestamp(CLOCK, 1), [RST]), ({}, [ACK])])
def test_a_wrong_echo_is_reset(peers, observe, options, answers):
    with connecting(peers) as (_, peer):
        peer.send(SYN | ACK, options={**OFFERED, **options})
        found = [flags_of(peer)]
        peer.send(SYN | ACK, options=OFFERED)
        peer.sequence += 1
        found.append(flags_of(peer))

        assert observe("answers", found) == [answers, [ACK]]


@claim(
    "defacto/TCP/end-of-handshake-with-fin",
    says="A listener over IPv4 takes a FIN, with data or without, that acknowledges its SYN-ACK as the end "
    "of the handshake: accept(2) gives a socket that receives the data and the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={**MADE_ENDS, "no-op: close(*": "what is closed at the end is not used again"},
)
@pytest.mark.parametrize("data", ["", "hello"])
def test_a_client_ends_at_once(peers, observe, data):
    with half_open(peers) as (listener, peer, _):
        peer.end(data.encode())
        await_readable(listener)
        with listener.accept()[0] as sock:
            sock.rcvtimeo = SOON
            received = sock.read_to_string()

            assert observe("received", received) == data


@claim(
    "defacto/close/listener-half-open",
    says="After a TCP listener over IPv4 is closed the acknowledgement that would end the handshake of a "
    "connection it had answered is answered with a reset; one that was made and not accepted is reset at "
    "once.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_a_closed_listener_resets(peers, observe):
    with half_open(peers) as (listener, peer, _):
        another = dataclasses.replace(peer, port=peer.port + 1, sequence=FIRST)
        another.connect(listener)
        await_readable(listener)
        listener.close()
        came = [one for one in replies_to([peer]) if not one.flags & SYN]
        at_once = [[one.flags, one.destination - peer.port] for one in came]
        peer.send()

        assert observe("at_once_and_later", [at_once, flags_of(peer)]) == [[[RST | ACK, 1]], [RST]]


@claim(
    "defacto/TCP/unknown-connection",
    says="A segment with ACK of a connection that a host does not know is answered over IPv4 with a reset "
    "that has the acknowledged number; one without ACK, whether SYN, FIN or data, with a reset of the "
    "number 0 that acknowledges it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize(
    ("flags", "data", "expected"),
    [
        (ACK, b"", [RST, 7, 0]),
        (ACK | PSH, b"hello", [RST, 7, 0]),
        (FIN | ACK, b"", [RST, 7, 0]),
        (SYN, b"", [RST | ACK, 0, FIRST + 1]),
        (FIN, b"", [RST | ACK, 0, FIRST + 1]),
        (PSH, b"hello", [RST | ACK, 0, FIRST + 5]),
        (0, b"", [RST | ACK, 0, FIRST]),
    ],
)
def test_an_unknown_connection_is_reset(peers, observe, *, flags, data, expected):
    with made_peer(peers) as peer:
        peer.send(flags, data, to=10, acknowledged=7)
        found = peer.next()

        assert observe("reset", [found.flags, found.sequence, found.acknowledged]) == expected


@claim(
    "defacto/TCP/server-begins-anew",
    says="A TCP connection over IPv4 that sends data to a host which does not know the connection any more "
    "gets its reset: a receive fails with ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_a_server_that_begins_anew_resets(peers, observe):
    with accepted_from(peers) as (sock, peer):
        sock.send(b"hello")
        data = peer.next()
        peer.send(RST, sequence=data.acknowledged)
        with refused(errno.ECONNRESET):
            sock.recv(9)

        assert observe("sent", data.data.decode()) == "hello"


@claim(
    "tcp.7/DESCRIPTION/checksum-of-syn",
    sentence="tcp.7/DESCRIPTION/checksum",
    section="DESCRIPTION",
    says="A SYN over IPv4 whose checksum is wrong is not answered, one whose checksum is right is.",
    needs=MADE,
)
def test_a_damaged_syn_is_dropped(peers, observe):
    with (
        made_peer(peers) as peer,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        segments() as arriving,
    ):
        to = listener.getsockname()[1]
        peer.send(SYN, to=to, options=OFFERED, wrong=1)
        early = flags_of(peer)
        arrived = [one.flags for one in waiting_segments(arriving) if one.destination == to]
        peer.send(SYN, to=to, options=OFFERED)

        assert observe("arrived_early_later", [arrived, early, flags_of(peer)]) == [[SYN], [], [SYN | ACK]]


@claim(
    "tcp.7/DESCRIPTION/checksum-of-syn-ack",
    sentence="tcp.7/DESCRIPTION/checksum",
    section="DESCRIPTION",
    says="A SYN-ACK over IPv4 whose checksum is wrong does not make the connection of a socket that is "
    "connecting, and one whose checksum is right does.",
    needs=MADE,
)
def test_a_damaged_syn_ack_is_dropped(peers, observe):
    with connecting(peers) as (_, peer), segments() as arriving:
        peer.send(SYN | ACK, options=OFFERED, wrong=1)
        early = flags_of(peer)
        arrived = waiting_segments(arriving)[0].flags
        peer.send(SYN | ACK, options=OFFERED)
        peer.sequence += 1

        found = [arrived, early, flags_of(peer)]
        assert observe("arrived_early_later", found) == [SYN | ACK, [], [ACK]]


@claim(
    "tcp.7/DESCRIPTION/checksum-of-end",
    sentence="tcp.7/DESCRIPTION/checksum",
    section="DESCRIPTION",
    says="A FIN, or a reset, whose checksum is wrong does not end a TCP connection over IPv4, and one whose "
    "checksum is right does.",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("flags", "ended"), [(FIN | ACK, "0 bytes"), (RST | ACK, "ECONNRESET")])
def test_a_damaged_end_is_dropped(peers, observe, flags, ended):
    with accepted_from(peers) as (sock, peer), segments() as arriving:
        sock.setblocking(False)
        peer.send(flags, wrong=1)
        peer.replies()
        arrived = waiting_segments(arriving)[0].flags
        received = [answer(lambda: sock.recv(9))]
        peer.send(flags)
        await_end(sock)
        peer.sequence += 1
        received.append(answer(lambda: sock.recv(9)))

        assert observe("arrived_and_received", [arrived, received]) == [flags, ["EAGAIN", ended]]


@claim(
    "defacto/TCP/timestamps-in-each-segment",
    says="Each segment of a TCP connection over IPv4 whose SYN and SYN-ACK had timestamps has one, data, "
    "acknowledgement, FIN and reset, and none has one where the SYN had none.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(("options", "has"), [(OFFERED, False), (WITH_TIMESTAMPS, True)])
def test_each_segment_has_a_timestamp(peers, observe, options, has):
    with accepted_from(peers, options) as (sock, peer):
        times = with_timestamp(CLOCK) if has else {}
        sock.send(b"hello")
        seen = [peer.take(peer.next())]
        peer.send(sequence=peer.sequence + FAR, options=times)
        seen.append(peer.next())
        sock.linger = Linger(True, 0)
        sock.shutdown(Shutdown.WRITE)
        seen.append(peer.next())
        sock.close()
        seen.append(peer.next())

        found = [[one.flags, TIMESTAMPS in one.options] for one in seen]
        assert observe("flags_and_timestamps", found) == [
            [flags, has] for flags in (ACK | PSH, ACK, FIN | ACK, RST | ACK)
        ]


@claim(
    "defacto/TCP/without-timestamp",
    says="A TCP connection over IPv4 with timestamps takes a segment that has none.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
def test_a_timestamp_may_be_missing(peers, observe):
    with accepted_from(peers, WITH_TIMESTAMPS) as (sock, peer):
        peer.tell(b"with", options=with_timestamp(CLOCK))
        peer.tell(b"out")
        received = sock.read_exact(7).decode()

        with_one = peer.next().options.keys() & {TIMESTAMPS}
        assert observe("received", [received, len(with_one)]) == ["without", 1]


@claim(
    "defacto/TCP/initial-number-by-time",
    says="The initial sequence number of a TCP connection over IPv4 that is made again between the same "
    "addresses and ports is larger by one for each 64 nanoseconds that passed.",
    since="3.1",
    commit="6e5714eaf77d",
    needs=MADE,
    survives={
        "no-op: sendto(*, 40, 0*": "the last connection, and one from another port, need not be given up"
    },
)
def test_the_initial_number_follows_the_clock(peers, observe):
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        begin = time.time_ns()
        first = initial_number(peer, listener)
        middle = time.time_ns()
        peer.during(0.01)
        late = time.time_ns()
        second = initial_number(peer, listener)
        end = time.time_ns()

        passed = (second - first) % 2**32 * NANOSECONDS
        assert observe("as_passed", late - middle - 64 <= passed <= end - begin + 64) is True


@claim(
    "defacto/TCP/initial-number-by-port",
    says="Of the initial sequence numbers of TCP connections over IPv4 that are made at one time from eight "
    "ports one at least is far from the first: more than four seconds of the clock of 64 nanoseconds by "
    "which they count.",
    since="3.1",
    commit="6e5714eaf77d",
    needs=MADE,
    survives={
        "no-op: sendto(*, 40, 0*": "the last connection, and one from another port, need not be given up"
    },
)
def test_the_initial_number_is_of_the_connection(peers, observe):
    with (
        made_peers(peers, 8) as ends,
        peers.right.entered(),
        listening(peers.right.address) as listener,
    ):
        numbers = [initial_number(peer, listener) for peer in ends]

        apart = [(one - numbers[0]) % 2**32 * NANOSECONDS > 4_000_000_000 for one in numbers[1:]]
        assert observe("any_apart", any(apart)) is True


def initial_number(peer: MadePeer, listener: Socket) -> int:
    """The number of the SYN-ACK that a listener answers with; the connection is given up then."""
    peer.sequence = FIRST
    number = peer.ask(listener).sequence
    peer.send(RST)
    peer.replies()
    return number


@claim(
    "defacto/TCP/syn-from-no-host",
    says="A SYN over IPv4 that comes by a wire from a group, from 255.255.255.255, the network's broadcast "
    "address, 127.0.0.1, or the listener's own address and port, is not answered where rp_filter is 1; one "
    "from another host is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
@pytest.mark.parametrize(
    "source", ["224.0.0.1", "255.255.255.255", "10.0.1.255", "127.0.0.1", "10.0.1.2", "10.0.9.2"]
)
def test_a_syn_comes_from_a_host(peers, observe, source):
    peers.right.namespace.sysctl[f"net.ipv4.conf.{peers.right.device}.rp_filter"] = 1
    with (
        made_peer(peers) as peer,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        packet_socket(type=SOCK_DGRAM, protocol=ETH_P_ALL) as passing,
    ):
        port = listener.getsockname()[1]
        own = source == peers.right.address
        odd = dataclasses.replace(peer, address=source, port=port if own else peer.port + 1)
        odd.send(SYN, to=port, options=OFFERED)
        peer.ask(listener)
        passed = waiting_segments(passing)
        arrived = [one.source == odd.port for one in passed if one.flags == SYN]
        answered = dict.fromkeys(one.destination == odd.port for one in passed if one.flags == SYN | ACK)

        found = [arrived, list(answered)]
        expected = [True, False] if source == "10.0.9.2" else [False]
        assert observe("arrived_and_answered", found) == [[True, False], expected]


@claim(
    "defacto/TCP_DEFER_ACCEPT/client-ends",
    says="A TCP listener over IPv4 with TCP_DEFER_ACCEPT accepts a connection whose client ends it before it "
    "sent anything, at once: the socket reads the end. One whose client is silent it does not: accept(2) "
    "fails with EAGAIN.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives=MADE_ENDS,
)
@pytest.mark.parametrize(
    ("ends", "flags", "accepted"), [(True, [ACK, FIN | ACK], ["done", "0 bytes"]), (False, [ACK], ["EAGAIN"])]
)
def test_a_deferred_client_ends(peers, observe, *, ends, flags, accepted):
    with half_open(peers, defer=30) as (listener, peer, _), segments() as arriving:
        peer.send()
        send_end(peer, ends)
        peer.replies()
        arrived = [one.flags for one in waiting_segments(arriving) if one.flags != SYN]

        found = [listener.tcp_defer_accept > 0, arrived, accepted_and_read(listener)]
        assert observe("deferred_arrived_accepted", found) == [True, flags, accepted]


def accepted_and_read(listener: Socket) -> list[str]:
    """How accept(2) ends, of a listener that does not block, and a receive on what it gives."""
    received: list[str] = []

    def read(one: Socket) -> None:
        with one.accept()[0] as accepted:
            received.append(answer(lambda: accepted.recv(9, MSG_DONTWAIT)))

    return [answer(lambda: read(listener)), *received]


def send_end(peer: MadePeer, ends: bool) -> None:
    if ends:
        peer.end()
