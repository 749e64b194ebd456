"""IPV6_FLOWLABEL_MGR: flow labels that sockets lease."""

from __future__ import annotations

import errno
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.flow_labels import REMOTE, label_read
from conformance.plugin.setups.ipv6 import ipv6_packets, packet_ending, tcp6, udp6
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, listening
from libsocket import In6FlowlabelReq, Socket
from netns import Capability

LABEL, ANOTHER = 0x12345, 0x12346
GIVE_BACK, RENEW = 1, 2
"""Actions."""
CREATE, EXCLUSIVELY = 1, 2
"""Flags."""
REFLECT = 4
UNLEASED = {"no-op: setsockopt(*IPV6_FLOWLABEL_MGR*": "a label that nobody leased is sent too"}
EXCLUSIVE, PROCESS, USER, ANY = 1, 2, 3, 255
"""Who may share a label."""


def lease(sock: Socket, *, label: int = LABEL, share: int = EXCLUSIVE, flags: int = CREATE) -> None:
    """Lease a label for packets to ::1."""
    sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", label, share=share, flags=flags)


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/leased",
    says="A UDP socket with IPV6_FLOWINFO_SEND sends with a flow label that it leased exclusively with "
    "IPV6_FLOWLABEL_MGR. With a label that no socket leased it fails with EINVAL, as another socket does "
    "with either.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_packets_have_a_leased_label(ns, observe):
    with ipv6_packets() as seen, udp6() as sock, udp6() as other, udp6() as receiver:
        receiver.bind(("::1", 0))
        port = receiver.getsockname()[1]
        lease(sock)
        sock.ipv6_flowinfo_send = other.ipv6_flowinfo_send = True
        with refused(errno.EINVAL, "errno_another_label"):
            sock.sendto(b"hello", ("::1", port, ANOTHER))
        with refused(errno.EINVAL, "errno_another_socket"):
            other.sendto(b"hello", ("::1", port, LABEL))
        with refused(errno.EINVAL, "errno_another_of_both"):
            other.sendto(b"hello", ("::1", port, ANOTHER))
        sock.sendto(b"hello", ("::1", port, LABEL))

        assert observe("flow_label", packet_ending(seen, b"hello").flow_label) == LABEL


@claim(
    "defacto/IPV6_FLOWINFO_SEND/unleased",
    says="Where no flow label of the network namespace was ever leased, a UDP socket with IPV6_FLOWINFO_SEND "
    "sends with any label that is in the address that it sends to.",
    since="5.17",
    backports=("5.10.102", "5.15.25", "5.16.11"),
    commit="0b0dff5b3b98",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("label", [1, LABEL, 0xFFFFF])
def test_packets_have_a_label_that_nobody_leased(ns, observe, label):
    with ipv6_packets() as seen, udp6() as sock, udp6() as receiver:
        receiver.bind(("::1", 0))
        sock.ipv6_flowinfo_send = True
        sock.sendto(b"hello", ("::1", receiver.getsockname()[1], label))

        assert observe("flow_label", packet_ending(seen, b"hello").flow_label) == label


@claim(
    "defacto/IPV6_FLOWINFO_SEND/peer-name",
    says="getpeername(2) of a TCP or UDP socket over IPv6 that was connected with IPV6_FLOWINFO_SEND, to an "
    "address with a flow label that it leased, gives the label, and once the option is off 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={
        **UDP_NEEDS_NO_LISTENER,
        "no-op: setsockopt(*IPV6_FLOWLABEL_MGR*": "where nobody leased a label any one is taken",
    },
)
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
def test_the_name_of_the_peer_has_the_label(ns, observe, make):
    with listening("::1") as listener, make() as sock:
        lease(sock)
        sock.ipv6_flowinfo_send = True
        sock.connect(("::1", listener.getsockname()[1], LABEL))
        label = sock.getpeername()[2]
        sock.ipv6_flowinfo_send = False

        assert observe("with_and_without", [label, sock.getpeername()[2]]) == [LABEL, 0]


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/errnos",
    says="Leasing a flow label with a UDP socket fails with ENOENT if it is not leased and not to be "
    "created, with EEXIST if this socket or another has it and the flag IPV6_FL_F_EXCL is set, without that "
    "flag with EPERM if another has it exclusively, and with EINVAL if it shall be shared in an unknown way.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_errnos_of_leasing(ns, observe):
    with udp6() as sock, udp6() as other:
        with refused(errno.ENOENT, "errno_missing"):
            lease(sock, flags=0)
        with refused(errno.EINVAL, "errno_share"):
            lease(sock, share=4)
        lease(sock)
        with refused(errno.EEXIST, "errno_twice"):
            lease(sock, flags=CREATE | EXCLUSIVELY)
        with refused(errno.EEXIST, "errno_twice_by_another"):
            lease(other, flags=CREATE | EXCLUSIVELY)
        with refused(errno.EPERM, "errno_of_another"):
            lease(other)


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/shared",
    says="A flow label that a UDP socket leased for its process, its user or anyone can be leased by another "
    "socket of the process, if in the same way, and not in another one (EPERM).",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("share", "another"),
    [
        (share, another)
        for share in (PROCESS, USER, ANY)
        for another in (EXCLUSIVE, PROCESS, USER, ANY)
        if another != share
    ],
)
def test_a_label_can_be_shared(ns, observe, share, another):
    with udp6() as sock, udp6() as other, udp6() as third:
        lease(sock, share=share)
        lease(other, share=share, flags=0)
        with refused(errno.EPERM):
            lease(third, share=another)
        with refused(errno.ESRCH, "errno_third"):
            third.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=GIVE_BACK)
        other.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=GIVE_BACK)
        with refused(errno.ESRCH, "errno_again"):
            other.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=GIVE_BACK)


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/given-back",
    says="A flow label that a UDP socket leased exclusively and gave back it can neither give back again nor "
    "renew (ESRCH), nor can another lease it at once (EPERM): it lingers.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={"no-op: setsockopt(*IPV6_FLOWLABEL_MGR*#E?2*": "renewing changes only until when it is leased"},
)
def test_a_label_is_given_back(ns, observe):
    with udp6() as sock, udp6() as other:
        lease(sock)
        sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=RENEW)
        sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=GIVE_BACK)
        with refused(errno.ESRCH, "errno_again"):
            sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=GIVE_BACK)
        with refused(errno.ESRCH, "errno_renewed"):
            sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", LABEL, action=RENEW)
        with refused(errno.EPERM, "errno_of_another"):
            lease(other)


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/read",
    says="Reading IPV6_FLOWLABEL_MGR of a TCP or UDP socket over IPv6 that was connected with "
    "IPV6_FLOWINFO_SEND to an address with a flow label that it leased gives that label, the destination "
    "that it leased it for, who may share it, and that it lingers for 6 seconds.",
    since="3.14",
    commit="df3687ffc665",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("share", [EXCLUSIVE, PROCESS, ANY])
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
def test_a_label_in_use_is_read(ns, observe, make, share):
    with listening("::1") as listener, make() as sock:
        sock.ipv6_flowinfo_send = True
        lease(sock, share=share)
        sock.connect(("::1", listener.getsockname()[1], LABEL))

        assert observe("label_destination_share_linger", list(label_read(sock))) == [LABEL, "::1", share, 6]


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/read-errnos",
    says="Reading IPV6_FLOWLABEL_MGR of a TCP or UDP socket over IPv6 fails with ENOENT where it leased no "
    "flow label, and where it is not connected with the one that it leased; with EINVAL for another action "
    "than IPV6_FL_A_GET, and with fewer than the 32 bytes of a struct in6_flowlabel_req, none or 31.",
    since="3.14",
    commit="df3687ffc665",
    needs=[IPV6],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
