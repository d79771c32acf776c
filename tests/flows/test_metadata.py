"""Fields and constants of a source lie beside its documents in the published version."""

import json

import datasets
import yaml

from tests.flows.dataset_runs import build
from tests.pipeline.ingest.inputs import jsonl

FRUIT = [
    "corn",
    "rye",
    "oats",
    "barley",
    "wheat",
    "millet",
    "spelt",
    "buckwheat",
    "sorghum",
    "rice",
]


def test_a_published_version_shows_what_its_sources_said_of_each_record(tmp_path):
    rows = [
        {
            "id": str(n),
            "by": {"name": f"author {n % 3}"},
            "text": f"On day {n} the miller of the {FRUIT[n % 10]} mill by the {n * 7} rivers "
            f"ground {n * 31 % 97} sacks of {FRUIT[n * 3 % 10]}, and sang to the stones, and slept.",
        }
        for n in range(120)
    ]
    (tmp_path / "mill.jsonl").write_bytes(jsonl(*rows))
    (tmp_path / "note.txt").write_text("The river is high today, and the wheel turns.", "utf-8")
    mill = {"name": "mill", "path": "mill.jsonl", "key_field": "id", "metadata_fields": ["by.name"]}
    note = {"name": "note", "path": "note.txt", "constants": {"kind": "note"}}
    recipe = {
        "name": "grain",
        "sources": [{**mill, "license": "MIT"}, {**note, "license": "MIT"}],
        "clean": {"preset": "none"},
        "shard": {"vocabulary_size": 300},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    built = build(tmp_path / "recipe.yaml", tmp_path / "warehouse")
    loaded = datasets.load_from_disk(str(built.published.path / "documents"))
    shown = [row for split in loaded.values() for row in split]
    assert len(shown) > 60
    for row in shown:
        said = json.loads(row["metadata"])
        if row["source"] == "note":
            assert said == {"kind": "note"}
        else:
            number = int(row["text"].split()[2])
            assert said == {"by.name": f"author {number % 3}"}
    again = build(tmp_path / "recipe.yaml", tmp_path / "warehouse")
    assert again.results is None
