"""The dedup stage against comparing everybody with everybody, and its laws."""

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.arrow_files import read_all
from data_contracts.errors import SchemaMismatch
from data_contracts.reasons import Reason
from data_contracts.results import DedupResult, check_chain
from data_contracts.schemas import DECISIONS, KEPT
from data_contracts.split import SplitRecipe
from pipeline.dedup import STAGE_VERSION
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.stage import DedupInputs, dedup
from tests.pipeline.dedup.documents import (
    NOTHING_HELD_OUT,
    Document,
    cleaned,
    decisions,
    kept,
)
from tests.reference.duplicates import expected, is_held_out, same_content
from tests.reference.minhash import jaccard, ngrams, signature

HALF_HELD_OUT = SplitRecipe(validation_ratio=0.2, test_ratio=0.3)
PRIORITY = {"books": 2, "web": 1}
SCRIPTS = ["mill", "Straße", "GRINDS", "水", "車", "мука", "ไ", "don't", "3.14", "कि"]
STREAM = [f"{SCRIPTS[n % 10]}{n * n % 89 if n % 10 < 3 else ''}" for n in range(200)]
ODDITIES = st.sampled_from(["", "!!!", "…", "one", "ONE", "四字", "a b c d", "A, b; c d!", "🙂"])


@st.composite
def corpora(draw: st.DrawFn) -> list[Document]:
    """Windows of one stream of words, so that all similarities and chains occur; and oddities."""
    documents = []
    for number in range(draw(st.integers(1, 16))):
        start = draw(st.one_of(st.integers(0, 6), st.integers(0, 60)))
        words = STREAM[start : start + draw(st.sampled_from([3, 12, 60, 64, 120]))]
        for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
            place = draw(st.integers(0, len(words) - 1))
            words[place : place + draw(st.integers(0, 1))] = [draw(st.sampled_from(STREAM))]
        text = draw(st.sampled_from([" ", ", ", "\n"])).join(words)
        text = draw(st.one_of(st.just(text), st.just(text), st.just(text.upper()), ODDITIES))
        source = draw(st.sampled_from(["web", "books", "poems"]))
        quality = draw(st.sampled_from([0.0, 0.5, 1.0]))
        documents.append(Document(f"{number}", text, source, quality))
    return documents


def run(
    folder: Path,
    documents: list[Document],
    recipe: DedupRecipe | None = None,
    *,
    split: SplitRecipe = NOTHING_HELD_OUT,
    partitions: int = 1,
    cache: Path | None = None,
) -> DedupResult:
    given_ = cleaned(folder / "cleaned", documents, partitions)
    inputs = DedupInputs(cleaned=given_, split=split, source_priority=PRIORITY)
    result = dedup(inputs, recipe or DedupRecipe(), folder / "dedup", cache=cache)
    check_chain(given_, result)
    return result


def tables(result: DedupResult) -> list:
    return [
        read_all(result.kept, KEPT).to_pylist(),
        read_all(result.decisions, DECISIONS).to_pylist(),
        pq.read_table(result.index / "signatures.parquet").to_pylist(),
        pq.read_table(result.index / "clusters.parquet").to_pylist(),
    ]


@given(corpora(), st.sampled_from([0.5, 0.8]), st.sampled_from([0.9, 0.9999]))
@settings(max_examples=40)
def test_survivors_are_those_that_comparing_all_candidates_gives(documents, threshold, recall):
    recipe = DedupRecipe(jaccard_threshold=threshold, target_recall=recall)
    with TemporaryDirectory() as folder:
        result = run(Path(folder), documents, recipe, split=HALF_HELD_OUT)
        found = kept(result)
    want = expected(documents, recipe, HALF_HELD_OUT, PRIORITY)
    assert set(found) == want.survivors


