"""What goes wrong where descriptors are sent: EBADF, and ETOOMANYREFS for those in flight."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.descriptors import counts_and_data, in_flight, own_user
from conformance.plugin.timing import SOON
from libsocket import Rights, Socket
from netns import Capability, as_user

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])


@claim(
    "unix.7/EBADF/not-open",
    sentence="unix.7/EBADF/descriptor",
    section="ERRORS",
    says="SCM_RIGHTS with a descriptor that is not open, or negative, cannot be sent over a UNIX stream, "
    "datagram or seqpacket socket: EBADF; with one that is it can.",
)
@KINDS
@pytest.mark.parametrize("number", [-1, 2**31 - 1])
def test_a_descriptor_must_be_open(ns, observe, kind, number):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused(errno.EBADF):
            left.send_message(b"refused", Rights(number))
        left.send_message(b"taken", Rights(0))

        assert observe("received", counts_and_data(right)) == ["taken", [1]]


@claim(
    "unix.7/ETOOMANYREFS/limit",
    sentence=(
        "unix.7/ETOOMANYREFS/in-flight",
        "unix.7/ETOOMANYREFS/meaning",
        "unix.7/ETOOMANYREFS/since",
        "capabilities.7/CAP_SYS_RESOURCE/in-flight",
    ),
    section="ERRORS",
    says="A user without CAP_SYS_RESOURCE and CAP_SYS_ADMIN who has more descriptors in flight than "
    "RLIMIT_NOFILE cannot send another over a UNIX stream, datagram or seqpacket socket: ETOOMANYREFS. One "
    "more than the limit can be in flight, sent one by one.",
    since="4.5",
    needs=[ANOTHER_USER],
)
@KINDS
@pytest.mark.parametrize("limit", [0, 3])
def test_so_many_can_be_in_flight(ns, observe, kind, limit):
    with refused(errno.ETOOMANYREFS):
        as_user(own_user(), lambda: in_flight(*[1] * (limit + 2), limit=limit, kind=kind))
    sent = as_user(own_user(), lambda: in_flight(*[1] * (limit + 1), limit=limit, kind=kind))

    assert observe("sent", sent) == limit + 1


@claim(
    "unix.7/ETOOMANYREFS/cap-sys-resource",
    sentence=("unix.7/ETOOMANYREFS/in-flight", "capabilities.7/CAP_SYS_RESOURCE/in-flight"),
    section="ERRORS",
    says="A user with CAP_SYS_RESOURCE alone may have more descriptors in flight over a UNIX stream socket "
    "than RLIMIT_NOFILE; without it more than one beyond are refused with ETOOMANYREFS.",
    since="4.5",
    needs=[ANOTHER_USER, initially(Capability.SYS_RESOURCE)],
)
def test_cap_sys_resource_lifts_the_limit(ns, observe):
    with refused(errno.ETOOMANYREFS):
        as_user(own_user(), lambda: in_flight(*[1] * 5, limit=3))
    sent = as_user(own_user(), lambda: in_flight(*[1] * 50, limit=3), [Capability.SYS_RESOURCE])

    assert observe("sent", sent) == 50


@claim(
    "unix.7/ETOOMANYREFS/cap-sys-admin",
    sentence="unix.7/ETOOMANYREFS/in-flight",
    section="ERRORS",
    says="Without CAP_SYS_RESOURCE no more descriptors than one beyond RLIMIT_NOFILE can be in flight over "
    "a UNIX stream socket, though the sender has CAP_SYS_ADMIN.",
    since="4.5",
    needs=[ANOTHER_USER, initially(Capability.SYS_ADMIN)],
    expect=differs(
        "CAP_SYS_ADMIN is as good",
        since="4.5",
        commit="712f4aad406b",
        observed={"without": 4, "errno": None, "with_cap_sys_admin": 50},
    ),
)
def test_cap_sys_admin_does_not_count(ns, observe):
    without = observe("without", as_user(own_user(), lambda: in_flight(*[1] * 4, limit=3)))
    with refused(errno.ETOOMANYREFS):
        sent = as_user(own_user(), lambda: in_flight(*[1] * 50, limit=3), [Capability.SYS_ADMIN])
        observe("with_cap_sys_admin", sent)

    assert without == 4
