"""Throwaway network namespaces, links between them, sysctls, capabilities and other users."""

from netns.capability import Capability, effective, only, without
from netns.child import Child, ChildDied, in_child
from netns.errors import LinkRefused, NetnsError, SysctlNotShown, SysctlRefused
from netns.hosts import Host, Peers, Routed, peers, routed
from netns.links import Link, Route, Rule
from netns.names import NameRefused, remove_name, remove_stale_names, unique_name
from netns.namespace import Namespace, NamespaceRefused, initial_sysctl_set, leave_host
from netns.sock_diag import SockDiag, SocketNotFound, sock_diag
from netns.sysctl import Sysctl, initial_sysctl
from netns.users import (
    UserNamespacesForbidden,
    UserUnmapped,
    as_user,
    enter_user_namespace,
    in_pid_namespace,
    in_user_namespace,
    in_user_namespace_alone,
)

__all__ = [
    "Capability",
    "Child",
    "ChildDied",
    "Host",
    "Link",
    "LinkRefused",
    "NameRefused",
    "Namespace",
    "NamespaceRefused",
    "NetnsError",
    "Peers",
    "Route",
    "Routed",
    "Rule",
    "SockDiag",
    "SocketNotFound",
    "Sysctl",
    "SysctlNotShown",
    "SysctlRefused",
    "UserNamespacesForbidden",
    "UserUnmapped",
    "as_user",
    "effective",
    "enter_user_namespace",
    "in_child",
    "in_pid_namespace",
    "in_user_namespace",
    "in_user_namespace_alone",
    "initial_sysctl",
    "initial_sysctl_set",
    "leave_host",
    "only",
    "peers",
    "remove_name",
    "remove_stale_names",
    "routed",
    "sock_diag",
    "unique_name",
    "without",
]
