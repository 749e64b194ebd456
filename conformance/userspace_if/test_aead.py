"""AEADs of AF_ALG, with test case 4 of The Galois/Counter Mode of Operation, appendix B."""

from __future__ import annotations

import errno
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ALG, algorithm
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import (
    ALG_OP_DECRYPT,
    algorithm_socket,
    given,
    operation,
    result,
    set_authsize,
    set_key,
    with_assoclen,
    with_iv,
    with_op,
)

GCM: Final = "gcm(aes)"
NEEDS: Final = (ALG, algorithm("aead", GCM))
SECTION: Final = "AEAD Cipher API"
MEMORY: Final = "AEAD Memory Structure"
KEY: Final = bytes.fromhex("feffe9928665731c6d6a8f9467308308")
IV: Final = bytes.fromhex("cafebabefacedbaddecaf888")
PLAIN: Final = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
AAD: Final = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
ENCRYPTED: Final = bytes.fromhex(
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
)
TAG: Final = bytes.fromhex("5bc94fbc3221a5db94fae95ae7121a47")
CONTROL: Final = (with_iv(IV), with_assoclen(len(AAD)))
WHOLE: Final = len(AAD) + len(PLAIN) + len(TAG)


@claim(
    "userspace-if/aead/encrypts",
    sentence=(
        "userspace-if/general/kinds",
        "userspace-if/aead/filled",
        "userspace-if/aead/sendmsg",
        "userspace-if/aead/iv",
        "userspace-if/aead/cmsg",
        "userspace-if/aead/op",
        "userspace-if/aead/set-iv",
        "userspace-if/aead/assoclen",
        "userspace-if/aead/aad-sent",
        "userspace-if/aead/recv",
        "userspace-if/aead-memory/sizes",
        "userspace-if/aead-memory/offsets",
        "userspace-if/aead-memory/encrypt-input",
        "userspace-if/setsockopt/alg-set-key",
        "userspace-if/setsockopt/alg-set-aead-authsize",
    ),
    section=SECTION,
    says="A socket of AF_ALG for gcm(aes) encrypts associated data and plaintext, sent one behind the other "
    "with the control messages ALG_SET_OP, ALG_SET_IV and ALG_SET_AEAD_ASSOCLEN: what it gives ends with the "
    "ciphertext and the tag.",
    needs=NEEDS,
)
def test_it_encrypts(ns, observe):
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, AAD + PLAIN, with_op(), *CONTROL)
        received = result(made, 200)

        assert observe("end", received[-76:].hex()) == (ENCRYPTED + TAG).hex()


@claim(
    "userspace-if/aead/decrypts",
    sentence=("userspace-if/aead/op", "userspace-if/aead-memory/decrypt-input"),
    section=SECTION,
    says="A socket of AF_ALG for gcm(aes) decrypts associated data, ciphertext and tag, sent one behind the "
    "other: what it gives ends with the plaintext.",
    needs=NEEDS,
)
def test_it_decrypts(ns, observe):
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, AAD + ENCRYPTED + TAG, with_op(ALG_OP_DECRYPT), *CONTROL)
        received = result(made, 200)

        assert observe("end", received[-60:].hex()) == PLAIN.hex()


@claim(
    "userspace-if/aead-memory/encrypt-output",
    sentence="userspace-if/aead-memory/encrypt-output",
    section=MEMORY,
    says="What a socket of AF_ALG for gcm(aes) gives of 20 bytes of associated data and 60 of plaintext are "
    "76 bytes: ciphertext and tag.",
    needs=NEEDS,
    expect=differs(
        "the associated data is before them",
        since="4.14",
        commit="d887c52d6ae4",
        observed={"size": 96},
    ),
)
def test_encrypted_there_is_ciphertext_and_tag(ns, observe):
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, AAD + PLAIN, with_op(), *CONTROL)

        assert observe("size", len(result(made, 200))) == len(ENCRYPTED + TAG)


@claim(
    "userspace-if/aead-memory/decrypt-output",
    sentence="userspace-if/aead-memory/decrypt-output",
    section=MEMORY,
    says="What a socket of AF_ALG for gcm(aes) gives of 20 bytes of associated data, 60 of ciphertext and a "
    "tag are 60 bytes: the plaintext.",
    needs=NEEDS,
    expect=differs(
        "the associated data is before it",
        since="4.14",
        commit="d887c52d6ae4",
        observed={"size": 80},
    ),
)
def test_decrypted_there_is_plaintext(ns, observe):
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, AAD + ENCRYPTED + TAG, with_op(ALG_OP_DECRYPT), *CONTROL)

        assert observe("size", len(result(made, 200))) == len(PLAIN)


