"""The memory for packets, which XDP_UMEM_REG registers."""

from __future__ import annotations

import errno
import mmap
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import XDP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.xdp import (
    CHUNK,
    SOL_XDP,
    XDP_UMEM_REG,
    XDP_UMEM_UNALIGNED_CHUNK_FLAG,
    Descriptor,
    Memory,
    Xsk,
    has_umem,
    is_bound,
    memory_of_file,
    xdp_frame,
    xdp_socket,
)

NEEDS: Final = (XDP,)
SECTION: Final = "XDP_UMEM_REG setsockopt"


@claim(
    "af_xdp/UMEM/allocation",
    sentence=("af_xdp/overview/allocation", "af_xdp/XDP_UMEM_REG/area"),
    section="Overview",
    says="A frame is sent from the UMEM of a socket of AF_XDP whatever that memory is: private or shared, "
    "anonymous or a file's.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "make",
    [lambda: Memory(flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), Memory, memory_of_file],
    ids=["private", "shared", "file"],
)
def test_any_memory_will_do(peers, observe, make):
    receiver = packet_socket(peers.right)
    with receiver, peers.left.entered(), Xsk(memory=make()) as sock:
        sock.bind(peers.left.device)
        sock.prepare(xdp_frame(b"from there"), 3 * CHUNK)
        sock.wake()

        assert observe("received", receiver.recv(100)[14:].decode()) == "from there"


@claim(
    "af_xdp/XDP_UMEM_REG/sizes",
    sentence="af_xdp/XDP_UMEM_REG/sizes",
    section=SECTION,
    says="XDP_UMEM_REG on a socket of AF_XDP takes a chunk_size of 2048 and of 4096, where pages have 4096 "
    "bytes, and refuses those that are one more or less, 1024, 3072 and 8192.",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [2048, 4096])
@pytest.mark.parametrize("wrong", [1024, 2047, 2049, 3072, 4095, 4097, 8192])
def test_chunks_are_of_two_sizes(ns, observe, size, wrong):
    memory = Memory(12 * 8192 * 7)
    with xdp_socket() as sock:
        with refused():
            memory.register(sock, chunk=wrong)
        memory.register(sock, chunk=size)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "af_xdp/XDP_UMEM_REG/sizes-unaligned",
    sentence="af_xdp/XDP_UMEM_REG/sizes",
    section=SECTION,
    says="XDP_UMEM_REG on a socket of AF_XDP refuses a chunk_size of 3000 with XDP_UMEM_UNALIGNED_CHUNK_FLAG "
    "too.",
    needs=NEEDS,
    expect=differs(
        "with that flag chunks may have any size from 2048 to that of a page",
        since="5.4",
        commit="c05cd3645814",
        observed={"errno": None, "registered": True},
    ),
)
def test_unaligned_chunks_are_of_two_sizes(ns, observe):
    memory = Memory()
    with xdp_socket() as sock:
        with refused():
            memory.register(sock, chunk=3000, flags=XDP_UMEM_UNALIGNED_CHUNK_FLAG)
            observe("registered", has_umem(sock))
        memory.register(sock, chunk=2048, flags=XDP_UMEM_UNALIGNED_CHUNK_FLAG)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/chunk-size-errno",
    says="XDP_UMEM_REG on a socket of AF_XDP with a chunk_size of 2047 fails with EINVAL, aligned or with "
    "XDP_UMEM_UNALIGNED_CHUNK_FLAG, and so does one of a page and a byte. 2048 succeeds.",
    since="5.4",
    commit="c05cd3645814",
    needs=NEEDS,
)
@pytest.mark.parametrize("flags", [0, XDP_UMEM_UNALIGNED_CHUNK_FLAG])
@pytest.mark.parametrize("size", [2047, mmap.PAGESIZE + 1])
def test_other_sizes_are_invalid(ns, observe, flags, size):
    memory = Memory()
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            memory.register(sock, chunk=size, flags=flags)
        memory.register(sock, chunk=2048, flags=flags)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/page-aligned",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EINVAL for memory that does not begin with a page.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
@pytest.mark.parametrize("offset", [1, 2048])
def test_memory_begins_with_a_page(ns, observe, offset):
    memory = Memory(16 * mmap.PAGESIZE)
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            memory.register(sock, offset=offset, size=8 * mmap.PAGESIZE)
        memory.register(sock, offset=mmap.PAGESIZE, size=8 * mmap.PAGESIZE)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/whole-chunks",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EINVAL for memory of no chunk, and, without "
    "XDP_UMEM_UNALIGNED_CHUNK_FLAG, for memory that is a byte more or less than two chunks.",
    since="4.18",
    commit="bbff2f321a86",
    needs=NEEDS,
)
@pytest.mark.parametrize("size", [0, 2047, 4095, 4097])
def test_memory_is_of_whole_chunks(ns, observe, size):
    memory = Memory()
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            memory.register(sock, size=size)
        memory.register(sock, size=4096)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/headroom-limit",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EINVAL for a headroom beside which a chunk has not "
    "the 256 bytes that the kernel keeps: 1793 with chunks of 2048. 64 succeeds.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
