"""Signals: what is measured on every record, in words, and the one call that measures it.

`SIGNALS` promises the columns of `signals/`, `DEFINITIONS` says what each number is. A rule may look
at nothing else.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.buffers import text_buffers
from pipeline.clean import kernels
from pipeline.clean.columns import COLUMNS
from pipeline.clean.language import identify
from pipeline.clean.quality.model import NO_MODEL, QualityModel
from pipeline.clean.recipe import CleanRecipe
from pipeline.clean.stop_words import stop_rows, stop_table
from pipeline.pii.columns import PII_NAMES
from pipeline.text.unicode_tables import unicode_tables

C4: Final = "C4, JMLR 21(140), 2.2"
REFINEDWEB: Final = "RefinedWeb, arXiv 2306.01116, G.2"
LLAMA3: Final = "Llama 3, arXiv 2407.21783, 3.1.1"
GOPHER: Final = "Gopher, arXiv 2112.11446, A.1"
FINEWEB: Final = "FineWeb, arXiv 2406.17557, 3.6"


class Signal(NamedTuple):
    """What one number is."""

    name: str
    """Its column."""
    kind: pa.DataType
    """int64 for counts, float64 for ratios and means."""
    unit: str
    """What one stands for."""
    definition: str
    """How it is counted. A ratio of nothing is 0."""
    source: str
    """Who published the definition, or a rule on it; empty: it only describes."""


def _count(name: str, unit: str, definition: str, source: str = "") -> Signal:
    return Signal(name, pa.int64(), unit, definition, source)


def _ratio(name: str, unit: str, definition: str, source: str = "") -> Signal:
    return Signal(name, pa.float64(), unit, definition, source)


def _ngrams() -> list[Signal]:
    top = [
        _ratio(
            f"top_{n}gram_ratio",
            "of characters",
            f"occurrences of the most frequent run of {n} words, times its length with one blank"
            " between spaced words (overlaps count twice, so it can pass 1); 0 when none repeats",
            GOPHER,
        )
        for n in (2, 3, 4)
    ]
    duplicate = [
        _ratio(
            f"duplicate_{n}gram_ratio",
            "of characters",
            f"characters of words in runs of {n} words that occurred before; after such a run, the"
            " search goes on behind it",
            GOPHER,
        )
        for n in range(5, 11)
    ]
    return top + duplicate


def _removed(name: str, what: str, source: str) -> Signal:
    unit = "lines" if name.endswith("lines") else name
    return _count(f"removed_{name}", unit, f"{what}, taken out before measuring", source)


EDITS: Final[tuple[Signal, ...]] = (
    _count("repaired", "texts", "1 where text decoded by the wrong table was repaired, else 0"),
    _removed("long_word_lines", "lines with too long a word", C4),
    _removed("unfinished_lines", "lines that end no sentence", C4),
    _removed("scanty_lines", "lines of too few words", f"{C4}; {REFINEDWEB}"),
    _removed("javascript_lines", "lines that name JavaScript", C4),
    _removed("policy_lines", "lines with a phrase of policies", C4),
    _removed("uppercase_lines", "lines mostly in upper case", REFINEDWEB),
    _removed("numeric_lines", "lines of digits alone", REFINEDWEB),
    _removed("counter_lines", "lines that count likes and the like", REFINEDWEB),
    _removed("citations", "citations such as [12] or [edit]", C4),
    _removed(
        "repeated_lines", "lines of more documents of the source than `max_documents`", LLAMA3
    ),
    _ratio("removed_word_ratio", "of words", "words between blanks in lines taken out", REFINEDWEB),
    *(
        _count(f"pii_{kind}", "occurrences", f"{what}, redacted or not")
        for kind, what in PII_NAMES.items()
    ),
)
"""What the text lost before it was measured, and personal data. A line counts for the first rule that
it breaks."""

DEFINITIONS: Final[tuple[Signal, ...]] = (
    _count("bytes", "bytes", "UTF-8 bytes of the normalised text"),
    _count("characters", "code points", "code points, line feeds included"),
    _count("lines", "lines", "lines that are not blank; a line ends at a line feed"),
    _count("paragraphs", "paragraphs", "runs of lines that are not blank"),
    _count(
        "sentences",
        "sentences",
        "words up to terminal punctuation (no ellipsis) that a blank follows, or nothing when it is"
        " not ASCII, closing quotes and brackets left out; and what else a line holds of words",
        C4,
    ),
    _count("curly_brackets", "characters", "opening curly brackets", C4),
    _count("lorem_ipsum", "phrases", "occurrences of `lorem ipsum`, in any case", C4),
    _count(
        "words",
        "words",
        "Unicode words, and single letters of scripts without spaces; no punctuation or symbols",
        GOPHER,
    ),
    _ratio("unspaced_ratio", "of words", "words that are letters of scripts without spaces"),
    _ratio("mean_word_length", "code points", "mean length of spaced words; 0 without any", GOPHER),
    _ratio("hash_ratio", "per word", "number signs (#)", GOPHER),
    _ratio("ellipsis_ratio", "per word", "… and runs of three full stops", GOPHER),
    _ratio("digit_ratio", "of visible characters", "decimal digits (Nd) of any script"),
    _ratio("letter_word_ratio", "of words", "words that hold a letter", GOPHER),
    _count(
        "stop_words", "words", "different stop words of the measured language that occur", GOPHER
    ),
    _ratio("stop_word_ratio", "of words", "words that are stop words of the measured language"),
    _ratio(
        "bullet_line_ratio",
        "of lines",
        "lines that start with a bullet (•, ‣, ● …; - and * when a blank follows)",
        GOPHER,
    ),
    _ratio("ellipsis_line_ratio", "of lines", "lines that end with … or three full stops", GOPHER),
    _ratio(
        "short_line_ratio",
        "of lines",
        f"lines of at most {kernels.SHORT_LINE_CHARACTERS} code points, outer blanks left out",
        FINEWEB,
    ),
    _ratio(
        "sentence_end_line_ratio",
        "of lines",
        "lines whose last character, closing quotes and brackets left out, is terminal punctuation"
        " (Unicode Sentence_Terminal, or …)",
        FINEWEB,
    ),
    _ratio("line_break_ratio", "per word", "line feeds", FINEWEB),
    _ratio(
        "duplicate_line_ratio",
        "of lines",
        "lines that repeat an earlier one, outer blanks left out; the first is not counted",
        GOPHER,
    ),
    _ratio(
        "duplicate_line_character_ratio",
        "of characters in lines",
        "characters of lines that repeat an earlier one, outer blanks left out",
        f"{GOPHER}; {FINEWEB}",
    ),
    _ratio(
        "duplicate_paragraph_ratio",
        "of paragraphs",
        "paragraphs that repeat an earlier one",
        GOPHER,
    ),
    _ratio(
        "duplicate_paragraph_character_ratio",
        "of characters in lines",
        "characters of paragraphs that repeat an earlier one",
        GOPHER,
    ),
    *_ngrams(),
    _ratio(
        "quality",
        "0 to 1",
        "mean of letter_word_ratio, sentence_end_line_ratio, 1 - duplicate_line_character_ratio and"
        " 1 - (hash_ratio + ellipsis_ratio), each within 0 and 1: it only orders near-duplicates",
    ),
    *EDITS,
)
"""Every number that is measured, in the order of the columns."""

MEASURED: Final = pa.schema(
    [
        pa.field("language", pa.string(), nullable=False),
        pa.field("language_score", pa.float32(), nullable=False),
        *(pa.field(one.name, one.kind, nullable=False) for one in DEFINITIONS),
    ]
)
"""What is measured on a text, whoever's it is."""

