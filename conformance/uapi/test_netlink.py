"""include/uapi/linux/netlink.h: what its comments promise of messages, and of extended acks."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import NFTABLES, RED, VETH, link
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bitfields import (
    TC_RED_ECN,
    TC_RED_HARDDROP,
    TCA_DUMP_FLAGS_TERSE,
    dump_of_filters,
    give_red,
    red_flags,
)
from conformance.plugin.setups.firewall import RULES_STAY, drop_all_that_arrives, remove_table
from conformance.plugin.setups.netlink import (
    ACK,
    BULK,
    CREATE,
    DELNEIGH,
    DUMP_FILTERED,
    DUMP_INTR,
    EXCL,
    GETLINK,
    HEADER,
    IFA_LOCAL,
    IFLA_IFNAME,
    LOOPBACK,
    NETLINK_GENERIC,
    NETLINK_USERSOCK,
    NEWLINK,
    NEWNEIGH,
    NLA_F_NESTED,
    NLA_F_NET_BYTEORDER,
    NLMSG_DONE,
    NLMSG_MIN_TYPE,
    NONREC,
    REPLACE,
    REQUEST,
    acknowledged,
    addresses_in,
    asked,
    drained,
    dumped,
    flags_of,
    forwarded,
    forwarding_request,
    framed,
    generic,
    generic_family,
    get_addresses,
    mtu_of,
    netlink_socket,
    new_address,
    new_route,
    number,
    of_link,
    parsed,
    routes,
    set_mtu,
)
from conformance.plugin.setups.netlink_policies import CONTROLLER, policy_request
from libsocket import NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, Socket
from netns import Capability
from netns.netlink import attribute

BOTH = TC_RED_ECN | TC_RED_HARDDROP
NO_DEVICE = 4000
SECTION = "include/uapi/linux/netlink.h"
IFINFOMSG = 16
"""Bytes of struct ifinfomsg."""
IFADDRMSG = 8
GENLMSGHDR = 4
CTRL_ATTR_POLICY = 8
STRSET_GET, LINKINFO_GET = 1, 2
"""Commands of ethtool."""
NL_POLICY_TYPE, NL_POLICY_LONGEST = 1, 7
NL_ATTR_TYPE_STRING = 11
ADD = REQUEST | ACK | CREATE
MANY = 4 * 250
"""Addresses whose dump takes several datagrams."""


def telling(protocol: int = 0) -> Socket:
    """A netlink socket with NETLINK_EXT_ACK."""
    sock = netlink_socket(protocol)
    sock.set(NETLINK_EXT_ACK, True)
    return sock


@claim(
    "netlink.h/NETLINK_UNUSED/unused",
    sentence="netlink.h/NETLINK_UNUSED/unused",
    section=SECTION,
    says="A netlink socket of the families 1 and 3, NETLINK_UNUSED and NETLINK_FIREWALL, cannot be made, one "
    "of the family 2, NETLINK_USERSOCK, can.",
)
@pytest.mark.parametrize("family", [1, 3])
def test_unused_families_have_no_sockets(ns, observe, family):
    with refused():
        netlink_socket(family)

    with netlink_socket(NETLINK_USERSOCK) as sock:
        assert observe("family", sock.protocol) == NETLINK_USERSOCK


@claim(
    "netlink.h/NLM_F_REQUEST/request",
    sentence="netlink.h/NLM_F_REQUEST/request",
    section=SECTION,
    says="Of two messages to NETLINK_ROUTE that give loopback another MTU, both acknowledged, the one with "
    "NLM_F_REQUEST is a request, which is carried out, and the one without is not.",
)
def test_a_request_has_its_flag(ns, observe):
    with netlink_socket() as sock:
        with_ = acknowledged(sock, set_mtu(1400, REQUEST | ACK)).error
        without = acknowledged(sock, set_mtu(1500, ACK)).error

        assert observe("errors_and_mtu", [with_, without, mtu_of(sock)]) == [0, 0, 1400]


@claim(
    "netlink.h/NLM_F_DUMP_INTR/inconsistent",
    sentence="netlink.h/NLM_F_DUMP_INTR/inconsistent",
    section=SECTION,
    survives={"no-op: sendto(*NLM_F_REQUEST|0x600*": "an address less makes no shorter dump"},
    says="A dump of IPv4 addresses by NETLINK_ROUTE has NLM_F_DUMP_INTR on a message where an address was "
    "added after the first datagram of it was received, and on none where nothing was.",
)
@pytest.mark.parametrize("changes", [0, 1])
def test_a_dump_that_a_change_interrupts_says_so(ns, observe, changes):
    with netlink_socket() as sock, netlink_socket() as changer:
        add_many(changer)
        first = asked(sock, get_addresses())
        added = [acknowledged(changer, new_address("10.9.0.1", ADD)).error for _ in range(changes)]
        rest = drained(sock)

        seen = [sum({one.flags & DUMP_INTR for one in part}) for part in (first, rest)]
        assert observe("first_rest_end", [added, *seen, rest[-1].type]) == [
            [0] * changes,
            0,
            changes * DUMP_INTR,
            NLMSG_DONE,
        ]


def add_many(changer: Socket) -> None:
    """Add so many addresses that a dump of them takes several datagrams."""
    for number_ in range(MANY):
        changer.send(new_address(f"10.8.{number_ // 250}.{number_ % 250 + 1}"))


@claim(
    "netlink.h/NLM_F_DUMP_FILTERED/filtered",
    sentence="netlink.h/NLM_F_DUMP_FILTERED/filtered",
    section=SECTION,
    says="With NETLINK_GET_STRICT_CHK a dump of the IPv4 addresses of one interface by NETLINK_ROUTE lists "
    "those alone, with NLM_F_DUMP_FILTERED on each; without the option it lists all, without the flag.",
    since="4.20",
)
def test_a_dump_that_was_filtered_says_so(ns, observe):
    ns.add_veth("left", "right")
    ns.add_address("left", "10.7.0.1/24")
    with netlink_socket() as sock:
        every = dumped(sock, get_addresses(index=LOOPBACK))
        sock.set(NETLINK_GET_STRICT_CHK, True)
        some = dumped(sock, get_addresses(index=LOOPBACK))

        flags = [[one.flags & DUMP_FILTERED for one in part[:-1]] for part in (every, some)]
        assert observe("listed_and_flags", [addresses_in(every), addresses_in(some), flags]) == [
            ["127.0.0.1", "10.7.0.1"],
            ["127.0.0.1"],
            [[0, 0], [DUMP_FILTERED]],
        ]


@claim(
    "netlink.h/NLM_F_CREATE/combined",
    sentence="netlink.h/NLM_F_CREATE/combinations",
    section=SECTION,
    says="By RTM_NEWROUTE an IPv4 route is added with NLM_F_CREATE and NLM_F_EXCL where it is not there, "
    "changed with NLM_F_REPLACE where it is, either with NLM_F_CREATE and NLM_F_REPLACE, and neither with "
    "NLM_F_EXCL alone; what is not done is EEXIST or ENOENT.",
)
@pytest.mark.parametrize(
    ("flags", "errors", "after"),
    [
        (CREATE | EXCL, [0, -errno.EEXIST], [[4, 7], [5, 8]]),
        (REPLACE, [-errno.ENOENT, 0], [[5, 7]]),
        (CREATE | REPLACE, [0, 0], [[5, 7], [5, 8]]),
        (EXCL, [-errno.ENOENT, -errno.EEXIST], [[4, 7]]),
    ],
    ids=["add", "change", "true-change", "check"],
)
def test_flags_of_new_requests_are_combined(ns, observe, flags, errors, after):
    with netlink_socket() as sock:
        sock.send(new_route(CREATE, metric=7, protocol=4))
        before = routes(sock)
        seen = [
            acknowledged(sock, new_route(flags | ACK, metric=metric, protocol=5)).error for metric in (8, 7)
        ]

        assert observe("before_errors_after", [before, seen, routes(sock)]) == [[[4, 7]], errors, after]


@claim(
    "netlink.h/NLM_F_CREATE/appends",
    sentence="netlink.h/NLM_F_CREATE/combinations",
    section=SECTION,
    says="With NLM_F_CREATE alone an IPv4 route is appended by RTM_NEWROUTE: it is behind those to the same "
    "network with the same metric.",
    expect=differs(
        "it is in front of them, as NLM_F_APPEND is needed for the end",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"protocols": [5, 4]},
    ),
)
def test_create_alone_appends(ns, observe):
    with netlink_socket() as sock:
        sock.send(new_route(CREATE, protocol=4))
        sock.send(new_route(CREATE, protocol=5))

        assert observe("protocols", [protocol for protocol, _ in routes(sock)]) == [4, 5]


@claim(
    "netlink.h/NLMSG_MIN_TYPE/reserved",
    sentence="netlink.h/NLMSG_MIN_TYPE/reserved",
    section=SECTION,
    says="Messages of types below 16 are for control, and no requests: NETLINK_ROUTE acknowledges each "
    "without an error, also where it names an interface that is not there, for which 16 (RTM_NEWLINK) has "
    "ENODEV.",
)
def test_types_below_16_are_no_requests(ns, observe):
    with netlink_socket() as sock:
        messages = [framed(type, REQUEST | ACK, of_link(NO_DEVICE)) for type in range(17)]
        errors = [acknowledged(sock, one).error for one in messages]

        assert observe("errors", errors) == [*[0] * NLMSG_MIN_TYPE, -errno.ENODEV]


@claim(
    "netlink.h/nlmsgerr/aligned",
    sentence=("netlink.h/nlmsgerr/aligned", "netlink.7/nlmsgerr/aligned"),
    section=SECTION,
    says="The length of an error of NETLINK_ROUTE is a multiple of 4, also where that of the request, which "
    "is 39, is not.",
)
def test_the_length_of_an_error_is_aligned(ns, observe):
    with netlink_socket() as sock:
        name = attribute(IFLA_IFNAME, b"abc")[:-1]
        (error,) = asked(sock, framed(GETLINK, REQUEST, of_link(NO_DEVICE, name)))

        length = HEADER + len(error.body)
        assert observe("repeated_and_length", [parsed(error).length, length]) == [39, 60]


@claim(
    "netlink.h/NLMSGERR_ATTR/message",
    sentence="netlink.h/NLMSGERR_ATTR/message",
    section=SECTION,
    says="NLMSGERR_ATTR_MSG says in words why a request to NETLINK_ROUTE was refused that has an MTU of two "
    "bytes: that an attribute failed the validation of its policy.",
    since="4.12",
)
def test_an_error_is_told_in_words(ns, observe):
    with telling() as sock:
        error = acknowledged(sock, set_mtu(1400, short=True))

        assert observe("error_and_text", [error.error, error.text]) == [
            -errno.ERANGE,
            "Attribute failed policy validation",
        ]


@claim(
    "netlink.h/NLMSGERR_ATTR/offset",
    sentence="netlink.h/NLMSGERR_ATTR/offset",
    section=SECTION,
    says="NLMSGERR_ATTR_OFFS counts the bytes from the header of a request to NETLINK_ROUTE to the attribute "
    "that is wrong, be it the first or the second.",
    since="4.12",
)
@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
def test_the_offset_of_the_wrong_attribute_is_told(ns, observe, before):
    right = number(4, 1400) * before
    with telling() as sock:
        wrong = attribute(IFLA_IFNAME, b"x" * 40)
        error = acknowledged(sock, framed(NEWLINK, REQUEST, of_link(LOOPBACK, right, wrong)))

        assert observe("offset", error.number("offset")) == HEADER + IFINFOMSG + len(right)


@claim(
    "netlink.h/NLMSGERR_ATTR/policy",
    sentence=("netlink.h/NLMSGERR_ATTR/policy", "netlink.h/NL_POLICY_TYPE_ATTR/values"),
    section=SECTION,
    says="NLMSGERR_ATTR_POLICY says what an attribute of NETLINK_ROUTE may be that was refused: a name of an "
    "interface of 40 bytes is a string (NL_ATTR_TYPE_STRING) of at most 15.",
    since="5.10",
    commit="44f3625bc616",
)
def test_the_policy_of_the_wrong_attribute_is_told(ns, observe):
    with telling() as sock:
        wrong = attribute(IFLA_IFNAME, b"x" * 40)
        error = acknowledged(sock, framed(NEWLINK, REQUEST, of_link(LOOPBACK, wrong)))

        policy = error.policy
        assert observe("type_and_longest", [policy.get(NL_POLICY_TYPE), policy.get(NL_POLICY_LONGEST)]) == [
            NL_ATTR_TYPE_STRING,
            15,
        ]


@claim(
    "netlink.h/NLMSGERR_ATTR/missing",
    sentence="netlink.h/NLMSGERR_ATTR/missing",
    section=SECTION,
    says="NLMSGERR_ATTR_MISS_TYPE is the type of the attribute that a request to ethtool lacks, the header, "
    "and there is no NLMSGERR_ATTR_MISS_NEST, since it is missing in the message itself.",
    since="6.1",
)
def test_the_type_of_what_is_missing_is_told(ns, observe):
    with telling(NETLINK_GENERIC) as sock:
        error = acknowledged(sock, generic(generic_family(sock, "ethtool"), LINKINFO_GET))

        told = sorted(error.attributes)
        assert observe("error_told_type", [error.error, told, error.number("missing")]) == [
            -errno.EINVAL,
            ["missing"],
            1,
        ]


@claim(
    "netlink.h/NLMSGERR_ATTR/missing-in-nest",
    sentence="netlink.h/NLMSGERR_ATTR/missing",
    section=SECTION,
    says="NLMSGERR_ATTR_MISS_NEST counts the bytes to the attribute in which a request to ethtool lacks "
    "another, beside NLMSGERR_ATTR_MISS_TYPE.",
    since="6.1",
)
def test_the_nest_of_what_is_missing_is_told(ns, observe):
    header = attribute(1 | NLA_F_NESTED, b"")
    strings = attribute(2 | NLA_F_NESTED, attribute(1 | NLA_F_NESTED, b""))
    with telling(NETLINK_GENERIC) as sock:
        request = generic(generic_family(sock, "ethtool"), STRSET_GET, header + strings)
        error = acknowledged(sock, request)

        told = [error.error, error.number("missing"), error.number("nest")]
        assert observe("error_type_nest", told) == [
            -errno.EINVAL,
            1,
            HEADER + GENLMSGHDR + len(header) + 4,
        ]


@claim(
    "netlink.h/NLMSGERR_ATTR/none-on-success",
    sentence="netlink.h/nlmsgerr/attributes",
    section=SECTION,
    says="With NETLINK_EXT_ACK no attribute follows where NETLINK_ROUTE acknowledges a change of an MTU "
    "without an error, and NLMSGERR_ATTR_MSG where with one.",
    since="4.12",
)
def test_success_has_no_attributes(ns, observe):
    with telling() as sock:
        told = [
            sorted(acknowledged(sock, one).attributes)[:1]
            for one in (set_mtu(1400, REQUEST | ACK), set_mtu(1400, REQUEST | ACK, short=True))
        ]

        assert observe("of_success_and_error", told) == [[], ["message"]]


@claim(
    "netlink.h/nlattr/nested",
    sentence="netlink.h/nlattr/flags",
    section=SECTION,
    says="An attribute that has others in it has NLA_F_NESTED in a request to ethtool, which is refused "
    "without: EINVAL.",
    since="5.6",
)
def test_a_nest_has_its_flag(ns, observe):
    with telling(NETLINK_GENERIC) as sock:
        family = generic_family(sock, "ethtool")
        name = attribute(2, b"lo\0")
        errors = [
            acknowledged(sock, generic(family, LINKINFO_GET, attribute(1 | flag, name), flags=REQUEST | ACK))
            for flag in (0, NLA_F_NESTED)
        ]

        told = [errors[0].error, errors[0].text, errors[1].error]
        assert observe("without_and_with", told) == [
            -errno.EINVAL,
            "NLA_F_NESTED is missing",
            -errno.EOPNOTSUPP,
        ]


@claim(
    "netlink.h/NLM_F_NONREC/refused",
    sentence="netlink.h/NLM_F_BULK/delete",
    section=SECTION,
    says="NETLINK_NETFILTER does not delete a table of nftables that has a chain where the request has "
    "NLM_F_NONREC: EBUSY; without the flag it deletes both, and then there is no table: ENOENT.",
    needs=[NFTABLES],
    survives=RULES_STAY,
)
def test_what_is_below_is_not_deleted(ns, observe):
    drop_all_that_arrives()
    errors = [remove_table(NONREC), remove_table(), remove_table()]

    assert observe("errors", errors) == [errno.EBUSY, 0, errno.ENOENT]


@claim(
    "netlink.h/NLM_F_BULK/deletes-several",
    sentence="netlink.h/NLM_F_BULK/delete",
    section=SECTION,
    says="RTM_DELNEIGH with NLM_F_BULK to a bridge deletes all static entries of its forwarding database, "
    "two, at once; without the flag, the one that it names.",
    since="5.19",
    needs=[link("bridge"), VETH],
)
@pytest.mark.parametrize(
    ("flags", "named", "left"),
    [(BULK, False, []), (0, True, ["020000000002"])],
    ids=["bulk", "one"],
)
def test_several_are_deleted_at_once(ns, observe, flags, named, left):
    ns.add_bridge("bridge")
    ns.add_veth("left", "right")
    ns.set_link("left", master="bridge")
    with netlink_socket() as sock:
        errors = [forwarding_request(sock, NEWNEIGH, "left", one, CREATE) for one in (1, 2)]
        before = forwarded(sock, "left")
        errors.append(
            forwarding_request(sock, DELNEIGH, "left", 1, 0)
            if named
            else forwarding_request(sock, DELNEIGH, "bridge", None, flags)
        )

        found = [errors, before, forwarded(sock, "left")]
        assert observe("errors_before_after", found) == [[0] * 3, ["020000000001", "020000000002"], left]


@claim(
    "netlink.h/nlattr/network-byte-order",
    sentence="netlink.h/nlattr/byte-order",
    section=SECTION,
    says="IFA_LOCAL, an IPv4 address in network byte order, has NLA_F_NET_BYTEORDER in what NETLINK_ROUTE "
    "lists.",
    expect=differs(
        "it has no flag, which came later than it",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"address_and_flags": ["127.0.0.1", 0]},
    ),
)
def test_network_byte_order_has_its_flag(ns, observe):
    with netlink_socket() as sock:
        listed = dumped(sock, get_addresses())

    seen = [*addresses_in(listed), flags_of(listed[0].body[IFADDRMSG:])[IFA_LOCAL]]
    assert observe("address_and_flags", seen) == ["127.0.0.1", NLA_F_NET_BYTEORDER]


@claim(
    "netlink.h/nlattr/not-both-flags",
    sentence="netlink.h/nlattr/exclusive",
    section=SECTION,
    says="Of the attributes of a dump of CTRL_CMD_GETPOLICY for nlctrl, of which CTRL_ATTR_POLICY has "
    "NLA_F_NESTED, none has NLA_F_NET_BYTEORDER as well.",
    since="5.7",
)
def test_no_attribute_has_both_flags(ns, observe):
    with netlink_socket(NETLINK_GENERIC) as sock:
        told = [one for one in dumped(sock, policy_request("nlctrl")) if one.type == CONTROLLER]

    flags = [found for one in told for found in flags_of(one.body[GENLMSGHDR:]).items()]
    both = [kind for kind, flag in flags if flag == NLA_F_NESTED | NLA_F_NET_BYTEORDER]
    assert observe("nested_and_both", [(CTRL_ATTR_POLICY, NLA_F_NESTED) in flags, both]) == [True, []]


@claim(
    "netlink.h/nla_bitfield32/selected-bits",
    sentence="netlink.h/nla_bitfield32/selector",
    section=SECTION,
    says="The bitfield TCA_RED_FLAGS changes the bits of the queueing discipline red that its selector has "
    "to those of its value: the value 3 with the selector 3 sets both TC_RED_ECN and TC_RED_HARDDROP, 0 with "
    "0 changes nothing, and 0 with 2 unsets the second alone.",
    since="5.7",
    needs=[Capability.NET_ADMIN, RED],
)
@pytest.mark.parametrize(
    ("value", "selector", "after"),
    [(0, 0, BOTH), (0, TC_RED_HARDDROP, TC_RED_ECN), (0, TC_RED_ECN, TC_RED_HARDDROP), (0, BOTH, 0)],
)
def test_a_selector_says_which_bits_change(ns, observe, value, selector, after):
    with netlink_socket() as sock:
        errors = [give_red(sock, BOTH, BOTH, new=True)]
        before = red_flags(sock)
        errors.append(give_red(sock, value, selector))

        assert observe("errors_before_after", [errors, before, red_flags(sock)]) == [[0, 0], BOTH, after]


@claim(
    "netlink.h/nla_bitfield32/not-selected",
    sentence="netlink.h/nla_bitfield32/selector",
    section=SECTION,
    says="A bitfield TCA_DUMP_FLAGS whose value has the bit TCA_DUMP_FLAGS_TERSE, which its selector has "
    "not, is refused; with the bit in both, in the selector alone, or in neither, it is not.",
    since="5.8",
)
def test_a_bit_that_is_not_selected_is_refused(ns, observe):
    with netlink_socket() as sock:
        given = [dump_of_filters(sock, *one) for one in ((1, 1), (0, 1), (0, 0))]
        refusal = dump_of_filters(sock, TCA_DUMP_FLAGS_TERSE, 0)

    assert observe("errors", [*given, refusal]) == [0, 0, 0, -errno.EINVAL]
