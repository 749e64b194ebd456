"""Values to JSON and back, as SCHEMA.md says; knows nothing of files."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from reports.errors import (
    BadClaimId,
    BadRange,
    MissingField,
    NotAnObject,
    SecondClaim,
    UnknownSchema,
    UnknownVerdict,
    WrongType,
)
from reports.ranges import Range, version
from reports.record import Claim, Expectation, Footer, Header, Record, Value, Verdict

SCHEMA = 1

Json = dict[str, object]
T = TypeVar("T")


def to_json(value: Header | Claim | Expectation | Record | Footer) -> Json:
    """A value as an object that ``json.dumps`` takes; what it makes of it, ``*_from_json`` reads back."""
    match value:
        case Header():
            return _header(value)
        case Claim():
            return _claim(value)
        case Expectation():
            return _expectation(value)
        case Record():
            return _record(value)
        case Footer():
            return {"kind": "footer", "counts": dict(value.counts), "exit_status": value.exit_status}


def _header(header: Header) -> Json:
    return {
        "kind": "header",
        "schema": header.schema,
        "kernel": header.kernel,
        "release": header.release,
        "version": header.version,
        "machine": header.machine,
        "config_digest": header.config_digest,
        "capabilities": list(header.capabilities),
        "suite": header.suite,
        "claims": [_claim(claim) for claim in header.claims],
    }


def _claim(claim: Claim) -> Json:
    return {
        "id": claim.id,
        "says": claim.says,
        "section": claim.section,
        **_range(claim.where),
        "needs": list(claim.needs),
        "expectations": [_expectation(one) for one in claim.expectations],
    }


def _expectation(expectation: Expectation) -> Json:
    return {
        "why": expectation.why,
        **_range(expectation.where),
        "commit": expectation.commit,
        "observed": dict(expectation.observed),
    }


def _record(record: Record) -> Json:
    return {
        "kind": "record",
        "claim": record.claim,
        "verdict": record.verdict.value,
        "expected": record.expected,
        "observations": dict(record.observations),
        "duration": record.duration,
        "detail": record.detail,
        "need": record.need,
    }


def _range(where: Range) -> Json:
    return {"since": where.since, "until": where.until, "backports": list(where.backports)}


def header_from_json(json: object) -> Header:
    """The header in an object; fields that schema 1 does not know are ignored.

    Raises: MissingField, WrongType, UnknownSchema, BadRange, BadClaimId, SecondClaim.
    """
    header = Fields.of(json, "header")
    schema = header.whole("schema")
    if schema != SCHEMA:
        raise UnknownSchema(f"schema {schema} is not known here, only schema {SCHEMA}; use a newer version")
    return Header(
        kernel=header.text("kernel"),
        release=_release(header.text("release")),
        version=header.text("version"),
        machine=header.text("machine"),
        config_digest=header.text_or_null("config_digest"),
        capabilities=header.texts("capabilities"),
        suite=header.text("suite"),
        claims=_distinct(tuple(claim_from_json(one) for one in header.required("claims", list))),
        schema=schema,
    )


def claim_from_json(json: object) -> Claim:
    """The claim in an object.

    Raises: MissingField, WrongType, BadRange, BadClaimId, NotAnObject.
    """
    claim = Fields.of(json, "claim")
    name = _id(claim.text("id"))
    claim = Fields(claim.json, f"claim {name}")
    return Claim(
        id=name,
        says=claim.text("says"),
        section=claim.text("section", ""),
        where=claim.range(),
        needs=claim.texts("needs", ()),
        expectations=tuple(
            expectation_from_json(one, name) for one in claim.optional("expectations", list, [])
        ),
    )


def expectation_from_json(json: object, claim: str = "") -> Expectation:
    """The expectation in an object; ``claim`` is only for the message of an error.

    Raises: MissingField, WrongType, BadRange, NotAnObject.
    """
    expectation = Fields.of(json, f"expectation of {claim}" if claim else "expectation")
    return Expectation(
        why=expectation.text("why"),
        where=expectation.range(),
        commit=expectation.text_or_null("commit"),
        observed=expectation.values("observed"),
    )


def record_from_json(json: object) -> Record:
    """The record in an object.

    Raises: MissingField, WrongType, UnknownVerdict, NotAnObject.
    """
    record = Fields.of(json, "record")
    return Record(
        claim=record.text("claim"),
        verdict=_verdict(record.text("verdict")),
        expected=record.required("expected", bool),
        observations=record.values("observations"),
        duration=record.number("duration", 0.0),
        detail=record.text("detail", ""),
        need=record.text_or_null("need"),
    )


def footer_from_json(json: object) -> Footer:
    """The footer in an object.

    Raises: MissingField, WrongType, UnknownVerdict, NotAnObject.
    """
    footer = Fields.of(json, "footer")
    counts = Fields(footer.required("counts", dict), "counts")
    return Footer(
        counts={_verdict(word).value: counts.whole(word) for word in counts.json},
        exit_status=footer.whole("exit_status"),
    )


def frozen(value: object, name: str = "value") -> Value:
    """A value that was observed, with its lists made tuples so that two runs' values compare equal.

    Raises: WrongType for what no observation can be: a mapping, bytes, a float that is not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongType(f"{name} is {value}, which JSON cannot hold")
    if isinstance(value, (list, tuple)):
        return tuple(frozen(one, name) for one in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise WrongType(f"{name} is {_kind(value)}, not a number, text, boolean, null or list of these")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one JSON object, taken out by type; ``name`` is what messages call the object."""

    json: Mapping[str, object]
    name: str

    @classmethod
    def of(cls, json: object, name: str) -> Fields:
        if not isinstance(json, dict):
            raise NotAnObject(f"the {name} is {_kind(json)}, not an object")
        return cls(json, name)

    def required(self, field: str, kind: type[T]) -> T:
        if field not in self.json:
            raise MissingField(f"the {self.name} has no field {field!r}")
        return self._typed(field, self.json[field], kind)

    def optional(self, field: str, kind: type[T], default: T) -> T:
        return self.required(field, kind) if field in self.json else default

    def whole(self, field: str) -> int:
        return self.required(field, int)

    def number(self, field: str, default: float) -> float:
        found = self.json.get(field, default)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise WrongType(f"field {field!r} of the {self.name} is {_kind(found)}, not a number")
        if abs(found) > sys.float_info.max:
            raise WrongType(f"field {field!r} of the {self.name} is too large a number")
        return float(found)

    def text(self, field: str, default: str | None = None) -> str:
        return self.required(field, str) if default is None else self.optional(field, str, default)

    def text_or_null(self, field: str) -> str | None:
        return None if self.json.get(field) is None else self.required(field, str)

    def texts(self, field: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        if default is not None and field not in self.json:
            return default
        return tuple(self._typed(f"{field}[]", one, str) for one in self.required(field, list))

    def values(self, field: str) -> Mapping[str, Value]:
        values: dict[str, object] = self.optional(field, dict, {})
        return {name: frozen(value, f"{field}[{name}] of the {self.name}") for name, value in values.items()}

    def range(self) -> Range:
        since, until = self.text_or_null("since"), self.text_or_null("until")
        return _ranged(lambda: Range(since, until, self.texts("backports", ())), self.name)

    def _typed(self, field: str, value: object, kind: type[T]) -> T:
        # JSON keeps true and 1 apart, Python's isinstance does not.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise WrongType(f"field {field!r} of the {self.name} is {_kind(value)}, not {_KINDS[kind]}")
        return value


_KINDS: Mapping[type, str] = {
    str: "text",
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def _ranged(make: Callable[[], T], name: str) -> T:
    try:
        return make()
    except ValueError as error:
        raise BadRange(f"the range of the {name}: {error}") from error


def _release(text: str) -> str:
    _ranged(lambda: version(text), "header's release")
    return text


def _verdict(word: str) -> Verdict:
    if word not in Verdict.__members__:
        raise UnknownVerdict(f"{word!r} is no verdict; they are {', '.join(Verdict.__members__)}")
    return Verdict[word]


def _id(text: str) -> str:
    parts = text.split("/")
    if len(parts) != 3 or not all(parts):
        raise BadClaimId(f"{text!r} is no claim id; one is page/topic/slug")
    return text


def _distinct(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise SecondClaim(f"the header lists {claim.id} twice")
        seen.add(claim.id)
    return claims
