"""Hosts that have wires in an L3 domain, that of a VRF device."""

from __future__ import annotations

from typing import Final

from conformance.plugin.needs import VETH, link
from netns import Host

DOMAIN: Final = "domain"
"""The VRF device."""
NEEDS: Final = (VETH, link("vrf"))


def divide(*wires: Host) -> None:
    """Put wires, as one host has them, into an L3 domain: loopback there is not in it."""
    namespace = wires[0].namespace
    namespace.add_vrf(DOMAIN, table=100)
    namespace.set_link(DOMAIN, up=True)
    for wire in wires:
        namespace.set_link(wire.device, master=DOMAIN)
