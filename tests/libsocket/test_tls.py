"""TLS in the kernel: records that one socket seals and another opens, over loopback in a namespace.

Where the kernel lacks TLS (CONFIG_TLS), a cipher of it or an option, asking for it fails, and that test is
skipped. Sources: ``Documentation/networking/tls.rst``, ``linux/tls.h``, RFC 5246, RFC 8446.
"""

from __future__ import annotations

import errno
import io
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import libsocket as ls
from libsocket import (
    Batch,
    Message,
    Option,
    Socket,
    TlsCipher,
    TlsCryptoInfo,
    TlsRecord,
    TlsVersion,
    UnsupportedAttribute,
    UnsupportedOption,
    crypto_info,
)
from netns import Namespace

Ends = tuple[Socket, Socket]

VERSIONS = [TlsVersion.TLS_1_2, TlsVersion.TLS_1_3]
GCM = [TlsCipher.AES_GCM_128, TlsCipher.AES_GCM_256]
OTHERS = [cipher for cipher in TlsCipher if cipher is not TlsCipher.AES_GCM_128]
LENGTHS = {
    TlsCipher.AES_GCM_128: (8, 16, 4),
    TlsCipher.AES_GCM_256: (8, 32, 4),
    TlsCipher.AES_CCM_128: (8, 16, 4),
    TlsCipher.CHACHA20_POLY1305: (12, 32, 0),
    TlsCipher.SM4_GCM: (8, 16, 4),
    TlsCipher.SM4_CCM: (8, 16, 4),
    TlsCipher.ARIA_GCM_128: (8, 16, 4),
    TlsCipher.ARIA_GCM_256: (8, 32, 4),
}
"""Bytes of initialisation vector, key and salt in ``linux/tls.h``, apart from the library's own."""
SEALED = {
    (
        TlsVersion.TLS_1_2,
        TlsCipher.AES_GCM_128,
    ): "0708090a0b0c0d0eb7c17fd554d1da7959089291a4310071d2b9e0705cf4e0da8a43",
    (
        TlsVersion.TLS_1_2,
        TlsCipher.AES_GCM_256,
    ): "0708090a0b0c0d0ee152403bc4e539b49e0879f9ce49500af986cca7d43949c1214d",
    (
        TlsVersion.TLS_1_2,
        TlsCipher.AES_CCM_128,
    ): "0708090a0b0c0d0e4bfd59f129e819fa0182d45c718eb672dc4cfea1c658a9e5813a",
    (TlsVersion.TLS_1_2, TlsCipher.CHACHA20_POLY1305): "eb0be5fcc7e3fc3c8e31e9ac9172ad32e88241e1c7450e15fb61",
    (TlsVersion.TLS_1_3, TlsCipher.AES_GCM_128): "b7c17fd554d1da795908bb5bd4bcca471ed241cb3f67de74c16855",
    (TlsVersion.TLS_1_3, TlsCipher.AES_GCM_256): "e152403bc4e539b49e08c0a62287c2731b0050aa7685d742549e01",
    (TlsVersion.TLS_1_3, TlsCipher.AES_CCM_128): "4bfd59f129e819fa0182ac1413b8fa12700277f4a1c89a77df2f14",
    (
        TlsVersion.TLS_1_3,
        TlsCipher.CHACHA20_POLY1305,
    ): "eb0be5fcc7e3fc3c8e315dd6ffbc52a30908ce1455306dc4c39b1f",
}
"""What OpenSSL makes of ``plain text`` and the secrets below: the body of the first record."""
ALERT, HANDSHAKE, DATA = (TlsRecord(number) for number in (21, 22, 23))
FAREWELL = bytes([1, 0])
"""An alert of two bytes: a warning, that the connection will be closed."""
KEY_UPDATE = bytes([24, 0, 0, 1, 0])
"""The handshake message that ends the use of a key, with no wish that the peer do likewise."""
AROUND = {TlsVersion.TLS_1_2: 8 + 16, TlsVersion.TLS_1_3: 1 + 16}
"""Bytes that AES-GCM adds to plain text: a nonce or the inner type, and the tag."""
OPTIONS = [option for option in ls.OPTIONS if option.level == ls.Level.SOL_TLS]


def speaks_tls(sock: Socket) -> None:
    try:
        sock.tcp_ulp = "tls"
    except OSError as refusal:
        if refusal.errno != errno.ENOENT or knows_tls(sock):
            raise
        pytest.skip("this kernel has no TLS: to TCP_ULP the name is unknown")