@claim(
    "defacto/AF_ALG/associated-data-returned",
    says="A socket of AF_ALG for gcm(aes) gives the associated data, as it was sent, before the ciphertext "
    "and the tag.",
    since="4.14",
    commit="d887c52d6ae4",
    needs=NEEDS,
)
def test_associated_data_is_returned(ns, observe):
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, AAD + PLAIN, with_op(), *CONTROL)

        assert observe("received", result(made, 200).hex()) == (AAD + ENCRYPTED + TAG).hex()


@claim(
    "userspace-if/aead/key-first",
    sentence="userspace-if/aead/key-first",
    section=SECTION,
    says="To send to a socket of AF_ALG for gcm(aes) before a key has been set is refused. Once the bound "
    "socket has one, the same socket takes the data.",
    needs=NEEDS,
)
def test_a_key_comes_first(ns, observe):
    with algorithm_socket("aead", GCM, authsize=16) as sock, accepted(sock) as made:
        with refused():
            given(made, AAD + PLAIN, with_op(), *CONTROL)
        set_key(sock, KEY)
        given(made, AAD + PLAIN, with_op(), *CONTROL)

        assert observe("size", len(result(made, 200))) == WHOLE


@claim(
    "userspace-if/aead/authsize-first",
    sentence="userspace-if/aead/authsize-first",
    section=SECTION,
    says="To send to a socket of AF_ALG for gcm(aes) before the size of the tag has been set is refused.",
    needs=NEEDS,
    expect=differs(
        "the tag has its full size, 16 bytes, where none was set",
        since="4.1",
        commit="400c40cf78da",
        observed={"errno": None},
    ),
)
def test_the_size_of_the_tag_comes_first(ns, observe):
    with operation("aead", GCM, key=KEY) as made, operation("aead", GCM, key=KEY, authsize=16) as sized:
        with refused():
            given(made, AAD + PLAIN, with_op(), *CONTROL)
        given(sized, AAD + PLAIN, with_op(), *CONTROL)

        assert observe("size", len(result(sized, 200))) == WHOLE


@claim(
    "userspace-if/setsockopt/authsize-encrypt",
    sentence=(
        "userspace-if/setsockopt/authsize-encrypt",
        "userspace-if/setsockopt/alg-set-aead-authsize",
    ),
    section="Setsockopt Interface",
    says="ALG_SET_AEAD_AUTHSIZE of a socket of AF_ALG for gcm(aes) is the size of the tag that encryption "
    "makes: with 12 and 8 it is the first 12 and 8 bytes of that of 16.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [8, 12, 16])
def test_a_tag_of_that_size_is_made(ns, observe, size):
    with operation("aead", GCM, key=KEY, authsize=size) as made:
        given(made, AAD + PLAIN, with_op(), *CONTROL)
        received = result(made, 200)

        assert observe("tag", received[WHOLE - 16 :].hex()) == TAG[:size].hex()


@claim(
    "userspace-if/setsockopt/authsize-decrypt",
    sentence="userspace-if/setsockopt/authsize-decrypt",
    section="Setsockopt Interface",
    says="ALG_SET_AEAD_AUTHSIZE of a socket of AF_ALG for gcm(aes) is the size of the tag that decryption "
    "takes the ciphertext to end with: with 12 the first 12 bytes of a tag are enough, which they are not "
    "with 16.",
    needs=NEEDS,
)
def test_a_tag_of_that_size_is_taken(ns, observe):
    with (
        operation("aead", GCM, key=KEY, authsize=12) as made,
        operation("aead", GCM, key=KEY, authsize=16) as larger,
    ):
        given(made, AAD + ENCRYPTED + TAG[:12], with_op(ALG_OP_DECRYPT), *CONTROL)
        received = result(made, 200)[-60:].hex()
        given(larger, AAD + ENCRYPTED + TAG[:12], with_op(ALG_OP_DECRYPT), *CONTROL)
        with refused():
            result(larger, 200)

        assert observe("received", received) == PLAIN.hex()


@claim(
    "defacto/AF_ALG/authsize-einval",
    says="ALG_SET_AEAD_AUTHSIZE on a socket of AF_ALG for gcm(aes) fails with EINVAL for 3 and for 17, and "
    "takes 4 and 16.",
    since="4.1",
    commit="400c40cf78da",
    needs=NEEDS,
)
@pytest.mark.parametrize(("wrong", "right"), [(3, 4), (17, 16)])
def test_tags_have_sizes(ns, observe, wrong, right):
    with algorithm_socket("aead", GCM, key=KEY) as sock:
        with refused(errno.EINVAL):
            set_authsize(sock, wrong)
        set_authsize(sock, right)
        with accepted(sock) as made:
            given(made, AAD + PLAIN, with_op(), *CONTROL)

            assert observe("size", len(result(made, 200))) == WHOLE - 16 + right


@claim(
    "userspace-if/aead/ebadmsg",
    sentence=("userspace-if/aead/integrity", "userspace-if/aead/ebadmsg"),
    section=SECTION,
    says="A receive from a socket of AF_ALG for gcm(aes) fails with EBADMSG where the associated data, the "
    "ciphertext or the tag that is to be decrypted was changed in one bit, and gives the plaintext where "
    "none was.",
    needs=NEEDS,
)
@pytest.mark.parametrize("place", [0, 19, 20, 79, 80, 95])
def test_what_is_not_whole(ns, observe, place):
    changed = bytearray(AAD + ENCRYPTED + TAG)
    changed[place] ^= 1
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, bytes(changed), with_op(ALG_OP_DECRYPT), *CONTROL)
        with refused(errno.EBADMSG):
            result(made, 200)
    with operation("aead", GCM, key=KEY, authsize=16) as another:
        given(another, AAD + ENCRYPTED + TAG, with_op(ALG_OP_DECRYPT), *CONTROL)

        assert observe("received", result(another, 200)[-60:].hex()) == PLAIN.hex()


