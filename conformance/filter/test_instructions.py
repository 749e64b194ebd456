"""The instructions of classic BPF programs, by the number of bytes to which a UNIX datagram is cut."""

from __future__ import annotations

from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.filters import Step, accumulated, program, returned
from libsocket import Socket

SECTION: Final = "BPF engine and instruction set"
DATA: Final = bytes([0, 0, 0, 7, 0, 9, 11, 0x45, 0, 0, 0, 13]).ljust(100, b"\0")
"""7 as a word, 9 as a half-word, 11 as a byte, one with a lower nibble of 5, and 13 as a word."""
LAST: Final = 0xFFFF_FFFF
FIRST, SECOND = 1, 2
BY = pytest.mark.parametrize("by", ["#k", "x"])


def operate(name: str, accumulator: int, operand: int, by: str, if_false: int = 0) -> list[Step]:
    """An instruction, whose operand is in itself or in X, with A loaded before: the other of them is 0.

    Of a jump, how many it skips if false.
    """
    k, x = (operand, 0) if by == "#k" else (0, operand)
    return [("ld #k", accumulator), ("ldx #k", x), (f"{name} {by}", k, 0, if_false)]


def target(name: str, accumulator: int, operand: int, by: str) -> int:
    """The target of a jump whose first is the next instruction, and whose second the one after it."""
    return returned(*operate(name, accumulator, operand, by, 1), ("ret #k", FIRST), ("ret #k", SECOND))


LOADS: Final[dict[str, tuple[list[Step], int]]] = {
    "ld": ([("ld [k]", 0)], 7),
    "ldh": ([("ldh [k]", 4)], 9),
    "ldb": ([("ldb [k]", 6)], 11),
    "ld-indexed": ([("ldx #k", 3), ("ld [x+k]", 5)], 13),
    "ldh-indexed": ([("ldx #k", 1), ("ldh [x+k]", 3)], 9),
    "ldb-indexed": ([("ldx #k", 2), ("ldb [x+k]", 4)], 11),
    "ldi": ([("ld #k", 17)], 17),
    "ldxi": ([("ldx #k", 19), ("txa",)], 19),
    "ldxb": ([("ldx 4*([k]&0xf)", 7), ("txa",)], 20),
}


@claim(
    "filter/instructions/loads",
    sentence=("filter/instructions/loads", "filter/instructions/addresses"),
    section=SECTION,
    says="The instructions ld, ldh and ldb load the word, half-word or byte, in network byte order, that is "
    "at an offset in a UNIX datagram, which X is added to if so said, into A; ldi and ldxi a number into A "
    "and X, and ldxb four times the lower nibble of a byte into X.",
)
@pytest.mark.parametrize(("steps", "value"), LOADS.values(), ids=LOADS)
def test_loads(observe, steps, value):
    assert observe("value", accumulated(*steps, data=DATA)) == value


@claim(
    "filter/instructions/memory",
    sentence=("filter/engine/memory", "filter/instructions/stores", "filter/instructions/loads"),
    section=SECTION,
    says="The instructions st and stx store A and X in the first and the last of 16 words, from which ld and "
    "ldx load them again into A and X; a program that stores in a 17th is refused.",
)
def test_there_are_16_words(observe):
    loaded = [
        accumulated(("ld #k", 21), ("st M[k]", 0), ("ld #k", 22), ("st M[k]", 15), ("ld M[k]", 0)),
        accumulated(("ldx #k", 23), ("stx M[k]", 15), ("ldx #k", 24), ("ldx M[k]", 15), ("txa",)),
    ]
    with Socket.udp() as sock, refused():
        sock.attach_filter = program(("ld #k", 21), ("st M[k]", 16), ("ret a",))

    assert observe("loaded", loaded) == [21, 23]


JUMPS: Final[dict[str, dict[tuple[int, int], int]]] = {
    "jeq": {(5, 4): SECOND, (5, 5): FIRST, (5, 6): SECOND},
    "jgt": {(5, 4): FIRST, (5, 5): SECOND, (LAST, 1): FIRST, (1, LAST): SECOND},
    "jge": {(5, 5): FIRST, (5, 6): SECOND, (LAST, 1): FIRST, (1, LAST): SECOND},
    "jset": {(6, 1): SECOND, (6, 2): FIRST, (6, 5): FIRST},
}
"""The targets by what A and the operand are."""


