"""Calls of sockets whose structures have other sizes for a 32-bit program on a 64-bit kernel."""

from __future__ import annotations

import errno
import os
import socket
import sys
from fcntl import ioctl

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import I386, IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.callers import caller, control_message, control_of
from conformance.plugin.setups.ioctls import time_of_last_packet
from conformance.plugin.setups.ipv6 import udp6
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.timestamps import stamping
from conformance.plugin.timing import SOON
from libsocket import IPV6_MCAST_MSFILTER, GroupFilter, IpMreqn, Rights, Socket
from netns import Capability

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
SOL_SOCKET, SCM_RIGHTS, SO_ATTACH_FILTER, SO_RCVTIMEO, SO_TYPE = 1, 1, 26, 20, 3
SO_RCVTIMEO_NEW = 66
SO_TIMESTAMP = 29
SIOCGIFINDEX, SIOCGIFCONF = 0x8933, 0x8912
SIOCGSTAMP, SIOCGSTAMPNS, SIOCGSTAMP_NEW, SIOCGSTAMPNS_NEW = 0x8906, 0x8907, 0x8010_8906, 0x8010_8907
SIOCADDRT, RTF_UP = 0x890B, 1
SOL_PACKET, PACKET_HDRLEN = 263, 11
MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP, MCAST_MSFILTER = 42, 46, 48
LOOPBACK, PORT = 1, 4321
MSG_CMSG_COMPAT = -(2**31)
"""The highest bit of an int."""
SECOND = 10**9
"""In nanoseconds."""
UNTOUCHED = b"\xff" * 64


def word(number: int, size: int = 4) -> bytes:
    """A number in memory."""
    return number.to_bytes(size, sys.byteorder)


def first_words(data: bytes, width: int) -> list[int]:
    """Two numbers of so many bytes."""
    return [int.from_bytes(data[at : at + width], sys.byteorder) for at in (0, width)]


def is_socket(fd: int, sock: Socket) -> bool:
    """Whether a descriptor stands for a socket; it is closed."""
    same = os.fstat(fd).st_ino == os.fstat(sock.fileno()).st_ino
    os.close(fd)
    return same


