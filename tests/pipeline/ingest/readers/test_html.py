"""A page is one record: its main text, in whatever encoding it came; a bomb is refused unparsed."""

import gzip
import json
import lzma
import re
import tarfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest.readers.html import BadPage, decode_page, read_html, text_of_page
from pipeline.ingest.recipe import IngestRecipe
from tests.pipeline.ingest.inputs import PROSE, RECIPE, pieces, rows_of

PAGE = (
    "<!DOCTYPE html><html><head><title>Mill</title><style>p {}</style></head><body>"
    "<nav><ul><li><a href=/>Home</a><li><a href=/about>About us</a></ul></nav>"
    f"<main><h1>The mill</h1><p>{PROSE * 3}</p><p>{PROSE * 3}</p></main>"
    "<footer>Imprint</footer><script>if (a<b) alert('corn')</script></body></html>"
)


def test_a_page_is_its_main_text_without_menus_and_scripts():
    (row,) = rows_of(read_html(pieces(PAGE.encode()), "mill.html", RECIPE))
    assert row["key"] == "mill.html"
    assert row["text"].count(PROSE.strip()) == 6
    for word in ("Home", "Imprint", "alert"):
        assert word not in row["text"]


def test_all_text_is_kept_when_the_recipe_says_so():
    recipe = IngestRecipe(extractor="none")
    assert b"Home" in text_of_page(PAGE.encode(), None, recipe)


@pytest.mark.parametrize(
    ("page", "declared"),
    [
        ("磨坊在河边".encode("gb18030"), "gb2312"),
        ('<meta charset="big5">磨坊在河邊'.encode("big5"), None),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=gbk">磨坊在河边'.encode(
                "gbk"
            ),
            None,
        ),
        ("磨坊在河边".encode(), "iso-8859-1"),  # valid UTF-8 is UTF-8, whatever a server says
        ("\ufeff磨坊在河边".encode("utf-16-le"), None),
        ("水車小屋は川のほとり".encode("iso-2022-jp"), "iso-2022-jp"),
        ("水車小屋は川のほとり".encode("shift_jis"), "shift_jis"),
        ("Die Mühle am Fluß".encode("cp1252"), None),
    ],
)
def test_a_page_is_decoded_as_it_declares_or_as_it_looks(page, declared):
    text = decode_page(page, declared)
    assert "�" not in text
    assert any(word in text for word in ("磨坊在河", "水車小屋は川", "Die Mühle am Fluß"))


def test_a_declaration_in_a_comment_or_of_nothing_known_is_not_believed():
    page = "<!-- <meta charset=utf-16> --><meta charset=klingon>Mühle".encode("cp1252")
    assert "Mühle" in decode_page(page, "unicode_escape")


BOMBS = {
    "nested": b"<div>" * 600 + b"x",
    "nested deeper than counted": b"<div>" * 200_000,
    "formatting left open": b"".join(b"<div><b id=%d></div>" % n for n in range(50_000)),
    "opened again": b"".join(b"<b id=%d>" % n for n in range(500)) + b"<p>x" * 100_000,
    "attributes": b"<p " + b"".join(b" a%d" % n for n in range(100_000)) + b">x",
    "towers": (b"<div>" * 500 + b"x" + b"</div>" * 500) * 200,
    "closed in vain": b"<div>" * 500 + b"</p>" * 200_000,
    "hidden in an attribute": b'<a =">' + b"<div>" * 200_000 + b'">',
    "hidden in a style": b"<svg><style>" + b"<g>" * 200_000,
}


@pytest.mark.parametrize("page", BOMBS.values(), ids=BOMBS)
def test_a_page_made_to_stall_the_parser_is_refused_at_once(page):
    started = time.monotonic()
    (row,) = rows_of(read_html(pieces(page), "bomb.html", RECIPE))
    assert row["reason"] == "bad_html"
    assert row["threshold"] > 0
    assert time.monotonic() - started < 5


