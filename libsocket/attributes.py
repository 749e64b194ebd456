"""The options as attributes: what a Socket is called by, and the type of what it answers."""

from __future__ import annotations

from typing import Any, Final

from libsocket.option import Option
from libsocket.options import (
    icmpv6,
    ip,
    ip_groups,
    ipv6,
    ipv6_groups,
    ipv6_headers,
    mptcp,
    netlink,
    packet,
    raw,
    socket,
    tcp,
    tcp_restore,
    tls,
    udp,
    vsock,
)
from libsocket.values import (
    BufLock,
    DmabufToken,
    FanoutArgs,
    Fd,
    GroupFilter,
    GroupReq,
    GroupSourceReq,
    In6FlowlabelReq,
    In6Pktinfo,
    Ip6Mtuinfo,
    IpMreqn,
    IpMreqSource,
    IpMsfilter,
    Ipv6Mreq,
    Ipv6Preference,
    Linger,
    MemInfo,
    MptcpInfo,
    MptcpSubflowAddrs,
    PacketMreq,
    PortRange,
    SockTxTime,
    TcpAoAdd,
    TcpAoDel,
    TcpAoInfo,
    TcpAoKeys,
    TcpAoRepair,
    TcpInfo,
    TcpMd5sig,
    TcpRepairOpt,
    TcpRepairWindow,
    TcpZerocopyReceive,
    Timestamping,
    TlsCryptoInfo,
    TpacketReq,
    TpacketRolloverStats,
    TpacketStats,
    Ucred,
)


