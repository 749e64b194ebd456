"""Message digests of AF_ALG."""

from __future__ import annotations

import hashlib
import os
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ALG, algorithm
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import algorithm_socket, given, operation, result, set_key
from conformance.plugin.setups.files import memory_file, pipe
from conformance.plugin.setups.splices import splice

NEEDS: Final = (ALG,)
HMAC: Final = algorithm("hash", "hmac(sha256)")
SECTION: Final = "Message Digest API"
OF_ABC: Final = hashlib.sha256(b"abc").hexdigest()


@claim(
    "userspace-if/digest/final",
    sentence="userspace-if/digest/final",
    section=SECTION,
    says="Each send without MSG_MORE to a socket of AF_ALG for sha256 computes a digest of its own, of the "
    "data that was sent with it.",
    needs=NEEDS,
)
@pytest.mark.parametrize("data", [b"a", b"abc", bytes(5000)], ids=["1", "3", "5000"])
def test_a_digest_is_computed_at_once(ns, observe, data):
    with operation("hash", "sha256") as made:
        given(made, b"another")
        first = result(made, 32).hex() == hashlib.sha256(b"another").hexdigest()
        given(made, data)

        expected = [True, hashlib.sha256(data).hexdigest()]
        assert observe("first_and_second", [first, result(made, 32).hex()]) == expected


@claim(
    "userspace-if/digest/more",
    sentence="userspace-if/digest/more",
    section=SECTION,
    says="With MSG_MORE a send to a socket of AF_ALG for sha256 is an update: the digest is that of the data "
    "of all sends up to one without.",
    needs=NEEDS,
)
@pytest.mark.parametrize("updates", [1, 2, 10])
def test_more_is_an_update(ns, observe, updates):
    with operation("hash", "sha256") as made:
        sent = [given(made, f"{number:04}".encode(), more=True) for number in range(updates)]
        given(made, b"end")
        whole = b"".join(f"{number:04}".encode() for number in range(updates)) + b"end"
        seen = [len(sent), result(made, 32).hex()]

        assert observe("updates_and_digest", seen) == [updates, hashlib.sha256(whole).hexdigest()]


@claim(
    "userspace-if/digest/truncated",
    sentence="userspace-if/digest/truncated",
    section=SECTION,
    says="A receive with a buffer of 31 bytes from a socket of AF_ALG for sha256, whose digests have 32, "
    "gives the first 31 with MSG_TRUNC in msg_flags. With 32 and with 33 bytes the flag is not set.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("size", "flags"), [(31, socket.MSG_TRUNC), (32, 0), (33, 0)])
def test_a_small_buffer_truncates(ns, observe, size, flags):
    with operation("hash", "sha256") as made:
        given(made, b"abc")
        data, _, told, _ = made.recvmsg(size, 0, socket.MSG_DONTWAIT)

        assert observe("digest_and_flags", [data.hex(), told]) == [OF_ABC[: 2 * size], flags]


@claim(
    "userspace-if/digest/set-key",
    sentence=("userspace-if/digest/set-key", "userspace-if/setsockopt/alg-set-key"),
    section=SECTION,
    says="ALG_SET_KEY sets the key of hmac(sha256) on a socket of AF_ALG: the digest is that of RFC 4231, "
    "section 4.2, with its key, and another with another key.",
    needs=(*NEEDS, HMAC),
)
def test_a_key_is_set(ns, observe):
    with (
        operation("hash", "hmac(sha256)", key=b"\x0b" * 20) as made,
        operation("hash", "hmac(sha256)", key=b"\x0c" * 20) as another,
    ):
        given(made, b"Hi There")
        given(another, b"Hi There")
        digest, other = result(made, 32).hex(), result(another, 32).hex()

        expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        assert observe("digest_and_differs", [digest, other != digest]) == [expected, True]


@claim(
    "userspace-if/digest/key-of-digest",
    sentence="userspace-if/setsockopt/alg-set-key",
    section="Setsockopt Interface",
    says="ALG_SET_KEY on a socket of AF_ALG for sha256, a digest without a key, is refused, where that of "
    "hmac(sha256) takes it.",
    needs=(*NEEDS, HMAC),
)
def test_a_digest_without_a_key_takes_none(ns, observe):
    with algorithm_socket("hash", "sha256") as sock, refused():
        set_key(sock, b"key")
    with operation("hash", "hmac(sha256)", key=b"key") as made:
        assert observe("sent", given(made, b"abc")) == 3


@claim(
    "userspace-if/zero-copy/splice",
    sentence="userspace-if/zero-copy/splice",
    section="Zero-Copy Interface",
    says="What splice(2) moves from a pipe to a socket of AF_ALG for sha256 is what the digest is of.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [3, 4096, 10_000])
def test_splice_gives_data(ns, observe, size):
    data = os.urandom(size)
    with operation("hash", "sha256") as made, pipe(data) as (reader, _):
        moved = splice(reader, made, size)
        right = result(made, 32).hex() == hashlib.sha256(data).hexdigest()

        assert observe("moved_and_right", [moved, right]) == [size, True]


@claim(
    "userspace-if/zero-copy/sendfile",
    sentence="userspace-if/zero-copy/splice",
    section="Zero-Copy Interface",
    says="What sendfile(2) sends from a file to a socket of AF_ALG for sha256 is what the digest is of.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [3, 4096, 10_000])
def test_sendfile_gives_data(ns, observe, size):
    data = os.urandom(size)
    with operation("hash", "sha256") as made, memory_file(data) as file:
        sent = os.sendfile(made.fileno(), file.fileno(), 0, size)
        right = result(made, 32).hex() == hashlib.sha256(data).hexdigest()

        assert observe("sent_and_right", [sent, right]) == [size, True]


@claim(
    "defacto/AF_ALG/digest-of-nothing",
    says="A receive from a socket of AF_ALG for sha256 to which nothing was sent gives the digest of no "
    "data.",
    since="4.9",
    commit="a8348bca2944",
    needs=NEEDS,
)
def test_nothing_has_a_digest(ns, observe):
    with operation("hash", "sha256") as made:
        assert observe("digest", result(made, 32).hex()) == hashlib.sha256(b"").hexdigest()


@claim(
    "defacto/AF_ALG/copied-state",
    says="accept(2) of what accept(2) of a socket of AF_ALG for sha256 returned copies the state of the "
    "digest: both go on by themselves from what was sent with MSG_MORE.",
    since="2.6.38",
    commit="fe869cdb89c9",
    needs=NEEDS,
)
def test_a_state_is_copied(ns, observe):
    with operation("hash", "sha256") as first:
        given(first, b"a", more=True)
        with accepted(first) as second:
            given(first, b"bc")
            given(second, b"another")
            digests = [result(first, 32).hex(), result(second, 32).hex()]

            assert observe("digests", digests) == [OF_ABC, hashlib.sha256(b"aanother").hexdigest()]
