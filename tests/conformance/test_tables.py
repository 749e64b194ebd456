"""Rows of tables are tests like any others: they answer, they can fail, and a bad one says what is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from conformance.plugin.needs import FAILING_ALLOCATIONS
from conformance.plugin.tables.allocation_kinds import ALLOCATION_KINDS
from conformance.plugin.tables.connection_kinds import CONNECTION_KINDS
from conformance.plugin.tables.kinds import KINDS
from reports.catalogue import read_catalogue
from reports.model import Verdict
from tests.conformance import suites

Rows: TypeAlias = Mapping[str, tuple[str, str]]

ROW = """
[[{kind}]]
id = "doc.7/TOPIC/{kind}"
says = "What it says."
{subject} = "{name}"
{fields}
"""
NO_TESTS = ""

ON_I386 = 'needs = ["program:i386"]\n'

TRUE = {
    "own-privilege": ("SO_MARK", 'needs = ["user namespace"]\nsockets = ["udp"]\nvalue = 7\nerrno = "EPERM"'),
    "caller-option": ("SO_RCVTIMEO", f'{ON_I386}sockets = ["udp"]\nwidth = 4\nnative = 8\nnumbers = [7, 0]'),
    "caller-message": ("SO_TIMESTAMP", f"{ON_I386}value = 1\nwidth = 4\nnative = 8\ncount = 2"),
    "interrupted": ("recv", 'sockets = ["tcp"]\nby = "restarting-handler"\noutcome = "goes on"'),
    "answered": ("SIOCINQ", 'sockets = ["udp"]\nvalue = 0'),
    "unanswered": ("SIOCINQ", 'sockets = ["netlink"]\nerrno = "ENOTTY"\nbeside = ["SIOCINQ", "udp"]'),
    "interface": ("SIOCGIFINDEX", 'sockets = ["udp", "unix"]\nvalue = 1'),
    "interface-set": (
        "SIOCSIFMTU",
        'sockets = ["udp"]\nvalue = 1400\nerrno = "EPERM"\nshown-by = "SIOCGIFMTU"\nthen = 1400',
    ),
    "default": ("SO_KEEPALIVE", 'sockets = ["tcp", "udp"]\nvalue = 0'),
    "read-nowhere": ("SO_LINGER", 'sockets = ["tcp", "unix"]\nsize = 8'),
    "read-only-length": ("SO_LINGER", 'sockets = ["tcp", "unix"]\nsize = 8'),
    "set-nowhere": ("SO_KEEPALIVE", 'sockets = ["tcp"]\nthen = "01000000"'),
    "stored": ("SO_RCVLOWAT", 'sockets = ["tcp"]\nvalues = [[5, 5], [0, 1]]\nbefore = [7]'),
    "maximum": ("SO_RCVBUF", 'sockets = ["udp"]\nsysctl = "net.core.rmem_max"\nfactor = 2'),
    "read-only": ("SO_SNDLOWAT", 'sockets = ["tcp"]\nvalue = 1\nvalues = [1, 2]\nerrno = "ENOPROTOOPT"'),
    "outside": ("TCP_KEEPCNT", 'sockets = ["tcp"]\nkept = 2\nvalues = [0, 128]\nerrno = "EINVAL"'),
    "privileged": (
        "SO_PRIORITY",
        'sockets = ["udp"]\nvalues = [7]\nkept = 3\nerrno = "EPERM"\n'
        'without = ["CAP_NET_ADMIN", "CAP_NET_RAW"]',
    ),
    "suffices": ("SO_PRIORITY", 'sockets = ["udp"]\nvalues = [7]\nonly = ["CAP_NET_ADMIN"]\nbefore = [7, 3]'),
    "initial-privilege": ("SO_DEBUG", 'sockets = ["udp"]\nvalue = 1\nerrno = "EACCES"'),
    "inherited": ("SO_KEEPALIVE", 'transport = "tcp"\nvalue = 1'),
    "not-inherited": ("SO_KEEPALIVE", 'transport = "unix"\nvalue = 1\ndefault = 0'),
    "optlen": ("TCP_NODELAY", 'sockets = ["tcp"]\nsizes = [1, 3]\nvalue = 1\nerrno = "EINVAL"'),
    "unsupported": (
        "TCP_NODELAY",
        'sockets = ["udp"]\nvalues = [1]\nbeside = "tcp"\nerrno = "ENOPROTOOPT"\n'
        'errno-of-read = "EOPNOTSUPP"',
    ),
    "ignored": (
        "SO_BROADCAST",
        'sockets = ["mptcp"]\nvalues = [1]\nvalue = 0\nbeside = "tcp"\n'
        'survives = { "no-op: setsockopt(*" = "it does nothing" }',
    ),
    "more-bytes": ("TCP_NODELAY", 'sockets = ["tcp"]\nsizes = [5, 8]\nvalue = 1\ndefault = 0'),
    "first-byte": ("IP_TTL", 'sockets = ["udp"]\nsizes = [1, 3]\nvalue = 7\nbefore = [9]'),
    "zeroed": ("IP_TOS", 'sockets = ["udp"]\nsizes = [0]\nvalue = 8'),
    "room": ("SO_RCVLOWAT", 'sockets = ["tcp"]\nrooms = [0, 1, 3, 4, 5]\nvalue = 7'),
    "room-for-byte": ("IP_TTL", 'sockets = ["udp"]\nrooms = [1, 3, 4, 5]\nvalue = 7'),
    "shared-port": ("SO_REUSEADDR", 'transport = "udp"\npairs = [["0.0.0.0", "127.0.0.1"]]'),
    "kept-port": (
        "SO_REUSEADDR",
        'transport = "tcp"\npairs = [["127.0.0.1", "0.0.0.0"]]\nhaving = ["second"]\nerrno = "EADDRINUSE"',
    ),
    "reported": ("data", 'sockets = ["tcp"]\npoll = ["IN", "OUT"]\nselect = ["read", "write"]'),
    "edge": ("data", 'sockets = ["tcp"]\nbefore = ["OUT"]\nafter = ["IN", "OUT"]'),
    "announced": ("data", 'sockets = ["tcp"]\ncode = "POLL_IN"\nband = ["IN", "RDNORM"]'),
    "delivered": ("Flags", 'sockets = ["udp"]\nsent = [["ab"]]\nasked = [[1]]\ngot = [[1, "a", "TRUNC"]]'),
    "send-refused": ("new", 'sockets = ["udp"]\nerrno = "EDESTADDRREQ"'),
    "receive-refused": ("new", 'sockets = ["tcp"]\nerrno = "ENOTCONN"'),
    "send-flag-refused": ("EOPNOTSUPP", 'sockets = ["udp"]\nflags = ["OOB"]'),
    "receive-flag-refused": ("EOPNOTSUPP", 'sockets = ["unix-datagram"]\nflags = ["OOB"]'),
    "address-length": ("EINVAL", 'sockets = ["udp"]\nrefused = 15\ntaken = 16'),
    "source-address": ("Address", 'sockets = ["udp"]\nlength = 16'),
    "bad-pointer": ("buffer", 'sockets = ["unix"]\ncall = "recv"'),
    "sigpipe": ("shut-wr", 'sockets = ["unix"]\nsignals = 1'),
    "sysctl-default": ("net.ipv4.tcp_sack", 'value = "1"\nelsewhere = "0"'),
    "bound": ("new", 'sockets = ["udp"]\naddresses = ["127.0.0.1:4321"]'),
    "not-bound": ("bound", 'sockets = ["udp"]\nerrno = "EINVAL"'),
    "connected": ("new", 'sockets = ["udp"]\naddresses = [["0.0.0.0:9", "127.0.0.1:chosen", "127.0.0.1:9"]]'),
    "not-connected": ("connected", 'sockets = ["tcp"]\nerrno = "EISCONN"'),
    "listens": ("ERRORS", 'sockets = ["tcp"]\nstates = ["bound"]'),
    "listen-refused": (
        "ERRORS",
        'sockets = ["udp"]\nstates = ["new"]\nbeside = "tcp"\nerrno = "EOPNOTSUPP"',
    ),
    "accept-refused": (
        "ERRORS",
        'sockets = ["udp"]\nstates = ["new"]\nbeside = "tcp"\nerrno = "EOPNOTSUPP"',
    ),
    "waiting": (
        "ERRORS",
        'sockets = ["unix"]\nbacklogs = [[1, 2]]\nsurvives = { "no-op: ioctl(*" = "who finds room" }',
    ),
    "address-room": ("ERRORS", 'sockets = ["tcp"]\nrooms = [5]\nlength = 16'),
    "accept-flags": ("ERRORS", 'sockets = ["tcp"]\nflags = ["SOCK_CLOEXEC"]\nset = ["FD_CLOEXEC"]'),
    "accept-interrupted": ("ERRORS", 'sockets = ["unix"]\nrestart = false\ntimeout = false\ngoes-on = false'),
    "unknown-flags": ("ERRORS", 'sockets = ["unix"]\nknown = ["SOCK_NONBLOCK", "SOCK_CLOEXEC"]'),
    "shared-listen": ("ERRORS", 'option = "SO_REUSEPORT"\npairs = [["127.0.0.1", "127.0.0.1"]]'),
    "kept-listen": (
        "ERRORS",
        'option = "SO_REUSEADDR"\npairs = [["127.0.0.1", "127.0.0.1"]]\nerrno = "EADDRINUSE"',
    ),
    "shut": (
        "connected",
        'sockets = ["unix"]\nhows = ["WR"]\nanswers = ["done"]\nown = ["EAGAIN", "EPIPE"]\n'
        'peer = ["0 bytes", "sent 4"]\nthen = "4 bytes"',
    ),
    "unknown-option": ("ENOPROTOOPT", 'sockets = ["tcp"]\nlevel = 1\nnumbers = [9999]'),
    "at-mark": ("0", 'sockets = ["tcp"]\nstates = ["data-then-urgent"]'),
    "made": (
        "socket",
        'asked = [["INET", "STREAM", 0], ["INET", 0x801, "TCP"]]\ntype = "STREAM"\nprotocol = 6',
    ),
    "not-made": (
        "socketpair",
        'asked = [["INET", "STREAM", 0]]\nerrno = "EOPNOTSUPP"\nbeside = ["UNIX", "STREAM", 0]',
    ),
    "named": ("127.0.0.1 port", 'sockets = ["tcp", "udp"]\nstates = ["bound"]\npeer = "ENOTCONN"'),
    "name-room": ("getsockname", 'sockets = ["udp"]\nstate = "bound"\nlength = 16\nrooms = [0, 15, 16, 17]'),
    "name-memory": (
        "getpeername",
        'sockets = ["udp"]\nstate = "connected-alone"\nerrno = "EFAULT"\nmissing = ["address", "length"]',
    ),
    "rtnetlink-told": ("RTM_GETLINK ifi_index=lo", 'told = ["RTM_NEWLINK IFLA_MTU:4=65536"]'),
    "rtnetlink-changed": (
        "RTM_NEWLINK ifi_index=lo IFLA_MTU=1400",
        'asked = "RTM_GETLINK ifi_index=lo"\nbefore = ["RTM_NEWLINK IFLA_MTU:4=65536"]\n'
        'then = ["RTM_NEWLINK IFLA_MTU:4=1400"]',
    ),
    "rtnetlink-refused": (
        "RTM_NEWLINK ifi_index=lo IFLA_MTU=1400",
        'errno = "EPERM"\nwithout = ["CAP_NET_ADMIN"]\nasked = "RTM_GETLINK ifi_index=lo"\n'
        'then = ["RTM_NEWLINK IFLA_MTU:4=1400"]',
    ),
    "rtnetlink-heard": (
        "RTNLGRP_LINK",
        'request = "RTM_NEWLINK ifi_index=lo IFLA_MTU=1400"\nheard = ["RTM_NEWLINK IFLA_MTU:4=1400"]',
    ),
}
"""A row of each kind that this kernel fulfils: an option, and the fields."""

TRUE_TOO = {
    "default": ("SO_RCVBUF", 'sockets = ["udp"]\nvalue = { sysctl = "net.core.rmem_default" }'),
    "stored": (
        "SO_RCVBUFFORCE",
        'sockets = ["udp"]\nvalues = [[4096, 8192], [5000, 10000]]\nbefore = [5000, 6000]\nfactor = 2\n'
        'shown-by = "SO_RCVBUF"',
    ),
    "suffices": ("SO_PRIORITY", 'sockets = ["udp"]\nvalues = [0, 5]\nonly = []\ndefault = 0\nbefore = [3]'),
    "initial-privilege": (
        "SO_RCVBUFFORCE",
        'sockets = ["udp"]\nvalue = 8192\nfactor = 2\nshown-by = "SO_RCVBUF"\nerrno = "EPERM"',
    ),
    "optlen": (
        "SO_RCVBUF",
        'sockets = ["udp"]\nsizes = [3]\nvalue = 4096\nthen = 5000\nfactor = 2\nerrno = "EINVAL"',
    ),
    "more-bytes": ("SO_RCVBUF", 'sockets = ["udp"]\nsizes = [5]\nvalue = 4096\nfactor = 2\nbefore = [5000]'),
    "room": ("SO_TYPE", 'sockets = ["udp"]\nrooms = [1, 5]\nvalue = 2\nnew = true'),
    "inherited": ("SO_LINGER", 'transport = "tcp"\nvalue = [0, 0]\notherwise = [[1, 7]]'),
    "shared-port": (
        "SO_REUSEPORT",
        'transport = "tcp"\npairs = [["::1", "::1"]]\nlistening = true\nset-after-bind = true',
    ),
    "shut": (
        "new",
        'sockets = ["tcp"]\nhows = ["RDWR"]\nanswers = ["ENOTCONN"]\nown = ["0 bytes", "EPIPE"]',
    ),
    "unknown-option": (
        "ENOPROTOOPT",
        'sockets = ["udp"]\nlevel = 6\nnumbers = [1]\nerrno-of-read = "EOPNOTSUPP"',
    ),
    "not-inherited": (
        "SO_SNDBUF",
        'transport = "unix"\nvalue = 8192\nstored = 16384\ndefault = { sysctl = "net.core.wmem_default" }',
    ),
    "not-made": (
        "socket",
        'asked = [["PACKET", "RAW", 0]]\nerrno = "EPERM"\nbeside = ["PACKET", "RAW", 0]\n'
        'without = ["CAP_NET_RAW"]',
    ),
    "name-memory": (
        "getsockname",
        'sockets = ["udp"]\nstate = "bound"\nerrno = "EINVAL"\nrooms = [-1]\nmissing = ["nothing"]',
    ),
}
"""The same, with fields that not every row of the kind has."""

FALSE = {
    "own-privilege": (
        "SO_MARK",
        'needs = ["user namespace"]\nsockets = ["udp"]\nvalue = 7\nerrno = "EACCES"',
    ),
    "caller-option": ("SO_RCVTIMEO", f'{ON_I386}sockets = ["udp"]\nwidth = 8\nnative = 8\nnumbers = [7, 0]'),
    "caller-message": ("SO_TIMESTAMP", f"{ON_I386}value = 1\nwidth = 8\nnative = 8\ncount = 2"),
    "interrupted": ("recv", 'sockets = ["tcp"]\nby = "restarting-handler"\noutcome = "EINTR"'),
    "answered": ("SIOCINQ", 'sockets = ["udp"]\nvalue = 1'),
    "unanswered": ("SIOCINQ", 'sockets = ["netlink"]\nerrno = "EINVAL"\nbeside = ["SIOCINQ", "udp"]'),
    "interface": ("SIOCGIFINDEX", 'sockets = ["udp", "unix"]\nvalue = 2'),
    "interface-set": (
        "SIOCSIFMTU",
        'sockets = ["udp"]\nvalue = 1400\nerrno = "EPERM"\nshown-by = "SIOCGIFMTU"\nthen = 1500',
    ),
    "read-nowhere": ("SO_LINGER", 'sockets = ["tcp", "unix"]\nsize = 9'),
    "read-only-length": ("SO_LINGER", 'sockets = ["tcp", "unix"]\nsize = 9'),
    "set-nowhere": ("SO_KEEPALIVE", 'sockets = ["tcp"]\nthen = "02000000"'),
    "default": ("SO_KEEPALIVE", 'sockets = ["tcp"]\nvalue = 1'),
    "stored": ("SO_RCVLOWAT", 'sockets = ["tcp"]\nvalues = [[5, 6]]\nbefore = [7]'),
    "maximum": ("SO_RCVBUF", 'sockets = ["udp"]\nsysctl = "net.core.rmem_max"'),
    "read-only": ("SO_RCVLOWAT", 'sockets = ["tcp"]\nvalue = 1\nvalues = [2]'),
    "outside": ("TCP_KEEPCNT", 'sockets = ["tcp"]\nkept = 2\nvalues = [127]'),
    "privileged": ("SO_PRIORITY", 'sockets = ["udp"]\nvalues = [6]\nwithout = ["CAP_NET_ADMIN"]\nkept = 3'),
    "suffices": ("SO_PRIORITY", 'sockets = ["udp"]\nvalues = [7]\nonly = []\nbefore = [3]'),
    "initial-privilege": ("SO_MARK", 'sockets = ["udp"]\nvalue = 1'),
    "inherited": ("SO_KEEPALIVE", 'transport = "unix"\nvalue = 1'),
    "not-inherited": ("SO_KEEPALIVE", 'transport = "tcp"\nvalue = 1\ndefault = 0'),
    "unsupported": ("SO_NO_CHECK", 'sockets = ["tcp"]\nvalues = [1]\nbeside = "udp"'),
    "ignored": ("SO_BROADCAST", 'sockets = ["udp"]\nvalues = [1]\nvalue = 0\nbeside = "tcp"'),
    "more-bytes": ("IP_UNICAST_IF", 'sockets = ["udp"]\nsizes = [5]\nvalue = 1\ndefault = 0'),
    "first-byte": ("SO_PRIORITY", 'sockets = ["udp"]\nsizes = [1]\nvalue = 5\ndefault = 0'),
    "zeroed": ("SO_PRIORITY", 'sockets = ["udp"]\nsizes = [3]\nvalue = 5'),
    "room": ("IP_TTL", 'sockets = ["udp"]\nrooms = [3]\nvalue = 7'),
    "room-for-byte": ("SO_PRIORITY", 'sockets = ["udp"]\nrooms = [3]\nvalue = 5'),
    "optlen": ("SO_RCVTIMEO", 'sockets = ["tcp"]\nsizes = [16]\nvalue = 0.0'),
    "shared-port": (
        "SO_REUSEADDR",
        'transport = "udp"\npairs = [["0.0.0.0", "127.0.0.1"]]\nhaving = ["first"]',
    ),
    "kept-port": ("SO_REUSEADDR", 'transport = "tcp"\npairs = [["127.0.0.1", "0.0.0.0"]]'),
    "reported": ("data", 'sockets = ["tcp"]\npoll = ["IN", "OUT"]\nselect = ["read"]'),
    "edge": ("data", 'sockets = ["tcp"]\nbefore = ["OUT"]\nafter = ["IN"]'),
    "announced": ("data", 'sockets = ["tcp"]\ncode = "POLL_IN"\nband = ["IN"]'),
    "delivered": ("Flags", 'sockets = ["udp"]\nsent = [["ab"]]\nasked = [[2]]\ngot = [[2, "ab", "TRUNC"]]'),
    "send-refused": ("new", 'sockets = ["udp"]\nerrno = "ENOTCONN"'),
    "receive-refused": ("new", 'sockets = ["tcp"]\nerrno = "EINVAL"'),
    "send-flag-refused": ("EOPNOTSUPP", 'sockets = ["udp"]\nflags = ["MORE"]'),
    "receive-flag-refused": ("EOPNOTSUPP", 'sockets = ["udp"]\nflags = ["PEEK"]'),
    "address-length": ("EINVAL", 'sockets = ["udp"]\nrefused = 17\ntaken = 16'),
    "source-address": ("Address", 'sockets = ["udp"]\nlength = 17'),
    "bad-pointer": ("buffer", 'sockets = ["unix"]\ncall = "recv"\nlost = true'),
    "sigpipe": ("shut-wr", 'sockets = ["unix-seqpacket"]\nsignals = 1'),
    "sysctl-default": ("net.ipv4.tcp_sack", 'value = "0"\nelsewhere = "0"'),
    "bound": ("bound", 'sockets = ["udp"]'),
    "not-bound": ("new", 'sockets = ["udp"]\nerrno = "EINVAL"'),
    "connected": ("new", 'sockets = ["udp"]\naddresses = [["0.0.0.0:9", "127.0.0.1:chosen", "0.0.0.0:9"]]'),
    "not-connected": ("connected", 'sockets = ["udp"]\nerrno = "EISCONN"'),
    "listens": ("ERRORS", 'sockets = ["tcp"]\nstates = ["connected"]'),
    "listen-refused": (
        "ERRORS",
        'sockets = ["udp"]\nstates = ["new"]\nbeside = "tcp"\nerrno = "EINVAL"',
    ),
    "accept-refused": (
        "ERRORS",
        'sockets = ["udp"]\nstates = ["new"]\nbeside = "tcp"\nerrno = "EINVAL"',
    ),
    "waiting": ("ERRORS", 'sockets = ["unix"]\nbacklogs = [[1, 1]]'),
    "address-room": ("ERRORS", 'sockets = ["tcp"]\nrooms = [5]\nlength = 28'),
    "accept-flags": ("ERRORS", 'sockets = ["tcp"]\nflags = ["SOCK_CLOEXEC"]'),
    "accept-interrupted": ("ERRORS", 'sockets = ["unix"]\nrestart = false\ntimeout = false\ngoes-on = true'),
    "unknown-flags": ("ERRORS", 'sockets = ["unix"]\nknown = ["SOCK_CLOEXEC"]'),
    "shared-listen": ("ERRORS", 'option = "SO_REUSEADDR"\npairs = [["127.0.0.1", "127.0.0.1"]]'),
    "kept-listen": ("ERRORS", 'option = "SO_REUSEPORT"\npairs = [["127.0.0.1", "127.0.0.1"]]'),
    "shut": (
        "connected",
        'sockets = ["unix"]\nhows = ["RD"]\nanswers = ["done"]\nown = ["0 bytes", "EPIPE"]',
    ),
    "unknown-option": ("ENOPROTOOPT", 'sockets = ["tcp"]\nlevel = 1\nnumbers = [9]'),
    "at-mark": ("1", 'sockets = ["tcp"]\nstates = ["data-then-urgent"]'),
    "made": ("socket", 'asked = [["INET", "STREAM", 0]]\nprotocol = 17'),
    "not-made": (
        "socket",
        'asked = [["INET", "DGRAM", 0]]\nerrno = "EINVAL"\nbeside = ["INET", "STREAM", 0]',
    ),
    "named": ("0.0.0.0 port", 'sockets = ["udp"]\nstates = ["bound"]'),
    "name-room": ("getpeername", 'sockets = ["udp"]\nstate = "connected"\nlength = 28\nrooms = [28]'),
    "name-memory": (
        "getsockname",
        'sockets = ["udp"]\nstate = "bound"\nerrno = "EINVAL"\nmissing = ["nothing"]',
    ),
    "rtnetlink-told": ("RTM_GETLINK ifi_index=lo", 'told = ["RTM_NEWLINK IFLA_MTU:4=1500"]'),
    "rtnetlink-changed": (
        "RTM_NEWLINK ifi_index=lo IFLA_MTU=1400",
        'asked = "RTM_GETLINK ifi_index=lo"\nbefore = ["RTM_NEWLINK IFLA_MTU:4=65536"]\n'
        'then = ["RTM_NEWLINK IFLA_MTU:4=1500"]',
    ),
    "rtnetlink-refused": (
        "RTM_NEWLINK ifi_index=lo IFLA_MTU=1400",
        'errno = "EACCES"\nwithout = ["CAP_NET_ADMIN"]\nasked = "RTM_GETLINK ifi_index=lo"\n'
        'then = ["RTM_NEWLINK IFLA_MTU:4=1400"]',
    ),
    "rtnetlink-heard": (
        "RTNLGRP_LINK",
        'request = "RTM_NEWLINK ifi_index=lo IFLA_MTU=1400"\nheard = ["RTM_NEWLINK IFLA_MTU:4=1500"]',
    ),
}
"""A row of each kind that it does not fulfil."""

FALSE_TOO = {
    "default": ("SO_RCVBUF", 'sockets = ["udp"]\nvalue = { sysctl = "net.core.rmem_default", factor = 2 }'),
    "stored": (
        "SO_RCVBUF",
        'sockets = ["tcp"]\nvalues = [[8192, 8192]]\ndefault = 8192\n'
        'sysctls = { "net.ipv4.tcp_rmem" = "4096 8192 16384" }\nbefore = [5000]\nfactor = 2',
    ),
    "suffices": ("SO_PRIORITY", 'sockets = ["udp"]\nvalues = [5]\nonly = []\ndefault = 3'),
    "initial-privilege": (
        "SO_RCVBUFFORCE",
        'sockets = ["udp"]\nvalue = 8192\nshown-by = "SO_RCVBUF"\nerrno = "EPERM"',
    ),
    "inherited": ("SO_LINGER", 'transport = "unix"\nvalue = [1, 7]'),
    "not-inherited": (
        "SO_SNDBUF",
        'transport = "tcp"\nvalue = 9000\nstored = 18000\ndefault = { sysctl = "net.core.wmem_default" }',
    ),
}
"""The same, with fields that not every row of the kind has."""

SUBJECTS = {
    "interrupted": "call",
    **dict.fromkeys(("answered", "unanswered", "interface", "interface-set"), "request"),
    **dict.fromkeys(CONNECTION_KINDS, "section"),
    "sysctl-default": "sysctl",
    "reported": "state",
    "edge": "event",
    "announced": "event",
    "delivered": "section",
    "send-refused": "state",
    "receive-refused": "state",
    "send-flag-refused": "errno",
    "receive-flag-refused": "errno",
    "address-length": "errno",
    "source-address": "section",
    "bad-pointer": "argument",
    "sigpipe": "state",
    **dict.fromkeys(("reported", "bound", "not-bound", "connected", "not-connected"), "state"),
    "shut": "state",
    "unknown-option": "errno",
    "at-mark": "at-mark",
    "made": "call",
    "not-made": "call",
    "named": "own",
    "name-room": "call",
    "name-memory": "call",
    **dict.fromkeys(("rtnetlink-told", "rtnetlink-changed", "rtnetlink-refused"), "request"),
    "rtnetlink-heard": "group",
    "out-of-memory": "call",
}
"""What a row is about, where that is no option."""

ALLOCATION_TRUE = {
    "out-of-memory": ("bind", 'sockets = ["unix", "unix-datagram"]\nerrnos = ["ENOMEM"]'),
    "option-out-of-memory": ("IP_OPTIONS", 'value = "01010101"\nsockets = ["udp"]\nerrnos = ["ENOMEM"]'),
}
ALLOCATION_FALSE = {
    "out-of-memory": ("bind", 'sockets = ["unix", "unix-datagram"]\nerrnos = ["ENOBUFS"]'),
    "option-out-of-memory": (
        "IP_OPTIONS",
        'value = "01010101"\nsockets = ["udp"]\nerrnos = []',
    ),
}
"""Only kernels that have allocations fail can answer these."""

TRUE_ROWS = pytest.mark.parametrize("rows", [TRUE, TRUE_TOO], ids=["each kind", "other fields"])
FALSE_ROWS = pytest.mark.parametrize("rows", [FALSE, FALSE_TOO], ids=["each kind", "other fields"])


def run(folder: Path, rows: Rows, *arguments: str) -> suites.Ended:
    """Run a table of rows, one of each kind."""
    filled = (
        ROW.format(kind=kind, subject=SUBJECTS.get(kind, "option"), name=name, fields=fields)
        for kind, (name, fields) in rows.items()
    )
    table = folder / "conformance" / "doc7" / "rows.toml"
    table.parent.mkdir(parents=True)
    table.write_text("".join(filled))
    return suites.run(folder, NO_TESTS, *arguments)


def verdicts(ended: suites.Ended) -> dict[str, Verdict]:
    return {claim.rpartition("/")[2]: answer.verdict for claim, answer in ended.run.answers.items()}


def test_each_kind_has_a_true_and_a_false_row() -> None:
    assert TRUE.keys() == FALSE.keys() == KINDS.keys() - ALLOCATION_KINDS.keys()
    assert ALLOCATION_TRUE.keys() == ALLOCATION_FALSE.keys() == ALLOCATION_KINDS.keys()


@TRUE_ROWS
def test_true_rows_hold(tmp_path: Path, rows: Rows) -> None:
    ended = run(tmp_path, rows)

    assert (ended.code, verdicts(ended)) == (0, dict.fromkeys(rows, Verdict.HOLDS))


@FALSE_ROWS
def test_false_rows_differ(tmp_path: Path, rows: Rows) -> None:
    ended = run(tmp_path, rows)

    assert (ended.code, verdicts(ended)) == (1, dict.fromkeys(rows, Verdict.DIFFERS))


@TRUE_ROWS
def test_no_stimulus_of_a_row_can_be_taken_away(tmp_path: Path, rows: Rows) -> None:
    ended = run(tmp_path, rows, "--faults")

    assert ended.code == 0, ended.said


@pytest.fixture
def allocations_fail() -> None:
    """Skip where the probe of the claims' own need says so."""
    if FAILING_ALLOCATIONS.missing():
        pytest.skip("this kernel has no allocation of a thread fail, as guests have")


