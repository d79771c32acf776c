"""Documents that share n-grams with evaluation sets are dropped, and the ledger says with which."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from data_contracts.arrow_files import write_ipc
from data_contracts.errors import SchemaMismatch
from data_contracts.reasons import Reason
from data_contracts.results import DedupResult
from pipeline.dedup.recipe import DedupRecipe
from pipeline.dedup.stage import DedupInputs, dedup
from tests.pipeline.dedup.documents import NOTHING_HELD_OUT, Document, cleaned, decisions, kept
from tests.pipeline.dedup.test_stage import HALF_HELD_OUT, PRIORITY, STREAM, corpora
from tests.reference.duplicates import expected
from tests.reference.minhash import jaccard, ngrams


def written(path: Path, texts: list[str], *, stream: bool = False) -> tuple[Path, ...]:
    table = pa.table({"text": pa.array(texts, pa.string())})
    if stream:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    else:
        write_ipc(path, table)
    return (path,)


def run(
    folder: Path,
    documents: list[Document],
    sets: dict[str, list[str]],
    recipe: DedupRecipe | None = None,
    split=NOTHING_HELD_OUT,
    partitions: int = 1,
) -> DedupResult:
    inputs = DedupInputs(
        cleaned=cleaned(folder / "cleaned", documents, partitions),
        split=split,
        source_priority=PRIORITY,
        evaluation_sets={
            name: written(folder / f"{name}.arrow", texts, stream=number % 2 == 0)
            for number, (name, texts) in enumerate(sets.items())
        },
    )
    return dedup(inputs, recipe or DedupRecipe(), folder / "dedup")


stretches = st.lists(
    st.tuples(st.integers(0, 150), st.integers(0, 30)).map(
        lambda cut: " ".join(STREAM[cut[0] : cut[0] + cut[1]])
    ),
    max_size=2,
)


@pytest.mark.slow
@given(corpora(), stretches, stretches, st.sampled_from([3, 8, 13]))
@settings(max_examples=30)
def test_what_is_kept_and_what_is_said_is_what_comparing_all_gives(documents, first, second, width):
    recipe = DedupRecipe(target_recall=0.9999, evaluation_tokens=width)
    sets = {"mmlu": first, "arc": second}
    with TemporaryDirectory() as folder:
        result = run(Path(folder), documents, sets, recipe, HALF_HELD_OUT, partitions=2)
        survivors, dropped = set(kept(result)), decisions(result)
    want = expected(documents, recipe, HALF_HELD_OUT, PRIORITY, evaluation=first + second)
    assert survivors == want.survivors
    by_id = {d.id: d for d in documents}
    assert survivors | set(dropped) == set(by_id)
    secret = {name: set().union(*(ngrams(t, width) for t in some)) for name, some in sets.items()}
    for one, row in dropped.items():
        own = ngrams(by_id[one].text, width)
        if row["reason"] != Reason.EVALUATION_OVERLAP:
            assert len(row["reasons"]) == 1
            continue
        assert row["survivor_id"] is None
        assert row["similarity"] is None
        shared = {name: len(own & some) for name, some in secret.items()}
        assert row["reasons"] == [
            {
                "rule": "evaluation_overlap",
                "value": len(own & (secret["mmlu"] | secret["arc"])),
                "threshold": 1,
            },
            *(
                {"rule": f"evaluation_overlap:{name}", "value": count, "threshold": 1}
                for name, count in shared.items()
                if count
            ),
        ]


def test_held_out_text_is_screened_too_and_its_duplicate_comes_back(tmp_path):
    own, secret = [f"w{n}" for n in range(300)], [f"q{n}" for n in range(13)]
    quoting = Document("quoting", " ".join([*secret, *own]), quality=1)
    clean = Document("clean", " ".join([*secret[1:], *own]))
    assert jaccard(quoting.text, clean.text) > 0.8
    question = "Question: " + " ".join(secret)
    result = run(tmp_path, [quoting, clean], {"quiz": [question]})
    assert set(kept(result)) == {clean.id}
    (said, part) = decisions(result)[quoting.id]["reasons"]
    assert (said["rule"], said["value"]) == ("evaluation_overlap", 1)
    assert part["rule"] == "evaluation_overlap:quiz"
    assert result.rows_dropped == {Reason.EVALUATION_OVERLAP: 1}


def test_sixty_four_sets_are_told_apart_and_more_are_refused(tmp_path):
    texts = [" ".join(f"set{n}word{w}" for w in range(20)) for n in range(64)]
    documents = [Document(f"{n}", text) for n, text in enumerate(texts)]
    documents.append(Document("all", "\n".join(texts)))
    sets = {f"set-{n}": [text] for n, text in enumerate(texts)}
    result = run(tmp_path / "most", documents, sets)
    dropped = decisions(result)
    assert len(dropped) == 65
    for number, document in enumerate(documents[:64]):
        assert dropped[document.id]["reasons"][1]["rule"] == f"evaluation_overlap:set-{number}"
    assert [one["value"] for one in dropped[documents[64].id]["reasons"]] == [64 * 8] + [8] * 64
    with pytest.raises(ValidationError, match="at most 64"):
        run(tmp_path / "more", documents, {**sets, "one-more": ["x"]})


def test_short_empty_and_wordless_evaluation_texts_drop_nothing(tmp_path):
    documents = [Document("a", "one two three four"), Document("b", "!!!"), Document("c", "")]
    sets = {"short": ["one two three four", "!!!", ""], "none": []}
    assert run(tmp_path, documents, sets).rows_kept == 3


def test_an_evaluation_set_without_texts_is_refused(tmp_path):
    path = tmp_path / "set.arrow"
    write_ipc(path, pa.table({"question": ["what?"]}))
    inputs = DedupInputs(
        cleaned=cleaned(tmp_path / "cleaned", [Document("a", "some text")]),
        evaluation_sets={"quiz": (path,)},
    )
    with pytest.raises(SchemaMismatch, match="a column `text`"):
        dedup(inputs, DedupRecipe(), tmp_path / "dedup")
