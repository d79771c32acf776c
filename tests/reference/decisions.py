"""What is kept of a text and why it is dropped, slowly and obviously: the twin of edits and rules.

Languages are told by a library in either case, and personal data is left alone.
"""

from typing import Any

from pipeline.clean.lines.columns import COLUMNS, LINE_WORDS, REMOVED_LINE_WORDS
from pipeline.clean.recipe import CleanRecipe, Rules
from pipeline.clean.rules import RULES, UNSPACED_FROM
from pipeline.clean.stop_words import STOP_WORDS
from tests.reference.lines import edited
from tests.reference.normalise import normalised
from tests.reference.signals import signals

REASONS = {rule.setting: (rule.signal, rule.reason.value) for rule in RULES}


def cleaned(text: str, recipe: CleanRecipe) -> tuple[str, dict[str, float]]:
    """Edit a text; count what it lost."""
    kept, counts = edited(normalised(text, recipe.normalise), recipe.line_rules)
    if any(counts[:LINE_WORDS]):
        kept = normalised(kept, recipe.normalise)
    words = counts[LINE_WORDS]
    lost = {f"removed_{name}": float(n) for name, n in zip(COLUMNS, counts, strict=True)}
    lost["removed_word_ratio"] = counts[REMOVED_LINE_WORDS] / words if words else 0.0
    return kept, lost


def measured(text: str, lost: dict[str, float], language: str, score: float) -> dict[str, Any]:
    return {**signals(text, language), **lost, "language": language, "language_score": score}


def reasons(row: dict[str, Any], recipe: CleanRecipe) -> list[tuple[str, float, float | None]]:
    """List the rules that a record breaks: reason, value, threshold."""
    found: list[tuple[str, float, float | None]] = []
    if row["lines"] == 0:
        found.append(("empty", 0.0, None))
    for setting, limit in rules_for(row, recipe).model_dump().items():
        signal, reason = REASONS[setting]
        if limit is None or (signal == "stop_words" and row["language"] not in STOP_WORDS):
            continue
        value = float(row[signal])
        if value < limit if setting.startswith("min_") else value > limit:
            found.append((reason, value, float(limit)))
    return found


def rules_for(row: dict[str, Any], recipe: CleanRecipe) -> Rules:
    believed = row["language_score"] >= (recipe.min_language_score or 0)
    if believed and row["language"] in recipe.language_rules:
        return recipe.language_rules[row["language"]]
    return recipe.unspaced_rules if row["unspaced_ratio"] >= UNSPACED_FROM else recipe.rules
