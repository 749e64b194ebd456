"""What a claim cannot be tried without. A need is probed by trying; its code says what is missing."""

from __future__ import annotations

import errno
import functools
import os
import resource
import select
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.plugin.setups.accepting import accepted
from conformance.plugin.setups.alg import algorithm_socket, hash_socket
from conformance.plugin.setups.allocations import CALLS, errnos_without_memory
from conformance.plugin.setups.bpf import returning, xdp_program
from conformance.plugin.setups.callers import caller
from conformance.plugin.setups.capabilities import EPOLLWAKEUP, audit_told, events_in_epoll
from conformance.plugin.setups.crypto_user import add_and_remove_another, crypto_socket
from conformance.plugin.setups.event_calls import kcmp_epoll
from conformance.plugin.setups.firewall import drop_all_that_arrives, drop_all_that_leaves
from conformance.plugin.setups.ipsec import BLOCKING, DISCARDING, KEY_POLICY, POLICY
from conformance.plugin.setups.keys import try_key
from conformance.plugin.setups.labels import OTHER_LABEL, label_names, labelled_sender
from conformance.plugin.setups.message_queues import message_queue
from conformance.plugin.setups.mptcp import IPPROTO_MPTCP
from conformance.plugin.setups.namespaces import devices_in_sysfs
from conformance.plugin.setups.netlink import NETLINK_GENERIC, netlink_socket
from conformance.plugin.setups.netlink_policies import broken, group_of
from conformance.plugin.setups.netlink_taps import add_tap, add_tunnel
from conformance.plugin.setups.options import set_on_udp
from conformance.plugin.setups.rtnetlink import begin, listed
from conformance.plugin.setups.socket_dumps import netlink_rows, packet_rows
from conformance.plugin.setups.tipc import tipc_socket
from conformance.plugin.setups.tun import open_tun
from conformance.plugin.setups.vsock import ANY, LOCAL, listening, of_device, port_of, vsock
from conformance.plugin.setups.xdp import xdp_socket
from conformance.plugin.surroundings import in_want
from kernels.inside import in_guest
from libsocket import (
    SO_ORIGINAL_DST,
    SO_PASSSEC,
    SO_PEERSEC,
    TCP_AO_INFO,
    DmabufToken,
    Option,
    Socket,
    TcpAoAdd,
    UnsupportedOption,
    Vsock,
)
from netns import (
    Capability,
    LinkRefused,
    Namespace,
    NetnsError,
    SysctlNotShown,
    SysctlRefused,
    UserNamespacesForbidden,
    UserUnmapped,
    as_user,
    effective,
    in_user_namespace,
    initial_sysctl,
    initial_sysctl_set,
    peers,
)

NOBODY = 65534
"""The uid by which another user is tried; it owns nothing on any distribution."""

_COUNTING_INITIALLY: tuple[Option[Any], ...] = (Socket.debug, Socket.rcvbufforce)
"""Options that take CAP_NET_ADMIN in the initial user namespace to set. One granted is enough: a
kernel that errs over one, or lacks it, is not to be taken for another user namespace."""

_NETLINK_XFRM = 6
_PF_KEY_V2 = 2
_IPT_SO_SET_REPLACE, _MRT_INIT = 64, 200
"""Options that show what a kernel was built with: it knows them, though no UDP socket can have them so."""


@dataclass(frozen=True)
class Need:
    """Something that may be missing here, and the probe for it."""

    code: str
    probe: Callable[[], bool]

    def missing(self) -> bool:
        return not _met(self)


@functools.cache
def _met(need: Need) -> bool:
    """Probed once: neither the kernel nor the privileges of a run change under it."""
    return need.probe()


def need(one: Need | Capability) -> Need:
    """A capability stands for the need to have it in the namespaces a run makes."""
    return _capability(one) if isinstance(one, Capability) else one


@functools.cache
def _capability(capability: Capability) -> Need:
    return Need(str(capability), lambda: capability in effective())


@functools.cache
def initially(capability: Capability) -> Need:
    """A capability in the initial user namespace: options that are global in effect ask for it there."""
    return Need(
        f"{capability} in the initial user namespace",
        lambda: capability in effective() and any(map(_granted, _COUNTING_INITIALLY)),
    )


def _granted(option: Option[Any]) -> bool:
    try:
        set_on_udp(option, 1)
    except (PermissionError, UnsupportedOption):
        return False
    return True


@functools.cache
def qdisc(kind: str) -> Need:
    """A queueing discipline, such as ``tbf``, that the kernel can put on a link."""
    return Need(f"qdisc:{kind}", lambda: _works(lambda: _try_qdisc(kind), LinkRefused))


