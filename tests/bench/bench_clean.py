"""How fast is cleaning, per core? `python -m tests.bench.bench_clean` prints it.

Text: books in English cut into documents of 4,000 characters, or made-up words where the books are
absent. Times are CPU seconds of the process over all threads, so that a rate is that of one core;
the fastest of several runs counts. The peer judges a part of the same documents in the same run.
"""

import json
import platform
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from data_contracts.arrow_files import partition_name, write_ipc
from data_contracts.identity import content_id, record_id
from data_contracts.results import IngestResult, SourceCounts
from data_contracts.schemas import RECORDS
from pipeline.buffers import text_buffers
from pipeline.clean import kernels
from pipeline.clean.columns import COLUMNS
from pipeline.clean.edits import edit
from pipeline.clean.language import identify
from pipeline.clean.lines.texts import edit_lines
from pipeline.clean.normalise.mojibake import repair
from pipeline.clean.normalise.texts import normalise
from pipeline.clean.quality.model import NO_MODEL, QualityModel
from pipeline.clean.recipe import CleanRecipe, LineRules, Normalise, Pii
from pipeline.clean.rules import decide
from pipeline.clean.signals import SIGNALS, measure
from pipeline.clean.stage import CleanInputs, clean
from pipeline.clean.stop_words import stop_rows, stop_table
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest
from pipeline.partition_pool import map_in_order, worker_count
from pipeline.pii.texts import redact
from pipeline.text.tokens import token_hashes
from pipeline.text.unicode_tables import unicode_tables
from tests.bench import datatrove_peer as peer

TEXT_BYTES = 16_000_000
DOCUMENT_CHARACTERS = 4_000
PEER_BYTES = 5_000_000
BOOKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "books-en.tar.xz"

SIGNALS_AND_RULES = "clean: all signals + all rules"
END_TO_END = "ingest JSONL.zst + clean, everything on"
ALL_CORES = ", all cores by the clock"
EVERYTHING = CleanRecipe(
    preset="fineweb",
    line_rules=LineRules(
        citations=True,
        max_word_length=1000,
        sentence_end=True,
        min_words=3,
        javascript=True,
        policy=True,
        max_uppercase_ratio=0.5,
        numeric=True,
        counters=True,
    ),
    pii=Pii(**dict.fromkeys(Pii.model_fields, "redact")),
)
"""Every part of the stage does its work: repair, line rules, personal data, language, all rules."""
MODEL = QualityModel(np.linspace(-1, 1, 1 << 18, dtype=np.float32), 0.0, {})

Row = dict[str, Any]


def run() -> list[Row]:
    """Measure, and return one row per figure; `peer_value` is null where there is no peer."""
    documents = documents_of_books()
    texts = pa.array(documents, pa.large_string())
    size = sum(len(one.encode()) for one in documents)
    rates = {
        "clean: tokens and their hashes": rate(size, lambda: token_hashes(texts)),
        "clean: repair of mojibake": rate(size, lambda: repair(texts)),
        "clean: normalise": rate(size, lambda: normalise(texts, Normalise())),
        "clean: all line rules": rate(size, lambda: edit_lines(texts, EVERYTHING.line_rules)),
        "clean: personal data": rate(size, lambda: redact(texts, EVERYTHING.pii.kinds("redact"))),
        "clean: repair, normalise, personal data": rate(size, lambda: edit(texts, CleanRecipe())),
        "clean: the same with all line rules": rate(size, lambda: edit(texts, EVERYTHING)),
        "clean: all signals, fused": rate(size, lambda: all_signals(texts)),
        "clean: all signals and a quality model": rate(size, lambda: all_signals(texts, MODEL)),
        "clean: language": rate(size, lambda: identify(text_buffers(texts))),
        "clean: all rules": rate(size, rules_on(texts)),
        **stage_rates(documents, size),
    }
    rates[SIGNALS_AND_RULES + ALL_CORES] = clock_rate(size, lambda: signals_on_all_cores(texts))
    rates[SIGNALS_AND_RULES] = together(
        rates["clean: all signals, fused"], rates["clean: all rules"]
    )
    with tempfile.TemporaryDirectory() as folder:
        file = write_jsonl(documents, Path(folder))
        rates |= {END_TO_END: rate(size, lambda: end_to_end(file, Path(folder)))}
        rates[END_TO_END + ALL_CORES] = clock_rate(size, lambda: end_to_end(file, Path(folder)))
        peers = peer_rates(documents, Path(folder))
    rows = []
    for name, value in rates.items():
        theirs, what = peers.get(name, (None, None))
        rows.append(
            {
                "benchmark": name,
                "value": round(value, 1),
                "unit": "MB/s" if name.endswith(ALL_CORES) else "MB/s per core",
                "peer": what,
                "peer_value": round(theirs, 3) if theirs else None,
                "ratio": round(value / theirs, 1) if theirs else None,
            }
        )
    return rows


