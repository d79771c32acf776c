"""The tokenizer: byte-level BPE, learned from a sample of the training documents or given.

Every byte is in its alphabet and nothing is normalised, so nothing is unknown and
`decode(encode(text)) == text` for every text. For small encoders also one of words in lower case, for
small experiments one of characters.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from data_contracts.errors import RecipeInvalid
from data_contracts.fingerprint import fingerprint, sha256_of_file
from data_contracts.token_shards import END_OF_TEXT, Tokens, token_dtype
from pipeline.shard.recipe import ShardRecipe

PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[\p{Han}\p{Hiragana}\p{Katakana}]+"
    r"| ?[^\s\p{N}\p{P}\p{S}\p{Han}\p{Hiragana}\p{Katakana}]+"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""What merges stay inside of: GPT-2's pattern (Radford et al. 2019) with cl100k's treatment of
digits and line ends, combining marks kept with their letters, and Chinese and Japanese runs kept
apart from other letters, so that `Python编程` is not one word."""

WORD: Final = r"\w+|[^\w\s]"
"""A word, or a sign by itself, in a vocabulary of words."""

PIECE_CHARS: Final = 1 << 18
"""Text given to the encoder at a time: it takes some 110 bytes of memory per byte of text, and time
per byte grows with the length (0.36 s for 1 MB, 6.2 s for 11 MB in one piece)."""

_CUT: Final = re.compile(r"(?<=\S)(?= )|(?<=\n)(?=\S)")
"""Places where no match of `PATTERN` reaches across: a cut there changes no token."""

UNKNOWN: Final = "<|unknown|>"
"""Stands for words or characters that a vocabulary of such lacks."""

_MIN_FREQUENCY: Final = 2
_PROBE: Final = (
    f"Ünï a\u0301 漢字かな '\t\r\n 12345  \x00\u200d\U0001f3fd\U0010ffff x{END_OF_TEXT}\n"
)


def settings_fingerprint(recipe: ShardRecipe) -> str:
    """Fingerprint what decides the tokenizer, the documents apart: the lock's `settings`.

    Raises:
        RecipeInvalid: The recipe names a tokenizer that is not there.
    """
    if recipe.tokenizer is not None:
        try:
            return fingerprint({"given": sha256_of_file(recipe.tokenizer)})
        except OSError as error:
            raise _unusable(recipe, f"cannot be read ({error.strerror})") from error
    if recipe.vocabulary != "bpe":
        sizes = [recipe.vocabulary_size, recipe.tokenizer_sample_bytes]
        return fingerprint({recipe.vocabulary: sizes, "end_of_text": END_OF_TEXT})
    return fingerprint(
        {
            "pattern": PATTERN,
            "min_frequency": _MIN_FREQUENCY,
            "end_of_text": END_OF_TEXT,
            "vocabulary_size": recipe.vocabulary_size,
            "tokenizer_sample_bytes": recipe.tokenizer_sample_bytes,
        }
    )


def learned(texts: Iterable[str], recipe: ShardRecipe) -> Tokenizer:
    """Learn the tokenizer that a recipe wants. The order of the texts does not matter."""
    kinds = {"bpe": learn, "words": learn_words, "characters": learn_characters}
    return kinds[recipe.vocabulary](texts, recipe.vocabulary_size)


