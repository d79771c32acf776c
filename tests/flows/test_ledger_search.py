"""Search over a ledger, against looking at every row."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.schemas import LEDGER
from flows.ledger_search import PAGE_ROWS, Question, search

SOURCES, REASONS, LANGUAGES = (
    ("web", "books"),
    (None, "near_duplicate", "too_few_words"),
    ("en", None),
)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """A ledger of 180 rows in two files."""
    folder = tmp_path_factory.mktemp("version")
    (folder / "ledger").mkdir()
    rows = [
        {
            "record_id": f"{number * 7919:032x}", "source": SOURCES[number % 2],
            "key": f"Key-{number} ÄÖ.*", "path": f"a/{number % 5}.jsonl", "position": number + 1,
            "content_id": None, "stage": "clean", "fate": "kept" if not number % 3 else "dropped",
            "reason": REASONS[number % 3], "reasons": [], "language": LANGUAGES[number % 2],
        }
        for number in range(180)
    ]  # fmt: skip
    names = pl.DataFrame(LEDGER.empty_table()).schema
    frame = pl.DataFrame(rows, schema={n: k for n, k in names.items() if n in rows[0]})
    frame = frame.with_columns(
        pl.lit(None).cast(k).alias(n) for n, k in names.items() if n not in frame.columns
    ).select(list(names))
    for number, part in enumerate((frame.head(100), frame.tail(80))):
        part.write_parquet(folder / "ledger" / f"part-{number:05d}.parquet")
    return folder, rows


def by_looking(rows, question):
    """Find rows the slow way."""

    def fits(row):
        texts = [str(row[n] or "").lower() for n in ("key", "path", "source", "reason", "language")]
        texts.append(row["record_id"])
        return (
            all(
                any(word in text for text in texts) or (word == "kept" and row["reason"] is None)
                for word in question.words.lower().split()[:8]
            )
            and question.source in ("", row["source"])
            and question.language in ("", row["language"])
            and (not question.reason or (row["reason"] or "kept") == question.reason)
        )

    return [row["record_id"] for row in rows if fits(row)]


WORDS = st.lists(
    st.sampled_from(
        ["key-1", "KEY", "äö", ".*", "web", "kept", "near_", "2.jsonl", "en", "nothing"]
    ),
    max_size=3,
).map(" ".join)


@given(
    words=WORDS,
    source=st.sampled_from(["", *SOURCES, "other"]),
    reason=st.sampled_from(["", "kept", "near_duplicate"]),
    language=st.sampled_from(["", "en"]),
    page=st.integers(1, 5),
)
def test_a_search_finds_what_looking_at_every_row_finds(
    version, words, source, reason, language, page
):
    folder, rows = version
    question = Question(words=words, source=source, reason=reason, language=language, page=page)
    answer = search(folder, question)
    wanted = by_looking(rows, question)
    assert answer.total == len(wanted)
    first = (page - 1) * PAGE_ROWS
    assert [row["record_id"] for row in answer.rows] == wanted[first : first + PAGE_ROWS]
    assert answer.of == len(rows)


def test_a_whole_id_finds_its_record_alone(version):
    folder, rows = version
    answer = search(folder, Question(words=rows[7]["record_id"].upper()))
    assert [row["key"] for row in answer.rows] == ["Key-7 ÄÖ.*"]


def test_a_form_that_asks_too_much_is_cut_to_size():
    question = Question.asked({"words": "a" * 999, "page": "7777777", "source": "b" * 999})
    assert (len(question.words), len(question.source), question.page) == (200, 200, 1)
    assert Question.asked({"page": "88888"}).page == 200
    assert Question.asked({"page": "٣"}).page == 1


def test_a_version_without_a_ledger_has_nothing(tmp_path):
    assert search(tmp_path, Question()).of == 0
