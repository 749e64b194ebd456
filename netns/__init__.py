"""Throwaway network namespaces, links between them, sysctls, capabilities and other users."""

from netns.capability import Capability, effective, only, without
from netns.child import Child, ChildDied, in_child
from netns.diagnosis import Diagnosis, diagnosis
from netns.errors import LinkRefused, PlaceError
from netns.hosts import Host, Peers, Routed, peers, routed
from netns.links import Link, Route, Rule
from netns.names import NameRefused, forget, own_name, reap
from netns.namespace import Namespace, NamespaceRefused, leave_host
from netns.sysctl import Sysctl, first_sysctl
from netns.users import (
    UserNamespacesForbidden,
    UserUnmapped,
    as_user,
    enter_user_namespace,
    in_user_namespace,
)

__all__ = [
    "Capability",
    "Child",
    "ChildDied",
    "Diagnosis",
    "Host",
    "Link",
    "LinkRefused",
    "NameRefused",
    "Namespace",
    "NamespaceRefused",
    "Peers",
    "PlaceError",
    "Route",
    "Routed",
    "Rule",
    "Sysctl",
    "UserNamespacesForbidden",
    "UserUnmapped",
    "as_user",
    "diagnosis",
    "effective",
    "enter_user_namespace",
    "first_sysctl",
    "forget",
    "in_child",
    "in_user_namespace",
    "leave_host",
    "only",
    "own_name",
    "peers",
    "reap",
    "routed",
    "without",
]
