"""How peers sign and deduplicate raw text, each the way its own documentation shows.

None of them is a dependency: who is not installed is skipped. (`PYTHONPATH` may end in a folder
that has them.)
"""

import contextlib
import importlib.util
import io
import json
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash
from datasketch import MinHash, MinHashLSH

from pipeline.dedup.recipe import DedupRecipe

Work = Callable[[list[str]], object]


def signature_peers(texts: list[str]) -> dict[str, Callable[[], object]]:
    """Give what computes signatures of texts, by a name for people."""
    peers = {name: partial(work, texts) for name, work in _of_strings().items()}
    if importlib.util.find_spec("daft"):
        peers["daft"] = _daft(texts)
    else:
        print("  (daft is not installed: skipped)")
    return peers


def _of_strings() -> dict[str, Work]:
    peers: dict[str, Work] = {
        "datasketch, SHA-1, one update per shingle (its README)": _datasketch_updates,
        "datasketch, SHA-1, update_batch": lambda texts: _datasketch(texts, None),
        "datasketch, xxh32, update_batch": lambda t: _datasketch(t, xxhash.xxh32_intdigest),
    }
    for name, make in {"rensa": _rensa, "datatrove": _datatrove}.items():
        if _is_there(name):
            peers[name] = make()
        else:
            print(f"  ({name} is not installed: skipped)")
    return peers


def stage_peers() -> dict[str, Work]:
    """Give what deduplicates texts, by a name for people."""
    peers: dict[str, Work] = {"datasketch, xxh32, and MinHashLSH": _datasketch_lsh}
    if _is_there("datatrove"):
        peers["datatrove's four steps"] = datatrove_steps
    return peers


def _is_there(name: str) -> bool:
    needed = {"datatrove": ("datatrove", "spacy")}.get(
        name, (name,)
    )  # its English words are spacy's
    return all(importlib.util.find_spec(one) for one in needed)


def _shingles(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))]


def _sketch(text: str, function: Callable[[bytes], int] | None) -> MinHash:
    sketch = MinHash(128, hashfunc=function)
    sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
    return sketch


def _datasketch(texts: list[str], function: Callable[[bytes], int] | None) -> None:
    for text in texts:
        _sketch(text, function)


def _datasketch_updates(texts: list[str]) -> None:
    for text in texts:
        sketch = MinHash(128)
        for shingle in _shingles(text):
            sketch.update(shingle.encode())


def _datasketch_lsh(texts: list[str]) -> None:
    bands = DedupRecipe().bands
    index = MinHashLSH(num_perm=128, params=tuple(bands))
    for number, text in enumerate(texts):
        sketch = _sketch(text, xxhash.xxh32_intdigest)
        if not index.query(sketch):
            index.insert(number, sketch)


def _rensa() -> Work:
    import rensa

    def sketch(texts: list[str]) -> None:
        for text in texts:
            one = rensa.RMinHash(num_perm=128, seed=1)
            one.update(_shingles(text))
            one.digest()

    return sketch


def _daft(texts: list[str]) -> Callable[[], object]:
    import daft

    table = pa.table({"text": texts})  # it reads Arrow, as we do

    def sketch() -> None:
        # docs/examples/minhash-dedupe.md, with 128 values for its 64; its threads all count.
        text = daft.col("text").normalize(
            remove_punct=True, lowercase=True, nfd_unicode=True, white_space=True
        )
        signed = text.minhash(num_hashes=128, ngram_size=5, seed=42, hash_function="xxhash")
        daft.from_arrow(table).select(signed.alias("signature")).collect()

    sketch()  # starts its threads
    return sketch


def _datatrove_config() -> Any:
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig

    # SHA-1 as FineWeb had it: its xxhash function does not run with xxhash 4.
    return MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))


def _datatrove() -> Work:
    from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

    step = MinhashDedupSignature(tempfile.gettempdir(), _datatrove_config(), language="eng")

    def sketch(texts: list[str]) -> None:
        for text in texts:
            step.get_signature(step.get_shingles(text))

    return sketch


def datatrove_steps(texts: list[str]) -> None:
    """Run signatures, buckets, clusters and filter as examples/minhash_deduplication.py does.

    14 buckets of 8, its default; JSON lines in and out, one process.
    """
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = _datatrove_config()
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        folder = Path(name)
        (folder / "in").mkdir()
        lines = (json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts))
        (folder / "in" / "texts.jsonl").write_text("".join(lines), encoding="utf-8")

        def run(tasks: int, *steps: Any) -> None:
            LocalPipelineExecutor(
                list(steps),
                tasks=tasks,
                workers=1,
                skip_completed=False,
                logging_dir=str(folder / f"logs-{len(list(folder.iterdir()))}"),
            ).run()

        read = JsonlReader(str(folder / "in"))
        signatures, buckets = str(folder / "signatures"), str(folder / "buckets")
        removed = str(folder / "removed")
        run(1, read, MinhashDedupSignature(signatures, config, language="eng"))
        run(config.num_buckets, MinhashDedupBuckets(signatures, buckets, config=config))
        run(1, MinhashDedupCluster(buckets, removed, config=config))
        written = JsonlWriter(str(folder / "out"), compression=None)
        run(1, read, MinhashDedupFilter(removed), written)