_REQUIRED: dict[str, dict[str, Any]] = {
    "etf": {"clockid": time.CLOCK_TAI, "delta": 0},
    "tbf": {"rate": "1mbit", "burst": 10_000, "limit": 10_000},
}
"""The settings without which a queueing discipline is none."""


_HTB = "TCA_KIND=htb TCA_OPTIONS=18000200030000000a000000" + "00" * 12
"""struct tc_htb_glob in TCA_HTB_INIT."""
_ANY_PACKET = "TCA_KIND=u32 TCA_OPTIONS=2400050001000100" + "00" * 28
"""struct tc_u32_sel in TCA_U32_SEL, with a key of no bits."""


def _try_u32() -> None:
    root = "tcm_ifindex=left tcm_handle=0x10000 tcm_parent=0xffffffff"
    at = "tcm_ifindex=left tcm_parent=0x10000 tcm_info=0x10300"
    with Namespace() as namespace, namespace.entered():
        begin(namespace, ["veth", f"RTM_NEWQDISC NLM_F_CREATE {root} {_HTB}"])
        begin(namespace, [f"RTM_NEWTFILTER NLM_F_CREATE {at} {_ANY_PACKET}"])


def _try_qdisc(kind: str) -> None:
    with peers() as two:
        two.left.namespace.add_qdisc(two.left.device, kind, handle="1:", **_REQUIRED.get(kind, {}))


@functools.cache
def sysctl(name: str, value: str = "") -> Need:
    """A sysctl, such as ``net.core.somaxconn``, that can be set in a namespace: to one value, or to any."""
    code = f"sysctl:{name}" + (f"={value}" if value else "")
    return Need(code, lambda: _works(lambda: _try_sysctl(name, value), NetnsError, KeyError))


def shown_missing(error: BaseException) -> Need | None:
    """The need that an error in a scene shows to be missing: a sysctl that cannot be set here at all."""
    if isinstance(error, SysctlRefused | SysctlNotShown) and sysctl(error.name).missing():
        return sysctl(error.name)
    return None


def _try_sysctl(name: str, value: str) -> None:
    with Namespace() as namespace:
        namespace.sysctl[name] = value or namespace.sysctl[name]


@functools.cache
def congestion_control(name: str) -> Need:
    """An algorithm of congestion control, such as ``bbr``, that a TCP socket can choose."""
    return Need(f"congestion control:{name}", lambda: _works(lambda: _try_congestion_control(name), OSError))


def _try_congestion_control(name: str) -> None:
    with Socket.tcp() as sock:
        sock.tcp_congestion = name


def _try_link(make: Callable[[Namespace], None]) -> None:
    with Namespace() as namespace:
        namespace.add_veth("lower", "other")
        make(namespace)


@functools.cache
def algorithm(kind: str, name: str) -> Need:
    """An algorithm that the kernel computes for programs, such as ``skcipher`` and ``cbc(aes)``."""
    return Need(f"AF_ALG:{kind}:{name}", lambda: _works(lambda: _try_algorithm(kind, name), OSError))


def _try_algorithm(kind: str, name: str) -> None:
    """A generator has to give something without a seed: ansi_cprng does not, where that is the best."""
    with algorithm_socket(kind, name) as sock:
        if kind == "rng":
            with accepted(sock) as made:
                made.recv(1)


@functools.cache
def key(kind: str) -> Need:
    """A type of keys, such as ``user``, that the kernel keeps (CONFIG_KEYS)."""
    return Need(f"key:{kind}", lambda: _works(lambda: try_key(kind), OSError))


@functools.cache
def tcp_info(field: str) -> Need:
    """A field of TCP_INFO, such as ``rcv_wnd``: a kernel has those that were there when it was made."""
    return Need(f"TCP_INFO:{field}", lambda: _works(lambda: _try_tcp_info(field), AttributeError))


def _try_tcp_info(field: str) -> None:
    with Socket.tcp() as sock:
        getattr(sock.tcp_info, field)


@functools.cache
def link(kind: str) -> Need:
    """A kind of link: ``bridge``, ``dummy``, ``macvlan`` or ``vrf``. Raises: KeyError for another."""
    make = _LINKS[kind]
    return Need(f"link:{kind}", lambda: _works(lambda: _try_link(make), LinkRefused))


_LINKS: dict[str, Callable[[Namespace], None]] = {
    "bridge": lambda namespace: namespace.add_bridge("made"),
    "dummy": lambda namespace: namespace.add_dummy("made"),
    "macvlan": lambda namespace: namespace.add_macvlan("made", "lower"),
    "vrf": lambda namespace: namespace.add_vrf("made", table=100),
}


