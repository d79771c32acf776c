"""What can be set for cleaning, and the published thresholds that the defaults come from.

Gopher: Rae et al. 2021, arXiv 2112.11446, section A.1 and table A1. FineWeb: Penedo et al. 2024,
arXiv 2406.17557, section 3.6. FineWeb-2: Penedo et al. 2025, arXiv 2506.20920, `configs/cmn_Hani.yml`.
Why a default differs from its source: DECISIONS.md beside this file.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from data_contracts.frozen import Frozen
from data_contracts.own_parts import OwnPart
from pipeline.clean.presets import PRESETS, UNSPACED_LANGUAGES, PresetName

Ratio = float | None
PiiAction = Literal["redact", "drop", "keep"]
OwnName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Normalise(Frozen):
    """How text is made uniform before anything is measured. What is kept is this text."""

    repair_mojibake: bool = True
    """Repair text that was decoded by the wrong table (`FÃ¼r` becomes `Für`, `donâ€™t` `don’t`)."""
    unicode_form: Literal["NFC", "NFKC"] | None = "NFC"
    """NFC joins letters and their accents, without loss. NFKC also rewrites what only looks alike
    (x² becomes x2, ½ becomes 1⁄2, full-width punctuation becomes ASCII): it changes meaning, so it
    is not the default."""
    line_ends: bool = True
    """Make every line end (CR, CR LF, form feed, U+0085, U+2028 …) one line feed."""
    control_characters: bool = True
    """Remove control characters other than tab and line ends."""
    invisible_characters: bool = True
    """Remove the byte order mark, zero-width space, word joiner and soft hyphen. The zero-width
    joiners that Persian, Indic scripts and emoji need stay."""
    trailing_blanks: bool = True
    """Remove blanks at line ends, and blank lines at both ends of the document."""
    max_blank_lines: int | None = Field(default=2, ge=0)
    """Blank lines in a row that are kept; null keeps all."""


class Pii(Frozen):
    """What is done about personal data and secrets, per kind.

    `redact` puts a mark such as `[EMAIL]` in its place, `drop` drops the record, `keep` leaves it.
    How many a record holds is a signal in any case; the values are never stored or shown.
    """

    email: PiiAction = "redact"
    """E-mail addresses."""
    phone: PiiAction = "keep"
    """Phone numbers: international with `+`, Chinese, North American. Only counted by default:
    most in public text are those of offices, and bare digits may be something else."""
    ip: PiiAction = "redact"
    """IPv4 and IPv6 addresses of the Internet; private and local ones are nobody's."""
    card: PiiAction = "redact"
    """Payment card numbers (issuer, length and Luhn's check digit)."""
    iban: PiiAction = "redact"
    """International bank account numbers (country, length and check digits)."""
    ssn: PiiAction = "redact"
    """US social security numbers written `123-45-6789`."""
    resident_id: PiiAction = "redact"
    """Chinese resident identity numbers (province, date and check digit)."""
    api_key: PiiAction = "redact"
    """Keys and tokens of well-known services."""
    private_key: PiiAction = "redact"
    """Private keys in PEM or PGP armour."""

    def kinds(self, action: PiiAction) -> tuple[str, ...]:
        """Name the kinds about which this is done."""
        return tuple(kind for kind, chosen in self.model_dump().items() if chosen == action)


class LineRules(Frozen):
    """Which lines are taken out before anything is measured; all are off by default.

    Meant for web pages. How many lines went for which rule is a signal of the record.
    """

    citations: bool = False
    """Cut out `[12]`, `[edit]` and `[citation needed]` (C4); the line stays."""
    max_word_length: int | None = Field(default=None, ge=1)
    """Longest run of characters between blanks; C4: 1000. A letter of a script without spaces ends
    a run."""
    sentence_end: bool = False
    """Keep only lines that end a sentence: with terminal punctuation of any script, closing quotes
    and brackets left out, or a straight quote; not with an ellipsis (C4)."""
    min_words: int | None = Field(default=None, ge=1)
    """Fewest words between blanks; C4: 5 (its paper: 3), RefinedWeb: 2. Letters of scripts without
    spaces are a word each."""
    javascript: bool = False
    """Take out lines that name JavaScript (C4)."""
    policy: bool = False
    """Take out lines with `terms of use`, `privacy policy`, `cookie policy`, `uses cookies`, `use of
    cookies` or `use cookies` (C4)."""
    max_uppercase_ratio: Ratio = Field(default=None, ge=0, le=1)
    """Largest part of a line's characters in upper case; RefinedWeb: 0.5."""
    numeric: bool = False
    """Take out lines of digits alone (RefinedWeb)."""
    counters: bool = False
    """Take out counters such as `3 likes` or `1.2K views` (RefinedWeb)."""
    max_documents: int | None = Field(default=None, ge=1)
    """Most documents of a source that a line may be in; a line of more goes from all of them. Outer
    blanks do not count, nor do exact copies of a document. Llama 3: 6 in 30 million documents."""

    @property
    def alone(self) -> "LineRules":
        """The rules that a line is judged by alone, whatever other records there are."""
        return self.model_copy(update={"max_documents": None})


