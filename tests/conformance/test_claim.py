"""What a claim must say of itself."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs


@pytest.mark.parametrize(
    "id", ["socket.7/SO_RCVBUF", "socket.7/SO_RCVBUF/Doubled", "socket.7/SO_RCVBUF/x/y", ""]
)
def test_an_id_is_page_topic_and_slug(id: str) -> None:
    with pytest.raises(ValueError, match="page/topic/slug"):
        claim(id, says="It is so.")


@pytest.mark.parametrize("id", ["socket.7/SO_RCVBUF/doubled", "ip-sysctl/ip_default_ttl/of-new-sockets"])
def test_a_page_has_a_section_or_is_called_by_its_file(id: str) -> None:
    assert claim(id, says="It is so.").args[0].claim.id == id


@pytest.mark.parametrize("given", [{}, {"since": "5.0"}, {"commit": "1da177e4c3f4"}])
def test_what_no_page_says_has_a_kernel_and_a_commit(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="since"):
        claim("defacto/SO_RCVBUF/doubled", says="It is so.", **given)  # type: ignore[arg-type]


def test_a_difference_has_a_commit_or_another_source() -> None:
    with pytest.raises(ValueError, match="source"):
        differs("it is not", since="5.0")

    assert differs("it is not", since="5.0", source="CVE-2026-99076").source == "CVE-2026-99076"