class Attributes:
    """Every socket option, named after its C name in lower case without ``SO_``.

    On a Socket an attribute is the option's value; on the class it is the Option.
    """

    __slots__ = ()

    debug: Option[bool] = socket.SO_DEBUG
    so_type: Option[int] = socket.SO_TYPE
    domain: Option[int] = socket.SO_DOMAIN
    protocol: Option[int] = socket.SO_PROTOCOL
    error: Option[int] = socket.SO_ERROR
    acceptconn: Option[bool] = socket.SO_ACCEPTCONN
    cookie: Option[int] = socket.SO_COOKIE
    netns_cookie: Option[int] = socket.SO_NETNS_COOKIE
    sndbuf: Option[int] = socket.SO_SNDBUF
    rcvbuf: Option[int] = socket.SO_RCVBUF
    sndbufforce: Option[int] = socket.SO_SNDBUFFORCE
    rcvbufforce: Option[int] = socket.SO_RCVBUFFORCE
    buf_lock: Option[BufLock] = socket.SO_BUF_LOCK
    reserve_mem: Option[int] = socket.SO_RESERVE_MEM
    meminfo: Option[MemInfo] = socket.SO_MEMINFO
    rcvlowat: Option[int] = socket.SO_RCVLOWAT
    sndlowat: Option[int] = socket.SO_SNDLOWAT
    rcvtimeo: Option[float] = socket.SO_RCVTIMEO
    sndtimeo: Option[float] = socket.SO_SNDTIMEO
    rcvtimeo_new: Option[float] = socket.SO_RCVTIMEO_NEW
    sndtimeo_new: Option[float] = socket.SO_SNDTIMEO_NEW
    linger: Option[Linger] = socket.SO_LINGER
    oobinline: Option[bool] = socket.SO_OOBINLINE
    peek_off: Option[int] = socket.SO_PEEK_OFF
    inq: Option[bool] = socket.SO_INQ
    zerocopy: Option[bool] = socket.SO_ZEROCOPY
    devmem_dontneed: Option[tuple[DmabufToken, ...]] = socket.SO_DEVMEM_DONTNEED
    passcred: Option[bool] = socket.SO_PASSCRED
    peercred: Option[Ucred] = socket.SO_PEERCRED
    passsec: Option[bool] = socket.SO_PASSSEC
    peersec: Option[str] = socket.SO_PEERSEC
    peergroups: Option[tuple[int, ...]] = socket.SO_PEERGROUPS
    peername: Option[bytes] = socket.SO_PEERNAME
    passpidfd: Option[bool] = socket.SO_PASSPIDFD
    peerpidfd: Option[Fd] = socket.SO_PEERPIDFD
    passrights: Option[bool] = socket.SO_PASSRIGHTS
    rights_notrunc: Option[bool] = socket.SO_RIGHTS_NOTRUNC
    reuseaddr: Option[bool] = socket.SO_REUSEADDR
    reuseport: Option[bool] = socket.SO_REUSEPORT
    bindtodevice: Option[str] = socket.SO_BINDTODEVICE
    bindtoifindex: Option[int] = socket.SO_BINDTOIFINDEX
    dontroute: Option[bool] = socket.SO_DONTROUTE
    broadcast: Option[bool] = socket.SO_BROADCAST
    keepalive: Option[bool] = socket.SO_KEEPALIVE
    priority: Option[int] = socket.SO_PRIORITY
    rcvpriority: Option[bool] = socket.SO_RCVPRIORITY
    mark: Option[int] = socket.SO_MARK
    rcvmark: Option[bool] = socket.SO_RCVMARK
    max_pacing_rate: Option[int] = socket.SO_MAX_PACING_RATE
    txrehash: Option[int] = socket.SO_TXREHASH
    cnx_advice: Option[int] = socket.SO_CNX_ADVICE
    no_check: Option[bool] = socket.SO_NO_CHECK
    bsdcompat: Option[bool] = socket.SO_BSDCOMPAT
    timestamp: Option[bool] = socket.SO_TIMESTAMP
    timestampns: Option[bool] = socket.SO_TIMESTAMPNS
    timestamping: Option[Timestamping] = socket.SO_TIMESTAMPING
    timestamp_new: Option[bool] = socket.SO_TIMESTAMP_NEW
    timestampns_new: Option[bool] = socket.SO_TIMESTAMPNS_NEW
    timestamping_new: Option[Timestamping] = socket.SO_TIMESTAMPING_NEW
    txtime: Option[SockTxTime] = socket.SO_TXTIME
    rxq_ovfl: Option[bool] = socket.SO_RXQ_OVFL
    select_err_queue: Option[bool] = socket.SO_SELECT_ERR_QUEUE
    wifi_status: Option[bool] = socket.SO_WIFI_STATUS
    nofcs: Option[bool] = socket.SO_NOFCS
    busy_poll: Option[int] = socket.SO_BUSY_POLL
    prefer_busy_poll: Option[bool] = socket.SO_PREFER_BUSY_POLL
    busy_poll_budget: Option[int] = socket.SO_BUSY_POLL_BUDGET
    incoming_cpu: Option[int] = socket.SO_INCOMING_CPU
    incoming_napi_id: Option[int] = socket.SO_INCOMING_NAPI_ID
    attach_filter: Option[bytes] = socket.SO_ATTACH_FILTER
    detach_filter: Option[int] = socket.SO_DETACH_FILTER
    lock_filter: Option[bool] = socket.SO_LOCK_FILTER
    attach_bpf: Option[int] = socket.SO_ATTACH_BPF
    attach_reuseport_cbpf: Option[bytes] = socket.SO_ATTACH_REUSEPORT_CBPF
    attach_reuseport_ebpf: Option[int] = socket.SO_ATTACH_REUSEPORT_EBPF
    detach_reuseport_bpf: Option[int] = socket.SO_DETACH_REUSEPORT_BPF
    bpf_extensions: Option[int] = socket.SO_BPF_EXTENSIONS
    tcp_nodelay: Option[bool] = tcp.TCP_NODELAY
    tcp_maxseg: Option[int] = tcp.TCP_MAXSEG
    tcp_cork: Option[bool] = tcp.TCP_CORK
    tcp_keepidle: Option[int] = tcp.TCP_KEEPIDLE
    tcp_keepintvl: Option[int] = tcp.TCP_KEEPINTVL
    tcp_keepcnt: Option[int] = tcp.TCP_KEEPCNT
    tcp_syncnt: Option[int] = tcp.TCP_SYNCNT
    tcp_linger2: Option[int] = tcp.TCP_LINGER2
    tcp_defer_accept: Option[int] = tcp.TCP_DEFER_ACCEPT
    tcp_window_clamp: Option[int] = tcp.TCP_WINDOW_CLAMP
    tcp_info: Option[TcpInfo] = tcp.TCP_INFO
    tcp_quickack: Option[bool] = tcp.TCP_QUICKACK
    tcp_congestion: Option[str] = tcp.TCP_CONGESTION
    tcp_user_timeout: Option[int] = tcp.TCP_USER_TIMEOUT
    tcp_thin_linear_timeouts: Option[bool] = tcp.TCP_THIN_LINEAR_TIMEOUTS
    tcp_thin_dupack: Option[bool] = tcp.TCP_THIN_DUPACK
    tcp_fastopen: Option[int] = tcp.TCP_FASTOPEN
    tcp_fastopen_connect: Option[bool] = tcp.TCP_FASTOPEN_CONNECT
    tcp_fastopen_key: Option[bytes] = tcp.TCP_FASTOPEN_KEY
    tcp_fastopen_no_cookie: Option[bool] = tcp.TCP_FASTOPEN_NO_COOKIE
    tcp_notsent_lowat: Option[int] = tcp.TCP_NOTSENT_LOWAT
    tcp_cc_info: Option[bytes] = tcp.TCP_CC_INFO
    tcp_save_syn: Option[int] = tcp.TCP_SAVE_SYN
    tcp_saved_syn: Option[bytes] = tcp.TCP_SAVED_SYN
    tcp_ulp: Option[str] = tcp.TCP_ULP
    tcp_zerocopy_receive: Option[TcpZerocopyReceive] = tcp.TCP_ZEROCOPY_RECEIVE
    tcp_inq: Option[bool] = tcp.TCP_INQ
    tcp_tx_delay: Option[int] = tcp.TCP_TX_DELAY
    tcp_is_mptcp: Option[bool] = tcp.TCP_IS_MPTCP
    tcp_rto_max_ms: Option[int] = tcp.TCP_RTO_MAX_MS
    tcp_rto_min_us: Option[int] = tcp.TCP_RTO_MIN_US
    tcp_delack_max_us: Option[int] = tcp.TCP_DELACK_MAX_US
    tcp_md5sig: Option[TcpMd5sig] = tcp_restore.TCP_MD5SIG
    tcp_md5sig_ext: Option[TcpMd5sig] = tcp_restore.TCP_MD5SIG_EXT
    tcp_repair: Option[int] = tcp_restore.TCP_REPAIR
    tcp_repair_queue: Option[int] = tcp_restore.TCP_REPAIR_QUEUE
    tcp_queue_seq: Option[int] = tcp_restore.TCP_QUEUE_SEQ
    tcp_repair_options: Option[tuple[TcpRepairOpt, ...]] = tcp_restore.TCP_REPAIR_OPTIONS
    tcp_repair_window: Option[TcpRepairWindow] = tcp_restore.TCP_REPAIR_WINDOW
    tcp_timestamp: Option[int] = tcp_restore.TCP_TIMESTAMP
    tcp_ao_add_key: Option[TcpAoAdd] = tcp_restore.TCP_AO_ADD_KEY
    tcp_ao_del_key: Option[TcpAoDel] = tcp_restore.TCP_AO_DEL_KEY
    tcp_ao_info: Option[TcpAoInfo] = tcp_restore.TCP_AO_INFO
    tcp_ao_get_keys: Option[TcpAoKeys] = tcp_restore.TCP_AO_GET_KEYS
    tcp_ao_repair: Option[TcpAoRepair] = tcp_restore.TCP_AO_REPAIR
    ip_tos: Option[int] = ip.IP_TOS
    ip_ttl: Option[int] = ip.IP_TTL
    ip_hdrincl: Option[bool] = ip.IP_HDRINCL
    ip_options: Option[bytes] = ip.IP_OPTIONS
    ip_router_alert: Option[bool] = ip.IP_ROUTER_ALERT
    ip_recvopts: Option[bool] = ip.IP_RECVOPTS
    ip_retopts: Option[bool] = ip.IP_RETOPTS
    ip_pktinfo: Option[bool] = ip.IP_PKTINFO
    ip_pktoptions: Option[bytes] = ip.IP_PKTOPTIONS
    ip_mtu_discover: Option[int] = ip.IP_MTU_DISCOVER
    ip_recverr: Option[bool] = ip.IP_RECVERR
    ip_recverr_rfc4884: Option[bool] = ip.IP_RECVERR_RFC4884
    ip_recvttl: Option[bool] = ip.IP_RECVTTL
    ip_recvtos: Option[bool] = ip.IP_RECVTOS
    ip_mtu: Option[int] = ip.IP_MTU
    ip_freebind: Option[bool] = ip.IP_FREEBIND
    ip_ipsec_policy: Option[bytes] = ip.IP_IPSEC_POLICY
    ip_xfrm_policy: Option[bytes] = ip.IP_XFRM_POLICY
    ip_passsec: Option[bool] = ip.IP_PASSSEC
    ip_transparent: Option[bool] = ip.IP_TRANSPARENT
    ip_recvorigdstaddr: Option[bool] = ip.IP_RECVORIGDSTADDR
    ip_minttl: Option[int] = ip.IP_MINTTL
    ip_nodefrag: Option[bool] = ip.IP_NODEFRAG
    ip_checksum: Option[bool] = ip.IP_CHECKSUM
    ip_bind_address_no_port: Option[bool] = ip.IP_BIND_ADDRESS_NO_PORT
    ip_recvfragsize: Option[bool] = ip.IP_RECVFRAGSIZE
    ip_unicast_if: Option[int] = ip.IP_UNICAST_IF
    ip_local_port_range: Option[PortRange] = ip.IP_LOCAL_PORT_RANGE
    ip_protocol: Option[int] = ip.IP_PROTOCOL
    original_dst: Option[bytes] = ip.SO_ORIGINAL_DST
    ip_multicast_if: Option[IpMreqn] = ip_groups.IP_MULTICAST_IF
    ip_multicast_ttl: Option[int] = ip_groups.IP_MULTICAST_TTL
    ip_multicast_loop: Option[bool] = ip_groups.IP_MULTICAST_LOOP
    ip_add_membership: Option[IpMreqn] = ip_groups.IP_ADD_MEMBERSHIP
    ip_drop_membership: Option[IpMreqn] = ip_groups.IP_DROP_MEMBERSHIP
    ip_unblock_source: Option[IpMreqSource] = ip_groups.IP_UNBLOCK_SOURCE
    ip_block_source: Option[IpMreqSource] = ip_groups.IP_BLOCK_SOURCE
    ip_add_source_membership: Option[IpMreqSource] = ip_groups.IP_ADD_SOURCE_MEMBERSHIP
    ip_drop_source_membership: Option[IpMreqSource] = ip_groups.IP_DROP_SOURCE_MEMBERSHIP
    ip_msfilter: Option[IpMsfilter] = ip_groups.IP_MSFILTER
    ip_mcast_join_group: Option[GroupReq] = ip_groups.IP_MCAST_JOIN_GROUP
    ip_mcast_leave_group: Option[GroupReq] = ip_groups.IP_MCAST_LEAVE_GROUP
    ip_mcast_block_source: Option[GroupSourceReq] = ip_groups.IP_MCAST_BLOCK_SOURCE
    ip_mcast_unblock_source: Option[GroupSourceReq] = ip_groups.IP_MCAST_UNBLOCK_SOURCE
    ip_mcast_join_source_group: Option[GroupSourceReq] = ip_groups.IP_MCAST_JOIN_SOURCE_GROUP
    ip_mcast_leave_source_group: Option[GroupSourceReq] = ip_groups.IP_MCAST_LEAVE_SOURCE_GROUP
    ip_mcast_msfilter: Option[GroupFilter] = ip_groups.IP_MCAST_MSFILTER
    ip_multicast_all: Option[bool] = ip_groups.IP_MULTICAST_ALL
    ipv6_addrform: Option[int] = ipv6.IPV6_ADDRFORM
    ipv6_checksum: Option[int] = ipv6.IPV6_CHECKSUM
    ipv6_flowinfo: Option[bool] = ipv6.IPV6_FLOWINFO
    ipv6_unicast_hops: Option[int] = ipv6.IPV6_UNICAST_HOPS
    ipv6_router_alert: Option[int] = ipv6.IPV6_ROUTER_ALERT
    ipv6_router_alert_isolate: Option[bool] = ipv6.IPV6_ROUTER_ALERT_ISOLATE
    ipv6_mtu_discover: Option[int] = ipv6.IPV6_MTU_DISCOVER
    ipv6_mtu: Option[int] = ipv6.IPV6_MTU
    ipv6_recverr: Option[bool] = ipv6.IPV6_RECVERR
    ipv6_recverr_rfc4884: Option[bool] = ipv6.IPV6_RECVERR_RFC4884
    ipv6_v6only: Option[bool] = ipv6.IPV6_V6ONLY
    ipv6_flowlabel_mgr: Option[In6FlowlabelReq] = ipv6.IPV6_FLOWLABEL_MGR
    ipv6_flowinfo_send: Option[bool] = ipv6.IPV6_FLOWINFO_SEND
    ipv6_ipsec_policy: Option[bytes] = ipv6.IPV6_IPSEC_POLICY
    ipv6_xfrm_policy: Option[bytes] = ipv6.IPV6_XFRM_POLICY
    ipv6_hdrincl: Option[bool] = ipv6.IPV6_HDRINCL
    ipv6_recvpktinfo: Option[bool] = ipv6.IPV6_RECVPKTINFO
    ipv6_pktinfo: Option[In6Pktinfo] = ipv6.IPV6_PKTINFO
    ipv6_recvhoplimit: Option[bool] = ipv6.IPV6_RECVHOPLIMIT
    ipv6_recvpathmtu: Option[bool] = ipv6.IPV6_RECVPATHMTU
    ipv6_pathmtu: Option[Ip6Mtuinfo] = ipv6.IPV6_PATHMTU
    ipv6_dontfrag: Option[bool] = ipv6.IPV6_DONTFRAG
    ipv6_recvtclass: Option[bool] = ipv6.IPV6_RECVTCLASS
    ipv6_tclass: Option[int] = ipv6.IPV6_TCLASS
    ipv6_autoflowlabel: Option[bool] = ipv6.IPV6_AUTOFLOWLABEL
    ipv6_addr_preferences: Option[Ipv6Preference] = ipv6.IPV6_ADDR_PREFERENCES
    ipv6_minhopcount: Option[int] = ipv6.IPV6_MINHOPCOUNT
    ipv6_recvorigdstaddr: Option[bool] = ipv6.IPV6_RECVORIGDSTADDR
    ipv6_transparent: Option[bool] = ipv6.IPV6_TRANSPARENT
    ipv6_unicast_if: Option[int] = ipv6.IPV6_UNICAST_IF
    ipv6_recvfragsize: Option[bool] = ipv6.IPV6_RECVFRAGSIZE
    ipv6_freebind: Option[bool] = ipv6.IPV6_FREEBIND
    ip6t_so_original_dst: Option[bytes] = ipv6.IP6T_SO_ORIGINAL_DST
    ipv6_multicast_if: Option[int] = ipv6_groups.IPV6_MULTICAST_IF
    ipv6_multicast_hops: Option[int] = ipv6_groups.IPV6_MULTICAST_HOPS
    ipv6_multicast_loop: Option[bool] = ipv6_groups.IPV6_MULTICAST_LOOP
    ipv6_join_group: Option[Ipv6Mreq] = ipv6_groups.IPV6_JOIN_GROUP
    ipv6_leave_group: Option[Ipv6Mreq] = ipv6_groups.IPV6_LEAVE_GROUP
    ipv6_join_anycast: Option[Ipv6Mreq] = ipv6_groups.IPV6_JOIN_ANYCAST
    ipv6_leave_anycast: Option[Ipv6Mreq] = ipv6_groups.IPV6_LEAVE_ANYCAST
    ipv6_multicast_all: Option[bool] = ipv6_groups.IPV6_MULTICAST_ALL
    ipv6_mcast_join_group: Option[GroupReq] = ipv6_groups.IPV6_MCAST_JOIN_GROUP
    ipv6_mcast_leave_group: Option[GroupReq] = ipv6_groups.IPV6_MCAST_LEAVE_GROUP
    ipv6_mcast_block_source: Option[GroupSourceReq] = ipv6_groups.IPV6_MCAST_BLOCK_SOURCE
    ipv6_mcast_unblock_source: Option[GroupSourceReq] = ipv6_groups.IPV6_MCAST_UNBLOCK_SOURCE
    ipv6_mcast_join_source_group: Option[GroupSourceReq] = ipv6_groups.IPV6_MCAST_JOIN_SOURCE_GROUP
    ipv6_mcast_leave_source_group: Option[GroupSourceReq] = ipv6_groups.IPV6_MCAST_LEAVE_SOURCE_GROUP
    ipv6_mcast_msfilter: Option[GroupFilter] = ipv6_groups.IPV6_MCAST_MSFILTER
    ipv6_2292pktinfo: Option[bool] = ipv6_headers.IPV6_2292PKTINFO
    ipv6_2292hopopts: Option[bool] = ipv6_headers.IPV6_2292HOPOPTS
    ipv6_2292dstopts: Option[bool] = ipv6_headers.IPV6_2292DSTOPTS
    ipv6_2292rthdr: Option[bool] = ipv6_headers.IPV6_2292RTHDR
    ipv6_2292hoplimit: Option[bool] = ipv6_headers.IPV6_2292HOPLIMIT
    ipv6_2292pktoptions: Option[bytes] = ipv6_headers.IPV6_2292PKTOPTIONS
    ipv6_recvhopopts: Option[bool] = ipv6_headers.IPV6_RECVHOPOPTS
    ipv6_hopopts: Option[bytes] = ipv6_headers.IPV6_HOPOPTS
    ipv6_rthdrdstopts: Option[bytes] = ipv6_headers.IPV6_RTHDRDSTOPTS
    ipv6_recvrthdr: Option[bool] = ipv6_headers.IPV6_RECVRTHDR
    ipv6_rthdr: Option[bytes] = ipv6_headers.IPV6_RTHDR
    ipv6_recvdstopts: Option[bool] = ipv6_headers.IPV6_RECVDSTOPTS
    ipv6_dstopts: Option[bytes] = ipv6_headers.IPV6_DSTOPTS
    udp_cork: Option[bool] = udp.UDP_CORK
    udp_encap: Option[int] = udp.UDP_ENCAP
    udp_no_check6_tx: Option[bool] = udp.UDP_NO_CHECK6_TX
    udp_no_check6_rx: Option[bool] = udp.UDP_NO_CHECK6_RX
    udp_segment: Option[int] = udp.UDP_SEGMENT
    udp_gro: Option[bool] = udp.UDP_GRO
    icmp_filter: Option[int] = raw.ICMP_FILTER
    icmpv6_filter: Option[bytes] = icmpv6.ICMPV6_FILTER
    netlink_add_membership: Option[int] = netlink.NETLINK_ADD_MEMBERSHIP
    netlink_drop_membership: Option[int] = netlink.NETLINK_DROP_MEMBERSHIP
    netlink_pktinfo: Option[bool] = netlink.NETLINK_PKTINFO
    netlink_broadcast_error: Option[bool] = netlink.NETLINK_BROADCAST_ERROR
    netlink_no_enobufs: Option[bool] = netlink.NETLINK_NO_ENOBUFS
    netlink_listen_all_nsid: Option[bool] = netlink.NETLINK_LISTEN_ALL_NSID
    netlink_list_memberships: Option[tuple[int, ...]] = netlink.NETLINK_LIST_MEMBERSHIPS
    netlink_cap_ack: Option[bool] = netlink.NETLINK_CAP_ACK
    netlink_ext_ack: Option[bool] = netlink.NETLINK_EXT_ACK
    netlink_get_strict_chk: Option[bool] = netlink.NETLINK_GET_STRICT_CHK
    packet_add_membership: Option[PacketMreq] = packet.PACKET_ADD_MEMBERSHIP
    packet_drop_membership: Option[PacketMreq] = packet.PACKET_DROP_MEMBERSHIP
    packet_rx_ring: Option[TpacketReq] = packet.PACKET_RX_RING
    packet_tx_ring: Option[TpacketReq] = packet.PACKET_TX_RING
    packet_statistics: Option[TpacketStats] = packet.PACKET_STATISTICS
    packet_copy_thresh: Option[int] = packet.PACKET_COPY_THRESH
    packet_auxdata: Option[bool] = packet.PACKET_AUXDATA
    packet_origdev: Option[bool] = packet.PACKET_ORIGDEV
    packet_version: Option[int] = packet.PACKET_VERSION
    packet_hdrlen: Option[int] = packet.PACKET_HDRLEN
    packet_reserve: Option[int] = packet.PACKET_RESERVE
    packet_loss: Option[bool] = packet.PACKET_LOSS
    packet_vnet_hdr: Option[bool] = packet.PACKET_VNET_HDR
    packet_vnet_hdr_sz: Option[int] = packet.PACKET_VNET_HDR_SZ
    packet_timestamp: Option[int] = packet.PACKET_TIMESTAMP
    packet_fanout: Option[FanoutArgs] = packet.PACKET_FANOUT
    packet_fanout_data: Option[bytes] = packet.PACKET_FANOUT_DATA
    packet_tx_has_off: Option[bool] = packet.PACKET_TX_HAS_OFF
    packet_qdisc_bypass: Option[bool] = packet.PACKET_QDISC_BYPASS
    packet_rollover_stats: Option[TpacketRolloverStats] = packet.PACKET_ROLLOVER_STATS
    packet_ignore_outgoing: Option[bool] = packet.PACKET_IGNORE_OUTGOING
    vm_sockets_buffer_size: Option[int] = vsock.SO_VM_SOCKETS_BUFFER_SIZE
    vm_sockets_buffer_min_size: Option[int] = vsock.SO_VM_SOCKETS_BUFFER_MIN_SIZE
    vm_sockets_buffer_max_size: Option[int] = vsock.SO_VM_SOCKETS_BUFFER_MAX_SIZE
    vm_sockets_connect_timeout: Option[float] = vsock.SO_VM_SOCKETS_CONNECT_TIMEOUT
    vm_sockets_connect_timeout_new: Option[float] = vsock.SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW
    mptcp_info: Option[MptcpInfo] = mptcp.MPTCP_INFO
    mptcp_tcpinfo: Option[tuple[TcpInfo, ...]] = mptcp.MPTCP_TCPINFO
    mptcp_subflow_addrs: Option[tuple[MptcpSubflowAddrs, ...]] = mptcp.MPTCP_SUBFLOW_ADDRS
    mptcp_full_info: Option[bytes] = mptcp.MPTCP_FULL_INFO
    tls_tx: Option[TlsCryptoInfo] = tls.TLS_TX
    tls_rx: Option[TlsCryptoInfo] = tls.TLS_RX
    tls_tx_zerocopy_ro: Option[bool] = tls.TLS_TX_ZEROCOPY_RO
    tls_rx_expect_no_pad: Option[bool] = tls.TLS_RX_EXPECT_NO_PAD
    tls_tx_max_payload_len: Option[int] = tls.TLS_TX_MAX_PAYLOAD_LEN


OPTIONS: Final[tuple[Option[Any], ...]] = tuple(o for o in vars(Attributes).values() if isinstance(o, Option))
"""Every option that a Socket has."""
