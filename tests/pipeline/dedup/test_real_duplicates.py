"""Precision and recall on real near-duplicates, against truths and exact oracles."""

import csv
import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from pipeline.dedup import kernels
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.signatures import measure_texts
from pipeline.dedup.stage import DedupInputs, dedup
from pipeline.text.tokens import token_hashes
from tests.conftest import CORPORA
from tests.pipeline.dedup.documents import (
    NOTHING_HELD_OUT,
    Document,
    cleaned,
    decisions,
    kept,
)

ARCHIVE, POEMS = CORPORA / "neardup.tar.xz", CORPORA / "poetry-zh.tar.xz"
MEMBERS = {
    f"neardup/mccormick/data/articles_{size}.{kind}"
    for size in (1000, 2500)
    for kind in ("train", "truth")
} | {
    "neardup/installguide-families/docs.jsonl",
    "neardup/scancode-licenses/licenses.jsonl",
    "neardup/docconflation/citeseerx/GT.csv",
    "neardup/docconflation/citeseerx/testFiles/TrialAbstract.csv",
}

pytestmark = pytest.mark.skipif(
    not (ARCHIVE.exists() and POEMS.exists()), reason=f"{ARCHIVE} or {POEMS} is not there"
)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The wanted files' text, by name."""
    found: dict[str, str] = {}
    with tarfile.open(ARCHIVE, "r|xz") as archive:
        for member in archive:
            if member.name in MEMBERS:
                content = archive.extractfile(member)
                assert content
                found[Path(member.name).name] = content.read().decode()
                if len(found) == len(MEMBERS):
                    break
    return found


@pytest.mark.parametrize("size", [1000, 2500])
def test_planted_near_duplicates_are_all_found_and_nothing_else(files, tmp_path, size):
    lines = [line for line in files[f"articles_{size}.train"].split("\n") if line.strip()]
    documents = [Document(*line.split(" ", 1)) for line in lines]
    ids = {document.key: document.id for document in documents}
    truth = {
        frozenset(map(ids.get, line.split()))
        for line in files[f"articles_{size}.truth"].split("\n")
        if line.strip()
    }
    inputs = DedupInputs(cleaned=cleaned(tmp_path / "cleaned", documents), split=NOTHING_HELD_OUT)
    dropped = decisions(dedup(inputs, DedupRecipe(), tmp_path / "dedup"))
    assert {frozenset((one, row["survivor_id"])) for one, row in dropped.items()} == truth


class Truth(NamedTuple):
    """A corpus and every pair of it at .8 or over, by comparing all that share a shingle."""

    texts: list[str]
    left: np.ndarray
    right: np.ndarray
    similarity: np.ndarray


def exact_pairs(texts: list[str]) -> Truth:
    values, starts = kernels.shingle_sets(*token_hashes(pa.array(texts, pa.large_string())))
    _, columns = np.unique(values, return_inverse=True)
    held = sparse.csr_matrix((np.ones(len(columns), np.int32), columns, starts))
    shared = sparse.triu(held @ held.T, 1).tocoo()
    sizes = np.diff(starts)
    exact = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    over = exact >= 0.8
    return Truth(texts, shared.row[over], shared.col[over], exact[over])


def poems() -> list[str]:
    """93,000 Chinese poems and songs: every JSON array of records with paragraphs."""
    texts = []
    with tarfile.open(POEMS, "r|xz") as archive:
        for member in archive:
            if not member.name.endswith(".json"):
                continue
            content = archive.extractfile(member)
            assert content
            records = json.load(content)
            texts += [
                "\n".join(one["paragraphs"])
                for one in (records if isinstance(records, list) else [])
                if isinstance(one, dict) and isinstance(one.get("paragraphs"), list)
            ]
    return [text for text in texts if any(map(str.isalpha, text))]  # some have lost all they had


@pytest.fixture(scope="module", params=["installguide", "licences", "poems"])
def truth(request, files) -> Truth:
    """Pages of nine machines' guides in two languages; licences and their versions; poems."""
    if request.param == "poems":
        return exact_pairs(poems())
    name = {"installguide": "docs.jsonl", "licences": "licenses.jsonl"}[request.param]
    return exact_pairs([json.loads(line)["text"] for line in files[name].split("\n") if line])


