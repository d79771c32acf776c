import threading

import pyarrow as pa
import pytest

from data_contracts.arrow_files import (
    partition_name,
    partitions,
    read_all,
    read_partitions,
    write_ipc,
)
from data_contracts.errors import NothingLeft, SchemaMismatch
from data_contracts.fingerprint import fingerprint
from data_contracts.identity import content_id, record_id
from data_contracts.reasons import Reason
from data_contracts.results import CleanResult, IngestResult, SourceCounts, check_chain
from data_contracts.schemas import DECISIONS, DOCUMENTS, RECORDS
from pipeline.clean import STAGE_VERSION
from pipeline.clean.recipe import CleanRecipe, Normalise, Rules
from pipeline.clean.signals import SIGNALS
from pipeline.clean.stage import CleanInputs, clean

WORDS = """
    the be to of and that have with a house river morning children walked slowly toward old stone
    bridge where nobody had ever seen such bright lanterns before winter came early this year
""".split()  # noqa: SIM905


def english(seed, words=60):
    picks = (int(content_id(f"{seed} {n}".encode())[:8], 16) for n in range(words))
    return " ".join(WORDS[pick % len(WORDS)] for pick in picks) + "."


ENGLISH = english(0)
TEXTS = {
    "books": [
        "\ufeff" + ENGLISH + " They went with the others.\r\n\r\n\r\n\r\n\r\nThe end of it.  ",
        "too short",
        " \n\t",
        "Der Rabe sitzt auf dem Baum und schaut in den Garten, in dem die Kinder spielen. " * 5,
        f"{english(50, 12)}\n{english(51, 12)}\n{english(52, 40)}\n" * 3,
        *(english(n) for n in range(1, 21)),
    ],
    "poems": ["床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。", "無題", "白日依山盡，黃河入海流。\n欲窮千里目，更上一層樓。"],
}  # fmt: skip
RECIPE = CleanRecipe(languages=("en", "zh"))


def rows_of(texts):
    return [
        {
            "record_id": record_id(source, str(n)),
            "source": source,
            "key": str(n),
            "path": f"{source}.jsonl",
            "position": n + 1,
            "content_id": content_id(text.encode()),
            "text": text,
        }
        for source, documents in texts.items()
        for n, text in enumerate(documents)
    ]


