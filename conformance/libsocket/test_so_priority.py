"""SO_PRIORITY as the Socket reference has it; socket(7) has dropped that sentence."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.pairs import udp_pair
from libsocket import Socket, Tos


def received_tos(receiver: Socket) -> int:
    """The type-of-service byte of the next packet, as it came off the wire."""
    (tos,) = control_messages(receiver, Tos)
    return int(tos)


@claim(
    "libsocket/SO_PRIORITY/sets-tos",
    sentence="libsocket/priority/tos",
    section="Socket::set_priority",
    says="Setting the priority of a UDP socket over IPv4 also sets the type-of-service field of what it "
    "sends.",
    expect=differs(
        "the field stays 0; the reverse is true, IP_TOS sets the priority. So since before the kernel's git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"priority_and_tos": [6, 0, 0]},
    ),
)
def test_the_priority_sets_the_tos(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.ip_recvtos = True
        sender.priority = 6
        sender.send(b"of priority 6")

        assert 0 not in observe("priority_and_tos", [sender.priority, sender.ip_tos, received_tos(receiver)])
