"""/proc/net and /proc/pid/net themselves."""

from __future__ import annotations

import os
from pathlib import Path

from conformance.plugin.claim import claim

NOT_ASKED = {"*": "no socket is asked"}
OF_SOCKETS = {"raw", "tcp", "udp", "unix"}


@claim(
    "proc_pid_net.5/proc-net/link",
    sentence="proc_pid_net.5/proc-net/link",
    section="/proc/net/",
    says="/proc/net is a symbolic link to self/net.",
    since="2.6.25",
    survives=NOT_ASKED,
)
def test_the_folder_is_a_link(ns, observe):
    assert observe("target", os.readlink("/proc/net")) == "self/net"


@claim(
    "proc_pid_net.5/proc-net/files",
    sentence=(
        "proc_pid_net.5/proc-net/files",
        "proc_pid_net.5/proc-net/ascii",
        "proc_pid_net.5/proc-pid-net/as-proc-net",
    ),
    section="/proc/net/",
    says="/proc/self/net and /proc/pid/net of this process have the same files; raw, tcp, udp and unix are "
    "among them, and are text.",
    since="2.6.25",
    survives=NOT_ASKED,
)
def test_the_folder_has_files(ns, observe):
    own, by_number = (set(os.listdir(f"/proc/{name}/net")) for name in ("self", os.getpid()))
    texts = [Path(f"/proc/self/net/{name}").read_bytes().isascii() for name in sorted(OF_SOCKETS & own)]

    found = [own == by_number, sorted(OF_SOCKETS & own), texts]
    assert observe("same_there_text", found) == [True, ["raw", "tcp", "udp", "unix"], [True] * 4]
