"""Our figures against lm-evaluation-harness on the exported checkpoint; skips without `lm_eval`.

It wants chardet under 7 (by way of mbstrdecoder), the mill 7.7: install `lm-eval==0.4.13` without what it
needs (`pip install --no-deps`), then what is missing, into an environment of its own beside the mill.
"""

import json
import math

import numpy as np
import pytest

from data_contracts.token_shards import END_OF_TEXT
from model.documents import held_out_documents
from model.evaluate import EvaluateInputs, evaluate
from model.recipe import EvaluateRecipe
from model.train import TrainInputs, train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of a library that is not ours
]

HOMEMADE = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: {kind}
{fields}
"""
CHOICES = f"""doc_to_text: "{END_OF_TEXT}{{{{question}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]"""
# The end mark is predicted and paid for, as in ours; its own bytes are no text.
TEXTS = f"""doc_to_text: ""
doc_to_target: "{{{{text}}}}{END_OF_TEXT}"
metric_list: [{{metric: bits_per_byte}}]"""


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def test_bits_per_byte_and_accuracy_are_those_of_the_harness(
    version, tiny_train, tmp_path, monkeypatch
):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    model = train(TrainInputs(dataset=version), tiny_train, tmp_path / "model").folder
    documents = held_out_documents(version / "documents" / "test", None)["text"].to_pylist()
    words = " ".join(documents).split(" ")
    rows = [
        {
            "question": " ".join(words[n : n + 6]),
            "choices": [words[n + 6], words[n + 9] + " " + words[n + 1], words[n + 30]],
            "answer": 0,
        }
        for n in range(0, 300, 5)
    ]
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    write_rows(tmp_path / "rows.jsonl", rows)
    write_rows(tmp_path / "texts.jsonl", [{"text": text} for text in documents])
    for name, file, kind, fields in (
        ("theirs", "rows.jsonl", "multiple_choice", CHOICES),
        ("texts", "texts.jsonl", "loglikelihood_rolling", TEXTS),
    ):
        content = HOMEMADE.format(name=name, file=tmp_path / file, kind=kind, fields=fields)
        (tasks / f"{name}.yaml").write_text(content, "utf-8")
    (tmp_path / "ours.yaml").write_text(
        "name: ours\nformat: multiple_choice\npath: rows.jsonl\n", "utf-8"
    )

    theirs = simple_evaluate(
        model="hf",
        model_args=f"pretrained={model},dtype=float32",
        tasks=["theirs", "texts"],
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        device="cpu",
        log_samples=False,
        bootstrap_iters=0,
    )["results"]
    recipe = EvaluateRecipe(
        tasks=(tmp_path / "ours.yaml",),
        context_overlap_ratio=0.0,  # the harness reads rolling windows without overlap
        baselines=(),
        max_split_bytes=None,
        bootstrap_resamples=100,
        sample_tokens=1,
    )
    ours = evaluate(EvaluateInputs(model=model, dataset=version), recipe, tmp_path / "evaluated")

    (task,) = ours.tasks
    assert task.accuracy.value == pytest.approx(theirs["theirs"]["acc,none"], abs=1e-9)
    assert task.byte_accuracy.value == pytest.approx(theirs["theirs"]["acc_norm,none"], abs=1e-9)
    assert 0.2 < task.accuracy.value < 1
    text_bytes = np.array([len(text.encode()) for text in documents])
    bits = theirs["texts"]["bits_per_byte,none"] * (text_bytes + len(END_OF_TEXT)).sum()
    (found,) = [one for one in ours.figures if one.split == "test"]
    assert found.bits_per_byte.value == pytest.approx(bits / text_bytes.sum(), rel=1e-5)
    assert math.isfinite(bits)
