"""Which language a document is in: CLD2 on a bounded sample (why CLD2: DECISIONS.md).

The label is an ISO 639-1 code (639-3 where there is none) or `und`; Chinese is `zh` in either
script, Norwegian Bokmål `no`. The score is the part of the sample that is in that language, halved
where CLD2 calls its own answer a guess (Chinese told by its script apart); 0 when there is nothing to go on.
"""

import re
import unicodedata
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pycld2
from numpy.typing import NDArray

from pipeline.buffers import TextBuffers

SAMPLE_BYTES: Final = 300
"""Bytes taken at the beginning, in the middle and at the end of a longer document."""

UNKNOWN: Final = "und"
"""Label of a text in no language that can be told."""

_GUESS_FACTOR: Final = 0.5
_RENAMED: Final = {
    "iw": "he", "in": "id", "jw": "jv", "mo": "ro", "nb": "no", "fil": "tl",
    "un": UNKNOWN, "xx": UNKNOWN, "tlh": UNKNOWN, "zzb": UNKNOWN, "zze": UNKNOWN,
    "zzh": UNKNOWN, "zzp": UNKNOWN,
}  # fmt: skip
"""Withdrawn codes, twins, and CLD2's labels for no language (scripts, Klingon, Pig Latin …)."""

_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_ENOUGH_HAN: Final = 8
"""Han letters that a Japanese text without any kana hardly reaches (a name, a title)."""
_KANA: Final = re.compile("[\u3041-\u30ff\uff66-\uff9d]")


class Languages(NamedTuple):
    """Labels and scores of several documents."""

    labels: pa.Array
    """string, no nulls."""
    scores: NDArray[np.float32]
    """float32, 0 to 1."""


def language_code(label: str) -> str:
    """Bring a language tag to the form of the labels here (`zh-Hant`, `zh-CN` -> `zh`)."""
    code = label.lower().replace("_", "-").split("-")[0]
    return _RENAMED.get(code, code)


def identify(texts: TextBuffers) -> Languages:
    """Identify the language of every text.

    Args:
        texts: Normalised texts.

    Returns:
        A label and a score for each.
    """
    found = [_identify(one) for one in _samples(texts)]
    labels = pa.array([label for label, _ in found], pa.string())
    return Languages(labels, np.array([score for _, score in found], np.float32))


def _samples(texts: TextBuffers) -> list[bytes]:
    """Cut a bounded sample out of every text."""
    data = memoryview(texts.text_bytes)  # type: ignore[arg-type]
    samples = []
    starts = texts.starts.tolist()
    for start, stop in pairwise(starts):
        if stop - start <= 3 * SAMPLE_BYTES:
            samples.append(bytes(data[start:stop]))
            continue
        middle = (start + stop - SAMPLE_BYTES) // 2
        parts = (start, middle, stop - SAMPLE_BYTES)
        # A character cut in two at an end of a part is left out.
        cut = (bytes(data[one : one + SAMPLE_BYTES]).decode("utf-8", "ignore") for one in parts)
        samples.append("\n".join(cut).encode())
    return samples


def _identify(sample: bytes) -> tuple[str, float]:
    label, score = _detect(sample, guess=False)
    if label == UNKNOWN:
        label, score = _detect(sample, guess=True)
        factor = _GUESS_FACTOR
    else:
        factor = 1.0
    if label in {"ja", "zh"}:
        # CLD2 doubts short Chinese, or takes it for Japanese; but no Japanese sentence is without
        # kana, so what has several Han letters and none is Chinese.
        text = sample.decode("utf-8", "ignore")
        if not _KANA.search(text):
            label = "zh"
            factor = 1.0 if len(_HAN.findall(text)) >= _ENOUGH_HAN else factor
    return label, score * factor


def _detect(sample: bytes, *, guess: bool) -> tuple[str, float]:
    try:
        found = pycld2.detect(sample, isPlainText=True, bestEffort=guess)
    except pycld2.error:  # a character that text must not hold (U+FFFE, U+FDD0 …)
        found = pycld2.detect(_interchangeable(sample), isPlainText=True, bestEffort=guess)
    _, code, percent, _ = found[2][0]
    label = language_code(code)
    return (label, percent / 100) if label != UNKNOWN and percent else (UNKNOWN, 0.0)


def _interchangeable(sample: bytes) -> bytes:
    """Leave out control characters, noncharacters and what is not UTF-8."""
    text = sample.decode("utf-8", "ignore")
    kept = (c if unicodedata.category(c) not in {"Cc", "Cn", "Cs"} else " " for c in text)
    return "".join(kept).encode()
