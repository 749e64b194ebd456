"""What the library's docstrings say of claims: ``libsocket/claims.json``.

The library knows nothing of the suite, so this is generated data that it carries, as it carries its numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reports.ranges import version
from reports.record import Run
from tools.claims import Told, by_option


def docstrings(runs: Sequence[Run]) -> str:
    """The file: JSON with a line for each claim and each option that has any."""
    index = by_option(runs)
    claims = {told.claim.id: _sentence(told) for found in index.values() for told in found}
    options = {constant: [told.claim.id for told in found] for constant, found in index.items()}
    newest = ".".join(map(str, version(runs[-1].header.base)))
    parts = (f'"kernel": {json.dumps(newest)}', _object("claims", claims), _object("options", options))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _sentence(told: Told) -> str:
    instead = f" Instead: {told.instead}." if told.instead else ""
    return f"{told.verdict}: {told.claim.says}{instead}"


def _object(name: str, members: Mapping[str, object]) -> str:
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in members.items())
    return f"{json.dumps(name)}: {{\n{lines}\n}}"
