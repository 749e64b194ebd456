from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyroute2.iproute import linux


@pytest.fixture
def host_network() -> Callable[[], object]:
    """A function that lists links, addresses, routes and rules where the tests themselves are."""
    netlink: Any = linux.IPRoute

    def listed() -> object:
        with netlink() as ipr:
            links = sorted((link["index"], link.get("ifname"), link["flags"]) for link in ipr.get_links())
            addresses = sorted((row["index"], row.get("address")) for row in ipr.get_addr())
            routes = sorted(
                str((row.get("dst"), row.get("oif"), row.get("table"))) for row in ipr.get_routes()
            )
            rules = sorted(str((row.get("priority"), row.get("fwmark"))) for row in ipr.get_rules())
        return links, addresses, routes, rules

    return listed