@claim(
    "filter/instructions/jumps",
    sentence=("filter/instructions/conditional-jumps", "filter/structure/jumps"),
    section=SECTION,
    says="The instructions jeq, jgt, jge and jset go to the first target where A is equal to, greater than, "
    "at least, or has a bit of the number that they have, or of X, and else to the second. Numbers have no "
    "sign.",
)
@BY
@pytest.mark.parametrize(("name", "cases"), JUMPS.items(), ids=JUMPS)
def test_jumps(observe, name, cases, by):
    targets = [target(name, accumulator, operand, by) for accumulator, operand in cases]

    assert observe("targets", targets) == list(cases.values())


@claim(
    "filter/instructions/jump",
    sentence="filter/instructions/jump",
    section=SECTION,
    says="The instruction ja goes to its target.",
)
def test_a_jump(observe):
    assert observe("returned", returned(("ja k", 1), ("ret #k", 1), ("ret #k", 2), ("ret #k", 3))) == 2


ARITHMETIC: Final = {
    "add": (7, 5, 12),
    "sub": (7, 5, 2),
    "mul": (7, 5, 35),
    "div": (17, 5, 3),
    "mod": (17, 5, 2),
    "and": (6, 3, 2),
    "or": (6, 3, 7),
    "xor": (6, 3, 5),
    "lsh": (3, 2, 12),
    "rsh": (13, 2, 3),
}


@claim(
    "filter/instructions/arithmetic",
    sentence="filter/instructions/arithmetic",
    section=SECTION,
    says="The instructions add, sub, mul, div, mod, and, or, xor, lsh and rsh do with A and a number or X "
    "what they are called.",
)
@BY
@pytest.mark.parametrize(("name", "numbers"), ARITHMETIC.items(), ids=ARITHMETIC)
def test_arithmetic(observe, name, numbers, by):
    accumulator, operand, result = numbers

    assert observe("result", accumulated(*operate(name, accumulator, operand, by))) == result


WRAPPED: Final = {
    "add": (LAST, 7, 6),
    "sub": (4, LAST - 1, 6),
    "mul": (0x8000_0001, 2, 2),
    "lsh": (0x8000_0001, 1, 2),
    "div": (LAST, 0x0200_0000, 127),
    "rsh": (LAST, 26, 63),
}


@claim(
    "filter/engine/32-bits",
    sentence=("filter/engine/accumulator", "filter/engine/x"),
    section=SECTION,
    says="A and X have 32 bits: what an add, sub, mul or lsh has beyond is lost, and for div and rsh the "
    "highest of them is no sign.",
)
@BY
@pytest.mark.parametrize(("name", "numbers"), WRAPPED.items(), ids=WRAPPED)
def test_numbers_have_32_bits(observe, name, numbers, by):
    accumulator, operand, result = numbers
    halved = accumulated(*operate(name, accumulator, operand, by), ("rsh #k", 1))  # a 33rd bit would show

    assert observe("halved", halved) == result // 2


@claim(
    "filter/instructions/neg",
    sentence="filter/instructions/neg",
    section=SECTION,
    says="The instruction neg makes an A of 0 to 1, and one of 5 to 0.",
    expect=differs(
        "it makes A its negative; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"10_more": [10, 5]},
    ),
)
def test_neg(observe):
    results = [accumulated(("ld #k", number), ("neg",), ("add #k", 10)) for number in (0, 5)]

    assert observe("10_more", results) == [11, 10]


@claim(
    "filter/instructions/copies",
    sentence="filter/instructions/copies",
    section=SECTION,
    says="The instruction tax copies A into X, and txa X into A.",
)
@pytest.mark.parametrize(
    ("steps", "value"),
    [
        ([("ld #k", 31), ("ldx #k", 2), ("tax",), ("ld #k", 1), ("add x",)], 32),
        ([("ldx #k", 33), ("ld #k", 2), ("txa",)], 33),
    ],
    ids=["tax", "txa"],
)
def test_copies(observe, steps, value):
    assert observe("value", accumulated(*steps)) == value


@claim(
    "filter/instructions/ret",
    sentence="filter/instructions/ret",
    section=SECTION,
    says="The instruction ret ends a program, and returns a number or A: a UNIX datagram is cut to so many "
    "bytes.",
)
@pytest.mark.parametrize(("step", "value"), [(("ret #k", 41), 41), (("ret a",), 42)], ids=["number", "a"])
def test_ret(observe, step, value):
    assert observe("returned", returned(("ld #k", 42), step, ("ret #k", 43))) == value
