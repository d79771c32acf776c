"""The tokenizer: lossless, deterministic, and Chinese-aware."""

import json
import os
import re
import string
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from data_contracts.errors import RecipeInvalid
from data_contracts.token_shards import END_OF_TEXT
from pipeline.shard import tokenizer
from pipeline.shard.recipe import ShardRecipe
from tests.reference.shard_inputs import some_records

TEXTS = [record.text for record in some_records(400)]
LEARNED = tokenizer.learn(TEXTS, 600).to_str(pretty=True)
ENCODER = tokenizer.Encoder(LEARNED)
READER = Tokenizer.from_str(LEARNED)
WORDS = tokenizer.learned(TEXTS, ShardRecipe(vocabulary="words", vocabulary_size=300)).to_str()

FRAGMENTS = [
    *" \n\r\t\u00a0\u3000\u2028\x00\x1c\x85\ufeff\u200d",
    *"aZé١३Ⅷ²漢かナ한ไก\u0301\u0e31\u3099。、!'-_#…\U0001f3fd\U0010ffff\ue000\ufffd",
    "'s",
    "'LL",
    "don't",
    "  ",
    "\r\n",
    END_OF_TEXT,
    "<|endof",
    "Ġ",
    "12345",
    " the",
]
HOSTILE = st.text(max_size=40) | st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)


def decode(ids: np.ndarray) -> str:
    return READER.decode(ids.tolist(), skip_special_tokens=False)


@given(texts=st.lists(HOSTILE, max_size=5))
@example(texts=[END_OF_TEXT])
def test_every_text_comes_back_unchanged_and_ends_with_the_end_mark(texts):
    encoded = ENCODER.encode(texts)
    assert [decode(ids[:-1]) for ids in encoded] == texts
    assert all(ids[-1] == 0 and 0 not in ids[:-1] for ids in encoded)


@given(text=HOSTILE, size=st.integers(1, 9))
@example(text="a \n b", size=1)
@example(text="x'\ns", size=1)
@example(text="!\r\n\n  y", size=1)
@example(text="a\n\x1cb", size=2)
def test_cutting_a_long_text_changes_no_token(text, size):
    cut = list(tokenizer.pieces(text, size))
    assert "".join(cut) == text
    # Not one text after another, as words are cached: by a tokenizer that sees all at once.
    expected = READER.pre_tokenizer.pre_tokenize_str(text)
    found = [word for piece in cut for word, _ in READER.pre_tokenizer.pre_tokenize_str(piece)]
    assert found == [word for word, _ in expected]


@given(text=st.text(string.ascii_letters + string.digits + " \n.,'<|>_-") | st.just(END_OF_TEXT))
def test_words_in_lower_case_are_entries_and_the_others_unknown(text):
    known = Tokenizer.from_str(WORDS).get_vocab()
    words = re.findall(tokenizer.WORD, text.lower())
    wanted = [known.get(word, known[tokenizer.UNKNOWN]) for word in words]
    assert tokenizer.Encoder(WORDS).encode([text])[0].tolist() == [*wanted, 0]


def test_the_most_frequent_words_are_kept():
    found = tokenizer.learn_words(["b B a, c\nb a d", "d, D"], 6).get_vocab()
    assert found == {END_OF_TEXT: 0, tokenizer.UNKNOWN: 1, "b": 2, "d": 3, ",": 4, "a": 5}


def test_a_long_text_is_cut_and_encoded_like_a_short_one():
    text = " ".join(f"word{number % 700}" for number in range(130_000))
    assert len(list(tokenizer.pieces(text))) == 4
    whole = Tokenizer.from_str(LEARNED).encode(text).ids
    assert ENCODER.encode([text, "x"])[0][:-1].tolist() == whole


def test_an_endless_word_stays_in_one_piece():
    text = "漢" * (tokenizer.PIECE_CHARS + 10)
    assert list(tokenizer.pieces(text)) == [text]
    assert decode(ENCODER.encode([text])[0][:-1]) == text


@given(order=st.permutations(range(30)))
def test_the_order_of_the_texts_does_not_matter(order):
    texts = TEXTS[:30]
    again = tokenizer.learn([texts[number] for number in order], 400)
    assert again.to_str() == tokenizer.learn(texts, 400).to_str()


