"""What peers' own test vectors say: Dolma's (e-mail spans, duplicate paragraphs) and Data-Juicer's.

Both from their repositories (Apache-2.0); `../shared/data/quality.tar.xz` has them.
"""

import gzip
import json
import re
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.clean.common_lines.counting import LineCounts
from pipeline.clean.common_lines.texts import lines_of, table_of, take_out
from pipeline.clean.signals import measure
from pipeline.pii.columns import EMAIL
from pipeline.pii.texts import redact

ARCHIVE = Path(__file__).resolve().parents[4] / "shared" / "data" / "quality.tar.xz"
pytestmark = pytest.mark.skipif(not ARCHIVE.exists(), reason=f"{ARCHIVE} is not there")


@pytest.fixture(scope="module")
def vectors():
    """Rows by file; files end in .json.gz or .jsonl."""
    found = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            name = member.name.partition("peer-test-vectors/")[2]
            if member.isfile() and name.endswith((".json.gz", ".jsonl")):
                raw = archive.extractfile(member).read()
                text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()
                found[name] = text.splitlines()
    return lambda name: [json.loads(line) for line in found[name]]


@pytest.fixture
def documents(vectors):
    return {row["id"]: row["text"] for row in vectors("dolma/provided/documents/000.json.gz")}


def column(texts):
    return pa.chunked_array([pa.array(list(texts), pa.large_string())])


def test_the_addresses_that_dolma_marks_are_redacted_and_no_others(vectors, documents):
    masked = {
        row["id"]: re.sub(r"\[B-EMAIL\].*?\[E-EMAIL\]", "[EMAIL]", row["text"])
        for row in vectors("dolma/expected/email-spans.json.gz")
    }
    texts, counts = redact(column(documents.values()), ["email"])
    assert counts[:, EMAIL].sum() == 3
    # Its vector also takes out the name of a company, which is none of these kinds.
    ours = {
        one: text.replace("CPDLab", "")
        for one, text in zip(documents, texts.to_pylist(), strict=True)
    }
    for one, text in masked.items():
        assert ours[one] == text.replace("CPDLab", "")


def test_the_lines_that_dolma_finds_again_in_other_documents_are_common(
    vectors, documents, tmp_path
):
    again = set()  # lines that Dolma has met before, in this document or in an earlier one
    for row in vectors("dolma/expected/dedupe-paragraphs.json.gz"):
        text = documents[row["id"]]
        spans = row["attributes"]["bff_duplicate_paragraph_spans"]
        again |= {text[start:end].strip() for start, end, _ in spans} - {""}
    held = {line: sum(line in map(str.strip, text.split("\n")) for text in documents.values())
            for line in again}  # fmt: skip
    common = {line for line, times in held.items() if times > 1}
    assert len(common) > 10

    texts, sources = column(documents.values()), pa.chunked_array([["web"] * len(documents)])
    counts = LineCounts(tmp_path)
    counts.add("part", *lines_of(texts, sources))
    kept, lines, _ = take_out(texts, sources, table_of(counts.common(1)))
    gone = set()
    for before, after in zip(documents.values(), kept.to_pylist(), strict=True):
        left = {line.strip() for line in after.split("\n")}
        gone |= {line.strip() for line in before.split("\n")} - left
    assert gone == common
    assert lines.sum() >= 2 * len(common)


@pytest.mark.parametrize("run", ["1725870268", "1725870628"])
def test_texts_are_as_long_as_data_juicer_counts(vectors, run):
    rows = vectors(f"data-juicer/demos/data/demo-dataset_{run}.jsonl")
    signals = measure(column(row["text"] for row in rows))
    lengths = [row["__dj__stats__"]["text_len"] for row in rows]
    assert signals["characters"].to_pylist() == lengths