@given(corpora())
@settings(max_examples=60)
def test_every_dropped_record_says_truly_why(documents):
    recipe = DedupRecipe(target_recall=0.9999)
    with TemporaryDirectory() as folder:
        result = run(Path(folder), documents, recipe, split=HALF_HELD_OUT)
        survivors, dropped = kept(result), decisions(result)
    by_id = {d.id: d for d in documents}
    order = expected(documents, recipe, HALF_HELD_OUT, PRIORITY).order
    held_out = [d for d in documents if d.id in survivors and is_held_out(d, HALF_HELD_OUT)]
    protected = set().union(*(ngrams(d.text) for d in held_out))
    assert survivors.keys() | dropped.keys() == by_id.keys()
    assert not survivors.keys() & dropped.keys()
    for one, row in dropped.items():
        document = by_id[one]
        (evidence,) = row["reasons"]
        assert evidence["rule"] == row["reason"]
        if row["reason"] == Reason.HELD_OUT_OVERLAP:
            assert not is_held_out(document, HALF_HELD_OUT)
            assert evidence["value"] == len(ngrams(document.text) & protected) > 0
            assert row["survivor_id"] is None
            assert row["similarity"] is None
            continue
        survivor = by_id[row["survivor_id"]]
        assert survivor.id in survivors
        assert order.index(survivor.id) < order.index(one)
        assert row["similarity"] == evidence["value"] >= evidence["threshold"]
        if row["reason"] == Reason.EXACT_DUPLICATE:
            assert same_content(document.text, survivor.text)
        else:
            assert row["similarity"] == jaccard(document.text, survivor.text) >= 0.8


@given(corpora(), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=25)
def test_order_and_partitions_change_nothing(documents, random, partitions):
    shuffled = random.sample(documents, len(documents))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        first = run(Path(one), documents, split=HALF_HELD_OUT)
        second = run(Path(other), shuffled, split=HALF_HELD_OUT, partitions=partitions)
        assert tables(first) == tables(second)


def family(size: int, shared: int, own: int) -> list[Document]:
    """Texts that share a beginning: any two are shared / (shared + 2 own) similar."""
    start = [f"s{n}" for n in range(shared + 4)]
    return [
        Document(f"{d}", " ".join([*start, *(f"d{d}w{n}" for n in range(own))]))
        for d in range(size)
    ]


def test_one_thread_gives_what_several_give(tmp_path):
    documents = family(60, 300, 30) + family(40, 100, 40)[1:]
    documents = [Document(f"{n}", d.text * 50) for n, d in enumerate(documents)]
    cores = os.sched_getaffinity(0)
    several = run(tmp_path / "several", documents, partitions=3)
    try:
        os.sched_setaffinity(0, {min(cores)})
        one = run(tmp_path / "one", documents, partitions=3)
    finally:
        os.sched_setaffinity(0, cores)
    assert tables(several) == tables(one)


def test_a_chain_is_not_merged_through_its_middle(tmp_path):
    words = [f"w{n}" for n in range(120)]
    first, last = words[:100], words[20:]
    middle = words[10:110]
    texts = {"a": first, "b": middle, "c": last}
    quality = {"a": 1.0, "b": 0.5, "c": 0.0}
    documents = [Document(k, " ".join(w), quality=quality[k]) for k, w in texts.items()]
    result = run(tmp_path, documents, DedupRecipe(target_recall=0.9999))
    a, b, c = (document.id for document in documents)
    assert set(kept(result)) == {a, c}
    assert decisions(result)[b]["survivor_id"] == a
    assert kept(result)[a]["cluster_size"] == 2
    assert kept(result)[c]["cluster_size"] == 1


def test_a_middle_that_turns_out_beaten_gives_its_victim_back(tmp_path):
    # Everybody meets in one bucket: c is beaten by b, b by a, and a and c differ.
    words = [f"w{n}" for n in range(300)]
    cut = {"a": (0, 240), "b": (24, 264), "c": (48, 288), "d": (52, 292)}
    documents = [Document(key, " ".join(words[i:j]), quality=-i) for key, (i, j) in cut.items()]
    recipe = DedupRecipe(target_recall=0.9999, max_comparisons=1000)
    result = run(tmp_path, documents, recipe)
    assert set(kept(result)) == expected(documents, recipe, NOTHING_HELD_OUT, PRIORITY).survivors
    assert set(kept(result)) == {documents[0].id, documents[2].id}


def test_a_template_is_compared_a_bounded_number_of_times_and_the_bound_is_reported(tmp_path):
    pages = family(150, 196, 33)  # any two are 0.748 similar: every bucket huge, no duplicate
    bounded = run(tmp_path / "bounded", pages, DedupRecipe(max_comparisons=8))
    assert bounded.rows_kept == 150
    assert bounded.pairs_compared <= 8 * 150
    assert 0 < bounded.comparisons_capped <= 150
    free = run(tmp_path / "free", pages, DedupRecipe(max_comparisons=150))
    assert free.comparisons_capped == 0
    assert free.rows_kept == 150
    assert free.pairs_compared <= 150 * 149 / 2


def test_duplicates_of_a_survivor_cost_one_round_of_comparisons(tmp_path):
    pages = family(200, 300, 20)  # any two are 0.88 similar
    result = run(tmp_path, pages, DedupRecipe(target_recall=0.9999))
    assert result.rows_kept == 1
    assert result.pairs_compared < 200 * 10


