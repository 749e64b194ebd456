"""Structures that options of TLS sockets carry."""

from __future__ import annotations

import struct
from typing import Final

from libsocket.codecs import Codec
from libsocket.layouts.structure import exactly
from libsocket.values import TlsCipher, TlsCryptoInfo, TlsVersion


def _crypto(value: TlsCryptoInfo) -> bytes:
    secrets = zip((value.iv, value.key, value.salt, value.rec_seq), value.cipher.sizes, strict=True)
    head = struct.pack("=HH", value.version, value.cipher)
    return head + b"".join(exactly(size)(secret) for secret, size in secrets)


def _crypto_told(data: bytes) -> TlsCryptoInfo:
    version, cipher = struct.unpack_from("=HH", data)
    return TlsCryptoInfo(TlsVersion(version), TlsCipher(cipher))


CRYPTO_INFO: Final = Codec("TlsCryptoInfo", 4, _crypto_told, _crypto, "struct tls_crypto_info")
"""The kernel gives the secrets only to a buffer of their exact size, which depends on the cipher."""