@pytest.mark.usefixtures("allocations_fail")
@pytest.mark.parametrize(
    ("rows", "code", "verdict"),
    [(ALLOCATION_TRUE, 0, Verdict.HOLDS), (ALLOCATION_FALSE, 1, Verdict.DIFFERS)],
    ids=["true", "false"],
)
def test_rows_of_allocations_hold_and_differ(tmp_path: Path, rows: Rows, code: int, verdict: Verdict) -> None:
    ended = run(tmp_path, rows)

    assert (ended.code, verdicts(ended)) == (code, dict.fromkeys(rows, verdict)), ended.said


@pytest.mark.usefixtures("allocations_fail")
def test_no_stimulus_of_a_row_of_allocations_can_be_taken_away(tmp_path: Path) -> None:
    ended = run(tmp_path, ALLOCATION_TRUE, "--faults")

    assert ended.code == 0, ended.said


def test_observations_are_told_apart_by_what_the_row_varies(tmp_path: Path) -> None:
    ended = run(tmp_path, {"default": TRUE["default"]})

    assert ended.run.answers["doc.7/TOPIC/default"].observations == {"default[tcp]": 0, "default[udp]": 0}


def test_the_catalogue_has_the_row_as_the_test(tmp_path: Path) -> None:
    run(tmp_path, {"default": TRUE["default"]})

    [test] = read_catalogue(tmp_path / "catalogue.json").claim("doc.7/TOPIC/default").tests
    assert (test.file, test.line) == ("conformance/doc7/rows.toml", 2)
    assert tomllib.loads(test.source)["default"][0]["option"] == "SO_KEEPALIVE"