def test_sloppy_pages_are_read():
    cells = "<table>" + "<tr><td><font size=2>corn<td><p>rye" * 600
    lists = "<ul>" + "<li>wheat<br>" * 3000
    for page in (cells, lists, "<p>oats" * 5000, "<dl>" + "<dt>a<dd>b" * 2000):
        assert not isinstance(text_of_page(page.encode(), None, RECIPE), BadPage)


def test_depth_is_refused_beyond_the_limit_and_not_before():
    for depth, is_bad in ((20, False), (60, True)):
        page = b"<div>" * depth + b"corn"
        text = text_of_page(page, None, IngestRecipe(max_html_depth=32))
        assert isinstance(text, BadPage) == is_bad


TAGS = st.sampled_from(
    [
        "html",
        "body",
        "p",
        "div",
        "table",
        "tr",
        "td",
        "b",
        "a",
        "svg",
        "math",
        "select",
        "option",
        "script",
        "title",
    ]
)
SOUP = st.lists(
    st.one_of(
        TAGS.map("<{}>".format),
        TAGS.map("</{}>".format),
        st.text(max_size=5),
        st.sampled_from(
            ["<", "</", "<!--", "-->", "<![CDATA[", "]]>", "<a b='", "&#xD800;", "&amp", "\0"]
        ),
    ),
    max_size=40,
).map("".join)


@settings(max_examples=200)
@given(
    page=st.one_of(st.binary(max_size=300), SOUP.map(str.encode)),
    declared=st.none() | st.text(max_size=9),
)
def test_any_bytes_give_text_or_are_refused(page, declared):
    text = text_of_page(page, declared, RECIPE)
    if not isinstance(text, BadPage):
        text.decode()


@pytest.mark.parametrize(("extractor", "least"), [("resiliparse", 0.91), ("trafilatura", 0.95)])
def test_the_main_text_of_labelled_news_pages_is_found(extractor, least):
    labelled = labelled_pages()
    recipe = IngestRecipe(extractor=extractor)
    scores = []
    for page, expected in labelled:
        text = text_of_page(page, None, recipe)
        assert isinstance(text, bytes)
        scores.append(precision_and_recall(text.decode(), expected))
    precision, recall = (sum(part) / len(scores) for part in zip(*scores, strict=True))
    assert 2 * precision * recall / (precision + recall) >= least


@given(
    st.lists(
        st.sampled_from(["<p>", "</p>", "<table><tr>", "<a href=x", ">", "\0", "&#xD800;", "corn "])
    )
)
@settings(max_examples=40)
def test_any_page_is_read_by_trafilatura_without_an_exception(parts):
    text_of_page("".join(parts).encode(), None, IngestRecipe(extractor="trafilatura"))


def labelled_pages() -> list[tuple[bytes, str]]:
    archive = Path(__file__).resolve().parents[5] / "shared" / "data" / "web.tar.xz"
    if not archive.exists():
        pytest.skip("the labelled pages (../shared/data/web.tar.xz) are not here")
    pages: dict[str, bytes] = {}
    truth: dict[str, dict[str, str]] = {}
    with lzma.open(archive) as file, tarfile.open(fileobj=file) as tar:
        for member in tar:
            data = tar.extractfile(member)
            if member.name.endswith(".html.gz") and "/article-extraction/html/" in member.name:
                name = member.name.rsplit("/", 1)[1].removesuffix(".html.gz")
                pages[name] = gzip.decompress(data.read())
            elif member.name.endswith("article-extraction/ground-truth.json"):
                truth = json.load(data)
    return [(pages[name], one["articleBody"]) for name, one in truth.items()]


def precision_and_recall(found: str, expected: str) -> tuple[float, float]:
    """Bags of 4-grams, as the article extraction benchmark compares them."""
    ours, theirs = (Counter(four_grams(text)) for text in (found, expected))
    both = (ours & theirs).total()
    return both / max(ours.total(), 1), both / max(theirs.total(), 1)


def four_grams(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return [tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3))]
