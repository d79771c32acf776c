"""How fast validate joins the ledger, counts and judges. No peer keeps a ledger to compare with.

`python -m tests.bench.bench_validate 10000000` measures so many records, each half in a process of its
own: the whole stage, and the judging of tables that are there (what the contract costs by itself).
"""

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.contracts import Contracts
from data_contracts.quality import Quality
from data_contracts.reasons import Reason
from data_contracts.results import CleanResult, DedupResult, IngestResult, SourceCounts
from data_contracts.schemas import DECISIONS, DOCUMENTS, KEPT, ORIGINS, RECORDS
from data_contracts.shipped_contracts import Judged
from pipeline.validate.documents import count_documents
from pipeline.validate.holdings import Holdings
from pipeline.validate.kept import Kept
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.stage import ValidateInputs, gate_rows, gate_tables, validate
from pipeline.validate.tables import Stages, count, source_names
from pipeline.validate.verdict import judge

RECORDS_MEASURED = 200_000
PARTITION_ROWS = 50_000
SIGNALS = 30
SOURCES = ("books", "web", "code", "wiki")
# One record in ten is dropped by clean, one in ten repeats the record before it.
RULED_OUT, REPEATED = 8, 9


def run() -> list[dict[str, Any]]:
    """Measure the stage.

    Returns:
        Rows {benchmark, value, unit, peer, peer_value, ratio}.
    """
    with tempfile.TemporaryDirectory() as name:
        inputs = write_corpus(Path(name) / "in", RECORDS_MEASURED)
        validate(inputs, ValidateRecipe(), Path(name) / "first")  # imports Great Expectations
        started = time.perf_counter()
        result = validate(inputs, ValidateRecipe(), Path(name) / "out")
        seconds = time.perf_counter() - started
    assert result.passed, result.critical_failures
    rate = RECORDS_MEASURED / seconds
    return [
        {
            "benchmark": f"validate, {RECORDS_MEASURED:,} records, {SIGNALS} signals",
            "value": rate,
            "unit": "records/s",
            "peer": None,
            "peer_value": None,
            "ratio": None,
        }
    ]


def measure(folder: Path, part: str) -> dict[str, float]:
    """Run a part in this process: seconds of wall and processor time, and the most memory held."""
    inputs = ValidateInputs.model_validate_json((folder / "inputs.json").read_text())
    inputs = _at(folder, inputs)
    own: list[int] = []
    threading.Thread(target=_watch, args=(own,), daemon=True).start()
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    if part == "stage":
        assert validate(inputs, ValidateRecipe(), folder / "out").passed
    else:
        _judge_again(inputs, folder / "out")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
        "peak_gigabytes": used.ru_maxrss * 1024 / 1e9,
        # Without pages of mapped files, which the system takes back whenever it needs them.
        "own_peak_gigabytes": max(own) * 1024 / 1e9,
    }


def _watch(own: list[int]) -> None:
    """Note, ten times a second, the memory that this process holds for itself."""
    while True:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        own.append(int(status.partition("RssAnon:")[2].split()[0]))
        time.sleep(0.1)


def _judge_again(inputs: ValidateInputs, out: Path) -> None:
    """Check every rule of the gate on what the stage left: Polars over all rows, then the suites."""
    quality = Quality.load(out / "quality.json")
    stages = Stages(inputs.ingested, inputs.cleaned, inputs.deduped, out / "ledger")
    contracts = Contracts.load()
    kept = Kept(inputs.deduped.kept)
    sources = source_names(inputs.ingested, inputs.licenses)
    documents = count_documents(
        inputs.cleaned.documents, kept, sources, out / "again" / "texts", None
    )
    counts = count(stages, kept, documents)
    tables, absent = gate_tables(
        inputs, stages, counts, quality, Holdings(out / "again" / "personal_data", None)
    )
    rows = gate_rows(inputs, kept, out / "again" / "rules", None)
    judged = judge(contracts, contracts.rules(Judged.GATE), tables, absent=absent, rows=rows)
    assert all(one.passed for one in judged.checks if one.severity == "critical")


def _at(folder: Path, inputs: ValidateInputs) -> ValidateInputs:
    return inputs.model_copy(
        update={
            name: getattr(inputs, name).model_copy(update={"folder": folder / place})
            for name, place in (("ingested", "ingest"), ("cleaned", "clean"), ("deduped", "dedup"))
        }
    )


def write_corpus(folder: Path, records: int, seed: int = 0) -> ValidateInputs:
    """Write what the stages before leave for this many records of about 400 characters."""
    generator = np.random.default_rng(seed)
    words = np.array([f"w{n}" for n in range(5000)])
    for number, start in enumerate(range(0, records, PARTITION_ROWS)):
        rows = min(PARTITION_ROWS, records - start)
        _write_partition(folder, partition_name(number), _columns(generator, words, start, rows))
    common = {"elapsed_seconds": 1.0, "bytes_in": 1}
    return ValidateInputs(
        dataset="bench",
        ingested=IngestResult(
            folder=folder / "ingest", files=1, sources=_counts(records, set(range(10))), **common
        ),
        cleaned=CleanResult(
            folder=folder / "clean",
            sources=_counts(records, set(range(10)), RULED_OUT, Reason.TOO_FEW_WORDS),
            **common,
        ),
        deduped=DedupResult(
            folder=folder / "dedup",
            sources=_counts(records, set(range(10)) - {RULED_OUT}, REPEATED, Reason.NEAR_DUPLICATE),
            pairs_compared=0,
            pairs_over_threshold=0,
            bands=21,
            rows_per_band=6,
            **common,
        ),
        licenses=dict.fromkeys(SOURCES, "CC0-1.0"),
        jaccard_threshold=0.8,
    )


