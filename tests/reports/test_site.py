"""The site as files: every page is valid, every link leads somewhere, and nothing of a file runs."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup
from msgspec.structs import replace

from reports.catalogue import Catalogue
from reports.inventory import Inventory, Sentence
from reports.model import Answer, Claim, Expectation, Run, Verdict
from reports.printable import printable
from reports.site import address
from reports.site.data import Published
from reports.site.materials import Material
from reports.site.options import OptionText, Statement
from reports.site.pages import ASSETS
from reports.site.pages import files as files_of
from reports.site.site import Site
from tests.reports import covered, sample, values
from tests.reports.links import broken
from tests.reports.page import parse

INVENTORY = Inventory(
    page="socket.7",
    title="socket(7)",
    project="man-pages",
    version="6.20",
    url="https://example.org/socket.7",
    sentences=(
        Sentence("so-rcvbuf-2", "The kernel doubles it."),
        Sentence("so-mark-1", "It is marked.", tests=("tests/test_x.py",)),
        Sentence("so-debug-1", "It helps.", reason="it is advice"),
    ),
)
OPTION = OptionText(
    "SO_RCVBUF",
    ("SO_RCVBUF",),
    "SOL_SOCKET",
    Markup("<p>How much is held.</p>"),
    Statement("1.0", notes=("a < b",)),
    {"tcp": Statement("≤5.10"), "packet": Statement(False), "unix": Statement("≤5.10", "≤7.2")},
)
MATERIAL = Material(
    transcript="socket() = 3\n", reproducer="int main(void) {}\n", faults=(("refused", "bind"),)
)


def site(runs: Sequence[Run] = sample.EVERY, catalogue: Catalogue = sample.CATALOGUE) -> Site:
    return Site(
        runs,
        catalogue,
        [INVENTORY],
        {sample.DOUBLED.id: MATERIAL},
        [OPTION],
        {"SO_RCVBUF": [sample.DOUBLED.id, sample.FLOOR.id, sample.MARK.id]},
        Markup("<h2>Kernels that were probed</h2>"),
    )


def files(site: Site) -> dict[str, str]:
    return dict(files_of(site))


def pages(drawn: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in drawn.items() if path.endswith(".html")}


NOT_ANSWERED = sample.cut(sample.header("6.1.0", *sample.CLAIMS))
SITES = {
    "every": site(),
    "bare": Site(sample.EVERY, sample.CATALOGUE),
    "source": dataclasses.replace(site(), reached=covered.COVERAGE, plan=covered.PLAN),
    "all reached": dataclasses.replace(site(), reached=covered.WHOLE, plan=covered.WHOLE_PLAN),
    "no runs": site([]),
    "no claims": Site([sample.run(sample.header())], sample.EMPTY),
    "nothing": Site([], sample.EMPTY),
    "no catalogue": site(catalogue=sample.EMPTY),
    "no answers": site([NOT_ANSWERED]),
    "one kernel twice": site([sample.OLD, sample.on(sample.OLD), sample.NEW]),
    "no Linux": site(
        [
            sample.on(
                sample.OLD, implementation="gVisor", implementation_release="20240729.0", kernel="gvisor:2024"
            )
        ]
    ),
}


@cache
def drawn(name: str = "every") -> Mapping[str, str]:
    return files(SITES[name])


@pytest.mark.parametrize("name", SITES)
def test_no_link_is_broken(name: str, tmp_path: Path) -> None:
    for path, text in drawn(name).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    assert broken(tmp_path) == []


@pytest.mark.parametrize("name", SITES)
def test_every_page_is_valid(name: str) -> None:
    justhtml = pytest.importorskip("justhtml", reason="the dev group has justhtml")

    errors = {
        path: justhtml.JustHTML(page, collect_errors=True).errors for path, page in pages(drawn(name)).items()
    }

    assert {path: list(map(str, found)) for path, found in errors.items() if found} == {}


@pytest.mark.parametrize("name", SITES)
def test_every_page_is_well_formed_and_its_ids_are_unique(name: str) -> None:
    for path, text in pages(drawn(name)).items():
        ids = [one.attributes["id"] for one in parse(text).all() if "id" in one.attributes]

        assert (path, len(set(ids))) == (path, len(ids))


@pytest.mark.parametrize("name", SITES)
def test_nothing_is_asked_of_another_host(name: str) -> None:
    for path, text in pages(drawn(name)).items():
        for one in parse(text).all():
            loaded = {"src", "srcset", "action", "poster", "data"} & one.attributes.keys()
            addresses = [one.attributes[each] for each in loaded]
            addresses += [one.attributes["href"]] if one.tag == "link" else []
            assert [each for each in addresses if re.match(r"\w+://|//", each or "")] == [], path


@pytest.mark.parametrize("name", SITES)
def test_what_is_xml_is_well_formed(name: str) -> None:
    for path in drawn(name).keys() & {"feed.atom", "summary.svg", "badge.svg"}:
        ElementTree.fromstring(drawn(name)[path])


@pytest.mark.parametrize("name", SITES)
def test_the_data_are_as_their_schema_says(name: str) -> None:
    data, schema = drawn(name)["data/claims.json"], drawn(name)["data/schema.json"]

    msgspec.json.decode(data, type=Published)
    try:
        import jsonschema  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return
    jsonschema.validate(json.loads(data), json.loads(schema))


def test_the_same_gives_the_same_bytes() -> None:
    assert files(site()) == drawn()


def test_every_claim_has_a_page_also_where_nobody_was_asked() -> None:
    found = drawn("no runs")

    assert {f"claim/{claim.id}.html" for claim in sample.CLAIMS} <= found.keys()
    assert "No kernel was asked yet" in found[f"claim/{sample.DOUBLED.id}.html"]
    assert "No kernel has answered yet" in found["index.html"]


def text_of(page: str) -> str:
    return " ".join(parse(page).text.split())


def test_claim_has_its_answers_and_its_materials() -> None:
    place = f"claim/{sample.DOUBLED.id}"
    page = text_of(drawn()[f"{place}.html"])

    assert "5.10.0 holds" in page
    assert "Changed answers of the kernel that the test notices refused bind" in page
    assert drawn()[f"{place}.c"] == MATERIAL.reproducer
    assert drawn()[f"{place}.txt"] == MATERIAL.transcript


def test_document_has_its_sentences_in_order_and_what_came_of_each() -> None:
    sentences = [one for one in parse(drawn()["document/socket.7.html"]).all("li") if "id" in one.attributes]

    assert [(one.attributes["id"], one.attributes["class"]) for one in sentences] == [
        ("so-rcvbuf-2", "holds"),
        ("so-mark-1", "tested"),
        ("so-debug-1", "untried"),
    ]


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(Verdict.HOLDS, "holds"), (Verdict.DIFFERS, "differs"), (Verdict.BLOCKED, "blocked"), (None, "untried")],
)
def test_sentence_is_what_the_claims_are_that_try_it(verdict: Verdict | None, status: str) -> None:
    answers = [Answer(sample.DOUBLED.id, verdict)] if verdict else []
    asked = site([sample.run(sample.header(), *answers)])

    assert asked.status(INVENTORY.sentences[0]) == status


def test_option_has_its_own_claims_and_those_that_name_it() -> None:
    page = parse(drawn()["option/SO_RCVBUF.html"])

    shown = {one.attributes["aria-labelledby"]: one.text for one in page.all("section")}
    assert list(shown) == ["claims", "others"]
    assert sample.FLOOR.says in shown["claims"]
    assert sample.MARK.says in shown["others"]


def test_support_is_as_in_browser_compat_data() -> None:
    tree = json.loads(drawn()["data/support.json"])

    assert tree["sockets"]["SOL_SOCKET"]["SO_RCVBUF"] == {
        "__compat": {
            "support": {
                "linux": {
                    "version_added": "1.0",
                    "notes": [
                        "a &lt; b",
                        "Not so: The smallest (doubled) receive buffer is 256 bytes. Instead (since 3.12, "
                        "commit eea86af6b1e1): the floor is a small skb's true size.",
                    ],
                }
            }
        },
        "tcp": {"__compat": {"support": {"linux": {"version_added": "≤5.10"}}}},
        "packet": {"__compat": {"support": {"linux": {"version_added": False}}}},
        "unix": {"__compat": {"support": {"linux": {"version_added": "≤5.10", "version_removed": "≤7.2"}}}},
    }


def test_lone_note_is_no_list() -> None:
    bare = replace(OPTION, constant="SO_X", names=("SO_X",), support=Statement("6.0", notes=("one",)))
    tree = json.loads(files(Site([], sample.EMPTY, options=[bare]))["data/support.json"])

    assert tree["sockets"]["SOL_SOCKET"]["SO_X"]["__compat"]["support"]["linux"]["notes"] == "one"


def test_old_addresses_of_claims_lead_to_them() -> None:
    start = drawn()["index.html"]

    (pattern,) = re.findall(r"if \(/(.+)/\.test\(location\.hash\)\)", start)
    assert re.fullmatch(pattern.replace(r"\/", "/"), "#socket.7/SO_RCVBUF/doubled")
    assert not re.search(pattern.replace(r"\/", "/"), "#javascript:alert(1)//x/y")
    assert "location.replace(`claim/${location.hash.slice(1)}.html`)" in start


def test_kernels_of_one_name_have_files_of_their_own() -> None:
    twice = site([sample.OLD, sample.on(sample.NEW, kernel="uml:6.1")])

    assert twice.stems == ["uml-6.1", "uml-6.1~2"]
    assert {"data/run/uml-6.1.js", "data/run/uml-6.1~2.js"} <= files(twice).keys()
    published = msgspec.json.decode(files(twice)["data/claims.json"], type=Published)
    (floor,) = (one for one in published.claims if one.id == sample.DOUBLED.id)
    assert {name: answer.observed for name, answer in floor.kernels.items()} == {
        "uml-6.1": {"read_back": 8192},
        "uml-6.1~2": {"read_back": 16384},
    }


def test_machines_own_kernels_are_told_apart_by_release() -> None:
    runs = [sample.on(sample.OLD, kernel="host", release=release) for release in ("6.1.2", "6.12.3")]

    assert site(runs).stems == ["host-6.1.2", "host-6.12.3"]


def test_other_implementation_has_its_own_name() -> None:
    assert "gVisor 20240729.0 as if Linux 5.10.0" in text_of(drawn("no Linux")["kernels.html"])


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("", "claim/page.7/topic/slug.html"),
        ("https://example.org/x/", "https://example.org/x/claim/page.7/topic/slug.html"),
        ("https://example.org/x", "https://example.org/x/claim/page.7/topic/slug.html"),
    ],
)
def test_links_of_the_feed_are_absolute_where_the_url_is_known(url: str, link: str) -> None:
    feed = ElementTree.fromstring(files(Site(turned(), sample.listing(), url=url))["feed.atom"])

    entry = feed.find("{*}entry")
    assert entry is not None
    assert [one.attrib["href"] for one in entry.findall("{*}link")] == [link]
    assert [one.attrib["href"] for one in feed.findall("{*}link")] == (
        ["https://example.org/x/feed.atom", "https://example.org/x/"] if url else []
    )


def turned(*releases: str) -> list[Run]:
    """A claim that held on the first kernel alone."""
    verdicts = [Verdict.HOLDS, Verdict.DIFFERS, Verdict.DIFFERS]
    return [
        sample.on(sample.single(Answer("page.7/topic/slug", verdict)), release=release)
        for verdict, release in zip(verdicts, releases or ("6.1.1", "6.12.3", "7.1"), strict=False)
    ]


def test_entry_of_the_feed_is_what_rfc_4287_asks_for() -> None:
    feed = ElementTree.fromstring(files(Site(turned(), sample.listing()))["feed.atom"])

    assert [one.tag.rpartition("}")[2] for one in feed] == ["id", "title", "updated", "author", "entry"]
    (entry,) = feed.findall("{*}entry")
    shown = {one.tag.rpartition("}")[2]: one.text for one in entry}
    assert shown == {
        "id": "tag:libsocket,2026:page.7/topic/slug@6.1-6.12",
        "updated": "2026-01-01T00:00:00+00:00",
        "title": "It is so.",
        "link": None,
        "summary": "DIFFERS on 6.12.3, HOLDS on 6.1.1",
    }


def test_entry_of_the_feed_keeps_its_id_when_a_kernel_is_asked_in_a_newer_release() -> None:
    ids = [
        re.findall("<entry><id>(.*?)</id>", files(Site(runs, sample.listing()))["feed.atom"])
        for runs in (turned(), turned("6.1.9", "6.12.30", "7.1.2"))
    ]

    assert ids[0] == ids[1] != []


def test_one_release_in_two_configurations_is_no_change() -> None:
    assert "<entry>" not in files(Site(turned("6.1.1", "6.1.1"), sample.listing()))["feed.atom"]


@pytest.mark.parametrize(
    "name",
    [
        *("a/../b", "../../x", "a/./b", ".a/.b/.c", "<script>/\"'&/`${x}`", "a\\b/c:d/e?f#g", "%2e%2e/%/x"),
        *(
            "ü/中文/\u202eslug",
            "x" * 300 + "/" + "y" * 300 + "/" + "🙂" * 90,
            "~/~2e/~7e",
            "con/nul/aux",
            "a/b/c.html",
        ),
    ],
)
def test_address_is_no_way_out(name: str) -> None:
    found = address.claim(name)

    assert re.fullmatch(r"claim(/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,130})+\.html", found)
    assert max(map(len, found.split("/"))) < 150


@given(st.lists(values.ids, max_size=20, unique=True))
def test_addresses_are_not_shared(names: list[str]) -> None:
    assert len(set(map(address.claim, names))) == len(names)


HOSTILE_ID = f'"><script>alert(1)</script>/{"x" * 200}\u202e/</script><b>'


def test_hostile_text_stays_text() -> None:
    text = HOSTILE
    claim = Claim(
        HOSTILE_ID,
        text,
        document=text,
        section=text,
        needs=(text,),
        commit=text,
        sentences=(text,),
        expectations=(Expectation(text, commit=text),),
    )
    kernel = replace(sample.header(), machine=text, version=text, kernel=text, suite=text)
    answers = [
        Answer(claim.id, Verdict.DIFFERS, {text: text}, detail=text),
        Answer("a.7/E2BIG/c", Verdict.DIFFERS),
    ]
    option = replace(OPTION, constant='"><script>', names=(claim.topic,))
    hostile = files(
        Site(
            [sample.run(kernel, *answers), sample.run(replace(kernel, implementation=text), *answers)],
            Catalogue.of([claim]),
            [replace(INVENTORY, title=text, project=text, url="javascript:alert(1)")],
            {claim.id: Material(transcript=text, reproducer=text, faults=((text, text),))},
            [option],
            {option.constant: [claim.id]},
        )
    )

    known = {one.tag for page in pages(drawn()).values() for one in parse(page).all()}
    for path, page in pages(hostile).items():
        elements = list(parse(page).all())
        assert {one.tag for one in elements} <= known
        assert [
            one.attributes for one in elements if any(name.startswith("on") for name in one.attributes)
        ] == []
        assert len([one for one in elements if one.tag == "script"]) == SCRIPTS.get(path, 2)
        assert [one for one in ("javascript:alert", "\x1b", "\u202e", "\u2028") if one in page] == []
    assert printable(text).split("\n")[0] in parse(hostile[address.claim(claim.id)]).text


HOSTILE = sample.HOSTILE.replace("\udcff", "")  # which no file can hold
SCRIPTS = {"index.html": 3, "matrix.html": 4, "compare.html": 4}
"""Of most pages one says where the site is, and one is the site's."""