def knows_tls(sock: Socket) -> bool:
    """The same, asked without the library's codec."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, 31, b"tls")
    except OSError as refusal:
        return refusal.errno != errno.ENOENT
    return True


@contextmanager
def connected(family: int = socket.AF_INET) -> Iterator[Ends]:
    left, right = Socket.tcp_pair(family)
    with left, right:
        speaks_tls(left)
        speaks_tls(right)
        yield left, right


@pytest.fixture
def ends() -> Iterator[Ends]:
    with Namespace(), connected() as both:
        yield both


@pytest.fixture
def plain() -> Iterator[Socket]:
    with Namespace():
        left, right = Socket.tcp_pair()
        with left, right:
            yield left


@contextmanager
def where_known() -> Iterator[None]:
    try:
        yield
    except (UnsupportedAttribute, UnsupportedOption) as missing:
        pytest.skip(f"this kernel's TLS has no {missing.option}, which came with Linux {missing.since}")


def secrets(version: TlsVersion, cipher: TlsCipher = TlsCipher.AES_GCM_128, fill: int = 7) -> TlsCryptoInfo:
    """No two bytes of a secret are alike, so that one in the wrong place opens nothing."""
    iv, key, salt = (bytes(range(fill, fill + size)) for size in LENGTHS[cipher])
    return TlsCryptoInfo(version, cipher, iv, key, salt, bytes(8))


def needs(version: TlsVersion, cipher: TlsCipher) -> None:
    """Skip unless a socket takes a structure of zeros for this cipher, made without the library's codec."""
    zeros = struct.pack("=HH", version, cipher) + bytes(sum(LENGTHS[cipher]) + 8)
    with connected() as (left, _):
        try:
            left.setsockopt(ls.Level.SOL_TLS, ls.TLS_TX.number, zeros)
        except OSError as refusal:
            if refusal.errno not in (errno.EINVAL, errno.ENOENT):
                raise
            pytest.skip(f"this kernel's {version.name} has no {cipher.name}: {refusal.strerror}")


def agree(left: Socket, right: Socket, info: TlsCryptoInfo) -> None:
    left.tls_tx = info
    right.tls_rx = info


def change(sock: Socket, info: TlsCryptoInfo) -> None:
    try:
        sock.tls_tx = info
    except OSError as refusal:
        if refusal.errno != errno.EBUSY:
            raise
        pytest.skip("this kernel's TLS takes no second secrets")


def on_the_wire(sock: Socket) -> tuple[int, int, bytes]:
    """Type, version and body of the next record, for a socket that opens none."""
    kind, version, size = struct.unpack("!BHH", sock.read_exact(5))
    return kind, version, sock.read_exact(size)


def typed(message: Message) -> tuple[TlsRecord | None, bytes]:
    return message.find(TlsRecord), message.data


# Data


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_come_out_as_they_were_sent(ends: Ends, version: TlsVersion) -> None:
    left, right = ends
    agree(left, right, secrets(version))
    left.write_all(b"plain text" * 5000)

    assert right.read_exact(50_000) == b"plain text" * 5000


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cipher", OTHERS)
def test_other_ciphers_carry_bytes_too(ends: Ends, version: TlsVersion, cipher: TlsCipher) -> None:
    needs(version, cipher)
    left, right = ends
    agree(left, right, secrets(version, cipher))
    left.send(b"plain text")

    assert right.read_exact(10) == b"plain text"


@pytest.mark.parametrize("version", VERSIONS)
def test_record_on_the_wire_is_sealed(ends: Ends, version: TlsVersion) -> None:
    left, right = ends
    left.tls_tx = secrets(version)
    left.send(b"plain text")
    kind, said, body = on_the_wire(right)

    assert (kind, said, len(body) - 10, b"plain" in body) == (DATA, 0x0303, AROUND[version], False)


@pytest.mark.parametrize(("version", "cipher"), SEALED)
def test_record_is_what_openssl_makes_of_the_same_secrets(
    ends: Ends, version: TlsVersion, cipher: TlsCipher
) -> None:
    if cipher not in GCM:
        needs(version, cipher)
    left, right = ends
    left.tls_tx = secrets(version, cipher)
    left.send(b"plain text")

    assert on_the_wire(right)[2].hex() == SEALED[version, cipher]


def test_record_is_what_the_standards_example_has(ends: Ends) -> None:
    """RFC 8448, section 3: the client's application data."""
    key, nonce = bytes.fromhex("17422dda596ed5d9acd890e3c63f5051"), bytes.fromhex("5b78923dee08579033e523d9")
    left, right = ends
    left.tls_tx = TlsCryptoInfo(
        TlsVersion.TLS_1_3, TlsCipher.AES_GCM_128, nonce[4:], key, nonce[:4], bytes(8)
    )
    left.send(bytes(range(50)))

    assert on_the_wire(right)[2] == bytes.fromhex(
        "a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a"
        "6292a2977014bd1e3deae63aeebb21694915e4"
    )


