import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from model.chunks import cut, token_bytes, vocabulary_bytes
from model.pretrained import load_tokenizer
from tests.model.conftest import write_documents

LENGTHS = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=30), min_size=1, max_size=6)


@given(LENGTHS, st.integers(1, 100))
def test_chunks_hold_every_token_and_byte_once_in_order(lengths, chunk_bytes):
    documents = [np.array([*own, 0], np.int64) for own in lengths]
    chunks = cut(documents, chunk_bytes)
    assert chunks.text_bytes.min() > 0
    assert chunks.text_bytes.sum() == sum(map(sum, lengths))
    assert chunks.counts.sum() == len(chunks.text_bytes)
    tokens = np.concatenate(documents).astype(float)
    np.testing.assert_array_equal(chunks.sums(tokens), chunks.text_bytes)
    # Each symbol is a byte or an end mark; the end mark stands in its document's last chunk.
    symbols = np.ones(int(tokens.sum()) + len(documents))
    extra = chunks.symbol_sums(symbols) - chunks.text_bytes
    last = np.cumsum(chunks.counts) - 1
    assert extra[last].tolist() == [1] * len(documents)
    assert extra.sum() == len(documents)
    # A chunk ends with the token that its last byte lies in.
    for size, own in zip(chunks.text_bytes, chunks.sums(tokens), strict=True):
        assert size == own < chunk_bytes + 40


def test_a_byte_level_vocabulary_tells_the_bytes_of_its_tokens(version):
    tokenizer = load_tokenizer(version / "tokenizer.json")
    vocabulary = vocabulary_bytes(tokenizer)
    for text in [*write_documents(5, seed=6), "naïve 磨坊 🥖\n\n\t x"]:
        ids = np.array([*tokenizer.encode(text).ids, 0], np.int64)
        found = token_bytes(ids, len(text.encode()), vocabulary)
        assert found[-1] == 0
        pieces = [tokenizer.decode([number]).encode() for number in ids[:-1].tolist()]
        whole = [len(piece) for piece in pieces if b"\xef\xbf\xbd" not in piece]
        assert found[[b"\xef\xbf\xbd" not in piece for piece in pieces] + [False]].tolist() == whole


def test_another_kind_of_vocabulary_has_the_bytes_spread():
    tokenizer = Tokenizer(models.WordLevel({"ab": 0, "c": 1, "?": 2}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ids = np.array([*tokenizer.encode("ab c ?").ids, 2], np.int64)
    found = token_bytes(ids, 7, vocabulary_bytes(tokenizer))
    assert found.tolist() == [2, 2, 3, 0]
    assert found.sum() == pytest.approx(7)
