"""Hosts of which one has its wire in an L3 domain of its own, that of a VRF device."""

from __future__ import annotations

from typing import Final

from conformance.plugin.needs import VETH, link
from netns import Peers

DOMAIN: Final = "domain"
"""The VRF device."""
NEEDS: Final = (VETH, link("vrf"))


def divide(hosts: Peers) -> None:
    """Put the wire, as the right host has it, into an L3 domain: loopback there is not in it."""
    right = hosts.right
    right.namespace.add_vrf(DOMAIN, table=100)
    right.namespace.set_link(DOMAIN, up=True)
    right.namespace.set_link(right.device, master=DOMAIN)
