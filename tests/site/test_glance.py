"""Tables of values, and reasons without that they have always been so."""

from __future__ import annotations

import pytest

from reports.site.glance import instead, table


def test_values_of_rows_are_a_table_and_others_stand_by_themselves() -> None:
    found = table({"errno[udp]": "EPERM", "errno[tcp]": None, "stored[udp]": 7, "port": 1})

    assert found.single == {"port": 1}
    assert list(found.names) == ["errno", "stored"]
    assert found.rows == {"udp": {"errno": "EPERM", "stored": 7}, "tcp": {"errno": None}}


@pytest.mark.parametrize(
    "why", ["it is so (older than the history in git)", "it is so; older than the history in git", "it is so"]
)
def test_that_it_was_always_so_is_left_out(why: str) -> None:
    assert instead(why) == "it is so"