def test_held_out_records_survive_whatever_their_rank(tmp_path):
    documents = [Document(f"{n}", "the same short text", "books", 1.0) for n in range(50)]
    documents += [Document(f"w{n}", "the same short text", "web", 0.0) for n in range(50)]
    split = SplitRecipe(validation_ratio=0.05, test_ratio=0.05)
    (survivor,) = kept(run(tmp_path, documents, split=split)).values()
    assert survivor["split"] == "test"
    assert survivor["cluster_size"] == 100


def leak(folder: Path, recipe: DedupRecipe, quoting: int) -> tuple[DedupResult, list[Document]]:
    """One held-out text, and training texts that quote 13 of its words."""
    candidates = [Document(f"h{n}", " ".join(f"q{w}" for w in range(60))) for n in range(200)]
    secret = next(d for d in candidates if is_held_out(d, HALF_HELD_OUT))
    training = [
        Document(f"t{n}", " ".join([*(f"{n}w{w}" for w in range(40)), *secret.text.split()[7:20]]))
        for n in range(200)
    ]
    training = [d for d in training if not is_held_out(d, HALF_HELD_OUT)][:quoting]
    return run(folder, [secret, *training], recipe, split=HALF_HELD_OUT), training


def test_training_text_that_quotes_held_out_text_is_dropped_with_the_count(tmp_path):
    result, training = leak(tmp_path, DedupRecipe(), 3)
    dropped = decisions(result)
    assert set(dropped) == {d.id for d in training}
    (reason,) = dropped[training[0].id]["reasons"]
    assert reason == {"rule": "held_out_overlap", "value": 1.0, "threshold": 1.0}


def test_the_check_for_held_out_text_can_be_switched_off(tmp_path):
    result, _ = leak(tmp_path, DedupRecipe(held_out_overlap=False), 3)
    assert result.rows_kept == 4


def test_text_that_many_training_documents_share_can_be_left_out_of_the_check(tmp_path):
    recipe = DedupRecipe(common_ngram_documents=3)
    few, _ = leak(tmp_path / "few", recipe, 3)
    many, _ = leak(tmp_path / "many", recipe, 4)
    assert few.rows_dropped == {Reason.HELD_OUT_OVERLAP: 3}
    assert many.rows_dropped == {}


def held_out_or_not(text: str, *, held_out: bool) -> Document:
    candidates = (Document(f"{n}{text[:5]}", text) for n in range(200))
    return next(d for d in candidates if is_held_out(d, HALF_HELD_OUT) == held_out)


def test_a_duplicate_comes_back_when_its_survivor_is_dropped_for_held_out_text(tmp_path):
    # All three share every band, so that at first each is compared with the best one only.
    own, secret = [f"w{n}" for n in range(2000)], [f"q{n}" for n in range(13)]
    texts = [" ".join([*secret[cut:], *own]) for cut in (0, 1, 2)]
    hidden = held_out_or_not(" ".join(secret), held_out=True)
    quoting, longer, shorter = (held_out_or_not(text, held_out=False) for text in texts)
    result = run(tmp_path, [hidden, quoting, longer, shorter], split=HALF_HELD_OUT)
    assert jaccard(quoting.text, shorter.text) > 0.8
    assert set(kept(result)) == {hidden.id, longer.id}
    assert decisions(result)[quoting.id]["reason"] == Reason.HELD_OUT_OVERLAP
    assert decisions(result)[shorter.id]["survivor_id"] == longer.id


def test_enormous_documents_do_not_saturate(tmp_path):
    # So many shingles that a 32-bit minimum is small in every document: still nobody's by chance.
    words = [f"{n:x}" for n in range(1_200_000)]
    one, other = " ".join(words[:600_000]), " ".join(words[600_000:])
    copy = " ".join(words[:500_000])
    documents = [Document(n, text) for n, text in (("one", one), ("other", other), ("copy", copy))]
    result = run(tmp_path, documents)
    assert set(kept(result)) == {documents[0].id, documents[1].id}
    (row,) = decisions(result).values()
    assert row["similarity"] == 499_996 / 599_996
    stored = pq.read_table(result.index / "signatures.parquet")["signature"].to_pylist()
    left, right = (np.frombuffer(values, "<u4") for values in stored)
    assert not (left == right).any()
    assert result.pairs_compared == 1


