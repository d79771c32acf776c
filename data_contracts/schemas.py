"""The Arrow schemas of the tables that cross a stage border.

Ids are 32 hex digits (`data_contracts.identity`). A column without `nullable=False` may be null.
"""

import pyarrow as pa

from data_contracts.errors import SchemaMismatch


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


RULE_EVIDENCE = pa.struct(
    [
        _required("rule", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("threshold", pa.float64()),
    ]
)
"""One failing rule: its reason, the measured value and the threshold (null: not a number).

`REASON:ORIGIN` is the part of a reason's value that comes from one origin (an evaluation set, a kind of
personal data, an own rule)."""

RECORDS = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("source", pa.string()),
        _required("key", pa.string()),
        _required("path", pa.string()),  # relative to the source's root, or the URL
        _required("position", pa.int64()),  # 1-based line, row or record number within the file
        _required("content_id", pa.string()),
        _required("text", pa.large_string()),
    ]
)
"""What ingest hands on: one row per readable record."""

DOCUMENTS = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("source", pa.string()),
        # That of the record; of a text that depends on other records too, `identity.shortened_id`:
        # what results on the text are reused by, and forgotten.
        _required("content_id", pa.string()),
        _required("language", pa.string()),  # ISO 639-1 (639-3 where there is none), or "und"
        _required("quality", pa.float32()),  # higher is better; orders survivors
        _required("text", pa.large_string()),
    ]
)
"""What clean hands on: one row per record that passed every rule."""

DECISIONS = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("reason", pa.string()),  # the first of `reasons` in the order of `Reason`
        _required("reasons", pa.list_(RULE_EVIDENCE)),
        pa.field("survivor_id", pa.string()),
        pa.field("similarity", pa.float64()),  # exact Jaccard, 0 to 1
    ]
)
"""What every stage says of each record that it drops: one row per dropped record."""

ORIGINS = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("source", pa.string()),
        _required("key", pa.string()),
        _required("path", pa.string()),
        _required("position", pa.int64()),
        pa.field("content_id", pa.string()),  # null: it could not be read
    ]
)
"""Every input record, the unreadable ones too: the ledger's left side."""

KEPT = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("split", pa.string()),  # data_contracts.split.Split
        _required("cluster_id", pa.string()),  # the survivor's record_id
        _required("cluster_size", pa.int32()),  # 1: nothing repeats it
    ]
)
"""What dedup hands on: one row per record that is in the dataset."""

LEDGER = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("source", pa.string()),
        _required("key", pa.string()),
        _required("path", pa.string()),
        _required("position", pa.int64()),
        pa.field("content_id", pa.string()),
        _required("stage", pa.string()),  # where its fate was decided; "shard" for kept records
        _required("fate", pa.string()),  # data_contracts.reasons.Fate
        pa.field("reason", pa.string()),  # data_contracts.reasons.Reason; null: kept
        _required("reasons", pa.list_(RULE_EVIDENCE)),
        pa.field("survivor_id", pa.string()),
        pa.field("similarity", pa.float64()),
        pa.field("cluster_id", pa.string()),
        pa.field("language", pa.string()),  # null: never measured
        pa.field("split", pa.string()),
        pa.field("shard", pa.string()),  # file name in documents/<split>/
        pa.field("row", pa.int64()),  # row in that file
        pa.field("tokens", pa.int64()),  # tokens of the dataset's tokenizer, end mark included
    ]
)
"""One row per input record, sorted by record_id."""

PUBLISHED_DOCUMENTS = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("source", pa.string()),
        _required("language", pa.string()),
        _required("text", pa.string()),
    ]
)
"""documents/<split>/: what `datasets.load_from_disk` shows."""

TOKEN_SPANS = pa.schema(
    [
        _required("record_id", pa.string()),
        _required("source", pa.string()),
        _required("start", pa.int64()),  # first token of the document in the split's token stream
        _required("tokens", pa.int32()),  # the end mark included
        _required("text_bytes", pa.int32()),  # UTF-8 bytes of the document
    ]
)
"""tokens/<split>/spans.arrow: one row per document, in the order of the token stream."""


def check_schema(where: str, found: pa.Schema, promised: pa.Schema) -> None:
    """Refuse a table whose columns are not exactly the promised ones.

    Raises:
        SchemaMismatch: A column is missing, unexpected, or of another type.
    """
    for field in promised:
        index = found.get_field_index(field.name)
        if index < 0:
            raise SchemaMismatch(where, f"the column `{field.name}` is missing")
        if found.field(index).type != field.type:
            raise SchemaMismatch(
                where,
                f"the column `{field.name}` is {found.field(index).type}, promised {field.type}",
            )
    unexpected = [name for name in found.names if promised.get_field_index(name) < 0]
    if unexpected:
        raise SchemaMismatch(where, f"unexpected columns {unexpected}")
