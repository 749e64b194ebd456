"""Reading and writing as a stream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsocket import Chain, Reader, Shutdown, Socket, Take, UnexpectedEof, Writer, WriteZero


@pytest.fixture(name="pair")
def _pair() -> Iterator[tuple[Socket, Socket]]:
    left, right = Socket.pair()
    with left, right:
        yield left, right


Pair = tuple[Socket, Socket]


class Full(Writer):
    """A writer that takes a little and then nothing more."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: bytes | bytearray | memoryview) -> int:
        taken = min(self.room, len(data), 3)
        self.room -= taken
        return taken


def sent(sock: Socket, *pieces: bytes) -> None:
    for piece in pieces:
        sock.send(piece)
    sock.shutdown(Shutdown.WRITE)


def test_end_of_stream_is_no_error(pair: Pair) -> None:
    sent(pair[0])

    assert pair[1].read(10) == b""


def test_read_gives_what_there_is(pair: Pair) -> None:
    pair[0].write(b"abc")

    assert pair[1].read(10) == b"abc"


def test_read_to_end_joins_what_arrives(pair: Pair) -> None:
    sent(pair[0], b"ab", b"cd")

    assert pair[1].read_to_end() == b"abcd"


def test_read_to_end_keeps_what_came_before_an_error(pair: Pair) -> None:
    pair[0].send(b"ab")
    pair[1].nonblocking = True
    kept = bytearray(b"> ")
    with pytest.raises(BlockingIOError):
        pair[1].read_to_end(kept)

    assert kept == b"> ab"


def test_read_to_end_gives_only_what_it_read(pair: Pair) -> None:
    sent(pair[0], b"ab")

    assert pair[1].read_to_end(bytearray(b"> ")) == b"ab"


def test_read_to_string_decodes(pair: Pair) -> None:
    sent(pair[0], "größer".encode())

    assert pair[1].read_to_string() == "größer"


def test_read_to_string_refuses_what_is_not_utf_8(pair: Pair) -> None:
    sent(pair[0], b"gr\xf6\xdfer")

    with pytest.raises(UnicodeDecodeError):
        pair[1].read_to_string()


def test_read_exact_waits_for_all(pair: Pair) -> None:
    sent(pair[0], b"ab", b"cde")

    assert (pair[1].read_exact(4), pair[1].read(9)) == (b"abcd", b"e")


def test_read_exact_carries_what_there_was(pair: Pair) -> None:
    sent(pair[0], b"ab")
    with pytest.raises(UnexpectedEof, match="after 2 of 3 bytes") as early:
        pair[1].read_exact(3)

    assert (early.value.partial, early.value.wanted) == (b"ab", 3)


def test_read_exact_of_nothing_needs_no_data(pair: Pair) -> None:
    assert pair[1].read_exact(0) == b""


def test_bytes_come_one_by_one(pair: Pair) -> None:
    sent(pair[0], b"\x00\xff")

    assert list(pair[1].bytes()) == [0, 255]


def test_bytes_that_were_not_asked_for_stay(pair: Pair) -> None:
    sent(pair[0], b"abc")
    first = next(pair[1].bytes())

    assert (first, pair[1].read_to_end()) == (ord("a"), b"bc")


def test_character_in_two_pieces_is_one(pair: Pair) -> None:
    sent(pair[0], b"\xe2\x82", b"\xac5")

    assert list(pair[1].chars()) == ["€", "5"]


def test_bytes_after_a_character_stay(pair: Pair) -> None:
    sent(pair[0], "€5".encode())
    first = next(pair[1].chars())

    assert (first, pair[1].read_to_end()) == ("€", b"5")


def test_character_that_ends_early_is_an_error(pair: Pair) -> None:
    sent(pair[0], b"\xe2\x82")

    with pytest.raises(UnicodeDecodeError):
        list(pair[1].chars())


def test_take_ends_at_its_limit(pair: Pair) -> None:
    sent(pair[0], b"abcdef")
    taken = pair[1].take(4).read_to_end()

    assert (taken, pair[1].read_to_end()) == (b"abcd", b"ef")


