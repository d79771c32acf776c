"""`mill near` and `mill clusters` on a published version."""

import json
import subprocess
import sys

import polars as pl
import pytest

from data_contracts.errors import VersionUnknown
from data_contracts.warehouse import Warehouse
from flows.clusters import biggest_clusters
from flows.near import find_near, text_or_file
from tests.conftest import REPOSITORY
from tests.flows.corpora import paragraph, write_corpus
from tests.flows.without_prefect import publish
from tests.reference.minhash import jaccard


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A version of a corpus whose document 3 was copied four times, with and without hostility."""
    import numpy as np

    folder = tmp_path_factory.mktemp("lookalikes")
    recipe = write_corpus(folder / "corpus", documents=40)
    rng = np.random.default_rng(9)
    text = "\n".join(paragraph(rng, 60) for _ in range(4))
    words = text.split(" ")
    with (folder / "corpus" / "records.jsonl").open("a") as file:
        for number in range(5):
            words[50] = f"\u202e[bold]changed{number}\x1b[2J"
            copy = " ".join(words)
            file.write(json.dumps({"id": f"copy-[red]\u202e{number}", "text": copy}) + "\n")
    warehouse = Warehouse.create(folder / "warehouse")
    return warehouse, publish(recipe, warehouse), text


def test_the_nearest_document_of_a_document_is_itself_and_of_an_edit_the_original(corpus):
    warehouse, published, _ = corpus
    shown = pl.read_parquet(published.path / "ledger").filter(pl.col("fate") == "kept")
    from flows.published_texts import published_texts

    texts = published_texts(published.path, shown.to_dicts())
    assert set(texts) == set(shown["record_id"])
    for record_id, text in list(texts.items())[:10]:
        near = find_near(warehouse, None, text, 3)
        assert (near[0].record_id, near[0].similarity) == (record_id, 1.0)
        assert near[0].text == text
        edited = "new words here: " + text
        first = find_near(warehouse, published.label, edited, 1)[0]
        assert first.record_id == record_id
        assert first.similarity == jaccard(edited, text) < 1


def test_the_text_is_normalised_as_the_documents_were(corpus):
    warehouse, _, text = corpus
    raw = text.replace("the", "t\u00adhe").replace("\n", "\r\n\r\n\r\n\r\n")
    assert find_near(warehouse, "corpus", raw, 1)[0].similarity > 0.9


def test_nothing_is_near_to_what_shares_no_words(corpus):
    warehouse, _, _ = corpus
    assert find_near(warehouse, None, "entirely other words than any of those", 5) == []
    with pytest.raises(VersionUnknown):
        find_near(warehouse, "corpus@0009-00000000", "x", 1)


def test_a_file_is_read_and_anything_else_is_taken_as_text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"from a file \xff")
    assert text_or_file(str(path)) == "from a file \ufffd"
    for text in (str(tmp_path), "some words", "long " * 5000, "null \x00 character", ""):
        assert text_or_file(text) == text


def test_clusters_come_biggest_first_with_the_least_similar_members_and_a_difference(corpus):
    warehouse, published, _ = corpus
    clusters = biggest_clusters(warehouse, published.label, 100)
    table = pl.read_parquet(published.path / "index" / "clusters.parquet")
    assert sum(one.records for one in clusters) == table.height
    sizes = [one.records for one in clusters]
    assert sizes == sorted(sizes, reverse=True)
    first = clusters[0]
    assert first.records == 5
    assert len(first.furthest) == 3
    similarities = [one.similarity for one in first.furthest]
    assert similarities == sorted(similarities)
    assert {part.kind for part in first.diff} > {"survivor", "member"}
    assert clusters[-1].records == 2
    assert biggest_clusters(warehouse, None, 1) == clusters[:1]


def _mill(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )


def test_the_commands_show_nothing_that_a_terminal_would_obey(corpus):
    warehouse, published, text = corpus
    near = _mill("near", text, "-w", warehouse.root, "-n", 1, "--json")
    (found,) = json.loads(near.stdout)
    assert found["similarity"] > 0.9
    assert "copy-[red]⟦U+202E⟧" in near.stderr
    clusters = _mill("clusters", "-w", warehouse.root, "--dataset", published.label)
    assert "5 records, of which is kept" in clusters.stdout
    assert "[-⟦U+202E⟧[bold]changed" in clusters.stdout
    assert "{+⟦U+202E⟧[bold]changed" in clusters.stdout
    for output in (near.stderr, clusters.stdout):
        assert not {"\x1b", "\u202e"} & set(output)