def test_errnos_of_reading_a_label(ns, observe, make):
    with listening("::1") as listener, make() as sock:
        sock.ipv6_flowinfo_send = True
        before = [answer(partial(label_read, sock))]
        lease(sock)
        before.append(answer(partial(label_read, sock)))
        sock.connect(("::1", listener.getsockname()[1], LABEL))
        action = [answer(partial(label_read, sock, action=one)) for one in (GIVE_BACK, RENEW)]
        size = [answer(partial(label_read, sock, size=one)) for one in (0, 31)]

        found = [observe("errnos", [before, action, size]), observe("label", label_read(sock)[0])]
        assert found == [[["ENOENT"] * 2, ["EINVAL"] * 2, ["EINVAL"] * 2], LABEL]


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/read-remote",
    says="Reading IPV6_FLOWLABEL_MGR of an accepted TCP connection over IPv6 with the flag IPV6_FL_F_REMOTE "
    "(8) gives the flow label with which its peer connected, and of a UDP socket, which keeps none, 0.",
    since="3.14",
    commit="df3687ffc665",
    needs=[IPV6],
    survives=UNLEASED,
)
def test_the_label_of_the_peer_is_read(ns, observe):
    with listening("::1") as listener, tcp6() as client, udp6() as datagrams:
        client.ipv6_flowinfo_send = True
        lease(client)
        client.connect(("::1", listener.getsockname()[1], LABEL))
        with listener.accept()[0] as accepted:
            labels = [label_read(sock, flags=REMOTE)[0] for sock in (accepted, datagrams)]

            assert observe("labels", labels) == [LABEL, 0]


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/read-reflected",
    says="Reading IPV6_FLOWLABEL_MGR of a TCP connection over IPv6 that was accepted from a listener with "
    "IPV6_FL_F_REFLECT gives the flow label with which its peer connected; without that it has none: ENOENT.",
    since="3.14",
    commit="df3687ffc665",
    needs=[IPV6],
    survives={**UNLEASED, "no-op: close(*": "the first connection may stay open"},
)
def test_a_reflected_label_is_read(ns, observe):
    ns.sysctl["net.ipv6.flowlabel_consistency"] = 0
    with listening("::1") as listener, tcp6() as client, tcp6() as late:
        late.ipv6_flowinfo_send = True
        lease(late)
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted, refused(errno.ENOENT):
            label_read(accepted)
        listener.ipv6_flowlabel_mgr = In6FlowlabelReq("::", flags=CREATE | REFLECT)
        late.connect(("::1", listener.getsockname()[1], LABEL))
        with listener.accept()[0] as accepted:
            assert observe("label", label_read(accepted)[0]) == LABEL
