"""Whatever files and arguments a command is given, it ends well or says why in one sentence."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.plugin import inventory
from conformance.plugin.expectations import FOLDER, overlays
from conformance.plugin.tables.row import RowError
from conformance.plugin.tables.table import read
from reports.catalogue import Catalogue
from reports.cli.draw import DRAWN
from reports.cli.main import main as reports
from reports.command import Main
from reports.errors import FileError
from reports.model import Claim, Expectation
from reports.ranges import Range
from reports.reading import LARGEST
from tests.harm.test_streams import streams, written
from tests.reports import sample
from tools import probes, uapi

ROOT = Path(__file__).parents[2]
RUN = ROOT / "results" / "runs" / "uml-6.1.jsonl"
TABLES = sorted((ROOT / "conformance").glob("*7/*.toml"))
GVISOR = ROOT / "results" / "runs" / "gvisor-2024.jsonl"

STATUSES = {0, 1, 65, 73}
"""Of what is in files; wrong usage is 2."""
MEMORY = 512 << 20

Json = Any
Check = Callable[[bytes], None]
"""Tries a command with a file's bytes."""

TEXTS = (
    *("\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\u202e", "\r", "\n", "\x00", "\x7f", "\u2028", "\t"),
    *("*/ ??/ /*", "</script><u>", "..", "-", "'''", '"', "\\", "<!-- -->", "|`[a](b)", "", "x" * 9000),
)
hostile = st.sampled_from(TEXTS) | st.text(max_size=5)
leaves = (
    hostile
    | st.sampled_from([None, True, -1, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf")])
    | st.sampled_from([16, 900, 5000]).map(lambda depth: Nested("[" * depth + "]" * depth))
    | st.sampled_from([[], {}, [[]], {"": 1}, {"\x1b": "\x1b"}])
)


class Nested(str):
    """JSON that json.dumps cannot write."""


def dumped(value: Json) -> bytes:
    """Like json.dumps, which also writes NaN."""
    if isinstance(value, Nested):
        return value.encode()
    if isinstance(value, dict):
        return b"{" + b",".join(dumped(key) + b":" + dumped(one) for key, one in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(dumped, value)) + b"]"
    return json.dumps(value).encode()


FIXED = {"kind", "verdict", "also", "name", "errno", "namespace", "hosts"}
"""Fields whose texts are listed or have a pattern."""


def with_text(value: Json, text: str) -> Json:
    """A value with some text at the end of all text in it."""
    fixed = FIXED | ({"id", "claim"} if any(map(str.isspace, text)) else set())
    match value:
        case str():
            return value + text
        case list():
            return [with_text(one, text) for one in value]
        case {"kind": _} | {"id": _}:
            return {key: one if key in fixed else with_text(one, text) for key, one in value.items()}
        case dict():
            names = {"observations", "observed"} & value.keys()
            kept = {key: with_text(one, text) for key, one in value.items()}
            return kept | {key: {f"{name}{text}": one for name, one in kept[key].items()} for key in names}
    return value


@st.composite
def mutated(draw: st.DrawFn, value: Json) -> Json:
    """A value with one of its parts replaced, left out or spoilt, at any depth."""
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    keys = list(range(len(value))) if isinstance(value, list) else keys
    if not keys or draw(st.integers(0, 9)) == 0:
        if isinstance(value, str) and draw(st.booleans()):
            place = draw(st.integers(0, len(value)))
            return value[:place] + draw(hostile) + value[place:]
        return draw(leaves)
    key, copy = draw(st.sampled_from(keys)), value.copy()
    match draw(st.integers(0, 9)):
        case 0:
            del copy[key]
        case 1 if isinstance(copy, dict):
            copy[draw(hostile)] = copy.pop(key)
        case _:
            copy[key] = draw(mutated(value[key]))
    return copy


@st.composite
def spoilt(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes that were cut, changed, doubled or encoded otherwise."""
    place, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
    return draw(
        st.sampled_from(
            [
                *(data[:place], data[place:], data[:place] + data[end:], data[:end] + data[place:]),
                *(b"", b"\xef\xbb\xbf" + data, gzip.compress(data), data.replace(b"\n", b"\r\n")),
                *(data.decode().encode("utf-16"), data.decode().encode("latin-1", "replace")),
                *(data[:place] + byte + data[end:] for byte in (b"\x00", b"\xff", b"\xed\xa0\x80", b"\x1b")),
                data[:place] + b'"\\ud800"' + data[end:],
            ]
        )
    )


@st.composite
def lines(draw: st.DrawFn, values: Sequence[Json]) -> bytes:
    """A file of JSON lines, some of which are spoilt."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(values) - 1))
        values = [*values[:place], draw(mutated(values[place])), *values[place + 1 :]]
    return b"".join(dumped(value) + b"\n" for value in values)


def tried(tries: int, data: st.SearchStrategy[bytes], check: Check) -> None:
    settings(max_examples=tries)(given(data)(check))()


def ended(main: Main, *arguments: object, wide: bool = True) -> str:
    """What a command printed, after it was seen to end as it should."""
    out, err = streams("utf-8" if wide else "ascii")
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(one) for one in arguments])
    printed, said = written(out), written(err)
    assert status in STATUSES
    assert plain(said)
    assert len(said.splitlines()) == 1 or status in {0, 1}
    return printed


def plain(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def some(path: Path) -> list[Json]:
    """A run of a few answers."""
    head, *answers, footer = map(json.loads, path.read_text().splitlines())
    few = answers[:: len(answers) // 6]
    return [head, *few, {**footer, "answers": len(few)}]


def listing(run: Sequence[Json]) -> bytes:
    """A catalogue of a run's claims, in which every field is used."""
    elsewhere = Expectation("not there", observed={"errno": "EPERM"}, implementation="gVisor", source="a.go")
    claims = [
        Claim(
            one["claim"],
            "It is so.",
            document="page(7)",
            section="Section",
            sentences=("bind.2/bind/assigns",),
            range=Range("5.0", "9.0", ("4.9.5",)),
            commit="1da177e4c3f4",
            needs=("CAP_NET_ADMIN",),
            expectations=(Expectation("not so", Range("6.0"), "1da177e4c3f4", {"a": 1}), elsewhere),
        )
        for one in run
        if one["kind"] == "answer"
    ]
    return Catalogue.of(claims).encode().encode()


TRANSCRIPT = [
    {
        "kind": "test",
        "schema": 2,
        "claim": "a.7/b/c",
        "test": "test_a[1]",
        "release": "6.1",
        "hosts": ["host"],
    },
    {"kind": "call", "name": "socket", "arguments": ["AF_INET", "SOCK_STREAM", "0"], "result": 3},
    {"kind": "call", "name": "setsockopt", "result": -1, "errno": "EPERM", "namespace": "host"}
    | {"arguments": ["3", "SOL_SOCKET", "SO_MARK", "[7]", "4"]},
    {"kind": "call", "name": "sendto", "arguments": ["3", '"a\\x1b"', "2", "0", "NULL", "0"], "result": 2},
]
KINDS = [
    ("show",),
    *((kind,) for kind in DRAWN),
    ("kcidb",),
    ("against", str(RUN.parent)),
    ("diff", str(RUN)),
    ("diff", "--json", str(RUN)),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(Path(word).name for word in kind))
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:9]))
def test_no_text_of_a_file_steers_a_terminal(kind: tuple[str, ...], text: str, tmp_path: Path) -> None:
    run, file, catalogue = some(GVISOR), tmp_path / "run.jsonl", tmp_path / "catalogue.json"
    file.write_bytes(b"".join(dumped(with_text(one, text)) + b"\n" for one in run))
    catalogue.write_bytes(dumped(with_text(json.loads(listing(run)), text)))

    printed = ended(reports, *kind, file, "--catalogue", catalogue)

    assert (plain(printed), kind[0] == "html" and "<u>" in printed) == (True, False)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:9]))
