"""Marks of packets, as a receiver's filter sees them."""

from __future__ import annotations

from libsocket import Filter, Instruction

_LOAD_WORD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_MARK_OF_PACKET = 0xFFFF_F000 + 20
"""Where classic BPF finds a packet's mark: SKF_AD_OFF + SKF_AD_MARK."""
_UDP_HEADER = 8


def cutting_all_but(mark: int) -> Filter:
    """A program that cuts packets without this mark to a byte of data, so that each shows it was sent."""
    return _all_but(mark, _UDP_HEADER + 1)


def dropping_all_but(mark: int) -> Filter:
    """A program that drops packets without this mark."""
    return _all_but(mark, 0)


def _all_but(mark: int, others: int) -> Filter:
    return Filter(
        [
            Instruction(_LOAD_WORD, k=_MARK_OF_PACKET),
            Instruction(_EQUAL, jt=0, jf=1, k=mark),
            Instruction(_RETURN, k=0xFFFF),
            Instruction(_RETURN, k=others),
        ]
    )