def _try_another_user() -> None:
    as_user(NOBODY, os.geteuid)


def _try_pair() -> None:
    with peers():
        pass


def _try_user_namespace() -> None:
    in_user_namespace(os.geteuid)


def _try_policy() -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_XFRM).close()
    with Namespace() as namespace, namespace.entered():
        set_on_udp(POLICY, BLOCKING)


def _try_key_policy() -> None:
    socket.socket(socket.AF_KEY, socket.SOCK_RAW, _PF_KEY_V2).close()
    with Namespace() as namespace, namespace.entered():
        set_on_udp(KEY_POLICY, DISCARDING)


def _try_peer_label() -> None:
    left, right = Socket.pair()
    with left, right:
        left.get(SO_PEERSEC)


def _try_crypto_user() -> None:
    crypto_socket().close()


def _try_message_label() -> None:
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        right.passsec = True
        left.send(b"1")
        if not label_names(right):
            raise UnsupportedOption(errno.ENOPROTOOPT, "no security module labels messages")


def _try_socket_label() -> None:
    for one in labelled_sender(OTHER_LABEL, socket.SOCK_DGRAM):
        one.close()


def _memory() -> int:
    """Bytes that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _has_selinux() -> bool:
    """Its file system is registered where the kernel has it and it was not switched off at boot."""
    known = Path("/proc/filesystems")
    return known.exists() and "selinuxfs" in known.read_text(encoding="ascii").split()


def _try_device_memory() -> None:
    with Socket.tcp() as sock:
        sock.devmem_dontneed = (DmabufToken(0, 1),)


def _try_routing_rule() -> None:
    with Namespace() as namespace:
        namespace.add_rule(fwmark=1, table=100)


def _try_route_timers() -> None:
    with peers() as two:
        two.left.namespace.add_route(f"{two.right.address}/32", dev=two.left.device, rto_min=100)


def _try_neighbour() -> None:
    with Namespace() as namespace, namespace.entered():
        begin(namespace, [_NEIGHBOUR])


def _try_signal_limit() -> None:
    """Raises: ValueError, since Python takes the refusal for one of a higher limit."""
    resource.setrlimit(resource.RLIMIT_SIGPENDING, resource.getrlimit(resource.RLIMIT_SIGPENDING))


@functools.cache
def proc_net(name: str) -> Need:
    """A file in /proc/net, such as ``igmp6``."""
    return Need(f"/proc/net:{name}", Path("/proc/thread-self/net", name).exists)


def _try_route_mtu() -> None:
    with peers() as two:
        two.left.namespace.add_route(f"{two.right.address}/32", dev=two.left.device, mtu=1300)


_NEIGHBOUR = (
    "RTM_NEWNEIGH NLM_F_CREATE ndm_family=AF_INET ndm_ifindex=lo ndm_state=NUD_PERMANENT "
    "NDA_DST=127.0.0.9 NDA_LLADDR=02:00:00:00:00:01"
)
_ROUTE = (
    "RTM_NEWROUTE NLM_F_CREATE rtm_family=AF_INET rtm_dst_len=24 rtm_table=RT_TABLE_MAIN "
    "rtm_scope=RT_SCOPE_LINK rtm_type=RTN_UNICAST RTA_DST=10.9.0.0"
)


def _try_route(attributes: str) -> None:
    with Namespace() as namespace, namespace.entered():
        begin(namespace, [f"{_ROUTE} {attributes}"])


def _try_realm() -> list[str]:
    """What is told of the realm of a route that was given one."""
    with Namespace() as namespace, namespace.entered(), netlink_socket() as sock, suppress(OSError):
        begin(namespace, [f"{_ROUTE} RTA_OIF=lo RTA_FLOW=7"])
        return listed(
            sock, "RTM_GETROUTE NLM_F_DUMP rtm_family=AF_INET", ["RTA_DST:4=10.9.0.0"], ["RTA_FLOW"]
        )
    return []


def _try_blackhole() -> None:
    with peers() as two:
        two.left.namespace.add_route(f"{two.right.address}/32", type="blackhole")
        with two.left.entered(), Socket.udp() as sock:
            try:
                sock.connect((two.right.address, 9))
            except OSError:
                return
        raise LinkRefused(errno.EOPNOTSUPP, "a blackhole lets packets pass")


def _try_link_down() -> None:
    with Namespace() as namespace:
        namespace.set_link("lo", up=False)
        if any(link.up for link in namespace.links()):
            raise LinkRefused(errno.EOPNOTSUPP, "loopback stays up")


def _try_allmulti() -> None:
    with Namespace() as namespace, namespace.iproute() as netlink:
        if netlink.get_links(ifname="lo")[0].get("allmulti") is None:
            raise LinkRefused(errno.EOPNOTSUPP, "it is not told how many ask for all multicast")


def _try_kernel_log() -> None:
    os.close(os.open("/dev/kmsg", os.O_RDONLY))


def _try_own_kernel() -> None:
    if not in_guest():
        raise NetnsError(errno.EPERM, "others may run on this kernel")
    with initial_sysctl_set("net.core.rmem_max", initial_sysctl("net.core.rmem_max")):
        pass


def _try_failing_allocations() -> None:
    if not errnos_without_memory(functools.partial(CALLS["socket"], "udp")):
        raise FileNotFoundError(errno.ENOENT, "only allocations that may not wait fail")


def _try_kcmp() -> None:
    with Socket.udp() as sock, select.epoll() as epoll:
        epoll.register(sock)
        kcmp_epoll(sock, epoll, sock.fileno())


def _try_tunnel() -> None:
    with Namespace() as namespace, namespace.entered():
        add_tunnel("made")


def _try_egress() -> None:
    with Namespace() as namespace, namespace.entered():
        drop_all_that_leaves("lo")


def _try_red() -> None:
    with Namespace() as namespace, namespace.entered():
        if broken("bitfield").error == -errno.ENOENT:
            raise FileNotFoundError(errno.ENOENT, "there is no queueing discipline red")


def _try_queue() -> None:
    with message_queue():
        pass


def _try_tap() -> None:
    with Namespace() as namespace, namespace.entered():
        add_tap("made")


def _has_file_attributes() -> bool:
    """Whether the file of a UNIX socket can be asked for an attribute user.*, where temporary files are."""
    with tempfile.TemporaryDirectory() as folder, Socket.unix() as sock:
        sock.bind(f"{folder}/s")
        try:
            os.getxattr(f"{folder}/s", "user.test")
        except OSError as error:
            return error.errno != errno.EOPNOTSUPP
        return True


def _try_netlink_dump() -> None:
    if not netlink_rows():
        raise FileNotFoundError(errno.ENOENT, "netlink sockets are not listed")


def _try_ipv6() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))


def _try_mobile_ipv6() -> None:
    with Socket.udp(socket.AF_INET6) as sock:
        sock.ipv6_rthdr = bytes([0, 2, 2, 1, *bytes(3), 0, *bytes(15), 1])


def _try_sctp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP):
        pass


def _try_mptcp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP):
        pass


def _try_mptcp_events() -> None:
    with netlink_socket(NETLINK_GENERIC) as sock:
        group_of(sock, "mptcp_pm", "mptcp_pm_events")


def _try_tcp_ao(algorithm: str = "hmac(sha1)") -> None:
    with Socket.tcp() as sock:
        sock.tcp_ao_add_key = TcpAoAdd("127.0.0.1", 32, b"a key", sndid=1, rcvid=1, algorithm=algorithm)
        sock.get(TCP_AO_INFO)  # gVisor takes any option of TCP, and has forgotten it


def _try_tls() -> None:
    left, right = Socket.tcp_pair()
    with left, right:
        left.tcp_ulp = "tls"


def _try_espintcp() -> None:
    with Socket.tcp() as sock:
        sock.tcp_ulp = "espintcp"


def _try_tun() -> None:
    with Namespace():
        os.close(open_tun())


def _try_original_dst() -> None:
    with Socket.tcp() as sock, suppress(FileNotFoundError):
        sock.get(SO_ORIGINAL_DST)


def _try_vsock() -> None:
    vsock().close()


def _try_vsock_loopback() -> None:
    with listening() as listener, vsock() as client:  # without loopback the bind is refused: nothing is sent
        client.connect(Vsock(LOCAL, port_of(listener)))


def _try_vsock_device() -> None:
    if of_device() == ANY:
        raise OSError(errno.ENODEV, "no transport tells a CID")


def _try_sysfs() -> None:
    with Namespace() as namespace:
        devices_in_sysfs(namespace)


def _try_epoll_wakeup() -> None:
    with Socket.udp() as sock:
        if not events_in_epoll(EPOLLWAKEUP, sock) & EPOLLWAKEUP:
            raise OSError(errno.EOPNOTSUPP, "EPOLLWAKEUP is forgotten")


def _try_alg() -> None:
    with hash_socket():
        pass


def _try_tipc() -> None:
    tipc_socket(socket.SOCK_RDM).close()


def _try_xdp() -> None:
    xdp_socket().close()


def _try_xdp_program() -> None:
    with Namespace() as namespace, namespace.entered(), xdp_program("lo"):
        pass


def _try_nftables() -> None:
    with Namespace() as namespace, namespace.entered():
        drop_all_that_arrives()


def _try_program() -> None:
    with returning(0):
        pass


def _try_32_bit_program() -> None:
    with caller() as program:
        program.call("getpid")


def _try_ip_option(number: int, family: int = socket.AF_INET) -> None:
    level = socket.IPPROTO_IP if family == socket.AF_INET else socket.IPPROTO_IPV6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.setsockopt(level, number, b"")
        except OSError as error:
            if error.errno == errno.ENOPROTOOPT:
                raise


def _try_passsec() -> None:
    with Socket.unix() as sock:
        try:
            sock.get(SO_PASSSEC)
        except UnsupportedOption as error:
            if error.errno == errno.EOPNOTSUPP:  # where it is not known at all, that is the kernel's answer
                raise


def _works(attempt: Callable[[], object], *refusals: type[Exception]) -> bool:
    """Whether an attempt succeeds. Why it does not is the need's code to say.

    Only these refusals say that the need is missing. Whatever else goes wrong is not known to be the kernel's
    answer, and the claim is broken.
    """
    with Namespace():
        try:
            attempt()
        except refusals as error:
            if isinstance(error, OSError) and in_want(error):
                raise
            return False
    return True


ANOTHER_USER = Need(
    f"uid:{NOBODY}",
    lambda: {Capability.SETUID, Capability.SETGID} <= effective() and _works(_try_another_user, UserUnmapped),
)
"""A second user id to run as: a user namespace made by an ordinary user has only one."""

VETH = Need("link:veth", lambda: _works(_try_pair, LinkRefused))
"""Two hosts joined by a pair of virtual Ethernet devices."""

USER_NAMESPACE = Need("user namespace", lambda: _works(_try_user_namespace, UserNamespacesForbidden))
"""A user namespace inside which a network namespace can be made."""

IPV6 = Need("family:AF_INET6", lambda: _works(_try_ipv6, OSError))
"""The IPv6 protocol, which a kernel can be built or started without."""

MOBILE_IPV6 = Need("route:mobile IPv6", lambda: _works(_try_mobile_ipv6, OSError))
"""Routing headers of type 2 (CONFIG_IPV6_MIP6)."""

SCTP = Need("protocol:IPPROTO_SCTP", lambda: _works(_try_sctp, OSError))
"""SCTP, which a kernel can be built without; as a module it is loaded by root's first socket."""