def test_take_of_nothing_reads_nothing(pair: Pair) -> None:
    assert pair[1].take(0).read_to_end() == b""


def test_chain_goes_on_with_the_other(pair: Pair) -> None:
    sent(pair[0], b"ab")
    sent(pair[1], b"cd")

    assert pair[1].chain(pair[0]).read_to_end() == b"abcd"


def test_adapters_compose(pair: Pair) -> None:
    sent(pair[0], b"abcdef")
    sent(pair[1], b"-xyz")
    composed = pair[1].take(4).chain(pair[0].take(2)).chain(pair[1].by_ref())

    assert composed.read_to_end() == b"abcd-xef"


def test_exact_read_across_a_chain(pair: Pair) -> None:
    sent(pair[0], b"ab")
    sent(pair[1], b"cd")

    assert pair[1].chain(pair[0]).read_exact(3) == b"abc"


def test_by_ref_is_the_reader_itself(pair: Pair) -> None:
    assert pair[1].by_ref() is pair[1]


def test_write_says_how_much_was_taken(pair: Pair) -> None:
    pair[0].nonblocking = True
    taken = pair[0].write(bytes(10_000_000))

    assert 0 < taken < 10_000_000


def test_write_all_takes_any_buffer(pair: Pair) -> None:
    pair[0].write_all(memoryview(b"abcd").cast("H"))
    pair[0].flush()

    assert pair[1].read_exact(4) == b"abcd"


def test_formatted_text_is_written_whole(pair: Pair) -> None:
    pair[0].write_all(f"{1} and {'zwei'}\n".encode())

    assert pair[1].read_exact(11) == b"1 and zwei\n"


def test_nothing_waits_for_a_flush(pair: Pair) -> None:
    pair[0].write_all(b"ab")
    before = pair[1].read_exact(2)
    pair[0].flush()
    pair[0].close()

    assert (before, pair[1].read_to_end()) == (b"ab", b"")


def test_by_ref_is_the_writer_too(pair: Pair) -> None:
    pair[0].by_ref().write_all(b"ab")

    assert pair[1].read_exact(2) == b"ab"


def test_write_all_gives_up_where_nothing_is_taken() -> None:
    with pytest.raises(WriteZero, match="5 of 9 bytes"):
        Full(room=4).write_all(b"123456789")


def test_write_to_a_peer_that_is_gone_is_a_broken_pipe(pair: Pair) -> None:
    pair[1].close()

    with pytest.raises(BrokenPipeError):
        pair[0].write(b"x")


class Pieces(Reader):
    """A stream that arrives in given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read(self, n: int) -> bytes:
        if not self.pieces:
            return b""
        piece, self.pieces[0] = self.pieces[0][:n], self.pieces[0][n:]
        self.pieces = [left for left in self.pieces if left]
        return piece


PIECES = st.lists(st.binary(max_size=9), max_size=9)


@given(PIECES, st.integers(0, 90))
def test_take_and_rest_make_the_whole(pieces: list[bytes], limit: int) -> None:
    stream = Pieces(pieces)
    taken, rest = Take(stream, limit).read_to_end(), stream.read_to_end()

    assert (taken, taken + rest) == (b"".join(pieces)[:limit], b"".join(pieces))


@given(PIECES, PIECES)
def test_chain_is_concatenation(first: list[bytes], second: list[bytes]) -> None:
    assert Chain(Pieces(first), Pieces(second)).read_to_end() == b"".join(first + second)


@given(st.text(), st.integers(1, 4))
def test_chars_are_the_text_however_it_is_cut(text: str, size: int) -> None:
    data = text.encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert "".join(Pieces(pieces).chars()) == text


@pytest.mark.parametrize("n", [-1, -(2**40)])
def test_number_of_bytes_is_not_negative(pair: Pair, n: int) -> None:
    pair[0].send(b"ab")
    reads = (
        pair[1].read,
        pair[1].read_exact,
        pair[1].take,
        pair[1].take(1).read,
        pair[1].take(0).read,
        pair[1].chain(pair[1]).read,
        Chain().read,
    )
    for read in reads:
        with pytest.raises(ValueError, match="negative"):
            read(n)

    assert pair[1].read(9) == b"ab"
