"""Options of TCP sockets that speak TLS in the kernel: level SOL_TLS."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import FLAG
from libsocket.layouts.tls import CRYPTO_INFO, PAYLOAD_LEN
from libsocket.option import Option

SOL_TLS: Final = Level.SOL_TLS

TLS_TX: Final = Option(
    "TLS_TX",
    SOL_TLS,
    1,
    CRYPTO_INFO,
    since="4.13",
    doc="""Seal what is sent from now on with these secrets; TCP_ULP must be ``tls``. Reading gives
version and cipher, and through ``crypto_info(cipher)`` the secrets; EBUSY if none are set.""",
)
TLS_RX: Final = Option(
    "TLS_RX",
    SOL_TLS,
    2,
    CRYPTO_INFO,
    since="4.17",
    doc="""Open what is received from now on with these secrets; TCP_ULP must be ``tls``. Reading
gives version and cipher, and through ``crypto_info(cipher)`` the secrets; EBUSY if none are set.""",
)
TLS_TX_ZEROCOPY_RO: Final = Option(
    "TLS_TX_ZEROCOPY_RO",
    SOL_TLS,
    3,
    FLAG,
    since="5.19",
    doc="""With a device that seals: send files without a copy, on the promise that they do not
change.""",
)
TLS_RX_EXPECT_NO_PAD: Final = Option(
    "TLS_RX_EXPECT_NO_PAD",
    SOL_TLS,
    4,
    FLAG,
    since="6.0",
    doc="""TLS 1.3: expect records without padding, and open them in place.""",
)
TLS_TX_MAX_PAYLOAD_LEN: Final = Option(
    "TLS_TX_MAX_PAYLOAD_LEN",
    SOL_TLS,
    5,
    PAYLOAD_LEN,
    since="6.19",
    source="include/uapi/linux/tls.h",
    doc="""Most bytes of plain text in a record, 64 (63 in TLS 1.3) to 16384 (RFC 8449).""",
)