MPTCP = Need("protocol:IPPROTO_MPTCP", lambda: _works(_try_mptcp, OSError))
"""Multipath TCP, which a kernel can be built without; every network namespace begins with it enabled."""

MPTCP_EVENTS = Need("netlink:mptcp_pm_events", lambda: _works(_try_mptcp_events, OSError))
"""The group of netlink that tells what happens to connections of Multipath TCP, since 5.12."""

BUSY_POLL = Need("busy polling", lambda: _works(lambda: initial_sysctl("net.core.busy_read"), KeyError))
"""Busy polling (CONFIG_NET_RX_BUSY_POLL)."""

EBPF = Need("program:ebpf", lambda: _works(_try_program, OSError))
"""Extended BPF programs, which a kernel can be built without, and which take privileges to load."""

I386 = Need("program:i386", lambda: _works(_try_32_bit_program, OSError))
"""Programs of 32 bits on x86 (CONFIG_IA32_EMULATION): other machines have none, nor user-mode kernels."""

PASSSEC = Need("option:SO_PASSSEC", lambda: _works(_try_passsec, UnsupportedOption))
"""Security labels of what is received (CONFIG_SECURITY_NETWORK): since 6.16 the option needs them."""

TCP_AO = Need("option:TCP_AO_ADD_KEY", lambda: _works(_try_tcp_ao, UnsupportedOption))
"""TCP segments that are authenticated with keys (CONFIG_TCP_AO)."""