@pytest.mark.parametrize(
    ("kind", "option", "fields", "said"),
    [
        ("defaults", "SO_KEEPALIVE", "", "there is no kind of rows defaults"),
        ("default", "SO_NONE", 'sockets = ["tcp"]', "there is no option SO_NONE"),
        ("default", "SO_KEEPALIVE", 'sockets = ["tpc"]\nvalue = 0', "there is no tpc"),
        ("default", "SO_KEEPALIVE", 'sockets = ["tcp"]\nvalue = 0\nvalues = 1', "unknown field `values`"),
        (
            "stored",
            "SO_KEEPALIVE",
            'sockets = ["tcp"]\ndefault = 0\nvalues = [[0, 0]]',
            "neither default nor before is another than 0",
        ),
        (
            "inherited",
            "SO_KEEPALIVE",
            'transport = "tcp"\nvalue = 0',
            "a new listener has 0 already",
        ),
        (
            "default",
            "SO_KEEPALIVE",
            'sockets = ["tcp"]\nvalue = 0\nneeds = ["luck"]',
            "there is no need luck",
        ),
        (
            "optlen",
            "TCP_NODELAY",
            'sockets = ["tcp"]\nsizes = [1]\nvalue = 1\nerrno = "ENONE"',
            "there is no ENONE",
        ),
        (
            "shared-port",
            "SO_REUSEPORT",
            'transport = "udp"\npairs = []\nlistening = true',
            "a UDP socket does not listen",
        ),
        (
            "kept-port",
            "SO_REUSEADDR",
            'transport = "tcp"\npairs = []\nhaving = ["second"]\nset-after-bind = true',
            "set-after-bind is for a first socket that sets the option",
        ),
        ("reported", "gone", "sockets = []\npoll = []\nselect = []", "there is no state gone"),
        ("reported", "data", 'sockets = ["tpc"]\npoll = []\nselect = []', "there is no tpc"),
        ("edge", "rain", "sockets = []\nbefore = []\nafter = []", "there is no event rain"),
        ("edge", "data", 'sockets = ["tpc"]\nbefore = []\nafter = []', "there is no tpc"),
        ("made", "socket", 'asked = [["INETS", "STREAM", 0]]', "there is no AF_INETS"),
        ("named", "unnamed", 'sockets = ["udp"]\nstates = ["rain"]', "there is no state rain"),
        (
            "suffices",
            "SO_MARK",
            'sockets = []\nvalues = []\nbefore = []\nonly = ["CAP_ALL"]',
            "there is no ['CAP_ALL']",
        ),
    ],
)
def test_a_bad_row_is_named_with_what_is_wrong(
    tmp_path: Path, kind: str, option: str, fields: str, said: str
) -> None:
    ended = run(tmp_path, {kind: (option, fields)})

    assert said in ended.said
    assert "rows.toml" in ended.said