def _columns(
    generator: np.random.Generator, words: np.ndarray, start: int, rows: int
) -> dict[str, pa.Array]:
    ids = _hex_ids(generator, rows)
    picked = words[generator.integers(0, len(words), (2000, 80))]
    texts = pa.array([" ".join(row) for row in picked]).take(pa.array(np.arange(rows) % 2000))
    return {
        "record_id": ids,
        "source": pa.array(SOURCES).take(pa.array(np.arange(rows) % len(SOURCES))),
        "key": pa.array(np.arange(start, start + rows)).cast(pa.string()),
        "path": pa.array(["corpus.jsonl.gz"] * rows),
        "position": pa.array(np.arange(start, start + rows)),
        "content_id": _hex_ids(generator, rows),
        "text": pc.binary_join_element_wise(ids, texts, " ").cast(pa.large_string()),
        "language": pa.array(["en"] * rows),
        "language_score": pa.array(generator.random(rows, np.float32)),
        "quality": pa.array(generator.random(rows, np.float32)),
        "fate": pa.array(np.arange(start, start + rows) % 10),
        **{f"s{n}_ratio": pa.array(generator.random(rows)) for n in range(SIGNALS)},
    }


def _hex_ids(generator: np.random.Generator, rows: int) -> pa.Array:
    digits = pa.py_buffer(generator.bytes(16 * rows).hex().encode())
    offsets = pa.py_buffer(np.arange(0, 32 * rows + 1, 32, dtype=np.int32))
    return pa.StringArray.from_buffers(rows, offsets, digits)


def _write_partition(folder: Path, name: str, columns: dict[str, pa.Array]) -> None:
    fate, ids = columns["fate"].to_numpy(), columns["record_id"]
    table = pa.table(columns)

    def write(place: str, rows: np.ndarray, schema: pa.Schema, more: dict | None = None) -> None:
        chosen = pa.table({**columns, **(more or {})}).filter(pa.array(rows))
        write_ipc(folder / place / name, chosen.select(schema.names).cast(schema))

    everything = np.ones(len(fate), np.bool_)
    kept, before = fate < RULED_OUT, np.maximum(np.arange(len(fate)) - 2, 0)
    heads = [int(one[:2], 16) for one in ids.to_pylist()]
    write("ingest/records", everything, RECORDS)
    write("ingest/origins", everything, ORIGINS)
    write_ipc(folder / "ingest/decisions" / name, DECISIONS.empty_table())
    write("clean/documents", fate != RULED_OUT, DOCUMENTS)
    signals = ["record_id", "source", "language", "language_score"]
    signals += [one for one in columns if one.endswith("_ratio")]
    write_ipc(folder / "clean/signals" / name, table.select(signals))
    for place, which, reason in (
        ("clean", RULED_OUT, "too_few_words"),
        ("dedup", REPEATED, "near_duplicate"),
    ):
        repeats = reason == "near_duplicate"
        evidence = [{"rule": reason, "value": 0.9, "threshold": 0.8}]
        more = {
            "reason": pa.array([reason] * len(fate)),
            "reasons": pa.array([evidence] * len(fate), DECISIONS.field("reasons").type),
            "survivor_id": ids.take(pa.array(before)) if repeats else pa.nulls(len(fate), "string"),
            "similarity": pa.array([0.9 if repeats else None] * len(fate), pa.float64()),
        }
        write(f"{place}/decisions", fate == which, DECISIONS, more)
    sizes = np.where(np.roll(fate, -2) == REPEATED, 2, 1).astype(np.int32)
    more = {
        "split": pa.array(
            ["test" if n < 5 else "validation" if n < 10 else "train" for n in heads]
        ),
        "cluster_id": ids,
        "cluster_size": pa.array(sizes),
    }
    write("dedup/kept", kept, KEPT, more)


def _counts(
    records: int, given: set[int], dropped: int | None = None, reason: Reason | None = None
) -> dict[str, SourceCounts]:
    """Count the records whose fate is one of those given, and drop those of one fate."""
    numbers = np.arange(records)
    counts = {}
    for source, name in enumerate(SOURCES):
        mine = numbers[numbers % len(SOURCES) == source] % 10
        rows_in, lost = int(np.isin(mine, list(given)).sum()), int((mine == dropped).sum())
        counts[name] = SourceCounts(
            rows_in=rows_in, rows_kept=rows_in - lost, rows_dropped={reason: lost} if lost else {}
        )
    return counts


def main(records: int) -> None:
    """Measure each part in a process of its own and print a line of JSON per part."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = write_corpus(folder, records)
        stored = inputs.model_dump(mode="json")
        for part, place in (("ingested", "ingest"), ("cleaned", "clean"), ("deduped", "dedup")):
            stored[part]["folder"] = place
        (folder / "inputs.json").write_text(json.dumps(stored), encoding="utf-8")
        for part in ("stage", "judging"):
            program = (
                "import json, pathlib, sys; from tests.bench.bench_validate import measure;"
                "print(json.dumps(measure(pathlib.Path(sys.argv[1]), sys.argv[2])))"
            )
            done = subprocess.run(
                [sys.executable, "-c", program, name, part],
                capture_output=True,
                text=True,
                check=True,
            )
            told = json.loads(done.stdout.splitlines()[-1])
            print(json.dumps({"records": records, "part": part, **told}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
