"""quality.json: every figure of a report, counted over all records."""

import pytest

from data_contracts.errors import SchemaMismatch
from data_contracts.quality import EXAMPLES_PER_REASON, EXCERPT_CHARACTERS, EditQuality, Quality
from data_contracts.reasons import Fate, Reason, Stage
from data_contracts.split import Split
from tests.pipeline.validate.conftest import corpus
from tests.reference.ledger_inputs import Record, repeats, ruled_out, unreadable


@pytest.fixture(scope="module")
def quality(healthy):
    return Quality.load(healthy.quality)


def test_the_file_is_the_model(healthy, quality, tmp_path):
    quality.save(tmp_path / "quality.json")
    assert (tmp_path / "quality.json").read_bytes() == healthy.quality.read_bytes()
    assert quality.checks == healthy.checks
    assert quality.dataset == "demo"


def test_a_file_that_is_no_quality_report_is_refused(tmp_path):
    path = tmp_path / "quality.json"
    for content in ("{}", "no JSON", None):
        if content is not None:
            path.write_text(content, encoding="utf-8")
        with pytest.raises(SchemaMismatch, match="not a quality report"):
            Quality.load(path)
        path.unlink(missing_ok=True)


def test_each_source_is_followed_from_records_in_to_records_kept(quality):
    assert list(quality.sources) == ["books", "web"]
    books, web = quality.sources.values()
    assert (books.records_in, books.kept) == (37, 35)
    assert books.dropped == {Reason.TOO_FEW_WORDS: 1, Reason.NEAR_DUPLICATE: 1}
    assert books.kept_by_split == {Split.TRAIN: 31, Split.VALIDATION: 3, Split.TEST: 1}
    assert (books.near_duplicates, books.exact_duplicates, books.unreadable) == (1, 0, 0)
    assert books.dropped_by_rules == {Reason.TOO_FEW_WORDS: 1}
    assert books.kept_ratio == pytest.approx(35 / 37)
    assert (web.records_in, web.kept, web.unreadable, web.exact_duplicates) == (62, 60, 1, 1)
    assert web.kept_by_language == {"zh": 60}
    assert (quality.records_in, quality.kept) == (len(corpus()), 95)
    assert quality.dropped == {
        Reason.BAD_JSON: 1,
        Reason.TOO_FEW_WORDS: 1,
        Reason.EXACT_DUPLICATE: 1,
        Reason.NEAR_DUPLICATE: 1,
    }


def test_characters_and_bytes_of_kept_documents_are_counted(quality):
    kept = [record for record in corpus() if record.dropped_by is None]
    for name, source in quality.sources.items():
        texts = [record.content for record in kept if record.source == name]
        assert source.kept_characters == sum(map(len, texts))
        assert source.kept_bytes == sum(len(text.encode()) for text in texts)
    for split, found in quality.splits.items():
        texts = [record.content for record in kept if record.split == split]
        assert found.documents == len(texts)
        assert found.text_bytes == sum(len(text.encode()) for text in texts)
    assert quality.languages["zh"].kept_characters == quality.sources["web"].kept_characters


def test_languages_count_every_measured_record(quality):
    # All but the unreadable one were measured.
    assert sum(one.records for one in quality.languages.values()) == quality.records_in - 1
    assert list(quality.languages) == ["zh", "en"]
    assert (quality.languages["en"].records, quality.languages["en"].kept) == (38, 35)


def test_a_reason_counts_those_it_dropped_and_those_that_broke_it(quality):
    found = {one.reason: one for one in quality.reasons}
    assert list(found) == [reason for reason in Reason if reason in found]
    digits = found[Reason.TOO_MANY_DIGITS]
    assert (digits.records, digits.broken, digits.stage) == (0, 1, Stage.CLEAN)
    words = found[Reason.TOO_FEW_WORDS]
    assert (words.records, words.broken, words.fate) == (1, 1, Fate.DROPPED)
    (example,) = words.examples
    assert (example.key, example.value, example.threshold) == ("short", 3.0, 50.0)
    assert example.excerpt == "The text of short, in books."
    (broken,) = found[Reason.BAD_JSON].examples
    assert (broken.excerpt, broken.path, broken.position) == (None, "web.jsonl", 96)


