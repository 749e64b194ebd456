"""Coverage as a file: an SQLite database, which answers at once which claims reach a line.

    SELECT claim FROM reaching WHERE file = 'net/core/sock.c' AND line = 1234

Most lines share their claims with others, so each set of claims is there once, as the JSON of their numbers.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from os.path import exists
from pathlib import Path
from typing import Final

from reports.coverage.model import Coverage, File, Function, Line
from reports.errors import CannotWrite, FileError

REACHED: Final = Path("build/coverage/reached.sqlite")
"""Where it is, unless another place is named."""
_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE about (kernel TEXT NOT NULL);
CREATE TABLE claim (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE file (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, deflated BLOB NOT NULL);
CREATE TABLE function (
    file INTEGER NOT NULL, name TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    count INTEGER NOT NULL
);
CREATE TABLE claims (number INTEGER PRIMARY KEY, list TEXT NOT NULL);
CREATE TABLE line (
    file INTEGER NOT NULL, line INTEGER NOT NULL, count INTEGER NOT NULL, branches TEXT NOT NULL,
    claims INTEGER NOT NULL, PRIMARY KEY (file, line)
) WITHOUT ROWID;
CREATE VIEW reaching AS
    SELECT file.path AS file, line.line AS line, claim.id AS claim
    FROM file JOIN line ON line.file = file.number JOIN claims ON claims.number = line.claims
    JOIN json_each(claims.list) JOIN claim ON claim.number = json_each.value;
"""


def write(coverage: Coverage, path: Path) -> None:
    """Write a database, whole or not at all. Raises: CannotWrite."""
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(part)) as database, database:
                _fill(database, coverage)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(path, error) from error
    except sqlite3.Error as error:
        raise CannotWrite(path, ValueError(str(error))) from error


def _fill(database: sqlite3.Connection, coverage: Coverage) -> None:
    database.executescript(f"PRAGMA user_version = {_VERSION};{_SCHEMA}")
    database.execute("INSERT INTO about VALUES (?)", [coverage.kernel])
    database.executemany("INSERT INTO claim VALUES (?, ?)", enumerate(coverage.claims))
    sets: dict[int, int] = {}
    for number, file in enumerate(coverage.files):
        database.execute(
            "INSERT INTO file VALUES (?, ?, ?)", [number, file.path, zlib.compress(file.text.encode())]
        )
        database.executemany(
            "INSERT INTO function VALUES (?, ?, ?, ?, ?)",
            [(number, one.name, one.first, one.last, one.count) for one in file.functions],
        )
        database.executemany(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?)",
            [
                (
                    number,
                    line.number,
                    line.count,
                    json.dumps(line.branches),
                    sets.setdefault(line.claims, len(sets)),
                )
                for line in file.lines
            ],
        )
    database.executemany(
        "INSERT INTO claims VALUES (?, ?)",
        [(number, json.dumps(list(_numbers(claims)))) for claims, number in sets.items()],
    )


def read(path: Path) -> Coverage:
    """All of a database. Raises: FileError."""
    with _opened(path) as database:
        sets = {number: _bits(json.loads(text)) for number, text in database.execute("SELECT * FROM claims")}
        kernel = database.execute("SELECT kernel FROM about").fetchone()[0]
        claims = [one for (one,) in database.execute("SELECT id FROM claim ORDER BY number")]
        files = [
            File(
                place,
                zlib.decompress(text).decode(errors="replace"),
                [
                    Function(*row)
                    for row in database.execute(
                        "SELECT name, first, last, count FROM function WHERE file = ? ORDER BY first",
                        [number],
                    )
                ],
                [
                    Line(line, count, tuple(json.loads(branches)), sets[set_of])
                    for line, count, branches, set_of in database.execute(
                        "SELECT line, count, branches, claims FROM line WHERE file = ? ORDER BY line",
                        [number],
                    )
                ],
            )
            for number, place, text in database.execute("SELECT * FROM file ORDER BY path").fetchall()
        ]
    return Coverage(kernel, claims, files)


def reaching(path: Path, file: str, line: int) -> list[str] | None:
    """The claims that reach a line; None where there is nothing to reach. Raises: FileError."""
    with _opened(path) as database:
        known = "SELECT 1 FROM line JOIN file ON file.number = line.file WHERE path = ? AND line = ?"
        if database.execute(known, [file, line]).fetchone() is None:
            return None
        found = database.execute(
            "SELECT claim FROM reaching WHERE file = ? AND line = ? ORDER BY claim", [file, line]
        )
        return [claim for (claim,) in found]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A database to read. Raises: FileError, for whatever is wrong with it."""
    if not exists(path):
        raise FileError("there is no coverage; 'make kernel-coverage' makes it", path)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                raise FileError(f"this is no coverage of version {_VERSION}; make it anew", path)
            yield database
    except (sqlite3.Error, ValueError, TypeError, zlib.error) as error:
        raise FileError(f"this is not the coverage of a kernel: {error}", path) from error


def _numbers(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _bits(numbers: list[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits
