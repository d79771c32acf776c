"""The dataset card."""

import pytest
from huggingface_hub import DatasetCard
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.shard.card import Card, Group, Size, escape, render

SIZES = {
    Group("train", "books", "en"): Size(900, 2_000_000, 500_000),
    Group("train", "poems", "zh"): Size(200, 100_000, 60_000),
    Group("test", "books", "und"): Size(1, 10, 4),
}


def card(**changes) -> Card:
    plain = Card(
        dataset="tiny",
        sizes=SIZES,
        licenses={"books": "CC-BY-4.0", "poems": None},
        vocabulary_size=8192,
        records=1500,
        checks=12,
        warnings=1,
    )
    return plain._replace(**changes)


def test_the_hub_reads_the_front_matter():
    data = DatasetCard(render(card())).data
    assert data.license == ["cc-by-4.0", "unknown"]
    assert data.language == ["en", "zh"]
    assert data.size_categories == ["1K<n<10K"]
    files = data.to_dict()["configs"][0]["data_files"]
    assert files == [
        {"split": "train", "path": "documents/train/*.arrow"},
        {"split": "test", "path": "documents/test/*.arrow"},
    ]


def test_the_card_counts_splits_sources_and_languages():
    text = render(card())
    assert "1,101 documents, 2.1 MB of text, 560,004 tokens" in text
    assert "| train | 1,100 | 2.1 MB | 560,000 |" in text
    assert "| validation | 0 | 0.0 MB | 0 |" in text
    assert "| books | CC-BY-4.0 | 901 | 2.0 MB | 500,004 |" in text
    assert "| poems | unknown | 200 | 0.1 MB | 60,000 |" in text
    assert text.index("| en |") < text.index("| zh |") < text.index("| und |")
    assert 'datasets.load_from_disk("documents")' in text


def test_a_licence_the_hub_does_not_know_is_other_there_and_itself_in_the_table():
    text = render(card(licenses={"books": "public domain", "poems": "MIT"}))
    assert DatasetCard(text).data.license == ["mit", "other"]
    assert "| books | public domain |" in text


@given(hostile=st.text(min_size=1, max_size=30))
@example(hostile="a\x85b")
@example(hostile="a\n---\nb")
def test_names_that_are_not_ours_cannot_mark_up_the_card(hostile):
    groups = {Group("train", hostile, "en"): Size(1, 1, 1)}
    text = render(card(dataset=hostile, sizes=groups, licenses={hostile: hostile}))
    assert DatasetCard(text).data.pretty_name == hostile
    table = text.split("## Sources")[1].split("The texts keep")[0].strip()
    assert len(table.split("\n")) == 3


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a|b\n---\n# c", r"a\|b --- \# c"),
        ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
        ("[x](javascript:y) `z` ![i]", r"\[x\]\(javascript:y\) \`z\` \!\[i\]"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
    ],
)
def test_markup_is_shown_as_text(hostile, shown):
    assert escape(hostile) == shown