def documents_of_books() -> list[str]:
    """Cut books into documents."""
    text = "".join(book_texts()) if BOOKS.exists() else made_up_text()
    text = text[:TEXT_BYTES]
    return [text[at : at + DOCUMENT_CHARACTERS] for at in range(0, len(text), DOCUMENT_CHARACTERS)]


def book_texts() -> list[str]:
    """Read books from the archive until there is enough text."""
    texts, size = [], 0
    with tarfile.open(BOOKS, "r|xz") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".md") and size < TEXT_BYTES:
                file = archive.extractfile(member)
                texts.append(file.read().decode("utf-8", "replace") if file else "")
                size += len(texts[-1])
            elif size >= TEXT_BYTES:
                break
    return texts


def made_up_text() -> str:
    """Make words with the frequencies of a language (Zipf)."""
    generator = np.random.default_rng(0)
    letters = generator.integers(97, 123, (20_000, 9)).astype(np.uint8)
    words = [bytes(row[: 2 + n % 8]).decode() for n, row in enumerate(letters)]
    picks = np.minimum(generator.zipf(1.2, TEXT_BYTES // 6), len(words)) - 1
    return " ".join(words[pick] + (".\n" if n % 15 == 0 else "") for n, pick in enumerate(picks))


def rate(size: int, work: Callable[[], object], times: int = 4) -> float:
    """Run a few times, the first to compile; MB (10^6 bytes) per CPU second of the fastest."""
    work()
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return size / 1e6 / min(seconds)


def clock_rate(size: int, work: Callable[[], object], times: int = 3) -> float:
    """MB (10^6 bytes) per second by the clock, of the fastest of a few runs, after one to compile."""
    work()
    seconds = []
    for _ in range(times):
        began = time.monotonic()
        work()
        seconds.append(time.monotonic() - began)
    return size / 1e6 / min(seconds)


def signals_on_all_cores(texts: pa.Array) -> None:
    """The fused pass and the rules on as many parts as there are cores, in threads."""
    cores = worker_count()
    size = -(-len(texts) // cores)
    parts = [texts[at : at + size] for at in range(0, len(texts), size)]
    for _ in map_in_order(judged, parts, cores):
        pass


def judged(texts: pa.Array) -> pa.Table:
    """Signals without language, and rules on them."""
    numbers, _ = all_signals(texts)
    table = SIGNALS.empty_table()
    columns = {name: pa.array(column) for name, column in zip(COLUMNS, numbers.T, strict=True)}
    nothing = pa.array(np.zeros(len(texts)))
    filled = {name: columns.get(name, nothing) for name in SIGNALS.names[4:]}
    ids = pa.array([f"{n:032x}" for n in range(len(texts))])
    languages = pa.array(["en"] * len(texts))
    arrays = [ids, pa.array(["books"] * len(texts)), languages, nothing, *filled.values()]
    signals = pa.table(arrays, names=SIGNALS.names).cast(table.schema)
    return decide(signals, CleanRecipe(), {})


def all_signals(texts: pa.Array, model: QualityModel = NO_MODEL) -> tuple[Any, Any]:
    """The fused pass alone, as `measure` calls it."""
    rows = stop_rows(pa.array(["en"] * len(texts)))
    given = (*text_buffers(texts), *unicode_tables(), rows, stop_table()[1])
    numbers, scores = kernels.measure(*given, *model[:2])
    return numbers, scores


def rules_on(texts: pa.Array) -> Callable[[], object]:
    """All rules on signals that are there already."""
    ids = pa.array([record_id("books", str(n)) for n in range(len(texts))])
    columns = [ids, pa.array(["books"] * len(texts)), *measure(texts).columns]
    signals = pa.table(columns, schema=SIGNALS)
    return lambda: decide(signals, CleanRecipe(), {})


def stage_rates(documents: list[str], size: int) -> dict[str, float]:
    """The stage from partitions to partitions, and the same with the language's time taken off."""
    with tempfile.TemporaryDirectory() as folder:
        given = records(documents, Path(folder) / "in")
        whole = rate(size, lambda: clean(given, CleanRecipe(), Path(folder) / "out"))
    texts = pa.array(documents, pa.large_string())
    language = rate(size, lambda: identify(text_buffers(texts)))
    return {
        "clean: whole stage": whole,
        "clean: whole stage without language": 1 / (1 / whole - 1 / language),
    }


def records(documents: list[str], folder: Path) -> CleanInputs:
    """Write documents as ingest would."""
    rows = [
        (record_id("books", str(n)), "books", str(n), "books", n + 1, content_id(t.encode()), t)
        for n, t in enumerate(documents)
    ]
    for number in range(4):
        columns = zip(*rows[number::4], strict=True)
        table = pa.table([list(column) for column in columns], schema=RECORDS)
        write_ipc(folder / "records" / partition_name(number), table)
    counts = SourceCounts(rows_in=len(rows), rows_kept=len(rows))
    ingested = IngestResult(
        folder=folder, sources={"books": counts}, bytes_in=0, elapsed_seconds=0, files=1
    )
    return CleanInputs(ingested=ingested)


def together(*rates: float) -> float:
    """The rate of several steps, one after another."""
    return 1 / sum(1 / one for one in rates)


def write_jsonl(documents: list[str], folder: Path) -> Path:
    """Write documents as a crawl delivers them."""
    rows = (json.dumps({"id": str(n), "text": text}) for n, text in enumerate(documents))
    path = folder / "books.jsonl.zst"
    path.write_bytes(zstandard.compress("\n".join(rows).encode()))
    return path


def end_to_end(file: Path, folder: Path) -> object:
    """Read, edit, measure and judge."""
    source = Source(name="books", path=str(file), key_field="id")
    ingested = ingest((source,), IngestRecipe(), folder / "ingest")
    return clean(CleanInputs(ingested=ingested), EVERYTHING, folder / "clean")


def peer_rates(documents: list[str], folder: Path) -> dict[str, tuple[float, str]]:
    """datatrove on a part of the same documents; nothing where it is not installed."""
    if not peer.is_there():
        print("datatrove with spaCy: not installed")
        return {}
    sample = documents[: PEER_BYTES // DOCUMENT_CHARACTERS]
    size = sum(len(one.encode()) for one in sample)
    cores = worker_count()
    parts = [sample[number::cores] for number in range(cores)]
    folders = [folder / f"peer-{number}" for number in range(cores)]
    for part, place in zip([*parts, sample], [*folders, folder / "peer"], strict=True):
        place.mkdir()
        write_jsonl(part, place)
    everything = peer.EVERYTHING + (peer.LANGUAGE if peer.language_model() else "")
    return {
        SIGNALS_AND_RULES: (rate(size, lambda: peer.judge(sample), times=1), peer.FILTERS),
        END_TO_END: (rate(size, lambda: peer.everything(str(folder / "peer")), 1), everything),
        SIGNALS_AND_RULES + ALL_CORES: (
            size / 1e6 / peer.on_all_cores(peer.judge, parts),
            peer.FILTERS,
        ),
        END_TO_END + ALL_CORES: (
            size / 1e6 / peer.on_all_cores(peer.everything, list(map(str, folders))),
            everything,
        ),
    }


def main() -> None:
    """Print the figures."""
    print(f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}")
    for row in run():
        beside = f"   {row['ratio']} times {row['peer']}" if row["ratio"] else ""
        print(f"{row['benchmark']:<40} {row['value']:>8.1f} {row['unit']}{beside}")


if __name__ == "__main__":
    main()
