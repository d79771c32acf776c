import pyarrow as pa

from pipeline.clean.stop_words import STOP_WORDS, stop_rows, stop_table
from tests.reference.words import tokens


def test_every_word_is_one_token_and_lies_in_its_languages_row():
    languages, table = stop_table()
    for row, language in enumerate(languages):
        words = STOP_WORDS[language].split()
        found = tokens(STOP_WORDS[language])
        assert [one.text for one in found] == words
        assert set(table[row].tolist()) - {0} == {one.hash for one in found}


def test_english_has_gophers_eight():
    assert set(STOP_WORDS["en"].split()) == {"the", "be", "to", "of", "and", "that", "have", "with"}


def test_a_language_without_a_list_gets_the_empty_row():
    languages, table = stop_table()
    rows = stop_rows(pa.array(["tlh", "en", "und"]))
    assert rows.tolist() == [len(languages), languages.index("en"), len(languages)]
    assert not table[len(languages)].any()
    assert stop_rows(pa.array([], pa.string())).tolist() == []
