"""Symmetric ciphers of AF_ALG, with the vectors of NIST SP 800-38A, F.2.1."""

from __future__ import annotations

import errno
import socket
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ALG, algorithm
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import (
    ALG_OP_DECRYPT,
    ALG_OP_ENCRYPT,
    SOL_ALG,
    algorithm_socket,
    given,
    operation,
    result,
    set_key,
    with_iv,
    with_op,
)

CBC: Final = "cbc(aes)"
NEEDS: Final = (ALG, algorithm("skcipher", CBC))
SECTION: Final = "Symmetric Cipher API"
KEY: Final = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
IV: Final = bytes(range(16))
PLAIN: Final = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
ENCRYPTED: Final = bytes.fromhex(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
)
BLOCK: Final = 16


@claim(
    "userspace-if/skcipher/op",
    sentence=(
        "userspace-if/skcipher/sendmsg",
        "userspace-if/skcipher/iv",
        "userspace-if/skcipher/cmsg",
        "userspace-if/skcipher/op",
        "userspace-if/skcipher/set-iv",
        "userspace-if/skcipher/recv",
        "userspace-if/setsockopt/alg-set-key",
    ),
    section=SECTION,
    says="A socket of AF_ALG for cbc(aes) encrypts and decrypts what is sent with sendmsg(2), as the control "
    "message ALG_SET_OP says, with the IV of ALG_SET_IV and the key of ALG_SET_KEY.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    ("number", "data", "expected"),
    [(ALG_OP_ENCRYPT, PLAIN, ENCRYPTED), (ALG_OP_DECRYPT, ENCRYPTED, PLAIN)],
    ids=["encrypt", "decrypt"],
)
def test_it_encrypts_and_decrypts(ns, observe, number, data, expected):
    size = 2 * BLOCK
    with operation("skcipher", CBC, key=KEY) as made:
        sent = given(made, data[:size], with_op(number), with_iv(IV))
        received = result(made, size)

        assert observe("sent_and_received", [sent, received.hex()]) == [size, expected[:size].hex()]


@claim(
    "userspace-if/skcipher/key-first",
    sentence="userspace-if/skcipher/key-first",
    section=SECTION,
    says="To send to a socket of AF_ALG for cbc(aes) before a key has been set is refused. Once the bound "
    "socket has one, the same socket takes the data.",
    needs=NEEDS,
)
def test_a_key_comes_first(ns, observe):
    with algorithm_socket("skcipher", CBC) as sock, accepted(sock) as made:
        with refused():
            given(made, PLAIN[:BLOCK], with_op(), with_iv(IV))
        set_key(sock, KEY)
        given(made, PLAIN[:BLOCK], with_op(), with_iv(IV))

        assert observe("received", result(made, BLOCK).hex()) == ENCRYPTED[:BLOCK].hex()


@claim(
    "defacto/AF_ALG/no-key-errno",
    says="To send to a socket of AF_ALG for cbc(aes), or to receive from it, before a key has been set fails "
    "with ENOKEY.",
    since="4.5",
    commit="dd504589577d",
    needs=NEEDS,
)
def test_without_a_key(ns, observe):
    with algorithm_socket("skcipher", CBC) as sock, accepted(sock) as made:
        with refused(errno.ENOKEY):
            given(made, PLAIN[:BLOCK], with_op(), with_iv(IV))
        with refused(errno.ENOKEY, "errno_of_recv"):
            result(made, BLOCK)
        set_key(sock, KEY)

        assert observe("sent", given(made, PLAIN[:BLOCK], with_op(), with_iv(IV))) == BLOCK


@claim(
    "userspace-if/skcipher/more",
    sentence="userspace-if/skcipher/more",
    section=SECTION,
    says="With MSG_MORE a socket of AF_ALG for cbc(aes) takes the next send, without control messages, for "
    "more of the same data: the result is that of both, chained.",
    needs=NEEDS,
)
@pytest.mark.parametrize("first", [1, 16, 20, 63])
def test_more_goes_on(ns, observe, first):
    with operation("skcipher", CBC, key=KEY) as made:
        sent = [given(made, PLAIN[:first], with_op(), with_iv(IV), more=True), given(made, PLAIN[first:])]

        expected = [[first, 64 - first], ENCRYPTED.hex()]
        assert observe("sent_and_received", [sent, result(made, 64).hex()]) == expected


@claim(
    "userspace-if/skcipher/fewer-blocks",
    sentence=("userspace-if/skcipher/output-size", "userspace-if/skcipher/fewer-blocks"),
    section=SECTION,
    says="A receive from a socket of AF_ALG for cbc(aes) gives as many whole blocks of 16 bytes as fit into "
    "the buffer: of four, in 64 bytes all, in 63 and 48 three, and in 31 one.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("room", "size"), [(64, 64), (63, 48), (48, 48), (31, 16)])
def test_whole_blocks_are_returned(ns, observe, room, size):
    with operation("skcipher", CBC, key=KEY) as made:
        given(made, PLAIN, with_op(), with_iv(IV))
        first = made.recvmsg(room, 0, socket.MSG_DONTWAIT)[0]

        assert observe("received", first.hex()) == ENCRYPTED[:size].hex()


@claim(
    "defacto/AF_ALG/less-than-a-block",
    says="A receive from a socket of AF_ALG for cbc(aes) with a buffer of 15 bytes fails with EINVAL, and "
    "what was sent remains: with 16 the first block is given, and then the others.",
    since="7.0",
    backports=("6.12.83", "6.18.24", "6.19.14"),
    commit="8eceab19eba9",
    needs=NEEDS,
)
def test_less_than_a_block_is_invalid(ns, observe):
    with operation("skcipher", CBC, key=KEY) as made:
        given(made, PLAIN, with_op(), with_iv(IV))
        with refused(errno.EINVAL):
            result(made, BLOCK - 1)
        received = [result(made, BLOCK).hex(), result(made, 64).hex()]

        assert observe("received", received) == [ENCRYPTED[:BLOCK].hex(), ENCRYPTED[BLOCK:].hex()]


@claim(
    "userspace-if/skcipher/einval",
    sentence="userspace-if/skcipher/einval",
    section=SECTION,
    says="A send to a socket of AF_ALG for cbc(aes) fails with EINVAL with an IV of 15 or 17 bytes, with an "
    "operation that is neither encryption nor decryption, and with a control message of SOL_ALG that there "
    "is not. The same data is taken with an IV of 16 bytes.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "control",
    [
        (with_op(), with_iv(IV[:15])),
        (with_op(), with_iv(IV + b"x")),
        (with_op(2), with_iv(IV)),
        (with_op(), with_iv(IV), (SOL_ALG, 100, bytes(4))),
    ],
    ids=["iv of 15", "iv of 17", "operation", "unknown"],
)
def test_unexpected_data_is_invalid(ns, observe, control):
    with operation("skcipher", CBC, key=KEY) as made:
        with refused(errno.EINVAL):
            given(made, PLAIN, *control)
        given(made, PLAIN, with_op(), with_iv(IV))

        assert observe("received", result(made, 64).hex()) == ENCRYPTED.hex()


@claim(
    "userspace-if/skcipher/einval-part",
    sentence="userspace-if/skcipher/einval",
    section=SECTION,
    says="A receive from a socket of AF_ALG for cbc(aes) to which 15 or 17 bytes were sent, which are not "
    "whole blocks, fails with EINVAL; of 16 it gives the block.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [15, 17])
def test_parts_of_blocks_are_invalid(ns, observe, size):
    with operation("skcipher", CBC, key=KEY) as wrong, operation("skcipher", CBC, key=KEY) as right:
        given(wrong, PLAIN[:size], with_op(), with_iv(IV))
        with refused(errno.EINVAL):
            result(wrong, 64)
        given(right, PLAIN[:BLOCK], with_op(), with_iv(IV))

        assert observe("received", result(right, 64).hex()) == ENCRYPTED[:BLOCK].hex()


@claim(
    "userspace-if/in-place/same-buffer",
    sentence=(
        "userspace-if/in-place/allowed",
        "userspace-if/in-place/same-buffer",
        "userspace-if/in-place/different",
    ),
    section="In-place Cipher operation",
    says="A socket of AF_ALG for cbc(aes) takes the data out of one buffer and is received from into the "
    "same one, and the result is that of another buffer.",
    needs=NEEDS,
)
def test_a_buffer_is_used_in_place(ns, observe):
    buffer = bytearray(PLAIN)
    with operation("skcipher", CBC, key=KEY) as made:
        made.sendmsg([buffer], [with_op(), with_iv(IV)])
        size = made.recv_into(buffer, 64, socket.MSG_DONTWAIT)

        assert observe("size_and_buffer", [size, buffer.hex()]) == [64, ENCRYPTED.hex()]


@claim(
    "defacto/AF_ALG/nothing-sent",
    says="A receive with MSG_DONTWAIT from a socket of AF_ALG for cbc(aes) to which nothing was sent fails "
    "with EAGAIN.",
    since="2.6.38",
    commit="8ff590903d5f",
    needs=NEEDS,
)
def test_there_is_nothing_to_receive(ns, observe):
    with operation("skcipher", CBC, key=KEY) as made:
        with refused(errno.EAGAIN):
            result(made, BLOCK)
        given(made, PLAIN, with_op(), with_iv(IV))

        assert observe("received", result(made, 64).hex()) == ENCRYPTED.hex()