def learn(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Learn a tokenizer of byte-level pieces. The order of the texts does not matter.

    Args:
        texts: What to learn from.
        vocabulary_size: Entries wanted; fewer come out when no pair occurs twice any more.

    Returns:
        The tokenizer; `END_OF_TEXT` has id 0, the 256 bytes come next.
    """
    _threads_are_ours()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=_MIN_FREQUENCY,
        show_progress=False,
        special_tokens=[AddedToken(END_OF_TEXT, special=True, normalized=False)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator((piece for text in texts for piece in pieces(text)), trainer)
    return tokenizer


def learn_words(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Make a tokenizer whose entries are the most frequent words and signs. Order does not matter.

    Args:
        texts: What to learn from; read in lower case.
        vocabulary_size: Entries at most, `END_OF_TEXT` (id 0) and `UNKNOWN` (id 1) included.

    Returns:
        The tokenizer; the most frequent words come first. White space is no token.
    """
    _threads_are_ours()
    tokenizer = Tokenizer(models.WordLevel({UNKNOWN: 0}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), "removed", invert=True)
    special = [AddedToken(one, special=True, normalized=False) for one in (END_OF_TEXT, UNKNOWN)]
    trainer = trainers.WordLevelTrainer(
        vocab_size=vocabulary_size,
        min_frequency=_MIN_FREQUENCY,
        show_progress=False,
        special_tokens=special,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def learn_characters(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Make a tokenizer whose entries are the most frequent characters. Order does not matter.

    Args:
        texts: What to learn from.
        vocabulary_size: Entries at most, `END_OF_TEXT` (id 0) and `UNKNOWN` (id 1) included.

    Returns:
        The tokenizer; characters come by code point.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    ranked = sorted(counts, key=lambda character: (-counts[character], character))
    kept = sorted(ranked[: vocabulary_size - 2])
    entries = {entry: number for number, entry in enumerate([END_OF_TEXT, UNKNOWN, *kept])}
    tokenizer = Tokenizer(models.WordLevel(entries, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    special = [AddedToken(one, special=True, normalized=False) for one in (END_OF_TEXT, UNKNOWN)]
    tokenizer.add_special_tokens(special)
    return tokenizer


def given(recipe: ShardRecipe) -> str:
    """Read the tokenizer.json that the recipe names, and try it.

    Raises:
        RecipeInvalid: It cannot be read, has no `END_OF_TEXT`, or changes text.
    """
    assert recipe.tokenizer is not None, "only called for a recipe that names one"  # noqa: S101
    try:
        text = recipe.tokenizer.read_text(encoding="utf-8")
        tokenizer = Tokenizer.from_str(text)
    except OSError as error:
        raise _unusable(recipe, f"cannot be read ({error.strerror})") from error
    except Exception as error:  # the library raises bare Exception
        raise _unusable(recipe, f"is not a tokenizer.json ({error})") from error
    if tokenizer.token_to_id(END_OF_TEXT) is None:
        raise _unusable(recipe, f"has no token `{END_OF_TEXT}`")
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(_PROBE, add_special_tokens=False).ids
    if tokenizer.decode(ids, skip_special_tokens=False) != _PROBE:
        raise _unusable(recipe, "does not give every text back unchanged")
    return text


class Encoder:
    """Texts to token ids. Safe to use from several threads, which the encoding lets run."""

    def __init__(self, tokenizer_json: str) -> None:
        """Take a tokenizer as its JSON."""
        _threads_are_ours()
        self._tokenizer = Tokenizer.from_str(tokenizer_json)
        # Text that spells out the end mark must not become one (and is not saved in the JSON).
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._cuttable = _same_words(self._tokenizer)
        self.vocabulary_size = 1 + max(self._tokenizer.get_vocab().values())
        self.dtype = token_dtype(self.vocabulary_size)
        self._end = np.array([self._tokenizer.token_to_id(END_OF_TEXT)], self.dtype)

    def encode(self, texts: Iterable[str]) -> list[Tokens]:
        """Encode texts.

        Returns:
            For each text its ids with the end mark, of `dtype`.
        """
        parts: list[list[Tokens]] = []
        waiting: list[tuple[int, str]] = []
        chars = 0
        for number, text in enumerate(texts):
            parts.append([])
            for piece in pieces(text) if self._cuttable else (text,):
                waiting.append((number, piece))
                chars += len(piece)
                if chars >= PIECE_CHARS:
                    self._encode(waiting, parts)
                    waiting, chars = [], 0
        self._encode(waiting, parts)
        return [np.concatenate([*ids, self._end]) for ids in parts]

    def _encode(self, waiting: list[tuple[int, str]], parts: list[list[Tokens]]) -> None:
        encoded = self._tokenizer.encode_batch_fast(
            [piece for _, piece in waiting], add_special_tokens=False
        )
        for (number, _), encoding in zip(waiting, encoded, strict=True):
            parts[number].append(np.array(encoding.ids, self.dtype))


def pieces(text: str, size: int = PIECE_CHARS) -> Iterator[str]:
    """Cut a long text where that changes no token, so that pieces can be encoded one by one.

    Args:
        text: Any text.
        size: Characters after which the next possible cut is made; where there is none (one endless
            word), the piece is longer.
    """
    start = 0
    while len(text) - start > size:
        cut = _CUT.search(text, start + size)
        if cut is None:
            break
        yield text[start : cut.start()]
        start = cut.start()
    yield text[start:]


def sample(documents: Iterable[pa.RecordBatch], size: int) -> Iterator[str]:
    """Take the first texts of a shuffled split, up to a number of bytes; the last is cut there."""
    for batch in documents:
        for text in batch["text"]:
            data = text.as_buffer()
            if data.size >= size:
                yield data[:size].to_pybytes().decode(errors="ignore")
                return
            size -= data.size
            yield text.as_py()


def _pre_tokenizer() -> pre_tokenizers.Sequence:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _same_words(tokenizer: Tokenizer) -> bool:
    """Tell whether a tokenizer finds words as `learn`'s do: only then `pieces` may cut."""
    ours = Tokenizer(models.BPE())
    ours.pre_tokenizer = _pre_tokenizer()
    theirs = json.loads(tokenizer.to_str())
    added = [token["content"] for token in theirs["added_tokens"]]
    pattern = json.loads(ours.to_str())["pre_tokenizer"]
    return (
        theirs["normalizer"] is None
        and theirs["pre_tokenizer"] == pattern
        and added == [END_OF_TEXT]
    )


def _threads_are_ours() -> None:
    # Batches run in our threads. The library's own on top of them would ask for cores times cores,
    # and older versions warn at every later fork of the process. A setting made by the user stays.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _unusable(recipe: ShardRecipe, problem: str) -> RecipeInvalid:
    return RecipeInvalid(
        "recipe",
        "shard.tokenizer",
        f"{recipe.tokenizer} {problem}",
        "Name a byte-level tokenizer.json, or leave it out to learn one.",
    )
