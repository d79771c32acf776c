"""A crude, readable twin of the stages: enough of them to make a report of."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, quantiles
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.contract_stamp import ContractStamp
from data_contracts.manifest import DatasetManifest, SourceEntry
from data_contracts.quality import (
    ClusterMember,
    ClusterQuality,
    Distribution,
    Example,
    LanguageQuality,
    Quality,
    ReasonQuality,
    SignalQuality,
    SourceQuality,
    SplitQuality,
    Spread,
)
from data_contracts.reasons import DUPLICATE_REASONS, UNREADABLE_REASONS, Reason, Stage, fate_of
from data_contracts.results import (
    CheckOutcome,
    CleanResult,
    DedupResult,
    IngestResult,
    ShardResult,
    SourceCounts,
    StageResult,
    ValidateResult,
)
from data_contracts.schemas import LEDGER
from data_contracts.split import SPLITS

WHEN = datetime(2026, 3, 14, 15, 9, tzinfo=UTC)


class Made(SimpleNamespace):
    """A dataset or model version as the stages leave it."""

    folder: Path


def make_dataset(
    folder: Path, corpus: dict[str, list[tuple[str, str | None]]], *, passed: bool = True
) -> Made:
    """Judge a corpus crudely, and write quality.json and the stages' results of it."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [_record(source, key, text) for source, rows in corpus.items() for key, text in rows]
    _judge(records)
    quality = _quality(records, list(corpus), passed=passed)
    quality.save(folder / "quality.json")
    _write_ledger(folder / "ledger", records)
    results = _results(folder, records, quality)
    manifest = _manifest(records, corpus, results, quality)
    return Made(folder=folder, quality=quality, results=results, manifest=manifest, records=records)


def _write_ledger(folder: Path, records: Sequence[Made]) -> None:
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "record_id": one.id, "source": one.source, "key": one.key, "path": "a/b.jsonl",
            "position": 7, "content_id": one.id, "stage": _STAGE.get(one.reason, Stage.CLEAN),
            "fate": fate_of(one.reason) if one.reason else "kept", "reason": one.reason,
            "reasons": [{"rule": one.reason, "value": one.value, "threshold": one.threshold}]
            if one.reason else [],
            "edits": [],
            "survivor_id": one.survivor and one.survivor.id, "similarity": one.similarity,
            "language": one.language, "split": None if one.reason else one.split,
            "tokens": None if one.reason else len(one.words),
        }
        for one in sorted(records, key=lambda record: record.id)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=LEDGER)
    pq.write_table(table, folder / "part-00000.parquet")


def _record(source: str, key: str, text: str | None) -> Made:
    identity = hashlib.sha256(f"{source}/{key}".encode()).hexdigest()[:32]
    words = (text or "").split() if source != "poetry-zh" else list(text or "")
    head = int(identity[:4], 16) / 65536
    return Made(
        id=identity, source=source, key=key, text=text, words=words, reason=None, survivor=None,
        similarity=None, value=None, threshold=None, broken=[],
        split="test" if head < 0.04 else "validation" if head < 0.09 else "train",
        language="zh" if source == "poetry-zh" else "en",
        signals={
            "words": float(len(words)),
            "characters": float(len(text or "")),
            "mean_word_length": mean(map(len, words)) if words else 0.0,
            "digit_ratio": sum(c.isdigit() for c in text or "") / max(len(text or ""), 1),
            "language_score": 0.5 + head / 2,
        },
    )  # fmt: skip


def _judge(records: Sequence[Made]) -> None:
    seen: dict[str, Made] = {}
    shingles: list[tuple[set[str], Made]] = []
    for one in sorted(records, key=lambda record: record.id):
        if one.text is None:
            one.reason = Reason.BAD_JSON
        elif len(one.words) < 10:
            one.reason, one.value, one.threshold = Reason.TOO_FEW_WORDS, float(len(one.words)), 10.0
        elif one.signals["digit_ratio"] > 0.05:
            one.reason = Reason.TOO_MANY_DIGITS
            one.value, one.threshold = one.signals["digit_ratio"], 0.05
        elif one.text in seen:
            one.reason, one.survivor, one.similarity = Reason.EXACT_DUPLICATE, seen[one.text], 1.0
        else:
            bag = set(zip(one.words, one.words[1:], one.words[2:], strict=False))
            for other, owner in shingles[-400:]:
                similarity = len(bag & other) / max(len(bag | other), 1)
                if similarity >= 0.8:
                    one.reason, one.survivor = Reason.NEAR_DUPLICATE, owner
                    one.similarity = similarity
                    break
            else:
                seen[one.text] = one
                shingles.append((bag, one))


