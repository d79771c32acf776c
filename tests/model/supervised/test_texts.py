import gzip
import json

import pytest

from data_contracts.errors import TaskDataInvalid
from model.supervised.recipe import PairFiles
from model.supervised.texts import read_labelled, read_pairs


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_labelled_texts_come_from_each_format(tmp_path, kind, packed):
    rows = [("good", 'a "fine" film'), ("bad", "so, so")]
    if kind == "tsv":
        content = "label\ttext\n" + "".join(f"{a}\t{b}\n" for a, b in rows)
    elif kind == "csv":
        content = 'label,text\ngood,"a ""fine"" film"\nbad,"so, so"\n'
    else:
        content = "".join(json.dumps({"label": a, "text": b}) + "\n" for a, b in rows)
    path = tmp_path / f"texts.{kind}{'.gz' if packed else ''}"
    data = content.encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    texts, labels = read_labelled(path, "text", "label")
    assert list(zip(labels, texts, strict=True)) == rows


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", "label\tsentence\nx\ty\n", "has no `text`; found `label`, `sentence`"),
        ("a.tsv", "label\ttext\nx\ty\nz\n", "line 3 has no `text`"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{oops\n', "line 2 is not JSON"),
        ("a.jsonl", "[1]\n", "line 1 is no JSON object"),
        ("a.tsv", "label\ttext\n", "holds no rows"),
        ("a.parquet", "x", "unknown ending"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(TaskDataInvalid, match=said):
        read_labelled(tmp_path / name, "text", "label")


def test_pairs_must_have_as_many_lines(tmp_path):
    (tmp_path / "a").write_text("eins\nzwei\n")
    (tmp_path / "b").write_text("one\n")
    with pytest.raises(TaskDataInvalid, match=r"has 1 lines, .* has 2"):
        read_pairs(PairFiles(source=tmp_path / "a", target=tmp_path / "b"))
    with pytest.raises(TaskDataInvalid, match="cannot be read"):
        read_pairs(PairFiles(source=tmp_path / "a", target=tmp_path / "none"))
