"""include/uapi/linux/if_packet.h: what its comments promise of the blocks of TPACKET_V3."""

from __future__ import annotations

import time

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.frames import HEADER
from conformance.plugin.setups.packet_rings import BLOCK_HEADER, Blocks
from conformance.plugin.setups.packet_sockets import LOOPBACK, frame, packet_socket
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.timing import timed
from libsocket import Packet, Socket, TpacketReq3
from netns import Capability

SECTION = "include/uapi/linux/if_packet.h"
NEEDS = (Capability.NET_RAW,)
SIZE = 4096
NEVER = 60_000
"""Milliseconds after which a block is closed that is not full: longer than a test."""
LARGE = frame(bytes(1500))
"""Two of these fill a block."""
ENDED = {
    "no-op: close(*": "what was received does not change later",
    "no-op: munmap(*": "what was received does not change later",
}
"""For what is done at the end."""
PADDED = 1600
"""82 bytes of header and address, and 1514 of a large frame, as a multiple of 8."""


def block_ring(timeout: int = NEVER, private: int = 0) -> TpacketReq3:
    """A ring of two blocks."""
    return TpacketReq3(SIZE, 2, 2048, 4, timeout, private)


def loopback_sender() -> Socket:
    """A packet socket that sends by loopback, and receives nothing."""
    sender = packet_socket(protocol=0)
    sender.bind(Packet(LOOPBACK, 0))
    return sender


def fill(sender: Socket, receiver: Socket, count: int) -> None:
    """Send so many large frames, and wait until a block is closed by one that it has no room for."""
    with on_one_processor():
        for _ in range(count):
            sender.send(LARGE)
    await_readable(receiver)


