"""sendmsg(2): data that are, or end, where there is no memory."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import NOWHERE
from conformance.plugin.setups.frames import HEADER
from conformance.plugin.setups.packet_senders import old_address
from conformance.plugin.setups.packet_sockets import frame, packet_socket
from conformance.plugin.setups.places import beyond_end_of_file, ending_memory, send_from
from conformance.plugin.setups.states import connected
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"])
SOCK_PACKET = 10
UNIX = pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])


@claim(
    "send.2/EFAULT/data-ends-nowhere",
    sentence="send.2/EFAULT/argument",
    section="ERRORS",
    says="A sendmsg(2) of 8 bytes on a TCP, UDP or UNIX socket of which only the first 1, 4 or 7 are in "
    "memory fails with EFAULT, and nothing is sent.",
)
@KINDS
@pytest.mark.parametrize("there", [1, 4, 7])
def test_data_that_ends_where_there_is_no_memory(ns, observe, kind, there):
    with connected(kind) as (sock, peer), ending_memory(b"12345678") as place:
        peer.rcvtimeo = SOON
        with refused(errno.EFAULT):
            send_from(sock, place + 8 - there, 8)
        sent = send_from(sock, place, 8)

        assert observe("sent_and_received", [sent, peer.recv(100).decode()]) == [8, "12345678"]


@claim(
    "send.2/EFAULT/beyond-end-of-file",
    sentence="send.2/EFAULT/argument",
    section="ERRORS",
    says="A sendmsg(2) on a UNIX stream, datagram or seqpacket socket of data in a mapping, behind the end "
    "of its file, fails with EFAULT; of data before the end it is sent.",
)
@UNIX
def test_a_file_ends(ns, observe, kind):
    with connected(kind) as (sock, peer), beyond_end_of_file() as place:
        peer.rcvtimeo = SOON
        with refused(errno.EFAULT):
            send_from(sock, place, 5)
        sent = send_from(sock, place - 5, 5)

        assert observe("sent_and_received", [sent, len(peer.recv(100))]) == [5, 5]


@claim(
    "send.2/EFAULT/sock-packet",
    sentence=("send.2/EFAULT/argument", "packet.7/errors/efault"),
    section="ERRORS",
    says="A sendmsg(2) on a packet socket of SOCK_PACKET, to a struct sockaddr_pkt that names loopback, of a "
    "frame that ends where there is no memory, or is nowhere, fails with EFAULT, and nothing is sent; with "
    "all of it in memory it is sent.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("there", [0, 10, 19])
def test_a_frame_ends_where_there_is_no_memory(ns, observe, there):
    whole, to = frame(b"frames"), old_address("lo").raw
    with packet_socket() as receiver, Socket.packet(SOCK_PACKET) as sender, ending_memory(whole) as place:
        with refused(errno.EFAULT):
            send_from(sender, place + len(whole) - there if there else NOWHERE, len(whole), to=to)
        sent = send_from(sender, place, len(whole), to=to)

        found = [sent, receiver.recv(100)[HEADER:].decode()]
        assert observe("sent_and_received", found) == [len(whole), "frames"]
