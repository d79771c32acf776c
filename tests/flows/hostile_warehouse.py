"""A published version of a corpus that tries to get out of wherever it is shown."""

import json
from pathlib import Path

import numpy as np

from data_contracts.aliases import Alias, Target
from data_contracts.warehouse import Warehouse
from flows.publish import Published
from tests.flows.corpora import paragraph, write_corpus
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.without_prefect import publish

LONG_LINE = 10_000_000
"""Characters of the longest line."""
OWN_CONTRACT = f"""
apiVersion: v3.1.0
kind: DataContract
id: hostile
name: {json.dumps(HOSTILE)}
version: 1.0.0
status: active
description: {{purpose: {json.dumps(HOSTILE)}}}
schema:
- name: documents
  description: {json.dumps(HOSTILE)}
  quality:
  - id: hostile
    description: {json.dumps(HOSTILE)}
    metric: rowCount
    mustBe: 1
    severity: warning
"""


def write_hostile_corpus(folder: Path) -> Path:
    """Write a corpus of decent and hostile records, and its recipe; give the recipe's path."""
    (folder / "corpus").mkdir(parents=True)
    (folder / "corpus" / "own.odcs.yaml").write_text(OWN_CONTRACT, encoding="utf-8")
    recipe = write_corpus(
        folder / "corpus", documents=40, validate={"contracts": ["own.odcs.yaml"]}
    )
    rng = np.random.default_rng(4)
    texts = {
        f"kept {HOSTILE}": HOSTILE + "\n" + paragraph(rng, 300),
        f"also {HOSTILE}": paragraph(rng, 300) + "\n" + HOSTILE,
        f"twin {HOSTILE}": paragraph(rng, 300) + "\n" + HOSTILE + " once more",
        f"dropped {HOSTILE}": HOSTILE,
        "long": "x" * LONG_LINE,
        "long key " + "<i>" * 300_000: HOSTILE,
        "=cmd|' /C calc'!A0": "# " + "[a](javascript:alert(1)) " * 400,
    }
    texts[f"copy {HOSTILE}"] = texts[f"kept {HOSTILE}"].replace("the", "teh", 1)
    with (folder / "corpus" / "records.jsonl").open("a", encoding="utf-8") as file:
        for key, text in texts.items():
            file.write(json.dumps({"id": key, "text": text}) + "\n")
    return recipe


def publish_hostile(folder: Path) -> tuple[Warehouse, Published]:
    """Publish it with its report, let it be in production, and leave a broken version beside it."""
    warehouse = Warehouse.create(folder / "warehouse")
    published = publish(write_hostile_corpus(folder), warehouse, report=True)
    target = Target(dataset=published.label, model=None)
    warehouse.aliases.move("corpus", Alias.PRODUCTION, target, HOSTILE)
    broken = warehouse.version_folder("datasets", "corpus", "0002-abcdef01")
    broken.mkdir()
    (broken / "manifest.json").write_text("{}", encoding="utf-8")
    return warehouse, published
