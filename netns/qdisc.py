"""Queueing disciplines of tc(8), as pyroute2 encodes them; etf as linux/pkt_sched.h has it."""

from __future__ import annotations

import struct
from typing import Any

from netns.netlink import NLM_F_CREATE, NLM_F_EXCL

_TC_H_ROOT = 0xFFFF_FFFF


def new_qdisc(index: int, kind: str, *, handle: str | None, parent: str, settings: dict[str, Any]) -> Any:
    """A queueing discipline on the interface with this index; else as Links.add_qdisc()."""
    from pyroute2.netlink.rtnl import RTM_NEWQDISC
    from pyroute2.netlink.rtnl.tcmsg import tcmsg

    wanted: Any = tcmsg()
    wanted["header"].update(type=RTM_NEWQDISC, flags=NLM_F_CREATE | NLM_F_EXCL)
    wanted["index"] = index
    wanted["handle"] = 0 if handle is None else _number(handle)
    wanted["parent"] = _TC_H_ROOT if parent == "root" else _number(parent)
    wanted["attrs"] = [("TCA_KIND", kind), *_options(kind, settings)]
    return wanted


def _number(text: str) -> int:
    """The number of a handle or a class as tc(8) writes it, in hexadecimal: ``1:`` is 0x10000."""
    major, minor = (int(part or "0", 16) for part in text.split(":"))
    return major << 16 | minor


def _etf(settings: dict[str, Any]) -> bytes:
    """TCA_ETF_PARMS with a struct tc_etf_qopt (``linux/pkt_sched.h``), which pyroute2 does not know."""
    flags = int(settings.get("deadline_mode", False))
    if unknown := settings.keys() - {"kind", "clockid", "delta", "deadline_mode"}:
        raise ValueError(f"qdisc etf does not have {min(unknown)}")
    return struct.pack("@HHiiI", 16, 1, settings["delta"], settings["clockid"], flags)


def _options(kind: str, settings: dict[str, Any]) -> list[tuple[str, Any]]:
    from pyroute2.netlink.rtnl.tcmsg import plugins

    encoded = _etf if kind == "etf" else getattr(plugins.get(kind), "get_parameters", None)
    if encoded is not None:
        try:
            return [("TCA_OPTIONS", encoded({"kind": kind, **settings}))]
        except KeyError as missing:
            raise ValueError(f"qdisc {kind} is not complete without {missing}") from missing
        except struct.error as error:
            raise ValueError(f"a setting of qdisc {kind} does not fit: {error}") from error
    if settings:
        raise ValueError(f"pyroute2 knows no settings of qdisc {kind}")
    return []
