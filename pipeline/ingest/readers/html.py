"""HTML pages: one file, one record, whose text is the page's main text."""

import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

from data_contracts.reasons import Reason
from pipeline.ingest.charset import detected
from pipeline.ingest.kernels import markup_bounds
from pipeline.ingest.readers.text import read_whole
from pipeline.ingest.recipe import IngestRecipe
from pipeline.ingest.rows import RowCollector

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META: Final = re.compile(
    rb"<meta[^>]{0,512}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE
)
_COMMENT: Final = re.compile(rb"<!--.*?-->", re.DOTALL)
_META_BYTES: Final = 4096
"""Where a declaration is looked for; the standard says 1,024, pages put it later."""
_SLOPPY: Final = 8
_FEW_ELEMENTS: Final = 2_000_000
"""Elements that any page may have; a larger one at most one for each byte."""
_STEPS: Final = 16
"""Steps of the extractor per such element: it climbs from each to the root. Real pages need at most 3."""


class BadPage(NamedTuple):
    """A page that is not parsed: what was measured, and its limit."""

    value: float | None
    threshold: float


def read_html(pieces: Iterator[bytes], key: str, recipe: IngestRecipe) -> Iterator[pa.Table]:
    """Read a file as one page.

    Args:
        pieces: The file's unpacked bytes.
        key: What the record is called: the file's path within its source.
        recipe: Limits size and nesting, and says which text to keep.

    Yields:
        One batch of ROWS with one row.
    """
    rows = RowCollector()
    page = read_whole(pieces, rows, recipe.max_record_bytes)
    if page is not None:
        text = text_of_page(page, None, recipe)
        if isinstance(text, BadPage):
            rows.fail(1, Reason.BAD_HTML, text.value, text.threshold)
        else:
            rows.add(1, text, key)
    yield from rows.rest()


def text_of_page(page: bytes, declared: str | None, recipe: IngestRecipe) -> bytes | BadPage:
    """Extract a page's text as UTF-8, refusing markup that would stall the parser.

    Args:
        page: The page as it came.
        declared: The encoding that its server named, if any.
        recipe: Limits nesting, and says which text to keep.
    """
    text = decode_page(page, declared)
    markup = text.encode()
    bad = _bad_markup(markup, recipe.max_html_depth)
    if bad is not None:
        return bad
    tree = HTMLTree.parse(text)
    document = tree.document
    if document is None:
        return b""
    if document.query_selector(_deeper_than(recipe.max_html_depth)) is not None:
        return BadPage(None, recipe.max_html_depth)
    if recipe.extractor == "trafilatura":
        return _by_trafilatura(text, recipe)
    is_main = recipe.extractor == "resiliparse"
    # Comments below an article are other people's, and repeat: without them F1 rises by .01.
    extracted: str = extract_plain_text(
        tree, main_content=is_main, alt_texts=False, comments=not is_main
    )
    return extracted.encode()


def _by_trafilatura(text: str, recipe: IngestRecipe) -> bytes | BadPage:
    """Extract with trafilatura, without its slower fallbacks: these lower F1 a little."""
    import trafilatura  # noqa: PLC0415 - takes a second, and most recipes do without

    try:
        extracted = trafilatura.extract(text, include_comments=False, fast=True)
    except (ValueError, RecursionError, AssertionError, AttributeError, TypeError, LookupError):
        return BadPage(None, recipe.max_html_depth)
    return (extracted or "").encode("utf-8", "replace")


def _bad_markup(markup: bytes, max_depth: int) -> BadPage | None:
    """Refuse what a parser could take very long for."""
    # The bound counts sloppy pages too deep: whether they are is seen once they are parsed.
    limit = _SLOPPY * max_depth
    measured = markup_bounds(np.frombuffer(markup, np.uint8), limit)
    elements = max(len(markup), _FEW_ELEMENTS)
    for value, threshold in zip(
        measured, (limit, max_depth, elements, _STEPS * elements), strict=True
    ):
        if value > threshold:
            return BadPage(value, threshold)
    return None


@cache
def _deeper_than(depth: int) -> str:
    """Write the selector of any element that lies deeper."""
    return " > ".join(["*"] * (depth + 1))


def decode_page(page: bytes, declared: str | None) -> str:
    """Decode a page; bytes that fit no character become U+FFFD, as in a browser.

    The order is: byte order mark; UTF-8 where all bytes are valid (text in another encoding hardly
    ever is); what the server or the page declares; what the bytes look like.

    Args:
        page: The page as it came.
        declared: The encoding that its server named, if any.
    """
    for mark, encoding in _MARKS:
        if page.startswith(mark):
            return page[len(mark) :].decode(encoding, "replace")
    # Escape and NUL: ISO-2022-JP and UTF-16 without a mark are valid UTF-8 too.
    if b"\x1b" not in page and b"\0" not in page:
        try:
            return page.decode()
        except UnicodeDecodeError:
            pass
    for name in (declared, _declared_in(page)):
        known = map_encoding_to_html5(name, fallback_utf8=False) if name else None
        if known:
            return page.decode(known, "replace")
    return page.decode(detected(page, min_confidence=0) or "utf-8", "replace")


def _declared_in(page: bytes) -> str | None:
    """Find the encoding that a page's own head names (WHATWG "prescan a byte stream")."""
    found = _META.search(_COMMENT.sub(b"", page[:_META_BYTES]))
    return found[1].decode() if found else None
