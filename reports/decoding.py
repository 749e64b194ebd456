"""JSON that a stranger may have written, as values."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from reports.errors import FileError
from reports.model import SCHEMA, other_schema

T = TypeVar("T")

_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _AnySchema(msgspec.Struct):
    schema: int


def decode(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """The value in some bytes. Raises: a FileError that names no file yet.

    What has another schema need not have our fields, so the schema is the cause that is named.
    """
    try:
        return decoder.decode(data)
    except _MALFORMED as error:
        schema = _schema(data)
        raise FileError(str(error) if schema == SCHEMA else other_schema(schema)) from error


def is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except _MALFORMED:
        return False
    return True


def _schema(data: bytes) -> int:
    """The schema that is named there; ours where none is."""
    try:
        return msgspec.json.decode(data, type=_AnySchema).schema
    except _MALFORMED:
        return SCHEMA
