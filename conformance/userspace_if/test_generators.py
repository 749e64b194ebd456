"""Random number generators of AF_ALG."""

from __future__ import annotations

import errno
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ALG, algorithm
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import algorithm_socket, operation, result, set_key

NEEDS: Final = (ALG, algorithm("rng", "stdrng"))
SECTION: Final = "Random Number Generator API"


@claim(
    "userspace-if/rng/at-most",
    sentence=(
        "userspace-if/general/kinds",
        "userspace-if/rng/filled",
        "userspace-if/rng/read",
        "userspace-if/rng/at-most",
        "userspace-if/rng/more",
    ),
    section=SECTION,
    says="By one call at most 128 random bytes are obtained from a socket of AF_ALG for stdrng: with room "
    "for 127 and 128 that many, with room for 129 and 1000 128. The next call gives others.",
    needs=NEEDS,
)
@pytest.mark.parametrize(("room", "size"), [(127, 127), (128, 128), (129, 128), (1000, 128)])
@pytest.mark.parametrize(
    "receive",
    [result, lambda made, room: made.read(room), lambda made, room: made.recvmsg(room)[0]],
    ids=["recv", "read", "recvmsg"],
)
def test_a_call_gives_128_bytes(ns, observe, room, size, receive):
    with operation("rng", "stdrng") as made:
        first, second = bytes(receive(made, room)), bytes(receive(made, room))

        assert observe("sizes_and_differ", [len(first), len(second), first != second]) == [size, size, True]


@claim(
    "userspace-if/rng/drbg",
    sentence=(
        "userspace-if/rng/seed-how",
        "userspace-if/rng/drbg",
        "userspace-if/setsockopt/alg-set-key",
    ),
    section=SECTION,
    says="A socket of AF_ALG for stdrng gives random bytes without a seed, and takes one by ALG_SET_KEY, "
    "after which it gives others.",
    needs=NEEDS,
)
def test_a_seed_may_be_given(ns, observe):
    with algorithm_socket("rng", "stdrng") as sock:
        with accepted(sock) as made:
            first = result(made, 32)
        set_key(sock, b"a seed of so many bytes as there are")
        with accepted(sock) as made:
            second = result(made, 32)

    assert observe("sizes_and_differ", [len(first), len(second), first != second]) == [32, 32, True]


@claim(
    "userspace-if/rng/accept-many",
    sentence="userspace-if/rng/accept-many",
    section=SECTION,
    says="accept(2) of one socket of AF_ALG for stdrng may be called several times: each descriptor gives "
    "random bytes, and not the same.",
    needs=NEEDS,
)
def test_several_descriptors_are_accepted(ns, observe):
    with algorithm_socket("rng", "stdrng") as sock, accepted(sock) as first, accepted(sock) as second:
        numbers = [result(first, 32), result(second, 32), result(first, 32)]

        assert observe("sizes_and_distinct", [*map(len, numbers), len({*numbers})]) == [32, 32, 32, 3]


@claim(
    "defacto/AF_ALG/generator-takes-no-data",
    says="To send to a socket of AF_ALG for stdrng that was given no entropy fails with EOPNOTSUPP.",
    since="4.0",
    commit="2f3755381da8",
    needs=NEEDS,
)
def test_nothing_is_sent_to_a_generator(ns, observe):
    with operation("rng", "stdrng") as made:
        with refused(errno.EOPNOTSUPP):
            made.send(b"data")

        assert observe("size", len(result(made, 16))) == 16