@pytest.mark.parametrize("headroom", [1793, 2048, 4096])
def test_headroom_leaves_room(ns, observe, headroom):
    memory = Memory()
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            memory.register(sock, headroom=headroom)
        memory.register(sock, headroom=64)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/headroom-leaves-a-frame",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EINVAL for a headroom beside which a chunk has the "
    "256 bytes that the kernel keeps and fewer than 128 for a frame: 1665 or 1791 with chunks of 2048. 512 "
    "succeeds.",
    since="7.0",
    backports=("5.10.258", "5.15.209", "6.1.175", "6.6.136", "6.12.83", "6.18.24", "6.19.14"),
    commit="a315e022a72d",
    needs=NEEDS,
)
@pytest.mark.parametrize("headroom", [1665, 1791])
def test_headroom_leaves_a_frame(ns, observe, headroom):
    memory = Memory()
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            memory.register(sock, headroom=headroom)
        memory.register(sock, headroom=512)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/unknown-flags",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EINVAL for a flag that has no meaning.",
    since="5.4",
    commit="c05cd3645814",
    needs=NEEDS,
)
def test_unknown_flags_are_invalid(ns, observe):
    memory = Memory()
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            memory.register(sock, flags=1 << 31)
        memory.register(sock, flags=0)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/once",
    says="XDP_UMEM_REG on a socket of AF_XDP that has a UMEM fails with EBUSY.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
def test_a_umem_is_registered_once(ns, observe):
    first, second = Memory(), Memory()
    with xdp_socket() as sock, xdp_socket() as another:
        first.register(sock)
        with refused(errno.EBUSY):
            second.register(sock)
        second.register(another)

        assert observe("have_umem", [has_umem(sock), has_umem(another)]) == [True, True]


@claim(
    "defacto/XDP_UMEM_REG/no-memory",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EFAULT where there is no memory at the address.",
    since="4.18",
    commit="c0c77d8fb787",
    needs=NEEDS,
)
def test_there_must_be_memory(ns, observe):
    memory, nowhere = Memory(), Memory()
    nowhere.place = mmap.PAGESIZE
    with xdp_socket() as sock:
        with refused(errno.EFAULT):
            nowhere.register(sock)
        memory.register(sock)

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "defacto/XDP_UMEM_REG/short",
    says="XDP_UMEM_REG on a socket of AF_XDP fails with EINVAL for a value of less than 24 bytes, which are "
    "the address, the length, the size of chunks and the headroom; with these 24 it succeeds.",
    since="5.4",
    commit="c05cd3645814",
    needs=NEEDS,
)
def test_a_registration_has_24_bytes(ns, observe):
    memory = Memory()
    with xdp_socket() as sock:
        with refused(errno.EINVAL):
            sock.setsockopt(SOL_XDP, XDP_UMEM_REG, memory.registration()[:23])
        sock.setsockopt(SOL_XDP, XDP_UMEM_REG, memory.registration()[:24])

        assert observe("has_umem", has_umem(sock)) is True


@claim(
    "af_xdp/XDP_UMEM_REG/registers",
    sentence=("af_xdp/overview/umem-reg", "af_xdp/UMEM/created", "af_xdp/XDP_UMEM_REG/registers"),
    section=SECTION,
    says="XDP_UMEM_REG registers memory as the UMEM of a socket of AF_XDP, which can be bound then and not "
    "before.",
    needs=NEEDS,
)
def test_memory_is_registered(ns, observe):
    with Xsk(register=False) as sock:
        with refused():
            sock.bind("lo")
        sock.memory.register(sock.sock)
        sock.bind("lo")

        assert observe("bound", is_bound(sock.sock)) is True


@claim(
    "af_xdp/UMEM/offset",
    sentence=(
        "af_xdp/overview/descriptor",
        "af_xdp/overview/chunks",
        "af_xdp/overview/addr",
        "af_xdp/overview/offset",
        "af_xdp/UMEM/region",
        "af_xdp/XDP_UMEM_REG/parameters",
    ),
    section="Overview",
    says="The addr of a descriptor in the TX ring of a socket of AF_XDP is an offset in its whole UMEM, "
    "counted from the address that was registered: what lies there is sent.",
    needs=NEEDS,
)
@pytest.mark.parametrize("addr", [0, 100, CHUNK, 5 * CHUNK + 1, 15 * CHUNK])
def test_addr_is_an_offset(peers, observe, addr):
    receiver, memory = packet_socket(peers.right), Memory(24 * CHUNK)
    memory.write(8 * CHUNK + addr, xdp_frame(b"there"))
    with receiver, peers.left.entered(), Xsk(memory=memory, register=False) as sock:
        memory.register(sock.sock, offset=8 * CHUNK)
        sock.bind(peers.left.device)
        sock.tx.put(Descriptor(addr, len(xdp_frame(b"there"))))
        sock.wake()

        assert observe("received", receiver.recv(100)[14:].decode()) == "there"


@claim(
    "af_xdp/XDP_UMEM_REG/largest-sent",
    sentence=("af_xdp/XDP_UMEM_REG/chunk-size", "af_xdp/XDP_UMEM_REG/example"),
    section=SECTION,
    says="With chunks of 2048 bytes a socket of AF_XDP sends a packet of 2048 bytes, and one of 2049 is "
    "counted in tx_invalid_descs and not sent.",
    needs=NEEDS,
)
def test_a_packet_has_the_size_of_a_chunk_at_most(peers, observe):
    with peers.left.entered(), peers.right.entered(), packet_socket() as receiver:
        peers.right.namespace.set_link(peers.right.device, mtu=4000)
        peers.left.namespace.set_link(peers.left.device, mtu=4000)
        with peers.left.entered(), Xsk() as sock:
            sock.bind(peers.left.device)
            sock.prepare(xdp_frame(b"").ljust(2049, b"x"))
            sock.wake()
            sock.prepare(xdp_frame(b"").ljust(2048, b"y"))
            sock.wake()
            seen = [len(receiver.recv(4000)), sock.statistics()["tx_invalid"]]

            assert observe("received_and_invalid", seen) == [2048, 1]
