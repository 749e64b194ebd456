"""How many bytes names and structures of TCP are set with and read into, of which no page speaks."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.segments import ACK, SYN, segment
from libsocket import (
    INT,
    TCP_CONGESTION,
    TCP_FASTOPEN_KEY,
    TCP_INFO,
    TCP_MD5SIG,
    TCP_MD5SIG_EXT,
    TCP_QUEUE_SEQ,
    TCP_REPAIR_OPTIONS,
    TCP_REPAIR_QUEUE,
    TCP_REPAIR_WINDOW,
    TCP_SAVED_SYN,
    TCP_TIMESTAMP,
    TCP_ZEROCOPY_RECEIVE,
    Socket,
    TcpMd5sig,
    raw,
)
from netns import Capability

RENO, CUBIC = "reno", "cubic"
SEND = 2
"""TCP_SEND_QUEUE"""
CLOCK, MINUTE = 1_000_000, 60_000
"""In milliseconds, as TCP_TIMESTAMP counts."""
ADMIN = [Capability.NET_ADMIN]
FEWER = pytest.mark.parametrize("size", [0, 1, 3])


@claim(
    "defacto/TCP_CONGESTION/prefix",
    says="TCP_CONGESTION of a TCP socket over IPv4 is set with the bytes of a name up to its NUL, or with "
    "as many as are given: four bytes of reno, five with its NUL, or seven or 20 with more after that; with "
    "none it is refused with EINVAL, and with only the first three, ren, with ENOENT.",
    since="2.6.13",
    commit="5f8ef48d2409",
)
@pytest.mark.parametrize(
    "octets", [b"reno", b"reno\0", b"reno\0xy", b"reno".ljust(20, b"\0")], ids=["4", "5", "7", "20"]
)
def test_a_name_may_have_no_end(ns, observe, octets):
    ns.sysctl["net.ipv4.tcp_congestion_control"] = RENO
    with Socket.tcp() as sock:
        sock.tcp_congestion = CUBIC
        with refused(errno.EINVAL):
            sock.set(TCP_CONGESTION.through(raw(20)), b"")
        with refused(errno.ENOENT, "errno_unknown"):
            sock.set(TCP_CONGESTION.through(raw(20)), octets[:3])
        before = sock.tcp_congestion
        sock.set(TCP_CONGESTION.through(raw(20)), octets)

        assert observe("before_and_after", [before, sock.tcp_congestion]) == [CUBIC, RENO]


@claim(
    "defacto/TCP_CONGESTION/room",
    says="Reading TCP_CONGESTION of a TCP socket over IPv4 with room for fewer than 16 bytes gives the "
    "first ones, for none no byte, and with room for 17 16, the name and NULs.",
    since="2.6.13",
    commit="5f8ef48d2409",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (2, 2), (15, 15), (17, 16)])
def test_room_for_a_name(ns, observe, room, size):
    with Socket.tcp() as sock:
        sock.tcp_congestion = RENO
        given = sock.get(TCP_CONGESTION.through(raw(room)))

        assert observe("name_and_given", [sock.tcp_congestion, given.decode()]) == [
            RENO,
            RENO.ljust(16, "\0")[:size],
        ]


@claim(
    "defacto/TCP_INFO/more-room",
    says="Reading TCP_INFO of a TCP socket over IPv4 with room for 4096 bytes gives only as many as the "
    "structure of the kernel has, at least 104, and with room for one less than that one less.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_structure_is_cut(ns, observe):
    with Socket.tcp() as sock:
        whole = sock.get(TCP_INFO.through(raw(4096)))
        cut = sock.get(TCP_INFO.through(raw(len(whole) - 1)))

        seen = [104 <= len(whole) < 4096, len(whole) - len(cut), whole[0]]
        assert observe("size_cut_and_state", seen) == [True, 1, 7]


@claim(
    "defacto/TCP_FASTOPEN_KEY/default",
    says="TCP_FASTOPEN_KEY of a new TCP socket over IPv4 reads as no byte in a network namespace that has "
    "no key.",
    since="4.15",
    commit="1fba70e5b6be",
)
def test_there_is_no_key_at_first(ns, observe):
    with Socket.tcp() as sock:
        assert observe("size", len(sock.tcp_fastopen_key)) == 0


@claim(
    "defacto/TCP_FASTOPEN_KEY/room",
    says="Reading TCP_FASTOPEN_KEY of a TCP socket over IPv4 that has a key of 16 bytes with room for fewer "
    "gives the first ones, for none no byte, and with room for 17 or 33 16.",
    since="4.15",
    commit="1fba70e5b6be",
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (4, 4), (15, 15), (17, 16), (33, 16)])
def test_room_for_a_key(ns, observe, room, size):
    key = bytes(range(16))
    with Socket.tcp() as sock:
        sock.tcp_fastopen_key = key
        given = sock.get(TCP_FASTOPEN_KEY.through(raw(room)))

        assert observe("whole_and_given", [sock.tcp_fastopen_key.hex(), given.hex()]) == [
            key.hex(),
            key[:size].hex(),
        ]


@claim(
    "defacto/TCP_SAVED_SYN/default",
    says="TCP_SAVED_SYN of a new TCP socket over IPv4 reads as no byte.",
    since="4.2",
    commit="cd8ae85299d5",
)
def test_there_is_no_syn_at_first(ns, observe):
    with Socket.tcp() as sock:
        assert observe("size", len(sock.get(TCP_SAVED_SYN.through(raw(512))))) == 0


@claim(
    "defacto/TCP_SAVED_SYN/room",
    says="Reading TCP_SAVED_SYN of an accepted TCP connection over IPv4 with room for none of the bytes of "
    "its SYN, or for all but one, is refused with EINVAL, and the SYN can still be read with room for all.",
    since="4.2",
    commit="aea0929e516a",
)
def test_a_syn_is_given_whole(ns, observe):
    with listening() as listener:
        listener.tcp_save_syn = 1
        with (
            pending_connection(listener),
            listener.accept()[0] as first,
            pending_connection(listener),
            listener.accept()[0] as second,
        ):
            size = len(first.tcp_saved_syn)
            with refused(errno.EINVAL):
                second.get(TCP_SAVED_SYN.through(raw(0)))
            with refused(errno.EINVAL, "errno_one_less"):
                second.get(TCP_SAVED_SYN.through(raw(size - 1)))
            given = second.get(TCP_SAVED_SYN.through(raw(size)))

            assert observe("whole_and_flags", [len(given) == size, segment(given).flags & (SYN | ACK)]) == [
                True,
                SYN,
            ]


@claim(
    "defacto/TCP_MD5SIG/optlen",
    says="Setting TCP_MD5SIG or TCP_MD5SIG_EXT of a TCP socket over IPv4 with fewer bytes than a struct "
    "tcp_md5sig has, none, four or 215, is refused with EINVAL, and there is no key then; with one more it "
    "is taken.",
    since="4.13",
    commit="8917a777be3b",
)
@pytest.mark.parametrize("option", [TCP_MD5SIG, TCP_MD5SIG_EXT], ids=lambda option: option.name)
@pytest.mark.parametrize("size", [0, 4, 215])
def test_a_key_has_a_structure(ns, observe, option, size):
    octets = option.codec.encode(TcpMd5sig("127.0.0.1", b"secret"))
    with Socket.tcp() as sock:
        with refused(errno.EINVAL):
            sock.set(option.through(raw(217)), octets[:size])
        with refused(errno.ENOENT, "errno_no_key"):
            sock.tcp_md5sig = TcpMd5sig("127.0.0.1")
        sock.set(option.through(raw(217)), octets + b"\xff")
        sock.tcp_md5sig = TcpMd5sig("127.0.0.1")
        with refused(errno.ENOENT, "errno_again"):
            sock.tcp_md5sig = TcpMd5sig("127.0.0.1")

        assert observe("open", sock.fileno() >= 0)


@claim(
    "defacto/TCP_REPAIR_QUEUE/default",
    says="Reading TCP_REPAIR_QUEUE or TCP_QUEUE_SEQ of a new TCP socket over IPv4 is refused with EINVAL; "
    "under repair TCP_REPAIR_QUEUE is 0 at first, and reading TCP_QUEUE_SEQ is refused still.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
def test_no_queue_is_chosen_at_first(ns, observe):
    with Socket.tcp() as sock:
        with refused(errno.EINVAL):
            sock.get(TCP_REPAIR_QUEUE)
        with refused(errno.EINVAL, "errno_of_sequence"):
            sock.get(TCP_QUEUE_SEQ)
        sock.tcp_repair = 1
        with refused(errno.EINVAL, "errno_of_sequence_under_repair"):
            sock.get(TCP_QUEUE_SEQ)

        assert observe("queue", sock.tcp_repair_queue) == 0


@claim(
    "defacto/TCP_REPAIR_QUEUE/optlen",
    says="Setting TCP_REPAIR_QUEUE and TCP_QUEUE_SEQ of a TCP socket over IPv4 under repair with fewer than "
    "four bytes, or none, is refused with EINVAL, and they stay as they were; five are taken, whatever the "
    "last is.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
@FEWER
def test_fewer_bytes_are_no_queue(ns, observe, size):
    queue, sequence = TCP_REPAIR_QUEUE.through(raw(5)), TCP_QUEUE_SEQ.through(raw(5))
    with Socket.tcp() as sock:
        sock.tcp_repair = 1
        sock.set(queue, INT.encode(SEND) + b"\xff")
        sock.set(sequence, INT.encode(7) + b"\xff")
        with refused(errno.EINVAL):
            sock.set(queue, bytes(size))
        with refused(errno.EINVAL, "errno_of_sequence"):
            sock.set(sequence, bytes(size))

        assert observe("queue_and_sequence", [sock.tcp_repair_queue, sock.tcp_queue_seq]) == [SEND, 7]


@claim(
    "defacto/TCP_REPAIR_QUEUE/room",
    says="Reading TCP_REPAIR_QUEUE and TCP_QUEUE_SEQ of a TCP socket over IPv4 under repair with room for "
    "fewer than four bytes gives the first ones of their int, for none no byte, and with room for five four.",
    since="3.5",
    commit="ee9952831cfd",
    needs=ADMIN,
)
@pytest.mark.parametrize(("room", "size"), [(0, 0), (1, 1), (3, 3), (5, 4)])
def test_room_for_a_queue(ns, observe, room, size):
    with Socket.tcp() as sock:
        sock.tcp_repair = 1
        sock.tcp_repair_queue = SEND
        sock.tcp_queue_seq = 7
        numbers = [sock.tcp_repair_queue, sock.tcp_queue_seq]
        given = [sock.get(one.through(raw(room))) for one in (TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ)]

        assert observe("numbers_and_given", [numbers, [one.hex() for one in given]]) == [
            [SEND, 7],
            [INT.encode(SEND)[:size].hex(), INT.encode(7)[:size].hex()],
        ]


@claim(
    "defacto/TCP_REPAIR_WINDOW/optlen",
    says="Setting TCP_REPAIR_WINDOW of a TCP connection over IPv4 under repair with other than 20 bytes, "
    "none, 19 or 21, is refused with EINVAL, and its windows stay as they were, where 20 are taken; reading "
    "it with room for none, 19 or 21 is refused with EINVAL too.",
    since="4.8",
    commit="b1ed4c4fa9a5",
    needs=ADMIN,
)
@pytest.mark.parametrize("size", [0, 19, 21])
def test_windows_have_twenty_bytes(ns, observe, size):
    left, right = Socket.tcp_pair()
    with left, right:
        left.tcp_repair = 1
        was = left.tcp_repair_window
        wanted = replace(was, snd_wnd=was.snd_wnd // 2)
        octets = TCP_REPAIR_WINDOW.codec.encode(wanted)
        with refused(errno.EINVAL):
            left.set(TCP_REPAIR_WINDOW.through(raw(size)), octets.ljust(size, b"\0")[:size])
        with refused(errno.EINVAL, "errno_read"):
            left.get(TCP_REPAIR_WINDOW.through(raw(size)))
        seen = [len(octets), left.tcp_repair_window == was]
        left.set(TCP_REPAIR_WINDOW.through(raw(20)), octets)

        assert observe("size_kept_and_set", [*seen, left.tcp_repair_window == wanted]) == [20, True, True]


@claim(
    "defacto/TCP_REPAIR_OPTIONS/optlen",
    says="Setting TCP_REPAIR_OPTIONS of a TCP connection over IPv4 under repair with fewer than four bytes, "
    "or none, is refused with EINVAL; with four or seven, less than the eight of a struct tcp_repair_opt, "
    "nothing is set, and what is beyond eight is ignored.",
    since="3.5",
    commit="b139ba4e90dc",
    needs=ADMIN,
    survives={"no-op: setsockopt(*TCP_REPAIR_OPTIONS, *, [47])*": "nothing is set by so few bytes"},
)
@FEWER
@pytest.mark.parametrize("ignored", [4, 7])
def test_an_option_to_repair_has_eight_bytes(ns, observe, size, ignored):
    mss = INT.encode(2) + INT.encode(700)
    option = TCP_REPAIR_OPTIONS.through(raw(11))
    left, right = Socket.tcp_pair()
    with left, right:
        left.tcp_repair = 1
        with refused(errno.EINVAL):
            left.set(option, mss[:size])
        before = left.tcp_maxseg
        left.set(option, mss[:ignored])
        same = left.tcp_maxseg == before
        left.set(option, mss + b"\xff\xff\xff")

        assert observe("other_before_same_and_set", [before != 700, same, left.tcp_maxseg]) == [
            True,
            True,
            700,
        ]


@claim(
    "defacto/TCP_TIMESTAMP/optlen",
    says="Setting TCP_TIMESTAMP of a TCP connection over IPv4 under repair with fewer than four bytes, or "
    "none, is refused with EINVAL, where four set its clock; reading it with room for none gives no byte, "
    "for three three, and for five four.",
    since="3.9",
    commit="93be6ce0e91b",
    needs=ADMIN,
)
@FEWER
def test_fewer_bytes_are_no_clock(ns, observe, size):
    left, right = Socket.tcp_pair()
    with left, right:
        left.tcp_repair = 1
        with refused(errno.EINVAL):
            left.set(TCP_TIMESTAMP.through(raw(size)), bytes(size))
        left.set(TCP_TIMESTAMP.through(raw(4)), INT.encode(CLOCK))
        passed = left.tcp_timestamp - CLOCK
        sizes = [len(left.get(TCP_TIMESTAMP.through(raw(room)))) for room in (0, 3, 5)]

        assert observe("set_and_sizes", [0 <= passed < MINUTE, sizes]) == [True, [0, 3, 4]]


@claim(
    "defacto/TCP_ZEROCOPY_RECEIVE/room",
    says="Reading TCP_ZEROCOPY_RECEIVE of a TCP connection over IPv4 with fewer than the 12 bytes of its "
    "first two fields, none or 11, is refused with EINVAL, and where nothing waits 12 are taken and given.",
    since="5.11",
    commit="936ced415751",
)
@pytest.mark.parametrize("room", [0, 11])
def test_a_request_has_twelve_bytes(ns, observe, room):
    left, right = Socket.tcp_pair()
    with left, right:
        with refused(errno.EINVAL):
            left.get(TCP_ZEROCOPY_RECEIVE.through(raw(room)))

        assert observe("size", len(left.get(TCP_ZEROCOPY_RECEIVE.through(raw(12))))) == 12
