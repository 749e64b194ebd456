"""All claims, as the suite that was collected last states them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from reports import decoding
from reports.errors import FileError
from reports.model import SCHEMA, Claim, other_schema
from reports.reading import contents


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Claims in the order of the suite, no id twice."""

    suite: str = ""
    suite_digest: str = ""
    claims: tuple[Claim, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Claim]:
        return {claim.id: claim for claim in self.claims}

    def claim(self, name: str) -> Claim:
        """The claim of that id; for one that left the suite, its id alone."""
        return self.by_id.get(name) or Claim(name, "")

    @classmethod
    def of(cls, claims: Iterable[Claim]) -> Catalogue:
        return cls(claims=tuple(claims))

    def encode(self) -> str:
        """As JSON, a line for each claim."""
        fields = {"schema": SCHEMA, "suite": self.suite, "suite_digest": self.suite_digest}
        head = msgspec.json.encode(fields).decode().rstrip("}")
        lines = ",\n".join(msgspec.json.encode(claim).decode() for claim in self.claims)
        return f'{head},"claims":[\n{lines}\n]}}\n'


class CatalogueFile(msgspec.Struct):
    """What ``pytest conformance --catalogue`` writes."""

    schema: int
    claims: tuple[Claim, ...]
    suite: str = ""
    """The suite's version."""
    suite_digest: str = ""
    """The suite's files in short."""

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(other_schema(self.schema))


_decoder: Final[msgspec.json.Decoder[CatalogueFile]] = msgspec.json.Decoder(CatalogueFile)


def read_catalogue(path: str | os.PathLike[str]) -> Catalogue:
    """The catalogue in a file. Raises: FileError."""
    path = Path(path)
    data = contents(path, "the catalogue")
    try:
        file = decoding.decode(_decoder, data)
    except FileError as error:
        raise FileError(f"this is not a catalogue: {error.cause}", path) from error
    catalogue = Catalogue(suite=file.suite, suite_digest=file.suite_digest, claims=file.claims)
    if len(catalogue.by_id) < len(catalogue.claims):
        raise FileError("the catalogue lists a claim twice", path)
    return catalogue


def joined(catalogues: Iterable[Catalogue]) -> Catalogue:
    """Several as one, the newest first: its texts count, and what only older ones hold is kept."""
    claims: dict[str, Claim] = {}
    for catalogue in catalogues:
        for claim in catalogue.claims:
            claims.setdefault(claim.id, claim)
    return Catalogue.of(claims.values())