def test_pairs_over_the_threshold_meet_in_a_band(truth):
    bands = DedupRecipe().bands
    signatures = measure_texts(pa.array(truth.texts, pa.large_string()), 128).signatures
    keys = kernels.band_keys(signatures, bands.bands, bands.rows)
    meet = (keys[:, truth.left] == keys[:, truth.right]).any(axis=0)
    print(f"{meet.sum()} of {len(meet)} pairs at 0.8 or over meet")
    assert len(meet) > 500
    assert meet.mean() >= 0.99


def test_every_removed_text_is_as_similar_as_it_says_and_few_duplicates_are_left(truth, tmp_path):
    documents = [Document(f"{n}", text) for n, text in enumerate(truth.texts)]
    numbers = {document.id: n for n, document in enumerate(documents)}
    inputs = DedupInputs(cleaned=cleaned(tmp_path / "cleaned", documents), split=NOTHING_HELD_OUT)
    result = dedup(inputs, DedupRecipe(), tmp_path / "dedup")
    pairs = zip(truth.left.tolist(), truth.right.tolist(), strict=True)
    exact = dict(zip(pairs, truth.similarity.tolist(), strict=True))
    dropped = decisions(result)
    for one, row in dropped.items():
        pair = sorted((numbers[one], numbers[row["survivor_id"]]))
        assert row["similarity"] == exact[tuple(pair)] >= 0.8
    survives = np.zeros(len(documents), bool)
    survives[[numbers[one] for one in kept(result)]] = True
    missed = int((survives[truth.left] & survives[truth.right]).sum())
    print(f"{len(dropped)} removed, {missed} pairs missed, {result.pairs_compared} compared")
    assert len(dropped) > 300
    assert missed <= 0.01 * len(dropped)


def test_people_agree_on_which_papers_are_the_same(files, tmp_path):
    """Title and abstract of 618 CiteSeerX papers; people paired 634, 307 pairs are among the 618.

    A pair that straddles the halves counts as wrong in both; recall is of all 317 pairs.
    """
    rows = list(csv.DictReader(io.StringIO(files["TrialAbstract.csv"])))
    documents = [Document(row["id"], f"{row['title']}\n{row['abstract'] or ''}") for row in rows]
    key_of = {document.id: document.key for document in documents}
    pairs = {
        frozenset((row["id"], row["duplicates"]))
        for row in csv.DictReader(io.StringIO(files["GT.csv"]))
    }
    half_of = {key: sha256(min(pair).encode()).digest()[0] % 2 for pair in pairs for key in pair}
    given = cleaned(tmp_path / "cleaned", documents)

    def found_at(threshold: float) -> set[frozenset[str]]:
        inputs = DedupInputs(cleaned=given, split=NOTHING_HELD_OUT)
        result = dedup(inputs, DedupRecipe(jaccard_threshold=threshold), tmp_path / "dedup")
        dropped = decisions(result)
        return {frozenset((key_of[one], key_of[d["survivor_id"]])) for one, d in dropped.items()}

    def score(found: set[frozenset[str]], half: set[int]) -> tuple[float, float, float]:
        wanted = {pair for pair in pairs if half_of[min(pair)] in half}
        judged = {pair for pair in found if half & {half_of[key] for key in pair}}
        right = len(wanted & judged)
        return (
            right / len(judged),
            right / len(wanted),
            2 * right / (len(judged) + len(wanted)),
        )

    grid = [n / 20 for n in range(2, 20)]
    found = {threshold: found_at(threshold) for threshold in grid}
    for one, other in ((0, 1), (1, 0)):
        best = max(grid, key=lambda threshold: score(found[threshold], {one})[2])
        print(
            f"chosen {best}: P {{:.3f}} R {{:.3f}} F1 {{:.3f}}".format(*score(found[best], {other}))
        )
        assert score(found[best], {other})[2] >= 0.91
    precision, recall, f1 = score(found[0.8], {0, 1})
    print(f"default 0.8: P {precision:.3f} R {recall:.3f} F1 {f1:.3f}")
    assert precision >= 0.97
    assert f1 >= 0.75
