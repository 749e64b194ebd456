"""ALG_SET_KEY_BY_KEY_SERIAL: the key of a socket of AF_ALG is one that the kernel keeps."""

from __future__ import annotations

import errno
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ALG, algorithm, key
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import (
    ALG_SET_KEY_BY_KEY_SERIAL,
    SOL_ALG,
    algorithm_socket,
    given,
    operation,
    result,
    set_key_by_serial,
    with_iv,
    with_op,
)
from conformance.plugin.setups.keys import ALL, OWNER, POSSESSOR, SEARCH, encrypted_keys, stored_key
from libsocket import Socket

HMAC: Final = "hmac(sha256)"
CBC: Final = "cbc(aes)"
USER: Final = key("user")
NEEDS: Final = (ALG, algorithm("hash", HMAC), USER)
SECTION: Final = "Setsockopt Interface"
KEY: Final = bytes(range(16))
BLOCK: Final = b"sixteen bytes..."
NO_KEY: Final = 1
"""A number that no key has: the lowest is 3."""
SINCE: Final = "6.2"
COMMIT: Final = "7984ceb134bf"


def digest(sock: Socket) -> str:
    """What the kernel computes of three letters."""
    with accepted(sock) as made:
        given(made, b"abc")
        return result(made, 32).hex()


def digest_by_serial(serial: int) -> str:
    """The same with a key that is named so. Raises: OSError."""
    with algorithm_socket("hash", HMAC) as sock:
        set_key_by_serial(sock, serial)
        return digest(sock)


def digest_by_key(data: bytes) -> str:
    """The same with ALG_SET_KEY."""
    with algorithm_socket("hash", HMAC, key=data) as sock:
        return digest(sock)


@claim(
    "userspace-if/setsockopt/key-serial-user-and-logon",
    sentence=(
        "userspace-if/setsockopt/key-serial",
        "userspace-if/setsockopt/key-serial-same",
        "userspace-if/setsockopt/key-serial-types",
    ),
    section=SECTION,
    says="ALG_SET_KEY_BY_KEY_SERIAL with the serial number of a key of the type user or logon sets the key "
    "of hmac(sha256) on a socket of AF_ALG: the digest is the same as with its data by ALG_SET_KEY, and "
    "another with another key.",
    since=SINCE,
    needs=[*NEEDS, key("logon")],
)
@pytest.mark.parametrize("kind", ["user", "logon"])
def test_a_key_is_set_by_its_number(ns, observe, kind):
    with stored_key(kind, KEY) as serial, stored_key(kind, KEY[1:], name=b"conformance:other") as other:
        found = [digest_by_serial(one) for one in (serial, other)]

    assert observe("digests", found) == [digest_by_key(KEY), digest_by_key(KEY[1:])]


@claim(
    "userspace-if/setsockopt/key-serial-cipher",
    sentence=("userspace-if/setsockopt/key-serial", "userspace-if/setsockopt/key-serial-same"),
    section=SECTION,
    says="ALG_SET_KEY_BY_KEY_SERIAL sets the key of cbc(aes) on a socket of AF_ALG to 16 bytes of a key of "
    "the type user: a block is encrypted as with the same bytes by ALG_SET_KEY. One of 15 bytes is refused.",
    since=SINCE,
    needs=[ALG, algorithm("skcipher", CBC), USER],
)
def test_a_cipher_has_a_key_by_its_number(ns, observe):
    with (
        algorithm_socket("skcipher", CBC) as sock,
        operation("skcipher", CBC, key=KEY) as by_key,
        stored_key("user", KEY[1:], name=b"conformance:short") as short,
        stored_key("user", KEY) as serial,
    ):
        with refused():
            set_key_by_serial(sock, short)
        set_key_by_serial(sock, serial)
        with accepted(sock) as by_serial:
            sent = [given(one, BLOCK, with_op(), with_iv(bytes(16))) for one in (by_serial, by_key)]
            found = result(by_serial, 16).hex()

            assert observe("sent_and_encrypted", [sent, found]) == [[16, 16], result(by_key, 16).hex()]


