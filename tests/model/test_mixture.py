import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import MixtureInvalid
from data_contracts.token_shards import TokenShards
from model.metrics import read_metrics
from model.mixture import MixedBatches, shares_of, whole_parts
from model.recipe import MixtureRecipe
from model.sources import SplitBatches, streams_by_source
from model.train import TrainInputs, train
from model.trainer import planned_steps


@pytest.fixture(scope="module")
def shards(version):
    return TokenShards.open_for_training(version / "tokens")


@pytest.fixture(scope="module")
def streams(shards):
    return streams_by_source(shards)


def text_by_source(shards):
    """Every source's tokens, document by document."""
    found = {}
    for row in shards.spans().to_pylist():
        found.setdefault(row["source"], []).extend(shards.read(row["start"], row["tokens"]))
    return found


def test_a_sources_stream_is_its_documents_end_to_end(shards, streams):
    for name, tokens in text_by_source(shards).items():
        stream = streams[name]
        assert stream.read(0, len(stream)).tolist() == tokens
        for start, count in ((0, 1), (17, 300), (len(stream) - 5, 5), (3, 0)):
            assert stream.read(start, count).tolist() == tokens[start : start + count]


def test_tokens_are_counted_by_source_as_one_by_one(shards):
    owner = []
    for row in shards.spans().to_pylist():
        owner += [row["source"]] * row["tokens"]
    batches = SplitBatches(shards, 32, 16, seed=3)
    for step in (0, 5, 400):
        places = [place for start in batches.starts(step) for place in range(start, start + 32)]
        names, counts = np.unique([owner[place] for place in places], return_counts=True)
        found = batches.source_tokens(step)
        assert found == dict(zip(names.tolist(), counts.tolist(), strict=True))


def test_every_window_of_a_source_comes_once_before_any_comes_again(streams):
    batches = MixedBatches(streams, {"even": 0.75, "odd": 0.25}, 32, 8, seed=1)
    for source, name in enumerate(batches.names):
        windows = (len(streams[name]) - 1) // 32
        numbers = [
            number
            for step in range(3 * windows)
            for chosen, number in batches.samples(step)
            if chosen == source
        ]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > windows


def test_shares_come_true_and_are_reported(streams):
    batches = MixedBatches(streams, {"even": 0.9, "odd": 0.1}, 32, 16, seed=1)
    counted = {"even": 0, "odd": 0}
    for step in range(256):
        for name, tokens in batches.source_tokens(step).items():
            counted[name] += tokens
    assert counted["odd"] / sum(counted.values()) == pytest.approx(0.1, abs=1e-3)


@given(st.integers(0, 10**9), st.integers(1, 16))
def test_ranks_share_the_global_batch_whatever_their_number(streams, step, ranks):
    batches = MixedBatches(streams, {"even": 0.6, "odd": 0.4}, 32, 8, seed=3)
    whole = batches.read(step)[0]
    for rank in range(ranks):
        assert batches.read(step, rank, ranks)[0].tolist() == whole[rank::ranks].tolist()


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=40))
def test_whole_parts_add_up_and_lie_next_to_the_shares(parts):
    shares = np.array(parts) / sum(parts)
    counts = whole_parts(shares, 4096)
    assert counts.sum() == 4096
    assert counts.min() >= 1
    assert np.abs(counts - shares * 4096).max() <= len(parts)


def test_epochs_give_shares_by_size_and_bound_the_budget(tiny_train):
    tokens = {"news": 1000, "wiki": 3000}
    assert shares_of(MixtureRecipe(epochs={"news": 3}), tokens) == {"news": 0.5, "wiki": 0.5}
    assert shares_of(MixtureRecipe(epochs={"news": 0}), tokens) == {"wiki": 1.0}
    assert shares_of(MixtureRecipe(weights={"wiki": 2}), tokens) == {"wiki": 1.0}
    recipe = tiny_train.model_copy(update={"mixture": MixtureRecipe(epochs={"news": 0.5})})
    assert planned_steps(recipe, 4000, tokens) == 3500 // 256


def test_a_run_reports_what_it_read_of_each_source_and_resumes_exactly(
    version, tiny_train, tmp_path
):
    mixed = tiny_train.model_copy(
        update={
            "mixture": MixtureRecipe(weights={"even": 3, "odd": 1}),
            "budget_tokens": 16 * 256,
            "checkpoint_every_steps": 4,
        }
    )
    inputs = TrainInputs(dataset=version)
    result = train(inputs, mixed, tmp_path / "whole")
    assert sum(result.source_tokens.values()) == result.tokens_seen
    assert result.source_tokens["even"] == pytest.approx(0.75 * result.tokens_seen, rel=0.2)

    def crash(step, *_):
        if step == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(inputs, mixed, tmp_path / "broken", progress=crash)
    resumed = train(inputs, mixed, tmp_path / "broken")
    assert resumed.resumed_from_step == 8
    assert resumed.source_tokens == result.source_tokens
    one, other = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "broken"))
    assert [row.loss for row in one] == [row.loss for row in other]
    name = "model.safetensors"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "broken" / name).read_bytes()


@pytest.mark.parametrize(
    ("mixture", "problem"),
    [
        (MixtureRecipe(weights={"never": 1}), "is no source of the dataset; it has even, odd"),
        (MixtureRecipe(epochs={"never": 1}), "is no source of the dataset"),
    ],
)
def test_a_source_that_the_dataset_lacks_is_said(version, tiny_train, tmp_path, mixture, problem):
    recipe = tiny_train.model_copy(update={"mixture": mixture})
    with pytest.raises(MixtureInvalid, match=problem):
        train(TrainInputs(dataset=version), recipe, tmp_path / "model")


def test_a_source_without_one_whole_window_is_said(streams):
    with pytest.raises(MixtureInvalid, match="one window takes 1,000,001"):
        MixedBatches(streams, {"odd": 1.0}, 10**6, 1, seed=1)


@pytest.mark.parametrize(
    "given",
    [{}, {"weights": {"a": 1}, "epochs": {"a": 1}}, {"weights": {"a": -1}}, {"weights": {}}],
)
def test_a_mixture_says_one_thing(given):
    with pytest.raises(ValueError, match=r"weights|weight"):
        MixtureRecipe(**given)
