"""What the plugin and the fixtures keep about a test while it runs."""

from __future__ import annotations

import pytest

from reports.model import Value

OBSERVATIONS = pytest.StashKey[dict[str, Value]]()
FAILED = pytest.StashKey[bool]()
