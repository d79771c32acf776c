"""What a source holds: its files in one order, hashed once while they stay as they are."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from data_contracts.errors import SourceMissing
from pipeline.ingest import landing
from pipeline.ingest.landing import land
from pipeline.ingest.recipe import Source
from tests.pipeline.ingest.inputs import plain_user


def source(path: Path | str, **settings) -> Source:
    return Source(name="mill", path=str(path), **settings)


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"text of {name}", encoding="utf-8")
    return folder


@pytest.fixture
def settled(monkeypatch):
    """Trust files at once: a change time cannot be set back to look old."""
    monkeypatch.setattr(landing, "_RACY_NANOSECONDS", -(10**9))


def names(landed: landing.LandedSource) -> list[str]:
    return [file.path for file in landed.files]


def test_a_file_lands_under_its_name_with_the_hash_of_its_bytes(tmp_path):
    landed = land(source(fill(tmp_path, "corn.txt") / "corn.txt"))
    (file,) = landed.files
    assert (file.path, file.bytes) == ("corn.txt", 16)
    assert file.sha256 == hashlib.sha256(b"text of corn.txt").hexdigest()
    assert landed.bytes == 16


def test_a_folder_lands_sorted_by_path_without_hidden_and_foreign_files(tmp_path):
    fill(tmp_path, "b.txt", "a/z.md", "a.html", ".git/x.txt", "a/.hidden.txt", "photo.png")
    landed = land(source(tmp_path))
    assert names(landed) == ["a.html", "a/z.md", "b.txt"]
    assert landed.skipped == ("photo.png",)


def test_a_folder_of_a_declared_format_leaves_out_what_its_name_says_is_another(tmp_path):
    fill(tmp_path, "README.md", "1.jsonl", "2.json.gz", "data")
    assert names(land(source(tmp_path, format="jsonl"))) == ["1.jsonl", "2.json.gz", "data"]
    assert names(land(source(tmp_path, format="text"))) == ["README.md", "data"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "x/c.txt", "x/y/d.txt"]),
        ("x/**", ["c.txt", "y/d.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("*/[cd].txt", ["x/c.txt"]),
    ],
)
def test_a_glob_lands_what_it_matches_relative_to_its_fixed_part(tmp_path, pattern, expected):
    fill(tmp_path, "a.txt", "b.txt", "x/c.txt", "x/y/d.txt", "x/e.md/f.html", ".h/g.txt")
    landed = land(source(tmp_path / pattern))
    assert [n for n in names(landed) if n.endswith(".txt")] == expected


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path):
    assert names(land(source(fill(tmp_path, "a[1].txt") / "a[1].txt"))) == ["a[1].txt"]


def test_the_digest_is_that_of_paths_and_contents_not_of_the_place(tmp_path):
    first = land(source(fill(tmp_path / "one", "a.txt", "b.txt")))
    assert land(source(fill(tmp_path / "two", "b.txt", "a.txt"))).digest == first.digest
    (tmp_path / "two" / "b.txt").write_text("other", encoding="utf-8")
    assert land(source(tmp_path / "two")).digest != first.digest
    (tmp_path / "one" / "b.txt").rename(tmp_path / "one" / "c.txt")
    assert land(source(tmp_path / "one")).digest != first.digest


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_hashed_again_a_changed_one_is(tmp_path, monkeypatch):
    folder = fill(tmp_path / "corpus", "a.txt", "b.txt")
    memo = tmp_path / "memo" / "landing.json"
    before = land(source(folder), memo)
    hashed: list[str] = []
    real = landing.sha256_of_file
    monkeypatch.setattr(
        landing, "sha256_of_file", lambda path: (hashed.append(path.name), real(path))[1]
    )
    assert land(source(folder), memo) == before
    (folder / "b.txt").write_text("other", encoding="utf-8")
    assert land(source(folder), memo).digest != before.digest
    assert hashed == ["b.txt"]


def test_a_file_changed_a_moment_ago_is_hashed_again(tmp_path):
    folder = fill(tmp_path / "corpus", "a.txt")
    memo = tmp_path / "landing.json"
    before = land(source(folder), memo)
    assert not memo.exists()
    os.utime(folder / "a.txt", ns=(time.time_ns(), time.time_ns()))
    (folder / "a.txt").write_text("text of A.txt", encoding="utf-8")
    assert land(source(folder), memo).digest != before.digest


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 1}', b'{"a": [1, 2]}', b"\xff"])
def test_a_broken_memo_remembers_nothing(tmp_path, content):
    folder = fill(tmp_path / "corpus", "a.txt")
    (tmp_path / "memo").write_bytes(content)
    assert land(source(folder), tmp_path / "memo") == land(source(folder))


@pytest.mark.usefixtures("settled")
def test_sources_share_a_memo_and_files_that_are_gone_are_forgotten(tmp_path):
    memo = tmp_path / "memo"
    one, two = fill(tmp_path / "one", "a.txt"), fill(tmp_path / "two", "b.txt")
    land(source(one), memo)
    (one / "a.txt").unlink()
    land(source(two), memo)
    assert list(json.loads(memo.read_bytes().split(b"\n")[1])) == [str(two / "b.txt")]


def test_a_file_that_may_not_be_read_lands_without_a_hash(tmp_path):
    fill(tmp_path, "a.txt", "b.txt")
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    (tmp_path / "a.txt").chmod(0)
    with plain_user():
        landed = land(source(tmp_path))
    assert [file.sha256 is None for file in landed.files] == [True, False]


def test_a_folder_that_may_not_be_listed_is_told_with_what_to_do(tmp_path):
    fill(tmp_path, "open/a.txt", "closed/b.txt")
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    (tmp_path / "closed").chmod(0)
    with plain_user(), pytest.raises(SourceMissing, match=r"may not list .*closed.*chmod u\+rx"):
        land(source(tmp_path))
    with plain_user(), pytest.raises(SourceMissing, match="may not list"):
        land(source(tmp_path / "closed" / "*.txt"))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("corpsu/novels.jsonl", r"there is nothing. Did you mean .*/corpus\?"),
        ("corpus/novel.jsonl", r"Did you mean .*/corpus/novels.jsonl\?"),
        (
            "corpus/zebra",
            r"The nearest folder that exists is .*corpus \(empty, novels.jsonl, photos\)",
        ),
        ("corpus/empty", "there is no file in it"),
        ("corpus/*.parquet", "there is no file in it"),
        ("nowhere/*.txt", "there is nothing"),
        ("corpus/photos", r"none of its 1 files is of a known format \(a.png\). Set `format`"),
    ],
)
def test_a_path_that_leads_to_nothing_is_told_with_what_to_do(tmp_path, path, message):
    fill(tmp_path, "corpus/novels.jsonl", "corpus/photos/a.png")
    (tmp_path / "corpus" / "empty").mkdir()
    with pytest.raises(SourceMissing, match=message):
        land(source(tmp_path / path))


def test_links_to_files_are_read_links_to_nothing_and_loops_are_not(tmp_path):
    folder = fill(tmp_path / "corpus", "a.txt")
    (folder / "linked.txt").symlink_to(folder / "a.txt")
    (folder / "broken.txt").symlink_to(folder / "nothing")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.txt")
    assert names(land(source(folder))) == ["a.txt", "linked.txt"]


@pytest.mark.usefixtures("settled")
def test_the_check_for_changes_is_quick(tmp_path):
    folder = fill(tmp_path / "corpus", *(f"{n % 50}/{n}.txt" for n in range(3000)))
    land(source(folder), tmp_path / "memo")
    started = time.monotonic()
    land(source(folder), tmp_path / "memo")
    assert time.monotonic() - started < 2