TCP_AO_CMAC = Need(
    "algorithm:cmac(aes128)",
    lambda: _works(lambda: _try_tcp_ao("cmac(aes128)"), UnsupportedOption, FileNotFoundError),
)
"""The second algorithm of TCP-AO: a module where the crypto API has it (CONFIG_CRYPTO_CMAC)."""

IPTABLES = Need("firewall:iptables", lambda: _works(lambda: _try_ip_option(_IPT_SO_SET_REPLACE), OSError))
"""The packet filter's first interface (CONFIG_IP_NF_IPTABLES), which is set up by options of sockets."""

NFTABLES = Need("firewall:nftables", lambda: _works(_try_nftables, OSError))
"""Rules of nftables for IPv4 (CONFIG_NF_TABLES_IPV4), and CAP_NET_ADMIN to make them."""

MULTICAST_ROUTING = Need("multicast routing", lambda: _works(lambda: _try_ip_option(_MRT_INIT), OSError))
"""A router for multicast (CONFIG_IP_MROUTE)."""

MULTICAST_ROUTING_IPV6 = Need(
    "multicast routing:IPv6", lambda: _works(lambda: _try_ip_option(_MRT_INIT, socket.AF_INET6), OSError)
)
"""The same over IPv6 (CONFIG_IPV6_MROUTE)."""

