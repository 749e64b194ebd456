"""Values as JSON that cannot steer a terminal: whatever is not plain ASCII is an escape."""

from __future__ import annotations

import json

import msgspec


def plain_json(value: object) -> str:
    """With a newline at its end."""
    return json.dumps(msgspec.to_builtins(value), indent=1) + "\n"