@claim(
    "userspace-if/setsockopt/key-serial-encrypted",
    sentence="userspace-if/setsockopt/key-serial-types",
    section=SECTION,
    says="ALG_SET_KEY_BY_KEY_SERIAL with the serial number of a key of the type encrypted sets the key of "
    "hmac(sha256) on a socket of AF_ALG: the digest is the same each time, and another with another of them.",
    since=SINCE,
    needs=[*NEEDS, key("encrypted")],
)
def test_an_encrypted_key_is_set(ns, observe):
    with encrypted_keys() as (first, second):
        found = [digest_by_serial(one) for one in (first, first, second)]

        assert observe("same_and_another", [found[0] == found[1], found[0] != found[2]]) == [True, True]


@claim(
    "userspace-if/setsockopt/key-serial-other-types",
    sentence="userspace-if/setsockopt/key-serial-types",
    section=SECTION,
    says="ALG_SET_KEY_BY_KEY_SERIAL with the serial number of a keyring, which is a key of another type than "
    "user, logon, encrypted and trusted, is refused on a socket of AF_ALG for hmac(sha256).",
    since=SINCE,
    needs=NEEDS,
)
def test_a_keyring_is_no_key(ns, observe):
    with stored_key("keyring", b"") as keyring, stored_key("user", KEY) as serial:
        with refused():
            digest_by_serial(keyring)

        assert observe("digest", digest_by_serial(serial)) == digest_by_key(KEY)


@claim(
    "userspace-if/setsockopt/key-serial-permission",
    sentence="userspace-if/setsockopt/key-serial-search",
    section=SECTION,
    says="ALG_SET_KEY_BY_KEY_SERIAL with a key that has every permission but to be searched is refused with "
    "EPERM, and with KEY_POS_SEARCH or KEY_USR_SEARCH it is not.",
    since=SINCE,
    needs=NEEDS,
    expect=differs(
        "it is refused with EACCES",
        since=SINCE,
        commit=COMMIT,
        observed={"errno": "EACCES"},
    ),
)
def test_a_key_has_to_be_searchable(ns, observe):
    with (
        stored_key("user", KEY, permissions=ALL & ~SEARCH) as hidden,
        stored_key("user", KEY, permissions=POSSESSOR, name=b"conformance:possessed") as possessed,
        stored_key("user", KEY, permissions=OWNER, name=b"conformance:owned") as owned,
    ):
        digests = [digest_by_serial(one) for one in (possessed, owned)]
        with refused(errno.EPERM):
            digest_by_serial(hidden)

        assert observe("digests", digests) == [digest_by_key(KEY)] * 2


@claim(
    "defacto/AF_ALG/key-serial-permission",
    says="ALG_SET_KEY_BY_KEY_SERIAL with a key that has every permission but to be searched fails with "
    "EACCES; with KEY_POS_SEARCH or KEY_USR_SEARCH it is set.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
)
@pytest.mark.parametrize("permissions", [POSSESSOR, OWNER], ids=["possessor", "owner"])
def test_a_key_that_is_not_searchable(ns, observe, permissions):
    with (
        stored_key("user", KEY, permissions=ALL & ~SEARCH) as hidden,
        stored_key("user", KEY, permissions=permissions, name=b"conformance:found") as found,
    ):
        with refused(errno.EACCES):
            digest_by_serial(hidden)

        assert observe("digest", digest_by_serial(found)) == digest_by_key(KEY)


@claim(
    "defacto/AF_ALG/key-serial-errnos",
    says="ALG_SET_KEY_BY_KEY_SERIAL on a socket of AF_ALG for hmac(sha256) fails with ENOKEY for the serial "
    "number 1, which no key has, with ENOPROTOOPT for that of a keyring, and with EINVAL where the value has "
    "3 or 5 bytes.",
    since=SINCE,
    commit=COMMIT,
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [3, 5])
def test_what_is_no_number_of_a_key(ns, observe, size):
    with (
        stored_key("user", KEY) as serial,
        stored_key("keyring", b"", name=b"conformance:keyring") as keyring,
        algorithm_socket("hash", HMAC) as sock,
    ):
        with refused(errno.ENOKEY):
            set_key_by_serial(sock, NO_KEY)
        with refused(errno.ENOPROTOOPT, "errno_of_keyring"):
            set_key_by_serial(sock, keyring)
        with refused(errno.EINVAL, "errno_of_size"):
            sock.setsockopt(SOL_ALG, ALG_SET_KEY_BY_KEY_SERIAL, bytes(size))
        set_key_by_serial(sock, serial)

        assert observe("digest", digest(sock)) == digest_by_key(KEY)