IPSEC = Need("policy:ipsec", lambda: _works(_try_policy, OSError))
"""IPsec policies that are set as a socket's option (CONFIG_XFRM_USER). It does not load the module that has
them; root's first socket of NETLINK_XFRM does."""

PF_KEY = Need("policy:pf_key", lambda: _works(_try_key_policy, OSError))
"""IPsec policies in the older form of PF_KEY (CONFIG_NET_KEY), a module that root's first socket loads."""

PEER_LABELS = Need("security:peer label", lambda: _works(_try_peer_label, UnsupportedOption))
"""A security module that labels the ends of UNIX sockets, such as SELinux."""

MESSAGE_LABELS = Need("security:message label", lambda: _works(_try_message_label, OSError))
"""A security module that labels what UNIX sockets send, as SELinux and Smack do, and AppArmor does not."""

SOCKET_LABELS = Need("security:socket label", lambda: _works(_try_socket_label, OSError))
"""SELinux without a policy, by which a socket can be made with another label than the process has."""

SELINUX = Need("security:SELinux", _has_selinux)
"""SELinux, with a policy or without: it looks at the addresses of Internet sockets before the sockets do."""

NO_SELINUX = Need("security:no SELinux", lambda: not _has_selinux())
"""A kernel without it, or with ``selinux=0``: the sockets alone look at addresses."""

DEVICE_MEMORY = Need("option:SO_DEVMEM_DONTNEED", lambda: _works(_try_device_memory, UnsupportedOption))
"""TCP sockets that can receive into the memory of devices (CONFIG_PAGE_POOL)."""

TLS = Need("protocol:tls", lambda: _works(_try_tls, FileNotFoundError))
"""TLS on top of a TCP connection (CONFIG_TLS)."""

ESPINTCP = Need("protocol:espintcp", lambda: _works(_try_espintcp, FileNotFoundError))
"""ESP on top of a TCP connection (CONFIG_INET_ESPINTCP)."""

CONNTRACK = Need("netfilter:conntrack", lambda: _works(_try_original_dst, UnsupportedOption))
"""Connections that the packet filter tracks (CONFIG_NF_CONNTRACK)."""

ROUTING_RULES = Need("rule:fwmark", lambda: _works(_try_routing_rule, LinkRefused))
"""Rules that choose a routing table (CONFIG_IP_MULTIPLE_TABLES)."""

ROUTE_TIMERS = Need("route:rto_min", lambda: _works(_try_route_timers, LinkRefused))
"""Routes that say how long TCP waits before it sends again."""

U32 = Need("filter:u32", lambda: _works(_try_u32, OSError))
"""Traffic filters that look at words of a packet (CONFIG_NET_CLS_U32), and htb to put one to."""

ROUTE_MTU = Need("route:mtu", lambda: _works(_try_route_mtu, LinkRefused))
"""Routes that take smaller packets than their interface."""

ROUTE_MULTIPATH = Need(
    "route:multipath", lambda: _works(lambda: _try_route("RTA_MULTIPATH=lo/0,lo/1"), OSError)
)
"""IPv4 routes with several next hops (CONFIG_IP_ROUTE_MULTIPATH)."""

ROUTE_SOURCE = Need(
    "route:prefsrc", lambda: _works(lambda: _try_route("RTA_OIF=lo RTA_PREFSRC=127.0.0.1"), OSError)
)
"""IPv4 routes that choose the source of what is sent by them."""

ROUTE_HOP_LIMIT = Need(
    "route:hoplimit", lambda: _works(lambda: _try_route("RTA_OIF=lo RTA_METRICS.RTAX_HOPLIMIT=33"), OSError)
)
"""IPv4 routes that limit the hops of what is sent by them."""

NEIGHBOURS = Need("neighbours", lambda: _works(_try_neighbour, OSError))
"""Neighbours that are told to the kernel."""

SIGNAL_LIMIT = Need("limit:RLIMIT_SIGPENDING", lambda: _works(_try_signal_limit, ValueError))
"""A limit on how many signals wait."""

ROUTE_REALM = Need("route:realm", lambda: _try_realm() == ["RTM_NEWROUTE RTA_FLOW:4=7"])
"""IPv4 routes with a realm (CONFIG_IP_ROUTE_CLASSID)."""