@pytest.mark.parametrize("text", [HOSTILE, "</script><script>alert(1)//", "\u2028\u2029<!--<script>"])
def test_no_text_ends_a_script(text: str) -> None:
    claim = Claim("a.7/b/c", text)
    hostile = files(
        Site([sample.single(Answer(claim.id, Verdict.HOLDS, {text: text}))], Catalogue.of([claim]))
    )

    made = [script for path, script in hostile.items() if path.endswith(".js") and path not in ASSETS]
    assert len(made) == 2
    for script in made:
        assert "<" not in script
        assert len(script.splitlines()) == 1
        called = re.fullmatch(r'site\.(?:index = (.*)|answers\("[^"]*", (.*)\));\n', script)
        assert called
        json.loads(called[1] or called[2])


@settings(max_examples=20)
@given(st.lists(values.runs(), max_size=3), st.lists(values.claims, max_size=4, unique_by=lambda one: one.id))
def test_any_runs_and_claims_give_a_site(runs: list[Run], claims: list[Claim]) -> None:
    found = files(Site(runs, Catalogue.of(claims)))

    for path, text in found.items():
        text.encode()
        assert not path.startswith("/")
        assert ".." not in path.split("/")
        if path.endswith(".html"):
            parse(text)
        if path.endswith((".svg", ".atom")):
            ElementTree.fromstring(text)
    msgspec.json.decode(found["data/claims.json"], type=Published)
