"""Structures that options of TLS sockets carry."""

from __future__ import annotations

import struct
from operator import index
from typing import Final

from libsocket.codecs import Codec
from libsocket.layouts.structure import exactly
from libsocket.values.tls import TlsCipher, TlsCryptoInfo, TlsVersion

__all__ = ["crypto_info"]


def _crypto(value: TlsCryptoInfo) -> bytes:
    secrets = zip((value.iv, value.key, value.salt, value.rec_seq), value.cipher.sizes, strict=True)
    head = struct.pack("=HH", value.version, value.cipher)
    return head + b"".join(exactly(size)(secret) for secret, size in secrets)


def _decode_crypto(data: bytes) -> TlsCryptoInfo:
    version, cipher = struct.unpack_from("=HH", data)
    return TlsCryptoInfo(TlsVersion(version), TlsCipher(cipher))


def crypto_info(cipher: TlsCipher) -> Codec[TlsCryptoInfo]:
    """The secrets of one cipher, to be read as well: ``sock.get(TLS_TX.through(crypto_info(cipher)))``.

    The kernel gives them only to a buffer of their exact size.
    """
    form = struct.Struct("=HH" + "".join(f"{size}s" for size in cipher.sizes))

    def decode(data: bytes) -> TlsCryptoInfo:
        version, number, *secrets = form.unpack(data)
        return TlsCryptoInfo(TlsVersion(version), TlsCipher(number), *secrets)

    return Codec("TlsCryptoInfo", form.size, decode, _crypto, "struct tls12_crypto_info", takes=TlsCryptoInfo)


CRYPTO_INFO: Final = Codec(
    "TlsCryptoInfo", 4, _decode_crypto, _crypto, "struct tls_crypto_info", takes=TlsCryptoInfo
)
"""Reads no secrets: how much room they need depends on the cipher, see ``crypto_info``."""
_LENGTH: Final = struct.Struct("@H")
PAYLOAD_LEN: Final[Codec[int]] = Codec(
    "int",
    _LENGTH.size,
    lambda data: _LENGTH.unpack(data)[0],
    lambda value: _LENGTH.pack(index(value)),
    "C unsigned short",
)
"""The one option of its level that is no int: the kernel takes two bytes and no more."""
