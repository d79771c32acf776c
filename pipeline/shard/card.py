"""README.md: the dataset card, with the front matter that the Hugging Face Hub reads."""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import yaml

from data_contracts.split import SPLITS

_HUB_LICENSES: Final = (
    "apache-2.0 mit bsd bsd-2-clause bsd-3-clause cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 "
    "cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 "
    "cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 pddl odc-by odbl gpl gpl-2.0 gpl-3.0 lgpl "
    "lgpl-2.1 lgpl-3.0 agpl-3.0 gfdl mpl-2.0 isc unlicense wtfpl zlib artistic-2.0 postgresql ncsa "
    "ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 afl-3.0 bsl-1.0 ms-pl ofl-1.1 osl-3.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 lppl-1.3c etalab-2.0"
)
"""The Hub's identifiers (hf.co/docs/hub/repositories-licenses), which are SPDX's in lower case."""

_SIZES: Final = (
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
)
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>&~$])")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_SHOWN_LANGUAGES: Final = 20


class Group(NamedTuple):
    """Documents that the card counts together."""

    split: str
    source: str
    language: str


class Size(NamedTuple):
    """How much there is of them."""

    documents: int = 0
    text_bytes: int = 0
    tokens: int = 0

    def plus(self, other: "Size") -> "Size":
        """Add up."""
        return Size(*map(sum, zip(self, other, strict=True)))


class Card(NamedTuple):
    """What the card tells."""

    dataset: str
    sizes: dict[Group, Size]
    licenses: dict[str, str | None]
    vocabulary_size: int
    records: int
    """Records that went in, dropped ones too."""
    checks: int
    """Rules of the contract that were evaluated."""
    warnings: int
    """Of these, failed ones that only mark the version."""
    repeated_documents: int = 0
    """Further copies of training documents."""
    repeated_tokens: int = 0
    """Their tokens."""


def render(card: Card) -> str:
    """Write the card as Markdown. Names and licences are escaped: they are not ours."""
    total = _total(card.sizes.values())
    return f"""---
{yaml.safe_dump(_front_matter(card), sort_keys=False).strip()}
---

# {escape(card.dataset)}

{total.documents:,} documents, {_megabytes(total)} of text, {total.tokens:,} tokens, kept of
{card.records:,} records: what became of each of them is in `ledger/`.

| split | documents | text | tokens |
|---|---:|---:|---:|
{_rows(card, "split", [str(split) for split in SPLITS])}

## Sources

| source | licence | documents | text | tokens |
|---|---|---:|---:|---:|
{_source_rows(card)}

The texts keep the licences of their sources.

## Languages

| language | documents | text | tokens |
|---|---:|---:|---:|
{_rows(card, "language", _languages(card)[:_SHOWN_LANGUAGES])}

## How it was made

Records were read from the sources, cleaned by measured signals and named rules, deduplicated
(exactly, then by MinHash with every similarity verified exactly), and checked against a data
contract ({card.checks:,} rules, {card.warnings:,} of them with a warning). Splits are a function of
each record's id, the order is shuffled. Tokens are of the byte-level BPE in `tokenizer.json`
({card.vocabulary_size:,} entries), each document closed by `<|endoftext|>`.{_repeats(card)}

## How to load it

```python
import datasets

documents = datasets.load_from_disk("documents")  # in this folder
documents["train"][0]["text"]
```

| folder | holds |
|---|---|
| `documents/` | the documents: `record_id`, `source`, `language`, `text` |
| `tokens/` | token ids, and the span of each document |
| `ledger/` | one row per input record: kept or dropped, why, and where it is |
| `signals/` | what was measured on every record |
| `index/` | signatures and clusters of the deduplication |
"""


def escape(text: str) -> str:
    """Show text that is not ours as it is: on one line, with nothing in it that marks up."""
    return (
        _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\>", "&gt;")
    )


def _repeats(card: Card) -> str:
    if not card.repeated_documents:
        return ""
    return (
        " Training also\nreads further copies of documents that many records repeated "
        f"(`tokens/train-repeats/`): {card.repeated_documents:,}\ncopies, "
        f"{card.repeated_tokens:,} tokens, not counted above."
    )


def _front_matter(card: Card) -> dict[str, Any]:
    total = _total(card.sizes.values())
    licenses = sorted({_hub_license(card.licenses.get(name)) for name in _sources(card)})
    splits = [split for split in SPLITS if _part(card, "split", split).documents]
    matter: dict[str, Any] = {
        "pretty_name": card.dataset,
        "license": licenses[0] if len(licenses) == 1 else licenses,
        "language": [
            name for name in _languages(card) if _LANGUAGE.fullmatch(name) and name != "und"
        ],
        "size_categories": [_size_category(total.documents)],
        "task_categories": ["text-generation"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": str(split), "path": f"documents/{split}/*.arrow"} for split in splits
                ],
            }
        ],
    }
    return {key: value for key, value in matter.items() if value}


def _rows(card: Card, field: str, names: list[str]) -> str:
    return "\n".join(f"| {escape(name)} | {_cells(_part(card, field, name))} |" for name in names)


def _source_rows(card: Card) -> str:
    return "\n".join(
        f"| {escape(name)} | {escape(card.licenses.get(name) or 'unknown')} "
        f"| {_cells(_part(card, 'source', name))} |"
        for name in _sources(card)
    )


def _cells(size: Size) -> str:
    return f"{size.documents:,} | {_megabytes(size)} | {size.tokens:,}"


def _megabytes(size: Size) -> str:
    return f"{size.text_bytes / 1e6:,.1f} MB"


def _part(card: Card, field: str, name: str) -> Size:
    return _total(size for group, size in card.sizes.items() if getattr(group, field) == name)


def _total(sizes: Iterable[Size]) -> Size:
    total = Size()
    for size in sizes:
        total = total.plus(size)
    return total


def _sources(card: Card) -> list[str]:
    return sorted({group.source for group in card.sizes})


def _languages(card: Card) -> list[str]:
    """Languages by number of documents, the most frequent first."""
    names = {group.language for group in card.sizes}
    return sorted(names, key=lambda name: (-_part(card, "language", name).documents, name))


def _hub_license(name: str | None) -> str:
    if name is None:
        return "unknown"
    return name.lower() if name.lower() in _HUB_LICENSES.split() else "other"


def _size_category(documents: int) -> str:
    exceeded = sum(documents >= 10**power for power in range(3, 9))
    return _SIZES[exceeded]
