"""How big the report of ten million records is, how long it takes to make and to open.

`python -m tests.bench.bench_report VERSION_FOLDER [RECORDS]`: a ledger of so many rows is made, and the
figures of a real version are scaled up to it. Opening is timed by chromium itself, from navigation to its
load event, on a file.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from data_contracts.arrow_files import write_parquet
from data_contracts.manifest import DatasetManifest
from data_contracts.quality import Quality
from data_contracts.reasons import Reason, Stage
from data_contracts.results import CleanResult, DedupResult, IngestResult, SourceCounts
from data_contracts.schemas import LEDGER
from flows.ledger_search import Question, search
from flows.reports.dataset_page import render_dataset
from flows.reports.dataset_report import Origin, gather_dataset
from tests.flows.reports.browser import document_at, title_of

PART_ROWS = 1_000_000
TIMER = "addEventListener('load',()=>{document.title='opened in '+performance.now()+' ms'})"


def main(version: Path, records: int) -> None:
    """Make the report and print what it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_ledger(
            folder / "ledger", records, list(Quality.load(version / "quality.json").sources)
        )
        started = time.perf_counter()
        page = _render(version, folder)
        told = {
            "records": records,
            "page_megabytes": len(page.encode()) / 1e6,
            "made_in_seconds": time.perf_counter() - started,
            "search_seconds": _search_seconds(folder),
            "peak_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
            "opened_in_milliseconds": _opened_in(page, folder),
        }
    print(json.dumps(told))


def _render(version: Path, folder: Path) -> str:
    quality = Quality.load(version / "quality.json")
    quality.save(folder / "quality.json")
    origin = Origin.of(DatasetManifest.load(version))
    return render_dataset(gather_dataset(folder, origin, _results(folder, quality)))


def _results(folder: Path, quality: Quality) -> list[IngestResult | CleanResult | DedupResult]:
    """Give stage results that add up to the figures."""
    by_stage = {one.reason: one.stage for one in quality.reasons}
    left = {name: one.records_in for name, one in quality.sources.items()}
    results = []
    for kind in (IngestResult, CleanResult, DedupResult):
        sources = {}
        for name, one in quality.sources.items():
            dropped: dict[Reason, int] = {
                reason: count
                for reason, count in one.dropped.items()
                if by_stage.get(reason, Stage.CLEAN) == kind.stage
            }
            given, left[name] = left[name], left[name] - sum(dropped.values())
            sources[name] = SourceCounts(rows_in=given, rows_kept=left[name], rows_dropped=dropped)
        more = {"files": 1} if kind is IngestResult else {}
        if kind is DedupResult:
            more = {"pairs_compared": 0, "pairs_over_threshold": 0, "bands": 21, "rows_per_band": 6}
        results.append(
            kind(folder=folder / "none", elapsed_seconds=1.0, bytes_in=1, sources=sources, **more)
        )
    return results


def _write_ledger(folder: Path, records: int, sources: list[str]) -> None:
    generator = np.random.default_rng(0)
    heads = np.sort(generator.integers(0, 2**63, records, dtype=np.uint64))
    for number, start in enumerate(range(0, records, PART_ROWS)):
        rows = min(PART_ROWS, records - start)
        index = np.arange(start, start + rows)
        tails = generator.bytes(8 * rows).hex()
        ids = [f"{head:016x}" for head in heads[start : start + rows]]
        frame = pl.DataFrame(
            {
                "record_id": pl.Series(ids)
                + pl.Series([tails[16 * n : 16 * n + 16] for n in range(rows)]),
                "source": pl.Series(sources).gather(index % len(sources)),
                "key": pl.Series(index).cast(pl.String),
                "position": pl.Series(index),
            }
        ).with_columns(
            path=pl.lit("corpus.jsonl.zst"),
            content_id=pl.col("record_id"),
            stage=pl.lit("shard"),
            fate=pl.when(pl.col("position") % 3 == 0)
            .then(pl.lit("dropped"))
            .otherwise(pl.lit("kept")),
            reason=pl.when(pl.col("position") % 3 == 0).then(pl.lit("too_few_words")),
            reasons=pl.lit(
                [],
                dtype=pl.List(
                    pl.Struct({"rule": pl.String, "value": pl.Float64, "threshold": pl.Float64})
                ),
            ),
            language=pl.lit("en"),
            split=pl.lit("train"),
        )
        missing = {
            one.name: pa.nulls(rows, one.type) if one.nullable else pa.array([[]] * rows, one.type)
            for one in LEDGER
            if one.name not in frame.columns
        }
        table = frame.to_arrow()
        columns = {n: table[n] if n in table.column_names else missing[n] for n in LEDGER.names}
        write_parquet(folder / f"part-{number:05d}.parquet", pa.table(columns).cast(LEDGER))


def _search_seconds(folder: Path) -> float:
    search(folder, Question(words="warm"))
    started = time.perf_counter()
    search(folder, Question(words="1234567"))
    return time.perf_counter() - started


def _opened_in(page: str, folder: Path) -> float:
    # Without its policy, so that a second script may tell the time; the page's own runs as well.
    head, _, tail = page.partition('<meta http-equiv="Content-Security-Policy"')
    timed = head + tail.partition(">")[2].replace("<title>", f"<script>{TIMER}</script><title>", 1)
    path = folder / "page.html"
    path.write_text(timed, encoding="utf-8")
    times = []
    for _ in range(3):
        title = title_of(document_at(path.as_uri(), folder, []))
        times.append(float(title.removeprefix("opened in ").removesuffix(" ms")))
    return min(times)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000)
