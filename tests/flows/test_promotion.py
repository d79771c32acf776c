"""Candidates, comparisons and production, on real models of real (small) versions."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from data_contracts.aliases import Alias, Target
from data_contracts.errors import (
    ModelUnfit,
    NoCandidate,
    NothingToRollBack,
    PromotionRefused,
    ScorecardFailed,
    TooFewCommonDocuments,
    VersionUnknown,
)
from data_contracts.results import Interval
from data_contracts.verdict import Comparison, SourceDifference, Verdict
from data_contracts.warehouse import Warehouse
from flows.cli import app
from flows.judging import common_documents, compare_models
from flows.promotion import promote, roll_back
from flows.publish import published_dataset
from flows.recipe import load_recipe
from flows.refresh import refresh
from flows.terminal_aliases import print_comparison
from model.pretrained import save_pretrained
from model.recipe import ShapeRecipe
from model.transformer import Transformer
from tests.flows.corpora import TINY_TRAINING, write_corpus

MODEL = TINY_TRAINING["train"]


@pytest.fixture(scope="module")
def three(prefect_api, tmp_path_factory):
    """A warehouse of three models: tiny, the same data with longer training, and more documents."""
    folder = tmp_path_factory.mktemp("promotion")
    warehouse = folder / "warehouse"
    training = TINY_TRAINING
    refresh(load_recipe(write_corpus(folder / "a", **training)), warehouse=warehouse)
    longer = {**training, "train": {**MODEL, "budget_tokens": 60_000, "max_epochs": None}}
    refresh(load_recipe(write_corpus(folder / "a", **longer)), warehouse=warehouse)
    refresh(load_recipe(write_corpus(folder / "b", documents=160, **longer)), warehouse=warehouse)
    return warehouse


@pytest.fixture
def store(three, tmp_path):
    """A copy of that warehouse without aliases: a test may move them."""
    shutil.copytree(three, tmp_path / "warehouse", ignore=shutil.ignore_patterns("prefect"))
    shutil.rmtree(tmp_path / "warehouse" / "aliases")
    return Warehouse.existing(tmp_path / "warehouse")


def _models(store):
    return [f"corpus@{version}" for version in store.versions("models", "corpus")]


def test_a_run_makes_a_candidate_and_never_production_by_itself(three):
    store = Warehouse.existing(three)
    found = store.aliases.read("corpus", Alias.CANDIDATE)
    assert found.target.model == _models(store)[-1]
    assert store.aliases.read("corpus", Alias.PRODUCTION) is None
    assert store.find("models", "corpus@candidate").name == found.target.model.split("@")[1]


def test_more_training_is_better_and_less_is_refused(store):
    tiny, longer, _ = _models(store)
    better = compare_models(store, longer, tiny)
    assert better.verdict is Verdict.BETTER
    assert better.difference.high < 0
    assert better.difference.value == pytest.approx(
        better.candidate_bits_per_byte.value - better.production_bits_per_byte.value
    )
    promote(store, longer)
    with pytest.raises(PromotionRefused, match="worse"):
        promote(store, tiny)
    assert store.aliases.target("corpus", Alias.PRODUCTION).model == longer
    assert promote(store, tiny, even_unproven=True).promoted


def test_a_model_is_as_good_as_itself(store):
    tiny = _models(store)[0]
    same = compare_models(store, tiny, tiny)
    assert same.difference.value == same.difference.low == same.difference.high == 0
    assert same.verdict is Verdict.NOT_WORSE


def test_two_models_are_compared_from_the_command_line(store, tmp_path):
    tiny, longer, _ = _models(store)
    arguments = ["compare", longer, tiny, "--warehouse", str(store.root)]
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, [*arguments, "--page", str(page), "--json"])
    assert done.exit_code == 0, done.output
    found = Comparison.model_validate_json(done.stdout)  # and nothing else
    assert found == compare_models(store, longer, tiny)
    left_out = found.held_out_in_both - found.documents
    for said in (
        f"better: {found.difference.value:+.4f} bits per byte against {tiny}",
        f"{found.documents} of {found.held_out_in_both} documents that both hold out",
    ):
        assert said in done.stderr
    assert ("repeats 13 tokens of" in done.stderr) == bool(left_out)
    assert longer in page.read_text()
    unknown = CliRunner().invoke(app, ["compare", "nothing", *arguments[2:]])
    assert isinstance(unknown.exception, VersionUnknown)


def test_encoders_are_not_compared_by_bits_per_byte(store):
    tiny, longer, _ = _models(store)
    for label in (tiny, longer):
        encoder = Transformer(ShapeRecipe(kind="encoder", layers=1, width=16, heads=1), 300)
        encoder.initialise(1)
        folder = store.find("models", label)
        save_pretrained(encoder, folder / "tokenizer.json", folder)
    promote(store, tiny)
    with pytest.raises(PromotionRefused, match=r"cannot be compared: .* no decoder"):
        promote(store, longer)
    assert promote(store, longer, even_unproven=True).promoted
    sampled = CliRunner().invoke(app, ["sample", "a", "--model", tiny, "-w", str(store.root)])
    assert isinstance(sampled.exception, ModelUnfit)


def test_a_single_document_has_no_interval(store, capsys):
    tiny, longer, _ = _models(store)
    found = compare_models(store, longer, tiny)
    one = SourceDifference(documents=1, text_bytes=9, difference=Interval(value=2, low=2, high=2))
    print_comparison(found.model_copy(update={"sources": {"lone": one}}))
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "lone" in line]
    assert row.split() == ["lone", "+2.0000", "1"]


def test_a_comparison_is_made_once(store):
    tiny, longer, _ = _models(store)
    made = compare_models(store, longer, tiny)
    (path,) = (store.root / "comparisons" / "corpus").iterdir()
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"documents": made.documents + 1}))
    assert compare_models(store, longer, tiny).documents == made.documents + 1


def test_documents_are_held_out_of_both_versions(store):
    first, second = (
        published_dataset(store, f"corpus@{one}") for one in store.versions("datasets", "corpus")
    )
    documents, shared, seen = common_documents(second, first, None)
    ids = set(documents["record_id"].to_pylist())
    for version in (first, second):
        ledger = pl.read_parquet(version.path / "ledger" / "*.parquet")
        held_out = set(ledger.filter(pl.col("split").is_in(["validation", "test"]))["record_id"])
        assert ids <= held_out
    assert len(ids) == shared - seen > 10
    assert documents["record_id"].to_pylist() == sorted(ids)
    few, *_ = common_documents(second, first, 1)
    assert few.num_rows == 1


def test_documents_of_which_training_repeats_a_part_are_left_out(store, tmp_path):
    dataset = published_dataset(store, "corpus")
    training = pl.read_ipc_stream(next((dataset.path / "documents" / "train").glob("*.arrow")))
    from pipeline.dedup.held_out.unseen import seen_in_training

    sentence = " ".join(training["text"][0].split()[:13])
    import pyarrow as pa

    held_out = pa.array([f"before {sentence} after", " ".join(sentence.split()[:12]), "short"])
    files = sorted((dataset.path / "documents" / "train").glob("*.arrow"))
    assert seen_in_training(held_out, files).tolist() == [True, False, False]
    assert seen_in_training(held_out, files, common_documents=0).tolist() == [False] * 3
    assert not seen_in_training(held_out[:0], files).size
    assert np.all(~seen_in_training(held_out, []))


def test_versions_that_share_no_held_out_document_are_not_compared(prefect_api, store, tmp_path):
    recipe = load_recipe(write_corpus(tmp_path / "c", name="other", seed=5, **TINY_TRAINING))
    other = recipe.model_copy(
        update={
            "sources": tuple(
                one.model_copy(update={"name": f"{one.name}-2"}) for one in recipe.sources
            )
        }
    )
    summary = refresh(other, warehouse=store.root)
    with pytest.raises(TooFewCommonDocuments, match="split"):
        compare_models(store, f"other@{summary.model.version}", _models(store)[0])


def test_rolling_back_goes_back_one_by_one_and_says_when_there_is_nothing(store):
    tiny, longer, latest = _models(store)
    for one in (tiny, longer, latest):
        promote(store, one, even_unproven=True, note=f"take {one}")
    assert roll_back(store, "corpus").target.model == longer
    assert store.aliases.target("corpus", Alias.CANDIDATE).model == latest
    assert roll_back(store, "corpus").target.model == tiny
    with pytest.raises(NothingToRollBack, match="mill promote"):
        roll_back(store, "corpus")
    assert store.aliases.target("corpus", Alias.PRODUCTION).model == tiny


def test_what_production_names_outlives_garbage_collection(store):
    from flows.collecting import collect

    tiny, _longer, latest = _models(store)
    promote(store, tiny)
    collect(store, keep=1)
    assert _models(store) == [tiny, latest]


def test_nothing_is_promoted_where_there_is_no_candidate(store):
    with pytest.raises(NoCandidate, match="mill run"):
        promote(store, "corpus")


def test_an_automatic_policy_promotes_the_first_and_the_better_and_never_the_worse(
    prefect_api, tmp_path
):
    warehouse = tmp_path / "warehouse"
    automatic = {"promotion": {"policy": "automatic"}}
    corpus = tmp_path / "corpus"

    def run(tokens):
        train = {**MODEL, "budget_tokens": tokens, "max_epochs": None}
        content = {**TINY_TRAINING, "train": train, **automatic}
        return refresh(
            load_recipe(write_corpus(corpus, **content)), warehouse=warehouse
        ).model.version

    def production():
        return Warehouse.existing(warehouse).aliases.target("corpus", Alias.PRODUCTION)

    first = run(8192)
    assert production() == Target(dataset=production().dataset, model=f"corpus@{first}")
    better = run(60_000)
    assert production().model == f"corpus@{better}"
    worse = run(4096)
    assert production().model == f"corpus@{better}"
    aliases = Warehouse.existing(warehouse).aliases
    assert aliases.target("corpus", Alias.CANDIDATE).model == f"corpus@{worse}"


def test_a_model_that_breaks_its_contract_is_never_promoted(store):
    _, longer, _ = _models(store)
    manifest = store.find("models", longer) / "manifest.json"
    told = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.unlink()  # a hard link: the other copies stay as they are
    manifest.write_text(json.dumps({**told, "failures": ["Better than bytes"]}), encoding="utf-8")
    for even_unproven in (False, True):
        with pytest.raises(ScorecardFailed, match="Better than bytes"):
            promote(store, longer, even_unproven=even_unproven)
    assert store.aliases.read("corpus", Alias.PRODUCTION) is None
