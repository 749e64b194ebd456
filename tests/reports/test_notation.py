"""What strace writes as an argument is read as a value."""

from __future__ import annotations

import pytest

from reports.notation import Bytes, Changed, Notation, Unreadable, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SOCK_STREAM|SOCK_CLOEXEC", "SOCK_STREAM|SOCK_CLOEXEC"),
        ("0x24 /* SCM_??? */", "0x24"),
        ("[8192]", ["8192"]),
        ("[15 17]", ["15", "17"]),
        ("[128 => 16]", [Changed("128", "16")]),
        (r'"a\"\x00\n\1"', Bytes(b'a"\0\n\1')),
        ('"xx"...', Bytes(b"xx", cut=True)),
        (
            '{sa_family=AF_UNIX, sun_path=@"name"}',
            {"sa_family": "AF_UNIX", "sun_path": Bytes(b"name", abstract=True)},
        ),
        (
            '{sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}',
            {"sin_port": "htons(80)", "sin_addr": 'inet_addr("127.0.0.1")'},
        ),
        ("[BPF_STMT(BPF_RET|BPF_K, 0x4)]", ["BPF_STMT(BPF_RET|BPF_K, 0x4)"]),
        ("[{fd=3, events=POLLIN}]", [{"fd": "3", "events": "POLLIN"}]),
    ],
)
def test_an_argument_is_read(text: str, value: Notation) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", ["{a=1", "[1", "", "a b", '"open'])
def test_what_is_not_in_the_notation_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)
