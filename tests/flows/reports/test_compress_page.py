from flows.reports.compress_page import render_compressed
from model.compress.stage import Compressed, CompressResult
from tests.flows.reports.hostile_corpus import HOSTILE
from tests.flows.reports.page_structure import Structure, hidden_characters


def model(name, method, bits, megabytes, speed, *, front=True, tasks=("blimp",)):
    def around(value, room):
        return {"value": value, "low": value - room, "high": value + room}

    return Compressed(
        name=name, method=method, parameters=27_000_000, model_bytes=int(megabytes * 1e6),
        tokens_per_second=speed, bits_per_byte=around(bits, 0.03),
        difference=around(bits - 2.1, 0.002), accuracy=dict.fromkeys(tasks, 0.61),
        training_seconds=0.0 if method == "none" else 120.0, on_front=front,
    )  # fmt: skip


def result(name="/models/m", tasks=("blimp",)):
    return CompressResult(
        model=name, dataset=name, speed_rows=8, speed_tokens=256,
        models=(
            model("original", "none", 2.1, 109.6, 1570, tasks=tasks),
            model("int8", "int8", 2.102, 33.8, 3900, tasks=tasks),
            model("prune", "prune", 2.2, 88, 1900, front=False, tasks=tasks),
            model("distil", "distil", 2.16, 54, 3000, front=False, tasks=tasks),
        ),
    )  # fmt: skip


def test_every_model_stands_with_its_figures():
    page = render_compressed(result())
    text = Structure(page).text()
    for words in (["original", "int8"][1], "2.1020", "+0.0020 -0.0000 to +0.0040", "3,900"):
        assert words in text
    assert "together: original and int8." in text
    assert "another one there: prune and distil." in text
    assert "8 texts of 256 tokens" in text
    assert Structure(page).problems == []


def test_hostile_names_add_no_element():
    tame, hostile = render_compressed(result()), render_compressed(result(HOSTILE, (HOSTILE,)))
    assert Structure(tame).tags() == Structure(hostile).tags()
    assert hidden_characters(hostile) == []


def test_equal_results_give_equal_bytes():
    assert render_compressed(result()) == render_compressed(result())