def test_each_direction_has_secrets_of_its_own(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3, fill=7))
    agree(right, left, secrets(TlsVersion.TLS_1_3, fill=99))
    left.send(b"there")
    right.send(b"and back")

    assert (right.read_exact(5), left.read_exact(8)) == (b"there", b"and back")


RIGHT = secrets(TlsVersion.TLS_1_3)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RIGHT, iv=bytes(8)),
        replace(RIGHT, key=bytes(16)),
        replace(RIGHT, salt=bytes(4)),
        replace(RIGHT, rec_seq=bytes(7) + b"\1"),
    ],
    ids=["iv", "key", "salt", "rec_seq"],
)
def test_other_secrets_open_nothing(ends: Ends, wrong: TlsCryptoInfo) -> None:
    left, right = ends
    left.tls_tx, right.tls_rx = RIGHT, wrong
    left.send(b"plain text")

    with pytest.raises(OSError, match="Bad message") as refusal:
        right.recv(10)
    assert refusal.value.errno == errno.EBADMSG


def test_records_go_over_ipv6() -> None:
    with Namespace(), connected(socket.AF_INET6) as (left, right):
        agree(left, right, secrets(TlsVersion.TLS_1_3))
        left.send(b"plain text")

        assert right.read_exact(10) == b"plain text"


def test_file_is_sent_sealed(ends: Ends, tmp_path: Path) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3))
    (tmp_path / "sent").write_bytes(b"plain text" * 2000)
    with io.FileIO(tmp_path / "sent") as file:
        sent = left.sendfile(file)

    assert (sent, right.read_exact(sent)) == (20_000, b"plain text" * 2000)


# Records of other types


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "content"), [(ALERT, FAREWELL), (HANDSHAKE, b"\0\0\0\0")])
def test_type_of_a_record_arrives(ends: Ends, version: TlsVersion, kind: TlsRecord, content: bytes) -> None:
    left, right = ends
    agree(left, right, secrets(version))
    sent = left.send_message(content, kind)

    assert (sent, typed(right.recv_message(100))) == (len(content), (kind, content))


def test_data_has_a_type_too(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_2))
    left.send(b"plain text")

    assert typed(right.recv_message(100)) == (DATA, b"plain text")


def test_records_of_different_types_are_received_apart(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3))
    left.send(b"before")
    left.send_message(FAREWELL, ALERT)
    left.send(b"after")
    came = [typed(right.recv_message(100)) for _ in range(3)]

    assert came == [(DATA, b"before"), (ALERT, FAREWELL), (DATA, b"after")]


@pytest.mark.parametrize(("version", "shown"), [(TlsVersion.TLS_1_2, ALERT), (TlsVersion.TLS_1_3, DATA)])
def test_type_on_the_wire_is_open_until_tls_1_2(ends: Ends, version: TlsVersion, shown: TlsRecord) -> None:
    left, right = ends
    left.tls_tx = secrets(version)
    left.send_message(FAREWELL, ALERT)
    kind, _, body = on_the_wire(right)

    assert (kind, len(body)) == (shown, len(FAREWELL) + AROUND[version])


def test_alert_is_not_given_to_who_cannot_distinguish_it_from_data(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3))
    left.send_message(FAREWELL, ALERT)

    with pytest.raises(OSError, match="Input/output") as refusal:
        right.recv(100)
    assert refusal.value.errno == errno.EIO


def test_types_arrive_in_a_batch(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3))
    left.send_message(b"hello", HANDSHAKE)
    left.send_message(FAREWELL, ALERT)
    came = [typed(one) for one in right.recv_messages(Batch(2, control=64), flags=0)]

    assert came == [(HANDSHAKE, b"hello"), (ALERT, FAREWELL)]


# Secrets


@pytest.mark.parametrize("version", VERSIONS)
def test_version_and_cipher_read_back(ends: Ends, version: TlsVersion) -> None:
    left, right = ends
    agree(left, right, secrets(version))

    assert [left.tls_tx, right.tls_rx] == [TlsCryptoInfo(version, TlsCipher.AES_GCM_128)] * 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cipher", GCM)
def test_secrets_read_back_into_their_exact_room(ends: Ends, version: TlsVersion, cipher: TlsCipher) -> None:
    left, right = ends
    info = secrets(version, cipher)
    agree(left, right, info)

    assert [
        left.get(ls.TLS_TX.through(crypto_info(cipher))),
        right.get(ls.TLS_RX.through(crypto_info(cipher))),
    ] == [info, info]


def test_number_of_the_next_record_reads_back(ends: Ends) -> None:
    left, _ = ends
    left.tls_tx = replace(secrets(TlsVersion.TLS_1_3), rec_seq=(40).to_bytes(8, "big"))
    left.send(b"one")
    left.send(b"two")
    held = left.get(ls.TLS_TX.through(crypto_info(TlsCipher.AES_GCM_128)))

    assert int.from_bytes(held.rec_seq, "big") == 42


