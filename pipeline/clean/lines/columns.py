"""What the line-editing kernel counts: names, and their numbers for the kernel."""

from typing import Final

COLUMNS: Final = (
    "long_word_lines",
    "unfinished_lines",
    "scanty_lines",
    "javascript_lines",
    "policy_lines",
    "uppercase_lines",
    "numeric_lines",
    "counter_lines",
    "citations",
    "line_words",
    "removed_line_words",
)
"""What `pipeline.clean.lines.kernels.edit_lines` counts, in order: lines taken out, each under the
first rule that it breaks in this order; citations cut out; words before, and words of lines taken
out."""

(
    LONG_WORD,
    UNFINISHED,
    SCANTY,
    JAVASCRIPT,
    POLICY,
    UPPERCASE,
    NUMERIC,
    COUNTER,
    CITATIONS,
    LINE_WORDS,
    REMOVED_LINE_WORDS,
) = range(len(COLUMNS))

KEPT: Final = -1

UPPER_KIND: Final = 1
"""Kind of a character: upper case (`str.isupper`)."""
DIGIT_KIND: Final = 2
"""Kind of a character: a digit (`str.isdigit`)."""
WORD_KIND: Final = 4
"""Kind of a character: a letter, a number or the low line (`\\w`)."""
BLANK_KIND: Final = 8
"""Kind of a character: white space."""