def test_no_text_of_a_transcript_becomes_a_statement(text: str, tmp_path: Path) -> None:
    file, catalogue = tmp_path / "transcript.jsonl", tmp_path / "catalogue.json"
    file.write_bytes(b"".join(dumped(with_text(one, text)) + b"\n" for one in TRANSCRIPT))
    catalogue.write_text(sample.CATALOGUE.encode())

    program = ended(reports, "reproduce", file, "--catalogue", catalogue)

    assert plain(program.replace("\t", ""))
    assert "*/" not in re.sub(r'"(?:\\.|[^"\\])*"|/\*.*?\*/', "", program, flags=re.DOTALL)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(Path(word).name for word in kind))
@pytest.mark.parametrize("path", [RUN, GVISOR], ids=["linux", "gvisor"])
def test_run_files(kind: tuple[str, ...], path: Path, tries: int, tmp_path: Path) -> None:
    run, file, catalogue = some(path), tmp_path / "run.jsonl", tmp_path / "catalogue.json"
    catalogue.write_bytes(listing(run))
    whole = b"".join(dumped(one) + b"\n" for one in run)

    def check(data: bytes) -> None:
        file.write_bytes(data)
        assert plain(ended(reports, *kind, file, "--catalogue", catalogue, wide=len(data) % 2 == 0))

    tried(tries, lines(run) | spoilt(whole), check)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(Path(word).name for word in kind))