SIGNALS: Final = pa.schema(
    [
        pa.field("record_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        *MEASURED,
    ]
)
"""signals/: one row per record given to the stage. No signal can be null: a null would compare to
nothing, and its record would slip through every rule."""


MODEL_QUALITY: Final = pa.field("model_quality", pa.float64(), nullable=False)
"""The score of `clean.quality_model`, 0 to 1: a signal of recipes that have one."""
OWN_PREFIX: Final = "own_"
"""What the columns of `clean.own_signals` begin with, so that no name is taken twice."""


def own_fields(recipe: CleanRecipe) -> list[pa.Field]:
    """Name the signals that a recipe has beside the usual ones, in the order of their columns."""
    model = [] if recipe.quality_model is None else [MODEL_QUALITY]
    own = [
        pa.field(OWN_PREFIX + name, pa.float64(), nullable=False)
        for name in sorted(recipe.own_signals)
    ]
    return model + own


def measure(
    texts: pa.Array | pa.ChunkedArray,
    lost: Mapping[str, NDArray[np.float64]] | None = None,
    model: QualityModel = NO_MODEL,
) -> pa.Table:
    """Measure all signals of every text, own ones apart.

    Args:
        texts: Texts as they are kept, without nulls.
        lost: float64 (texts,) by signal, for those of EDITS; None: nothing was taken out.
        model: The quality model.

    Returns:
        MEASURED, one row per text; with a model, MODEL_QUALITY follows.

    Raises:
        SchemaMismatch: As `pipeline.buffers.text_buffers`.
    """
    buffers = text_buffers(texts)
    languages = identify(buffers)
    tables = unicode_tables()
    rows, (_, words) = stop_rows(languages.labels), stop_table()
    numbers, scores = kernels.measure(
        *buffers, tables.classes, tables.folds, rows, words, model.weights, model.bias
    )
    columns = dict(zip(COLUMNS, numbers.T, strict=True))
    columns["quality"] = _quality(columns)
    columns |= lost or {one.name: np.zeros(len(numbers)) for one in EDITS}
    arrays = [pa.array(columns[one.name]).cast(one.kind) for one in DEFINITIONS]
    table = pa.table([languages.labels, pa.array(languages.scores), *arrays], schema=MEASURED)
    return table.append_column(MODEL_QUALITY, pa.array(scores)) if len(model.weights) else table


def _quality(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    parts = (
        columns["letter_word_ratio"],
        columns["sentence_end_line_ratio"],
        1 - columns["duplicate_line_character_ratio"],
        1 - np.minimum(columns["hash_ratio"] + columns["ellipsis_ratio"], 1),
    )
    quality: NDArray[np.float64] = np.where(columns["lines"] > 0, sum(parts) / len(parts), 0.0)
    return quality