class Rules(Frozen):
    """Thresholds for documents mostly in scripts with spaces; null switches a rule off.

    A record that breaks one is dropped with the rule's reason; all rules it breaks are recorded.
    """

    min_words: int | None = Field(default=50, ge=0)
    """Fewest words (Gopher)."""
    max_words: int | None = Field(default=None, ge=1)
    """Most words. Gopher's 100,000 is meant for web pages; it would drop whole books."""
    min_sentences: int | None = Field(default=None, ge=0)
    """Fewest sentences. C4: 3 (its paper, FineWeb: 5), after its line rules."""
    min_mean_word_length: float | None = Field(default=3, ge=0)
    """Shortest mean length of spaced words, in characters (Gopher)."""
    max_mean_word_length: float | None = Field(default=10, ge=0)
    """Longest mean length of spaced words, in characters (Gopher)."""
    max_hash_ratio: Ratio = Field(default=0.1, ge=0)
    """Most `#` per word (Gopher)."""
    max_ellipsis_ratio: Ratio = Field(default=0.1, ge=0)
    """Most ellipses per word (Gopher)."""
    max_digit_ratio: Ratio = Field(default=0.3, ge=0, le=1)
    """Largest part of the visible characters that are decimal digits. No paper gives one: tables of
    numbers are over it, prose is under 0.05."""
    min_letter_word_ratio: Ratio = Field(default=0.8, ge=0, le=1)
    """Smallest part of the words that hold a letter (Gopher)."""
    min_stop_words: int | None = Field(default=2, ge=0)
    """Fewest different stop words of the record's language (Gopher); a language without a list is
    not judged."""
    max_bullet_line_ratio: Ratio = Field(default=0.9, ge=0, le=1)
    """Largest part of the lines that start with a bullet (Gopher)."""
    max_ellipsis_line_ratio: Ratio = Field(default=0.3, ge=0, le=1)
    """Largest part of the lines that end with an ellipsis (Gopher)."""
    max_short_line_ratio: Ratio = Field(default=None, ge=0, le=1)
    """Largest part of the lines of at most 30 characters. FineWeb: 0.67, for web pages; verse and
    reference manuals are over it."""
    min_sentence_end_line_ratio: Ratio = Field(default=None, ge=0, le=1)
    """Smallest part of the lines that end with terminal punctuation. FineWeb: 0.12, for pages whose
    lines are paragraphs; text wrapped at a width is under it."""
    max_line_break_ratio: Ratio = Field(default=None, ge=0)
    """Most line breaks per word. FineWeb: 0.3, for web pages."""
    max_removed_word_ratio: Ratio = Field(default=None, ge=0, le=1)
    """Largest part of the words that line rules may take out. RefinedWeb: 0.05."""
    max_curly_brackets: int | None = Field(default=None, ge=0)
    """Most opening curly brackets. C4: 0, for pages without code."""
    max_lorem_ipsum: int | None = Field(default=None, ge=0)
    """Most occurrences of `lorem ipsum`, in any case. C4: 0."""
    max_duplicate_line_ratio: Ratio = Field(default=0.3, ge=0, le=1)
    """Largest part of the lines that repeat an earlier one (Gopher)."""
    max_duplicate_line_character_ratio: Ratio = Field(default=0.2, ge=0, le=1)
    """Largest part of the characters in lines that repeat an earlier one (Gopher; FineWeb: 0.01)."""
    max_duplicate_paragraph_ratio: Ratio = Field(default=0.3, ge=0, le=1)
    """Largest part of the paragraphs that repeat an earlier one (Gopher)."""
    max_duplicate_paragraph_character_ratio: Ratio = Field(default=0.2, ge=0, le=1)
    """Largest part of the characters in paragraphs that repeat an earlier one (Gopher)."""
    max_top_2gram_ratio: Ratio = Field(default=0.2, ge=0)
    """Largest part of the characters in the most frequent pair of words (Gopher)."""
    max_top_3gram_ratio: Ratio = Field(default=0.18, ge=0)
    """The same for three words (Gopher)."""
    max_top_4gram_ratio: Ratio = Field(default=0.16, ge=0)
    """The same for four words (Gopher)."""
    max_duplicate_5gram_ratio: Ratio = Field(default=0.15, ge=0, le=1)
    """Largest part of the characters in runs of five words that occurred before (Gopher)."""
    max_duplicate_6gram_ratio: Ratio = Field(default=0.14, ge=0, le=1)
    """The same for six words (Gopher)."""
    max_duplicate_7gram_ratio: Ratio = Field(default=0.13, ge=0, le=1)
    """The same for seven words (Gopher)."""
    max_duplicate_8gram_ratio: Ratio = Field(default=0.12, ge=0, le=1)
    """The same for eight words (Gopher)."""
    max_duplicate_9gram_ratio: Ratio = Field(default=0.11, ge=0, le=1)
    """The same for nine words (Gopher)."""
    max_duplicate_10gram_ratio: Ratio = Field(default=0.1, ge=0, le=1)
    """The same for ten words (Gopher)."""
    min_quality: Ratio = Field(default=None, ge=0, le=1)
    """Smallest score of `quality_model`, 0 to 1; needs one."""