ROUTE_ENCAPSULATION = Need(
    "route:encapsulation",
    lambda: _works(
        lambda: _try_route("RTA_OIF=lo RTA_ENCAP_TYPE=2 RTA_ENCAP.LWTUNNEL_IP_DST=10.6.0.1"), OSError
    ),
)
"""Routes that put packets into those of a tunnel (CONFIG_LWTUNNEL)."""

BLACKHOLE = Need("route:blackhole", lambda: _works(_try_blackhole, LinkRefused))
"""Routes that drop what would be sent by them; gVisor's send it."""

LINK_DOWN = Need("link:down", lambda: _works(_try_link_down, LinkRefused))
"""Interfaces that can be set down; gVisor's are always up."""

ALLMULTI = Need("link:allmulti", lambda: _works(_try_allmulti, LinkRefused))
"""A kernel that tells how many ask an interface for all multicast frames: Linux does since 6.1."""

KERNEL_LOG = Need("log:/dev/kmsg", lambda: _works(_try_kernel_log, PermissionError, FileNotFoundError))
"""The kernel's own messages, to read: the initial root may, others unless dmesg_restrict is set."""

MEMORY = Need("memory:768M", lambda: _memory() >= 768 * 2**20)
"""Memory enough that the defaults which are computed from it are the largest that there are."""

MEMORY_FOR_2G = Need("memory:3G", lambda: _memory() >= 3 * 2**30)
"""Memory enough that a call can be given 2 GiB of it."""

UNANSWERED: tuple[Need | Capability, ...] = (Capability.NET_RAW, VETH, BLACKHOLE)
"""What it takes to see, on a host that never answers, what another sends to it."""

SYSFS = Need("mount:sysfs", lambda: _works(_try_sysfs, OSError))
"""That sysfs can be mounted: in a container where parts of it are hidden it cannot."""

CRYPTO_USER = Need("netlink:NETLINK_CRYPTO", lambda: _works(_try_crypto_user, OSError))
"""What the crypto API has, told by netlink (CONFIG_CRYPTO_USER)."""

CRYPTO_TEMPLATES = Need("crypto:templates", lambda: _works(add_and_remove_another, OSError))
"""A hash that can be made by NETLINK_CRYPTO: of the template hmac and blake2b. To ask changes the kernel."""

AUDIT = Need("netlink:NETLINK_AUDIT", lambda: _works(audit_told, OSError))
"""Auditing (CONFIG_AUDIT), of which the kernel tells no more than the initial user and PID namespaces."""

EPOLL_WAKEUP = Need("epoll:EPOLLWAKEUP", lambda: _works(_try_epoll_wakeup, OSError, ValueError))
"""A system that can go to sleep (CONFIG_PM_SLEEP), and be kept awake by what may block that."""

ALG = Need("family:AF_ALG", lambda: _works(_try_alg, OSError))
"""Hashes that the kernel computes for programs (CONFIG_CRYPTO_USER_API_HASH)."""

TIPC = Need("family:AF_TIPC", lambda: _works(_try_tipc, OSError))
"""Sockets for clusters (CONFIG_TIPC), which also reach those of their own host."""

XDP = Need("family:AF_XDP", lambda: _works(_try_xdp, OSError))
"""Sockets for packets in a program's own memory (CONFIG_XDP_SOCKETS), and CAP_NET_RAW to make them."""

XDP_PROGRAM = Need("program:xdp", lambda: _works(_try_xdp_program, OSError))
"""Programs of XDP that an interface runs by a link (Linux 5.9), and what it takes to load and attach them."""

VSOCK = Need("family:AF_VSOCK", lambda: _works(_try_vsock, OSError))
"""Sockets between virtual machines (CONFIG_VSOCKETS)."""

VSOCK_LOOPBACK = Need("transport:vsock loopback", lambda: _works(_try_vsock_loopback, OSError))
"""Connections of AF_VSOCK within one machine (CONFIG_VSOCKETS_LOOPBACK)."""

VSOCK_DEVICE = Need("device:/dev/vsock", lambda: _works(_try_vsock_device, OSError))
"""The device, root's alone, and a CID that it tells: before 6.16 none where only loopback is there."""

TUN = Need("device:/dev/net/tun", lambda: _works(_try_tun, OSError))
"""The device by which interfaces of tun(4) are made."""

FAILING_ALLOCATIONS = Need("kernel:fault injection", lambda: _works(_try_failing_allocations, OSError))
"""A kernel that has allocations of a thread fail, those that may wait for memory too: CONFIG_FAILSLAB, with
``ignore-gfp-wait`` off, as guests have it."""

