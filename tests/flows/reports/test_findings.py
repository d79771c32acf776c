import pytest

from data_contracts.quality import Distribution, EditQuality, SignalQuality, Spread
from flows.reports.findings import TakenOut, compare_with, effect_of, personal_data, taken_out

EDGES = (0.0, 1.0, 2.0, 4.0, 8.0)


def signal(counts):
    one = Distribution(
        values=sum(counts), missing=0, mean=1.0, quantiles=(1.0,) * 9, counts=counts,
        below=0, above=0,
    )  # fmt: skip
    return SignalQuality(scale="log", edges=EDGES, total=Spread(measured=one, kept=one), sources={})


@pytest.mark.parametrize(
    ("threshold", "least", "nearby"),
    [
        (2.0, True, ((1.0, 5), (2.0, 12), (4.0, 15))),
        (3.0, True, ((2.0, 12), (4.0, 15))),
        (3.0, False, ((2.0, 12), (4.0, 9))),
        (0.0, True, ((0.0, 0), (1.0, 5))),
    ],
)
def test_what_a_moved_threshold_would_touch_is_counted(threshold, least, nearby):
    found = effect_of(signal((5, 7, 3, 9)), threshold, least=least)
    assert found.nearby == nearby


def test_a_threshold_outside_of_what_is_counted_has_no_effect_to_tell():
    assert effect_of(signal((5, 7, 3, 9)), 9.0, least=True) is None
    assert effect_of(signal((0, 0, 0, 0)), 2.0, least=True) is None


def test_personal_data_is_left_over_only_where_the_recipe_leaves_it(dataset):
    signals = {f"pii_{kind}": signal((5, 7, 3, 9)) for kind in ("email", "phone", "card")}
    quality = dataset.quality.model_copy(update={"signals": signals})
    recipe = {"clean": {"pii": {"email": "redact", "phone": "keep"}}}
    found = {one.kind: one for one in personal_data(quality, recipe)}
    assert {kind: one.kept for kind, one in found.items()} == dict.fromkeys(found, 19)
    # What is done about cards is not known: they count as left over.
    assert {kind: one.left_over for kind, one in found.items()} == {
        "email": 0, "phone": 19, "card": 19,
    }  # fmt: skip


def test_what_was_taken_out_is_told_per_source_and_personal_data_by_how_often(dataset):
    names = list(dataset.quality.sources)[:2]
    edits = {
        "removed_policy_lines": EditQuality(records=1, occurrences=2),
        "pii_email": EditQuality(records=3, occurrences=4),
    }
    sources = dataset.quality.sources | {
        name: dataset.quality.sources[name].model_copy(update={"edits": edits}) for name in names
    }
    quality = dataset.quality.model_copy(
        update={"sources": sources, "signals": {"pii_email": signal((5, 7, 3, 9))}}
    )
    assert taken_out(quality) == (
        TakenOut(what="removed_policy_lines", records=2, by_source=dict.fromkeys(names, 2)),
    )
    assert taken_out(quality)[0].occurrences == 4
    assert [one.occurrences for one in personal_data(quality, {})] == [8]


def test_a_version_beside_itself_has_not_moved(dataset):
    found = compare_with("demo@1", "the version before", dataset.quality, dataset.quality)
    assert found.kept == dataset.quality.kept
    assert all(not one.psi for one in found.drift)
    assert {"share of sources", "characters per document"} <= {one.signal for one in found.drift}