def real_time() -> int:
    """The time by the clock of frames, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME)


@claim(
    "if_packet.h/tpacket_hdr_v1/blk-len",
    sentence="if_packet.h/tpacket_hdr_v1/blk_len",
    section=SECTION,
    says="blk_len of a block of 4096 bytes of a receive ring of TPACKET_V3 that is closed as a third frame "
    "of 1514 bytes does not fit it, which would take 1600 bytes as each of the two in it does with "
    "header and padding, is theirs and those of the block's header, 48, and of the private bytes, 13, "
    "padded to 16.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
@pytest.mark.parametrize(("private", "padded"), [(0, 0), (13, 16)])
def test_a_block_says_how_much_of_it_is_valid(ns, observe, private, padded):
    request = block_ring(private=private)
    with loopback_sender() as sender, packet_socket() as sock, Blocks(sock, request) as blocks:
        fill(sender, sock, 3)
        header = blocks.header(0)
        sizes = [[len(one.data), one.step] for one in blocks.frames(0)]

    seen = [header.first, sizes, header.length]
    assert observe("first_frames_and_length", seen) == [
        BLOCK_HEADER + padded,
        [[1514, PADDED], [1514, 0]],
        BLOCK_HEADER + padded + 2 * PADDED,
    ]


@claim(
    "if_packet.h/tpacket_hdr_v1/seq-num",
    sentence="if_packet.h/tpacket_hdr_v1/seq_num",
    section=SECTION,
    says="seq_num of a block of a receive ring of TPACKET_V3 counts from 1 the blocks that were opened, also "
    "when the memory of one that was given back is used again: in a ring of two the third block is where the "
    "first was.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
def test_blocks_are_counted(ns, observe):
    with loopback_sender() as sender, packet_socket() as sock, Blocks(sock, block_ring()) as blocks:
        fill(sender, sock, 3)
        numbers = [blocks.header(0).number]
        blocks.give_back(0)
        fill(sender, sock, 2)
        numbers.append(blocks.header(1).number)
        blocks.give_back(1)
        fill(sender, sock, 2)
        numbers.append(blocks.header(0).number)

    assert observe("numbers", numbers) == [1, 2, 3]


@claim(
    "if_packet.h/tpacket_hdr_v1/last-of-full",
    sentence="if_packet.h/tpacket_hdr_v1/last-of-packets",
    section=SECTION,
    says="ts_last_pkt of a block of a receive ring of TPACKET_V3 that was closed as it was full is the time "
    "of the second of its two frames, and the first of the next block is not before it.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
def test_a_full_block_has_the_time_of_its_last_frame(ns, observe):
    with loopback_sender() as sender, packet_socket() as sock, Blocks(sock, block_ring()) as blocks:
        fill(sender, sock, 3)
        last = blocks.header(0).last_time
        first_frame, last_frame = blocks.frames(0)
        next_frame = blocks.frames(1)[0]

    order = [first_frame.time < last, last == last_frame.time, last <= next_frame.time]
    assert observe("after_first_of_last_before_next", order) == [True] * 3


@claim(
    "if_packet.h/tpacket_hdr_v1/last-of-old",
    sentence="if_packet.h/tpacket_hdr_v1/last-of-packets",
    section=SECTION,
    says="ts_last_pkt of a block of a receive ring of TPACKET_V3 that its timeout closed, with one frame in "
    "it, is the time of the frame, which it has had since before the block was closed.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
def test_an_old_block_has_the_time_of_its_last_frame(ns, observe):
    request = block_ring(timeout=10)
    with loopback_sender() as sender, packet_socket() as sock, Blocks(sock, request) as blocks:
        sender.send(frame(b"alone"))
        await_readable(sock)
        header = blocks.header(0)
        (found,) = blocks.frames(0)

    assert observe("frame_and_its_time", [found.data[HEADER:].decode(), header.last_time == found.time]) == [
        "alone",
        True,
    ]


@claim(
    "if_packet.h/tpacket_hdr_v1/first-of-all",
    sentence="if_packet.h/tpacket_hdr_v1/first",
    section=SECTION,
    says="ts_first_pkt of the first block of a receive ring of TPACKET_V3 is the time at which it was "
    "opened, while the ring was made, and that of its first frame, which comes later, is in the header "
    "of the frame.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
def test_a_block_has_the_time_at_which_it_was_opened(ns, observe):
    with loopback_sender() as sender, packet_socket() as sock:
        before = real_time()
        with Blocks(sock, block_ring()) as blocks:
            after = real_time()
            empty = blocks.header(0).first_time
            fill(sender, sock, 3)
            opened, first = blocks.header(0).first_time, blocks.frames(0)[0].time

    order = [before <= opened <= after, opened == empty, after <= first]
    assert observe("when_made_and_before_its_frame", order) == [True] * 3


@claim(
    "if_packet.h/tpacket_req3/timeout",
    sentence="if_packet.h/tpacket_req3/timeout",
    section=SECTION,
    says="A frame in a block that is not full of a receive ring of TPACKET_V3 is handed over when "
    "tp_retire_blk_tov, 100 ms, is over since the ring was made, and not by then where it is a minute.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
def test_a_block_is_closed_when_its_time_is_over(ns, observe):
    with (
        loopback_sender() as sender,
        packet_socket() as sock,
        packet_socket() as other,
        timed() as took,
        Blocks(sock, block_ring(timeout=100)) as blocks,
        Blocks(other, block_ring()) as others,
    ):
        sender.send(frame(b"hello"))
        await_readable(sock)
        took.stop()
        statuses = [one.header(0).status & 1 for one in (blocks, others)]
        waiting = [one.header(0).packets for one in (blocks, others)]

    assert observe("lasted_statuses_waiting", [took.lasted(0.1), statuses, waiting]) == [True, [1, 0], [1, 1]]


@claim(
    "if_packet.h/tpacket_req3/private",
    sentence="if_packet.h/tpacket_req3/private",
    section=SECTION,
    says="Each block of a receive ring of TPACKET_V3 has tp_sizeof_priv bytes, 101, behind its header of 48, "
    "which stay as the program wrote them when the block is filled, closed, given back and filled again; "
    "frames begin behind them.",
    since="3.2",
    needs=NEEDS,
    survives=ENDED,
)
def test_a_program_has_room_in_a_block(ns, observe):
    request = block_ring(private=101)
    written = [bytes([number]) * 101 for number in (7, 8)]
    with loopback_sender() as sender, packet_socket() as sock, Blocks(sock, request) as blocks:
        for block in (0, 1):
            blocks.write_private(block, written[block])
        fill(sender, sock, 3)
        blocks.give_back(0)
        fill(sender, sock, 2)
        blocks.give_back(1)
        fill(sender, sock, 2)
        headers = [[one.private, one.first, one.number] for one in map(blocks.header, (0, 1))]
        kept = [blocks.private(block, 101) == written[block] for block in (0, 1)]

    assert observe("headers_and_kept", [headers, kept]) == [[[48, 152, 3], [48, 152, 4]], [True, True]]
