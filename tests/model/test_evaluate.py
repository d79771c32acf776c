import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from data_contracts.errors import GateRefused, TooLittleText
from data_contracts.results import EvaluateResult, Interval, SplitFigures
from data_contracts.split import Split
from data_contracts.token_shards import TokenShards
from model.chunks import vocabulary_bytes
from model.evaluate import EvaluateInputs, _beats_baselines, evaluate
from model.pretrained import load_pretrained, load_tokenizer
from model.recipe import EvaluateRecipe
from model.train import TrainInputs, train
from tests.model.conftest import WORDS, write_documents, write_version

RECIPE = EvaluateRecipe(bootstrap_resamples=200, sample_tokens=12, threads=1)


@pytest.fixture(scope="module")
def order_task(tmp_path_factory):
    """Which word follows, as the documents have it: a task that the model has learned."""
    folder = tmp_path_factory.mktemp("task")
    rows = [
        {"before": f"{WORDS[n]} {WORDS[n + 1]}", "next": [WORDS[n + 2], WORDS[n - 3]], "right": 0}
        for n in range(14)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "order.yaml").write_text(
        "name: order\nformat: multiple_choice\npath: rows.jsonl\n"
        "question: '{before}'\nchoices: next\nanswer: right\n"
    )
    return folder / "order.yaml"


@pytest.fixture(scope="module")
def trained(version, tiny_train, tmp_path_factory):
    longer = tiny_train.model_copy(update={"budget_tokens": 250 * 256, "max_epochs": None})
    folder = tmp_path_factory.mktemp("trained") / "model"
    return train(TrainInputs(dataset=version), longer, folder).folder


@pytest.fixture(scope="module")
def inputs(version, trained):
    return EvaluateInputs(model=trained, dataset=version)


@pytest.fixture(scope="module")
def evaluated(inputs, tmp_path_factory):
    return evaluate(inputs, RECIPE, tmp_path_factory.mktemp("evaluated") / "evaluation")