def ingested(folder, rows, per_partition=100):
    for number in range(0, len(rows), per_partition):
        table = pa.Table.from_pylist(rows[number : number + per_partition], schema=RECORDS)
        write_ipc(folder / "records" / partition_name(number // per_partition), table)
    counts = {}
    for row in rows:
        counts[row["source"]] = counts.get(row["source"], 0) + 1
    return IngestResult(
        folder=folder,
        sources={name: SourceCounts(rows_in=n, rows_kept=n) for name, n in counts.items()},
        bytes_in=sum(len(row["text"].encode()) for row in rows),
        elapsed_seconds=0,
        files=len(counts),
    )


def inputs(folder, rows=None, per_partition=100):
    return CleanInputs(ingested=ingested(folder, rows or rows_of(TEXTS), per_partition))


def contents(result):
    """Everything that the stage wrote, whatever partition it is in."""
    tables = {"documents": DOCUMENTS, "signals": SIGNALS, "decisions": DECISIONS}
    return {
        name: sorted(
            read_all(result.folder / name, schema).to_pylist(), key=lambda r: r["record_id"]
        )
        for name, schema in tables.items()
    }


def test_records_become_documents_signals_and_decisions_that_add_up(tmp_path):
    given = inputs(tmp_path / "in")
    result = clean(given, RECIPE, tmp_path / "out")
    check_chain(given.ingested, result)
    assert CleanResult.load(tmp_path / "out") == result
    found = contents(result)
    assert len(found["signals"]) == result.rows_in == 28
    assert len(found["documents"]) == result.rows_kept == 23
    assert result.rows_dropped == {
        Reason.EMPTY: 1,
        Reason.WRONG_LANGUAGE: 1,
        Reason.UNCERTAIN_LANGUAGE: 2,
        Reason.REPEATED_LINES: 1,
    }
    assert result.sources["poems"] == SourceCounts(
        rows_in=3, rows_kept=2, rows_dropped={Reason.UNCERTAIN_LANGUAGE: 1}
    )
    first = next(one for one in found["documents"] if one["record_id"] == record_id("books", "0"))
    assert first["text"] == ENGLISH + " They went with the others.\n\n\nThe end of it."
    assert first["language"] == "en"
    assert result.bytes_out == sum(len(one["text"].encode()) for one in found["documents"])


@pytest.mark.parametrize("per_partition", [1, 3, 7])
def test_partitioning_and_order_do_not_matter(tmp_path, per_partition):
    whole = clean(inputs(tmp_path / "in"), RECIPE, tmp_path / "out")
    rows = sorted(rows_of(TEXTS), key=lambda row: row["record_id"])
    parts = clean(inputs(tmp_path / "in2", rows, per_partition), RECIPE, tmp_path / "out2")
    assert contents(parts) == contents(whole)
    assert parts.sources == whole.sources


def test_cleaning_cleaned_text_changes_nothing(tmp_path):
    once = clean(inputs(tmp_path / "in"), RECIPE, tmp_path / "out")
    documents = contents(once)["documents"]
    rows = {one["record_id"]: one for one in rows_of(TEXTS)}
    again = [
        {
            **rows[one["record_id"]],
            "text": one["text"],
            "content_id": content_id(one["text"].encode()),
        }
        for one in documents
    ]
    twice = clean(inputs(tmp_path / "in2", again), RECIPE, tmp_path / "out2")
    assert [one["text"] for one in contents(twice)["documents"]] == [
        one["text"] for one in documents
    ]
    assert [one["quality"] for one in contents(twice)["documents"]] == [
        one["quality"] for one in documents
    ]


def test_what_was_measured_before_is_reused_and_gives_the_same(tmp_path):
    fresh = clean(inputs(tmp_path / "in"), RECIPE, tmp_path / "fresh")
    some = clean(
        inputs(tmp_path / "in1", rows_of(TEXTS)[::2]),
        RECIPE,
        tmp_path / "out1",
        cache=tmp_path / "cache",
    )
    assert some.rows_reused == 0
    refreshed = clean(inputs(tmp_path / "in"), RECIPE, tmp_path / "out2", cache=tmp_path / "cache")
    assert refreshed.rows_reused == 14
    assert contents(refreshed) == contents(fresh)
    stricter = RECIPE.model_copy(update={"rules": Rules(min_words=58)})
    again = clean(inputs(tmp_path / "in"), stricter, tmp_path / "out3", cache=tmp_path / "cache")
    assert again.rows_reused == again.rows_in
    assert contents(again)["signals"] == contents(fresh)["signals"]


def test_lines_taken_out_are_counted_per_record_and_their_text_is_not_kept(tmp_path):
    recipe = CleanRecipe(preset="c4", rules=Rules(min_sentences=1))
    page = f"Home | Shop\n{ENGLISH}\nWe use cookies, as everyone does.\nBuy now\n"
    rows = rows_of({"books": [page, "lorem Ipsum dolor sit amet we said.", "Home | Shop"]})
    result = clean(inputs(tmp_path / "in", rows), recipe, tmp_path / "out")
    assert result.rows_dropped == {Reason.EMPTY: 1, Reason.LOREM_IPSUM: 1}
    found = contents(result)
    assert [one["text"] for one in found["documents"]] == [ENGLISH]
    (row,) = [one for one in found["signals"] if one["record_id"] == record_id("books", "0")]
    lost = {name: n for name, n in row.items() if name.startswith("removed_") and n}
    assert lost == {
        "removed_unfinished_lines": 2,
        "removed_policy_lines": 1,
        "removed_word_ratio": 11 / 71,
    }
    assert row["sentences"] == 1


def test_edits_decide_what_may_be_reused_and_thresholds_do_not():
    recipe = CleanRecipe(preset="gopher")
    stricter = CleanRecipe(preset="gopher", rules=Rules(min_words=100), languages=("en",))
    assert fingerprint(recipe.edits) == fingerprint(stricter.edits)
    for other in (
        {"preset": "c4"},
        {"line_rules": {"numeric": True}},
        {"normalise": {"line_ends": 0}},
    ):
        assert fingerprint(CleanRecipe.model_validate(other).edits) != fingerprint(recipe.edits)


def test_a_declared_language_vouches_for_uncertain_text_and_convicts_other(tmp_path):
    rows = rows_of({"de": [TEXTS["books"][3]], "en": [TEXTS["books"][3], TEXTS["books"][0]]})
    given = CleanInputs(
        ingested=ingested(tmp_path / "in", rows), declared_languages={"de": "de", "en": "en"}
    )
    recipe = RECIPE.model_copy(update={"languages": None})
    result = clean(
        given,
        recipe.model_copy(update={"rules": Rules(**dict.fromkeys(Rules.model_fields))}),
        tmp_path / "out",
    )
    assert result.sources["de"].rows_kept == 1
    assert result.sources["en"].rows_dropped == {Reason.WRONG_LANGUAGE: 1}


def test_when_nothing_passes_the_error_names_the_reasons(tmp_path):
    with pytest.raises(NothingLeft, match="1 empty, 1 uncertain_language") as caught:
        clean(inputs(tmp_path / "in", rows_of({"books": ["a word", ""]})), RECIPE, tmp_path / "out")
    assert caught.value.rows_in == 2
    assert CleanResult.load(tmp_path / "out") is None
    assert len(read_all(tmp_path / "out" / "signals", SIGNALS)) == 2


def test_a_source_without_records_is_still_counted(tmp_path):
    given = inputs(tmp_path / "in")
    sources = {**given.ingested.sources, "nothing": SourceCounts(rows_in=0, rows_kept=0)}
    given = CleanInputs(ingested=given.ingested.model_copy(update={"sources": sources}))
    assert clean(given, RECIPE, tmp_path / "out").sources["nothing"].rows_in == 0


def test_a_partition_with_other_columns_is_refused(tmp_path):
    given = inputs(tmp_path / "in")
    write_ipc(partitions(given.ingested.records)[0], pa.table({"text": ["x"]}))
    with pytest.raises(SchemaMismatch, match="record_id"):
        clean(given, RECIPE, tmp_path / "out")


def test_progress_is_told_from_start_to_end(tmp_path):
    heard = []
    before = threading.active_count()
    clean(
        inputs(tmp_path / "in", per_partition=10),
        RECIPE,
        tmp_path / "out",
        progress=lambda *told: heard.append(told),
    )
    assert heard == [
        (0, 28, "records"),
        (10, 28, "records"),
        (20, 28, "records"),
        (28, 28, "records"),
    ]
    assert threading.active_count() == before


def test_text_is_kept_as_it_is_when_nothing_is_to_be_normalised(tmp_path):
    off = Normalise(
        unicode_form=None,
        line_ends=False,
        control_characters=False,
        invisible_characters=False,
        trailing_blanks=False,
        max_blank_lines=None,
    )
    result = clean(
        inputs(tmp_path / "in"), RECIPE.model_copy(update={"normalise": off}), tmp_path / "out"
    )
    kept = {
        row["record_id"]: row["text"]
        for table in read_partitions(result.documents)
        for row in table.to_pylist()
    }
    assert kept[record_id("books", "0")] == TEXTS["books"][0]


GOLDEN = {6: "d08201133fa2c5122608416fda283fa2"}


def test_output_changes_only_together_with_the_stage_version(tmp_path):
    result = clean(inputs(tmp_path / "in"), RECIPE, tmp_path / "out")
    assert fingerprint(contents(result)) == GOLDEN[STAGE_VERSION], (
        "the output is another one than before: raise STAGE_VERSION and add its fingerprint here"
    )
