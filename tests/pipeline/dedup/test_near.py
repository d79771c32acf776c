"""The nearest documents of a text, against comparing it with every document."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import SchemaMismatch
from pipeline.dedup import near
from pipeline.dedup.near import nearest
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.stage import DedupInputs, dedup
from tests.pipeline.dedup.documents import NOTHING_HELD_OUT, Document, cleaned, kept
from tests.reference.minhash import jaccard, signature

WORDS = [f"w{n}" for n in range(40)] + ["水", "車", "ไ", "don't"]


def index_of(folder: Path, texts: list[str]) -> tuple[Path, dict[str, str]]:
    documents = [Document(f"{n}", text) for n, text in enumerate(texts)]
    inputs = DedupInputs(cleaned=cleaned(folder / "cleaned", documents), split=NOTHING_HELD_OUT)
    result = dedup(inputs, DedupRecipe(), folder / "dedup")
    there = {d.id: d.text for d in documents if d.id in kept(result)}
    return result.index / "signatures.parquet", there


def fetch_from(documents: dict[str, str]):
    return lambda wanted: {one: documents[one] for one in wanted}


windows = st.tuples(st.integers(0, 30), st.integers(1, 30)).map(
    lambda cut: " ".join((WORDS * 2)[cut[0] : cut[0] + cut[1]])
)


@given(st.lists(windows, max_size=12), windows, st.integers(1, 5))
@settings(max_examples=25)
def test_the_nearest_documents_are_those_that_comparing_with_all_finds(texts, text, most):
    with TemporaryDirectory() as folder:
        index, documents = index_of(Path(folder), texts)
        found = nearest(text, index, fetch_from(documents), most)
    query = signature(text, 128)
    wanted = {
        one: jaccard(text, other)
        for one, other in documents.items()
        if (query == signature(other, 128)).any()
    }
    best = sorted((-similarity, one) for one, similarity in wanted.items() if similarity)[:most]
    assert [(-near.similarity, near.record_id) for near in found] == best
    for one in found:
        assert one.estimate == (query == signature(documents[one.record_id], 128)).mean()


def test_row_groups_do_not_matter_and_few_documents_are_compared(tmp_path, monkeypatch):
    texts = [" ".join(WORDS[n % 20 : 24 + n % 7]) + f" own {n} words of it" for n in range(60)]
    index, documents = index_of(tmp_path, texts)
    cut = tmp_path / "cut.parquet"
    pq.write_table(pq.read_table(index), cut, row_group_size=7)
    asked = []

    def fetch(wanted):
        asked.extend(wanted)
        return {one: documents[one] for one in wanted}

    monkeypatch.setattr(near, "COMPARED", 10)
    whole = nearest(texts[3], index, fetch_from(documents), 5)
    assert nearest(texts[3], cut, fetch, 5) == whole
    assert len(asked) == 10
    assert whole[0].similarity == 1


def test_a_text_without_a_word_and_an_empty_index_give_nothing(tmp_path):
    index, documents = index_of(tmp_path / "some", ["one two three four five six", "!!!"])
    assert nearest("?!", index, fetch_from(documents), 5) == []
    index, documents = index_of(tmp_path / "none", [])
    assert nearest("one two three", index, fetch_from(documents), 5) == []


@pytest.mark.parametrize(("name", "known"), [("shingle_tokens", 5), ("token_hash", 2)])
def test_an_index_of_other_rules_is_refused(tmp_path, name, known):
    index, documents = index_of(tmp_path, ["one two three four five six"])
    table = pq.read_table(index)
    other = {**table.schema.metadata, name.encode(): b"7"}
    pq.write_table(table.replace_schema_metadata(other), index)
    with pytest.raises(SchemaMismatch, match=f"`{name}` is 7, this program knows {known}"):
        nearest("one two three", index, fetch_from(documents), 5)