def test_catalogues(kind: tuple[str, ...], tries: int, tmp_path: Path) -> None:
    run, file = tmp_path / "run.jsonl", tmp_path / "catalogue.json"
    values = some(GVISOR)
    run.write_bytes(b"".join(dumped(one) + b"\n" for one in values))
    whole = listing(values)

    def check(data: bytes) -> None:
        file.write_bytes(data)
        assert plain(ended(reports, *kind, run, "--catalogue", file, wide=len(data) % 2 == 0))

    tried(tries, mutated(json.loads(whole)).map(dumped) | spoilt(whole), check)


def test_transcripts(tries: int, tmp_path: Path) -> None:
    file, catalogue = tmp_path / "transcript.jsonl", tmp_path / "catalogue.json"
    catalogue.write_text(sample.CATALOGUE.encode())
    whole = b"".join(dumped(one) + b"\n" for one in TRANSCRIPT)

    def check(data: bytes) -> None:
        file.write_bytes(data)
        program = ended(reports, "reproduce", file, "--catalogue", catalogue)
        assert plain(program.replace("\t", ""))

    tried(tries, lines(TRANSCRIPT) | spoilt(whole), check)


@pytest.mark.parametrize("name", ["site", "runs"])
def test_stored_runs(name: str, tries: int, tmp_path: Path) -> None:
    """Nothing is written outside the folder that was named."""
    run, file, catalogue = some(RUN), tmp_path / "run.jsonl", tmp_path / "catalogue.json"
    catalogue.write_bytes(listing(run))

    def check(data: bytes) -> None:
        file.write_bytes(data)
        ended(reports, "store", file, "-o", tmp_path / "stored" / name)
        assert {path.name for path in tmp_path.iterdir()} <= {"run.jsonl", "catalogue.json", "stored"}
        assert {path.name for path in (tmp_path / "stored").glob("*")} <= {name}

    tried(tries, lines(run), check)


