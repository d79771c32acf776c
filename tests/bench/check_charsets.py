"""Which library tells an encoding best? `python -m tests.bench.check_charsets` prints the table.

Text: sentences in 26 languages (those that the language detector Lingua is tested on; for Big5 the Debian
handbook), cut into pieces of some sizes and written in the encodings that were in use for each language. A detector is right where its answer gives the text
back to the character. Time is processor time. Detectors that are not installed are left out; our own
decision (`pipeline.ingest.charset`) is measured too, and what it makes of bytes that are no text.
"""

import importlib
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Final

import numpy as np
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding

from pipeline.ingest.charset import decoded
from tests.conftest import CORPORA

ENCODINGS: Final = {
    "zh": ("gb18030",),
    "zh-TW": ("big5",),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
    **dict.fromkeys(("ru", "uk", "bg"), ("windows-1251", "koi8-u")),
    **dict.fromkeys(("cs", "pl", "hr", "hu", "ro", "sk"), ("windows-1250",)),
    **dict.fromkeys(("de", "fr", "es", "it", "pt", "nl", "da", "sv", "nb"), ("windows-1252",)),
    "el": ("windows-1253",),
    "tr": ("windows-1254",),
    "he": ("windows-1255",),
    **dict.fromkeys(("ar", "fa"), ("windows-1256",)),
    **dict.fromkeys(("lt", "lv"), ("windows-1257",)),
    "vi": ("windows-1258",),
    "th": ("cp874",),
}
SIZES: Final = (100, 500, 4000)
PIECES: Final = 25
"""Of each language, encoding and size."""
Detector = Callable[[bytes], str | None]


def pieces() -> Iterator[tuple[str, str, int, bytes, str]]:
    """Yield (language, encoding, size, bytes, text) of pieces that are not ASCII."""
    for language, text in sorted(texts().items()):
        for encoding in ENCODINGS[language]:
            for size in SIZES:
                generator = np.random.default_rng(size)
                found = 0
                for start in generator.integers(0, len(text) - size, 20 * PIECES).tolist():
                    data = text[start : start + size].encode(encoding, "ignore")
                    if not data.isascii() and found < PIECES:
                        found += 1
                        yield language, encoding, size, data, data.decode(encoding)


def texts() -> dict[str, str]:
    """Read sentences by language, and Chinese in traditional characters from the handbook."""
    found: dict[str, str] = {}
    with tarfile.open(CORPORA / "langid.tar.xz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            file = archive.extractfile(member) if path.parent.name == "sentences" else None
            if file is not None and path.stem in ENCODINGS:
                found[path.stem] = file.read().decode()
    pages = []
    with tarfile.open(CORPORA / "docs-multilang.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if "/zh-TW/" in member.name else None
            if file is not None and member.name.endswith(".html"):
                pages.append(extract_plain_text(file.read().decode(), main_content=True))
    # Half of that translation is still English.
    lines = [line for line in "\n".join(pages).split("\n") if len(line.encode()) > 1.5 * len(line)]
    return {**found, "zh-TW": "\n".join(lines)}


def detectors() -> dict[str, Detector]:
    """Name the detectors that are installed."""
    found: dict[str, Detector] = {"resiliparse": detect_encoding}
    for name in ("chardet", "cchardet"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        found[f"{name} {module.__version__}"] = lambda data, m=module: m.detect(data)["encoding"]
    try:
        normalizer = importlib.import_module("charset_normalizer")
    except ImportError:
        return found

    def best(data: bytes) -> str | None:
        match = normalizer.from_bytes(data).best()
        return None if match is None else match.encoding

    return {**found, f"charset-normalizer {normalizer.__version__}": best}


def told(detect: Detector, data: bytes) -> str | None:
    """Decode as a detector says; None where that fails."""
    try:
        return data.decode(detect(data) or "ascii")
    except (UnicodeError, LookupError):
        return None


def ours(data: bytes) -> str | None:
    """Decode as ingest does."""
    text = decoded(data)
    return None if text is None else text.decode()


def main() -> None:
    """Print accuracy by encoding and size, and speed."""
    sample = list(pieces())
    ways = {name: (lambda data, d=one: told(d, data)) for name, one in detectors().items()}
    ways["ours"] = ours
    keys = sorted({(encoding, size) for _, encoding, size, _, _ in sample})
    rights: dict[str, dict[tuple[str, int], list[bool]]] = {}
    for name, way in ways.items():
        right, began = defaultdict(list), time.process_time()
        for _, encoding, size, data, text in sample:
            right[encoding, size].append(way(data) == text)
        seconds = time.process_time() - began
        rate = sum(len(data) for *_, data, _ in sample) / 1e6 / seconds
        rights[name] = right
        share = np.mean([one for all_ in right.values() for one in all_])
        print(f"{name:<28} right {share:.3f}, {rate:8.2f} MB/s", flush=True)
    print("\n" + " " * 22 + "  ".join(f"{name[:12]:>12}" for name in ways))
    for key in keys:
        shares = "  ".join(f"{np.mean(rights[name][key]):12.2f}" for name in ways)
        print(f"{key[0]:<14} {key[1]:>6} {shares}")
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 256, 2000).astype(np.uint8).tobytes() for _ in range(300)]
    high = [generator.integers(128, 256, 2000).astype(np.uint8).tobytes() for _ in range(300)]
    for name, data in (("random bytes", noise), ("random high bytes", high)):
        print(f"{name}: ours takes {sum(ours(one) is not None for one in data)} of {len(data)}")


if __name__ == "__main__":
    main()
