"""Claims as rows of a table, where their tests differ in nothing but values."""

import pytest

pytest.register_assert_rewrite("conformance.plugin.tables.kinds")
