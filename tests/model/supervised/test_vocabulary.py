from model.supervised.recipe import VocabularyRecipe
from model.supervised.vocabulary import decode, encode, learn_vocabulary

TEXTS = ["Zwei Männer gehen die Straße entlang.", "Two men walk down the street."] * 20


def test_texts_come_back_and_the_first_word_is_a_token_like_any():
    tokenizer = learn_vocabulary(TEXTS, VocabularyRecipe(size=400))
    ids = encode(tokenizer, [*TEXTS[:2], "men Two ☃ <|endoftext|>"], 100)
    assert [decode(tokenizer, one.tolist()) for one in ids[:2]] == TEXTS[:2]
    assert decode(tokenizer, ids[2].tolist()) == "men Two ☃ <|endoftext|>"
    assert 0 not in ids[2]  # text that spells out the end mark does not become one
    assert set(ids[1][:2].tolist()) == set(ids[2][:2].tolist())


def test_lower_case_and_the_limit_of_tokens():
    tokenizer = learn_vocabulary(TEXTS, VocabularyRecipe(size=400, lowercase=True))
    (ids,) = encode(tokenizer, ["TWO Men"], 100)
    assert decode(tokenizer, ids.tolist()) == "two men"
    assert len(encode(tokenizer, TEXTS[:1], 3)[0]) == 3
