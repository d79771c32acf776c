"""Real near-duplicates with their truths, and how well the stage finds them."""

import csv
import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy import sparse

from data_contracts.results import CleanResult, DedupResult
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
PLANTED = (100, 1000, 2500)
_MEMBERS = {
    f"neardup/mccormick/data/articles_{size}.{kind}"
    for size in PLANTED
    for kind in ("train", "truth")
} | {
    "neardup/installguide-families/docs.jsonl",
    "neardup/scancode-licenses/licenses.jsonl",
    "neardup/docconflation/citeseerx/GT.csv",
    "neardup/docconflation/citeseerx/testFiles/TrialAbstract.csv",
}


def neardup_files() -> dict[str, str]:
    """The text of every file that is used here, by its name."""
    found: dict[str, str] = {}
    with tarfile.open(ARCHIVE, "r|xz") as archive:
        for member in archive:
            if member.name in _MEMBERS:
                content = archive.extractfile(member)
                assert content
                found[Path(member.name).name] = content.read().decode()
                if len(found) == len(_MEMBERS):
                    break
    return found


class Score(NamedTuple):
    """How well pairs were found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def planted_score(files: dict[str, str], size: int, folder: Path) -> Score:
    """Find the near-duplicates that McCormick planted among news articles."""
    lines = [line for line in files[f"articles_{size}.train"].split("\n") if line.strip()]
    documents = [Document(*line.split(" ", 1)) for line in lines]
    ids = {document.key: document.id for document in documents}
    truth = {
        frozenset(ids[key] for key in line.split())
        for line in files[f"articles_{size}.truth"].split("\n")
        if line.strip()
    }
    dropped = decisions(_deduplicated(cleaned(folder / "cleaned", documents), 0.8, folder))
    found = {frozenset((one, row["survivor_id"])) for one, row in dropped.items()}
    return Score(len(found & truth) / len(found), len(found & truth) / len(truth))


class Truth(NamedTuple):
    """A corpus and every pair of it at .8 or over, by comparing all that share a shingle."""

    texts: list[str]
    left: np.ndarray
    right: np.ndarray
    similarity: np.ndarray


def truth_of(name: str, files: dict[str, str]) -> Truth:
    """Pages of nine machines' guides in two languages; licences and their versions; poems."""
    if name == "poems":
        return exact_pairs(_poems())
    file = {"installguide": "docs.jsonl", "licences": "licenses.jsonl"}[name]
    return exact_pairs([json.loads(line)["text"] for line in files[file].split("\n") if line])


def exact_pairs(texts: list[str]) -> Truth:
    values, starts = kernels.shingle_sets(*token_hashes(pa.array(texts, pa.large_string())))
    _, columns = np.unique(values, return_inverse=True)
    held = sparse.csr_matrix((np.ones(len(columns), np.int32), columns, starts))
    shared = sparse.triu(held @ held.T, 1).tocoo()
    sizes = np.diff(starts)
    exact = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    over = exact >= 0.8
    return Truth(texts, shared.row[over], shared.col[over], exact[over])


def _poems() -> list[str]:
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


def met_in_a_band(truth: Truth) -> np.ndarray:
    """bool (pairs,): which pairs over the threshold share a band, and so can be compared."""
    bands = DedupRecipe().bands
    signatures = measure_texts(pa.array(truth.texts, pa.large_string()), 128).signatures
    keys = kernels.band_keys(signatures, bands.bands, bands.rows)
    return (keys[:, truth.left] == keys[:, truth.right]).any(axis=0)


class Outcome(NamedTuple):
    """What the stage did to a corpus whose pairs over the threshold are all known."""

    dropped: int
    right: int
    """Dropped ones whose similarity to the survivor named is .8 or over, and as it was said."""
    missed: int
    """Pairs over the threshold of which both were kept."""
    pairs: int
    compared: int
    capped: int


def outcome(truth: Truth, folder: Path) -> Outcome:
    """Deduplicate a corpus and hold the outcome against all its pairs."""
    documents = [Document(f"{n}", text) for n, text in enumerate(truth.texts)]
    numbers = {document.id: n for n, document in enumerate(documents)}
    result = _deduplicated(cleaned(folder / "cleaned", documents), 0.8, folder)
    pairs = zip(truth.left.tolist(), truth.right.tolist(), strict=True)
    exact = dict(zip(pairs, truth.similarity.tolist(), strict=True))
    dropped = decisions(result)
    right = 0
    for one, row in dropped.items():
        first, second = sorted((numbers[one], numbers[row["survivor_id"]]))
        right += row["similarity"] == exact.get((first, second))
    survives = np.zeros(len(documents), bool)
    survives[[numbers[one] for one in kept(result)]] = True
    missed = int((survives[truth.left] & survives[truth.right]).sum())
    return Outcome(
        len(dropped), right, missed, len(exact), result.pairs_compared, result.comparisons_capped
    )


class Judgement(NamedTuple):
    """People's pairs against those found."""

    chosen: dict[int, float]
    """The threshold that is best on one half (0 or 1)."""
    other_half: dict[int, Score]
    """What it gives on the other."""
    default: Score
    """What .8 gives on all."""


def people_agree(files: dict[str, str], folder: Path) -> Judgement:
    """Which of 618 CiteSeerX papers are the same, by title and abstract.

    People paired 634 papers, 307 pairs are among the 618. A pair that straddles the halves counts as
    wrong in both; recall is of all 317 pairs.
    """
    rows = list(csv.DictReader(io.StringIO(files["TrialAbstract.csv"])))
    documents = [Document(row["id"], f"{row['title']}\n{row['abstract'] or ''}") for row in rows]
    key_of = {document.id: document.key for document in documents}
    pairs = {
        frozenset((row["id"], row["duplicates"]))
        for row in csv.DictReader(io.StringIO(files["GT.csv"]))
    }
    half_of = {key: sha256(min(pair).encode()).digest()[0] % 2 for pair in pairs for key in pair}
    given = cleaned(folder / "cleaned", documents)

    def found_at(threshold: float) -> set[frozenset[str]]:
        dropped = decisions(_deduplicated(given, threshold, folder))
        return {frozenset((key_of[one], key_of[d["survivor_id"]])) for one, d in dropped.items()}

    def score(found: set[frozenset[str]], half: set[int]) -> Score:
        wanted = {pair for pair in pairs if half_of[min(pair)] in half}
        judged = {pair for pair in found if half & {half_of[key] for key in pair}}
        right = len(wanted & judged)
        return Score(right / len(judged), right / len(wanted))

    grid = [n / 20 for n in range(2, 20)]
    found = {threshold: found_at(threshold) for threshold in grid}
    chosen = {
        half: max(grid, key=lambda threshold: score(found[threshold], {half}).f1) for half in (0, 1)
    }
    other = {half: score(found[chosen[half]], {1 - half}) for half in (0, 1)}
    return Judgement(chosen, other, score(found[0.8], {0, 1}))


def _deduplicated(given: CleanResult, threshold: float, folder: Path) -> DedupResult:
    inputs = DedupInputs(cleaned=given, split=NOTHING_HELD_OUT)
    return dedup(inputs, DedupRecipe(jaccard_threshold=threshold), folder / "dedup")
