"""Lines that documents share: what goes, what is told of it, and what may be reused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.identity import content_id, half, record_id
from data_contracts.reasons import Reason
from pipeline.clean.recipe import CleanRecipe, LineRules, Pii
from pipeline.clean.stage import clean
from tests.pipeline.clean.test_stage import contents, english, inputs, rows_of

MENU = "Home | Shop | Basket of {n}"
FOOTER = "Write to us: shop@example.org"


def page(seed, *lines):
    return "\n".join([*lines, english(seed), FOOTER])


PAGES = {
    "shop": [*(page(n, MENU.format(n=n % 2)) for n in range(7)), FOOTER],
    "books": [page(50, MENU.format(n=0)), page(51)],
}


def recipe(most, **settings):
    return CleanRecipe(preset="none", line_rules=LineRules(max_documents=most), **settings)


def row_of(found, source, number):
    (row,) = [one for one in found if one["record_id"] == record_id(source, str(number))]
    return row


def test_lines_of_too_many_documents_of_a_source_go_from_all_of_them(tmp_path):
    result = clean(inputs(tmp_path / "in", rows_of(PAGES)), recipe(3), tmp_path / "out")
    found = contents(result)
    texts = {row["record_id"]: row["text"] for row in found["documents"]}
    for number in range(7):  # four pages have the one menu, three the other
        menu = [] if number % 2 == 0 else [MENU.format(n=1)]
        assert texts[record_id("shop", str(number))] == "\n".join([*menu, english(number)])
    assert texts[record_id("books", "0")] == PAGES["books"][0].replace(
        "shop@example.org", "[EMAIL]"
    )
    assert result.rows_dropped == {Reason.EMPTY: 1}
    row = row_of(found["signals"], "shop", 0)
    assert (row["removed_repeated_lines"], row["lines"]) == (2, 1)
    assert row["removed_word_ratio"] == pytest.approx(11 / 71)
    assert row_of(found["signals"], "shop", 1)["removed_repeated_lines"] == 1
    assert row_of(found["signals"], "books", 0)["removed_repeated_lines"] == 0
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {"documents", "signals", "decisions", "result.json"}


def test_copies_of_one_page_keep_their_lines(tmp_path):
    rows = rows_of({"shop": [PAGES["shop"][0]] * 6})
    found = contents(clean(inputs(tmp_path / "in", rows), recipe(1), tmp_path / "out"))
    assert {row["text"] for row in found["documents"]} == {
        PAGES["shop"][0].replace("shop@example.org", "[EMAIL]")
    }


def test_what_is_only_counted_is_counted_in_what_is_left_and_what_was_redacted_stays_told(tmp_path):
    told = {}
    for action in ("keep", "redact"):
        chosen = recipe(3, pii=Pii(email=action))
        result = clean(inputs(tmp_path / "in", rows_of(PAGES)), chosen, tmp_path / action)
        told[action] = row_of(contents(result)["signals"], "shop", 0)["pii_email"]
    assert told == {"keep": 0, "redact": 1}


def test_what_depends_on_other_records_has_another_id_by_which_it_is_forgotten_with_its_record(
    tmp_path,
):
    rows = rows_of(PAGES)
    raw = {row["record_id"]: row["content_id"] for row in rows}
    found = contents(clean(inputs(tmp_path / "in", rows), recipe(3), tmp_path / "out"))
    lost = {row["record_id"]: row["removed_repeated_lines"] for row in found["signals"]}
    for row in found["documents"]:
        shortened = lost[row["record_id"]] > 0
        assert (row["content_id"] != raw[row["record_id"]]) == shortened
        assert half(row["content_id"]) == half(raw[row["record_id"]])
    assert len({row["content_id"] for row in found["documents"]}) == len(found["documents"])
    off = contents(clean(inputs(tmp_path / "in", rows), recipe(None), tmp_path / "off"))
    assert all(row["content_id"] == raw[row["record_id"]] for row in off["documents"])


@settings(max_examples=12)
@given(
    first=st.lists(st.sampled_from(range(len(PAGES["shop"]))), min_size=1, unique=True),
    most=st.integers(1, 4),
    per_partition=st.integers(1, 9),
)
def test_refreshes_reuse_what_was_measured_and_equal_a_rebuild(
    first, most, per_partition, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("refresh")
    rows = rows_of(PAGES)
    earlier = [row for row in rows if row["source"] == "books" or int(row["key"]) in first]
    cache = folder / "cache"
    clean(inputs(folder / "in1", earlier), recipe(most), folder / "out1", cache=cache)
    given_rows = inputs(folder / "in2", rows[::-1], per_partition)
    refreshed = clean(given_rows, recipe(most), folder / "out2", cache=cache)
    rebuilt = clean(inputs(folder / "in3", rows), recipe(most), folder / "out3")
    assert contents(refreshed) == contents(rebuilt)
    assert refreshed.rows_reused == len(earlier)
    again = clean(given_rows, recipe(most), folder / "out4", cache=cache)
    assert again.rows_reused == len(rows)
    assert contents(again) == contents(rebuilt)
    before = sorted(cache.rglob("*"))
    clean(given_rows, recipe(most), folder / "out5", cache=cache)
    assert sorted(cache.rglob("*")) == before


def test_the_limit_may_change_without_measuring_all_anew(tmp_path):
    given_rows, cache = inputs(tmp_path / "in", rows_of(PAGES)), tmp_path / "cache"
    clean(given_rows, recipe(None), tmp_path / "out1", cache=cache)
    found = clean(given_rows, recipe(3), tmp_path / "out2", cache=cache)
    assert found.rows_reused == found.rows_in
    assert recipe(3).edits != recipe(None).edits
    assert recipe(3).edits_alone == recipe(None).edits_alone
    fresh = clean(given_rows, recipe(3), tmp_path / "out3")
    assert contents(found) == contents(fresh)


def test_what_is_left_is_normalised_again(tmp_path):
    texts = [f"\n\nMenu\n\n\n\n{english(n)}\n\n\nMenu\n" for n in range(3)]
    found = contents(
        clean(inputs(tmp_path / "in", rows_of({"a": texts})), recipe(2), tmp_path / "out")
    )
    assert sorted(row["text"] for row in found["documents"]) == sorted(map(english, range(3)))
    assert len({content_id(row["text"].encode()) for row in found["documents"]}) == 3
