"""What options of TLS sockets hold. Source: ``Documentation/networking/tls.rst``, ``linux/tls.h``."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class TlsVersion(enum.IntEnum):
    """The protocol's number on the wire."""

    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304


class TlsCipher(enum.IntEnum):
    """What records are sealed with: the ``TLS_CIPHER_*``."""

    AES_GCM_128 = 51
    AES_GCM_256 = 52
    AES_CCM_128 = 53
    CHACHA20_POLY1305 = 54
    SM4_GCM = 55
    SM4_CCM = 56
    ARIA_GCM_128 = 57
    ARIA_GCM_256 = 58

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Bytes of initialisation vector, key, salt and record number."""
        iv, salt = (12, 0) if self is TlsCipher.CHACHA20_POLY1305 else (8, 4)
        return iv, 32 if self in _LONG else 16, salt, 8


_LONG = frozenset({TlsCipher.AES_GCM_256, TlsCipher.CHACHA20_POLY1305, TlsCipher.ARIA_GCM_256})


@dataclass(frozen=True, slots=True)
class TlsCryptoInfo:
    """The secrets of one direction: ``struct tls12_crypto_info_*``; how long each is, the cipher says."""

    version: TlsVersion
    cipher: TlsCipher
    iv: bytes = b""
    key: bytes = b""
    salt: bytes = b""
    rec_seq: bytes = b""

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"TlsCryptoInfo({self.version.name}, {self.cipher.name}, …)"
