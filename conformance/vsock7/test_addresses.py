"""Addresses of AF_VSOCK: what is bound, what is refused, which ports take a privilege."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import (
    OWN_KERNEL,
    USER_NAMESPACE,
    VSOCK,
    VSOCK_DEVICE,
    VSOCK_LOOPBACK,
    initially,
    sysctl,
)
from conformance.plugin.refusal import refused
from conformance.plugin.setups.vsock import (
    ANY,
    ANYWHERE,
    ELSEWHERE,
    LOCAL,
    TO_HOST,
    address,
    bound,
    errno_of_bind,
    name_length,
    name_of,
    of_device,
    port_of,
    vsock,
)
from libsocket import Socket, Vsock
from netns import Capability, Namespace, in_user_namespace, without

RESERVED = 1023
KINDS = pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET], ids=["stream", "seqpacket"]
)


def bound_ports(ports: range) -> ExitStack:
    """Sockets bound to each of these ports, until the stack is closed."""
    with ExitStack() as stack:
        held = [stack.enter_context(bound(port=port)) for port in ports]
        assert len(held) == len(ports)
        return stack.pop_all()


def reserved_ports() -> list[object]:
    """What comes of binding a TCP socket and one of AF_VSOCK to port 1023, and the latter to any."""
    with Socket.tcp() as tcp, vsock() as sock:
        seen: list[object] = [
            errno_of_bind(tcp, ("127.0.0.1", RESERVED)),
            errno_of_bind(sock, Vsock(ANY, RESERVED)),
        ]
        seen.append(errno_of_bind(sock, ANYWHERE))
        return [*seen, tcp.getsockname()[1], port_of(sock) != ANY]


def port_that_was_free() -> int:
    """A port that the kernel chose a moment ago, and that nothing is bound to now."""
    with bound() as sock:
        return port_of(sock)


@claim(
    "vsock.7/sockaddr_vm/fields",
    sentence=("vsock.7/address/pair", "vsock.7/sockaddr_vm/structure", "vsock.7/sockaddr_vm/byte-order"),
    section="Address format",
    says="The 16 bytes of a struct sockaddr_vm, two of family, two of svm_reserved1, then svm_port and "
    "svm_cid, four each in host byte order, bind a stream socket to that port and CID, and getsockname(2) "
    "gives both back.",
    needs=[VSOCK],
)
def test_a_name_is_a_port_and_a_cid_in_host_byte_order(ns, observe):
    port = port_that_was_free()
    with vsock() as sock:
        before = name_of(sock)
        sock.bind(address(ANY, port))

        assert [
            observe("before", before),
            observe("is_given_back", name_of(sock) == Vsock(ANY, port)),
        ] == [
            Vsock(ANY, ANY),
            True,
        ]


@claim(
    "vsock.7/sockaddr_vm/other-family",
    sentence=("vsock.7/sockaddr_vm/family", "vsock.7/EINVAL/address"),
    section="ERRORS",
    says="bind(2) of a stream socket with another svm_family than AF_VSOCK is refused with EINVAL.",
    needs=[VSOCK],
)
@pytest.mark.parametrize("family", [socket.AF_UNSPEC, socket.AF_INET, socket.AF_UNIX])
def test_another_family_is_refused(ns, observe, family):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.bind(address(family=family))
        sock.bind(address())

        assert observe("has_a_port", port_of(sock) != ANY) is True


@claim(
    "vsock.7/sockaddr_vm/connect-other-family",
    sentence=("vsock.7/sockaddr_vm/family", "vsock.7/EINVAL/address"),
    section="ERRORS",
    says="connect(2) of a stream socket with another svm_family than AF_VSOCK is refused with EINVAL, also "
    "with AF_UNSPEC, and leaves the socket without a port.",
    needs=[VSOCK_LOOPBACK],
)
@pytest.mark.parametrize("family", [socket.AF_UNSPEC, socket.AF_INET, socket.AF_UNIX])
def test_a_connect_to_another_family_is_refused(ns, observe, family):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.connect(address(LOCAL, 1024, family=family))
        after = port_of(sock)
        sock.bind(address())

        assert observe("unbound_then_bound", [after, port_of(sock) != ANY]) == [ANY, True]


@claim(
    "vsock.7/sockaddr_vm/too-short",
    sentence="vsock.7/EINVAL/address",
    section="ERRORS",
    says="bind(2) of a stream socket with 15 bytes of a struct sockaddr_vm is refused with EINVAL, and with "
    "all 16 is not.",
    needs=[VSOCK],
)
def test_an_address_that_is_too_short_is_refused(ns, observe):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.bind(address(zero=bytes(2)))
        sock.bind(address(zero=bytes(3)))

        assert observe("has_a_port", port_of(sock) != ANY) is True


@claim(
    "vm_sockets.h/sockaddr_vm/size-of-sockaddr",
    sentence="vm_sockets.h/sockaddr_vm/size",
    section="sockaddr_vm",
    says="An address of AF_VSOCK has 16 bytes, as a struct sockaddr: getsockname(2) of a stream socket "
    "gives so many, and bind(2) with one fewer is refused.",
    needs=[VSOCK],
)
def test_an_address_is_as_long_as_a_sockaddr(ns, observe):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.bind(address(zero=bytes(2)))
        sock.bind(address(zero=bytes(3)))

        assert observe("bound_and_length", [port_of(sock) != ANY, name_length(sock)]) == [True, 16]


@claim(
    "vsock.7/sockaddr_vm/zero-filled",
    sentence=("vsock.7/sockaddr_vm/zero", "vsock.7/EINVAL/address"),
    section="Address format",
    says="bind(2) of a stream socket with a byte of svm_zero that is not zero is refused with EINVAL.",
    needs=[VSOCK],
    expect=[
        differs(
            "only the byte is looked at that is svm_flags since 5.11; what the others hold counts for "
            "nothing",
            since=since,
            until=until,
            commit="d021c344051a",
            observed={"errno": None, "bound": True},
        )
        for since, until in (("3.9", "5.10.240"), ("5.11", None))
    ],
)
def test_bytes_behind_the_address_must_be_zero(ns, observe):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.bind(address(zero=b"\1\1\1"))
            observe("bound", port_of(sock) != ANY)
        sock.bind(address())

        assert observe("has_a_port", port_of(sock) != ANY) is True


@claim(
    "vsock.7/sockaddr_vm/reserved-zero",
    sentence=("vsock.7/sockaddr_vm/reserved1", "vsock.7/EINVAL/address"),
    section="Address format",
    says="bind(2) of a stream socket with an svm_reserved1 that is not zero is refused with EINVAL.",
    needs=[VSOCK],
    expect=differs(
        "what svm_reserved1 holds counts for nothing",
        since="3.9",
        commit="d021c344051a",
        observed={"errno": None, "bound": True},
    ),
)
def test_the_reserved_field_must_be_zero(ns, observe):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.bind(address(reserved=1))
            observe("bound", port_of(sock) != ANY)
        sock.bind(address())

        assert observe("has_a_port", port_of(sock) != ANY) is True


@claim(
    "defacto/sockaddr_vm/flags",
    says="bind(2) of an AF_VSOCK stream socket takes svm_flags, the byte behind svm_cid, where it is 0 or "
    "VMADDR_FLAG_TO_HOST (1), and refuses any other bit with EINVAL.",
    since="5.11",
    commit="cada7ccd9dc7",
    needs=[VSOCK],
)
@pytest.mark.parametrize("taken", [0, TO_HOST])
@pytest.mark.parametrize("other", [2, 3, 0x80])
def test_unknown_flags_are_refused(ns, observe, taken, other):
    with vsock() as sock:
        with refused(errno.EINVAL):
            sock.bind(address(flags=other))
        before = port_of(sock)
        sock.bind(address(flags=taken))

        assert observe("before_and_after", [before, port_of(sock) != ANY]) == [ANY, True]


@claim(
    "vsock.7/ports/privileged",
    sentence=(
        "vsock.7/ports/below-1024",
        "vsock.7/ports/capability",
        "vsock.7/EACCES/privileged-port",
        "capabilities.7/CAP_NET_BIND_SERVICE/ports",
    ),
    section="Address format",
    says="bind(2) of a stream socket to port 1023 is refused with EACCES without CAP_NET_BIND_SERVICE, and "
    "to port 1024 is not; with the capability 1023 is had.",
    needs=[VSOCK, OWN_KERNEL, initially(Capability.NET_BIND_SERVICE)],
)
def test_ports_below_1024_take_a_capability(ns, observe):
    with vsock() as privileged, vsock() as sock:
        with without(Capability.NET_BIND_SERVICE):
            sock.bind(Vsock(ANY, RESERVED + 1))
            with refused(errno.EACCES):
                privileged.bind(Vsock(ANY, RESERVED))
        privileged.bind(Vsock(ANY, RESERVED))

        assert observe("ports", [port_of(sock), port_of(privileged)]) == [1024, 1023]


@claim(
    "defacto/AF_VSOCK/reserved-port-refused",
    says="bind(2) of an AF_VSOCK stream or seqpacket socket to port 0 or 1023 is refused with EACCES "
    "without CAP_NET_BIND_SERVICE, and the socket can still be bound to a port that the kernel "
    "chooses, which is above 1023.",
    since="5.14",
    commit="0798e78b102b",
    needs=[VSOCK],
)
@KINDS
@pytest.mark.parametrize("port", [0, RESERVED])
def test_a_reserved_port_is_refused_without_the_capability(ns, observe, kind, port):
    with vsock(kind) as sock, without(Capability.NET_BIND_SERVICE):
        with refused(errno.EACCES):
            sock.bind(Vsock(ANY, port))
        before = port_of(sock)
        sock.bind(ANYWHERE)

        assert observe("before_and_above", [before, RESERVED < port_of(sock) < ANY]) == [ANY, True]


@claim(
    "defacto/AF_VSOCK/port-privilege-initial",
    sentence="user_namespaces.7/Effect/no-namespace",
    says="CAP_NET_BIND_SERVICE of a user namespace that a process made for itself does not let it bind an "
    "AF_VSOCK stream socket to port 1023, though a TCP socket there can have it: bind(2) is refused "
    "with EACCES.",
    since="3.9",
    commit="d021c344051a",
    needs=[VSOCK, USER_NAMESPACE],
)
def test_a_user_namespace_gives_no_reserved_port(ns, observe):
    assert observe("tcp_and_vsock", in_user_namespace(reserved_ports)) == [
        None,
        "EACCES",
        None,
        RESERVED,
        True,
    ]


@claim(
    "vsock.7/VMADDR_PORT_ANY/chosen",
    sentence=("vsock.7/VMADDR_PORT_ANY/any", "vm_sockets.h/VMADDR_PORT_ANY/any"),
    section="Address format",
    says="Two stream sockets that are bound to VMADDR_PORT_ANY have a port each, neither VMADDR_PORT_ANY nor "
    "the other's.",
    needs=[VSOCK],
)
def test_any_port_is_a_free_one(ns, observe):
    with bound(ANY, ANY) as one, bound(ANY, ANY) as other:
        ports = {ANY, port_of(one), port_of(other)}

        assert observe("different", len(ports)) == 3


@claim(
    "defacto/AF_VSOCK/chosen-ports-follow",
    says="The ports that AF_VSOCK stream sockets of one network namespace have from VMADDR_PORT_ANY follow "
    "each other, each one higher than the last, where nothing else is bound there.",
    since="3.9",
    commit="d021c344051a",
    needs=[VSOCK, OWN_KERNEL],
)
def test_chosen_ports_follow_each_other(ns, observe):
    with bound() as first, bound() as second, bound() as third:
        ports = [port_of(first), port_of(second), port_of(third)]

        assert observe("steps", [ports[1] - ports[0], ports[2] - ports[1]]) == [1, 1]


@claim(
    "vsock.7/VMADDR_CID_ANY/bound",
    sentence=("vsock.7/VMADDR_CID_ANY/any", "vm_sockets.h/VMADDR_CID_ANY/any"),
    section="Address format",
    says="A stream socket can be bound to VMADDR_CID_ANY, which getsockname(2) then gives, where a CID that "
    "the machine does not have is refused.",
    needs=[VSOCK],
)
def test_any_cid_can_be_bound(ns, observe):
    with vsock() as sock:
        with refused():
            sock.bind(Vsock(ELSEWHERE, ANY))
        sock.bind(Vsock(ANY, ANY))
        name = name_of(sock)

        assert [observe("cid", name.cid), observe("has_a_port", name.port != ANY)] == [ANY, True]


@claim(
    "vsock.7/EADDRNOTAVAIL/nonlocal",
    sentence="vsock.7/EADDRNOTAVAIL/nonlocal-cid",
    section="ERRORS",
    says="bind(2) of a stream socket to a CID that is not the machine's is refused with EADDRNOTAVAIL.",
    needs=[VSOCK],
)
@pytest.mark.parametrize("cid", [0, ELSEWHERE])
def test_a_cid_of_another_machine_cannot_be_bound(ns, observe, cid):
    with vsock() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.bind(Vsock(cid, ANY))
        sock.bind(Vsock(ANY, ANY))

        assert observe("has_a_port", port_of(sock) != ANY) is True


@claim(
    "vsock.7/EADDRNOTAVAIL/ports-taken",
    sentence="vsock.7/EADDRNOTAVAIL/no-port",
    section="ERRORS",
    says="bind(2) of a stream socket to VMADDR_PORT_ANY is refused with EADDRNOTAVAIL where it finds no "
    "free port: with all 24 taken that follow the last it tried, whatever is free beyond; with 23 it "
    "has the next.",
    needs=[VSOCK, OWN_KERNEL],
)
def test_no_port_is_found_where_the_next_24_are_taken(ns, observe):
    with bound() as last, vsock() as among_23, vsock() as among_24:
        port = port_of(last)
        with bound_ports(range(port + 1, port + 24)):
            among_23.bind(ANYWHERE)
        with bound_ports(range(port + 25, port + 49)):
            with refused(errno.EADDRNOTAVAIL):
                among_24.bind(ANYWHERE)
            among_24.bind(ANYWHERE)

        assert observe("steps", [port_of(among_23) - port, port_of(among_24) - port]) == [24, 49]


@claim(
    "vsock.7/EADDRINUSE/port-in-use",
    sentence="vsock.7/EADDRINUSE/in-use",
    section="ERRORS",
    says="bind(2) of a stream socket to a port that another has is refused with "
    "EADDRINUSE, and is not once that one is closed.",
    needs=[VSOCK],
)
def test_a_port_is_had_once(ns, observe):
    with vsock() as sock:
        with bound() as other:
            port = port_of(other)
            with refused(errno.EADDRINUSE):
                sock.bind(Vsock(ANY, port))
        sock.bind(Vsock(ANY, port))

        assert observe("has_the_port", port_of(sock) == port) is True


@claim(
    "vsock.7/EINVAL/bound-twice",
    sentence="vsock.7/EINVAL/already-bound",
    section="ERRORS",
    says="bind(2) of a stream socket that is bound is refused with EINVAL, to any port and to "
    "its own, and it keeps its port.",
    needs=[VSOCK],
)
def test_a_socket_is_bound_once(ns, observe):
    with bound() as sock:
        port = port_of(sock)
        with refused(errno.EINVAL):
            sock.bind(ANYWHERE)
        with refused(errno.EINVAL, "errno_own"):
            sock.bind(Vsock(ANY, port))

        assert observe("kept", [port != ANY, port_of(sock) == port]) == [True, True]


@claim(
    "vsock.7/IOCTL_VM_SOCKETS_GET_LOCAL_CID/local",
    sentence=(
        "vsock.7/IOCTL_VM_SOCKETS_GET_LOCAL_CID/device",
        "vsock.7/IOCTL_VM_SOCKETS_GET_LOCAL_CID/cid",
        "vsock.7/IOCTL_VM_SOCKETS_GET_LOCAL_CID/argument",
    ),
    section="Ioctls",
    says="IOCTL_VM_SOCKETS_GET_LOCAL_CID of /dev/vsock gives an unsigned int to which a stream socket can be "
    "bound, where it cannot to another CID.",
    needs=[VSOCK, VSOCK_DEVICE],
)
def test_the_device_tells_the_cid_of_this_machine(ns, observe):
    cid = of_device()
    with vsock() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.bind(Vsock(ELSEWHERE, ANY))
        sock.bind(Vsock(cid, ANY))

        assert observe("is_bound", name_of(sock).cid == cid) is True


@claim(
    "defacto/AF_VSOCK/ports-of-all-namespaces",
    sentence="network_namespaces.7/isolation/port-numbers",
    says="A port that an AF_VSOCK stream socket has in one network namespace is in use in another too, "
    "while the namespaces are not of mode local: bind(2) there is refused with EADDRINUSE.",
    since="3.9",
    commit="d021c344051a",
    needs=[VSOCK],
)
def test_a_port_is_in_use_in_every_namespace(ns, observe):
    with bound() as sock, Namespace(), vsock() as other:
        port = port_of(sock)
        with refused(errno.EADDRINUSE):
            other.bind(Vsock(ANY, port))
        sock.close()
        other.bind(Vsock(ANY, port))

        assert observe("has_the_port", port_of(other) == port) is True


@claim(
    "defacto/AF_VSOCK/ports-of-a-local-namespace",
    sentence="network_namespaces.7/isolation/port-numbers",
    says="A port that an AF_VSOCK stream socket has in one network namespace is free in another whose "
    "parent had net.vsock.child_ns_mode set to local, and is in use only in the same one.",
    since="7.0",
    commit="eafb64f40ca4",
    needs=[VSOCK, sysctl("net.vsock.child_ns_mode")],
)
def test_a_local_namespace_has_ports_of_its_own(ns, observe):
    ns.sysctl["net.vsock.child_ns_mode"] = "local"
    with bound() as sock, Namespace() as local, vsock() as other, vsock() as another:
        port = port_of(sock)
        other.bind(Vsock(ANY, port))
        with refused(errno.EADDRINUSE):
            another.bind(Vsock(ANY, port))
        another.bind(ANYWHERE)

        assert [
            observe("mode", local.sysctl["net.vsock.ns_mode"]),
            observe("has_the_port", [port_of(other) == port, port_of(another) in (port, ANY)]),
        ] == ["local", [True, False]]