def figure(result, predictor, split):
    (found,) = [one for one in result.figures if (one.predictor, one.split) == (predictor, split)]
    return found


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_bits_per_byte_are_the_slow_sum_over_single_documents(version, trained, evaluated, split):
    model = load_pretrained(trained)
    shards = TokenShards.open(version / "tokens" / split)
    nats = total_bytes = 0
    context = model.shape.context_tokens
    for span in shards.spans().to_pylist():
        tokens = shards.read(span["start"], span["tokens"]).astype(np.int64)
        total_bytes += span["text_bytes"]
        read = [0, *tokens.tolist()]
        for place, target in enumerate(tokens.tolist()):
            beyond = max(0, place + 1 - context)
            end = min(context + -(-beyond // (context // 2)) * (context // 2), len(tokens))
            window = torch.tensor([read[max(0, end - context) : place + 1]])
            with torch.no_grad():
                nats -= torch.log_softmax(model(window)[0, -1], -1)[target].item()
    found = figure(evaluated, "model", split)
    assert found.bits_per_byte.value == pytest.approx(nats / np.log(2) / total_bytes, rel=1e-4)
    assert found.text_bytes == total_bytes
    assert found.documents == len(shards.spans())


def test_a_trained_model_beats_the_baselines_and_says_so(evaluated):
    for split in (Split.VALIDATION, Split.TEST):
        model, trigram, unigram = (
            figure(evaluated, name, split).bits_per_byte for name in ("model", "trigram", "unigram")
        )
        assert model.low < model.value < model.high < trigram.low
        assert trigram.high < unigram.low
    assert evaluated.beats_baselines
    assert set(evaluated.sources) == {"even", "odd"}
    assert evaluated.tokens_per_second > 0
    assert EvaluateResult.load(evaluated.folder) == evaluated


def test_results_say_what_was_counted_and_hold_each_source_of_each_predictor(evaluated):
    results = json.loads((evaluated.folder / "results.json").read_text())
    assert "end mark included" in results["accounting"]
    assert set(results["sources"]["odd"]) == {"model", "unigram", "trigram"}
    assert results["sources"]["odd"]["model"] == evaluated.sources["odd"].model_dump()
    assert results["model_bytes"] > 4 * results["parameters"]


def test_figures_by_position_are_of_the_tokens_there(evaluated, trained):
    first, *_, last = positions = evaluated.positions
    assert (first.first, first.last, first.documents) == (0, 0, 44)
    assert [one.last + 1 for one in positions[:-1]] == [one.first for one in positions[1:]]
    assert last.last == 31  # the context's last
    model, tokenizer = load_pretrained(trained), load_tokenizer(trained / "tokenizer.json")
    with torch.no_grad():
        nats_V = -torch.log_softmax(model(torch.tensor([[0]]))[0, 0], -1)
    texts = [*write_documents(24, seed=2), *write_documents(20, seed=3)]
    opening = [tokenizer.encode(text).ids[0] for text in texts]
    bits = float(nats_V[opening].sum()) / np.log(2)
    text_bytes = vocabulary_bytes(tokenizer)[opening].sum()
    assert first.bits_per_byte.value == pytest.approx(bits / text_bytes, rel=1e-5)
    assert sum(one.tokens for one in positions) == sum(
        bin_.tokens for bin_ in evaluated.calibration.bins
    )


def test_calibration_is_the_mean_distance_of_confidence_and_accuracy(evaluated):
    found = evaluated.calibration
    tokens = sum(one.tokens for one in found.bins)
    error = sum(one.tokens * abs(one.accuracy - one.confidence) for one in found.bins) / tokens
    assert found.expected_error == pytest.approx(error)
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert found.accuracy.value == pytest.approx(
        sum(one.tokens * one.accuracy for one in found.bins) / tokens
    )
    for one in found.bins:
        assert one.low <= one.confidence <= one.high


def test_the_gap_is_validation_less_train(evaluated):
    gap = evaluated.gap
    assert gap.validation == figure(evaluated, "model", Split.VALIDATION).bits_per_byte
    assert gap.gap.value == pytest.approx(gap.validation.value - gap.train.value)
    assert gap.gap.low < gap.gap.value < gap.gap.high


def test_memorisation_is_measured_beside_held_out_text(evaluated):
    found = evaluated.memorisation
    assert 0 < found.longest_copy_bytes == len(found.longest_copy.encode())
    assert found.longest_copy_by_people_bytes > 0
    assert found.passages == 100
    assert found.verbatim.low <= found.verbatim.value <= found.verbatim.high


def test_the_cost_of_each_document_is_kept_for_comparisons(evaluated):
    table = pq.read_table(evaluated.folder / "documents.parquet")
    assert table.num_rows == 44
    for split in (Split.VALIDATION, Split.TEST):
        own = table.filter([value == split for value in table["split"].to_pylist()])
        for name in ("model", "unigram", "trigram"):
            ratio = sum(own[f"{name}_bits"].to_pylist()) / sum(own["text_bytes"].to_pylist())
            assert figure(evaluated, name, split).bits_per_byte.value == pytest.approx(ratio)


def test_samples_continue_the_opening_of_a_document_of_each_source(evaluated, trained):
    prompts = [sample.prompt for sample in evaluated.samples]
    assert prompts == [text[:32].rstrip() for text in write_documents(20, seed=3)[:2]]
    tokenizer = load_tokenizer(trained / "tokenizer.json")
    for sample in evaluated.samples:
        assert 0 < len(tokenizer.encode(sample.text).ids) <= 12 + 3


def test_the_same_evaluation_gives_the_same_figures_and_samples(inputs, evaluated, tmp_path):
    again = evaluate(inputs, RECIPE, tmp_path / "again")
    assert (again.figures, again.sources, again.samples) == (
        evaluated.figures, evaluated.sources, evaluated.samples,
    )  # fmt: skip


def test_limits_prompts_and_baselines_can_be_chosen(inputs, tmp_path):
    small = RECIPE.model_copy(
        update={"max_split_bytes": 500, "baselines": (), "prompts": ("the mill", "")}
    )
    result = evaluate(inputs, small, tmp_path / "evaluation")
    assert {one.predictor for one in result.figures} == {"model"}
    assert all(one.documents < 10 for one in result.figures)
    assert [sample.prompt for sample in result.samples] == ["the mill", ""]
    assert not result.beats_baselines


def test_a_trained_model_solves_a_task_of_its_own_world(inputs, order_task, tmp_path):
    recipe = RECIPE.model_copy(update={"tasks": (order_task,), "baselines": ()})
    result = evaluate(inputs, recipe, tmp_path / "evaluation")
    (task,) = result.tasks
    assert (task.name, task.examples, task.chance) == ("order", 14, 0.5)
    assert task.accuracy.value > 0.8
    assert task.right_probability.value > 0.6
    assert EvaluateResult.load(result.folder) == result


def test_a_model_is_measured_on_another_dataset_with_its_own_tokenizer(trained, tmp_path):
    texts = {split: write_documents(12, seed=40 + number) for number, split in enumerate(Split)}
    texts[Split.TRAIN] = ["entirely different words learn another vocabulary"] * 20
    other = write_version(tmp_path / "other", texts)
    inputs = EvaluateInputs(model=trained, dataset=other)
    result = evaluate(inputs, RECIPE, tmp_path / "evaluation")
    assert figure(result, "model", Split.TEST).bits_per_byte.value < 2.5


def figures_at(model, trigram, documents=50):
    return [
        SplitFigures(
            predictor=name,
            split=Split.TEST,
            bits_per_byte=Interval(value=value, low=value - 0.1, high=value + 0.1),
            documents=documents,
            text_bytes=1000,
        )
        for name, value in (("model", model), ("trigram", trigram))
    ]


def test_a_verdict_needs_intervals_that_do_not_touch_and_enough_documents():
    assert _beats_baselines(figures_at(2.0, 2.3))
    assert not _beats_baselines(figures_at(2.0, 2.15))
    assert not _beats_baselines(figures_at(2.3, 2.0))
    assert not _beats_baselines(figures_at(2.0, 2.3, documents=9))


def test_a_version_that_did_not_pass_its_gate_is_refused(version, trained, tmp_path):
    shutil.copytree(version, tmp_path / "version")
    (tmp_path / "version" / "gate.json").unlink()
    inputs = EvaluateInputs(model=trained, dataset=tmp_path / "version")
    with pytest.raises(GateRefused):
        evaluate(inputs, RECIPE, tmp_path / "evaluation")


def test_a_split_without_documents_is_said(trained, tmp_path):
    texts = {split: write_documents(3, seed=1) for split in Split} | {Split.TEST: []}
    folder = write_version(tmp_path / "version", texts)
    with pytest.raises(TooLittleText, match="the test split"):
        evaluate(EvaluateInputs(model=trained, dataset=folder), RECIPE, tmp_path / "evaluation")
