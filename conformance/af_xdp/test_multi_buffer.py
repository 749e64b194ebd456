"""Packets of several buffers: XDP_USE_SG and XDP_PKT_CONTD."""

from __future__ import annotations

from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import XDP, XDP_PROGRAM
from conformance.plugin.setups.frames import waiting_frames
from conformance.plugin.setups.packet_sockets import packet_socket, received_until
from conformance.plugin.setups.xdp import (
    CHUNK,
    XDP_COPY,
    XDP_PKT_CONTD,
    XDP_USE_SG,
    Descriptor,
    Xsk,
    redirected,
    sent_by,
    xdp_frame,
)

NEEDS: Final = (XDP,)
CLOSED: Final = {"no-op: close(*": "it ends what only sends"}
WOKEN_AGAIN: Final = {'no-op: sendto("", 0, MSG_DONTWAIT*': "it is called again until all is taken"}
SECTION: Final = "Multi-Buffer Support"
COMMIT: Final = "cf24f5a5feea"
LARGEST: Final = CHUNK - 256
"""Bytes of a packet for which a chunk has room when it is received."""


@claim(
    "af_xdp/multi-buffer/continues",
    sentence=(
        "af_xdp/multi-buffer/support",
        "af_xdp/multi-buffer/packet",
        "af_xdp/multi-buffer/descriptor",
        "af_xdp/multi-buffer/whole",
        "af_xdp/multi-buffer/use-sg",
        "af_xdp/multi-buffer/pkt-contd",
        "af_xdp/multi-buffer/continues",
    ),
    section=SECTION,
    says="A socket of AF_XDP that is bound with XDP_USE_SG sends one packet of the frames of several "
    "descriptors in its TX ring, up to the first without XDP_PKT_CONTD; the next descriptor is another "
    "packet.",
    since="6.6",
    commit=COMMIT,
    needs=NEEDS,
)
@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_packet_goes_on(peers, observe, frames):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(tx=8, completion=8) as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_SG)
        sock.put_packet(*[xdp_frame(b"0"), b"1", b"2", b"3", b"4"][:frames])
        sock.put_packet(xdp_frame(b"next"), chunk=15)
        sock.wake()
        received = [receiver.recv(100)[14:].decode() for _ in range(2)]
        completed = sorted(addr // CHUNK for (addr,) in sock.completion.take_some(frames + 1))

        expected = [["01234"[:frames], "next"], [*range(frames), 15]]
        assert observe("received_and_completed", [received, completed]) == expected


@claim(
    "af_xdp/multi-buffer/dropped-without",
    sentence="af_xdp/multi-buffer/dropped-without",
    section=SECTION,
    says="A packet of two frames in the TX ring of a socket of AF_XDP that is bound without XDP_USE_SG is "
    "dropped.",
    since="6.6",
    commit=COMMIT,
    needs=NEEDS,
    expect=differs(
        "in copy mode it is sent as with the flag",
        since="6.6",
        commit=COMMIT,
        observed={"received": ["01", "next"]},
    ),
)
def test_without_the_flag_it_is_dropped(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk() as sock:
        sock.bind(peers.left.device, flags=XDP_COPY)
        sock.put_packet(xdp_frame(b"0"), b"1")
        sock.put_packet(xdp_frame(b"next"), chunk=15)
        sock.wake()

        assert observe("received", received_until("next", receiver)) == ["next"]


INVALID: Final = {
    "zero": Descriptor(CHUNK, 0, XDP_PKT_CONTD),
    "long": Descriptor(CHUNK, CHUNK + 1, XDP_PKT_CONTD),
    "beyond": Descriptor(16 * CHUNK, 8, XDP_PKT_CONTD),
}


@claim(
    "af_xdp/multi-buffer/tx-invalid-packet",
    sentence=(
        "af_xdp/multi-buffer/tx-invalid-packet",
        "af_xdp/multi-buffer/tx-next",
        "af_xdp/multi-buffer/tx-counted",
    ),
    section=SECTION,
    says="A packet of three frames in the TX ring of a socket of AF_XDP in copy mode whose first, second or "
    "last descriptor is invalid is not sent, all three count in tx_invalid_descs, and the descriptor after "
    "them is sent as a packet of its own.",
    since="7.2",
    backports=("6.12.114", "6.18.44", "7.1.8"),
    commit="bd44a6dcd424",
    needs=NEEDS,
    survives=WOKEN_AGAIN,
)
@pytest.mark.parametrize("kind", INVALID)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_invalid_descriptor_spoils_a_packet(peers, observe, kind, place):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(tx=8, completion=8) as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_SG)
        sock.put_spoilt(INVALID[kind], place)
        sock.put_packet(xdp_frame(b"next"), chunk=15)
        sock.wake_until_taken()
        received = receiver.recv(100)[14:].decode()
        seen = [received, len(waiting_frames(receiver)), sock.statistics()["tx_invalid"]]

        assert observe("received_further_invalid", seen) == ["next", 0, 3]


@claim(
    "af_xdp/multi-buffer/tx-invalid-returned",
    sentence="af_xdp/multi-buffer/tx-invalid-returned",
    section=SECTION,
    says="The addresses of all three frames of a packet in the TX ring of a socket of AF_XDP in copy mode, "
    "of which the first, second or last descriptor is invalid, come back by the COMPLETION ring, and then "
    "that of the next packet.",
    since="7.2",
    backports=("6.18.44", "7.1.8"),
    commit="bd44a6dcd424",
    needs=NEEDS,
    survives=WOKEN_AGAIN,
)
@pytest.mark.parametrize("kind", INVALID)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_its_frames_come_back(peers, observe, kind, place):
    with peers.left.entered(), Xsk(tx=8, completion=8) as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_SG)
        given = sock.put_spoilt(INVALID[kind], place)
        sock.put_packet(xdp_frame(b"next"), chunk=15)
        sock.wake_until_taken()
        back = [addr for (addr,) in sock.completion.take_some(4)]

        assert observe("come_back", [back[:3] == given, back[3:]]) == [True, [15 * CHUNK]]