def test_another_process_learns_the_same_bytes():
    program = (
        "from tests.pipeline.shard.test_tokenizer import LEARNED; import hashlib;"
        "print(hashlib.sha256(LEARNED.encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": ".", "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_ids_are_the_end_mark_then_the_bytes_then_merges():
    vocabulary = READER.get_vocab()
    assert vocabulary[END_OF_TEXT] == 0
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    assert {vocabulary[character] for character in alphabet} == set(range(1, 257))
    assert READER.get_vocab_size() == ENCODER.vocabulary_size == 600


def test_nothing_to_learn_from_gives_the_bytes_alone():
    bare = tokenizer.Encoder(tokenizer.learn([], 400).to_str())
    assert bare.vocabulary_size == 257
    assert len(bare.encode(["漢字"])[0]) == 7


def test_merges_stay_inside_words_and_scripts():
    words = [
        word for word, _ in READER.pre_tokenizer.pre_tokenize_str("Python编程 can't 12345,\n\n x")
    ]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    chinese = byte_level.pre_tokenize_str("编程")[0][0]
    assert words == ["Python", chinese, "Ġcan", "'t", "Ġ", "123", "45", ",ĊĊ", "Ġx"]


def test_transformers_reads_the_tokenizer(tmp_path):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "tokenizer.json").write_text(LEARNED, encoding="utf-8")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), eos_token=END_OF_TEXT
    )
    for text in TEXTS[:20]:
        assert fast(text)["input_ids"] == ENCODER.encode([text])[0][:-1].tolist()
        assert fast.decode(fast(text)["input_ids"]) == text
    assert fast.eos_token_id == 0


def test_the_sample_is_the_first_texts_up_to_its_size():
    batches = [pa.RecordBatch.from_pydict({"text": texts}) for texts in (["ab", "cd"], ["漢字"])]
    assert list(tokenizer.sample(batches, 100)) == ["ab", "cd", "漢字"]
    assert list(tokenizer.sample(batches, 3)) == ["ab", "c"]
    assert list(tokenizer.sample(batches, 8)) == ["ab", "cd", "漢"]


def test_settings_follow_what_decides_the_tokenizer_and_nothing_else(tmp_path):
    plain = tokenizer.settings_fingerprint(ShardRecipe())
    assert plain == tokenizer.settings_fingerprint(ShardRecipe(documents_shard_bytes=5))
    assert plain == tokenizer.settings_fingerprint(ShardRecipe(shuffle_seed=5))
    others = [ShardRecipe(vocabulary_size=300), ShardRecipe(tokenizer_sample_bytes=300)]
    others += [ShardRecipe(vocabulary="words"), ShardRecipe(vocabulary="characters")]
    for number, text in enumerate(["{}", "{ }"]):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        others.append(ShardRecipe(tokenizer=path))
    found = [tokenizer.settings_fingerprint(recipe) for recipe in others]
    assert len({plain, *found}) == 7
    (tmp_path / "copy.json").write_text("{}")
    copy = ShardRecipe(tokenizer=tmp_path / "copy.json")
    assert tokenizer.settings_fingerprint(copy) == found[4]


def recipe_for(path, text) -> ShardRecipe:
    path.write_text(text, encoding="utf-8")
    return ShardRecipe(tokenizer=path)


def test_a_given_tokenizer_is_taken_as_it_is(tmp_path):
    assert tokenizer.given(recipe_for(tmp_path / "t.json", LEARNED)) == LEARNED


def test_a_given_tokenizer_with_other_words_is_not_cut(tmp_path):
    other = Tokenizer.from_str(LEARNED)
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    recipe = recipe_for(tmp_path / "t.json", other.to_str())
    encoder = tokenizer.Encoder(tokenizer.given(recipe))
    text = "ab cd\n" * (tokenizer.PIECE_CHARS // 4)
    assert encoder.encode([text])[0][:-1].tolist() == other.encode(text).ids


def test_an_unusable_given_tokenizer_is_refused(tmp_path):
    lossy = Tokenizer.from_str(LEARNED)
    lossy.normalizer = normalizers.Lowercase()
    foreign = Tokenizer(models.BPE(json.loads(LEARNED)["model"]["vocab"], []))
    foreign.decoder = decoders.ByteLevel()
    renamed = LEARNED.replace(END_OF_TEXT, "<|end|>")
    for text, problem in [
        ("{}", "is not a tokenizer.json"),
        (renamed, "has no token"),
        (lossy.to_str(), "does not give every text back"),
        (foreign.to_str(), "does not give every text back"),
    ]:
        with pytest.raises(RecipeInvalid, match=problem):
            tokenizer.given(recipe_for(tmp_path / "t.json", text))
    with pytest.raises(RecipeInvalid, match="cannot be read"):
        tokenizer.settings_fingerprint(ShardRecipe(tokenizer=tmp_path / "missing.json"))


def test_tokenising_starts_no_threads_of_the_library_and_a_later_fork_gives_no_warning():
    program = (
        "from tests.pipeline.shard.test_tokenizer import ENCODER, TEXTS; import os;"
        "before = len(os.listdir('/proc/self/task'));"
        "ENCODER.encode(TEXTS);"
        "child = os.fork();"
        "os._exit(0) if child == 0 else os.waitpid(child, 0);"
        "print(len(ENCODER.encode(TEXTS)), len(os.listdir('/proc/self/task')) > before)"
    )
    environment = {key: value for key, value in os.environ.items() if "TOKENIZERS" not in key}
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": "."},
    )
    assert done.stdout == f"{len(TEXTS)} False\n"
    assert done.stderr == ""
