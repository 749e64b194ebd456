"""net.core.optmem_max: how long control messages may be."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import optmem_max
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Socket

NO_LEVEL, HEADER = 12345, 16


def send_with_control(sock: Socket, size: int) -> int:
    """Send a byte with one control message of a level that there is not, ``size`` bytes with its header."""
    return sock.sendmsg([b"x"], [(NO_LEVEL, 1, bytes(size - HEADER))])


@claim(
    "socket.7/optmem_max/control-messages",
    sentence=(
        "socket.7/optmem_max/bytes",
        "send.2/msg_control/optmem_max",
        "send.2/msg_control/send",
        "send.2/sendmsg/ancillary",
    ),
    section="/proc interfaces",
    says="Control messages that are longer than net.core.optmem_max cannot be sent through a UDP socket, as "
    "shorter ones can.",
)
def test_control_messages_have_a_maximum(ns, observe):
    largest = optmem_max(ns)
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused():
            send_with_control(sender, largest + 8)
        sent = send_with_control(sender, largest - 8)

        assert observe("sent_and_received", [sent, receiver.recv(9).decode()]) == [1, "x"]


@claim(
    "socket.7/optmem_max/as-many-bytes",
    sentence=("socket.7/optmem_max/bytes", "cmsg.3/DESCRIPTION/optmem-max"),
    section="/proc interfaces",
    says="Control messages of exactly net.core.optmem_max bytes can be sent through a UDP socket.",
    expect=differs(
        "they must be shorter; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"shorter": "x", "errno": "ENOBUFS"},
    ),
)
def test_the_maximum_itself_can_be_sent(ns, observe):
    largest = optmem_max(ns)
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        send_with_control(sender, largest - 8)
        observe("shorter", receiver.recv(9).decode())

        assert observe("sent", send_with_control(sender, largest)) == 1