class UnspacedRules(Rules):
    """Thresholds for documents mostly in scripts without spaces (Chinese, Japanese, Thai …).

    A word is a single character there, so rules on word length do not apply and runs of words are
    shorter than their English namesakes: FineWeb-2's Chinese thresholds are for words of about 1.6
    characters.
    """

    min_words: int | None = Field(default=16, ge=0)
    """Fewest characters of the script: a poem of four lines of four characters passes."""
    min_mean_word_length: float | None = Field(default=None, ge=0)
    """Shortest mean length of the spaced words in the document."""
    max_mean_word_length: float | None = Field(default=None, ge=0)
    """Longest mean length of the spaced words in the document."""
    min_letter_word_ratio: Ratio = Field(default=0.735, ge=0, le=1)
    """Smallest part of the words that hold a letter (FineWeb-2)."""
    min_stop_words: int | None = Field(default=None, ge=0)
    """Fewest different stop words; off, as classical Chinese has other ones than modern prose."""
    max_duplicate_line_ratio: Ratio = Field(default=0.287, ge=0, le=1)
    """Largest part of the lines that repeat an earlier one (FineWeb-2)."""
    max_top_2gram_ratio: Ratio = Field(default=None, ge=0)
    """Largest part of the characters in the most frequent pair of characters."""
    max_top_3gram_ratio: Ratio = Field(default=0.256, ge=0)
    """The same for three characters (FineWeb-2's for two words)."""
    max_top_4gram_ratio: Ratio = Field(default=0.256, ge=0)
    """The same for four characters (FineWeb-2's for two words)."""
    max_duplicate_5gram_ratio: Ratio = Field(default=None, ge=0, le=1)
    """Largest part of the characters in runs of five characters that occurred before."""
    max_duplicate_6gram_ratio: Ratio = Field(default=None, ge=0, le=1)
    """The same for six characters."""
    max_duplicate_7gram_ratio: Ratio = Field(default=None, ge=0, le=1)
    """The same for seven characters."""
    max_duplicate_8gram_ratio: Ratio = Field(default=0.198, ge=0, le=1)
    """The same for eight characters (FineWeb-2's for five words)."""
    max_duplicate_9gram_ratio: Ratio = Field(default=0.198, ge=0, le=1)
    """The same for nine characters (FineWeb-2's for five words)."""
    max_duplicate_10gram_ratio: Ratio = Field(default=0.182, ge=0, le=1)
    """The same for ten characters (FineWeb-2's for six words)."""


class OwnSignal(Frozen):
    """A number that a function of one's own measures on every text, and limits for it."""

    function: OwnPart
    """`module:function` beside the recipe: `def …(texts: pyarrow.Array) -> pyarrow.Array`, a number
    for each text as it is kept, none of them null or infinite."""
    min: float | None = None
    """Smallest value of a record that is kept; null: no limit."""
    max: float | None = None
    """Largest value of a record that is kept; null: no limit."""