@claim(
    "defacto/SCM_RIGHTS/sent-by-a-32-bit-caller",
    says="A 32-bit x86 program sends a descriptor over a UNIX stream, datagram or seqpacket socket by a "
    "struct msghdr of 28 bytes, and a control message whose header has 12 and ends behind its 4 bytes; a "
    "64-bit one receives it. Of 13 bytes, which do not hold a descriptor, it receives none.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386],
)
@KINDS
def test_a_32_bit_program_sends_a_descriptor(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, caller(left) as program:
        right.rcvtimeo = SOON
        program.send_message(left, b"a", control_message(SOL_SOCKET, SCM_RIGHTS, b"\0"))
        program.send_message(left, b"b", control_message(SOL_SOCKET, SCM_RIGHTS, word(left.fileno())))
        with right.recv_message(1) as first, right.recv_message(1) as second:
            none = [one for one in first.control if isinstance(one, Rights)]
            (rights,) = (one for one in second.control if isinstance(one, Rights))

            assert observe("none_and_sent", [none, is_socket(rights.take()[0], left)]) == [[], True]


@claim(
    "defacto/SCM_RIGHTS/received-by-a-32-bit-caller",
    says="A 32-bit x86 program that receives a descriptor over a UNIX stream, datagram or seqpacket socket "
    "has a control message whose header is 12 bytes long, and behind it the descriptor.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386],
)
@KINDS
def test_a_32_bit_program_receives_a_descriptor(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, Socket.udp() as passed, caller(right) as program:
        right.rcvtimeo = SOON
        left.send_message(b"x", Rights(passed))
        control = program.receive_message(right)
        length = program.store(word(4))
        into = program.room(4)
        program.call("getsockopt", first_words(control, 4 * 3)[1], SOL_SOCKET, SO_TYPE, into, length)

        assert observe("message_and_type", [control_of(control), program.number(into)]) == [
            [[SOL_SOCKET, SCM_RIGHTS, 4]],
            socket.SOCK_DGRAM,
        ]


@claim(
    "defacto/cmsghdr/aligned-for-a-32-bit-caller",
    says="Control messages follow each other at multiples of 4 bytes for a 32-bit x86 program, of 8 for "
    "others: IP_TOS, 1 byte, and IP_RECVORIGDSTADDR, 16, of a datagram over IPv4 are 44 bytes for it, and "
    "56 else.",
    since="2.6.29",
    commit="e8b2dfe9b450",
    needs=[I386],
)
def test_control_messages_are_aligned_to_words(ns, observe):
    left, right = udp_pair()
    with left, right, caller(right) as program:
        right.rcvtimeo = SOON
        right.ip_recvtos = True
        right.ip_recvorigdstaddr = True
        left.send(b"x")
        here = [len(data) for _, _, data in right.recvmsg(1, 56, socket.MSG_PEEK)[1]]
        cut = [len(data) for _, _, data in right.recvmsg(1, 55, socket.MSG_PEEK)[1]]
        there = program.receive_message(right)

        assert observe("here_and_there", [here, cut, len(there), control_of(there)]) == [
            [1, 16],
            [1, 15],
            44,
            [[0, 1, 1], [0, 20, 16]],
        ]


@claim(
    "defacto/SIOCGSTAMP/32-bit-caller",
    says="SIOCGSTAMP and SIOCGSTAMPNS give a 32-bit x86 program two numbers of 32 bits, 8 bytes, with a UDP "
    "socket over IPv4, and others the same two of 64 bits.",
    since="2.6.22",
    commit="ae40eb1ef30a",
    needs=[I386],
)
@pytest.mark.parametrize("request_", [SIOCGSTAMP, SIOCGSTAMPNS])
def test_a_time_has_two_words(ns, observe, request_):
    left, right = udp_pair()
    with stamping(), left, right, caller(right) as program:
        left.send(b"x")
        right.recv(1)
        time_of_last_packet(right)
        here = ioctl(right, request_, bytes(16))
        there = program.ioctl(right, request_, UNTOUCHED)
        same = first_words(there, 4) == first_words(here, 8)

        assert observe("same_and_rest", [same, there[8:] == UNTOUCHED[8:]]) == [True, True]


@claim(
    "defacto/SIOCGSTAMP_NEW/32-bit-caller",
    says="SIOCGSTAMP and SIOCGSTAMPNS with the numbers of their new forms, 0x80108906 and 0x80108907, give "
    "a 32-bit x86 program two numbers of 64 bits, 16 bytes, with a UDP socket over IPv4, as they give "
    "others.",
    since="5.1",
    commit="0768e17073dc",
    needs=[I386],
)
@pytest.mark.parametrize(
    ("new", "old"), [(SIOCGSTAMP_NEW, SIOCGSTAMP), (SIOCGSTAMPNS_NEW, SIOCGSTAMPNS)], ids=["stamp", "stampns"]
)
def test_a_new_time_has_two_longs(ns, observe, new, old):
    left, right = udp_pair()
    with stamping(), left, right, caller(right) as program:
        left.send(b"x")
        right.recv(1)
        time_of_last_packet(right)
        here = [first_words(ioctl(right, request, bytes(16)), 8) for request in (old, new)]
        there = program.ioctl(right, new, UNTOUCHED)
        same = [first_words(there, 8) == one for one in here]

        assert observe("same_and_rest", [same, there[16:] == UNTOUCHED[16:]]) == [[True, True], True]


@claim(
    "defacto/SO_ATTACH_FILTER/32-bit-caller",
    says="SO_ATTACH_FILTER takes the 8 bytes of a struct sock_fprog with a 32-bit address from a 32-bit x86 "
    "program, on a UDP socket over IPv4; with 7 bytes, 9, or the 16 of a 64-bit program it is EINVAL.",
    since="5.9",
    commit="4d295e546115",
    needs=[I386],
)
@pytest.mark.parametrize("size", [7, 9, 16])
def test_a_filter_has_a_short_address(ns, observe, size):
    left, right = udp_pair()
    with left, right, caller(right) as program:
        right.rcvtimeo = SOON
        keep_three = program.store(bytes([6, 0, 0, 0]) + word(8 + 3))
        fprog = word(1) + word(keep_three)
        with refused(errno.EINVAL):
            program.set_option(right, (SOL_SOCKET, SO_ATTACH_FILTER), fprog.ljust(16, b"\0")[:size])
        left.send(b"abcdef")
        program.set_option(right, (SOL_SOCKET, SO_ATTACH_FILTER), fprog)
        left.send(b"abcdef")

        assert observe("received", [right.recv(9).decode(), right.recv(9).decode()]) == ["abcdef", "abc"]


@claim(
    "defacto/ifreq/32-bit-caller",
    says="SIOCGIFINDEX takes the 32 bytes of a struct ifreq from a 32-bit x86 program, where there is no "
    "memory behind them, and fails with EFAULT if one of them has none.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386],
)
@pytest.mark.parametrize("kind", [Socket.tcp, Socket.udp, Socket.unix], ids=["tcp", "udp", "unix"])
def test_an_interface_request_has_32_bytes(ns, observe, kind):
    with kind() as sock, caller(sock) as program:
        request = program.store_at_end(b"lo".ljust(31, b"\0"))
        with refused(errno.EFAULT):
            program.call("ioctl", sock, SIOCGIFINDEX, request)
        request = program.store_at_end(b"lo".ljust(32, b"\0"))
        program.call("ioctl", sock, SIOCGIFINDEX, request)

        assert observe("index", program.number(request + 16)) == 1


@claim(
    "defacto/SIOCGIFCONF/32-bit-caller",
    says="SIOCGIFCONF fills an array of struct ifreq of 32 bytes for a 32-bit x86 program, which gives it 8 "
    "bytes with a length and a 32-bit address: one that is a byte short stays empty.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386],
)
@pytest.mark.parametrize(("room", "filled"), [(31, 0), (32, 32), (64, 32)])
def test_interfaces_are_listed_in_32_bytes_each(ns, observe, room, filled):
    with Socket.udp() as sock, caller(sock) as program:
        array = program.room(64)
        told = program.ioctl(sock, SIOCGIFCONF, word(room) + word(array))
        name = program.load(array, 16).rstrip(b"\0").decode()

        assert observe("length_and_name", [first_words(told, 4)[0], name]) == [filled, "lo" if filled else ""]


@claim(
    "defacto/mmsghdr/32-bit-caller",
    says="A struct mmsghdr of a 32-bit x86 program has 32 bytes: it sends and receives two datagrams, over "
    "IPv4, by one sendmmsg and one recvmmsg, and has the length of each.",
    since="3.0",
    commit="228e548e6020",
    needs=[I386],
)
def test_several_messages_at_once(ns, observe):
    left, right = udp_pair()
    with left, right, caller(left, right) as program:
        right.rcvtimeo = SOON
        sent = program.messages(b"a", b"bcd")
        room = program.messages(bytes(9), bytes(9))
        number = [program.call("sendmmsg", left, sent, 2, 0), program.call("recvmmsg", right, room, 2, 0, 0)]
        lengths = [program.lengths(sent, 2), program.lengths(room, 2)]

        assert observe("number_and_lengths", [number, lengths]) == [[2, 2], [[1, 3], [1, 3]]]


@claim(
    "defacto/recvmmsg/timeout-of-a-32-bit-caller",
    says="The timeout that a 32-bit x86 program gives recvmmsg, on a UDP socket over IPv4, is two numbers "
    "of 32 bits, of which the second, nanoseconds, is refused with EINVAL from 1,000,000,000 on.",
    since="2.6.33",
    commit="a2e2725541fa",
    needs=[I386],
)
def test_a_timeout_has_two_words(ns, observe):
    left, right = udp_pair()
    with left, right, caller(right) as program:
        right.rcvtimeo = SOON
        left.send(b"x")
        room = program.messages(bytes(9))
        with refused(errno.EINVAL):
            program.call("recvmmsg", right, room, 1, 0, word(5) + word(SECOND))
        number = program.call("recvmmsg", right, room, 1, 0, word(5) + word(SECOND - 1))

        assert observe("number", number) == 1


@claim(
    "defacto/recvmmsg_time64/padding-of-a-32-bit-caller",
    says="The timeout that a 32-bit x86 program gives recvmmsg_time64, on a UDP socket over IPv4, has "
    "seconds of 64 bits and nanoseconds of 32: 1,000,000,000 is refused with EINVAL, and what the 4 bytes "
    "behind are does not matter.",
    since="5.1",
    commit="48166e6ea47d",
    needs=[I386],
)
@pytest.mark.parametrize("padding", [0, 1, 2**32 - 1])
def test_the_padding_of_a_timeout_does_not_matter(ns, observe, padding):
    left, right = udp_pair()
    with left, right, caller(right) as program:
        right.rcvtimeo = SOON
        left.send(b"x")
        room = program.messages(bytes(9))
        with refused(errno.EINVAL):
            program.call("recvmmsg_time64", right, room, 1, 0, word(5, 8) + word(SECOND) + word(padding))
        number = program.call(
            "recvmmsg_time64", right, room, 1, 0, word(5, 8) + word(SECOND - 1) + word(padding)
        )

        assert observe("number", number) == 1


@claim(
    "defacto/SO_RCVTIMEO/seconds-of-a-32-bit-caller",
    says="Seconds of SO_RCVTIMEO of a UDP socket over IPv4 that do not fit into 32 bits lose their upper "
    "half where a 32-bit x86 program reads them: 2**32 + 5 is 5, 2**31 is -2**31; by SO_RCVTIMEO_NEW it "
    "reads them whole.",
    since="5.1",
    commit="a9beb86ae6e5",
    needs=[I386],
)
@pytest.mark.parametrize(
    ("seconds", "read"),
    [(2**31 - 1, 2**31 - 1), (2**31, -(2**31)), (2**32 + 5, 5)],
    ids=["fits", "sign", "cut"],
)
def test_seconds_are_cut(ns, observe, seconds, read):
    with Socket.udp() as sock, caller(sock) as program:
        sock.rcvtimeo = seconds
        old = program.get_option(sock, (SOL_SOCKET, SO_RCVTIMEO))
        new = program.get_option(sock, (SOL_SOCKET, SO_RCVTIMEO_NEW))
        seen = [int.from_bytes(one, sys.byteorder, signed=True) for one in (old[:4], new[:8])]

        assert observe("old_and_new", seen) == [read, seconds]


@claim(
    "defacto/32-bit/by-the-call",
    says="It is the call that counts, not the program: a 64-bit x86 program that makes 32-bit calls by int "
    "0x80 sets and reads SO_RCVTIMEO of a UDP socket over IPv4 in 8 bytes, and has SO_TIMESTAMP in 8 behind "
    "a header of 12.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386],
)
@pytest.mark.parametrize("bits", [32, 64])
def test_a_64_bit_program_makes_32_bit_calls(ns, observe, bits):
    left, right = udp_pair()
    with left, right, caller(right, bits=bits) as program:
        program.set_option(right, (SOL_SOCKET, SO_RCVTIMEO), word(7) + word(500_000))
        timeout = [right.rcvtimeo, *first_words(program.get_option(right, (SOL_SOCKET, SO_RCVTIMEO)), 4)]
        right.timestamp = True
        left.send(b"x")
        control = program.receive_message(right)

        assert observe("timeout_and_message", [timeout, control_of(control), len(control)]) == [
            [7.5, 7, 500_000],
            [[SOL_SOCKET, SO_TIMESTAMP, 8]],
            20,
        ]


PAIRS = pytest.mark.parametrize("pair", [Socket.pair, udp_pair], ids=["unix", "udp"])


@claim(
    "defacto/MSG_CMSG_COMPAT/sendmsg",
    says="MSG_CMSG_COMPAT, the highest bit of the flags, by which the kernel marks 32-bit calls, is refused "
    "to sendmsg of a 64-bit program, on a UNIX stream or UDP socket over IPv4, with EINVAL.",
    since="3.10",
    commit="1be374a0518a",
    needs=[I386],
)
@PAIRS
def test_the_mark_of_32_bit_calls_is_not_sent(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EINVAL):
            left.sendmsg([b"marked"], [], MSG_CMSG_COMPAT)
        left.sendmsg([b"plain"])

        assert observe("received", right.recv(9).decode()) == "plain"


@claim(
    "defacto/MSG_CMSG_COMPAT/recvmsg",
    says="MSG_CMSG_COMPAT, the highest bit of the flags, by which the kernel marks 32-bit calls, is refused "
    "to recvmsg of a 64-bit program, on a UNIX stream or UDP socket over IPv4, with EINVAL: what was sent "
    "stays to be received.",
    since="3.10",
    commit="1be374a0518a",
    needs=[I386],
)
@PAIRS
def test_the_mark_of_32_bit_calls_is_not_taken(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"x")
        with refused(errno.EINVAL):
            right.recvmsg(9, 0, MSG_CMSG_COMPAT)

        assert observe("received", right.recvmsg(9)[0].decode()) == "x"


def inet_storage(host: str) -> bytes:
    """An address over IPv4 as a struct sockaddr_storage, without a port."""
    begin = socket.AF_INET.to_bytes(2, sys.byteorder) + bytes(2)
    return (begin + socket.inet_aton(host)).ljust(128, b"\0")


@claim(
    "defacto/MCAST_JOIN_GROUP/32-bit-caller",
    says="MCAST_JOIN_GROUP over IPv4 takes the 132 bytes of a struct group_req that is aligned to 4 from a "
    "32-bit x86 program, and receives from the group then; with 131 bytes it is EINVAL.",
    since="4.3",
    commit="9dea5dc921b5",
    needs=[I386],
)
def test_a_group_request_has_132_bytes(ns, observe):
    with Socket.udp() as sender, Socket.udp() as receiver, caller(receiver) as program:
        receiver.rcvtimeo = SOON
        receiver.bind(("239.1.2.3", PORT))
        sender.ip_multicast_if = IpMreqn(ifindex=LOOPBACK)
        request = word(LOOPBACK) + inet_storage("239.1.2.3")
        with refused(errno.EINVAL):
            program.set_option(receiver, (socket.IPPROTO_IP, MCAST_JOIN_GROUP), request[:-1])
        program.set_option(receiver, (socket.IPPROTO_IP, MCAST_JOIN_GROUP), request)
        sender.sendto(b"x", ("239.1.2.3", PORT))

        assert observe("received", receiver.recv(9).decode()) == "x"


@claim(
    "defacto/MCAST_JOIN_SOURCE_GROUP/32-bit-caller",
    says="MCAST_JOIN_SOURCE_GROUP over IPv4 takes the 260 bytes of a struct group_source_req that is "
    "aligned to 4 from a 32-bit x86 program, and receives from the group then; with 259 bytes, or the 264 "
    "of a 64-bit program, it is EINVAL.",
    since="4.3",
    commit="9dea5dc921b5",
    needs=[I386],
)
@pytest.mark.parametrize("size", [259, 264])
def test_a_source_request_has_260_bytes(ns, observe, size):
    with Socket.udp() as sender, Socket.udp() as receiver, caller(receiver) as program:
        receiver.rcvtimeo = SOON
        receiver.bind(("239.1.2.3", PORT))
        sender.bind(("127.0.0.1", 0))
        request = word(LOOPBACK) + inet_storage("239.1.2.3") + inet_storage("127.0.0.1")
        with refused(errno.EINVAL):
            option = (socket.IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP)
            program.set_option(receiver, option, request.ljust(264, b"\0")[:size])
        program.set_option(receiver, (socket.IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP), request)
        sender.sendto(b"x", ("239.1.2.3", PORT))

        assert observe("received", receiver.recv(9).decode()) == "x"


@claim(
    "defacto/SIOCADDRT/32-bit-caller",
    says="SIOCADDRT takes a struct rtentry with 32-bit numbers and addresses from a 32-bit x86 program, by "
    "a UDP socket over IPv4: 82 bytes, up to rt_irtt, with one fewer it is EFAULT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[I386, Capability.NET_ADMIN],
)
def test_a_route_has_82_bytes(ns, observe):
    with Socket.udp() as sock, caller(sock) as program:
        address, mask = inet_storage("198.51.100.0")[:16], inet_storage("255.255.255.0")[:16]
        flags, device = word(RTF_UP), word(program.store(b"lo\0"))
        route = bytes(4) + address + bytes(16) + mask + flags + bytes(12) + device + bytes(10)
        with refused(errno.EFAULT):
            program.call("ioctl", sock, SIOCADDRT, program.store_at_end(route[:-1]))
        with refused(errno.ENETUNREACH, "errno_before"):
            sock.connect(("198.51.100.7", PORT))
        program.call("ioctl", sock, SIOCADDRT, program.store_at_end(route))
        sock.connect(("198.51.100.7", PORT))

        assert observe("size_and_peer", [len(route), sock.getpeername()[0]]) == [82, "198.51.100.7"]


@claim(
    "defacto/MSG_CMSG_COMPAT/32-bit-caller",
    says="A 32-bit x86 program may give sendmsg and recvmsg the highest bit of the flags, MSG_CMSG_COMPAT, "
    "which the kernel sets for it anyway, on a UNIX stream or UDP socket over IPv4.",
    since="3.10",
    commit="a7526eb5d06b",
    needs=[I386],
)
@PAIRS
def test_the_mark_of_32_bit_calls_is_theirs(ns, observe, pair):
    left, right = pair()
    with left, right, caller(left, right) as program:
        right.rcvtimeo = SOON
        room = program.room(9)
        numbers = [
            program.call("sendmsg", left, program.message(program.store(b"abc"), 3), MSG_CMSG_COMPAT),
            program.call("recvmsg", right, program.message(room, 9), MSG_CMSG_COMPAT),
        ]

        assert observe("numbers_and_data", [numbers, program.load(room, 3).decode()]) == [[3, 3], "abc"]


@claim(
    "defacto/PACKET_HDRLEN/32-bit-caller",
    says="The header of a frame in a ring of TPACKET_V1, which begins with a long, has 32 bytes for a "
    "32-bit x86 program too, as PACKET_HDRLEN of a packet socket tells: that of a 64-bit one. TPACKET_V2 "
    "has 32 and TPACKET_V3 48 for both.",
    since="4.3",
    commit="9dea5dc921b5",
    needs=[I386, Capability.NET_RAW],
)
@pytest.mark.parametrize(("version", "size"), [(0, 32), (1, 32), (2, 48)], ids=["v1", "v2", "v3"])
def test_the_header_of_a_frame_is_that_of_64_bits(ns, observe, version, size):
    with Socket.packet() as sock, caller(sock) as program:
        value, length = program.store(word(version)), program.store(word(4))
        program.call("getsockopt", sock, SOL_PACKET, PACKET_HDRLEN, value, length)

        assert observe("size", program.number(value)) == size


def inet6_storage(host: str) -> bytes:
    """An address over IPv6 as a struct sockaddr_storage, without a port."""
    begin = socket.AF_INET6.to_bytes(2, sys.byteorder) + bytes(6)
    return (begin + socket.inet_pton(socket.AF_INET6, host)).ljust(128, b"\0")


@claim(
    "defacto/MCAST_JOIN_GROUP/32-bit-caller-ipv6",
    says="MCAST_JOIN_GROUP and MCAST_JOIN_SOURCE_GROUP over IPv6 take the 132, or 260, bytes of their "
    "structures that are aligned to 4 from a 32-bit x86 program, and MCAST_MSFILTER shows then whom a UDP "
    "socket hears, all or the sender; with a byte less it is EINVAL.",
    since="4.3",
    commit="9dea5dc921b5",
    needs=[I386, IPV6],
)
@pytest.mark.parametrize(
    ("option", "senders"), [(MCAST_JOIN_GROUP, []), (MCAST_JOIN_SOURCE_GROUP, ["::9"])], ids=["any", "sender"]
)
def test_a_group_request_of_ipv6_is_short(ns, observe, option, senders):
    request = word(LOOPBACK) + inet6_storage("ff15::7") + b"".join(map(inet6_storage, senders))
    asked = GroupFilter("ff15::7", LOOPBACK, sources=("::1",))
    with udp6() as sock, caller(sock) as program:
        with refused(errno.EINVAL):
            program.set_option(sock, (socket.IPPROTO_IPV6, option), request[:-1])
        with refused(errno.EADDRNOTAVAIL, "errno_not_joined"):
            sock.get(IPV6_MCAST_MSFILTER, request=asked)
        program.set_option(sock, (socket.IPPROTO_IPV6, option), request)
        joined = sock.get(IPV6_MCAST_MSFILTER, request=asked)

        assert observe("include_and_senders", [joined.include, list(joined.sources)]) == [
            bool(senders),
            senders,
        ]


FILTERED = pytest.mark.parametrize(
    ("make", "level", "group", "sender"),
    [
        (Socket.udp, socket.IPPROTO_IP, inet_storage("239.1.2.3"), inet_storage("127.0.0.9")),
        (udp6, socket.IPPROTO_IPV6, inet6_storage("ff15::7"), inet6_storage("::9")),
    ],
    ids=["ipv4", "ipv6"],
)
INCLUDE = 1


@claim(
    "defacto/MCAST_MSFILTER/32-bit-caller",
    says="MCAST_MSFILTER of a UDP socket, over IPv4 and IPv6, takes the 268 bytes of a struct group_filter "
    "with one sender that is aligned to 4 from a 32-bit x86 program, and gives it those, with a request of "
    "140; with a byte less than it says it is EINVAL, and with a request of 139.",
    since="4.3",
    commit="9dea5dc921b5",
    needs=[I386, IPV6],
)
@FILTERED
def test_a_filter_has_no_gap(ns, observe, *, make, level, group, sender):
    request = word(LOOPBACK) + group + word(INCLUDE) + word(1) + sender
    place = level, MCAST_MSFILTER
    with make() as sock, caller(sock) as program:
        program.set_option(sock, (level, MCAST_JOIN_GROUP), word(LOOPBACK) + group)
        with refused(errno.EINVAL):
            program.set_option(sock, place, request[:-1])
        program.set_option(sock, place, request)
        value, length = program.store(request[:140] + bytes(128)), program.store(word(139))
        with refused(errno.EINVAL, "errno_of_request"):
            program.call("getsockopt", sock, *place, value, length)
        length = program.store(word(268))
        program.call("getsockopt", sock, *place, value, length)
        there = program.load(value, 268)

        assert observe("length_and_same", [program.number(length), there[132:] == request[132:]]) == [
            268,
            True,
        ]
