import pyarrow as pa
import pytest
from hypothesis import given

from pipeline.buffers import text_buffers
from pipeline.clean.language import SAMPLE_BYTES, _samples, identify, language_code
from tests.pipeline.text.hostile_text import hostile_bytes

SENTENCES = {
    "en": "It was the best of times, it was the worst of times, and nobody knew which of the two.",
    "de": "Der Rabe sitzt auf dem Baum und schaut in den Garten, in dem die Kinder spielen.",
    "fr": "Longtemps, je me suis couché de bonne heure, et mes yeux se fermaient si vite.",
    "ru": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива.",
    "zh": "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？",
    "ja": "国境の長いトンネルを抜けると雪国であった。夜の底が白くなった。",
    "ko": "하늘을 우러러 한 점 부끄럼이 없기를, 잎새에 이는 바람에도 나는 괴로워했다.",
    "ar": "كان يا ما كان في قديم الزمان وسالف العصر والأوان ملك من ملوك الهند والصين.",
    "he": "בראשית ברא אלהים את השמים ואת הארץ והארץ היתה תהו ובהו וחשך על פני תהום",
}


def identified(*texts):
    found = identify(text_buffers(pa.array(texts, pa.large_string())))
    return list(zip(found.labels.to_pylist(), found.scores.tolist(), strict=True))


def test_sentences_are_told_apart():
    found = identified(*SENTENCES.values())
    assert [label for label, _ in found] == list(SENTENCES)
    assert all(score > 0.9 for _, score in found)


@pytest.mark.parametrize("text", ["", " \n", "12345 67.8", "… — !?", "🙂🙂🙂", "aaaa" * 5000])
def test_where_there_is_nothing_to_go_on_the_label_is_und_and_the_score_0(text):
    assert identified(text) == [("und", 0)]


@pytest.mark.parametrize(
    "poem", ["床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。", "浙江", "孤舟蓑笠翁"]
)
def test_chinese_of_either_script_is_zh_however_short(poem):
    assert identified(poem)[0][0] == "zh"


def test_a_guess_scores_at_most_half():
    label, score = identified("gelingt diese")[0]
    assert label != "und"
    assert score <= 0.5


def test_a_character_that_text_must_not_hold_does_not_hide_the_language():
    assert identified("\ufdd0\x01" + SENTENCES["de"])[0][0] == "de"


def test_only_a_bounded_sample_is_looked_at_and_no_character_is_cut():
    text = SENTENCES["zh"] * 3000
    (sample,) = _samples(text_buffers(pa.array([text], pa.large_string())))
    assert len(sample) <= 3 * SAMPLE_BYTES + 2
    assert set(sample.decode()) <= {*SENTENCES["zh"], "\n"}


def test_the_part_of_a_mixed_text_in_its_main_language_is_its_score():
    mixed = "\n".join([SENTENCES["en"]] * 3 + [SENTENCES["ru"]])
    label, score = identified(mixed)[0]
    assert label == "en"
    assert 0.5 < score < 0.9


@given(hostile_bytes)
def test_any_bytes_have_a_label_and_a_score(data):
    found = identify(text_buffers(pa.array([data], pa.large_binary())))
    assert found.labels[0].as_py().isalpha()
    assert 0 <= found.scores[0] <= 1


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("zh-Hant", "zh"),
        ("zh_CN", "zh"),
        ("EN", "en"),
        ("nb", "no"),
        ("iw", "he"),
        ("xx-Copt", "und"),
    ],
)
def test_tags_are_brought_to_one_form(tag, code):
    assert language_code(tag) == code
