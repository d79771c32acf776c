"""The stage: what it leaves, what it stops, and that nothing depends on order or partitions."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_contracts.arrow_files import partitions, read_ipc, write_ipc
from data_contracts.contracts import Contracts
from data_contracts.errors import ContractInvalid
from data_contracts.fingerprint import sha256_of_file
from data_contracts.planted_recall import PlantedRecall, RecallPoint
from data_contracts.quality import Quality
from data_contracts.reasons import Reason, Stage
from data_contracts.results import ValidateResult, check_chain
from data_contracts.shipped_contracts import SHIPPED, Judged
from pipeline.pii.columns import KINDS
from pipeline.pii.texts import redact
from pipeline.validate.holdings import Holdings
from pipeline.validate.kept import Kept
from pipeline.validate.recipe import ValidateRecipe
from pipeline.validate.stage import validate
from tests.pipeline.pii.pii_cases import POSITIVES
from tests.pipeline.validate.conftest import corpus
from tests.reference.ledger_inputs import Record, repeats, ruled_out, unreadable

SMALL = {"documents.enough", "distributions.not_mostly_short"}
"""What the contract says of the small corpus."""


def failed(result):
    return {check.rule: check for check in result.checks if not check.passed}


def test_a_healthy_dataset_passes_every_rule_of_the_contract(healthy):
    assert healthy.passed
    assert set(failed(healthy)) == SMALL
    contracts = Contracts.load()
    rules = [check.rule for check in healthy.checks if not check.rule.startswith("gate.")]
    assert rules == [rule.id for rule in contracts.rules(Judged.GATE)]
    assert [one.label for one in healthy.contracts] == [
        "corpusmill.records 1.0.0",
        "corpusmill.documents 1.0.0",
        "corpusmill.ledger 1.0.0",
    ]
    assert healthy.contracts == contracts.stamps[:3]


def test_the_result_is_found_again_and_hands_on_what_dedup_kept(healthy):
    assert ValidateResult.load(healthy.folder) == healthy
    kept = sum(record.dropped_by is None for record in corpus())
    assert (healthy.rows_in, healthy.rows_kept) == (kept, kept)
    assert healthy.stage is Stage.VALIDATE
    assert len(pq.read_table(healthy.ledger)) == len(corpus())


def test_records_are_handed_on_from_dedup(write_inputs, tmp_path):
    inputs = write_inputs()
    check_chain(inputs.deduped, validate(inputs, ValidateRecipe(), tmp_path / "out"))


def test_every_byte_is_the_same_however_rows_are_cut_and_ordered(healthy, run):
    other = run(partition_rows=7, order_seed=3)
    assert sha256_of_file(other.quality) == sha256_of_file(healthy.quality)
    names = sorted(path.name for path in healthy.ledger.iterdir())
    assert [sha256_of_file(healthy.ledger / one) for one in names] == [
        sha256_of_file(other.ledger / one) for one in names
    ]
    assert other.checks == healthy.checks


def test_progress_is_told_from_the_ledger_to_the_last_table(write_inputs, tmp_path):
    told = []

    def listen(done, total, unit, note=""):
        assert note
        told.append((done, total, unit))

    validate(write_inputs(), ValidateRecipe(), tmp_path / "out", progress=listen)
    assert told[0] == (0, len(corpus()), "records")
    assert (0, 0, "records") in told  # counting, which has no end to tell
    assert told[-1][2] == "tables"
    assert told[-1][0] == told[-1][1]
    assert all(done <= total for done, total, _ in told)


def changed(table, number=0, **values):
    """Says what to change in one row of one table."""

    def change(rows):
        row = getattr(rows, table)[number]
        getattr(rows, table)[number] = {**row, **values}

    return change


def without(table, number=0):
    def change(rows):
        del getattr(rows, table)[number]

    return change


def everywhere(table, **values):
    def change(rows):
        setattr(rows, table, [{**row, **values} for row in getattr(rows, table)])

    return change


# Each set breaks each of its rules once: one run shows them all.
STOPPED = [
    {
        "documents.text.valid": changed("documents", 10, text=""),
        "documents.text.not_blank": changed("documents", 11, text=" \n\t "),
        "documents.required": changed("documents", 12, text=None),
        "dataset.repeated_documents.none": changed(
            "documents", 1, text="A text that others repeat."
        ),
        "dataset.documents_missing.none": without("documents", 20),
        "signals.language_score.valid": changed("signals", language_score=1.5),
        "ledger.kept_are_complete": without("signals", 5),
        "ledger.split.known": changed("kept", 3, split="training"),
        "dataset.duplicates_under_threshold.none": changed("dedup", similarity=0.79),
        "dataset.duplicates_without_survivor.none": changed("dedup", survivor_id=None),
        "dataset.count_mismatches.none": changed("clean", reason="too_many_words"),
    },
    {
        "signals.language_score.valid": changed("signals", language_score=float("nan")),
        "ledger.kept_are_complete": changed("kept", 3, split=None),
        "dataset.duplicates_under_threshold.none": changed("dedup", similarity=None),
        "dataset.duplicates_without_survivor.none": changed("dedup", survivor_id="0" * 32),
        "ledger.similarity.valid": changed("dedup", 1, similarity=1.5),
    },
    {
        "dataset.duplicates_under_threshold.none": changed("dedup", similarity=float("nan")),
        "splits.training_text": everywhere("kept", split="test"),
    },
]


@pytest.mark.parametrize("changes", STOPPED, ids=["first", "second", "third"])
def test_data_that_must_not_reach_training_is_stopped(run, changes):
    def tamper(rows):
        for change in changes.values():
            change(rows)

    result = run(change=tamper)
    assert set(changes) <= {check.rule for check in result.critical_failures}
    assert not result.passed
    assert not Quality.load(result.quality).passed


def test_a_survivor_that_is_not_kept_itself_is_no_survivor(run):
    first = Record("first")
    second = repeats("second", first)
    result = run([first, second, repeats("third", second)])
    assert failed(result)["dataset.duplicates_without_survivor.none"].observed == "1"


MANY = [Record(str(number)) for number in range(100)]
ODD = {
    "unreadable": [unreadable(str(number), source="unreadable") for number in range(5)],
    "collapsed": [ruled_out(str(number), source="collapsed") for number in range(20)],
    "misfit": [ruled_out(str(number), source="misfit") for number in range(2)],
    "repeats": [repeats(str(number), corpus()[0], source="repeats") for number in range(9)],
    "babel": [Record(str(number), source="babel", language="und") for number in range(3)],
    "mirror": [repeats("a", corpus()[0], source="mirror")],
}
MARKED = {
    "sources.license.stated": "2 of 8 rows",
    "sources.license.accepted": "books: CC-BY-NC-4.0",
    "sources.kept.something": "mirror: 0",
    "sources.unreadable_ratio.low": "unreadable: 0.8333",
    "sources.kept_ratio.not_collapsed": "collapsed: 0.04762",
    "sources.largest_rule_ratio.not_one_rule": "misfit: 0.6667",
    "sources.duplicate_ratio.under_ceiling": "repeats: 0.9",
    "sources.unknown_language_ratio.low": "babel: 0.75",
    "documents.language.code": "1 of 106 rows",
    "documents.text.not_mojibake": "1.887 % (2 of 106 rows)",
    "documents.text.not_endless": "1 of 106 rows",
}


def test_data_that_looks_wrong_is_marked(run):
    records = [one for some in ODD.values() for one in some]
    records += [Record("last", source=name) for name in ODD if name != "mirror"]
    records += [
        Record("y", language="english"),
        Record("long", text="a" * 1_000_001 + "\ufffd"),
    ]
    licenses = dict.fromkeys(ODD, "MIT") | {"books": "CC-BY-NC-4.0", "web": None, "babel": ""}
    records[0:0] = corpus()
    records.append(Record("bad", text="a\ufffdb"))
    result = run(records, licenses=licenses)
    observed = {check.rule: check.observed for check in result.warnings}
    assert set(observed) == {*MARKED, *SMALL}
    for rule, found in MARKED.items():
        assert found in observed[rule], rule
    assert result.passed


def test_a_dataset_without_held_out_text_is_marked(run):
    result = run(MANY)
    assert result.passed
    assert failed(result)["splits.held_out_text"].observed == "0"


def test_a_recall_that_is_surely_under_what_was_asked_for_is_marked(write_inputs, tmp_path):
    def planted(high):
        point = RecallPoint(
            similarity=0.8, planted=400, found=360, low=0.8, high=high, expected=0.998
        )
        return PlantedRecall(target=0.99, at_threshold=point, curve=())

    inputs = write_inputs()
    for number, high in enumerate([0.95, 0.995]):
        deduped = inputs.deduped.model_copy(update={"planted": planted(high)})
        result = validate(
            inputs.model_copy(update={"deduped": deduped}), ValidateRecipe(), tmp_path / f"{number}"
        )
        marked = failed(result).get("dataset.recall_shortfall.none")
        assert (marked is not None) == (high < 0.99)
        assert result.passed


def test_a_collapsed_dataset_is_stopped(run):
    result = run([Record("last"), *(ruled_out(str(number)) for number in range(100))])
    assert failed(result)["dataset.kept_ratio.not_collapsed"].observed == "0.009901"
    assert not result.passed


def test_a_text_that_is_trained_on_and_held_out_is_stopped(run):
    twins = [Record("one", text="The same."), Record("two", text="The same.", split="test")]
    result = run([*corpus(), *twins])
    assert "dataset.held_out_copies.none" in {one.rule for one in result.critical_failures}


def test_what_overlaps_evaluation_sets_or_held_out_text_is_marked(run):
    gone = [
        Record(f"{reason} {n}", dropped_by="dedup", reasons=(str(reason),))
        for reason, count in ((Reason.EVALUATION_OVERLAP, 2), (Reason.HELD_OUT_OVERLAP, 20))
        for n in range(count)
    ]
    marked = failed(run([*corpus(), *gone]))
    assert marked["dataset.evaluation_overlap_ratio.low"].severity == "warning"
    assert marked["dataset.held_out_overlap_ratio.low"].severity == "warning"
    assert not {one for one in failed(run([*corpus(), *gone[-1:]])) if "overlap" in one}


def test_a_language_that_the_recipe_does_not_accept_is_stopped(write_inputs, tmp_path):
    inputs = write_inputs().model_copy(update={"languages": ("en",)})
    result = validate(inputs, ValidateRecipe(), tmp_path / "out")
    broken = failed(result)["languages.accepted"]
    assert (broken.severity, broken.observed) == ("critical", "60")


def with_addresses(count):
    """A corpus of which some texts still hold an address."""
    return [
        *corpus(),
        *(Record(f"mail {n}", text=f"Ask user{n}@example.org.") for n in range(count)),
    ]


@pytest.mark.parametrize(
    ("action", "rules"),
    [
        ("redact", {"personal_data.none_left_over", "personal_data.taken_out"}),
        ("drop", {"personal_data.none_left_over", "personal_data.taken_out"}),
        ("keep", set()),
    ],
)
def test_personal_data_that_is_left_over_is_found_in_the_texts(
    write_inputs, tmp_path, action, rules
):
    inputs = write_inputs(with_addresses(2)).model_copy(update={"personal_data": {"email": action}})
    result = validate(inputs, ValidateRecipe(), tmp_path / "out")
    assert {rule for rule in failed(result) if rule.startswith("personal_data.")} == rules
    assert result.passed == (action == "keep")


def test_every_kind_is_looked_for_again_as_clean_finds_it(write_inputs, tmp_path):
    told = [Record(text, text=text) for _, text, _ in POSITIVES] + [ruled_out("a@b.org, dropped")]
    inputs = write_inputs([*corpus(), *told], partition_rows=50)
    kinds = [*KINDS, "one of my own"]

    def count(name):
        holdings = Holdings(tmp_path / name, tmp_path / "cache")
        return holdings.count(inputs.cleaned.documents, Kept(inputs.deduped.kept), kinds)

    found = count("first")
    # One text after another, as a reader would.
    counts = [redact(pa.array([one.content]), ()).counts[0] for one in told[:-1]]
    assert found == {kind: sum(row[n] > 0 for row in counts) for n, kind in enumerate(KINDS)}
    assert min(found.values()) > 0
    assert count("again") == found
    for path in partitions(inputs.cleaned.documents):
        table = read_ipc(path)
        write_ipc(path, table.filter(pc.invert(pc.match_substring(table["text"], "@"))))
    assert count("changed")["email"] == 0


@pytest.mark.parametrize("kind", ["phone", "card", "api_key"])
def test_any_kind_that_is_left_over_breaks_the_rules(write_inputs, tmp_path, kind):
    left = next(text for name, text, _ in POSITIVES if name == kind)
    inputs = write_inputs([*corpus(), Record("left", text=left)])
    for path in partitions(inputs.cleaned.signals):
        table = read_ipc(path)
        counts = pa.array(np.zeros(table.num_rows, np.int32))  # clean says that there was none
        write_ipc(path, table.append_column(pa.field(f"pii_{kind}", pa.int32(), False), counts))
    for action, rules in (("redact", {"none_left_over", "taken_out"}), ("keep", set())):
        told = inputs.model_copy(update={"personal_data": {kind: action}})
        result = validate(told, ValidateRecipe(), tmp_path / action)
        broken = {one.removeprefix("personal_data.") for one in failed(result)}
        assert broken & {"none_left_over", "taken_out"} == rules


def test_rules_on_personal_data_do_not_apply_where_no_signal_counts_it(write_inputs, tmp_path):
    inputs = write_inputs()
    for path in partitions(inputs.cleaned.signals):
        table = read_ipc(path).drop_columns(["pii_email"])
        write_ipc(path, pa.Table.from_pylist(table.to_pylist(), schema=table.schema))
    result = validate(inputs, ValidateRecipe(), tmp_path / "out")
    personal = [one for one in result.checks if one.rule.startswith("personal_data.")]
    assert personal
    assert not any(one.applies for one in personal)
    assert personal[0].observed == "not applicable: no signal counts personal data"


def test_quantiles_are_judged(run, tmp_path):
    path = tmp_path / "mine.odcs.yaml"
    path.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: mine\nversion: 0.1.0\nstatus: active\nschema:\n"
        "- name: distributions\n  quality:\n"
        "  - {id: words, type: sql, mustBeBetween: [3, 6], severity: critical,\n"
        "     query: SELECT p95 FROM distributions WHERE signal = 'words'}\n"
        "- name: signals\n  properties: [{name: words, logicalType: integer, quality: [\n"
        "    {id: spread, type: custom, engine: greatExpectations, implementation: {\n"
        "      type: expect_column_quantile_values_to_be_between, kwargs: {quantile_ranges: {\n"
        "        quantiles: [0.5, 0.95], value_ranges: [[1, 2], [1, 3]]}}}}]}]\n",
        encoding="utf-8",
    )
    broken = failed(run(recipe=ValidateRecipe(contracts=(str(path),))))
    assert broken["mine/distributions.words"].observed == "7"
    assert broken["mine/signals.words.spread"].severity == "critical"


def test_no_records_at_all_are_stopped(run):
    result = run([])
    empty = {"gate.documents_has_rows", "gate.signals_has_rows", "gate.ledger_has_rows"}
    assert empty <= {check.rule for check in result.critical_failures}


def test_a_recipe_can_ask_for_more_documents(run):
    result = run(recipe=ValidateRecipe(min_documents=96))
    check = failed(result)["recipe.min_documents"]
    assert (check.severity, check.observed) == ("critical", "95 rows")
    assert run(recipe=ValidateRecipe(min_documents=95)).passed


def test_a_recipe_can_make_warnings_stop(run):
    result = run(recipe=ValidateRecipe(warnings_stop=True))
    assert {check.rule for check in result.critical_failures} == SMALL
    assert not result.passed


def test_a_contract_of_ones_own_is_checked_beside_the_bundled_ones(run, tmp_path):
    path = tmp_path / "mine.odcs.yaml"
    path.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: mine\nversion: 0.1.0\nschema:\n"
        "- name: signals\n  properties:\n  - name: words\n    logicalType: integer\n"
        "    quality: [{id: enough, type: custom, engine: greatExpectations, severity: warning,\n"
        "      implementation: {type: expect_column_mean_to_be_between, kwargs: {min_value: 50}}}]\n",
        encoding="utf-8",
    )
    result = run(recipe=ValidateRecipe(contracts=(str(path),)))
    assert result.contracts[-1].label == "mine 0.1.0"
    assert set(failed(result)) == {"mine/signals.words.enough", *SMALL}
    assert result.passed


def test_a_rule_on_a_signal_that_nobody_measures_is_stopped(run, tmp_path):
    path = tmp_path / "mine.odcs.yaml"
    path.write_text(
        "apiVersion: v3.1.0\nkind: DataContract\nid: mine\nversion: 0.1.0\nschema:\n"
        "- name: signals\n  properties:\n"
        "  - {name: perplexity, logicalType: number, logicalTypeOptions: {maximum: 100}}\n",
        encoding="utf-8",
    )
    result = run(recipe=ValidateRecipe(contracts=(str(path),)))
    assert failed(result)["mine/signals.perplexity.valid"].error == "there is no column perplexity"
    assert not result.passed


def test_a_contract_that_cannot_be_read_is_found_before_anything_is_done(run, tmp_path):
    path = tmp_path / "broken.odcs.yaml"
    broken = SHIPPED["ledger"].read_text(encoding="utf-8").replace("mustBe:", "mustBee:")
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(ContractInvalid):
        run(recipe=ValidateRecipe(contracts=(str(path),)))
    assert not (tmp_path / "out1").exists()
