"""TCP_INFO about Fast Open: why it failed, by the reasons in include/uapi/linux/tcp.h, or that it worked."""

from __future__ import annotations

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.fast_open import (
    COOKIE_KEPT,
    early_data,
    fast_client,
    fast_listener,
    get_cookie,
)

UNSPECIFIED, COOKIE_UNAVAILABLE, DATA_NOT_ACKED = 0, 1, 2
"""enum tcp_fastopen_client_fail"""
SYN_DATA = 32
"""TCPI_OPT_SYN_DATA: what acknowledged the SYN acknowledged its data."""


@claim(
    "defacto/TCP_INFO/fast-open-without-cookie",
    sentence=("tcp.h/tcpi_fastopen_client_fail/no-cookie"),
    says="fastopen_client_fail of TCP_INFO is TFO_COOKIE_UNAVAILABLE (1) of a client over IPv4 "
    "that had no cookie for its listener when it connected with TCP_FASTOPEN_CONNECT, and its options are "
    "without TCPI_OPT_SYN_DATA.",
    since="5.5",
    backports=("5.4.280",),
    commit="480274787d7e",
    needs=[VETH],
    survives={"no-op: setsockopt(*TCP_FASTOPEN, ?5?*": "a client asks without knowing what is granted"},
)
def test_there_was_no_cookie(peers, observe):
    with fast_listener(peers) as listener, fast_client(peers, listener) as client:
        client.connect(listener.getsockname())
        info = client.tcp_info

        seen = [info.fastopen_client_fail, info.options & SYN_DATA]
        assert observe("reason_and_option", seen) == [COOKIE_UNAVAILABLE, 0]


@claim(
    "defacto/TCP_INFO/fast-open",
    sentence=("tcp.h/tcpi_fastopen_client_fail/unspecified", "tcp.h/tcpi_options/syn-data"),
    says="fastopen_client_fail of TCP_INFO is TFO_STATUS_UNSPEC (0) of a client over IPv4 whose "
    "data came with the SYN, and TCPI_OPT_SYN_DATA is in the options of both ends.",
    since="5.5",
    backports=("5.4.280",),
    commit="480274787d7e",
    needs=[VETH],
    survives=COOKIE_KEPT,
)
def test_data_came_with_the_syn(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        with early_data(peers, listener) as (client, accepted):
            data = accepted.read_exact(5).decode()
            accepted.send(b"late")
            client.read_exact(4)
            ends = [client.tcp_info, accepted.tcp_info]

            seen = [[info.fastopen_client_fail, info.options & SYN_DATA] for info in ends]
            assert [observe("data", data), observe("reason_and_option", seen)] == [
                "early",
                [[UNSPECIFIED, SYN_DATA]] * 2,
            ]


@claim(
    "defacto/TCP_INFO/fast-open-not-acknowledged",
    sentence=("tcp.h/tcpi_fastopen_client_fail/not-acknowledged"),
    says="fastopen_client_fail of TCP_INFO is TFO_DATA_NOT_ACKED (2) of a client over IPv4 whose "
    "SYN had a cookie and data for a listener that has switched TCP_FASTOPEN off since, and which sends the "
    "data again then; its options are without TCPI_OPT_SYN_DATA.",
    since="5.5",
    backports=("5.4.280",),
    commit="480274787d7e",
    needs=[VETH],
    survives=COOKIE_KEPT,
)
def test_the_data_was_not_acknowledged(peers, observe):
    with fast_listener(peers) as listener:
        get_cookie(peers, listener)
        listener.tcp_fastopen = 0
        with early_data(peers, listener) as (client, accepted):
            data = accepted.read_exact(5).decode()
            info = client.tcp_info

            seen = [info.fastopen_client_fail, info.options & SYN_DATA]
            assert [observe("data", data), observe("reason_and_option", seen)] == [
                "early",
                [DATA_NOT_ACKED, 0],
            ]