class CleanRecipe(Frozen):
    """Which text is kept, and in what form.

    A preset decides what is not set; what is set counts, whatever the preset. A recipe that is read
    back is complete: it names every threshold.
    """

    preset: PresetName = "default"
    """Published rules to begin with: `gopher`, `c4`, `fineweb`, `fineweb2` (with its own thresholds
    for zh, yue, ja and ko), `none` (no rule at all), or `default`, made for mixed sources of books,
    manuals and pages."""
    normalise: Normalise = Normalise()
    """How text is made uniform. Measurements are stored per record for these settings."""
    line_rules: LineRules = LineRules()
    """Which lines are taken out. Measurements are stored per record for these settings."""
    pii: Pii = Pii()
    """What is done about personal data. Measurements are stored per record for what is redacted."""
    languages: tuple[str, ...] | None = None
    """Languages to keep (ISO 639-1 codes such as `en`, `zh`); null keeps all."""
    min_language_score: float | None = Field(default=0.5, ge=0, le=1)
    """Score from which a measured language is believed. Below it a record has the language that its
    source declares; where none is declared and `languages` is set, it is dropped."""
    rules: Rules = Rules()
    """Thresholds for documents mostly in scripts with spaces."""
    unspaced_rules: UnspacedRules = UnspacedRules()
    """Thresholds for documents mostly in scripts without spaces."""
    language_rules: dict[str, Rules] = Field(default_factory=dict)
    """Thresholds for documents of a language, in place of the two above (ISO 639-1 codes). What is
    not set for a language is as in the preset, or in the rules for its script."""

    quality_model: str | None = Field(default=None, min_length=1)
    """File of a model made by `mill train-quality`. Its score is the signal `model_quality`, which
    `rules.min_quality` looks at and which orders near-duplicates."""
    own_signals: dict[OwnName, OwnSignal] = Field(default_factory=dict)
    """Signals of one's own; `own_NAME` in signals/."""
    own_rules: dict[OwnName, OwnPart] = Field(default_factory=dict)
    """Rules of one's own: `def …(signals: pyarrow.Table) -> pyarrow.Array`, a boolean for each record
    by its signals, true to drop it."""

    @property
    def edits(self) -> list[object]:
        """What decides a record's text, as opposed to what is measured on it, and to its fate."""
        return [self.normalise, self.line_rules, self.pii.kinds("redact")]

    @property
    def edits_alone(self) -> list[object]:
        """Those of `edits` that a record's text alone decides on: what is reused by content_id."""
        return [self.normalise, self.line_rules.alone, self.pii.kinds("redact")]

    @property
    def measures(self) -> list[object]:
        """What decides which signals there are, beside those that every recipe has."""
        return [self.quality_model, {name: one.function for name, one in self.own_signals.items()}]

    @model_validator(mode="after")
    def _quality_can_be_told(self) -> Self:
        every = [self.rules, self.unspaced_rules, *self.language_rules.values()]
        if self.quality_model is None and any(one.min_quality is not None for one in every):
            msg = "`min_quality` needs a `quality_model`; make one by `mill train-quality`"
            raise ValueError(msg)
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        """Write out the thresholds of the preset where none are given."""
        if not isinstance(given, Mapping) or given.get("preset", "default") not in _PRESET_NAMES:
            return given  # the fields' own checks say what is wrong
        filled = dict(given)
        preset = PRESETS.get(given.get("preset", "default"))
        off = dict.fromkeys(Rules.model_fields)
        if preset is not None:
            filled["rules"] = _over({**off, **preset.rules}, given.get("rules"))
            filled["unspaced_rules"] = _over(
                {**off, **preset.unspaced_rules}, given.get("unspaced_rules")
            )
            filled["line_rules"] = _over(preset.line_rules, given.get("line_rules"))
        published = preset.language_rules if preset else {}
        languages = given.get("language_rules") or {}
        if isinstance(languages, Mapping) and (published or languages):
            filled["language_rules"] = {
                one: _over(
                    {**off, **published[one]} if one in published else _of_script(one, filled),
                    languages.get(one),
                )
                for one in dict.fromkeys([*published, *languages])
            }
        return filled

    @field_validator("languages", "language_rules")
    @classmethod
    def _are_language_codes(cls, languages: Any) -> Any:
        for one in languages or ():
            if not (2 <= len(one) <= 3 and one.isascii() and one.isalpha() and one.islower()):
                msg = f"`{one}` is not a language code such as `en` or `zh`"
                raise ValueError(msg)
        return languages


_PRESET_NAMES = ("default", *PRESETS)


def _over(base: Mapping[str, Any], given: Any) -> Any:
    """Lay what is given explicitly over a base; what is no section at all is left for Pydantic."""
    if isinstance(given, Frozen):
        given = given.model_dump(include=given.model_fields_set)
    if given is None:
        return dict(base)
    return {**base, **given} if isinstance(given, Mapping) else given


def _of_script(language: str, filled: Mapping[str, Any]) -> dict[str, Any]:
    """Give the thresholds that a language would have without any of its own."""
    unspaced = language in UNSPACED_LANGUAGES
    model, section = (UnspacedRules, "unspaced_rules") if unspaced else (Rules, "rules")
    given = _over({}, filled.get(section))
    return {**model().model_dump(), **(given if isinstance(given, Mapping) else {})}
