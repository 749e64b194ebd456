"""How sockets of AF_ALG are made, bound, given a key, and accepted from."""

from __future__ import annotations

import errno
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ALG, algorithm
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import (
    AF_ALG,
    ALG_SET_KEY,
    alg_address,
    alg_socket,
    algorithm_socket,
    given,
    hash_socket,
    operation,
    result,
    set_key,
    with_iv,
    with_op,
)
from libsocket import Socket
from netns import only

NEEDS: Final = (ALG,)
CBC: Final = algorithm("skcipher", "cbc(aes)")
HMAC: Final = algorithm("hash", "hmac(sha256)")
OF_ABC: Final = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""FIPS 180-2, B.1: the SHA-256 of the three letters."""


@claim(
    "userspace-if/general/numbers",
    sentence=(
        "userspace-if/general/socket",
        "userspace-if/general/numbers",
        "userspace-if/general/create",
        "userspace-if/general/step-create",
        "userspace-if/general/step-bind",
        "userspace-if/digest/selected",
        "userspace-if/general/name",
    ),
    section="User Space API General Remarks",
    says="A socket of the family 38, which is AF_ALG, is of the type SOCK_SEQPACKET and is bound to the "
    "digest sha256 by its name in the kernel.",
    needs=NEEDS,
)
def test_a_socket_is_made_and_bound(ns, observe):
    with Socket(38, socket.SOCK_SEQPACKET) as sock:
        sock.bind(alg_address("hash", "sha256"))
        with accepted(sock) as made:
            given(made, b"abc")

            assert observe("domain_and_digest", [int(sock.domain), result(made, 32).hex()]) == [38, OF_ABC]


@claim(
    "userspace-if/general/kinds",
    sentence=(
        "userspace-if/general/kinds",
        "userspace-if/digest/filled",
        "userspace-if/digest/keyed",
        "userspace-if/digest/keyed-name",
    ),
    section="User Space API General Remarks",
    says="bind(2) of a socket of AF_ALG takes the type hash with the names sha1, sha256 and hmac(sha256), "
    "and refuses a name of the same type that there is not.",
    needs=(*NEEDS, HMAC, algorithm("hash", "sha1")),
)
@pytest.mark.parametrize(
    ("name", "key", "size"), [("sha1", None, 20), ("sha256", None, 32), ("hmac(sha256)", b"key", 32)]
)
def test_digests_are_accessible(ns, observe, name, key, size):
    with alg_socket() as another, refused():
        another.bind(alg_address("hash", "no-such-digest"))
    with operation("hash", name, key=key) as made:
        given(made, b"abc")

        assert observe("size", len(result(made, 100))) == size


@claim(
    "userspace-if/skcipher/filled",
    sentence=("userspace-if/general/kinds", "userspace-if/skcipher/filled"),
    section="Symmetric Cipher API",
    says="bind(2) of a socket of AF_ALG takes the type skcipher with the name cbc(aes), and refuses the name "
    "with another type.",
    needs=(*NEEDS, CBC),
)
@pytest.mark.parametrize("wrong", ["hash", "rng", "aead"])
def test_symmetric_ciphers_are_accessible(ns, observe, wrong):
    with alg_socket() as sock:
        with refused():
            sock.bind(alg_address(wrong, "cbc(aes)"))
        sock.bind(alg_address("skcipher", "cbc(aes)"))
        set_key(sock, bytes(16))
        with accepted(sock) as made:
            given(made, bytes(16), with_op(), with_iv(bytes(16)))

            assert observe("size", len(result(made, 100))) == 16


@claim(
    "userspace-if/introduction/access",
    sentence="userspace-if/introduction/access",
    section="Introduction",
    says="A thread without any capability has a digest computed by a socket of AF_ALG.",
    expect=differs(
        "few algorithms are to be had without CAP_NET_ADMIN or CAP_SYS_ADMIN in the initial user namespace, "
        "of digests sha1 alone, unless crypto.af_alg_restrict is 0",
        since="7.3",
        commit="2f204fe718f5",
        observed={"errno": "ENOENT"},
    ),
    needs=NEEDS,
)
def test_it_takes_no_privileges(ns, observe):
    with only(), operation("hash", "sha256") as made:
        given(made, b"abc")

        assert observe("digest", result(made, 32).hex()) == OF_ABC


@claim(
    "userspace-if/deprecation/templates",
    sentence="userspace-if/deprecation/templates",
    section="Deprecation",
    says="bind(2) of a socket of AF_ALG takes names that compose algorithms by templates, such as "
    "hmac(sha256), also of templates within a template: authenc(hmac(sha256),cbc(aes)). Where one of the "
    "algorithms is not there it is refused.",
    needs=(*NEEDS, HMAC, algorithm("aead", "authenc(hmac(sha256),cbc(aes))")),
)
def test_templates_are_composed(ns, observe):
    with alg_socket() as sock, alg_socket() as another:
        with refused():
            sock.bind(alg_address("aead", "authenc(hmac(no-such),cbc(aes))"))
        sock.bind(alg_address("aead", "authenc(hmac(sha256),cbc(aes))"))
        another.bind(alg_address("hash", "hmac(sha256)"))
        with accepted(sock) as encrypting, accepted(another) as hashing:
            domains = [int(one.domain) for one in (encrypting, hashing)]

            assert observe("domains", domains) == [AF_ALG, AF_ALG]


@claim(
    "userspace-if/general/must-be-used",
    sentence=(
        "userspace-if/general/step-accept",
        "userspace-if/general/new-descriptor",
        "userspace-if/general/must-be-used",
    ),
    section="User Space API General Remarks",
    says="accept(2) of a bound socket of AF_ALG returns a new descriptor, to which data is sent and from "
    "which the result is received. To send to the bound socket itself, or to receive from it, fails.",
    needs=NEEDS,
)
def test_the_new_descriptor_is_used(ns, observe):
    with hash_socket() as sock:
        with refused():
            sock.send(b"abc")
        with refused(name="errno_of_recv"):
            sock.recv(32, socket.MSG_DONTWAIT)
        with accepted(sock) as made:
            given(made, b"abc")
            seen = [made.fileno() != sock.fileno(), result(made, 32).hex()]

            assert observe("another_and_digest", seen) == [True, OF_ABC]


@claim(
    "userspace-if/general/send",
    sentence=(
        "userspace-if/general/send",
        "userspace-if/general/receive",
        "userspace-if/digest/send",
        "userspace-if/digest/recv",
    ),
    section="User Space API General Remarks",
    says="The data of a digest is given to what accept(2) of a socket of AF_ALG returned by send(2), "
    "sendmsg(2) or write(2), and the digest is obtained by recv(2), recvmsg(2) or read(2).",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "send",
    [
        lambda made: made.send(b"abc"),
        lambda made: made.sendmsg([b"a", b"bc"]),
        lambda made: made.write(b"abc"),
    ],
    ids=["send", "sendmsg", "write"],
)
@pytest.mark.parametrize(
    "receive",
    [lambda made: made.recv(32), lambda made: made.recvmsg(32)[0], lambda made: made.read(32)],
    ids=["recv", "recvmsg", "read"],
)
def test_calls_send_and_receive(ns, observe, send, receive):
    with operation("hash", "sha256") as made:
        sent = send(made)

        assert observe("sent_and_digest", [sent, bytes(receive(made)).hex()]) == [3, OF_ABC]


@claim(
    "userspace-if/setsockopt/descriptor",
    sentence="userspace-if/setsockopt/descriptor",
    section="Setsockopt Interface",
    says="ALG_SET_KEY is set on the descriptor that accept(2) of a socket of AF_ALG returned.",
    needs=(*NEEDS, HMAC),
    expect=differs(
        "it is refused there with EOPNOTSUPP, and set on the socket that is bound",
        since="2.6.38",
        commit="03c8efc1ffeb",
        observed={"errno": "EOPNOTSUPP"},
    ),
)
def test_a_key_is_set_on_what_was_accepted(ns, observe):
    with algorithm_socket("hash", "hmac(sha256)") as sock, accepted(sock) as made:
        set_key(made, b"key")
        given(made, b"abc")

        assert observe("size", len(result(made, 32))) == 32


@claim(
    "defacto/AF_ALG/key-on-bound-socket",
    says="ALG_SET_KEY is set on the bound socket of AF_ALG, and holds for what accept(2) returns then: with "
    "hmac(sha256) and the key Jefe the digest is that of RFC 4231, section 4.3.",
    since="2.6.38",
    commit="03c8efc1ffeb",
    needs=(*NEEDS, HMAC),
)
def test_a_key_is_set_on_the_bound_socket(ns, observe):
    with algorithm_socket("hash", "hmac(sha256)") as sock:
        set_key(sock, b"Jefe")
        with accepted(sock) as made:
            given(made, b"what do ya want for nothing?")
            digest = result(made, 32).hex()

            expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            assert observe("digest", digest) == expected


@claim(
    "userspace-if/setsockopt/level",
    sentence=("userspace-if/general/level", "userspace-if/general/numbers", "userspace-if/setsockopt/level"),
    section="Setsockopt Interface",
    says="ALG_SET_KEY is an option of the level 279, SOL_ALG: on a bound socket of AF_ALG 280 is refused.",
    needs=(*NEEDS, HMAC),
)
def test_options_have_a_level(ns, observe):
    with algorithm_socket("hash", "hmac(sha256)") as sock:
        with refused():
            sock.setsockopt(280, ALG_SET_KEY, b"key")
        sock.setsockopt(279, ALG_SET_KEY, b"key")
        with accepted(sock) as made:
            assert observe("sent", given(made, b"abc")) == 3


@claim(
    "userspace-if/digest/no-key",
    sentence="userspace-if/digest/no-key",
    section="Message Digest API",
    says="Without a key hmac(sha256) is computed by a socket of AF_ALG without what the key would change.",
    needs=(*NEEDS, HMAC),
    expect=differs(
        "to send is refused with ENOKEY",
        since="4.5",
        commit="6de62f15b581",
        observed={"errno": "ENOKEY"},
    ),
)
def test_without_a_key_it_is_a_digest(ns, observe):
    with operation("hash", "hmac(sha256)") as made:
        sent = given(made, b"abc")

        assert observe("sent", sent) == 3


@claim(
    "defacto/AF_ALG/type-alone",
    says="A socket of AF_ALG of another type than SOCK_SEQPACKET is refused with ESOCKTNOSUPPORT, and one of "
    "a protocol other than 0 with EPROTONOSUPPORT.",
    since="2.6.38",
    commit="03c8efc1ffeb",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW])
def test_other_types_are_refused(ns, observe, kind):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_ALG, kind)
    with refused(errno.EPROTONOSUPPORT, "errno_of_protocol"):
        Socket(AF_ALG, socket.SOCK_SEQPACKET, 1)
    with alg_socket() as sock:
        assert observe("type", int(sock.type)) == socket.SOCK_SEQPACKET


@claim(
    "defacto/AF_ALG/not-there",
    says="bind(2) of a socket of AF_ALG to a type or to an algorithm that there is not fails with ENOENT.",
    since="2.6.38",
    commit="03c8efc1ffeb",
    needs=NEEDS,
)
@pytest.mark.parametrize(("kind", "name"), [("no-such", "sha256"), ("hash", "no-such")])
def test_what_is_not_there(ns, observe, kind, name):
    with alg_socket() as sock:
        with refused(errno.ENOENT):
            sock.bind(alg_address(kind, name))
        sock.bind(alg_address())
        with accepted(sock) as made:
            assert observe("sent", given(made, b"abc")) == 3


@claim(
    "defacto/AF_ALG/unbound-accept",
    says="accept(2) of a socket of AF_ALG that is not bound fails with EINVAL.",
    since="2.6.38",
    commit="03c8efc1ffeb",
    needs=NEEDS,
)
def test_an_unbound_socket_accepts_nothing(ns, observe):
    with alg_socket() as sock:
        with refused(errno.EINVAL):
            accepted(sock)
        sock.bind(alg_address())
        with accepted(sock) as made:
            assert observe("sent", given(made, b"abc")) == 3


@claim(
    "defacto/AF_ALG/busy",
    says="While what accept(2) of a socket of AF_ALG returned is open, to bind the socket to another "
    "algorithm, or to set its key, fails with EBUSY.",
    since="4.5",
    commit="c840ac6af3f8",
    needs=(*NEEDS, HMAC),
)
def test_a_socket_in_use_is_busy(ns, observe):
    with algorithm_socket("hash", "hmac(sha256)", key=b"key") as sock:
        with accepted(sock):
            with refused(errno.EBUSY):
                sock.bind(alg_address())
            with refused(errno.EBUSY, "errno_of_key"):
                set_key(sock, b"other")
        set_key(sock, b"other")
        with accepted(sock) as made:
            assert observe("sent", given(made, b"abc")) == 3


@claim(
    "defacto/AF_ALG/key-length",
    says="ALG_SET_KEY on a socket of AF_ALG for cbc(aes) fails with EINVAL for a key of 15 or 17 bytes. With "
    "16, 24 and 32 it succeeds.",
    since="2.6.38",
    commit="8ff590903d5f",
    needs=(*NEEDS, CBC),
)
@pytest.mark.parametrize("right", [16, 24, 32])
@pytest.mark.parametrize("wrong", [15, 17])
def test_keys_have_lengths(ns, observe, right, wrong):
    with algorithm_socket("skcipher", "cbc(aes)") as sock:
        with refused(errno.EINVAL):
            set_key(sock, bytes(wrong))
        set_key(sock, bytes(right))
        with accepted(sock) as made:
            assert observe("sent", given(made, bytes(16), with_op(), with_iv(bytes(16)))) == 16


@claim(
    "defacto/AF_ALG/no-connections",
    says="connect(2) and listen(2) of a bound socket of AF_ALG fail with EOPNOTSUPP.",
    since="2.6.38",
    commit="03c8efc1ffeb",
    needs=NEEDS,
)
def test_there_are_no_connections(ns, observe):
    with hash_socket() as sock:
        with refused(errno.EOPNOTSUPP):
            sock.connect(alg_address())
        with refused(errno.EOPNOTSUPP, "errno_of_listen"):
            sock.listen()
        with accepted(sock) as made:
            assert observe("sent", given(made, b"abc")) == 3