def _quality(records: Sequence[Made], sources: Sequence[str], *, passed: bool) -> Quality:
    kept = [one for one in records if one.reason is None]
    measured = [one for one in records if one.text is not None]
    clean = [one for one in measured if one.reason in {None, *DUPLICATE_REASONS}]
    return Quality(
        dataset="demo",
        contracts=(ContractStamp(id="demo-corpus", version="1.2.0", sha256="ab" * 32),),
        checks=_checks(passed=passed),
        sources={name: _source(name, records) for name in sources},
        reasons=tuple(_reason(reason, records) for reason in Reason if _has(reason, records)),
        languages={
            language: LanguageQuality(
                records=sum(one.language == language for one in measured),
                kept=sum(one.language == language for one in kept),
                kept_characters=sum(len(one.text) for one in kept if one.language == language),
            )
            for language in ("en", "zh")
        },
        splits={split: _split(split, kept) for split in SPLITS},
        lengths=_spread([0, 1, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000], "log", sources,
                        clean, kept, lambda one: float(len(one.text))),
        signals={
            name: _spread(
                [0, 1, 3, 10, 30, 100, 300, 1000] if name in {"words", "characters"}
                else [n * (20 if name == "mean_word_length" else 1) / 20 for n in range(21)],
                "log" if name in {"words", "characters"} else "linear",
                sources, measured, kept, lambda one, name=name: one.signals[name],
            )
            for name in records[0].signals
        },
        clusters=_clusters(records),
    )  # fmt: skip


def _checks(*, passed: bool) -> tuple[CheckOutcome, ...]:
    rows = [
        ("gate.rows", "There are records", "critical", True, "379"),
        ("gate.rules", "Every compiled rule was evaluated", "critical", True, "7 of 7"),
        ("ledger.record_id.unique", "record_id is unique", "critical", passed, "<b>3</b> repeats"),
        ("ledger.kept", "At least half of the records are kept", "warning", False, "0.41"),
        ("text.language", "Every document has a known language", "info", True, "0 unknown"),
    ]
    return tuple(
        CheckOutcome(rule=rule, description=text, severity=level, passed=good, observed=found)
        for rule, text, level, good, found in rows
    )


def _has(reason: Reason, records: Iterable[Made]) -> bool:
    return any(one.reason == reason for one in records)


def _count(records: Iterable[Made]) -> dict[Reason, int]:
    counts = Counter(one.reason for one in records if one.reason)
    return {reason: counts[reason] for reason in Reason if counts[reason]}


def _source(name: str, records: Sequence[Made]) -> SourceQuality:
    own = [one for one in records if one.source == name]
    kept = [one for one in own if one.reason is None]
    return SourceQuality(
        license={"manuals": "GPL-2.0-or-later", "web": None}.get(name, "CC0-1.0"),
        records_in=len(own),
        dropped=_count(own),
        kept=len(kept),
        kept_characters=sum(len(one.text) for one in kept),
        kept_bytes=sum(len(one.text.encode()) for one in kept),
        kept_by_split={split: sum(one.split == split for one in kept) for split in SPLITS},
        kept_by_language=dict(Counter(one.language for one in kept)),
    )


def _split(split: str, kept: Sequence[Made]) -> SplitQuality:
    own = [one.text for one in kept if one.split == split]
    return SplitQuality(
        documents=len(own),
        characters=sum(map(len, own)),
        text_bytes=sum(len(text.encode()) for text in own),
    )


_STAGE = {
    **dict.fromkeys(UNREADABLE_REASONS, Stage.INGEST),
    **dict.fromkeys(DUPLICATE_REASONS, Stage.DEDUP),
}


def _reason(reason: Reason, records: Sequence[Made]) -> ReasonQuality:
    own = sorted((one for one in records if one.reason == reason), key=lambda one: one.id)
    # The hostile record first: it must be among what is shown.
    own.sort(key=lambda one: "<" not in one.key)
    return ReasonQuality(
        reason=reason,
        stage=_STAGE.get(reason, Stage.CLEAN),
        fate=fate_of(reason),
        records=len(own),
        broken=len(own) + 2,
        examples=tuple(
            Example(
                record_id=one.id, source=one.source, key=one.key, path="a/b.jsonl", position=7,
                value=one.value if one.value is not None else one.similarity,
                threshold=one.threshold, excerpt=one.text[:300] if one.text else None,
            )
            for one in own[:3]
        ),
    )  # fmt: skip


def _spread(
    edges: Sequence[float], scale: str, sources: Sequence[str], measured: Sequence[Made],
    kept: Sequence[Made], value: Callable[[Made], float],
) -> SignalQuality:  # fmt: skip
    def both(source: str | None) -> Spread:
        parts = [
            _distribution([value(one) for one in some if source in (None, one.source)], edges)
            for some in (measured, kept)
        ]
        return Spread(measured=parts[0], kept=parts[1])

    return SignalQuality(
        scale=scale,
        edges=tuple(float(edge) for edge in edges),
        total=both(None),
        sources={source: both(source) for source in sources},
    )