@claim(
    "af_xdp/multi-buffer/copy-limit",
    sentence=("af_xdp/multi-buffer/copy-limit", "af_xdp/multi-buffer/copy-limit-portable"),
    section=SECTION,
    says="A socket of AF_XDP in copy mode sends a packet of 17 and of 18 frames.",
    since="6.6",
    commit=COMMIT,
    needs=NEEDS,
)
@pytest.mark.parametrize("frames", [17, 18])
def test_eighteen_frames_are_sent(peers, observe, frames):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(memory_size=64 * CHUNK, tx=64, completion=64) as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_SG)
        sock.put_packet(xdp_frame(b"0"), *[b"x"] * (frames - 1))
        sock.wake()

        assert observe("received", receiver.recv(100)[14:].decode()) == "0".ljust(frames, "x")


@claim(
    "af_xdp/multi-buffer/copy-limit-exceeded",
    sentence=("af_xdp/multi-buffer/copy-limit", "af_xdp/multi-buffer/copy-limit-exceeded"),
    section=SECTION,
    says="A packet of 50 frames in the TX ring of a socket of AF_XDP in copy mode, which is more than "
    "CONFIG_MAX_SKB_FRAGS + 1 can be, is not sent: all 50 descriptors count in tx_invalid_descs, their "
    "addresses come back by the COMPLETION ring, and the next packet is sent.",
    since="7.2",
    backports=("6.18.44", "7.1.8"),
    commit="bd44a6dcd424",
    needs=NEEDS,
)
def test_too_many_frames_are_invalid(peers, observe):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(memory_size=64 * CHUNK, tx=64, completion=64) as sock:
        sock.bind(peers.left.device, flags=XDP_COPY | XDP_USE_SG)
        sock.put_packet(xdp_frame(b"0"), *[b"x"] * 49)
        sock.put_packet(xdp_frame(b"next"), chunk=60)
        sock.wake_until_taken()
        received = receiver.recv(100)[14:].decode()
        back = [addr // CHUNK for (addr,) in sock.completion.take_some(51)]
        seen = [received, sock.statistics()["tx_invalid"], back == [*range(50), 60]]

        assert observe("received_invalid_back", seen) == ["next", 50, True]


@claim(
    "af_xdp/multi-buffer/rx-copies",
    sentence=(
        "af_xdp/multi-buffer/support",
        "af_xdp/multi-buffer/use-sg",
        "af_xdp/multi-buffer/rx-copies",
        "af_xdp/multi-buffer/rx-more",
        "af_xdp/multi-buffer/rx-last",
    ),
    section=SECTION,
    says="A socket of AF_XDP with chunks of 2048 bytes that is bound in copy mode with XDP_USE_SG receives a "
    "packet of 3000 bytes in two descriptors: 1792 bytes, with XDP_PKT_CONTD, and 1208 without. One of 1792 "
    "bytes is one descriptor without it.",
    since="6.6",
    commit="804627751b42",
    needs=(*NEEDS, XDP_PROGRAM),
)
@pytest.mark.parametrize(
    ("size", "descriptors"), [(LARGEST, [(LARGEST, 0)]), (3000, [(LARGEST, XDP_PKT_CONTD), (1208, 0)])]
)
def test_a_packet_is_received_in_several(peers, observe, size, descriptors):
    peers.left.namespace.set_link(peers.left.device, mtu=3200)
    peers.right.namespace.set_link(peers.right.device, mtu=3200)
    frame = xdp_frame(b"begin").ljust(size - 3, b"x") + b"end"
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device, flags=XDP_COPY | XDP_USE_SG)
        sock.fill.put(0, CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, frame)
            taken = sock.rx.take_some(len(descriptors))
            whole = b"".join(sock.memory.read(addr, length) for addr, length, _ in taken) == frame
            seen = [[[length, options] for _, length, options in taken], whole]

            assert observe("descriptors_and_whole", seen) == [[list(one) for one in descriptors], True]