def test_texts_without_a_word_are_duplicates_only_when_their_bytes_are_the_same(tmp_path):
    texts = ["!!!", "!!!", "???", "🙂", "", ""]
    documents = [Document(f"{n}", text) for n, text in enumerate(texts)]
    result = run(tmp_path, documents)
    assert result.rows_dropped == {Reason.EXACT_DUPLICATE: 2}


@pytest.mark.parametrize("split", [NOTHING_HELD_OUT, HALF_HELD_OUT], ids=["all", "half"])
def test_signatures_of_known_texts_are_taken_from_the_cache_and_change_nothing(tmp_path, split):
    documents = family(40, 100, 5) + [Document(f"odd{n}", "!" * n) for n in range(5)]
    quoted = " ".join(documents[0].text.split()[:20])
    quoting = [" ".join(f"q{n}w{word}" for word in range(30)) for n in range(20)]
    documents += [Document(f"quote{n}", f"{quoted} {text}") for n, text in enumerate(quoting)]
    cache = tmp_path / "cache"
    fresh = run(tmp_path / "fresh", documents, split=split)
    run(tmp_path / "first", documents[::3], split=split, cache=cache)
    partly = run(tmp_path / "partly", documents, split=split, partitions=2, cache=cache)
    wholly = run(tmp_path / "wholly", documents, split=split, cache=cache)
    assert fresh.rows_reused == 0
    assert (Reason.HELD_OUT_OVERLAP in fresh.rows_dropped) == (split is HALF_HELD_OUT)
    assert partly.rows_reused == len(documents[::3])
    assert wholly.rows_reused == len(documents)
    assert tables(fresh) == tables(partly) == tables(wholly)


def test_the_index_holds_what_datasketch_would_compute_for_every_kept_record(tmp_path):
    documents = [*family(5, 30, 20), Document("poem", "床前明月光 疑是地上霜")]
    documents.append(Document("again", documents[0].text.upper()))
    result = run(tmp_path, documents)
    stored = pq.read_table(result.index / "signatures.parquet")
    assert stored.schema.metadata[b"scheme"] == b"affine32"
    assert stored["record_id"].to_pylist() == sorted(kept(result))
    texts = {d.id: d.text for d in documents}
    for row in stored.to_pylist():
        values = np.frombuffer(row["signature"], "<u4")
        assert values.tolist() == signature(texts[row["record_id"]], 128).tolist()
    clusters = pq.read_table(result.index / "clusters.parquet").to_pylist()
    assert {row["record_id"] for row in clusters} == {documents[0].id, documents[-1].id}
    assert {row["similarity"] for row in clusters} == {1.0}
    assert len({row["cluster_id"] for row in clusters}) == 1


def test_no_documents_give_empty_tables(tmp_path):
    result = run(tmp_path, [])
    assert result.rows_in == 0
    assert tables(result) == [[], [], [], []]


def test_nothing_but_the_promised_files_is_left(tmp_path):
    result = run(tmp_path, family(3, 10, 10))
    names = {p.relative_to(result.folder).as_posix() for p in result.folder.rglob("*.*")}
    assert names == {
        "kept/part-00000.arrow",
        "decisions/part-00000.arrow",
        "index/signatures.parquet",
        "index/clusters.parquet",
        "result.json",
    }
    assert DedupResult.load(result.folder) == result


def test_a_partition_of_other_columns_is_refused(tmp_path):
    given_ = cleaned(tmp_path / "cleaned", family(2, 5, 5))
    path = given_.documents / "part-00000.arrow"
    from data_contracts.arrow_files import read_ipc, write_ipc

    write_ipc(path, read_ipc(path).drop_columns(["quality"]))
    with pytest.raises(SchemaMismatch, match="quality"):
        dedup(DedupInputs(cleaned=given_), DedupRecipe(), tmp_path / "dedup")


def test_output_changes_only_with_the_stage_version(tmp_path):
    texts = [f"The mill grinds slowly {n}. 磨は {n} ゆっくり" for n in range(8)]
    documents = [Document(f"{n}", text * (n + 3)) for n, text in enumerate(texts)]
    documents += [Document(f"copy {n}", d.text.upper()) for n, d in enumerate(documents[:4])]
    result = run(tmp_path, documents, split=HALF_HELD_OUT)
    digest = hashlib.sha256(repr(tables(result)).encode()).hexdigest()
    assert (STAGE_VERSION, digest[:16]) == (2, "0eef9928da8c8539")


def test_state_on_disk_is_at_most_700_bytes_per_document(tmp_path):
    result = run(tmp_path, family(2000, 5, 60))
    assert result.rows_kept == 2000
    size = sum(p.stat().st_size for p in result.index.iterdir())
    assert size <= 700 * 2000
