"""What the plugin and the fixtures keep about a test while it runs."""

from __future__ import annotations

import pytest

FAILED = pytest.StashKey[bool]()
