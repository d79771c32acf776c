"""Documents cut into chunks of about a kilobyte: the lowest level that the bootstrap draws from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from model.scoring import TokenIds


@dataclass(frozen=True)
class Chunks:
    """Stretches of documents, cut between tokens; every document has one or more."""

    counts: NDArray[np.int64]
    """(documents,): chunks of each."""
    text_bytes: NDArray[np.int64]
    """(chunks,): UTF-8 bytes of each."""
    first_token: NDArray[np.int64]
    """(chunks,): where each begins among the tokens of all documents."""
    first_symbol: NDArray[np.int64]
    """(chunks,): where each begins among the bytes of all documents, an end mark after each."""

    def sums(self, per_token: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum values of tokens within each chunk."""
        return _sums(per_token, self.first_token)

    def symbol_sums(self, per_symbol: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum values of bytes (and end marks) within each chunk."""
        return _sums(per_symbol, self.first_symbol)


def _sums(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    if not len(starts):
        return np.empty(0)
    sums: NDArray[np.float64] = np.add.reduceat(values, starts)
    return sums


def cut(lengths: list[NDArray[np.int64]], chunk_bytes: int) -> Chunks:
    """Cut documents: a token belongs to the chunk that its first byte lies in.

    Args:
        lengths: UTF-8 bytes of the tokens of each document, int64 (tokens,); the last one is the end
            mark, of no bytes.
        chunk_bytes: Bytes of a chunk, about.
    """
    counts, sizes, tokens, symbols = [], [], [], []
    token = symbol = 0
    for own in lengths:
        ends = np.cumsum(own)
        number = (ends - own) // chunk_bytes
        number[-1] = number[-2] if len(own) > 1 else 0
        starts = np.flatnonzero(np.diff(number, prepend=-1))
        counts.append(len(starts))
        sizes.append(np.add.reduceat(own, starts))
        tokens.append(starts + token)
        symbols.append((ends - own)[starts] + symbol)
        token += len(own)
        symbol += int(ends[-1]) + 1
    together = [np.concatenate([np.empty(0, np.int64), *x]) for x in (sizes, tokens, symbols)]
    return Chunks(np.array(counts, np.int64), *together)


def vocabulary_bytes(tokenizer: Tokenizer) -> NDArray[np.int64]:
    """Count the bytes that each token of a byte-level vocabulary stands for, int64 (entries,).

    Such a vocabulary writes every byte as one character; special tokens stand for no text.
    """
    lengths = np.zeros(tokenizer.get_vocab_size(), np.int64)
    for text, number in tokenizer.get_vocab().items():
        lengths[number] = len(text)
    for number, token in tokenizer.get_added_tokens_decoder().items():
        if token.special:
            lengths[number] = 0
    return lengths


def token_bytes(
    tokens: TokenIds, text_bytes: int, vocabulary: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the UTF-8 bytes of a document's tokens; its end mark has none.

    Where the vocabulary is not byte-level, so that its bytes are not those of the text, the text's
    bytes are spread evenly.

    Args:
        tokens: The document's tokens, the last one its end mark.
        text_bytes: UTF-8 bytes of the document.
        vocabulary: As `vocabulary_bytes`.
    """
    lengths = vocabulary[tokens]
    lengths[-1] = 0
    if lengths.sum() != text_bytes:
        edges = np.arange(len(tokens), dtype=np.int64) * text_bytes // max(len(tokens) - 1, 1)
        lengths = np.append(np.diff(edges), 0)
    return lengths