@claim(
    "af_xdp/multi-buffer/rx-dropped-without",
    sentence="af_xdp/multi-buffer/dropped-without",
    section=SECTION,
    says="A packet of 3000 bytes that comes to a socket of AF_XDP with chunks of 2048 bytes that is bound "
    "without XDP_USE_SG is dropped, and counted in rx_dropped.",
    since="6.6",
    commit="804627751b42",
    needs=(*NEEDS, XDP_PROGRAM),
    survives=CLOSED,
)
def test_without_the_flag_it_is_not_received(peers, observe):
    peers.left.namespace.set_link(peers.left.device, mtu=3200)
    peers.right.namespace.set_link(peers.right.device, mtu=3200)
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device, flags=XDP_COPY)
        sock.fill.put(0, CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"lost").ljust(3000))
            dropped = sock.dropped(1)
            sent_by(peers.left, xdp_frame(b"taken"))
            seen = [dropped, [frame[14:].decode() for frame in sock.received()]]

            assert observe("dropped_and_received", seen) == [1, ["taken"]]


@claim(
    "af_xdp/multi-buffer/rx-no-room",
    sentence=("af_xdp/multi-buffer/rx-complete", "af_xdp/multi-buffer/rx-no-room"),
    section=SECTION,
    says="A packet of two buffers that comes to a socket of AF_XDP with XDP_USE_SG whose RX ring has room "
    "for one more descriptor is dropped as a whole. When there is room for two the next one is received.",
    since="6.6",
    commit="804627751b42",
    needs=(*NEEDS, XDP_PROGRAM),
    survives=CLOSED,
)
def test_without_room_all_of_it_is_dropped(peers, observe):
    peers.left.namespace.set_link(peers.left.device, mtu=3200)
    peers.right.namespace.set_link(peers.right.device, mtu=3200)
    large = xdp_frame(b"large").ljust(3000)
    with peers.right.entered(), Xsk(rx=2, fill=8) as sock:
        sock.bind(peers.right.device, flags=XDP_COPY | XDP_USE_SG)
        sock.fill.put(*range(0, 6 * CHUNK, CHUNK))
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"small"), large)
            full = sock.counted("rx_full", 1)
            first = [length for _, length, _ in sock.rx.take()]
            sent_by(peers.left, large)
            second = [length for _, length, _ in sock.rx.take_some(2)]

            assert observe("full_first_second", [full, first, second]) == [1, [19], [1792, 1208]]


@claim(
    "af_xdp/multi-buffer/program",
    sentence="af_xdp/multi-buffer/program",
    section=SECTION,
    says="The XDP program, too, has to be one for multiple buffers for a socket of AF_XDP with XDP_USE_SG to "
    "receive a packet in two: with another program one of 3000 bytes is dropped.",
    since="6.6",
    commit="804627751b42",
    needs=(*NEEDS, XDP_PROGRAM),
    expect=differs(
        "run generically on a packet that lies in one piece, any program will do",
        since="6.6",
        commit="804627751b42",
        observed={"received": [1792, 1208]},
    ),
)
def test_the_program_has_to_know_of_it(peers, observe):
    peers.left.namespace.set_link(peers.left.device, mtu=3200)
    peers.right.namespace.set_link(peers.right.device, mtu=3200)
    with peers.right.entered(), Xsk() as sock:
        sock.bind(peers.right.device, flags=XDP_COPY | XDP_USE_SG)
        sock.fill.put(0, CHUNK)
        with redirected(peers.right, {0: sock.sock}):
            sent_by(peers.left, xdp_frame(b"").ljust(3000))
            received = [length for _, length, _ in sock.rx.take_some(2)]

            assert observe("received", received) == []