def test_examples_are_few_short_and_those_of_the_smallest_ids(run):
    dropped = [ruled_out(str(number), text="long " * 1000) for number in range(10)]
    (reason,) = Quality.load(run([Record("kept"), *dropped]).quality).reasons[:1]
    smallest = sorted(record.id for record in dropped)[:EXAMPLES_PER_REASON]
    assert [one.record_id for one in reason.examples] == smallest
    assert {len(one.excerpt) for one in reason.examples} == {EXCERPT_CHARACTERS}


def test_a_cluster_shows_its_survivor_and_the_member_least_like_it(quality):
    (cluster,) = quality.clusters
    assert (cluster.records, cluster.survivor.key, cluster.survivor.similarity) == (3, "a", None)
    assert (cluster.furthest.key, cluster.furthest.similarity) == ("like a", 0.85)
    assert cluster.survivor.excerpt == "A text that others repeat."
    assert cluster.furthest.excerpt == "A text that others repeat!"
    assert cluster.cluster_id == cluster.survivor.record_id


def test_clusters_come_biggest_first(run):
    heads = [Record("first"), Record("second")]
    members = [repeats("1", heads[0]), repeats("2", heads[1]), repeats("3", heads[1])]
    quality = Quality.load(run([*heads, *members]).quality)
    assert [(one.survivor.key, one.records) for one in quality.clusters] == [
        ("second", 3),
        ("first", 2),
    ]


def test_what_cleaning_took_out_and_found_is_counted_per_source(run):
    records = [
        Record("1", source="a", text="two words"),
        Record("2", source="a", text="five words and an a@b"),
        Record("3", source="b", text="no three words"),
    ]
    quality = Quality.load(run(records).quality)
    assert quality.sources["a"].edits == {
        "pii_email": EditQuality(records=1, occurrences=1),
        "removed_numeric_lines": EditQuality(records=2, occurrences=4),
    }
    assert quality.sources["b"].edits == {}


def test_every_numeric_signal_is_described_over_all_measured_and_over_kept_records(quality):
    described = {"language_score", "words", "digit_ratio", "mean_word_length", "pii_email"}
    assert set(quality.signals) == described | {"removed_word_ratio", "removed_numeric_lines"}
    words = quality.signals["words"]
    assert words.total.measured.values == quality.records_in - 1
    assert words.total.kept.values == quality.kept
    assert sum(one.kept.values for one in words.sources.values()) == quality.kept
    assert words.total.measured.missing == 0
    assert quality.signals["language_score"].scale == "linear"


def test_lengths_are_of_documents_that_passed_clean(quality):
    passed = [record for record in corpus() if record.dropped_by in {None, "dedup"}]
    lengths = sorted(len(record.content) for record in passed)
    assert quality.lengths.total.measured.values == len(passed)
    assert quality.lengths.total.measured.quantiles[0] == lengths[0]
    assert quality.lengths.total.measured.quantiles[-1] == lengths[-1]
    assert quality.lengths.total.kept.values == quality.kept


def test_a_signal_without_a_number_is_missing_not_zero(run):
    def hurt(rows):
        rows.signals[0]["digit_ratio"] = float("inf")
        rows.signals[1]["digit_ratio"] = None

    found = Quality.load(run(change=hurt).quality).signals["digit_ratio"].total.measured
    assert found.missing == 2


def test_a_source_that_delivered_nothing_is_listed(run):
    licenses = {"empty": "MIT", "books": "MIT", "web": "MIT"}
    result = run(licenses=licenses)
    quality = Quality.load(result.quality)
    assert list(quality.sources) == ["empty", "books", "web"]
    assert (quality.sources["empty"].records_in, quality.sources["empty"].kept_ratio) == (0, 0)
    assert "sources.kept.something" in {check.rule for check in result.warnings}


def test_unreadable_records_alone_leave_a_report(run):
    quality = Quality.load(run([unreadable("a"), unreadable("b")]).quality)
    assert quality.sources["books"].unreadable == 2
    assert quality.signals.keys() >= {"language_score"}
    assert not quality.passed
