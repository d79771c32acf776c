import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.clean.edits import edit
from pipeline.clean.normalise import kernels
from pipeline.clean.normalise.mojibake import TABLES, _bytes_of_points, repair
from pipeline.clean.recipe import CleanRecipe
from tests.pipeline.text.hostile_text import hostile_bytes, texts
from tests.reference.mojibake import may_be_mojibake
from tests.reference.plain_kernels import plain_kernels

PLAIN = plain_kernels("pipeline.clean.normalise.kernels")
GOOD = [
    "Für Menschen gefährlich werden kann der Fuchsbandwurm.",
    "L’été s’achève à Paris, où le cœur hésite…",
    "Он сказал: «слово» — и ушёл.",
    "Çünkü onun onurlu duruşu, eğitime hizmet aşkı",
    "床前明月光，疑是地上霜。",
    "がデータ、テスト。",
    "ภาษาไทย",
    "naïve façade — 5 £, 10 €, 20 °C, ½ ©",
    "Ελληνικά κείμενα",
    "Âge, Êtes, ÎLE, ÔTER, Ã",
    "plain ASCII",
    "",
]
damaged = st.tuples(st.sampled_from(GOOD), st.sampled_from([*TABLES, "latin-1"])).map(
    lambda pair: pair[0].encode().decode(pair[1], "replace")
)


def repaired(text):
    return repair(pa.array([text], pa.large_string())).texts[0].as_py()


@pytest.mark.parametrize("text", GOOD)
def test_good_text_is_left_alone_and_without_a_copy(text):
    column = pa.array([text], pa.large_string())
    assert repair(column).texts is column


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("FÃ¼r Menschen gefÃ¤hrlich", "Für Menschen gefährlich"),
        ("gâ€™Omuzungu eyatwala", "g’Omuzungu eyatwala"),
        ("HereÃ¢Â\x80Â\x99s the thing", "Here’s the thing"),
        ("aÃ«rial roots", "aërial roots"),
        ("РџСЂРёРІРµС‚, РјРёСЂ", "Привет, мир"),
        ("床前明月光".encode().decode("latin-1"), "床前明月光"),
        ("\x94Hoppande gener\x94 från", "”Hoppande gener” från"),
    ],
)
def test_text_read_by_the_wrong_table_is_read_by_the_right_one(wrong, right):
    assert repaired(wrong) == right


def test_repair_is_a_signal_and_can_be_off():
    texts = pa.array(["aÃ«rial roots", "aerial roots"])
    kept, lost = edit(texts, CleanRecipe())
    assert kept.to_pylist() == ["aërial roots", "aerial roots"]
    assert lost["repaired"].tolist() == [1, 0]
    off = CleanRecipe.model_validate({"normalise": {"repair_mojibake": False}})
    kept, lost = edit(texts, off)
    assert kept.to_pylist() == texts.to_pylist()
    assert not lost["repaired"].any()


@given(st.lists(st.one_of(texts, damaged, st.text("Ãâ€™é©Р°\x92\x85а", max_size=8)), max_size=5))
def test_what_is_asked_about_is_what_the_slow_twin_finds(documents):
    column = pa.array(["é", *documents, "Ã©"], pa.large_string())[1:-1]
    found = kernels.may_be_mojibake(*text_buffers(column), _bytes_of_points())
    assert found.tolist() == [may_be_mojibake(text) for text in documents]


@given(st.lists(hostile_bytes, max_size=4))
def test_any_bytes_are_looked_at_safely_and_alike_without_compiling(documents):
    buffers = text_buffers(pa.array([b"ab", *documents], pa.large_binary())[1:])
    compiled = kernels.may_be_mojibake(*buffers, _bytes_of_points())
    assert np.array_equal(compiled, PLAIN.may_be_mojibake(*buffers, _bytes_of_points()))


@given(st.lists(st.one_of(texts, damaged), max_size=4), st.data())
def test_slices_and_chunks_change_nothing(documents, data):
    column = pa.array(["Ã©x", *documents, "y"], pa.large_string())
    whole = repair(column[1:-1])
    cut = data.draw(st.integers(0, len(documents)))
    chunks = pa.chunked_array([column[1 : 1 + cut], column[1 + cut : -1]])
    again = repair(chunks)
    assert again.texts.to_pylist() == whole.texts.to_pylist()
    assert (again.changed == whole.changed).all()
