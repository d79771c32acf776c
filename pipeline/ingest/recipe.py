"""What can be set about sources and about reading them."""

from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from data_contracts.frozen import Frozen
from data_contracts.own_parts import OwnPart

Format = Literal[
    "jsonl", "json", "csv", "tsv", "parquet", "arrow", "text", "markdown", "html", "warc"
]
"""What a file holds."""
DATASET_SCHEME: Final = "dataset://"
"""Begins the address of what `datasets.load_dataset` loads (`pipeline.ingest.hub`)."""


class Source(Frozen):
    """A named, licensed place that records come from."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Name of the source: lower-case letters, digits and dashes. It is part of every record's id."""
    path: str = Field(min_length=1)
    """A file, a folder or a glob (`*`, `?`, `[…]`, `**`), relative to the recipe file; or a URL of any
    store that fsspec opens (`s3://` needs the extra `s3`), whose credentials come from the environment;
    or `dataset://NAME?config=C&split=S&revision=R`, a dataset of the Hugging Face hub, or a folder
    (`./NAME`) that `datasets.load_dataset` loads, streamed."""
    format: Literal["auto", Format] = "auto"
    """What the files hold; `auto` goes by name, and by content where the name says nothing or lies.
    Any of them may be packed (gzip, bzip2, xz, lz4, zstd) and lie in tar or zip archives."""
    reader: OwnPart | None = None
    """A function of your own that reads the files instead, as `module:function`: it takes the
    unpacked file (`typing.BinaryIO`) and yields one `dict[str, Any]` a record, which the fields below
    look into."""
    delivery: Literal["snapshot", "append"] = "snapshot"
    """What its files are: `snapshot`, all there is; or `append`, the latest deliveries of ever more.
    Those are kept in the warehouse when they are first seen, and read again by every later run, also
    when they are gone. A file that grew takes the place of what it was; one of other content is
    another delivery."""
    license: str | None = None
    """SPDX identifier of the licence, such as `CC-BY-4.0`."""
    text_field: str = Field(default="text", min_length=1)
    """Field or column that holds a record's text; dots lead into nested ones (`message.content`,
    `choices.0.text`) where there is no field of that whole name."""
    turn_template: str | None = Field(default=None, min_length=1)
    """What is written for each turn where the text field is a list, with the turn's fields in
    braces, such as `{role}: {content}`; null: such a record is not read."""
    turn_separator: str = "\n\n"
    """What stands between two turns."""
    key_field: str | None = Field(default=None, min_length=1)
    """Field or column that names a record within the source; dots lead into nested ones. Without it
    a record is named by its content."""
    url_field: str | None = Field(default=None, min_length=1)
    """Field or column with a record's address, for `ingest.blocked_domains`; of WARC records it is
    known."""
    metadata_fields: tuple[str, ...] = ()
    """Fields or columns to keep with each document, in its column `metadata`, a JSON object; dots lead
    into nested ones. Of WARC records: names of WARC headers."""
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """What is said of every record of the source, in the same column: `{collection: mill}`."""
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    """ISO 639 code of the language that the source is declared to be in; null: not checked."""
    priority: int = Field(default=0, ge=-1000, le=1000)
    """Of two duplicates the one from the source with the higher priority survives."""

    @field_validator("path")
    @classmethod
    def _holds_no_password(cls, path: str) -> str:
        if "://" in path and urlsplit(path).password is not None:
            raise ValueError(
                "a URL with a password ends in logs and reports: put credentials in the environment"
            )
        return path

    @model_validator(mode="after")
    def _delivers_files(self) -> Self:
        if self.delivery == "append" and self.path.startswith(DATASET_SCHEME):
            raise ValueError(f"`delivery: append` keeps files, and {self.path} is none")
        return self

    @model_validator(mode="after")
    def _says_a_thing_once(self) -> Self:
        both = sorted(set(self.metadata_fields) & set(self.constants))
        if both:
            raise ValueError(f"`{both[0]}` is in `metadata_fields` and in `constants`: drop one")
        return self

    @model_validator(mode="after")
    def _reads_files_with_its_reader(self) -> Self:
        if self.reader is not None and self.path.startswith(DATASET_SCHEME):
            raise ValueError(f"`reader` takes files, and {self.path} is none: it gives rows itself")
        return self


class IngestRecipe(Frozen):
    """How files are read, and the limits that keep hostile or broken ones from doing harm."""

    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, le=1 << 30)
    """Largest record in bytes, as it lies in the file and as text. The default holds every book of
    Project Gutenberg and is a quarter of a partition; Common Crawl cuts pages at 1 to 5 MiB."""
    max_file_bytes: int = Field(default=64 * 1024**3, ge=1024)
    """Largest file in bytes, unpacked."""
    max_expansion_ratio: float = Field(default=250.0, gt=1)
    """Unpacked bytes per packed byte beyond which a file counts as a decompression bomb, once it
    has given more than `max_record_bytes`. Text packs 3 to 20 times, templated logs up to about
    100; gzip can reach 1,032 (zlib's technical notes), zstd far more."""
    max_unreadable_ratio: float = Field(default=0.05, ge=0, le=1)
    """Share of a source's records that may be unreadable; beyond it the run stops. A handful is
    always tolerated, a source of which nothing is readable only by a ratio of 1."""
    max_html_depth: int = Field(default=512, ge=16, le=4096)
    """Deepest nesting of HTML elements. 512 is where Chromium's parser stops nesting
    (`HTMLDocumentParserOptions`, kMaximumHTMLParserDOMTreeDepth)."""
    extractor: Literal["resiliparse", "trafilatura", "none"] = "resiliparse"
    """Which library takes the main text out of an HTML page, without menus, headers and footers.
    `trafilatura` is more exact (4-gram F1 .96 against .92 on news pages) and six times slower; `none`
    keeps all of a page's text. Evidence: pipeline/ingest/DECISIONS.md."""
    max_archive_depth: int = Field(default=2, ge=1, le=8)
    """How deep archives may lie in archives; 1: none in another."""
    max_archive_files: int = Field(default=1_000_000, ge=1)
    """Most files in one archive."""
    blocked_domains: tuple[str, ...] = ()
    """Domains whose pages are dropped, with all that lie under them: `example.com` blocks
    `www.example.com`, too."""
    sample_records: int | None = Field(default=None, ge=1)
    """Read only the first so many records of each source, to try a recipe out; null: all."""
