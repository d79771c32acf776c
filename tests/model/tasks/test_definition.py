import gzip
import json

import pytest
import zstandard

from data_contracts.errors import TaskInvalid
from model.tasks.definition import load_examples, load_task, task_fingerprint
from tests.conftest import REPOSITORY

BLIMP = REPOSITORY / "deployments" / "tasks" / "blimp" / "blimp.yaml"

CHOICE = """
name: physics
format: multiple_choice
path: questions.jsonl
question: "Q: {ask.text}\\nA:"
choices: options.text
labels: options.label
answer: key
"""


def write_task(folder, text, rows, suffix=""):
    path = folder / "task.yaml"
    path.write_text(text, encoding="utf-8")
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    packed = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix](lines)
    (folder / f"questions.jsonl{suffix}").write_bytes(packed)
    return path


def examples_of(path):
    return load_examples(path, load_task(path))


def row(answer, texts=("heavy", "light"), labels=("A", "B")):
    return {
        "ask": {"text": "What falls?"},
        "options": {"text": list(texts), "label": list(labels)},
        "key": answer,
    }


def test_the_bundled_blimp_has_every_paradigm_and_its_right_sentences_first():
    examples = examples_of(BLIMP)
    groups = {one.group for one in examples}
    assert len(examples) == 67 * 20
    assert len(groups) == 67
    assert all(one.right == 0 and one.context == "" for one in examples)
    assert examples[0].choices == (
        "Who should Derek hug after shocking Richard?",
        "Who should Derek hug Richard after shocking?",
    )


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_question_is_filled_from_nested_fields_and_its_answer_found_by_label(tmp_path, suffix):
    text = CHOICE.replace("questions.jsonl", f"questions.jsonl{suffix}")
    (one,) = examples_of(write_task(tmp_path, text, [row("B")], suffix))
    assert one.context == "Q: What falls?\nA:"
    assert one.choices == (" heavy", " light")
    assert (one.scored_from, one.right) == (1, 1)


@pytest.mark.parametrize(
    ("answer", "labels", "right"),
    [(1, "AB", 1), ("1", "AB", 1), ("light", "AB", 1), ("1", "12", 0), ("heavy", "AB", 0)],
)
def test_an_answer_is_a_label_or_a_text_or_a_number(tmp_path, answer, labels, right):
    (one,) = examples_of(write_task(tmp_path, CHOICE, [row(answer, labels=labels)]))
    assert one.right == right


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (row("C"), "line 2: the answer 'C' is none of the 2 choices"),
        (row(-1), "none of the 2 choices"),
        ({"ask": "x"}, "line 2: no field `options.text`"),
        (row("A", texts=("one",)), "not a list of two texts or more"),
        ([], "line 2: not a JSON object"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, wrong, told):
    path = write_task(tmp_path, CHOICE, [row("A"), wrong])
    with pytest.raises(TaskInvalid, match=r"questions\.jsonl") as caught:
        examples_of(path)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x\n", "format"),
        (CHOICE.replace("answer", "answr"), "`answr`"),
        (CHOICE + "name: twice\n", "not readable YAML"),
    ],
)
def test_a_wrong_task_file_names_the_field(tmp_path, text, told):
    with pytest.raises(TaskInvalid, match=told):
        load_task(write_task(tmp_path, text, []))


def test_missing_files_and_files_without_examples_are_told(tmp_path):
    with pytest.raises(TaskInvalid, match="no such file"):
        load_task(tmp_path / "none.yaml")
    path = write_task(tmp_path, CHOICE, [])
    with pytest.raises(TaskInvalid, match="no example"):
        examples_of(path)
    (tmp_path / "questions.jsonl").unlink()
    with pytest.raises(TaskInvalid, match="leads to no file"):
        examples_of(path)


def test_a_fingerprint_follows_settings_and_content_not_the_place(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    first = task_fingerprint(write_task(here, CHOICE, [row("A")]))
    assert task_fingerprint(write_task(there, CHOICE, [row("A")])) == first
    assert task_fingerprint(write_task(there, CHOICE, [row("B")])) != first
    assert task_fingerprint(write_task(there, CHOICE + "delimiter: ''\n", [row("A")])) != first
