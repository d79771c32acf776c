"""From a record's raw text to the text that is measured and kept, and what it lost on the way."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.clean.lines.columns import COLUMNS, LINE_WORDS, REMOVED_LINE_WORDS
from pipeline.clean.lines.texts import edit_lines
from pipeline.clean.normalise.mojibake import repair
from pipeline.clean.normalise.texts import normalise
from pipeline.clean.recipe import CleanRecipe
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import redact


class Edited(NamedTuple):
    """Texts as they are kept, and counts of what was taken out."""

    texts: pa.Array
    """large_string."""
    counts: dict[str, NDArray[np.float64]]
    """float64 (texts,) by signal; see `pipeline.clean.signals.EDITS`."""


def edit(texts: pa.Array | pa.ChunkedArray, recipe: CleanRecipe) -> Edited:
    """Repair and normalise texts, take out lines and redact personal data.

    A text that loses a line is normalised again: blank lines may have come together.

    Args:
        texts: Raw texts, without nulls.
        recipe: What to do (`recipe.edits`).

    Returns:
        As many texts.

    Raises:
        SchemaMismatch: As `pipeline.buffers.text_buffers`.
    """
    repaired = np.zeros(len(texts), bool)
    if recipe.normalise.repair_mojibake:
        texts, repaired = repair(texts)
    normal = normalise(texts, recipe.normalise)
    kept, lost = edit_lines(normal, recipe.line_rules)
    taken = lost[:, :LINE_WORDS]
    counts: dict[str, NDArray[Any]] = {"repaired": repaired}
    counts |= {f"removed_{name}": column for name, column in zip(COLUMNS, taken.T, strict=False)}
    words = np.maximum(lost[:, LINE_WORDS], 1)
    counts["removed_repeated_lines"] = np.zeros(len(normal))
    counts["removed_word_ratio"] = lost[:, REMOVED_LINE_WORDS] / words
    changed = taken.any(axis=1)
    if changed.any():
        again = normalise(kept.filter(pa.array(changed)), recipe.normalise)
        kept = pc.replace_with_mask(kept, pa.array(changed), again)
    kept, found = redact(kept, recipe.pii.kinds("redact"))
    counts |= {f"pii_{kind}": column for kind, column in zip(KINDS, found.T, strict=True)}
    return Edited(kept, {name: column.astype(np.float64) for name, column in counts.items()})