@pytest.mark.parametrize("option", [ls.TLS_TX, ls.TLS_RX])
def test_secrets_that_were_never_set_cannot_be_read(ends: Ends, option: Option[TlsCryptoInfo]) -> None:
    left, _ = ends

    with pytest.raises(OSError, match="busy") as refusal:
        left.get(option)
    assert refusal.value.errno == errno.EBUSY


@pytest.mark.parametrize("option", [ls.TLS_TX, ls.TLS_RX])
def test_secrets_of_tls_1_2_are_set_once(ends: Ends, option: Option[TlsCryptoInfo]) -> None:
    left, _ = ends
    left.set(option, secrets(TlsVersion.TLS_1_2))

    with pytest.raises(OSError, match="busy") as refusal:
        left.set(option, secrets(TlsVersion.TLS_1_2))
    assert refusal.value.errno == errno.EBUSY


def test_new_secrets_of_tls_1_3_follow_a_key_update(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3))
    left.send_message(KEY_UPDATE, HANDSHAKE)
    fresh = secrets(TlsVersion.TLS_1_3, fill=99)
    change(left, fresh)
    left.send(b"sealed anew")
    update = typed(right.recv_message(100))
    with pytest.raises(OSError, match="Key has expired"):
        right.recv(100)
    right.tls_rx = fresh

    assert (update, right.read_exact(11)) == ((HANDSHAKE, KEY_UPDATE), b"sealed anew")


# Options


def test_protocol_on_top_reads_back_and_stays(ends: Ends) -> None:
    left, _ = ends

    with pytest.raises(OSError, match="File exists") as refusal:
        left.tcp_ulp = "tls"
    assert (left.tcp_ulp, refusal.value.errno) == ("tls", errno.EEXIST)


def test_socket_that_is_not_connected_speaks_no_tls(ends: Ends) -> None:
    with Socket.tcp() as sock, pytest.raises(OSError, match="not connected") as refusal:
        sock.tcp_ulp = "tls"
    assert refusal.value.errno == errno.ENOTCONN


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_plain_tcp_has_no_option_of_tls(plain: Socket, option: Option[object]) -> None:
    with pytest.raises(UnsupportedOption) as refusal:
        plain.get(option)

    assert (refusal.value.option, refusal.value.since) == (option.name, option.since)


def test_files_may_be_sent_without_a_copy(ends: Ends) -> None:
    left, _ = ends
    left.tls_tx = secrets(TlsVersion.TLS_1_3)
    with where_known():
        before = left.tls_tx_zerocopy_ro
        left.tls_tx_zerocopy_ro = True

        assert (before, left.tls_tx_zerocopy_ro) == (False, True)


def test_records_may_be_expected_without_padding(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_3))
    with where_known():
        before = right.tls_rx_expect_no_pad
        right.tls_rx_expect_no_pad = True
        left.send(b"plain text")

        assert (before, right.tls_rx_expect_no_pad, right.read_exact(10)) == (False, True, b"plain text")


def test_tls_1_2_has_no_padding_to_expect(ends: Ends) -> None:
    left, right = ends
    agree(left, right, secrets(TlsVersion.TLS_1_2))
    with pytest.raises(OSError, match="Invalid argument") as refusal, where_known():
        right.tls_rx_expect_no_pad = True
    assert refusal.value.errno == errno.EINVAL


@pytest.mark.parametrize("version", VERSIONS)
def test_records_are_no_longer_than_they_may_be(ends: Ends, version: TlsVersion) -> None:
    left, right = ends
    left.tls_tx = secrets(version)
    with where_known():
        before = left.tls_tx_max_payload_len
        left.tls_tx_max_payload_len = 128
        left.send(bytes(300))
        sizes = [len(on_the_wire(right)[2]) - AROUND[version] for _ in range(3)]

        assert (before, left.tls_tx_max_payload_len, sizes) == (16_384, 128, [128, 128, 44])


@pytest.mark.parametrize(("version", "least"), [(TlsVersion.TLS_1_2, 64), (TlsVersion.TLS_1_3, 63)])
def test_records_have_a_least_length_to_be_limited_to(ends: Ends, version: TlsVersion, least: int) -> None:
    left, _ = ends
    left.tls_tx = secrets(version)
    with where_known():
        left.tls_tx_max_payload_len = least
        with pytest.raises(OSError, match="Invalid argument"):
            left.tls_tx_max_payload_len = least - 1

        assert left.tls_tx_max_payload_len == least


def test_limit_that_two_bytes_do_not_hold_is_refused() -> None:
    with Socket.tcp() as sock, pytest.raises(OverflowError, match="TLS_TX_MAX_PAYLOAD_LEN cannot be 65536"):
        sock.tls_tx_max_payload_len = 65_536
