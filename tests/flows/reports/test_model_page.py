import itertools
import re

import pytest

from data_contracts.results import Sample
from flows.reports.model_page import render_model
from flows.reports.model_report import CURVE_POINTS, gather_model, loss_curves
from model.metrics import METRICS_FILE
from tests.flows.reports.page_structure import Structure, hidden_characters


@pytest.fixture(scope="module")
def report(model):
    return gather_model(model.folder, model.manifest, model.trained, model.evaluated)


@pytest.fixture(scope="module")
def page(report):
    return render_model(report)


def test_the_model_stands_beside_every_baseline_on_every_split(report):
    assert [[one.name for one in score.predictors] for score in report.scores] == [
        ["model", "trigram", "unigram"],
        ["model", "trigram", "unigram"],
    ]


def test_figures_and_intervals_are_shown(page, model):
    text = Structure(page).text()
    for one in model.evaluated.figures:
        assert f"{one.bits_per_byte.value:.3f}" in text
        assert f"{one.bits_per_byte.low:.3f} to {one.bits_per_byte.high:.3f}" in text
    for name in model.evaluated.sources:
        assert name in text


def test_tasks_are_shown_with_their_groups_and_left_out_where_there_are_none(page, report):
    text = Structure(page).text()
    assert "0.612" in text
    assert "1,340 of 67,000" in text
    assert text.index("0.32") < text.index("0.81")  # the worst group first
    evaluated = report.evaluated.model_copy(update={"tasks": ()})
    without = render_model(report.model_copy(update={"evaluated": evaluated}))
    assert 'href="#tasks"' in page
    assert "tasks" not in without


def test_evidence_is_shown_beside_held_out_text_and_left_out_where_there_is_none(page, report):
    text = Structure(page).text()
    for words in (
        "0.020 0.006 to 0.070",
        "0.000 0.000 to 0.037",
        "+0.110 bits per byte (95% interval +0.040 to +0.180)",
        "0.031",
    ):
        assert words in text
    nothing = {"positions": (), "calibration": None, "memorisation": None}
    evaluated = report.evaluated.model_copy(update=nothing)
    without = render_model(report.model_copy(update={"evaluated": evaluated}))
    for anchor in ("context", "calibration", "memory"):
        assert f'href="#{anchor}"' in page
        assert f'id="{anchor}"' not in without
        assert f'href="#{anchor}"' not in without


def test_a_long_curve_is_thinned_and_keeps_its_level(model):
    train, validation = loss_curves(model.folder / METRICS_FILE)
    assert len(train) == CURVE_POINTS
    assert [step for step, _ in validation] == list(range(50, 401, 50))


def test_a_model_without_metrics_still_has_a_page(model, tmp_path):
    page = render_model(gather_model(tmp_path, model.manifest, model.trained, model.evaluated))
    assert "No step was recorded." in page


def test_the_only_link_out_is_the_dataset_beside_it(page):
    links = [attributes["href"] for tag, attributes in Structure(page).elements if tag == "a"]
    away = [link for link in links if not link.startswith("#")]
    assert away == ["../../../datasets/demo/0003-1f2e3d4c/report.html"]


def test_a_strange_dataset_label_is_no_link(model):
    manifest = model.manifest.model_copy(update={"dataset": "javascript:alert(1)@x"})
    page = render_model(gather_model(model.folder, manifest, model.trained, model.evaluated))
    assert "javascript:alert(1)@x" in Structure(page).text()
    assert not [a for _, a in Structure(page).elements if "javascript" in a.get("href", "")]


def tamed(evaluated):
    (task,) = evaluated.tasks
    groups = {"a": (0.3, 2), "b": (0.8, 2)}
    tame = task.model_copy(update={"description": "calm", "groups": groups})
    memory = evaluated.memorisation.model_copy(update={"longest_copy": "calm"})
    return evaluated.model_copy(update={"tasks": (tame,), "memorisation": memory})


def test_hostile_samples_add_no_element(page, report):
    tame = report.model_copy(
        update={
            "samples": tuple(Sample(prompt="p", text="t") for _ in report.samples),
            "evaluated": tamed(report.evaluated),
        }
    )
    assert Structure(render_model(tame)).tags() == Structure(page).tags()
    assert Structure(page).problems == []
    assert hidden_characters(page) == []


def test_equal_reports_give_equal_bytes(page, report):
    assert render_model(report) == page
    assert re.search(r"style-src &#39;sha256-[\w+/=]+&#39;", page)


def test_headings_are_in_order(page):
    levels = [int(tag[1]) for tag in Structure(page).tags() if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