@claim(
    "userspace-if/aead/more",
    sentence="userspace-if/aead/more",
    section=SECTION,
    says="With MSG_MORE a socket of AF_ALG for gcm(aes) takes the next send, without control messages, for "
    "more of the same data.",
    needs=NEEDS,
)
@pytest.mark.parametrize("first", [1, 20, 79])
def test_more_goes_on(ns, observe, first):
    data = AAD + PLAIN
    with operation("aead", GCM, key=KEY, authsize=16) as made:
        given(made, data[:first], with_op(), *CONTROL, more=True)
        given(made, data[first:])

        assert observe("end", result(made, 200)[-76:].hex()) == (ENCRYPTED + TAG).hex()


@claim(
    "userspace-if/aead/einval",
    sentence="userspace-if/aead/einval",
    section=SECTION,
    says="A send to a socket of AF_ALG for gcm(aes) fails with EINVAL with an IV of 11 or 13 bytes, and a "
    "receive where less data was sent than was said to be associated.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [11, 13])
def test_unexpected_data_is_invalid(ns, observe, size):
    with (
        operation("aead", GCM, key=KEY, authsize=16) as made,
        operation("aead", GCM, key=KEY, authsize=16) as short,
    ):
        with refused(errno.EINVAL):
            given(made, AAD + PLAIN, with_op(), with_iv(bytes(size)), with_assoclen(20))
        given(short, AAD[:19], with_op(), *CONTROL)
        with refused(errno.EINVAL, "errno_of_recv"):
            result(short, 200)
        given(made, AAD + PLAIN, with_op(), *CONTROL)

        assert observe("size", len(result(made, 200))) == WHOLE


@claim(
    "userspace-if/aead/not-performed",
    sentence=("userspace-if/aead/not-performed", "userspace-if/aead/output-size"),
    section=SECTION,
    says="A receive from a socket of AF_ALG for gcm(aes) whose buffer is a byte too small, 95 of 96, fails, "
    "and nothing is encrypted.",
    needs=NEEDS,
    expect=differs(
        "as much of the text as fits with its tag is encrypted, and given",
        since="4.14",
        commit="d887c52d6ae4",
        observed={"errno": None},
    ),
)
def test_a_small_buffer_is_refused(ns, observe):
    with (
        operation("aead", GCM, key=KEY, authsize=16) as made,
        operation("aead", GCM, key=KEY, authsize=16) as another,
    ):
        given(made, AAD + PLAIN, with_op(), *CONTROL)
        with refused():
            result(made, WHOLE - 1)
        given(another, AAD + PLAIN, with_op(), *CONTROL)

        assert observe("size", len(result(another, WHOLE))) == WHOLE