OWN_KERNEL = Need("kernel:own", lambda: _works(_try_own_kernel, NetnsError))
"""A kernel that runs nothing but the suite, a guest's, so that what is the whole kernel's may be changed."""

KCMP = Need("kcmp", lambda: _works(_try_kcmp, OSError))
"""kcmp(2) (CONFIG_KCMP)."""

IPV6_TUNNEL = Need("link:ip6tnl", lambda: _works(_try_tunnel, OSError))
"""Tunnels over IPv6 (CONFIG_IPV6_TUNNEL)."""

EGRESS = Need("firewall:egress", lambda: _works(_try_egress, OSError))
"""Rules for what an interface is given to send (CONFIG_NF_TABLES_NETDEV and CONFIG_NETFILTER_EGRESS)."""

RED = Need("discipline:red", lambda: _works(_try_red, FileNotFoundError))
"""The queueing discipline red (CONFIG_NET_SCH_RED), whose settings have a bitfield."""

MQUEUE = Need("call:mq_notify", lambda: _works(_try_queue, OSError))
"""POSIX message queues (CONFIG_POSIX_MQUEUE), in an IPC namespace that can be made."""

NLMON = Need("link:nlmon", lambda: _works(_try_tap, OSError))
"""Interfaces on which netlink messages are seen (CONFIG_NLMON)."""

NETLINK_DIAG = Need("sock_diag:AF_NETLINK", lambda: _works(_try_netlink_dump, OSError))
"""That netlink sockets are listed by sock_diag(7) (CONFIG_NETLINK_DIAG)."""

PACKET_DIAG = Need("sock_diag:AF_PACKET", lambda: _works(packet_rows, OSError))
"""That packet sockets are (CONFIG_PACKET_DIAG)."""

FILE_ATTRIBUTES = Need("files:user attributes", _has_file_attributes)
"""Attributes user.* of files where temporary ones are: Linux 7.1 and later ask there for a socket's file."""

_NEEDS = (
    ANOTHER_USER,
    VETH,
    USER_NAMESPACE,
    IPV6,
    MOBILE_IPV6,
    SCTP,
    MPTCP,
    MPTCP_EVENTS,
    BUSY_POLL,
    EBPF,
    I386,
    PASSSEC,
    TCP_AO,
    TCP_AO_CMAC,
    IPTABLES,
    NFTABLES,
    MULTICAST_ROUTING,
    MULTICAST_ROUTING_IPV6,
    IPSEC,
    PF_KEY,
    PEER_LABELS,
    MESSAGE_LABELS,
    SOCKET_LABELS,
    SELINUX,
    NO_SELINUX,
    DEVICE_MEMORY,
    TLS,
    ESPINTCP,
    TUN,
    CONNTRACK,
    ROUTING_RULES,
    ROUTE_TIMERS,
    U32,
    ROUTE_MTU,
    ROUTE_MULTIPATH,
    ROUTE_SOURCE,
    ROUTE_HOP_LIMIT,
    NEIGHBOURS,
    SIGNAL_LIMIT,
    ROUTE_REALM,
    ROUTE_ENCAPSULATION,
    BLACKHOLE,
    LINK_DOWN,
    ALLMULTI,
    KERNEL_LOG,
    MEMORY,
    MEMORY_FOR_2G,
    SYSFS,
    CRYPTO_USER,
    CRYPTO_TEMPLATES,
    AUDIT,
    EPOLL_WAKEUP,
    ALG,
    TIPC,
    XDP,
    XDP_PROGRAM,
    VSOCK,
    VSOCK_LOOPBACK,
    VSOCK_DEVICE,
    OWN_KERNEL,
    FAILING_ALLOCATIONS,
    KCMP,
    IPV6_TUNNEL,
    EGRESS,
    RED,
    MQUEUE,
    NLMON,
    NETLINK_DIAG,
    PACKET_DIAG,
    FILE_ATTRIBUTES,
)
_CODES = {
    **{one.code: one for one in _NEEDS},
    **{link(kind).code: link(kind) for kind in _LINKS},
    **{str(one): _capability(one) for one in Capability},
    **{initially(one).code: initially(one) for one in Capability},
}


def need_of(code: str) -> Need:
    """A need by its code. Raises: KeyError."""
    kind, _, name = code.partition(":")
    if kind == "sysctl":
        return sysctl(*name.split("="))
    if kind == "AF_ALG":
        return algorithm(*name.split(":"))
    families = {
        "TCP_INFO": tcp_info,
        "congestion control": congestion_control,
        "key": key,
        "qdisc": qdisc,
        "/proc/net": proc_net,
    }
    return families[kind](name) if kind in families else _CODES[code]
