"""SO_PASSSEC: the security label of who sent a message."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MESSAGE_LABELS, PASSSEC, SELINUX, SOCKET_LABELS
from conformance.plugin.refusal import refused
from conformance.plugin.setups.labels import OTHER_LABEL, label_names, labelled_sender, labels
from conformance.plugin.setups.processes import security_label
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import INT, SO_PASSSEC, Socket

MESSAGES = pytest.mark.parametrize(
    "kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET], ids=["datagram", "seqpacket"]
)
KINDS = pytest.mark.parametrize(
    "kind",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "datagram", "seqpacket"],
)
SCM_SECURITY = 3


@claim(
    "unix.7/SO_PASSSEC/boolean",
    sentence=("unix.7/SO_PASSSEC/boolean", "unix.7/options/level"),
    section="Socket options",
    says="SO_PASSSEC of a UNIX stream, datagram or seqpacket socket is an int and a flag, 0 at first: any "
    "value but 0 sets it, and it reads 1 then.",
    needs=[PASSSEC],
)
@pytest.mark.parametrize("kind", ["unix", "unix-datagram", "unix-seqpacket"])
@pytest.mark.parametrize("value", [1, 2, -1, 256])
def test_it_is_a_flag(ns, observe, kind, value):
    with SOCKETS[kind]() as sock:
        new = sock.get(SO_PASSSEC.through(INT))
        sock.set(SO_PASSSEC.through(INT), value)
        on = sock.get(SO_PASSSEC.through(INT))
        sock.set(SO_PASSSEC.through(INT), 0)

        assert observe("new_on_and_off", [new, on, sock.get(SO_PASSSEC.through(INT))]) == [0, 1, 0]


@claim(
    "unix.7/SO_PASSSEC/label",
    sentence=(
        "unix.7/SO_PASSSEC/enables",
        "unix.7/SO_PASSSEC/datagram-and-stream",
        "unix.7/SCM_SECURITY/passsec",
    ),
    section="Socket options",
    says="With SO_PASSSEC a UNIX datagram or seqpacket socket receives SCM_SECURITY with each message, the "
    "label that a security module gives the process which made its peer, and without the option none.",
    since="2.6.18",
    needs=[MESSAGE_LABELS],
)
@MESSAGES
def test_a_label_comes_with_a_message(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        left.send(b"1")
        seen = [label_names(right)]
        right.passsec = True
        left.send(b"2")
        seen.append(label_names(right))
        right.passsec = False
        left.send(b"3")
        seen.append(label_names(right))

        assert observe("without_with_without", seen) == [[], [security_label()], []]


@claim(
    "unix.7/SO_PASSSEC/stream",
    sentence=("unix.7/SO_PASSSEC/enables", "unix.7/SO_PASSSEC/datagram-and-stream"),
    section="Socket options",
    says="With SO_PASSSEC, and no other option, a UNIX stream socket receives SCM_SECURITY, the label that "
    "SELinux gives the process which made its peer, with what that sends.",
    since="4.2",
    needs=[MESSAGE_LABELS, SELINUX],
    expect=differs(
        "a stream socket has to have SO_PASSCRED as well",
        since="4.2",
        commit="37a9a8df8ce9",
        observed={"passsec_and_labels": [True, []]},
    ),
)
def test_a_label_comes_with_bytes(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passsec = True
        left.send(b"1")

        found = [right.passsec, label_names(right)]
        assert observe("passsec_and_labels", found) == [True, [security_label()]]


@claim(
    "defacto/SO_PASSSEC/stream-with-passcred",
    says="With SO_PASSSEC and SO_PASSCRED a UNIX stream socket receives SCM_SECURITY, the label that SELinux "
    "gives the process which made its peer; with one of the options alone it does not.",
    since="4.2",
    commit="37a9a8df8ce9",
    needs=[MESSAGE_LABELS, SELINUX],
)
@pytest.mark.parametrize(
    ("passsec", "passcred"), [(True, True), (True, False), (False, True)], ids=["both", "passsec", "passcred"]
)
def test_a_stream_needs_both_options(ns, observe, passsec, passcred):
    left, right = Socket.pair()
    with left, right:
        right.rcvtimeo = SOON
        right.passsec = passsec
        right.passcred = passcred
        left.send(b"1")

        expected = [security_label()] if passsec and passcred else []
        assert observe("labels", label_names(right)) == expected


@claim(
    "unix.7/SCM_SECURITY/of-the-socket",
    sentence="unix.7/SCM_SECURITY/label",
    section="Ancillary messages",
    says="SCM_SECURITY is SELinux's label of the UNIX datagram or seqpacket socket that sends, also where "
    "the process and the socket that receives have another.",
    needs=[SOCKET_LABELS],
)
@MESSAGES
def test_the_label_is_that_of_a_socket(ns, observe, kind):
    left, right = labelled_sender(OTHER_LABEL, kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passsec = True
        left.send(b"1")

        found = [label_names(right), security_label() != OTHER_LABEL]
        assert observe("labels_and_another", found) == [[OTHER_LABEL], True]


@claim(
    "unix.7/SCM_SECURITY/not-sent",
    sentence="unix.7/SCM_SECURITY/label",
    section="Ancillary messages",
    says="SCM_SECURITY cannot be sent: sendmsg(2) with it on a UNIX stream, datagram or seqpacket socket is "
    "refused, and the peer receives only what is sent without it.",
)
@KINDS
def test_a_label_cannot_be_sent(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        with refused():
            left.sendmsg([b"with"], [(socket.SOL_SOCKET, SCM_SECURITY, b"kernel\0")])
        left.sendmsg([b"without"])

        assert observe("received", right.recv(100).decode()) == "without"


@claim(
    "unix.7/SCM_SECURITY/null-byte",
    sentence="unix.7/SCM_SECURITY/string",
    section="Ancillary messages",
    says="What SCM_SECURITY has is SELinux's label and one null byte, on a UNIX datagram and a seqpacket "
    "socket.",
    needs=[SELINUX, MESSAGE_LABELS],
)
@MESSAGES
def test_a_label_ends_with_a_null_byte(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passsec = True
        left.send(b"1")

        found = [one.decode() for one in labels(right)]
        assert observe("labels", found) == [f"{security_label()}\0"]
