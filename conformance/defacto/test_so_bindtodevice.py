"""SO_BINDTODEVICE where documents are silent: privilege, odd names, odd sockets, accept."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from libsocket import SO_BINDTODEVICE, Socket, raw
from netns import Capability, only, without

IFNAMSIZ = 16
WHOLE_BUFFER = SO_BINDTODEVICE.through(raw(IFNAMSIZ))


def local_address_of(sock: Socket) -> str:
    """The interface in a packet socket's own address."""
    return str(sock.getsockname()[0])


@claim(
    "defacto/SO_BINDTODEVICE/first-free",
    says="A UDP socket that is bound to no interface can be bound to one without any capability.",
    since="5.7",
    commit="c427bfec18f2",
)
def test_the_first_interface_is_free(ns, observe):
    with Socket.udp() as sock:
        with only():
            sock.bindtodevice = "lo"
            with refused(errno.EPERM):
                sock.bindtodevice = ""  # as a change is: so there is no capability here

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "defacto/SO_BINDTODEVICE/first-needs-net-raw",
    says="Binding even an unbound UDP socket to an interface without CAP_NET_RAW is refused with EPERM.",
    since="2.6.12",
    until="5.7",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
    survives={"no-op: setsockopt(*SO_BINDTODEVICE*": "the test ends with the call that is refused no more"},
)
def test_the_first_interface_takes_net_raw(ns, observe):
    with Socket.udp() as sock:
        with without(Capability.NET_RAW), refused(errno.EPERM):
            sock.bindtodevice = "lo"
        sock.bindtodevice = "lo"

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "defacto/SO_BINDTODEVICE/change-needs-net-raw",
    says="To bind a UDP socket that is bound to an interface to another, to the same or to none takes "
    "CAP_NET_RAW: EPERM without.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW, VETH],
    survives={'no-op: setsockopt(*SO_BINDTODEVICE, "lo\\0", 3)*': "to the same interface nothing is changed"},
)
@pytest.mark.parametrize("device", ["other", "lo", ""], ids=["another", "the same", "none"])
def test_a_change_without_net_raw_is_refused(ns, observe, device):
    ns.add_veth("other", "end")
    with Socket.udp() as sock:
        sock.set(WHOLE_BUFFER, b"lo")  # without a NUL, as no later call gives it
        with without(Capability.NET_RAW), refused(errno.EPERM):
            sock.bindtodevice = device
        kept = sock.bindtodevice
        sock.bindtodevice = device

        assert observe("without_and_with", [kept, sock.bindtodevice]) == ["lo", device]


@claim(
    "defacto/SO_BINDTODEVICE/net-raw-suffices",
    says="CAP_NET_RAW alone is enough to change the interface of a UDP socket.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW, VETH],
)
def test_net_raw_alone_changes_the_interface(ns, observe):
    ns.add_veth("other", "end")
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        before = sock.bindtodevice
        with only(Capability.NET_RAW):
            with refused(errno.EPERM):
                sock.rcvbufforce = 10_000  # which takes another one
            sock.bindtodevice = "other"

        assert observe("before_and_after", [before, sock.bindtodevice]) == ["lo", "other"]


@claim(
    "defacto/SO_BINDTODEVICE/net-admin-refused",
    says="To change the interface of a UDP socket CAP_NET_ADMIN does not stand in for CAP_NET_RAW: EPERM.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW, VETH],
)
def test_net_admin_alone_is_refused(ns, observe):
    ns.add_veth("other", "end")
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        with only(Capability.NET_ADMIN):
            sock.mark = 7
            with refused(errno.EPERM):
                sock.bindtodevice = "other"
        mark_and_device = [sock.mark, sock.bindtodevice]
        sock.bindtodevice = "other"

        assert observe("mark_and_devices", [*mark_and_device, sock.bindtodevice]) == [7, "lo", "other"]


@claim(
    "defacto/SO_BINDTODEVICE/unknown-interface",
    says="Binding a UDP socket to a name that no interface has is refused with ENODEV.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_an_unknown_interface_is_refused(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        with refused(errno.ENODEV):
            sock.bindtodevice = "nowhere"

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "defacto/SO_BINDTODEVICE/nul-optional",
    says="The name of an interface may be given to a UDP socket without a NUL at its end.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_the_nul_may_be_missing(ns, observe):
    with Socket.udp() as sock:
        sock.set(WHOLE_BUFFER, b"lo")

        assert observe("device", sock.bindtodevice) == "lo"


@claim(
    "defacto/SO_BINDTODEVICE/longer-name-cut",
    says="Of a name longer than 15 bytes (IFNAMSIZ without the NUL) that a UDP socket is given only the "
    "first 15 count.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@pytest.mark.parametrize("rest", [b"", b"x", b"ifferent\0"])
def test_a_longer_name_is_cut(ns, observe, rest):
    name = "d" * (IFNAMSIZ - 1)
    ns.add_veth(name, "end")
    with Socket.udp() as sock:
        sock.set(WHOLE_BUFFER, name.encode() + rest)

        assert observe("device", sock.bindtodevice) == name


@claim(
    "defacto/SO_BINDTODEVICE/short-room-refused",
    sentence="libsocket/bindtodevice/buffer",
    says="Reading the name of a UDP socket's interface takes room for 16 bytes (IFNAMSIZ), though it is "
    "shorter: EINVAL with less.",
    since="3.8",
    commit="c91f6df2db49",
)
def test_reading_with_less_room_is_refused(ns, observe):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        with refused(errno.EINVAL):
            sock.get(SO_BINDTODEVICE.through(raw(IFNAMSIZ - 1)))

        assert observe("with_room", sock.get(WHOLE_BUFFER).decode()) == "lo\0"


@claim(
    "defacto/SO_BINDTODEVICE/unbound-reads-nothing",
    says="Reading from a UDP socket that is bound to no interface gives length 0, also with room for less "
    "than IFNAMSIZ.",
    since="3.8",
    commit="c91f6df2db49",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("room", [1, IFNAMSIZ - 1, IFNAMSIZ])
def test_an_unbound_socket_reads_nothing(ns, observe, room):
    with Socket.udp() as sock:
        sock.bindtodevice = "lo"
        bound = sock.bindtodevice
        sock.bindtodevice = ""
        length = len(sock.get(SO_BINDTODEVICE.through(raw(room))))

        assert observe("device_and_length_without", [bound, length]) == ["lo", 0]


@claim(
    "defacto/SO_BINDTODEVICE/packet-silent",
    says="A packet socket stores SO_BINDTODEVICE and reads it back, while its address still names no "
    "interface.",
    since="3.8",
    commit="c91f6df2db49",
    needs=[Capability.NET_RAW],
)
def test_a_packet_socket_stores_it(ns, observe):
    with Socket.packet(socket.SOCK_DGRAM) as sock:
        sock.bindtodevice = "lo"

        assert observe("device_and_address", [sock.bindtodevice, local_address_of(sock)]) == ["lo", ""]


@claim(
    "defacto/SO_BINDTODEVICE/listener-refuses",
    says="While a TCP listener is bound to an interface, who connects by another one is refused with "
    "ECONNREFUSED.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW, VETH],
)
def test_a_listener_refuses_other_interfaces(ns, observe):
    ns.add_veth("other", "end")
    with listening() as listener, Socket.tcp() as client:
        address = listener.getsockname()
        listener.bindtodevice = "other"
        with refused(errno.ECONNREFUSED):
            client.connect(address)
        listener.bindtodevice = ""
        client.connect(address)

        assert observe("connected", client.getpeername() == address) is True