def _distribution(values: Sequence[float], edges: Sequence[float]) -> Distribution:
    inside = list(itertools.pairwise(edges))
    counts = [sum(low <= one < high for one in values) for low, high in inside]
    counts[-1] += sum(one == edges[-1] for one in values)
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else []
    at = [cuts[n - 1] for n in (1, 5, 25, 50, 75, 95, 99)] if cuts else [*values] * 7
    return Distribution(
        values=len(values), missing=0, mean=mean(values) if values else None,
        quantiles=(min(values), *at, max(values)) if values else (),
        counts=tuple(counts), below=sum(one < edges[0] for one in values),
        above=sum(one > edges[-1] for one in values),
    )  # fmt: skip


def _clusters(records: Sequence[Made]) -> tuple[ClusterQuality, ...]:
    families: dict[str, list[Made]] = {}
    for one in records:
        if one.survivor is not None:
            families.setdefault(one.survivor.id, []).append(one)
    biggest = sorted(families.values(), key=lambda members: (-len(members), members[0].id))[:10]
    return tuple(
        ClusterQuality(
            cluster_id=members[0].survivor.id,
            records=len(members) + 1,
            survivor=_member(members[0].survivor),
            furthest=_member(min(members, key=lambda one: one.similarity)),
        )
        for members in biggest
    )


def _member(one: Made) -> ClusterMember:
    return ClusterMember(
        record_id=one.id, source=one.source, key=one.key, path="a/b.jsonl", position=7,
        similarity=one.similarity, excerpt=one.text[:2000],
    )  # fmt: skip


def _results(folder: Path, records: Sequence[Made], quality: Quality) -> tuple[StageResult, ...]:
    size = sum(len((one.text or "").encode()) for one in records)
    rest, seconds = list(records), iter((1.52, 4.1, 2.75, 0.9, 3.3))
    common: list[dict[str, Any]] = []
    for stage in (Stage.INGEST, Stage.CLEAN, Stage.DEDUP, Stage.VALIDATE, Stage.SHARD):
        lost = [one for one in rest if one.reason and _STAGE.get(one.reason, Stage.CLEAN) == stage]
        rest_after = [one for one in rest if one not in lost]
        common.append({
            "folder": folder, "elapsed_seconds": next(seconds), "bytes_in": size, "bytes_out": size,
            "rows_reused": 0,
            "sources": {
                name: SourceCounts(
                    rows_in=sum(one.source == name for one in rest),
                    rows_kept=sum(one.source == name for one in rest_after),
                    rows_dropped=_count(one for one in lost if one.source == name),
                )
                for name in quality.sources
            },
        })  # fmt: skip
        rest = rest_after
    tokens = {split: one.text_bytes // 3 for split, one in quality.splits.items()}
    return (
        IngestResult(files=12, **common[0]),
        CleanResult(**common[1]),
        DedupResult(
            pairs_compared=412, pairs_over_threshold=61, bands=21, rows_per_band=6, **common[2]
        ),
        ValidateResult(
            contracts=(ContractStamp(id="demo-corpus", version="1.2.0", sha256="ab" * 32),),
            checks=quality.checks, **common[3],
        ),
        ShardResult(
            tokenizer_sha256="cd" * 32, vocabulary_size=4096, tokens=tokens,
            documents={split: one.documents for split, one in quality.splits.items()}, **common[4],
        ),
    )  # fmt: skip


def _manifest(
    records: Sequence[Made],
    corpus: dict[str, list[tuple[str, str | None]]],
    results: Sequence[StageResult],
    quality: Quality,
) -> DatasetManifest:
    return DatasetManifest(
        name="demo", version="0003-1f2e3d4c", fingerprint="1f2e3d4c" * 4, created=WHEN,
        corpusmill="0.1.0", recipe={"name": "demo", "clean": {"min_words": 10}},
        stage_keys={one.stage: "0a1b2c3d" * 4 for one in results},
        libraries={"polars": "2.1.0", "tokenizers": "0.23.1"},
        timings_seconds={one.stage: one.elapsed_seconds for one in results}, files=(),
        sources=tuple(
            SourceEntry(
                name=name, path=f"corpora/{name}", license=None, files=3, bytes=120_000,
                digest="ef" * 16, records_in=len(rows), records_kept=quality.sources[name].kept,
            )
            for name, rows in corpus.items()
        ),
        records_in=len(records), records_kept=quality.kept,
        records_dropped=dict(quality.dropped),
        documents=results[-1].documents, tokens=results[-1].tokens, tokenizer_sha256="cd" * 32,
        contracts=(ContractStamp(id="demo-corpus", version="1.2.0", sha256="ab" * 32),),
        parent="0002-99aabbcc",
    )  # fmt: skip