def test_inventories(tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (inventory.FOLDER / "bind.2.toml").read_bytes()
    monkeypatch.setattr(inventory, "FOLDER", tmp_path)
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_bytes(listing(some(RUN)))

    def check(data: bytes) -> None:
        (tmp_path / "bind.2.toml").write_bytes(data)
        assert plain(ended(inventory.main, "bind.2", "--catalogue", catalogue, "--man", tmp_path))

    tried(tries, rows(whole), check)


def rows(whole: bytes) -> st.SearchStrategy[bytes]:
    """TOML in which a word is another, or bytes are spoilt."""
    escaped = st.sampled_from([json.dumps(text)[1:-1].encode() for text in TEXTS])
    words = st.sampled_from(re.findall(rb"[\w.-]+|\[\[|\]\]|[\"'=]", whole))
    return st.tuples(words, escaped).map(lambda two: whole.replace(*two)) | spoilt(whole)


def test_tables(tries: int, tmp_path: Path) -> None:
    whole = b"\n[[".join(min(TABLES, key=lambda path: path.stat().st_size).read_bytes().split(b"\n[[")[:2])
    file = tmp_path / "rows.toml"

    def check(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(FileError, ValueError, RowError):
            read(file)

    tried(tries, rows(whole), check)


def test_overlays(tries: int, tmp_path: Path) -> None:
    whole = (FOLDER / "gvisor.toml").read_bytes()[:1000].rpartition(b"\n[")[0]

    def check(data: bytes) -> None:
        (tmp_path / "other.toml").write_bytes(data)
        overlays.cache_clear()
        said: list[str] = []
        try:
            overlays(tmp_path)
        except ValueError as error:
            said.append(str(error))
        assert all(map(str.isprintable, said))

    tried(tries, rows(whole), check)


@pytest.mark.parametrize(
    "packed",
    [b"", b"plain", gzip.compress(b"page")[:-4], gzip.compress(bytes(1 << 28), 1)],
    ids=["empty", "plain", "cut", "bomb"],
)
def test_packed_pages(packed: bytes, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_bytes(listing(some(RUN)))
    (tmp_path / "man2").mkdir()
    (tmp_path / "man2" / "bind.2.gz").write_bytes(packed)

    ended(inventory.main, "bind.2", "--catalogue", catalogue, "--man", tmp_path)


def test_printed_probes(tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"get": True, "set": {"refused": "EPERM"}, "known": True}
    printed = {"release": "6.1.0", "version": "#1", "machine": "x86_64", "kinds": {"udp": {"SO_MARK": given}}}
    monkeypatch.setattr(probes, "KEPT", tmp_path / "probes")

    def check(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        for kernel in ("host", "6.1", "../../x"):
            ended(probes.main, kernel)
        assert [path.name for path in tmp_path.iterdir()] in ([], ["probes"])

    tried(tries, mutated(printed).map(dumped) | spoilt(dumped(printed)), check)


def test_headers(tries: int, tmp_path: Path) -> None:
    include = Path("/usr/include/linux")
    if not include.is_dir():
        pytest.skip("there are no headers of the kernel")
    (tmp_path / "linux").mkdir()
    whole = (include / "version.h").read_bytes()

    def check(data: bytes) -> None:
        (tmp_path / "linux" / "version.h").write_bytes(data)
        ended(uapi.main, tmp_path)

    tried(tries, spoilt(whole), check)


@pytest.mark.parametrize("main", [reports, inventory.main, probes.main, uapi.main])
def test_arguments(main: Main, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = st.sampled_from(
        [
            *("show", "html", "against", "store", "schema", "run", "diff", "explain", "merge", "kcidb"),
            *("-o", "--catalogue", "--man", "--json", "--runs", "--origin"),
        ]
    )
    strange = st.text(
        st.characters(exclude_characters="\0/", categories=["Cc", "L", "P"]), max_size=9
    ) | st.sampled_from(["", "-", "--", "\udcff\udc9b", ".", "x" * 300, "/dev/full", "/dev/zero", "-hh"])

    def check(arguments: list[str]) -> None:
        out, err = streams("utf-8")
        monkeypatch.setattr(sys, "stdin", io.StringIO("{}"))
        with redirect_stdout(out), redirect_stderr(err):
            status = main(arguments)
        assert status in {*STATUSES, 2}
        assert plain(written(err))

    settings(max_examples=tries)(given(st.lists(words | strange, max_size=4))(check))()


def strange_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files that are none, or have no end."""
    yield "absent", folder / "absent"
    yield "folder", folder
    yield "below a file", RUN / "x"
    yield "long name", folder / ("x" * 300)
    yield "zero", Path("/dev/zero")
    for name, made in (("pipe", os.mkfifo), ("loop", lambda path: Path(path).symlink_to(path))):
        made(folder / name)
        yield name, folder / name
    for name, data in (("empty", b""), ("line", b" "), ("lists", b"[]," * 100)):
        with (folder / name).open("wb") as file:
            file.write(data)
            file.truncate(200 << 20 if name == "line" else None)
        yield name, folder / name


@pytest.mark.parametrize("kind", ["run", "catalogue", "transcript", "document", "output"])
def test_files_that_are_none(kind: str, tmp_path: Path) -> None:
    """The first wait for ever, or take all memory, where a file is read as it comes."""
    run = sample.write(tmp_path / "run.jsonl", sample.OLD)
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(sample.CATALOGUE.encode())
    (tmp_path / "files").mkdir()
    files = dict(strange_files(tmp_path / "files"))
    if kind == "output":
        files = {name: files[name] for name in ("folder", "below a file", "long name", "loop")}
    for path in files.values():
        command = {
            "run": ["show", path, "--catalogue", catalogue],
            "catalogue": ["show", run, "--catalogue", path],
            "transcript": ["reproduce", path, "--catalogue", catalogue],
            "document": ["table", run, "--catalogue", catalogue, "-o", path, "--between", "kernels"],
            "output": ["table", run, "--catalogue", catalogue, "-o", path],
        }[kind]
        assert ended(reports, *command) == ""


def test_memory_is_bounded(tries: int, tmp_path: Path) -> None:
    """A file that is too large, and one that is not and holds what takes most memory: lists of nothing."""
    file, room = tmp_path / "run.jsonl", min(LARGEST, LARGEST // 100 * tries)
    answer = b'{"kind":"answer","claim":"a/b/c","verdict":"HOLDS","observations":{"a":['
    largest = dumped(some(RUN)[0]) + b"\n" + answer + b"[]," * ((room - 4000) // 3) + b"1]}}\n"
    done = []
    for length in (len(largest), 200 << 20):
        file.write_bytes(largest)
        os.truncate(file, length)
        done.append(
            subprocess.run(
                [sys.executable, "-m", "reports", "table", file],
                cwd=ROOT,
                capture_output=True,
                text=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
                check=False,
            )
        )

    assert [(one.returncode, "Traceback" in one.stderr) for one in done] == [(0, False), (65, False)]
    assert "more than 16 MiB" in done[1].stderr
