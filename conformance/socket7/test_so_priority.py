"""SO_PRIORITY: which packets leave first."""

from __future__ import annotations

from fcntl import ioctl
from termios import TIOCOUTQ

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.refusal import refused
from libsocket import Socket
from netns import Capability, Host, without

INTERACTIVE = 6
"""A priority that the queueing discipline pfifo_fast puts before 0, the default (tc-prio(8))."""


def slowed(host: Host) -> None:
    """Let a host send a full packet in an eighth of a second, and what waits in bands by priority."""
    host.namespace.add_qdisc(host.device, "tbf", handle="1:", rate="100kbit", burst=2000, limit=100_000)
    host.namespace.add_qdisc(host.device, "pfifo_fast", handle="2:", parent="1:1")


def waits(sender: Socket) -> bool:
    """Whether something that was sent is still in a queue of this host (SIOCOUTQ, udp(7))."""
    return ioctl(sender, TIOCOUTQ, bytes(4)) != bytes(4)


def queue_both(bulk: Socket, interactive: Socket, receiver: Socket) -> None:
    """Send bulk, then interactive, behind packets that hold both up.

    Should bulk have left before interactive was queued, this machine was slow, and it is done over.
    """
    for _ in range(2):
        interactive.send(bytes(1472))
    bulk.send(b"bulk")
    interactive.send(b"interactive")
    if not waits(bulk):
        received(receiver)
        queue_both(bulk, interactive, receiver)


def received(receiver: Socket) -> list[str]:
    """The next two messages that are not mere weight."""
    messages = (receiver.recv(2000) for _ in range(4))
    return [message.decode() for message in messages if len(message) < 1472]


@claim(
    "socket.7/SO_PRIORITY/higher-first",
    sentence=("libsocket/priority/sets", "libsocket/priority/orders", "socket.7/SO_PRIORITY/orders"),
    section="Socket options",
    says="The queueing discipline pfifo_fast sends UDP packets of priority 6 before those of priority 0 that "
    "were sent earlier and still wait.",
    needs=[VETH, qdisc("tbf"), qdisc("pfifo_fast")],
)
def test_a_higher_priority_overtakes(peers, observe):
    with peers.left.entered():
        bulk, interactive = Socket.udp(), Socket.udp()
    with peers.right.entered():
        receiver = Socket.udp()
    with bulk, interactive, receiver:
        receiver.rcvtimeo = 10
        receiver.bind((peers.right.address, 0))
        bulk.connect(receiver.getsockname())
        interactive.connect(receiver.getsockname())
        interactive.send(b"finds the neighbour")
        receiver.recv(20)
        slowed(peers.left)
        interactive.priority = INTERACTIVE
        queue_both(bulk, interactive, receiver)

        assert observe("order", received(receiver)) == ["interactive", "bulk"]


@claim(
    "socket.7/SO_PRIORITY/net-admin-required",
    sentence=("libsocket/priority/privilege", "socket.7/SO_PRIORITY/privilege"),
    section="Socket options",
    says="On a UDP socket a priority outside 0 to 6 takes CAP_NET_ADMIN; no other capability stands in for "
    "it.",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW],
    expect=differs("CAP_NET_RAW does as well", since="5.17", commit="a1b519b74548", observed={"errno": None}),
    survives={"no-op: setsockopt(*SO_PRIORITY*": "CAP_NET_RAW, which does, ends the test before its answer"},
)
def test_net_admin_is_required(ns, observe):
    with Socket.udp() as sock:
        sock.priority = 7
        allowed = sock.priority
        sock.priority = 3
        with without(Capability.NET_ADMIN), refused():
            sock.priority = 7

        assert observe("allowed_and_kept", [allowed, sock.priority]) == [7, 3]
