"""Options of TCP, as the comments in include/uapi/linux/tcp.h tell them."""

from __future__ import annotations

from mmap import PAGESIZE

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ROUTE_TIMERS
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.made_peer import ADDRESS, MADE, SEGMENT, informed
from conformance.plugin.setups.pairs import TCP_PAIRS, UNACKED_ENDS
from conformance.plugin.setups.readiness import await_end, await_readable
from conformance.plugin.setups.segments import MSS
from conformance.plugin.setups.zerocopy import mapped, receive
from conformance.plugin.timing import SOON
from libsocket import INT, TCP_THIN_DUPACK, TCP_ZEROCOPY_RECEIVE, Linger, TcpZerocopyReceive
from netns import Capability

PAIRS = pytest.mark.parametrize("pair", list(TCP_PAIRS.values()), ids=list(TCP_PAIRS))


@claim(
    "tcp.h/TCP_MSS_DEFAULT/not-announced",
    sentence="tcp.h/TCP_MSS_DEFAULT/IPv4",
    section="TCP_MSS_DEFAULT",
    says="TCP_INFO.snd_mss of a TCP connection over IPv4, whose peer's SYN does not say how large a segment "
    "may be, is 536; and 535 or 537 where it says that.",
    needs=MADE,
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(
    ("options", "size"), [({}, 536), ({MSS: b"\x02\x17"}, 535), ({MSS: b"\x02\x19"}, 537)], ids=[0, 535, 537]
)
def test_the_size_of_segments_by_default(peers, observe, options, size):
    with informed(peers, options) as (sock, _):
        assert observe("size", sock.tcp_info.snd_mss) == size


@claim(
    "tcp.h/TCP_THIN_DUPACK/one",
    sentence="tcp.h/TCP_THIN_DUPACK/one",
    section="TCP_THIN_DUPACK",
    says="With TCP_THIN_DUPACK a TCP connection over IPv4, two of whose segments are under way, sends the "
    "first again after one duplicate acknowledgement.",
    needs=[*MADE, ROUTE_TIMERS],
    survives={**UNACKED_ENDS, "no-op: setsockopt(*TCP_THIN_DUPACK*": "it has no effect"},
    expect=differs(
        "the option has no effect",
        since="4.11",
        commit="4a7f60094411",
        observed={"state": 1, "again": []},
    ),
)
def test_one_duplicate_is_enough(peers, observe):
    peers.right.namespace.add_route(
        f"{ADDRESS}/32", via=peers.left.address, dev=peers.right.device, rto_min=100
    )
    with informed(peers) as (sock, peer):
        sock.set(TCP_THIN_DUPACK.through(INT), 1)
        sock.send(bytes(2 * SEGMENT))
        first = peer.next().sequence
        peer.replies()
        peer.send()
        peer.tell(b"y")
        sock.read_exact(1)
        again = [len(one.data) for one in peer.replies() if one.sequence == first and one.data]

        assert [observe("state", sock.tcp_info.ca_state), observe("again", again)] == [3, [SEGMENT]]


@claim(
    "tcp.h/TCP_REPAIR_OFF_NO_WP/no-probes",
    sentence="tcp.h/TCP_REPAIR_OFF_NO_WP/no-probes",
    section="TCP_REPAIR",
    says="A TCP connection over IPv4 sends nothing when TCP_REPAIR ends its repair with -1 "
    "(TCP_REPAIR_OFF_NO_WP), and a segment without data, whose number was acknowledged before, when it does "
    "with 0.",
    needs=[*MADE, Capability.NET_ADMIN],
    survives=UNACKED_ENDS,
)
@pytest.mark.parametrize(("end", "probes"), [(0, 1), (-1, 0)])
def test_the_repair_ends_without_probes(peers, observe, end, probes):
    with informed(peers) as (sock, peer):
        sock.tcp_repair = 1
        held = sock.tcp_repair
        sock.tcp_repair = end
        sent = [[one.data.decode(), peer.expected - one.sequence] for one in peer.replies()]

        assert [observe("repair", [held, sock.tcp_repair]), observe("sent", sent)] == [
            [1, 0],
            [["", 1]] * probes,
        ]


@claim(
    "tcp.h/TCP_ZEROCOPY_RECEIVE/inq",
    sentence="tcp.h/TCP_ZEROCOPY_RECEIVE/inq",
    section="TCP_ZEROCOPY_RECEIVE",
    says="inq of TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait, or 7, "
    "is so many, and they can still be read.",
)
@PAIRS
@pytest.mark.parametrize("data", ["12345", "1234567"])
def test_what_waits_is_told(ns, observe, pair, data):
    sender, receiver = pair()
    with sender, receiver, mapped(receiver) as address:
        receiver.rcvtimeo = SOON
        sender.send(data.encode())
        await_readable(receiver)
        inq = receive(receiver, address=address).inq

        assert [observe("inq", inq), observe("data", receiver.read_exact(inq).decode())] == [len(data), data]


@claim(
    "tcp.h/TCP_ZEROCOPY_RECEIVE/err",
    sentence="tcp.h/TCP_ZEROCOPY_RECEIVE/err",
    section="TCP_ZEROCOPY_RECEIVE",
    says="err of TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, whose peer has reset it is "
    "ECONNRESET with a minus, once, as SO_ERROR would be; before it is 0.",
)
@PAIRS
def test_the_error_is_told(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, mapped(receiver) as address:
        errors = [receive(receiver, address=address).err]
        sender.linger = Linger(True, 0)
        sender.close()
        await_end(receiver)
        errors += [receive(receiver, address=address).err for _ in range(2)]
        names = [errno_name(-one) for one in errors]

        assert [observe("errors", names), observe("error", receiver.error)] == [["0", "ECONNRESET", "0"], 0]


@claim(
    "tcp.h/TCP_ZEROCOPY_RECEIVE/reserved",
    sentence="tcp.h/TCP_ZEROCOPY_RECEIVE/reserved",
    section="TCP_ZEROCOPY_RECEIVE",
    says="TCP_ZEROCOPY_RECEIVE of a TCP connection, over IPv4 and IPv6, at which 5 bytes wait, is refused "
    "where reserved is 1, and where it is 0 tells of them.",
    since="5.12",
)
@PAIRS
def test_what_is_reserved_is_zero(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver, mapped(receiver) as address:
        sender.send(b"12345")
        await_readable(receiver)
        request = TcpZerocopyReceive(address=address, length=PAGESIZE, reserved=1)
        with refused():
            receiver.get(TCP_ZEROCOPY_RECEIVE, request=request)

        assert observe("inq", receive(receiver, address=address).inq) == 5
